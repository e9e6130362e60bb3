// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap detach: the way out.
 */
#include "boot/known.h"
#include "copy/archive.h"
#include "copy/move.h"
#include "devices/blocks.h"
#include "devices/owners.h"
#include "devices/parts.h"
#include "offline.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
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

	archive_keep_of(m->spare, m->spare_start, "before 'detach'");
	if (device_get_devno(m->spare, &d) ||
	    area_peek(&area, &d, m->spare_start, AREA_WRITE)) {
		note("note: the superblocks on %s cannot be removed", m->spare_path);
		return;
	}
	if (env_blank(&area.env, &area.sb.layout))
		note("note: the superblocks on %s cannot be removed", m->spare_path);
	area_close(&area);
}

/* Main has been copied, and is no longer complete. Return: can it be told by its name? */
static bool keep_main_away(const struct remap *m)
{
	struct candidate *c = calloc(1, sizeof(*c));
	struct area area;
	bool named = false;

	if (c && !device_get_devno(m->spare, &c->spare) &&
	    !area_peek(&area, &c->spare, m->spare_start, AREA_READ)) {
		c->sb = area.sb;
		strscpy(c->name, m->name, sizeof(c->name));
		area_close(&area);
		known_add(c);
		named = c->sb.identity[0];
	}
	free(c);
	return named;
}

/* The pair is no more: nothing is known of it, and nothing keeps its devices from use. */
static void forget_pair(const struct remap *m, const char *uuid, bool main_too)
{
	struct device d;
	struct tab t;
	int i;

	tab_read(&t);
	for (i = 0; i < t.nr; i++)
		if (!strcmp(t.line[i].name, m->name))
			note("note: /etc/dmremaptab has a line for '%s', which keeps its main device from use; remove it",
			     m->name);
	tab_free(&t);
	closed_set(uuid, false);
	if (!device_get_devno(m->spare, &d))
		guard_clear(&d);
	udev_again(m->spare);
	if (!main_too)
		return;
	known_forget(uuid);
	if (!device_get_devno(m->main, &d))
		guard_clear(&d);
	udev_again(m->main);
}

/* For the question: what else is given up. */
static const char *then_the_spare(const struct remap *m)
{
	static char text[700];
	struct device d;

	text_into(text, sizeof(text), "Then the spare area at sector %llu is given up, on\n  %s",
		  ULL(m->spare_start), device_get_devno(m->spare, &d) ?
		  m->spare_path : device_describe(&d));
	return text;
}

/* @json: NULL, or receives what has become of it. */
static void finish(const struct remap *m, const char *to,
		   struct json_object *json)
{
	/* Its partitions go with it, unless one is in use. */
	bool used = m->open_count > parts_count(m) || parts_busy(m);
	bool closed = !used && !parts_down(m) && !dm_remove(m->name);

	if (json) {
		add_str(json, "use", closed ? to : m->name);
		json_object_object_add(json, "closed",
				       json_object_new_boolean(closed));
		return;
	}
	if (used)
		print_text("%s is in use: it is a plain mapping of %s now, and can be removed when nobody uses it ('dmsetup remove %s')\n",
			   m->name, to, m->name);
	else if (closed)
		print_text("%s is closed; use %s from now on\n", m->name, to);
}

static struct json_object *new_json(const struct args *a,
				    const struct remap *m, const char *to)
{
	struct json_object *o;

	if (!opt(a, "json"))
		return NULL;
	o = json_object_new_object();
	add_str(o, "device", m->name);
	add_str(o, "to", to);
	add_u64(o, "sectors", m->sectors);
	return o;
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
	struct json_object *json;
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

		would("dmsetup message %s 0 forget_bad 0 %llu",
		      shell_word(m->name), ULL(m->sectors));
		would("dmsetup message %s 0 release 0 %llu",
		      shell_word(m->name), ULL(m->sectors));
		would_load(m->name, line);
		dm_free_lines(line);
		return RC_OK;
	}
	snprintf(question, sizeof(question), "All blocks of %s go back to the main device, verified:\n  %s\n%s",
		 plain(m->name), device_describe(&d), then_the_spare(m));
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
	json = new_json(a, m, m->main_path);
	finish(m, m->main_path, json);
	forget_pair(m, k.uuid, true);
	return json ? print_json(json, stdout) : RC_OK;
}

/*--------------------------------------------------------------------
 * To another disk
 *--------------------------------------------------------------------
 */
struct leave {
	struct remap *m;
	struct device target, source;
	struct move move;
	char key[128], uuid[40];
	char map[PATH_MAX], files[PATH_MAX + 8];
	u64 named;		/* files in the list */
	bool keep_spare;
	u64 still_there;	/* sectors that only the spare holds */
};

static int open_source(struct leave *l)
{
	l->move.from = open(l->source.path,
			    O_RDONLY | O_DIRECT | O_EXCL | O_CLOEXEC);
	if (l->move.from < 0)
		return fail(RC_REFUSED, "%s: %s%s", l->m->name, strerror(errno),
			    errno == EBUSY ? "; unmount it first, since what is copied must not change (only 'detach' without --to can do it in use)" : "");
	return RC_OK;
}

static int check_target(struct args *a, struct leave *l)
{
	const struct remap *m = l->m;
	struct device *d = &l->target;
	int r = device_get(opt(a, "to"), false, d);

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
	if (d->lbs > l->source.lbs)
		return fail(RC_REFUSED, "%s has logical blocks of %u bytes, %s of %u: a file system made for these cannot be mounted there; name another disk",
			    d->path, d->lbs, m->name, l->source.lbs);
	return RC_OK;
}

/* State and lists are about this pair and this target, and no other. */
static void name_work(struct leave *l)
{
	const struct device *d = &l->target;
	char id[PATH_MAX + 64], source[192];
	struct kstat k;

	snprintf(id, sizeof(id), "%s %llu", d->nr_identities ?
		 device_identity(d) : d->path, ULL(d->sectors));
	if (blocks_status(l->m->name, &k))
		memset(&k, 0, sizeof(k));
	strscpy(l->uuid, k.uuid, sizeof(l->uuid));
	snprintf(source, sizeof(source), "%s %llu", k.identity,
		 ULL(l->m->sectors));
	state_key(l->key, sizeof(l->key), k.uuid, source, id);
	l->move.key = l->key;
}

/* What the kernel knows already; more may turn up. */
static u64 known_unreadable(const struct remap *m)
{
	struct kblocks b;
	u64 nr = 0;
	size_t i;

	if (blocks_list(m->name, &b))
		return 0;
	for (i = 0; i < b.nr; i++)
		nr += __builtin_popcount(kblock_unsafe(&b.b[i]));
	free(b.b);
	return nr;
}

static int open_target(struct args *a, struct leave *l)
{
	struct move *d = &l->move;
	char question[1600], bad[200] = "";
	u64 unsafe = known_unreadable(l->m);
	bool begun;
	int r;

	d->to = open(l->target.path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	begun = d->to >= 0 && move_is_begun(d);
	if (l->target.content[0] && opt(a, "yes") && !opt(a, "force") && !begun)
		return fail(RC_REFUSED, "%s holds %s; give --force, too, if it may be overwritten",
			    l->target.path, l->target.content);
	if (unsafe)
		snprintf(bad, sizeof(bad), "\n%llu sectors are known bad or lost; how many of them cannot be read shows when they are copied.",
			 ULL(unsafe));
	snprintf(question, sizeof(question), "WARNING: everything on\n  %s\nis overwritten with a copy of %s.%s%s\n%s",
		 device_describe(&l->target), plain(l->m->name), begun ?
		 "\nAn earlier copy was interrupted and is taken up." : "", bad,
		 l->keep_spare ? "" : then_the_spare(l->m));
	r = confirm(opt(a, "yes"), question);
	if (r)
		return r;
	if (d->to >= 0)
		close(d->to);
	d->to = open(l->target.path, O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC);
	return d->to < 0 ? fail(RC_REFUSED, "%s: %s", l->target.path,
				strerror(errno)) : RC_OK;
}

static void owner_line(void *arg, const struct owner *o)
{
	FILE *f = arg;

	/* Mounted at /mnt: see owners_unmounted(). */
	if (o->kind == OWNER_FILE)
		fprintf(f, "sectors %llu to %llu: %s, bytes %llu to %llu\n",
			ULL(o->start), ULL(o->start + o->count - 1),
			plain(strncmp(o->path, "/mnt", 4) ? o->path : o->path + 4),
			ULL(o->offset << 9),
			ULL(((o->offset + o->count) << 9) - 1));
	else
		fprintf(f, "sectors %llu to %llu: %s\n", ULL(o->start),
			ULL(o->start + o->count - 1),
			o->kind == OWNER_FREE ? "free" :
			o->kind == OWNER_METADATA ? "metadata of the file system" :
			o->kind == OWNER_USED ? "in use, by no file that has a name" :
			"not known");
}

/* The copy is as good for asking as the original, and nobody holds it. */
static int write_owners(struct leave *l)
{
	char type[32] = "";
	struct output out;
	struct device now;
	int r, named;

	r = output_begin(&out, l->files);
	if (r)
		return r;
	if (!device_get(l->target.path, false, &now))
		snprintf(type, sizeof(type), "%.*s",
			 (int)strcspn(now.content, " "), now.content);
	named = *type && strstr(now.content, "file system") ?
		owners_unmounted(l->target.path, l->target.devno, type,
				 &l->move.missing, owner_line, out.f) : -1;
	if (named)
		fprintf(out.f, "The owners of the sectors in %s are not known: %s holds %s, which dmremap could not look into. While it is mounted, 'dmremap whose' can.\n",
			plain(l->map), plain(l->m->name), now.content[0] ?
			plain(now.content) : "no file system as a whole");
	r = output_end(&out, true);
	l->named = !named;
	return r;
}

static int write_map(struct leave *l)
{
	struct output out;
	int r = output_begin(&out, l->map);

	if (r)
		return r;
	move_write_map(&l->move, out.f);
	return output_end(&out, true);
}

/* What could not be read now although the spare has it: it must not go. */
static int count_still_there(struct leave *l)
{
	struct kblocks b;
	size_t i;
	int s, r;

	r = blocks_list(l->m->name, &b);
	if (r)
		return r;
	for (i = 0; i < b.nr; i++)
		for (s = 0; s < 8; s++)
			if (b.b[i].valid >> s & 1)
				l->still_there += ranges_touch(&l->move.missing,
							       b.b[i].sector + s, 1);
	free(b.b);
	return RC_OK;
}

static const char *how_much(const struct leave *l)
{
	static char text[400];
	u64 nr = ranges_total(&l->move.missing);

	text_into(text, sizeof(text), "%llu sectors of %s cannot be read, the first one is %llu",
		  ULL(nr), l->m->name, ULL(l->move.missing.r[0].start));
	return text;
}

/* Counted, written down, and then asked. */
static int tell_missing(struct args *a, struct leave *l)
{
	const char *map = opt(a, "map");
	char question[3 * PATH_MAX], default_map[PATH_MAX];
	int r;

	snprintf(default_map, sizeof(default_map), "%s/detach-%s.map",
		 state_folder(), l->key);
	if (!map && mkdir(state_folder(), 0755) && errno != EEXIST)
		return fail(RC_REFUSED, "cannot keep the map of what could not be copied: %s: %s; name a place with --map. %s works as before",
			    state_folder(), strerror(errno), l->m->name);
	snprintf(l->map, sizeof(l->map), "%s", map ?: default_map);
	snprintf(l->files, sizeof(l->files), "%s.files", l->map);
	r = write_map(l) ?: write_owners(l) ?: count_still_there(l);
	if (r)
		return r;
	l->keep_spare |= l->still_there;
	if (!opt(a, "allow-unreadable"))
		return fail(RC_REFUSED, "%s; %s has all the others. %s is their map, %s names their owners. --allow-unreadable goes on without them; %s works as before",
			    how_much(l), l->target.path, l->map, l->files,
			    l->m->name);
	snprintf(question, sizeof(question), "%s; they are missing on\n  %s\nTheir map is in %s,\ntheir owners are in %s.\n%s", how_much(l),
		 device_describe(&l->target), plain(l->map), plain(l->files),
		 l->still_there ? "Some of them should be on the spare, which is kept." :
		 then_the_spare(l->m));
	return confirm_rest(opt(a, "yes"), question, "The copy is complete but for them, and the device works as before; the same command goes on");
}

static int would_copy(const struct leave *l)
{
	const struct remap *m = l->m;
	struct dm_line *line = dm_line(0, m->sectors, "linear", "%s 0",
				       l->target.path);

	if (l->target.content[0])
		print_text("# %s holds %s, which would be overwritten\n",
			   l->target.path, l->target.content);
	print_text("# copy %s to %s, compare\n", m->name, l->target.path);
	would_load(m->name, line);
	dm_free_lines(line);
	return RC_OK;
}

static void tell_result(const struct leave *l)
{
	u64 nr = ranges_total(&l->move.missing);

	print_text("%s copied to %s and compared%s\n", human_size(l->m->sectors),
		   l->target.path, nr ? "" : ", all of it");
	if (l->move.differed)
		print_text("%llu MiB differed at first and were copied again\n",
			   ULL(l->move.differed));
	if (nr)
		print_text("WARNING: %llu sectors could not be read and are missing on %s; their map is in %s, their owners are in %s\n",
			   ULL(nr), l->target.path, l->map, l->files);
	if (l->still_there)
		print_text("WARNING: %llu of them should be on the spare, which could not give them now; the spare area on %s is kept\n",
			   ULL(l->still_there), l->m->spare_path);
}

static void result_as_json(const struct leave *l, struct json_object *o)
{
	u64 nr = ranges_total(&l->move.missing);

	add_u64(o, "missing_sectors", nr);
	add_u64(o, "still_on_spare", l->still_there);
	json_object_object_add(o, "spare_kept",
			       json_object_new_boolean(l->keep_spare));
	json_object_object_add(o, "map", nr ?
			       json_object_new_string(l->map) : NULL);
	json_object_object_add(o, "owners", nr ?
			       json_object_new_string(l->files) : NULL);
}

static int to_disk(struct args *a, struct remap *m)
{
	struct json_object *json;
	struct leave *l = calloc(1, sizeof(*l));
	bool done = false, kept;
	int r;

	if (!l)
		return fail(RC_FAILED, "out of memory");
	l->m = m;
	l->keep_spare = opt(a, "keep-spare");
	l->move.from = l->move.to = -1;
	r = device_get_devno(m->devno, &l->source) ?
	    fail(RC_FAILED, "%s has no node in /dev; 'dmsetup mknodes' makes one", m->name) :
	    check_target(a, l);
	if (opt(a, "dry-run")) {
		r = r ?: would_copy(l);
		free(l);
		return r;
	}
	if (r)
		goto out;
	l->move.source = m->name;
	l->move.target = l->target.path;
	l->move.sectors = m->sectors;
	l->move.unit = l->source.lbs;
	name_work(l);
	r = parts_busy(m);
	if (!r) {
		m->open_count -= parts_count(m);
		r = parts_down(m);
	}
	r = r ?: open_source(l) ?: open_target(a, l) ?: move_copy(&l->move);
	if (!r && l->move.interrupted)
		r = fail(RC_INTERRUPTED, "interrupted; the same command goes on, %s works as before",
			 m->name);
	if (r)
		goto out;
	close(l->move.to);
	l->move.to = -1;
	if (l->move.missing.nr)
		r = tell_missing(a, l);
	r = r ?: switch_to_linear(m, l->target.path, NULL);
	if (r)
		goto out;
	done = true;
	close(l->move.from);
	l->move.from = -1;
	/* A mount by UUID must find the copy, and not what is left. */
	kept = keep_main_away(m);
	if (!l->keep_spare)
		blank_spare(m);
	json = new_json(a, m, l->target.path);
	if (json)
		result_as_json(l, json);
	else
		tell_result(l);
	finish(m, l->target.path, json);
	if (!l->keep_spare)
		forget_pair(m, l->uuid, false);
	udev_again(m->main);
	if (json)
		print_json(json, stdout);
	else if (!l->keep_spare && kept)
		print_text("%s lacks what was on the spare; it is kept from use until 'dmremap forget %s'\n",
			   m->main_path, m->name);
	if (l->still_there && !opt(a, "keep-spare"))
		r = RC_PARTLY;
out:
	if (l->move.from >= 0)
		close(l->move.from);
	if (l->move.to >= 0)
		close(l->move.to);
	move_exit(&l->move, done);
	free(l);
	/* It works as before, and so do its partitions. */
	if (!done)
		parts_up(m->name);
	return r;
}

/* A crash after the switch: the mapping is plain already. */
static int run(struct args *a)
{
	struct remap m;
	struct kstat k;
	int r = remap_get(a->arg[0], &m) ?: blocks_status(m.name, &k);

	if (!r && !opt(a, "dry-run"))
		r = blocks_lock(&m, &k, a->cmd->name);
	if (r)
		return r;
	return opt(a, "to") ? to_disk(a, &m) : back_to_main(a, &m);
}

const struct command cmd_detach = {
	.name = "detach",
	.group = "Moving on",
	.synopsis = "NAME",
	.summary = "the way out: everything back to main, or to a new disk",
	.text = "Moves all blocks back to the main device, each verified, puts a plain mapping in place of the dm-remap and gives up the spare area. The device may be in use meanwhile. If the main device still fails some blocks, nothing is given up and everything works as before.\nWith --to, everything is copied to another disk instead, read back and compared; for that the device must not be mounted or otherwise in use, and it is closed at the end: mount the new disk. Interrupted, even by a crash, the same command goes on.\nWhat cannot be read is tried sector by sector, and counted; a ddrescue map of it and the list of the files that own it are kept before anything is given up, and --allow-unreadable is needed to go on without it. A spare that still holds some of it is kept.",
	.examples = "  dmremap detach data\n  dmremap detach data --to /dev/sdd\n",
	.min_args = 1, .max_args = 1,
	.run = run,
	.exits = { [RC_INTERRUPTED] = EXIT_INTERRUPTED,
		[RC_PARTLY] = "the spare had to be kept: it holds sectors that could not be read now" },
	.opts = {
		{ "to", "DEVICE", "copy everything there" },
		{ "leave-known-bad", NULL, "detach although the main device still fails blocks that have no data on the spare" },
		{ "allow-unreadable", NULL, "with --to: go on without what cannot be read" },
		{ "map", "FILE", "with --to: where to keep the map of what cannot be read (default: in /var/lib/dmremap); its owners are in FILE.files" },
		{ "keep-spare", NULL, "with --to: do not give up the spare area" },
		{ "json", NULL, "print the result as JSON" },
		{ "yes", NULL, "do not ask" },
		{ "force", NULL, "with --yes: overwrite what is on DEVICE" },
		{ "dry-run", NULL, "print the dmsetup lines, change nothing" },
	},
};
