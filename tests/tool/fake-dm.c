// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stand-in for the kernel: lets the tool show a device that is described in
 * the file $FAKE_DM, to see what a person sees without a virtual machine. Its
 * first line is "NAME SECTORS", then comes the answer to "status", then that to
 * "list". Linked with --wrap.
 */
#include "devices/dm.h"
#include "face/tool.h"

static char *state;	/* all of the file */

static const char *line(unsigned int nr)
{
	const char *s = state;

	while (nr-- && (s = strchr(s, '\n')))
		s++;
	return s ?: "";
}

static int load(struct remap *r)
{
	const char *path = getenv("FAKE_DM");
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
	if (sscanf(state, "%127s %llu", r->name, &sectors) != 2)
		return fail(RC_FAILED, "%s: no name", path);
	r->sectors = sectors;
	strscpy(r->main_path, "/dev/sdb", sizeof(r->main_path));
	strscpy(r->spare_path, "/dev/sdc1", sizeof(r->spare_path));
	return RC_OK;
}

int __wrap_dm_ready(void);
int __wrap_remap_list(struct remap **list, int *nr);
int __wrap_remap_get(const char *name, struct remap *r);
__printf(4, 5)
int __wrap_remap_message(const char *name, char **reply, bool quiet,
			 const char *fmt, ...);

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

	(void)name;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (load(&r))
		return -ENXIO;
	if (!strcmp(text, "status"))
		*reply = strndup(line(1), strcspn(line(1), "\n"));
	else if (sscanf(text, "list %llu %llu", &from, &count) >= 1)
		*reply = some_lines(from, count);
	else
		return quiet ? -EINVAL : fail(RC_FAILED, "no such message");
	return 0;
}
