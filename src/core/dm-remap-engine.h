/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: what to do about an I/O that a device failed.
 *
 * The engine is handed the requests that could not be served on the fast path.
 * It takes all that wait as a batch, finds out block by block what is bad,
 * writes the data of bad blocks to slots, makes one commit, lets the index know
 * and only then acknowledges. One request follows the other: no function of the
 * engine runs at the same time as another one.
 *
 * Locking: the caller holds one mutex around every call, except where a
 * function says "any context". All others may sleep and do I/O; callers in the
 * kernel are in a memalloc_noio scope.
 */
#ifndef DM_REMAP_ENGINE_H
#define DM_REMAP_ENGINE_H

#include "dm-remap-index.h"

/* Blocks that the engine works on at a time; fewer in the simulator. */
#ifndef DMR_BATCH
#define DMR_BATCH	64
#endif

/* Modes only get worse, until the metadata is loaded anew. */
enum dmr_mode {
	DMR_MODE_RW,	/* failed writes are absorbed */
	DMR_MODE_RO,	/* no new remaps; existing ones are served */
	DMR_MODE_FAIL,	/* the spare is gone; only the main device is served */
};

/**
 * struct dmr_tuning - what the feature arguments say
 * @read_only: start in mode ro and write no metadata
 * @read_retries: how often a block whose read failed is read again
 * @breaker_count: more remaps than this ...
 * @breaker_seconds: ... within this time open the breaker; 0: never
 * @low_water: tell the administrator when no more slots than this are free
 * @main_pbs: physical block size of main in bytes: so much fails together
 */
struct dmr_tuning {
	bool read_only;
	u32 read_retries;
	u32 breaker_count;
	u32 breaker_seconds;
	u32 low_water;
	u32 main_pbs;
};

struct dmr_piece {
	struct dmr_req *req;
	u64 block;
	u64 sector;
	u32 sectors;
	u32 req_sector;
	u32 slot;
	u64 word;		/* of the slot, before this piece */
	u8 mask;
	u8 wanted;		/* sectors that the caller wants */
	u8 good;		/* sectors that could be read */
	bool failed;
	bool on_main;		/* main takes, or has taken, a write */
	bool fresh;		/* the slot was taken just now */
	blk_status_t status;
};

struct dmr_engine {
	struct dmr_env *env;
	struct dmr_tuning tuning;
	u64 main_sectors;
	enum dmr_mode mode;

	bool breaker_open;
	u64 breaker_since;	/* start of the window, or of the last probe */
	u32 breaker_remaps;	/* in the window */

	u64 main_gone;		/* since when main does not answer; 0: it does */
	atomic64_t passed_on;	/* errors without a remap, since the activation */

	bool told_low;
	bool told_full;

	atomic64_t counter[DMR_NR_COUNTERS];
	u64 main_retries;	/* for figures */
	u64 data_writes;

	struct dmr_store store;
	struct dmr_index index;
	bool active;		/* store and index are there */

	/* Working memory, for one batch */
	struct dmr_piece piece[DMR_BATCH];
	struct dmr_io io[DMR_BATCH];
	u32 retired[DMR_MAX_STAGED];
	void *buf;		/* DMR_BATCH blocks */
	void *verify;		/* one block */
};

/**
 * dmr_engine_wants() - is this failure one that the engine can do something about?
 * @op: of the failed I/O
 * @status: what the device said
 *
 * True for errors that may be about the medium. All others (unsupported, no
 * path, time-out, reservation, ...) are the caller's business.
 * Context: any.
 */
bool dmr_engine_wants(enum req_op op, blk_status_t status);
/* The same for an I/O to a slot: when the spare goes, the engine must know. */
bool dmr_engine_wants_slot(enum req_op op, blk_status_t status);

/**
 * dmr_engine_init() - allocate what the engine will ever need to absorb a write
 * Return: 0 or -ENOMEM; dmr_engine_exit() may be called in either case.
 */
int dmr_engine_init(struct dmr_engine *e, struct dmr_env *env,
		    const struct dmr_tuning *tuning, u64 main_sectors);
void dmr_engine_exit(struct dmr_engine *e);

/**
 * dmr_engine_activate() - load the metadata and become able to serve
 * @sb: from dmr_store_probe() or dmr_store_format()
 *
 * Before the first lookup in the index. Return: an error of dmr_store_load().
 */
int dmr_engine_activate(struct dmr_engine *e, const struct dmr_super *sb,
			struct dmr_why *why);

/* Forget all metadata; dmr_engine_activate() may follow. */
void dmr_engine_deactivate(struct dmr_engine *e);

/**
 * dmr_engine_save() - write the counters to the spare, when things are quiet
 */
void dmr_engine_save(struct dmr_engine *e);

/**
 * dmr_engine_run() - settle a batch of requests
 * @reqs: all are completed on return, the list is empty
 *
 * A write that ends with success is durable on the spare as far as it was
 * absorbed, and as durable as a write to main and its flags make it otherwise.
 */
void dmr_engine_run(struct dmr_engine *e, struct list_head *reqs);

/* Count a failed I/O that the engine is not given. Any context. */
void dmr_engine_count_propagated(struct dmr_engine *e, enum req_op op);
/* Count a failed I/O that it is given. Any context. */
void dmr_engine_count_failed(struct dmr_engine *e, enum req_op op);

/*--------------------------------------------------------------------
 * On request of the administrator
 *--------------------------------------------------------------------
 */

/*
 * Each call takes at most DMR_BATCH blocks; between two, the caller lets go of
 * the mutex so that failed I/O does not wait for the administrator.
 */

/* How many blocks ended how, added to what is there. */
struct dmr_tally {
	u64 done;
	u64 skipped;	/* nothing was to be done */
	u64 failed;
};

/**
 * dmr_engine_evacuate() - move blocks that still read to the spare
 * @block: first block
 * @nr: number of blocks
 * @tally: blocks evacuated, already on the spare, and unreadable (these are
 *	   known bad from now on)
 *
 * Safe against I/O to the same blocks at the same time; durable on return.
 * Return: 0, -EROFS, -ENOSPC (the spare is full), -EIO (the metadata could not
 * be written, or the main device is dead).
 */
int dmr_engine_evacuate(struct dmr_engine *e, u64 block, u64 nr,
			struct dmr_tally *tally);

/**
 * dmr_engine_mark_bad() - make blocks known bad without reading them
 * Return: as dmr_engine_evacuate().
 */
int dmr_engine_mark_bad(struct dmr_engine *e, u64 block, u64 nr,
			struct dmr_tally *tally);

/**
 * dmr_engine_release() - copy blocks back to the main device
 * @only_known_bad: leave blocks alone that have data on the spare, and release
 *		    the known-bad ones which read well again
 * @tally: blocks released, not on the spare, and those that stay because main
 *	   fails them or data of theirs is lost
 *
 * What was copied has been read back and compared, and is durable on main
 * before the slot is given up. Return: 0, -EROFS, -EIO.
 */
int dmr_engine_release(struct dmr_engine *e, u64 block, u64 nr,
		       bool only_known_bad, struct dmr_tally *tally);

/**
 * dmr_engine_grow() - lengthen the spare area
 * Return: see dmr_store_grow(); -EROFS.
 */
int dmr_engine_grow(struct dmr_engine *e, u64 area_blocks);

/* Main was found to be there, or not to be. Any context. */
void dmr_engine_note_main(struct dmr_engine *e, bool here);

/* What was told of main has been dealt with: look anew. Return: 0, -EROFS or -EIO. */
int dmr_engine_accept_main(struct dmr_engine *e);

/*
 * Keep on the spare how the tool is to open the pair; "" for nothing. Durable on
 * return. Return: 0, -EINVAL, -EROFS or -EIO.
 */
int dmr_engine_set_options(struct dmr_engine *e, const char *options);

void dmr_engine_close_breaker(struct dmr_engine *e);
void dmr_engine_reset_counters(struct dmr_engine *e);

#endif
