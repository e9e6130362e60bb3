// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: what to do about a failed I/O: batches, commits, modes, breaker.
 */
#include "dm-remap-engine-private.h"

bool dmr_engine_wants(enum req_op op, blk_status_t status)
{
	if (op != REQ_OP_READ && op != REQ_OP_WRITE &&
	    op != REQ_OP_WRITE_ZEROES)
		return false;
	/* SATA disks report a sector that cannot be found as TARGET. */
	return status == BLK_STS_MEDIUM || status == BLK_STS_IOERR ||
	       status == BLK_STS_TARGET;
}

bool dmr_engine_wants_slot(enum req_op op, blk_status_t status)
{
	if (op != REQ_OP_READ && op != REQ_OP_WRITE &&
	    op != REQ_OP_WRITE_ZEROES)
		return false;
	return status != BLK_STS_AGAIN && status != BLK_STS_NOTSUPP;
}

/*--------------------------------------------------------------------
 * Counters
 *--------------------------------------------------------------------
 */

void dmr_count(struct dmr_engine *e, enum dmr_counter counter, u64 n)
{
	atomic64_add(n, &e->counter[counter]);
}

void dmr_engine_count_failed(struct dmr_engine *e, enum req_op op)
{
	dmr_count(e, op == REQ_OP_READ ? DMR_READS_FAILED : DMR_WRITES_FAILED,
		  1);
}

void dmr_engine_count_propagated(struct dmr_engine *e, enum req_op op)
{
	dmr_engine_count_failed(e, op);
	dmr_count(e, DMR_PROPAGATED, 1);
}

void dmr_engine_reset_counters(struct dmr_engine *e)
{
	unsigned int i;

	for (i = 0; i < DMR_NR_COUNTERS; i++)
		atomic64_set(&e->counter[i], 0);
	atomic64_set(&e->passed_on, 0);
	e->main_retries = 0;
	e->data_writes = 0;
	e->store.metadata_writes = 0;
}

/*--------------------------------------------------------------------
 * Blocks and pieces
 *--------------------------------------------------------------------
 */

u8 dmr_block_mask(const struct dmr_engine *e, u64 block)
{
	u64 sector = block << DMR_BLOCK_SECTOR_SHIFT;

	return dmr_sector_mask(0, min_t(u64, DMR_BLOCK_SECTORS,
					e->main_sectors - sector));
}

unsigned int dmr_cut(const struct dmr_req *req, struct dmr_piece *piece,
		     unsigned int max)
{
	u32 done = req->done;
	unsigned int n;

	for (n = 0; n < max && done < req->sectors; n++) {
		u64 sector = req->sector + done;
		u32 offset = sector & (DMR_BLOCK_SECTORS - 1);
		u32 sectors = min_t(u32, DMR_BLOCK_SECTORS - offset,
				    req->sectors - done);

		piece[n] = (struct dmr_piece) {
			.block = sector >> DMR_BLOCK_SECTOR_SHIFT,
			.sector = sector,
			.sectors = sectors,
			.req_sector = done,
			.mask = dmr_sector_mask(sector, sectors),
			.slot = DMR_NO_SLOT,
		};
		done += sectors;
	}
	return n;
}

unsigned int dmr_runs(struct dmr_io *io, const struct dmr_io *whole, u8 mask)
{
	unsigned int i, n = 0;
	bool in_run = false;

	for (i = 0; i < DMR_BLOCK_SECTORS; i++) {
		bool bit = mask & BIT(i);

		if (bit && in_run) {
			io[n - 1].sectors++;
		} else if (bit) {
			io[n] = *whole;
			io[n].sector += i;
			io[n].req_sector += i;
			io[n].sectors = 1;
			if (whole->buf)
				io[n].buf += i << 9;
			n++;
		}
		in_run = bit;
	}
	return n;
}

blk_status_t dmr_masked_io(struct dmr_engine *e, enum dmr_dev dev,
			   blk_opf_t opf, u64 first_sector, u8 mask, void *buf,
			   u32 *ms)
{
	struct dmr_io io[DMR_MAX_RUNS], whole = {
		.dev = dev,
		.opf = opf,
		.sector = first_sector,
		.buf = buf,
	};
	unsigned int i, n = dmr_runs(io, &whole, mask);

	if (n)
		dmr_env_io(e->env, io, n);
	for (i = 0; i < n; i++) {
		if (ms)
			*ms = io[i].ms;
		if (io[i].status != BLK_STS_OK)
			return io[i].status;
	}
	return BLK_STS_OK;
}

u32 dmr_find(struct dmr_engine *e, u64 block, u64 *word)
{
	const struct dmr_store *store = &e->store;
	unsigned int i = store->nr_staged;
	u32 slot;

	*word = 0;
	/* From the end: the newest is the one that counts. */
	while (i--) {
		*word = store->staged[i].word;
		if (dmr_word_state(*word) == DMR_LIVE &&
		    dmr_word_block(*word) == block)
			return store->staged[i].slot;
	}
	slot = dmr_index_find(&e->index, block, word);
	/* Not the word of another block that was looked at on the way. */
	*word = slot == DMR_NO_SLOT ? 0 : *word & ~DMR_WORD_BUSY;
	return slot;
}

u32 dmr_take_slot(struct dmr_engine *e)
{
	u32 slot = dmr_store_alloc(&e->store);

	if (slot != DMR_NO_SLOT || e->mode != DMR_MODE_RW)
		return slot;
	if (dmr_store_extend(&e->store) == -EIO) {
		dmr_spare_failed(e, "the slot table cannot be extended");
		return DMR_NO_SLOT;
	}
	return dmr_store_alloc(&e->store);
}

/*--------------------------------------------------------------------
 * Modes, breaker, and whether a device is still there
 *--------------------------------------------------------------------
 */

static void degrade(struct dmr_engine *e, enum dmr_mode mode, const char *what)
{
	static const char * const name[] = { "rw", "ro", "fail" };

	if (mode <= e->mode)
		return;
	dmr_env_log(e->env, DMR_LOG_ERR, "mode %s -> %s: %s", name[e->mode],
		    name[mode], what);
	WRITE_ONCE(e->mode, mode);
	dmr_env_event(e->env);
}

/* Dead is a spare of which no superblock can be read. */
static bool spare_answers(struct dmr_engine *e)
{
	struct dmr_io io = {
		.dev = DMR_SPARE,
		.opf = REQ_OP_READ,
		.sectors = DMR_BLOCK_SECTORS,
		.buf = e->buf,
	};
	unsigned int copy;

	if (!dmr_env_present(e->env, DMR_SPARE))
		return false;
	for (copy = 0; copy < DMR_NR_SUPERS; copy++) {
		io.sector = dmr_layout_super(&e->store.sb.layout, copy) <<
			    DMR_BLOCK_SECTOR_SHIFT;
		dmr_env_io(e->env, &io, 1);
		if (io.status == BLK_STS_OK)
			return true;
	}
	return false;
}

void dmr_spare_failed(struct dmr_engine *e, const char *what)
{
	if (e->mode == DMR_MODE_FAIL)
		return;
	if (spare_answers(e)) {
		degrade(e, DMR_MODE_RO, what);
		return;
	}
	/* What callers have not flushed yet is gone, too. */
	if (e->index.count)
		dmr_env_owe(e->env, DMR_SPARE);
	degrade(e, DMR_MODE_FAIL, "the spare device is gone");
}

void dmr_engine_note_main(struct dmr_engine *e, bool here)
{
	bool was_here = !READ_ONCE(e->main_gone);

	if (here == was_here)
		return;
	WRITE_ONCE(e->main_gone, here ? 0 : dmr_env_seconds(e->env) ?: 1);
	dmr_env_log(e->env, DMR_LOG_ERR, here ? "the main device answers again" :
		    "the main device is gone, or answers nothing");
	dmr_env_event(e->env);
}

void dmr_engine_check_spare(struct dmr_engine *e)
{
	if (e->active && e->mode != DMR_MODE_FAIL && !spare_answers(e))
		degrade(e, DMR_MODE_FAIL, "the spare device is gone");
}

bool dmr_breaker_admits(struct dmr_engine *e, u32 nr)
{
	u64 now = dmr_env_seconds(e->env);

	if (!e->tuning.breaker_count)
		return true;
	/* It was opened while an examination was under way. */
	if (e->breaker_open)
		return false;
	if (!e->breaker_remaps ||
	    now - e->breaker_since >= e->tuning.breaker_seconds) {
		e->breaker_since = now;
		e->breaker_remaps = 0;
	}
	if (e->breaker_remaps + nr > e->tuning.breaker_count) {
		e->breaker_open = true;
		e->breaker_since = now;
		dmr_env_log(e->env, DMR_LOG_ERR,
			    "breaker open: more than %u remaps in %u seconds; write errors are passed on until 'breaker close'",
			    e->tuning.breaker_count, e->tuning.breaker_seconds);
		dmr_env_event(e->env);
		return false;
	}
	e->breaker_remaps += nr;
	return true;
}

bool dmr_breaker_lets_try(struct dmr_engine *e, bool *probe)
{
	u64 now = dmr_env_seconds(e->env);

	*probe = false;
	if (!e->breaker_open)
		return true;
	if (now - e->breaker_since < e->tuning.breaker_seconds)
		return false;
	e->breaker_since = now;
	*probe = true;
	return true;
}

void dmr_engine_close_breaker(struct dmr_engine *e)
{
	bool was_open = e->breaker_open;

	e->breaker_open = false;
	e->breaker_remaps = 0;
	if (was_open) {
		dmr_env_log(e->env, DMR_LOG_WARN, "breaker closed");
		dmr_env_event(e->env);
	}
}

/* Tell what the administrator should know before it is too late. */
static void watch_level(struct dmr_engine *e)
{
	u32 nr_free = dmr_store_free_slots(&e->store);
	bool low = nr_free <= e->tuning.low_water;

	if (low && !e->told_low) {
		dmr_env_log(e->env, DMR_LOG_WARN,
			    "low water: %u of %u slots are free", nr_free,
			    e->store.sb.layout.nr_slots);
		dmr_env_event(e->env);
	}
	e->told_low = low;
	if (!nr_free && !e->told_full) {
		dmr_env_log(e->env, DMR_LOG_ERR,
			    "the spare is full; write errors are passed on from now on");
		dmr_env_event(e->env);
	}
	e->told_full = !nr_free;
}

/*--------------------------------------------------------------------
 * Commit
 *--------------------------------------------------------------------
 */

bool dmr_must_commit(const struct dmr_engine *e)
{
	return e->store.nr_staged + 2 * DMR_BATCH > DMR_MAX_STAGED;
}

/*
 * The commit failed half-way: at the next load, the old or the new version of
 * each entry will be found. Until then, what one of the two alone places on the spare
 * is neither read nor written: a write to the old place that we acknowledge could
 * be hidden by the new one.
 */
static void doubt(struct dmr_engine *e)
{
	struct dmr_store *store = &e->store;
	unsigned int i;

	for (i = 0; i < store->nr_staged; i++) {
		u32 slot = store->staged[i].slot, at;
		u64 word = store->staged[i].word, there = 0, block;

		if (dmr_word_state(word) == DMR_BAD)
			continue;
		block = dmr_word_block(dmr_word_state(word) == DMR_LIVE ? word :
				       dmr_store_word(store, slot));
		at = dmr_index_find(&e->index, block, &there);
		if (at != DMR_NO_SLOT) {
			/* In another slot, it is other data. */
			if (at != slot)
				there = dmr_word_doubt(there, 0);
			dmr_store_set(store, at, dmr_word_doubt(there, word));
			continue;
		}
		dmr_store_set(store, slot, dmr_word_doubt(word, 0));
		dmr_index_insert(&e->index, block, slot);
	}
}

/* Slots whose blocks have moved to other slots by the last commit. */
static void retire(struct dmr_engine *e, unsigned int nr)
{
	struct dmr_store *store = &e->store;
	unsigned int i;

	if (!nr)
		return;
	dmr_env_synchronize(e->env);
	for (i = 0; i < nr; i++) {
		if (e->retired[i] >= DMR_VIRTUAL_SLOT)
			dmr_store_set(store, e->retired[i], 0);
		else
			dmr_store_stage(store, e->retired[i],
					dmr_word(0, DMR_BAD, 0, 0, 0));
	}
	/* If this fails, the generation tells which entry is the old one. */
	if (dmr_store_commit(store)) {
		dmr_store_forget_staged(store);
		dmr_spare_failed(e, "the metadata cannot be written");
	}
}

int dmr_commit(struct dmr_engine *e)
{
	struct dmr_store *store = &e->store;
	unsigned int i, nr_retired = 0;
	int r;

	if (!store->nr_staged)
		return 0;
	/* In these cases nothing has been written, so nothing is in doubt. */
	r = e->mode == DMR_MODE_RW ? 0 : -EROFS;
	if (!r)
		r = dmr_index_reserve(&e->index, store->nr_staged);
	if (r) {
		dmr_store_forget_staged(store);
		return r;
	}
	r = dmr_store_commit(store);
	if (r == -EAGAIN) {
		dmr_env_log(e->env, DMR_LOG_ERR,
			    "a flush of the spare has failed: what was written to slots is given up");
		dmr_store_forget_staged(store);
		return r;
	}
	if (r) {
		doubt(e);
		dmr_store_forget_staged(store);
		dmr_spare_failed(e, "the metadata cannot be written");
		return r;
	}

	for (i = 0; i < store->nr_committed; i++) {
		u32 slot = store->staged[i].slot, old;
		u64 w = store->staged[i].word, old_word;

		if (dmr_word_state(w) != DMR_LIVE)
			continue;
		old = dmr_index_find(&e->index, dmr_word_block(w), &old_word);
		if (old == slot)
			continue;
		/* A block that moved may be among them with both its slots. */
		if (old < DMR_VIRTUAL_SLOT &&
		    dmr_gen_after(dmr_word_gen(old_word), dmr_word_gen(w))) {
			e->retired[nr_retired++] = slot;
			continue;
		}
		dmr_index_insert(&e->index, dmr_word_block(w), slot);
		if (old != DMR_NO_SLOT)
			e->retired[nr_retired++] = old;
	}
	retire(e, nr_retired);
	return 0;
}

void dmr_settle(struct dmr_engine *e, struct list_head *batch)
{
	struct dmr_req *req;
	int r = dmr_commit(e);

	list_for_each_entry(req, batch, list) {
		if (r && req->staged && req->status == BLK_STS_OK)
			req->status = req->error;
		req->staged = false;
	}
}

void dmr_finish(struct dmr_engine *e, struct dmr_req *req)
{
	if (req->status != BLK_STS_OK) {
		dmr_count(e, DMR_PROPAGATED, 1);
		/* What cannot be read is known bad. */
		if (req->op != REQ_OP_READ)
			atomic64_inc(&e->passed_on);
		dmr_env_log(e->env, DMR_LOG_WARN,
			    "%s error passed on: sectors %llu+%u",
			    req->op == REQ_OP_READ ? "read" : "write",
			    req->sector, req->sectors);
	}
	dmr_env_complete(e->env, req, req->status);
}

void dmr_engine_run(struct dmr_engine *e, struct list_head *reqs,
		    struct list_head *exams)
{
	struct dmr_req *req, *next;
	struct dmr_exam *x;
	LIST_HEAD(batch);

	dmr_store_begin(&e->store);
	while (!list_empty(exams)) {
		x = list_first_entry(exams, struct dmr_exam, list);
		list_del(&x->list);
		if (dmr_must_commit(e))
			dmr_settle(e, &batch);
		list_add_tail(&x->req->list, &batch);
		e->main_retries += x->retries;
		x->retries = 0;
		if (x->req->op == REQ_OP_READ)
			dmr_settle_read(e, x);
		else
			dmr_settle_write(e, x, &batch);
	}
	while (!list_empty(reqs)) {
		req = list_first_entry(reqs, struct dmr_req, list);
		list_move_tail(&req->list, &batch);
		req->exam = NULL;
		req->done = 0;
		req->status = BLK_STS_OK;
		req->staged = false;
		if (req->op == REQ_OP_READ)
			dmr_read_req(e, req);
		else
			dmr_write_req(e, req, &batch);
	}
	dmr_settle(e, &batch);

	list_for_each_entry_safe(req, next, &batch, list) {
		list_del(&req->list);
		if (req->exam)
			dmr_env_settled(e->env, req->exam);
		else if (req->status == BLK_STS_OK && req->done < req->sectors)
			dmr_env_examine(e->env, req);
		else
			dmr_finish(e, req);
	}

	if (e->mode == DMR_MODE_RW && dmr_store_wants_extension(&e->store) &&
	    dmr_store_extend(&e->store) == -EIO)
		dmr_spare_failed(e, "the slot table cannot be extended");
	watch_level(e);
}

/*--------------------------------------------------------------------
 * Life
 *--------------------------------------------------------------------
 */

int dmr_engine_init(struct dmr_engine *e, struct dmr_env *env,
		    const struct dmr_tuning *tuning, u64 main_sectors)
{
	memset(e, 0, sizeof(*e));
	e->env = env;
	e->tuning = *tuning;
	e->main_sectors = main_sectors;
	e->buf = kvzalloc(DMR_BLOCK_SIZE, GFP_KERNEL);
	return e->buf ? dmr_exam_init(&e->admin) : -ENOMEM;
}

void dmr_engine_deactivate(struct dmr_engine *e)
{
	e->active = false;
	if (e->index.store)
		dmr_index_exit(&e->index);
	dmr_store_exit(&e->store);
}

void dmr_engine_exit(struct dmr_engine *e)
{
	dmr_engine_deactivate(e);
	dmr_exam_exit(&e->admin);
	kvfree(e->buf);
	e->buf = NULL;
}

/* Two live entries for one block: a crash came between a move's two commits. */
static int settle_twins(struct dmr_engine *e, u32 slot, u64 word, u32 old,
			u64 old_word, struct dmr_why *why)
{
	struct dmr_store *store = &e->store;
	u32 loser = slot;

	if (dmr_word_gen(word) == dmr_word_gen(old_word)) {
		snprintf(why->text, sizeof(why->text),
			 "slots %u and %u both claim block %llu; see 'dmremap check'",
			 old, slot, dmr_word_block(word));
		return -EUCLEAN;
	}
	if (dmr_gen_after(dmr_word_gen(word), dmr_word_gen(old_word))) {
		dmr_index_insert(&e->index, dmr_word_block(word), slot);
		loser = old;
	}
	word = dmr_word(0, DMR_BAD, 0, 0, 0);
	if (e->mode == DMR_MODE_RW && store->nr_staged < DMR_MAX_STAGED)
		dmr_store_stage(store, loser, word);
	else
		dmr_store_set(store, loser, word);
	return 0;
}

/*
 * Can an entry be served by whole sectors of main? None is shared between main and the
 * slot; one of which a part is lost is lost, since the rest cannot be read alone.
 */
static bool fit_sectors(const struct dmr_engine *e, u64 *word)
{
	unsigned int i, unit = max(e->tuning.main_lbs >> 9, 1U);
	u8 all = dmr_word_all(*word), valid = dmr_word_valid(*word), exist, mask;

	exist = dmr_block_mask(e, dmr_word_block(*word));
	for (i = 0; i < DMR_BLOCK_SECTORS; i += unit) {
		mask = dmr_sector_mask(i, unit) & exist;
		if ((all & mask) && (all & mask) != mask)
			return false;
		if ((valid & mask) != mask)
			valid &= ~mask;
	}
	if (valid != dmr_word_valid(*word))
		*word = dmr_word_doubt(*word, dmr_word(0, DMR_LIVE, valid, 0, 0));
	return true;
}

static int build_index(struct dmr_engine *e, struct dmr_why *why)
{
	struct dmr_store *store = &e->store;
	u32 slot, old, limit = dmr_store_slot_limit(store);
	u64 word, old_word;
	int r;

	r = dmr_index_init(&e->index, store, store->main_blocks);
	if (!r)
		r = dmr_index_reserve(&e->index, store->nr_live);
	if (r) {
		snprintf(why->text, sizeof(why->text), "out of memory");
		return r;
	}
	for (slot = 0; slot < limit; slot++) {
		word = dmr_store_word(store, slot);
		if (!(slot & 4095))
			cond_resched();
		if (dmr_word_state(word) != DMR_LIVE)
			continue;
		if (!fit_sectors(e, &word)) {
			snprintf(why->text, sizeof(why->text),
				 "slot %u has some sectors of block %llu, and the main device now has sectors of %u bytes",
				 slot, dmr_word_block(word), e->tuning.main_lbs);
			return -EINVAL;
		}
		if (word != dmr_store_word(store, slot))
			dmr_store_set(store, slot, word);
		old = dmr_index_find(&e->index, dmr_word_block(word),
				     &old_word);
		if (old == DMR_NO_SLOT)
			dmr_index_insert(&e->index, dmr_word_block(word), slot);
		else
			r = settle_twins(e, slot, word, old, old_word, why);
		if (r)
			return r;
	}
	return 0;
}

/*
 * Has anybody written to main since the device was closed? What cannot be read says
 * nothing.
 */
static bool main_has_changed(struct dmr_engine *e, const struct dmr_super *sb)
{
	u32 i, done, n;
	u64 hash;

	for (i = 0; i < sb->nr_prints; i++) {
		const struct dmr_print *p = &sb->print[i];

		hash = DMR_PRINT_HASH;
		for (done = 0; done < p->sectors; done += n) {
			struct dmr_io io = {
				.dev = DMR_MAIN,
				.opf = REQ_OP_READ,
				.sector = p->sector + done,
				.buf = e->buf,
			};

			n = min_t(u32, p->sectors - done, DMR_BLOCK_SECTORS);
			io.sectors = n;
			dmr_env_io(e->env, &io, 1);
			if (io.status != BLK_STS_OK)
				break;
			hash = dmr_print_hash(hash, e->buf, n << 9);
		}
		if (done < p->sectors || dmr_print_fold(hash) == p->hash)
			continue;
		dmr_env_log(e->env, DMR_LOG_ERR,
			    "the main device was used without its spare: sectors %llu+%u differ from those at the last close",
			    p->sector, p->sectors);
		return true;
	}
	return false;
}

static int accept_change(struct dmr_engine *e)
{
	atomic64_set(&e->passed_on, 0);
	if (!(e->store.sb.main_flags & DMR_MAIN_CHANGED))
		return 0;
	if (e->mode != DMR_MODE_RW)
		return -EROFS;
	e->store.sb.main_flags &= ~DMR_MAIN_CHANGED;
	if (!dmr_store_write_super(&e->store))
		return 0;
	dmr_spare_failed(e, "the superblocks cannot be written");
	return -EIO;
}

int dmr_engine_set_options(struct dmr_engine *e, const char *options)
{
	if (!dmr_name_ok(options, min_t(size_t, strlen(options) + 1,
					DMR_OPTIONS_LEN)))
		return -EINVAL;
	if (e->mode != DMR_MODE_RW)
		return -EROFS;
	memset(e->store.sb.options, 0, DMR_OPTIONS_LEN);
	strscpy(e->store.sb.options, options, DMR_OPTIONS_LEN);
	if (!dmr_store_write_super(&e->store))
		return 0;
	dmr_spare_failed(e, "the superblocks cannot be written");
	return -EIO;
}

int dmr_engine_accept_main(struct dmr_engine *e)
{
	int r;

	/* It may have come back without an error that makes anybody look. */
	dmr_exam_start(&e->admin, NULL);
	if (!dmr_main_alive(e, &e->admin))
		return -EIO;
	dmr_env_lock(e->env);
	r = accept_change(e);
	dmr_env_unlock(e->env);
	return r;
}

int dmr_engine_activate(struct dmr_engine *e, const struct dmr_super *sb,
			struct dmr_why *why)
{
	struct dmr_store *store = &e->store;
	unsigned int i;
	int r;

	r = dmr_store_load(store, e->env, sb, e->tuning.read_only, why);
	if (r)
		return r;
	e->mode = store->read_only ? DMR_MODE_RO : DMR_MODE_RW;
	for (i = 0; i < DMR_NR_COUNTERS; i++)
		atomic64_set(&e->counter[i], sb->counters[i]);
	atomic64_set(&e->passed_on, 0);
	if (main_has_changed(e, sb)) {
		store->sb.main_flags |= DMR_MAIN_CHANGED;
		dmr_env_event(e->env);
	}
	if (e->mode == DMR_MODE_RW) {
		store->sb.activations++;
		/* From now on main changes, and nothing is claimed after a crash. */
		store->sb.nr_prints = 0;
	}
	if (dmr_store_settle(store, sb) && e->mode == DMR_MODE_RW)
		dmr_spare_failed(e, "a damaged copy of the slot table cannot be repaired");
	r = build_index(e, why);
	if (r)
		return r;
	if (store->unsettled) {
		dmr_env_log(e->env, DMR_LOG_ERR,
			    "the copies of the slot table differ and cannot be repaired now: writes fail, and reads of what they differ about");
		dmr_index_stop_writes(&e->index);
	}

	if (store->repaired)
		dmr_env_log(e->env, DMR_LOG_WARN,
			    "%u blocks of the slot table were repaired from their other copy",
			    store->repaired);
	/* Whoever sees it sees store and index. */
	smp_store_release(&e->active, true);
	if (e->mode != DMR_MODE_RW)
		return 0;
	if (dmr_store_commit(store) || dmr_store_write_super(store))
		dmr_spare_failed(e, "the metadata cannot be written");
	dmr_store_forget_staged(store);
	watch_level(e);
	return 0;
}

void dmr_engine_save(struct dmr_engine *e)
{
	unsigned int i;

	if (!e->active || e->mode != DMR_MODE_RW)
		return;
	for (i = 0; i < DMR_NR_COUNTERS; i++)
		e->store.sb.counters[i] = atomic64_read(&e->counter[i]);
	if (dmr_store_write_super(&e->store))
		dmr_spare_failed(e, "the superblocks cannot be written");
}
