/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: copy a spare area to another one, of any size, through the store.
 *
 * The copy is made in passes: the first takes everything, and each later one
 * what has changed since, so that only the last one needs the device suspended.
 */
#ifndef DMREMAP_COPY_H
#define DMREMAP_COPY_H

#include "spare/area.h"
#include "lists/ranges.h"

/* What was made of a slot of the original. */
struct taken {
	u64 word;		/* as it was then; 0: nothing */
	u32 to;			/* slot of the copy */
	u32 pass;
	u8 lost;		/* sectors that could not be read */
};

struct copier {
	struct dmr_env *to;
	struct dmr_store *store;	/* of the copy */
	struct dmr_why *why;
	struct taken *taken;
	u32 nr_taken;
	u32 pass;
	u8 *buf;
	u64 blocks;		/* copied, in all passes */
};

/**
 * copy_begin() - prepare an area that is to become a copy
 * @old: superblock of the original
 * @to: where to; env_hold() must have been called for its layout
 * @start: of the new area on its device
 *
 * The superblocks are held back until env_publish(): a crash leaves no second
 * spare. No function here says anything or touches a file system: what it copies
 * for may be the disk that all of them are on.
 *
 * Return: 0, -ENOSPC, -EIO or -ENOMEM, with @why. copy_exit() in any case.
 */
int copy_begin(struct copier *c, const struct dmr_super *old,
	       struct dmr_env *to, u64 start, u64 avail_blocks,
	       u64 area_blocks, struct dmr_why *why);

/**
 * copy_pass() - take what is new
 * @from: the original, loaded just now
 * @written: parts of the original, in sectors of the area, that were written to
 *	     since the last pass began; NULL: nothing is known of it
 * @again: try what could not be read once more
 * @p: progress, and a signal may interrupt; NULL: neither
 *
 * The copy equals the original if that did not change during the pass.
 *
 * Return: 0, -EINTR, -ENOSPC, -EIO or -ENOMEM, with @why.
 */
int copy_pass(struct copier *c, struct area *from,
	      const struct ranges *written, bool again, struct progress *p);

/*
 * Complete it: with the activation count of the original, so that the copy becomes
 * the one that counts by being activated. Return: 0 or -EIO.
 */
int copy_end(struct copier *c, const struct dmr_super *old);

/* Sectors of the copy that are lost since they could not be read. */
u64 copy_lost(const struct copier *c);
void copy_exit(struct copier *c);

/*
 * Do two areas hold the same blocks with the same data? Where and in which
 * slots does not matter. Return: 1, 0 or -errno.
 */
int areas_equal(const struct device *a, u64 a_start, const struct device *b,
		u64 b_start);

#endif
