// SPDX-License-Identifier: GPL-2.0-only
/*
 * structures: what it costs to learn that a block is not remapped, from what the
 * index has in front, and from what it could have instead:
 *
 *   filter      the index as it is: a Bloom filter in front of the hash table
 *   regions     a bitmap of the regions that have a remapped block, in front of it
 *   two-level   for each region, a sorted array of the remapped blocks in it
 *
 * and for 128 KiB (the blocks do not matter as they are then aligned to it):
 *
 *   regions-wide  the index as it is: the bitmap
 *   filter-wide   the filter alone: a word of it for every eight blocks
 *
 * Usage: structures <spare file> <main sectors> [<groups> [<structure>]]
 *
 * Prints "<structure> <ns>" for a spare made by mkspare. A lookup waits for the one
 * before it, as it waits in the kernel for the locked instructions of a bio's path;
 * what that takes is subtracted. The times are medians over groups of 256 lookups of
 * random blocks. With groups and a structure, for callgrind, nothing else is done.
 */
#include <string.h>

#include "measure.h"

/* Regions of 4096 blocks: a number within one has 16 bits in the array. */
#define REGION_SHIFT	12

struct two_level {
	u32 *start;	/* of each region's blocks in low; one more at the end */
	u16 *low;	/* the blocks, without the bits of the region */
};

static void *zalloc(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);

	if (!p)
		die("no memory", NULL);
	return p;
}

static void two_level_init(struct two_level *tl, const struct dmr_store *store,
			   unsigned int bits)
{
	u64 regions = 1ULL << (bits - REGION_SHIFT), word, i;
	u64 *blocks = zalloc(store->nr_live, sizeof(*blocks));
	u32 n = 0, slot;

	for (slot = 0; slot < dmr_store_slot_limit(store); slot++) {
		word = dmr_store_word(store, slot);
		if (dmr_word_state(word) == DMR_LIVE)
			blocks[n++] = dmr_word_block(word);
	}
	qsort(blocks, n, sizeof(*blocks), by_value);
	tl->start = zalloc(regions + 1, sizeof(*tl->start));
	tl->low = zalloc(n, sizeof(*tl->low));
	for (i = 0; i < n; i++) {
		tl->start[(blocks[i] >> REGION_SHIFT) + 1]++;
		tl->low[i] = blocks[i] & ((1 << REGION_SHIFT) - 1);
	}
	for (i = 0; i < regions; i++)
		tl->start[i + 1] += tl->start[i];
	free(blocks);
}

/* All of a region's blocks are in a cache line or two: no binary search. */
static bool two_level_find(const struct two_level *tl, u64 block)
{
	u32 i = tl->start[block >> REGION_SHIFT];
	u32 end = tl->start[(block >> REGION_SHIFT) + 1];
	u16 low = block & ((1 << REGION_SHIFT) - 1);
	bool found = false;

	for (; i < end; i++)
		found |= tl->low[i] == low;
	return found;
}

struct all {
	struct dmr_index ix;
	struct two_level tl;
};

#define LOOK_UP(name, expression)					\
static __attribute__((__noinline__)) u64				\
look_up_##name(const struct all *all, const u64 *block)			\
{									\
	u64 sum = 0, start = now_ns();					\
									\
	for (unsigned int i = 0; i < GROUP; i++) {			\
		sum += (expression);					\
		__sync_synchronize();					\
	}								\
	start = now_ns() - start;					\
	sink = sum + (all == NULL);					\
	return start;							\
}

static bool filter_find(const struct dmr_index *ix, u64 block)
{
	struct dmr_route route;

	dmr_index_route(ix, REQ_OP_READ, block << 3, 8, &route);
	return route.place != DMR_TO_MAIN;
}

static bool regions_find(const struct dmr_index *ix, u64 block)
{
	u64 word;

	return dmr_index_find(ix, block, &word) != DMR_NO_SLOT;
}

/* Blocks of a wide lookup. */
#define WIDE	32

static bool regions_wide(const struct dmr_index *ix, u64 block)
{
	struct dmr_route route;

	dmr_index_route(ix, REQ_OP_READ, block / WIDE * WIDE << 3, WIDE << 3, &route);
	return route.place != DMR_TO_MAIN || route.sectors < WIDE << 3;
}

static bool filter_wide(const struct dmr_index *ix, u64 block)
{
	const struct dmr_table *t = dmr_index_table(ix);
	u64 first = block / WIDE * WIDE, b, k, bits, word;

	for (b = first; b < first + WIDE; b += 8) {
		word = READ_ONCE(t->filter[dmr_filter_word(t, b)]);
		for (k = b; word && k < b + 8; k++) {
			bits = dmr_filter_bits(k);
			if ((word & bits) == bits && regions_find(ix, k))
				return true;
		}
	}
	return false;
}

LOOK_UP(nothing, block[i] & 1)
LOOK_UP(filter, filter_find(&all->ix, block[i]))
LOOK_UP(regions, regions_find(&all->ix, block[i]))
LOOK_UP(regions_wide, regions_wide(&all->ix, block[i]))
LOOK_UP(filter_wide, filter_wide(&all->ix, block[i]))
LOOK_UP(two_level, two_level_find(&all->tl, block[i]))

static const struct {
	const char *name;
	u64 (*look_up)(const struct all *all, const u64 *block);
} structures[] = {
	{ "filter", look_up_filter },
	{ "regions", look_up_regions },
	{ "two-level", look_up_two_level },
	{ "regions-wide", look_up_regions_wide },
	{ "filter-wide", look_up_filter_wide },
};

/* In ns for one lookup. */
static double median(const struct all *all, unsigned int s, unsigned int bits,
		     unsigned int groups)
{
	u64 block[GROUP], *t = zalloc(groups, sizeof(*t));
	double result;

	for (unsigned int k = 0; k < groups; k++) {
		for (unsigned int i = 0; i < GROUP; i++)
			block[i] = random64() & ((1ULL << bits) - 1);
		t[k] = structures[s].look_up(all, block) -
		       look_up_nothing(all, block);
	}
	qsort(t, groups, sizeof(*t), by_value);
	result = (double)(s64)t[groups / 2] / GROUP;
	free(t);
	return result;
}

int main(int argc, char **argv)
{
	static struct dmr_store store;
	static struct all all;
	struct dmr_env env;
	struct dmr_area area;
	unsigned int bits, groups, s;

	if (argc < 3)
		die("see the head of bench/structures.c", NULL);
	open_spare(&env, &area, argv[1], argv[2]);
	bits = block_bits(&area);
	groups = argc > 3 ? atoi(argv[3]) : 8001;
	activate(&store, &all.ix, &env, &area);
	two_level_init(&all.tl, &store, bits);
	for (s = 0; s < ARRAY_SIZE(structures); s++)
		if (argc < 5 || !strcmp(argv[4], structures[s].name))
			printf("%s %.2f\n", structures[s].name,
			       median(&all, s, bits, groups));
	return 0;
}
