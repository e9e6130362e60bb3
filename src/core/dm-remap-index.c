// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: from a sector to where it is.
 *
 * Rules that make the search safe without a lock:
 *
 * - A bucket goes from empty to a slot, from one slot to another one of the
 *   same block, and from a slot to removed; never back to empty in the same
 *   table. So a search that stops at an empty bucket has missed nothing that
 *   was there when it began.
 * - The word of a slot is published before the bucket that names it.
 * - A slot gets a word for another block only after a grace period.
 * - A block's bits are in the filter before its bucket names it, and stay until
 *   the table goes.
 * - A new table is filled before it is published, and the old one freed after a
 *   grace period.
 */
#include "dm-remap-index.h"

/* What a bucket holds below the bits of the hash. */
#define EMPTY		0U	/* the whole bucket */
#define REMOVED		1U
#define FIRST_CODE	2U

#define NR_VIRTUAL	(DMR_VIRTUAL_CHUNKS * (u32)DMR_CHUNK_WORDS)
/* Fewer in the simulator. */
#ifndef MIN_BUCKETS
#define MIN_BUCKETS	1024U
#endif
/* With a table two thirds full, one block in 25 passes without being there. */
#define FILTER_BITS	6	/* for each bucket */
#define MAX_REGION_BITS	BIT(20)
/* Of blocks, in one lookup: not reached by reads and writes, which are shorter. */
#define MAX_SEARCHES	4096U

static struct dmr_table *table_of(const struct dmr_index *ix)
{
	return rcu_dereference_protected(ix->table,
					 dmr_env_locked(ix->store->env));
}

static u32 first_bucket(const struct dmr_table *t, u64 block)
{
	/* Groups of eight are spread, the blocks of a group stay together. */
	u64 n = (dmr_hash(t, block) >> 32) * t->nr_buckets >> 32;

	n += block & (BIT(DMR_GROUP_SHIFT) - 1);
	return n < t->nr_buckets ? n : n - t->nr_buckets;
}

static u32 next_bucket(const struct dmr_table *t, u32 i)
{
	return ++i < t->nr_buckets ? i : 0;
}

/*
 * The bits of the hash that a block's bucket holds: those that say nothing about
 * where it is; they differ within a group.
 */
static u32 tag_of(const struct dmr_table *t, u64 block)
{
	u32 member = (u32)block << (32 - DMR_GROUP_SHIFT);

	return ((u32)dmr_hash(t, block) ^ member) & ~t->code_mask;
}

static u32 code_of(const struct dmr_table *t, u32 slot)
{
	if (slot >= DMR_VIRTUAL_SLOT)
		slot += t->nr_real - DMR_VIRTUAL_SLOT;
	return slot + FIRST_CODE;
}

static u32 slot_of(const struct dmr_table *t, u32 code)
{
	u32 slot = code - FIRST_CODE;

	return slot < t->nr_real ? slot : slot - t->nr_real + DMR_VIRTUAL_SLOT;
}

static u32 search(const struct dmr_index *ix, const struct dmr_table *t,
		  u64 block, u32 *at, u64 *word)
{
	u32 i = first_bucket(t, block), tag = tag_of(t, block);
	u32 b, code, slot;

	while ((b = READ_ONCE(t->bucket[i])) != EMPTY) {
		code = b ^ tag;
		if (code <= t->code_mask && code != REMOVED) {
			slot = slot_of(t, code);
			*word = dmr_store_word(ix->store, slot);
			if (dmr_word_state(*word) == DMR_LIVE &&
			    dmr_word_block(*word) == block) {
				*at = i;
				return slot;
			}
		}
		i = next_bucket(t, i);
	}
	*at = i;
	return DMR_NO_SLOT;
}

u32 dmr_index_find(const struct dmr_index *ix, u64 block, u64 *word)
{
	u32 at;

	if (dmr_index_region_empty(ix, block))
		return DMR_NO_SLOT;
	return search(ix, dmr_index_table(ix), block, &at, word);
}

static void pass_all(struct dmr_table *t)
{
	memset(t->filter, 0xff, t->nr_filter * sizeof(t->filter[0]));
}

/* With room to name all slots of the area, and more if that costs no bit. */
static struct dmr_table *alloc_table(const struct dmr_index *ix, u32 nr_buckets)
{
	u64 codes = ix->store->sb.layout.nr_tables * DMR_TABLE_ENTRIES +
		    FIRST_CODE + NR_VIRTUAL;
	u32 nr_filter = (u64)nr_buckets * FILTER_BITS / 64 + 1;
	size_t filter_at = round_up(sizeof(struct dmr_table) +
				    nr_buckets * sizeof(u32), sizeof(u64));
	struct dmr_table *t;

	/* kvzalloc() would round up to a power of two, or to huge pages. */
	t = __vmalloc(filter_at + nr_filter * sizeof(u64),
		      DMR_GFP_TRY | __GFP_ZERO);
	if (!t)
		return NULL;
	t->filter = (void *)t + filter_at;
	t->nr_filter = nr_filter;
	t->nr_buckets = nr_buckets;
	dmr_env_random(ix->store->env, &t->factor, sizeof(t->factor));
	t->factor |= 1;
	t->code_mask = BIT_ULL(fls64(codes - 1)) - 1;
	t->nr_real = min_t(u64, DMR_VIRTUAL_SLOT,
			   t->code_mask + 1ULL - FIRST_CODE - NR_VIRTUAL);
	if (ix->no_writes)
		pass_all(t);
	return t;
}

static void put(struct dmr_table *t, u32 at, u64 block, u32 slot)
{
	u64 *filter = &t->filter[dmr_filter_word(t, block)];

	WRITE_ONCE(*filter, *filter | dmr_filter_bits(block));
	/* A reader that sees the bucket must see the word, too. */
	smp_store_release(&t->bucket[at], tag_of(t, block) | code_of(t, slot));
}

int dmr_index_init(struct dmr_index *ix, const struct dmr_store *store,
		   u64 blocks)
{
	struct dmr_table *t;

	memset(ix, 0, sizeof(*ix));
	ix->store = store;
	while (blocks >> ix->region_shift > MAX_REGION_BITS)
		ix->region_shift++;
	ix->nr_regions = (blocks >> ix->region_shift) + 1;
	ix->regions = kvcalloc(BITS_TO_LONGS(ix->nr_regions), sizeof(long),
			       GFP_KERNEL);
	t = alloc_table(ix, MIN_BUCKETS);
	if (!ix->regions || !t) {
		kvfree(ix->regions);
		vfree(t);
		ix->regions = NULL;
		return -ENOMEM;
	}
	RCU_INIT_POINTER(ix->table, t);
	return 0;
}

void dmr_index_exit(struct dmr_index *ix)
{
	/* Nobody else is left. */
	vfree(rcu_dereference_protected(ix->table, true));
	kvfree(ix->regions);
	memset(ix, 0, sizeof(*ix));
}

static int rebuild(struct dmr_index *ix, u32 nr_buckets)
{
	struct dmr_table *old = table_of(ix);
	struct dmr_table *t = alloc_table(ix, nr_buckets);
	u32 i, code, slot, at;
	u64 word, block;

	if (!t)
		return -ENOMEM;
	for (i = 0; i < old->nr_buckets; i++) {
		if (!(i & 4095))
			cond_resched();
		code = old->bucket[i] & old->code_mask;
		if (code < FIRST_CODE)
			continue;
		slot = slot_of(old, code);
		block = dmr_word_block(dmr_store_word(ix->store, slot));
		search(ix, t, block, &at, &word);
		put(t, at, block, slot);
	}
	rcu_assign_pointer(ix->table, t);
	ix->used = ix->count;
	dmr_env_synchronize(ix->store->env);
	vfree(old);
	return 0;
}

int dmr_index_reserve(struct dmr_index *ix, u32 nr)
{
	struct dmr_table *t = table_of(ix);
	/* A grown area has more slots; they may become ready before the insertion. */
	bool nameable = ix->store->sb.layout.nr_tables * DMR_TABLE_ENTRIES <=
			t->nr_real;
	u64 wanted = (u64)ix->used + nr;
	u64 buckets;

	/* Four fifths full is full: a search stays short. */
	if (nameable && wanted * 5 <= (u64)t->nr_buckets * 4)
		return 0;
	buckets = max_t(u64, t->nr_buckets,
			((u64)ix->count + nr) * 3 / 2);
	if (buckets <= U32_MAX && !rebuild(ix, buckets))
		return 0;
	/* Without memory it may become slower, but an empty one must remain. */
	return nameable && wanted < t->nr_buckets ? 0 : -ENOMEM;
}

void dmr_index_insert(struct dmr_index *ix, u64 block, u32 slot)
{
	struct dmr_table *t = table_of(ix);
	u64 word;
	u32 at;

	if (search(ix, t, block, &at, &word) == DMR_NO_SLOT) {
		ix->used++;
		WRITE_ONCE(ix->count, ix->count + 1);
	}
	set_bit(block >> ix->region_shift, ix->regions);
	put(t, at, block, slot);
}

void dmr_index_stop_writes(struct dmr_index *ix)
{
	u32 i;

	ix->no_writes = true;
	/* Or else some lookups would not come to dmr_index_route_slow(). */
	for (i = 0; i < ix->nr_regions; i++)
		set_bit(i, ix->regions);
	pass_all(table_of(ix));
	WRITE_ONCE(ix->count, ix->count + 1);
}

void dmr_index_remove(struct dmr_index *ix, u64 block, u32 slot)
{
	struct dmr_table *t = table_of(ix);
	u32 i, b, mine = tag_of(t, block) | code_of(t, slot);

	for (i = first_bucket(t, block); (b = t->bucket[i]) != EMPTY;
	     i = next_bucket(t, i)) {
		if (b != mine)
			continue;
		WRITE_ONCE(t->bucket[i], REMOVED);
		WRITE_ONCE(ix->count, ix->count - 1);
		return;
	}
}

/*
 * The first block from @block to @last that has a slot, or that it is not worth going
 * on to: preemption is off. A discard may have a million of blocks.
 */
static u64 first_special(const struct dmr_index *ix, u64 block, u64 last,
			 u64 *word, u32 *slot)
{
	const struct dmr_table *t = dmr_index_table(ix);
	unsigned int left = MAX_SEARCHES;
	u64 region;
	u32 at;

	while (block <= last) {
		region = block >> ix->region_shift;
		if (!test_bit(region, ix->regions)) {
			block = (u64)find_next_bit(ix->regions, ix->nr_regions,
						   region) << ix->region_shift;
			continue;
		}
		if (!left--)
			return block;
		*slot = search(ix, t, block, &at, word);
		if (*slot != DMR_NO_SLOT)
			return block;
		block++;
	}
	return last + 1;
}

/* The sectors of a block from @sector on that share the same bit of @mask. */
static u32 run_length(u8 mask, u64 sector, u32 sectors)
{
	unsigned int i = sector & (DMR_BLOCK_SECTORS - 1);
	bool bit = mask & BIT(i);
	u32 n = 0;

	while (n < sectors && !(mask & BIT(i)) == !bit) {
		n++;
		i++;
	}
	return n;
}

static void route_read(u64 word, u64 sector, u32 sectors,
		       struct dmr_route *route)
{
	u8 bit = dmr_sector_mask(sector, 1);
	u8 valid = dmr_word_valid(word), lost = dmr_word_lost(word);

	if (valid & bit) {
		route->place = DMR_TO_SLOT;
		route->sectors = run_length(valid, sector, sectors);
	} else if (lost & bit) {
		route->place = DMR_IS_LOST;
		route->sectors = run_length(lost, sector, sectors);
	} else {
		route->place = DMR_TO_MAIN;
		route->sectors = run_length(valid | lost, sector, sectors);
	}
}

void dmr_index_route_slow(const struct dmr_index *ix, enum req_op op,
			  u64 sector, u32 sectors, struct dmr_route *route)
{
	u64 first = sector >> DMR_BLOCK_SECTOR_SHIFT;
	u64 last = (sector + sectors - 1) >> DMR_BLOCK_SECTOR_SHIFT;
	u64 word = 0;
	u32 slot = DMR_NO_SLOT;
	u64 block = first_special(ix, first, last, &word, &slot);
	u8 mask;

	route->place = DMR_TO_MAIN;
	route->sectors = sectors;
	if (unlikely(ix->no_writes) &&
	    (op == REQ_OP_WRITE || op == REQ_OP_WRITE_ZEROES)) {
		route->place = DMR_TO_ENGINE;
		return;
	}
	if (block > last)
		return;
	if (block > first) {
		route->sectors = (block << DMR_BLOCK_SECTOR_SHIFT) - sector;
		return;
	}

	/* Only what lies in this block, and in one place there. */
	sectors = min_t(u64, sectors,
			((first + 1) << DMR_BLOCK_SECTOR_SHIFT) - sector);
	route->sectors = sectors;
	switch (op) {
	case REQ_OP_READ:
		route_read(word, sector, sectors, route);
		break;
	case REQ_OP_WRITE:
	case REQ_OP_WRITE_ZEROES:
		mask = dmr_sector_mask(sector, sectors);
		if ((dmr_word_valid(word) & mask) == mask &&
		    !(word & DMR_WORD_BUSY))
			route->place = DMR_TO_SLOT;
		else
			route->place = DMR_TO_ENGINE;
		break;
	default:
		route->place = DMR_IS_SPECIAL;
	}
	if (route->place == DMR_TO_SLOT)
		route->sector = dmr_store_slot_sector(ix->store, slot) +
				(sector & (DMR_BLOCK_SECTORS - 1));
}
