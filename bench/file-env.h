/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the store needs of the world, on a file or device that is the spare. For
 * the programs of the benchmark: nothing is flushed, nothing is logged.
 */
#ifndef BENCH_FILE_ENV_H
#define BENCH_FILE_ENV_H

#include "dm-remap-index.h"

struct dmr_env {
	int fd;
};

void die(const char *what, const struct dmr_why *why);
/* Open a spare for a main device of so many sectors. */
void open_spare(struct dmr_env *env, struct dmr_area *area, const char *path,
		const char *main_sectors);
/* Bits of a block number of that main device, see pattern.h. */
unsigned int block_bits(const struct dmr_area *area);
/* Load a spare and fill an index from it, as dmr_engine_activate() does. */
void activate(struct dmr_store *store, struct dmr_index *ix,
	      struct dmr_env *env, const struct dmr_area *area);

#endif
