// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap replace: another spare, with the device in use.
 *
 * Everything is copied while the device is in use; the kernel keeps a record of
 * what is written to the old spare meanwhile ("track"), which is copied in
 * further passes. The last of them, when little is left, is made with the device
 * suspended, so that the original does not change any more.
 *
 * Why a crash at any moment is harmless: until then the copy has no
 * superblock. These are written last, with the activation count of the
 * original: now there are two equal copies, and either will do (see
 * settle_twins()). The device goes on with the copy; that counts as an
 * activation, so from its first write on the copy is the one that counts. Last
 * the original loses its superblocks. If anything fails before the switch, the
 * superblocks of the copy are removed before the device goes on with the
 * original. If the tool alone is killed in between, and somebody resumes the
 * device by hand, the two are no longer equal and assemble refuses to choose.
 */
#include "devices/blocks.h"
#include "devices/fit.h"
#include "copy/archive.h"
#include "copy/copy.h"
#include "copy/lost.h"
#include "offline.h"
#include "pairing/pairing.h"

#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>

#define ULL(x)	((unsigned long long)(x))
#define MAX_PASSES	8
#define FEW_BLOCKS	64	/* are copied in no time */

struct plan {
	struct remap m;
	struct kstat k;
	struct device spare, old;
	u64 start, len;
	struct dmr_layout layout;
	char occupant[700];
	bool occupied;
	struct dm_line *now, *then;
	struct dmr_env env;	/* of the new spare */
	struct area area;	/* the old one */
	struct copier copier;
	struct dmr_why why;
	u64 late;		/* blocks copied while suspended */
	long lost;		/* sectors */
	char error[300];
	bool remains;		/* the new spare could not be blanked again */
};

/* Features of the table that is in use, without the length of the old area. */
static void new_features(const char *old, char *buf, size_t size)
{
	char *copy = strdup(old), *save = NULL, *word;
	char list[700] = "";
	int n = -1;

	for (word = copy ? strtok_r(copy, " ", &save) : NULL; word;
	     word = strtok_r(NULL, " ", &save)) {
		if (n++ < 0)
			continue;	/* their number */
		if (!strcmp(word, "spare_length")) {
			strtok_r(NULL, " ", &save);
			n--;
			continue;
		}
		strcat(strcat(list, " "), word);
	}
	free(copy);
	buf[0] = '\0';
	if (n > 0)
		snprintf(buf, size, " %d%s", n, list);
}

static int make_plan(struct args *a, struct plan *p)
{
	struct device main;
	char features[700];
	u64 need;
	int r;

	r = opt_size(a, "start", &p->start) ?: opt_size(a, "size", &p->len) ?:
	    remap_get(a->arg[0], &p->m) ?: blocks_status(p->m.name, &p->k) ?:
	    device_get(a->arg[1], false, &p->spare);
	if (!r && !opt(a, "dry-run"))
		r = blocks_lock(&p->m, &p->k, a->cmd->name);
	if (r)
		return r;
	if (p->m.suspended)
		return fail(RC_REFUSED, "%s is suspended; 'dmsetup resume %s' first",
			    p->m.name, p->m.name);
	if (opt(a, "spare-is-lost") && strcmp(p->k.mode, "fail"))
		return fail(RC_REFUSED, "%s: the spare answers (mode %s); without --spare-is-lost what it holds is copied",
			    p->m.name, p->k.mode);
	if (!opt(a, "spare-is-lost") && !strcmp(p->k.mode, "fail"))
		return fail(RC_REFUSED, "%s: the old spare is gone, there is nothing to copy from; if it does not come back, --spare-is-lost goes on with a new one, on which all that was on the old one is marked as lost",
			    p->m.name);
	device_get_devno(p->m.spare, &p->old);
	if (p->spare.read_only)
		return fail(RC_REFUSED, "%s is read-only; name another device", p->spare.path);
	if (p->start % 8 || p->len % 8)
		return fail(RC_USAGE, "--start and --size must be multiples of 4 KiB");
	if (p->start >= p->spare.sectors ||
	    p->len > p->spare.sectors - p->start)
		return fail(RC_REFUSED, "the spare area does not fit: %s has %llu sectors; choose a smaller --start or --size",
			    p->spare.path, ULL(p->spare.sectors));
	if (!p->len)
		p->len = round_down(p->spare.sectors - p->start, 8);
	need = p->k.slots_used + 1;
	if (dmr_layout_init(&p->layout, p->len / 8) ||
	    p->layout.nr_slots < need)
		return fail(RC_REFUSED, "%s is too small: %llu slots are in use; name a larger device, or give a larger --size",
			    p->spare.path, ULL(p->k.slots_used));
	if (p->spare.devno == p->m.main &&
	    p->start < p->m.sectors)
		return fail(RC_REFUSED, "that is where the main device is; choose another --start, or another device");
	device_get_devno(p->m.main, &main);
	r = spare_fits(&p->spare, p->start, &main) ?:
	    spare_is_free(&p->spare, p->start, p->len, ELSEWHERE);
	if (r)
		return r;
	r = spare_occupant(&p->spare, p->start, &p->layout, &main,
			   p->occupant, sizeof(p->occupant));
	if (r)
		return r;
	p->occupied = p->occupant[0];
	new_features(p->m.features, features, sizeof(features));
	p->then = dm_line(0, p->m.sectors, "dm-remap", "%s %s %llu%s",
			  p->m.main_path, p->spare.path, ULL(p->start),
			  features);
	p->then->read_only = p->m.read_only;
	return dm_table(p->m.name, &p->now) ?
	       fail(RC_FAILED, "%s: no table", p->m.name) : RC_OK;
}

static int ask(const struct args *a, const struct plan *p)
{
	char question[2048];
	int n;

	if (p->occupied && opt(a, "yes") && !opt(a, "force"))
		return fail(RC_REFUSED, "the new spare %s holds %s; give --force, too, if it may be overwritten",
			    p->spare.path, p->occupant);
	if (opt(a, "spare-is-lost"))
		n = text_into(question, sizeof(question),
			      "The spare of %s is given up. WARNING: what was on it is lost: %llu blocks and parts of blocks read as errors until they are written again ('dmremap whose %s --all' names the files). If it may come back, find it first.\nThe new one, of which sectors %llu to %llu will be overwritten:\n  %s\n",
			      p->m.name, ULL(p->k.remappings), p->m.name,
			      ULL(p->start), ULL(p->start + p->len - 1),
			      device_describe(&p->spare));
	else
		n = text_into(question, sizeof(question),
		     "The spare of %s is replaced.\nFrom:\n  %s\nTo, sectors %llu to %llu will be overwritten:\n  %s\n%llu blocks are copied; the device stays in use.\n",
		     p->m.name, device_describe(&p->old), ULL(p->start),
		     ULL(p->start + p->len - 1), device_describe(&p->spare),
		     ULL(p->k.slots_used));
	if (p->occupied)
		n += text_into(question + n, sizeof(question) - n,
			       "WARNING: the new spare holds %s. It will be lost.\n",
			       p->occupant);
	return confirm(opt(a, "yes"), question);
}

/*
 * From suspend to resume no page may have to be read, and no memory found by
 * writing pages out: it may be this disk that they are on.
 */
static void stay_in_memory(const struct plan *p)
{
	size_t room = (64 << 20) + (size_t)p->layout.nr_slots / 8 +
		      (size_t)(p->k.slots_total + p->k.slots_used * 6) * 16;
	void *heap;

	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, -1);
	mallopt(M_TOP_PAD, 64 << 20);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	heap = malloc(room);
	if (heap)
		memset(heap, 1, room);
	free(heap);
}

/* What was written to the old spare since the last time this was asked. */
static int what_was_written(struct plan *p, struct ranges *w)
{
	unsigned long long start, count;
	char *reply = NULL, *line, *save = NULL;
	int r;

	memset(w, 0, sizeof(*w));
	r = remap_message(p->m.name, NULL, true, "track next") ?:
	    remap_message(p->m.name, &reply, true, "track list");
	for (line = r ? NULL : strtok_r(reply, "\n", &save); line && !r;
	     line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%llu %llu", &start, &count) != 2 ||
		    !ranges_add(w, start, count))
			r = -ENOMEM;
	free(reply);
	if (r)
		snprintf(p->why.text, sizeof(p->why.text), "the kernel does not say what has changed: %s",
			 strerror(-r));
	else
		ranges_tidy(w);
	return r;
}

/* In use, it may change just when it is read: then once more. */
static int load_old(struct plan *p, bool live)
{
	int tries, r;

	for (tries = 0; tries < (live ? 20 : 1); tries++) {
		r = area_peek(&p->area, &p->old, p->m.spare_start, AREA_READ);
		if (r) {
			snprintf(p->why.text, sizeof(p->why.text), "the old spare cannot be read: %s",
				 strerror(-r));
			continue;
		}
		r = area_load(&p->area, &p->why);
		if (!r)
			return 0;
		area_close(&p->area);
	}
	return r;
}

static int one_pass(struct plan *p, int nr)
{
	struct ranges written = { 0 };
	struct progress progress;
	bool live = nr >= 0;
	int r = 0;

	if (nr)
		r = what_was_written(p, &written);
	if (!r)
		r = load_old(p, live);
	if (!r) {
		if (!nr)
			r = copy_begin(&p->copier, &p->area.sb, &p->env,
				       p->start,
				       (p->spare.sectors - p->start) / 8,
				       p->len / 8, &p->why);
		if (!r)
			r = copy_pass(&p->copier, &p->area,
				      nr ? &written : NULL, nr == 1,
				      live ? &progress : NULL);
		if (!r && !live)
			r = copy_end(&p->copier, &p->area.sb);
		area_close(&p->area);
	}
	ranges_free(&written);
	return r;
}

/* Passes until little is left, or they get no shorter. */
static int copy_in_use(struct plan *p)
{
	u64 last = U64_MAX, before = 0, now;
	int r, nr;

	r = remap_message(p->m.name, NULL, false, "track start");
	if (r)
		return r;
	for (nr = 0; nr < MAX_PASSES; nr++) {
		r = one_pass(p, nr);
		if (r == -EINTR)
			return fail(RC_INTERRUPTED, "interrupted; %s goes on with its spare, and the same command starts over",
				    p->m.name);
		if (r)
			return fail(r == -ENOSPC ? RC_REFUSED : RC_FAILED, "%s: %s; it goes on with its spare",
				    p->m.name, p->why.text);
		now = p->copier.blocks - before;
		if (nr && (now <= FEW_BLOCKS || now > last / 2))
			break;
		last = now;
		before = p->copier.blocks;
	}
	return RC_OK;
}

static int copy_suspended(struct plan *p)
{
	int r;

	p->late = p->copier.blocks;
	r = one_pass(p, -1);
	p->late = p->copier.blocks - p->late;
	if (!r && env_publish(&p->env)) {
		r = -EIO;
		strcpy(p->why.text, "the new spare cannot be written to");
	}
	if (r)
		snprintf(p->error, sizeof(p->error), "%s", p->why.text);
	return r;
}

/*
 * Both before and after a failed switch: the old table, and no copy. What has become
 * of it is for tell_back().
 */
static void go_back(struct plan *p, bool loaded)
{
	p->env.hold = false;
	p->remains = env_blank(&p->env, &p->layout);
	if (loaded)
		dm_load(p->m.name, p->now);
	dm_resume(p->m.name);
}

/* The kernel knows what is in use now. Return: RC_FAILED. */
static int tell_back(const struct plan *p, const char *why)
{
	const char *with = strcmp(p->k.mode, "fail") ? "with the old spare" :
			   "without a spare";
	struct remap now;

	if (remap_get_quiet(p->m.name, &now) || now.suspended ||
	    now.spare != p->m.spare || now.spare_start != p->m.spare_start)
		return fail(RC_FAILED, "%s: %s, and the old spare could not be brought back: 'dmsetup resume %s', then 'dmremap status'",
			    p->m.name, why, p->m.name);
	if (p->remains)
		return fail(RC_FAILED, "%s: %s; it goes on %s. What was begun on %s cannot be removed: it is no spare, do not open it",
			    p->m.name, why, with, p->spare.path);
	return fail(RC_FAILED, "%s: %s; it goes on %s", p->m.name, why, with);
}

static int switch_over(struct plan *p)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	r = dm_suspend(p->m.name);
	if (r)
		goto out;
	if (copy_suspended(p)) {
		go_back(p, false);
	} else if (dm_load(p->m.name, p->then) || dm_resume(p->m.name)) {
		snprintf(p->error, sizeof(p->error), "the kernel does not take the new spare");
		go_back(p, true);
	}
out:
	sigprocmask(SIG_SETMASK, &old, NULL);
	return p->error[0] ? tell_back(p, p->error) : r;
}

static void retire_old(struct plan *p)
{
	struct area old;

	archive_keep(&p->old, p->m.spare_start, "before 'replace'");
	if (area_peek(&old, &p->old, p->m.spare_start, AREA_WRITE)) {
		note("note: the superblocks of the old spare on %s cannot be read; nothing to remove",
		     p->old.path);
		return;
	}
	if (env_blank(&old.env, &old.sb.layout))
		note("note: the superblocks of the old spare on %s cannot be removed; it is known to be the old one, but do not open it",
		     p->old.path);
	area_close(&old);
}

/* A new spare that knows what was on the old one, and has none of it. */
static int enter_lost(struct plan *p)
{
	struct dmr_super *sb = calloc(1, sizeof(*sb));
	struct kblocks b = { 0 };
	char *reply = NULL;
	int r;

	r = blocks_list(p->m.name, &b) ?:
	    remap_message(p->m.name, &reply, false, "status");
	if (!r && (!sb || lost_super(sb, &p->k, reply)))
		r = fail(RC_FAILED, "%s: the kernel does not say what was on the spare",
			 p->m.name);
	if (r)
		goto out;
	r = copy_begin(&p->copier, sb, &p->env, p->start,
		       (p->spare.sectors - p->start) / 8, p->len / 8, &p->why);
	if (!r) {
		p->lost = lost_enter(&p->copier, &b);
		r = p->lost < 0 ? p->lost : copy_end(&p->copier, sb);
	}
	if (r)
		r = fail(r == -ENOSPC ? RC_REFUSED : RC_FAILED, "%s: %s; it goes on without a spare",
			 p->m.name, p->why.text);
out:
	free(b.b);
	free(reply);
	free(sb);
	return r;
}

static int switch_to_new(struct plan *p)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	/* A file system could not be frozen: what it has to write may be lost sectors. */
	r = dm_suspend_as_it_is(p->m.name);
	if (!r && (env_publish(&p->env) || dm_load(p->m.name, p->then) ||
		   dm_resume(p->m.name))) {
		go_back(p, true);
		r = tell_back(p, "the new spare cannot be used");
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

static int as_json(const struct plan *p, u64 lost, double seconds)
{
	struct json_object *o = json_object_new_object();

	add_str(o, "device", p->m.name);
	add_str(o, "spare", p->spare.path);
	add_u64(o, "spare_start", p->start);
	add_u64(o, "blocks_copied", p->copier.blocks);
	add_u64(o, "copied_while_suspended", p->late);
	json_object_object_add(o, "suspended_seconds",
			       json_object_new_double(seconds));
	add_u64(o, "lost_sectors", lost);
	return print_json(o, stdout);
}

static int without_old(const struct args *a, struct plan *p)
{
	int r = enter_lost(p);

	if (!r && env_unclaim(&p->env, p->spare.path))
		r = fail(RC_FAILED, "%s: it cannot be used by the kernel; %s is unchanged",
			 p->spare.path, p->m.name);
	if (r)
		return r;
	stay_in_memory(p);
	r = switch_to_new(p);
	munlockall();
	if (!r)
		archive_keep(&p->spare, p->start, "after 'replace'");
	if (!r && opt(a, "json"))
		return as_json(p, p->lost, 0);
	if (!r)
		print_text("%s: the spare is on %s now; %ld sectors are lost, and read as errors until they are written again ('dmremap whose %s --all' names the files)\n",
			   p->m.name, p->spare.path, p->lost, p->m.name);
	return r;
}

static int run(struct args *a)
{
	struct plan *p = calloc(1, sizeof(*p));
	double begun;
	int r;

	if (!p)
		return fail(RC_FAILED, "out of memory");
	p->env.fd = -1;
	r = make_plan(a, p);
	if (!r && opt(a, "dry-run")) {
		if (p->occupied)
			print_text("# %s holds %s, which would be overwritten\n",
				   p->spare.path, p->occupant);
		if (opt(a, "spare-is-lost"))
			print_text("# a new spare on %s, with %llu blocks marked as lost\n",
				   p->spare.path, ULL(p->k.remappings));
		else
			print_text("# copy %llu blocks from %s to %s; between suspend and resume: what has changed since, and the metadata\n",
				   ULL(p->k.slots_used), p->old.path,
				   p->spare.path);
		would_load(p->m.name, p->then);
		goto out;
	}
	r = r ?: ask(a, p);
	if (!r && p->occupied && !p->start && p->spare.content[0])
		r = device_wipe(p->spare.path);
	if (r)
		goto out;
	r = env_open(&p->env, p->spare.path, p->start, true);
	if (!r)
		r = env_hold(&p->env, &p->layout);
	if (r) {
		r = fail(RC_FAILED, "%s cannot be written to: %s; %s is unchanged",
			 p->spare.path, strerror(p->env.error ?: -r),
			 p->m.name);
		goto out;
	}
	catch_signals();
	if (opt(a, "spare-is-lost")) {
		r = without_old(a, p);
		goto out;
	}
	r = copy_in_use(p);
	if (r)
		goto out;
	r = env_unclaim(&p->env, p->spare.path);
	if (r) {
		r = fail(RC_FAILED, "%s: %s; %s is unchanged", p->spare.path,
			 strerror(-r), p->m.name);
		goto out;
	}
	stay_in_memory(p);
	begun = now_seconds();
	r = switch_over(p);
	begun = now_seconds() - begun;
	munlockall();
	if (r)
		goto out;
	retire_old(p);
	archive_keep(&p->spare, p->start, "after 'replace'");
	if (opt(a, "json")) {
		r = as_json(p, copy_lost(&p->copier), begun);
		goto out;
	}
	print_text("%s: the spare is on %s now: %llu blocks copied, %llu of them while suspended, for %.1f s\n",
		   p->m.name, p->spare.path, ULL(p->copier.blocks), ULL(p->late),
		   begun);
	if (copy_lost(&p->copier))
		print_text("WARNING: %llu sectors could not be read from the old spare and are lost ('dmremap list %s --lost')\n",
			   ULL(copy_lost(&p->copier)), p->m.name);
out:
	copy_exit(&p->copier);
	env_close(&p->env);
	dm_free_lines(p->now);
	dm_free_lines(p->then);
	free(p);
	return r;
}

const struct command cmd_replace = {
	.name = "replace",
	.group = "Moving on",
	.synopsis = "NAME NEWSPARE",
	.summary = "another spare, with the device in use",
	.text = "Copies everything that is in use on the spare to NEWSPARE, which may be larger or smaller, and goes on with that one. The device stays in use; it is suspended only at the end, while the blocks that were written to meanwhile are copied once more and the metadata is loaded. Programs that use it wait for that long, and see no error. Sectors that the old spare cannot give any more are lost, and read as errors. A crash at any moment, or an interruption, leaves one spare that is complete; the same command starts over.\nWhen the old spare is gone (mode fail), there is nothing to copy from. With --spare-is-lost, NEWSPARE gets a record of all that was on it, and each of these sectors reads as an error until it is written again: never as what the main device had before. 'dmremap whose NAME --all' names the files. As long as the pair stays open, the kernel knows which sectors these are; so do this before it is closed.\nIf the tool is killed while the device is suspended, 'dmsetup resume NAME' goes on with the old spare.",
	.examples = "  dmremap replace data /dev/sdd1\n  dmremap replace data /dev/sdd --start 1G --size 8G\n",
	.min_args = 2, .max_args = 2,
	.run = run,
	.exits = { [RC_INTERRUPTED] = EXIT_INTERRUPTED },
	.opts = {
		{ "size", "SIZE", "length of the new spare area (default: to the end of the device)" },
		{ "start", "SIZE", "where the new spare area starts (default: at 0)" },
		{ "spare-is-lost", NULL, "the old spare is gone for good: mark what was on it as lost, and go on" },
		{ "json", NULL, "print the result as JSON" },
		{ "yes", NULL, "do not ask" },
		{ "force", NULL, "with --yes: overwrite what is on NEWSPARE" },
		{ "dry-run", NULL, "print the dmsetup lines, change nothing" },
	},
};
