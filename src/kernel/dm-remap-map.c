// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: the way of a bio, to its device and back.
 */
#include "dm-remap.h"

#include <linux/jiffies.h>
#include <linux/math64.h>

/* A failed write-zeroes is retried block by block: keep it within reason. */
#define DMR_MAX_ZEROES_SECTORS	32768U

static int end_now(struct bio *bio, blk_status_t status)
{
	bio->bi_status = status;
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

static int map_flush(struct dmr_target *t, struct bio *bio)
{
	struct dmr_bio *b = dmr_bio_of(bio);

	if (dm_bio_get_target_bio_nr(bio) == 0) {
		b->sent = DMR_SENT_FLUSH_MAIN;
		bio_set_dev(bio, t->env.main->bdev);
		return DM_MAPIO_REMAPPED;
	}
	/*
	 * Without remaps there is no data on the spare that is not durable. A spare
	 * that is gone has lost what it had, once: what is on main is served on.
	 */
	if (!READ_ONCE(t->engine.index.count) ||
	    READ_ONCE(t->engine.mode) == DMR_MODE_FAIL)
		return end_now(bio, dmr_env_pay(&t->env, DMR_SPARE) ?
				    BLK_STS_IOERR : BLK_STS_OK);
	b->sent = DMR_SENT_FLUSH_SPARE;
	bio_set_dev(bio, t->env.spare->bdev);
	return DM_MAPIO_REMAPPED;
}

/* Discard and the like of a block that is not on main. */
static int map_special(struct bio *bio)
{
	/* The mapping stays: the block is still bad. */
	return end_now(bio, bio_op(bio) == REQ_OP_DISCARD ? BLK_STS_OK :
							    BLK_STS_NOTSUPP);
}

/*
 * The block layer makes a write and a flush of a FUA write to a device without FUA,
 * and one error of both. The flush's may be of what others wrote, and must not be taken
 * for that of a bad block: so they are sent one after the other.
 */
static void separate_flush(struct dmr_target *t, struct bio *bio,
			   struct dmr_bio *b, enum dmr_dev dev)
{
	if ((bio->bi_opf & REQ_FUA) && dmr_env_fua_is_flush(&t->env, dev)) {
		bio->bi_opf &= ~REQ_FUA;
		b->flush = true;
		b->req.flush_errors = dmr_env_flush_errors(&t->env, dev);
	}
}

/* What has a remapped block near it, or is unusual. */
static noinline int map_slow(struct dmr_target *t, struct bio *bio,
			     sector_t sector)
{
	struct dmr_bio *b = dmr_bio_of(bio);
	enum req_op op = bio_op(bio);
	unsigned int ticket[2];
	struct dmr_route route;

	b->sent = DMR_SENT_ELSEWHERE;
	b->counted = false;
	b->flush = false;
	/* One part of a bio that has to wait would fail the others. */
	bio->bi_opf &= ~REQ_NOWAIT;
	if (!bio_sectors(bio))
		return map_flush(t, bio);
	if (op == REQ_OP_WRITE_ZEROES &&
	    bio_sectors(bio) > DMR_MAX_ZEROES_SECTORS)
		dm_accept_partial_bio(bio, DMR_MAX_ZEROES_SECTORS);

	rcu_read_lock_sched();
	ticket[DMR_MAIN] = dmr_inflight_ticket(&t->env, DMR_MAIN);
	ticket[DMR_SPARE] = dmr_inflight_ticket(&t->env, DMR_SPARE);
	dmr_index_route_slow(&t->engine.index, op, sector, bio_sectors(bio),
			     &route);
	if (route.place == DMR_TO_SLOT) {
		if (op == REQ_OP_READ && !READ_ONCE(t->slots_read))
			WRITE_ONCE(t->slots_read, true);
		dmr_inflight_start(&t->env, b, ticket[DMR_SPARE]);
	} else if (route.place == DMR_TO_MAIN && op != REQ_OP_READ) {
		dmr_inflight_start(&t->env, b, ticket[DMR_MAIN]);
	}
	rcu_read_unlock_sched();

	if (route.sectors < bio_sectors(bio))
		dm_accept_partial_bio(bio, route.sectors);
	bio->bi_iter.bi_sector = sector;
	b->iter = bio->bi_iter;

	switch (route.place) {
	case DMR_TO_MAIN:
		b->sent = DMR_SENT_MAIN;
		separate_flush(t, bio, b, DMR_MAIN);
		bio_set_dev(bio, t->env.main->bdev);
		return DM_MAPIO_REMAPPED;
	case DMR_TO_SLOT:
		b->sent = DMR_SENT_SLOT;
		separate_flush(t, bio, b, DMR_SPARE);
		b->req.sector = route.sector;
		bio_set_dev(bio, t->env.spare->bdev);
		bio->bi_iter.bi_sector = t->env.spare_start + route.sector;
		return DM_MAPIO_REMAPPED;
	case DMR_TO_ENGINE:
		b->req = (struct dmr_req) {
			.sector = sector,
			.sectors = route.sectors,
			.op = op,
			.fua = bio->bi_opf & REQ_FUA,
			.from = DMR_FROM_MAP,
			.error = BLK_STS_MEDIUM,
			.flush_errors = dmr_env_flush_errors(&t->env, DMR_MAIN),
		};
		dmr_queue_req(t, &b->req);
		return DM_MAPIO_SUBMITTED;
	case DMR_IS_LOST:
		dmr_engine_count_propagated(&t->engine, op);
		return end_now(bio, BLK_STS_MEDIUM);
	default:
		return map_special(bio);
	}
}

static bool read_is_main(struct dmr_target *t, sector_t sector, u32 sectors)
{
	bool r;

	rcu_read_lock_sched();
	r = dmr_index_is_main(&t->engine.index, sector, sectors);
	rcu_read_unlock_sched();
	return r;
}

/*
 * Nearly every bio goes to main as it is: this much and no more is done for it.
 * A grace period waits for rcu_read_lock_sched(), too, which costs less. A read
 * that goes to main is not counted. What is neither a read nor a plain write goes
 * the longer way.
 */
int dmr_map(struct dm_target *ti, struct bio *bio)
{
	struct dmr_target *t = ti->private;
	sector_t sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	unsigned int ticket;
	struct dmr_bio *b;

	/* When its own table has changed, main may not know that any more. */
	if ((bio->bi_opf & REQ_NOWAIT) && !bdev_nowait(t->env.main->bdev))
		bio->bi_opf &= ~REQ_NOWAIT;
	if (bio_op(bio) == REQ_OP_READ) {
		if (!dmr_index_is_empty(&t->engine.index) &&
		    !read_is_main(t, sector, bio_sectors(bio)))
			return map_slow(t, bio, sector);
		b = dmr_bio_of(bio);
		b->sent = DMR_SENT_READ;
	} else {
		if (unlikely((bio->bi_opf & (REQ_OP_MASK | REQ_PREFLUSH | REQ_FUA)) !=
			     REQ_OP_WRITE))
			return map_slow(t, bio, sector);
		b = dmr_bio_of(bio);
		rcu_read_lock_sched();
		ticket = dmr_inflight_ticket(&t->env, DMR_MAIN);
		if (!dmr_index_is_empty(&t->engine.index) &&
		    !dmr_index_is_main(&t->engine.index, sector,
				       bio_sectors(bio))) {
			rcu_read_unlock_sched();
			return map_slow(t, bio, sector);
		}
		__this_cpu_inc(t->env.inflight->in[ticket]);
		rcu_read_unlock_sched();
		b->sent = DMR_SENT_WRITE;
		b->ticket = ticket;
	}
	bio->bi_iter.bi_sector = sector;
	b->iter = bio->bi_iter;
	bio_set_dev(bio, t->env.main->bdev);
	return DM_MAPIO_REMAPPED;
}

/*
 * Some answers are no failures, of which the counters tell: a command that main
 * does not know (the caller has another way to zero or discard), and I/O that
 * would have had to wait (the caller does it again, and waits).
 */
static bool is_failure(const struct bio *bio, blk_status_t error)
{
	enum req_op op = bio_op(bio);

	if (op != REQ_OP_READ && op != REQ_OP_WRITE)
		return error != BLK_STS_NOTSUPP;
	return error != BLK_STS_AGAIN;
}

/* How long a bio was on its way, in milliseconds; as exact as jiffies. */
static u64 age_of(struct bio *bio)
{
	u64 start = dm_start_time_ns_from_clone(bio);

	return div_u64(jiffies_to_nsecs(jiffies) - start, NSEC_PER_MSEC);
}

static noinline int end_failed(struct dmr_target *t, struct bio *bio,
			       struct dmr_bio *b, blk_status_t error)
{
	enum req_op op = bio_op(bio);
	bool to_main = b->sent == DMR_SENT_MAIN;
	u32 flush_errors;

	if (!is_failure(bio, error))
		return DM_ENDIO_DONE;
	if (b->sent == DMR_SENT_FLUSH_MAIN || b->sent == DMR_SENT_FLUSH_SPARE)
		dmr_env_flush_failed(&t->env,
				     b->sent == DMR_SENT_FLUSH_MAIN ?
				     DMR_MAIN : DMR_SPARE);
	/* A device may refuse to read ahead, whatever the medium is like. */
	if ((bio->bi_opf & REQ_RAHEAD) && to_main)
		return DM_ENDIO_DONE;
	if (b->sent >= DMR_SENT_FLUSH_MAIN ||
	    (to_main ? !dmr_engine_wants(op, error) :
		       !dmr_engine_wants_slot(op, error))) {
		dmr_engine_count_propagated(&t->engine, op);
		atomic64_inc(&t->engine.passed_on);
		if (!dmr_env_present(&t->env, DMR_MAIN))
			dmr_engine_note_main(&t->engine, false);
		if (b->sent == DMR_SENT_FLUSH_SPARE)
			dmr_queue_check_spare(t);
		return DM_ENDIO_DONE;
	}
	dmr_engine_count_failed(&t->engine, op);
	flush_errors = b->flush && to_main ? b->req.flush_errors :
		       dmr_env_flush_errors(&t->env, DMR_MAIN);
	b->req = (struct dmr_req) {
		.sector = b->iter.bi_sector,
		.sectors = b->iter.bi_size >> SECTOR_SHIFT,
		.op = op,
		.fua = b->flush || (bio->bi_opf & REQ_FUA),
		.from = to_main ? DMR_FROM_MAIN : DMR_FROM_SLOT,
		.slow = to_main && age_of(bio) >= DMR_SLOW_MS,
		.flush_errors = flush_errors,
		.error = error,
	};
	dmr_queue_req(t, &b->req);
	return DM_ENDIO_INCOMPLETE;
}

/* A flush of ours has failed, which nobody knows of yet: this one tells, once. */
static noinline blk_status_t pay_debt(struct dmr_target *t, struct dmr_bio *b)
{
	enum dmr_dev dev = b->sent == DMR_SENT_FLUSH_MAIN ? DMR_MAIN : DMR_SPARE;

	if (b->sent < DMR_SENT_FLUSH_MAIN || !dmr_env_pay(&t->env, dev))
		return BLK_STS_OK;
	dmr_engine_count_propagated(&t->engine, REQ_OP_FLUSH);
	return BLK_STS_IOERR;
}

/* A FUA write has been written, and the device has no FUA. */
static noinline int flush_after(struct dmr_target *t, struct bio *bio,
				struct dmr_bio *b)
{
	enum dmr_dev dev = b->sent == DMR_SENT_MAIN ? DMR_MAIN : DMR_SPARE;

	b->req.op = bio_op(bio);
	dmr_queue_flush_req(t, dev, &b->req);
	return DM_ENDIO_INCOMPLETE;
}

/* Or read. Whatever the result was, something may be there now. */
static noinline void slot_written(struct dmr_target *t, struct bio *bio,
				  struct dmr_bio *b)
{
	struct dmr_track *track = READ_ONCE(t->env.track);

	if (track && op_is_write(bio_op(bio)))
		dmr_track_mark(track, b->req.sector,
			       b->iter.bi_size >> SECTOR_SHIFT);
}

static noinline int end_slow(struct dmr_target *t, struct dmr_bio *b,
			     blk_status_t *error)
{
	struct bio *bio = dmr_req_bio(&b->req);

	if (b->sent == DMR_SENT_READ || b->sent == DMR_SENT_WRITE) {
		if (b->sent == DMR_SENT_WRITE)
			dmr_inflight_wake(&t->env, DMR_MAIN);
		b->sent = DMR_SENT_MAIN;
		b->counted = false;
		b->flush = false;
	}
	if (b->counted) {
		if (b->sent == DMR_SENT_SLOT)
			slot_written(t, bio, b);
		else if (*error == BLK_STS_OK)
			raw_cpu_write(t->env.inflight->last_good,
				      b->iter.bi_sector);
		dmr_inflight_end(&t->env, b);
	}
	if (b->sent == DMR_SENT_ELSEWHERE)
		return DM_ENDIO_DONE;
	if (*error == BLK_STS_OK) {
		if (b->flush)
			return flush_after(t, bio, b);
		if (unlikely(READ_ONCE(t->env.owed)))
			*error = pay_debt(t, b);
		return DM_ENDIO_DONE;
	}
	return end_failed(t, bio, b, *error);
}

static noinline int end_usual(struct dm_target *ti, struct bio *bio,
			      blk_status_t *error)
{
	struct dmr_bio *b = dmr_bio_of(bio);
	struct dmr_target *t = ti->private;

	if (likely(b->sent == DMR_SENT_WRITE)) {
		this_cpu_inc(t->env.inflight->out[b->ticket]);
		if (likely(*error == BLK_STS_OK &&
			   !READ_ONCE(t->env.drain[DMR_MAIN].waiting))) {
			raw_cpu_write(t->env.inflight->last_good,
				      b->iter.bi_sector);
			return DM_ENDIO_DONE;
		}
	} else if (b->sent == DMR_SENT_READ && *error == BLK_STS_OK) {
		return DM_ENDIO_DONE;
	}
	return end_slow(t, b, error);
}

/*
 * As with dmr_map(), this much and no more is done for nearly every bio. A read
 * that ended well is not even looked up, as long as none can be a slot's, which is
 * counted: map_slow() says so before it sends the first one.
 */
int dmr_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	struct dmr_target *t = ti->private;

	if (bio_op(bio) == REQ_OP_READ && likely(*error == BLK_STS_OK) &&
	    likely(!READ_ONCE(t->slots_read)))
		return DM_ENDIO_DONE;
	return end_usual(ti, bio, error);
}
