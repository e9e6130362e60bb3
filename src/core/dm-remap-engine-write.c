// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: what to do about a failed write, once it is known which blocks main
 * does not take: their data is written to slots, and the change of their entries
 * staged. It becomes durable, and the request is acknowledged, by the commit at
 * the end of the batch: see dmr_engine_run().
 */
#include "dm-remap-engine-private.h"

/* Slots that one block may try before the spare is taken to have failed. */
#define MAX_TRIES	8

static struct dmr_io slot_io(struct dmr_engine *e, struct dmr_req *req,
			     const struct dmr_piece *p)
{
	return (struct dmr_io) {
		.dev = DMR_SPARE,
		.opf = REQ_OP_WRITE | (req->fua ? REQ_FUA : 0),
		.sector = dmr_store_slot_sector(&e->store, p->slot) +
			  (p->sector & (DMR_BLOCK_SECTORS - 1)),
		.sectors = p->sectors,
		.req = req,
		.req_sector = p->req_sector,
	};
}

static blk_status_t write_to_slot(struct dmr_engine *e, struct dmr_req *req,
				  const struct dmr_piece *p)
{
	struct dmr_io io = slot_io(e, req, p);

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
static bool move_block(struct dmr_engine *e, struct dmr_req *req,
		       struct dmr_piece *p)
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
	dmr_env_drain(e->env, DMR_SPARE);

	from = dmr_store_slot_sector(store, old);
	if (dmr_masked_io(e, DMR_SPARE, REQ_OP_READ, from, keep, e->buf,
			  NULL) != BLK_STS_OK) {
		for (i = 0; i < DMR_BLOCK_SECTORS; i++) {
			bit = BIT(i);
			if ((keep & bit) &&
			    dmr_masked_io(e, DMR_SPARE, REQ_OP_READ, from, bit,
					  e->buf, NULL) != BLK_STS_OK)
				good &= ~bit;
		}
	}

	p->slot = dmr_take_slot(e);
	for (tries = 0; p->slot != DMR_NO_SLOT; tries++) {
		if (dmr_masked_io(e, DMR_SPARE, REQ_OP_WRITE,
				  dmr_store_slot_sector(store, p->slot), good,
				  e->buf, NULL) == BLK_STS_OK &&
		    write_to_slot(e, req, p) == BLK_STS_OK)
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
			   dmr_word_gen(p->word) + 1) |
		  (p->word & DMR_WORD_UNPROVEN);
	return true;
}

/* The spare failed the write of a piece to its slot, with @status. */
static bool replace_slot(struct dmr_engine *e, struct dmr_req *req,
			 struct dmr_piece *p, blk_status_t status)
{
	unsigned int tries;

	if (!dmr_engine_wants(REQ_OP_WRITE, status) ||
	    !dmr_env_present(e->env, DMR_SPARE)) {
		dmr_spare_failed(e, "the spare device fails writes");
		return false;
	}
	if (write_to_slot(e, req, p) == BLK_STS_OK)
		return true;
	if (!p->fresh)
		return move_block(e, req, p);
	for (tries = 0; tries < MAX_TRIES; tries++) {
		if (!next_slot(e, p))
			return false;
		if (write_to_slot(e, req, p) == BLK_STS_OK)
			return true;
	}
	dmr_spare_failed(e, "slot after slot fails");
	return false;
}

bool dmr_belongs_to_main(const struct dmr_engine *e, const struct dmr_piece *p)
{
	if (p->slot == DMR_NO_SLOT)
		return true;
	/* A block without a slot, too, may have sectors in doubt: see doubt(). */
	if (e->mode != DMR_MODE_RW)
		return !(p->mask & dmr_word_all(p->word));
	/* Known bad, but no slot can be had: main may take it after all. */
	return p->slot >= DMR_VIRTUAL_SLOT &&
	       (e->breaker_open || !dmr_store_free_slots(&e->store));
}

/* The word of the slot of a piece, once its data is there. */
static u64 word_with(const struct dmr_piece *p)
{
	return dmr_word(p->block, DMR_LIVE, dmr_word_valid(p->word) | p->mask,
			dmr_word_lost(p->word) & ~p->mask,
			dmr_word_gen(p->word)) |
	       (p->word & DMR_WORD_UNPROVEN);
}

/* Whoever releases the block must know that there is something newer. */
static void end_release(struct dmr_engine *e, const struct dmr_piece *p)
{
	u64 word = dmr_store_word(&e->store, p->slot);

	if (word & DMR_WORD_BUSY)
		dmr_store_set(&e->store, p->slot, word & ~DMR_WORD_BUSY);
}

/* A slot for a piece, and its word. Return: false if there is none. */
static bool find_place(struct dmr_engine *e, struct dmr_piece *p)
{
	bool known_bad = p->slot != DMR_NO_SLOT;

	if (e->mode != DMR_MODE_RW)
		return p->slot < DMR_VIRTUAL_SLOT && word_with(p) == p->word;
	if (p->slot < DMR_VIRTUAL_SLOT) {
		end_release(e, p);
		return true;
	}
	p->slot = dmr_take_slot(e);
	p->fresh = true;
	p->word = dmr_word(p->block, DMR_LIVE, 0, 0, 0) |
		  (p->unproven && !known_bad ? DMR_WORD_UNPROVEN : 0);
	return p->slot != DMR_NO_SLOT;
}

static void stage(struct dmr_engine *e, struct dmr_req *req,
		  const struct dmr_piece *p)
{
	u64 word = word_with(p);

	/* Another request of this batch may have staged the same. */
	if (word == dmr_store_word(&e->store, p->slot))
		return;
	dmr_store_stage(&e->store, p->slot, word);
	req->staged = true;
	dmr_count(e, DMR_ABSORBED, 1);
	dmr_env_log(e->env, DMR_LOG_INFO,
		    "block %llu (sector %llu): write goes to slot %u%s",
		    p->block, p->sector, p->slot,
		    p->unproven && p->fresh ? ", unproven" : "");
	dmr_env_event(e->env);
}

/*
 * Write pieces that main did not take to their slots, and stage them; DMR_BATCH at
 * the most. Their slots and words have been looked up under the mutex.
 */
static void place(struct dmr_engine *e, struct dmr_req *req,
		  struct dmr_piece *piece, unsigned int n)
{
	struct dmr_io *io = e->io;
	unsigned int i, nr = 0;
	struct dmr_piece *p;

	for (i = 0; i < n; i++) {
		p = &piece[i];
		if (p->took)
			continue;
		if (!find_place(e, p)) {
			req->status = req->error;
			n = i;
			break;
		}
		io[nr++] = slot_io(e, req, p);
	}
	if (!nr)
		return;
	dmr_env_io(e->env, io, nr);
	e->data_writes += nr;

	for (i = 0, nr = 0; i < n; i++) {
		blk_status_t status;

		p = &piece[i];
		if (p->took)
			continue;
		status = io[nr++].status;
		if (status == BLK_STS_OK || replace_slot(e, req, p, status)) {
			stage(e, req, p);
			continue;
		}
		if (p->fresh && p->slot != DMR_NO_SLOT)
			dmr_store_unalloc(&e->store, p->slot);
		req->status = req->error;
	}
}

void dmr_settle_write(struct dmr_engine *e, struct dmr_exam *x,
		      struct list_head *batch)
{
	struct dmr_req *req = x->req;
	unsigned int i, n, nr_bad = 0;
	struct dmr_piece *p;

	for (i = 0; i < x->nr; i++)
		nr_bad += x->piece[i].failed || x->piece[i].unproven;
	if (nr_bad && (e->mode != DMR_MODE_RW || !dmr_breaker_admits(e, nr_bad))) {
		req->status = req->error;
		return;
	}
	for (i = 0; i < x->nr && req->status == BLK_STS_OK; i += n) {
		n = min(x->nr - i, (u32)DMR_BATCH);
		if (dmr_must_commit(e))
			dmr_settle(e, batch);
		for (p = &x->piece[i]; p < &x->piece[i + n]; p++) {
			if (p->took)
				continue;
			p->slot = dmr_find(e, p->block, &p->word);
			if (p->failed || p->unproven || !dmr_belongs_to_main(e, p))
				continue;
			/* Released since the examination found it on the spare. */
			p->took = true;
			x->again = true;
		}
		if (req->status == BLK_STS_OK)
			place(e, req, &x->piece[i], n);
	}
}

void dmr_write_req(struct dmr_engine *e, struct dmr_req *req,
		   struct list_head *batch)
{
	unsigned int i, n;
	struct dmr_piece *p;

	if (e->index.no_writes)
		req->status = req->error;
	while (req->status == BLK_STS_OK && req->done < req->sectors) {
		if (dmr_must_commit(e)) {
			dmr_settle(e, batch);
			continue;
		}
		n = dmr_cut(req, e->piece, DMR_BATCH);
		for (i = 0; i < n; i++) {
			p = &e->piece[i];
			p->slot = dmr_find(e, p->block, &p->word);
			if (dmr_belongs_to_main(e, p))
				break;
		}
		place(e, req, e->piece, i);
		p = &e->piece[i];
		if (i < n) {
			req->done = p->req_sector;
			return;
		}
		req->done = p[-1].req_sector + p[-1].sectors;
	}
}
