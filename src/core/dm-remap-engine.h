/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: what to do about an I/O that a device failed.
 *
 * The engine is handed the requests that could not be served on the fast path.
 * Two things are done to them, by two kinds of context:
 *
 * - An *examination* finds out what main says of a request's blocks. It does I/O
 *   to main, which may take seconds, and holds no lock meanwhile. Several are under
 *   way side by side, each for one request: dmr_engine_examine().
 * - A *batch* settles what is known: it takes all that waits, writes data to slots,
 *   makes one commit, lets the index know, and only then acknowledges. It does I/O
 *   to the spare alone, under the engine's mutex: dmr_engine_run().
 *
 * Who may overtake whom. Under the mutex nobody waits for main, so a request that
 * needs only the spare passes by all examinations. An examination looks the mapping
 * up when it sends I/O to main, and the batch looks it up anew when it settles the
 * result: the block may have been absorbed, evacuated or released meanwhile. That
 * is safe because
 *
 * - a request in examination is in flight to its caller, so what passes it by
 *   overlaps it in time, and any order of the two is right;
 * - a write to main is counted in flight from before its lookup to its end
 *   (dmr_env_main_begin()), so whoever copies a block from main marks it known bad,
 *   drains, and then has every write in the copy that will be acknowledged;
 * - what was copied from main is saved only if nothing was released since the block
 *   was marked (engine.releases): main may have newer data by then;
 * - a write to a block that is being released goes to its slot at once, and ends
 *   the release of this block (DMR_WORD_BUSY is gone from its word).
 *
 * Locking: dmr_engine_run(), _activate(), _save(), _grow(), _close_breaker() and
 * _reset_counters() are called under the engine's mutex, dmr_env_lock().
 * dmr_engine_examine() and what the administrator asks for (_evacuate(),
 * _mark_bad(), _release()) take it themselves; the latter are called one at a time.
 * All may sleep and do I/O; callers in the kernel are in a memalloc_noio scope.
 */
#ifndef DM_REMAP_ENGINE_H
#define DM_REMAP_ENGINE_H

#include "dm-remap-index.h"

/* Blocks that the engine works on at a time; fewer in the simulator. */
#ifndef DMR_BATCH
#define DMR_BATCH	64
/* Blocks of a request that are examined before what was found is settled. */
#define DMR_EXAM_BLOCKS	256
/* Blocks of main that an examination holds in memory. */
#define DMR_COPY_BLOCKS	16
/* Blocks that are tried on main at a time while its errors are quick. */
#define DMR_WINDOW	8
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
 * @read_retries: how often a block that cannot be read alone is read again, to
 *		  save what it holds
 * @budget_ms: a write that main fails slowly is examined until the errors of
 *	       single blocks have taken as long as this, and at least two; 0: to its
 *	       end
 * @breaker_count: more remaps than this ...
 * @breaker_seconds: ... within this time open the breaker; 0: never
 * @low_water: tell the administrator when no more slots than this are free
 * @main_lbs: logical block size of main in bytes; 0 for 512
 * @main_pbs: physical block size of main in bytes: so much fails together
 */
struct dmr_tuning {
	bool read_only;
	u32 read_retries;
	u32 budget_ms;
	u32 breaker_count;
	u32 breaker_seconds;
	u32 low_water;
	u32 main_lbs;
	u32 main_pbs;
};

/**
 * struct dmr_piece - the part of a request that lies in one block
 * @block: number of the block
 * @sector: first sector, on the mapped device
 * @word: of the slot, before this piece
 * @sectors: length
 * @req_sector: where in the request the piece begins, in sectors
 * @slot: of the block, or DMR_NO_SLOT
 * @mask: the sectors that the request wants
 * @got: those that a read request has been given
 * @good: sectors of the block that could be copied from main
 * @took: main has taken the write
 * @failed: main failed the piece alone
 * @unproven: main was not asked, since its errors take too long
 * @fresh: the slot was taken just now
 * @status: what main said last
 */
struct dmr_piece {
	u64 block;
	u64 sector;
	u64 word;
	u32 sectors;
	u32 req_sector;
	u32 slot;
	u8 mask;
	u8 got;
	u8 good;
	bool took;
	bool failed;
	bool unproven;
	bool fresh;
	blk_status_t status;
};

/**
 * struct dmr_exam - an examination: what main says of the blocks of a request
 * @list: for dmr_env_settle()
 * @req: the request, or NULL for what the administrator asks for
 * @nr: pieces in use
 * @slow: main's errors take DMR_SLOW_MS or longer, as far as is known
 * @apart: pieces are tried so that no two neighbours are in flight together
 * @alive: main has done something since its last failure
 * @any_failed: main failed some piece alone
 * @again: something is to be tried once more, since the mapping has changed
 * @breaker_probe: the breaker is open, and this request tries whether main works
 * @slow_failures: retries that main failed slowly
 * @slow_ms: and how long that took, in milliseconds
 * @releases: engine.releases when the blocks were marked known bad
 * @retries: I/Os to main, for figures
 * @piece: DMR_EXAM_BLOCKS of them
 * @io: for a window of blocks, and one more
 * @buf: DMR_COPY_BLOCKS blocks
 * @probe: one block
 *
 * Belongs to whoever runs it; to dmr_engine_run() during dmr_env_settle().
 */
struct dmr_exam {
	struct list_head list;
	struct dmr_req *req;
	u32 nr;
	bool slow;
	bool apart;
	bool alive;
	bool any_failed;
	bool again;
	bool breaker_probe;
	u32 slow_failures;
	u32 slow_ms;
	u32 releases;
	u32 retries;
	struct dmr_piece *piece;
	struct dmr_io *io;
	void *buf;
	void *probe;
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

	u32 releases;		/* how often blocks were given back to main */
	u32 slow_retries;	/* under the retry lock, which protects it */
	struct dmr_exam admin;	/* for what the administrator asks for */

	/* Working memory, for one batch */
	struct dmr_piece piece[DMR_BATCH];
	struct dmr_io io[DMR_BATCH];
	u32 retired[DMR_MAX_STAGED];
	void *buf;		/* one block */
};

/**
 * dmr_engine_wants() - is this failure one that the engine can do something about?
 * @op: of the failed I/O
 * @status: what the device said
 *
 * True for errors that may be about the medium. All others (unsupported, no
 * path, time-out, reservation, ...) are the caller's business.
 * Context: any.
 * Return: true or false.
 */
bool dmr_engine_wants(enum req_op op, blk_status_t status);
/* The same for an I/O to a slot: when the spare goes, the engine must know. */
bool dmr_engine_wants_slot(enum req_op op, blk_status_t status);

/**
 * dmr_engine_init() - allocate what the engine will ever need to absorb a write
 * @e: result
 * @env: the device's environment
 * @tuning: what the feature arguments say
 * @main_sectors: length of the mapped device in sectors
 *
 * Return: 0 or -ENOMEM; dmr_engine_exit() may be called in either case.
 */
int dmr_engine_init(struct dmr_engine *e, struct dmr_env *env,
		    const struct dmr_tuning *tuning, u64 main_sectors);
void dmr_engine_exit(struct dmr_engine *e);

/**
 * dmr_engine_activate() - load the metadata and become able to serve
 * @e: the engine
 * @sb: from dmr_store_probe() or dmr_store_format()
 * @why: result: the reason of an error
 *
 * Before the first lookup in the index. Return: an error of dmr_store_load().
 * Return: 0 or an errno.
 */
int dmr_engine_activate(struct dmr_engine *e, const struct dmr_super *sb,
			struct dmr_why *why);

/* Forget all metadata; dmr_engine_activate() may follow. */
void dmr_engine_deactivate(struct dmr_engine *e);

/**
 * dmr_engine_save() - write the counters to the spare, when things are quiet
 * @e: the engine
 */
void dmr_engine_save(struct dmr_engine *e);

/**
 * dmr_engine_run() - settle a batch
 * @e: the engine
 * @reqs: requests that may do without main; those that cannot are given to
 *	  dmr_env_examine(), all others are completed on return. Empty on return
 * @exams: examinations that have found something. Each has been given to
 *	   dmr_env_settled() on return. Empty on return
 *
 * A write that ends with success is durable on the spare as far as it was
 * absorbed, and as durable as a write to main and its flags make it otherwise.
 */
void dmr_engine_run(struct dmr_engine *e, struct list_head *reqs,
		    struct list_head *exams);

/*
 * The spare has failed a flush, as its caller knows: find out whether it is gone.
 * Then the mode is fail, in which flushes do not ask the spare any more.
 */
void dmr_engine_check_spare(struct dmr_engine *e);

/**
 * dmr_exam_init() - allocate what one examination needs
 * @x: result
 *
 * Return: 0 or -ENOMEM; dmr_exam_exit() may be called in either case.
 */
int dmr_exam_init(struct dmr_exam *x);
void dmr_exam_exit(struct dmr_exam *x);

/**
 * dmr_engine_examine() - examine a request that main failed, or has to serve
 * @e: the engine
 * @x: nobody else uses it meanwhile
 * @req: is completed on return
 *
 * That the request succeeded promises the same as with dmr_engine_run().
 * Context: may sleep for as long as main does. Not under the engine's mutex; several
 * at a time, each with its own @x.
 */
void dmr_engine_examine(struct dmr_engine *e, struct dmr_exam *x,
			struct dmr_req *req);

/* Count a failed I/O that the engine is not given. Any context. */
void dmr_engine_count_propagated(struct dmr_engine *e, enum req_op op);
/* Count a failed I/O that it is given. Any context. */
void dmr_engine_count_failed(struct dmr_engine *e, enum req_op op);

/*--------------------------------------------------------------------
 * On request of the administrator
 *--------------------------------------------------------------------
 */

/*
 * Each call takes at most DMR_COPY_BLOCKS blocks. When the device is being
 * suspended, nothing more is asked of main; the blocks concerned have failed.
 */

/* How many blocks ended how, added to what is there. */
struct dmr_tally {
	u64 done;
	u64 skipped;	/* nothing was to be done */
	u64 failed;
};

/**
 * dmr_engine_evacuate() - move blocks that still read to the spare
 * @e: the engine
 * @block: first block
 * @nr: number of blocks
 * @tally: blocks evacuated, already on the spare, and unreadable (these are
 *	   known bad from now on)
 *
 * Safe against I/O to the same blocks at the same time; durable on return.
 * Return: 0, -EROFS, -ENOSPC (the spare is full), -ENOMEM, -EAGAIN (a flush of the spare
 * has failed: what was copied may be lost), -EIO (the metadata could not be written, or
 * the main device is dead). What was tallied is done in any case.
 */
int dmr_engine_evacuate(struct dmr_engine *e, u64 block, u64 nr,
			struct dmr_tally *tally);

/**
 * dmr_engine_mark_bad() - make blocks known bad without reading them
 * @e: the engine
 * @block: number of the block
 * @nr: how many blocks
 * @tally: result: how many, by what became of them
 *
 * Return: as dmr_engine_evacuate().
 */
int dmr_engine_mark_bad(struct dmr_engine *e, u64 block, u64 nr,
			struct dmr_tally *tally);

/* Which blocks are to be given back to main. */
enum dmr_which {
	DMR_ANY,
	DMR_KNOWN_BAD,	/* without data on the spare: if main reads well again */
	DMR_UNPROVEN,	/* absorbed without a retry; what main fails is proven now */
};

/**
 * dmr_engine_release() - copy blocks back to the main device
 * @e: the engine
 * @block: number of the block
 * @nr: how many blocks
 * @which: which of the blocks
 * @tally: blocks released, not on the spare, and those that stay because main
 *	   fails them or data of theirs is lost
 *
 * What was copied has been read back and compared, and is durable on main
 * before the slot is given up. Return: 0, -EROFS, -ENOMEM, -EAGAIN, -EIO.
 * Return: 0 or an errno.
 */
int dmr_engine_release(struct dmr_engine *e, u64 block, u64 nr,
		       enum dmr_which which, struct dmr_tally *tally);

/**
 * dmr_engine_grow() - lengthen the spare area
 * @e: the engine
 * @area_blocks: new length of the area in blocks
 *
 * Return: see dmr_store_grow(); -EROFS.
 */
int dmr_engine_grow(struct dmr_engine *e, u64 area_blocks);

/* Main was found to be there, or not to be. Any context. */
void dmr_engine_note_main(struct dmr_engine *e, bool here);

/*
 * What was told of main has been dealt with: look anew. As what the administrator asks
 * for. Return: 0, -EROFS or -EIO.
 */
int dmr_engine_accept_main(struct dmr_engine *e);

/*
 * Keep on the spare how the tool is to open the pair; "" for nothing. Durable on
 * return. Return: 0, -EINVAL, -EROFS or -EIO.
 */
int dmr_engine_set_options(struct dmr_engine *e, const char *options);

void dmr_engine_close_breaker(struct dmr_engine *e);
void dmr_engine_reset_counters(struct dmr_engine *e);

#endif
