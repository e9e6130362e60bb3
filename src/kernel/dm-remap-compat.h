/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: all that differs between kernels.
 *
 * The source is written for the newest kernel. What an older one lacks is found
 * out at build time, by compiling probes/NAME.c, and made good here.
 */
#ifndef DM_REMAP_COMPAT_H
#define DM_REMAP_COMPAT_H

#include "dm-remap-probes.h"

#ifndef HAVE_BLK_OPEN_WRITE	/* before 6.5 */
#define BLK_OPEN_WRITE	FMODE_WRITE
#endif

/* prepare_ioctl() has been given the command in 6.16. */
#ifdef HAVE_PREPARE_IOCTL_CMD
#define DMR_PREPARE_IOCTL_ARGS	struct dm_target *ti, \
				struct block_device **bdev, \
				unsigned int cmd, unsigned long arg, \
				bool *forward
#else
#define DMR_PREPARE_IOCTL_ARGS	struct dm_target *ti, \
				struct block_device **bdev
#endif

#endif
