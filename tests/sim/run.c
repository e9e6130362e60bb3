// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: a random life of a mapped device.
 */
#include "sim.h"
#include "device.h"
#include "exhaust.h"

#define ULLA(x)	((unsigned long long)(x))

/*--------------------------------------------------------------------
 * Load, crash, recover
 *--------------------------------------------------------------------
 */

/* No allocation of the core. */
bool no_memory(void)
{
	if (!W.script_no_memory &&
	    (!W.faults || !chance(W.profile.no_memory)))
		return false;
	trace("no memory");
	W.no_memory = true;
	excuse_all();
	return true;
}

/* The next load may find the old or the new version of these entries. */
static void note_open(void)
{
	const struct dmr_store *store = &W.engine.store;
	unsigned int i;
	u64 word;
	u32 slot;

	for (i = 0; i < store->nr_staged; i++) {
		word = store->staged[i].word;
		if (dmr_word_state(word) != DMR_LIVE)
			word = dmr_store_word(store, store->staged[i].slot);
		W.open[dmr_word_block(word)] = 1;
	}
	/* A commit that failed leaves them as lost. */
	if (!W.engine.active || store->copies_whole == BIT(DMR_NR_COPIES) - 1)
		return;
	for (slot = 0; slot < dmr_store_slot_limit(store); slot++) {
		word = dmr_store_word(store, slot);
		if (dmr_word_lost(word))
			W.open[dmr_word_block(word)] = 1;
	}
}

/* What is on the medium, whether or not it can be read. */
static bool table_seq(const struct dmr_layout *l, unsigned int copy, u64 table,
		      u64 *seq)
{
	u64 words[DMR_TABLE_ENTRIES];

	return dmr_table_decode(W.uuid, table, DIV_ROUND_UP(W.main_sectors, 8),
				dmr_layout_entries(l, table),
				W.disk[DMR_SPARE].cur +
				dmr_layout_table(l, copy, table) * DMR_BLOCK_SIZE,
				seq, words) == DMR_OK;
}

/* A load that writes nothing cannot say that a stale block is as good as the other one. */
static bool stays_stale(unsigned int copy, u64 table)
{
	const struct dmr_super *sb = &W.engine.store.sb;
	u32 i;

	for (i = 0; W.engine.store.read_only && i < sb->nr_stale; i++)
		if (sb->stale[i].copy == copy && table >= sb->stale[i].first &&
		    table < sb->stale[i].first + (u64)sb->stale[i].nr)
			return true;
	return false;
}

/* A copy that is what this load has chosen, and that it could read, counts. */
static void note_seqs(void)
{
	const struct dmr_store *store = &W.engine.store;
	const struct dmr_layout *l = &store->sb.layout;
	unsigned int copy;
	u64 table, seq[2];
	bool is[2];

	for (table = 0; table < store->sb.hwm; table++) {
		for (copy = 0; copy < DMR_NR_COPIES; copy++)
			is[copy] = table_seq(l, copy, table, &seq[copy]);
		for (copy = 0; copy < DMR_NR_COPIES; copy++)
			W.table_seq[copy][table] =
				is[copy] && !stays_stale(copy, table) && (!test_bit(table, store->stale[copy]) ||
					     (is[!copy] && seq[0] == seq[1] &&
					      !W.unread[dmr_layout_table(l, copy, table)])) ?
				seq[copy] : 0;
	}
	W.young_seq = store->seq;
	W.seqs_unknown = store->unsettled;
}

/* Does some block of the table really have no good copy? */
static void check_refused_table(const struct dmr_super *sb, const char *why)
{
	unsigned int copy, i, bad;
	unsigned long long table;
	u64 seq, at;

	if (sscanf(why, "neither copy of slot table block %llu", &table) != 1 ||
	    W.seqs_unknown || W.have_new)
		return;
	for (copy = 0; copy < DMR_NR_COPIES; copy++) {
		at = dmr_layout_table(&sb->layout, copy, table);
		bad = W.unread[at];
		for (i = 0; i < 8; i++)
			bad |= W.disk[DMR_SPARE].bad[at * 8 + i] & BAD_READ;
		if (!bad && table_seq(&sb->layout, copy, table, &seq) &&
		    (seq == W.table_seq[copy][table] || seq >= W.young_seq))
			violation("the spare is refused, but copy %u of table block %llu is good",
				  copy, table);
	}
}

/*
 * Entries whose commit did not end are made the same in both copies, or what differs
 * can't be read. When a copy cannot be read and nothing can be written, neither is
 * possible: the next load, in which the other copy cannot be read, may find the
 * other version.
 */
static int activate(void)
{
	struct dmr_why why = { "" };
	u32 unread = W.meta_unread;
	struct dmr_super *sb = sim_calloc(1, sizeof(*sb));
	int r;

	W.loaded = false;
	W.no_memory = false;
	memset(W.unread, 0, sizeof(W.unread));
	r = world_engine_init();
	if (!r)
		r = dmr_store_probe(NULL, &W.area, sb, &why);
	if (r == 1)
		violation("a formatted spare looks blank");
	if (!r && memcmp(sb->uuid, W.uuid, sizeof(W.uuid)))
		violation("the superblock of an earlier area is believed");
	if (!r)
		r = dmr_engine_activate(&W.engine, sb, &why);
	if (r) {
		trace("refused: %d %s", r, why.text);
		W.refused++;
		check_refused_table(sb, why.text);
		sim_free(sb);
		world_engine_exit();
		if (!sim_nothing_allocated())
			violation("memory is left after a refusal");
		return r;
	}
	sim_free(sb);
	W.loaded = true;
	note_seqs();
	W.mode = W.engine.mode;
	if (W.mode == DMR_MODE_RW)
		memset(W.open, 0, sizeof(W.open));
	W.one_copy = W.mode != DMR_MODE_RW && W.meta_unread != unread;
	trace("loaded: mode %u, %u live, %u bad, %u repaired",
	      W.engine.mode, W.engine.store.nr_live, W.engine.store.nr_bad,
	      W.engine.store.repaired);
	return 0;
}

/* A refusal needs a reason: more than one error in the metadata. */
static void check_refusal(int r)
{
	if (r && (!W.any_meta_fault || (W.fail_at && !W.script_meta_fault)))
		violation("the spare is refused (%d) without any error of it", r);
}

/* A spare of another main device, or another place, must be refused. */
static void check_pairing(void)
{
	struct dmr_super *sb = sim_calloc(1, sizeof(*sb));
	struct dmr_area area = W.area;
	struct dmr_why why;
	bool faults = W.faults;
	u64 writes = W.disk[DMR_SPARE].seq;
	int r;

	switch (pick(6)) {
	case 0:
		area.main_sectors += 8;
		if (area.identity[0])
			area.identity = "disk-2";
		break;
	case 1:
		area.main_sectors--;
		break;
	case 2:
		if (area.identity[0])
			area.identity = "disk-2";
		else
			area.main_lbs ^= 4096 ^ 512;
		break;
	case 3:
		area.spare_start += 8;
		break;
	case 4:
		area.avail_blocks = 16 + pick(W.min_area - 16);
		if (area.avail_blocks == W.min_area)
			area.avail_blocks--;
		area.area_blocks = 0;
		break;
	case 5:
		if (W.spare_blocks == W.min_area)
			area.avail_blocks--;
		else
			area.area_blocks = W.spare_blocks;
		break;
	}
	W.suspended = true;
	W.faults = false;
	kernel_shim_fail_alloc = NULL;
	r = dmr_store_probe(NULL, &area, sb, &why);
	kernel_shim_fail_alloc = no_memory;
	W.faults = faults;
	W.suspended = false;
	sim_free(sb);
	W.pairings++;
	if (r >= 0)
		violation("a wrong pairing is accepted (%d)", r);
	if (W.disk[DMR_SPARE].seq != writes)
		violation("a refused spare was written to");
	trace("pairing refused: %s", why.text);
}

int load(void)
{
	if (W.have_new)
		choose_spare();
	return load_this();
}

int load_this(void)
{
	int r = activate();

	if (r == -ENOMEM && W.no_memory) {
		bool faults = W.faults;

		W.faults = W.script_no_memory = false;
		r = activate();
		W.faults = faults;
	}
	/* The first superblock cannot be read, and the area ends before the device. */
	if (r && r != -ENOMEM && W.fail_at && !W.area.area_blocks) {
		W.area.area_blocks = W.first_area;
		r = activate();
		W.area.area_blocks = 0;
	}
	check_refusal(r);
	if (!r && !W.every_pattern && !W.have_new && pick(16) == 1)
		check_pairing();
	return r;
}

static bool dead(void)
{
	return W.disk[0].dead || W.disk[1].dead;
}

void power_off(void)
{
	u64 at = W.crash_at;

	note_open();
	/* A load may have listed stale blocks, and not have come to its end. */
	if (!W.loaded && W.any_meta_fault)
		W.seqs_unknown = true;
	W.crash_at = NEVER;
	W.loaded = false;
	W.suspended = W.stopping = false;
	W.crashes++;
	trace("---- crash at I/O %llu ----", ULLA(at == NEVER ? W.ios : at));
	world_drop_all();
	disk_cut(&W.disk[DMR_MAIN]);
	disk_cut(&W.disk[DMR_SPARE]);
	if (W.have_new)
		disk_cut(&W.disk[NEW_SPARE]);
	replace_crashed();
	/* It was only the cable. */
	if (dead() && pick(2)) {
		W.disk[0].dead = W.disk[0].gone = false;
		W.disk[1].dead = W.disk[1].gone = false;
		W.returned++;
		trace("the disk is back");
	}
	W.owed[0] = W.owed[1] = false;
	oracle_crash(++W.now);
	sim_free_all();
	memset(&W.engine, 0, sizeof(W.engine));
}

/* Read everything; no new errors meanwhile. */
void verify_all(bool after_crash)
{
	u32 step, n, sector = 0;
	bool faults = W.faults, concurrent = W.profile.concurrent;

	W.faults = false;
	W.profile.concurrent = false;
	trace("verify");
	while (sector < W.main_sectors) {
		step = after_crash ? 8 : 64;
		n = min(step, W.main_sectors - sector);
		world_start(REQ_OP_READ, sector, n, false, true);
		world_settle();
		sector += n;
	}
	W.faults = faults;
	W.profile.concurrent = concurrent;
}

void crash_and_recover(bool may_crash_again)
{
	volatile u32 again = may_crash_again ? pick(3) : 0;
	bool faults = W.faults;

	power_off();
	while (again) {
		again--;
		if (setjmp(W.crash)) {
			power_off();
			continue;
		}
		W.crash_at = W.ios + 1 + pick(30);
		/* If it gets through, the crash comes while it is idle. */
		W.faults = faults && pick(2);
		load();
		W.faults = faults;
		power_off();	/* nothing is in flight */
	}
	if (setjmp(W.crash))
		violation("a crash where there should be none");
	W.faults = false;
	if (!W.every_pattern)
		W.tuning.read_only = pick(16) == 1;
	while (load()) {
		if (!dead() || !pick(2))
			return;
		power_off();
	}
	W.settled = true;
	verify_all(true);
	W.settled = false;
	W.faults = faults;
}

void reload(void)
{
	trace("suspend, reload, resume");
	W.stopping = true;
	world_finish();
	W.stopping = false;
	W.suspended = true;
	dmr_engine_save(&W.engine);
	W.suspended = false;
	note_open();
	W.loaded = false;
	world_engine_exit();
	if (!sim_nothing_allocated())
		violation("memory is left after the engine's end");
	W.reloads++;
	if (!W.every_pattern)
		W.tuning.read_only = pick(16) == 1;
	load();
}

static void suspend_and_resume(void)
{
	trace("suspend, resume");
	W.stopping = true;
	world_finish();
	W.stopping = false;
	W.suspended = true;
	dmr_engine_save(&W.engine);
	W.suspended = false;
	check_mode();
}

/*--------------------------------------------------------------------
 * Workload
 *--------------------------------------------------------------------
 */

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
	/* A few places are visited often, so that things meet. */
	sector = pick(3) ? pick(min(W.main_sectors, 40U)) :
		 pick(W.main_sectors);
	max = pick(3) ? 8 : pick(4) ? 24 : MAX_UIO_SECTORS;
	n = 1 + pick(min(max, W.main_sectors - sector));
	if (W.tuning_lbs8) {
		sector &= ~7U;
		n = min((n + 7) & ~7U, W.main_sectors - sector);
	}
	world_start(o, sector, n, o != REQ_OP_READ && o != REQ_OP_DISCARD &&
		    chance(200), false);
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
		break;
	case 2:
		trace("mark bad %llu+%llu", ULLA(block), ULLA(nr));
		memset(W.cause + block, 1, nr);
		r = dmr_engine_mark_bad(&W.engine, block, nr, &t);
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
		.main_lbs = W.tuning_lbs8 ? 4096 : 512,
		.identity = "",
		.label = "",
	};
	W.min_area = W.first_area = W.area.area_blocks;
	if (!W.every_pattern && pick(3) == 1)
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

static void choose_world(void)
{
	choose_profile();
	W.main_sectors = (8 + pick(pick(4) ? 24 : 150)) * 8;
	W.tuning_lbs8 = pick(8) == 1;
	if (!W.tuning_lbs8)
		W.main_sectors -= pick(8);
	W.area.area_blocks = 16 + pick(pick(4) ? 50 : 700);
	if (pick(2)) {
		W.age = pick(4) ? pick(150) : pick(500);
		W.area.area_blocks = min_t(u64, W.area.area_blocks + W.age,
					   850);
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
		if (W.profile.damage_main || W.profile.damage_spare)
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
		if (!dead())
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
	if (!W.loaded || dead()) {
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
