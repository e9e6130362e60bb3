// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: a fingerprint of main at a clean close.
 */
#include "prints.h"
#include "face/tool.h"
#include "spare/area.h"

#include <blkid.h>
#include <fcntl.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

/* ZFS has 256 KiB of label; md's oldest superblock is up to 128 KiB from the end. */
#define HEAD	512
#define TAIL	256

struct prints {
	const struct area *area;
	int fd;			/* of main */
	u32 lbs;		/* of main, in sectors */
	u64 end;		/* of the mapped part */
	void *buf;
	struct dmr_print *print;
	u32 nr;
};

/* Past the page cache: what it has may be older than what went through dm-remap. */
static int open_main(const char *path)
{
	return open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
}

static void *new_buffer(void)
{
	void *buf;

	return posix_memalign(&buf, DMR_BLOCK_SIZE,
			      DMR_MAX_PRINT_SECTORS << 9) ? NULL : buf;
}

static bool read_hash(int fd, void *buf, u64 sector, u32 sectors, u32 *hash)
{
	size_t len = (size_t)sectors << 9;

	if (pread(fd, buf, len, sector << 9) != (ssize_t)len)
		return false;
	*hash = dmr_print_fold(dmr_print_hash(DMR_PRINT_HASH, buf, len));
	return true;
}

/* Is none of these sectors in a block that main has failed? It may take seconds again. */
static bool healthy(const struct area *area, u64 sector, u32 sectors)
{
	u64 first = sector / 8, last = (sector + sectors - 1) / 8;
	u32 slot, limit = dmr_store_slot_limit(&area->store);

	for (slot = 0; slot < limit; slot++) {
		u64 w = dmr_store_word(&area->store, slot);

		if (dmr_word_state(w) == DMR_LIVE &&
		    dmr_word_block(w) >= first && dmr_word_block(w) <= last)
			return false;
	}
	return true;
}

static bool taken(const struct prints *p, u64 sector, u64 sectors)
{
	u32 i;

	for (i = 0; i < p->nr; i++)
		if (sector >= p->print[i].sector && sector + sectors <=
		    p->print[i].sector + p->print[i].sectors)
			return true;
	return false;
}

static void add(struct prints *p, u64 sector, u64 sectors)
{
	while (sectors && p->nr < DMR_MAX_PRINTS && sector < p->end) {
		u32 n = min(min(sectors, (u64)DMR_MAX_PRINT_SECTORS),
			    p->end - sector);
		struct dmr_print *print = &p->print[p->nr];

		n -= n % p->lbs;
		if (!n)
			return;
		if (!taken(p, sector, n) && healthy(p->area, sector, n) &&
		    read_hash(p->fd, p->buf, sector, n, &print->hash)) {
			print->sector = sector;
			print->sectors = n;
			p->nr++;
		}
		sector += n;
		sectors -= n;
	}
}

/* Both ends of a device or partition. */
static void add_ends(struct prints *p, u64 start, u64 len)
{
	u64 tail;

	if (start >= p->end)
		return;
	len = min(len, p->end - start);
	add(p, start, min(len, (u64)HEAD));
	if (len <= HEAD)
		return;
	tail = min(len - HEAD, (u64)TAIL);
	tail -= tail % p->lbs;
	add(p, start + len - tail, tail);
}

/* The superblocks that libblkid finds, wherever they are. */
static void add_supers(struct prints *p, blkid_probe pr, u64 start, u64 len)
{
	const char *offset;

	blkid_reset_probe(pr);
	if (blkid_probe_set_device(pr, blkid_probe_get_fd(pr), start << 9,
				   len << 9))
		return;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_MAGIC);
	blkid_probe_enable_partitions(pr, 0);
	while (!blkid_do_probe(pr))
		if (!blkid_probe_lookup_value(pr, "SBMAGIC_OFFSET", &offset,
					      NULL))
			add(p, start + round_down(strtoull(offset, NULL, 10) >> 9,
						  8), 8);
}

static void take(struct prints *p, const struct device *main)
{
	blkid_probe pr = blkid_new_probe_from_filename(main->path);
	struct { u64 start, len; } at[DMR_MAX_PRINTS];
	blkid_partlist ls;
	int i, n = 0, nr;

	at[n].start = 0;
	at[n++].len = p->end;
	if (pr) {
		blkid_probe_enable_partitions(pr, 1);
		ls = blkid_probe_get_partitions(pr);
		nr = ls ? blkid_partlist_numof_partitions(ls) : 0;
		for (i = 0; i < nr && n < DMR_MAX_PRINTS; i++) {
			blkid_partition part =
				blkid_partlist_get_partition(ls, i);

			at[n].start = blkid_partition_get_start(part);
			at[n++].len = blkid_partition_get_size(part);
		}
	}
	/* Superblocks first: there may be more partitions than room for their ends. */
	for (i = 0; pr && i < n; i++)
		if (at[i].start < p->end)
			add_supers(p, pr, at[i].start,
				   min(at[i].len, p->end - at[i].start));
	for (i = 0; i < n; i++)
		add_ends(p, at[i].start, at[i].len);
	blkid_free_probe(pr);
}

void prints_keep(const struct remap *m)
{
	struct prints p = { .fd = -1, .end = m->sectors };
	struct device main, spare;
	struct dmr_why why;
	struct area area;

	if (device_get_devno(m->main, &main) ||
	    device_get_devno(m->spare, &spare) ||
	    area_peek(&area, &spare, m->spare_start, AREA_WRITE))
		return;
	if (area_load(&area, &why))
		goto out;
	p.area = &area;
	p.lbs = max(main.lbs >> 9, 1U);
	p.fd = open_main(main.path);
	p.buf = new_buffer();
	p.print = area.store.sb.print;
	if (p.fd >= 0 && p.buf) {
		take(&p, &main);
		area.store.sb.nr_prints = p.nr;
		dmr_store_write_super(&area.store);
	}
	if (p.fd >= 0)
		close(p.fd);
	free(p.buf);
out:
	area_close(&area);
}

bool prints_differ(const struct dmr_super *sb, const struct device *main,
		   char *what, size_t size)
{
	int fd = open_main(main->path);
	void *buf = new_buffer();
	bool differ = false;
	u32 i, hash;

	for (i = 0; fd >= 0 && buf && i < sb->nr_prints && !differ; i++) {
		const struct dmr_print *p = &sb->print[i];

		if (!read_hash(fd, buf, p->sector, p->sectors, &hash) ||
		    hash == p->hash)
			continue;
		differ = true;
		snprintf(what, size, "sectors %llu to %llu", ULL(p->sector),
			 ULL(p->sector + p->sectors - 1));
	}
	if (fd >= 0)
		close(fd);
	free(buf);
	return differ;
}
