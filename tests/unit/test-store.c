// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap unit tests: loading the slot table, commits, growth.
 */
#include "spare.h"

#define LEN	3000ULL

static u64 live(u64 block)
{
	return dmr_word(block, DMR_LIVE, 0xff, 0, 0);
}

/* Of one block, some sectors are in the slot, and some are lost. */
static u64 part(u8 valid, u8 lost)
{
	return dmr_word(9, DMR_LIVE, valid, lost, 1);
}

static int commit_one(struct spare *s, u32 slot, u64 word)
{
	dmr_store_stage(&s->store, slot, word);
	return dmr_store_commit(&s->store);
}

static u64 copy_at(struct spare *s, unsigned int copy, u64 table)
{
	return dmr_layout_table(&s->store.sb.layout, copy, table);
}

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
	ram_allow_all_allocs();
	assert_int_equal(s.env->writes, 0);
	assert_int_equal(s.store.sb.hwm, hwm);
	assert_int_equal(dmr_store_extend(&s.store), 0);
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
		cmocka_unit_test(damaged_copy_is_repaired),
		cmocka_unit_test(unreadable_copy_comes_back),
		cmocka_unit_test(last_numbers),
		cmocka_unit_test(load_flushes),
		cmocka_unit_test(data_lost_before_commit),
		cmocka_unit_test(stale_blocks),
		cmocka_unit_test(repaired_in_runs),
		cmocka_unit_test(too_many_stale_blocks),
		cmocka_unit_test(read_only_repairs_nothing),
		cmocka_unit_test(copies_in_doubt),
		cmocka_unit_test(both_copies_damaged),
		cmocka_unit_test(misplaced_tables),
		cmocka_unit_test(garbage_beyond_the_mark),
		cmocka_unit_test(extend_crashes),
		cmocka_unit_test(extend_without_memory),
		cmocka_unit_test(more_than_one_table_block),
		cmocka_unit_test(growth),
		cmocka_unit_test(metadata_write_errors),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
