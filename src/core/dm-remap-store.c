// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: which slot holds what: slots, commits, superblocks.
 */
#include "dm-remap-store.h"
#include "dm-remap-store-io.h"

/*--------------------------------------------------------------------
 * Metadata I/O
 *--------------------------------------------------------------------
 */

blk_status_t dmr_meta_read(struct dmr_env *env, u64 block, u32 nr, void *buf)
{
	struct dmr_io io = {
		.dev = DMR_SPARE,
		.opf = REQ_OP_READ,
		.sector = block << DMR_BLOCK_SECTOR_SHIFT,
		.sectors = nr << DMR_BLOCK_SECTOR_SHIFT,
		.buf = buf,
	};

	dmr_env_io(env, &io, 1);
	return io.status;
}

/*
 * Durable on return. The error of a single write is forgiven if it goes away
 * when the same bytes are written again.
 */
blk_status_t dmr_meta_write(struct dmr_env *env, u64 block, u32 nr, void *buf)
{
	struct dmr_io io = {
		.dev = DMR_SPARE,
		.opf = REQ_OP_WRITE | REQ_FUA,
		.sector = block << DMR_BLOCK_SECTOR_SHIFT,
		.sectors = nr << DMR_BLOCK_SECTOR_SHIFT,
		.buf = buf,
	};
	unsigned int tries;

	for (tries = 0; tries < 2; tries++) {
		dmr_env_io(env, &io, 1);
		if (io.status == BLK_STS_OK)
			return BLK_STS_OK;
	}
	return BLK_STS_IOERR;
}

/*--------------------------------------------------------------------
 * Superblocks
 *--------------------------------------------------------------------
 */

/*
 * One copy after the other, so that a crash tears one at the most. With two of
 * three durable, any one of them may be lost later and the newest is found. The
 * first one goes last: when the area has just been grown, it is the only one
 * that is where it was, and the last one is found should it fail.
 */
int dmr_super_write_all(struct dmr_env *env, const struct dmr_super *sb,
			void *buf, u8 *whole)
{
	unsigned int copy;

	*whole = 0;
	for (copy = DMR_NR_SUPERS; copy--;) {
		dmr_super_encode(sb, copy, buf);
		if (dmr_meta_write(env, dmr_layout_super(&sb->layout, copy), 1,
				   buf) == BLK_STS_OK)
			*whole |= BIT(copy);
	}
	return hweight8(*whole) >= 2 ? 0 : -EIO;
}

/* Can so many writes of metadata still be numbered? */
static bool has_numbers(const struct dmr_store *store, u32 nr)
{
	return store->seq <= DMR_SEQ_END - nr;
}

int dmr_store_write_super(struct dmr_store *store)
{
	u8 before = store->supers_whole;
	int r;

	if (!has_numbers(store, 1))
		return -EIO;
	store->sb.seq = store->seq++;
	r = dmr_super_write_all(store->env, &store->sb, store->buf,
				&store->supers_whole);
	store->metadata_writes += DMR_NR_SUPERS;
	if (store->supers_whole != before)
		dmr_env_log(store->env, DMR_LOG_WARN,
			    "%u of %u superblocks of the spare could be written",
			    hweight8(store->supers_whole), DMR_NR_SUPERS);
	return r;
}

/*--------------------------------------------------------------------
 * Words
 *--------------------------------------------------------------------
 */

static struct dmr_words *words_of(const struct dmr_store *store)
{
	return rcu_dereference_protected(store->words,
					 dmr_env_locked(store->env));
}

static u64 *word_at(const struct dmr_store *store, u32 slot)
{
	u32 i = slot & (DMR_CHUNK_WORDS - 1);

	if (slot >= DMR_VIRTUAL_SLOT)
		return &store->virt[(slot - DMR_VIRTUAL_SLOT) >>
				    DMR_CHUNK_SHIFT][i];
	return &words_of(store)->chunk[slot >> DMR_CHUNK_SHIFT][i];
}

static void count_word(struct dmr_store *store, u32 slot, u64 word, int n)
{
	u8 there = dmr_word_valid(word) | dmr_word_lost(word);

	switch (dmr_word_state(word)) {
	case DMR_LIVE:
		if (slot >= DMR_VIRTUAL_SLOT)
			store->nr_virtual += n;
		else
			store->nr_live += n;
		if (!there)
			store->nr_known_bad += n;
		else if (there != 0xff)
			store->nr_partial += n;
		if (word & DMR_WORD_UNPROVEN)
			store->nr_unproven += n;
		store->nr_lost += n * (int)hweight8(dmr_word_lost(word));
		break;
	case DMR_BAD:
		store->nr_bad += n;
		break;
	default:
		break;
	}
}

void dmr_store_set(struct dmr_store *store, u32 slot, u64 word)
{
	u64 *at = word_at(store, slot);

	count_word(store, slot, *at, -1);
	count_word(store, slot, word, 1);
	/* Data and mapping are durable before a reader can see the word. */
	smp_store_release(at, word);
	if (dmr_word_state(word) != DMR_FREE)
		return;
	if (slot >= DMR_VIRTUAL_SLOT)
		store->virtual_cursor = min(store->virtual_cursor,
					    slot - DMR_VIRTUAL_SLOT);
	else
		store->cursor = min(store->cursor, slot);
}

int dmr_store_alloc_chunks(struct dmr_store *store, u64 hwm)
{
	struct dmr_words *words = words_of(store);
	u32 i, nr = DIV_ROUND_UP(hwm * DMR_TABLE_ENTRIES, DMR_CHUNK_WORDS);

	for (i = 0; i < nr; i++) {
		if (words->chunk[i])
			continue;
		words->chunk[i] = kvcalloc(DMR_CHUNK_WORDS, sizeof(u64),
					   DMR_GFP_TRY);
		if (!words->chunk[i])
			return -ENOMEM;
	}
	return 0;
}

int dmr_store_alloc_words(struct dmr_store *store, u64 nr_tables)
{
	struct dmr_words *old = words_of(store), *words;
	u32 nr = DIV_ROUND_UP(nr_tables * DMR_TABLE_ENTRIES, DMR_CHUNK_WORDS);

	words = kvzalloc(sizeof(*words) + nr * sizeof(words->chunk[0]),
			 DMR_GFP_TRY);
	if (!words)
		return -ENOMEM;
	words->nr_chunks = nr;
	if (old)
		memcpy(words->chunk, old->chunk,
		       old->nr_chunks * sizeof(words->chunk[0]));
	rcu_assign_pointer(store->words, words);
	if (old) {
		dmr_env_synchronize(store->env);
		kvfree(old);
	}
	return 0;
}

void dmr_store_exit(struct dmr_store *store)
{
	/* Nobody else is left. */
	struct dmr_words *words = rcu_dereference_protected(store->words, true);
	u32 i;

	for (i = 0; words && i < words->nr_chunks; i++)
		kvfree(words->chunk[i]);
	for (i = 0; i < DMR_VIRTUAL_CHUNKS; i++)
		kvfree(store->virt[i]);
	for (i = 0; i < DMR_NR_COPIES; i++)
		kvfree(store->stale[i]);
	kvfree(words);
	kvfree(store->buf);
	kvfree(store->table_words);
	memset(store, 0, sizeof(*store));
}

/*--------------------------------------------------------------------
 * Slots
 *--------------------------------------------------------------------
 */

/* Return: store->nr_staged if it is not. */
static unsigned int find_staged(const struct dmr_store *store, u32 slot)
{
	unsigned int i;

	for (i = 0; i < store->nr_staged; i++)
		if (store->staged[i].slot == slot)
			break;
	return i;
}

u64 dmr_store_view(const struct dmr_store *store, u32 slot)
{
	unsigned int i = find_staged(store, slot);

	return i < store->nr_staged ? store->staged[i].word :
	       *word_at(store, slot);
}

u32 dmr_store_alloc(struct dmr_store *store)
{
	u32 limit = dmr_store_slot_limit(store);
	u32 slot, entry, nr;
	u64 table;

	while (store->cursor < limit) {
		table = div_u64_rem(store->cursor, DMR_TABLE_ENTRIES, &entry);
		nr = dmr_layout_entries(&store->sb.layout, table);
		for (; entry < nr; entry++) {
			slot = table * DMR_TABLE_ENTRIES + entry;
			if (!*word_at(store, slot) &&
			    find_staged(store, slot) == store->nr_staged) {
				WRITE_ONCE(*word_at(store, slot),
					   dmr_word(0, DMR_TAKEN, 0, 0, 0));
				store->cursor = slot + 1;
				return slot;
			}
		}
		store->cursor = (table + 1) * DMR_TABLE_ENTRIES;
	}
	return DMR_NO_SLOT;
}

void dmr_store_unalloc(struct dmr_store *store, u32 slot)
{
	if (dmr_word_state(*word_at(store, slot)) == DMR_TAKEN)
		WRITE_ONCE(*word_at(store, slot), 0);
	store->cursor = min(store->cursor, slot);
}

u32 dmr_store_alloc_virtual(struct dmr_store *store)
{
	const u32 limit = DMR_VIRTUAL_CHUNKS << DMR_CHUNK_SHIFT;
	u64 *chunk;
	u32 i;

	for (i = store->virtual_cursor; i < limit; i++) {
		chunk = store->virt[i >> DMR_CHUNK_SHIFT];
		if (!chunk) {
			chunk = kvcalloc(DMR_CHUNK_WORDS, sizeof(u64),
					 DMR_GFP_TRY);
			if (!chunk)
				break;
			/* Whoever sees it sees zeroes in it. */
			smp_store_release(&store->virt[i >> DMR_CHUNK_SHIFT],
					  chunk);
		}
		if (dmr_word_state(chunk[i & (DMR_CHUNK_WORDS - 1)]) ==
		    DMR_FREE) {
			store->virtual_cursor = i + 1;
			return DMR_VIRTUAL_SLOT + i;
		}
	}
	store->virtual_cursor = i;
	return DMR_NO_SLOT;
}

bool dmr_store_wants_extension(const struct dmr_store *store)
{
	u32 ready = store->nr_ready - store->nr_live - store->nr_bad;

	return !store->read_only &&
	       store->sb.hwm < store->sb.layout.nr_tables &&
	       ready < DMR_RUN_BLOCKS * DMR_TABLE_ENTRIES / 2;
}

/*
 * Write @nr empty table blocks from @table on, one copy after the other. They
 * lie beyond the high-water mark, so it does not matter how far a crash lets
 * this come.
 */
int dmr_table_init(struct dmr_env *env, const struct dmr_super *sb, u64 table,
		   u32 nr, u64 seq, const u64 *free_words, void *buf)
{
	unsigned int copy;
	u32 i;

	for (i = 0; i < nr; i++)
		dmr_table_encode(sb->uuid, table + i, seq, free_words,
				 buf + i * DMR_BLOCK_SIZE);
	for (copy = 0; copy < DMR_NR_COPIES; copy++)
		if (dmr_meta_write(env, dmr_layout_table(&sb->layout, copy,
							 table),
				   nr, buf) != BLK_STS_OK)
			return -EIO;
	return 0;
}

int dmr_store_extend(struct dmr_store *store)
{
	struct dmr_super *sb = &store->sb;
	u64 hwm = sb->hwm;
	u32 i, nr;
	int r;

	if (store->read_only || hwm == sb->layout.nr_tables)
		return 0;
	/* The table blocks share one, and the superblocks. */
	if (!has_numbers(store, 2))
		return -EIO;
	nr = min_t(u64, dmr_layout_run(&sb->layout, hwm), DMR_RUN_BLOCKS);
	r = dmr_store_alloc_chunks(store, hwm + nr);
	if (r)
		return r;
	memset(store->table_words, 0, DMR_TABLE_ENTRIES * sizeof(u64));
	r = dmr_table_init(store->env, sb, hwm, nr, store->seq++,
			   store->table_words, store->buf);
	store->metadata_writes += DMR_NR_COPIES;
	if (r)
		return r;
	/* See dmr_store_slot_limit(). */
	smp_store_release(&sb->hwm, hwm + nr);
	r = dmr_store_write_super(store);
	if (r) {
		/* The mark on the spare may have moved; that does no harm. */
		WRITE_ONCE(sb->hwm, hwm);
		return r;
	}
	for (i = 0; i < nr; i++)
		store->nr_ready += dmr_layout_entries(&sb->layout, hwm + i);
	return 0;
}

int dmr_store_grow(struct dmr_store *store, u64 area_blocks)
{
	struct dmr_layout *l = &store->sb.layout;
	u64 old_blocks = l->area_blocks, old_tables = l->nr_tables;
	u32 old_slots = l->nr_slots;
	int r;

	r = dmr_layout_add(l, area_blocks);
	if (r)
		return r;
	r = dmr_store_alloc_words(store, l->nr_tables);
	if (!r)
		r = dmr_store_write_super(store);
	if (r) {
		l->nr_segments--;
		l->area_blocks = old_blocks;
		l->nr_tables = old_tables;
		l->nr_slots = old_slots;
		return r;
	}
	/*
	 * What was the last superblock is now out of date; nobody must find it
	 * when the others are gone. (In an area that has been grown before, the
	 * middle superblock stays where it is.)
	 */
	memset(store->buf, 0, DMR_BLOCK_SIZE);
	dmr_meta_write(store->env, old_blocks - 1, 1, store->buf);
	return 0;
}

/*--------------------------------------------------------------------
 * Commit
 *--------------------------------------------------------------------
 */

void dmr_store_stage(struct dmr_store *store, u32 slot, u64 word)
{
	unsigned int i = find_staged(store, slot);

	if (WARN_ON_ONCE(i == DMR_MAX_STAGED))
		return;
	if (i == store->nr_staged)
		store->nr_staged++;
	store->staged[i].slot = slot;
	store->staged[i].word = word & ~DMR_WORD_BUSY;
}

static int by_slot(const void *a, const void *b)
{
	const struct dmr_staged *x = a, *y = b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/*
 * Encode into store->buf a run of adjacent table blocks, all with staged
 * changes, that starts with that of store->staged[first].
 *
 * Return: the number of staged changes in it.
 */
static unsigned int encode_run(struct dmr_store *store, unsigned int first,
			       u64 *table, u32 *nr)
{
	u64 *words = store->table_words;
	unsigned int s = first;
	u32 entry, i, limit;

	*table = div_u64(store->staged[s].slot, DMR_TABLE_ENTRIES);
	limit = min_t(u64, dmr_layout_run(&store->sb.layout, *table),
		      DMR_RUN_BLOCKS);
	for (*nr = 0; *nr < limit; ++*nr) {
		u32 slot = (*table + *nr) * DMR_TABLE_ENTRIES;

		if (s == store->nr_staged ||
		    store->staged[s].slot >= slot + DMR_TABLE_ENTRIES)
			break;
		for (i = 0; i < DMR_TABLE_ENTRIES; i++)
			words[i] = *word_at(store, slot + i);
		for (; s < store->nr_staged; s++) {
			entry = store->staged[s].slot - slot;
			if (entry >= DMR_TABLE_ENTRIES)
				break;
			words[entry] = store->staged[s].word;
		}
		dmr_table_encode(store->sb.uuid, *table + *nr, store->seq,
				 words, store->buf + *nr * DMR_BLOCK_SIZE);
	}
	return s - first;
}

void dmr_store_begin(struct dmr_store *store)
{
	if (!store->nr_staged)
		store->flush_errors = dmr_env_flush_errors(store->env,
							   DMR_SPARE);
}

/*
 * Make the data durable that staged words refer to. A flush that fails is not
 * repeated: the next one would succeed, and the data be gone.
 */
static int flush_data(struct dmr_store *store)
{
	unsigned int i;

	for (i = 0; i < store->nr_staged; i++)
		if (dmr_word_valid(store->staged[i].word))
			break;
	if (i == store->nr_staged)
		return 0;
	if (dmr_env_flush(store->env, DMR_SPARE) != BLK_STS_OK ||
	    dmr_env_flush_errors(store->env, DMR_SPARE) != store->flush_errors)
		return -EAGAIN;
	return 0;
}

/* Code that does not know unproven entries must not meet one. */
static int announce_unproven(struct dmr_store *store)
{
	unsigned int i;

	if (store->sb.incompat & DMR_INCOMPAT_UNPROVEN)
		return 0;
	for (i = 0; i < store->nr_staged; i++)
		if (store->staged[i].word & DMR_WORD_UNPROVEN)
			break;
	if (i == store->nr_staged)
		return 0;
	store->sb.incompat |= DMR_INCOMPAT_UNPROVEN;
	return dmr_store_write_super(store);
}

int dmr_store_commit(struct dmr_store *store)
{
	unsigned int i, copy, first = 0;
	u64 table;
	u32 nr;
	int r;

	store->nr_committed = 0;
	if (!store->nr_staged)
		return 0;
	if (store->read_only || announce_unproven(store) ||
	    !has_numbers(store, store->nr_staged))
		return -EIO;
	r = flush_data(store);
	if (r)
		return r;

	sort(store->staged, store->nr_staged, sizeof(store->staged[0]),
	     by_slot, NULL);
	while (first < store->nr_staged) {
		unsigned int changes = encode_run(store, first, &table, &nr);

		store->seq++;
		for (copy = 0; copy < DMR_NR_COPIES; copy++) {
			u64 block = dmr_layout_table(&store->sb.layout, copy,
						     table);

			store->metadata_writes++;
			if (dmr_meta_write(store->env, block, nr,
					   store->buf) != BLK_STS_OK) {
				store->copies_whole &= ~BIT(copy);
				return -EIO;
			}
		}
		first += changes;
	}
	for (i = 0; i < store->nr_staged; i++)
		dmr_store_set(store, store->staged[i].slot,
			      store->staged[i].word);
	store->nr_committed = store->nr_staged;
	store->nr_staged = 0;
	dmr_store_begin(store);
	return 0;
}

void dmr_store_forget_staged(struct dmr_store *store)
{
	unsigned int i;

	for (i = 0; i < store->nr_staged; i++)
		dmr_store_unalloc(store, store->staged[i].slot);
	store->nr_staged = 0;
	dmr_store_begin(store);
}
