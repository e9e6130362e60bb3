// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: a disk with a volatile write cache.
 *
 * A write is visible at once. Until a flush or FUA makes it stable, a power cut
 * may leave it, or any earlier version since the last flush, sector by sector. A
 * flush that fails drops any of these sectors for good; some of them can be read
 * from the cache for a while, as from the page cache below a loop device.
 */
#include "sim.h"

static struct version *pool;

static struct version *new_version(void)
{
	struct version *v = pool;

	if (v)
		pool = v->older;
	else
		v = malloc(sizeof(*v));
	return v;
}

static void drop_versions(struct version *v)
{
	struct version *older;

	for (; v; v = older) {
		older = v->older;
		v->older = pool;
		pool = v;
	}
}

void disk_init(struct disk *d, const char *name, u32 sectors, u8 fill)
{
	u32 i;

	if (!d->stable) {
		size_t max = MAX_SPARE_BLOCKS * DMR_BLOCK_SECTORS;

		d->stable = malloc(max * 512);
		d->cur = malloc(max * 512);
		d->bad = malloc(max);
		d->fickle = calloc(max, 1);
		d->versions = calloc(max, sizeof(*d->versions));
		d->dirty = malloc(max * sizeof(*d->dirty));
	}
	for (i = 0; i < d->nr_dirty; i++) {
		drop_versions(d->versions[d->dirty[i]]);
		d->versions[d->dirty[i]] = NULL;
		d->fickle[d->dirty[i]] = 0;
	}
	d->nr_dirty = 0;
	d->fua = true;
	d->lbs = d->pbs = 1;
	d->name = name;
	d->sectors = sectors;
	d->seq = 0;
	d->dead = false;
	d->gone = false;
	memset(d->stable, fill, sectors * 512UL);
	memset(d->cur, fill, sectors * 512UL);
	memset(d->bad, 0, sectors);
}

void disk_spoil(struct disk *d, u32 sector, u32 n, u8 bad)
{
	u32 at = round_down(sector, d->pbs);
	u32 end = min(round_up(sector + n, d->pbs), d->sectors);

	for (; at < end; at++)
		d->bad[at] |= bad;
}

void disk_write(struct disk *d, u32 sector, const u8 *data, bool fua)
{
	struct version *v;

	if (d->bad[sector] & BAD_LIE)
		return;
	d->seq++;
	memcpy(d->cur + sector * 512UL, data, 512);
	d->bad[sector] &= ~BAD_READ;
	d->fickle[sector] = 0;
	if (fua) {
		/* Its place in the list of dirty ones stays, without harm. */
		memcpy(d->stable + sector * 512UL, data, 512);
		drop_versions(d->versions[sector]);
		d->versions[sector] = NULL;
		return;
	}
	v = new_version();
	memcpy(v->data, data, 512);
	v->seq = d->seq;
	v->older = d->versions[sector];
	if (!v->older) {
		u32 i;

		for (i = 0; i < d->nr_dirty; i++)
			if (d->dirty[i] == sector)
				break;
		if (i == d->nr_dirty)
			d->dirty[d->nr_dirty++] = sector;
	}
	d->versions[sector] = v;
}

void disk_flush(struct disk *d, u64 seq)
{
	u32 i, left = 0;

	for (i = 0; i < d->nr_dirty; i++) {
		u32 sector = d->dirty[i];
		struct version **at = &d->versions[sector];

		while (*at && (*at)->seq > seq)
			at = &(*at)->older;
		if (*at) {
			memcpy(d->stable + sector * 512UL, (*at)->data, 512);
			drop_versions(*at);
			*at = NULL;
		}
		if (d->versions[sector] || d->fickle[sector])
			d->dirty[left++] = sector;
	}
	d->nr_dirty = left;
}

static void forget(struct disk *d, u32 sector)
{
	memcpy(d->cur + sector * 512UL, d->stable + sector * 512UL, 512);
	d->fickle[sector] = 0;
}

u32 disk_lose(struct disk *d, enum loss how)
{
	u32 i, left = 0, lost = 0;

	for (i = 0; i < d->nr_dirty; i++) {
		u32 sector = d->dirty[i];
		enum loss this = how == LOSE_SOME ? pick(3) : how;

		if (this == LOSE_NOTHING) {
			d->dirty[left++] = sector;
			continue;
		}
		lost += d->versions[sector] != NULL;
		drop_versions(d->versions[sector]);
		d->versions[sector] = NULL;
		if (this == LOSE_LATER) {
			d->fickle[sector] = 1;
			d->dirty[left++] = sector;
		} else {
			forget(d, sector);
		}
	}
	d->nr_dirty = left;
	return lost;
}

void disk_evict(struct disk *d)
{
	u32 i;

	for (i = 0; i < d->nr_dirty; i++)
		if (d->fickle[d->dirty[i]] && pick(2))
			forget(d, d->dirty[i]);
}

void disk_cut(struct disk *d)
{
	/* Nothing made it, or all, or who knows. */
	u32 i, how = W.every_pattern ? 2 : pick(4);

	for (i = 0; i < d->nr_dirty; i++) {
		u32 sector = d->dirty[i];
		struct version *v = d->versions[sector];
		u32 n = 0, k;

		for (; v; v = v->older)
			n++;
		v = d->versions[sector];
		if (n && how) {
			/* 0: as good as not written */
			k = how == 1 ? 1 : pick(n + 1);
			if (k) {
				while (--k)
					v = v->older;
				memcpy(d->stable + sector * 512UL, v->data,
				       512);
			}
		}
		drop_versions(d->versions[sector]);
		d->versions[sector] = NULL;
		forget(d, sector);
	}
	trace("power cut: %s, %u sectors were in its cache, %s", d->name,
	      d->nr_dirty, how == 0 ? "none is left" : how == 1 ?
	      "all are left" : "some are left");
	d->nr_dirty = 0;
}
