/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which blocks of a main device of 2^bits blocks the benchmarks remap: the i-th
 * one, for mkspare, which makes the remaps, and bio-loop, which looks for them.
 */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#define PATTERN_CLUSTER_BITS	10
#define PATTERN_CLUSTER		1000	/* of 2^10 blocks, so many are bad */

/* Each step is a bijection of the numbers below 2^bits. */
static inline unsigned long long pattern_scattered(unsigned long long i,
						   unsigned int bits)
{
	unsigned long long mask = (1ULL << bits) - 1;
	unsigned int round;

	for (round = 0; round < 3; round++) {
		i = i * 0x9e3779b97f4a7c15ULL & mask;
		i ^= i >> (bits / 2);
		i = i * 0xd1b54a32d192ed03ULL & mask;
		i ^= i >> (bits / 2 + 1);
	}
	return i;
}

static inline unsigned long long pattern_clustered(unsigned long long i,
						   unsigned int bits)
{
	return pattern_scattered(i / PATTERN_CLUSTER,
				 bits - PATTERN_CLUSTER_BITS) <<
	       PATTERN_CLUSTER_BITS | i % PATTERN_CLUSTER;
}

#endif
