/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap unit tests: a world of one spare device in memory, whose every I/O
 * can be made to fail. Without caches: what the simulator is for.
 */
#ifndef RAM_ENV_H
#define RAM_ENV_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "dm-remap-store-io.h"

#define RAM_MAX_LOG	256U

struct dmr_env {
	u8 *disk;
	u64 blocks;
	u64 rng;

	/* What to do with an I/O; NULL: carry it out. */
	blk_status_t (*fault)(struct dmr_env *env, const struct dmr_io *io);
	u64 fault_block;	/* for those below */
	unsigned int fault_count;
	int cut;		/* so many writes reach the disk; -1: all */
	u8 tear;		/* of the first that does not: these sectors do */

	unsigned int reads, writes, syncs, flushes;
	u32 flush_errors;
	unsigned int max_at_once;	/* writes handed over together */
	struct dmr_io log[RAM_MAX_LOG];	/* the first writes */
	char last_log[300];
};

struct dmr_env *ram_new(u64 blocks);
void ram_free(struct dmr_env *env);
void ram_reset_counts(struct dmr_env *env);
void *ram_block(struct dmr_env *env, u64 block);

/* Faults: of reads or writes that touch fault_block, the first fault_count. */
blk_status_t ram_fail_reads(struct dmr_env *env, const struct dmr_io *io);
blk_status_t ram_fail_writes(struct dmr_env *env, const struct dmr_io *io);
blk_status_t ram_fail_flush(struct dmr_env *env, const struct dmr_io *io);
blk_status_t ram_fail_block(struct dmr_env *env, const struct dmr_io *io);
blk_status_t ram_fail_all(struct dmr_env *env, const struct dmr_io *io);

/* Allocations: the first so many succeed, the others do not. */
void ram_allow_allocs(unsigned int n);
/* Since then, one of them would have waited for memory. */
extern bool ram_waited;
void ram_allow_all_allocs(void);

u64 ram_random(u64 *state);

#endif
