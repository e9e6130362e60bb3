// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: what the administrator asks for.
 */
#include "dm-remap-engine-private.h"

static void *buf_of(struct dmr_engine *e, unsigned int i)
{
	return e->buf + i * DMR_BLOCK_SIZE;
}

static unsigned int clip(const struct dmr_engine *e, u64 block, u64 nr)
{
	u64 end = DIV_ROUND_UP(e->main_sectors, DMR_BLOCK_SECTORS);

	if (block >= end)
		return 0;
	return min_t(u64, min_t(u64, nr, end - block), DMR_BATCH);
}

/*--------------------------------------------------------------------
 * To the spare
 *--------------------------------------------------------------------
 */

static int to_spare(struct dmr_engine *e, u64 block, u64 nr, bool copy,
		    struct dmr_tally *tally)
{
	unsigned int i, n = 0;
	bool full = false;
	struct dmr_piece *p;
	u8 all, there;
	int r;

	if (e->mode != DMR_MODE_RW)
		return -EROFS;
	if (!dmr_main_alive(e))
		return -EIO;
	dmr_store_begin(&e->store);
	nr = clip(e, block, nr);
	for (i = 0; i < nr && !full; i++) {
		p = &e->piece[n];
		*p = (struct dmr_piece) { .block = block + i };
		p->slot = dmr_find(e, p->block, &p->word);
		all = dmr_block_mask(e, p->block);
		there = dmr_word_valid(p->word) | dmr_word_lost(p->word);
		if (p->slot < DMR_VIRTUAL_SLOT && (!copy || there == all)) {
			tally->skipped++;
			continue;
		}
		dmr_mark(e, p, false);
		if (p->slot < DMR_VIRTUAL_SLOT)
			n++;
		else
			full = true;
	}
	if (n) {
		if (copy)
			dmr_env_drain(e->env);
		dmr_save_pieces(e, n, copy ? 1 : 0, DMR_EVACUATED);
		r = dmr_commit(e);
		if (r)
			return r;
	}
	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		all = dmr_block_mask(e, p->block);
		there = dmr_word_valid(p->word) | p->mask;
		if (!copy || there == all)
			tally->done++;
		else
			tally->failed++;
	}
	return full ? -ENOSPC : 0;
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

static blk_status_t main_io(struct dmr_engine *e, struct dmr_piece *p,
			    blk_opf_t opf, u8 mask, void *buf)
{
	return dmr_masked_io(e, DMR_MAIN, opf,
			     p->block << DMR_BLOCK_SECTOR_SHIFT, mask, buf);
}

/* Copy what the slot has to main; p->good tells whether that went well. */
static void copy_back(struct dmr_engine *e, unsigned int n)
{
	struct dmr_piece *p;
	unsigned int i;
	void *buf;
	u8 valid;

	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		buf = buf_of(e, i);
		valid = dmr_word_valid(p->word);
		p->good = valid &&
			  dmr_masked_io(e, DMR_SPARE, REQ_OP_READ,
					dmr_store_slot_sector(&e->store,
							      p->slot),
					valid, buf) == BLK_STS_OK &&
			  main_io(e, p, REQ_OP_WRITE, valid, buf) == BLK_STS_OK;
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
static bool verified(struct dmr_engine *e, unsigned int i)
{
	struct dmr_piece *p = &e->piece[i];

	return main_io(e, p, REQ_OP_READ, dmr_block_mask(e, p->block),
		       e->verify) == BLK_STS_OK &&
	       same(buf_of(e, i), e->verify, dmr_word_valid(p->word));
}

/* Collect the blocks of a range that may be released into e->piece. */
static unsigned int collect(struct dmr_engine *e, u64 block, unsigned int nr,
			    bool only_known_bad, struct dmr_tally *tally)
{
	unsigned int i, n = 0;
	struct dmr_piece *p;

	for (i = 0; i < nr; i++) {
		p = &e->piece[n];
		*p = (struct dmr_piece) { .block = block + i };
		p->slot = dmr_find(e, p->block, &p->word);
		if (p->slot == DMR_NO_SLOT ||
		    (only_known_bad && dmr_word_valid(p->word)))
			tally->skipped++;
		else if (dmr_word_lost(p->word))
			tally->failed++;
		else
			n++;
	}
	return n;
}

int dmr_engine_release(struct dmr_engine *e, u64 block, u64 nr,
		       bool only_known_bad, struct dmr_tally *tally)
{
	struct dmr_store *store = &e->store;
	struct dmr_piece *p;
	unsigned int i, n;
	bool copied = false, flushed = true;
	u32 errors;
	int r;

	if (e->mode != DMR_MODE_RW)
		return -EROFS;
	n = collect(e, block, clip(e, block, nr), only_known_bad, tally);
	if (!n)
		return 0;

	/* From here on, writes to blocks with data on the spare wait for us. */
	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		if (!dmr_word_valid(p->word))
			continue;
		dmr_store_set(store, p->slot, p->word | DMR_WORD_BUSY);
		copied = true;
	}
	if (copied) {
		dmr_env_drain(e->env);
		errors = dmr_env_flush_errors(e->env, DMR_MAIN);
		copy_back(e, n);
		flushed = dmr_env_flush(e->env, DMR_MAIN) == BLK_STS_OK &&
			  errors == dmr_env_flush_errors(e->env, DMR_MAIN);
	}
	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		if (dmr_word_valid(p->word))
			p->good = p->good && flushed && verified(e, i);
		else
			p->good = verified(e, i);
		if (!p->good)
			dmr_store_set(store, p->slot, p->word);
		else if (p->slot < DMR_VIRTUAL_SLOT)
			dmr_store_stage(store, p->slot, 0);
	}

	/* Main has the data; not before this is durable will it be read there. */
	r = dmr_commit(e);
	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		if (!p->good || (r && p->slot < DMR_VIRTUAL_SLOT)) {
			tally->failed++;
			if (p->good && r != -EIO)	/* not even tried */
				dmr_store_set(store, p->slot, p->word);
			continue;
		}
		dmr_index_remove(&e->index, p->block, p->slot);
		tally->done++;
		if (dmr_word_valid(p->word))
			dmr_count(e, DMR_RELEASED, 1);
	}
	/* Reads may still be on their way to the slots, lookups to the words. */
	dmr_env_drain(e->env);
	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		if (p->good && p->slot >= DMR_VIRTUAL_SLOT)
			dmr_store_set(store, p->slot, 0);
	}
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
