/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: the partitions of a mapped device, as /dev/mapper/NAME-partN: what kpartx
 * does for multipath, with the same names and UUIDs.
 */
#ifndef DMREMAP_PARTS_H
#define DMREMAP_PARTS_H

#include "dm.h"

/* Map the partitions of an open device that are not mapped yet. RC_OK or a message. */
int parts_up(const char *name);

/* How many are mapped. */
int parts_count(const struct remap *m);

/* RC_REFUSED with a message if one is in use. */
int parts_busy(const struct remap *m);

/* Remove their mappings. */
int parts_down(const struct remap *m);

/* Of a disk: how many partitions there are, in a table of which type; 0 if none. */
int parts_of(const char *path, char *type, size_t size);

#endif
