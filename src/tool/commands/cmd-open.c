// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap open, close, scan, assemble.
 */
#include "boot/known.h"
#include "offline.h"
#include "devices/blocks.h"
#include "devices/fit.h"
#include "devices/parts.h"
#include "pairing/prints.h"

#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

/*--------------------------------------------------------------------
 * Open
 *--------------------------------------------------------------------
 */
static int create_mapping(const struct args *a, const char *name,
			  const struct device *main, const struct device *spare,
			  const struct dmr_super *sb, const char *identity)
{
	struct dm_line *line;
	char uuid[DM_NAME], feat[700];
	struct args own = *a;
	u64 length = 0;
	int r;

	/* What was not asked for is as it was kept. */
	options_use(&own, sb->options);
	r = features(&own, identity, feat, sizeof(feat)) ?:
	    opt_size(a, "length", &length);
	if (r)
		return r;
	if (!length)
		length = target_length(main, spare, sb->spare_start);
	line = dm_line(0, length, "dm-remap", "%s %s %llu%s", main->path,
		       spare->path, ULL(sb->spare_start), feat);
	snprintf(uuid, sizeof(uuid), "DMREMAP-%s", area_uuid(sb->uuid));
	line->read_only = opt(&own, "read-only");
	if (opt(a, "dry-run")) {
		would_create(name, uuid, line);
	} else {
		r = dm_create(name, uuid, line);
		if (!r) {
			closed_set(area_uuid(sb->uuid), false);
			/* That of main stays: see known.h. */
			if (spare->devno != main->devno)
				guard_clear(spare);
			r = parts_up(name);
		}
	}
	dm_free_lines(line);
	return r;
}

/* Was main used without us? Then what is on the spare is older than what is there. */
static int check_prints(const struct args *a, const char *name,
			const struct dmr_super *sb, const struct device *main)
{
	char what[200];

	if (!prints_differ(sb, main, what, sizeof(what)) ||
	    opt(a, "read-only"))
		return RC_OK;
	if (opt(a, "force")) {
		note("WARNING: %s was written to without its spare since '%s' was closed (%s)",
		     main->path, name, what);
		return RC_OK;
	}
	return fail(RC_REFUSED, "%s was written to without its spare since '%s' was closed (%s): what is on the spare is older; look at it with --read-only, or open it as it is with --force",
		    main->path, name, what);
}

/* A main device that is not as recorded: RC_OK if it is accepted all the same. */
static int accept_other(const struct args *a, const struct area *area,
			const struct device *main, const char *what)
{
	char question[1024];

	if (main->sectors != area->sb.main_sectors &&
	    !(main->sectors > area->sb.main_sectors && opt(a, "main-grown")))
		return fail(RC_REFUSED, "%s is not the main device of this spare: %s%s",
			    main->path, what,
			    main->sectors > area->sb.main_sectors &&
			    device_is(main, area->sb.identity) ?
			    "; if it was enlarged, give --main-grown" :
			    "; 'dmremap scan' says what belongs together");
	if (!opt(a, "any-main"))
		return fail(RC_REFUSED, "%s is not as the spare has recorded its main device: %s; 'dmremap scan' says what belongs together, --any-main opens it all the same",
			    main->path, what);
	text_into(question, sizeof(question),
		  "WARNING: %s\nis not as the spare has recorded its main device: %s.\nIf it is another disk, blocks of one lie over blocks of the other, and what is written then harms both.",
		  device_describe(main), what);
	return confirm(opt(a, "yes"), question);
}

static int choose_main(const struct args *a, const struct area *area,
		       struct device *main, const char **identity)
{
	const struct main_record rec = record_of(&area->sb);
	const char *id = area->sb.identity;
	struct device *list = NULL;
	char text[2400];
	int nr, r = RC_OK;

	*identity = id;
	if (a->nr == 3) {
		r = device_get(a->arg[1], false, main);
		if (r)
			return r;
		if (id[0] && !device_is(main, id))
			*identity = NULL;
	} else if (!id[0]) {
		return fail(RC_REFUSED, "the spare does not say which main device it is for; name it: 'dmremap open %s MAIN %s'",
			    a->arg[0], area->path);
	}
	nr = find_mains(id, &list);
	if (nr > 1 && *identity && !(a->nr == 3 && opt(a, "this-main"))) {
		say_mains(list, nr, a->arg[0], area->path, text, sizeof(text));
		r = fail(RC_REFUSED, "%s", text);
	} else if (a->nr == 2 && !nr) {
		r = fail(RC_REFUSED, "the main device '%s' of this spare is not connected; connect it, or name it if it is known by something else: 'dmremap open %s MAIN %s --any-main'",
			 id, a->arg[0], area->path);
	} else if (a->nr == 2) {
		*main = list[0];
	}
	free(list);
	if (r || main_fits(&rec, main, text, sizeof(text)))
		return r;
	/* Nothing but the size differs, and that was asked for. */
	if (opt(a, "main-grown") && *identity &&
	    main->sectors > rec.sectors) {
		struct main_record grown = rec;

		grown.sectors = main->sectors;
		if (main_fits(&grown, main, text, sizeof(text)))
			return RC_OK;
	}
	return accept_other(a, area, main, text);
}

static int refuse_stale(const struct area *area, const struct device *spare)
{
	struct candidates list;
	int i, r = RC_OK;

	if (candidates_find(&list, false))
		return RC_FAILED;
	for (i = 0; i < list.nr && !r; i++) {
		struct candidate *c = list.c[i];

		if (c->spare.devno != spare->devno ||
		    c->sb.spare_start != area->sb.spare_start)
			continue;
		if (c->newer)
			r = fail(RC_REFUSED, "%s is an old copy of the spare: it was replaced by %s (activated %llu times, this one %llu); use that one",
				 spare->path, c->newer->spare.path,
				 ULL(c->newer->sb.activations),
				 ULL(c->sb.activations));
		else if (c->twin)
			r = fail(RC_REFUSED, "%s and %s are copies of one spare that differ; 'dmremap dump' both, and open the right one with --this-copy",
				 spare->path, c->twin->spare.path);
	}
	candidates_free(&list);
	return r;
}

/* Opening it would put a superblock where something else is now. */
static int check_first(const struct area *area, const struct device *spare)
{
	if (area->super[0] == DMR_OK || area->sb.spare_start ||
	    !spare->content[0])
		return RC_OK;
	return fail(RC_REFUSED, "the first block of the spare was overwritten: %s holds %s now; if it is to be the spare, 'dmremap repair %s' brings it back",
		    spare->path, spare->content, spare->path);
}

int opened_json(const char *name)
{
	struct json_object *o;
	struct remap m;
	struct kstat k;
	int r = remap_get(name, &m) ?: blocks_status(name, &k);

	if (r)
		return r;
	o = json_object_new_object();
	add_str(o, "device", m.name);
	add_u64(o, "sectors", m.sectors);
	add_str(o, "main", m.main_path);
	add_str(o, "identity", k.identity);
	add_str(o, "spare", m.spare_path);
	add_u64(o, "spare_start", m.spare_start);
	add_u64(o, "spare_length", k.spare_length);
	add_u64(o, "slots_total", k.slots_total);
	add_str(o, "uuid", k.uuid);
	add_str(o, "label", k.label);
	return print_json(o, stdout);
}

static int open_cmd(struct args *a)
{
	const char *name = a->arg[0], *identity, *spare_path = a->arg[a->nr - 1];
	struct device spare, main;
	struct area area;
	char in_use[DM_NAME];
	u64 start = 0, length;
	int r;

	r = dm_check_name(name) ?: opt_size(a, "start", &start) ?:
	    opt_size(a, "length", &length) ?: dm_ready();
	if (r)
		return r;
	if (dm_exists(name))
		return fail(RC_REFUSED, "there is a device '%s' already; choose another name",
			    name);
	r = device_get(spare_path, false, &spare);
	if (r)
		return r;
	if (area_in_kernel(&spare, start, in_use, sizeof(in_use)))
		return fail(RC_REFUSED, "this spare is open already, as '%s'; use /dev/mapper/%s",
			    in_use, in_use);
	r = area_open(&area, &spare, start,
		      opt(a, "search") ? AREA_SEARCH : AREA_READ);
	if (r)
		return r;
	r = check_first(&area, &spare) ?:
	    choose_main(a, &area, &main, &identity);
	if (!r && device_in_use(&main) && main.devno != spare.devno)
		r = fail(RC_REFUSED, "the main device %s is in use: %s; end that first, what is on it stays as it is",
			 main.path, main.used_by);
	r = r ?: check_prints(a, name, &area.sb, &main);
	if (!r && !opt(a, "this-copy"))
		r = refuse_stale(&area, &spare);
	r = r ?: create_mapping(a, name, &main, &spare, &area.sb, identity);
	if (!r && opt(a, "json"))
		r = opened_json(name);
	else if (!r && !opt(a, "dry-run"))
		print_text("/dev/mapper/%s: %s, spare %s\n", name, main.path,
			   spare.path);
	area_close(&area);
	return r;
}

/* A clean close: what is known of main is written to the spare when nobody changes it. */
static int close_pair(const struct remap *m)
{
	struct kstat k;
	int r = blocks_status(m->name, &k) ?: parts_down(m) ?:
		dm_remove(m->name);

	if (!r && !strcmp(k.mode, "rw") && !k.main_gone)
		prints_keep(m);
	return r;
}

static int close_cmd(struct args *a)
{
	int i, r = RC_OK;

	for (i = 0; i < a->nr && !r; i++) {
		struct device d;
		struct remap m;

		r = remap_get(a->arg[i], &m);
		if (r)
			break;
		if (opt(a, "dry-run")) {
			would("dmsetup remove %s", shell_word(m.name));
			continue;
		}
		r = parts_busy(&m);
		if (r)
			break;
		if (m.open_count > parts_count(&m)) {
			const char *who = "a program has it open";

			if (!device_get_devno(m.devno, &d) && d.used_by[0])
				who = d.used_by;
			r = fail(RC_REFUSED, "%s is in use: %s; end that first",
				 m.name, who);
			break;
		}
		if (!strncmp(m.uuid, "DMREMAP-", 8))
			closed_set(m.uuid + 8, true);
		r = close_pair(&m);
		/* From now on, both are to be kept from use. */
		if (!r) {
			udev_again(m.main);
			udev_again(m.spare);
		}
	}
	return r;
}

/*--------------------------------------------------------------------
 * Scan and assemble
 *--------------------------------------------------------------------
 */
static const char *state_of(const struct candidate *c, char *buf, size_t size)
{
	if (c->open_as[0])
		snprintf(buf, size, "open as %s", c->open_as);
	else if (c->newer)
		snprintf(buf, size, "a copy that is out of use: %s is the right one",
			 c->newer->spare.path);
	else if (c->twin)
		snprintf(buf, size, "%s is a copy of it that differs, neither is newer; open the right one by hand, with --this-copy",
			 c->twin->spare.path);
	else if (c->overwritten)
		snprintf(buf, size, "its first block was overwritten, the device holds %s now; if it is to be the spare, 'dmremap repair %s' brings it back",
			 c->spare.content, c->spare.path);
	else if (!c->sb.identity[0])
		snprintf(buf, size, "it does not say which main device it is for: 'dmremap open NAME MAIN %s'",
			 c->spare.path);
	else if (!c->nr_mains)
		snprintf(buf, size, "its main device is not connected");
	else if (c->nr_mains > 1)
		say_mains(c->mains, c->nr_mains, candidate_name(c),
			  c->spare.path, buf, size);
	else if (c->differs[0])
		snprintf(buf, size, "%s bears the name of its main device, but is not as recorded: %s; 'dmremap open %s %s %s' says what can be done",
			 c->main.path, c->differs, candidate_name(c),
			 c->main.path, c->spare.path);
	else
		snprintf(buf, size, "can be opened: 'dmremap open %s %s'",
			 candidate_name(c), c->spare.path);
	return buf;
}

static int scan(struct args *a)
{
	struct json_object *out = NULL, *mains;
	struct candidates list;
	char state[2400];
	int i, j, r;

	r = candidates_find(&list, opt(a, "deep"));
	if (r)
		return r;
	if (opt(a, "json"))
		out = json_object_new_array();
	else if (!list.nr)
		print_text("no spare areas found%s\n", opt(a, "deep") ? "" :
			   " at the start or end of any device; --deep looks everywhere");
	for (i = 0; i < list.nr; i++) {
		const struct candidate *c = list.c[i];
		struct json_object *o;

		state_of(c, state, sizeof(state));
		if (!out) {
			print_text("%s, sector %llu: spare '%s', %u slots\n  uuid   %s, activated %llu times\n  main   %s%s%s\n  state  %s\n",
				   c->spare.path, ULL(c->sb.spare_start),
				   candidate_name(c), c->sb.layout.nr_slots,
				   area_uuid(c->sb.uuid), ULL(c->sb.activations),
				   c->sb.identity[0] ? c->sb.identity :
				   "(no identity)",
				   c->nr_mains == 1 || c->open_as[0] ? ", today " : "",
				   c->nr_mains == 1 || c->open_as[0] ?
				   c->main.path : "", state);
			continue;
		}
		o = json_object_new_object();
		add_str(o, "spare", c->spare.path);
		add_u64(o, "spare_start", c->sb.spare_start);
		add_str(o, "name", candidate_name(c));
		add_str(o, "label", c->sb.label);
		add_str(o, "uuid", area_uuid(c->sb.uuid));
		add_u64(o, "activations", c->sb.activations);
		add_u64(o, "slots", c->sb.layout.nr_slots);
		add_str(o, "identity", c->sb.identity);
		add_str(o, "main", c->main.path);
		add_str(o, "open_as", c->open_as);
		mains = json_object_new_array();
		for (j = 0; j < c->nr_mains; j++)
			json_object_array_add(mains,
				json_object_new_string(c->mains[j].path));
		json_object_object_add(o, "mains", mains);
		add_str(o, "differs", c->differs);
		json_object_object_add(o, "stale",
				json_object_new_boolean(c->newer != NULL));
		json_object_object_add(o, "ambiguous",
				json_object_new_boolean(c->twin != NULL));
		add_str(o, "state", state);
		json_object_array_add(out, o);
	}
	if (out)
		print_json(out, stdout);
	candidates_free(&list);
	return RC_OK;
}

static bool means(const char *arg, const struct candidate *c)
{
	return !strcmp(arg, candidate_name(c)) ||
	       !strcmp(arg, area_uuid(c->sb.uuid));
}

int assemble_one(const struct args *a, const struct candidate *c)
{
	const char *name = candidate_name(c);
	char state[2400];
	int r;

	if (c->newer)
		return fail(a->nr ? RC_REFUSED : RC_OK, "%s is left alone: %s",
			    c->spare.path, state_of(c, state, sizeof(state)));
	if (c->twin || c->overwritten || !c->sb.identity[0] ||
	    c->nr_mains != 1 || c->differs[0])
		return fail(RC_REFUSED, "%s ('%s') was not opened: %s",
			    c->spare.path, name,
			    state_of(c, state, sizeof(state)));
	if (device_in_use(&c->main) && c->main.devno != c->spare.devno)
		return fail(RC_REFUSED, "%s ('%s') was not opened: its main device %s is in use: %s; end that first (see LVM in dmremap(8) if it was not you)",
			    c->spare.path, name, c->main.path,
			    c->main.used_by);
	if (dm_exists(name))
		return fail(RC_REFUSED, "%s was not opened: there is another device '%s'; 'dmremap open' gives it a name of your choice",
			    c->spare.path, name);
	r = check_prints(a, name, &c->sb, &c->main) ?:
	    create_mapping(a, name, &c->main, &c->spare, &c->sb,
			   c->sb.identity);
	if (!r && !opt(a, "dry-run") && !opt(a, "json"))
		print_text("/dev/mapper/%s: %s, spare %s\n", name, c->main.path,
			   c->spare.path);
	return r;
}

/* An event may have opened it since the disks were read. */
static int assemble_unless_open(const struct args *a, struct candidate *c)
{
	int r = RC_OK, lock = opening_lock(area_uuid(c->sb.uuid), true);

	if (!area_in_kernel(&c->spare, c->sb.spare_start, c->open_as,
			    sizeof(c->open_as)))
		r = assemble_one(a, c);
	opening_unlock(lock);
	return r;
}

/* Is it open on a main device that is gone, and which is back by another name? */
static int reopen(const struct args *a, struct candidate *c)
{
	struct remap m;
	struct kstat k;
	char question[2048];
	int r, lock;

	r = remap_get(c->open_as, &m) ?: blocks_status(m.name, &k);
	if (r || !k.main_gone || c->nr_mains != 1 || c->mains[0].devno == m.main)
		return r;
	c->main = c->mains[0];
	if (m.open_count > parts_count(&m))
		return fail(RC_REFUSED, "%s is open on a main device that is gone, which is back as %s; end what uses /dev/mapper/%s, then 'dmremap assemble %s' opens it anew",
			    m.name, c->main.path, m.name, candidate_name(c));
	if (opt(a, "dry-run")) {
		would("dmsetup remove %s", shell_word(m.name));
		return RC_OK;
	}
	if (!opt(a, "yes") && !isatty(STDIN_FILENO))
		return fail(RC_REFUSED, "%s is open on a main device that is gone, which is back as %s; 'dmremap assemble %s --yes' opens it anew",
			    m.name, c->main.path, candidate_name(c));
	text_into(question, sizeof(question), "%s is open on a main device that is gone, which is back as\n  %s\nIt is closed, and opened anew.",
		  m.name, device_whereabouts(&c->main));
	r = confirm(opt(a, "yes"), question);
	if (r)
		return r;
	lock = opening_lock(area_uuid(c->sb.uuid), true);
	r = parts_down(&m) ?: dm_remove(m.name);
	c->open_as[0] = '\0';
	r = r ?: assemble_one(a, c);
	opening_unlock(lock);
	return r;
}

/* What became of a pair, for --json. */
static struct json_object *outcome(const struct candidate *c, bool was_open,
				   int r)
{
	struct json_object *o = json_object_new_object();
	struct remap m;
	bool open;

	open = !remap_get_quiet(was_open ? c->open_as : candidate_name(c), &m) &&
	       m.spare == c->spare.devno && m.spare_start == c->sb.spare_start;
	add_str(o, "name", candidate_name(c));
	add_str(o, "uuid", area_uuid(c->sb.uuid));
	add_str(o, "spare", c->spare.path);
	add_str(o, "main", c->main.path);
	add_str(o, "result", r ? "refused" : !open ? "left-alone" :
		was_open ? "was-open" : "opened");
	add_str(o, "why", open && !r ? "" : last_failure());
	return o;
}

static struct json_object *not_found(const char *name)
{
	struct json_object *o = json_object_new_object();

	add_str(o, "name", name);
	add_str(o, "result", "not-found");
	add_str(o, "why", last_failure());
	return o;
}

static int assemble_all(const struct args *a, struct candidates *list,
			struct json_object *out)
{
	bool found[max(a->nr, 1)];
	int i, j, r, worst = RC_OK;

	memset(found, 0, sizeof(found));
	for (i = 0; i < list->nr; i++) {
		struct candidate *c = list->c[i];
		bool was_open = c->open_as[0], want = !a->nr;

		for (j = 0; j < a->nr; j++)
			if (means(a->arg[j], c))
				found[j] = want = true;
		if (!want)
			continue;
		r = was_open ? reopen(a, c) : assemble_unless_open(a, c);
		worst = max(worst, r);
		if (out)
			json_object_array_add(out, outcome(c, c->open_as[0], r));
	}
	for (j = 0; j < a->nr; j++) {
		if (found[j])
			continue;
		r = fail(RC_REFUSED, "no spare '%s' was found; 'dmremap scan --deep' looks everywhere",
			 a->arg[j]);
		worst = max(worst, r);
		if (out)
			json_object_array_add(out, not_found(a->arg[j]));
	}
	return worst;
}

static int assemble(struct args *a)
{
	bool json = opt(a, "json");
	struct json_object *out;
	struct candidates list;
	u64 seconds;
	int r;

	if (json && (opt(a, "incremental") || opt(a, "wait")))
		return fail(RC_USAGE, "assemble: --json does not go with --incremental or --wait");
	if (opt(a, "incremental"))
		return assemble_incremental(a);
	r = opt_u64(a, "wait", &seconds);
	if (r)
		return r;
	if (opt(a, "wait"))
		return assemble_wait(a, seconds);
	r = candidates_find(&list, opt(a, "deep"));
	if (r)
		return r;
	out = json ? json_object_new_array() : NULL;
	r = assemble_all(a, &list, out);
	candidates_free(&list);
	if (out)
		print_json(out, stdout);
	return r;
}

const struct command cmd_open = {
	.name = "open",
	.group = "Setting up",
	.synopsis = "NAME [MAIN] SPARE",
	.summary = "open a pair that was created earlier",
	.text = "Opens the spare area on SPARE with the main device that it belongs to, as /dev/mapper/NAME. Without MAIN the main device is found by its identity, whatever it is called today. Refused are another main device's spare, a main device whose size, sector size or place on its disk is not as recorded, and an old copy of a spare that has been replaced. If several devices bear the name of the main device (two enclosures that report one serial number, a disk and its copy), none is chosen: name the right one, by /dev/disk/by-path for example, with --this-main.\nA main device that was written to without its spare is not opened without --force: at a clean close, the spare keeps a fingerprint of what a mount or an assembly would change (both ends of the device and of its partitions, and the superblocks there). After a power cut there is none.\nIf the main device is partitioned, its partitions are /dev/mapper/NAME-part1 and so on. With --read-only, nothing can be written to the device.",
	.examples = "  dmremap open data /dev/sdc1\n  dmremap open data /dev/sdb /dev/sdc1 --read-only\n",
	.min_args = 2, .max_args = 3,
	.run = open_cmd,
	.opts = { OPT_AREA, OPT_FEATURES,
		{ "length", "SIZE", "use only so much of the main device" },
		{ "any-main", NULL, "accept a MAIN that is not as recorded (its size must be); asks" },
		{ "this-main", NULL, "MAIN is the right one of several devices that bear its name" },
		{ "main-grown", NULL, "the main device was enlarged: record its new size" },
		{ "force", NULL, "open it although the main device was written to without its spare" },
		{ "yes", NULL, "do not ask" },
		{ "this-copy", NULL, "open this one although there is another, newer copy of the spare" },
		{ "json", NULL, "print what was opened as JSON" },
		{ "dry-run", NULL, "print the dmsetup line, change nothing" } },
};

const struct command cmd_close = {
	.name = "close",
	.group = "Setting up",
	.synopsis = "NAME...",
	.summary = "close devices; their remaps stay on the spare",
	.text = "Removes /dev/mapper/NAME. Everything that was remapped stays on the spare and is there again when the pair is opened. The main device alone does not hold that data: do not use it without its spare; 'dmremap detach' is the way out.",
	.examples = "  dmremap close data\n",
	.min_args = 1, .max_args = -1,
	.run = close_cmd,
	.opts = { { "dry-run", NULL, "print the dmsetup line, change nothing" } },
};

const struct command cmd_scan = {
	.name = "scan",
	.group = "Setting up",
	.synopsis = "",
	.summary = "list the spares of this machine and their main devices",
	.text = "Looks at all block devices for spare areas, at the start and the end of each and behind one another, and says for each which main device it belongs to, whether it is open, and whether a newer copy of it exists. Changes nothing.",
	.examples = "  dmremap scan\n  dmremap scan --json\n",
	.min_args = 0, .max_args = 0,
	.run = scan,
	.opts = { { "deep", NULL, "read all devices whole; slow" },
		{ "json", NULL, "print JSON" } },
};

const struct command cmd_assemble = {
	.name = "assemble",
	.group = "Setting up",
	.synopsis = "[NAME|UUID...]",
	.summary = "open all pairs that can be found, or the named ones",
	.text = "Opens every spare that is found together with its main device, which is told by its identity and not by today's device names. The name is the label of the spare, or 'remap-' and the beginning of its UUID. Of two copies of one spare the one that was activated more often is used, and the old one is named. If several devices bear the name of one main device, none of them is opened. A pair that is open on a main device which is gone, and which is back under another name, is closed and opened anew, after a question.",
	.examples = "  dmremap assemble\n  dmremap assemble data\n",
	.min_args = 0, .max_args = -1,
	.run = assemble,
	.opts = { OPT_FEATURES,
		{ "incremental", NULL, "for udev: a device has appeared; open the pairs that it completes" },
		{ "background", NULL, "with --incremental: return at once, and go on in the background" },
		{ "wait", "SECONDS", "wait so long until the named pairs are open, and say what is missing" },
		{ "deep", NULL, "read all devices whole; slow" },
		{ "force", NULL, "open pairs whose main device was written to without its spare" },
		{ "json", NULL, "print what became of each pair, as JSON" },
		{ "yes", NULL, "do not ask" },
		{ "dry-run", NULL, "print the dmsetup lines, change nothing" } },
};
