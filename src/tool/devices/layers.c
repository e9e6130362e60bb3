// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: from a file down to the sectors of a dm-remap device.
 */
#include "layers.h"
#include "device.h"
#include "dm.h"
#include "targets.h"

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
/* Not in linux/magic.h */
#define ZFS_SUPER_MAGIC	0x2fc12fc1

struct walk {
	dev_t to;
	piece_fn fn;
	void *arg;
	char *obstacle;
	size_t size;
};

static bool read_attr(dev_t dev, const char *attr, char *buf, size_t size)
{
	return sysfs_line(buf, size, "/sys/dev/block/%u:%u/%s", major(dev),
			  minor(dev), attr);
}

static bool read_devno(dev_t dev, const char *attr, dev_t *devno)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev),
		 minor(dev), attr);
	return sysfs_devno(devno, path);
}

/* The disk of a partition and where it starts there; false for no partition. */
static bool parent_of(dev_t dev, dev_t *disk, u64 *start)
{
	char buf[64];

	return read_attr(dev, "partition", buf, sizeof(buf)) &&
	       read_attr(dev, "start", buf, sizeof(buf)) &&
	       parse_u64(buf, start) && read_devno(dev, "../dev", disk);
}

/* Worth a word only if what we look for is below it. */
__printf(3, 4)
static void obstacle(struct walk *w, dev_t dev, const char *fmt, ...)
{
	va_list ap;

	if (!layers_reach(dev, w->to))
		return;
	va_start(ap, fmt);
	vsnprintf(w->obstacle, w->size, fmt, ap);
	va_end(ap);
}

static void down(struct walk *w, dev_t dev, u64 sector, u64 count, u64 offset,
		 int depth);

struct step {
	struct walk *w;
	u64 offset;
	int depth;
};

static void step_down(void *arg, const struct leg *leg, u64 sector, u64 count,
		      u64 offset)
{
	struct step *s = arg;

	down(s->w, leg->dev, sector, count, s->offset + offset, s->depth + 1);
}

static void through_table(struct walk *w, dev_t dev, const char *name,
			  u64 sector, u64 count, u64 offset, int depth)
{
	struct dm_line *lines, *l;
	struct spread_map m;

	if (dm_table(name, &lines)) {
		obstacle(w, dev, "%s, which does not show its table", name);
		return;
	}
	for (l = lines; l; l = l->next) {
		u64 from = max(sector, l->start);
		u64 end = min(sector + count, l->start + l->len);
		struct step s = { w, offset + from - sector, depth };

		if (from >= end)
			continue;
		if (target_map(&m, l->type, l->params))
			spread_pieces(&m, from - l->start, end - from,
				      step_down, &s);
		else
			obstacle(w, dev, "%s (a '%s' target)", name, l->type);
	}
	dm_free_lines(lines);
}

/* The members of an md array that are there, in their order. */
static bool md_map(dev_t dev, struct spread_map *m)
{
	char buf[64], attr[64];
	u64 disks, chunk = 0, i;

	memset(m, 0, sizeof(*m));
	if (!read_attr(dev, "md/raid_disks", buf, sizeof(buf)) ||
	    !parse_u64(buf, &disks) || disks > MAX_LEGS ||
	    !read_attr(dev, "md/level", buf, sizeof(buf)))
		return false;
	m->spread = !strcmp(buf, "raid1") ? SPREAD_ALL :
		    !strcmp(buf, "raid0") ? SPREAD_STRIPES : SPREAD_CHAIN;
	if (m->spread == SPREAD_CHAIN && strcmp(buf, "linear"))
		return false;
	if (read_attr(dev, "md/chunk_size", buf, sizeof(buf)) &&
	    parse_u64(buf, &chunk))
		m->chunk = chunk = chunk / 512;
	for (i = 0; i < disks; i++) {
		struct leg *l = &m->leg[m->nr];

		snprintf(attr, sizeof(attr), "md/rd%llu/block/dev",
			 (unsigned long long)i);
		if (!read_devno(dev, attr, &l->dev)) {
			if (m->spread == SPREAD_ALL)
				continue;	/* degraded */
			return false;
		}
		snprintf(attr, sizeof(attr), "md/rd%llu/offset",
			 (unsigned long long)i);
		if (!read_attr(dev, attr, buf, sizeof(buf)) ||
		    !parse_u64(buf, &l->start))
			return false;
		snprintf(attr, sizeof(attr), "md/rd%llu/size",
			 (unsigned long long)i);
		if (!read_attr(dev, attr, buf, sizeof(buf)) ||
		    !parse_u64(buf, &l->length))
			return false;
		l->length *= 2;
		if (chunk)
			l->length -= l->length % chunk;
		/* Zones of members of unequal size: not for us. */
		if (m->spread == SPREAD_STRIPES &&
		    (!chunk || l->length != m->leg[0].length))
			return false;
		m->nr++;
	}
	return m->nr;
}

static void down(struct walk *w, dev_t dev, u64 sector, u64 count, u64 offset,
		 int depth)
{
	struct step s = { w, offset, depth };
	char name[DM_NAME];
	struct spread_map m;
	dev_t disk;
	u64 start;

	if (dev == w->to)
		w->fn(w->arg, sector, count, offset);
	else if (depth > MAX_DEPTH)
		return;
	else if (parent_of(dev, &disk, &start))
		down(w, disk, sector + start, count, offset, depth + 1);
	else if (read_attr(dev, "dm/name", name, sizeof(name)))
		through_table(w, dev, name, sector, count, offset, depth);
	else if (md_map(dev, &m))
		spread_pieces(&m, sector, count, step_down, &s);
	else if (read_attr(dev, "md/level", name, sizeof(name)))
		obstacle(w, dev, "md (level %s)", name);
	else
		obstacle(w, dev, "the block device %u:%u", major(dev),
			 minor(dev));
}

void layers_down(dev_t from, dev_t to, u64 sector, u64 count, piece_fn fn,
		 void *arg, char *obstacle, size_t size)
{
	struct walk w = { to, fn, arg, obstacle, size };

	down(&w, from, sector, count, 0, 0);
}

static bool reach(dev_t from, dev_t to, int depth)
{
	char path[64], attr[300];
	struct dirent *e;
	bool found = false;
	dev_t disk, slave;
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
		snprintf(attr, sizeof(attr), "slaves/%s/dev", e->d_name);
		if (e->d_name[0] != '.' && read_devno(from, attr, &slave))
			found = reach(slave, to, depth + 1);
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

const char *layers_mute(u32 magic)
{
	/* Its addresses are those of a space of its own. */
	if (magic == BTRFS_SUPER_MAGIC)
		return "btrfs, which does not say where on the device its files are; 'btrfs scrub start -B MOUNTPOINT' names the damaged ones in the kernel's log";
	if (magic == ZFS_SUPER_MAGIC)
		return "ZFS, which does not say where on the device its files are; after 'zpool scrub POOL', 'zpool status -v POOL' names the damaged ones";
	return NULL;
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
	const char *text;
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
	text = layers_mute((u32)fs.f_type);
	if (text) {
		strscpy(obstacle, text, size);
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
			if (x->fe_flags & nowhere &&
			    !(x->fe_flags & FIEMAP_EXTENT_DATA_ENCRYPTED))
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
