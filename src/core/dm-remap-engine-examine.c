// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: examinations: what does main say of the blocks of a request?
 *
 * Here alone is I/O to main waited for, and no lock is held meanwhile. Each
 * window of blocks is looked up when it is sent, under the engine's mutex; what was
 * found is settled by dmr_engine_run(), see dmr_env_settle().
 *
 * An error may take seconds, in which main does nothing else. Then time is worth
 * more than slots:
 *
 * - the blocks of a write are tried one by one until the first has failed slowly;
 *   then what is left is tried once more as a whole. A link that was reset looks
 *   just like this, and must cost no slots: nothing is absorbed that has not failed
 *   twice;
 * - if that fails, too, blocks are tried until two errors, and slow ones, have taken
 *   longer than the budget: what is left then is absorbed as it is, unproven;
 * - a read has its answer when the first of its blocks has failed slowly once more.
 *
 * Where errors are quick, all blocks are tried, and only what fails alone is bad. To be
 * alone, a retry has no neighbour in flight with it: what lies below may merge them.
 */
#include "dm-remap-engine-private.h"

/* A mapping that changes under an examination again and again is not worth more. */
#define MAX_AGAIN	8
/* I/Os in a window; the first block may need one for each run of its sectors. */
#define MAX_ASKED	(DMR_WINDOW + DMR_MAX_RUNS)

int dmr_exam_init(struct dmr_exam *x)
{
	x->piece = kvcalloc(DMR_EXAM_BLOCKS, sizeof(*x->piece), GFP_KERNEL);
	x->io = kvcalloc(MAX_ASKED + 1, sizeof(*x->io), GFP_KERNEL);
	x->buf = kvcalloc(DMR_COPY_BLOCKS, DMR_BLOCK_SIZE, GFP_KERNEL);
	x->probe = kvzalloc(DMR_BLOCK_SIZE, GFP_KERNEL);
	return x->piece && x->io && x->buf && x->probe ? 0 : -ENOMEM;
}

void dmr_exam_exit(struct dmr_exam *x)
{
	kvfree(x->piece);
	kvfree(x->io);
	kvfree(x->buf);
	kvfree(x->probe);
	memset(x, 0, sizeof(*x));
}

void dmr_exam_start(struct dmr_exam *x, struct dmr_req *req)
{
	x->req = req;
	x->nr = 0;
	x->slow = req && req->slow;
	x->alive = false;
	x->any_failed = false;
	x->again = false;
	x->breaker_probe = false;
	x->slow_failures = 0;
	x->slow_ms = 0;
	x->retries = 0;
}

/* The piece that is tried as the @i-th: first every other one, then those between. */
static struct dmr_piece *nth(const struct dmr_exam *x, u32 i)
{
	u32 half = (x->nr + 1) / 2;

	if (x->apart)
		i = i < half ? 2 * i : 2 * (i - half) + 1;
	return &x->piece[i];
}

/* How many are tried together: several only if they can be kept apart. */
static u32 window_size(const struct dmr_exam *x)
{
	return x->apart && !x->slow ? DMR_WINDOW : 1;
}

/* Where a window from the @i-th on ends: those between are not tried beside others. */
static u32 window_end(const struct dmr_exam *x, u32 i)
{
	u32 half = (x->nr + 1) / 2;

	return x->apart && i < half ? half : x->nr;
}

static void note_failure(struct dmr_exam *x, u32 ms)
{
	if (ms < DMR_SLOW_MS)
		return;
	x->slow = true;
	x->slow_failures++;
	x->slow_ms += ms;
}

/*
 * While errors are quick, nothing of ours is beside a retry. If one that was waited for has
 * turned out to be slow, and the device is being suspended, no other one begins.
 * Return: whether it was locked, for window_unlock().
 */
static bool window_lock(struct dmr_engine *e, struct dmr_exam *x)
{
	u32 before = READ_ONCE(e->slow_retries);

	if (x->slow)
		return false;
	dmr_env_retry_lock(e->env);
	if (e->slow_retries == before || !dmr_env_stopping(e->env))
		return true;
	dmr_env_retry_unlock(e->env);
	x->slow = true;
	return false;
}

static void window_unlock(struct dmr_engine *e, const struct dmr_exam *x,
			  bool alone)
{
	if (!alone)
		return;
	if (x->slow)
		WRITE_ONCE(e->slow_retries, e->slow_retries + 1);
	dmr_env_retry_unlock(e->env);
}

/*
 * May no write to main begin any more? A read still has its one retry, which may have
 * failed in company alone, and main is asked whether it is alive.
 */
static bool too_late(const struct dmr_engine *e, const struct dmr_exam *x)
{
	return x->slow && dmr_env_stopping(e->env);
}

/*--------------------------------------------------------------------
 * Is main alive?
 *
 * What it did since the last failure shows that it is. Where errors are slow, what
 * it did beside the failure is good enough: a read that were sent afterwards would
 * wait behind the retries of all others.
 *--------------------------------------------------------------------
 */

static void note_window(struct dmr_exam *x, bool any_ok, bool any_failed)
{
	if (any_failed)
		x->alive = x->slow && any_ok;
	else if (any_ok)
		x->alive = true;
}

static struct dmr_io probe_io(const struct dmr_engine *e, struct dmr_exam *x,
			      u64 block)
{
	return (struct dmr_io) {
		.dev = DMR_MAIN,
		.opf = REQ_OP_READ,
		.sector = block << DMR_BLOCK_SECTOR_SHIFT,
		.sectors = hweight8(dmr_block_mask(e, block)),
		.buf = x->probe,
	};
}

/* The block that worked lately; or else the first. */
static u64 good_block(struct dmr_engine *e)
{
	u64 sector;

	return dmr_env_last_good(e->env, &sector) ?
	       sector >> DMR_BLOCK_SECTOR_SHIFT : 0;
}

/*
 * A block that worked lately is asked first, then some others: one that reads
 * is enough. A dead disk or a pulled cable answers none.
 */
static bool main_answers(struct dmr_engine *e, struct dmr_exam *x)
{
	u64 last = (e->main_sectors - 1) >> DMR_BLOCK_SECTOR_SHIFT;
	u64 block[] = { good_block(e), 0, last / 2, last };
	struct dmr_io io;
	unsigned int i;
	bool alone;

	if (!dmr_env_present(e->env, DMR_MAIN))
		return false;
	for (i = 0; i < ARRAY_SIZE(block) && !x->alive; i++) {
		if (i == 1 && !block[0])
			continue;
		io = probe_io(e, x, block[i]);
		alone = window_lock(e, x);
		dmr_env_io(e->env, &io, 1);
		window_unlock(e, x, alone);
		x->alive = io.status == BLK_STS_OK;
	}
	return x->alive;
}

bool dmr_main_alive(struct dmr_engine *e, struct dmr_exam *x)
{
	bool alive = main_answers(e, x);

	dmr_engine_note_main(e, alive);
	return alive;
}

/*--------------------------------------------------------------------
 * Writes
 *--------------------------------------------------------------------
 */

static struct dmr_io main_io(struct dmr_engine *e, struct dmr_req *req,
			     const struct dmr_piece *p, u32 sectors)
{
	/* One flush is enough, see finish_fua(). */
	bool fua = req->fua && !dmr_env_fua_is_flush(e->env, DMR_MAIN);

	return (struct dmr_io) {
		.dev = DMR_MAIN,
		.opf = REQ_OP_WRITE | (fua ? REQ_FUA : 0),
		.sector = p->sector,
		.sectors = sectors,
		.req = req,
		.req_sector = p->req_sector,
	};
}

/* Shall main be asked no more about this request? */
static bool gave_up(const struct dmr_engine *e, const struct dmr_exam *x)
{
	u32 budget = e->tuning.budget_ms;

	if (too_late(e, x))
		return true;
	return x->slow && budget && x->slow_failures >= 2 && x->slow_ms >= budget;
}

/*
 * Ask main for the pieces from the @i-th on, all at once. It is no retry of single
 * blocks, and says nothing about them if it fails. Return: whether main has taken them.
 */
static bool write_rest(struct dmr_engine *e, struct dmr_exam *x, u32 i)
{
	struct dmr_piece *p, *last = &x->piece[x->nr - 1];
	unsigned int ticket = dmr_env_main_begin(e->env);
	struct dmr_req *req = x->req;
	bool on_main = true;

	dmr_env_lock(e->env);
	for (p = &x->piece[i]; p <= last && on_main; p++) {
		p->slot = dmr_find(e, p->block, &p->word);
		on_main = dmr_belongs_to_main(e, p);
	}
	dmr_env_unlock(e->env);
	p = &x->piece[i];
	if (on_main) {
		x->io[0] = main_io(e, req, p, last->req_sector + last->sectors -
				   p->req_sector);
		dmr_env_io(e->env, x->io, 1);
		x->retries++;
	}
	dmr_env_main_end(e->env, ticket);
	if (!on_main)
		return false;
	if (x->io[0].status == BLK_STS_OK) {
		x->alive = true;
		for (; p <= last; p++)
			p->took = true;
		return true;
	}
	if (!dmr_engine_wants(REQ_OP_WRITE, x->io[0].status))
		req->status = x->io[0].status;
	/* So much would be absorbed for it that main is asked anew whether it is alive. */
	x->alive = false;
	x->slow = false;
	note_failure(x, x->io[0].ms);
	return false;
}

/*
 * Ask main for what the first @nr of x->io say, each for the piece in @asked, and note
 * what failed. Where errors are slow, it is asked beside it whether it is alive.
 */
static void ask(struct dmr_engine *e, struct dmr_exam *x,
		struct dmr_piece **asked, u32 nr)
{
	bool probe = nr && x->slow, any_ok = false, any_failed = false;
	const struct dmr_io *io;

	if (probe)
		x->io[nr] = probe_io(e, x, good_block(e));
	if (nr)
		dmr_env_io(e->env, x->io, nr + probe);
	x->retries += nr;
	for (io = x->io; io < &x->io[nr]; io++, asked++) {
		if (io->status == BLK_STS_OK) {
			any_ok = true;
			continue;
		}
		(*asked)->status = io->status;
		if (!dmr_engine_wants(x->req->op, io->status)) {
			x->req->status = io->status;
			continue;
		}
		(*asked)->failed = true;
		any_failed = true;
		note_failure(x, io->ms);
	}
	x->any_failed |= any_failed;
	note_window(x, any_ok || (probe && io->status == BLK_STS_OK), any_failed);
}

/*
 * Ask main for a window of pieces from the @i-th on, each alone. Pieces that do
 * not belong to main are passed over. Return: where the next window begins.
 */
static u32 write_window(struct dmr_engine *e, struct dmr_exam *x, u32 i)
{
	u32 max = window_size(x), end = window_end(x, i), nr = 0, k;
	bool alone = window_lock(e, x);
	struct dmr_piece *asked[DMR_WINDOW], *p;
	unsigned int ticket;

	if (too_late(e, x))
		return i;
	ticket = dmr_env_main_begin(e->env);
	dmr_env_lock(e->env);
	for (; i < end && nr < max; i++) {
		p = nth(x, i);
		p->slot = dmr_find(e, p->block, &p->word);
		if (!dmr_belongs_to_main(e, p))
			continue;
		x->io[nr] = main_io(e, x->req, p, p->sectors);
		asked[nr++] = p;
	}
	dmr_env_unlock(e->env);
	ask(e, x, asked, nr);
	dmr_env_main_end(e->env, ticket);
	window_unlock(e, x, alone);
	for (k = 0; k < nr; k++)
		asked[k]->took = x->io[k].status == BLK_STS_OK;
	return i;
}

/* Leave what main was not asked about, and has to take, to the spare. */
static bool absorb_rest(struct dmr_engine *e, struct dmr_exam *x, u32 i)
{
	struct dmr_piece *p;
	bool any = false;

	dmr_env_lock(e->env);
	for (; i < x->nr; i++) {
		p = nth(x, i);
		p->slot = dmr_find(e, p->block, &p->word);
		p->unproven = dmr_belongs_to_main(e, p);
		any |= p->unproven;
	}
	dmr_env_unlock(e->env);
	return any;
}

/* Find out which pieces main takes. Return: false if the request has failed. */
static bool try_pieces(struct dmr_engine *e, struct dmr_exam *x)
{
	struct dmr_req *req = x->req;
	bool suspect = false, whole = false;
	u32 i = 0;

	x->apart = !x->slow;
	while (i < x->nr && req->status == BLK_STS_OK) {
		if (x->slow && x->slow_failures && !whole && !x->apart &&
		    !dmr_env_stopping(e->env)) {
			whole = true;
			if (write_rest(e, x, i))
				break;
			continue;
		}
		if (gave_up(e, x)) {
			suspect = absorb_rest(e, x, i);
			break;
		}
		i = write_window(e, x, i);
	}
	if (req->status != BLK_STS_OK)
		return false;
	for (i = 0; i < x->nr; i++)
		suspect |= x->piece[i].failed;
	if (suspect && (x->breaker_probe || !dmr_main_alive(e, x)))
		req->status = req->error;
	return req->status == BLK_STS_OK;
}

/* Make durable what main has taken, if it could not be done on the way. */
static void finish_fua(struct dmr_engine *e, struct dmr_exam *x)
{
	struct dmr_req *req = x->req;

	if (req->status == BLK_STS_OK && req->fua &&
	    dmr_env_fua_is_flush(e->env, DMR_MAIN))
		req->status = dmr_env_flush_for_caller(e->env, DMR_MAIN,
						       req->flush_errors);
}

static void examine_write(struct dmr_engine *e, struct dmr_exam *x)
{
	struct dmr_req *req = x->req;
	struct dmr_piece *p;
	unsigned int again = 0;
	bool lets_try, missing;

	dmr_env_lock(e->env);
	lets_try = dmr_breaker_lets_try(e, &x->breaker_probe);
	dmr_env_unlock(e->env);
	if (!lets_try || !dmr_env_present(e->env, DMR_MAIN)) {
		req->status = req->error;
		return;
	}
	while (req->done < req->sectors && req->status == BLK_STS_OK) {
		x->nr = dmr_cut(req, x->piece, DMR_EXAM_BLOCKS);
		x->again = false;
		if (!try_pieces(e, x))
			return;
		for (p = x->piece, missing = false; p < &x->piece[x->nr]; p++)
			missing |= !p->took;
		if (missing)
			dmr_env_settle(e->env, x);
		if (x->again && again++ < MAX_AGAIN)
			continue;
		if (x->again && req->status == BLK_STS_OK)
			req->status = req->error;
		p = &x->piece[x->nr - 1];
		req->done = p->req_sector + p->sectors;
	}
	if (x->breaker_probe && req->status == BLK_STS_OK) {
		dmr_env_lock(e->env);
		dmr_engine_close_breaker(e);
		dmr_env_unlock(e->env);
	}
	finish_fua(e, x);
}

/*--------------------------------------------------------------------
 * Reads
 *--------------------------------------------------------------------
 */

/*
 * Read a window of pieces from the @i-th on, each alone, as far as they are on
 * main. Return: where the next window begins.
 */
static u32 read_window(struct dmr_engine *e, struct dmr_exam *x, u32 i)
{
	u32 max = window_size(x), end = window_end(x, i), nr = 0, k, runs;
	bool alone = window_lock(e, x);
	struct dmr_piece *asked[MAX_ASKED], *p;

	dmr_env_lock(e->env);
	for (; i < end; i++) {
		struct dmr_io whole = {
			.dev = DMR_MAIN,
			.opf = REQ_OP_READ,
			.req = x->req,
		}, io[DMR_MAX_RUNS];

		p = nth(x, i);
		p->slot = dmr_find(e, p->block, &p->word);
		whole.sector = p->block << DMR_BLOCK_SECTOR_SHIFT;
		whole.req_sector = p->req_sector - (u32)(p->sector - whole.sector);
		runs = dmr_runs(io, &whole, p->mask & ~dmr_word_all(p->word));
		if (nr && nr + runs > max)
			break;
		for (k = 0; k < runs; k++) {
			x->io[nr] = io[k];
			asked[nr++] = p;
		}
	}
	dmr_env_unlock(e->env);
	ask(e, x, asked, nr);
	window_unlock(e, x, alone);
	for (k = 0; k < nr; k++)
		if (x->io[k].status == BLK_STS_OK)
			asked[k]->got |= dmr_sector_mask(x->io[k].sector,
							 x->io[k].sectors);
	return i;
}

/* Read the blocks of pieces that failed, whole, a window at a time. */
static void copy_blocks(struct dmr_engine *e, struct dmr_exam *x, bool patient)
{
	struct dmr_piece *asked[DMR_WINDOW], *p;
	u32 i = 0, k, nr, max, end;
	bool alone;

	while (i < x->nr && !dmr_env_stopping(e->env) && (patient || !x->slow)) {
		max = window_size(x);
		end = window_end(x, i);
		for (nr = 0; i < end && nr < max; i++) {
			p = nth(x, i);
			if (!p->failed || p->good)
				continue;
			x->io[nr] = probe_io(e, x, p->block);
			x->io[nr].buf = dmr_exam_buf(x, p);
			asked[nr++] = p;
		}
		alone = window_lock(e, x);
		if (dmr_env_stopping(e->env))
			nr = 0;
		if (nr)
			dmr_env_io(e->env, x->io, nr);
		x->retries += nr;
		for (k = 0; k < nr; k++) {
			p = asked[k];
			if (x->io[k].status == BLK_STS_OK)
				p->good = dmr_block_mask(e, p->block) &
					  ~dmr_word_all(p->word);
			else
				note_failure(x, x->io[k].ms);
		}
		window_unlock(e, x, alone);
	}
}

/* What main can read of a block of which some cannot be read. */
static void copy_sectors(struct dmr_engine *e, struct dmr_exam *x, u32 i,
			 bool patient)
{
	unsigned int k, step = max(e->tuning.main_pbs / 512, 1U);
	struct dmr_piece *p = &x->piece[i];
	blk_status_t status;
	bool alone;
	u32 ms = 0;
	u8 mask;

	/* Once is enough for a caller who waits. */
	if (!p->failed || p->good || step >= DMR_BLOCK_SECTORS ||
	    (!p->fresh && !patient))
		return;
	for (k = 0; k < DMR_BLOCK_SECTORS; k += step) {
		if (dmr_env_stopping(e->env) || (x->slow && !patient))
			return;
		mask = dmr_sector_mask(k, step) & dmr_block_mask(e, p->block) &
		       ~dmr_word_all(p->word);
		if (!mask)
			continue;
		alone = window_lock(e, x);
		status = BLK_STS_AGAIN;
		if (!dmr_env_stopping(e->env))
			status = dmr_masked_io(e, DMR_MAIN, REQ_OP_READ,
					       p->block << DMR_BLOCK_SECTOR_SHIFT,
					       mask, dmr_exam_buf(x, p), &ms);
		if (status == BLK_STS_OK)
			p->good |= mask;
		else
			note_failure(x, ms);
		window_unlock(e, x, alone);
	}
}

void dmr_copy_from_main(struct dmr_engine *e, struct dmr_exam *x, u32 tries,
			bool deep, bool patient)
{
	u32 i;

	/* Writes that were sent to main before the blocks were marked must end first. */
	dmr_env_drain(e->env, DMR_MAIN);
	while (tries--)
		copy_blocks(e, x, patient);
	for (i = 0; i < x->nr && deep; i++)
		copy_sectors(e, x, i, patient);
}

/* Make the blocks that failed known bad, and save what can be read of them. */
static void rescue(struct dmr_engine *e, struct dmr_exam *x)
{
	u32 tries = e->tuning.read_retries, i;

	dmr_env_lock(e->env);
	x->releases = e->releases;
	for (i = 0; i < x->nr; i++)
		if (x->piece[i].failed)
			dmr_mark(e, &x->piece[i], true);
	dmr_env_unlock(e->env);
	if (tries && !x->slow && !dmr_env_stopping(e->env))
		dmr_copy_from_main(e, x, tries, true, false);
}

/* Read a chunk, and settle what was found. Return: false if main is not alive. */
static bool read_chunk(struct dmr_engine *e, struct dmr_exam *x)
{
	struct dmr_req *req = x->req;
	struct dmr_piece *p;
	bool missing;
	u32 i;

	x->nr = dmr_cut(req, x->piece, DMR_COPY_BLOCKS);
	x->again = false;
	x->any_failed = false;
	x->apart = !x->slow;
	i = 0;
	while (i < x->nr && req->status == BLK_STS_OK &&
	       !(x->any_failed && x->slow))
		i = read_window(e, x, i);
	/* If each error takes seconds, the answer is known when there is one. */
	for (; i < x->nr; i++)
		nth(x, i)->status = req->error;
	if (x->any_failed && !dmr_main_alive(e, x)) {
		req->status = req->error;
		return false;
	}
	if (x->any_failed)
		rescue(e, x);
	for (p = x->piece, missing = false; p < &x->piece[x->nr]; p++)
		missing |= p->got != p->mask;
	if (missing)
		dmr_env_settle(e->env, x);
	return true;
}

static void examine_read(struct dmr_engine *e, struct dmr_exam *x)
{
	struct dmr_req *req = x->req;
	blk_status_t status = BLK_STS_OK;
	unsigned int again = 0;
	struct dmr_piece *p;

	while (req->done < req->sectors) {
		if (!read_chunk(e, x))
			return;
		if (req->status != BLK_STS_OK) {
			status = req->status;
			if (!x->any_failed || x->slow)
				break;
			/* The caller's answer is known; what else is bad? */
			req->status = BLK_STS_OK;
		} else if (x->again) {
			if (again++ < MAX_AGAIN)
				continue;
			status = req->error;
			break;
		}
		p = &x->piece[x->nr - 1];
		req->done = p->req_sector + p->sectors;
	}
	if (status != BLK_STS_OK)
		req->status = status;
}

void dmr_engine_examine(struct dmr_engine *e, struct dmr_exam *x,
			struct dmr_req *req)
{
	/* What a batch has begun goes on. */
	if (req->from == DMR_FROM_MAIN) {
		req->done = 0;
		req->status = BLK_STS_OK;
	}
	req->exam = x;
	req->staged = false;
	dmr_exam_start(x, req);
	if (req->op == REQ_OP_READ)
		examine_read(e, x);
	else if (e->index.no_writes)
		req->status = req->error;
	else
		examine_write(e, x);
	dmr_finish(e, req);
}
