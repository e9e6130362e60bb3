// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: /etc/dmremaptab, and the options with which a pair is opened.
 */
#include "boot/table.h"

#include <sys/stat.h>

static const struct opt_def kept[] = { OPT_FEATURES };

static bool parse_line(char *text, struct tab_line *l)
{
	char *field[5], *save = NULL, *s;
	int n = 0;

	memset(l, 0, sizeof(*l));
	for (s = strtok_r(text, " \t\n", &save); s && n < 5;
	     s = strtok_r(NULL, " \t\n", &save))
		field[n++] = s;
	if (n < 3 || n > 4 || dm_check_name(field[0]))
		return false;
	strscpy(l->name, field[0], sizeof(l->name));
	strscpy(l->main, field[1], sizeof(l->main));
	strscpy(l->spare, field[2], sizeof(l->spare));
	if (n == 4 && strcmp(field[3], "-"))
		strscpy(l->options, field[3], sizeof(l->options));
	return true;
}

void tab_read(struct tab *t)
{
	const char *path = getenv("DMREMAP_TAB") ?: "/etc/dmremaptab";
	FILE *f = fopen(path, "re");
	char text[4096];
	int nr = 0;

	memset(t, 0, sizeof(*t));
	while (f && fgets(text, sizeof(text), f)) {
		struct tab_line l, *more;

		nr++;
		text[strcspn(text, "#")] = '\0';
		if (!text[strspn(text, " \t\n")])
			continue;
		if (!parse_line(text, &l)) {
			note("dmremap: %s, line %d: not 'NAME MAIN SPARE [OPTIONS]'; it is left out",
			     path, nr);
			continue;
		}
		if (tab_name(t, l.name)) {
			note("dmremap: %s, line %d: there is another line for '%s'; this one is left out",
			     path, nr, l.name);
			continue;
		}
		more = realloc(t->line, (t->nr + 1) * sizeof(*more));
		if (!more)
			break;
		t->line = more;
		t->line[t->nr++] = l;
	}
	if (f)
		fclose(f);
}

void tab_free(struct tab *t)
{
	free(t->line);
	memset(t, 0, sizeof(*t));
}

const struct tab_line *tab_name(const struct tab *t, const char *name)
{
	int i;

	for (i = 0; i < t->nr; i++)
		if (!strcmp(t->line[i].name, name))
			return &t->line[i];
	return NULL;
}

/* While udev works on a device, its links are in the environment only. */
static bool link_to_be(const char *path)
{
	const char *s = getenv("DEVLINKS");
	size_t n, len = strlen(path);

	for (; s && *s; s += n + !!s[n]) {
		n = strcspn(s, " ");
		if (n == len && !memcmp(s, path, n))
			return true;
	}
	return false;
}

bool tab_means(const char *field, const struct device *d)
{
	struct stat st;

	if (field[0] != '/')
		return device_is(d, field);
	if (device_in_event(d->devno) && link_to_be(field))
		return true;
	return !stat(field, &st) && S_ISBLK(st.st_mode) &&
	       st.st_rdev == d->devno;
}

const struct tab_line *tab_spare(const struct tab *t, const struct device *spare,
				 const u8 *uuid)
{
	int i;

	for (i = 0; i < t->nr; i++) {
		const char *s = t->line[i].spare;

		if (!strncasecmp(s, "UUID=", 5) ?
		    !strcasecmp(s + 5, area_uuid(uuid)) :
		    tab_means(s, spare))
			return &t->line[i];
	}
	return NULL;
}

/*--------------------------------------------------------------------
 * Options
 *--------------------------------------------------------------------
 */
static bool next_option(const char **s, char *key, size_t key_size,
			char *value, size_t value_size)
{
	size_t n, k;

	while (**s == ',')
		++*s;
	n = strcspn(*s, ",");
	if (!n)
		return false;
	k = min(strcspn(*s, "="), n);
	snprintf(key, key_size, "%.*s", (int)k, *s);
	snprintf(value, value_size, "%.*s", k < n ? (int)(n - k - 1) : 0,
		 *s + k + (k < n));
	*s += n;
	return true;
}

const char *options_find(const char *options, const char *key, char *value,
			 size_t size)
{
	char k[64];

	while (next_option(&options, k, sizeof(k), value, size))
		if (!strcmp(k, key))
			return value;
	return NULL;
}

static void swap_chars(char *s, char from, char to)
{
	for (; *s; s++)
		if (*s == from)
			*s = to;
}

void options_use(struct args *a, const char *options)
{
	char key[64], value[256];
	int i;

	while (next_option(&options, key, sizeof(key), value, sizeof(value))) {
		swap_chars(key, '_', '-');
		swap_chars(value, ':', ',');
		for (i = 0; i < MAX_OPTS && a->cmd->opts[i].name; i++)
			if (!strcmp(a->cmd->opts[i].name, key) && !a->value[i])
				a->value[i] = a->cmd->opts[i].arg ?
					      strdup(value) : "";
	}
}

int options_given(const struct args *a, char *buf, size_t size)
{
	size_t i, n = 0;

	buf[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(kept); i++) {
		const char *v = opt(a, kept[i].name);
		char key[64], value[256];

		/* How it is looked at this once. */
		if (!v || !strcmp(kept[i].name, "read-only"))
			continue;
		strscpy(key, kept[i].name, sizeof(key));
		strscpy(value, v, sizeof(value));
		swap_chars(key, '-', '_');
		swap_chars(value, ',', ':');
		n += snprintf(buf + n, size - n, "%s%s%s%s", n ? "," : "", key,
			      value[0] ? "=" : "", value);
		if (n >= size)
			return fail(RC_USAGE, "these options are too long to be kept on the spare");
	}
	return RC_OK;
}
