/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: which slot holds what.
 *
 * The store reads the metadata of a spare area, hands out slots and makes
 * changes to entries durable, in an order in which a crash at any moment
 * leaves either the old or the new state. It does not know why a slot is used,
 * nor how a block is found by its number: see engine and index.
 *
 * Changes are first staged, then committed together. A staged word is seen by
 * dmr_store_view() only. After a successful commit it is published: from then
 * on dmr_store_word() returns it to readers.
 *
 * Locking: the caller serialises all functions (the engine's mutex), except
 * dmr_store_word() and dmr_store_slot_sector(), which may be called by anyone
 * under rcu_read_lock() or rcu_read_lock_sched() at any time. All functions that do I/O may sleep.
 */
#ifndef DM_REMAP_STORE_H
#define DM_REMAP_STORE_H

#include "dm-remap-format.h"

/*
 * Table blocks in one metadata I/O; the high-water mark moves by as many. The
 * simulator makes both smaller, so that a small spare gets to the limits.
 */
#ifndef DMR_RUN_BLOCKS
#define DMR_RUN_BLOCKS		32
#define DMR_MAX_STAGED		512
#endif

#define DMR_CHUNK_SHIFT		13
#define DMR_CHUNK_WORDS		BIT(DMR_CHUNK_SHIFT)
/* Words of virtual slots: blocks remembered in memory only. */
#define DMR_VIRTUAL_CHUNKS	128

/* Why something was refused, in words for the administrator. */
struct dmr_why {
	char text[200];
};

/**
 * struct dmr_area - the devices that a store is to be opened for
 * @spare_start: first sector of the area on the spare device
 * @avail_blocks: blocks from there to the end of the device
 * @area_blocks: length that the area must have at least; 0 for any. For format:
 *		 its length; 0 for all
 * @main_sectors: size of the main device
 * @main_lbs: its logical block size in bytes
 * @spare_lbs: that of the spare device, which must not be larger; 0: not known
 * @main_start: sector of its disk at which it starts
 * @main_grown: main may be larger than was recorded, if it is known by its identity
 * @identity: what main is called (see the manual), or ""
 * @label: for format, or ""
 * @options: for format, or NULL: how the tool is to open the pair
 */
struct dmr_area {
	u64 spare_start;
	u64 avail_blocks;
	u64 area_blocks;
	u64 main_sectors;
	u32 main_lbs;
	u32 spare_lbs;
	u64 main_start;
	bool main_grown;
	const char *identity;
	const char *label;
	const char *options;
};

struct dmr_words {
	u32 nr_chunks;
	u64 *chunk[];
};

struct dmr_staged {
	u32 slot;
	u64 word;
};

struct dmr_store {
	struct dmr_env *env;
	struct dmr_super sb;
	u64 main_blocks;
	u64 seq;
	bool read_only;
	u8 supers_whole;	/* bit for each superblock copy that is whole */
	u8 copies_whole;	/* bit for each table copy that is whole */
	bool unsettled;		/* no superblock says which copies count */
	u32 repaired;		/* metadata blocks repaired by the last load */

	/* Slots below the high-water mark, by state; the rest is free, too. */
	u32 nr_live;
	u32 nr_bad;
	u32 nr_known_bad;	/* live entries without data */
	u32 nr_partial;		/* live entries for some sectors of 8 */
	u32 nr_unproven;	/* live entries of blocks that main was not asked about */
	u64 nr_lost;		/* lost sectors */
	u32 nr_ready;		/* slots below the high-water mark */
	u32 cursor;		/* no free slot lies before this one */

	unsigned long *stale[DMR_NR_COPIES];	/* table blocks that do not count */
	u64 stale_tables;	/* size of the two */

	u64 metadata_writes;	/* for figures */

	struct dmr_words __rcu *words;
	u64 *virt[DMR_VIRTUAL_CHUNKS];
	u32 nr_virtual;
	u32 virtual_cursor;

	struct dmr_staged staged[DMR_MAX_STAGED];
	unsigned int nr_staged;
	unsigned int nr_committed;
	u32 flush_errors;	/* of the spare, when nothing was staged */

	void *buf;		/* DMR_RUN_BLOCKS blocks */
	u64 *table_words;	/* DMR_TABLE_ENTRIES words */
};

/**
 * dmr_store_probe() - find and judge the superblocks of an area
 * @env: with the spare device
 * @area: what is asked for
 * @sb: result: the newest superblock
 * @why: result: the reason of an error
 *
 * Writes nothing. Checks everything that can be refused without reading the
 * slot table: format, pairing, geometry.
 *
 * Return: 0; 1 if the area is blank where superblocks go; -EINVAL if the area
 * holds something else or does not fit what is asked for; -EMEDIUMTYPE for a
 * newer format; -ESTALE if the spare belongs to another main device;
 * -ENOSPC if it is truncated or too small; -EUCLEAN if it is damaged;
 * -EIO if it cannot be read; -ENOMEM.
 */
int dmr_store_probe(struct dmr_env *env, const struct dmr_area *area,
		    struct dmr_super *sb, struct dmr_why *why);

/**
 * dmr_store_format() - write an empty spare, whatever is there
 * @env: the device's environment
 * @area: where it is, and whose
 * @sb: what the superblocks are to say; result: all of it
 * @why: result: the reason of an error
 *
 * The superblocks are written last: a crash leaves an area that is refused,
 * or a complete one. Durable on return.
 *
 * Superblocks of an earlier area that started at the same sector are wiped.
 *
 * Return: 0, -ENOSPC if the area is too small, -EFBIG, -EINVAL if identity or
 * label cannot be stored, -EIO, -ENOMEM.
 */
int dmr_store_format(struct dmr_env *env, const struct dmr_area *area,
		     struct dmr_super *sb, struct dmr_why *why);

/**
 * dmr_store_load() - read the slot table
 * @store: result; to be released with dmr_store_exit(), also after an error
 * @env: the device's environment
 * @sb: from dmr_store_probe()
 * @read_only: write nothing, now or later
 * @why: result: the reason of an error
 *
 * Flushes the spare first; if that fails, all of the table is written anew, since what
 * is read may not be durable. Repairs a copy that is damaged or old from the other
 * one, once all of the table has been found to be sound.
 *
 * Return: 0, -EUCLEAN if neither copy of some block is valid, -EIO, -ENOMEM.
 */
int dmr_store_load(struct dmr_store *store, struct dmr_env *env,
		   const struct dmr_super *sb, bool read_only,
		   struct dmr_why *why);

/**
 * dmr_store_settle() - let the superblocks say which copies of table blocks count
 * @store: the store
 * @sb: as it was given to dmr_store_load()
 *
 * After a load, and before the index is built. A copy counts unless it is stale; what
 * load could not make the same as the other copy is stale, and is listed in the
 * superblocks. If it cannot be listed, the next load may choose other copies than this one
 * did: then store->unsettled is set, and sectors that the copies place differently become
 * lost, in memory only, so that what is read now is not something else then. What
 * is written then could be hidden: the caller must not write. What a copy that cannot be read
 * says is not known, and not in doubt.
 *
 * Return: true if there are stale blocks: entries in them must not be changed, since
 * they have one good copy.
 */
bool dmr_store_settle(struct dmr_store *store, const struct dmr_super *sb);

void dmr_store_exit(struct dmr_store *store);

/**
 * dmr_store_alloc() - take a free slot
 * @store: the store
 *
 * The slot stays free until a word for it is staged, but is not handed out
 * again unless dmr_store_unalloc() gives it back.
 *
 * Return: the slot, or DMR_NO_SLOT if none is ready.
 */
u32 dmr_store_alloc(struct dmr_store *store);
void dmr_store_unalloc(struct dmr_store *store, u32 slot);

/**
 * dmr_store_alloc_virtual() - take a number for a block without a slot
 * @store: the store
 *
 * Return: a slot number from DMR_VIRTUAL_SLOT on, or DMR_NO_SLOT.
 */
u32 dmr_store_alloc_virtual(struct dmr_store *store);

/**
 * dmr_store_extend() - make more slots ready, if the area has more
 * @store: the store
 *
 * Initialises table blocks and moves the high-water mark.
 *
 * Return: 0 (also if there is nothing to do), -EIO, -ENOMEM.
 */
int dmr_store_extend(struct dmr_store *store);

/* Are so few ready slots left that dmr_store_extend() should be called? */
bool dmr_store_wants_extension(const struct dmr_store *store);

/**
 * dmr_store_grow() - append to the area
 * @store: the store
 * @area_blocks: its new length; the device must be as long
 *
 * Durable on return; a crash leaves the old area or the new one.
 *
 * Return: 0, an error of dmr_layout_add(), -EIO, -ENOMEM. After -EIO either
 * may be found.
 */
int dmr_store_grow(struct dmr_store *store, u64 area_blocks);

/* Slots that are neither live nor bad, in the whole area. */
static inline u32 dmr_store_free_slots(const struct dmr_store *store)
{
	return store->sb.layout.nr_slots - store->nr_live - store->nr_bad;
}

/**
 * dmr_store_stage() - prepare a change of an entry
 * @store: the store
 * @slot: number of the slot
 * @word: its new word
 *
 * Replaces an earlier staged word of the same slot. The caller must not stage
 * more than DMR_MAX_STAGED slots between commits.
 */
void dmr_store_stage(struct dmr_store *store, u32 slot, u64 word);

/* The staged word of a slot, or else its published one. */
u64 dmr_store_view(const struct dmr_store *store, u32 slot);

/**
 * dmr_store_begin() - what is staged from now on refers to data yet to be written
 * @store: the store
 *
 * To be called before the first write of data to a slot, unless something has been
 * staged since the last commit.
 */
void dmr_store_begin(struct dmr_store *store);

/**
 * dmr_store_commit() - make staged words durable and publish them
 * @store: the store
 *
 * All data that staged words refer to is durable when the first table block is
 * written: a commit starts with a flush. All of copy A is durable before the first
 * write of copy B.
 *
 * After success store->staged holds what was committed, store->nr_committed
 * entries sorted by slot, until something is staged again.
 *
 * Return: 0; -EAGAIN if a flush has failed since dmr_store_begin(): nothing was
 * written, but the data in the slots may be lost; -EIO: the change may or may not be
 * found at the next load. After an error, the words stay staged and unpublished: call
 * dmr_store_forget_staged().
 */
int dmr_store_commit(struct dmr_store *store);
void dmr_store_forget_staged(struct dmr_store *store);

/**
 * dmr_store_set() - publish a word without making it durable
 * @store: the store
 * @slot: number of the slot
 * @word: its new word
 *
 * For what is true in memory only: a busy bit, a virtual slot, a block whose
 * state on the spare is in doubt.
 */
void dmr_store_set(struct dmr_store *store, u32 slot, u64 word);

/**
 * dmr_store_write_super() - write the superblocks
 * @store: the store
 *
 * Return: 0 if at least two copies are durable, else -EIO.
 */
int dmr_store_write_super(struct dmr_store *store);

/**
 * dmr_store_read_table() - read one table block, both copies, for a check
 * @store: the store
 * @copy: which
 * @table: number of the table block
 * @seq: result
 * @words: result: DMR_TABLE_ENTRIES words
 *
 * Return: what the block is.
 */
enum dmr_verdict dmr_store_read_table(struct dmr_store *store,
				      unsigned int copy, u64 table, u64 *seq,
				      u64 *words);

/*
 * The published word of a slot; under rcu_read_lock(), rcu_read_lock_sched() or the
 * engine's mutex.
 */
static inline u64 dmr_store_word(const struct dmr_store *store, u32 slot)
{
	const struct dmr_words *words;
	u32 i = slot & (DMR_CHUNK_WORDS - 1);

	if (unlikely(slot >= DMR_VIRTUAL_SLOT)) {
		slot -= DMR_VIRTUAL_SLOT;
		return READ_ONCE(store->virt[slot >> DMR_CHUNK_SHIFT][i]);
	}
	words = rcu_dereference_check(store->words,
				      rcu_read_lock_sched_held() ||
				      dmr_env_locked(store->env));
	return READ_ONCE(words->chunk[slot >> DMR_CHUNK_SHIFT][i]);
}

/* First sector of a slot, counted from the start of the area. */
static inline u64 dmr_store_slot_sector(const struct dmr_store *store, u32 slot)
{
	return dmr_layout_slot(&store->sb.layout, slot) <<
	       DMR_BLOCK_SECTOR_SHIFT;
}

/* The number of slot numbers below the high-water mark. Any context. */
static inline u32 dmr_store_slot_limit(const struct dmr_store *store)
{
	/* Whoever sees the mark sees the chunks below it: dmr_store_extend(). */
	return smp_load_acquire(&store->sb.hwm) * DMR_TABLE_ENTRIES;
}

#endif
