/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: from a file, through file system, partitions and device-mapper
 * layers, down to the sectors of a dm-remap device.
 */
#ifndef DMREMAP_LAYERS_H
#define DMREMAP_LAYERS_H

#include "face/tool.h"

/*
 * Called for each piece that arrives at the device: sectors @count from
 * @sector on are what lies @offset sectors behind the start that was asked for.
 */
typedef void (*piece_fn)(void *arg, u64 sector, u64 count, u64 offset);

/*
 * Follow a range of device @from down to device @to: through partitions, dm
 * tables (see targets.h), and md arrays of level raid1, raid0 and linear.
 * @obstacle: what leads there, but cannot be followed; else it is left as it is.
 */
void layers_down(dev_t from, dev_t to, u64 sector, u64 count, piece_fn fn,
		 void *arg, char *obstacle, size_t size);

/* Is @from made of @to, wholly or in part? */
bool layers_reach(dev_t from, dev_t to);

/* Does a file system of this kind not tell where its files are? Why, or NULL. */
const char *layers_mute(u32 magic);

/**
 * layers_file() - the same for each extent of a file
 * @fd: of an ordinary file
 * @fn: @offset is that in the file, in sectors
 *
 * Return: 0, or -errno if the file system does not tell.
 */
int layers_file(int fd, dev_t to, piece_fn fn, void *arg, char *obstacle,
		size_t size);

#endif
