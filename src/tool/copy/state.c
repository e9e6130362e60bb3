// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: how far an interrupted work has come.
 */
#include "state.h"

#include <sys/stat.h>
#include <unistd.h>

const char *state_folder(void)
{
	return getenv("DMREMAP_STATE") ?: "/var/lib/dmremap";
}

static void path_of(char *path, size_t size, const char *what, const char *key)
{
	snprintf(path, size, "%s/%s-%s", state_folder(), what, key);
}

void state_key(char *buf, size_t size, const char *pair, const char *main,
	       const char *target)
{
	char *all = NULL, *p;
	u64 hash = 14695981039346656037ULL;	/* FNV-1a, 64 bits */

	if (asprintf(&all, "%s\n%s", main, target ?: "") < 0)
		abort();
	for (p = all; *p; p++)
		hash = (hash ^ (u8)*p) * 1099511628211ULL;
	free(all);
	snprintf(buf, size, "%s-%016llx", pair, (unsigned long long)hash);
}

struct state state_read(const char *what, const char *key)
{
	unsigned long long position, mark;
	struct state s = { 0 };
	char path[PATH_MAX];
	FILE *f;

	path_of(path, sizeof(path), what, key);
	f = fopen(path, "re");
	if (!f)
		return s;
	if (fscanf(f, "%llu %llu", &position, &mark) == 2)
		s = (struct state){ position, mark };
	fclose(f);
	return s;
}

void state_write(const char *what, const char *key, const struct state *s)
{
	char path[PATH_MAX], tmp[PATH_MAX + 8];
	bool ok;
	FILE *f;

	mkdir(state_folder(), 0755);
	path_of(path, sizeof(path), what, key);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	f = fopen(tmp, "we");
	if (!f)
		return;
	ok = fprintf(f, "%llu %llu\n", (unsigned long long)s->position,
		     (unsigned long long)s->mark) > 0 &&
	     !fflush(f) && !fdatasync(fileno(f));
	if (fclose(f) || !ok || rename(tmp, path))
		unlink(tmp);
}

void state_clear(const char *what, const char *key)
{
	char path[PATH_MAX];

	path_of(path, sizeof(path), what, key);
	unlink(path);
}
