// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: the device-mapper target.
 *
 * The way of a failed write: dmr_map() sends it to main; dmr_end_io() gets the
 * error, keeps the bio (DM_ENDIO_INCOMPLETE) and queues it (dm-remap-queue.c); a
 * worker calls dmr_engine_examine(), which retries each block alone
 * (dm-remap-engine-examine.c); another one, dmr_engine_run(), which writes the bad
 * ones to slots and commits (dm-remap-engine-write.c, dm-remap-engine.c);
 * dmr_env_complete() ends the bio.
 */
#include "dm-remap.h"
#include "dm-remap-version.h"

#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sched/mm.h>

/* A failed write-zeroes is retried block by block: keep it within reason. */
#define DMR_MAX_ZEROES_SECTORS	32768U

/*--------------------------------------------------------------------
 * Fast path
 *--------------------------------------------------------------------
 */

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
	if (bio_op(bio) == REQ_OP_DISCARD)
		return end_now(bio, BLK_STS_OK);
	/* What is left on main cannot be erased. */
	return end_now(bio, BLK_STS_NOTSUPP);
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
static int dmr_map(struct dm_target *ti, struct bio *bio)
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
static int dmr_end_io(struct dm_target *ti, struct bio *bio,
		      blk_status_t *error)
{
	struct dmr_target *t = ti->private;

	if (bio_op(bio) == REQ_OP_READ && likely(*error == BLK_STS_OK) &&
	    likely(!READ_ONCE(t->slots_read)))
		return DM_ENDIO_DONE;
	return end_usual(ti, bio, error);
}

/*--------------------------------------------------------------------
 * Construction
 *--------------------------------------------------------------------
 */

static void describe_area(const struct dmr_target *t, struct dmr_area *area)
{
	const struct dmr_env *env = &t->env;

	*area = (struct dmr_area) {
		.spare_start = env->spare_start,
		.avail_blocks = (bdev_nr_sectors(env->spare->bdev) -
				 env->spare_start) >> DMR_BLOCK_SECTOR_SHIFT,
		.area_blocks = t->spare_length >> DMR_BLOCK_SECTOR_SHIFT,
		.main_sectors = bdev_nr_sectors(env->main->bdev),
		.main_lbs = bdev_logical_block_size(env->main->bdev),
		.spare_lbs = bdev_logical_block_size(env->spare->bdev),
		.main_start = get_start_sect(env->main->bdev),
		.main_grown = t->main_grown,
		.identity = t->identity,
		.label = t->label,
	};
}

/* The length of the area, whether or not the metadata has been loaded. */
static sector_t area_sectors(const struct dmr_target *t)
{
	if (t->engine.active)
		return t->engine.store.sb.layout.area_blocks <<
		       DMR_BLOCK_SECTOR_SHIFT;
	if (t->spare_length)
		return t->spare_length;
	return round_down(bdev_nr_sectors(t->env.spare->bdev) -
			  t->env.spare_start, DMR_BLOCK_SECTORS);
}

/* The physical block of the spare is not larger than this: others are not divided. */
static unsigned int spare_unit(const struct dmr_target *t)
{
	return min_t(unsigned int, DMR_BLOCK_SECTORS,
		     bdev_physical_block_size(t->env.spare->bdev) >> SECTOR_SHIFT);
}

/* The devices may have changed since the table was loaded. */
static int check_sizes(struct dmr_target *t, struct dm_target *ti)
{
	struct block_device *main = t->env.main->bdev;
	struct block_device *spare = t->env.spare->bdev;
	sector_t start = t->env.spare_start;
	unsigned int lbs = max(bdev_logical_block_size(main),
			       bdev_logical_block_size(spare));

	if (ti->len > bdev_nr_sectors(main)) {
		ti->error = "the main device is smaller than the target";
		return -EINVAL;
	}
	if (bdev_is_zoned(main) || bdev_is_zoned(spare)) {
		ti->error = "zoned devices are not supported";
		return -EINVAL;
	}
	if (bdev_logical_block_size(spare) > bdev_logical_block_size(main)) {
		ti->error = "the spare's logical blocks are larger than those of the main device";
		return -EINVAL;
	}
	if (lbs > DMR_BLOCK_SIZE) {
		ti->error = "logical blocks larger than 4096 bytes are not supported";
		return -EINVAL;
	}
	if ((start | ti->len) & ((lbs >> SECTOR_SHIFT) - 1)) {
		ti->error = "spare start or length is not a multiple of the logical block";
		return -EINVAL;
	}
	if (start >= bdev_nr_sectors(spare)) {
		ti->error = "the spare start lies beyond the end of the spare device";
		return -EINVAL;
	}
	if (t->spare_length > bdev_nr_sectors(spare) - start) {
		ti->error = "spare_length reaches beyond the end of the spare device";
		return -ENOSPC;
	}
	if (area_sectors(t) < DMR_MIN_AREA_BLOCKS * DMR_BLOCK_SECTORS) {
		ti->error = "the spare area is too small: at least 128 sectors are needed";
		return -ENOSPC;
	}
	return 0;
}

static int check_devices(struct dmr_target *t, struct dm_target *ti)
{
	struct block_device *main = t->env.main->bdev;
	struct block_device *spare = t->env.spare->bdev;
	sector_t start = t->env.spare_start;
	sector_t main_start = get_start_sect(main);
	int r = check_sizes(t, ti);

	if (r)
		return r;
	t->claim.disk = spare->bd_disk;
	t->claim.start = get_start_sect(spare) + start;
	t->claim.end = t->claim.start + area_sectors(t);
	t->claim.table = ti->table;
	t->claim.md = dm_table_get_md(ti->table);
	t->claim.env = &t->env;
	/* Nobody wants to lose the remaps of a device by a reload. */
	t->claim.exclusive = t->format;
	t->main_claim = (struct dmr_claim) {
		.disk = main->bd_disk,
		.start = main_start,
		.end = main_start + ti->len,
		.table = t->claim.table,
		.md = t->claim.md,
		.env = &t->env,
		.main = true,
	};
	if (main->bd_disk == spare->bd_disk &&
	    main_start < t->claim.end && t->claim.start < main_start + ti->len) {
		ti->error = main == spare && !start ?
			    "main and spare are the same device" :
			    "main and spare area overlap";
		return -EINVAL;
	}
	return 0;
}

/* What can be refused at once, is. Reads the superblocks, writes nothing. */
static int check_spare(struct dmr_target *t, struct dm_target *ti)
{
	struct dmr_super *sb = kvzalloc(sizeof(*sb), GFP_KERNEL);
	struct dmr_area area;
	struct dmr_why why;
	int r;

	if (!sb) {
		ti->error = "out of memory";
		return -ENOMEM;
	}
	describe_area(t, &area);
	r = dmr_store_probe(&t->env, &area, sb, &why);
	if (r == 1 && t->tuning.read_only) {
		strscpy(why.text, "a blank spare cannot be formatted read-only",
			sizeof(why.text));
		r = -EROFS;
	} else if ((r == 1 || t->format) && (t->claim.start & (spare_unit(t) - 1))) {
		snprintf(why.text, sizeof(why.text),
			 "the spare area would start at sector %llu of its disk, within a physical block: choose a multiple of %u",
			 (u64)t->claim.start, spare_unit(t));
		r = -EIO;
	}
	/* With "format", anything that is there may be overwritten. */
	if (r == 1 || (t->format && r != -ENOMEM && r != -EIO))
		r = 0;
	if (!r && sb->seq && !t->format)
		t->claim.end = t->claim.start +
			       (sb->layout.area_blocks <<
				DMR_BLOCK_SECTOR_SHIFT);
	kvfree(sb);
	if (r) {
		DMERR("%s: %pg: %s", dm_table_device_name(ti->table),
		      t->env.spare->bdev, why.text);
		ti->error = "the spare cannot be used, see the line before";
	}
	return r;
}

static void destroy(struct dmr_target *t, struct dm_target *ti)
{
	dmr_queue_exit(t);
	dmr_env_exit(&t->env);
	dmr_engine_exit(&t->engine);
	dmr_registry_release(&t->claim);
	dmr_registry_release(&t->main_claim);
	if (t->env.spare)
		dm_put_device(ti, t->env.spare);
	if (t->env.main)
		dm_put_device(ti, t->env.main);
	mutex_destroy(&t->env.lock);
	mutex_destroy(&t->env.retry_lock);
	mutex_destroy(&t->admin_lock);
	kvfree(t);
}

static int claim_area(struct dmr_target *t, struct dm_target *ti)
{
	int r = dmr_registry_claim(&t->claim);

	if (r) {
		ti->error = t->format ?
			    "the spare area is in use, and cannot be formatted" :
			    "the spare area is in use by another dm-remap device";
		return r;
	}
	r = dmr_registry_claim(&t->main_claim);
	if (r)
		ti->error = "the main device is in use by another dm-remap device";
	return r;
}

static int dmr_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dmr_target *t = kvzalloc(sizeof(*t), GFP_KERNEL);
	int r;

	if (!t) {
		ti->error = "out of memory";
		return -ENOMEM;
	}
	mutex_init(&t->env.lock);
	mutex_init(&t->env.retry_lock);
	mutex_init(&t->admin_lock);
	t->suspended = true;

	r = dmr_parse_args(t, ti, argc, argv);
	if (!r)
		r = check_devices(t, ti);
	if (r)
		goto bad;

	r = dmr_env_init(&t->env, ti);
	if (!r)
		r = dmr_engine_init(&t->engine, &t->env, &t->tuning, ti->len);
	if (!r)
		r = dmr_queue_init(t);
	if (r) {
		ti->error = "out of memory";
		goto bad;
	}
	r = check_spare(t, ti);
	if (!r)
		r = claim_area(t, ti);
	if (r)
		goto bad;

	ti->private = t;
	ti->per_io_data_size = sizeof(struct dmr_bio);
	/* One for each device: see map_flush(). */
	ti->num_flush_bios = 2;
	ti->num_write_zeroes_bios = 1;
	ti->num_secure_erase_bios = 1;
	/* Discards of remapped blocks are not sent on, so only main matters. */
	if (bdev_max_discard_sectors(t->env.main->bdev)) {
		ti->num_discard_bios = 1;
		ti->discards_supported = true;
	}
	return 0;
bad:
	destroy(t, ti);
	return r;
}

static void dmr_dtr(struct dm_target *ti)
{
	destroy(ti->private, ti);
}

/*--------------------------------------------------------------------
 * Suspend and resume
 *--------------------------------------------------------------------
 */

/* Messages come to an end: device-mapper waits for them, with all I/O stopped. */
static void dmr_presuspend(struct dm_target *ti)
{
	struct dmr_target *t = ti->private;

	WRITE_ONCE(t->env.stopping, true);
}

static void dmr_presuspend_undo(struct dm_target *ti)
{
	struct dmr_target *t = ti->private;

	WRITE_ONCE(t->env.stopping, false);
}

static void dmr_postsuspend(struct dm_target *ti)
{
	struct dmr_target *t = ti->private;
	unsigned int noio;

	/* Device-mapper has waited for all bios. */
	dmr_queue_drain(t);
	noio = memalloc_noio_save();
	dmr_env_lock(&t->env);
	if (!t->suspended)
		dmr_engine_save(&t->engine);
	t->suspended = true;
	dmr_env_unlock(&t->env);
	memalloc_noio_restore(noio);
	dmr_env_flush_events(&t->env);
}

static int activate(struct dmr_target *t, struct dmr_super *sb,
		    struct dmr_why *why)
{
	struct dm_target *ti = t->env.ti;
	struct dmr_area area;
	sector_t end;
	int r;

	r = check_sizes(t, ti);
	if (r) {
		strscpy(why->text, ti->error, sizeof(why->text));
		return r;
	}
	describe_area(t, &area);
	r = t->format ? 1 : dmr_store_probe(&t->env, &area, sb, why);
	if (r < 0)
		return r;
	/* It may have been grown since, by the table that this one replaces. */
	end = r ? area_sectors(t) : sb->layout.area_blocks <<
				    DMR_BLOCK_SECTOR_SHIFT;
	if (dmr_grow_claim(&t->claim, t->claim.start + end)) {
		strscpy(why->text, "the spare area has grown into one that is in use",
			sizeof(why->text));
		return -EBUSY;
	}
	if (r == 1)
		r = dmr_store_format(&t->env, &area, sb, why);
	if (r)
		return r;
	t->format = false;
	t->main_grown = false;
	dmr_registry_inherit(&t->claim);
	r = dmr_engine_activate(&t->engine, sb, why);
	if (r)
		dmr_engine_deactivate(&t->engine);
	else if (t->spare_length)
		t->spare_length = area_sectors(t);
	return r;
}

/*
 * An old table of the same device has gone quiet by now, so this is when the
 * metadata can be loaded; and no I/O has come yet.
 */
static int dmr_preresume(struct dm_target *ti)
{
	struct dmr_target *t = ti->private;
	struct dmr_super *sb;
	struct dmr_why why = { "" };
	unsigned int noio;
	int r = 0;

	dmr_env_lock(&t->env);
	if (!t->engine.active) {
		noio = memalloc_noio_save();
		sb = kvzalloc(sizeof(*sb), GFP_KERNEL);
		r = sb ? activate(t, sb, &why) : -ENOMEM;
		memalloc_noio_restore(noio);
		kvfree(sb);
		if (r)
			DMERR("%s: %pg: %s", dm_table_device_name(ti->table),
			      t->env.spare->bdev, why.text);
	}
	if (!r) {
		t->suspended = false;
		WRITE_ONCE(t->env.stopping, false);
	}
	dmr_env_unlock(&t->env);
	return r;
}

/*--------------------------------------------------------------------
 * Limits
 *--------------------------------------------------------------------
 */

static int dmr_iterate_devices(struct dm_target *ti,
			       iterate_devices_callout_fn fn, void *data)
{
	struct dmr_target *t = ti->private;
	sector_t base = get_start_sect(t->env.spare->bdev);
	sector_t start = t->env.spare_start;
	int r;

	r = fn(ti, t->env.main, 0, ti->len, data);
	if (r)
		return r;
	/*
	 * Where the area starts says nothing about the alignment of what is mapped: an
	 * old one may start within a physical block.
	 */
	start = round_up(base + start, spare_unit(t)) - base;
	return fn(ti, t->env.spare, start, area_sectors(t) -
		  (start - t->env.spare_start), data);
}

static int dmr_prepare_ioctl(struct dm_target *ti, struct block_device **bdev,
			     unsigned int cmd, unsigned long arg, bool *forward)
{
	struct dmr_target *t = ti->private;

	*bdev = t->env.main->bdev;
	/* Raw commands would get past the map: for the privileged only. */
	return 1;
}

static struct target_type dmr_target_type = {
	.name = "dm-remap",
	.version = { DMR_RELEASE_MAJOR, DMR_RELEASE_MINOR, DMR_RELEASE_PATCH },
	.features = DM_TARGET_NOWAIT,
	.module = THIS_MODULE,
	.ctr = dmr_ctr,
	.dtr = dmr_dtr,
	.map = dmr_map,
	.end_io = dmr_end_io,
	.presuspend = dmr_presuspend,
	.presuspend_undo = dmr_presuspend_undo,
	.postsuspend = dmr_postsuspend,
	.preresume = dmr_preresume,
	.status = dmr_status,
	.message = dmr_message,
	.prepare_ioctl = dmr_prepare_ioctl,
	.iterate_devices = dmr_iterate_devices,
};

static int __init dmr_init(void)
{
	return dm_register_target(&dmr_target_type);
}

static void __exit dmr_exit(void)
{
	dm_unregister_target(&dmr_target_type);
}

module_init(dmr_init);
module_exit(dmr_exit);

MODULE_DESCRIPTION(DM_NAME " target that replaces bad blocks from a spare device");
MODULE_AUTHOR("dm-remap developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(DMR_RELEASE);
/* What device-mapper asks for when it meets the target's name. */
MODULE_ALIAS("dm-dm-remap");
