// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap scrub: read everything, so that bad blocks are found before the user
 * finds them.
 */
#include "devices/blocks.h"
#include "devices/idle.h"
#include "copy/state.h"
#include "offline.h"

#include <fcntl.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define CHUNK	(1U << 20)

/* An error that takes so long makes the kernel look no deeper: see the manual. */
#define SLOW_SECONDS	0.2

struct scrub {
	const char *name;
	int fd;
	void *buf;
	u64 unreadable;		/* blocks */
	int error;		/* not about the medium */
};

static bool read_at(struct scrub *s, u64 sector, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(s->fd, s->buf + done, size - done,
				  (off_t)(sector << 9) + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int e = n ? errno : ENODATA;

			if (e != EIO && e != ENODATA && e != EREMOTEIO &&
			    e != EILSEQ)
				s->error = e;
			return false;
		}
		done += n;
	}
	return true;
}

/* What can be read of a block, sector by sector, to the spare: was it all of it? */
static bool save_block(const struct scrub *s, u64 sector, size_t size)
{
	unsigned int saved = 0;
	char *reply = NULL;

	if (!remap_message(s->name, &reply, true, "remap %llu %zu", ULL(sector),
			   size / 512))
		sscanf(reply, "evacuated=%u", &saved);
	free(reply);
	return saved;
}

static void read_block(struct scrub *s, u64 sector, size_t size)
{
	double begun = now_seconds();

	if (read_at(s, sector, size) || s->error)
		return;
	if (now_seconds() - begun < SLOW_SECONDS ||
	    !save_block(s, sector, size))
		s->unreadable++;
}

static void read_chunk(struct scrub *s, u64 sector, size_t size)
{
	size_t at, n;

	if (read_at(s, sector, size) || s->error)
		return;
	for (at = 0; at < size && !s->error && !interrupted(); at += n) {
		n = min_t(size_t, 4096, size - at);
		read_block(s, sector + at / 512, n);
	}
}

static int scrub_range(struct scrub *s, const struct remap *m,
		       const char *key, u64 *at, u64 end, bool whole)
{
	double saved = now_seconds();
	struct progress p;
	char extra[64];

	progress_begin(&p, m->name, end, *at);
	while (*at < end && !interrupted() && !s->error) {
		size_t n = min_t(u64, CHUNK, (end - *at) << 9);

		read_chunk(s, *at, n);
		if (interrupted() || s->error)
			break;
		*at += n >> 9;
		snprintf(extra, sizeof(extra), "%llu blocks unreadable",
			 ULL(s->unreadable));
		progress_at(&p, *at, extra);
		if (whole && now_seconds() - saved > 5) {
			state_write("scrub", key, &(struct state){ *at, 0 });
			saved = now_seconds();
		}
	}
	progress_end(&p);
	if (s->error)
		return fail(RC_FAILED, "%s: reading sector %llu failed: %s",
			    m->name, ULL(*at), strerror(s->error));
	return RC_OK;
}

static int open_device(const struct remap *m, struct scrub *s)
{
	char path[PATH_MAX];

	/* The node of a name with blanks is called otherwise. */
	if (device_name(m->devno, path, sizeof(path)))
		return fail(RC_FAILED, "%s has no node in /dev; 'dmsetup mknodes' makes one",
			    m->name);
	s->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (s->fd < 0)
		return fail(RC_FAILED, "cannot open %s: %s", path,
			    strerror(errno));
	if (posix_memalign(&s->buf, 4096, CHUNK))
		return fail(RC_FAILED, "out of memory");
	return RC_OK;
}

static int as_json(const struct remap *m, const struct scrub *s, u64 count,
		   const struct kstat *before)
{
	struct json_object *o;
	struct kstat after;
	int r = blocks_status(m->name, &after);

	if (r)
		return r;
	o = json_object_new_object();
	add_str(o, "device", m->name);
	add_u64(o, "sectors", count);
	add_u64(o, "unreadable_blocks", s->unreadable);
	add_u64(o, "known_bad", after.known_bad);
	add_u64(o, "known_bad_before", before->known_bad);
	add_u64(o, "rescued", after.rescued - min(after.rescued, before->rescued));
	return print_json(o, stdout);
}

static int run(struct args *a)
{
	struct kstat before, after;
	struct remap m;
	struct scrub s = { .fd = -1, .name = m.name };
	u64 start, count, at;
	char key[128];
	bool whole = a->nr < 2;
	int r;

	r = remap_get(a->arg[0], &m) ?: blocks_status(m.name, &before) ?:
	    range_arg(&m, whole ? NULL : a->arg[1], &start, &count) ?:
	    blocks_lock(&m, &before, a->cmd->name) ?: open_device(&m, &s);
	if (r)
		goto out;
	state_key(key, sizeof(key), before.uuid, before.identity, NULL);
	at = start & ~7ULL;
	if (whole && opt(a, "restart"))
		state_clear("scrub", key);
	if (whole) {
		at = min(state_read("scrub", key).position & ~7ULL, m.sectors);
		if (at)
			note("going on from sector %llu, where the last scrub was interrupted (--restart begins anew)",
			     ULL(at));
	}
	if (!opt(a, "busy"))
		idle_priority();
	catch_signals();
	r = scrub_range(&s, &m, key, &at, start + count, whole);
	if (!r && interrupted()) {
		if (whole)
			state_write("scrub", key, &(struct state){ at, 0 });
		r = fail(RC_INTERRUPTED, "interrupted at sector %llu of %llu; 'dmremap scrub %s' goes on there",
			 ULL(at), ULL(start + count), m.name);
	} else if (!r && whole) {
		state_clear("scrub", key);
	}
	if (!r && opt(a, "json"))
		r = as_json(&m, &s, count, &before);
	else if (!r && !blocks_status(m.name, &after))
		print_text("%s: %s read; %llu blocks unreadable (%llu known bad blocks now, %llu before), %llu blocks rescued to the spare\n",
			   m.name, human_size(count), ULL(s.unreadable),
			   ULL(after.known_bad), ULL(before.known_bad),
			   ULL(after.rescued - min(after.rescued,
						   before.rescued)));
	if (!r && s.unreadable) {
		if (!opt(a, "json"))
			print_text("'dmremap whose %s --all' says which files they belong to\n",
				   m.name);
		r = RC_PARTLY;
	}
out:
	if (s.fd >= 0)
		close(s.fd);
	free(s.buf);
	return r;
}

const struct command cmd_scrub = {
	.name = "scrub",
	.group = "Looking after",
	.synopsis = "NAME [RANGE]",
	.summary = "read everything; find bad blocks before the user does",
	.text = "Reads the whole device, or a range, with idle I/O priority. Blocks that cannot be read become known bad, so that their next write goes to the spare; blocks that can be read only on a second try, or sector by sector, are rescued to the spare. The device may be in use. Interrupted, it goes on where it was.",
	.examples = "  dmremap scrub data\n  dmremap scrub data 0+2097152\n",
	.min_args = 1, .max_args = 2,
	.run = run,
	.exits = { [RC_INTERRUPTED] = EXIT_INTERRUPTED,
		[RC_PARTLY] = "blocks could not be read" },
	.opts = { { "restart", NULL, "begin anew instead of going on" },
		{ "busy", NULL, "normal I/O priority" },
		{ "json", NULL, "print the result as JSON" } },
};
