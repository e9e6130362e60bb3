// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap unit tests: the bytes of superblocks and table blocks.
 */
#include "ram-env.h"

#define STALE_AT	(DMR_BLOCK_SIZE - 276 - 8 * DMR_MAX_STALE - 4)
#define CRC_AT	12	/* offset of the checksum in a metadata block */
#define MAIN	100000ULL	/* blocks */

static const u8 uuid[16] = "0123456789abcde";

static struct dmr_super sample(void)
{
	struct dmr_super sb;
	int i;

	memset(&sb, 0, sizeof(sb));
	memcpy(sb.uuid, uuid, sizeof(uuid));
	sb.seq = 77;
	sb.compat = 1;
	sb.ro_compat = 2;
	sb.incompat = 4;
	sb.spare_start = 4096;
	sb.main_sectors = MAIN * 8 - 3;
	sb.main_lbs = 512;
	strcpy(sb.identity, "wwn-0x5000c500a1b2c3d4");
	strcpy(sb.label, "backup-disk");
	strcpy(sb.options, "breaker=100:60,low_water=1000");
	sb.activations = 9;
	sb.nr_stale = 2;
	sb.stale[0] = (struct dmr_stale) { .copy = 0, .first = 5, .nr = 1 };
	sb.stale[1] = (struct dmr_stale) { .copy = 1, .first = 0, .nr = 7 };
	for (i = 0; i < DMR_NR_COUNTERS; i++)
		sb.counters[i] = 1000 + i;
	sb.main_flags = DMR_MAIN_PLACE | DMR_MAIN_CHANGED;
	sb.main_start = 1ULL << 40;
	sb.nr_prints = DMR_MAX_PRINTS;
	for (i = 0; i < DMR_MAX_PRINTS; i++)
		sb.print[i] = (struct dmr_print){ 1000 * i, 1 + i, ~i };
	dmr_layout_init(&sb.layout, 3000);
	dmr_layout_add(&sb.layout, 5000);
	sb.hwm = sb.layout.nr_tables;
	return sb;
}

/* Make the checksum right after a change, as an attacker would. */
static void seal(u8 *block)
{
	u32 crc;

	memset(block + CRC_AT, 0, 4);
	crc = htole32(~crc32c(~0U, block, DMR_BLOCK_SIZE));
	memcpy(block + CRC_AT, &crc, 4);
}

static void crc_is_castagnoli(void **state)
{
	(void)state;
	assert_int_equal(~crc32c(~0U, "123456789", 9), 0xe3069283);
}

static void super_round_trip(void **state)
{
	struct dmr_super sb = sample(), got;
	u8 block[DMR_BLOCK_SIZE];
	int copy;

	(void)state;
	for (copy = 0; copy < DMR_NR_SUPERS; copy++) {
		memset(block, 0x5a, sizeof(block));
		dmr_super_encode(&sb, copy, block);
		memset(&got, 0x5a, sizeof(got));
		assert_int_equal(dmr_super_decode(&got, copy, block), DMR_OK);
		assert_memory_equal(&got, &sb, sizeof(sb));
		assert_int_equal(dmr_super_decode(&got, -1, block), DMR_OK);
		assert_int_equal(dmr_super_decode(&got, (copy + 1) % 3, block),
				 DMR_DAMAGED);
	}
	assert_int_equal(dmr_block_version(block), DMR_VERSION);
}

/* The superblocks of file systems end in a CRC32C: the print must see a change there. */
static void print_of_a_checksummed_block(void **state)
{
	u8 block[1024] = { 0 };
	u32 hash[2], crc;
	__le32 end;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		block[100] = i;
		end = cpu_to_le32(crc32c(~0U, block, sizeof(block) - 4));
		memcpy(block + sizeof(block) - 4, &end, 4);
		hash[i] = dmr_print_fold(dmr_print_hash(DMR_PRINT_HASH, block,
							sizeof(block)));
		crc = crc32c(~0U, block, sizeof(block));
		assert_int_equal(crc, 0);
	}
	assert_int_not_equal(hash[0], hash[1]);
}

/* What an older version left blank, or somebody forged, claims nothing. */
static void prints_that_make_no_sense(void **state)
{
	struct dmr_super sb = sample(), got;
	u8 block[DMR_BLOCK_SIZE];

	(void)state;
	sb.print[0].sectors = 0;
	sb.print[1].sectors = DMR_MAX_PRINT_SECTORS + 1;
	sb.print[2].sector = sb.main_sectors;
	sb.print[3] = (struct dmr_print){ sb.main_sectors - 1, 2, 0 };
	sb.print[4].sector = U64_MAX;
	dmr_super_encode(&sb, 0, block);
	assert_int_equal(dmr_super_decode(&got, 0, block), DMR_OK);
	assert_int_equal(got.nr_prints, DMR_MAX_PRINTS - 5);
	assert_memory_equal(got.print, sb.print + 5,
			    got.nr_prints * sizeof(got.print[0]));
	memset(block + DMR_BLOCK_SIZE - 3112, 0xff, STALE_AT -
	       (DMR_BLOCK_SIZE - 3112));
	seal(block);
	assert_int_equal(dmr_super_decode(&got, 0, block), DMR_OK);
	assert_int_equal(got.nr_prints, 0);
	memset(block + DMR_BLOCK_SIZE - 3112, 0, 3112);
	seal(block);
	assert_int_equal(dmr_super_decode(&got, 0, block), DMR_OK);
	assert_int_equal(got.nr_prints, 0);
	assert_int_equal(got.main_flags, 0);
}

static void single_bits(void (*encode)(u8 *block),
			enum dmr_verdict (*decode)(u8 *block))
{
	u8 block[DMR_BLOCK_SIZE];
	enum dmr_verdict v;
	unsigned int bit;

	encode(block);
	assert_int_equal(decode(block), DMR_OK);
	for (bit = 0; bit < DMR_BLOCK_SIZE * 8; bit++) {
		block[bit / 8] ^= 1 << bit % 8;
		v = decode(block);
		/* A block with another magic is not ours. */
		assert_int_equal(v, bit < 64 ? DMR_FOREIGN : DMR_DAMAGED);
		block[bit / 8] ^= 1 << bit % 8;
	}
}

/* Every power cut leaves a mix of the sectors of two versions. */
static void tears(void (*encode)(u8 *block), void (*encode2)(u8 *block),
		  enum dmr_verdict (*decode)(u8 *block))
{
	u8 old[DMR_BLOCK_SIZE], new[DMR_BLOCK_SIZE], mix[DMR_BLOCK_SIZE];
	unsigned int mask, s;

	encode(old);
	encode2(new);
	for (mask = 0; mask < 256; mask++) {
		for (s = 0; s < 8; s++)
			memcpy(mix + s * 512, (mask & BIT(s) ? new : old) +
			       s * 512, 512);
		if (!memcmp(mix, old, sizeof(mix)) ||
		    !memcmp(mix, new, sizeof(mix)))
			assert_int_equal(decode(mix), DMR_OK);
		else
			assert_int_equal(decode(mix), DMR_DAMAGED);
	}
}

static void encode_super(u8 *block)
{
	struct dmr_super sb = sample();

	dmr_super_encode(&sb, 1, block);
}

static void encode_super2(u8 *block)
{
	struct dmr_super sb = sample();

	sb.seq++;
	sb.hwm--;
	dmr_super_encode(&sb, 1, block);
}

static enum dmr_verdict decode_super(u8 *block)
{
	struct dmr_super sb;

	return dmr_super_decode(&sb, 1, block);
}

static void super_bits(void **state)
{
	(void)state;
	single_bits(encode_super, decode_super);
	tears(encode_super, encode_super2, decode_super);
}

static void super_hints(void **state)
{
	u64 at[DMR_NR_SUPERS], words[DMR_TABLE_ENTRIES] = { 0 };
	struct dmr_super sb = sample();
	u8 block[DMR_BLOCK_SIZE];
	unsigned int copy;

	(void)state;
	for (copy = 0; copy < DMR_NR_SUPERS; copy++) {
		dmr_super_encode(&sb, copy, block);
		/* The middle one, the last one, and what was the last one. */
		assert_int_equal(dmr_super_hints(block, at), 3);
		assert_int_equal(at[0], dmr_layout_super(&sb.layout, 1));
		assert_int_equal(at[1], dmr_layout_super(&sb.layout, 2));
		assert_int_equal(at[2], 2999);
	}
	/* Any numbers of segments will do. */
	memset(block + 112, 0xff, 8);
	assert_int_equal(dmr_super_hints(block, at), 1);
	memset(block + 112, 0, 8);
	assert_int_equal(dmr_super_hints(block, at), 1);
	block[112] = DMR_MAX_SEGMENTS;
	assert_int_equal(dmr_super_hints(block, at), 3);
	/* What is no superblock says nothing. */
	dmr_table_encode(uuid, 0, 1, words, block);
	assert_int_equal(dmr_super_hints(block, at), 0);
	memset(block, 0, sizeof(block));
	assert_int_equal(dmr_super_hints(block, at), 0);
}

static void blank_and_foreign(void **state)
{
	u8 block[DMR_BLOCK_SIZE] = { 0 };
	u64 words[DMR_TABLE_ENTRIES], seq;
	struct dmr_super sb;

	(void)state;
	assert_int_equal(dmr_super_decode(&sb, 0, block), DMR_BLANK);
	assert_int_equal(dmr_table_decode(uuid, 0, 1, 1, block, &seq, words),
			 DMR_BLANK);
	block[DMR_BLOCK_SIZE - 1] = 1;
	assert_int_equal(dmr_super_decode(&sb, 0, block), DMR_FOREIGN);
	memset(block, 0xff, sizeof(block));
	assert_int_equal(dmr_super_decode(&sb, 0, block), DMR_FOREIGN);
}

/* Offsets in a superblock, for values that an attacker would choose. */
enum {
	AT_KIND = 8, AT_VERSION = 10, AT_INDEX = 32, AT_SEQ = 40,
	AT_MAIN = 80, AT_START = 88, AT_HWM = 96, AT_SEGMENTS = 112,
	AT_IDENTITY = 120, AT_LABEL = 248, AT_SEG = 440,
};

static enum dmr_verdict with(unsigned int at, u64 value, size_t size)
{
	u8 block[DMR_BLOCK_SIZE];
	struct dmr_super sb = sample();

	dmr_super_encode(&sb, 1, block);
	value = htole64(value);
	memcpy(block + at, &value, size);
	seal(block);
	return dmr_super_decode(&sb, 1, block);
}

static void hostile_supers(void **state)
{
	static const u64 bad[] = { 0, 1, 15, 2999, 3001, 1ULL << 32, 1ULL << 52,
				   1ULL << 63, U64_MAX, U64_MAX - 4999 };
	unsigned int i;

	(void)state;
	assert_int_equal(with(AT_KIND, 1, 2), DMR_OK);
	assert_int_equal(with(AT_KIND, 2, 2), DMR_DAMAGED);
	assert_int_equal(with(AT_VERSION, 0, 2), DMR_DAMAGED);
	assert_int_equal(with(AT_VERSION, 2, 2), DMR_NEWER);
	assert_int_equal(with(AT_INDEX, 3, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_INDEX, U64_MAX, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_SEQ, 0, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_SEQ, 1ULL << 62, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_SEQ, U64_MAX, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_MAIN, 0, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_MAIN, 1ULL << 39, 8), DMR_OK);
	assert_int_equal(with(AT_MAIN, (1ULL << 39) + 1, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_START, U64_MAX, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_START, U64_MAX - 39999, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_HWM, sample().layout.nr_tables + 1, 8),
			 DMR_DAMAGED);
	assert_int_equal(with(AT_HWM, U64_MAX, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_SEGMENTS, 0, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_SEGMENTS, 3, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_SEGMENTS, 33, 8), DMR_DAMAGED);
	assert_int_equal(with(AT_SEGMENTS, 1ULL << 60, 8), DMR_DAMAGED);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i])
			assert_int_equal(with(AT_SEG, bad[i], 8), DMR_DAMAGED);
		assert_int_equal(with(AT_SEG + 8, bad[i], 8), DMR_DAMAGED);
		assert_int_equal(with(AT_SEG + 16, bad[i], 8), DMR_DAMAGED);
		/* Another length of the last segment may be as good. */
		if (bad[i] < 16 || bad[i] >> 31)
			assert_int_equal(with(AT_SEG + 24, bad[i], 8),
					 DMR_DAMAGED);
	}
	assert_int_equal(with(AT_IDENTITY, 0x0a, 1), DMR_DAMAGED);
	assert_int_equal(with(AT_IDENTITY, ' ', 1), DMR_DAMAGED);
	assert_int_equal(with(AT_LABEL, 0xff, 1), DMR_DAMAGED);
	assert_int_equal(with(AT_LABEL, 'x', 1), DMR_OK);
}

static void names(void **state)
{
	char name[8] = "disk-1";

	(void)state;
	assert_true(dmr_name_ok("", 1));
	assert_true(dmr_name_ok(name, sizeof(name)));
	assert_false(dmr_name_ok("a b", 4));
	assert_false(dmr_name_ok("a\tb", 4));
	assert_false(dmr_name_ok("a\177", 3));
	memset(name, 'x', sizeof(name));
	assert_false(dmr_name_ok(name, sizeof(name)));
}

static void word_fields(void **state)
{
	u64 rng = 5, block, w;
	u8 valid, lost, gen;
	int i, st;

	(void)state;
	for (i = 0; i < 10000; i++) {
		block = ram_random(&rng) % DMR_MAX_MAIN_BLOCKS;
		valid = ram_random(&rng);
		lost = ram_random(&rng);
		gen = ram_random(&rng);
		st = ram_random(&rng) % 3;
		w = dmr_word(block, st, valid, lost, gen);
		assert_int_equal(dmr_word_block(w), block);
		assert_int_equal(dmr_word_state(w), st);
		assert_int_equal(dmr_word_valid(w), valid);
		assert_int_equal(dmr_word_lost(w), lost);
		assert_int_equal(dmr_word_gen(w), gen);
		assert_int_equal(w & DMR_WORD_BUSY, 0);
		w |= DMR_WORD_BUSY;
		assert_int_equal(dmr_word_state(w), st);
		assert_int_equal(dmr_word_gen(w), gen);
	}
	assert_int_equal(dmr_word(0, DMR_FREE, 0, 0, 0), 0);
	assert_true(dmr_gen_after(0, 255));
	assert_true(dmr_gen_after(127, 0));
	assert_false(dmr_gen_after(0, 0));
	assert_false(dmr_gen_after(255, 0));
}

static u64 sample_words[DMR_TABLE_ENTRIES];

static void fill_words(unsigned int nr)
{
	u64 rng = 11;
	unsigned int i;
	u8 valid;

	memset(sample_words, 0, sizeof(sample_words));
	for (i = 0; i < nr; i++) {
		valid = ram_random(&rng);
		switch (ram_random(&rng) % 3) {
		case 0:
			sample_words[i] = dmr_word(0, DMR_BAD, 0, 0, 0);
			break;
		case 1:
			sample_words[i] = dmr_word(ram_random(&rng) % MAIN,
						   DMR_LIVE, valid,
						   ram_random(&rng) & ~valid,
						   ram_random(&rng));
		}
	}
}

static void encode_table(u8 *block)
{
	fill_words(DMR_TABLE_ENTRIES);
	dmr_table_encode(uuid, 3, 55, sample_words, block);
}

static void encode_table2(u8 *block)
{
	fill_words(DMR_TABLE_ENTRIES);
	sample_words[200] = dmr_word(7, DMR_LIVE, 1, 2, 3);
	dmr_table_encode(uuid, 3, 56, sample_words, block);
}

static enum dmr_verdict decode_table(u8 *block)
{
	u64 words[DMR_TABLE_ENTRIES], seq;

	return dmr_table_decode(uuid, 3, MAIN, DMR_TABLE_ENTRIES, block, &seq,
				words);
}

static void table_round_trip(void **state)
{
	u64 words[DMR_TABLE_ENTRIES], seq;
	u8 block[DMR_BLOCK_SIZE];

	(void)state;
	memset(block, 0x5a, sizeof(block));
	encode_table(block);
	assert_int_equal(dmr_table_decode(uuid, 3, MAIN, DMR_TABLE_ENTRIES,
					  block, &seq, words), DMR_OK);
	assert_int_equal(seq, 55);
	assert_memory_equal(words, sample_words, sizeof(words));
	/* The busy bit is not for the disk. */
	sample_words[9] |= DMR_WORD_BUSY;
	dmr_table_encode(uuid, 3, 55, sample_words, block);
	assert_int_equal(dmr_table_decode(uuid, 3, MAIN, DMR_TABLE_ENTRIES,
					  block, &seq, words), DMR_OK);
	assert_int_equal(words[9], sample_words[9] & ~DMR_WORD_BUSY);
}

static void table_bits(void **state)
{
	(void)state;
	single_bits(encode_table, decode_table);
	tears(encode_table, encode_table2, decode_table);
}

static void wrong_table(void **state)
{
	u64 words[DMR_TABLE_ENTRIES], seq;
	u8 block[DMR_BLOCK_SIZE];
	u8 other[16] = "another one";

	(void)state;
	encode_table(block);
	assert_int_equal(dmr_table_decode(other, 3, MAIN, DMR_TABLE_ENTRIES,
					  block, &seq, words), DMR_FOREIGN);
	assert_int_equal(dmr_table_decode(uuid, 4, MAIN, DMR_TABLE_ENTRIES,
					  block, &seq, words), DMR_DAMAGED);
	/* Blocks that main does not have, entries that name no slot. */
	assert_int_equal(dmr_table_decode(uuid, 3, 10, DMR_TABLE_ENTRIES,
					  block, &seq, words), DMR_DAMAGED);
	assert_int_equal(dmr_table_decode(uuid, 3, MAIN, 100, block, &seq,
					  words), DMR_DAMAGED);
	fill_words(100);
	sample_words[99] = dmr_word(MAIN - 1, DMR_LIVE, 0, 0, 0);
	dmr_table_encode(uuid, 3, 55, sample_words, block);
	assert_int_equal(dmr_table_decode(uuid, 3, MAIN, 100, block, &seq,
					  words), DMR_OK);
	assert_int_equal(dmr_table_decode(uuid, 3, MAIN, 99, block, &seq,
					  words), DMR_DAMAGED);
	assert_int_equal(dmr_table_decode(uuid, 3, MAIN - 1, 100, block, &seq,
					  words), DMR_DAMAGED);
	/* A superblock is no table. */
	encode_super(block);
	assert_int_equal(dmr_table_decode(uuid, 1, MAIN, 100, block, &seq,
					  words), DMR_DAMAGED);
}

/* Entries that the code would never write. */
static void hostile_entries(void **state)
{
	static const struct {
		u64 block;
		u8 state, valid, lost, gen;
		u32 reserved;
		enum dmr_verdict verdict;
	} entry[] = {
		{ 0, 0, 0, 0, 0, 0, DMR_OK },
		{ 1, 0, 0, 0, 0, 0, DMR_DAMAGED },
		{ 0, 0, 1, 0, 0, 0, DMR_DAMAGED },
		{ 0, 0, 0, 1, 0, 0, DMR_DAMAGED },
		{ 0, 0, 0, 0, 1, 0, DMR_DAMAGED },
		{ 0, 0, 0, 0, 0, 1, DMR_DAMAGED },
		{ 0, 2, 0, 0, 0, 0, DMR_OK },
		{ 5, 2, 0, 0, 0, 0, DMR_DAMAGED },
		{ 0, 2, 8, 0, 0, 0, DMR_DAMAGED },
		{ 0, 3, 0, 0, 0, 0, DMR_DAMAGED },
		{ 0, 4, 0, 0, 0, 0, DMR_DAMAGED },
		{ 0, 255, 0, 0, 0, 0, DMR_DAMAGED },
		{ MAIN - 1, 1, 0xf0, 0x0f, 255, 0, DMR_OK },
		{ MAIN - 1, 1, 0xf0, 0x1f, 255, 0, DMR_DAMAGED },
		{ MAIN, 1, 0, 0, 0, 0, DMR_DAMAGED },
		{ 1ULL << 36, 1, 0, 0, 0, 0, DMR_DAMAGED },
		{ U64_MAX, 1, 0, 0, 0, 0, DMR_DAMAGED },
		{ 0, 1, 0, 0, 0, 1U << 31, DMR_DAMAGED },
	};
	u8 block[DMR_BLOCK_SIZE], *p;
	unsigned int i;
	u32 reserved;
	u64 n;

	(void)state;
	memset(sample_words, 0, sizeof(sample_words));
	for (i = 0; i < ARRAY_SIZE(entry); i++) {
		dmr_table_encode(uuid, 3, 55, sample_words, block);
		p = block + 64 + 16 * (i * 13 % DMR_TABLE_ENTRIES);
		n = htole64(entry[i].block);
		memcpy(p, &n, 8);
		p[8] = entry[i].state;
		p[9] = entry[i].valid;
		p[10] = entry[i].lost;
		p[11] = entry[i].gen;
		reserved = htole32(entry[i].reserved);
		memcpy(p + 12, &reserved, 4);
		seal(block);
		assert_int_equal(decode_table(block), entry[i].verdict);
	}
}

/* A superblock as the first version wrote it, where it is not zero. */
static const struct {
	u16 at, nr;
	const char *bytes;
} old_super[] = {
	{ 0, 33, "\x64\x6d\x52\x65\x6d\x61\x70\x00\x01\x00\x01\x00"
	  "\xf7\x15\x9b\x9e\x11\x22\x33\x44\x55\x66\x77\x88"
	  "\x99\xaa\xbb\xcc\xdd\xee\xff\x01\x01" },
	{ 40, 1, "\x4d" },
	{ 77, 6, "\x02\x00\x00\x03\x35\x0c" },
	{ 89, 1, "\x08" },
	{ 96, 1, "\x0c" },
	{ 104, 1, "\x09" },
	{ 112, 1, "\x01" },
	{ 120, 22, "\x77\x77\x6e\x2d\x30\x78\x35\x30\x30\x30\x63\x35"
	  "\x30\x30\x61\x31\x62\x32\x63\x33\x64\x34" },
	{ 248, 3, "\x6f\x6c\x64" },
	{ 312, 2, "\xe8\x03" },
	{ 320, 2, "\xe9\x03" },
	{ 328, 2, "\xea\x03" },
	{ 336, 2, "\xeb\x03" },
	{ 344, 2, "\xec\x03" },
	{ 352, 2, "\xed\x03" },
	{ 360, 2, "\xee\x03" },
	{ 368, 2, "\xef\x03" },
	{ 448, 2, "\xb8\x0b" },
	{ 952, 1, "\x03" },
	{ 960, 1, "\x08" },
	{ 968, 1, "\x05" },
	{ 981, 1, "\x01" },
};

static void old_super_is_readable(void **state)
{
	u8 block[DMR_BLOCK_SIZE] = { 0 }, now[DMR_BLOCK_SIZE];
	struct dmr_super sb, again;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(old_super); i++)
		memcpy(block + old_super[i].at, old_super[i].bytes,
		       old_super[i].nr);
	assert_int_equal(dmr_super_decode(&sb, 1, block), DMR_OK);
	assert_int_equal(sb.seq, 77);
	assert_int_equal(sb.hwm, 12);
	assert_string_equal(sb.label, "old");
	/* Table blocks that were not to be believed: one range for each copy. */
	assert_int_equal(sb.nr_stale, 2);
	assert_int_equal(sb.stale[0].copy, 0);
	assert_int_equal(sb.stale[0].first, 3);
	assert_int_equal(sb.stale[0].nr, 8);
	assert_int_equal(sb.stale[1].copy, 1);
	assert_int_equal(sb.stale[1].first, 5);
	assert_int_equal(sb.stale[1].nr, 12 - 5);

	/* It is written in the new way, which the first version refuses. */
	dmr_super_encode(&sb, 1, now);
	assert_int_equal(now[72], DMR_INCOMPAT_STALE);
	for (i = 952; i < 984; i++)
		assert_int_equal(now[i], 0);
	assert_int_equal(dmr_super_decode(&again, 1, now), DMR_OK);
	assert_memory_equal(&again, &sb, sizeof(sb));
	sb.nr_stale = 0;
	dmr_super_encode(&sb, 1, now);
	assert_int_equal(now[72], 0);
}

/* Any list of stale blocks is refused that names none, or too many. */
static void forged_stale_lists(void **state)
{
	struct dmr_super sb = sample(), got;
	u32 tables = sb.layout.nr_tables, i;
	const struct {
		u32 nr, first, nr_copy;
		enum dmr_verdict verdict;
	} t[] = {
		{ 0, 0xffffffff, 0xffffffff, DMR_OK },
		{ 1, 0, 2, DMR_OK },
		{ 1, tables - 1, 3, DMR_OK },
		{ 1, tables, 0, DMR_DAMAGED },
		{ 1, tables - 1, 4, DMR_DAMAGED },
		{ 1, 0xffffffff, 0xffffffff, DMR_DAMAGED },
		{ 1, 1, 0xffffffff, DMR_DAMAGED },
		{ DMR_MAX_STALE + 1, 0, 0, DMR_DAMAGED },
		{ 0xffffffff, 0, 0, DMR_DAMAGED },
	};
	u8 block[DMR_BLOCK_SIZE];
	u32 *list;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		sb.nr_stale = 0;
		dmr_super_encode(&sb, 0, block);
		list = (u32 *)(block + STALE_AT);
		list[0] = htole32(t[i].nr);
		list[1] = htole32(t[i].first);
		list[2] = htole32(t[i].nr_copy);
		seal(block);
		assert_int_equal(dmr_super_decode(&got, 0, block), t[i].verdict);
	}
	for (i = 0; i < DMR_MAX_STALE; i++)
		sb.stale[i] = (struct dmr_stale) {
			.copy = i & 1, .first = i % tables, .nr = 1,
		};
	sb.nr_stale = DMR_MAX_STALE;
	dmr_super_encode(&sb, 0, block);
	assert_int_equal(dmr_super_decode(&got, 0, block), DMR_OK);
	assert_memory_equal(&got, &sb, sizeof(sb));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_super_is_readable),
		cmocka_unit_test(forged_stale_lists),
		cmocka_unit_test(crc_is_castagnoli),
		cmocka_unit_test(super_round_trip),
		cmocka_unit_test(print_of_a_checksummed_block),
		cmocka_unit_test(prints_that_make_no_sense),
		cmocka_unit_test(super_bits),
		cmocka_unit_test(super_hints),
		cmocka_unit_test(blank_and_foreign),
		cmocka_unit_test(hostile_supers),
		cmocka_unit_test(names),
		cmocka_unit_test(word_fields),
		cmocka_unit_test(table_round_trip),
		cmocka_unit_test(table_bits),
		cmocka_unit_test(wrong_table),
		cmocka_unit_test(hostile_entries),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
