// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: what the administrator asks for.
 */
#include "dm-remap-engine-private.h"

static unsigned int clip(const struct dmr_engine *e, u64 block, u64 nr)
{
	u64 end = DIV_ROUND_UP(e->main_sectors, DMR_BLOCK_SECTORS);

	if (block >= end)
		return 0;
	return min_t(u64, min_t(u64, nr, end - block), DMR_COPY_BLOCKS);
}

/*--------------------------------------------------------------------
 * To the spare
 *--------------------------------------------------------------------
 */

/*
 * Make blocks known bad that are not on the spare yet, or only in part, and take
 * them into x->piece. Return: 0, or the error of dmr_mark() that ended it.
 */
static int mark_blocks(struct dmr_engine *e, struct dmr_exam *x, u64 block,
		       unsigned int nr, bool copy, struct dmr_tally *tally)
{
	struct dmr_piece *p;
	unsigned int i;
	int r;

	x->releases = e->releases;
	for (i = 0; i < nr; i++) {
		p = &x->piece[x->nr];
		*p = (struct dmr_piece) { .block = block + i, .failed = true };
		p->slot = dmr_find(e, p->block, &p->word);
		if (p->slot < DMR_VIRTUAL_SLOT &&
		    (!copy || dmr_word_all(p->word) ==
			      dmr_block_mask(e, p->block))) {
			tally->skipped++;
			continue;
		}
		r = dmr_mark(e, p, false);
		if (r)
			return r;
		x->nr++;
	}
	return 0;
}

static int to_spare(struct dmr_engine *e, u64 block, u64 nr, bool copy,
		    struct dmr_tally *tally)
{
	struct dmr_exam *x = &e->admin;
	struct dmr_piece *p;
	int r, marked;

	dmr_exam_start(x, NULL);
	x->apart = true;
	if (!dmr_main_alive(e, x))
		return READ_ONCE(e->mode) == DMR_MODE_RW ? -EIO : -EROFS;
	dmr_env_lock(e->env);
	if (e->mode != DMR_MODE_RW) {
		dmr_env_unlock(e->env);
		return -EROFS;
	}
	marked = mark_blocks(e, x, block, clip(e, block, nr), copy, tally);
	if (x->nr && copy) {
		dmr_env_unlock(e->env);
		dmr_copy_from_main(e, x, 1, true, true);
		dmr_env_lock(e->env);
	}
	dmr_store_begin(&e->store);
	dmr_save(e, x, DMR_EVACUATED);
	r = dmr_commit(e);
	for (p = x->piece; !r && p < &x->piece[x->nr]; p++) {
		u8 there = dmr_word_valid(p->word) | p->good;

		if (!copy || there == dmr_block_mask(e, p->block))
			tally->done++;
		else
			tally->failed++;
	}
	dmr_env_unlock(e->env);
	return r ?: marked;
}

int dmr_engine_evacuate(struct dmr_engine *e, u64 block, u64 nr,
			struct dmr_tally *tally)
{
	return to_spare(e, block, nr, true, tally);
}

int dmr_engine_mark_bad(struct dmr_engine *e, u64 block, u64 nr,
			struct dmr_tally *tally)
{
	return to_spare(e, block, nr, false, tally);
}

/*--------------------------------------------------------------------
 * Back to the main device
 *--------------------------------------------------------------------
 */

/*
 * Do something with a block on main, and note whether that went well, or whether main
 * failed it: neither if the device began to be suspended while other I/O was waited for.
 */
static void main_io(struct dmr_engine *e, struct dmr_piece *p, blk_opf_t opf,
		    u8 mask, void *buf)
{
	blk_status_t status = BLK_STS_AGAIN;
	u32 ms = 0;

	/* Not beside a retry. */
	dmr_env_retry_lock(e->env);
	if (!dmr_env_stopping(e->env)) {
		status = dmr_masked_io(e, DMR_MAIN, opf,
				       p->block << DMR_BLOCK_SECTOR_SHIFT, mask,
				       buf, &ms);
		if (status != BLK_STS_OK && ms >= DMR_SLOW_MS)
			WRITE_ONCE(e->slow_retries, e->slow_retries + 1);
	}
	dmr_env_retry_unlock(e->env);
	p->good = status == BLK_STS_OK;
	p->failed = !p->good && status != BLK_STS_AGAIN;
}

/*
 * Copy what the slots have to main. On return p->good tells whether that went well,
 * and p->failed whether it was main that did not.
 */
static void copy_back(struct dmr_engine *e, struct dmr_exam *x)
{
	struct dmr_piece *p;
	unsigned int i;
	void *buf;
	u8 valid;

	for (i = 0; i < x->nr && !dmr_env_stopping(e->env); i++) {
		p = &x->piece[i];
		buf = dmr_exam_buf(x, p);
		valid = dmr_word_valid(p->word);
		p->good = !valid ||
			  dmr_masked_io(e, DMR_SPARE, REQ_OP_READ,
					dmr_store_slot_sector(&e->store,
							      p->slot),
					valid, buf, NULL) == BLK_STS_OK;
		if (!p->good || !valid)
			continue;
		main_io(e, p, REQ_OP_WRITE, valid, buf);
	}
}

static bool same(const void *a, const void *b, u8 mask)
{
	unsigned int i;

	for (i = 0; i < DMR_BLOCK_SECTORS; i++)
		if ((mask & BIT(i)) && memcmp(a + (i << 9), b + (i << 9), 512))
			return false;
	return true;
}

/* Does main read well, all of the block, and with what was copied back? */
static void verify(struct dmr_engine *e, struct dmr_exam *x)
{
	struct dmr_piece *p;
	unsigned int i;

	for (i = 0; i < x->nr; i++) {
		p = &x->piece[i];
		if (dmr_env_stopping(e->env))
			p->good = 0;
		if (!p->good)
			continue;
		main_io(e, p, REQ_OP_READ, dmr_block_mask(e, p->block),
			x->probe);
		if (p->good && !same(dmr_exam_buf(x, p), x->probe,
				     dmr_word_valid(p->word))) {
			p->good = 0;
			p->failed = true;
		}
	}
}

/*
 * Collect the blocks of a range that may be released into x->piece. From here on,
 * a write to a block with data on the spare ends its release.
 */
static void collect(struct dmr_engine *e, struct dmr_exam *x, u64 block,
		    unsigned int nr, enum dmr_which which,
		    struct dmr_tally *tally)
{
	struct dmr_piece *p;
	unsigned int i;
	u8 valid;

	for (i = 0; i < nr; i++) {
		p = &x->piece[x->nr];
		*p = (struct dmr_piece) { .block = block + i };
		p->slot = dmr_find(e, p->block, &p->word);
		valid = dmr_word_valid(p->word);
		if (p->slot == DMR_NO_SLOT ||
		    (which == DMR_KNOWN_BAD && valid) ||
		    (which == DMR_UNPROVEN && !(p->word & DMR_WORD_UNPROVEN))) {
			tally->skipped++;
			continue;
		}
		if (dmr_word_lost(p->word)) {
			tally->failed++;
			continue;
		}
		x->nr++;
		if (valid)
			dmr_store_set(&e->store, p->slot,
				      p->word | DMR_WORD_BUSY);
	}
}

/* Has the block been written to, or moved, since it was collected? */
static bool has_changed(struct dmr_engine *e, const struct dmr_piece *p)
{
	u64 word = p->word;

	if (dmr_word_valid(word))
		word |= DMR_WORD_BUSY;
	return dmr_store_word(&e->store, p->slot) != word;
}

/* Decide what becomes of the blocks, and stage it. */
static void stage_release(struct dmr_engine *e, struct dmr_exam *x)
{
	struct dmr_store *store = &e->store;
	struct dmr_piece *p;

	for (p = x->piece; p < &x->piece[x->nr]; p++) {
		if (has_changed(e, p)) {
			p->good = 0;
			continue;
		}
		if (p->good) {
			if (p->slot < DMR_VIRTUAL_SLOT)
				dmr_store_stage(store, p->slot, 0);
			continue;
		}
		dmr_store_set(store, p->slot, p->word);
		/* Now it has been tried. */
		if (p->failed && (p->word & DMR_WORD_UNPROVEN))
			dmr_store_stage(store, p->slot,
					p->word & ~DMR_WORD_UNPROVEN);
	}
}

static int finish_release(struct dmr_engine *e, struct dmr_exam *x,
			  struct dmr_tally *tally)
{
	struct dmr_store *store = &e->store;
	struct dmr_piece *p;
	int r;

	stage_release(e, x);
	/* Main has the data; not before this is durable will it be read there. */
	r = dmr_commit(e);
	for (p = x->piece; p < &x->piece[x->nr]; p++) {
		if (!p->good || (r && p->slot < DMR_VIRTUAL_SLOT)) {
			tally->failed++;
			if (p->good && r != -EIO)	/* not even tried */
				dmr_store_set(store, p->slot, p->word);
			continue;
		}
		dmr_index_remove(&e->index, p->block, p->slot);
		e->releases++;
		tally->done++;
		if (dmr_word_valid(p->word))
			dmr_count(e, DMR_RELEASED, 1);
	}
	/* Reads may still be on their way to the slots, lookups to the words. */
	dmr_env_drain(e->env, DMR_SPARE);
	for (p = x->piece; p < &x->piece[x->nr]; p++)
		if (p->good && p->slot >= DMR_VIRTUAL_SLOT)
			dmr_store_set(store, p->slot, 0);
	return r;
}

int dmr_engine_release(struct dmr_engine *e, u64 block, u64 nr,
		       enum dmr_which which, struct dmr_tally *tally)
{
	struct dmr_exam *x = &e->admin;
	struct dmr_piece *p;
	bool copied = false;
	u32 errors;
	int r = 0;

	dmr_exam_start(x, NULL);
	dmr_env_lock(e->env);
	if (e->mode == DMR_MODE_RW)
		collect(e, x, block, clip(e, block, nr), which, tally);
	else
		r = -EROFS;
	dmr_env_unlock(e->env);
	if (!x->nr)
		return r;

	for (p = x->piece; p < &x->piece[x->nr]; p++)
		copied |= dmr_word_valid(p->word);
	/* Writes that are on their way to the slots must be in the copy. */
	if (copied)
		dmr_env_drain(e->env, DMR_SPARE);
	errors = dmr_env_flush_errors(e->env, DMR_MAIN);
	copy_back(e, x);
	if (copied && (dmr_env_flush(e->env, DMR_MAIN) != BLK_STS_OK ||
		       dmr_env_flush_errors(e->env, DMR_MAIN) != errors)) {
		for (p = x->piece; p < &x->piece[x->nr]; p++)
			p->good = 0;
	}
	verify(e, x);
	dmr_env_lock(e->env);
	r = finish_release(e, x, tally);
	dmr_env_unlock(e->env);
	return r;
}

int dmr_engine_grow(struct dmr_engine *e, u64 area_blocks)
{
	int r;

	if (e->mode != DMR_MODE_RW)
		return -EROFS;
	r = dmr_store_grow(&e->store, area_blocks);
	if (r == -EIO)
		dmr_spare_failed(e, "the superblocks cannot be written");
	return r;
}
