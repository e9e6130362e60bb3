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

#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sched/mm.h>

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

/* The length of the area, whether or not the metadata has been loaded. Any context. */
static sector_t area_sectors(const struct dmr_target *t)
{
	sector_t length = READ_ONCE(t->spare_length);

	/* The layout is there then: see dmr_engine_activate(). */
	if (smp_load_acquire(&t->engine.active))
		return READ_ONCE(t->engine.store.sb.layout.area_blocks) <<
		       DMR_BLOCK_SECTOR_SHIFT;
	if (length)
		return length;
	return round_down(bdev_nr_sectors(t->env.spare->bdev) -
			  t->env.spare_start, DMR_BLOCK_SECTORS);
}

/*
 * How far sector @at of the spare device lies behind the start of a unit of its disk,
 * which may itself not start with one: for disks made for partitions at sector 63.
 */
static u32 spare_offset(const struct dmr_target *t, sector_t at, u32 unit)
{
	struct block_device *spare = t->env.spare->bdev;
	u32 first = bdev_get_queue(spare)->limits.alignment_offset >> SECTOR_SHIFT;
	u32 offset;

	div_u64_rem(get_start_sect(spare) + at + unit - first % unit, unit,
		    &offset);
	return offset;
}

/*
 * Writing a slot must not tear its neighbour, as the write of a part of a physical block
 * may if the power goes. Where these are larger than a slot, no place helps.
 */
static u32 slot_offset(const struct dmr_target *t)
{
	u32 pbs = bdev_physical_block_size(t->env.spare->bdev) >> SECTOR_SHIFT;

	return spare_offset(t, t->env.spare_start,
			    min_t(u32, pbs, DMR_BLOCK_SECTORS));
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
	struct dmr_super *sb = kvzalloc_obj(*sb);
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
	} else if ((r == 1 || t->format) && slot_offset(t)) {
		snprintf(why.text, sizeof(why.text),
			 "the spare area would start at sector %llu of its disk, %u sectors within a physical block",
			 (u64)t->claim.start, slot_offset(t));
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
	struct dmr_target *t = kvzalloc_obj(*t);
	int r;

	if (!t) {
		ti->error = "out of memory";
		return -ENOMEM;
	}
	mutex_init(&t->admin_lock);
	t->suspended = true;

	r = dmr_env_init(&t->env, ti);
	if (r) {
		ti->error = "out of memory";
		goto bad;
	}
	r = dmr_parse_args(t, ti, argc, argv);
	if (!r)
		r = check_devices(t, ti);
	if (r)
		goto bad;

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
	/*
	 * No secure erase: what main failed to take, and slots that were released or went
	 * bad, keep what they held.
	 */
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
	WRITE_ONCE(t->suspended, true);
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
		sb = kvzalloc_obj(*sb);
		r = sb ? activate(t, sb, &why) : -ENOMEM;
		memalloc_noio_restore(noio);
		kvfree(sb);
		if (r)
			DMERR("%s: %pg: %s", dm_table_device_name(ti->table),
			      t->env.spare->bdev, why.text);
	}
	if (!r) {
		WRITE_ONCE(t->suspended, false);
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
	struct block_device *spare = t->env.spare->bdev;
	sector_t len = area_sectors(t);
	u32 unit, skip;
	int r;

	r = fn(ti, t->env.main, 0, ti->len, data);
	if (r)
		return r;
	/*
	 * Where the area starts says nothing about the alignment of what is mapped, and must
	 * not change it: it is told as if it started where the spare is aligned.
	 */
	unit = max_t(u32, bdev_physical_block_size(spare), bdev_io_min(spare)) >>
	       SECTOR_SHIFT;
	skip = spare_offset(t, t->env.spare_start, unit);
	if (skip)
		skip = unit - skip;
	if (skip >= len)
		skip = 0;
	return fn(ti, t->env.spare, t->env.spare_start + skip, len - skip, data);
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
