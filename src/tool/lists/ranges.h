/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: ranges of sectors.
 */
#ifndef DMREMAP_RANGES_H
#define DMREMAP_RANGES_H

#include "face/tool.h"

struct range {
	u64 start, count;	/* sectors of 512 bytes */
};

struct ranges {
	struct range *r;
	size_t nr, room;
	bool incomplete;	/* there was no memory for all of it */
};

/* Return: false if there is no memory; the list remembers. */
bool ranges_add(struct ranges *rs, u64 start, u64 count);
/* The sectors from @start on whose bits are set. */
void ranges_add_mask(struct ranges *rs, u64 start, u8 mask);
/* RC_OK, or a message: before anything is done with a list, or said of it. */
int ranges_whole(const struct ranges *rs);
/* Sort, and join what overlaps or is adjacent. */
void ranges_tidy(struct ranges *rs);
void ranges_free(struct ranges *rs);
/* After tidying: the first range that ends after @sector. */
size_t ranges_after(const struct ranges *rs, u64 sector);
/* After tidying: is all of start..count in it? Is any? */
bool ranges_cover(const struct ranges *rs, u64 start, u64 count);
bool ranges_touch(const struct ranges *rs, u64 start, u64 count);
u64 ranges_total(const struct ranges *rs);

#endif
