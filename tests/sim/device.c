// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: devices that fail, and the environment of the engine.
 */
#include "sim.h"
#include "device.h"
#include "fiber.h"
#include "spare/env.h"

/*--------------------------------------------------------------------
 * Errors
 *--------------------------------------------------------------------
 */

/* Whoever waits now may be let down, and rightly so. */
void excuse_all(void)
{
	struct uio *u;

	list_for_each_entry(u, &W.uios, list)
		u->may_fail = true;
}

static void excuse(void)
{
	if (W.loaded && (W.engine.mode != DMR_MODE_RW || W.engine.breaker_open ||
			 dmr_store_free_slots(&W.engine.store) <=
			 2 * DMR_BATCH))
		excuse_all();
}

static bool is_meta(u64 sector)
{
	const struct dmr_layout *l = &W.engine.store.sb.layout;
	u64 block = sector / 8;
	u32 i;

	if (!W.loaded)
		return true;
	for (i = 0; i < l->nr_segments; i++) {
		const struct dmr_segment *s = &l->seg[i];

		if ((block >= s->run[0] && block < s->run[0] + s->run_len[0]) ||
		    (block >= s->run[1] && block < s->run[1] + s->run_len[1]))
			return false;
	}
	return true;
}

static void blame(u32 dev, u64 sector, u32 sectors)
{
	u32 i;

	if (dev == NEW_SPARE) {
		W.new_fault = true;
		return;
	}
	if (dev == DMR_SPARE) {
		W.any_spare_fault = true;
		if (is_meta(sector) || W.disk[dev].dead)
			W.any_meta_fault = true;
		return;
	}
	for (i = 0; i < sectors; i++)
		W.main_fault[(sector + i) / 8] = 1;
	/* The last one that is asked whether main is alive. */
	if (fiber_inside() && sector + sectors == W.main_sectors)
		excuse_all();
}

/* A retry, of one block alone, has found the medium bad. */
static void found_bad(const struct flight *f)
{
	if (f->by && f->dev == DMR_MAIN &&
	    f->sector / 8 == (f->sector + f->sectors - 1) / 8)
		W.cause[f->sector / 8] = 1;
}

void device_allow(const struct flight *f)
{
	blame(f->dev, f->sector, f->sectors);
	found_bad(f);
}

static blk_status_t medium_status(void)
{
	static const blk_status_t s[] = {
		BLK_STS_MEDIUM, BLK_STS_IOERR, BLK_STS_TARGET,
	};

	return s[pick(3)];
}

static blk_status_t other_status(void)
{
	static const blk_status_t s[] = {
		BLK_STS_TRANSPORT, BLK_STS_TIMEOUT, BLK_STS_NOSPC,
		BLK_STS_RESV_CONFLICT, BLK_STS_PROTECTION, BLK_STS_AGAIN,
		BLK_STS_OFFLINE, BLK_STS_NOTSUPP,
	};

	return s[pick(ARRAY_SIZE(s))];
}

static blk_status_t transient(const struct flight *f)
{
	struct profile *p = &W.profile;
	bool read = f->op == REQ_OP_READ;
	u32 rate = p->transient[!!f->dev][!read];
	struct disk *d = &W.disk[f->dev];
	u8 bad;

	if (f->dev && rate)
		rate = rate * (is_meta(f->sector) ? p->meta_errors :
			       100 - p->meta_errors) / 50;
	if (!W.faults || !chance(rate))
		return BLK_STS_OK;
	blame(f->dev, f->sector, f->sectors);
	if (chance(p->other_status)) {
		W.any_main_odd = true;
		return other_status();
	}
	if (chance(p->to_lasting)) {
		u32 at = f->sector + pick(f->sectors);

		bad = read ? BAD_READ : BAD_WRITE | (pick(2) ? BAD_READ : 0);
		disk_spoil(d, at, 1, bad);
	}
	found_bad(f);
	return medium_status();
}

/* Part of a physical block is written, and the rest of it cannot be read. */
static bool cannot_fill_up(const struct flight *f)
{
	const struct disk *d = &W.disk[f->dev];
	u64 end = f->sector + f->sectors, at;

	for (at = round_down(f->sector, d->pbs); at < f->sector; at++)
		if (d->bad[at] & BAD_READ)
			return true;
	for (at = end; at < min_t(u64, round_up(end, d->pbs), d->sectors); at++)
		if (d->bad[at] & BAD_READ)
			return true;
	return false;
}

blk_status_t device_medium(const struct flight *f)
{
	bool read = f->op == REQ_OP_READ, fails = false;
	u8 bad = read ? BAD_READ : BAD_WRITE;
	u8 *at = W.disk[f->dev].bad + f->sector;
	u32 i;

	for (i = 0; i < f->sectors; i++) {
		fails |= at[i] & (bad | bad << 2);
		if (fails)
			at[i] &= ~(bad << 2);
	}
	if (!fails && (read || !cannot_fill_up(f)))
		return transient(f);
	blame(f->dev, f->sector, f->sectors);
	found_bad(f);
	return BLK_STS_MEDIUM;
}

/* Return: false if the device has no such sectors. */
static bool check_range(const struct flight *f)
{
	const struct disk *d = &W.disk[f->dev];

	if (f->sector + f->sectors > d->sectors || !f->sectors)
		violation("%s of %s beyond its end: %llu+%u",
			  f->op == REQ_OP_READ ? "read" : "write", d->name,
			  (unsigned long long)f->sector, f->sectors);
	if (!((f->sector | f->sectors) % d->lbs))
		return true;
	/* The tool may ask for them. */
	if (!f->by || !f->by->env)
		violation("%s of %s, which has sectors of %u bytes: %llu+%u",
			  f->op == REQ_OP_READ ? "read" : "write", d->name,
			  d->lbs * 512, (unsigned long long)f->sector,
			  f->sectors);
	return false;
}

blk_status_t device_begin(struct flight *f)
{
	struct disk *d = &W.disk[f->dev];
	blk_status_t status;
	u32 i;

	if (!check_range(f))
		return BLK_STS_IOERR;
	W.now++;
	/* It was merged into one that has failed. */
	if (f->fate->known)
		return f->fate->status;
	if (++W.ios >= W.crash_at)
		device_crash();
	if (d->dead) {
		blame(f->dev, f->sector, f->sectors);
		W.any_main_odd = true;
		f->fate->slow = f->dev == DMR_MAIN && device_slow();
		return BLK_STS_IOERR;
	}
	if (W.ios == W.fail_at) {
		trace("this one fails");
		for (i = 0; i < f->sectors; i++)
			d->bad[f->sector + i] |= W.fail_for_good ?
				BAD_READ | BAD_WRITE : f->op == REQ_OP_READ ?
				BAD_READ_ONCE : BAD_WRITE_ONCE;
	}
	status = device_medium(f);
	if (W.profile.merge)
		return device_merged(f, status);
	f->fate->slow = status != BLK_STS_OK && f->dev == DMR_MAIN &&
			device_slow();
	return status;
}

bool device_slow(void)
{
	bool slow = W.all_slow || chance(W.profile.slow);

	if (slow)
		W.unproven_ok = 1;
	return slow;
}

bool device_takes(blk_status_t status)
{
	return status == BLK_STS_OK || W.takes || pick(2);
}

blk_status_t device_flush(u32 dev, u64 seq)
{
	struct disk *d = &W.disk[dev];
	u32 lost;

	W.now++;
	if (++W.ios >= W.crash_at)
		device_crash();
	if (d->dead || W.ios == W.fail_at ||
	    (dev != NEW_SPARE && W.flush_fails[dev]) ||
	    (W.faults && chance(W.profile.flush_error))) {
		if (dev == NEW_SPARE)
			W.new_fault = true;
		else if (dev == DMR_SPARE)
			W.any_spare_fault = W.any_meta_fault = true;
		else
			W.any_main_odd = true;
		W.flush_failed |= W.ios == W.fail_at;
		if (dev != NEW_SPARE) {
			W.flush_errors[dev]++;
			W.flush_fails[dev] = false;
		}
		lost = disk_lose(d, W.every_pattern ? W.loses : pick(4));
		trace("flush of %s fails, and has lost %u sectors", d->name,
		      lost);
		return BLK_STS_IOERR;
	}
	disk_flush(d, seq);
	return BLK_STS_OK;
}

/* One that no caller has asked for: the next one that does is told. */
static blk_status_t own_flush(u32 dev, u64 seq)
{
	blk_status_t status = device_flush(dev, seq);

	if (status != BLK_STS_OK && dev != NEW_SPARE) {
		W.owed[dev] = true;
		oracle_lost();
	}
	return status;
}

/* A run of sectors goes bad by itself. */
void device_damage(void)
{
	bool spare = W.profile.damage_spare &&
		     (!W.profile.damage_main || pick(2));
	struct disk *d = &W.disk[spare];
	u32 sector = pick(d->sectors), n = 1 + pick(pick(2) ? 4 : 24);
	u8 bad = 1 + pick(3);

	if (spare && is_meta(sector) && pick(100) >= W.profile.meta_errors)
		return;
	trace("damage: %s %u+%u becomes %s", d->name, sector, n,
	      bad == BAD_WRITE ? "unwritable" : bad == BAD_READ ?
	      "unreadable" : "unusable");
	for (; n && sector < d->sectors; n--, sector++) {
		if (!spare && pick(8) == 1)
			continue;
		disk_spoil(d, sector, 1, bad);
		blame(spare, sector, 1);
	}
}

/* Is copy @copy of a block of the slot table bad in part? */
static bool is_bad_table(u32 copy, u32 table)
{
	u64 at = dmr_layout_table(&W.engine.store.sb.layout, copy, table) * 8;
	u32 i;

	for (i = 0; i < 8; i++)
		if (W.disk[DMR_SPARE].bad[at + i] & (BAD_READ | BAD_WRITE))
			return true;
	return false;
}

void device_damage_tables(void)
{
	const struct dmr_super *sb = &W.engine.store.sb;
	u32 table, copy;
	u8 bad;

	for (table = 0; table < sb->hwm; table++) {
		if (pick(2))
			continue;
		/* Mostly so that each of them has a good copy. */
		copy = pick(2);
		if (is_bad_table(!copy, table) && pick(16))
			copy = !copy;
		bad = BAD_WRITE | (pick(4) ? BAD_READ : 0);
		trace("damage: copy %u of table block %u becomes %s", copy,
		      table, bad & BAD_READ ? "unusable" : "unwritable");
		disk_spoil(&W.disk[DMR_SPARE],
			   dmr_layout_table(&sb->layout, copy, table) * 8 +
			   pick(8), 1, bad);
	}
	W.any_spare_fault = W.any_meta_fault = true;
}

/*--------------------------------------------------------------------
 * The environment of the engine
 *--------------------------------------------------------------------
 */

void device_meanwhile(void)
{
	u32 n;

	excuse();
	if (!W.loaded || W.suspended || !W.profile.concurrent)
		return;
	for (n = pick(fiber_inside() ? 3 : 4); n; n--) {
		if (fiber_inside())
			fiber_wait(NULL);
		else if (W.nr_uios < 6 && chance(200))
			start_any();
		else if (!pick(2) || !world_work())
			world_event();
	}
}

static u32 disk_of(const struct dmr_env *env, enum dmr_dev dev)
{
	return dev == DMR_SPARE && env ? (u32)env->fd : dev;
}

/* A superblock of a copy, which is not to be found before it is complete. */
static u8 *held(struct dmr_env *env, const struct dmr_io *io)
{
	unsigned int i;

	if (env && env->hold && io->sectors == 8)
		for (i = 0; i < DMR_NR_SUPERS; i++)
			if (io->sector == env->held_at[i] * 8)
				return env->held[i];
	return NULL;
}

static void trace_io(struct dmr_env *env, const struct dmr_io *io)
{
	if (!tracing)
		return;
	trace("engine: %s%s%s %s %llu+%u: %u%s",
	      (io->opf & REQ_OP_MASK) == REQ_OP_READ ? "read" : "write",
	      io->opf & REQ_PREFLUSH ? " preflush" : "",
	      io->opf & REQ_FUA ? " fua" : "", W.disk[disk_of(env, io->dev)].name,
	      (unsigned long long)io->sector, io->sectors, io->status,
	      io->dev == DMR_MAIN ? "" : is_meta(io->sector) ? " (metadata)" :
	      " (slot)");
}

bool device_flight(struct fiber *by, u32 i, struct flight *f)
{
	const struct dmr_io *io = &by->ios[i];

	*f = (struct flight) {
		.dev = disk_of(by->env, io->dev),
		.op = io->opf & REQ_OP_MASK,
		.fua = io->opf & REQ_FUA,
		.sector = io->sector,
		.sectors = io->sectors,
		.by = by,
		.fate = &by->fate[i],
	};
	return !held(by->env, io) && !(io->opf & REQ_PREFLUSH);
}

/* The @nr-th I/O of @me. */
static void exec_io(struct fiber *me, u32 nr, u64 flush_seq)
{
	struct dmr_env *env = me->env;
	struct dmr_io *io = &me->ios[nr];
	u32 i, dev = disk_of(env, io->dev);
	struct disk *d = &W.disk[dev];
	struct flight f;
	bool read = (io->opf & REQ_OP_MASK) == REQ_OP_READ;
	bool fua = io->opf & REQ_FUA;
	u32 errors = dmr_env_flush_errors(env, io->dev);
	u8 data[512], *at = held(env, io);

	if (at) {
		if (read)
			memcpy(io->buf, at, DMR_BLOCK_SIZE);
		else
			memcpy(at, io->buf, DMR_BLOCK_SIZE);
		io->status = BLK_STS_OK;
		return;
	}
	if (io->opf & REQ_PREFLUSH) {
		io->status = own_flush(dev, flush_seq);
		if (io->status != BLK_STS_OK)
			return;
		io->opf &= ~REQ_PREFLUSH;	/* see tear() */
	}
	device_flight(me, nr, &f);
	io->status = device_begin(&f);
	io->ms = f.fate->slow ? DMR_SLOW_MS + 300 : 0;
	if (f.fate->slow && dmr_engine_wants(f.op, io->status))
		work_failed_slowly(io);
	if (dev == DMR_SPARE && is_meta(io->sector) &&
	    io->status != BLK_STS_OK) {
		W.meta_unread += read;
		memset(W.unread + io->sector / 8, 1, io->sectors / 8);
	} else if (dev == DMR_SPARE && is_meta(io->sector)) {
		memset(W.unread + io->sector / 8, 0, io->sectors / 8);
	}
	if (!read && dev == DMR_SPARE && W.track)
		memset(W.written[1] + io->sector, 1, io->sectors);
	for (i = 0; i < io->sectors; i++) {
		at = d->cur + (io->sector + i) * 512;
		if (read) {
			if (io->status != BLK_STS_OK)
				at = memset(data, 0xa5, 512);
			if (io->buf)
				memcpy(io->buf + i * 512, at, 512);
			else if (io->status == BLK_STS_OK)
				req_sector_put(io->req, io->req_sector + i, at);
			continue;
		}
		if (!device_takes(io->status))
			continue;
		if (io->buf)
			memcpy(data, io->buf + i * 512, 512);
		else
			req_sector_get(io->req, io->req_sector + i, data);
		disk_write(d, io->sector + i, data, fua && d->fua &&
			   io->status == BLK_STS_OK);
	}
	/* The block layer makes a flush of it. */
	if (fua && !d->fua && io->status == BLK_STS_OK) {
		device_meanwhile();
		io->status = own_flush(dev, d->seq);
		if (errors != dmr_env_flush_errors(env, io->dev))
			io->status = BLK_STS_IOERR;
	}
	trace_io(env, io);
}

void dmr_env_io(struct dmr_env *env, struct dmr_io *ios, unsigned int nr)
{
	u64 seq = W.disk[disk_of(env, DMR_SPARE)].seq;
	struct fiber *me = fiber_current();
	unsigned int left = nr, i, n;
	blk_opf_t opf;

	if (nr > ARRAY_SIZE(me->done))
		violation("too many I/Os at once");
	if (ios[0].dev == DMR_MAIN && world_has_lock())
		violation("I/O to main under the mutex");
	if (ios[0].dev == DMR_MAIN)
		work_begins(ios);
	memset(me->done, 0, nr);
	memset(me->fate, 0, nr * sizeof(me->fate[0]));
	me->env = env;
	me->ios = ios;
	me->nr_ios = nr;
	if (ios[0].dev == DMR_MAIN && fiber_inside() &&
	    script_wants(WHEN_RETRYING)) {
		me->paused = true;
		fiber_wait(NULL);
	}
	while (left) {
		device_meanwhile();
		n = pick(left);
		for (i = 0; me->done[i] || n; i++)
			n -= !me->done[i];
		opf = ios[i].opf;
		exec_io(me, i, seq);
		ios[i].opf = opf;
		me->done[i] = true;
		left--;
	}
	me->nr_ios = 0;
	device_meanwhile();
}

/* The rest of what somebody had in flight may have come anywhere. */
static void tear(struct fiber *f)
{
	u8 data[512];
	u32 i, k;

	for (i = 0; i < f->nr_ios; i++) {
		struct dmr_io *io = &f->ios[i];
		struct disk *d = &W.disk[disk_of(f->env, io->dev)];

		/* A flush comes before all of the data. */
		if (f->done[i] || (io->opf & REQ_OP_MASK) == REQ_OP_READ ||
		    d->dead || held(f->env, io) || (io->opf & REQ_PREFLUSH))
			continue;
		for (k = 0; k < io->sectors; k++) {
			if (!pick(2))
				continue;
			if (io->buf)
				memcpy(data, io->buf + k * 512, 512);
			else
				req_sector_get(io->req, io->req_sector + k,
					       data);
			disk_write(d, io->sector + k, data, W.every_pattern);
		}
	}
	f->nr_ios = 0;
}

void device_crash(void)
{
	u32 i;

	W.cut_from = nr_choices;
	/* Now, while the memory of the I/Os is there. */
	for (i = 0; i <= NR_FIBERS; i++)
		tear(&fiber[i]);
	world_tear();
	fiber_crash();
}

bool dmr_env_fua_is_flush(struct dmr_env *env, enum dmr_dev dev)
{
	return !W.disk[disk_of(env, dev)].fua;
}

void dmr_env_owe(struct dmr_env *env, enum dmr_dev dev)
{
	(void)env;
	W.owed[dev] = true;
	oracle_lost();
}

blk_status_t dmr_env_flush(struct dmr_env *env, enum dmr_dev dev)
{
	u32 disk = disk_of(env, dev);
	u64 seq = W.disk[disk].seq;
	blk_status_t status;

	device_meanwhile();
	status = own_flush(disk, seq);
	trace("engine: flush %s: %u", W.disk[disk].name, status);
	device_meanwhile();
	return status;
}

u32 dmr_env_flush_errors(struct dmr_env *env, enum dmr_dev dev)
{
	u32 disk = disk_of(env, dev);

	return disk < 2 ? W.flush_errors[disk] : 0;
}

void dmr_env_synchronize(struct dmr_env *env)
{
	(void)env;
	device_meanwhile();
}

bool dmr_env_present(struct dmr_env *env, enum dmr_dev dev)
{
	(void)env;
	return !W.disk[dev].gone;
}

bool dmr_env_last_good(struct dmr_env *env, u64 *sector)
{
	(void)env;
	*sector = W.last_good;
	return W.have_last_good;
}

u64 dmr_env_seconds(struct dmr_env *env)
{
	(void)env;
	return W.seconds;
}

void dmr_env_event(struct dmr_env *env)
{
	(void)env;
}

void dmr_env_log(struct dmr_env *env, enum dmr_log_level level,
		 const char *fmt, ...)
{
	char text[300];
	va_list args;

	(void)env;
	if (!tracing && level != DMR_LOG_ERR)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	trace("log: %s", text);
}

void dmr_env_random(struct dmr_env *env, void *buf, size_t size)
{
	if (env && env->uuid) {
		memcpy(buf, env->uuid, size);
		return;
	}
	memset(buf, 0x42, size);
	if (size != sizeof(W.uuid))
		return;
	/* No two areas are alike. */
	memcpy(buf, &W.nr_uuids, sizeof(W.nr_uuids));
	W.nr_uuids++;
	memcpy(W.uuid, buf, sizeof(W.uuid));
}
