/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: the blocks of an open device, asked from the kernel.
 */
#ifndef DMREMAP_BLOCKS_H
#define DMREMAP_BLOCKS_H

#include "dm.h"
#include "kstat.h"
#include "lists/ranges.h"

/* All blocks that are not healthy, by sector. RC_OK or a message. */
int blocks_list(const char *name, struct kblocks *b);
/* Those that overlap sectors @start to @start + @count - 1. */
int blocks_range(const char *name, u64 start, u64 count, struct kblocks *b);
int blocks_status(const char *name, struct kstat *k);

/*
 * pair_lock() of an open device. @work: the command; "retest --idle", which waits for
 * long, excludes only itself.
 */
int blocks_lock(const struct remap *m, const struct kstat *k, const char *work);

/* "remapped", "known bad", or how much of it is what. */
const char *block_state(const struct kblock *b);

struct tally {
	u64 done, skipped, failed;
};

/*
 * Sends "<message> <start> <count>", and adds what came of it. RC_OK or a message.
 */
int blocks_act_once(const char *name, const char *message, u64 start,
		    u64 count, struct tally *t);
/*
 * The same for all of @rs, piece by piece, with progress. Each piece is a commit or
 * more: ranges should be tidy.
 */
int blocks_act(const char *name, const char *message, const struct ranges *rs,
	       struct tally *t);
/* Adds the sectors of @b to @rs, and tidies it. */
void blocks_ranges(const struct kblocks *b, struct ranges *rs);

/* A RANGE argument, or all of the device without one. Checks it, too. */
int range_arg(const struct remap *m, const char *arg, u64 *start, u64 *count);

#endif
