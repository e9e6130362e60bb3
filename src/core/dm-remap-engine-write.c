// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: what to do about a failed write.
 *
 * A request is cut into blocks. Blocks that main is still responsible for are
 * written there once more, each alone; what fails again is bad. The data of
 * bad blocks is written to slots, and the change of their entries staged. It
 * becomes durable, and the request is acknowledged, by the commit at the end
 * of the batch: see dmr_engine_run().
 */
#include "dm-remap-engine-private.h"

/* Slots that one block may try before the spare is taken to have failed. */
#define MAX_TRIES	8

static blk_status_t write_to_slot(struct dmr_engine *e, struct dmr_piece *p)
{
	struct dmr_io io = {
		.dev = DMR_SPARE,
		.opf = REQ_OP_WRITE | (p->req->fua ? REQ_FUA : 0),
		.sector = dmr_store_slot_sector(&e->store, p->slot) +
			  (p->sector & (DMR_BLOCK_SECTORS - 1)),
		.sectors = p->sectors,
		.req = p->req,
		.req_sector = p->req_sector,
	};

	dmr_env_io(e->env, &io, 1);
	e->data_writes++;
	return io.status;
}

/* Let a slot that fails writes never be used again; take another one. */
static bool next_slot(struct dmr_engine *e, struct dmr_piece *p)
{
	struct dmr_store *store = &e->store;

	if (store->nr_staged + DMR_BATCH >= DMR_MAX_STAGED)
		return false;
	dmr_store_stage(store, p->slot, dmr_word(0, DMR_BAD, 0, 0, 0));
	dmr_count(e, DMR_REPLACED, 1);
	dmr_env_log(e->env, DMR_LOG_WARN, "slot %u is bad", p->slot);
	p->slot = dmr_take_slot(e);
	return p->slot != DMR_NO_SLOT;
}

/*
 * A slot that holds other sectors of the block as well fails a write. Move
 * the block to another slot: what can be read of the old one goes along, what
 * cannot is lost.
 */
static bool move_block(struct dmr_engine *e, struct dmr_piece *p)
{
	struct dmr_store *store = &e->store;
	u32 old = p->slot;
	u64 published = dmr_store_word(store, old), from;
	u8 keep = dmr_word_valid(p->word) & ~p->mask;
	u8 good = keep, bit;
	unsigned int i, tries;

	if (e->mode != DMR_MODE_RW)
		return false;
	/* Writes that are on their way to the old slot must end first. */
	dmr_store_set(store, old, published | DMR_WORD_BUSY);
	dmr_env_drain(e->env);

	from = dmr_store_slot_sector(store, old);
	if (dmr_masked_io(e, DMR_SPARE, REQ_OP_READ, from, keep, e->buf) !=
	    BLK_STS_OK) {
		for (i = 0; i < DMR_BLOCK_SECTORS; i++) {
			bit = BIT(i);
			if ((keep & bit) &&
			    dmr_masked_io(e, DMR_SPARE, REQ_OP_READ, from, bit,
					  e->buf) != BLK_STS_OK)
				good &= ~bit;
		}
	}

	p->slot = dmr_take_slot(e);
	for (tries = 0; p->slot != DMR_NO_SLOT; tries++) {
		if (dmr_masked_io(e, DMR_SPARE, REQ_OP_WRITE,
				  dmr_store_slot_sector(store, p->slot), good,
				  e->buf) == BLK_STS_OK &&
		    write_to_slot(e, p) == BLK_STS_OK)
			break;
		if (tries == MAX_TRIES) {
			dmr_spare_failed(e, "slot after slot fails");
			p->slot = DMR_NO_SLOT;
		} else if (!next_slot(e, p)) {
			p->slot = DMR_NO_SLOT;
		}
	}
	if (p->slot == DMR_NO_SLOT) {
		dmr_store_set(store, old, published);
		return false;
	}

	dmr_count(e, DMR_REPLACED, 1);
	dmr_env_log(e->env, DMR_LOG_WARN,
		    "block %llu moved from slot %u, which is bad, to slot %u; %u sectors lost",
		    p->block, old, p->slot, hweight8(keep & ~good));
	p->word = dmr_word(p->block, DMR_LIVE, good,
			   dmr_word_lost(p->word) | (keep & ~good),
			   dmr_word_gen(p->word) + 1);
	return true;
}

/* The spare failed the write of a piece to its slot, with @status. */
static bool replace_slot(struct dmr_engine *e, struct dmr_piece *p,
			 blk_status_t status)
{
	unsigned int tries;

	if (!dmr_engine_wants(REQ_OP_WRITE, status) ||
	    !dmr_env_present(e->env, DMR_SPARE)) {
		dmr_spare_failed(e, "the spare device fails writes");
		return false;
	}
	if (write_to_slot(e, p) == BLK_STS_OK)
		return true;
	if (!p->fresh)
		return move_block(e, p);
	for (tries = 0; tries < MAX_TRIES; tries++) {
		if (!next_slot(e, p))
			return false;
		if (write_to_slot(e, p) == BLK_STS_OK)
			return true;
	}
	dmr_spare_failed(e, "slot after slot fails");
	return false;
}

/* Is main still the place for this piece, as far as we know? */
static bool belongs_to_main(struct dmr_engine *e, const struct dmr_piece *p)
{
	if (p->slot == DMR_NO_SLOT)
		return true;
	/* A block without a slot, too, may have sectors in doubt: see doubt(). */
	if (e->mode != DMR_MODE_RW)
		return !(p->mask & (dmr_word_valid(p->word) |
				    dmr_word_lost(p->word)));
	/* Known bad, but no slot can be had: main may take it after all. */
	return p->slot >= DMR_VIRTUAL_SLOT &&
	       (e->breaker_open || !dmr_store_free_slots(&e->store));
}

/*
 * Write the pieces that belong to main there, each alone, and find out what is
 * bad. Return: false if the request has failed.
 */
static bool narrow(struct dmr_engine *e, struct dmr_req *req, unsigned int n)
{
	struct dmr_io *io = e->io;
	unsigned int i, nr = 0, nr_bad = 0;
	bool probe = false;
	struct dmr_piece *p;

	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		p->slot = dmr_find(e, p->block, &p->word);
		p->on_main = belongs_to_main(e, p);
		if (!p->on_main)
			continue;
		io[nr++] = (struct dmr_io) {
			.dev = DMR_MAIN,
			.opf = REQ_OP_WRITE | (req->fua ? REQ_FUA : 0),
			.sector = p->sector,
			.sectors = p->sectors,
			.req = req,
			.req_sector = p->req_sector,
		};
	}
	if (!nr)
		return true;
	if (!dmr_env_present(e->env, DMR_MAIN))
		goto fail;

	/* While the breaker is open, one request in a while is a probe. */
	if (e->breaker_open) {
		u64 now = dmr_env_seconds(e->env);

		probe = now - e->breaker_since >= e->tuning.breaker_seconds;
		if (probe)
			e->breaker_since = now;
		else
			goto fail;
	}

	dmr_env_io(e->env, io, nr);
	e->main_retries += nr;
	for (i = 0, nr = 0; i < n; i++) {
		p = &e->piece[i];
		if (!p->on_main)
			continue;
		p->status = io[nr++].status;
		if (p->status == BLK_STS_OK)
			continue;
		if (!dmr_engine_wants(REQ_OP_WRITE, p->status)) {
			req->status = p->status;
			return false;
		}
		p->on_main = false;
		nr_bad++;
	}
	if (!nr_bad) {
		if (probe)
			dmr_engine_close_breaker(e);
		return true;
	}
	if (e->mode == DMR_MODE_RW && !probe && dmr_main_alive(e) &&
	    dmr_breaker_admits(e, nr_bad))
		return true;
fail:
	req->status = req->error;
	return false;
}

/* The word of the slot of a piece, once its data is there. */
static u64 word_with(const struct dmr_piece *p)
{
	return dmr_word(p->block, DMR_LIVE, dmr_word_valid(p->word) | p->mask,
			dmr_word_lost(p->word) & ~p->mask,
			dmr_word_gen(p->word));
}

/* Write the pieces that main does not take to their slots, and stage them. */
static void place(struct dmr_engine *e, struct dmr_req *req, unsigned int n)
{
	struct dmr_io *io = e->io;
	unsigned int i, nr = 0;
	struct dmr_piece *p;
	u64 word;

	for (i = 0; i < n; i++) {
		p = &e->piece[i];
		if (p->on_main)
			continue;
		if (e->mode != DMR_MODE_RW &&
		    (p->slot >= DMR_VIRTUAL_SLOT || word_with(p) != p->word)) {
			req->status = req->error;
			n = i;
			break;
		}
		if (p->slot >= DMR_VIRTUAL_SLOT) {	/* or none at all */
			p->slot = dmr_take_slot(e);
			p->fresh = true;
			p->word = dmr_word(p->block, DMR_LIVE, 0, 0, 0);
			if (p->slot == DMR_NO_SLOT) {
				req->status = req->error;
				n = i;
				break;
			}
		}
		io[nr++] = (struct dmr_io) {
			.dev = DMR_SPARE,
			.opf = REQ_OP_WRITE | (req->fua ? REQ_FUA : 0),
			.sector = dmr_store_slot_sector(&e->store, p->slot) +
				  (p->sector & (DMR_BLOCK_SECTORS - 1)),
			.sectors = p->sectors,
			.req = req,
			.req_sector = p->req_sector,
		};
	}
	if (!nr)
		return;
	dmr_env_io(e->env, io, nr);
	e->data_writes += nr;

	for (i = 0, nr = 0; i < n; i++) {
		blk_status_t status;

		p = &e->piece[i];
		if (p->on_main)
			continue;
		status = io[nr++].status;
		if (status != BLK_STS_OK && !replace_slot(e, p, status)) {
			if (p->fresh && p->slot != DMR_NO_SLOT)
				dmr_store_unalloc(&e->store, p->slot);
			req->status = req->error;
			continue;
		}
		/* Another request of this batch may have staged the same. */
		word = word_with(p);
		if (!((word ^ dmr_store_word(&e->store, p->slot)) &
		      ~DMR_WORD_BUSY))
			continue;
		dmr_store_stage(&e->store, p->slot, word);
		req->staged = true;
		dmr_count(e, DMR_ABSORBED, 1);
		dmr_env_log(e->env, DMR_LOG_INFO,
			    "block %llu (sector %llu): write goes to slot %u",
			    p->block, p->sector, p->slot);
		dmr_env_event(e->env);
	}
}

void dmr_write_req(struct dmr_engine *e, struct dmr_req *req,
		   struct list_head *batch)
{
	unsigned int n;
	u32 done = 0;

	if (e->index.no_writes)
		req->status = req->error;
	while (req->status == BLK_STS_OK) {
		if (dmr_must_commit(e))
			dmr_settle(e, batch);
		n = dmr_cut(e, req, &done);
		if (!n)
			break;
		if (narrow(e, req, n))
			place(e, req, n);
	}
}
