// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap find and whose: blocks of files, files of blocks.
 */
#include "devices/blocks.h"
#include "devices/layers.h"
#include "lists/ranges.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

/*--------------------------------------------------------------------
 * Find
 *--------------------------------------------------------------------
 */
static int find_sector(const struct remap *m, const char *arg)
{
	char *reply = NULL;
	struct kblocks b;
	u64 sector;
	int r;

	if (!parse_u64(arg, &sector))
		return fail(RC_USAGE, "'%s' is not the number of a sector",
			    arg);
	if (sector >= m->sectors)
		return fail(RC_REFUSED, "%s: sector %llu is beyond the end of the device (its last one is %llu)",
			    m->name, ULL(sector), ULL(m->sectors - 1));
	r = remap_message(m->name, &reply, false, "find %llu", ULL(sector));
	if (r)
		return r;
	if (strstr(reply, "state=healthy")) {
		printf("sector %llu is in block %llu (sectors %llu to %llu), which is healthy: on the main device %s\n",
		       ULL(sector), ULL(sector / 8), ULL(sector & ~7ULL),
		       ULL(min(sector | 7, m->sectors - 1)), m->main_path);
	} else if (kblocks_parse(&b, reply) && b.nr) {
		const struct kblock *k = &b.b[0];
		unsigned int i = sector - k->sector;

		printf("sector %llu is in block %llu (sectors %llu to %llu), which is %s",
		       ULL(sector), ULL(sector / 8), ULL(k->sector),
		       ULL(k->sector + k->sectors - 1), block_state(k));
		if (k->slot != U32_MAX)
			printf(", slot %u", k->slot);
		printf("; this sector is %s\n", k->lost >> i & 1 ? "lost" :
		       k->valid >> i & 1 ? "on the spare" :
		       "known bad: read from the main device, as far as it reads");
		free(b.b);
	}
	free(reply);
	return RC_OK;
}

struct of_file {
	const struct kblocks *b;
	u64 pieces, bad;
};

/* The first block that ends after @sector. */
static size_t first_block(const struct kblocks *b, u64 sector)
{
	size_t lo = 0, hi = b->nr;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (b->b[mid].sector + b->b[mid].sectors > sector)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void file_piece(void *arg, u64 sector, u64 count, u64 offset)
{
	struct of_file *f = arg;
	size_t i;

	f->pieces++;
	for (i = first_block(f->b, sector);
	     i < f->b->nr && f->b->b[i].sector < sector + count; i++) {
		const struct kblock *k = &f->b->b[i];
		u64 at = k->sector > sector ? k->sector - sector : 0;

		if (!f->bad++)
			printf("%14s %14s  %s\n", "FILE OFFSET", "SECTOR",
			       "STATE");
		printf("%14llu %14llu  %s\n", ULL((offset + at) << 9),
		       ULL(sector + at), block_state(k));
	}
}

/* Which of the open devices is under a file? */
static int device_of(dev_t dev, const char *path, struct remap *m)
{
	struct remap *list;
	int i, nr, r = remap_list(&list, &nr);

	if (r)
		return r;
	for (i = 0; i < nr; i++)
		if (layers_reach(dev, list[i].devno)) {
			*m = list[i];
			free(list);
			return RC_OK;
		}
	free(list);
	return fail(RC_REFUSED, "%s is not on a dm-remap device; 'findmnt -T' says on which one it is", path);
}

static int find_file(const char *path)
{
	struct of_file f = { 0 };
	char obstacle[256];
	struct kblocks b = { 0 };
	struct statfs fs;
	struct remap m;
	struct stat st;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		r = fail(RC_REFUSED, "cannot open %s: %s", path,
			 strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		r = fail(RC_REFUSED, "%s is not an ordinary file; name one", path);
		goto out;
	}
	/* These show device numbers of their own, too. */
	if (!fstatfs(fd, &fs) && layers_mute((u32)fs.f_type)) {
		r = fail(RC_REFUSED, "%s: cannot follow it through %s", path,
			 layers_mute((u32)fs.f_type));
		goto out;
	}
	r = device_of(st.st_dev, path, &m) ?: blocks_list(m.name, &b);
	if (r)
		goto out;
	f.b = &b;
	r = layers_file(fd, m.devno, file_piece, &f, obstacle,
			sizeof(obstacle));
	if (obstacle[0])
		r = fail(RC_REFUSED, "%s: cannot follow it through %s", path,
			 obstacle);
	else if (r)
		r = fail(RC_REFUSED, "%s: this file system does not say where its files are: %s",
			 path, strerror(-r));
	else if (!f.bad)
		printf("%s: all of its %llu extents are on healthy blocks of %s\n",
		       path, ULL(f.pieces), m.name);
out:
	free(b.b);
	if (fd >= 0)
		close(fd);
	return r;
}

static int find(struct args *a)
{
	const char *path = opt(a, "file");
	struct remap m;

	if (path)
		return find_file(path);
	if (a->nr != 2)
		return fail(RC_USAGE, "find: give a device and a sector, or --file PATH");
	return remap_get(a->arg[0], &m) ?: find_sector(&m, a->arg[1]);
}

/*--------------------------------------------------------------------
 * Whose
 *--------------------------------------------------------------------
 */
static struct {
	dev_t to;
	struct ranges want;	/* tidied */
	struct ranges owned;
	const char *path;
	u64 files;
	bool hit;
	char obstacle[256];
} whose;

static void owner_piece(void *arg, u64 sector, u64 count, u64 offset)
{
	size_t i;

	(void)arg;
	for (i = ranges_after(&whose.want, sector); i < whose.want.nr &&
	     whose.want.r[i].start < sector + count; i++) {
		const struct range *w = &whose.want.r[i];
		u64 from = max(w->start, sector);
		u64 end = min(w->start + w->count, sector + count);

		ranges_add(&whose.owned, from, end - from);
		printf("sectors %llu to %llu: %s, bytes %llu to %llu\n",
		       ULL(from), ULL(end - 1), whose.path,
		       ULL((offset + from - sector) << 9),
		       ULL(((offset + end - sector) << 9) - 1));
	}
}

static int look_at_file(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	char obstacle[256] = "";
	int fd;

	(void)ftw;
	if (interrupted())
		return 1;
	if (type != FTW_F || !S_ISREG(st->st_mode) || !st->st_blocks)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return 0;
	whose.path = path;
	whose.files++;
	layers_file(fd, whose.to, owner_piece, NULL, obstacle,
		    sizeof(obstacle));
	if (obstacle[0])
		strscpy(whose.obstacle, obstacle, sizeof(whose.obstacle));
	close(fd);
	return 0;
}

/* mountinfo writes a space as \040. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		unsigned int c;

		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
			*to = c;
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = '\0';
}

/* "... - TYPE SOURCE OPTIONS": is SOURCE a block device? */
static bool mount_source(const char *line, struct stat *st)
{
	const char *dash = strstr(line, " - ");
	char source[4096];

	if (!dash || sscanf(dash, " - %*s %4095s", source) != 1)
		return false;
	unescape(source);
	return !stat(source, st) && S_ISBLK(st->st_mode);
}

static int walk_mounts(const struct remap *m)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[8192], root[4096], point[4096];
	unsigned int maj, min;
	dev_t seen[64];
	int i, nr = 0;

	while (f && fgets(line, sizeof(line), f) && !interrupted()) {
		struct statfs fs;
		struct stat st;
		dev_t dev;

		if (sscanf(line, "%*d %*d %u:%u %4095s %4095s", &maj, &min,
			   root, point) != 4)
			continue;
		unescape(point);
		dev = makedev(maj, min);
		/* btrfs has a device number of its own: ask the source. */
		if (!maj && mount_source(line, &st)) {
			dev = st.st_rdev;
			if (!statfs(point, &fs) && layers_mute((u32)fs.f_type) &&
			    layers_reach(dev, m->devno))
				strscpy(whose.obstacle,
					layers_mute((u32)fs.f_type),
					sizeof(whose.obstacle));
			continue;
		}
		for (i = 0; i < nr && seen[i] != dev; i++)
			;
		if (i < nr || nr == ARRAY_SIZE(seen) || strcmp(root, "/") ||
		    !layers_reach(dev, m->devno))
			continue;
		seen[nr++] = dev;
		nftw(point, look_at_file, 32, FTW_PHYS | FTW_MOUNT);
	}
	if (f)
		fclose(f);
	return nr;
}

static int want_blocks(const struct args *a, const struct remap *m)
{
	struct kblocks b;
	u64 start, count;
	size_t i;
	int n, r;

	for (n = 1; n < a->nr; n++) {
		r = range_arg(m, a->arg[n], &start, &count);
		if (r)
			return r;
		ranges_add(&whose.want, start, count);
	}
	if (a->nr > 1)
		return RC_OK;
	if (!opt(a, "all") && !opt(a, "remapped"))
		return fail(RC_USAGE, "whose: name sectors, or give --all");
	r = blocks_list(m->name, &b);
	if (r)
		return r;
	for (i = 0; i < b.nr; i++)
		if (opt(a, "remapped"))
			ranges_add(&whose.want, b.b[i].sector, b.b[i].sectors);
		else
			ranges_add_mask(&whose.want, b.b[i].sector,
					kblock_unsafe(&b.b[i]));
	free(b.b);
	return RC_OK;
}

static int whose_cmd(struct args *a)
{
	struct remap m;
	int mounts, r;
	size_t i;

	memset(&whose, 0, sizeof(whose));
	r = remap_get(a->arg[0], &m) ?: want_blocks(a, &m);
	if (r)
		goto out;
	ranges_tidy(&whose.want);
	r = ranges_whole(&whose.want);
	if (r)
		goto out;
	if (!whose.want.nr) {
		printf("%s: no block is known bad or lost\n", m.name);
		goto out;
	}
	whose.to = m.devno;
	catch_signals();
	mounts = walk_mounts(&m);
	ranges_tidy(&whose.owned);
	if (interrupted())
		r = fail(RC_INTERRUPTED, "interrupted after %llu files",
			 ULL(whose.files));
	else if (whose.obstacle[0])
		r = fail(RC_REFUSED, "cannot follow files through %s",
			 whose.obstacle);
	else if (!mounts)
		r = fail(RC_REFUSED, "no file system on %s is mounted; mount it (read-only will do) and ask again (of a ZFS pool, 'zpool status -v' tells)",
			 m.name);
	else
		r = ranges_whole(&whose.owned);
	for (i = 0; !r && i < whose.want.nr; i++) {
		const struct range *w = &whose.want.r[i];

		if (!ranges_touch(&whose.owned, w->start, w->count))
			printf("sectors %llu to %llu: no file (metadata of the file system, or free)\n",
			       ULL(w->start), ULL(w->start + w->count - 1));
	}
out:
	ranges_free(&whose.want);
	ranges_free(&whose.owned);
	return r;
}

const struct command cmd_find = {
	.name = "find",
	.group = "Looking",
	.synopsis = "NAME SECTOR | --file PATH",
	.summary = "where a sector is; which blocks of a file are bad",
	.text = "Says in which block and slot a sector is. With --file, lists the blocks of a file on a mounted file system that are remapped, known bad or lost; partitions, device-mapper layers (LVM linear, striped and mirrored, dm-crypt) and md arrays (raid1, raid0, linear) between the two are followed. btrfs and ZFS do not tell where their files are.",
	.examples = "  dmremap find data 123456\n  dmremap find --file /mnt/photos/1.jpg\n",
	.min_args = 0, .max_args = 2,
	.run = find,
	.opts = { { "file", "PATH", "the blocks of this file" } },
};

const struct command cmd_whose = {
	.name = "whose",
	.group = "Looking",
	.synopsis = "NAME [RANGE...]",
	.summary = "which files own these sectors",
	.text = "Goes through all files of the file systems that are mounted from the device and names those which own the sectors: what to restore from a backup. Layers between are followed as by find --file.",
	.examples = "  dmremap whose data --all\n  dmremap whose data 123456 200000+8\n",
	.min_args = 1, .max_args = -1,
	.run = whose_cmd,
	.opts = { { "all", NULL, "all sectors that are known bad or lost" },
		{ "remapped", NULL, "also blocks whose data is safe on the spare" } },
};
