// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: what to do about a failed read, and how data gets from main to a
 * slot.
 *
 * A block that fails when it is read alone becomes known bad: its next write
 * goes to the spare. If a retry still gets the data, it is saved to the spare
 * as well. What cannot be read stays an error.
 *
 * Copying from main races with writes that were mapped to main before the block
 * became known bad: they would be acknowledged, and then hidden by the older
 * copy. So the order is: mark the block, drain, copy.
 */
#include "dm-remap-engine-private.h"

void dmr_mark(struct dmr_engine *e, struct dmr_piece *p, bool keep_half)
{
	struct dmr_store *store = &e->store;
	u32 slot, virt;

	virt = dmr_find(e, p->block, &p->word);
	p->slot = virt;
	p->fresh = false;
	if (virt < DMR_VIRTUAL_SLOT || (virt != DMR_NO_SLOT && keep_half))
		return;
	if (dmr_index_reserve(&e->index, 1))
		return;

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
		return;

	p->slot = slot;
	p->fresh = true;
	p->word = dmr_word(p->block, DMR_LIVE, 0, 0, 0);
	dmr_store_set(store, slot, p->word);
	dmr_index_insert(&e->index, p->block, slot);
	if (virt != DMR_NO_SLOT) {
		dmr_env_synchronize(e->env);
		dmr_store_set(store, virt, 0);
	}
}

/*--------------------------------------------------------------------
 * From main to a slot
 *--------------------------------------------------------------------
 */

static void *buf_of(struct dmr_engine *e, unsigned int i)
{
	return e->buf + i * DMR_BLOCK_SIZE;
}

/* The sectors of a block that only main has. */
static u8 only_on_main(const struct dmr_engine *e, const struct dmr_piece *p)
{
	return dmr_block_mask(e, p->block) &
	       ~(dmr_word_valid(p->word) | dmr_word_lost(p->word));
}

/* Read whole blocks, all at once. */
static void read_blocks(struct dmr_engine *e, unsigned int n)
{
	struct dmr_io *io = e->io;
	unsigned int i, nr = 0;
	struct dmr_piece *p;

	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		if (!only_on_main(e, p) || p->good)
			continue;
		io[nr++] = (struct dmr_io) {
			.dev = DMR_MAIN,
			.opf = REQ_OP_READ,
			.sector = p->block << DMR_BLOCK_SECTOR_SHIFT,
			.sectors = hweight8(dmr_block_mask(e, p->block)),
			.buf = buf_of(e, i),
		};
	}
	if (!nr)
		return;
	dmr_env_io(e->env, io, nr);
	e->main_retries += nr;
	for (i = 0, nr = 0; i < n; i++) {
		p = &e->piece[i];
		if (!only_on_main(e, p) || p->good)
			continue;
		p->status = io[nr++].status;
		if (p->status == BLK_STS_OK)
			p->good = only_on_main(e, p);
	}
}

/* What the device can read of a block of which some cannot be read. */
static void read_sectors(struct dmr_engine *e, unsigned int n)
{
	unsigned int step = max(e->tuning.main_pbs / 512, 1U);
	unsigned int i, k;
	struct dmr_piece *p;
	u8 mask;

	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		/* Once is enough: on a dying disk it takes minutes. */
		if (p->good || !p->fresh || step >= DMR_BLOCK_SECTORS)
			continue;
		for (k = 0; k < DMR_BLOCK_SECTORS; k += step) {
			mask = dmr_sector_mask(k, step) & only_on_main(e, p);
			if (mask &&
			    dmr_masked_io(e, DMR_MAIN, REQ_OP_READ,
					  p->block << DMR_BLOCK_SECTOR_SHIFT,
					  mask, buf_of(e, i)) == BLK_STS_OK)
				p->good |= mask;
		}
	}
}

/* Write what could be read to the slots; whole blocks all at once. */
static void write_slots(struct dmr_engine *e, unsigned int n)
{
	struct dmr_io *io = e->io;
	unsigned int i, nr = 0;
	struct dmr_piece *p;

	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		p->mask = p->slot < DMR_VIRTUAL_SLOT ? p->good : 0;
		if (p->mask == 0xff)
			io[nr++] = (struct dmr_io) {
				.dev = DMR_SPARE,
				.opf = REQ_OP_WRITE,
				.sector = dmr_store_slot_sector(&e->store,
								p->slot),
				.sectors = DMR_BLOCK_SECTORS,
				.buf = buf_of(e, i),
			};
	}
	if (nr)
		dmr_env_io(e->env, io, nr);
	for (i = 0, nr = 0; i < n; i++) {
		blk_status_t status;

		p = &e->piece[i];
		if (!p->mask)
			continue;
		e->data_writes++;
		if (p->mask == 0xff)
			status = io[nr++].status;
		else
			status = dmr_masked_io(e, DMR_SPARE, REQ_OP_WRITE,
					       dmr_store_slot_sector(&e->store,
								     p->slot),
					       p->mask, buf_of(e, i));
		/* The block's next write will find out what the slot is worth. */
		if (status != BLK_STS_OK)
			p->mask = 0;
	}
}

/* On return p->good are the sectors read, p->mask those that are saved. */
void dmr_save_pieces(struct dmr_engine *e, unsigned int nr, u32 retries,
		     enum dmr_counter counter)
{
	struct dmr_piece *p;
	unsigned int i;
	u32 n;

	for (i = 0; i < nr; i++)
		e->piece[i].good = 0;
	for (n = 0; n < retries; n++)
		read_blocks(e, nr);
	if (retries)
		read_sectors(e, nr);
	if (e->mode == DMR_MODE_RW)
		write_slots(e, nr);
	else
		for (i = 0; i < nr; i++)
			e->piece[i].mask = 0;

	for (i = 0; i < nr; i++) {
		p = &e->piece[i];
		if (p->slot >= DMR_VIRTUAL_SLOT || e->mode != DMR_MODE_RW ||
		    (!p->fresh && !p->mask))
			continue;
		dmr_store_stage(&e->store, p->slot,
				p->word | dmr_word(0, 0, p->mask, 0, 0));
		dmr_env_log(e->env, DMR_LOG_INFO,
			    "block %llu (sector %llu): %s, slot %u, %u sectors saved",
			    p->block, p->block << DMR_BLOCK_SECTOR_SHIFT,
			    counter == DMR_RESCUED ? "known bad" : "evacuated",
			    p->slot, hweight8(p->mask));
		dmr_env_event(e->env);
		if (p->mask)
			dmr_count(e, counter, 1);
	}
}

/*--------------------------------------------------------------------
 * A read of a caller
 *--------------------------------------------------------------------
 */

static u8 on_spare(const struct dmr_piece *p)
{
	return p->mask & (dmr_word_valid(p->word) | dmr_word_lost(p->word));
}

/*
 * Give a request the data of a piece, sector by sector from where it is. What
 * main alone has is in @buf, as far as it is in @good; it is read if there is
 * no @buf.
 */
static blk_status_t gather(struct dmr_engine *e, struct dmr_piece *p, u8 mask,
			   const void *buf, u8 good)
{
	u64 first = p->block << DMR_BLOCK_SECTOR_SHIFT;
	unsigned int i;
	u8 bit;

	for (i = 0; i < DMR_BLOCK_SECTORS; i++) {
		struct dmr_io io = {
			.dev = DMR_MAIN,
			.opf = REQ_OP_READ,
			.sector = first + i,
			.sectors = 1,
			.req = p->req,
			.req_sector = p->req_sector + (first + i - p->sector),
		};

		bit = BIT(i);
		if (!(mask & bit))
			continue;
		if (dmr_word_lost(p->word) & bit)
			return BLK_STS_MEDIUM;
		if (dmr_word_valid(p->word) & bit) {
			io.dev = DMR_SPARE;
			io.sector = dmr_store_slot_sector(&e->store, p->slot) +
				    i;
		} else if (buf && (good & bit)) {
			dmr_env_fill(e->env, p->req, io.req_sector,
				     buf + (i << 9), 1);
			continue;
		} else if (buf) {
			return p->status ?: BLK_STS_MEDIUM;
		}
		dmr_env_io(e->env, &io, 1);
		if (io.status != BLK_STS_OK) {
			if (io.dev == DMR_SPARE &&
			    !dmr_env_present(e->env, DMR_SPARE))
				dmr_spare_failed(e, "the spare is gone");
			return io.status;
		}
	}
	return BLK_STS_OK;
}

/*
 * The failing blocks are the first @n pieces. Note that dmr_save_pieces() uses
 * p->mask: what was asked for is kept in p->wanted.
 */
static void rescue(struct dmr_engine *e, struct dmr_req *req, unsigned int n,
		   struct list_head *batch)
{
	struct dmr_piece *p;
	blk_status_t status;
	unsigned int i;

	if (!dmr_main_alive(e)) {
		req->status = req->error;
		return;
	}
	/*
	 * A block that is only staged is not known to lookups: writes would go
	 * to main after the drain, and be hidden by what is copied.
	 */
	dmr_settle(e, batch);
	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		dmr_mark(e, p, true);
		p->wanted = p->mask;
	}
	dmr_env_drain(e->env);
	dmr_save_pieces(e, n, e->tuning.read_retries, DMR_RESCUED);
	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		status = gather(e, p, p->wanted, buf_of(e, i), p->good);
		if (status != BLK_STS_OK)
			req->status = status;
	}
}

void dmr_read_req(struct dmr_engine *e, struct dmr_req *req,
		  struct list_head *batch)
{
	/* The failure of a request of one block was that of the block alone. */
	bool alone = req->from == DMR_FROM_MAIN &&
		     req->sector >> DMR_BLOCK_SECTOR_SHIFT ==
		     (req->sector + req->sectors - 1) >> DMR_BLOCK_SECTOR_SHIFT;
	unsigned int i, n, nr, nr_bad;
	struct dmr_io *io = e->io;
	struct dmr_piece *p;
	u32 done = 0;

	while ((n = dmr_cut(e, req, &done))) {
		if (dmr_must_commit(e))
			dmr_settle(e, batch);
		for (i = 0, nr = 0; i < n; i++) {
			p = &e->piece[i];
			p->slot = dmr_find(e, p->block, &p->word);
			p->status = alone ? req->error : BLK_STS_OK;
			if (alone || on_spare(p))
				continue;
			io[nr++] = (struct dmr_io) {
				.dev = DMR_MAIN,
				.opf = REQ_OP_READ,
				.sector = p->sector,
				.sectors = p->sectors,
				.req = req,
				.req_sector = p->req_sector,
			};
		}
		if (nr)
			dmr_env_io(e->env, io, nr);
		e->main_retries += nr;

		nr_bad = 0;
		for (i = 0, nr = 0; i < n; i++) {
			p = &e->piece[i];
			if (on_spare(p)) {
				/* What is staged may yet be given up. */
				if ((dmr_store_word(&e->store, p->slot) ^
				     p->word) & ~DMR_WORD_BUSY)
					req->staged = true;
				p->status = gather(e, p, p->mask, NULL, 0);
				if (p->status != BLK_STS_OK)
					req->status = p->status;
				continue;
			}
			if (!alone)
				p->status = io[nr++].status;
			if (p->status == BLK_STS_OK)
				continue;
			if (dmr_engine_wants(REQ_OP_READ, p->status))
				e->piece[nr_bad++] = *p;
			else
				req->status = p->status;
		}
		if (nr_bad)
			rescue(e, req, nr_bad, batch);
	}
}
