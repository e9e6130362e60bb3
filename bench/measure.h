/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the programs of the benchmark that time lookups in an index.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <time.h>

#include "file-env.h"

/* Lookups between two looks at the clock. */
#define GROUP	256

/* Not even the compiler may know that nothing comes of it. */
static volatile u64 sink;

static inline u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static inline u64 random64(void)
{
	static u64 random = 88172645463325252ULL;

	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	return random;
}

static inline int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* As dmr_engine_activate() does it. */
static inline void activate(struct dmr_store *store, struct dmr_index *ix,
			    struct dmr_env *env, const struct dmr_area *area)
{
	static struct dmr_super sb;
	struct dmr_why why = { "" };
	u64 word, other;
	u32 slot;

	if (dmr_store_probe(env, area, &sb, &why))
		die("probe", &why);
	if (dmr_store_load(store, env, &sb, false, &why))
		die("load", &why);
	if (dmr_index_init(ix, store, area->main_sectors >> 3) ||
	    dmr_index_reserve(ix, store->nr_live))
		die("no memory", NULL);
	for (slot = 0; slot < dmr_store_slot_limit(store); slot++) {
		word = dmr_store_word(store, slot);
		if (dmr_word_state(word) != DMR_LIVE)
			continue;
		if (dmr_index_find(ix, dmr_word_block(word), &other) !=
		    DMR_NO_SLOT)
			die("a block twice", NULL);
		dmr_index_insert(ix, dmr_word_block(word), slot);
	}
}

#endif
