// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap assemble --incremental and --wait, probe: pairs come up as their devices
 * appear, and a main device without its spare is kept from use.
 */
#include "boot/known.h"
#include "offline.h"

#include <libudev.h>
#include <poll.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/*--------------------------------------------------------------------
 * What a device is
 *--------------------------------------------------------------------
 */
struct role {
	struct device d;
	bool is_spare;		/* of any pair */
	bool at_start;		/* sb is that of the area at sector 0 */
	enum dmr_verdict first;	/* its first superblock */
	struct dmr_super sb;
	const char *main_of;	/* name of the pair, or NULL */
	bool itself;		/* it is not only a partition of a main device */
};

static int note_area(struct area *a, const struct device *d, void *arg)
{
	struct role *r = arg;

	(void)d;
	if (!r->is_spare || !a->sb.spare_start) {
		r->sb = a->sb;
		r->at_start = !a->sb.spare_start;
		r->first = a->super[0];
	}
	r->is_spare = true;
	return 0;
}

static int find_role(const char *path, const struct tab *t,
		     const struct knowns *known, struct role *r)
{
	int err;

	memset(r, 0, sizeof(*r));
	err = device_get(path, false, &r->d);
	if (err)
		return err;
	area_each(&r->d, false, note_area, r);
	r->main_of = known_main(t, known, &r->d, &r->itself);
	return RC_OK;
}

/* As libblkid escapes what is to be a link or a property. */
static void print_safe(const char *key, const char *value)
{
	printf("%s=", key);
	for (; *value; value++) {
		if (isalnum((unsigned char)*value) || strchr("#+-.:=@_/", *value))
			putchar(*value);
		else
			printf("\\x%02x", (unsigned char)*value);
	}
	putchar('\n');
}

/*
 * The links that udev has for the device so far, without those by what is on it:
 * it is not to be found by that.
 */
static void print_links(void)
{
	static const char *const by_content[] = {
		"/dev/disk/by-uuid/", "/dev/disk/by-label/",
		"/dev/disk/by-partuuid/", "/dev/disk/by-partlabel/",
	};
	const char *s = getenv("DEVLINKS") ?: "";
	size_t i, n;

	printf("DMREMAP_LINKS=");
	for (; *s; s += n + !!s[n]) {
		n = strcspn(s, " ");
		for (i = 0; i < ARRAY_SIZE(by_content); i++)
			if (!strncmp(s, by_content[i], strlen(by_content[i])))
				break;
		if (i == ARRAY_SIZE(by_content) && !strncmp(s, "/dev/", 5))
			printf("%.*s ", (int)n - 5, s + 5);
	}
	putchar('\n');
}

static int probe(struct args *a)
{
	struct knowns known;
	struct tab t;
	struct role r;
	int err;

	tab_read(&t);
	known_read(&known);
	err = find_role(a->arg[0], &t, &known, &r);
	if (!err && r.main_of) {
		printf("DMREMAP_ROLE=main\n");
		print_safe("DMREMAP_NAME", r.main_of);
		print_links();
	} else if (!err && r.is_spare) {
		printf("DMREMAP_ROLE=spare\n");
		/* What libblkid found in its place is what the device is now. */
		if (r.at_start && (r.first == DMR_OK ||
				   !(getenv("ID_FS_TYPE") ||
				     getenv("ID_PART_TABLE_TYPE")))) {
			printf("ID_FS_TYPE=dm_remap_spare\nID_FS_USAGE=raid\nID_FS_VERSION=%d\n",
			       DMR_VERSION);
			print_safe("ID_FS_UUID", area_uuid(r.sb.uuid));
			print_safe("ID_FS_UUID_ENC", area_uuid(r.sb.uuid));
			if (r.sb.label[0]) {
				print_safe("ID_FS_LABEL", r.sb.label);
				print_safe("ID_FS_LABEL_ENC", r.sb.label);
			}
		}
	}
	known_free(&known);
	tab_free(&t);
	return err;
}

/*--------------------------------------------------------------------
 * One device that has appeared
 *--------------------------------------------------------------------
 */

/* As the table says. */
static int open_candidate(const struct args *a, const struct tab *t,
			  struct candidate *c)
{
	const struct tab_line *l = tab_spare(t, &c->spare, c->sb.uuid);
	struct args own = *a;

	if (l) {
		strscpy(c->name, l->name, sizeof(c->name));
		options_use(&own, l->options);
	}
	/* It is refused if it is not the one that the table means. */
	if (l && c->nr_mains && !tab_means(l->main, &c->main))
		return fail(RC_REFUSED, "'%s' was not opened: its spare %s is for the main device %s, and the table names %s",
			    l->name, c->spare.path, c->sb.identity, l->main);
	return assemble_one(&own, c);
}

static bool by_itself(const struct tab *t, const struct candidate *c)
{
	const struct tab_line *l = tab_spare(t, &c->spare, c->sb.uuid);
	char value[8];

	return !closed_by_hand(area_uuid(c->sb.uuid)) &&
	       !(l && options_find(l->options, "noauto", value, sizeof(value)));
}

static bool concerns(const struct role *r, const struct candidate *c)
{
	return c->spare.devno == r->d.devno || c->main.devno == r->d.devno ||
	       (c->sb.identity[0] && device_is(&r->d, c->sb.identity));
}

/*
 * A disk or a partition of one. Whoever takes a volume or a loop device away need not
 * know that a guard holds it.
 */
static bool is_disk(const struct device *d)
{
	char link[64], path[PATH_MAX] = "";

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(d->devno),
		 minor(d->devno));
	return realpath(link, path) && !strstr(path, "/devices/virtual/");
}

static int offer(const struct args *a, const char *path)
{
	struct candidates list = { 0 };
	struct knowns known;
	bool in_pair = false;
	struct tab t;
	struct role r;
	int i, err, worst = RC_OK, lock = boot_lock();

	tab_read(&t);
	known_read(&known);
	err = find_role(path, &t, &known, &r);
	if (err || (!r.is_spare && !r.main_of))
		goto out;
	err = candidates_find(&list, false);
	for (i = 0; !err && i < list.nr; i++) {
		struct candidate *c = list.c[i];

		if (!concerns(&r, c))
			continue;
		/* Main may have appeared before anybody knew that it is one. */
		if (known_add(c) && c->main.path[0])
			udev_again(c->main.devno);
		if (!c->open_as[0] && !c->newer && c->nr_mains &&
		    by_itself(&t, c)) {
			int s = open_candidate(a, &t, c);

			worst = max(worst, s);
			if (!s)
				strscpy(c->open_as, candidate_name(c),
					sizeof(c->open_as));
			else if (r.d.devno != c->main.devno)
				guard_set(&c->main);
		}
		if (c->open_as[0] && c->main.devno) {
			guard_set(&c->main);
			if (c->spare.devno != c->main.devno)
				guard_clear(&c->spare);
			in_pair = in_pair || c->main.devno == r.d.devno ||
				  c->spare.devno == r.d.devno;
		}
	}
	/* A device that is main and spare has one guard, as main. */
	if (!err && r.is_spare && r.at_start && r.first == DMR_OK &&
	    !r.itself && is_disk(&r.d)) {
		if (in_pair)
			guard_clear(&r.d);
		else
			guard_set(&r.d);
	}
	if (!err && r.itself && guard_set(&r.d) && !in_pair)
		note("dmremap: %s is the main device of '%s', but is in use already: %s",
		     r.d.path, r.main_of, r.d.used_by[0] ? r.d.used_by :
		     "a program has it open");
out:
	candidates_free(&list);
	known_free(&known);
	tab_free(&t);
	if (lock >= 0)
		close(lock);
	return err ?: worst;
}

int assemble_incremental(const struct args *a)
{
	int i, r, worst = RC_OK;

	dm_without_udev();
	for (i = 0; i < a->nr; i++) {
		r = offer(a, a->arg[i]);
		worst = max(worst, r);
	}
	return a->nr ? worst :
	       fail(RC_USAGE, "assemble --incremental wants the device that has appeared");
}

/*--------------------------------------------------------------------
 * Waiting for pairs
 *--------------------------------------------------------------------
 */
static const struct candidate *named(const struct candidates *list,
				     const struct tab *t, const char *name)
{
	int i;

	for (i = 0; i < list->nr; i++) {
		const struct candidate *c = list->c[i];
		const struct tab_line *l = tab_spare(t, &c->spare, c->sb.uuid);

		if (!strcmp(name, l ? l->name : candidate_name(c)) ||
		    !strcmp(name, area_uuid(c->sb.uuid)))
			return c;
	}
	return NULL;
}

struct search {
	const char *what;
	char path[PATH_MAX];
};

static int match(const struct device *d, void *arg)
{
	struct search *s = arg;

	if (!tab_means(s->what, d))
		return 0;
	strscpy(s->path, d->path, sizeof(s->path));
	return 1;
}

/* What is missing, and what to do about it. */
static void say_missing(const char *name, u64 seconds)
{
	struct candidates list = { 0 };
	const struct candidate *c;
	const struct tab_line *l;
	struct search main = { "", "" };
	struct knowns known;
	char spare[256] = "", after[32] = "";
	struct tab t;
	int i;

	if (seconds)
		snprintf(after, sizeof(after), " after %llu s",
			 (unsigned long long)seconds);
	tab_read(&t);
	known_read(&known);
	l = tab_name(&t, name);
	if (l) {
		main.what = l->main;
		snprintf(spare, sizeof(spare), "%.200s", l->spare);
	}
	for (i = 0; i < known.nr; i++)
		if (!strcmp(known.k[i].name, name)) {
			if (!l)
				main.what = known.k[i].identity;
			snprintf(spare, sizeof(spare), "UUID=%s, last seen as %s",
				 known.k[i].uuid, known.k[i].spare);
		}
	if (candidates_find(&list, false))
		goto out;
	c = named(&list, &t, name);
	if (main.what[0])
		device_each(match, &main);
	if (c && !c->nr_mains)
		fail(RC_OK, "'%s' was not opened%s: its main device (%s) is missing; its spare %s is here. Connect the main device: the pair comes up by itself",
		     name, after, c->sb.identity,
		     c->spare.path);
	else if (c)
		fail(RC_OK, "'%s' was not opened%s, although both its devices are here: 'dmremap assemble %s' says why",
		     name, after, name);
	else if (main.path[0])
		fail(RC_OK, "'%s' was not opened%s: its spare (%s) is missing; its main device %s (%s) is here and is kept from use, since blocks of it are on the spare. Connect the spare: the pair comes up by itself. If the spare is lost for ever, 'dmremap forget %s' lets the main device be used as it is",
		     name, after, spare, main.path,
		     main.what, name);
	else if (main.what[0])
		fail(RC_OK, "'%s' was not opened%s: both its main device (%s) and its spare (%s) are missing. Connect them: the pair comes up by itself",
		     name, after, main.what, spare);
	else
		fail(RC_OK, "'%s' was not opened%s: no spare is known by this name, and /etc/dmremaptab has no line for it; 'dmremap scan' lists what there is",
		     name, after);
out:
	candidates_free(&list);
	known_free(&known);
	tab_free(&t);
}

static bool is_open(const char *name)
{
	struct remap m;

	return !remap_get_quiet(name, &m);
}

/* One more try for what is not open yet. Return: how many are not. */
static int try_all(const struct args *a)
{
	struct candidates list = { 0 };
	struct tab t;
	int i, left = 0, lock = boot_lock();

	tab_read(&t);
	candidates_find(&list, false);
	for (i = 0; i < a->nr; i++) {
		struct candidate *c;

		if (is_open(a->arg[i]))
			continue;
		c = (struct candidate *)named(&list, &t, a->arg[i]);
		if (!c || c->newer || !c->nr_mains ||
		    open_candidate(a, &t, c)) {
			left++;
			continue;
		}
		if (c->spare.devno != c->main.devno)
			guard_clear(&c->spare);
		closed_set(area_uuid(c->sb.uuid), false);
	}
	candidates_free(&list);
	tab_free(&t);
	if (lock >= 0)
		close(lock);
	return left;
}

int assemble_wait(const struct args *a, u64 seconds)
{
	struct udev *udev = udev_new();
	struct udev_monitor *m = udev ?
		udev_monitor_new_from_netlink(udev, "udev") : NULL;
	double end = now_seconds() + seconds;
	struct pollfd p = { .fd = -1, .events = POLLIN };
	int i, left;

	if (!a->nr)
		return fail(RC_USAGE, "assemble --wait wants the names of the pairs");
	if (m) {
		udev_monitor_filter_add_match_subsystem_devtype(m, "block", NULL);
		if (!udev_monitor_enable_receiving(m))
			p.fd = udev_monitor_get_fd(m);
	}
	dm_without_udev();
	for (;;) {
		double wait = end - now_seconds();

		for (i = left = 0; i < a->nr; i++)
			left += !is_open(a->arg[i]);
		if (left)
			left = try_all(a);
		if (!left || wait <= 0)
			break;
		/* Where no udevd tells, look each second. */
		if (poll(&p, 1, p.fd < 0 ? 1000 : (int)(wait * 1000)) > 0)
			udev_device_unref(udev_monitor_receive_device(m));
	}
	/* An event may have opened it just now. */
	for (i = left = 0; i < a->nr; i++)
		if (!is_open(a->arg[i])) {
			say_missing(a->arg[i], seconds);
			left++;
		}
	if (m)
		udev_monitor_unref(m);
	if (udev)
		udev_unref(udev);
	return left ? RC_REFUSED : RC_OK;
}

const struct command cmd_probe = {
	.name = "probe",
	.group = "Setting up",
	.synopsis = "DEVICE",
	.summary = "what udev is to know about a device",
	.text = "Prints properties for udev: DMREMAP_ROLE (main or spare), and for a spare those by which libblkid tells what is on a device. A main device is known by /etc/dmremaptab, or because its spare was seen once. Prints nothing for other devices.",
	.examples = "  dmremap probe /dev/sdc1\n",
	.min_args = 1, .max_args = 1,
	.run = probe,
};
