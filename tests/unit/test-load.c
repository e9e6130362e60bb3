// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap unit tests: loading the slot table: which copy counts, and its repair.
 */
#include "spare.h"

#define LEN	3000ULL

/* Of one block, some sectors are in the slot, and some are lost. */
static u64 part(u8 valid, u8 lost)
{
	return dmr_word(9, DMR_LIVE, valid, lost, 1);
}

static void damaged_copy_is_repaired(void **state)
{
	unsigned int copy, how, table;
	u64 words[DMR_TABLE_ENTRIES], seq;
	struct spare s;

	(void)state;
	for (copy = 0; copy < 2; copy++) {
		for (how = 0; how < 4; how++) {
			spare_new(&s, LEN);
			commit_one(&s, 5, live(55));
			commit_one(&s, 256, live(66));
			for (table = 0; table < 2; table++) {
				u64 at = copy_at(&s, copy, table);

				if (how == 0)
					spare_spoil(&s, at);
				else if (how == 1)
					memset(ram_block(s.env, at), 0, 4096);
				else if (how == 2)
					memset(ram_block(s.env, at), 0xff, 4096);
			}
			if (how == 3) {
				/* Cannot be read, once and again. */
				s.env->fault = ram_fail_reads;
				s.env->fault_block = copy_at(&s, copy, 1);
				s.env->fault_count = 2;
			}
			assert_int_equal(spare_reload(&s), 0);
			assert_int_equal(s.store.repaired, how == 3 ? 1 : 2);
			assert_int_equal(s.store.copies_whole, 3);
			assert_int_equal(dmr_store_word(&s.store, 5), live(55));
			assert_int_equal(dmr_store_word(&s.store, 256),
					 live(66));
			assert_int_equal(dmr_store_read_table(&s.store, copy, 1,
							      &seq, words),
					 DMR_OK);
			assert_int_equal(words[4], live(66));
			assert_int_equal(spare_reload(&s), 0);
			assert_int_equal(s.store.repaired, 0);
			spare_free(&s);
		}
	}
}

/*
 * A copy that can neither be read nor repaired, and is readable later: it may
 * be newer, or older, than what the device has been running with since.
 */
static void unreadable_copy_comes_back(void **state)
{
	unsigned int copy;
	struct spare s;
	u64 word;

	(void)state;
	for (copy = 0; copy < 2; copy++) {
		spare_new(&s, LEN);
		commit_one(&s, 5, live(55));
		/* The power goes when copy A has the change, and B has not. */
		s.env->cut = 1;
		assert_int_equal(commit_one(&s, 6, live(66)), -EIO);
		s.env->cut = -1;
		s.env->fault = copy ? ram_fail_writes : ram_fail_block;
		s.env->fault_block = copy_at(&s, copy, 0);
		s.env->fault_count = 1000;
		word = copy ? live(66) : 0;
		assert_int_equal(spare_reload(&s), 0);
		assert_int_equal(s.store.copies_whole, 3 & ~BIT(copy));
		assert_int_equal(dmr_store_word(&s.store, 6), word);
		assert_true(dmr_store_settle(&s.store, &s.sb));
		assert_false(s.store.unsettled);
		/* The copy that it ran with is gone: rather nothing. */
		s.env->fault = ram_fail_reads;
		s.env->fault_block = copy_at(&s, !copy, 0);
		s.env->fault_count = 1000;
		assert_int_equal(spare_reload(&s), -EUCLEAN);
		/* The other one is readable again. */
		s.env->fault = NULL;
		assert_int_equal(spare_reload(&s), 0);
		assert_int_equal(s.store.copies_whole, 3);
		assert_int_equal(s.store.repaired, 1);
		assert_int_equal(dmr_store_word(&s.store, 5), live(55));
		assert_int_equal(dmr_store_word(&s.store, 6), word);
		assert_false(dmr_store_settle(&s.store, &s.sb));
		assert_int_equal(dmr_store_write_super(&s.store), 0);
		assert_int_equal(commit_one(&s, 6, live(67)), 0);
		spare_spoil(&s, copy_at(&s, !copy, 0));
		assert_int_equal(spare_reload(&s), 0);
		assert_int_equal(dmr_store_word(&s.store, 6), live(67));
		spare_free(&s);
	}
}

/* What is loaded is made durable first. */
static void load_flushes(void **state)
{
	struct spare s;

	(void)state;
	spare_new(&s, LEN);
	s.env->fault = ram_fail_flush;
	s.env->fault_count = 1;
	ram_reset_counts(s.env);
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(s.env->flushes, 1);
	/* What is read may be gone later: both copies are written. */
	assert_int_equal(s.env->writes, 2);
	spare_free(&s);
}

static void read_only_repairs_nothing(void **state)
{
	struct spare s;

	(void)state;
	spare_new(&s, LEN);
	commit_one(&s, 5, live(55));
	spare_spoil(&s, copy_at(&s, 0, 0));
	dmr_store_exit(&s.store);
	assert_int_equal(spare_probe(&s), 0);
	ram_reset_counts(s.env);
	assert_int_equal(dmr_store_load(&s.store, s.env, &s.sb, true, &s.why),
			 0);
	assert_int_equal(s.env->writes, 0);
	assert_int_equal(s.store.copies_whole, 2);
	assert_int_equal(dmr_store_word(&s.store, 5), live(55));
	assert_int_equal(commit_one(&s, 6, live(66)), -EIO);
	assert_int_equal(dmr_store_extend(&s.store), 0);
	assert_int_equal(s.env->writes, 0);
	spare_free(&s);
}

/* Opened read-only after a crash between the copies: neither version counts. */
static void copies_in_doubt(void **state)
{
	const u64 bad = dmr_word(0, DMR_BAD, 0, 0, 0);
	const struct {
		u64 before, after, now;
	} t[] = {
		/* Newly remapped, released, known bad. */
		{ 0, part(0x0f, 0x30), part(0, 0x3f) },
		{ part(0x0f, 0x30), 0, part(0, 0x3f) },
		{ 0, part(0, 0), part(0, 0) },
		/* More of it is remapped; what was lost is written again. */
		{ part(0x0f, 0), part(0x3f, 0), part(0x0f, 0x30) },
		{ part(0x0f, 0x30), part(0x1f, 0x20), part(0x0f, 0x30) },
		/* The slot has gone bad: the block has another one, or never had this. */
		{ part(0x0f, 0x30), bad, bad },
		{ 0, bad, bad },
	};
	unsigned int i, copy;
	u8 old[DMR_BLOCK_SIZE];
	struct spare s;
	bool hidden;

	(void)state;
	for (i = 0; i < 4 * ARRAY_SIZE(t); i++) {
		copy = i & 1;	/* which is out of date */
		hidden = i & 2;	/* the other one cannot be read when it is loaded */
		spare_new(&s, LEN);
		commit_one(&s, 4, live(44));
		commit_one(&s, 5, t[i / 4].before);
		memcpy(old, ram_block(s.env, copy_at(&s, copy, 0)), sizeof(old));
		commit_one(&s, 5, t[i / 4].after);
		memcpy(ram_block(s.env, copy_at(&s, copy, 0)), old, sizeof(old));
		s.env->fault = ram_fail_reads;
		s.env->fault_block = copy_at(&s, !copy, 0);
		s.env->fault_count = hidden ? 2 : 0;
		dmr_store_exit(&s.store);
		assert_int_equal(spare_probe(&s), 0);
		assert_int_equal(dmr_store_load(&s.store, s.env, &s.sb, true,
						&s.why), 0);
		assert_int_equal(dmr_store_word(&s.store, 5),
				 hidden ? t[i / 4].before : t[i / 4].after);
		ram_reset_counts(s.env);
		assert_true(dmr_store_settle(&s.store, &s.sb));
		assert_true(s.store.unsettled);
		assert_int_equal(dmr_store_word(&s.store, 5), t[i / 4].now);
		assert_int_equal(dmr_store_word(&s.store, 4), live(44));
		assert_int_equal(s.store.nr_lost,
				 hweight8(dmr_word_lost(t[i / 4].now)));
		assert_int_equal(s.env->writes, 0);
		spare_free(&s);
	}
}

static unsigned long unwritable;	/* table blocks of copy A, and of B above 32 */
static struct spare *unwritable_of;

static blk_status_t fail_unwritable(struct dmr_env *env, const struct dmr_io *io)
{
	u64 at = io->sector / 8, end = at + io->sectors / 8;
	unsigned int i;

	(void)env;
	for (i = 0; (io->opf & REQ_OP_MASK) == REQ_OP_WRITE && i < 64; i++)
		if (unwritable & 1UL << i) {
			u64 block = copy_at(unwritable_of, i / 32, i % 32);

			if (block >= at && block < end)
				return BLK_STS_MEDIUM;
		}
	return BLK_STS_OK;
}

/* Many blocks of each copy are stale, each of them exactly; and come back. */
static void stale_blocks(void **state)
{
	const unsigned long stale = 1UL << 3 | 1UL << 10 | 1UL << 39;
	struct spare s;
	unsigned int i;

	(void)state;
	spare_new(&s, 3000);
	for (i = 0; i < 12; i++)
		commit_one(&s, i * DMR_TABLE_ENTRIES, live(100 + i));
	/* Spoilt, so that they are seen to differ. */
	for (i = 0; i < 64; i++)
		if (stale & 1UL << i)
			spare_spoil(&s, copy_at(&s, i / 32, i % 32));
	unwritable = stale;
	unwritable_of = &s;
	s.env->fault = fail_unwritable;
	assert_int_equal(spare_reload(&s), 0);
	assert_true(dmr_store_settle(&s.store, &s.sb));
	assert_false(s.store.unsettled);
	assert_int_equal(s.store.sb.nr_stale, 3);

	/* A block between two of them goes bad in the same copy. */
	spare_spoil(&s, copy_at(&s, 0, 5));
	unwritable |= 1UL << 5;
	assert_int_equal(spare_reload(&s), 0);
	assert_true(dmr_store_settle(&s.store, &s.sb));
	assert_false(s.store.unsettled);
	assert_int_equal(s.store.sb.nr_stale, 4);

	/* Read-only: what is listed is settled, what is new is not. */
	dmr_store_exit(&s.store);
	assert_int_equal(spare_probe(&s), 0);
	assert_int_equal(dmr_store_load(&s.store, s.env, &s.sb, true, &s.why), 0);
	assert_true(dmr_store_settle(&s.store, &s.sb));
	assert_false(s.store.unsettled);
	/* Nor is what one superblock alone says: it may be lost. */
	for (i = 1; i < 3; i++)
		spare_spoil(&s, dmr_layout_super(&s.sb.layout, i));
	dmr_store_exit(&s.store);
	assert_int_equal(spare_probe(&s), 0);
	assert_int_equal(dmr_store_load(&s.store, s.env, &s.sb, true, &s.why), 0);
	assert_true(dmr_store_settle(&s.store, &s.sb));
	assert_true(s.store.unsettled);
	for (i = 1; i < 3; i++)
		spare_spoil(&s, dmr_layout_super(&s.sb.layout, i));
	spare_spoil(&s, copy_at(&s, 0, 6));
	dmr_store_exit(&s.store);
	assert_int_equal(spare_probe(&s), 0);
	assert_int_equal(dmr_store_load(&s.store, s.env, &s.sb, true, &s.why), 0);
	assert_true(dmr_store_settle(&s.store, &s.sb));
	assert_true(s.store.unsettled);

	/* A listed one is not believed, however well it reads; the other one is lost. */
	memcpy(ram_block(s.env, copy_at(&s, 0, 3)),
	       ram_block(s.env, copy_at(&s, 0, 4)), DMR_BLOCK_SIZE);
	dmr_table_encode(s.sb.uuid, 3, DMR_SEQ_END - 9, s.store.table_words,
			 ram_block(s.env, copy_at(&s, 0, 3)));
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(dmr_store_word(&s.store, 3 * DMR_TABLE_ENTRIES),
			 live(103));
	spare_spoil(&s, copy_at(&s, 1, 3));
	assert_int_equal(spare_reload(&s), -EUCLEAN);
	spare_spoil(&s, copy_at(&s, 1, 3));

	unwritable = 0;
	assert_int_equal(spare_reload(&s), 0);
	assert_false(dmr_store_settle(&s.store, &s.sb));
	assert_int_equal(s.store.sb.nr_stale, 0);
	/* The superblocks say so at once: what was listed is all that is left later. */
	spare_spoil(&s, copy_at(&s, 1, 3));
	assert_int_equal(spare_reload(&s), 0);
	for (i = 0; i < 12; i++)
		assert_int_equal(dmr_store_word(&s.store, i * DMR_TABLE_ENTRIES),
				 live(100 + i));
	spare_free(&s);
}

/* A lost copy is written in runs, not block by block. */
static void repaired_in_runs(void **state)
{
	struct spare s;
	u32 i;

	(void)state;
	spare_new(&s, 2 * DMR_RUN_BLOCKS * 254 + 500);
	while (s.store.sb.hwm < s.store.sb.layout.nr_tables)
		assert_int_equal(dmr_store_extend(&s.store), 0);
	for (i = 0; i < s.store.sb.hwm; i++)
		spare_spoil(&s, copy_at(&s, 1, i));
	ram_reset_counts(s.env);
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(s.store.repaired, s.store.sb.hwm);
	assert_int_equal(s.env->writes,
			 DIV_ROUND_UP(s.store.sb.hwm, DMR_RUN_BLOCKS));
	spare_free(&s);
}

/* What superblocks cannot list, nobody may rely on. */
static void too_many_stale_blocks(void **state)
{
	struct spare s;
	u32 i, n;

	(void)state;
	for (n = DMR_MAX_STALE; n <= DMR_MAX_STALE + 1; n++) {
		/* Every second one, so that each is a run. */
		spare_new(&s, (2 * n + 2) * 254);
		while (s.store.sb.hwm < 2 * n)
			assert_int_equal(dmr_store_extend(&s.store), 0);
		assert_int_equal(dmr_store_write_super(&s.store), 0);
		dmr_store_exit(&s.store);
		assert_int_equal(spare_load(&s), 0);
		for (i = 0; i < n; i++)
			set_bit(2 * i, s.store.stale[0]);
		assert_true(dmr_store_settle(&s.store, &s.sb));
		assert_int_equal(s.store.unsettled, n > DMR_MAX_STALE);
		spare_free(&s);
	}
}

static void both_copies_damaged(void **state)
{
	struct spare s;
	u8 *before = malloc(LEN * DMR_BLOCK_SIZE);

	(void)state;
	spare_new(&s, LEN);
	commit_one(&s, 5, live(55));
	spare_spoil(&s, copy_at(&s, 0, 3));
	spare_spoil(&s, copy_at(&s, 1, 3));
	/* Something that would be repaired, were it not for that. */
	spare_spoil(&s, copy_at(&s, 1, 0));
	memcpy(before, s.env->disk, LEN * DMR_BLOCK_SIZE);
	assert_int_equal(spare_reload(&s), -EUCLEAN);
	assert_why(&s, "block 3");
	/* A refusal leaves everything as it was. */
	assert_memory_equal(before, s.env->disk, LEN * DMR_BLOCK_SIZE);
	free(before);
	spare_free(&s);
}

/* A copy of another spare, or of another block of the table, is not taken. */
static void misplaced_tables(void **state)
{
	struct spare s, other;

	(void)state;
	spare_new(&s, LEN);
	commit_one(&s, 5, live(55));
	spare_format(&other, LEN);
	other.env->rng = 99;
	assert_int_equal(dmr_store_format(other.env, &other.area, &other.sb,
					  &other.why), 0);
	assert_int_equal(spare_load(&other), 0);
	memcpy(ram_block(s.env, copy_at(&s, 0, 0)),
	       ram_block(other.env, copy_at(&other, 0, 0)), 4096);
	memcpy(ram_block(s.env, copy_at(&s, 1, 1)),
	       ram_block(s.env, copy_at(&s, 1, 0)), 4096);
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(s.store.repaired, 2);
	assert_int_equal(dmr_store_word(&s.store, 5), live(55));
	assert_int_equal(s.store.nr_live, 1);
	memcpy(ram_block(s.env, copy_at(&s, 0, 0)),
	       ram_block(other.env, copy_at(&other, 0, 0)), 4096);
	memcpy(ram_block(s.env, copy_at(&s, 1, 0)),
	       ram_block(other.env, copy_at(&other, 0, 0)), 4096);
	assert_int_equal(spare_reload(&s), -EUCLEAN);
	spare_free(&other);
	spare_free(&s);
}

/* What lies beyond the high-water mark is never trusted. */
static void garbage_beyond_the_mark(void **state)
{
	u64 words[DMR_TABLE_ENTRIES], table;
	unsigned int copy, i;
	struct spare s;
	u32 hwm;

	(void)state;
	spare_new(&s, 60000);
	hwm = s.store.sb.hwm;
	assert_int_equal(hwm, DMR_RUN_BLOCKS);
	assert_true(s.store.sb.layout.nr_tables > hwm);
	for (i = 0; i < DMR_TABLE_ENTRIES; i++)
		words[i] = live(5000 + i);
	/* The very thing, as if left by an earlier life of this spare. */
	for (table = hwm; table < hwm + 40; table++)
		for (copy = 0; copy < 2; copy++)
			dmr_table_encode(s.store.sb.uuid, table, 1ULL << 40,
					 words,
					 ram_block(s.env,
						   copy_at(&s, copy, table)));
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(s.store.nr_live, 0);
	assert_int_equal(s.store.nr_ready, hwm * DMR_TABLE_ENTRIES);
	assert_int_equal(dmr_store_extend(&s.store), 0);
	assert_int_equal(s.store.sb.hwm, 2 * hwm);
	assert_int_equal(s.store.nr_live, 0);
	assert_int_equal(spare_reload(&s), 0);
	assert_int_equal(s.store.nr_live, 0);
	assert_int_equal(s.store.sb.hwm, 2 * hwm);
	spare_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_copy_is_repaired),
		cmocka_unit_test(unreadable_copy_comes_back),
		cmocka_unit_test(load_flushes),
		cmocka_unit_test(stale_blocks),
		cmocka_unit_test(repaired_in_runs),
		cmocka_unit_test(too_many_stale_blocks),
		cmocka_unit_test(read_only_repairs_nothing),
		cmocka_unit_test(copies_in_doubt),
		cmocka_unit_test(both_copies_damaged),
		cmocka_unit_test(misplaced_tables),
		cmocka_unit_test(garbage_beyond_the_mark),
	};

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
