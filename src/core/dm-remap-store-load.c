// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: which slot holds what: loading an area.
 */
#include "dm-remap-store-io.h"

/*--------------------------------------------------------------------
 * Load
 *--------------------------------------------------------------------
 */

struct loader {
	struct dmr_store *store;
	struct dmr_why *why;
	void *buf[DMR_NR_COPIES];
	u64 *words[DMR_NR_COPIES];
	bool unflushed;		/* what is read may not be durable */
};

/* Read a run of both copies; a block that cannot be read is left as zeroes. */
static void read_run(struct loader *l, u64 table, u32 nr)
{
	struct dmr_store *store = l->store;
	struct dmr_io io[DMR_NR_COPIES];
	unsigned int copy;
	u32 i;

	for (copy = 0; copy < DMR_NR_COPIES; copy++)
		io[copy] = (struct dmr_io) {
			.dev = DMR_SPARE,
			.opf = REQ_OP_READ,
			.sector = dmr_layout_table(&store->sb.layout, copy,
						   table) <<
				  DMR_BLOCK_SECTOR_SHIFT,
			.sectors = nr << DMR_BLOCK_SECTOR_SHIFT,
			.buf = l->buf[copy],
		};
	dmr_env_io(store->env, io, DMR_NR_COPIES);
	for (copy = 0; copy < DMR_NR_COPIES; copy++) {
		if (io[copy].status == BLK_STS_OK)
			continue;
		for (i = 0; i < nr; i++) {
			void *buf = l->buf[copy] + i * DMR_BLOCK_SIZE;

			if (dmr_meta_read(store->env,
					  dmr_layout_table(&store->sb.layout,
							   copy, table + i),
					  1, buf) != BLK_STS_OK)
				memset(buf, 0, DMR_BLOCK_SIZE);
		}
	}
}

static bool is_stale(const struct dmr_store *store, unsigned int copy, u64 table)
{
	return table < store->stale_tables && test_bit(table, store->stale[copy]);
}

static enum dmr_verdict decode(const struct dmr_store *store, u64 table,
			       const void *buf, u64 *seq, u64 *words)
{
	const struct dmr_super *sb = &store->sb;

	return dmr_table_decode(sb->uuid, table, store->main_blocks,
				dmr_layout_entries(&sb->layout, table), buf,
				seq, words);
}

static void read_stale(struct dmr_store *store)
{
	const struct dmr_super *sb = &store->sb;
	u64 table;
	u32 i;

	store->stale_tables = sb->hwm;
	for (i = 0; i < sb->nr_stale; i++)
		for (table = sb->stale[i].first; table < sb->hwm &&
		     table - sb->stale[i].first < sb->stale[i].nr; table++)
			__set_bit(table, store->stale[sb->stale[i].copy]);
}

static int load_table(struct loader *l, u64 table, u32 i)
{
	struct dmr_store *store = l->store;
	unsigned int nr = dmr_layout_entries(&store->sb.layout, table);
	enum dmr_verdict verdict[DMR_NR_COPIES];
	u64 seq[DMR_NR_COPIES] = { 0 };
	unsigned int copy, use, e;

	for (copy = 0; copy < DMR_NR_COPIES; copy++)
		verdict[copy] = decode(store, table,
				       l->buf[copy] + i * DMR_BLOCK_SIZE,
				       &seq[copy], l->words[copy]);
	/* What is the same as the copy that counts does not count less. */
	if (verdict[0] == DMR_OK && verdict[1] == DMR_OK && seq[0] == seq[1] &&
	    !(is_stale(store, 0, table) && is_stale(store, 1, table)) &&
	    !memcmp(l->words[0], l->words[1], DMR_TABLE_ENTRIES * sizeof(u64)))
		for (copy = 0; copy < DMR_NR_COPIES; copy++)
			__clear_bit(table, store->stale[copy]);
	for (copy = 0; copy < DMR_NR_COPIES; copy++)
		if (is_stale(store, copy, table))
			verdict[copy] = DMR_DAMAGED;
	if (verdict[0] != DMR_OK && verdict[1] != DMR_OK) {
		say(l->why, "neither copy of slot table block %llu is valid; see 'dmremap check'",
		    table);
		return -EUCLEAN;
	}
	use = verdict[0] != DMR_OK || (verdict[1] == DMR_OK && seq[1] > seq[0]);
	if (verdict[!use] != DMR_OK || seq[!use] != seq[use])
		__set_bit(table, store->stale[!use]);
	for (e = 0; e < nr; e++)
		if (l->words[use][e])
			dmr_store_set(store, table * DMR_TABLE_ENTRIES + e,
				      l->words[use][e]);
	store->nr_ready += nr;
	store->seq = max(store->seq, seq[use] + 1);
	return 0;
}

/*
 * Rewrite @nr blocks of one copy, to be the same as those of the other one: sequence
 * numbers included, or else the other ones would be the old ones next time.
 */
static bool repair_run(struct loader *l, unsigned int copy, u64 table, u32 nr)
{
	struct dmr_store *store = l->store;
	void *buf = l->buf[0];
	u64 seq;
	u32 i;

	if (store->read_only ||
	    dmr_meta_read(store->env,
			  dmr_layout_table(&store->sb.layout, !copy, table), nr,
			  buf) != BLK_STS_OK)
		return false;
	for (i = 0; i < nr; i++)
		if (is_stale(store, !copy, table + i) ||
		    decode(store, table + i, buf + i * DMR_BLOCK_SIZE, &seq,
			   l->words[0]) != DMR_OK)
			return false;
	return dmr_meta_write(store->env,
			      dmr_layout_table(&store->sb.layout, copy, table),
			      nr, buf) == BLK_STS_OK;
}

/* Rewrite the stale blocks of one copy; those that fail stay so. */
static void repair_copy(struct loader *l, unsigned int copy)
{
	struct dmr_store *store = l->store;
	unsigned long *map = store->stale[copy];
	u64 table = 0, hwm = store->sb.hwm;
	u32 nr, limit, i;

	while ((table = find_next_bit(map, hwm, table)) < hwm) {
		limit = min_t(u64, dmr_layout_run(&store->sb.layout, table),
			      DMR_RUN_BLOCKS);
		for (nr = 1; nr < limit && table + nr < hwm &&
		     test_bit(table + nr, map); nr++)
			;
		if (repair_run(l, copy, table, nr)) {
			bitmap_clear(map, table, nr);
		} else if (nr > 1) {
			for (i = 0; i < nr; i++)
				if (repair_run(l, copy, table + i, 1))
					__clear_bit(table + i, map);
		}
		table += nr;
	}
}

static void repair(struct loader *l)
{
	struct dmr_store *store = l->store;
	u64 hwm = store->sb.hwm;
	unsigned int copy;
	u32 wanted, left;

	for (copy = 0; copy < DMR_NR_COPIES; copy++) {
		wanted = bitmap_weight(store->stale[copy], hwm);
		repair_copy(l, copy);
		left = bitmap_weight(store->stale[copy], hwm);
		store->repaired += wanted - left;
		if (left)
			store->copies_whole &= ~BIT(copy);
	}
}

/*
 * A flush has failed: what was read may be gone when the cache forgets it. Each copy is
 * written anew, while the other one is as it was.
 */
static int rewrite_all(struct loader *l)
{
	struct dmr_store *store = l->store;
	u64 hwm = store->sb.hwm;
	unsigned int copy = 0;

	if (store->copies_whole != BIT(DMR_NR_COPIES) - 1)
		copy = DMR_NR_COPIES + 1;
	for (; copy < DMR_NR_COPIES; copy++) {
		bitmap_fill(store->stale[copy], hwm);
		repair_copy(l, copy);
		if (find_first_bit(store->stale[copy], hwm) < hwm)
			break;
	}
	if (copy == DMR_NR_COPIES)
		return 0;
	say(l->why, "spare cannot be flushed, nor the slot table be written again");
	return -EIO;
}

static int load_tables(struct loader *l)
{
	struct dmr_store *store = l->store;
	u64 table = 0;
	u32 i, nr;
	int r;

	while (table < store->sb.hwm) {
		cond_resched();
		nr = min_t(u64, dmr_layout_run(&store->sb.layout, table),
			   min_t(u64, store->sb.hwm - table, DMR_RUN_BLOCKS));
		/* One run at a time: a damaged mark cannot cost much memory. */
		r = dmr_store_alloc_chunks(store, table + nr);
		if (r)
			return r;
		read_run(l, table, nr);
		for (i = 0; i < nr; i++) {
			r = load_table(l, table + i, i);
			if (r)
				return r;
		}
		table += nr;
	}
	/* Setting words has moved the cursor about. */
	store->cursor = 0;
	repair(l);
	return l->unflushed ? rewrite_all(l) : 0;
}

/* Which superblocks are those that were loaded? */
static int check_supers(struct dmr_store *store)
{
	struct dmr_super *tmp = kvzalloc_obj(*tmp);
	unsigned int copy;

	if (!tmp)
		return -ENOMEM;
	for (copy = 0; copy < DMR_NR_SUPERS; copy++)
		if (dmr_meta_read(store->env,
				  dmr_layout_super(&store->sb.layout, copy), 1,
				  store->buf) == BLK_STS_OK &&
		    dmr_super_decode(tmp, copy, store->buf) == DMR_OK &&
		    tmp->seq == store->sb.seq &&
		    !memcmp(tmp->uuid, store->sb.uuid, sizeof(tmp->uuid)))
			store->supers_whole |= BIT(copy);
	kvfree(tmp);
	return 0;
}

int dmr_store_load(struct dmr_store *store, struct dmr_env *env,
		   const struct dmr_super *sb, bool read_only,
		   struct dmr_why *why)
{
	struct loader l = { .store = store, .why = why };
	unsigned int copy;
	int r = -ENOMEM;

	memset(store, 0, sizeof(*store));
	store->env = env;
	store->sb = *sb;
	store->main_blocks = DIV_ROUND_UP(sb->main_sectors, DMR_BLOCK_SECTORS);
	store->seq = sb->seq + 1;
	store->read_only = read_only || (sb->ro_compat & ~DMR_RO_COMPAT_KNOWN);
	store->copies_whole = BIT(DMR_NR_COPIES) - 1;

	store->buf = kvzalloc(DMR_RUN_BLOCKS * DMR_BLOCK_SIZE, GFP_KERNEL);
	store->table_words = kvcalloc(DMR_TABLE_ENTRIES, sizeof(u64),
				      GFP_KERNEL);
	for (copy = 0; copy < DMR_NR_COPIES; copy++) {
		l.buf[copy] = kvzalloc(DMR_RUN_BLOCKS * DMR_BLOCK_SIZE,
				       GFP_KERNEL);
		l.words[copy] = kvcalloc(DMR_TABLE_ENTRIES, sizeof(u64),
					 GFP_KERNEL);
		store->stale[copy] = kvcalloc(BITS_TO_LONGS(sb->hwm),
					      sizeof(long), GFP_KERNEL);
	}
	if (store->buf && store->table_words && l.buf[0] && l.buf[1] &&
	    l.words[0] && l.words[1] && store->stale[0] && store->stale[1])
		r = dmr_store_alloc_words(store, sb->layout.nr_tables);
	if (!r)
		read_stale(store);
	/*
	 * What is about to be read, and relied upon, may be left of a commit
	 * that failed half-way, and be in the cache of the spare only.
	 */
	l.unflushed = !r && dmr_env_flush(env, DMR_SPARE) != BLK_STS_OK;
	if (l.unflushed && store->read_only) {
		say(why, "spare cannot be flushed");
		r = -EIO;
	}
	if (!r)
		r = check_supers(store);
	if (!r)
		r = load_tables(&l);
	/*
	 * The next number may be that of a superblock which a grow had written when the power
	 * went, and which nobody has looked for: it must not be given twice.
	 */
	store->seq++;
	if (r == -ENOMEM)
		say(why, "out of memory");

	for (copy = 0; copy < DMR_NR_COPIES; copy++) {
		kvfree(l.buf[copy]);
		kvfree(l.words[copy]);
	}
	return r;
}

/*--------------------------------------------------------------------
 * Which copy counts?
 *--------------------------------------------------------------------
 */

static bool is_listed(const struct dmr_super *sb, unsigned int copy, u64 table)
{
	u32 i;

	for (i = 0; i < sb->nr_stale; i++)
		if (sb->stale[i].copy == copy && table >= sb->stale[i].first &&
		    table - sb->stale[i].first < sb->stale[i].nr)
			return true;
	return false;
}

/* Return: false if there are too many runs of them. */
static bool list_stale(struct dmr_store *store)
{
	struct dmr_super *sb = &store->sb;
	unsigned int copy;
	u64 table, end;
	u32 n = 0;

	for (copy = 0; copy < DMR_NR_COPIES; copy++) {
		for (table = 0;; table = end) {
			table = find_next_bit(store->stale[copy],
					      store->stale_tables, table);
			if (table == store->stale_tables)
				break;
			for (end = table + 1; end < store->stale_tables &&
			     test_bit(end, store->stale[copy]); end++)
				;
			if (n == DMR_MAX_STALE)
				return false;
			sb->stale[n++] = (struct dmr_stale) {
				.copy = copy, .first = table, .nr = end - table,
			};
		}
	}
	sb->nr_stale = n;
	return true;
}

/* Sectors that a copy which is not believed places otherwise become lost. */
static void doubt(struct dmr_store *store, unsigned int copy, u64 table)
{
	unsigned int e, nr = dmr_layout_entries(&store->sb.layout, table);
	u64 block = dmr_layout_table(&store->sb.layout, copy, table);
	u64 *words = store->table_words;
	u64 seq, word;
	u32 slot;

	if (dmr_meta_read(store->env, block, 1, store->buf) != BLK_STS_OK ||
	    decode(store, table, store->buf, &seq, words) != DMR_OK)
		return;
	for (e = 0; e < nr; e++) {
		slot = table * DMR_TABLE_ENTRIES + e;
		word = dmr_store_word(store, slot);
		if (word == words[e] || dmr_word_state(word) == DMR_BAD)
			continue;
		/* Its block has another slot then, in both versions. */
		if (dmr_word_state(words[e]) == DMR_BAD)
			word = words[e];
		else
			word = dmr_word_doubt(word, words[e]);
		dmr_store_set(store, slot, word);
	}
}

/* The next stale block that the superblock which was loaded does not list. */
static u64 next_unlisted(const struct dmr_store *store,
			 const struct dmr_super *sb, unsigned int copy, u64 table)
{
	u64 end = store->stale_tables;

	for (;; table++) {
		table = find_next_bit(store->stale[copy], end, table);
		if (table == end || !is_listed(sb, copy, table))
			return table;
	}
}

bool dmr_store_settle(struct dmr_store *store, const struct dmr_super *sb)
{
	u64 table, end = store->stale_tables;
	bool any = false, unlisted = false;
	unsigned int copy;

	for (copy = 0; copy < DMR_NR_COPIES; copy++) {
		any |= find_first_bit(store->stale[copy], end) < end;
		unlisted |= next_unlisted(store, sb, copy, 0) < end;
	}
	if (store->read_only)
		store->unsettled = unlisted ||
				   (any && hweight8(store->supers_whole) < 2);
	else if (any || sb->nr_stale)
		/* Also if none is left, and before any commit: what is listed does not count. */
		store->unsettled = (!list_stale(store) ||
				    dmr_store_write_super(store)) && any;
	if (!store->unsettled)
		return any;
	for (copy = 0; copy < DMR_NR_COPIES; copy++)
		for (table = next_unlisted(store, sb, copy, 0); table < end;
		     table = next_unlisted(store, sb, copy, table + 1))
			doubt(store, copy, table);
	return true;
}

enum dmr_verdict dmr_store_read_table(struct dmr_store *store,
				      unsigned int copy, u64 table, u64 *seq,
				      u64 *words)
{
	u64 block = dmr_layout_table(&store->sb.layout, copy, table);

	if (is_stale(store, copy, table) ||
	    dmr_meta_read(store->env, block, 1, store->buf) != BLK_STS_OK)
		return DMR_DAMAGED;
	return decode(store, table, store->buf, seq, words);
}
