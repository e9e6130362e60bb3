// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: how far an interrupted work has come.
 */
#include "state.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *folder(void)
{
	return getenv("DMREMAP_STATE") ?: "/var/lib/dmremap";
}

static void path_of(char *path, size_t size, const char *what, const char *key)
{
	snprintf(path, size, "%s/%s-%s", folder(), what, key);
}

u64 state_read(const char *what, const char *key)
{
	char path[PATH_MAX], line[32] = "";
	u64 v = 0;
	FILE *f;

	path_of(path, sizeof(path), what, key);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!parse_u64(line, &v))
			v = 0;
	}
	fclose(f);
	return v;
}

void state_write(const char *what, const char *key, u64 position)
{
	char path[PATH_MAX], tmp[PATH_MAX + 8];
	bool ok;
	FILE *f;

	mkdir(folder(), 0755);
	path_of(path, sizeof(path), what, key);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	f = fopen(tmp, "we");
	if (!f)
		return;
	ok = fprintf(f, "%llu\n", (unsigned long long)position) > 0 &&
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
