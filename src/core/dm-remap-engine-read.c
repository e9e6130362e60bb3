// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: what to do about a failed read, once it is known what main can give.
 *
 * A block that fails when it is read alone becomes known bad: its next write
 * goes to the spare. What could be copied from it is saved to its slot. What
 * cannot be read stays an error.
 */
#include "dm-remap-engine-private.h"

int dmr_mark(struct dmr_engine *e, struct dmr_piece *p, bool keep_half)
{
	struct dmr_store *store = &e->store;
	u32 slot, virt;

	virt = dmr_find(e, p->block, &p->word);
	p->slot = virt;
	p->fresh = false;
	if (virt < DMR_VIRTUAL_SLOT || (virt != DMR_NO_SLOT && keep_half))
		return 0;
	if (dmr_index_reserve(&e->index, 1))
		return -ENOMEM;

	/* Reads may reserve half of what is free, so that writes have the rest. */
	slot = DMR_NO_SLOT;
	if (e->mode == DMR_MODE_RW &&
	    !(keep_half && (e->breaker_open ||
			    store->nr_known_bad - store->nr_virtual >=
			    dmr_store_free_slots(store))))
		slot = dmr_take_slot(e);
	if (slot == DMR_NO_SLOT && virt == DMR_NO_SLOT && keep_half)
		slot = dmr_store_alloc_virtual(store);
	if (slot == DMR_NO_SLOT)
		return !dmr_store_free_slots(store) ? -ENOSPC :
		       e->mode == DMR_MODE_RW ? -ENOMEM : -EROFS;

	p->slot = slot;
	p->fresh = true;
	p->word = dmr_word(p->block, DMR_LIVE, 0, 0, 0);
	dmr_store_set(store, slot, p->word);
	dmr_index_insert(&e->index, p->block, slot);
	if (virt != DMR_NO_SLOT) {
		dmr_env_synchronize(e->env);
		dmr_store_set(store, virt, 0);
	}
	return 0;
}

/*--------------------------------------------------------------------
 * From memory to a slot
 *--------------------------------------------------------------------
 */

/*
 * Look the block up anew: what has been written to its slot since it was copied
 * is newer. Return: the sectors that are to be saved.
 */
static u8 worth_saving(struct dmr_engine *e, const struct dmr_exam *x,
		       struct dmr_piece *p)
{
	p->slot = dmr_find(e, p->block, &p->word);
	if (p->slot >= DMR_VIRTUAL_SLOT || e->mode != DMR_MODE_RW ||
	    x->releases != e->releases)
		return 0;
	return p->good & ~dmr_word_all(p->word);
}

/* Write the sectors in p->good to the slots; whole blocks all at once. */
static void write_slots(struct dmr_engine *e, struct dmr_exam *x)
{
	struct dmr_io *io = e->io;
	unsigned int i, nr = 0;
	struct dmr_piece *p;

	for (i = 0; i < x->nr; i++) {
		p = &x->piece[i];
		if (p->good == 0xff)
			io[nr++] = (struct dmr_io) {
				.dev = DMR_SPARE,
				.opf = REQ_OP_WRITE,
				.sector = dmr_store_slot_sector(&e->store,
								p->slot),
				.sectors = DMR_BLOCK_SECTORS,
				.buf = dmr_exam_buf(x, p),
			};
	}
	if (nr)
		dmr_env_io(e->env, io, nr);
	for (i = 0, nr = 0; i < x->nr; i++) {
		blk_status_t status;

		p = &x->piece[i];
		if (!p->good)
			continue;
		e->data_writes++;
		if (p->good == 0xff)
			status = io[nr++].status;
		else
			status = dmr_masked_io(e, DMR_SPARE, REQ_OP_WRITE,
					       dmr_store_slot_sector(&e->store,
								     p->slot),
					       p->good, dmr_exam_buf(x, p),
					       NULL);
		/* The block's next write will find out what the slot is worth. */
		if (status != BLK_STS_OK)
			p->good = 0;
	}
}

void dmr_save(struct dmr_engine *e, struct dmr_exam *x,
	      enum dmr_counter counter)
{
	struct dmr_piece *p;
	unsigned int i;

	for (i = 0; i < x->nr; i++) {
		p = &x->piece[i];
		p->good = p->failed ? worth_saving(e, x, p) : 0;
	}
	write_slots(e, x);

	for (i = 0; i < x->nr; i++) {
		p = &x->piece[i];
		if (!p->failed || p->slot >= DMR_VIRTUAL_SLOT ||
		    e->mode != DMR_MODE_RW || (!p->fresh && !p->good))
			continue;
		dmr_store_stage(&e->store, p->slot,
				p->word | dmr_word(0, 0, p->good, 0, 0));
		dmr_env_log(e->env, DMR_LOG_INFO,
			    "block %llu (sector %llu): %s, slot %u, %u sectors saved",
			    p->block, p->block << DMR_BLOCK_SECTOR_SHIFT,
			    counter == DMR_RESCUED ? "known bad" : "evacuated",
			    p->slot, hweight8(p->good));
		dmr_env_event(e->env);
		if (p->good)
			dmr_count(e, counter, 1);
	}
}

/*--------------------------------------------------------------------
 * To a caller
 *--------------------------------------------------------------------
 */

/* Give a request the sectors in @mask of its block, which are on the slot. */
static blk_status_t read_slot(struct dmr_engine *e, struct dmr_req *req,
			      const struct dmr_piece *p, u8 mask)
{
	u64 first = p->block << DMR_BLOCK_SECTOR_SHIFT;
	struct dmr_io io[DMR_MAX_RUNS], whole = {
		.dev = DMR_SPARE,
		.opf = REQ_OP_READ,
		.sector = dmr_store_slot_sector(&e->store, p->slot),
		.req = req,
		/* Of the start of the block, which may lie before the request. */
		.req_sector = p->req_sector - (u32)(p->sector - first),
	};
	unsigned int i, n = dmr_runs(io, &whole, mask);

	if (n)
		dmr_env_io(e->env, io, n);
	for (i = 0; i < n; i++) {
		if (io[i].status == BLK_STS_OK)
			continue;
		if (!dmr_env_present(e->env, DMR_SPARE))
			dmr_spare_failed(e, "the spare is gone");
		return io[i].status;
	}
	return BLK_STS_OK;
}

/*
 * Give a request what is on the spare of a piece, as looked up just now. Return:
 * false if main has to be asked for the rest.
 */
static bool give(struct dmr_engine *e, struct dmr_req *req, struct dmr_piece *p)
{
	u8 lost = p->mask & dmr_word_lost(p->word);
	u8 there = p->mask & dmr_word_valid(p->word);
	blk_status_t status = lost ? BLK_STS_MEDIUM :
				     read_slot(e, req, p, there);

	if (status != BLK_STS_OK)
		req->status = status;
	else
		p->got |= there;
	return status != BLK_STS_OK || p->got == p->mask;
}

static void fill(struct dmr_engine *e, struct dmr_exam *x, struct dmr_piece *p)
{
	u64 first = p->block << DMR_BLOCK_SECTOR_SHIFT;
	unsigned int k;

	for (k = 0; k < DMR_BLOCK_SECTORS; k++)
		if (p->mask & p->good & BIT(k))
			dmr_env_fill(e->env, x->req, p->req_sector +
				     (u32)(first + k - p->sector),
				     dmr_exam_buf(x, p) + (k << 9), 1);
	p->got |= p->mask & p->good;
}

void dmr_settle_read(struct dmr_engine *e, struct dmr_exam *x)
{
	struct dmr_req *req = x->req;
	struct dmr_piece *p;
	unsigned int i;

	/* Whether or not it can be saved, the caller gets what was read. */
	for (p = x->piece; p < &x->piece[x->nr]; p++)
		if (p->failed)
			fill(e, x, p);
	dmr_save(e, x, DMR_RESCUED);
	for (i = 0; i < x->nr; i++) {
		p = &x->piece[i];
		if (p->got == p->mask)
			continue;
		/* What has just been staged holds nothing that is missing here. */
		p->slot = dmr_index_find(&e->index, p->block, &p->word);
		if (p->slot == DMR_NO_SLOT)
			p->word = 0;
		if (give(e, req, p))
			continue;
		if (p->status != BLK_STS_OK)
			req->status = p->status;
		else
			x->again = true;
	}
}

void dmr_read_req(struct dmr_engine *e, struct dmr_req *req)
{
	struct dmr_piece *p = e->piece;

	while (req->status == BLK_STS_OK && req->done < req->sectors) {
		dmr_cut(req, p, 1);
		p->slot = dmr_find(e, p->block, &p->word);
		/* Main, which is slow, is asked before the slot is. */
		if (p->mask & ~dmr_word_all(p->word))
			return;
		/* What is staged may yet be given up. */
		if ((dmr_store_word(&e->store, p->slot) ^ p->word) &
		    ~DMR_WORD_BUSY)
			req->staged = true;
		give(e, req, p);
		req->done += p->sectors;
	}
}
