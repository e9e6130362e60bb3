/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: the kernel's side. The device-mapper glue knows no policy: it
 * sends I/O where the index says, and gives the engine what failed.
 */
#ifndef DM_REMAP_H
#define DM_REMAP_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/device-mapper.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dm-remap-engine.h"

#define DM_MSG_PREFIX "remap"

/* Where a bio was sent, for end_io. */
enum dmr_sent {
	DMR_SENT_ELSEWHERE,	/* end_io leaves it alone */
	DMR_SENT_MAIN,
	DMR_SENT_SLOT,
	DMR_SENT_FLUSH_MAIN,	/* its error is handed on, and counted */
	DMR_SENT_FLUSH_SPARE,
	DMR_SENT_READ,		/* by the short way to main: nothing else is set */
	DMR_SENT_WRITE,		/* the same, and counted */
};

/**
 * struct dmr_bio - what is kept with each bio
 * @req: for the engine; sector and length also tell what was mapped. While a
 *	 bio is at a slot, sector is where on the spare
 * @iter: of the bio before it was sent
 * @sent: enum dmr_sent
 * @ticket: what it was counted with, see struct dmr_inflight
 * @counted: it was
 * @flush: a FUA write, of which the flush is still to come
 */
struct dmr_bio {
	struct dmr_req req;
	struct bvec_iter iter;
	u8 sent;
	u8 ticket;
	bool counted;
	bool flush;
};

/**
 * struct dmr_inflight - one CPU's share of what says which bios are in flight
 * @in: bios counted in here, by ticket; written with preemption off by this CPU
 *	only, in map or by an examination, which never run in an interrupt: a plain
 *	increment does
 * @out: bios counted out here, wherever they were counted in; any context
 * @last_good: sector of main that was written lately, or DMR_NO_SECTOR. A hint: after
 *	       a preemption, it may be another CPU's
 *
 * A ticket is a device's epoch, 0 or 1, and the device: 2 * enum dmr_dev.
 */
struct dmr_inflight {
	unsigned long in[4];
	unsigned long out[4];
	sector_t last_good;
};

#define DMR_NO_SECTOR	(~(sector_t)0)

/**
 * struct dmr_drain - what dmr_env_drain() needs for one device
 * @lock: one drain at a time
 * @ticket: of what is counted in now
 * @waiting: somebody wants to know when the old epoch is over
 */
struct dmr_drain {
	struct mutex lock;	/* one drain at a time */
	unsigned int ticket;
	bool waiting;
};

/**
 * struct dmr_env - devices, and I/O in flight
 * @ti: the target
 * @main: the main device
 * @spare: the spare device
 * @spare_start: first sector of the spare area
 * @bios: for I/O of its own
 * @lock: the engine's mutex, see dm-remap-engine.h
 * @retry_lock: one window of quick retries at a time; taken before @lock
 * @inflight: counters, by CPU
 * @drain: by enum dmr_dev
 * @drained: who waits for the end of an epoch
 * @flush_errors: flushes that have failed, by enum dmr_dev
 * @owed: bit for each device: its next flush fails, see dmr_env_owe()
 * @stopping: the device is being suspended
 * @track: which parts of the spare area were written to, or NULL
 * @event_work: tells those who wait for events
 * @last_event: when, in jiffies
 * @log_limit: how often something is said to the log
 *
 * Writes to main and I/Os to slots are counted for dmr_env_drain(): in the
 * epoch that was current before the lookup in the index, under the same
 * rcu_read_lock_sched(). The drain starts a new epoch, waits a grace period, after
 * which nobody is added to the old one, and then until as many are counted out.
 * Who notes the new epoch looks up after the drain began, and who looked up
 * before it has noted the old one: nobody is missed.
 */
struct dmr_env {
	struct dm_target *ti;
	struct dm_dev *main;
	struct dm_dev *spare;
	sector_t spare_start;
	struct bio_set bios;
	struct mutex lock;	/* of the engine */
	struct mutex retry_lock;	/* of quick retries */

	struct dmr_inflight __percpu *inflight;
	struct dmr_drain drain[2];
	wait_queue_head_t drained;

	atomic_t flush_errors[2];	/* by enum dmr_dev */
	unsigned long owed;
	bool stopping;

	struct dmr_track *track;	/* or NULL, see dm-remap-track.c */

	struct delayed_work event_work;
	unsigned long last_event;
	struct ratelimit_state log_limit;
};

/* An area in use, see dmr_registry_claim(). */
struct dmr_claim {
	struct list_head list;
	struct gendisk *disk;
	sector_t start;		/* on the whole disk */
	sector_t end;
	struct dm_table *table;
	struct mapped_device *md;
	bool listed;		/* in the registry */
	bool exclusive;		/* not even beside the table it replaces */
	bool main;		/* what is mapped, not a spare area */
	struct dmr_env *env;	/* of the table */
};

#define DMR_CHECK_SPARE	0

/* Examinations under way at a time. Each keeps about 85 KiB of memory. */
#define DMR_NR_EXAMS	8

/**
 * struct dmr_examiner - one examination, and who carries it out
 * @exam: for the engine
 * @work: calls dmr_engine_examine()
 * @settled: dmr_env_settled() was called
 * @target: whose it is
 * @idle: @work has nothing to do; protected by the target's queue_lock
 */
struct dmr_examiner {
	struct dmr_exam exam;
	struct work_struct work;
	struct completion settled;
	struct dmr_target *target;
	bool idle;
};

/**
 * struct dmr_flusher - makes FUA writes durable on a device that has no FUA
 * @reqs: written, and not durable; protected by the target's queue_lock
 * @work: flushes once for all of them
 * @target: whose it is
 */
struct dmr_flusher {
	struct list_head reqs;
	struct work_struct work;
	struct dmr_target *target;
};

/**
 * struct dmr_target - one target in one table
 * @env: devices, and I/O in flight
 * @admin_lock: serialises what the administrator asks for; taken before env.lock
 * @engine: decides
 * @queue_lock: protects the three queues; taken in interrupts
 * @queue: requests that may do without main, for the engine's batch
 * @found: examinations that have found something, for the batch
 * @to_examine: requests that need main
 * @wq: runs the batch
 * @exam_wq: runs the examinations, which the batch never waits for
 * @work: the batch
 * @flags: bit DMR_CHECK_SPARE: the batch is to do so
 * @examiner: examinations
 * @flusher: by enum dmr_dev
 * @claim: the spare area in the registry
 * @main_claim: what is mapped, in the registry
 * @suspended: no I/O is under way and none may be started
 * @slots_read: a read was sent to a slot, in this table's life
 * @tuning: feature arguments for the engine
 * @format: feature argument
 * @main_grown: feature argument
 * @spare_length: feature argument; sectors; 0: to the end of the device
 * @identity: feature argument
 * @label: feature argument
 */
struct dmr_target {
	struct dmr_env env;
	struct mutex admin_lock;	/* of messages that change something */
	struct dmr_engine engine;

	spinlock_t queue_lock;	/* of the queues */
	struct list_head queue;
	struct list_head found;
	struct list_head to_examine;
	struct workqueue_struct *wq;
	struct workqueue_struct *exam_wq;
	struct work_struct work;
	unsigned long flags;
	struct dmr_examiner examiner[DMR_NR_EXAMS];
	struct dmr_flusher flusher[2];	/* by enum dmr_dev */

	struct dmr_claim claim;
	struct dmr_claim main_claim;
	bool suspended;
	bool slots_read;	/* a read was sent to a slot, in this table's life */

	/* Arguments, as they are to be shown by "dmsetup table" */
	struct dmr_tuning tuning;
	bool format;
	bool main_grown;
	u64 spare_length;	/* sectors; 0: to the end of the device */
	char identity[DMR_IDENTITY_LEN];
	char label[DMR_LABEL_LEN];
};

#define DMR_DEFAULT_RETRIES		1
#define DMR_DEFAULT_BUDGET_MS		1000
#define DMR_DEFAULT_BREAKER_COUNT	65536
#define DMR_DEFAULT_BREAKER_SECONDS	60

/* dm-remap-args.c */

/**
 * dmr_parse_args() - understand the constructor's arguments
 * @t: result: devices, spare_start and all arguments
 * @ti: for devices and the reason of an error
 * @argc: number of arguments
 * @argv: the arguments
 *
 * Return: 0 or an errno; ti->error says why. Devices taken are left to the
 * caller to put.
 */
int dmr_parse_args(struct dmr_target *t, struct dm_target *ti,
		   unsigned int argc, char **argv);
/* The same arguments, for "dmsetup table". */
int dmr_emit_args(const struct dmr_target *t, char *result, unsigned int maxlen);

/* dm-remap-map.c */
int dmr_map(struct dm_target *ti, struct bio *bio);
int dmr_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error);

/* dm-remap-message.c */
int dmr_message(struct dm_target *ti, unsigned int argc, char **argv,
		char *result, unsigned int maxlen);
void dmr_status(struct dm_target *ti, status_type_t type,
		unsigned int status_flags, char *result, unsigned int maxlen);

/* dm-remap-queue.c */

/* Let the engine settle or examine a request. Any context. */
void dmr_queue_req(struct dmr_target *t, struct dmr_req *req);
/* Complete a write when a flush has made it durable. Any context. */
void dmr_queue_flush_req(struct dmr_target *t, enum dmr_dev dev,
			 struct dmr_req *req);
/* The spare has failed a flush. Any context. */
void dmr_queue_check_spare(struct dmr_target *t);
/* Return: 0 or -ENOMEM; dmr_queue_exit() may be called in either case. */
int dmr_queue_init(struct dmr_target *t);
void dmr_queue_exit(struct dmr_target *t);
/* Wait until nothing is queued and nobody works. */
void dmr_queue_drain(struct dmr_target *t);

/* dm-remap-registry.c */

/**
 * dmr_registry_claim() - note that an area is in use, of a spare or as main
 * @claim: the area
 *
 * Two tables of one device may claim the same area, since they exist side by
 * side while one replaces the other. What one device claims can be nobody else's
 * spare, nor main.
 * Return: 0 or -EBUSY. Context: may sleep.
 */
int dmr_registry_claim(struct dmr_claim *claim);
/* If it is claimed. */
void dmr_registry_release(struct dmr_claim *claim);
/*
 * Take over what the table that @claim's replaces owes its callers: see dmr_env_owe().
 * The old table has gone quiet. Context: may sleep.
 */
void dmr_registry_inherit(struct dmr_claim *claim);
/* Move the end of a claim. Return: 0 or -EBUSY. */
int dmr_grow_claim(struct dmr_claim *claim, sector_t end);

/*
 * dm-remap-track.c: which parts of the spare area have been written to since.
 * The caller of all but dmr_track_mark() holds the lock.
 */
struct dmr_track;

/* Begin anew. Return: 0 or -ENOMEM. */
int dmr_track_start(struct dmr_env *env, sector_t sectors);
/* What was noted up to now is for dmr_track_list(). */
void dmr_track_next(struct dmr_track *track);
void dmr_track_list(struct dmr_track *track, char *result, unsigned int maxlen);
/* After a write to the area has ended. Any context. */
void dmr_track_mark(struct dmr_track *track, sector_t sector, u32 sectors);

/* dm-remap-io.c: besides the functions of dm-remap-env.h */
int dmr_env_init(struct dmr_env *env, struct dm_target *ti);
void dmr_env_exit(struct dmr_env *env);
/* A flush of a device has failed, anybody's. Any context. */
void dmr_env_flush_failed(struct dmr_env *env, enum dmr_dev dev);
/* Is a caller to be told of a flush that failed? Forgets it. Any context. */
bool dmr_env_pay(struct dmr_env *env, enum dmr_dev dev);
/* Wait until all events have been told. */
void dmr_env_flush_events(struct dmr_env *env);

/*
 * What a bio to @dev is counted with; before its lookup, under the same
 * rcu_read_lock_sched().
 */
static inline unsigned int dmr_inflight_ticket(struct dmr_env *env,
					       enum dmr_dev dev)
{
	/* In the new epoch, the lookup sees what was changed before the drain. */
	return smp_load_acquire(&env->drain[dev].ticket);
}

/* Count a bio in; after its lookup, under the same rcu_read_lock_sched(). */
static inline void dmr_inflight_start(struct dmr_env *env, struct dmr_bio *b,
				      unsigned int ticket)
{
	b->counted = true;
	b->ticket = ticket;
	__this_cpu_inc(env->inflight->in[ticket]);
}

/* Count one out. Any context. */
static inline void dmr_inflight_wake(struct dmr_env *env, enum dmr_dev dev)
{
	if (unlikely(READ_ONCE(env->drain[dev].waiting)))
		wake_up(&env->drained);
}

static inline void dmr_inflight_out(struct dmr_env *env, unsigned int ticket)
{
	this_cpu_inc(env->inflight->out[ticket]);
	dmr_inflight_wake(env, ticket >> 1);
}

static inline void dmr_inflight_end(struct dmr_env *env, struct dmr_bio *b)
{
	b->counted = false;
	dmr_inflight_out(env, b->ticket);
}

static inline struct dmr_bio *dmr_bio_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct dmr_bio));
}

static inline struct bio *dmr_req_bio(struct dmr_req *req)
{
	return dm_bio_from_per_bio_data(container_of(req, struct dmr_bio, req),
					sizeof(struct dmr_bio));
}

#endif
