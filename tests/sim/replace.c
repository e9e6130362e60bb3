// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: another spare, as "dmremap replace" does it.
 *
 * The copy is made by the tool's own copy.c: passes while the device is in use,
 * the last one while it is suspended. Here is what that needs around it, and
 * what "dmremap assemble" does after a crash, when there may be two.
 */
#include "sim.h"
#include "device.h"
#include "copy/copy.h"

static struct copier copier;
static struct area old;			/* as the tool reads it */
static struct dmr_env new_env;
static struct dmr_area new_area;
static u32 new_blocks, new_first_area, new_min_area;	/* as in W */
static u8 held[DMR_NR_SUPERS][DMR_BLOCK_SIZE];
static bool new_active;			/* it has been resumed */

/*--------------------------------------------------------------------
 * What the tool has in other files
 *--------------------------------------------------------------------
 */

static blk_status_t block_io(struct dmr_env *env, blk_opf_t opf, u64 block,
			     u32 nr, void *buf)
{
	struct dmr_io io = {
		.dev = DMR_SPARE, .opf = opf, .buf = buf,
		.sector = block * 8, .sectors = nr * 8,
	};

	dmr_env_io(env, &io, 1);
	return io.status;
}

int env_read(struct dmr_env *env, u64 block, u32 nr, void *buf)
{
	return block_io(env, REQ_OP_READ, block, nr, buf) ? -EIO : 0;
}

int env_write(struct dmr_env *env, u64 block, u32 nr, const void *buf)
{
	return block_io(env, REQ_OP_WRITE, block, nr, (void *)buf) ? -EIO : 0;
}

int env_blank(struct dmr_env *env, const struct dmr_layout *l)
{
	u8 zeroes[DMR_BLOCK_SIZE] = { 0 };
	int copy, r = 0;

	for (copy = 0; copy < DMR_NR_SUPERS; copy++)
		if (env_write(env, dmr_layout_super(l, copy), 1, zeroes))
			r = -EIO;
	return dmr_env_flush(env, DMR_SPARE) ? -EIO : r;
}

int env_hold(struct dmr_env *env, const struct dmr_layout *l)
{
	int copy;

	if (env_blank(env, l))
		return -EIO;
	memset(held, 0, sizeof(held));
	for (copy = 0; copy < DMR_NR_SUPERS; copy++) {
		env->held_at[copy] = dmr_layout_super(l, copy);
		env->held[copy] = held[copy];
	}
	env->hold = true;
	return 0;
}

int env_publish(struct dmr_env *env)
{
	int copy;

	env->hold = false;
	if (dmr_env_flush(env, DMR_SPARE))
		return -EIO;
	for (copy = 0; copy < DMR_NR_SUPERS; copy++)
		if (env_write(env, env->held_at[copy], 1, env->held[copy]) ||
		    dmr_env_flush(env, DMR_SPARE))
			return -EIO;
	return 0;
}

bool ranges_touch(const struct ranges *rs, u64 start, u64 count)
{
	(void)rs;
	for (; count; count--, start++)
		if (W.written[0][start])
			return true;
	return false;
}

/* Not called without a terminal, nor for what is not compared here. */
void progress_begin(struct progress *p, const char *what, u64 total, u64 base)
{
	(void)p, (void)what, (void)total, (void)base;
}

void progress_at(struct progress *p, u64 done, const char *extra)
{
	(void)p, (void)done, (void)extra;
}

void progress_end(struct progress *p)
{
	(void)p;
}

bool interrupted(void)
{
	return false;
}

int area_peek(struct area *a, const struct device *d, u64 start, int how)
{
	(void)a, (void)d, (void)start, (void)how;
	return -ENODEV;
}

int area_load(struct area *a, struct dmr_why *why)
{
	(void)a, (void)why;
	return -ENODEV;
}

void area_close(struct area *a)
{
	(void)a;
}

/*--------------------------------------------------------------------
 * Replace
 *--------------------------------------------------------------------
 */

static int pass(unsigned int nr, bool last)
{
	static const struct ranges written;
	struct dmr_why why = { "" };
	int r;

	memcpy(W.written[0], W.written[1], sizeof(W.written[0]));
	memset(W.written[1], 0, sizeof(W.written[1]));
	memset(&old, 0, sizeof(old));
	old.env.fd = DMR_SPARE;
	r = dmr_store_probe(&old.env, &W.area, &old.sb, &why);
	if (!r)
		r = dmr_store_load(&old.store, &old.env, &old.sb, true, &why);
	if (!r && !nr)
		r = copy_begin(&copier, &old.sb, &new_env, 0,
			       new_area.avail_blocks, new_area.avail_blocks,
			       &why);
	if (!r)
		r = copy_pass(&copier, &old, nr ? &written : NULL, nr == 1,
			      NULL);
	if (!r && last)
		r = copy_end(&copier, &old.sb);
	dmr_store_exit(&old.store);
	trace("pass %u: %d %s", nr, r, why.text);
	return r;
}

static void change_spare(void)
{
	swap(W.disk[DMR_SPARE], W.disk[NEW_SPARE]);
	W.disk[DMR_SPARE].name = "spare";
	W.disk[NEW_SPARE].name = "other spare";
	swap(W.area, new_area);
	W.served[DMR_SPARE] = W.disk[DMR_SPARE].lbs;
	W.pbs[DMR_SPARE] = W.disk[DMR_SPARE].pbs;
	swap(W.spare_blocks, new_blocks);
	swap(W.first_area, new_first_area);
	swap(W.min_area, new_min_area);
	W.profile.grow = false;
	W.seqs_unknown = true;
	memset(W.slot_bad, 0, sizeof(W.slot_bad));
}

static void forget_copier(void)
{
	copy_exit(&copier);
	memset(&copier, 0, sizeof(copier));
	W.track = false;
}

void replace_crashed(void)
{
	/* Its memory is freed with the core's. */
	memset(&copier, 0, sizeof(copier));
	W.track = false;
}

static void blame_new(void)
{
	if (W.new_fault)
		W.any_spare_fault = W.any_meta_fault = true;
}

/* The device goes on with the old one; there is no other. */
static void go_back(const struct dmr_layout *l)
{
	new_env.hold = false;
	env_blank(&new_env, l);
	W.have_new = false;
	W.suspended = false;
}

void replace_spare(void)
{
	struct dmr_env old_env = { .fd = NEW_SPARE };
	struct dmr_layout layout, old_layout;
	u32 blocks = 20 + pick(pick(2) ? 60 : 700), n;
	int r;

	if (W.have_new || W.engine.mode == DMR_MODE_FAIL ||
	    dmr_layout_init(&layout, blocks))
		return;
	trace("replace: the new spare has %u blocks", blocks);
	/* Most of it is at its end. */
	if (pick(3) == 1)
		W.crash_at = W.ios + 1 + pick(200);
	disk_init(&W.disk[NEW_SPARE], "new spare", blocks * 8, 0xcc);
	W.disk[NEW_SPARE].lbs = pick(2) ? 1 : W.disk[DMR_MAIN].lbs;
	W.disk[NEW_SPARE].pbs = max(W.disk[NEW_SPARE].lbs, 1U << pick(8));
	new_env = (struct dmr_env) { .fd = NEW_SPARE };
	new_area = W.area;
	new_area.avail_blocks = blocks;
	new_area.area_blocks = 0;
	new_area.spare_lbs = W.disk[NEW_SPARE].lbs * 512;
	new_blocks = new_first_area = new_min_area = blocks;
	new_active = false;
	W.new_fault = false;
	if (env_hold(&new_env, &layout))
		return;
	W.have_new = true;
	memset(W.written, 0, sizeof(W.written));
	W.track = true;
	r = pass(0, false);
	for (n = pick(8); !r && n; n--) {
		if (W.nr_uios < 6)
			start_any();
		world_event();
		world_work();
		if (W.profile.admin && pick(2))
			admin();
	}
	if (!r && pick(2))
		r = pass(1, false);
	W.stopping = true;
	world_finish();
	W.stopping = false;
	W.suspended = true;
	dmr_engine_save(&W.engine);
	if (!r)
		r = pass(2, true) ?: env_publish(&new_env);
	forget_copier();
	if (r) {
		trace("replace: %d, it goes on with the old one", r);
		go_back(&layout);
		return;
	}
	old_layout = W.engine.store.sb.layout;
	world_engine_exit();
	W.loaded = false;
	W.suspended = false;
	change_spare();
	blame_new();
	new_active = true;
	if (load_this()) {
		change_spare();
		go_back(&layout);
		load();
		return;
	}
	W.replaced_spares++;
	env_blank(&old_env, &old_layout);
	W.have_new = false;
}

/*--------------------------------------------------------------------
 * After a crash
 *--------------------------------------------------------------------
 */

static bool look(u32 disk, const struct dmr_area *area, struct dmr_super *sb)
{
	struct dmr_env env = { .fd = disk };
	struct dmr_why why = { "" };
	int r = dmr_store_probe(&env, area, sb, &why);

	trace("%s: %d %s", W.disk[disk].name, r, why.text);
	return !r;
}

/*
 * Which of the two is it? The one with more activations; of two that are equal
 * either, as long as none has been in use since. Sets W.have_new to false.
 */
void choose_spare(void)
{
	struct dmr_super *sb[2] = {
		sim_calloc(1, sizeof(**sb)), sim_calloc(1, sizeof(**sb)),
	};
	bool swapped = new_active, faults = W.faults, is[2], second;

	W.faults = false;
	kernel_shim_fail_alloc = NULL;
	is[0] = look(DMR_SPARE, &W.area, sb[0]);
	is[1] = look(NEW_SPARE, &new_area, sb[1]);
	kernel_shim_fail_alloc = no_memory;
	W.faults = faults;
	second = is[1];
	if (is[0] && is[1]) {
		if (sb[0]->activations != sb[1]->activations)
			second = sb[1]->activations > sb[0]->activations;
		else
			second = !swapped && pick(2);
		/* The one in use is DMR_SPARE. */
		if (second && swapped)
			violation("the old spare counts, not the new one");
	} else if (second && swapped) {
		/* The new one is beyond help, and the old one is not retired. */
		second = false;
	}
	sim_free(sb[0]);
	sim_free(sb[1]);
	W.have_new = false;
	if (!second)
		return;
	change_spare();
	blame_new();
}
