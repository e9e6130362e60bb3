// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists: from the sectors of a disk to those of the pair on it.
 */
#include "list.h"

#define ULL(x)	((unsigned long long)(x))

struct left_out {
	u64 spare, elsewhere;	/* sectors */
};

static s64 overlap(s64 a, s64 a_end, s64 b, s64 b_end)
{
	return max(min(a_end, b_end) - max(a, b), (s64)0);
}

/* In the pair's sectors, some of which lie before its first one. */
static bool place_one(const struct list_place *p, const struct list *l,
		      const struct range *x, struct ranges *to,
		      struct left_out *out)
{
	bool disk = l->whole_disk;
	s64 first = disk ? -(s64)p->start : 0;
	s64 end = disk ? (s64)(p->disk - p->start) : (s64)p->device;
	s64 from = (s64)x->start + first;
	s64 to_end = from + (s64)x->count, here;
	s64 spare = (s64)p->spare - (s64)p->start, in_spare;

	/* The last block of a list may be longer than what is left. */
	if (to_end > end && to_end - end < (s64)l->granule)
		to_end = end;
	if (from < first || to_end > end)
		return false;
	here = overlap(from, to_end, 0, p->target);
	if (here && !ranges_add(to, max(from, (s64)0), here))
		return true;	/* the list remembers */
	in_spare = overlap(from, to_end, max(spare, (s64)p->target),
			   spare + (s64)p->spare_count);
	out->spare += in_spare;
	out->elsewhere += to_end - from - here - in_spare;
	return true;
}

static bool place_all(struct list *l, const struct list_place *p,
		      struct ranges *rs, struct left_out *out, char *why,
		      size_t size)
{
	struct ranges here = { 0 };
	size_t i;

	for (i = 0; i < rs->nr; i++) {
		const struct range *x = &rs->r[i];

		if (place_one(p, l, x, &here, out))
			continue;
		snprintf(why, size, "sectors %llu to %llu are beyond the end of the disk of %s (of %llu sectors); is the list of another disk, --block-size wrong, or does it need --whole-disk?",
			 ULL(x->start), ULL(x->start + x->count - 1), p->name,
			 ULL(l->whole_disk ? p->disk : p->device));
		ranges_free(&here);
		return false;
	}
	here.incomplete |= rs->incomplete;
	ranges_free(rs);
	*rs = here;
	ranges_tidy(rs);
	return true;
}

bool list_place(struct list *l, const struct list_place *p, char *why,
		size_t size)
{
	struct left_out bad = { 0 }, good = { 0 };

	if (!place_all(l, p, &l->bad, &bad, why, size) ||
	    !place_all(l, p, &l->good, &good, why, size))
		return false;
	if (bad.spare)
		list_note(l, "%llu sectors in the pair's own spare area were left out ('dmremap replace' goes to another spare)",
			  ULL(bad.spare));
	if (bad.elsewhere)
		list_note(l, "%llu sectors elsewhere on the same disk were left out",
			  ULL(bad.elsewhere));
	return true;
}
