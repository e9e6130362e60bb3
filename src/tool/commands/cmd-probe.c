// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap probe, guard: what udev is to know about a device, and who is kept from it.
 */
#include "boot/known.h"
#include "offline.h"
#include "pairing/seen.h"

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
	struct seens areas;
};

static int note_area(struct area *a, const struct device *d, void *arg)
{
	struct role *r = arg;

	seen_add(&r->areas, d->devno, &a->sb);
	if (!r->is_spare || !a->sb.spare_start) {
		r->sb = a->sb;
		r->at_start = !a->sb.spare_start;
		r->first = a->super[0];
	}
	r->is_spare = true;
	return 0;
}

/* Each place where a superblock may be is read once. */
static int find_role(const char *path, const struct tab *t,
		     const struct knowns *known, struct role *r)
{
	int err;

	memset(r, 0, sizeof(*r));
	err = device_get_known(path, &r->d);
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

static void print_main(const struct role *r)
{
	printf("DMREMAP_ROLE=main\n");
	print_safe("DMREMAP_NAME", r->main_of);
	print_links();
	if (r->itself)
		printf("DMREMAP_GUARD=main\n");
}

static void print_spare(const struct role *r)
{
	printf("DMREMAP_ROLE=spare\n");
	/* What libblkid found in its place is what the device is now. */
	if (!r->at_start || (r->first != DMR_OK &&
			     (getenv("ID_FS_TYPE") || getenv("ID_PART_TABLE_TYPE"))))
		return;
	printf("ID_FS_TYPE=dm_remap_spare\nID_FS_USAGE=raid\nID_FS_VERSION=%d\n",
	       DMR_VERSION);
	print_safe("ID_FS_UUID", area_uuid(r->sb.uuid));
	print_safe("ID_FS_UUID_ENC", area_uuid(r->sb.uuid));
	if (r->sb.label[0]) {
		print_safe("ID_FS_LABEL", r->sb.label);
		print_safe("ID_FS_LABEL_ENC", r->sb.label);
	}
}

static int probe(struct args *a)
{
	struct knowns known;
	char areas[8192];
	struct tab t;
	struct role r;
	int err;

	tab_read(&t);
	known_read(&known);
	err = find_role(a->arg[0], &t, &known, &r);
	if (!err && r.main_of)
		print_main(&r);
	else if (!err && r.is_spare)
		print_spare(&r);
	if (!err && r.is_spare) {
		seen_format(&r.areas, areas, sizeof(areas));
		printf("DMREMAP_AREAS=%s\n", areas);
		/* A device that is main and spare has one guard, as main. */
		if (r.at_start && r.first == DMR_OK && !r.itself &&
		    is_disk(&r.d))
			printf("DMREMAP_GUARD=spare\n");
	}
	seens_free(&r.areas);
	known_free(&known);
	tab_free(&t);
	return err;
}

/*--------------------------------------------------------------------
 * Guards
 *--------------------------------------------------------------------
 */
static bool in_pair(const struct device *d)
{
	struct remap *open;
	bool found = false;
	int i, nr;

	if (remap_list(&open, &nr))
		return false;
	for (i = 0; i < nr; i++)
		found = found || open[i].main == d->devno ||
			open[i].spare == d->devno;
	free(open);
	return found;
}

/* Waits for nothing: udevd has given the event three minutes for all. */
static int guard(struct args *a)
{
	char as[16], name[DM_NAME];
	struct device d;
	int r = device_get_known(a->arg[0], &d);

	if (r || !device_property(d.devno, "DMREMAP_GUARD", as, sizeof(as)))
		return r;
	/* The guard comes first: whoever opens the pair meanwhile removes it. */
	r = guard_set(&d);
	if (!strcmp(as, "main")) {
		if (!r || in_pair(&d))
			return RC_OK;
		device_property(d.devno, "DMREMAP_NAME", name, sizeof(name));
		note("dmremap: %s is the main device of '%s', but is in use already: %s",
		     d.path, name, d.used_by[0] ? d.used_by :
		     "a program has it open");
	} else if (in_pair(&d)) {
		guard_clear(&d);
	}
	return RC_OK;
}

const struct command cmd_probe = {
	.name = "probe",
	.group = "Setting up",
	.synopsis = "DEVICE",
	.summary = "what udev is to know about a device",
	.text = "Prints properties for udev: DMREMAP_ROLE (main or spare), for a spare those by which libblkid tells what is on a device, DMREMAP_AREAS (UUID, name and main device of each spare area), and DMREMAP_GUARD if the device is to be kept from use. A main device is known by /etc/dmremaptab, or because its spare was seen once. Prints nothing for other devices.",
	.examples = "  dmremap probe /dev/sdc1\n",
	.min_args = 1, .max_args = 1,
	.run = probe,
};

const struct command cmd_guard = {
	.name = "guard",
	.group = "Setting up",
	.synopsis = "DEVICE",
	.summary = "keep a device from use, if udev knows that it is to be",
	.text = "For udev's rule: claims a main device, or a spare that is not in use, so that nothing but device-mapper can take it. What 'probe' has said about the device is read from udev. 'forget' and 'detach' end the claim.",
	.examples = "  dmremap guard /dev/sdc1\n",
	.min_args = 1, .max_args = 1,
	.run = guard,
};
