/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: what format, store, index and engine need of the world.
 *
 * The four rooms are built unchanged for the kernel and for userspace. They
 * speak the kernel's own language (types, lists, READ_ONCE, RCU, GFP flags);
 * userspace has a shim for it. Whatever touches a device, the clock or a
 * caller goes through the functions below, which the kernel module, the tool
 * and the simulator each implement in their own way.
 */
#ifndef DM_REMAP_ENV_H
#define DM_REMAP_ENV_H

#ifdef __KERNEL__
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/blk_types.h>
#include <linux/crc32c.h>
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/vmalloc.h>
#else
#include "kernel-shim.h"
#endif

struct dmr_env;
struct dmr_exam;

enum dmr_dev {
	DMR_MAIN,	/* sectors count from the start of the main device */
	DMR_SPARE,	/* sectors count from the start of the spare area */
};

/* Why the engine was given a request. */
enum dmr_from {
	DMR_FROM_MAIN,	/* the main device failed it */
	DMR_FROM_SLOT,	/* the spare device failed it */
	DMR_FROM_MAP,	/* it could not be mapped without the engine */
};

/**
 * struct dmr_req - one I/O of a caller that the engine has to settle
 * @list: for the queues; the engine may use it until it completes the request
 * @sector: first sector on the main device
 * @sectors: length; never 0
 * @done: sectors from the start that are settled; 0 when the request is new
 * @op: REQ_OP_READ, REQ_OP_WRITE or REQ_OP_WRITE_ZEROES
 * @from: who could not serve it
 * @fua: a write must be durable when it completes
 * @slow: main took DMR_SLOW_MS or longer to fail it
 * @staged: the engine's: acknowledge only after the commit
 * @error: the error to hand on if the request cannot be saved
 * @status: the engine's: how it is going to end
 * @flush_errors: dmr_env_flush_errors() of main when the write was sent there first
 * @exam: the engine's: the examination that the request is in, or NULL
 */
struct dmr_req {
	struct list_head list;
	u64 sector;
	u32 sectors;
	u32 done;
	enum req_op op;
	u8 from;
	bool fua;
	bool slow;
	bool staged;
	blk_status_t error;
	blk_status_t status;
	u32 flush_errors;
	struct dmr_exam *exam;
};

/*
 * For memory that a failed write may wait for, or that is taken under the engine's mutex:
 * rather none than wait. A page is never refused without __GFP_NORETRY, and whoever
 * could free one may be waiting for this very write, which is one to swap.
 */
#define DMR_GFP_TRY	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

/* An error that takes as long as this (milliseconds) is a slow one. */
#define DMR_SLOW_MS	200

/**
 * struct dmr_io - one read or write that the engine or the store makes
 * @dev: which device
 * @opf: REQ_OP_READ or REQ_OP_WRITE, with REQ_PREFLUSH and REQ_FUA
 * @sector: first sector, see enum dmr_dev
 * @sectors: length
 * @req_sector: ... from this sector of it on. Zeroes for a write-zeroes.
 * @req: if @buf is NULL: the data is that of this request ...
 * @buf: memory for the data, or NULL
 * @waiter: for dmr_env_io() itself
 * @started: for dmr_env_io() itself
 * @ms: result: how long it took, in milliseconds
 * @status: result
 */
struct dmr_io {
	enum dmr_dev dev;
	blk_opf_t opf;
	u64 sector;
	u32 sectors;
	u32 req_sector;
	struct dmr_req *req;
	void *buf;
	void *waiter;
	u64 started;		/* for dmr_env_io() itself */
	u32 ms;
	blk_status_t status;
};

/**
 * dmr_env_io() - run I/Os and wait for all of them
 * @env: the device's environment
 * @ios: the I/Os
 * @nr: how many
 *
 * They may be carried out at once and in any order. A write is durable on
 * return if it has REQ_FUA; if the device has no FUA of its own, the writes are
 * followed by a flush, whose failure is theirs, as is that of any other flush since
 * they began: see dmr_env_flush(). Never fails as such: look at each @status.
 * Context: may sleep. Makes progress under memory pressure.
 */
void dmr_env_io(struct dmr_env *env, struct dmr_io *ios, unsigned int nr);

/**
 * dmr_env_flush() - make all completed writes to a device durable
 * @env: the device's environment
 * @dev: which device
 *
 * If it fails, any of what was not durable yet may be lost, also if the next flush
 * succeeds: what was written must be written again, or taken for lost. It may be
 * what callers wrote, so their next flush of the device fails, too: dmr_env_owe().
 * Context: may sleep.
 * Return: BLK_STS_OK, or what the device said.
 */
blk_status_t dmr_env_flush(struct dmr_env *env, enum dmr_dev dev);

/*
 * The same, for a caller who is told the result: that of an earlier flush, if one is
 * owed. @errors: dmr_env_flush_errors() before his write was sent. If one has failed
 * since, it may have lost the write.
 */
blk_status_t dmr_env_flush_for_caller(struct dmr_env *env, enum dmr_dev dev,
				      u32 errors);

/**
 * dmr_env_flush_errors() - how many flushes of a device have failed, wrapping around
 * @env: the device's environment
 * @dev: which device
 *
 * Those of callers, too. A flush makes durable what was written before it only if
 * none has failed since then.
 * Context: any.
 * Return: the number.
 */
u32 dmr_env_flush_errors(struct dmr_env *env, enum dmr_dev dev);

/**
 * dmr_env_owe() - let the next flush of a caller fail, once for each device
 * @env: the device's environment
 * @dev: which device
 *
 * For the failure of a flush that no caller asked for. Context: any.
 */
void dmr_env_owe(struct dmr_env *env, enum dmr_dev dev);

/*
 * Is a FUA write to the device a write and a flush, since the device has a
 * volatile cache and no FUA of its own? Then callers' FUA writes reach the engine
 * as writes alone, and whoever acknowledges them flushes. Context: any.
 */
bool dmr_env_fua_is_flush(struct dmr_env *env, enum dmr_dev dev);

/**
 * dmr_env_lock() - take the engine's mutex; see dm-remap-engine.h
 * @env: the device's environment
 *
 * Context: may sleep, as long as I/O to the spare takes.
 */
void dmr_env_lock(struct dmr_env *env);
void dmr_env_unlock(struct dmr_env *env);
/* Is it taken? For lockdep: true if that is not known. */
bool dmr_env_locked(struct dmr_env *env);

/*
 * Only one at a time is between these two. For all I/O to main while its errors are
 * quick: what adjoins and is in flight together may be merged below, and fails together.
 * Taken before all others. Context: may sleep, as long as one window of retries takes.
 */
void dmr_env_retry_lock(struct dmr_env *env);
void dmr_env_retry_unlock(struct dmr_env *env);

/**
 * dmr_env_main_begin() - count a write to main in, before the lookup that
 * sends it there
 * @env: the device's environment
 *
 * From here to dmr_env_main_end() the write is one that dmr_env_drain() waits
 * for. The engine's mutex may be taken in between.
 * Return: a ticket for dmr_env_main_end().
 */
unsigned int dmr_env_main_begin(struct dmr_env *env);
void dmr_env_main_end(struct dmr_env *env, unsigned int ticket);

/**
 * dmr_env_drain() - wait for I/O that was mapped earlier
 * @env: the device's environment
 * @dev: DMR_MAIN for writes to the main device, DMR_SPARE for I/O to slots
 *
 * On return all such I/O has ended (or was handed to the engine) that was
 * mapped by a lookup which began before the call; and nobody still uses what
 * such a lookup returned.
 * Context: may sleep, for DMR_MAIN as long as main does: not under the
 * engine's mutex. Never between dmr_env_main_begin() and dmr_env_main_end().
 */
void dmr_env_drain(struct dmr_env *env, enum dmr_dev dev);

/* Wait for lookups in progress (an RCU grace period). May sleep. */
void dmr_env_synchronize(struct dmr_env *env);

/**
 * dmr_env_fill() - copy data into a read request that the engine holds
 * @env: the device's environment
 * @req: the request
 * @req_sector: where in the request, in sectors
 * @buf: the data
 * @sectors: how many sectors
 */
void dmr_env_fill(struct dmr_env *env, struct dmr_req *req, u32 req_sector,
		  const void *buf, u32 sectors);

/**
 * dmr_env_complete() - end a request; it no longer exists on return
 * @env: the device's environment
 * @req: the request
 * @status: how it ends
 */
void dmr_env_complete(struct dmr_env *env, struct dmr_req *req,
		      blk_status_t status);

/**
 * dmr_env_examine() - let dmr_engine_examine() be called for a request
 * @env: the device's environment
 * @req: the request
 *
 * In its own context, at once or when one of the examinations under way has
 * ended; in order of arrival. Context: any.
 */
void dmr_env_examine(struct dmr_env *env, struct dmr_req *req);

/**
 * dmr_env_settle() - give dmr_engine_run() what an examination has found
 * @env: the device's environment
 * @exam: the examination
 *
 * Waits for dmr_env_settled(). Context: not under the engine's mutex.
 */
void dmr_env_settle(struct dmr_env *env, struct dmr_exam *exam);
/* The examination may go on. Under the engine's mutex. */
void dmr_env_settled(struct dmr_env *env, struct dmr_exam *exam);

/*
 * The device is being suspended: whoever waits for main or for the
 * administrator should come to an end. Any context.
 */
bool dmr_env_stopping(struct dmr_env *env);

/* Does the system still have the device at all (not: does it work)? */
bool dmr_env_present(struct dmr_env *env, enum dmr_dev dev);

/**
 * dmr_env_last_good() - a sector of the main device that worked lately
 * @env: the device's environment
 * @sector: result
 *
 * Return: false if there is none yet.
 */
bool dmr_env_last_good(struct dmr_env *env, u64 *sector);

/* Seconds on a clock that only moves forward, from any origin. */
u64 dmr_env_seconds(struct dmr_env *env);

/* Tell those who wait for events that something changed. Rate-limited. */
void dmr_env_event(struct dmr_env *env);

enum dmr_log_level { DMR_LOG_ERR, DMR_LOG_WARN, DMR_LOG_INFO };

/* Say something to the administrator; rate-limited below DMR_LOG_ERR. */
__printf(3, 4)
void dmr_env_log(struct dmr_env *env, enum dmr_log_level level,
		 const char *fmt, ...);

/* Fill @buf with random bytes, for a UUID. */
void dmr_env_random(struct dmr_env *env, void *buf, size_t size);

#endif
