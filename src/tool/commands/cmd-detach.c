// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap detach: the way out.
 */
#include "devices/blocks.h"
#include "offline.h"
#include "copy/state.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define CHUNK	(1U << 20)
#define TRIES	5

/*
 * Put a linear mapping onto @to in place of the dm-remap. The device is
 * suspended when *@ready is asked whether nothing has come in between.
 */
static int switch_to_linear(const struct remap *m, const char *to,
			    bool (*ready)(const struct remap *m))
{
	struct dm_line *line = dm_line(0, m->sectors, "linear", "%s 0", to);
	int r;

	r = dm_suspend(m->name);
	if (!r && ready && !ready(m)) {
		r = dm_resume(m->name) ?: -EAGAIN;
	} else if (!r) {
		r = dm_load(m->name, line);
		if (r) {
			dm_clear(m->name);
			dm_resume(m->name);
		} else {
			r = dm_resume(m->name);
		}
	}
	dm_free_lines(line);
	return r;
}

static void blank_spare(const struct remap *m)
{
	struct device d;
	struct area area;

	if (device_get_devno(m->spare, &d) ||
	    area_peek(&area, &d, m->spare_start, AREA_WRITE)) {
		note("note: the superblocks on %s cannot be removed", m->spare_path);
		return;
	}
	if (env_blank(&area.env, &area.sb.layout))
		note("note: the superblocks on %s cannot be removed", m->spare_path);
	area_close(&area);
}

/* For the question: what else is given up. */
static const char *then_the_spare(const struct remap *m)
{
	static char text[700];
	struct device d;

	snprintf(text, sizeof(text), "Then the spare area at sector %llu is given up, on\n  %s",
		 ULL(m->spare_start), device_get_devno(m->spare, &d) ?
		 m->spare_path : device_describe(&d));
	return text;
}

static void finish(const struct remap *m, const char *to)
{
	if (m->open_count) {
		printf("%s is in use: it is a plain mapping of %s now, and can be removed when nobody uses it ('dmsetup remove %s')\n",
		       m->name, to, m->name);
		return;
	}
	if (!dm_remove(m->name))
		printf("%s is closed; use %s from now on\n", m->name, to);
}

/*--------------------------------------------------------------------
 * Back to main
 *--------------------------------------------------------------------
 */
static bool leave_known_bad;

static bool nothing_on_spare(const struct remap *m)
{
	struct kstat k;

	return !blocks_status(m->name, &k) && !k.remappings &&
	       (leave_known_bad || !k.known_bad);
}

static int release_all(const struct remap *m, const char *message)
{
	struct ranges rs = { 0 };
	struct kblocks b;
	struct tally t;
	int r = blocks_list(m->name, &b);

	if (r || !b.nr)
		return r;
	blocks_ranges(&b, &rs);
	free(b.b);
	r = blocks_act(m->name, message, &rs, &t);
	ranges_free(&rs);
	return r;
}

static int back_to_main(struct args *a, const struct remap *m)
{
	struct kstat k;
	char question[1400];
	struct device d;
	int r, tries;

	if (device_get_devno(m->main, &d))
		return fail(RC_FAILED, "cannot look at %s", m->main_path);
	leave_known_bad = opt(a, "leave-known-bad");
	if (opt(a, "dry-run")) {
		struct dm_line *line = dm_line(0, m->sectors, "linear",
					       "%s 0", m->main_path);

		would("dmsetup message %s 0 forget_bad 0 %llu", m->name,
		      ULL(m->sectors));
		would("dmsetup message %s 0 release 0 %llu", m->name,
		      ULL(m->sectors));
		would_load(m->name, line);
		dm_free_lines(line);
		return RC_OK;
	}
	snprintf(question, sizeof(question), "All blocks of %s go back to the main device, verified:\n  %s\n%s",
		 m->name, device_describe(&d), then_the_spare(m));
	r = confirm(opt(a, "yes"), question);
	for (tries = 0; !r && tries < TRIES; tries++) {
		r = release_all(m, "forget_bad") ?: release_all(m, "release") ?:
		    blocks_status(m->name, &k);
		if (r)
			return r;
		if (k.remappings)
			return fail(RC_REFUSED, "%llu blocks must stay on the spare, since the main device fails them, or data of theirs is lost; %s works as before. 'dmremap detach %s --to DEVICE' copies everything to another disk",
				    ULL(k.remappings), m->name, m->name);
		if (k.known_bad && !leave_known_bad)
			return fail(RC_REFUSED, "%llu blocks are known bad, and the main device still fails them ('dmremap whose %s --all'); --leave-known-bad detaches all the same, --to DEVICE copies everything to another disk",
				    ULL(k.known_bad), m->name);
		r = switch_to_linear(m, m->main_path, nothing_on_spare);
		if (r != -EAGAIN)
			break;
		r = RC_OK;
	}
	if (r)
		return r;
	if (tries == TRIES)
		return fail(RC_FAILED, "%s: new blocks keep failing while others are moved back; the main device is too bad to do without a spare; 'dmremap detach %s --to DEVICE' copies everything to another disk",
			    m->name, m->name);
	blank_spare(m);
	finish(m, m->main_path);
	return RC_OK;
}

/*--------------------------------------------------------------------
 * To another disk
 *--------------------------------------------------------------------
 */
struct move {
	const struct remap *m;
	int from, to;
	u8 *buf, *check;
	u64 unreadable;		/* sectors */
	bool allow;		/* unreadable sectors become zeroes */
	const char *target;
};

/* Read from the device; sector by sector what fails. */
static int read_source(struct move *v, off_t at, size_t size, bool count)
{
	size_t i, unit = 4096;

	if (pread(v->from, v->buf, size, at) == (ssize_t)size)
		return 0;
	for (i = 0; i < size; i += unit) {
		size_t n = min(unit, size - i);

		if (pread(v->from, v->buf + i, n, at + i) == (ssize_t)n)
			continue;
		if (!v->allow)
			return fail(RC_REFUSED, "%s cannot be read at sector %llu; 'dmremap whose' names the file, --allow-unreadable copies zeroes instead",
				    v->m->name, ULL((at + i) >> 9));
		memset(v->buf + i, 0, n);
		v->unreadable += count ? n >> 9 : 0;
	}
	return 0;
}

static int write_target(struct move *v, off_t at, size_t size)
{
	if (pwrite(v->to, v->buf, size, at) == (ssize_t)size)
		return 0;
	return fail(RC_FAILED, "%s cannot be written to at sector %llu: %s",
		    v->target, ULL(at >> 9), strerror(errno));
}

static int copy_pass(struct move *v, const char *key)
{
	off_t end = v->m->sectors << 9, at;
	double saved = now_seconds();
	struct progress p;
	int r = 0;

	at = min_t(u64, state_read("detach", key) << 9, end);
	progress_begin(&p, "copying", end >> 9, at >> 9);
	for (; at < end && !r && !interrupted(); at += CHUNK) {
		size_t n = min_t(u64, CHUNK, end - at);

		progress_at(&p, at >> 9, NULL);
		r = read_source(v, at, n, false) ?: write_target(v, at, n);
		if (!r && now_seconds() - saved > 5 && !fdatasync(v->to)) {
			state_write("detach", key, (at + n) >> 9);
			saved = now_seconds();
		}
	}
	progress_end(&p);
	if (!r && fdatasync(v->to))
		r = fail(RC_FAILED, "%s: %s", v->target, strerror(errno));
	if (!r || interrupted())
		state_write("detach", key, min(at, end) >> 9);
	return r;
}

/* Whatever an earlier run may have left undone is found and put right here. */
static int verify_pass(struct move *v, u64 *fixed)
{
	off_t end = v->m->sectors << 9, at;
	struct progress p;
	int r = 0, tries;

	progress_begin(&p, "comparing", end >> 9, 0);
	for (at = 0; at < end && !r && !interrupted(); at += CHUNK) {
		size_t n = min_t(u64, CHUNK, end - at);

		progress_at(&p, at >> 9, NULL);
		r = read_source(v, at, n, true);
		for (tries = 0; !r; tries++) {
			if (pread(v->to, v->check, n, at) == (ssize_t)n &&
			    !memcmp(v->buf, v->check, n))
				break;
			if (tries == 2) {
				r = fail(RC_FAILED, "%s does not give back what was written at sector %llu; use another disk",
					 v->target, ULL(at >> 9));
				break;
			}
			*fixed += !tries;
			r = write_target(v, at, n);
			if (!r && fdatasync(v->to))
				r = RC_FAILED;
		}
	}
	progress_end(&p);
	return r;
}

static int open_source(struct move *v)
{
	char source[DM_NAME + 16];

	snprintf(source, sizeof(source), "/dev/mapper/%s", v->m->name);
	v->from = open(source, O_RDONLY | O_DIRECT | O_EXCL | O_CLOEXEC);
	if (v->from < 0)
		return fail(RC_REFUSED, "%s: %s%s", v->m->name, strerror(errno),
			    errno == EBUSY ? "; unmount it first, since what is copied must not change (only 'detach' without --to can do it in use)" : "");
	return RC_OK;
}

static int open_target(struct move *v, const char *path)
{
	v->to = open(path, O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC);
	if (v->to < 0)
		return fail(RC_REFUSED, "%s: %s", path, strerror(errno));
	if (posix_memalign((void **)&v->buf, 4096, CHUNK) ||
	    posix_memalign((void **)&v->check, 4096, CHUNK))
		return fail(RC_FAILED, "out of memory");
	return RC_OK;
}

static int check_target(struct args *a, const struct remap *m,
			const char *key, struct device *d)
{
	char question[1400];
	u64 done = state_read("detach", key);
	int r;

	r = device_get(opt(a, "to"), false, d);
	if (r)
		return r;
	if (d->devno == m->main || d->devno == m->spare ||
	    d->devno == m->devno)
		return fail(RC_REFUSED, "%s is part of %s itself; name another disk", d->path,
			    m->name);
	if (device_in_use(d))
		return fail(RC_REFUSED, "%s is in use: %s; end that, or name another disk", d->path,
			    d->used_by);
	if (d->sectors < m->sectors)
		return fail(RC_REFUSED, "%s is too small: it has %llu sectors, %s has %llu; name a larger disk",
			    d->path, ULL(d->sectors), m->name,
			    ULL(m->sectors));
	if (d->content[0] && opt(a, "yes") && !opt(a, "force") && !done)
		return fail(RC_REFUSED, "%s holds %s; give --force, too, if it may be overwritten",
			    d->path, d->content);
	snprintf(question, sizeof(question), "WARNING: everything on\n  %s\nis overwritten with a copy of %s.%s\n%s",
		 device_describe(d), m->name, done ?
		 "\nAn earlier copy was interrupted and is taken up." : "",
		 opt(a, "keep-spare") ? "" : then_the_spare(m));
	return confirm(opt(a, "yes"), question);
}

static int to_disk(struct args *a, struct remap *m, const char *key)
{
	struct move v = { .m = m, .from = -1, .to = -1,
			  .allow = opt(a, "allow-unreadable"),
			  .target = opt(a, "to") };
	struct device d;
	u64 fixed = 0;
	int r;

	if (opt(a, "dry-run")) {
		struct dm_line *line = dm_line(0, m->sectors, "linear",
					       "%s 0", v.target);

		printf("# copy /dev/mapper/%s to %s, compare\n", m->name,
		       v.target);
		would_load(m->name, line);
		dm_free_lines(line);
		return RC_OK;
	}
	r = open_source(&v) ?: check_target(a, m, key, &d) ?:
	    open_target(&v, d.path);
	if (r)
		goto out;
	catch_signals();
	r = copy_pass(&v, key);
	if (!r && !interrupted())
		r = verify_pass(&v, &fixed);
	if (!r && interrupted())
		r = fail(RC_INTERRUPTED, "interrupted; the same command goes on, %s works as before",
			 m->name);
	if (r)
		goto out;
	close(v.to);
	v.to = -1;
	r = switch_to_linear(m, d.path, NULL);
	if (r)
		goto out;
	state_clear("detach", key);
	close(v.from);
	v.from = -1;
	if (!opt(a, "keep-spare"))
		blank_spare(m);
	printf("%s copied to %s and compared%s\n", human_size(m->sectors),
	       d.path, v.unreadable ? "" : ", all of it");
	if (fixed)
		printf("%llu MiB differed at first and were copied again\n",
		       ULL(fixed));
	if (v.unreadable)
		printf("WARNING: %llu sectors could not be read and are zeroes on %s\n",
		       ULL(v.unreadable), d.path);
	finish(m, d.path);
out:
	if (v.from >= 0)
		close(v.from);
	if (v.to >= 0)
		close(v.to);
	free(v.buf);
	free(v.check);
	return r;
}

/* A crash after the switch: the mapping is plain already. */
static int run(struct args *a)
{
	struct remap m;
	struct kstat k;
	int r = remap_get(a->arg[0], &m) ?: blocks_status(m.name, &k);

	if (!r && !opt(a, "dry-run"))
		r = blocks_lock(&m, &k);
	if (r)
		return r;
	return opt(a, "to") ? to_disk(a, &m, k.uuid) : back_to_main(a, &m);
}

const struct command cmd_detach = {
	.name = "detach",
	.group = "Moving on",
	.synopsis = "NAME",
	.summary = "the way out: everything back to main, or to a new disk",
	.text = "Moves all blocks back to the main device, each verified, puts a plain mapping in place of the dm-remap and gives up the spare area. The device may be in use meanwhile. If the main device still fails some blocks, nothing is given up and everything works as before.\nWith --to, everything is copied to another disk instead, read back and compared; for that the device must not be mounted or otherwise in use, and it is closed at the end: mount the new disk. Interrupted, even by a crash, the same command goes on.",
	.examples = "  dmremap detach data\n  dmremap detach data --to /dev/sdd\n",
	.min_args = 1, .max_args = 1,
	.run = run,
	.opts = {
		{ "to", "DEVICE", "copy everything there" },
		{ "leave-known-bad", NULL, "detach although the main device still fails blocks that have no data on the spare" },
		{ "allow-unreadable", NULL, "with --to: copy zeroes for what cannot be read" },
		{ "keep-spare", NULL, "with --to: do not give up the spare area" },
		{ "yes", NULL, "do not ask" },
		{ "force", NULL, "with --yes: overwrite what is on DEVICE" },
		{ "dry-run", NULL, "print the dmsetup lines, change nothing" },
	},
};
