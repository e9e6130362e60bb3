// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: a disk with a volatile write cache.
 *
 * A write is visible at once. Until a flush or FUA makes it stable, a power cut
 * may leave it, or any earlier version since the last flush, sector by sector.
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
		d->versions = calloc(max, sizeof(*d->versions));
		d->dirty = malloc(max * sizeof(*d->dirty));
	}
	for (i = 0; i < d->nr_dirty; i++) {
		drop_versions(d->versions[d->dirty[i]]);
		d->versions[d->dirty[i]] = NULL;
	}
	d->nr_dirty = 0;
	d->name = name;
	d->sectors = sectors;
	d->seq = 0;
	d->dead = false;
	d->gone = false;
	memset(d->stable, fill, sectors * 512UL);
	memset(d->cur, fill, sectors * 512UL);
	memset(d->bad, 0, sectors);
}

void disk_write(struct disk *d, u32 sector, const u8 *data, bool fua)
{
	struct version *v;

	if (d->bad[sector] & BAD_LIE)
		return;
	d->seq++;
	memcpy(d->cur + sector * 512UL, data, 512);
	d->bad[sector] &= ~BAD_READ;
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
		if (d->versions[sector])
			d->dirty[left++] = sector;
	}
	d->nr_dirty = left;
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
		memcpy(d->cur + sector * 512UL, d->stable + sector * 512UL,
		       512);
	}
	trace("power cut: %s, %u sectors were in its cache, %s", d->name,
	      d->nr_dirty, how == 0 ? "none is left" : how == 1 ?
	      "all are left" : "some are left");
	d->nr_dirty = 0;
}
