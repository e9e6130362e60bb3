// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: KUnit tests of the bytes on the spare device.
 */
#include <kunit/test.h>
#include <linux/unaligned.h>

#include "dm-remap-format.h"

#define MAIN_BLOCKS	100000ULL
#define CRC_AT		12	/* offset of the checksum in a metadata block */
#define ENTRIES_AT	64

static const u8 uuid[16] = "0123456789abcde";

struct blocks {
	struct dmr_super super;
	struct dmr_super got;
	u64 words[DMR_TABLE_ENTRIES];
	u64 got_words[DMR_TABLE_ENTRIES];
	u8 block[DMR_BLOCK_SIZE];
};

static int blocks_init(struct kunit *test)
{
	struct blocks *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	struct dmr_super *sb;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, b);
	test->priv = b;
	sb = &b->super;
	memcpy(sb->uuid, uuid, sizeof(uuid));
	sb->seq = 77;
	sb->spare_start = 4096;
	sb->main_sectors = MAIN_BLOCKS * DMR_BLOCK_SECTORS - 3;
	sb->main_lbs = 512;
	strscpy(sb->identity, "wwn-0x5000c500a1b2c3d4");
	strscpy(sb->label, "backup-disk");
	sb->activations = 9;
	sb->nr_stale = 1;
	sb->stale[0] = (struct dmr_stale){ .copy = 1, .first = 2, .nr = 3 };
	for (i = 0; i < DMR_NR_COUNTERS; i++)
		sb->counters[i] = 1000 + i;
	KUNIT_ASSERT_EQ(test, dmr_layout_init(&sb->layout, 3000), 0);
	KUNIT_ASSERT_EQ(test, dmr_layout_add(&sb->layout, 5000), 0);
	sb->hwm = sb->layout.nr_tables;
	for (i = 0; i < DMR_TABLE_ENTRIES; i++)
		b->words[i] = i % 5 ? dmr_word(i * 31, DMR_LIVE, i, ~i, i) : 0;
	return 0;
}

/* Make the checksum right after a change, as an attacker would. */
static void seal(u8 *block)
{
	put_unaligned_le32(0, block + CRC_AT);
	put_unaligned_le32(~crc32c(~0U, block, DMR_BLOCK_SIZE), block + CRC_AT);
}

static void word_keeps_its_fields(struct kunit *test)
{
	u64 w = dmr_word(DMR_MAX_MAIN_BLOCKS - 1, DMR_LIVE, 0xa5, 0x5a, 0xc3);

	KUNIT_EXPECT_EQ(test, dmr_word_block(w), DMR_MAX_MAIN_BLOCKS - 1);
	KUNIT_EXPECT_EQ(test, dmr_word_state(w), DMR_LIVE);
	KUNIT_EXPECT_EQ(test, dmr_word_valid(w), 0xa5);
	KUNIT_EXPECT_EQ(test, dmr_word_lost(w), 0x5a);
	KUNIT_EXPECT_EQ(test, dmr_word_gen(w), 0xc3);
	KUNIT_EXPECT_EQ(test, w & (DMR_WORD_BUSY | DMR_WORD_UNPROVEN), 0);
}

static void generations_wrap_around(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, dmr_gen_after(1, 0));
	KUNIT_EXPECT_TRUE(test, dmr_gen_after(0, 255));
	KUNIT_EXPECT_FALSE(test, dmr_gen_after(255, 0));
	KUNIT_EXPECT_FALSE(test, dmr_gen_after(7, 7));
}

/* No block of an area is two things, and all slots lie in it. */
static void layout_has_no_overlap(struct kunit *test)
{
	const u64 area = 3000;
	struct dmr_layout *l;
	unsigned long *used;
	unsigned int copy;
	u64 i;

	l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);
	used = kunit_kcalloc(test, BITS_TO_LONGS(area), sizeof(long),
			     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, l);
	KUNIT_ASSERT_NOT_NULL(test, used);
	KUNIT_ASSERT_EQ(test, dmr_layout_init(l, area), 0);
	for (copy = 0; copy < DMR_NR_SUPERS; copy++) {
		i = dmr_layout_super(l, copy);
		KUNIT_ASSERT_LT(test, i, area);
		KUNIT_EXPECT_FALSE(test, __test_and_set_bit(i, used));
	}
	for (copy = 0; copy < DMR_NR_COPIES; copy++) {
		for (i = 0; i < l->nr_tables; i++) {
			u64 at = dmr_layout_table(l, copy, i);

			KUNIT_ASSERT_LT(test, at, area);
			KUNIT_EXPECT_FALSE(test, __test_and_set_bit(at, used));
		}
	}
	for (i = 0; i < l->nr_slots; i++) {
		u64 at = dmr_layout_slot(l, i);

		KUNIT_ASSERT_LT(test, at, area);
		KUNIT_EXPECT_FALSE(test, __test_and_set_bit(at, used));
	}
}

static void layout_refuses_what_is_too_small(struct kunit *test)
{
	struct dmr_layout *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, l);
	KUNIT_EXPECT_EQ(test, dmr_layout_init(l, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, dmr_layout_init(l, 3), -ENOSPC);
	KUNIT_EXPECT_EQ(test, dmr_layout_init(l, U64_MAX), -EFBIG);
}

static void super_round_trip(struct kunit *test)
{
	struct blocks *b = test->priv;
	int copy;

	for (copy = 0; copy < DMR_NR_SUPERS; copy++) {
		memset(b->block, 0x5a, sizeof(b->block));
		dmr_super_encode(&b->super, copy, b->block);
		memset(&b->got, 0, sizeof(b->got));
		KUNIT_ASSERT_EQ(test, dmr_super_decode(&b->got, copy, b->block),
				DMR_OK);
		KUNIT_EXPECT_MEMEQ(test, &b->got, &b->super, sizeof(b->got));
		KUNIT_EXPECT_EQ(test, dmr_super_decode(&b->got,
						       (copy + 1) % DMR_NR_SUPERS,
						       b->block), DMR_DAMAGED);
	}
}

static void super_believes_no_flipped_bit(struct kunit *test)
{
	struct blocks *b = test->priv;
	unsigned int bit, believed = 0;

	dmr_super_encode(&b->super, 0, b->block);
	for (bit = 0; bit < DMR_BLOCK_SIZE * 8; bit++) {
		b->block[bit / 8] ^= 1 << bit % 8;
		believed += dmr_super_decode(&b->got, 0, b->block) == DMR_OK;
		b->block[bit / 8] ^= 1 << bit % 8;
	}
	KUNIT_EXPECT_EQ(test, believed, 0);
}

static void blank_is_not_foreign(struct kunit *test)
{
	struct blocks *b = test->priv;

	KUNIT_EXPECT_EQ(test, dmr_super_decode(&b->got, 0, b->block),
			DMR_BLANK);
	b->block[DMR_BLOCK_SIZE - 1] = 1;
	KUNIT_EXPECT_EQ(test, dmr_super_decode(&b->got, 0, b->block),
			DMR_FOREIGN);
}

static enum dmr_verdict decode_table(struct blocks *b, u64 table)
{
	u64 seq;

	return dmr_table_decode(uuid, table, MAIN_BLOCKS, DMR_TABLE_ENTRIES,
				b->block, &seq, b->got_words);
}

static void table_round_trip(struct kunit *test)
{
	struct blocks *b = test->priv;
	u64 seq = 0;

	dmr_table_encode(uuid, 3, 55, b->words, b->block);
	KUNIT_ASSERT_EQ(test, dmr_table_decode(uuid, 3, MAIN_BLOCKS,
					       DMR_TABLE_ENTRIES, b->block,
					       &seq, b->got_words), DMR_OK);
	KUNIT_EXPECT_EQ(test, seq, 55);
	KUNIT_EXPECT_MEMEQ(test, b->got_words, b->words, sizeof(b->words));
	/* Nor is it another one's, or one for which there are no slots. */
	KUNIT_EXPECT_EQ(test, decode_table(b, 4), DMR_DAMAGED);
	KUNIT_EXPECT_EQ(test, dmr_table_decode(uuid, 3, MAIN_BLOCKS, 10,
					       b->block, &seq, b->got_words),
			DMR_DAMAGED);
}

static void table_believes_no_flipped_bit(struct kunit *test)
{
	struct blocks *b = test->priv;
	unsigned int bit, believed = 0;

	dmr_table_encode(uuid, 3, 55, b->words, b->block);
	for (bit = 0; bit < DMR_BLOCK_SIZE * 8; bit++) {
		b->block[bit / 8] ^= 1 << bit % 8;
		believed += decode_table(b, 3) == DMR_OK;
		b->block[bit / 8] ^= 1 << bit % 8;
	}
	KUNIT_EXPECT_EQ(test, believed, 0);
}

static void table_refuses_hostile_entries(struct kunit *test)
{
	static const struct {
		u64 block;
		u8 state, valid, lost;
		u32 reserved;
		enum dmr_verdict verdict;
	} entry[] = {
		{ 5, DMR_LIVE, 0xf0, 0x0f, 0, DMR_OK },
		{ 5, DMR_LIVE, 0, 0, 0, DMR_OK },
		{ 5, DMR_LIVE, 0xf0, 0x10, 0, DMR_DAMAGED },
		{ 5, 3, 0, 0, 0, DMR_DAMAGED },
		{ MAIN_BLOCKS, DMR_LIVE, 1, 0, 0, DMR_DAMAGED },
		{ U64_MAX, DMR_LIVE, 1, 0, 0, DMR_DAMAGED },
		{ 5, DMR_LIVE, 1, 0, BIT(31), DMR_DAMAGED },
	};
	struct blocks *b = test->priv;
	unsigned int i;
	u8 *p;

	memset(b->words, 0, sizeof(b->words));
	for (i = 0; i < ARRAY_SIZE(entry); i++) {
		dmr_table_encode(uuid, 3, 55, b->words, b->block);
		p = b->block + ENTRIES_AT + 16 * i;
		put_unaligned_le64(entry[i].block, p);
		p[8] = entry[i].state;
		p[9] = entry[i].valid;
		p[10] = entry[i].lost;
		put_unaligned_le32(entry[i].reserved, p + 12);
		seal(b->block);
		KUNIT_EXPECT_EQ_MSG(test, decode_table(b, 3), entry[i].verdict,
				    "entry %u", i);
	}
}

static struct kunit_case format_cases[] = {
	KUNIT_CASE(word_keeps_its_fields),
	KUNIT_CASE(generations_wrap_around),
	KUNIT_CASE(layout_has_no_overlap),
	KUNIT_CASE(layout_refuses_what_is_too_small),
	KUNIT_CASE(super_round_trip),
	KUNIT_CASE(super_believes_no_flipped_bit),
	KUNIT_CASE(blank_is_not_foreign),
	KUNIT_CASE(table_round_trip),
	KUNIT_CASE(table_believes_no_flipped_bit),
	KUNIT_CASE(table_refuses_hostile_entries),
	{}
};

static struct kunit_suite format_suite = {
	.name = "dm-remap-format",
	.init = blocks_init,
	.test_cases = format_cases,
};

kunit_test_suite(format_suite);
