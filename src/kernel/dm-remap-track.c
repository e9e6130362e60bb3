// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: which parts of the spare area have been written to.
 *
 * For a tool that copies the area while it is in use. A part is noted after the
 * write to it has ended and before that is told to anybody: what is read after
 * a part was taken over by dmr_track_next() is new, or the part is noted again.
 */
#include "dm-remap.h"

#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/mm.h>

#define DMR_TRACK_PARTS	131072UL

struct dmr_track {
	unsigned int shift;	/* of the sectors in a part */
	DECLARE_BITMAP(now, DMR_TRACK_PARTS);
	DECLARE_BITMAP(before, DMR_TRACK_PARTS);
};

/* A later start only clears what is there, so readers need no protection. */
int dmr_track_start(struct dmr_env *env, sector_t sectors)
{
	struct dmr_track *track = env->track;

	if (!track) {
		track = kvcalloc(1, sizeof(*track), DMR_GFP_TRY);
		if (!track)
			return -ENOMEM;
		track->shift = DMR_BLOCK_SECTOR_SHIFT;
		while (sectors >> track->shift >= DMR_TRACK_PARTS)
			track->shift++;
		/* Whoever sees it sees it whole. */
		smp_store_release(&env->track, track);
	}
	dmr_track_next(track);
	bitmap_zero(track->before, DMR_TRACK_PARTS);
	return 0;
}

void dmr_track_next(struct dmr_track *track)
{
	unsigned long i;

	for (i = 0; i < BITS_TO_LONGS(DMR_TRACK_PARTS); i++)
		track->before[i] = xchg(&track->now[i], 0);
}

void dmr_track_mark(struct dmr_track *track, sector_t sector, u32 sectors)
{
	unsigned long part = sector >> track->shift;
	unsigned long last = (sector + sectors - 1) >> track->shift;

	/* What lies behind the end of an area that has grown goes into the last. */
	for (; part <= last; part++)
		set_bit(min(part, DMR_TRACK_PARTS - 1), track->now);
}

/* One line for each run of parts: first sector, and number of sectors. */
void dmr_track_list(struct dmr_track *track, char *result, unsigned int maxlen)
{
	unsigned long first, end = 0;
	int sz = 0;

	result[0] = '\0';
	while (sz < maxlen) {
		first = find_next_bit(track->before, DMR_TRACK_PARTS, end);
		if (first == DMR_TRACK_PARTS)
			break;
		end = find_next_zero_bit(track->before, DMR_TRACK_PARTS, first);
		DMEMIT("%llu %llu\n", (u64)first << track->shift,
		       end == DMR_TRACK_PARTS ? S64_MAX :
						(u64)(end - first) << track->shift);
	}
}
