// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap unit tests: where things are in a spare area.
 */
#include "ram-env.h"

static u8 *used;	/* what a block of the area is used for */
static u64 nr_used;

static void use(u64 block, u8 what)
{
	assert_true(block < nr_used);
	assert_int_equal(used[block], 0);
	used[block] = what;
}

/* Every block of the area has one use at the most; nothing is outside. */
static void check_layout(const struct dmr_layout *l)
{
	unsigned int copy, e;
	u64 t, slots = 0, idle = 0, i;
	u32 s;

	nr_used = l->area_blocks;
	used = calloc(1, nr_used);
	for (copy = 0; copy < DMR_NR_SUPERS; copy++)
		use(dmr_layout_super(l, copy), 1);
	for (t = 0; t < l->nr_tables; t++) {
		for (copy = 0; copy < DMR_NR_COPIES; copy++)
			use(dmr_layout_table(l, copy, t), 2);
		assert_true(dmr_layout_entries(l, t) <= DMR_TABLE_ENTRIES);
		slots += dmr_layout_entries(l, t);
		for (e = 0; e < dmr_layout_entries(l, t); e++)
			use(dmr_layout_slot(l, t * DMR_TABLE_ENTRIES + e), 3);
	}
	assert_int_equal(slots, l->nr_slots);
	for (i = 0; i < nr_used; i++)
		idle += !used[i];
	/* Other places for superblocks, and a table's worth in each segment. */
	assert_true(idle <= l->nr_segments * 5);
	/* The copies of a table block are far apart. */
	for (s = 0; s < l->nr_segments; s++)
		assert_true(l->seg[s].table[1] - l->seg[s].table[0] >=
			    l->seg[s].len / 2);
	free(used);
}

static void all_small_sizes(void **state)
{
	struct dmr_layout l;
	u64 len;

	(void)state;
	for (len = 0; len < DMR_MIN_AREA_BLOCKS; len++)
		assert_int_equal(dmr_layout_init(&l, len), -ENOSPC);
	for (; len < 2100; len++) {
		assert_int_equal(dmr_layout_init(&l, len), 0);
		assert_int_equal(l.area_blocks, len);
		assert_true(l.nr_slots > 0);
		check_layout(&l);
	}
}

static void random_sizes(void **state)
{
	struct dmr_layout l;
	u64 rng = 7;
	int i;

	(void)state;
	for (i = 0; i < 60; i++) {
		assert_int_equal(dmr_layout_init(&l, 16 + ram_random(&rng) % 200000),
				 0);
		check_layout(&l);
	}
}

static void table_runs(void **state)
{
	struct dmr_layout l;
	unsigned int copy;
	u64 t, i;

	(void)state;
	assert_int_equal(dmr_layout_init(&l, 5000), 0);
	assert_int_equal(dmr_layout_add(&l, 9000), 0);
	for (t = 0; t < l.nr_tables; t++) {
		assert_true(dmr_layout_run(&l, t) >= 1);
		assert_true(t + dmr_layout_run(&l, t) <= l.nr_tables);
		for (copy = 0; copy < DMR_NR_COPIES; copy++)
			for (i = 0; i < dmr_layout_run(&l, t); i++)
				assert_int_equal(dmr_layout_table(&l, copy, t + i),
						 dmr_layout_table(&l, copy, t) + i);
	}
}

static void grown_areas(void **state)
{
	u64 rng = 3, len, slot[3], table[3];
	struct dmr_layout l;
	int i, k;

	(void)state;
	for (i = 0; i < 300; i++) {
		len = 16 + ram_random(&rng) % 1500;
		assert_int_equal(dmr_layout_init(&l, len), 0);
		while (l.nr_segments < DMR_MAX_SEGMENTS) {
			/* What was there before stays where it is. */
			slot[0] = dmr_layout_slot(&l, 0);
			slot[1] = dmr_layout_slot(&l, l.seg[0].nr_slots / 2);
			slot[2] = dmr_layout_super(&l, 1);
			for (k = 0; k < 2; k++)
				table[k] = dmr_layout_table(&l, k, l.nr_tables - 1);
			assert_int_equal(dmr_layout_add(&l, len + 15), -ENOSPC);
			assert_int_equal(l.area_blocks, len);
			table[2] = l.nr_tables - 1;
			len += 16 + ram_random(&rng) % 600;
			assert_int_equal(dmr_layout_add(&l, len), 0);
			assert_int_equal(l.area_blocks, len);
			assert_int_equal(dmr_layout_super(&l, 2), len - 1);
			assert_int_equal(slot[0], dmr_layout_slot(&l, 0));
			assert_int_equal(slot[1],
					 dmr_layout_slot(&l, l.seg[0].nr_slots / 2));
			assert_int_equal(slot[2], dmr_layout_super(&l, 1));
			for (k = 0; k < 2; k++)
				assert_int_equal(table[k],
						 dmr_layout_table(&l, k, table[2]));
			if (i % 8 == 0)
				check_layout(&l);
		}
		assert_int_equal(dmr_layout_add(&l, len + 1000), -E2BIG);
		check_layout(&l);
	}
}

static void huge_sizes(void **state)
{
	const u64 max_len = (u64)DMR_VIRTUAL_SLOT * 254 / 252;
	struct dmr_layout l;
	u64 len, last;

	(void)state;
	for (len = max_len - 2000; len < max_len + 2000; len++) {
		if (dmr_layout_init(&l, len)) {
			assert_true(len > max_len - 600);
			continue;
		}
		assert_true(l.nr_tables * DMR_TABLE_ENTRIES < DMR_VIRTUAL_SLOT);
		last = l.nr_tables - 1;
		assert_true(dmr_layout_entries(&l, last) >= 1);
		assert_true(dmr_layout_slot(&l, last * DMR_TABLE_ENTRIES +
					    dmr_layout_entries(&l, last) - 1) <
			    len - 1);
		assert_true(dmr_layout_table(&l, 1, last) < l.seg[0].run[1]);
	}
	assert_int_equal(dmr_layout_init(&l, max_len * 2), -EFBIG);
	assert_int_equal(dmr_layout_init(&l, 1ULL << 52), -EFBIG);
	assert_int_equal(dmr_layout_init(&l, 1ULL << 53), -EFBIG);
	assert_int_equal(dmr_layout_init(&l, U64_MAX), -EFBIG);
	/* A 1 TiB spare. */
	assert_int_equal(dmr_layout_init(&l, 1ULL << 28), 0);
	assert_true(l.nr_tables < (1ULL << 20) + 20000);
	/* Growth must not pass the limit, either. */
	assert_int_equal(dmr_layout_add(&l, max_len + 4096), -EFBIG);
	assert_int_equal(l.area_blocks, 1ULL << 28);
	assert_int_equal(l.nr_segments, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_small_sizes),
		cmocka_unit_test(random_sizes),
		cmocka_unit_test(table_runs),
		cmocka_unit_test(grown_areas),
		cmocka_unit_test(huge_sizes),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
