// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: who carries out what the engine decides.
 *
 * One ordered worker runs the batches. DMR_NR_EXAMS others run examinations: a
 * request that needs main waits for the first of them that is idle, in order of
 * arrival. A batch waits for the spare alone, an examination for main, for the
 * batch that settles it, and for I/O that is on main. So there is no circle.
 *
 * Under memory pressure one rescuer thread for each of the two workqueues is
 * enough for all to come to an end.
 */
#include "dm-remap.h"

#include <linux/sched/mm.h>

/*--------------------------------------------------------------------
 * Batches
 *--------------------------------------------------------------------
 */

static void run_batch(struct work_struct *work)
{
	struct dmr_target *t = container_of(work, struct dmr_target, work);
	/* The I/O that reclaim would start may be waiting for us. */
	unsigned int noio = memalloc_noio_save();
	LIST_HEAD(reqs);
	LIST_HEAD(found);

	dmr_env_lock(&t->env);
	spin_lock_irq(&t->queue_lock);
	list_splice_tail_init(&t->queue, &reqs);
	list_splice_tail_init(&t->found, &found);
	spin_unlock_irq(&t->queue_lock);
	if (!list_empty(&reqs) || !list_empty(&found))
		dmr_engine_run(&t->engine, &reqs, &found);
	if (test_and_clear_bit(DMR_CHECK_SPARE, &t->flags))
		dmr_engine_check_spare(&t->engine);
	dmr_env_unlock(&t->env);
	memalloc_noio_restore(noio);
}

void dmr_queue_req(struct dmr_target *t, struct dmr_req *req)
{
	unsigned long flags;

	if (req->from == DMR_FROM_MAIN) {
		dmr_env_examine(&t->env, req);
		return;
	}
	spin_lock_irqsave(&t->queue_lock, flags);
	list_add_tail(&req->list, &t->queue);
	spin_unlock_irqrestore(&t->queue_lock, flags);
	queue_work(t->wq, &t->work);
}

void dmr_queue_check_spare(struct dmr_target *t)
{
	set_bit(DMR_CHECK_SPARE, &t->flags);
	queue_work(t->wq, &t->work);
}

/*--------------------------------------------------------------------
 * Examinations
 *--------------------------------------------------------------------
 */

static struct dmr_req *next_req(struct dmr_examiner *w)
{
	struct dmr_target *t = w->target;
	struct dmr_req *req;

	spin_lock_irq(&t->queue_lock);
	req = list_first_entry_or_null(&t->to_examine, struct dmr_req, list);
	if (req)
		list_del(&req->list);
	else
		w->idle = true;
	spin_unlock_irq(&t->queue_lock);
	return req;
}

static void run_examination(struct work_struct *work)
{
	struct dmr_examiner *w = container_of(work, struct dmr_examiner, work);
	unsigned int noio = memalloc_noio_save();
	struct dmr_req *req;

	while ((req = next_req(w)))
		dmr_engine_examine(&w->target->engine, &w->exam, req);
	memalloc_noio_restore(noio);
}

void dmr_env_examine(struct dmr_env *env, struct dmr_req *req)
{
	struct dmr_target *t = container_of(env, struct dmr_target, env);
	struct dmr_examiner *w, *idle = NULL;
	unsigned long flags;

	spin_lock_irqsave(&t->queue_lock, flags);
	list_add_tail(&req->list, &t->to_examine);
	for (w = t->examiner; w < t->examiner + DMR_NR_EXAMS && !idle; w++)
		if (w->idle)
			idle = w;
	if (idle)
		idle->idle = false;
	spin_unlock_irqrestore(&t->queue_lock, flags);
	/* Or else one of those at work will take the request. */
	if (idle)
		queue_work(t->exam_wq, &idle->work);
}

void dmr_env_settle(struct dmr_env *env, struct dmr_exam *exam)
{
	struct dmr_target *t = container_of(env, struct dmr_target, env);
	struct dmr_examiner *w = container_of(exam, struct dmr_examiner, exam);

	reinit_completion(&w->settled);
	spin_lock_irq(&t->queue_lock);
	list_add_tail(&exam->list, &t->found);
	spin_unlock_irq(&t->queue_lock);
	queue_work(t->wq, &t->work);
	wait_for_completion_io(&w->settled);
}

void dmr_env_settled(struct dmr_env *env, struct dmr_exam *exam)
{
	complete(&container_of(exam, struct dmr_examiner, exam)->settled);
}

/*--------------------------------------------------------------------
 * Flushes
 *--------------------------------------------------------------------
 */

static void run_flush(struct work_struct *work)
{
	struct dmr_flusher *f = container_of(work, struct dmr_flusher, work);
	struct dmr_target *t = f->target;
	enum dmr_dev dev = f - t->flusher;
	unsigned int noio = memalloc_noio_save();
	struct dmr_req *req, *next;
	blk_status_t status = BLK_STS_OK;
	u32 errors = 0;
	LIST_HEAD(reqs);

	spin_lock_irq(&t->queue_lock);
	list_splice_tail_init(&f->reqs, &reqs);
	spin_unlock_irq(&t->queue_lock);
	if (!list_empty(&reqs)) {
		errors = dmr_env_flush_errors(&t->env, dev);
		status = dmr_env_flush_for_caller(&t->env, dev, errors);
		if (status != BLK_STS_OK && dev == DMR_SPARE)
			dmr_queue_check_spare(t);
	}
	list_for_each_entry_safe(req, next, &reqs, list) {
		list_del(&req->list);
		/* One that failed since the write was sent may have lost it. */
		req->status = req->flush_errors == errors ? status :
							    BLK_STS_IOERR;
		if (req->status != BLK_STS_OK)
			dmr_engine_count_propagated(&t->engine, req->op);
		dmr_env_complete(&t->env, req, req->status);
	}
	memalloc_noio_restore(noio);
}

void dmr_queue_flush_req(struct dmr_target *t, enum dmr_dev dev,
			 struct dmr_req *req)
{
	struct dmr_flusher *f = &t->flusher[dev];
	unsigned long flags;

	spin_lock_irqsave(&t->queue_lock, flags);
	list_add_tail(&req->list, &f->reqs);
	spin_unlock_irqrestore(&t->queue_lock, flags);
	queue_work(t->exam_wq, &f->work);
}

/*--------------------------------------------------------------------
 * Life
 *--------------------------------------------------------------------
 */

int dmr_queue_init(struct dmr_target *t)
{
	struct dmr_examiner *w;
	struct dmr_flusher *f;

	for (f = t->flusher; f < t->flusher + ARRAY_SIZE(t->flusher); f++) {
		INIT_LIST_HEAD(&f->reqs);
		INIT_WORK(&f->work, run_flush);
		f->target = t;
	}
	spin_lock_init(&t->queue_lock);
	INIT_LIST_HEAD(&t->queue);
	INIT_LIST_HEAD(&t->found);
	INIT_LIST_HEAD(&t->to_examine);
	INIT_WORK(&t->work, run_batch);
	for (w = t->examiner; w < t->examiner + DMR_NR_EXAMS; w++) {
		INIT_WORK(&w->work, run_examination);
		init_completion(&w->settled);
		w->target = t;
		w->idle = true;
		if (dmr_exam_init(&w->exam))
			return -ENOMEM;
	}
	t->wq = alloc_ordered_workqueue("dm-remap", WQ_MEM_RECLAIM);
	t->exam_wq = alloc_workqueue("dm-remap-exam",
				     WQ_MEM_RECLAIM | WQ_UNBOUND,
				     DMR_NR_EXAMS + ARRAY_SIZE(t->flusher));
	return t->wq && t->exam_wq ? 0 : -ENOMEM;
}

void dmr_queue_drain(struct dmr_target *t)
{
	/* All requests have been completed; the workers may still be on their way out. */
	flush_workqueue(t->exam_wq);
	flush_workqueue(t->wq);
}

void dmr_queue_exit(struct dmr_target *t)
{
	struct dmr_examiner *w;

	if (t->exam_wq)
		destroy_workqueue(t->exam_wq);
	if (t->wq)
		destroy_workqueue(t->wq);
	for (w = t->examiner; w < t->examiner + DMR_NR_EXAMS; w++)
		dmr_exam_exit(&w->exam);
}
