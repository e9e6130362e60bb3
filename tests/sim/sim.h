/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap simulator: two disks that lie, a target that maps, the engine of
 * the module, and an oracle that knows what may be read.
 *
 * Every decision is taken by pick(). So a run is a list of small numbers: those
 * of a seed, or of a file; and when the list ends, pick() says 0, which always
 * means "the plain thing". A failing run is made short by leaving numbers out.
 */
#ifndef SIM_H
#define SIM_H

#include <setjmp.h>
#include "dm-remap-engine.h"

#define MAX_MAIN_SECTORS	2048
#define MAX_SPARE_BLOCKS	1100
#define MAX_UIO_SECTORS		256
#define NEVER			U64_MAX

/* choice.c */
u32 pick(u32 n);			/* 0 .. n - 1 */
bool chance(u32 permille);		/* false when choices have ended */
void choices_from_seed(u64 seed);
void choices_from_list(const u32 *list, u32 nr);
extern u32 *choices;			/* as they were taken */
extern u32 nr_choices;
void trace(const char *fmt, ...) __printf(1, 2);
extern bool tracing;
extern const char *trace_prefix;
/* The run has shown that something is wrong. Does not return. */
void violation(const char *fmt, ...) __printf(1, 2) __attribute__((__noreturn__));

/* memory.c: what the core allocates, to be given back after a crash */
void *sim_calloc(size_t n, size_t size);
void *sim_realloc(void *p, size_t size);
void sim_free(void *p);
void sim_free_all(void);
bool sim_nothing_allocated(void);

/* disk.c */
enum {
	BAD_WRITE = 1,			/* every write fails */
	BAD_READ = 2,			/* reads fail, until a write succeeds */
	BAD_WRITE_ONCE = 4,		/* the next write fails */
	BAD_READ_ONCE = 8,
	BAD_LIE = 16,			/* writes succeed, and do nothing */
};

struct version {
	struct version *older;
	u64 seq;
	u8 data[512];
};

struct disk {
	const char *name;
	u32 sectors;
	u32 lbs, pbs;			/* logical and physical block, in sectors */
	u8 *stable;			/* what a power cut leaves for sure */
	u8 *cur;			/* what a read returns */
	u8 *bad;
	bool fua;			/* or else a FUA write is a write and a flush */
	struct version **versions;	/* newest first, none of them stable */
	u8 *fickle;			/* lost, but read from the cache for a while */
	u32 *dirty;
	u32 nr_dirty;
	u64 seq;
	bool dead;
	bool gone;			/* the system has lost it, too */
};

void disk_init(struct disk *d, const char *name, u32 sectors, u8 fill);
/* Sectors go bad, with all of their physical blocks. */
void disk_spoil(struct disk *d, u32 sector, u32 n, u8 bad);
void disk_write(struct disk *d, u32 sector, const u8 *data, bool fua);
/* What was written up to @seq becomes stable. */
void disk_flush(struct disk *d, u64 seq);

enum loss {
	LOSE_NOTHING,
	LOSE_NOW,
	LOSE_LATER,		/* when the cache forgets it, or the power goes */
	LOSE_SOME,		/* each sector as it may be */
};

/* A flush has failed. Return: how many sectors were lost that might have been flushed. */
u32 disk_lose(struct disk *d, enum loss how);
/* Some of what is lost cannot be read from the cache any more. */
void disk_evict(struct disk *d);
/* The power goes: of each sector, any version since the last flush is left. */
void disk_cut(struct disk *d);

/* oracle.c: what each sector of the mapped device may hold */
#define TAG_GARBAGE	U64_MAX
#define TAG_INITIAL	(1ULL << 62)

void oracle_init(u32 sectors);
/* Write @id of data @tag begins; it ends: for sure or, after an error, perhaps. */
void oracle_start(u32 sector, u64 id, u64 tag, u64 now);
void oracle_end(u32 sector, u64 id, u64 now, bool ok, bool fua);
/* A flush that began at @start has succeeded. */
void oracle_flushed(u64 start);
void oracle_crash(u64 now);
/*
 * A flush of nobody's has lost something: until the callers are told, or told that
 * all is well, it may be read so.
 */
void oracle_lost(void);
/* A caller has been told by an error of its flush: the loss stands. */
void oracle_told(void);

enum found {
	FOUND_NOW,		/* what was seen to be otherwise is gone */
	FOUND_SETTLED,		/* ... and will not come back after a crash, either */
	FOUND_OPEN,		/* what was left open stays so */
};

/* A read that began at @start and ends now returned this. */
void oracle_read(u32 sector, u64 tag, u64 start, u64 now, enum found how);

/* world.c: the environment and the target */
struct uio {
	struct list_head list;
	u64 id;
	u64 start;
	u32 sector;
	u32 sectors;
	u32 mapped;
	u32 parts;
	u8 op;
	bool fua;
	bool verify;
	bool may_fail;		/* conditions under which an error is fair */
	bool must_fail;		/* a flush that was part of it has lost something */
	blk_status_t status;
	u64 res[MAX_UIO_SECTORS];
};

enum merge {
	MERGE_NOTHING,
	MERGE_CALLERS,		/* by the block layer, which knows REQ_NOMERGE */
	MERGE_BELOW,		/* whatever is in flight */
};

struct profile {
	u32 transient[2][2];	/* permille, by device and op (0 read, 1 write) */
	u32 flush_error;	/* permille */
	bool fua[2];		/* the devices have it */
	enum merge merge;	/* adjacent I/Os in flight fail together */
	u32 to_lasting;		/* permille of transient ones that stay */
	u32 other_status;	/* permille of errors not about the medium */
	u32 meta_errors;	/* percent of the spare's errors, in metadata */
	bool damage_main;
	bool damage_spare;
	bool damage_tables;	/* blocks of the slot table, of both copies */
	bool death;
	u32 no_memory;		/* permille of allocations */
	bool concurrent;
	bool admin;
	bool grow;
	u32 slow;		/* permille of main's errors that take seconds */
	u32 crash;		/* permille per step */
};

#define NEW_SPARE	2	/* that is to become the spare: see replace.c */

struct world {
	struct dmr_engine engine;
	struct disk disk[3];
	struct profile profile;
	struct dmr_tuning tuning;
	struct dmr_area area;
	u32 spare_blocks;	/* of the device */
	u32 first_area, min_area;	/* blocks, at first and now at least */
	u32 main_sectors;
	u64 now;
	u64 next_id;
	u32 age;		/* slots that are bad from the beginning */
	bool every_pattern;	/* exhaustive mode: no short cuts */
	u32 cut_from;		/* first choice about what a crash leaves */
	bool faults;		/* errors are being injected */
	bool loaded;
	bool takes;		/* writes that fail get to the disk */
	bool suspended;
	bool settled;		/* reading after a crash: what is found stays */
	bool one_copy;		/* loaded so, with no way to say it: see activate() */
	u32 meta_unread;	/* reads of metadata that failed */
	u8 unread[MAX_SPARE_BLOCKS];	/* blocks, in this load; or not written */
	/* What the last load has read and made the same, and what was written since. */
	u64 table_seq[DMR_NR_COPIES][MAX_SPARE_BLOCKS], young_seq, super_seq;
	bool seqs_unknown;
	u32 lbs[2], pbs[2];	/* logical and physical blocks at format, in sectors */
	bool named;		/* main has an identity */
	u32 served[2];		/* logical blocks at the last activation */
	bool locked;		/* somebody holds the engine's mutex */
	bool stopping;		/* the device is being suspended */
	u32 slow_retries;	/* those under the retry lock that have failed slowly */
	bool wrong_sectors;	/* why the last activation was refused */
	bool check_spare;	/* the next batch is to, see dmr_engine_check_spare() */
	bool all_slow;		/* the script says so */
	u64 stamp;		/* counts what is mapped, and drains */
	u8 unproven_ok;		/* main has been slow to fail */
	bool any_spare_fault;
	bool any_meta_fault;
	bool any_main_odd;	/* an error not about the medium, or a death */
	bool script_meta_fault;	/* the script has spoilt metadata */
	bool no_memory;		/* an allocation has failed */
	bool script_no_memory;	/* all of them do */
	bool hold_batch;	/* the worker has no processor yet */
	bool have_new;		/* there is a new spare beside the old one */
	bool new_fault;		/* which has had an error */
	bool track;		/* note what of the spare is written to ... */
	u8 written[2][MAX_SPARE_BLOCKS * 8];	/* in the last and in this pass */
	enum loss loses;	/* a failed flush, in a script */
	bool flush_failed;	/* at fail_at */
	bool flush_fails[2];	/* the next one */
	u32 flush_errors[2];	/* flushes that have failed, anybody's */
	bool owed[2];		/* the next flush of a caller must fail */
	u64 fail_at;		/* this I/O fails; 0: none does */
	bool fail_for_good;	/* and all later ones there */
	u8 uuid[16];		/* of the area that was formatted last */
	u32 nr_uuids;
	u8 main_fault[MAX_MAIN_SECTORS / 8 + 1];
	u8 cause[MAX_MAIN_SECTORS / 8 + 1];	/* block failed alone */
	/* Its commit did not end: one version is durable, and it is not said which. */
	u8 open[MAX_MAIN_SECTORS / 8 + 1];
	u8 slot_bad[(DMR_MAX_SEGMENTS + 8) * DMR_TABLE_ENTRIES];	/* it was, for sure */
	enum dmr_mode mode;
	u64 last_good;
	bool have_last_good;
	u64 seconds;

	u64 ios;		/* since the start, of both devices */
	u64 crash_at;		/* or NEVER */
	jmp_buf crash;

	struct list_head uios;
	struct list_head inflight;
	struct list_head queue;		/* for the batch: requests ... */
	struct list_head found;		/* ... and examinations */
	struct list_head to_examine;
	struct list_head parts;
	u32 nr_uios;
	u64 absorbed, rescued, replaced, crashes, reloads, reads_ok, errors;
	u64 refused;
	u64 returned, pairings, replaced_spares;
	u64 other_sectors;	/* activations with other sectors than before */
	u32 stale_before;
	u64 stale_both;		/* loads with several stale blocks in each copy */
	u64 stale_more;		/* ... and with more of them than at the load before */
};

extern struct world W;

void world_init(void);
struct uio *world_start(u8 op, u32 sector, u32 sectors, bool fua, bool verify);
/* Something that happens beside the engine; false if nothing was to be done. */
bool world_event(void);
/* Carry out all that is in flight, and let the engine run. */
void world_settle(void);
/* ... until this one has ended. */
void world_settle_one(u64 id);
/* Let a batch, an examination, or the administrator go on; false if none can. */
bool world_work(void);
/* Let the administrator do this, at the same time. */
void world_admin(void (*what)(void));
bool world_admin_busy(void);
/* ... and wait until that is done, and all that works. */
void world_finish(void);
void world_drop_all(void);
/* The engine, and what its examinations need. */
int world_engine_init(void);
void world_engine_exit(void);
/* Does whoever is at work hold the engine's mutex? */
bool world_has_lock(void);
u32 world_in_flight(void);
void check_mode(void);
void check_causes(void);

/* Whatever a request waits for may fail from now on, and rightly so. */
void excuse_all(void);

/* load.c */
int load(void);
int load_this(void);			/* not any other one that is there */
bool no_memory(gfp_t gfp);
void check_told(int r);
void power_off(void);
void reload(void);
void suspend_and_resume(void);
bool some_disk_dead(void);
void crash_and_recover(bool may_crash_again);
void verify_all(bool after_crash);

/* run.c */
void run_random(void);
void admin(void);
void format_and_load(void);

/* sectors.c */
/* The devices have sectors as at format. */
void sectors_init(void);
/* From the next activation on, main and spare have blocks of so many sectors. */
void sectors_set(u32 main, u32 spare);
/* ... as at the last activation. */
void sectors_back(void);
/* A device may have come back with other sectors than before. */
void sectors_change(void);
/* An activation has ended with @r: check that. Return: it was refused for its sectors. */
bool sectors_check(int r, const struct dmr_super *sb);

/* replace.c */
void replace_spare(void);
void replace_crashed(void);
void choose_spare(void);

/* main.c */
u32 read_list(const char *path, u32 *list);

/* exhaust.c */
/* What the script wants to happen ... */
enum script_when {
	WHEN_DRAINED,		/* ... once the engine has drained */
	WHEN_COUNTED,		/* ... before a retry counts as in flight */
	WHEN_RETRYING,		/* ... while a retry is on its way to main */
	WHEN_RETRIED,		/* ... when it is known what main says */
	NR_WHEN,
};

/* Is there anything? Then the fiber is to pause until script_run() has been called. */
bool script_wants(enum script_when when);
void script_run(void);
int exhaust_main(int argc, char **argv);

#endif
