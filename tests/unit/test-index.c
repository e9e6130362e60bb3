// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap unit tests: the index, against a naive model.
 */
#include "spare.h"
#include "dm-remap-index.h"

#define BLOCKS	(MAIN_SECTORS / 8 + 1)

static u32 slot_of[BLOCKS];	/* the model: slot + 1, or 0 */

static void new_index(struct spare *s, struct dmr_index *ix, u64 spare_blocks)
{
	spare_new(s, spare_blocks);
	while (s->store.sb.hwm < s->store.sb.layout.nr_tables)
		assert_int_equal(dmr_store_extend(&s->store), 0);
	assert_int_equal(dmr_index_init(ix, &s->store, BLOCKS), 0);
	memset(slot_of, 0, sizeof(slot_of));
}

static void put(struct spare *s, struct dmr_index *ix, u64 block, u32 slot)
{
	dmr_store_set(&s->store, slot, dmr_word(block, DMR_LIVE, 0xff, 0, 0));
	dmr_index_insert(ix, block, slot);
	slot_of[block] = slot + 1;
}

static void drop(struct spare *s, struct dmr_index *ix, u64 block)
{
	u32 slot = slot_of[block] - 1;

	dmr_store_set(&s->store, slot, 0);
	dmr_index_remove(ix, block, slot);
	slot_of[block] = 0;
}

static void check_block(struct dmr_index *ix, u64 block)
{
	struct dmr_route r;
	u64 word;
	u32 slot = dmr_index_find(ix, block, &word);

	assert_int_equal(slot, slot_of[block] ? slot_of[block] - 1 :
			 DMR_NO_SLOT);
	if (slot != DMR_NO_SLOT)
		assert_int_equal(dmr_word_block(word), block);
	/* Nor does what comes before the search miss it. */
	dmr_index_route(ix, REQ_OP_DISCARD, block * 8, 8, &r);
	assert_int_equal(r.place, slot == DMR_NO_SLOT ? DMR_TO_MAIN :
			 DMR_IS_SPECIAL);
}

/* Insert, move, remove, look up: 100 000 times, runs of blocks and single ones. */
static void against_a_model(void **state)
{
	u32 count = 0, i;
	struct dmr_index ix;
	struct spare s;
	u64 rng = 4, block;
	u32 slot;

	(void)state;
	new_index(&s, &ix, 30000);
	for (i = 0; i < 100000; i++) {
		block = ram_random(&rng) % 4 ? ram_random(&rng) % 3000 :
			ram_random(&rng) % BLOCKS;
		switch (ram_random(&rng) % 4) {
		case 0:
		case 1:
			slot = dmr_store_alloc(&s.store);
			if (slot == DMR_NO_SLOT)
				break;
			assert_int_equal(dmr_index_reserve(&ix, 1), 0);
			if (slot_of[block]) {
				u32 old = slot_of[block] - 1;

				put(&s, &ix, block, slot);
				dmr_store_set(&s.store, old, 0);
			} else {
				put(&s, &ix, block, slot);
				count++;
			}
			break;
		case 2:
			if (slot_of[block]) {
				drop(&s, &ix, block);
				count--;
			}
			break;
		}
		check_block(&ix, block);
		check_block(&ix, ram_random(&rng) % BLOCKS);
		assert_int_equal(ix.count, count);
	}
	for (block = 0; block < BLOCKS; block++)
		check_block(&ix, block);
	assert_true(count > 1000);
	dmr_index_exit(&ix);
	spare_free(&s);
}

/* As many as the spare holds; the table grows with a bounded cost. */
static void growth_and_memory(void **state)
{
	struct dmr_index ix;
	struct spare s;
	u32 n, slot;

	(void)state;
	new_index(&s, &ix, 60000);
	for (n = 0; n < 50000; n++) {
		slot = dmr_store_alloc(&s.store);
		assert_int_equal(dmr_index_reserve(&ix, 1), 0);
		put(&s, &ix, n * 2, slot);
	}
	for (n = 0; n < BLOCKS; n++)
		check_block(&ix, n);
	/* 4 bytes a bucket, no more than two and a half buckets to an entry. */
	assert_true(ix.table->nr_buckets <= 50000 * 5 / 2);
	assert_int_equal(sizeof(ix.table->bucket[0]), 4);
	/* Remove and insert for ever: removed buckets do not pile up. */
	for (n = 0; n < 200000; n++) {
		slot = slot_of[(n % 50000) * 2] - 1;
		drop(&s, &ix, (n % 50000) * 2);
		assert_int_equal(dmr_index_reserve(&ix, 1), 0);
		put(&s, &ix, (n % 50000) * 2, slot);
	}
	assert_true(ix.table->nr_buckets <= 50000 * 5);
	assert_int_equal(ix.count, 50000);
	dmr_index_exit(&ix);
	spare_free(&s);
}

/* Blocks that all want the same buckets. */
static void collisions(void **state)
{
	struct dmr_index ix;
	struct spare s;
	u64 block, b[500];
	u32 n = 0, at, i;

	(void)state;
	new_index(&s, &ix, 3000);
	for (block = 0; block < BLOCKS && n < 500; block += 8) {
		at = ((block >> 3) * GOLDEN_RATIO_64 >> 32) * 1024 >> 32;
		if (at > 40 && at < 1000)
			continue;
		b[n++] = block;
		put(&s, &ix, block, dmr_store_alloc(&s.store));
	}
	assert_int_equal(ix.table->nr_buckets, 1024);
	for (i = 0; i < n; i++)
		check_block(&ix, b[i]);
	for (i = 0; i < n; i += 2)
		drop(&s, &ix, b[i]);
	for (i = 0; i < n; i++)
		check_block(&ix, b[i]);
	dmr_index_exit(&ix);
	spare_free(&s);
}

/* Without memory it gets slower, and then says so; it never spins for ever. */
static void without_memory(void **state)
{
	struct dmr_index ix;
	struct spare s;
	u32 n;

	(void)state;
	new_index(&s, &ix, 6000);
	ram_allow_allocs(0);
	for (n = 0; n < 5000; n++) {
		if (dmr_index_reserve(&ix, 1))
			break;
		put(&s, &ix, n, dmr_store_alloc(&s.store));
	}
	assert_int_equal(n, 1023);
	check_block(&ix, 0);
	check_block(&ix, 5000);
	ram_allow_all_allocs();
	assert_int_equal(dmr_index_reserve(&ix, 1), 0);
	for (n = 0; n < 1024; n++)
		check_block(&ix, n);
	ram_allow_allocs(1);
	dmr_index_exit(&ix);
	assert_int_equal(dmr_index_init(&ix, &s.store, BLOCKS), -ENOMEM);
	ram_allow_all_allocs();
	spare_free(&s);
}

/* A block in any slot is found, also after a slot came that had no name before. */
static void names(void **state)
{
	struct dmr_index ix;
	struct spare s;
	u64 word;
	u32 n, virt, limit, found;

	(void)state;
	new_index(&s, &ix, 3000);
	limit = dmr_store_slot_limit(&s.store);
	ix.table->nr_real = limit - 1;
	ram_allow_allocs(0);
	assert_int_equal(dmr_index_reserve(&ix, 1), -ENOMEM);
	ram_allow_all_allocs();
	/* All but the last slot, and virtual ones in between. */
	for (n = 0; n < 700; n += 2) {
		put(&s, &ix, n * 3, dmr_store_alloc(&s.store));
		virt = dmr_store_alloc_virtual(&s.store);
		assert_in_range(virt, DMR_VIRTUAL_SLOT, DMR_NO_SLOT - 1);
		put(&s, &ix, n * 3 + 1, virt);
	}
	put(&s, &ix, 5000, limit - 2);
	for (n = 0; n < 6000; n++)
		check_block(&ix, n);
	assert_int_equal(dmr_index_reserve(&ix, 1), 0);
	assert_in_range(ix.table->nr_real, limit, DMR_VIRTUAL_SLOT);
	put(&s, &ix, 5001, limit - 1);
	for (n = 0; n < 6000; n++)
		check_block(&ix, n);
	for (n = 0; n < 700; n += 2)
		drop(&s, &ix, n * 3 + 1);
	for (n = 0; n < 6000; n++)
		check_block(&ix, n);
	found = dmr_index_find(&ix, 5001, &word);
	assert_int_equal(found, limit - 1);
	dmr_index_exit(&ix);
	spare_free(&s);
}

/* Room is reserved for slots that are made ready only afterwards, too. */
static void names_of_slots_to_come(void **state)
{
	struct dmr_index ix;
	struct spare s;
	u32 limit;
	u64 all;

	(void)state;
	spare_new(&s, 12000);
	assert_int_equal(dmr_index_init(&ix, &s.store, BLOCKS), 0);
	limit = dmr_store_slot_limit(&s.store);
	all = s.store.sb.layout.nr_tables * DMR_TABLE_ENTRIES;
	assert_in_range(limit, 1, all - 1);
	/* As after a grow: what is ready can be named, the rest cannot. */
	ix.table->nr_real = limit;
	assert_int_equal(dmr_index_reserve(&ix, 1), 0);
	assert_in_range(ix.table->nr_real, all, DMR_VIRTUAL_SLOT);
	dmr_index_exit(&ix);
	spare_free(&s);
}

/* A discard of all of main is cut where the lookup would take long, and nowhere else. */
static void long_discards(void **state)
{
	struct dmr_index ix;
	struct dmr_route r;
	struct spare s;
	u64 sector, end = BLOCKS * 8ULL;
	unsigned int n = 0;
	u32 i;

	(void)state;
	new_index(&s, &ix, 30000);
	put(&s, &ix, BLOCKS - 1, dmr_store_alloc(&s.store));
	dmr_index_route(&ix, REQ_OP_DISCARD, 0, end, &r);
	assert_int_equal(r.place, DMR_TO_MAIN);
	assert_int_equal(r.sectors, (BLOCKS - 1) * 8);
	/* What was released is looked for as long as the table stays. */
	for (i = 0; i < BLOCKS - 1; i++) {
		assert_int_equal(dmr_index_reserve(&ix, 1), 0);
		put(&s, &ix, i, 1);
		drop(&s, &ix, i);
	}
	for (sector = 0; sector < end; sector += r.sectors, n++) {
		dmr_index_route(&ix, REQ_OP_DISCARD, sector, end - sector, &r);
		assert_in_range(r.sectors, 1, 4096 * 8);
		assert_int_equal(r.place, sector < end - 8 ? DMR_TO_MAIN :
							     DMR_IS_SPECIAL);
	}
	assert_in_range(n, 25, 26);
	dmr_index_exit(&ix);
	spare_free(&s);
}

/*--------------------------------------------------------------------
 * Blocks that somebody has chosen
 *--------------------------------------------------------------------
 */

#define CHOSEN		20000U

/*
 * An upper bound of the buckets that are looked at while the table is filled: a search
 * in a run of full buckets ends at its end.
 */
static u64 work_of(const struct dmr_table *t)
{
	u64 sum = 0, run = 0;
	u32 i, first = 0;

	while (first < t->nr_buckets && t->bucket[first])
		first++;
	for (i = 0; i < t->nr_buckets; i++) {
		if (t->bucket[(first + i) % t->nr_buckets]) {
			run++;
			sum += run;
		} else {
			run = 0;
		}
	}
	return sum;
}

/* The @i-th block of a spare that is to take long to activate. */
static u64 chosen(unsigned int how, u64 i, u64 *at)
{
	const u64 groups = BIT_ULL(33);

	switch (how) {
	case 0: case 1: case 2: case 3: case 4: case 5: case 6:
	case 7: case 8: case 9: case 10: case 11: case 12: case 13:
	case 14: case 15: case 16: case 17:
		/* The same distance from one to the next. */
		return i << how << 3;
	case 18:
		return (i % 141) << 3 | (i / 141) << 20;
	case 19:
		return i * 0x9e3779b1 % groups << 3;
	case 20:
		/* The first bits of what a well-known factor makes of them are the same. */
		do
			++*at;
		while ((*at * GOLDEN_RATIO_64 >> 32 & U32_MAX) * 4000 >> 32);
		return *at << 3;
	case 21:
		return i;
	default:
		return ram_random(at) % groups << 3;
	}
}

/* Whatever the blocks are, the work is a matter of their number: twice, twice. */
static void chosen_blocks(void **state)
{
	u64 at, block, factor = 0;
	unsigned int how, seed;
	bool random = false;
	struct dmr_index ix;
	struct spare s;
	u32 i;

	(void)state;
	spare_new(&s, CHOSEN * 1.1);
	while (s.store.sb.hwm < s.store.sb.layout.nr_tables)
		assert_int_equal(dmr_store_extend(&s.store), 0);
	for (how = 0; how < 23; how++) {
		for (seed = 0; seed < 8; seed++) {
			at = 0;
			assert_int_equal(dmr_index_init(&ix, &s.store,
							DMR_MAX_MAIN_BLOCKS), 0);
			assert_int_equal(dmr_index_reserve(&ix, CHOSEN), 0);
			random |= factor && factor != ix.table->factor;
			factor = ix.table->factor;
			for (i = 0; i < CHOSEN; i++) {
				block = chosen(how, i, &at);
				assert_true(block < DMR_MAX_MAIN_BLOCKS);
				dmr_store_set(&s.store, i,
					      dmr_word(block, DMR_LIVE, 1, 0, 0));
				dmr_index_insert(&ix, block, i);
			}
			assert_in_range(work_of(ix.table), CHOSEN, CHOSEN * 64);
			dmr_index_exit(&ix);
		}
	}
	/* Nor could others be chosen by who knows the factor. */
	assert_true(random);
	spare_free(&s);
}

/* No write gets past the engine any more, also when the index has grown. */
static void stopped_writes(void **state)
{
	struct dmr_route r;
	struct dmr_index ix;
	struct spare s;
	u32 round, n;

	(void)state;
	new_index(&s, &ix, 6000);
	for (n = 0; n < 100; n++)
		put(&s, &ix, n * 900, dmr_store_alloc(&s.store));
	dmr_index_stop_writes(&ix);
	for (round = 0; round < 2; round++) {
		for (n = 0; n < BLOCKS; n++) {
			dmr_index_route(&ix, REQ_OP_WRITE, n * 8, 8, &r);
			assert_int_equal(r.place, DMR_TO_ENGINE);
			dmr_index_route(&ix, REQ_OP_READ, n * 8, 8, &r);
			assert_int_equal(r.place, slot_of[n] ? DMR_TO_SLOT :
					 DMR_TO_MAIN);
		}
		assert_int_equal(dmr_index_reserve(&ix, 5000), 0);
		assert_in_range(ix.table->nr_buckets, 5000, U32_MAX);
	}
	dmr_index_exit(&ix);
	spare_free(&s);
}

/* A region's bit covers all its blocks, whatever the size of main. */
static void regions(void **state)
{
	static const u64 size[] = { 1, 63, 64, 65, 1 << 20, (1 << 20) + 1,
				    1ULL << 30, 1ULL << 36 };
	struct dmr_index ix;
	struct spare s;
	unsigned int i;
	u64 b[3], word;
	int k;

	(void)state;
	spare_new(&s, 3000);
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		assert_int_equal(dmr_index_init(&ix, &s.store, size[i]), 0);
		b[0] = 0;
		b[1] = size[i] / 2;
		b[2] = size[i] - 1;
		for (k = 0; k < 3; k++) {
			if (k && b[k] == b[k - 1])
				continue;
			assert_int_equal(dmr_index_find(&ix, b[k], &word),
					 DMR_NO_SLOT);
			dmr_store_set(&s.store, k, dmr_word(b[k], DMR_LIVE, 1, 0, 0));
			dmr_index_insert(&ix, b[k], k);
			assert_int_equal(dmr_index_find(&ix, b[k], &word), k);
		}
		dmr_index_exit(&ix);
	}
	spare_free(&s);
}

/* Where does each sector go? The whole truth, sector by sector. */
static enum dmr_place place_of(struct spare *s, u32 op, u64 sector, u32 sectors)
{
	u64 word;
	u8 bit = 1 << sector % 8, mask;
	u32 slot = slot_of[sector / 8];

	if (!slot)
		return DMR_TO_MAIN;
	word = dmr_store_word(&s->store, slot - 1);
	if (op == REQ_OP_READ)
		return dmr_word_valid(word) & bit ? DMR_TO_SLOT :
		       dmr_word_lost(word) & bit ? DMR_IS_LOST : DMR_TO_MAIN;
	if (op == REQ_OP_DISCARD)
		return DMR_IS_SPECIAL;
	/* A write goes to the slot as far as it lies in the block, or not. */
	sectors = min_t(u32, sectors, 8 - sector % 8);
	mask = ((1 << sectors) - 1) << sector % 8;
	return (dmr_word_valid(word) & mask) == mask &&
	       !(word & DMR_WORD_BUSY) ? DMR_TO_SLOT : DMR_TO_ENGINE;
}

static void check_route(struct spare *s, struct dmr_index *ix, u32 op,
			u64 sector, u32 sectors)
{
	struct dmr_route r = { .place = 99 };
	enum dmr_place first;
	u32 i;

	dmr_index_route(ix, op, sector, sectors, &r);
	first = place_of(s, op, sector, sectors);
	assert_int_equal(r.place, first);
	assert_in_range(r.sectors, 1, sectors);
	if (r.place == DMR_TO_SLOT)
		assert_int_equal(r.sector, dmr_store_slot_sector(&s->store,
				 slot_of[sector / 8] - 1) + sector % 8);
	if (r.place != DMR_TO_MAIN)
		assert_int_equal(sector / 8, (sector + r.sectors - 1) / 8);
	/* All that goes this way should, and no less than could. */
	for (i = 0; i < r.sectors; i++) {
		if (op == REQ_OP_READ || r.place == DMR_TO_MAIN)
			assert_int_equal(place_of(s, op, sector + i,
						  r.sectors - i), first);
	}
	if (r.sectors < sectors && op == REQ_OP_READ &&
	    (sector + r.sectors) % 8)
		assert_int_not_equal(place_of(s, op, sector + r.sectors, 1),
				     first);
	if (r.place != DMR_TO_MAIN && op != REQ_OP_READ)
		assert_int_equal(r.sectors, min_t(u32, sectors,
						  8 - sector % 8));
}

/* Every pair of masks, every range within three blocks. */
static void every_mask(void **state)
{
	struct dmr_index ix;
	struct spare s;
	u32 at, n, valid, lost, busy;
	static const u32 op[] = { REQ_OP_READ, REQ_OP_WRITE,
				  REQ_OP_WRITE_ZEROES, REQ_OP_DISCARD };
	unsigned int k;

	(void)state;
	new_index(&s, &ix, 3000);
	put(&s, &ix, 10, 7);
	for (valid = 0; valid < 256; valid++) {
		for (lost = 0; lost < 256; lost++) {
			if (valid & lost)
				continue;
			busy = (valid ^ lost) % 3 == 0;
			dmr_store_set(&s.store, 7,
				      dmr_word(10, DMR_LIVE, valid, lost, 3) |
				      (busy ? DMR_WORD_BUSY : 0));
			for (at = 76; at < 90; at++)
				for (n = 1; n < 20; n += 1 + at % 2)
					for (k = 0; k < ARRAY_SIZE(op); k++)
						check_route(&s, &ix, op[k],
							    at, n);
		}
	}
	dmr_index_exit(&ix);
	spare_free(&s);
}

static void large_ranges(void **state)
{
	struct dmr_index ix;
	struct spare s;
	u64 rng = 8, sector, end;
	struct dmr_route r;
	u32 i;

	(void)state;
	new_index(&s, &ix, 3000);
	dmr_index_route(&ix, REQ_OP_READ, 0, MAIN_SECTORS, &r);
	assert_int_equal(r.place, DMR_TO_MAIN);
	assert_int_equal(r.sectors, MAIN_SECTORS);
	for (i = 0; i < 300; i++) {
		sector = ram_random(&rng) % BLOCKS;
		if (!slot_of[sector])
			put(&s, &ix, sector, dmr_store_alloc(&s.store));
	}
	for (i = 0; i < 20000; i++) {
		sector = ram_random(&rng) % MAIN_SECTORS;
		check_route(&s, &ix, ram_random(&rng) % 2 ? REQ_OP_READ :
			    REQ_OP_WRITE, sector,
			    1 + ram_random(&rng) % min_t(u64, 20000,
							 MAIN_SECTORS - sector));
	}
	/* Walk over the whole device as dm does, piece by piece. */
	for (sector = 0, end = MAIN_SECTORS; sector < end; sector += r.sectors)
		dmr_index_route(&ix, REQ_OP_WRITE, sector, end - sector, &r);
	assert_int_equal(sector, end);
	dmr_index_exit(&ix);
	spare_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_a_model),
		cmocka_unit_test(growth_and_memory),
		cmocka_unit_test(collisions),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(names),
		cmocka_unit_test(names_of_slots_to_come),
		cmocka_unit_test(stopped_writes),
		cmocka_unit_test(long_discards),
		cmocka_unit_test(chosen_blocks),
		cmocka_unit_test(regions),
		cmocka_unit_test(every_mask),
		cmocka_unit_test(large_ranges),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
