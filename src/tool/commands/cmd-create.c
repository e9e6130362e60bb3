// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap create: a new pair of main and spare.
 */
#include "boot/table.h"
#include "copy/archive.h"
#include "devices/extents.h"
#include "devices/fit.h"
#include "devices/parts.h"
#include "offline.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

struct plan {
	const char *name;
	struct device main, spare;
	u64 start, len;		/* of the spare area, in sectors */
	u64 length;		/* of the target */
	char label[DMR_LABEL_LEN];
	char identity[DMR_IDENTITY_LEN];
	char features[700];
	char options[DMR_OPTIONS_LEN];
	struct dmr_layout layout;
	bool occupied;		/* something on the spare would go */
	char occupant[700];
	char other[PATH_MAX + 200];	/* a spare that main has already, or "" */
	char partitioned[PATH_MAX + 400];
};

static int check_options(const struct args *a, struct plan *p)
{
	const char *label = opt(a, "label"), *id = opt(a, "identity");
	int r;

	r = opt_size(a, "start", &p->start) ?: opt_size(a, "size", &p->len) ?:
	    opt_size(a, "length", &p->length);
	if (r)
		return r;
	if (label && !*label)
		label = NULL;
	if (label && !dmr_name_ok(label, sizeof(p->label)))
		return fail(RC_USAGE, "--label: at most %d printable ASCII characters without spaces",
			    DMR_LABEL_LEN - 1);
	if (id && (!*id || !dmr_name_ok(id, sizeof(p->identity))))
		return fail(RC_USAGE, "--identity: 1 to %d printable ASCII characters without spaces",
			    DMR_IDENTITY_LEN - 1);
	strscpy(p->label, label ?: "", sizeof(p->label));
	strscpy(p->identity, id ?: "", sizeof(p->identity));
	return RC_OK;
}

/* A file system that is longer than the device could not be mounted any more. */
static int check_content(struct plan *p)
{
	struct extents *x = calloc(1, sizeof(*x));
	int i, r = RC_OK;

	for (i = 0; x && !r && !extents_of(&p->main, x) && i < x->nr; i++) {
		const struct extent *e = &x->e[i];

		if (e->kind == EXTENT_CONTENT && p->length < p->main.sectors &&
		    e->len > p->length)
			r = fail(RC_REFUSED, "%s on %s has %llu sectors, more than the %llu that would be left of it; make it smaller first, or choose another place for the spare area",
				 e->what, p->main.path, ULL(e->len),
				 ULL(p->length));
	}
	free(x);
	return r;
}

/* Does main have a spare already? What it holds is missing on main. */
static int find_other_spare(struct plan *p)
{
	struct candidates list;
	struct area area;
	int i, r;

	r = candidates_find(&list, false);
	for (i = 0; !r && i < list.nr && !p->other[0]; i++) {
		const struct candidate *c = list.c[i];
		const char *blocks = "an unknown number of blocks";

		if (c->newer || !c->sb.identity[0] ||
		    !device_is(&p->main, c->sb.identity) ||
		    (c->spare.devno == p->spare.devno &&
		     c->sb.spare_start == p->start))
			continue;
		if (!area_peek(&area, &c->spare, c->sb.spare_start, AREA_READ)) {
			blocks = say_blocks(&area);
			area_close(&area);
		}
		snprintf(p->other, sizeof(p->other), "%s has a spare already, '%s' on %s, with %s",
			 p->main.path, candidate_name(c), c->spare.path, blocks);
	}
	candidates_free(&list);
	return r;
}

static int check_main(struct plan *p)
{
	struct device *m = &p->main;

	if (device_in_use(m) && m->devno != p->spare.devno)
		return fail(RC_REFUSED, "the main device %s is in use: %s; unmount it first, what is on it stays as it is",
			    m->path, m->used_by);
	if (m->read_only)
		return fail(RC_REFUSED, "the main device %s is read-only; 'blockdev --setrw' makes it writable if the drive allows it",
			    m->path);
	if (!p->identity[0])
		strscpy(p->identity, device_identity(m), sizeof(p->identity));
	if (!p->length)
		p->length = target_length(m, &p->spare, p->start);
	if (p->length > m->sectors)
		return fail(RC_REFUSED, "--length: %s has only %llu sectors",
			    m->path, ULL(m->sectors));
	if (!p->length)
		return fail(RC_REFUSED, "main and spare area are the same place: give --start");
	return check_content(p) ?: find_other_spare(p);
}

static int check_area(struct plan *p)
{
	struct device *s = &p->spare;
	int r;

	if (s->read_only)
		return fail(RC_REFUSED, "the spare %s is read-only; name another one", s->path);
	if (p->start % 8 || p->len % 8)
		return fail(RC_USAGE, "--start and --size must be multiples of 4 KiB");
	if (p->start >= s->sectors || p->len > s->sectors - p->start)
		return fail(RC_REFUSED, "the spare area does not fit: %s has %llu sectors; choose a smaller --start or --size",
			    s->path, ULL(s->sectors));
	if (!p->len)
		p->len = round_down(s->sectors - p->start, 8);
	r = dmr_layout_init(&p->layout, p->len / 8);
	if (r)
		return fail(RC_REFUSED, "a spare area of %s is too %s; 'dmremap advise %s' says how much is sensible",
			    human_size(p->len),
			    r == -EFBIG ? "large" : "small", p->main.path);
	r = spare_fits(s, p->start, &p->main) ?:
	    spare_is_free(s, p->start, p->len, ELSEWHERE);
	if (r)
		return r;
	r = spare_occupant(s, p->start, &p->layout, &p->main, p->occupant,
			   sizeof(p->occupant));
	p->occupied = p->occupant[0];
	return r;
}

static void look_for_partitions(struct plan *p)
{
	char type[32];
	int nr = parts_of(p->main.path, type, sizeof(type));

	if (nr)
		snprintf(p->partitioned, sizeof(p->partitioned),
			 "%s is partitioned (%s, %d partitions). All of it is mapped, and the partitions are /dev/mapper/%s-part1 and so on; for one partition only, name that one in place of %s",
			 p->main.path, type, nr, p->name, p->main.path);
}

/* Until this program ends: two at once would both find main and spare free. */
static int lock(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(name.sun_path + 1, "dmremap create");
	if (fd < 0 || !bind(fd, (struct sockaddr *)&name, sizeof(name)))
		return RC_OK;
	close(fd);
	return fail(RC_REFUSED, "another 'dmremap create' is under way; wait for it");
}

/* Somebody may have taken main or spare while the question was asked. */
static int look_again(const struct plan *p)
{
	struct device m;
	int r = lock() ?: device_get(p->main.path, false, &m);

	if (!r && device_in_use(&m) && m.devno != p->spare.devno)
		r = fail(RC_REFUSED, "the main device %s is in use meanwhile: %s",
			 m.path, m.used_by);
	return r ?: spare_is_free(&p->spare, p->start, p->len, ELSEWHERE);
}

static int ask(const struct args *a, struct plan *p)
{
	char question[PATH_MAX * 3];
	int n;

	if (p->occupied && opt(a, "yes") && !opt(a, "force"))
		return fail(RC_REFUSED, "the spare %s holds %s; give --force, too, if it may be overwritten",
			    p->spare.path, p->occupant);
	if (p->other[0] && opt(a, "yes") && !opt(a, "force"))
		return fail(RC_REFUSED, "%s; open that pair ('dmremap assemble'), or give --force, too, if what it holds may be lost",
			    p->other);
	look_for_partitions(p);
	if (p->partitioned[0] && opt(a, "yes"))
		note("note: %s", p->partitioned);
	n = text_into(question, sizeof(question),
		      "Main device (stays as it is):\n  %s\n  identity: %s\nSpare, sectors %llu to %llu will be overwritten:\n  %s\n  room for %u blocks of 4 KiB\n",
		      device_describe(&p->main),
		      p->identity[0] ? p->identity : "none; the pair can be told only by its size",
		      ULL(p->start), ULL(p->start + p->len - 1),
		      device_describe(&p->spare), p->layout.nr_slots);
	if (p->partitioned[0])
		n += text_into(question + n, sizeof(question) - n, "%s\n",
			       p->partitioned);
	if (p->other[0])
		n += text_into(question + n, sizeof(question) - n,
			       "WARNING: %s. What it holds is missing on the main device, and the new spare does not have it.\n",
			       p->other);
	if (p->occupied)
		n += text_into(question + n, sizeof(question) - n,
			       "WARNING: the spare holds %s. It will be lost.\n",
			       p->occupant);
	return confirm(opt(a, "yes"), question);
}

static int format(struct plan *p)
{
	struct dmr_area area = {
		.spare_start = p->start,
		.avail_blocks = (p->spare.sectors - p->start) / 8,
		.area_blocks = p->len / 8,
		.main_sectors = p->main.sectors,
		.main_lbs = p->main.lbs,
		.spare_lbs = p->spare.lbs,
		.main_start = p->main.part_start,
		.identity = p->identity,
		.label = p->label,
		.options = p->options,
	};
	struct dmr_super *sb = calloc(1, sizeof(*sb));
	struct dmr_why why;
	struct dmr_env env;
	int r;

	archive_keep(&p->spare, p->start, "before 'create'");
	if (p->occupied && !p->start && p->spare.content[0]) {
		r = device_wipe(p->spare.path);
		if (r)
			goto out;
	}
	r = env_open(&env, p->spare.path, p->start, true);
	if (r) {
		r = fail(RC_REFUSED, "cannot open %s for writing: %s",
			 p->spare.path, strerror(-r));
		goto out;
	}
	r = sb ? dmr_store_format(&env, &area, sb, &why) : -ENOMEM;
	if (r)
		r = fail(RC_FAILED, "%s: %s (%s)", p->spare.path, why.text,
			 strerror(env.error ?: -r));
	else
		strscpy(p->occupant, area_uuid(sb->uuid), sizeof(p->occupant));
	env_close(&env);
out:
	free(sb);
	return r;
}

static int run(struct args *a)
{
	struct plan *p = calloc(1, sizeof(*p));
	struct dm_line *line = NULL;
	char uuid[DM_NAME];
	int r;

	if (!p)
		return fail(RC_FAILED, "out of memory");
	p->name = a->arg[0];
	r = dm_check_name(p->name) ?: check_options(a, p) ?: dm_ready();
	if (!r && dm_exists(p->name))
		r = fail(RC_REFUSED, "there is a device '%s' already; choose another name",
			 p->name);
	r = r ?: device_get(a->arg[1], false, &p->main) ?:
	    device_get(a->arg[2], false, &p->spare) ?:
	    check_area(p) ?: check_main(p) ?:
	    features(a, p->identity, p->features, sizeof(p->features)) ?:
	    options_given(a, p->options, sizeof(p->options));
	if (r)
		goto out;
	if (p->main.whole == p->spare.whole &&
	    p->start + p->spare.part_start < p->main.part_start + p->length &&
	    p->main.part_start < p->start + p->spare.part_start + p->len) {
		r = fail(RC_REFUSED, "main and spare area overlap: give --start behind the end of the main device, or a --length for it");
		goto out;
	}
	if (p->main.whole == p->spare.whole && p->main.devno != p->spare.devno &&
	    p->main.partition != p->spare.partition) {
		r = fail(RC_REFUSED, "the kernel does not let %s be used together with a partition of it; map the whole disk, or give a partition for the spare",
			 p->main.partition ? p->spare.path : p->main.path);
		goto out;
	}
	line = dm_line(0, p->length, "dm-remap", "%s %s %llu%s", p->main.path,
		       p->spare.path, ULL(p->start), p->features);
	line->read_only = opt(a, "read-only");
	if (opt(a, "dry-run")) {
		if (p->occupied)
			print_text("# %s holds %s, which would be overwritten\n",
				   p->spare.path, p->occupant);
		print_text("# format: %u slots, label '%s'\n", p->layout.nr_slots,
			   p->label);
		would_create(p->name, NULL, line);
		goto out;
	}
	r = ask(a, p) ?: look_again(p) ?: format(p);
	if (r)
		goto out;
	archive_keep(&p->spare, p->start, "after 'create'");
	snprintf(uuid, sizeof(uuid), "DMREMAP-%s", p->occupant);
	r = dm_create(p->name, uuid, line) ?: parts_up(p->name);
	if (r)
		note("dmremap: the spare has been formatted; 'dmremap open %s %s %s' tries the rest again",
		     p->name, p->main.path, p->spare.path);
	else if (opt(a, "json"))
		r = opened_json(p->name);
	else
		print_text("/dev/mapper/%s: %s on %s, room for %u bad blocks on %s\n",
			   p->name, human_size(p->length), p->main.path,
			   p->layout.nr_slots, p->spare.path);
out:
	dm_free_lines(line);
	free(p);
	return r;
}

const struct command cmd_create = {
	.name = "create",
	.group = "Setting up",
	.synopsis = "NAME MAIN SPARE",
	.summary = "pair a failing disk with a spare, and open it",
	.text = "Formats a spare area on SPARE, records on it which main device it is for (WWN or serial number, partition UUID), and opens the pair as /dev/mapper/NAME. What is on MAIN stays as it is: a disk with a file system is adopted as it stands. From then on use /dev/mapper/NAME in place of MAIN (by hand, and in fstab; if it is a physical volume, see LVM in dmremap(8)).\nSPARE is overwritten. What is on it is shown, and you are asked. MAIN and SPARE may be the same device: then --start says where the spare area begins, and the device ends there. On the disk that MAIN is on, the area may overlap no partition and nothing else that is there.\nMAIN may be a partition, or a disk that is partitioned: then all of it is mapped, and its partitions are /dev/mapper/NAME-part1 and so on, whenever the pair is open.",
	.examples =
		"  dmremap create data /dev/sdb /dev/sdc1\n"
		"  dmremap create data /dev/sdb /dev/sdc --start 1G --size 4G --label data\n"
		"  dmremap create data /dev/sdb /dev/sdc1 --dry-run\n",
	.min_args = 3, .max_args = 3,
	.run = run,
	.opts = {
		{ "size", "SIZE", "length of the spare area (default: to the end of the device)" },
		{ "start", "SIZE", "where the spare area starts (default: at 0)" },
		{ "length", "SIZE", "use only so much of the main device" },
		{ "label", "LABEL", "name to be kept on the spare; 'assemble' opens it as this" },
		{ "identity", "STRING", "identity of the main device instead of the one found" },
		OPT_FEATURES,
		{ "json", NULL, "print what was made as JSON" },
		{ "yes", NULL, "do not ask" },
		{ "force", NULL, "with --yes: overwrite what is on the spare, and give up a spare that MAIN has already" },
		{ "dry-run", NULL, "print the dmsetup line, change nothing" },
	},
};
