// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap unit tests: finding, formatting and refusing a spare area.
 */
#include "spare.h"

#define LEN	3000ULL

static void format_then_probe(void **state)
{
	struct spare s;

	(void)state;
	spare_format(&s, LEN);
	s.area.label = "";
	assert_int_equal(spare_probe(&s), 0);
	assert_int_equal(s.sb.layout.area_blocks, LEN);
	assert_int_equal(s.sb.main_sectors, MAIN_SECTORS);
	assert_int_equal(s.sb.spare_start, 2048);
	assert_int_equal(s.sb.hwm, s.sb.layout.nr_tables);
	spare_free(&s);
}

static void blank(void **state)
{
	struct spare s;
	u64 at[] = { 0, LEN / 2, LEN - 1 };
	unsigned int i;

	(void)state;
	spare_format(&s, LEN);
	memset(s.env->disk, 0, LEN * DMR_BLOCK_SIZE);
	assert_int_equal(spare_probe(&s), 1);
	/* Something where only one of the superblocks goes: not blank. */
	for (i = 0; i < 3; i++) {
		strcpy(ram_block(s.env, at[i]) + 1024, "precious data");
		assert_int_equal(spare_probe(&s), -EINVAL);
		assert_why(&s, "not blank");
		memset(ram_block(s.env, at[i]), 0, DMR_BLOCK_SIZE);
	}
	/* Garbage elsewhere does not matter. */
	memset(ram_block(s.env, 5), 0xee, DMR_BLOCK_SIZE * 7);
	assert_int_equal(spare_probe(&s), 1);
	/* A superblock that cannot be read is not a blank one. */
	s.env->fault = ram_fail_reads;
	s.env->fault_block = LEN / 2;
	s.env->fault_count = 1000;
	assert_int_equal(spare_probe(&s), -EIO);
	assert_why(&s, "cannot be read");
	spare_free(&s);
}

static void any_one_superblock_will_do(void **state)
{
	struct spare s;
	u64 at[] = { 0, LEN / 2, LEN - 1 };
	unsigned int keep, how, i;

	(void)state;
	for (how = 0; how < 4; how++) {
		for (keep = 0; keep < 3; keep++) {
			spare_format(&s, LEN);
			for (i = 0; i < 3; i++) {
				if (i == keep)
					continue;
				if (how == 0)
					spare_spoil(&s, at[i]);
				else if (how == 1)
					memset(ram_block(s.env, at[i]), 0, 4096);
				else
					memset(ram_block(s.env, at[i]), 0xee,
					       4096);
			}
			if (how == 3) {
				s.env->fault = ram_fail_reads;
				s.env->fault_block = at[(keep + 1) % 3];
				s.env->fault_count = 1000;
			}
			assert_int_equal(spare_load(&s), 0);
			assert_int_equal(s.store.supers_whole, BIT(keep));
			assert_int_equal(dmr_store_write_super(&s.store),
					 0);
			assert_int_equal(hweight8(s.store.supers_whole), 3);
			spare_free(&s);
		}
	}
}

static void all_superblocks_damaged(void **state)
{
	struct spare s;

	(void)state;
	spare_format(&s, LEN);
	spare_spoil(&s, 0);
	spare_spoil(&s, LEN / 2);
	spare_spoil(&s, LEN - 1);
	assert_int_equal(spare_probe(&s), -EUCLEAN);
	assert_why(&s, "damaged");
	/* Neither blank nor refused as foreign if one is left in ruins. */
	memset(ram_block(s.env, 0), 0, DMR_BLOCK_SIZE);
	memset(ram_block(s.env, LEN / 2), 0, DMR_BLOCK_SIZE);
	assert_int_equal(spare_probe(&s), -EUCLEAN);
	spare_free(&s);
}

/* Superblocks are written one by one; whichever made it, the newest counts. */
static void newest_wins(void **state)
{
	struct spare s;
	int cut, tear;

	(void)state;
	for (cut = 0; cut < 3; cut++) {
		for (tear = 0; tear < 256; tear += 15) {
			spare_new(&s, LEN);
			s.store.sb.activations = 1;
			assert_int_equal(dmr_store_write_super(&s.store), 0);
			s.store.sb.activations = 2;
			s.env->cut = cut;
			s.env->tear = tear;
			dmr_store_write_super(&s.store);
			s.env->cut = -1;
			assert_int_equal(spare_reload(&s), 0);
			if (cut)
				assert_int_equal(s.sb.activations, 2);
			else
				assert_in_range(s.sb.activations, 1, 2);
			spare_free(&s);
		}
	}
}

static void wrong_pairings(void **state)
{
	struct spare s;

	(void)state;
	spare_format(&s, LEN);
	s.area.main_sectors++;
	assert_int_equal(spare_probe(&s), -ESTALE);
	assert_why(&s, "800003");
	assert_why(&s, "800004");
	s.area.main_sectors -= 2;
	assert_int_equal(spare_probe(&s), -ESTALE);
	s.area.main_sectors++;
	s.area.main_lbs = 4096;
	assert_int_equal(spare_probe(&s), -ESTALE);
	assert_why(&s, "4096");
	s.area.main_lbs = 512;

	s.area.avail_blocks = LEN - 1;
	assert_int_equal(spare_probe(&s), -ENOSPC);
	assert_why(&s, "3000");
	assert_why(&s, "2999");
	s.area.avail_blocks = 15;
	assert_int_equal(spare_probe(&s), -ENOSPC);
	s.area.avail_blocks = LEN;
	s.area.area_blocks = LEN + 1;
	assert_int_equal(spare_probe(&s), -ENOSPC);
	/* It has been lengthened since: fine. */
	s.area.area_blocks = LEN - 100;
	assert_int_equal(spare_probe(&s), 0);
	s.area.area_blocks = LEN;

	/* Not as long as it must be. */
	s.area.area_blocks = LEN - 200;
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why), 0);
	s.area.area_blocks = LEN - 100;
	assert_int_equal(spare_probe(&s), -EINVAL);
	assert_why(&s, "spare_length");
	assert_why(&s, "22400");
	s.area.area_blocks = 0;
	assert_int_equal(spare_probe(&s), 0);

	/* An area that starts elsewhere on this disk. */
	s.area.spare_start = 4096;
	assert_int_equal(spare_probe(&s), -EINVAL);
	assert_why(&s, "2048");
	spare_free(&s);
}

static void identities(void **state)
{
	struct spare s;

	(void)state;
	spare_format(&s, LEN);
	/* Formatted without a name: the first one that is given stays. */
	s.area.identity = "disk-1";
	assert_int_equal(spare_load(&s), 0);
	assert_int_equal(dmr_store_write_super(&s.store), 0);
	s.area.identity = "disk-2";
	assert_int_equal(spare_reload(&s), -ESTALE);
	assert_why(&s, "disk-1");
	assert_why(&s, "disk-2");
	s.area.identity = "disk-11";
	assert_int_equal(spare_probe(&s), -ESTALE);
	s.area.identity = "";
	assert_int_equal(spare_probe(&s), 0);
	/* A disk known by its name may have grown if that is asked for, but not shrunk. */
	s.area.main_sectors += 100;
	s.area.main_grown = true;
	assert_int_equal(spare_probe(&s), -ESTALE);
	s.area.identity = "disk-1";
	assert_int_equal(spare_probe(&s), 0);
	assert_int_equal(s.sb.main_sectors, MAIN_SECTORS + 100);
	s.area.main_grown = false;
	assert_int_equal(spare_probe(&s), -ESTALE);
	assert_why(&s, "main_grown");
	s.area.main_grown = true;
	s.area.main_sectors -= 101;
	assert_int_equal(spare_probe(&s), -ESTALE);
	/* What was recorded stays if nobody asks for a change. */
	s.area.main_sectors++;
	s.area.main_lbs = 4096;
	assert_int_equal(spare_probe(&s), 0);
	assert_int_equal(s.sb.main_lbs, 512);
	spare_free(&s);
}

static void format_refuses(void **state)
{
	static char name[200];
	struct spare s;

	(void)state;
	spare_format(&s, LEN);
	s.area.identity = "two words";
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why),
			 -EINVAL);
	memset(name, 'x', DMR_IDENTITY_LEN);
	s.area.identity = name;
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why),
			 -EINVAL);
	name[DMR_IDENTITY_LEN - 1] = '\0';
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why), 0);
	assert_int_equal(spare_probe(&s), 0);
	s.area.identity = "";
	s.area.label = "a\nb";
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why),
			 -EINVAL);
	s.area.label = "";
	s.area.main_sectors = (DMR_MAX_MAIN_BLOCKS << 3) + 1;
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why),
			 -EFBIG);
	s.area.main_sectors = MAIN_SECTORS;
	s.area.avail_blocks = 15;
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why),
			 -ENOSPC);
	s.area.avail_blocks = LEN;
	s.area.area_blocks = LEN + 1;
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why),
			 -ENOSPC);
	s.area.area_blocks = 0;
	s.env->fault = ram_fail_all;
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why), -EIO);
	spare_free(&s);
}

static void features(void **state)
{
	struct spare s;

	(void)state;
	spare_format(&s, LEN);
	assert_int_equal(spare_load(&s), 0);
	s.store.sb.compat = 0x80;
	assert_int_equal(dmr_store_write_super(&s.store), 0);
	assert_int_equal(spare_reload(&s), 0);
	assert_false(s.store.read_only);
	s.store.sb.ro_compat = 0x100;
	assert_int_equal(dmr_store_write_super(&s.store), 0);
	assert_int_equal(spare_reload(&s), 0);
	assert_true(s.store.read_only);
	assert_int_equal(s.store.sb.compat, 0x80);
	s.store.sb.incompat = 0x4;
	assert_int_equal(dmr_store_write_super(&s.store), 0);
	assert_int_equal(spare_reload(&s), -EMEDIUMTYPE);
	assert_why(&s, "0x4");
	spare_free(&s);
}

static void newer_format(void **state)
{
	struct spare s;
	u32 crc;
	u8 *p;

	(void)state;
	spare_format(&s, LEN);
	p = ram_block(s.env, LEN / 2);
	p[10] = 9;
	memset(p + 12, 0, 4);
	crc = htole32(~crc32c(~0U, p, DMR_BLOCK_SIZE));
	memcpy(p + 12, &crc, 4);
	/* Also if others look like those of an older version. */
	assert_int_equal(spare_probe(&s), -EMEDIUMTYPE);
	assert_why(&s, "version 9");
	spare_free(&s);
}

/* A crash while formatting: refused, or complete. */
static void format_is_atomic(void **state)
{
	struct spare s;
	int cut, r, tear;

	(void)state;
	for (tear = 0; tear < 256; tear += 51) {
		for (cut = 0; cut < 12; cut++) {
			/* There was one before, with contents. */
			spare_new(&s, LEN);
			dmr_store_stage(&s.store, 1,
					dmr_word(5, DMR_LIVE, 1, 0, 0));
			assert_int_equal(dmr_store_commit(&s.store), 0);
			dmr_store_exit(&s.store);
			s.env->cut = cut;
			s.env->tear = tear;
			dmr_store_format(s.env, &s.area, &s.sb, &s.why);
			s.env->cut = -1;
			r = spare_load(&s);
			if (!r && dmr_store_word(&s.store, 1))
				assert_true(cut < 3);
			spare_free(&s);
		}
	}
}

/* Superblocks of an earlier area must not come back. */
static void stale_superblocks(void **state)
{
	struct spare s;
	u8 uuid[16];
	u64 old_len;
	unsigned int i;

	(void)state;
	for (old_len = LEN; old_len >= 2000; old_len -= 500) {
		spare_format(&s, LEN);
		s.area.area_blocks = old_len;
		assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb,
						  &s.why), 0);
		assert_int_equal(spare_load(&s), 0);
		/* It has lived for long: its sequence numbers are high. */
		s.store.seq = 1000000;
		assert_int_equal(dmr_store_write_super(&s.store), 0);
		dmr_store_exit(&s.store);
		s.area.area_blocks = 1000;
		assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb,
						  &s.why), 0);
		memcpy(uuid, s.sb.uuid, 16);
		s.area.area_blocks = 0;
		assert_int_equal(spare_probe(&s), 0);
		assert_memory_equal(uuid, s.sb.uuid, 16);
		/* Not even if the first block is damaged. */
		spare_spoil(&s, 0);
		for (i = 0; i < 2; i++) {
			s.area.area_blocks = 0;
			if (!spare_probe(&s))
				assert_memory_equal(uuid, s.sb.uuid, 16);
			s.area.area_blocks = old_len;
			if (!spare_probe(&s))
				assert_memory_equal(uuid, s.sb.uuid, 16);
			s.area.area_blocks = 1000;
			assert_int_equal(spare_probe(&s), 0);
			assert_memory_equal(uuid, s.sb.uuid, 16);
			/* Nor if it cannot be read at all. */
			s.env->fault = ram_fail_block;
			s.env->fault_block = 0;
		}
		spare_free(&s);
	}
}

/*
 * An area of @blocks with @uuid, and at the end of the device a superblock of an
 * earlier area, newer by its number: it could not be read when it should have been
 * wiped. The length of the new area is not asked for.
 */
static void format_leaves_an_old_super(struct spare *s, u64 blocks, u8 *uuid)
{
	u8 old[DMR_BLOCK_SIZE];

	spare_new(s, LEN);
	s->store.seq = 1000000;
	assert_int_equal(dmr_store_write_super(&s->store), 0);
	dmr_store_exit(&s->store);
	memcpy(old, ram_block(s->env, LEN - 1), sizeof(old));
	s->area.area_blocks = blocks;
	assert_int_equal(dmr_store_format(s->env, &s->area, &s->sb, &s->why), 0);
	memcpy(uuid, s->sb.uuid, 16);
	memcpy(ram_block(s->env, LEN - 1), old, sizeof(old));
	s->area.area_blocks = 0;
}

/* It is not believed. */
static void superblock_comes_back(void **state)
{
	struct spare s;
	u8 uuid[16];

	(void)state;
	format_leaves_an_old_super(&s, 1000, uuid);
	assert_int_equal(spare_load(&s), 0);
	assert_memory_equal(uuid, s.sb.uuid, 16);
	spare_free(&s);
}

/* Which sectors of the first superblock are new: all combinations that matter. */
static void torn_first_superblock(void **state)
{
	u8 before[DMR_BLOCK_SIZE], after[DMR_BLOCK_SIZE];
	u8 middle[DMR_BLOCK_SIZE], last[DMR_BLOCK_SIZE], uuid[16];
	unsigned int torn, i;
	struct spare s;
	u64 len;

	(void)state;
	format_leaves_an_old_super(&s, 100, uuid);

	for (len = 200; len <= 900; len += 100) {
		assert_int_equal(spare_load(&s), 0);
		memcpy(before, ram_block(s.env, 0), sizeof(before));
		memcpy(last, ram_block(s.env, len - 101), sizeof(last));
		assert_int_equal(dmr_store_grow(&s.store, len), 0);
		dmr_store_exit(&s.store);
		/* What was the last one is wiped after that. */
		memcpy(ram_block(s.env, len - 101), last, sizeof(last));
		memcpy(after, ram_block(s.env, 0), sizeof(after));
		/* More than three sectors' worth of segments there are not. */
		for (torn = 1; torn < 8; torn++) {
			for (i = 0; i < 8; i++)
				memcpy(ram_block(s.env, 0) + i * 512,
				       (torn & BIT(min(i, 2U)) ? before : after) +
				       i * 512, 512);
			assert_int_equal(spare_probe(&s), 0);
			assert_memory_equal(uuid, s.sb.uuid, 16);
			assert_int_equal(s.sb.layout.area_blocks, len);
			/* The middle one cannot be had, either. */
			memcpy(middle, ram_block(s.env, 50), sizeof(middle));
			memset(ram_block(s.env, 50), 0, sizeof(middle));
			assert_int_equal(spare_probe(&s), 0);
			assert_memory_equal(uuid, s.sb.uuid, 16);
			memcpy(ram_block(s.env, 50), middle, sizeof(middle));
		}
		memcpy(ram_block(s.env, 0), after, sizeof(after));
		memset(ram_block(s.env, len - 101), 0, sizeof(last));
	}
	spare_free(&s);
}

/*
 * An area that is grown to the end of its device, and the first superblock goes bad
 * meanwhile: the one at the new end is found, however far it came.
 */
static void first_superblock_fails_in_growth(void **state)
{
	struct spare s;
	u8 uuid[16];
	int cut;

	(void)state;
	for (cut = 1; cut < 5; cut++) {
		spare_format(&s, LEN);
		s.area.area_blocks = 1000;
		assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why),
				 0);
		memcpy(uuid, s.sb.uuid, 16);
		memset(ram_block(s.env, LEN - 1), 0, DMR_BLOCK_SIZE);
		assert_int_equal(spare_load(&s), 0);
		s.env->fault = ram_fail_block;
		s.env->fault_block = 0;
		s.env->cut = cut;
		dmr_store_grow(&s.store, LEN);
		s.env->cut = -1;
		dmr_store_exit(&s.store);
		s.area.area_blocks = 0;
		assert_int_equal(spare_probe(&s), 0);
		assert_memory_equal(uuid, s.sb.uuid, 16);
		assert_int_equal(s.sb.layout.area_blocks, LEN);
		spare_free(&s);
	}
}

/* An area beside this one belongs to somebody else. */
static void format_spares_neighbours(void **state)
{
	struct dmr_layout l;
	struct dmr_super sb;
	struct spare s;

	(void)state;
	spare_format(&s, LEN);
	/* Its superblocks lie where older ones of ours could be. */
	dmr_layout_init(&l, 2000);
	sb = s.sb;
	sb.spare_start = 2048 + 1000 * 8;
	sb.layout = l;
	sb.hwm = 1;
	dmr_super_encode(&sb, 0, ram_block(s.env, LEN / 2));
	dmr_super_encode(&sb, 2, ram_block(s.env, LEN - 1));
	s.area.area_blocks = 1000;
	assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why), 0);
	assert_int_equal(dmr_super_decode(&sb, 0, ram_block(s.env, LEN / 2)),
			 DMR_OK);
	assert_int_equal(dmr_super_decode(&sb, 2, ram_block(s.env, LEN - 1)),
			 DMR_OK);
	assert_int_equal(spare_probe(&s), 0);
	spare_free(&s);
}

static void out_of_memory(void **state)
{
	struct spare s;
	unsigned int n;
	int r;

	(void)state;
	spare_format(&s, LEN);
	for (n = 0, r = -ENOMEM; r == -ENOMEM; n++) {
		ram_allow_allocs(n);
		r = spare_load(&s);
		if (r) {
			assert_int_equal(r, -ENOMEM);
			assert_why(&s, "memory");
			dmr_store_exit(&s.store);
		}
	}
	assert_int_equal(r, 0);
	assert_true(n > 8);
	dmr_store_exit(&s.store);
	for (n = 0, r = -ENOMEM; r == -ENOMEM; n++) {
		ram_allow_allocs(n);
		r = dmr_store_format(s.env, &s.area, &s.sb, &s.why);
	}
	assert_int_equal(r, 0);
	ram_allow_all_allocs();
	spare_free(&s);
}

/* A file system for sectors of 512 bytes does not mount where they have 4096. */
static void sectors_of_the_spare(void **state)
{
	static const struct {
		u32 main, spare;
		int r;
	} t[] = {
		{ 512, 512, 0 }, { 4096, 512, 0 }, { 4096, 4096, 0 },
		{ 512, 0, 0 }, { 512, 4096, -EINVAL }, { 512, 1024, -EINVAL },
		{ 2048, 4096, -EINVAL },
	};
	struct spare s;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		spare_format(&s, 1000);
		s.area.main_lbs = t[i].main;
		s.area.spare_lbs = t[i].spare;
		assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why),
				 t[i].r);
		if (t[i].r)
			assert_why(&s, "must not be larger");
		s.area.spare_lbs = 0;
		assert_int_equal(dmr_store_format(s.env, &s.area, &s.sb, &s.why),
				 0);
		s.area.spare_lbs = t[i].spare;
		assert_int_equal(spare_probe(&s), t[i].r);
		spare_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_then_probe),
		cmocka_unit_test(blank),
		cmocka_unit_test(sectors_of_the_spare),
		cmocka_unit_test(any_one_superblock_will_do),
		cmocka_unit_test(all_superblocks_damaged),
		cmocka_unit_test(newest_wins),
		cmocka_unit_test(wrong_pairings),
		cmocka_unit_test(identities),
		cmocka_unit_test(format_refuses),
		cmocka_unit_test(features),
		cmocka_unit_test(newer_format),
		cmocka_unit_test(format_is_atomic),
		cmocka_unit_test(stale_superblocks),
		cmocka_unit_test(superblock_comes_back),
		cmocka_unit_test(torn_first_superblock),
		cmocka_unit_test(first_superblock_fails_in_growth),
		cmocka_unit_test(format_spares_neighbours),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
