/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: from a file, through file system, partitions and device-mapper
 * layers, down to the sectors of a dm-remap device.
 */
#ifndef DMREMAP_LAYERS_H
#define DMREMAP_LAYERS_H

#include "tool.h"

/*
 * Called for each piece that arrives at the device: sectors @count from
 * @sector on are what lies @offset sectors behind the start that was asked for.
 */
typedef void (*piece_fn)(void *arg, u64 sector, u64 count, u64 offset);

/**
 * layers_down() - follow a range of device @from down to device @to
 * @obstacle: result: a layer that cannot be followed, or ""
 *
 * Return: true if all of the range arrived at @to.
 */
bool layers_down(dev_t from, dev_t to, u64 sector, u64 count, piece_fn fn,
		 void *arg, char *obstacle, size_t size);

/* Is @from made of @to, wholly or in part? */
bool layers_reach(dev_t from, dev_t to);

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
