// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: what the core needs of the world, in the kernel.
 */
#include "dm-remap.h"

#include <linux/highmem.h>
#include <linux/random.h>

/* Enough for one batch to be under way; more wait for the first to end. */
#define DMR_MIN_BIOS	16

/*--------------------------------------------------------------------
 * I/O
 *--------------------------------------------------------------------
 */

struct waiter {
	atomic_t pending;
	struct completion done;
};

static struct dm_dev *dev_of(struct dmr_env *env, enum dmr_dev dev)
{
	return dev == DMR_MAIN ? env->main : env->spare;
}

static void io_done(struct bio *bio)
{
	struct dmr_io *io = bio->bi_private;
	struct waiter *w = io->waiter;

	io->status = bio->bi_status;
	io->ms = ktime_to_ms(ktime_sub(ktime_get(), io->started));
	bio_put(bio);
	if (atomic_dec_and_test(&w->pending))
		complete(&w->done);
}

static void add_buffer(struct bio *bio, void *buf, unsigned int bytes)
{
	while (bytes) {
		unsigned int offset = offset_in_page(buf);
		unsigned int len = min_t(unsigned int, bytes,
					 PAGE_SIZE - offset);
		struct page *page = is_vmalloc_addr(buf) ?
				    vmalloc_to_page(buf) : virt_to_page(buf);

		/* The bio was made with room for all of them. */
		__bio_add_page(bio, page, len, offset);
		buf += len;
		bytes -= len;
	}
}

static struct bio *bio_with_buffer(struct dmr_env *env,
				   struct block_device *bdev, struct dmr_io *io)
{
	unsigned int bytes = io->sectors << SECTOR_SHIFT;
	struct bio *bio;

	bio = bio_alloc_bioset(bdev, bytes / PAGE_SIZE + 2, io->opf, GFP_NOIO,
			       &env->bios);
	if (is_vmalloc_addr(io->buf) && op_is_write(io->opf))
		flush_kernel_vmap_range(io->buf, bytes);
	add_buffer(bio, io->buf, bytes);
	return bio;
}

static struct bio *bio_of_zeroes(struct dmr_env *env,
				 struct block_device *bdev, struct dmr_io *io)
{
	struct bio *bio;

	/* A request as a whole; but for that, the engine asks for a block at a time. */
	if (io->sectors > DMR_BLOCK_SECTORS) {
		bio = bio_alloc_bioset(bdev, 0, REQ_OP_WRITE_ZEROES |
				       (io->opf & REQ_FUA), GFP_NOIO,
				       &env->bios);
		bio->bi_iter.bi_size = io->sectors << SECTOR_SHIFT;
		return bio;
	}
	bio = bio_alloc_bioset(bdev, 1, io->opf, GFP_NOIO, &env->bios);
	__bio_add_page(bio, ZERO_PAGE(0), io->sectors << SECTOR_SHIFT, 0);
	return bio;
}

static struct bio *bio_of_request(struct dmr_env *env,
				  struct block_device *bdev, struct dmr_io *io)
{
	struct dmr_bio *b = container_of(io->req, struct dmr_bio, req);
	struct bio *bio;

	if (io->req->op == REQ_OP_WRITE_ZEROES)
		return bio_of_zeroes(env, bdev, io);
	/*
	 * Never NULL: that is for what the bio carries of integrity data, which the block
	 * layer makes for a target's bios below it only, and for flags that do not wait.
	 */
	bio = bio_alloc_clone(bdev, dmr_req_bio(io->req), GFP_NOIO, &env->bios);
	/*
	 * The sector counts from the start of the partition again: without this,
	 * what was done with the caller's bio would not be done with the clone.
	 */
	bio_clear_flag(bio, BIO_REMAPPED);
	bio->bi_opf = io->opf;
	bio->bi_iter = b->iter;
	bio_advance(bio, io->req_sector << SECTOR_SHIFT);
	bio->bi_iter.bi_size = io->sectors << SECTOR_SHIFT;
	return bio;
}

static void track_writes(struct dmr_env *env, const struct dmr_io *ios,
			 unsigned int nr)
{
	struct dmr_track *track = READ_ONCE(env->track);
	unsigned int i;

	for (i = 0; track && i < nr; i++)
		if (ios[i].dev == DMR_SPARE && op_is_write(ios[i].opf))
			dmr_track_mark(track, ios[i].sector, ios[i].sectors);
}

static void submit_all(struct dmr_env *env, struct dmr_io *ios, unsigned int nr)
{
	struct waiter w;
	unsigned int i;

	atomic_set(&w.pending, nr + 1);
	init_completion(&w.done);
	for (i = 0; i < nr; i++) {
		struct dmr_io *io = &ios[i];
		struct block_device *bdev = dev_of(env, io->dev)->bdev;
		struct bio *bio = io->buf ? bio_with_buffer(env, bdev, io) :
					    bio_of_request(env, bdev, io);

		/* Blocks that are retried alone must not be merged again. */
		bio->bi_opf |= REQ_SYNC | REQ_NOMERGE;
		if (dmr_env_fua_is_flush(env, io->dev))
			bio->bi_opf &= ~REQ_FUA;
		bio->bi_iter.bi_sector = io->sector;
		if (io->dev == DMR_SPARE)
			bio->bi_iter.bi_sector += env->spare_start;
		bio->bi_end_io = io_done;
		bio->bi_private = io;
		io->waiter = &w;
		io->started = ktime_get();
		submit_bio(bio);
	}
	if (!atomic_dec_and_test(&w.pending))
		wait_for_completion_io(&w.done);
}

/*
 * Make those writes durable that could not be sent with FUA. @errors: flushes that had
 * failed before they were sent.
 */
static void flush_after(struct dmr_env *env, struct dmr_io *ios, unsigned int nr,
			enum dmr_dev dev, u32 errors)
{
	blk_status_t status;
	bool wanted = false;
	unsigned int i;

	for (i = 0; i < nr; i++)
		wanted |= ios[i].dev == dev && (ios[i].opf & REQ_FUA) &&
			  ios[i].status == BLK_STS_OK;
	if (!wanted || !dmr_env_fua_is_flush(env, dev))
		return;
	status = dmr_env_flush(env, dev);
	if (dmr_env_flush_errors(env, dev) != errors)
		status = BLK_STS_IOERR;
	for (i = 0; status != BLK_STS_OK && i < nr; i++)
		if (ios[i].dev == dev && (ios[i].opf & REQ_FUA))
			ios[i].status = status;
}

void dmr_env_io(struct dmr_env *env, struct dmr_io *ios, unsigned int nr)
{
	u32 errors[] = {
		dmr_env_flush_errors(env, DMR_MAIN),
		dmr_env_flush_errors(env, DMR_SPARE),
	};
	unsigned int i;

	submit_all(env, ios, nr);
	for (i = 0; i < nr; i++)
		if (is_vmalloc_addr(ios[i].buf) && !op_is_write(ios[i].opf))
			invalidate_kernel_vmap_range(ios[i].buf,
						     ios[i].sectors <<
						     SECTOR_SHIFT);
	track_writes(env, ios, nr);
	flush_after(env, ios, nr, DMR_MAIN, errors[DMR_MAIN]);
	flush_after(env, ios, nr, DMR_SPARE, errors[DMR_SPARE]);
}

/*--------------------------------------------------------------------
 * Flushes
 *--------------------------------------------------------------------
 */

void dmr_env_owe(struct dmr_env *env, enum dmr_dev dev)
{
	set_bit(dev, &env->owed);
}

bool dmr_env_pay(struct dmr_env *env, enum dmr_dev dev)
{
	return test_and_clear_bit(dev, &env->owed);
}

/* What a device that is made of others says is true of one of them at least. */
static bool has_fua(struct block_device *bdev)
{
	return bdev_fua(bdev) && !bdev->bd_disk->fops->submit_bio;
}

bool dmr_env_fua_is_flush(struct dmr_env *env, enum dmr_dev dev)
{
	struct block_device *bdev = dev_of(env, dev)->bdev;

	return bdev_write_cache(bdev) && !has_fua(bdev);
}

void dmr_env_flush_failed(struct dmr_env *env, enum dmr_dev dev)
{
	atomic_inc(&env->flush_errors[dev]);
}

static blk_status_t flush(struct dmr_env *env, enum dmr_dev dev)
{
	int r = blkdev_issue_flush(dev_of(env, dev)->bdev);

	if (r)
		dmr_env_flush_failed(env, dev);
	return errno_to_blk_status(r);
}

blk_status_t dmr_env_flush(struct dmr_env *env, enum dmr_dev dev)
{
	blk_status_t status = flush(env, dev);

	if (status != BLK_STS_OK)
		dmr_env_owe(env, dev);
	return status;
}

blk_status_t dmr_env_flush_for_caller(struct dmr_env *env, enum dmr_dev dev,
				      u32 errors)
{
	blk_status_t status = flush(env, dev);

	/* One error tells of all. */
	if (dmr_env_pay(env, dev) || dmr_env_flush_errors(env, dev) != errors)
		return status == BLK_STS_OK ? BLK_STS_IOERR : status;
	return status;
}

u32 dmr_env_flush_errors(struct dmr_env *env, enum dmr_dev dev)
{
	return atomic_read(&env->flush_errors[dev]);
}

void dmr_env_fill(struct dmr_env *env, struct dmr_req *req, u32 req_sector,
		  const void *buf, u32 sectors)
{
	struct dmr_bio *b = container_of(req, struct dmr_bio, req);
	struct bio *bio = dmr_req_bio(req);
	struct bvec_iter iter = b->iter;
	unsigned int bytes = sectors << SECTOR_SHIFT;

	bio_advance_iter(bio, &iter, req_sector << SECTOR_SHIFT);
	while (bytes) {
		struct bio_vec bv = bio_iter_iovec(bio, iter);

		bv.bv_len = min(bv.bv_len, bytes);
		memcpy_to_bvec(&bv, buf);
		bio_advance_iter(bio, &iter, bv.bv_len);
		buf += bv.bv_len;
		bytes -= bv.bv_len;
	}
}

void dmr_env_complete(struct dmr_env *env, struct dmr_req *req,
		      blk_status_t status)
{
	struct bio *bio = dmr_req_bio(req);

	/* end_io comes once more, and has nothing to do. */
	dmr_bio_of(bio)->sent = DMR_SENT_ELSEWHERE;
	bio->bi_status = status;
	bio_endio(bio);
}

/*--------------------------------------------------------------------
 * I/O in flight
 *--------------------------------------------------------------------
 */

static bool epoch_is_over(struct dmr_env *env, unsigned int ticket)
{
	const struct dmr_inflight *f;
	unsigned long in_flight = 0;
	int cpu;

	/* Nobody counts in any more, so none in flight is final. */
	for_each_possible_cpu(cpu) {
		f = per_cpu_ptr(env->inflight, cpu);
		in_flight += READ_ONCE(f->in[ticket]) - READ_ONCE(f->out[ticket]);
	}
	return !in_flight;
}

/* Expedited: whoever waits here keeps failed I/O of others waiting. */
void dmr_env_drain(struct dmr_env *env, enum dmr_dev dev)
{
	struct dmr_drain *d = &env->drain[dev];
	unsigned int old;

	mutex_lock(&d->lock);
	old = d->ticket;
	WRITE_ONCE(d->waiting, true);
	/* Whoever sees the new epoch sees what made the drain necessary. */
	smp_store_release(&d->ticket, old ^ 1);
	synchronize_rcu_expedited();
	wait_event(env->drained, epoch_is_over(env, old));
	WRITE_ONCE(d->waiting, false);
	mutex_unlock(&d->lock);
}

unsigned int dmr_env_main_begin(struct dmr_env *env)
{
	unsigned int ticket;

	rcu_read_lock_sched();
	ticket = dmr_inflight_ticket(env, DMR_MAIN);
	__this_cpu_inc(env->inflight->in[ticket]);
	rcu_read_unlock_sched();
	return ticket;
}

void dmr_env_main_end(struct dmr_env *env, unsigned int ticket)
{
	dmr_inflight_out(env, ticket);
}

void dmr_env_synchronize(struct dmr_env *env)
{
	synchronize_rcu_expedited();
}

bool dmr_env_last_good(struct dmr_env *env, u64 *sector)
{
	sector_t last;
	int cpu;

	for_each_possible_cpu(cpu) {
		last = READ_ONCE(per_cpu_ptr(env->inflight, cpu)->last_good);
		if (last != DMR_NO_SECTOR) {
			*sector = last;
			return true;
		}
	}
	return false;
}

bool dmr_env_present(struct dmr_env *env, enum dmr_dev dev)
{
	struct block_device *bdev = dev_of(env, dev)->bdev;

	return !blk_queue_dying(bdev_get_queue(bdev)) &&
	       !test_bit(GD_DEAD, &bdev->bd_disk->state);
}

void dmr_env_lock(struct dmr_env *env)
{
	mutex_lock(&env->lock);
}

void dmr_env_unlock(struct dmr_env *env)
{
	mutex_unlock(&env->lock);
}

bool dmr_env_locked(struct dmr_env *env)
{
	return !IS_ENABLED(CONFIG_LOCKDEP) || lockdep_is_held(&env->lock);
}

void dmr_env_retry_lock(struct dmr_env *env)
{
	mutex_lock(&env->retry_lock);
}

void dmr_env_retry_unlock(struct dmr_env *env)
{
	mutex_unlock(&env->retry_lock);
}

bool dmr_env_stopping(struct dmr_env *env)
{
	return READ_ONCE(env->stopping);
}

/*--------------------------------------------------------------------
 * Clock, log, events
 *--------------------------------------------------------------------
 */

u64 dmr_env_seconds(struct dmr_env *env)
{
	return ktime_get_boottime_seconds();
}

void dmr_env_random(struct dmr_env *env, void *buf, size_t size)
{
	get_random_bytes(buf, size);
}

static void tell_event(struct work_struct *work)
{
	struct dmr_env *env = container_of(to_delayed_work(work),
					   struct dmr_env, event_work);

	WRITE_ONCE(env->last_event, jiffies);
	dm_table_event(env->ti->table);
}

/* The first one at once, those that follow once a second. */
void dmr_env_event(struct dmr_env *env)
{
	unsigned long next = READ_ONCE(env->last_event) + HZ;

	schedule_delayed_work(&env->event_work,
			      time_after(next, jiffies) ? next - jiffies : 0);
}

void dmr_env_flush_events(struct dmr_env *env)
{
	flush_delayed_work(&env->event_work);
}

void dmr_env_log(struct dmr_env *env, enum dmr_log_level level,
		 const char *fmt, ...)
{
	const char *name = dm_table_device_name(env->ti->table);
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	if (level != DMR_LOG_ERR && !__ratelimit(&env->log_limit))
		return;
	va_start(args, fmt);
	vaf.va = &args;
	switch (level) {
	case DMR_LOG_ERR:
		DMERR("%s (%pg): %pV", name, env->main->bdev, &vaf);
		break;
	case DMR_LOG_WARN:
		DMWARN("%s (%pg): %pV", name, env->main->bdev, &vaf);
		break;
	default:
		DMINFO("%s (%pg): %pV", name, env->main->bdev, &vaf);
	}
	va_end(args);
}

/*--------------------------------------------------------------------
 * Life
 *--------------------------------------------------------------------
 */

int dmr_env_init(struct dmr_env *env, struct dm_target *ti)
{
	int cpu;

	env->ti = ti;
	mutex_init(&env->lock);
	mutex_init(&env->retry_lock);
	mutex_init(&env->drain[DMR_MAIN].lock);
	mutex_init(&env->drain[DMR_SPARE].lock);
	env->drain[DMR_SPARE].ticket = 2 * DMR_SPARE;
	init_waitqueue_head(&env->drained);
	INIT_DELAYED_WORK(&env->event_work, tell_event);
	env->last_event = jiffies - HZ;
	ratelimit_state_init(&env->log_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	ratelimit_set_flags(&env->log_limit, RATELIMIT_MSG_ON_RELEASE);
	env->inflight = alloc_percpu(struct dmr_inflight);
	if (!env->inflight)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		per_cpu_ptr(env->inflight, cpu)->last_good = DMR_NO_SECTOR;
	return bioset_init(&env->bios, DMR_MIN_BIOS, 0, BIOSET_NEED_BVECS);
}

void dmr_env_exit(struct dmr_env *env)
{
	cancel_delayed_work_sync(&env->event_work);
	ratelimit_state_exit(&env->log_limit);
	bioset_exit(&env->bios);
	kvfree(env->track);
	free_percpu(env->inflight);
	mutex_destroy(&env->lock);
	mutex_destroy(&env->retry_lock);
	mutex_destroy(&env->drain[DMR_MAIN].lock);
	mutex_destroy(&env->drain[DMR_SPARE].lock);
}
