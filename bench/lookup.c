// SPDX-License-Identifier: GPL-2.0-only
/*
 * lookup: what the index costs on this machine's processor, caches included:
 * the module's own code, built for userspace.
 *
 * Usage: lookup <spare file> <main sectors> scattered|clustered [<rounds>]
 *
 * Prints, for a spare made by mkspare:
 *
 *   <remaps> <activation, us> <ns, any block> <ns, a remapped block>
 *
 * A lookup is that of a 4 KiB read. The times are medians over groups of 256
 * lookups, less what the loop around them takes.
 */
#include "measure.h"
#include "pattern.h"

static __attribute__((__noinline__)) u64 look_up(const struct dmr_index *ix, const u64 *block)
{
	struct dmr_route route;
	u64 sum = 0, start = now_ns();

	for (unsigned int i = 0; i < GROUP; i++) {
		dmr_index_route(ix, REQ_OP_READ, block[i] << 3, 8, &route);
		sum += route.place;
	}
	start = now_ns() - start;
	sink = sum;
	return start;
}

static __attribute__((__noinline__)) u64 look_at_nothing(const u64 *block)
{
	u64 sum = 0, start = now_ns();

	for (unsigned int i = 0; i < GROUP; i++) {
		sum += block[i];
		sink = sum;
	}
	return now_ns() - start;
}

/* Median, in ns for one lookup. */
static double median(const struct dmr_index *ix, unsigned int bits, u64 n,
		     bool clustered, unsigned int rounds)
{
	u64 block[GROUP], *t = calloc(rounds, sizeof(*t)), r;
	double result;

	if (!t)
		die("no memory", NULL);
	for (unsigned int k = 0; k < rounds; k++) {
		for (unsigned int i = 0; i < GROUP; i++) {
			r = random64();
			block[i] = !n ? r & ((1ULL << bits) - 1) : clustered ?
				   pattern_clustered(r % n, bits) :
				   pattern_scattered(r % n, bits);
		}
		t[k] = look_up(ix, block) - look_at_nothing(block);
	}
	qsort(t, rounds, sizeof(*t), by_value);
	result = (double)(s64)t[rounds / 2] / GROUP;
	free(t);
	return result;
}

int main(int argc, char **argv)
{
	static struct dmr_store store;
	struct dmr_index ix;
	struct dmr_env env;
	struct dmr_area area;
	unsigned int bits, rounds;
	bool clustered;
	u64 us;

	if (argc < 4)
		die("see the head of bench/lookup.c", NULL);
	open_spare(&env, &area, argv[1], argv[2]);
	bits = block_bits(&area);
	clustered = argv[3][0] == 'c';
	rounds = argc > 4 ? atoi(argv[4]) : 4001;

	us = now_ns();
	activate(&store, &ix, &env, &area);
	us = (now_ns() - us) / 1000;
	if (!rounds) {
		printf("%u %llu\n", ix.count, us);
		return 0;
	}
	printf("%u %llu %.2f", ix.count, us,
	       median(&ix, bits, 0, clustered, rounds));
	printf(" %.2f\n", !ix.count ? 0 :
	       median(&ix, bits, ix.count, clustered, rounds));
	return 0;
}
