/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap unit tests: what tests of the store have in common.
 */
#ifndef SPARE_H
#define SPARE_H

#include "ram-env.h"

#define MAIN_SECTORS	800003ULL

struct spare {
	struct dmr_env *env;
	struct dmr_area area;
	struct dmr_super sb;
	struct dmr_store store;
	struct dmr_why why;
};

/* A new, formatted spare of this many blocks; not loaded. */
static inline void spare_format(struct spare *s, u64 blocks)
{
	memset(s, 0, sizeof(*s));
	s->env = ram_new(blocks);
	s->area = (struct dmr_area) {
		.spare_start = 2048,
		.avail_blocks = blocks,
		.main_sectors = MAIN_SECTORS,
		.main_lbs = 512,
		.identity = "",
		.label = "",
	};
	assert_int_equal(dmr_store_format(s->env, &s->area, &s->sb, &s->why), 0);
}

static inline int spare_probe(struct spare *s)
{
	memset(&s->sb, 0x5a, sizeof(s->sb));
	return dmr_store_probe(s->env, &s->area, &s->sb, &s->why);
}

static inline int spare_load(struct spare *s)
{
	int r = spare_probe(s);

	if (!r)
		r = dmr_store_load(&s->store, s->env, &s->sb, false, &s->why);
	return r;
}

static inline void spare_new(struct spare *s, u64 blocks)
{
	spare_format(s, blocks);
	assert_int_equal(spare_load(s), 0);
}

/* As after a crash: what was in memory is gone. */
static inline int spare_reload(struct spare *s)
{
	dmr_store_exit(&s->store);
	return spare_load(s);
}

static inline void spare_free(struct spare *s)
{
	dmr_store_exit(&s->store);
	ram_free(s->env);
}

static inline u64 live(u64 block)
{
	return dmr_word(block, DMR_LIVE, 0xff, 0, 0);
}

static inline int commit_one(struct spare *s, u32 slot, u64 word)
{
	dmr_store_stage(&s->store, slot, word);
	return dmr_store_commit(&s->store);
}

static inline u64 copy_at(struct spare *s, unsigned int copy, u64 table)
{
	return dmr_layout_table(&s->store.sb.layout, copy, table);
}

/* Spoil a metadata block. */
static inline void spare_spoil(struct spare *s, u64 block)
{
	u8 *p = ram_block(s->env, block);

	p[1000] ^= 0x40;
}

#define assert_why(s, words) \
	do { \
		if (!strstr((s)->why.text, words)) \
			fail_msg("\"%s\" does not say \"%s\"", \
				 (s)->why.text, words); \
	} while (0)

#endif
