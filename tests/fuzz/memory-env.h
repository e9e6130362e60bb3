/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap fuzzers: two disks in memory.
 */
#ifndef MEMORY_ENV_H
#define MEMORY_ENV_H

#include "dm-remap-engine.h"

#define SPARE_BLOCKS	64
#define MAIN_SECTORS	509
#define CHECK(x)	do { if (!(x)) abort(); } while (0)

struct memory {
	u8 spare[SPARE_BLOCKS * 4096];
	u8 main[(MAIN_SECTORS + 8) * 512];
	u64 bad_first, bad_last;	/* sectors of main that fail writes */
	bool locked;			/* the engine's mutex is taken */
	struct dmr_engine *engine;
};

extern struct memory memory;

/* Settle one request of a caller, whatever that takes. */
void memory_run(struct dmr_engine *e, struct dmr_req *req);

#endif
