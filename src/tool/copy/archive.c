// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: dumps of a spare's metadata that are kept by themselves.
 */
#include "archive.h"
#include "face/jsonout.h"
#include "spare/dump.h"
#include "state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRIES	20

const char *archive_folder(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/archive", state_folder());
	return path;
}

/* UUID_NNNNN.json */
static int is_dump(const struct dirent *e)
{
	u8 uuid[16];
	char text[37];
	int n = -1;

	snprintf(text, sizeof(text), "%s", e->d_name);
	return strlen(e->d_name) > 37 && area_parse_uuid(text, uuid) &&
	       (sscanf(e->d_name + 36, "_%*5[0-9].json%n", &n), n > 0) &&
	       !e->d_name[36 + n];
}

void archive_each(void (*fn)(const char *path, void *arg), void *arg)
{
	struct dirent **list;
	char path[PATH_MAX];
	int i, nr = scandir(archive_folder(), &list, is_dump, alphasort);

	for (i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "%s/%s", archive_folder(),
			 list[i]->d_name);
		fn(path, arg);
		free(list[i]);
	}
	if (nr >= 0)
		free(list);
}

/* The numbers of a spare's dumps go up; what is too old goes. */
struct numbers {
	const char *uuid;
	unsigned int nr, last;
	bool remove;
};

static void look_at(const char *path, void *arg)
{
	const char *name = strrchr(path, '/') + 1;
	struct numbers *n = arg;

	if (strncmp(name, n->uuid, 36))
		return;
	if (n->remove && n->nr > ARCHIVE_KEEP) {
		n->nr--;
		unlink(path);
	} else if (!n->remove) {
		n->nr++;
		n->last = strtoul(name + 37, NULL, 10);
	}
}

static struct json_object *to_keep(struct area *a, const char *why)
{
	struct json_object *o = dump_area(a, ARCHIVE_ENTRIES);
	struct json_object *about = json_object_new_object();
	time_t now = time(NULL);
	char when[40] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	add_str(about, "time", when);
	add_str(about, "why", why);
	add_str(about, "device", a->path);
	json_object_object_add(o, "archived", about);
	return o;
}

/* Return: 0 or -errno. */
static int write_file(struct json_object *o, const char *path)
{
	char tmp[PATH_MAX + 8];
	int fd, r = 0;

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	errno = EIO;
	if (json_object_to_fd(fd, o, JSON_C_TO_STRING_PLAIN) || fsync(fd))
		r = -errno;
	close(fd);
	if (!r && rename(tmp, path))
		r = -errno;
	if (r)
		unlink(tmp);
	return r;
}

/* In use, it may change just when it is read: then once more. */
static int load(struct area *a, const struct device *d, u64 start)
{
	struct dmr_why why;
	int tries, r = -EIO;

	for (tries = 0; tries < TRIES; tries++) {
		r = area_peek(a, d, start, AREA_READ);
		if (r)
			continue;
		r = area_load(a, &why);
		if (!r)
			return 0;
		area_close(a);
	}
	return r;
}

void archive_keep(const struct device *d, u64 start, const char *why)
{
	struct numbers n = { 0 };
	struct json_object *o;
	char path[PATH_MAX];
	struct area area;
	int dir, r;

	r = load(&area, d, start);
	/* Nothing is there yet, or not any more. */
	if (r == -ENOENT || r == -EINVAL)
		return;
	if (r) {
		note("note: no copy of the metadata on %s was kept: %s", d->path,
		     strerror(-r));
		return;
	}
	n.uuid = area_uuid(area.sb.uuid);
	mkdir(state_folder(), 0755);
	mkdir(archive_folder(), 0700);
	archive_each(look_at, &n);
	snprintf(path, sizeof(path), "%s/%s_%05u.json", archive_folder(),
		 n.uuid, (n.last + 1) % 100000);
	o = to_keep(&area, why);
	r = write_file(o, path);
	json_object_put(o);
	if (!r) {
		dir = open(archive_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0) {
			fsync(dir);
			close(dir);
		}
		n.nr++;
		n.remove = true;
		archive_each(look_at, &n);
	} else {
		note("note: no copy of the metadata on %s was kept: %s: %s",
		     d->path, path, strerror(-r));
	}
	area_close(&area);
}

void archive_keep_of(dev_t spare, u64 start, const char *why)
{
	struct device d;

	if (!device_get_devno(spare, &d))
		archive_keep(&d, start, why);
}
