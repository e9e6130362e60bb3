// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: a random life of a mapped device.
 */
#include "sim.h"
#include "device.h"
#include "exhaust.h"

#define ULLA(x)	((unsigned long long)(x))

/*--------------------------------------------------------------------
 * Workload
 *--------------------------------------------------------------------
 */

/* Blocks one behind the other, each with an I/O of its own: they may be merged. */
static void start_row(u8 op)
{
	u32 blocks = W.main_sectors / 8, block = pick(min(blocks, 12U));
	u32 n = 2 + pick(5);

	for (; n && block < blocks && W.nr_uios < 8; n--, block++)
		world_start(op, block * 8, 8, false, false);
}

void start_any(void)
{
	static const u8 op[] = {
		REQ_OP_READ, REQ_OP_WRITE, REQ_OP_WRITE, REQ_OP_WRITE,
		REQ_OP_WRITE, REQ_OP_FLUSH, REQ_OP_WRITE_ZEROES, REQ_OP_DISCARD,
	};
	u8 o = op[pick(ARRAY_SIZE(op))];
	u32 max, sector, n;

	if (o == REQ_OP_DISCARD && pick(3))
		o = REQ_OP_READ;
	if (o == REQ_OP_FLUSH) {
		world_start(o, 0, 0, false, false);
		return;
	}
	if (W.profile.merge && W.profile.concurrent && pick(4) == 1) {
		start_row(o == REQ_OP_DISCARD ? REQ_OP_WRITE : o);
		return;
	}
	/* A few places are visited often, so that things meet. */
	sector = pick(3) ? pick(min(W.main_sectors, 40U)) :
		 pick(W.main_sectors);
	max = pick(3) ? 8 : pick(4) ? 24 : MAX_UIO_SECTORS;
	n = 1 + pick(min(max, W.main_sectors - sector));
	if (W.disk[DMR_MAIN].lbs == 8) {
		sector &= ~7U;
		n = min((n + 7) & ~7U, W.main_sectors - sector);
	}
	world_start(o, sector, n, o != REQ_OP_READ && o != REQ_OP_DISCARD &&
		    chance(200), false);
}

/* What the administrator is told of blocks that were to go to the spare. */
void check_told(int r)
{
	if (r == -ENOSPC && dmr_store_free_slots(&W.engine.store))
		violation("the spare is said to be full, and has free slots");
}

static struct {
	u32 what;
	u64 block, nr;
} job;

static void do_job(void)
{
	u64 block = job.block, nr = job.nr;
	struct dmr_tally t = { 0 };
	int r = 0;

	switch (job.what) {
	case 0:
	case 1:
		trace("evacuate %llu+%llu", ULLA(block), ULLA(nr));
		memset(W.cause + block, 1, nr);
		r = dmr_engine_evacuate(&W.engine, block, nr, &t);
		check_told(r);
		break;
	case 2:
		trace("mark bad %llu+%llu", ULLA(block), ULLA(nr));
		memset(W.cause + block, 1, nr);
		r = dmr_engine_mark_bad(&W.engine, block, nr, &t);
		check_told(r);
		break;
	case 3:
	case 4:
		trace("release %llu+%llu", ULLA(block), ULLA(nr));
		r = dmr_engine_release(&W.engine, block, nr, DMR_ANY, &t);
		break;
	case 5:
		trace("forget bad %llu+%llu", ULLA(block), ULLA(nr));
		r = dmr_engine_release(&W.engine, block, nr, DMR_KNOWN_BAD, &t);
		break;
	case 6:
		trace("retest %llu+%llu", ULLA(block), ULLA(nr));
		r = dmr_engine_release(&W.engine, block, nr, DMR_UNPROVEN, &t);
		break;
	case 7:
		trace("breaker close, save");
		dmr_env_lock(NULL);
		dmr_engine_close_breaker(&W.engine);
		dmr_engine_reset_counters(&W.engine);
		dmr_engine_save(&W.engine);
		dmr_env_unlock(NULL);
		break;
	case 8:
		dmr_env_lock(NULL);
		nr += W.engine.store.sb.layout.area_blocks + 16;
		if (W.profile.grow && nr < W.spare_blocks) {
			trace("grow to %llu", ULLA(nr));
			/* After an error or a crash, one or the other may be found. */
			W.area.area_blocks = 0;
			r = dmr_engine_grow(&W.engine, nr);
			W.min_area = W.engine.store.sb.layout.area_blocks;
			if (r)
				W.profile.grow = false;
		}
		dmr_env_unlock(NULL);
		break;
	}
	trace("admin: %d, done %llu skipped %llu failed %llu", r, ULLA(t.done),
	      ULLA(t.skipped), ULLA(t.failed));
	check_mode();
	check_causes();
}

void admin(void)
{
	u64 last = (W.main_sectors - 1) / 8;

	if (world_admin_busy())
		return;
	job.block = pick(2) ? pick(6) : pick(last + 1);
	job.nr = 1 + pick(min_t(u64, pick(2) ? 3 : 20, last + 1 - job.block));
	job.what = pick(9);
	world_admin(do_job);
}

static void choose_profile(void)
{
	struct profile *f = &W.profile;
	u32 kind = pick(8);

	*f = (struct profile) {
		.concurrent = pick(8) > 0,
		.admin = pick(2),
		.grow = pick(4) == 1,
		.crash = pick(3) * 15,
		.meta_errors = 10 * pick(9),
		.to_lasting = pick(3) * 300,
		.slow = pick(3) ? 0 : pick(2) ? 1000 : pick(1000),
		.damage_main = pick(4) > 0,
		.no_memory = pick(6) == 1 ? 1 + pick(100) : 0,
	};
	if (pick(4)) {
		f->transient[DMR_MAIN][0] = pick(60);
		f->transient[DMR_MAIN][1] = pick(200);
	}
	if (kind >= 4) {
		f->transient[DMR_SPARE][0] = pick(40);
		f->transient[DMR_SPARE][1] = pick(60);
		f->damage_spare = pick(2);
		f->flush_error = pick(3) ? 0 : pick(60);
	}
	f->fua[DMR_MAIN] = pick(2);
	f->fua[DMR_SPARE] = pick(2);
	if (pick(3) == 1)
		f->merge = 1 + pick(2);
	if (kind == 6)
		f->other_status = 200;
	if (kind == 7)
		f->death = pick(2);
}

/*
 * Make the first slots bad, so that entries in use lie in other sectors of the
 * table than its header: or else no change could be torn.
 */
static void age(void)
{
	struct dmr_store *store = &W.engine.store;
	u32 i, slot;

	if (W.engine.mode != DMR_MODE_RW)
		return;
	trace("the first %u slots are bad", W.age);
	for (i = 0; i < W.age; i++) {
		slot = dmr_store_alloc(store);
		if (slot == DMR_NO_SLOT)
			break;
		dmr_store_stage(store, slot, dmr_word(0, DMR_BAD, 0, 0, 0));
		if (store->nr_staged == DMR_MAX_STAGED &&
		    dmr_store_commit(store))
			violation("cannot age the spare");
	}
	if (dmr_store_commit(store))
		violation("cannot age the spare");
}

static int format(u64 area_blocks, struct dmr_super *sb, struct dmr_why *why)
{
	struct dmr_area area = W.area;

	area.area_blocks = area_blocks;
	return dmr_store_format(NULL, &area, sb, why);
}

/*
 * Another area has been here before, and the power goes while this one is
 * written: what is found then is refused, blank or a whole one.
 */
static void format_for_long(struct dmr_super *sb)
{
	static struct dmr_engine scratch;
	struct dmr_why why = { "" };
	int r;

	W.crash_at = NEVER;
	if (pick(2)) {
		if (setjmp(W.crash))
			violation("a crash where there should be none");
		r = format(16 + pick(W.spare_blocks - 15), sb, &why);
		if (r)
			violation("format: %s", why.text);
	}
	if (setjmp(W.crash)) {
		power_off();
		sb = sim_calloc(1, sizeof(*sb));
		W.area.area_blocks = 0;
		r = dmr_store_probe(NULL, &W.area, sb, &why);
		if (!r)
			r = dmr_engine_init(&scratch, NULL, &W.tuning,
					    W.main_sectors) ?:
			    dmr_engine_activate(&scratch, sb, &why);
		trace("after a crash of format: %d %s", r, why.text);
		if (!r && scratch.store.nr_live)
			violation("a new area is in use");
		if (!r && scratch.mode != DMR_MODE_RW && !W.tuning.read_only)
			violation("a new area is not whole");
		dmr_engine_exit(&scratch);
	} else {
		W.crash_at = W.ios + 1 + pick(20);
		format(W.first_area, sb, &why);
		W.crash_at = NEVER;
		power_off();
	}
	sim_free_all();
	W.crash_at = NEVER;
}

void format_and_load(void)
{
	struct dmr_super *sb = sim_calloc(1, sizeof(*sb));
	struct dmr_why why;

	kernel_shim_fail_alloc = no_memory;
	disk_init(&W.disk[DMR_MAIN], "main", W.main_sectors, 0);
	disk_init(&W.disk[DMR_SPARE], "spare", W.spare_blocks * 8, 0xee);
	W.disk[DMR_SPARE].fua = W.profile.fua[DMR_SPARE] || W.every_pattern;
	W.disk[DMR_MAIN].fua = W.profile.fua[DMR_MAIN] || W.every_pattern;
	world_fill_main();
	oracle_init(W.main_sectors);
	W.area = (struct dmr_area) {
		.avail_blocks = W.spare_blocks,
		.area_blocks = W.area.area_blocks,
		.main_sectors = W.main_sectors,
		.identity = "",
		.label = "",
	};
	sectors_init();
	W.min_area = W.first_area = W.area.area_blocks;
	if (W.named || (!W.every_pattern && pick(3) == 1))
		W.area.identity = "disk-1";
	if (!W.every_pattern && pick(8) == 1) {
		format_for_long(sb);
		sb = sim_calloc(1, sizeof(*sb));
		W.area.area_blocks = W.first_area;
	}
	if (setjmp(W.crash))
		violation("a crash where there should be none");
	if (dmr_store_format(NULL, &W.area, sb, &why))
		violation("format: %s", why.text);
	sim_free(sb);
	load();
	age();
}

static void choose_sectors(void)
{
	u32 i;

	W.lbs[DMR_MAIN] = pick(4) == 1 ? 8 : 1;
	W.lbs[DMR_SPARE] = W.lbs[DMR_MAIN] == 8 && pick(2) ? 8 : 1;
	for (i = 0; i < 2; i++)
		W.pbs[i] = pick(2) ? 1 : 1 << pick(8);
	if (W.lbs[DMR_MAIN] == 1)
		W.main_sectors -= pick(2) ? 0 : pick(8);
}

static void choose_world(void)
{
	choose_profile();
	W.main_sectors = (8 + pick(pick(4) ? 24 : 150)) * 8;
	choose_sectors();
	W.area.area_blocks = 16 + pick(pick(4) ? 50 : 700);
	if (pick(2)) {
		W.age = pick(4) ? pick(150) : pick(500);
		W.area.area_blocks = min_t(u64, W.area.area_blocks + W.age,
					   850);
	}
	/* As many blocks in the table as there is room for, and all of them in use. */
	if (W.profile.damage_spare && pick(2)) {
		W.profile.damage_tables = true;
		W.age = 300 + pick(200);
		W.area.area_blocks = 770 + pick(80);
	}
	W.spare_blocks = W.area.area_blocks +
			 (W.profile.grow ? 16 + pick(200) : 0);
	W.tuning = (struct dmr_tuning) {
		.read_only = pick(50) == 1,
		.read_retries = pick(4),
		.budget_ms = pick(4) * 500,
		.breaker_count = pick(4) == 1 ? 1 + pick(40) : 0,
		.breaker_seconds = 10,
		.low_water = 3,
	};
}

static void step(void)
{
	u32 what = pick(100);

	if (what < 40) {
		if (W.nr_uios < (W.profile.concurrent ? 8 : 1))
			start_any();
	} else if (what < 70) {
		world_event();
	} else if (what < 85) {
		world_work();
	} else if (what < 90) {
		if (W.profile.damage_tables && pick(2))
			device_damage_tables();
		else if (W.profile.damage_main || W.profile.damage_spare)
			device_damage();
	} else if (what < 96) {
		if (W.profile.admin)
			admin();
	} else if (what < 97) {
		if (pick(4) == 3)
			suspend_and_resume();
		else if (pick(4) == 3)
			replace_spare();
		else
			reload();
	} else if (what < 98) {
		W.seconds += pick(20);
		disk_evict(&W.disk[pick(2)]);
	} else if (what < 99) {
		if (W.profile.death && chance(100)) {
			struct disk *d = &W.disk[pick(2)];

			d->dead = true;
			d->gone = pick(2);
			if (d == &W.disk[DMR_MAIN])
				W.any_main_odd = true;
			else
				W.any_spare_fault = W.any_meta_fault = true;
			trace("%s dies", d->name);
		}
	} else {
		world_settle();
		if (!some_disk_dead())
			verify_all(false);
	}
}

void run_random(void)
{
	volatile u32 steps;

	choose_world();
	trace("main %u sectors, spare %llu blocks of %u", W.main_sectors,
	      ULLA(W.area.area_blocks), W.spare_blocks);
	format_and_load();
	W.faults = true;
	for (steps = 30 + pick(250); steps && W.loaded; steps--) {
		if (setjmp(W.crash)) {
			crash_and_recover(true);
			continue;
		}
		W.crash_at = NEVER;
		if (chance(W.profile.crash))
			W.crash_at = W.ios + 1 + pick(12);
		step();
		/* An idle moment is also one for the power to go. */
		if (W.crash_at != NEVER)
			device_crash();
	}
	if (!W.loaded || some_disk_dead()) {
		world_drop_all();
		goto out;
	}
	/* At least one crash, and one reading. */
	if (setjmp(W.crash)) {
		crash_and_recover(false);
		goto out;
	}
	W.crash_at = NEVER;
	if (pick(2)) {
		world_finish();
		if (pick(2))
			verify_all(false);
	}
	device_crash();
out:
	W.absorbed = atomic64_read(&W.engine.counter[DMR_ABSORBED]);
	W.rescued = atomic64_read(&W.engine.counter[DMR_RESCUED]);
	W.replaced = atomic64_read(&W.engine.counter[DMR_REPLACED]);
	if (W.loaded) {
		W.loaded = false;
		world_engine_exit();
	}
	sim_free_all();
}
