/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: work in the background: is a device in use by others? From sysfs only.
 */
#ifndef DMREMAP_IDLE_H
#define DMREMAP_IDLE_H

#include "face/tool.h"

#include <sys/types.h>

struct idle {
	dev_t devno;
	u64 ios;	/* that had ended at the last look */
};

/**
 * idle_look() - what have the disks of a device done since the last look?
 * @w: the device; its first look may be any
 *
 * Of a partition, all of its disk counts; of a device that is made of others, their
 * disks. I/O of this program counts as well.
 *
 * Return: whether none has ended since then, and none is under way.
 */
bool idle_look(struct idle *w);

/* From now on, I/O of this program comes after that of all others. */
void idle_priority(void);

#endif
