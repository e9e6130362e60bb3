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

#endif
