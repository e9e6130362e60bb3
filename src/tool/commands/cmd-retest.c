// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap retest: are the blocks bad that are taken for bad? On request, or in the
 * background.
 */
#include "devices/blocks.h"
#include "devices/idle.h"
#include "offline.h"

#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

/*--------------------------------------------------------------------
 * On request
 *--------------------------------------------------------------------
 */

static int retest_now(const struct remap *m, u64 start, u64 count,
		      struct tally *t)
{
	struct ranges rs = { 0 };
	struct tally unproven;
	struct kblocks b;
	int r = blocks_range(m->name, start, count, &b);

	if (r)
		return r;
	blocks_ranges(&b, &rs);
	free(b.b);
	r = blocks_act(m->name, "forget_bad", &rs, t);
	/* Blocks that main was never asked about have data on the spare. */
	if (!r)
		r = blocks_act(m->name, "retest", &rs, &unproven);
	ranges_free(&rs);
	if (r)
		return r;
	t->done += unproven.done;
	t->failed += unproven.failed;
	t->skipped -= unproven.done + unproven.failed;
	return RC_OK;
}

/*--------------------------------------------------------------------
 * In the background
 *
 * One block at a time, while nobody else uses main's disk. An error on main may take
 * seconds, and nothing that others want of the disk is done meanwhile.
 *--------------------------------------------------------------------
 */

struct background {
	const struct remap *m;
	u64 seconds;
	struct idle users;	/* of the mapped device: our I/O does not count */
	struct idle disk;	/* of main: it does */
	u64 saved;
};

static void nap(double seconds)
{
	usleep(seconds * 1e6);
}

/* Until main's disk has done nothing for so many seconds. */
static void wait_until_idle(struct background *g)
{
	double since = now_seconds();
	bool told = false;

	idle_look(&g->disk);
	while (!interrupted()) {
		if (!idle_look(&g->disk)) {
			if (!told)
				note("waiting until nobody uses the disk of %s",
				     g->m->main_path);
			told = true;
			since = now_seconds();
		} else if (now_seconds() - since >= g->seconds) {
			break;
		}
		nap(min(max(g->seconds / 10.0, 0.02), 1.0));
	}
	idle_look(&g->users);
}

/* Sends a message about one block; then the disk is left to others for as long. */
static int one_message(struct background *g, const char *message,
		       const struct kblock *k, struct tally *t)
{
	double begun = now_seconds();
	int r = blocks_act_once(g->m->name, message, k->sector, k->sectors, t);

	if (r)
		return r;
	idle_look(&g->disk);
	nap(min(max(now_seconds() - begun, 0.02), 10.0));
	if (!idle_look(&g->users) | !idle_look(&g->disk))
		wait_until_idle(g);
	return RC_OK;
}

static int one_block(struct background *g, const struct kblock *k,
		     struct tally *t)
{
	struct tally whole = { 0 }, deep = { 0 };
	int r = one_message(g, k->known_bad ? "forget_bad" : "retest", k,
			    &whole);

	/* What can be read of it, sector by sector. */
	if (!r && k->known_bad && whole.failed && !interrupted())
		r = one_message(g, "remap", k, &deep);
	t->done += whole.done;
	t->failed += whole.failed - deep.done;
	t->skipped += whole.skipped;
	g->saved += deep.done;
	return r;
}

static int all_of(struct background *g, const struct kblocks *b, bool known_bad,
		  struct tally *t)
{
	int r = RC_OK;
	size_t i;

	for (i = 0; i < b->nr && !r && !interrupted(); i++)
		if (known_bad ? b->b[i].known_bad : b->b[i].unproven)
			r = one_block(g, &b->b[i], t);
	return r;
}

static int retest_idle(struct background *g, u64 start, u64 count,
		       struct tally *t)
{
	struct kblocks b;
	int r;

	g->users.devno = g->m->devno;
	g->disk.devno = g->m->main;
	catch_signals();
	idle_priority();
	wait_until_idle(g);
	r = blocks_range(g->m->name, start, count, &b);
	if (r)
		return r;
	/* Those that are unproven give slots back. */
	r = all_of(g, &b, false, t) ?: all_of(g, &b, true, t);
	free(b.b);
	if (!r && interrupted())
		r = fail(RC_INTERRUPTED, "interrupted; what was done so far stays done, the same command does the rest");
	return r;
}

/*--------------------------------------------------------------------*/

static int retest(struct args *a)
{
	struct tally t = { 0 };
	struct remap m;
	struct background g = { .m = &m };
	struct kstat k;
	u64 start, count;
	int r;

	r = remap_get(a->arg[0], &m) ?: blocks_status(m.name, &k) ?:
	    blocks_lock(&m, &k, opt(a, "idle") ? "retest --idle" : a->cmd->name);
	if (r)
		return r;
	if (a->nr < 2 && !opt(a, "all"))
		return fail(RC_USAGE, "retest: name a range of sectors, or give --all");
	r = opt_u64(a, "idle", &g.seconds) ?:
	    range_arg(&m, a->nr > 1 ? a->arg[1] : NULL, &start, &count);
	if (r)
		return r;
	r = opt(a, "idle") ? retest_idle(&g, start, count, &t) :
			     retest_now(&m, start, count, &t);
	/* What the kernel did before it failed is not in the tally. */
	if (r)
		return r;
	if (opt(a, "json")) {
		struct json_object *o = json_object_new_object();

		add_str(o, "device", m.name);
		add_u64(o, "done", t.done);
		add_u64(o, "skipped", t.skipped);
		add_u64(o, "failed", t.failed);
		add_u64(o, "saved", g.saved);
		print_json(o, stdout);
	} else {
		print_text("%llu known bad blocks read well again, %llu are still bad\n",
			   ULL(t.done), ULL(t.failed));
		if (g.saved)
			print_text("%llu that could be read sector by sector are on the spare now\n",
				   ULL(g.saved));
	}
	return t.failed ? RC_PARTLY : RC_OK;
}

const struct command cmd_retest = {
	.name = "retest",
	.group = "Looking after",
	.synopsis = "NAME [RANGE]",
	.summary = "do known bad blocks read well again?",
	.text = "Reads known bad blocks from the main device and forgets those which read well: after a bad cable, or when the drive has repaired them. Blocks that are unproven, since they went to the spare without a retry, are written back, or proven to be bad.\n\nWith --idle this is done in the background: when the main device's disk has done nothing for a while, one block at a time and with idle I/O priority, and not while others use the disk. Of a known bad block that still fails, what can be read sector by sector is saved to the spare. dmremap-retest@NAME.timer does it every week.",
	.examples = "  dmremap retest data --all\n  dmremap retest data --all --idle 60\n",
	.min_args = 1, .max_args = 2,
	.run = retest,
	.exits = { [RC_INTERRUPTED] = EXIT_INTERRUPTED,
		[RC_PARTLY] = "blocks are still bad" },
	.opts = { { "all", NULL, "all known bad blocks" },
		{ "idle", "SECONDS", "only while the disk is idle: after it did nothing for so long" },
		{ "json", NULL, "print the result as JSON" } },
};
