// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: I/O in flight that adjoins is merged, and fails together.
 *
 * The block layer merges what callers have in flight. It does not merge what the
 * engine sends, which is marked REQ_NOMERGE; but a hypervisor or a controller may. So a
 * failure of what was merged says nothing about most of it, and the fault is that of one.
 *
 * What may be remapped for its neighbour's sake? A block whose retry was merged *below*
 * the block layer, and with something that is not the engine's, or is while errors are
 * slow: while they are quick, the engine has no two I/Os in flight that adjoin.
 */
#include "sim.h"
#include "device.h"
#include "fiber.h"

#define MAX_FLIGHTS	64

static u32 fiber_flights(struct flight *f, u32 max)
{
	u32 i, k, n = 0;

	for (i = 0; i <= NR_FIBERS; i++)
		for (k = 0; k < fiber[i].nr_ios && n < max; k++)
			if (!fiber[i].done[k] && device_flight(&fiber[i], k, &f[n]))
				n++;
	return n;
}

static bool adjoins(const struct flight *f, u32 dev, u64 start, u64 end)
{
	return f->dev == dev &&
	       (f->sector == end || f->sector + f->sectors == start);
}

static bool may_merge(const struct flight *me, const struct flight *f)
{
	if (f->fate == me->fate || f->fate->known || f->op != me->op ||
	    f->fua != me->fua)
		return false;
	return W.profile.merge == MERGE_BELOW || (!me->by && !f->by);
}

/* Take into @with what adjoins @me, and what adjoins that. Return: how many. */
static u32 collect(const struct flight *me, struct flight *with)
{
	struct flight all[MAX_FLIGHTS];
	u64 start = me->sector, end = start + me->sectors;
	u32 i, n, nr = 0;
	bool more = true;

	n = world_flights(all, MAX_FLIGHTS);
	n += fiber_flights(all + n, MAX_FLIGHTS - n);
	for (i = 0; i < n; i++)
		if (!may_merge(me, &all[i]) ||
		    (!W.every_pattern && !pick(4)))
			all[i--] = all[--n];
	while (more) {
		more = false;
		for (i = 0; i < n; i++) {
			if (!adjoins(&all[i], me->dev, start, end))
				continue;
			start = min(start, all[i].sector);
			end = max(end, all[i].sector + all[i].sectors);
			with[nr++] = all[i];
			all[i--] = all[--n];
			more = true;
		}
	}
	return nr;
}

/* Are these two that the engine must not have in flight together? */
static bool apart(const struct flight *a, const struct flight *b, bool slow)
{
	return a->by && b->by && !slow && !work_is_slow(a->by) &&
	       !work_is_slow(b->by);
}

/* @f has failed, since one of @group is bad. */
static void fail_with(const struct flight *f, struct flight *group, u32 nr,
		      bool slow)
{
	u32 i;

	if (!f->by || W.profile.merge != MERGE_BELOW || f->dev != DMR_MAIN)
		return;
	for (i = 0; i < nr; i++)
		if (group[i].fate != f->fate && !apart(f, &group[i], slow))
			device_allow(f);
}

blk_status_t device_merged(struct flight *me, blk_status_t status)
{
	struct flight group[MAX_FLIGHTS + 1];
	u32 i, nr = collect(me, group);
	bool bad[MAX_FLIGHTS + 1], slow;	/* its own medium */
	blk_status_t s;

	group[nr++] = *me;
	bad[nr - 1] = dmr_engine_wants(me->op, status);
	for (i = 0; i < nr - 1; i++) {
		s = device_medium(&group[i]);
		bad[i] = dmr_engine_wants(group[i].op, s);
		if (status == BLK_STS_OK)
			status = s;
	}
	if (status == BLK_STS_OK)
		return status;
	slow = me->dev == DMR_MAIN && device_slow();
	for (i = 0; i < nr; i++) {
		group[i].fate->known = true;
		group[i].fate->status = status;
		group[i].fate->slow = slow;
		if (!bad[i])
			fail_with(&group[i], group, nr, slow);
	}
	if (nr > 1)
		trace("merged into one I/O, which fails: %u I/Os around %s %llu+%u",
		      nr, W.disk[me->dev].name, (unsigned long long)me->sector,
		      me->sectors);
	return status;
}
