// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit test of the copy that "replace" makes, on files: a spare changes at
 * random between the passes, and is told of as the kernel does; the copy must
 * equal it in the end, whatever the sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#undef fail	/* the tool has one, too */

#include "copy/copy.h"

#include <unistd.h>

#define ROUNDS	60

struct spare {
	char path[64];
	struct dmr_env env;
	struct dmr_store *store;
	struct ranges written;
	u32 next_block;
};

static void make_file(char *path, const char *name, u64 blocks)
{
	FILE *f;

	/* Memory, if there is such a place: each commit is synchronised. */
	sprintf(path, "%s/dmremap-copy-%d-%s", access("/dev/shm", W_OK) ?
		"/tmp" : "/dev/shm", getpid(), name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), blocks * DMR_BLOCK_SIZE), 0);
	fclose(f);
}

static void make_spare(struct spare *s, u64 blocks)
{
	struct dmr_area area = {
		.avail_blocks = blocks, .area_blocks = blocks,
		.main_sectors = 1 << 20, .main_lbs = 512,
		.identity = "wwn:0x1", .label = "data",
	};
	struct dmr_super sb;
	struct dmr_why why;

	memset(s, 0, sizeof(*s));
	make_file(s->path, "old", blocks);
	assert_int_equal(env_open(&s->env, s->path, 0, true), 0);
	s->store = calloc(1, sizeof(*s->store));
	assert_int_equal(dmr_store_format(&s->env, &area, &sb, &why), 0);
	assert_int_equal(dmr_store_load(s->store, &s->env, &sb, false, &why), 0);
}

static void write_slot(struct spare *s, u32 slot)
{
	u32 buf[DMR_BLOCK_SIZE / 4], i;

	for (i = 0; i < ARRAY_SIZE(buf); i++)
		buf[i] = lrand48();
	assert_int_equal(env_write(&s->env, dmr_layout_slot(&s->store->sb.layout,
							    slot), 1, buf), 0);
	ranges_add(&s->written, dmr_store_slot_sector(s->store, slot),
		   DMR_BLOCK_SECTORS);
}

/* What a kernel does to its spare. */
static void change(struct spare *s)
{
	u32 limit = dmr_store_slot_limit(s->store), slot = lrand48() % limit;
	u64 w = dmr_store_word(s->store, slot);

	if (dmr_word_state(w) != DMR_LIVE || lrand48() % 3 == 0) {
		slot = dmr_store_alloc(s->store);
		if (slot == DMR_NO_SLOT)
			return;
		/* Known bad, without data, or remapped. */
		w = dmr_word(s->next_block++, DMR_LIVE,
			     lrand48() % 4 ? lrand48() : 0, 0, lrand48());
		if (dmr_word_valid(w))
			write_slot(s, slot);
	} else {
		switch (lrand48() % 6) {
		case 0:		/* released */
			w = 0;
			break;
		case 1:		/* went bad */
			w = dmr_word(0, DMR_BAD, 0, 0, 0);
			break;
		case 2:		/* given up, and taken again with the same entry */
			write_slot(s, slot);
			break;
		case 3:		/* one more sector is here */
			write_slot(s, slot);
			w = dmr_word(dmr_word_block(w), DMR_LIVE,
				     dmr_word_valid(w) | 1 << lrand48() % 8,
				     0, dmr_word_gen(w));
			break;
		case 4:		/* a sector cannot be read any more */
			w = dmr_word(dmr_word_block(w), DMR_LIVE,
				     dmr_word_valid(w) & ~1,
				     dmr_word_lost(w) | (dmr_word_valid(w) & 1),
				     dmr_word_gen(w));
			break;
		default:	/* written in place */
			write_slot(s, slot);
			return;
		}
	}
	dmr_store_stage(s->store, slot, w);
	assert_int_equal(dmr_store_commit(s->store), 0);
}

static void changes(struct spare *s, int nr)
{
	while (nr--)
		change(s);
}

static int pass(struct copier *c, struct spare *s, const struct device *d,
		bool first)
{
	struct ranges written = s->written;
	struct area *from = calloc(1, sizeof(*from));
	struct dmr_why why;
	int r;

	memset(&s->written, 0, sizeof(s->written));
	ranges_tidy(&written);
	assert_int_equal(area_peek(from, d, 0, AREA_READ), 0);
	assert_int_equal(area_load(from, &why), 0);
	r = copy_pass(c, from, first ? NULL : &written, false, NULL);
	area_close(from);
	free(from);
	ranges_free(&written);
	return r;
}

static void one_round(u64 old_blocks, u64 new_blocks, u64 start, int busy)
{
	u64 device_blocks = start / 8 + new_blocks + 3;
	struct device old, new;
	struct copier c = { 0 };
	struct dmr_layout l;
	struct dmr_why why;
	struct dmr_env to;
	struct spare s;
	char path[64];
	int i;

	make_spare(&s, old_blocks);
	changes(&s, busy);
	make_file(path, "new", device_blocks);
	assert_int_equal(device_get(s.path, true, &old), RC_OK);
	assert_int_equal(device_get(path, true, &new), RC_OK);
	assert_int_equal(dmr_layout_init(&l, new_blocks), 0);
	assert_int_equal(env_open(&to, path, start, true), 0);
	assert_int_equal(env_hold(&to, &l), 0);
	assert_int_equal(copy_begin(&c, &s.store->sb, &to, start,
				    device_blocks - start / 8, new_blocks,
				    &why), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(pass(&c, &s, &old, !i), 0);
		if (i < 3)
			changes(&s, lrand48() % 40);
	}
	assert_int_equal(copy_end(&c, &s.store->sb), 0);
	/* Until now nobody takes it for a spare. */
	assert_int_not_equal(areas_equal(&old, 0, &new, start), 1);
	assert_int_equal(env_publish(&to), 0);
	assert_int_equal(areas_equal(&old, 0, &new, start), 1);
	assert_int_equal(copy_lost(&c), 0);

	copy_exit(&c);
	env_close(&to);
	dmr_store_exit(s.store);
	free(s.store);
	env_close(&s.env);
	ranges_free(&s.written);
	unlink(s.path);
	unlink(path);
}

static void copies_what_changes(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		srand48(i);
		one_round(300 + lrand48() % 2000, 700 + lrand48() % 3000,
			  lrand48() % 2 * 64, lrand48() % 500);
	}
}

static void too_small(void **state)
{
	struct copier c = { 0 };
	struct dmr_layout l;
	struct device old;
	struct dmr_why why;
	struct dmr_env to;
	struct spare s;
	char path[64];

	(void)state;
	srand48(1);
	make_spare(&s, 1000);
	changes(&s, 400);
	assert_true(s.store->nr_live > 40);
	make_file(path, "new", 32);
	assert_int_equal(device_get(s.path, true, &old), RC_OK);
	assert_int_equal(dmr_layout_init(&l, 32), 0);
	assert_int_equal(env_open(&to, path, 0, true), 0);
	assert_int_equal(env_hold(&to, &l), 0);
	assert_int_equal(copy_begin(&c, &s.store->sb, &to, 0, 32, 32, &why), 0);
	assert_int_equal(pass(&c, &s, &old, true), -ENOSPC);
	copy_exit(&c);
	env_close(&to);
	dmr_store_exit(s.store);
	free(s.store);
	env_close(&s.env);
	ranges_free(&s.written);
	unlink(s.path);
	unlink(path);
}

/* What cannot be read is not asked for again; a longer read says nothing of its first block. */
static void failed_reads(void **state)
{
	u8 buf[4 * DMR_BLOCK_SIZE];
	struct dmr_env env;
	char path[64];

	(void)state;
	make_file(path, "short", 2);
	assert_int_equal(env_open(&env, path, 0, false), 0);
	assert_int_equal(env_read(&env, 2, 2, buf), -EIO);
	assert_int_equal(env_read(&env, 3, 1, buf), -EIO);
	assert_int_equal(truncate(path, 4 * DMR_BLOCK_SIZE), 0);
	assert_int_equal(env_read(&env, 2, 1, buf), 0);
	assert_int_equal(env_read(&env, 3, 1, buf), -EIO);
	assert_int_equal(env_read(&env, 0, 4, buf), 0);
	env_close(&env);
	/* Whoever writes there may have mended it. */
	assert_int_equal(truncate(path, 2 * DMR_BLOCK_SIZE), 0);
	assert_int_equal(env_open(&env, path, 0, true), 0);
	assert_int_equal(env_read(&env, 2, 1, buf), -EIO);
	assert_int_equal(truncate(path, 4 * DMR_BLOCK_SIZE), 0);
	assert_int_equal(env_read(&env, 2, 1, buf), 0);
	env_close(&env);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_what_changes),
		cmocka_unit_test(too_small),
		cmocka_unit_test(failed_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
