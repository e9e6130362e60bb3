// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: who works beside the callers: the engine's batch, the
 * examinations, and the administrator; and what they wait for.
 */
#include "sim.h"
#include "device.h"
#include "fiber.h"

/*--------------------------------------------------------------------
 * Who works beside the callers
 *--------------------------------------------------------------------
 */

static void run_batch(void)
{
	bool open;
	u64 since;
	u32 live;
	LIST_HEAD(reqs);
	LIST_HEAD(found);

	dmr_env_lock(NULL);
	open = W.engine.breaker_open;
	since = W.engine.breaker_since;
	live = W.engine.store.nr_live;
	/* What is queued from now on is for the next batch. */
	list_splice_tail_init(&W.queue, &reqs);
	list_splice_tail_init(&W.found, &found);
	trace("a batch begins");
	dmr_engine_run(&W.engine, &reqs, &found);
	if (W.check_spare)
		dmr_engine_check_spare(&W.engine);
	W.check_spare = false;
	trace("a batch ends");
	if (!list_empty(&reqs) || !list_empty(&found))
		violation("the engine left requests behind");
	check_mode();
	check_causes();
	/* A probe may have closed it in between: then it is another one. */
	if (open && W.engine.breaker_open &&
	    W.engine.breaker_since == since && !W.any_spare_fault &&
	    W.engine.store.nr_live > live)
		violation("blocks were remapped while the breaker was open");
	dmr_env_unlock(NULL);
}

static struct dmr_exam exam[NR_EXAM_FIBERS];
static struct fiber *holder;	/* of the engine's mutex */
static struct fiber *retrying;	/* who holds the retry lock */
static bool slow_here;		/* a retry of who holds it has failed slowly */

void work_reset(void)
{
	fiber_reset();
	W.locked = false;
	retrying = NULL;
	INIT_LIST_HEAD(&W.queue);
	INIT_LIST_HEAD(&W.found);
	INIT_LIST_HEAD(&W.to_examine);
	memset(exam, 0, sizeof(exam));
}

bool work_is_slow(const struct fiber *f)
{
	u32 i = f - &fiber[FIBER_EXAM];

	return i < NR_EXAM_FIBERS && exam[i].slow;
}

static void run_exam(void)
{
	u32 i = fiber_current() - &fiber[FIBER_EXAM];
	struct dmr_req *req;

	req = list_first_entry(&W.to_examine, struct dmr_req, list);
	list_del(&req->list);
	fiber_current()->late = false;
	trace("examination %u begins", i);
	dmr_engine_examine(&W.engine, &exam[i], req);
	trace("examination %u ends", i);
}

int world_engine_init(void)
{
	u32 i;
	int r;

	r = dmr_engine_init(&W.engine, NULL, &W.tuning, W.main_sectors);
	for (i = 0; i < NR_EXAM_FIBERS && !r; i++)
		r = dmr_exam_init(&exam[i]);
	return r;
}

void world_engine_exit(void)
{
	u32 i;

	for (i = 0; i < NR_EXAM_FIBERS; i++)
		dmr_exam_exit(&exam[i]);
	dmr_engine_exit(&W.engine);
}

void world_admin(void (*what)(void))
{
	fiber_start(&fiber[FIBER_ADMIN], what);
}

bool world_admin_busy(void)
{
	return fiber[FIBER_ADMIN].alive;
}

/* Start who has something to do. */
static void start_workers(void)
{
	struct list_head *l;
	u32 i, n = 0;

	if (!fiber[FIBER_BATCH].alive && !W.hold_batch &&
	    (!list_empty(&W.queue) || !list_empty(&W.found) || W.check_spare))
		fiber_start(&fiber[FIBER_BATCH], run_batch);
	for (l = W.to_examine.next; l != &W.to_examine; l = l->next)
		n++;
	for (i = 0; i < NR_EXAM_FIBERS; i++) {
		struct fiber *f = &fiber[FIBER_EXAM + i];

		/* It has been started, and has not yet taken its request. */
		if (f->alive && f->since == NEVER && n)
			n--;
	}
	for (i = 0; i < NR_EXAM_FIBERS && n; i++) {
		struct fiber *f = &fiber[FIBER_EXAM + i];

		if (f->alive)
			continue;
		fiber_start(f, run_exam);
		f->since = NEVER;
		n--;
	}
}

static struct fiber *pick_fiber(bool paused)
{
	u32 i, n = 0;

	for (i = 0; i < NR_FIBERS; i++)
		n += fiber[i].alive && fiber[i].paused == paused &&
		     (!fiber[i].ready || fiber[i].ready(&fiber[i]));
	if (!n)
		return NULL;
	n = pick(n);
	for (i = 0; i < NR_FIBERS; i++)
		if (fiber[i].alive && fiber[i].paused == paused &&
		    (!fiber[i].ready || fiber[i].ready(&fiber[i])) && !n--)
			return &fiber[i];
	return NULL;
}

static bool go(bool paused)
{
	struct fiber *f;

	if (!W.loaded)
		return false;
	start_workers();
	f = pick_fiber(paused);
	if (!f)
		return false;
	f->paused = false;
	fiber_go(f);
	script_run();
	return true;
}

bool world_work(void)
{
	return go(false);
}

/* Something must go on: first what is free to, then what was paused. */
static void make_progress(void)
{
	if (world_event() || world_work() || go(true))
		return;
	violation("nobody can go on");
}

void world_settle(void)
{
	while (!list_empty(&W.uios))
		make_progress();
}

static bool is_there(u64 id)
{
	struct uio *u;

	list_for_each_entry(u, &W.uios, list)
		if (u->id == id)
			return true;
	return false;
}

void world_settle_one(u64 id)
{
	while (is_there(id))
		make_progress();
}

void world_finish(void)
{
	world_settle();
	while (fiber_any_alive())
		make_progress();
}

/*--------------------------------------------------------------------
 * The environment, as far as it is about waiting
 *--------------------------------------------------------------------
 */

static bool drained(struct fiber *me)
{
	u32 i;

	if (world_tracks(me->dev, me->since))
		return false;
	for (i = 0; me->dev == DMR_MAIN && i < NR_FIBERS; i++)
		if (fiber[i].alive && fiber[i].ticket &&
		    fiber[i].ticket < me->since)
			return false;
	return true;
}

void dmr_env_drain(struct dmr_env *env, enum dmr_dev dev)
{
	struct fiber *me = fiber_current();

	(void)env;
	if (!fiber_inside())
		violation("a drain by nobody");
	if (me->ticket && dev == DMR_MAIN)
		violation("a drain that waits for itself");
	if (dev == DMR_MAIN && world_has_lock())
		violation("a drain of main under the mutex");
	trace("drain %s", W.disk[dev].name);
	me->dev = dev;
	me->since = ++W.stamp;
	device_meanwhile();
	fiber_wait(drained);
	if (script_wants(WHEN_DRAINED)) {
		me->paused = true;
		fiber_wait(NULL);
	}
	device_meanwhile();
}

unsigned int dmr_env_main_begin(struct dmr_env *env)
{
	(void)env;
	if (fiber_inside() && script_wants(WHEN_COUNTED)) {
		fiber_current()->paused = true;
		fiber_wait(NULL);
	}
	fiber_current()->ticket = ++W.stamp;
	device_meanwhile();
	return 0;
}

void dmr_env_main_end(struct dmr_env *env, unsigned int ticket)
{
	(void)env;
	(void)ticket;
	fiber_current()->ticket = 0;
	device_meanwhile();
}

bool world_has_lock(void)
{
	return W.locked && holder == fiber_current();
}

static bool is_free(struct fiber *me)
{
	(void)me;
	return !W.locked;
}

void dmr_env_lock(struct dmr_env *env)
{
	(void)env;
	if (fiber_inside()) {
		device_meanwhile();
		if (W.locked)
			fiber_wait(is_free);
	}
	if (W.locked)
		violation("the mutex is taken already");
	W.locked = true;
	holder = fiber_current();
}

void dmr_env_unlock(struct dmr_env *env)
{
	(void)env;
	if (!world_has_lock())
		violation("the mutex is not taken");
	W.locked = false;
	if (fiber_inside())
		device_meanwhile();
}

static bool may_retry(struct fiber *me)
{
	(void)me;
	return !retrying;
}

void dmr_env_retry_lock(struct dmr_env *env)
{
	u32 before;

	(void)env;
	if (world_has_lock() || fiber_current()->ticket)
		violation("the retry lock is taken before all others");
	before = W.slow_retries;
	if (retrying)
		fiber_wait(may_retry);
	retrying = fiber_current();
	retrying->late = W.slow_retries != before && W.stopping;
	slow_here = false;
}

/* Only to ask whether main is alive? */
static bool is_probe(const struct dmr_io *io)
{
	u32 i;

	for (i = 0; i < NR_EXAM_FIBERS; i++)
		if (io->buf && io->buf == exam[i].probe)
			return true;
	return io->buf && io->buf == W.engine.admin.probe;
}

void work_begins(const struct dmr_io *io)
{
	struct fiber *me = fiber_current();

	/* A read has one retry in any case: it may have failed in company alone. */
	if (me->late && W.stopping && !is_probe(io) &&
	    !(io->req && (io->opf & REQ_OP_MASK) == REQ_OP_READ))
		violation("a suspend waits for I/O to main that began after a slow retry");
}

void work_failed_slowly(const struct dmr_io *io)
{
	if (retrying == fiber_current() && !is_probe(io))
		slow_here = true;
}

void dmr_env_retry_unlock(struct dmr_env *env)
{
	(void)env;
	W.slow_retries += slow_here;
	retrying = NULL;
}

bool dmr_env_stopping(struct dmr_env *env)
{
	(void)env;
	return W.stopping;
}
void dmr_env_examine(struct dmr_env *env, struct dmr_req *req)
{
	(void)env;
	list_add_tail(&req->list, &W.to_examine);
}

static bool is_settled(struct fiber *me)
{
	return me->settled;
}

void dmr_env_settle(struct dmr_env *env, struct dmr_exam *x)
{
	struct fiber *me = fiber_current();

	(void)env;
	if (script_wants(WHEN_RETRIED)) {
		me->paused = true;
		fiber_wait(NULL);
	}
	me->settled = false;
	list_add_tail(&x->list, &W.found);
	fiber_wait(is_settled);
}

void dmr_env_settled(struct dmr_env *env, struct dmr_exam *x)
{
	(void)env;
	fiber[FIBER_EXAM + (x - exam)].settled = true;
}
