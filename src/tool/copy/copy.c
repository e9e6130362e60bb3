// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: copy a spare area to another one.
 */
#include "copy.h"

#ifndef BATCH		/* The simulator makes both smaller. */
#define BATCH	256	/* changes in one commit, a group more at most */
#define GROUP	32U	/* blocks in one I/O */
#endif

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

static int by_slot(const void *x, const void *y)
{
	u32 a = ((const struct entry *)x)->slot;
	u32 b = ((const struct entry *)y)->slot;

	return a < b ? -1 : a > b;
}

/* Read the valid sectors of a slot. Return: those that could be read. */
static u8 read_slot(struct area *from, u32 slot, u8 valid, u8 *buf)
{
	struct dmr_io io = {
		.dev = DMR_SPARE,
		.opf = REQ_OP_READ,
		.sector = dmr_store_slot_sector(&from->store, slot),
		.sectors = DMR_BLOCK_SECTORS,
		.buf = buf,
	};
	u64 first = io.sector;
	u8 good = 0;
	int i;

	memset(buf, 0, DMR_BLOCK_SIZE);
	if (!valid)
		return 0;
	dmr_env_io(&from->env, &io, 1);
	if (io.status == BLK_STS_OK)
		return valid;
	for (i = 0; i < DMR_BLOCK_SECTORS; i++) {
		io.sector = first + i;
		io.sectors = 1;
		io.buf = buf + i * 512;
		if (!(valid >> i & 1))
			continue;
		dmr_env_io(&from->env, &io, 1);
		if (io.status == BLK_STS_OK)
			good |= 1 << i;
	}
	return good;
}

static int cannot_write(struct copier *c)
{
	return failed(c, -EIO, "the new spare cannot be written to");
}

static int commit(struct copier *c)
{
	return dmr_store_commit(c->store) ? cannot_write(c) : 0;
}

static int take_slot(struct copier *c, struct taken *t)
{
	if (t->word)
		return 0;
	if (dmr_store_wants_extension(c->store) && dmr_store_extend(c->store))
		return cannot_write(c);
	t->to = dmr_store_alloc(c->store);
	if (t->to == DMR_NO_SLOT)
		return failed(c, -ENOSPC, "the new spare is too small");
	return 0;
}

/* Do the slots of @e lie one behind the other, all with data? */
static bool is_run(const struct area *from, const struct entry *e, u32 nr)
{
	u64 first = dmr_layout_slot(&from->sb.layout, e[0].slot);
	u32 i;

	for (i = 0; i < nr; i++)
		if (!dmr_word_valid(e[i].word) ||
		    dmr_layout_slot(&from->sb.layout, e[i].slot) != first + i)
			return false;
	return true;
}

/* Return: 0 or an error; good[] says which sectors of which could be read. */
static void read_group(struct copier *c, struct area *from,
		       const struct entry *e, u32 nr, u8 *good)
{
	u32 i;

	if (is_run(from, e, nr) &&
	    !env_read(&from->env, dmr_layout_slot(&from->sb.layout, e[0].slot),
		      nr, c->buf)) {
		for (i = 0; i < nr; i++)
			good[i] = dmr_word_valid(e[i].word);
		return;
	}
	for (i = 0; i < nr; i++)
		good[i] = read_slot(from, e[i].slot, dmr_word_valid(e[i].word),
				    c->buf + (size_t)i * DMR_BLOCK_SIZE);
}

static int write_group(struct copier *c, const u32 *to, u32 nr)
{
	const struct dmr_layout *l = &c->store->sb.layout;
	u32 i, n;

	for (i = 0; i < nr; i += n) {
		u64 at = dmr_layout_slot(l, to[i]);

		for (n = 1; i + n < nr; n++)
			if (dmr_layout_slot(l, to[i + n]) != at + n)
				break;
		if (env_write(c->to, at, n, c->buf + (size_t)i * DMR_BLOCK_SIZE))
			return cannot_write(c);
	}
	return 0;
}

static int copy_group(struct copier *c, struct area *from,
		      const struct entry *e, u32 nr)
{
	u8 good[GROUP];
	u32 to[GROUP];
	u32 i;
	int r;

	for (i = 0; i < nr; i++) {
		r = take_slot(c, &c->taken[e[i].slot]);
		if (r)
			return r;
		to[i] = c->taken[e[i].slot].to;
		/* From now on it is not free any more. */
		c->taken[e[i].slot].word = e[i].word;
	}
	read_group(c, from, e, nr, good);
	r = write_group(c, to, nr);
	for (i = 0; i < nr && !r; i++) {
		struct taken *t = &c->taken[e[i].slot];
		u64 w = e[i].word;

		t->lost = dmr_word_valid(w) & ~good[i];
		dmr_store_stage(c->store, t->to,
				dmr_word(dmr_word_block(w), DMR_LIVE, good[i],
					 dmr_word_lost(w) | t->lost,
					 dmr_word_gen(w)) |
				(w & DMR_WORD_UNPROVEN));
		c->blocks++;
	}
	if (!r && c->store->nr_staged >= BATCH)
		r = commit(c);
	return r;
}

/* Slots that are not in use any more. */
static int drop_gone(struct copier *c)
{
	u32 slot;
	int r = 0;

	for (slot = 0; slot < c->nr_taken && !r; slot++) {
		struct taken *t = &c->taken[slot];

		if (!t->word || t->pass == c->pass)
			continue;
		dmr_store_stage(c->store, t->to, 0);
		memset(t, 0, sizeof(*t));
		if (c->store->nr_staged >= BATCH)
			r = commit(c);
	}
	return r ?: commit(c);
}

static int remember_slots(struct copier *c, u32 limit)
{
	struct taken *more;

	if (limit <= c->nr_taken)
		return 0;
	more = realloc(c->taken, limit * sizeof(*more));
	if (!more)
		return failed(c, -ENOMEM, "out of memory");
	memset(more + c->nr_taken, 0, (limit - c->nr_taken) * sizeof(*more));
	c->taken = more;
	c->nr_taken = limit;
	return 0;
}

/* Leave in @e what must be copied. Return: how many. */
static u32 what_is_new(struct copier *c, struct area *from, struct entry *e,
		       u32 nr, const struct ranges *written, bool again)
{
	u32 i, kept = 0;

	for (i = 0; i < nr; i++) {
		struct taken *t = &c->taken[e[i].slot];
		u64 at = dmr_store_slot_sector(&from->store, e[i].slot);

		t->pass = c->pass;
		if (t->word == e[i].word && !(again && t->lost) && written &&
		    !ranges_touch(written, at, DMR_BLOCK_SECTORS))
			continue;
		e[kept++] = e[i];
	}
	return kept;
}

int copy_pass(struct copier *c, struct area *from,
	      const struct ranges *written, bool again, struct progress *p)
{
	struct entry *e = calloc(from->store.nr_live + 1, sizeof(*e));
	u32 i, n, nr;
	int r;

	if (!e)
		return failed(c, -ENOMEM, "out of memory");
	c->pass++;
	r = remember_slots(c, dmr_store_slot_limit(&from->store));
	if (r)
		goto out;
	nr = collect(&from->store, e);
	qsort(e, nr, sizeof(*e), by_slot);
	nr = what_is_new(c, from, e, nr, written, again);
	r = drop_gone(c);
	if (p)
		progress_begin(p, "copying", nr, 0);
	for (i = 0; i < nr && !r; i += n) {
		if (p && interrupted()) {
			r = failed(c, -EINTR, "interrupted");
			break;
		}
		n = min_t(u32, GROUP, nr - i);
		r = copy_group(c, from, e + i, n);
		if (p)
			progress_at(p, i, NULL);
	}
	if (p)
		progress_end(p);
	r = r ?: commit(c);
out:
	free(e);
	return r;
}

int copy_begin(struct copier *c, const struct dmr_super *old,
	       struct dmr_env *to, u64 start, u64 avail_blocks,
	       u64 area_blocks, struct dmr_why *why)
{
	struct dmr_area area = {
		.spare_start = start,
		.avail_blocks = avail_blocks,
		.area_blocks = area_blocks,
		.main_sectors = old->main_sectors,
		.main_lbs = old->main_lbs,
		.identity = old->identity,
		.label = old->label,
		.options = old->options,
	};
	struct dmr_super *sb = calloc(1, sizeof(*sb));
	int r;

	memset(c, 0, sizeof(*c));
	c->to = to;
	c->why = why;
	c->store = calloc(1, sizeof(*c->store));
	c->buf = calloc(GROUP, DMR_BLOCK_SIZE);
	r = sb && c->store && c->buf ? 0 : failed(c, -ENOMEM, "out of memory");
	to->uuid = old->uuid;
	if (!r)
		r = dmr_store_format(to, &area, sb, why);
	if (!r)
		r = dmr_store_load(c->store, to, sb, false, why);
	to->uuid = NULL;
	free(sb);
	return r;
}

int copy_end(struct copier *c, const struct dmr_super *old)
{
	c->store->sb.activations = old->activations;
	c->store->sb.main_flags = old->main_flags;
	c->store->sb.main_start = old->main_start;
	memcpy(c->store->sb.counters, old->counters, sizeof(old->counters));
	return dmr_store_write_super(c->store) ? cannot_write(c) : 0;
}

u64 copy_lost(const struct copier *c)
{
	u64 lost = 0;
	u32 slot;

	for (slot = 0; slot < c->nr_taken; slot++)
		lost += hweight8(c->taken[slot].lost);
	return lost;
}

void copy_exit(struct copier *c)
{
	if (c->store)
		dmr_store_exit(c->store);
	free(c->store);
	free(c->taken);
	free(c->buf);
	memset(c, 0, sizeof(*c));
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
