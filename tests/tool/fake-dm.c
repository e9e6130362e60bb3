// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stand-in for the kernel: lets the tool show a device that is described in
 * the file $FAKE_DM, to see what a person sees without a virtual machine; from the
 * second time that its status is asked for, $FAKE_DM_NEXT, if that is set. Its
 * first line is "NAME SECTORS [MAIN]", then comes the answer to "status", then that
 * to "list". Linked with --wrap.
 */
#include "devices/disk.h"
#include "devices/dm.h"
#include "face/tool.h"

static char *state;	/* all of the file */
static unsigned int looks;

static const char *line(unsigned int nr)
{
	const char *s = state;

	while (nr-- && (s = strchr(s, '\n')))
		s++;
	return s ?: "";
}

static int load(struct remap *r)
{
	const char *next = getenv("FAKE_DM_NEXT");
	const char *path = looks > 1 && next ? next : getenv("FAKE_DM");
	FILE *f = path ? fopen(path, "re") : NULL;
	unsigned long long sectors = 0;
	size_t room = 64 << 20, n;

	if (!f)
		return fail(RC_FAILED, "there is no $FAKE_DM");
	free(state);
	state = calloc(1, room);
	n = state ? fread(state, 1, room - 1, f) : 0;
	fclose(f);
	if (!n)
		return RC_FAILED;
	memset(r, 0, sizeof(*r));
	strscpy(r->main_path, "/dev/sdb", sizeof(r->main_path));
	if (sscanf(state, "%127[^ ] %llu%*1[ ]%200[^\n]", r->name, &sectors,
		   r->main_path) < 2)
		return fail(RC_FAILED, "%s: no name", path);
	r->sectors = sectors;
	strscpy(r->spare_path, "/dev/sdc1", sizeof(r->spare_path));
	return RC_OK;
}

int __wrap_dm_ready(void);
int __wrap_remap_list(struct remap **list, int *nr);
int __wrap_remap_get(const char *name, struct remap *r);
__printf(4, 5)
int __wrap_remap_message(const char *name, char **reply, bool quiet,
			 const char *fmt, ...);

/*
 * $FAKE_DISK: "serial=X wwn=X lbs=N nsid=N name=/dev/X start=N sectors=N device=N", what
 * is known of main's disk; "gone": the kernel has no such device. A name is the
 * disk's, or nobody's; with others=X, X is another disk's.
 */
static enum list_whose whose(const struct list_disk *k, const char *name,
			     u64 *start)
{
	const struct disk *d = k->arg;
	const char *others = strstr(getenv("FAKE_DISK") ?: "", "others=");

	*start = d->start;
	if (others && !strncmp(others + 7, name, strlen(name)))
		return LIST_OTHERS;
	return strcmp(name, k->name) ? LIST_NOBODYS : LIST_OURS;
}

static void word(const char *key, char *to, size_t size)
{
	const char *s = strstr(getenv("FAKE_DISK") ?: "", key);

	if (s)
		snprintf(to, size, "%.*s", (int)strcspn(s + strlen(key), " "),
			 s + strlen(key));
}

static u64 value(const char *key, u64 otherwise)
{
	char s[32] = "";

	word(key, s, sizeof(s));
	return s[0] ? strtoull(s, NULL, 10) : otherwise;
}

int __wrap_disk_learn(dev_t devno, struct disk *d);
int __wrap_disk_learn(dev_t devno, struct disk *d)
{
	struct remap r;

	if (load(&r))
		return RC_FAILED;
	if (!strcmp(getenv("FAKE_DISK") ?: "", "gone"))
		return fail(RC_REFUSED, "the main device is gone");
	memset(d, 0, sizeof(*d));
	d->devno = d->whole = devno;
	strscpy(d->known.name, "/dev/sdb", sizeof(d->known.name));
	word("name=", d->known.name, sizeof(d->known.name));
	word("serial=", d->known.serial, sizeof(d->known.serial));
	word("wwn=", d->known.wwn, sizeof(d->known.wwn));
	d->known.lbs = value("lbs=", 512);
	d->known.nsid = value("nsid=", 0);
	d->known.whose = whose;
	d->known.arg = d;
	d->start = value("start=", 0);
	d->sectors = value("device=", r.sectors);
	d->whole_sectors = value("sectors=", d->start + d->sectors);
	if (strstr(getenv("FAKE_DISK") ?: "", "sectors="))
		d->known.bytes = d->whole_sectors << 9;
	return RC_OK;
}

/* The spare is on main's disk if $FAKE_DISK has spare=SECTOR. */
int __wrap_disk_place(dev_t devno, dev_t *whole, u64 *start);
int __wrap_disk_place(dev_t devno, dev_t *whole, u64 *start)
{
	*whole = devno;
	*start = value("spare=", U64_MAX);
	return *start == U64_MAX ? -ENODEV : 0;
}

int __wrap_dm_ready(void)
{
	return RC_OK;
}

int __wrap_remap_list(struct remap **list, int *nr)
{
	*nr = 1;
	*list = calloc(1, sizeof(**list));
	return load(*list);
}

int __wrap_remap_get(const char *name, struct remap *r)
{
	int e = load(r);

	return e ?: strcmp(name, r->name) ? RC_FAILED : RC_OK;
}

static char *some_lines(unsigned long long from, unsigned long long count)
{
	const char *s = line(2), *first = NULL;
	unsigned long long sector;

	for (; *s && count; s = strchrnul(s, '\n'), s += *s == '\n') {
		sector = strtoull(s + strlen("sector="), NULL, 10);
		if (!first && sector + 8 <= from)
			continue;
		first = first ?: s;
		count--;
	}
	return strndup(first ?: "", first ? s - first : 0);
}

int __wrap_remap_message(const char *name, char **reply, bool quiet,
			 const char *fmt, ...)
{
	unsigned long long from = 0, count = U64_MAX;
	struct remap r;
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	looks += !strcmp(text, "status");
	if (load(&r) || strcmp(name, r.name))
		return -ENXIO;
	if (!strcmp(text, "status"))
		*reply = strndup(line(1), strcspn(line(1), "\n"));
	else if (sscanf(text, "list %llu %llu", &from, &count) >= 1)
		*reply = some_lines(from, count);
	else
		return quiet ? -EINVAL : fail(RC_FAILED, "no such message");
	return 0;
}
