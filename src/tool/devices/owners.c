// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: whose sectors are these?
 */
#include "owners.h"
#include "layers.h"

#include <fcntl.h>
#include <ftw.h>
#include <libmount.h>
#include <linux/fsmap.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORDS		512	/* of an answer of FS_IOC_GETFSMAP */
#define MAX_MOUNTS	64

const char *const owner_kinds[NR_OWNER_KINDS] = {
	"file", "metadata", "free", "used", "unknown",
};

/* nftw() hands no argument on. */
static struct {
	dev_t to;
	const struct ranges *want;
	struct ranges owned;
	struct ranges kind[NR_OWNER_KINDS];	/* as the file systems say */
	owner_fn fn;
	void *arg;
	struct owners_sum *sum;
	const char *path;
} o;

static void file_piece(void *arg, u64 sector, u64 count, u64 offset)
{
	size_t i;

	(void)arg;
	for (i = ranges_after(o.want, sector); i < o.want->nr &&
	     o.want->r[i].start < sector + count; i++) {
		const struct range *w = &o.want->r[i];
		u64 from = max(w->start, sector);
		u64 end = min(w->start + w->count, sector + count);
		struct owner owner = {
			.kind = OWNER_FILE, .start = from, .count = end - from,
			.path = o.path, .offset = offset + from - sector,
		};

		ranges_add(&o.owned, from, end - from);
		o.fn(o.arg, &owner);
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
	if (type == FTW_DNR || type == FTW_NS)
		o.sum->skipped++;
	if ((type != FTW_F || !S_ISREG(st->st_mode)) && type != FTW_D)
		return 0;
	if (type == FTW_F && !st->st_blocks)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		o.sum->skipped += errno != ENOENT;
		return 0;
	}
	o.path = path;
	o.sum->files++;
	/* Not every file system has such a map of its folders. */
	if (layers_file(fd, o.to, file_piece, NULL, obstacle,
			sizeof(obstacle)) && !obstacle[0])
		o.sum->skipped += type == FTW_F;
	if (obstacle[0])
		strscpy(o.sum->obstacle, obstacle, sizeof(o.sum->obstacle));
	close(fd);
	return 0;
}

static void map_piece(void *arg, u64 sector, u64 count, u64 offset)
{
	enum owner_kind *kind = arg;
	size_t i;

	(void)offset;
	for (i = ranges_after(o.want, sector); i < o.want->nr &&
	     o.want->r[i].start < sector + count; i++) {
		const struct range *w = &o.want->r[i];
		u64 from = max(w->start, sector);
		u64 end = min(w->start + w->count, sector + count);

		ranges_add(&o.kind[*kind], from, end - from);
	}
}

static enum owner_kind kind_of(const struct fsmap *m)
{
	if (!(m->fmr_flags & FMR_OF_SPECIAL_OWNER))
		return OWNER_USED;
	switch (m->fmr_owner) {
	case FMR_OWN_FREE:
		return OWNER_FREE;
	case FMR_OWN_UNKNOWN:
		return OWNER_USED;
	default:
		return OWNER_METADATA;
	}
}

/* What the file system knows of its own space; not all of them tell. */
static void look_at_map(const char *point, dev_t dev)
{
	struct fsmap_head *h = calloc(1, fsmap_sizeof(RECORDS));
	u32 code = (minor(dev) & 0xff) | major(dev) << 8 |
		   (minor(dev) & ~0xffU) << 12;
	int fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char obstacle[256];
	bool last = false;
	u32 i;

	if (!h || fd < 0)
		goto out;
	h->fmh_count = RECORDS;
	memset(&h->fmh_keys[1], 0xff, sizeof(h->fmh_keys[1]));
	memset(h->fmh_keys[1].fmr_reserved, 0,
	       sizeof(h->fmh_keys[1].fmr_reserved));
	while (!last && !interrupted() && !ioctl(fd, FS_IOC_GETFSMAP, h) &&
	       h->fmh_entries) {
		for (i = 0; i < h->fmh_entries; i++) {
			const struct fsmap *m = &h->fmh_recs[i];
			enum owner_kind kind = kind_of(m);

			last = m->fmr_flags & FMR_OF_LAST;
			if (m->fmr_device == code)
				layers_down(dev, o.to, m->fmr_physical >> 9,
					    m->fmr_length >> 9, map_piece,
					    &kind, obstacle, sizeof(obstacle));
		}
		fsmap_advance(h);
	}
out:
	if (fd >= 0)
		close(fd);
	free(h);
}

static void walk_mounts(const char *only)
{
	struct libmnt_table *t = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *at = mnt_new_iter(MNT_ITER_FORWARD);
	u64 i, *nr = &o.sum->mounts;
	dev_t seen[MAX_MOUNTS];
	struct libmnt_fs *fs;

	while (!interrupted() && !mnt_table_next_fs(t, at, &fs)) {
		const char *source = mnt_fs_get_source(fs);
		const char *point = mnt_fs_get_target(fs);
		dev_t dev = mnt_fs_get_devno(fs);
		struct statfs sfs;
		struct stat st;

		/* btrfs has a device number of its own: ask the source. */
		if (!major(dev) && source && !stat(source, &st) &&
		    S_ISBLK(st.st_mode)) {
			if (!statfs(point, &sfs) &&
			    layers_mute((u32)sfs.f_type) &&
			    layers_reach(st.st_rdev, o.to))
				strscpy(o.sum->obstacle,
					layers_mute((u32)sfs.f_type),
					sizeof(o.sum->obstacle));
			continue;
		}
		for (i = 0; i < *nr && seen[i] != dev; i++)
			;
		if (i < *nr || *nr == MAX_MOUNTS ||
		    strcmp(mnt_fs_get_root(fs), "/") ||
		    (only && strcmp(only, point)) || !layers_reach(dev, o.to))
			continue;
		seen[(*nr)++] = dev;
		nftw(point, look_at_file, 32, FTW_PHYS | FTW_MOUNT);
		look_at_map(point, dev);
	}
	mnt_free_iter(at);
	mnt_unref_table(t);
}

/* The first of @rs that reaches beyond @at, and where it begins to. */
static u64 next_edge(const struct ranges *rs, u64 at, u64 end, bool *inside)
{
	size_t i = ranges_after(rs, at);

	*inside = i < rs->nr && rs->r[i].start <= at;
	if (i == rs->nr)
		return end;
	return min(end, *inside ? rs->r[i].start + rs->r[i].count :
			rs->r[i].start);
}

static void tell_the_rest(void)
{
	size_t i;

	for (i = 0; i < o.want->nr; i++) {
		u64 at = o.want->r[i].start, end = at + o.want->r[i].count;

		while (at < end) {
			bool owned, inside;
			u64 to = next_edge(&o.owned, at, end, &owned);
			struct owner owner = { .kind = OWNER_UNKNOWN, .start = at };
			int k;

			for (k = OWNER_METADATA; k < OWNER_UNKNOWN; k++) {
				to = next_edge(&o.kind[k], at, to, &inside);
				if (inside && owner.kind == OWNER_UNKNOWN)
					owner.kind = k;
			}
			owner.count = to - at;
			if (!owned)
				o.fn(o.arg, &owner);
			at = to;
		}
	}
}

int owners_find(dev_t to, const struct ranges *want, const char *only,
		owner_fn fn, void *arg, struct owners_sum *sum)
{
	int k, r = RC_OK;

	memset(&o, 0, sizeof(o));
	memset(sum, 0, sizeof(*sum));
	o.to = to;
	o.want = want;
	o.fn = fn;
	o.arg = arg;
	o.sum = sum;
	walk_mounts(only);
	ranges_tidy(&o.owned);
	for (k = 0; k < NR_OWNER_KINDS && !r; k++) {
		ranges_tidy(&o.kind[k]);
		r = ranges_whole(&o.kind[k]);
	}
	r = r ?: ranges_whole(&o.owned);
	if (interrupted())
		r = fail(RC_INTERRUPTED, "interrupted after %llu files",
			 (unsigned long long)sum->files);
	else if (!r)
		tell_the_rest();
	ranges_free(&o.owned);
	for (k = 0; k < NR_OWNER_KINDS; k++)
		ranges_free(&o.kind[k]);
	return r;
}

static int in_own_name_space(const char *path, dev_t to, const char *type,
			     const struct ranges *want, owner_fn fn, void *arg)
{
	const char *how = !strncmp(type, "ext", 3) ? "noload" :
			  !strcmp(type, "xfs") ? "norecovery,nouuid" : "";
	struct owners_sum sum;

	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(path, "/mnt", type, MS_RDONLY | MS_NODEV | MS_NOSUID |
		  MS_NOEXEC, how))
		return 1;
	return owners_find(to, want, "/mnt", fn, arg, &sum) ||
	       sum.obstacle[0] || !sum.mounts || fflush(NULL);
}

int owners_unmounted(const char *path, dev_t to, const char *type,
		     const struct ranges *want, owner_fn fn, void *arg)
{
	int status = 1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(in_own_name_space(path, to, type, want, fn, arg));
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return RC_FAILED;
	return status ? RC_FAILED : RC_OK;
}
