// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: activation, power cuts, and what is found after them.
 */
#include "sim.h"
#include "device.h"
#include "exhaust.h"

#define ULLA(x)	((unsigned long long)(x))

/*
 * No allocation of the core. A device in use must not wait for memory: it may be swap
 * on the device that has to be written for it. (The tool, which makes a new spare, may.)
 */
bool no_memory(gfp_t gfp)
{
	if (W.loaded && !W.have_new && !(gfp & __GFP_NORETRY))
		violation("the device waits for memory");
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

static bool lists_stale(const struct dmr_super *sb, unsigned int copy, u64 table)
{
	u32 i;

	for (i = 0; i < sb->nr_stale; i++)
		if (sb->stale[i].copy == copy && table >= sb->stale[i].first &&
		    table < sb->stale[i].first + (u64)sb->stale[i].nr)
			return true;
	return false;
}

/*
 * A load that may not write leaves the list of stale blocks as it was: it cannot say for
 * sure that one is as good as the other copy.
 */
static bool stays_stale(unsigned int copy, u64 table)
{
	const struct dmr_store *store = &W.engine.store;

	return store->read_only && lists_stale(&store->sb, copy, table);
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
				is[copy] && !stays_stale(copy, table) &&
				(!test_bit(table, store->stale[copy]) ||
				 (is[!copy] && seq[0] == seq[1] &&
				  !W.unread[dmr_layout_table(l, copy, table)])) ?
				seq[copy] : 0;
	}
	W.young_seq = store->seq;
	W.super_seq = store->sb.seq;
	W.seqs_unknown = store->unsettled;
}

/* Several stale blocks in each copy, and more and more of them: does it happen? */
static void note_stale(void)
{
	const struct dmr_store *store = &W.engine.store;
	u32 n[DMR_NR_COPIES];
	unsigned int copy;

	for (copy = 0; copy < DMR_NR_COPIES; copy++)
		n[copy] = bitmap_weight(store->stale[copy], store->stale_tables);
	if (n[0] > 1 && n[1] > 1) {
		W.stale_both++;
		W.stale_more += W.stale_before && n[0] + n[1] > W.stale_before;
	}
	W.stale_before = n[0] && n[1] ? n[0] + n[1] : 0;
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
		/* All newer superblocks are lost: nobody knows that it was mended since. */
		if (sb->seq < W.super_seq && lists_stale(sb, copy, table))
			continue;
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

/* Can really none of the superblocks be found that a probe looks at? */
static void check_refused_super(const char *why)
{
	u64 len = W.area.area_blocks ?: W.area.avail_blocks;
	const u64 at[] = { 0, dmr_layout_middle(len), len - 1 };
	struct dmr_super *sb = calloc(1, sizeof(*sb));
	unsigned int i, k, bad;

	for (i = 0; i < ARRAY_SIZE(at) && strstr(why, "superblock") && !W.have_new; i++) {
		bad = W.unread[at[i]];
		for (k = 0; k < 8; k++)
			bad |= W.disk[DMR_SPARE].bad[at[i] * 8 + k] & BAD_READ;
		if (!bad && !W.disk[DMR_SPARE].dead &&
		    dmr_super_decode(sb, -1, W.disk[DMR_SPARE].cur +
				     at[i] * DMR_BLOCK_SIZE) == DMR_OK &&
		    !memcmp(sb->uuid, W.uuid, sizeof(W.uuid)))
			violation("the spare is refused, but the superblock in block %llu is good",
				  ULLA(at[i]));
	}
	free(sb);
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
	W.wrong_sectors = false;
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
		check_refused_super(why.text);
		/* It came as far as to mend the table, and to list what could not be mended. */
		if (W.engine.index.store)
			note_seqs();
		W.wrong_sectors = sectors_check(r, sb);
		sim_free(sb);
		world_engine_exit();
		if (!sim_nothing_allocated())
			violation("memory is left after a refusal");
		return r;
	}
	sectors_check(0, sb);
	note_seqs();
	sim_free(sb);
	W.loaded = true;
	note_stale();
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

/* With memory, if it is for the lack of that alone. */
static int try_again(void)
{
	int r = activate();

	if (r == -ENOMEM && W.no_memory) {
		bool faults = W.faults;

		W.faults = W.script_no_memory = false;
		r = activate();
		W.faults = faults;
	}
	return r;
}

int load_this(void)
{
	int r = try_again();

	if (r && W.wrong_sectors) {
		trace("refused for its sectors, as it must be");
		sectors_back();
		r = try_again();
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

bool some_disk_dead(void)
{
	return W.disk[0].dead || W.disk[1].dead;
}

void power_off(void)
{
	u64 at = W.crash_at;

	note_open();
	sectors_back();
	/* A load may have listed stale blocks, and not have come to its end. */
	if (!W.loaded && W.any_meta_fault)
		W.seqs_unknown = true;
	W.crash_at = NEVER;
	W.loaded = false;
	W.suspended = W.stopping = W.hold_batch = false;
	W.crashes++;
	trace("---- crash at I/O %llu ----", ULLA(at == NEVER ? W.ios : at));
	world_drop_all();
	disk_cut(&W.disk[DMR_MAIN]);
	disk_cut(&W.disk[DMR_SPARE]);
	if (W.have_new)
		disk_cut(&W.disk[NEW_SPARE]);
	replace_crashed();
	/* It was only the cable. */
	if (some_disk_dead() && pick(2)) {
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
	if (!W.every_pattern) {
		W.tuning.read_only = pick(16) == 1;
		if (pick(12) == 1)
			sectors_change();
	}
	while (load()) {
		if (!some_disk_dead() || !pick(2))
			return;
		power_off();
	}
	W.settled = true;
	verify_all(true);
	W.settled = false;
	W.faults = faults;
}

static void suspend(void)
{
	W.stopping = true;
	world_finish();
	W.stopping = false;
	W.suspended = true;
	dmr_engine_save(&W.engine);
	W.suspended = false;
}

void reload(void)
{
	trace("suspend, reload, resume");
	suspend();
	note_open();
	W.loaded = false;
	world_engine_exit();
	if (!sim_nothing_allocated())
		violation("memory is left after the engine's end");
	W.reloads++;
	if (!W.every_pattern) {
		W.tuning.read_only = pick(16) == 1;
		if (pick(6) == 1)
			sectors_change();
	}
	load();
}

void suspend_and_resume(void)
{
	trace("suspend, resume");
	suspend();
	check_mode();
}
