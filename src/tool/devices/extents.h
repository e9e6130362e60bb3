/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: which sectors of a device belong to what is on it: partitions and their
 * tables, file systems, physical volumes, members of arrays.
 */
#ifndef DMREMAP_EXTENTS_H
#define DMREMAP_EXTENTS_H

#include "device.h"

#define MAX_EXTENTS	256

enum extent_kind {
	EXTENT_CONTENT,		/* a file system, a member of something, ... */
	EXTENT_TABLE,		/* of partitions */
	EXTENT_PARTITION,
};

struct extent {
	enum extent_kind kind;
	u64 start, len;		/* sectors of the device */
	char what[120];		/* "the ext4 file system" */
};

struct extents {
	struct extent e[MAX_EXTENTS];
	int nr;
};

/*
 * All that libblkid finds. What does not say how long it is reaches to the end of the
 * device. Return: 0 or -errno.
 */
int extents_of(const struct device *d, struct extents *x);

/* The first one that a range overlaps, or NULL. */
const struct extent *extents_find(const struct extents *x, u64 start, u64 len);

#endif
