// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: copy a spare area to another one.
 */
#include "copy.h"

#define BATCH	256	/* changes in one commit */

struct copier {
	struct area *from;
	struct dmr_env *to;
	struct dmr_store *store;	/* of the copy */
	struct copy_result *result;
	struct dmr_why *why;
	u8 *buf;
};

struct entry {
	u64 word;
	u32 slot;
};

__printf(3, 4)
static int failed(struct copier *c, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why->text, sizeof(c->why->text), fmt, ap);
	va_end(ap);
	return r;
}

static int by_block(const void *x, const void *y)
{
	u64 a = dmr_word_block(((const struct entry *)x)->word);
	u64 b = dmr_word_block(((const struct entry *)y)->word);

	return a < b ? -1 : a > b;
}

/* Live entries in order of blocks; of two for one block the later one. */
static u32 collect(const struct dmr_store *s, struct entry *e)
{
	u32 slot, limit = dmr_store_slot_limit(s), nr = 0, i, kept = 0;

	for (slot = 0; slot < limit; slot++) {
		u64 w = dmr_store_word(s, slot);

		if (dmr_word_state(w) == DMR_LIVE)
			e[nr++] = (struct entry){ w, slot };
	}
	if (nr)
		qsort(e, nr, sizeof(*e), by_block);
	for (i = 0; i < nr; i++) {
		if (kept && dmr_word_block(e[kept - 1].word) ==
			    dmr_word_block(e[i].word)) {
			if (dmr_gen_after(dmr_word_gen(e[i].word),
					  dmr_word_gen(e[kept - 1].word)))
				e[kept - 1] = e[i];
			continue;
		}
		e[kept++] = e[i];
	}
	return kept;
}

/* Read the valid sectors of a slot. Return: those that could be read. */
static u8 read_slot(struct copier *c, u32 slot, u8 valid)
{
	struct dmr_io io = {
		.dev = DMR_SPARE,
		.opf = REQ_OP_READ,
		.sector = dmr_store_slot_sector(&c->from->store, slot),
		.sectors = DMR_BLOCK_SECTORS,
		.buf = c->buf,
	};
	u64 first = io.sector;
	u8 good = 0;
	int i;

	memset(c->buf, 0, DMR_BLOCK_SIZE);
	dmr_env_io(&c->from->env, &io, 1);
	if (io.status == BLK_STS_OK)
		return valid;
	for (i = 0; i < DMR_BLOCK_SECTORS; i++) {
		io.sector = first + i;
		io.sectors = 1;
		io.buf = c->buf + i * 512;
		if (!(valid >> i & 1))
			continue;
		dmr_env_io(&c->from->env, &io, 1);
		if (io.status == BLK_STS_OK)
			good |= 1 << i;
	}
	return good;
}

static int copy_entry(struct copier *c, const struct entry *e)
{
	u8 valid = dmr_word_valid(e->word), good = 0;
	u32 slot;

	if (dmr_store_wants_extension(c->store) && dmr_store_extend(c->store))
		return failed(c, -EIO, "the new spare cannot be written to");
	slot = dmr_store_alloc(c->store);
	if (slot == DMR_NO_SLOT)
		return failed(c, -ENOSPC, "the new spare is too small");
	if (valid) {
		good = read_slot(c, e->slot, valid);
		c->result->lost += hweight8(valid & ~good);
		if (env_write(c->to, dmr_layout_slot(&c->store->sb.layout,
						     slot), 1, c->buf))
			return failed(c, -EIO, "the new spare cannot be written to");
	}
	dmr_store_stage(c->store, slot,
			dmr_word(dmr_word_block(e->word), DMR_LIVE, good,
				 dmr_word_lost(e->word) | (valid & ~good),
				 dmr_word_gen(e->word)));
	c->result->blocks++;
	return 0;
}

static int copy_entries(struct copier *c)
{
	struct entry *e = calloc(c->from->store.nr_live + 1, sizeof(*e));
	u32 i, nr;
	int r = 0;

	if (!e)
		return failed(c, -ENOMEM, "out of memory");
	nr = collect(&c->from->store, e);
	for (i = 0; i < nr && !r; i++) {
		r = copy_entry(c, &e[i]);
		if (!r && (i % BATCH == BATCH - 1 || i == nr - 1) &&
		    dmr_store_commit(c->store))
			r = failed(c, -EIO, "the new spare cannot be written to");
	}
	free(e);
	return r;
}

int copy_area(struct area *from, struct dmr_env *to, u64 start,
	      u64 avail_blocks, u64 area_blocks, struct copy_result *result,
	      struct dmr_why *why)
{
	const struct dmr_super *old = &from->sb;
	struct dmr_area area = {
		.spare_start = start,
		.avail_blocks = avail_blocks,
		.area_blocks = area_blocks,
		.main_sectors = old->main_sectors,
		.main_lbs = old->main_lbs,
		.identity = old->identity,
		.label = old->label,
	};
	struct copier c = { .from = from, .to = to, .result = result,
			    .why = why };
	struct dmr_super *sb = calloc(1, sizeof(*sb));
	int r;

	memset(result, 0, sizeof(*result));
	c.store = calloc(1, sizeof(*c.store));
	c.buf = calloc(1, DMR_BLOCK_SIZE);
	r = sb && c.store && c.buf ? 0 : failed(&c, -ENOMEM, "out of memory");
	to->uuid = old->uuid;
	if (!r)
		r = dmr_store_format(to, &area, sb, why);
	if (!r)
		r = dmr_store_load(c.store, to, sb, false, why);
	if (!r) {
		r = copy_entries(&c);
		c.store->sb.activations = old->activations;
		memcpy(c.store->sb.counters, old->counters,
		       sizeof(old->counters));
		if (!r && dmr_store_write_super(c.store))
			r = failed(&c, -EIO, "the new spare cannot be written to");
	}
	if (c.store)
		dmr_store_exit(c.store);
	to->uuid = NULL;
	free(c.store);
	free(c.buf);
	free(sb);
	return r;
}

static int equal_entries(struct area *a, struct area *b, u8 *x, u8 *y)
{
	u32 na = a->store.nr_live, nb = b->store.nr_live, i;
	struct entry *ea = calloc(na + 1, sizeof(*ea));
	struct entry *eb = calloc(nb + 1, sizeof(*eb));
	int s, r = ea && eb;

	if (r) {
		na = collect(&a->store, ea);
		nb = collect(&b->store, eb);
		r = na == nb;
	}
	for (i = 0; r && i < na; i++) {
		u8 valid = dmr_word_valid(ea[i].word);

		if (dmr_word_block(ea[i].word) != dmr_word_block(eb[i].word) ||
		    valid != dmr_word_valid(eb[i].word) ||
		    dmr_word_lost(ea[i].word) != dmr_word_lost(eb[i].word)) {
			r = 0;
			break;
		}
		if (!valid)
			continue;
		if (env_read(&a->env, dmr_layout_slot(&a->sb.layout,
						      ea[i].slot), 1, x) ||
		    env_read(&b->env, dmr_layout_slot(&b->sb.layout,
						      eb[i].slot), 1, y))
			r = -EIO;
		for (s = 0; r > 0 && s < DMR_BLOCK_SECTORS; s++)
			if (valid >> s & 1 &&
			    memcmp(x + s * 512, y + s * 512, 512))
				r = 0;
	}
	free(ea);
	free(eb);
	return r;
}

int areas_equal(const struct device *a, u64 a_start, const struct device *b,
		u64 b_start)
{
	struct area *areas = calloc(2, sizeof(*areas));
	u8 *buf = calloc(2, DMR_BLOCK_SIZE);
	struct dmr_why why;
	int r = -ENOMEM;

	if (!areas || !buf)
		goto out;
	r = area_peek(&areas[0], a, a_start, AREA_READ);
	if (r)
		goto out;
	r = area_peek(&areas[1], b, b_start, AREA_READ);
	if (!r) {
		r = area_load(&areas[0], &why) ?: area_load(&areas[1], &why) ?:
		    equal_entries(&areas[0], &areas[1], buf,
				  buf + DMR_BLOCK_SIZE);
		area_close(&areas[1]);
	}
	area_close(&areas[0]);
out:
	free(areas);
	free(buf);
	return r;
}
