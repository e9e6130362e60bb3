// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: ranges of sectors.
 */
#include "ranges.h"

/*--------------------------------------------------------------------
 * Ranges
 *--------------------------------------------------------------------
 */
bool ranges_add(struct ranges *rs, u64 start, u64 count)
{
	if (rs->nr == rs->room) {
		size_t room = rs->room ? 2 * rs->room : 64;
		struct range *more = realloc(rs->r, room * sizeof(*more));

		if (!more) {
			rs->incomplete = true;
			return false;
		}
		rs->r = more;
		rs->room = room;
	}
	rs->r[rs->nr++] = (struct range){ start, count };
	return true;
}

void ranges_add_mask(struct ranges *rs, u64 start, u8 mask)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (mask >> i & 1)
			ranges_add(rs, start + i, 1);
}

int ranges_whole(const struct ranges *rs)
{
	return rs->incomplete ? fail(RC_FAILED, "there is not enough memory for the list; name a part of it") :
	       RC_OK;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

void ranges_tidy(struct ranges *rs)
{
	size_t i, n = 0;

	if (!rs->nr)
		return;
	qsort(rs->r, rs->nr, sizeof(*rs->r), by_start);
	for (i = 1; i < rs->nr; i++) {
		struct range *last = &rs->r[n], *r = &rs->r[i];

		if (r->start <= last->start + last->count)
			last->count = max(last->count, r->start + r->count -
					  last->start);
		else
			rs->r[++n] = *r;
	}
	rs->nr = n + 1;
}

void ranges_free(struct ranges *rs)
{
	free(rs->r);
	memset(rs, 0, sizeof(*rs));
}

size_t ranges_after(const struct ranges *rs, u64 sector)
{
	size_t lo = 0, hi = rs->nr;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (rs->r[mid].start + rs->r[mid].count > sector)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

bool ranges_cover(const struct ranges *rs, u64 start, u64 count)
{
	size_t i = ranges_after(rs, start);

	return i < rs->nr && rs->r[i].start <= start &&
	       start + count <= rs->r[i].start + rs->r[i].count;
}

bool ranges_touch(const struct ranges *rs, u64 start, u64 count)
{
	size_t i = ranges_after(rs, start);

	return i < rs->nr && rs->r[i].start < start + count;
}

u64 ranges_total(const struct ranges *rs)
{
	u64 total = 0;
	size_t i;

	for (i = 0; i < rs->nr; i++)
		total += rs->r[i].count;
	return total;
}
