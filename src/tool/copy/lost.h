/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: a new spare in place of one that is gone, from what the kernel remembers of
 * it: which sectors were there. Their data is lost, and must not read as the old data of
 * the main device.
 */
#ifndef DMREMAP_LOST_H
#define DMREMAP_LOST_H

#include "copy.h"
#include "devices/kstat.h"

/*
 * The superblock of the spare that is gone, as far as the kernel told it: @reply is its
 * answer to "status". Return: 0 or -EINVAL.
 */
int lost_super(struct dmr_super *sb, const struct kstat *k, const char *reply);

/*
 * After copy_begin(): enter all of @b, with every sector that was on the spare as lost.
 * Return: their number, or -ENOSPC, -EIO with c->why.
 */
long lost_enter(struct copier *c, const struct kblocks *b);

#endif
