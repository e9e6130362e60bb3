/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: copy a spare area to another one, of any size, through the store.
 */
#ifndef DMREMAP_COPY_H
#define DMREMAP_COPY_H

#include "area.h"

struct copy_result {
	u64 blocks;		/* copied */
	u64 lost;		/* sectors that could not be read */
};

/**
 * copy_area() - copy what is in use
 * @from: an area; nobody may write to it meanwhile
 * @to: where to; env_hold() must have been called for @layout
 * @start: of the new area on its device
 *
 * The copy has the UUID and the activation count of the original; it becomes the
 * one that counts by being activated. It is complete and durable on return, but for its superblocks, which are held back until
 * env_publish(): a crash leaves no second spare. Says nothing and touches no
 * file system: what it copies for may be the disk that all of them are on.
 *
 * Return: 0, -ENOSPC, -EIO, -ENOMEM or -EUCLEAN, with @why.
 */
int copy_area(struct area *from, struct dmr_env *to, u64 start,
	      u64 avail_blocks, u64 area_blocks, struct copy_result *result,
	      struct dmr_why *why);

/*
 * Do two areas hold the same blocks with the same data? Where and in which
 * slots does not matter. Return: 1, 0 or -errno.
 */
int areas_equal(const struct device *a, u64 a_start, const struct device *b,
		u64 b_start);

#endif
