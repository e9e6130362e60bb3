// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: the spare areas that udev knows.
 */
#include "seen.h"

#include <libudev.h>

#define PROPERTY	"DMREMAP_AREAS"

/* UUID, name and main of each area; there is no blank in any of them. */
#define NO_IDENTITY	"-"

static int add(struct seens *list, const struct seen *s)
{
	struct seen *more = realloc(list->s, (list->nr + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	list->s = more;
	list->s[list->nr++] = *s;
	return 0;
}

int seen_add(struct seens *list, dev_t devno, const struct dmr_super *sb)
{
	struct candidate c = { .sb = *sb };
	struct seen s = { .devno = devno };
	const char *p;

	strscpy(s.uuid, area_uuid(sb->uuid), sizeof(s.uuid));
	strscpy(s.name, candidate_name(&c), sizeof(s.name));
	strscpy(s.identity, sb->identity, sizeof(s.identity));
	/* No device has such a name. */
	for (p = s.identity; *p; p++)
		if (*p <= ' ' || *p > '~')
			s.identity[0] = '\0';
	return add(list, &s);
}

void seen_format(const struct seens *list, char *text, size_t size)
{
	size_t n = 0;
	int i;

	text[0] = '\0';
	for (i = 0; i < list->nr; i++) {
		const struct seen *s = &list->s[i];
		char one[512];
		size_t len;

		len = snprintf(one, sizeof(one), "%s%s %s %s", i ? " " : "",
			       s->uuid, s->name,
			       s->identity[0] ? s->identity : NO_IDENTITY);
		/* None by halves. */
		if (n + len >= size)
			break;
		memcpy(text + n, one, len + 1);
		n += len;
	}
}

static void parse(struct seens *list, dev_t devno, const char *text)
{
	struct seen s = { .devno = devno };
	int n;

	for (; text && sscanf(text, "%39s %127s %127s%n", s.uuid, s.name,
			      s.identity, &n) == 3; text += n) {
		if (!strcmp(s.identity, NO_IDENTITY))
			s.identity[0] = '\0';
		if (add(list, &s))
			break;
	}
}

static void read_udev(struct seens *list)
{
	struct udev *udev = udev_new();
	struct udev_enumerate *all = udev ? udev_enumerate_new(udev) : NULL;
	struct udev_list_entry *e;

	if (!all)
		goto out;
	udev_enumerate_add_match_subsystem(all, "block");
	udev_enumerate_add_match_property(all, PROPERTY, "?*");
	udev_enumerate_scan_devices(all);
	udev_list_entry_foreach(e, udev_enumerate_get_list_entry(all)) {
		struct udev_device *d = udev_device_new_from_syspath(udev,
						udev_list_entry_get_name(e));

		if (d)
			parse(list, udev_device_get_devnum(d),
			      udev_device_get_property_value(d, PROPERTY));
		udev_device_unref(d);
	}
	udev_enumerate_unref(all);
out:
	udev_unref(udev);
}

void seens_read(struct seens *list)
{
	struct candidates all;
	int i;

	memset(list, 0, sizeof(*list));
	if (device_udev_runs()) {
		read_udev(list);
		return;
	}
	if (candidates_find(&all, false))
		return;
	for (i = 0; i < all.nr; i++)
		seen_add(list, all.c[i]->spare.devno, &all.c[i]->sb);
	candidates_free(&all);
}

void seens_free(struct seens *list)
{
	free(list->s);
	memset(list, 0, sizeof(*list));
}

int candidates_of(struct candidates *list, const struct seens *seens,
		  const struct seen *s)
{
	dev_t devno[32];
	int i, j, nr = 0;

	for (i = 0; i < seens->nr && nr < (int)ARRAY_SIZE(devno); i++) {
		if (strcmp(seens->s[i].uuid, s->uuid))
			continue;
		for (j = 0; j < nr && devno[j] != seens->s[i].devno; j++)
			;
		if (j == nr)
			devno[nr++] = seens->s[i].devno;
	}
	return candidates_on(list, devno, nr, s->uuid);
}
