// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap unit tests: slots, commits, growth.
 */
#include "spare.h"

#define LEN	3000ULL

static void new_is_empty(void **state)
{
	struct spare s;
	u32 slot;

	(void)state;
	spare_new(&s, LEN);
	assert_int_equal(s.store.nr_live, 0);
	assert_int_equal(s.store.nr_bad, 0);
	assert_int_equal(s.store.copies_whole, 3);
	assert_int_equal(s.store.supers_whole, 7);
	assert_int_equal(s.store.repaired, 0);
	assert_int_equal(s.store.nr_ready, s.store.sb.layout.nr_slots);
	assert_int_equal(dmr_store_free_slots(&s.store),
			 s.store.sb.layout.nr_slots);
	for (slot = 0; slot < dmr_store_slot_limit(&s.store); slot++)
		assert_int_equal(dmr_store_word(&s.store, slot), 0);
	spare_free(&s);
}

/* A remap costs two writes of 4 KiB, one after the other. */
static void commit_cost(void **state)
{
	struct spare s;
	unsigned int i;

	(void)state;
	spare_new(&s, LEN);
	ram_reset_counts(s.env);
	for (i = 0; i < 30; i++)
		dmr_store_stage(&s.store, i, live(1000 + i));
	assert_int_equal(dmr_store_commit(&s.store), 0);
	assert_int_equal(s.env->flushes, 1);
	assert_int_equal(s.env->writes, 2);
	assert_int_equal(s.env->reads, 0);
	assert_int_equal(s.env->max_at_once, 1);
	assert_int_equal(s.store.nr_committed, 30);
	for (i = 0; i < 2; i++) {
		assert_int_equal(s.env->log[i].sectors, 8);
		assert_int_equal(s.env->log[i].sector, copy_at(&s, i, 0) * 8);
		assert_true(s.env->log[i].opf & REQ_FUA);
		assert_false(s.env->log[i].opf & REQ_PREFLUSH);
	}
	/* Nothing staged, nothing written. */
	assert_int_equal(dmr_store_commit(&s.store), 0);
	assert_int_equal(s.env->writes, 2);
	spare_free(&s);
}

/* All metadata writes: FUA, one at a time, never two copies together. */
static void metadata_writes_are_alone(void **state)
{
	struct spare s;
	unsigned int i;

	(void)state;
	spare_new(&s, 60000);
	assert_int_equal(dmr_store_extend(&s.store), 0);
	for (i = 0; i < 400; i++)
		dmr_store_stage(&s.store, i * 37, live(i));
	assert_int_equal(dmr_store_commit(&s.store), 0);
	assert_int_equal(dmr_store_write_super(&s.store), 0);
	assert_int_equal(s.env->max_at_once, 1);
	for (i = 0; i < min(s.env->writes, RAM_MAX_LOG); i++)
		assert_true(s.env->log[i].opf & REQ_FUA);
	spare_free(&s);
}

static void stage_and_publish(void **state)
{
	struct spare s;

	(void)state;
	spare_new(&s, LEN);
	dmr_store_stage(&s.store, 3, live(7));
	assert_int_equal(dmr_store_word(&s.store, 3), 0);
	assert_int_equal(dmr_store_view(&s.store, 3), live(7));
	dmr_store_stage(&s.store, 3, live(8) | DMR_WORD_BUSY);
	assert_int_equal(s.store.nr_staged, 1);
	assert_int_equal(dmr_store_view(&s.store, 3), live(8));
	assert_int_equal(dmr_store_commit(&s.store), 0);
	assert_int_equal(dmr_store_word(&s.store, 3), live(8));
	assert_int_equal(s.store.nr_live, 1);
	dmr_store_stage(&s.store, 3, 0);
	dmr_store_forget_staged(&s.store);
	assert_int_equal(dmr_store_view(&s.store, 3), live(8));
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(dmr_store_word(&s.store, 3), live(8));
	spare_free(&s);
}

static void counts(void **state)
{
	struct spare s;

	(void)state;
	spare_new(&s, LEN);
	commit_one(&s, 0, live(1));
	commit_one(&s, 1, dmr_word(2, DMR_LIVE, 0, 0, 0));
	commit_one(&s, 2, dmr_word(3, DMR_LIVE, 0x0f, 0x70, 0));
	commit_one(&s, 300, dmr_word(0, DMR_BAD, 0, 0, 0));
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(s.store.nr_live, 3);
	assert_int_equal(s.store.nr_bad, 1);
	assert_int_equal(s.store.nr_known_bad, 1);
	assert_int_equal(s.store.nr_partial, 1);
	assert_int_equal(s.store.nr_lost, 3);
	assert_int_equal(dmr_store_free_slots(&s.store),
			 s.store.sb.layout.nr_slots - 4);
	commit_one(&s, 2, 0);
	assert_int_equal(s.store.nr_partial, 0);
	assert_int_equal(s.store.nr_lost, 0);
	assert_int_equal(s.store.nr_live, 2);
	spare_free(&s);
}

/* A slot is handed out once, whatever is given back meanwhile. */
static void alloc_is_unique(void **state)
{
	static u8 taken[DMR_CHUNK_WORDS];
	u32 held[200], slot, nr = 0, k;
	struct spare s;
	u64 rng = 21;
	int i;

	(void)state;
	spare_new(&s, LEN);
	for (i = 0; i < 20000; i++) {
		if (nr < ARRAY_SIZE(held) && ram_random(&rng) % 2) {
			slot = dmr_store_alloc(&s.store);
			assert_true(slot < dmr_store_slot_limit(&s.store));
			assert_false(taken[slot]);
			taken[slot] = 1;
			held[nr++] = slot;
		} else if (nr) {
			k = ram_random(&rng) % nr;
			slot = held[k];
			held[k] = held[--nr];
			taken[slot] = 0;
			dmr_store_unalloc(&s.store, slot);
		}
	}
	spare_free(&s);
}

static void alloc_skips_bad_and_live(void **state)
{
	struct spare s;
	u32 slot, n = 0, limit;

	(void)state;
	spare_new(&s, LEN);
	commit_one(&s, 0, live(1));
	commit_one(&s, 2, dmr_word(0, DMR_BAD, 0, 0, 0));
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(dmr_store_alloc(&s.store), 1);
	assert_int_equal(dmr_store_alloc(&s.store), 3);
	limit = s.store.sb.layout.nr_slots - 4;
	while ((slot = dmr_store_alloc(&s.store)) != DMR_NO_SLOT) {
		assert_true(dmr_store_slot_sector(&s.store, slot) + 8 <=
			    LEN * 8);
		n++;
	}
	assert_int_equal(n, limit);
	/* What becomes free is found again. */
	commit_one(&s, 0, 0);
	assert_int_equal(dmr_store_alloc(&s.store), 0);
	assert_int_equal(dmr_store_alloc(&s.store), DMR_NO_SLOT);
	spare_free(&s);
}

static void virtual_slots(void **state)
{
	struct spare s;
	u32 a, b;

	(void)state;
	spare_new(&s, LEN);
	a = dmr_store_alloc_virtual(&s.store);
	b = dmr_store_alloc_virtual(&s.store);
	assert_true(a >= DMR_VIRTUAL_SLOT && b > a);
	dmr_store_set(&s.store, a, dmr_word(4, DMR_LIVE, 0, 0, 0));
	dmr_store_set(&s.store, b, dmr_word(5, DMR_LIVE, 0, 0, 0));
	assert_int_equal(s.store.nr_virtual, 2);
	assert_int_equal(s.store.nr_known_bad, 2);
	assert_int_equal(dmr_word_block(dmr_store_word(&s.store, b)), 5);
	dmr_store_set(&s.store, a, 0);
	assert_int_equal(s.store.nr_virtual, 1);
	assert_int_equal(dmr_store_alloc_virtual(&s.store), a);
	ram_allow_allocs(0);
	while (dmr_store_alloc_virtual(&s.store) != DMR_NO_SLOT)
		;
	ram_allow_all_allocs();
	spare_free(&s);
}

/*
 * A crash in a commit over several table blocks, at each write, with each tear:
 * every entry is the old or the new one, and the next load repairs all.
 */
static void torn_commits(void **state)
{
	const u32 slot[] = { 1, 251, 252, 504, 1000, 2500 };
	unsigned int cut, tear, i, k;
	struct spare s;
	u64 w;

	(void)state;
	for (cut = 0; cut < 4; cut++) {
		for (tear = 0; tear < 256; tear++) {
			spare_new(&s, LEN);
			for (i = 0; i < ARRAY_SIZE(slot); i++)
				dmr_store_stage(&s.store, slot[i], live(i));
			assert_int_equal(dmr_store_commit(&s.store), 0);
			for (i = 0; i < ARRAY_SIZE(slot); i++)
				dmr_store_stage(&s.store, slot[i],
						live(100 + i));
			s.env->cut = cut;
			s.env->tear = tear;
			assert_int_equal(dmr_store_commit(&s.store), -EIO);
			s.env->cut = -1;
			/* Unpublished. */
			assert_int_equal(dmr_store_word(&s.store, 1), live(0));
			for (k = 0; k < 2; k++) {
				assert_int_equal(spare_reload(&s), 0);
				assert_int_equal(s.store.copies_whole, 3);
				/* Repaired once, not at each load. */
				if (k)
					assert_int_equal(s.store.repaired, 0);
				for (i = 0; i < ARRAY_SIZE(slot); i++) {
					w = dmr_store_word(&s.store, slot[i]);
					assert_true(w == live(i) ||
						    w == live(100 + i));
				}
			}
			assert_int_equal(s.store.nr_live, ARRAY_SIZE(slot));
			spare_free(&s);
		}
	}
}

/* Of what is written with the last sequence numbers, nothing is refused later. */
static void last_numbers(void **state)
{
	struct spare s;

	(void)state;
	spare_new(&s, 20000);
	s.store.seq = DMR_SEQ_END - 3;
	dmr_store_stage(&s.store, 6, live(66));
	assert_int_equal(dmr_store_commit(&s.store), 0);
	assert_int_equal(dmr_store_write_super(&s.store), 0);
	/* One is left, and two changes may need two. */
	dmr_store_stage(&s.store, 7, live(67));
	dmr_store_stage(&s.store, 8, live(68));
	assert_int_equal(dmr_store_commit(&s.store), -EIO);
	assert_int_equal(dmr_store_extend(&s.store), -EIO);
	dmr_store_forget_staged(&s.store);
	assert_int_equal(dmr_store_write_super(&s.store), 0);
	assert_int_equal(dmr_store_write_super(&s.store), -EIO);
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(dmr_store_word(&s.store, 6), live(66));
	assert_int_equal(dmr_store_word(&s.store, 7), 0);
	assert_int_equal(dmr_store_write_super(&s.store), -EIO);
	spare_free(&s);
}

/* A flush that failed is not repeated; nothing refers to what it may have lost. */
static void data_lost_before_commit(void **state)
{
	struct spare s;

	(void)state;
	spare_new(&s, LEN);
	ram_reset_counts(s.env);
	dmr_store_stage(&s.store, 5, live(77));
	s.env->fault = ram_fail_flush;
	s.env->fault_count = 1;
	assert_int_equal(dmr_store_commit(&s.store), -EAGAIN);
	assert_int_equal(s.env->flushes, 1);
	assert_int_equal(s.env->writes, 0);
	dmr_store_forget_staged(&s.store);
	assert_int_equal(dmr_store_word(&s.store, 5), 0);

	/* Nor is it one of somebody else's, since the data was written. */
	dmr_store_begin(&s.store);
	dmr_store_stage(&s.store, 5, live(78));
	assert_int_equal(dmr_env_flush(s.env, DMR_SPARE), BLK_STS_OK);
	s.env->flush_errors++;
	assert_int_equal(dmr_store_commit(&s.store), -EAGAIN);
	assert_int_equal(s.env->writes, 0);
	dmr_store_forget_staged(&s.store);

	/* What refers to no data needs no flush. */
	ram_reset_counts(s.env);
	dmr_store_stage(&s.store, 6, dmr_word(0, DMR_BAD, 0, 0, 0));
	assert_int_equal(dmr_store_commit(&s.store), 0);
	assert_int_equal(s.env->flushes, 0);
	spare_free(&s);
}

/* No memory for the words of more slots: nothing has changed, on the spare either. */
static void extend_without_memory(void **state)
{
	struct spare s;
	u64 hwm;

	(void)state;
	spare_new(&s, 20000);
	hwm = s.store.sb.hwm;
	assert_true(hwm < s.store.sb.layout.nr_tables);
	ram_reset_counts(s.env);
	ram_allow_allocs(0);
	assert_int_equal(dmr_store_extend(&s.store), -ENOMEM);
	assert_false(ram_waited);
	ram_allow_all_allocs();
	assert_int_equal(s.env->writes, 0);
	assert_int_equal(s.store.sb.hwm, hwm);
	ram_allow_allocs(UINT_MAX);
	assert_int_equal(dmr_store_extend(&s.store), 0);
	assert_false(ram_waited);
	ram_allow_all_allocs();
	assert_true(s.store.sb.hwm > hwm);
	assert_int_equal(spare_reload(&s), 0);
	spare_free(&s);
}

static void extend_crashes(void **state)
{
	unsigned int cut, tear;
	struct spare s;

	(void)state;
	for (cut = 0; cut < 6; cut++) {
		for (tear = 0; tear < 256; tear += 17) {
			spare_new(&s, 20000);
			commit_one(&s, 8000, live(3));
			/* Garbage where the tables will be. */
			memset(ram_block(s.env, copy_at(&s, 0, 40)), 0xee, 4096);
			memset(ram_block(s.env, copy_at(&s, 1, 40)), 0xee, 4096);
			s.env->cut = cut;
			s.env->tear = tear;
			dmr_store_extend(&s.store);
			s.env->cut = -1;
			assert_int_equal(spare_reload(&s), 0);
			assert_int_equal(s.store.nr_live, 1);
			assert_int_equal(dmr_store_extend(&s.store), 0);
			assert_int_equal(spare_reload(&s), 0);
			assert_int_equal(s.store.nr_live, 1);
			spare_free(&s);
		}
	}
}

static void more_than_one_table_block(void **state)
{
	struct spare s;
	u32 slot, n;

	(void)state;
	spare_new(&s, 20000);
	for (n = 0; n < 18000; n++) {
		slot = dmr_store_alloc(&s.store);
		if (slot == DMR_NO_SLOT) {
			assert_int_equal(dmr_store_extend(&s.store), 0);
			slot = dmr_store_alloc(&s.store);
		}
		assert_true(slot != DMR_NO_SLOT);
		dmr_store_stage(&s.store, slot, live(n));
		if (n % 500 == 499)
			assert_int_equal(dmr_store_commit(&s.store), 0);
	}
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(s.store.nr_live, n);
	for (slot = 0, n = 0; slot < dmr_store_slot_limit(&s.store); slot++)
		if (dmr_store_word(&s.store, slot))
			assert_int_equal(dmr_store_word(&s.store, slot),
					 live(n++));
	assert_int_equal(n, 18000);
	spare_free(&s);
}

/* Words of the new segment are there, and those of the old ones stay. */
static void growth(void **state)
{
	unsigned int cut, tear, nr;
	struct spare s;
	u64 sector;
	int r;

	(void)state;
	for (cut = 0; cut < 6; cut++) {
		for (tear = 0; tear < 256; tear += 17) {
			spare_format(&s, 5000);
			s.area.area_blocks = 3000;
			assert_int_equal(dmr_store_format(s.env, &s.area,
							  &s.sb, &s.why), 0);
			s.area.area_blocks = 0;
			assert_int_equal(spare_load(&s), 0);
			assert_int_equal(s.sb.layout.area_blocks, 3000);
			commit_one(&s, 700, live(9));
			sector = dmr_store_slot_sector(&s.store, 700);
			nr = s.store.sb.layout.nr_slots;
			assert_int_equal(dmr_store_grow(&s.store, 3010),
					 -ENOSPC);
			if (cut < 5) {
				s.env->cut = cut;
				s.env->tear = tear;
				r = dmr_store_grow(&s.store, 5000);
				s.env->cut = -1;
				assert_int_equal(r, cut < 2 ? -EIO : 0);
				if (r)
					assert_int_equal(s.store.sb.layout.area_blocks,
							 3000);
				r = spare_reload(&s);
				if (r)
					fail_msg("cut %u tear %u: %s", cut,
						 tear, s.why.text);
			}
			if (s.store.sb.layout.area_blocks == 3000)
				assert_int_equal(dmr_store_grow(&s.store, 5000),
						 0);
			assert_true(s.store.sb.layout.nr_slots > nr + 1900);
			assert_int_equal(dmr_store_word(&s.store, 700), live(9));
			while (s.store.sb.hwm < s.store.sb.layout.nr_tables)
				assert_int_equal(dmr_store_extend(&s.store), 0);
			assert_int_equal(spare_reload(&s), 0);
			assert_int_equal(dmr_store_word(&s.store, 700), live(9));
			assert_int_equal(dmr_store_slot_sector(&s.store, 700),
					 sector);
			assert_int_equal(s.store.nr_ready,
					 s.store.sb.layout.nr_slots);
			spare_free(&s);
		}
	}
}

/*
 * A grow wrote its last superblock, and the power went; the table goes on saying how long
 * the area is, so nobody looks there. What is written next has another number.
 */
static void growth_leaves_no_twin(void **state)
{
	struct dmr_super orphan, sb;
	struct spare s;

	(void)state;
	spare_format(&s, 5000);
	s.area.area_blocks = LEN;
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why), 0);
	assert_int_equal(spare_load(&s), 0);
	assert_int_equal(commit_one(&s, 700, live(9)), 0);
	s.env->cut = 1;
	assert_int_equal(dmr_store_grow(&s.store, 5000), -EIO);
	s.env->cut = -1;
	assert_int_equal(dmr_super_decode(&orphan, 2, ram_block(s.env, 4999)),
			 DMR_OK);
	assert_int_equal(orphan.layout.area_blocks, 5000);

	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(s.sb.layout.area_blocks, LEN);
	assert_int_equal(dmr_store_write_super(&s.store), 0);
	assert_int_equal(dmr_super_decode(&sb, 0, ram_block(s.env, 0)), DMR_OK);
	assert_true(sb.seq > orphan.seq);
	/* Should anybody look there now, it does not count. */
	s.area.area_blocks = 0;
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(s.sb.layout.area_blocks, LEN);
	spare_free(&s);
}

/* The error of one metadata write is made good by the second attempt. */
static void metadata_write_errors(void **state)
{
	unsigned int copy;
	struct spare s;

	(void)state;
	for (copy = 0; copy < 2; copy++) {
		spare_new(&s, LEN);
		s.env->fault = ram_fail_writes;
		s.env->fault_block = copy_at(&s, copy, 0);
		s.env->fault_count = 1;
		assert_int_equal(commit_one(&s, 1, live(1)), 0);
		s.env->fault_count = 2;
		assert_int_equal(commit_one(&s, 2, live(2)), -EIO);
		assert_int_equal(s.store.copies_whole, 3 & ~BIT(copy));
		assert_int_equal(dmr_store_word(&s.store, 2), 0);
		dmr_store_forget_staged(&s.store);
		assert_int_equal(s.store.nr_staged, 0);
		spare_free(&s);
	}
	/* Superblocks: two of three are enough. */
	spare_new(&s, LEN);
	s.env->fault = ram_fail_writes;
	s.env->fault_block = LEN / 2;
	s.env->fault_count = 1000;
	assert_int_equal(dmr_store_write_super(&s.store), 0);
	assert_int_equal(s.store.supers_whole, 5);
	assert_true(strstr(s.env->last_log, "2 of 3"));
	s.env->fault = ram_fail_all;
	assert_int_equal(dmr_store_write_super(&s.store), -EIO);
	spare_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_is_empty),
		cmocka_unit_test(commit_cost),
		cmocka_unit_test(metadata_writes_are_alone),
		cmocka_unit_test(stage_and_publish),
		cmocka_unit_test(counts),
		cmocka_unit_test(alloc_is_unique),
		cmocka_unit_test(alloc_skips_bad_and_live),
		cmocka_unit_test(virtual_slots),
		cmocka_unit_test(torn_commits),
		cmocka_unit_test(last_numbers),
		cmocka_unit_test(data_lost_before_commit),
		cmocka_unit_test(extend_crashes),
		cmocka_unit_test(extend_without_memory),
		cmocka_unit_test(more_than_one_table_block),
		cmocka_unit_test(growth),
		cmocka_unit_test(growth_leaves_no_twin),
		cmocka_unit_test(metadata_write_errors),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
