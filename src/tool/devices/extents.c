// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: which sectors of a device belong to what is on it.
 */
#include "extents.h"
#include "face/tool.h"

#include <blkid.h>
#include <endian.h>
#include <fcntl.h>
#include <unistd.h>

#define GPT_SECTORS	33	/* header and table, in blocks of 512 bytes */

static void add(struct extents *x, enum extent_kind kind, u64 start,
		u64 len, const char *what)
{
	struct extent *e = &x->e[x->nr];

	if (!len || x->nr == MAX_EXTENTS)
		return;
	e->start = start;
	e->len = len;
	e->kind = kind;
	strscpy(e->what, what, sizeof(e->what));
	x->nr++;
}

/*--------------------------------------------------------------------
 * How long is it? libblkid says so from 2.39 on; for what a disk is likely to be
 * shared with, its superblock is read here.
 *--------------------------------------------------------------------
 */
#define AT(type, to_host, p)	\
	({ type v; memcpy(&v, p, sizeof(v)); to_host(v); })
#define le32_at(p)	AT(u32, le32toh, p)
#define le64_at(p)	AT(u64, le64toh, p)
#define be32_at(p)	AT(u32, be32toh, p)
#define be64_at(p)	AT(u64, be64toh, p)

/* Bytes; 0: not known. */
static u64 ext_length(const u8 *sb)
{
	u64 blocks = le32_at(sb + 4);
	u32 shift = le32_at(sb + 24);

	if (le32_at(sb + 96) & 0x80)	/* 64bit */
		blocks |= (u64)le32_at(sb + 0x150) << 32;
	return shift < 10 ? blocks << (10 + shift) : 0;
}

static u64 xfs_length(const u8 *sb)
{
	return be64_at(sb + 8) * be32_at(sb + 4);
}

static u64 swap_length(const u8 *header, u32 page)
{
	return ((u64)le32_at(header + 1028) + 1) * page;
}

static u64 pv_length(const u8 *head)
{
	u32 sector, offset;

	for (sector = 0; sector < 4; sector++) {
		const u8 *label = head + sector * 512;

		offset = le32_at(label + 20);
		if (!memcmp(label, "LABELONE", 8) && offset <= 512 - 40)
			return le64_at(label + offset + 32);
	}
	return 0;
}

static u64 length_of(int fd, const char *type)
{
	u8 head[4096];

	if (pread(fd, head, sizeof(head), 0) != sizeof(head))
		return 0;
	if (!strncmp(type, "ext", 3))
		return ext_length(head + 1024);
	if (!strcmp(type, "xfs"))
		return xfs_length(head);
	if (!strcmp(type, "swap"))
		return swap_length(head, 4096);
	if (!strcmp(type, "LVM2_member"))
		return pv_length(head);
	/* The size of this device in its dev_item. */
	if (!strcmp(type, "btrfs") &&
	    pread(fd, head, sizeof(head), 65536) == sizeof(head))
		return le64_at(head + 0xd1);
	return 0;
}

static u64 length_told(blkid_probe pr)
{
	const char *last, *size;

	if (blkid_probe_lookup_value(pr, "FSLASTBLOCK", &last, NULL) ||
	    blkid_probe_lookup_value(pr, "FSBLOCKSIZE", &size, NULL))
		return 0;
	return strtoull(last, NULL, 10) * strtoull(size, NULL, 10);
}

static void add_supers(struct extents *x, blkid_probe pr,
		       const struct device *d)
{
	int flags = BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_LABEL;
	const char *type, *usage;
	char what[120];
	u64 len;

#ifdef BLKID_SUBLKS_FSINFO
	flags |= BLKID_SUBLKS_FSINFO;
#endif
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, flags);
	while (!blkid_do_probe(pr)) {
		if (blkid_probe_lookup_value(pr, "TYPE", &type, NULL))
			continue;
		usage = "";
		blkid_probe_lookup_value(pr, "USAGE", &usage, NULL);
		snprintf(what, sizeof(what), "the %.40s %s", type,
			 !strcmp(usage, "filesystem") ? "file system" :
			 !strcmp(usage, "raid") ? "member" : "data");
		len = (length_told(pr) ?: length_of(blkid_probe_get_fd(pr), type)) >> 9;
		if (!len || len > d->sectors)
			len = d->sectors;
		add(x, EXTENT_CONTENT, 0, len, what);
	}
}

static void add_partitions(struct extents *x, blkid_probe pr,
			   const struct device *d)
{
	blkid_partlist ls;
	const char *type;
	char what[120];
	int i, nr;

	blkid_reset_probe(pr);
	blkid_probe_enable_superblocks(pr, 0);
	blkid_probe_enable_partitions(pr, 1);
	ls = blkid_probe_get_partitions(pr);
	if (!ls || !blkid_partlist_get_table(ls))
		return;
	type = blkid_parttable_get_type(blkid_partlist_get_table(ls)) ?: "";
	snprintf(what, sizeof(what), "the %.20s partition table", type);
	if (!strcmp(type, "gpt")) {
		u64 n = max((u64)GPT_SECTORS, 32 + (u64)d->lbs / 512);

		add(x, EXTENT_TABLE, 0, n + d->lbs / 512, what);
		add(x, EXTENT_TABLE, d->sectors - n, n, what);
	} else {
		add(x, EXTENT_TABLE, 0, 8, what);
	}
	nr = blkid_partlist_numof_partitions(ls);
	for (i = 0; i < nr; i++) {
		blkid_partition p = blkid_partlist_get_partition(ls, i);

		snprintf(what, sizeof(what), "partition %d",
			 blkid_partition_get_partno(p));
		add(x, EXTENT_PARTITION, blkid_partition_get_start(p),
		    blkid_partition_get_size(p), what);
	}
}

int extents_of(const struct device *d, struct extents *x)
{
	blkid_probe pr = blkid_new_probe_from_filename(d->path);

	x->nr = 0;
	if (!pr)
		return -EIO;
	add_supers(x, pr, d);
	add_partitions(x, pr, d);
	blkid_free_probe(pr);
	return 0;
}

const struct extent *extents_find(const struct extents *x, u64 start, u64 len)
{
	int i;

	for (i = 0; i < x->nr; i++)
		if (start < x->e[i].start + x->e[i].len &&
		    x->e[i].start < start + len)
			return &x->e[i];
	return NULL;
}
