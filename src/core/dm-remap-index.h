/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: from a sector to where it is.
 *
 * The index is a hash table from blocks to slots with open addressing, which
 * readers search without a lock, behind a filter of such blocks and, for I/O to
 * several blocks, a bitmap of the regions of the main device that hold any. Eight
 * adjacent blocks hash to adjacent buckets, so that a large I/O touches few cache
 * lines. An insertion allocates nothing; the table grows ahead of time, into a
 * new one.
 *
 * What a bucket says is only a hint: the word of the slot tells which block
 * the slot is for. Readers hold rcu_read_lock(), or rcu_read_lock_sched(), from
 * the lookup until they have counted the I/O that follows from it (see
 * dmr_env_drain()). All other functions are serialised by the engine's mutex and
 * may sleep.
 */
#ifndef DM_REMAP_INDEX_H
#define DM_REMAP_INDEX_H

#include "dm-remap-store.h"

/* Adjacent blocks that hash to adjacent buckets, and share a word of the filter. */
#define DMR_GROUP_SHIFT	3

/**
 * struct dmr_table - the hash table
 * @filter: three bits for each block that is, or was, in the table, in one word;
 *	    where one of them is missing, there is no such block
 * @nr_filter: words of it
 * @nr_buckets: buckets
 * @code_mask: bits of a bucket that name the slot; the others hold bits of the
 *	       block's hash, so that a search that meets other blocks need not
 *	       look at their words
 * @factor: random and odd, so that nobody can choose blocks that collide
 * @nr_real: slots that can be named; virtual ones come after them
 * @bucket: a slot and bits of a hash, or empty
 */
struct dmr_table {
	u64 *filter;
	u32 nr_filter;
	u32 nr_buckets;
	u32 code_mask;
	u64 factor;
	u32 nr_real;
	u32 bucket[];
};

struct dmr_index {
	const struct dmr_store *store;
	unsigned long *regions;	/* a bit for each region that has a block */
	unsigned int region_shift;	/* blocks of a region, as a power of 2 */
	u32 nr_regions;
	u32 count;		/* blocks; 0 lets readers skip everything */
	u32 used;		/* buckets that are not empty */
	bool no_writes;		/* the engine is given all writes */
	struct dmr_table __rcu *table;
};

/* What is to be done with the start of an I/O. */
enum dmr_place {
	DMR_TO_MAIN,		/* send it to the main device */
	DMR_TO_SLOT,		/* send it to the spare device */
	DMR_TO_ENGINE,		/* queue it for the engine */
	DMR_IS_LOST,		/* fail it: the data is lost */
	DMR_IS_SPECIAL,		/* discard and the like of a block not on main */
};

struct dmr_route {
	enum dmr_place place;
	u32 sectors;		/* so much of the I/O goes this way */
	u64 sector;		/* DMR_TO_SLOT: where in the spare area */
};

/**
 * dmr_index_init() - make an empty index
 * @ix: result
 * @store: whose words the index refers to
 * @blocks: of the main device
 *
 * Return: 0 or -ENOMEM.
 */
int dmr_index_init(struct dmr_index *ix, const struct dmr_store *store,
		   u64 blocks);
void dmr_index_exit(struct dmr_index *ix);

/**
 * dmr_index_find() - the slot of a block
 * @ix: the index
 * @block: number of the block
 * @word: result: the word of that slot
 *
 * Context: any; rcu_read_lock(), rcu_read_lock_sched() or the engine's mutex.
 * Return: a slot, possibly a virtual one, or DMR_NO_SLOT.
 */
u32 dmr_index_find(const struct dmr_index *ix, u64 block, u64 *word);

/**
 * dmr_index_reserve() - make sure that @nr blocks can be inserted, in any slots
 * of the area
 * @ix: the index
 * @nr: how many blocks
 *
 * Return: 0 or -ENOMEM.
 */
int dmr_index_reserve(struct dmr_index *ix, u32 nr);

/**
 * dmr_index_insert() - let readers find @block in @slot
 * @ix: the index
 * @block: number of the block
 * @slot: where it is
 *
 * The word of the slot must have been published. Replaces an earlier slot of
 * the block; its word must be left alone until dmr_env_synchronize().
 * Room must have been reserved.
 */
void dmr_index_insert(struct dmr_index *ix, u64 block, u32 slot);

/*
 * Forget that @block was in @slot, whatever the word of the slot says by now.
 * The slot must not be used for another block until dmr_env_synchronize().
 */
void dmr_index_remove(struct dmr_index *ix, u64 block, u32 slot);

/**
 * dmr_index_stop_writes() - let all writes go to the engine
 * @ix: the index
 *
 * Before the first lookup.
 */
void dmr_index_stop_writes(struct dmr_index *ix);

/* dmr_index_route(), for an I/O that may not be all on main. */
void dmr_index_route_slow(const struct dmr_index *ix, enum req_op op,
			  u64 sector, u32 sectors, struct dmr_route *route);

/* For readers, and under the engine's mutex. */
static inline struct dmr_table *dmr_index_table(const struct dmr_index *ix)
{
	return rcu_dereference_check(ix->table, rcu_read_lock_sched_held() ||
				     dmr_env_locked(ix->store->env));
}

static inline bool dmr_index_region_empty(const struct dmr_index *ix, u64 block)
{
	return !test_bit(block >> ix->region_shift, ix->regions);
}

/*
 * Of a group of eight blocks. One multiplication would leave blocks at the same distance from
 * one to the next at the same distance; with some factors, in a few heaps.
 */
static inline u64 dmr_hash(const struct dmr_table *t, u64 block)
{
	u64 hash = (block >> DMR_GROUP_SHIFT) * t->factor;

	return (hash ^ hash >> 32) * t->factor;
}

static inline u32 dmr_filter_word(const struct dmr_table *t, u64 block)
{
	return (dmr_hash(t, block) >> 32) * t->nr_filter >> 32;
}

static inline u64 dmr_filter_bits(u64 block)
{
	u32 n = block * GOLDEN_RATIO_64 >> 8;

	return BIT_ULL(n & 63) | BIT_ULL(n >> 6 & 63) | BIT_ULL(n >> 12 & 63);
}

/* Is nothing but main in use? Context: any. */
static inline bool dmr_index_is_empty(const struct dmr_index *ix)
{
	return likely(!READ_ONCE(ix->count));
}

/**
 * dmr_index_is_main() - is all of an I/O sure to be on the main device?
 * @ix: the index
 * @sector: first sector
 * @sectors: length; not 0
 *
 * One access to memory that may not be in a cache: for a single block, the filter,
 * which is the smaller, the fewer blocks there are; else, the regions.
 *
 * Context: any; rcu_read_lock() or rcu_read_lock_sched().
 * Return: true if so; false if not, or if it is not known.
 */
static inline bool dmr_index_is_main(const struct dmr_index *ix, u64 sector,
				     u32 sectors)
{
	u64 first = sector >> DMR_BLOCK_SECTOR_SHIFT;
	u64 last = (sector + sectors - 1) >> DMR_BLOCK_SECTOR_SHIFT;
	const struct dmr_table *t;
	u64 bits;

	if (first != last)
		return first >> ix->region_shift == last >> ix->region_shift &&
		       dmr_index_region_empty(ix, first);
	t = dmr_index_table(ix);
	bits = dmr_filter_bits(first);
	return (READ_ONCE(t->filter[dmr_filter_word(t, first)]) & bits) != bits;
}

/**
 * dmr_index_route() - where does the start of an I/O go?
 * @ix: the index
 * @op: REQ_OP_READ, REQ_OP_WRITE, REQ_OP_WRITE_ZEROES or any other with a range
 * @sector: first sector
 * @sectors: length; not 0
 * @route: result
 *
 * Context: any; rcu_read_lock() or rcu_read_lock_sched().
 */
static inline void dmr_index_route(const struct dmr_index *ix, enum req_op op,
				   u64 sector, u32 sectors,
				   struct dmr_route *route)
{
	if (dmr_index_is_empty(ix) || dmr_index_is_main(ix, sector, sectors)) {
		route->place = DMR_TO_MAIN;
		route->sectors = sectors;
		return;
	}
	dmr_index_route_slow(ix, op, sector, sectors, route);
}

/* The bits of the sectors from @sector on, @sectors of them, within a block. */
static inline u8 dmr_sector_mask(u64 sector, u32 sectors)
{
	return ((1U << sectors) - 1) << (sector & (DMR_BLOCK_SECTORS - 1));
}

#endif
