// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: from a file down to the sectors of a dm-remap device.
 */
#include "layers.h"
#include "dm.h"

#include <dirent.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_DEPTH	16
#define EXTENTS		128

struct walk {
	dev_t to;
	piece_fn fn;
	void *arg;
	char *obstacle;
	size_t size;
};

static bool read_attr(dev_t dev, const char *attr, char *buf, size_t size)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev),
		 minor(dev), attr);
	f = fopen(path, "re");
	if (!f)
		return false;
	buf[0] = '\0';
	if (!fgets(buf, size, f))
		buf[0] = '\0';
	fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	return buf[0];
}

/* The disk of a partition and where it starts there; false for no partition. */
static bool parent_of(dev_t dev, dev_t *disk, u64 *start)
{
	unsigned int maj, min;
	char buf[64];

	if (!read_attr(dev, "partition", buf, sizeof(buf)) ||
	    !read_attr(dev, "start", buf, sizeof(buf)) ||
	    !parse_u64(buf, start) ||
	    !read_attr(dev, "../dev", buf, sizeof(buf)) ||
	    sscanf(buf, "%u:%u", &maj, &min) != 2)
		return false;
	*disk = makedev(maj, min);
	return true;
}

/* One line of a table: to which device does it lead, with what offset? */
static bool line_below(const struct dm_line *l, dev_t *dev, u64 *start)
{
	unsigned int maj, min;
	unsigned long long off;

	if ((!strcmp(l->type, "linear") &&
	     sscanf(l->params, "%u:%u %llu", &maj, &min, &off) == 3) ||
	    (!strcmp(l->type, "crypt") &&
	     sscanf(l->params, "%*s %*s %*s %u:%u %llu", &maj, &min,
		    &off) == 3)) {
		*dev = makedev(maj, min);
		*start = off;
		return true;
	}
	return false;
}

static bool down(struct walk *w, dev_t dev, u64 sector, u64 count, u64 offset,
		 int depth);

static bool through_table(struct walk *w, const char *name, u64 sector,
			  u64 count, u64 offset, int depth)
{
	struct dm_line *lines, *l;
	bool all = true;

	if (dm_table(name, &lines))
		return false;
	for (l = lines; l; l = l->next) {
		u64 from = max(sector, l->start);
		u64 end = min(sector + count, l->start + l->len);
		u64 start;
		dev_t below;

		if (from >= end)
			continue;
		if (line_below(l, &below, &start)) {
			all &= down(w, below, start + from - l->start,
				    end - from, offset + from - sector,
				    depth + 1);
		} else {
			snprintf(w->obstacle, w->size, "%s (a '%s' target)",
				 name, l->type);
			all = false;
		}
	}
	dm_free_lines(lines);
	return all;
}

static bool down(struct walk *w, dev_t dev, u64 sector, u64 count, u64 offset,
		 int depth)
{
	char name[DM_NAME];
	dev_t disk;
	u64 start;

	if (dev == w->to) {
		w->fn(w->arg, sector, count, offset);
		return true;
	}
	if (depth > MAX_DEPTH)
		return false;
	if (parent_of(dev, &disk, &start))
		return down(w, disk, sector + start, count, offset, depth + 1);
	if (read_attr(dev, "dm/name", name, sizeof(name)))
		return through_table(w, name, sector, count, offset, depth);
	return false;
}

bool layers_down(dev_t from, dev_t to, u64 sector, u64 count, piece_fn fn,
		 void *arg, char *obstacle, size_t size)
{
	struct walk w = { to, fn, arg, obstacle, size };

	obstacle[0] = '\0';
	return down(&w, from, sector, count, 0, 0);
}

static bool reach(dev_t from, dev_t to, int depth)
{
	char path[64], buf[64];
	struct dirent *e;
	bool found = false;
	dev_t disk;
	u64 start;
	DIR *d;

	if (from == to)
		return true;
	if (depth > MAX_DEPTH)
		return false;
	if (parent_of(from, &disk, &start))
		return reach(disk, to, depth + 1);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves",
		 major(from), minor(from));
	d = opendir(path);
	while (d && !found && (e = readdir(d))) {
		unsigned int maj, min;
		char attr[300];

		snprintf(attr, sizeof(attr), "slaves/%s/dev", e->d_name);
		if (e->d_name[0] != '.' &&
		    read_attr(from, attr, buf, sizeof(buf)) &&
		    sscanf(buf, "%u:%u", &maj, &min) == 2)
			found = reach(makedev(maj, min), to, depth + 1);
	}
	if (d)
		closedir(d);
	return found;
}

bool layers_reach(dev_t from, dev_t to)
{
	return reach(from, to, 0);
}

struct extent {
	piece_fn fn;
	void *arg;
	u64 file_offset;	/* sectors */
};

static void extent_piece(void *arg, u64 sector, u64 count, u64 offset)
{
	struct extent *e = arg;

	e->fn(e->arg, sector, count, e->file_offset + offset);
}

int layers_file(int fd, dev_t to, piece_fn fn, void *arg, char *obstacle,
		size_t size)
{
	const u32 nowhere = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC |
			    FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_DATA_INLINE;
	struct fiemap *map = calloc(1, sizeof(*map) + EXTENTS *
				    sizeof(struct fiemap_extent));
	struct extent e = { fn, arg, 0 };
	struct statfs fs;
	struct stat st;
	bool last = false;
	u64 next = 0;
	u32 i;
	int r = 0;

	obstacle[0] = '\0';
	if (!map || fstat(fd, &st) || fstatfs(fd, &fs)) {
		r = -errno;
		goto out;
	}
	/* Its addresses are those of a space of its own. */
	if ((u32)fs.f_type == BTRFS_SUPER_MAGIC) {
		strscpy(obstacle, "btrfs, which does not tell where on the device its files are",
			size);
		r = -EOPNOTSUPP;
		goto out;
	}
	while (!last) {
		map->fm_start = next;
		map->fm_length = FIEMAP_MAX_OFFSET - next;
		map->fm_flags = FIEMAP_FLAG_SYNC;
		map->fm_extent_count = EXTENTS;
		map->fm_mapped_extents = 0;
		if (ioctl(fd, FS_IOC_FIEMAP, map)) {
			r = -errno;
			break;
		}
		if (!map->fm_mapped_extents)
			break;
		for (i = 0; i < map->fm_mapped_extents; i++) {
			const struct fiemap_extent *x = &map->fm_extents[i];

			next = x->fe_logical + x->fe_length;
			last = x->fe_flags & FIEMAP_EXTENT_LAST;
			if (x->fe_flags & nowhere)
				continue;
			e.file_offset = x->fe_logical >> 9;
			layers_down(st.st_dev, to, x->fe_physical >> 9,
				    (x->fe_length + 511) >> 9, extent_piece,
				    &e, obstacle, size);
		}
	}
out:
	free(map);
	return r;
}
