// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: what may a sector hold?
 *
 * Each write is an interval of time. When it succeeds, all that ended before it
 * began is superseded: it may no longer be read (now). When a flush that began
 * later succeeds, or with FUA at once, it may not come back after a crash,
 * either (later). What failed may or may not have happened. Writes that
 * overlap in time may have happened in either order.
 *
 * A flush that fails may bring back all that was not flushed before. If it was a
 * caller's, or the next flush of a caller fails, the caller knows. If that flush succeeds instead,
 * nothing must have been lost.
 */
#include "sim.h"

struct value {
	u64 id;			/* of the write */
	u64 tag;		/* of the data */
	u64 start, end;
	u64 superseded;		/* by a later write, when; or NEVER */
	u64 unseen;		/* by a read that saw another value, when */
	bool now, later;
	bool lost;		/* what superseded it may be lost, and nobody was told */
	bool shaky;		/* what superseded it may be lost, and is not at once */
};

struct sector {
	struct value *v;
	u32 nr, max;
};

static struct sector *sectors;
static u32 nr_sectors;
static u64 told;		/* when a caller heard of a flush that failed */

static void add(struct sector *s, u64 id, u64 tag, u64 start, u64 end)
{
	if (s->nr == s->max) {
		s->max = s->max * 2 + 4;
		s->v = realloc(s->v, s->max * sizeof(*s->v));
	}
	s->v[s->nr++] = (struct value) {
		.id = id, .tag = tag, .start = start, .end = end, .superseded = NEVER,
		.unseen = NEVER, .now = true, .later = true,
	};
}

void oracle_init(u32 n)
{
	u32 i;

	if (!sectors)
		sectors = calloc(MAX_MAIN_SECTORS, sizeof(*sectors));
	nr_sectors = n;
	told = 0;
	for (i = 0; i < n; i++) {
		sectors[i].nr = 0;
		add(&sectors[i], 0, TAG_INITIAL | i, 0, 0);
	}
}

static void prune(struct sector *s)
{
	u32 i, n = 0;

	if (world_in_flight())
		return;		/* a read in flight may still return it */
	for (i = 0; i < s->nr; i++)
		if (s->v[i].now || s->v[i].later || s->v[i].end == NEVER)
			s->v[n++] = s->v[i];
	s->nr = n;
}

void oracle_start(u32 sector, u64 id, u64 tag, u64 now)
{
	prune(&sectors[sector]);
	add(&sectors[sector], id, tag, now, NEVER);
}

void oracle_end(u32 sector, u64 id, u64 now, bool ok, bool fua)
{
	struct sector *s = &sectors[sector];
	u64 start = 0;
	u32 i;

	for (i = 0; i < s->nr; i++) {
		if (s->v[i].id == id && s->v[i].end == NEVER) {
			s->v[i].end = now;
			start = s->v[i].start;
			break;
		}
	}
	/* What was in flight when a flush failed may be lost with the rest. */
	if (!ok || (start <= told && !fua))
		return;
	for (i = 0; i < s->nr; i++) {
		if (s->v[i].end >= start)
			continue;
		s->v[i].now = false;
		s->v[i].superseded = min(s->v[i].superseded, now);
		if (fua)
			s->v[i].later = false;
	}
}

void oracle_flushed(u64 start)
{
	u32 i, k;

	for (i = 0; i < nr_sectors; i++)
		for (k = 0; k < sectors[i].nr; k++)
			if (sectors[i].v[k].superseded < start)
				sectors[i].v[k].later = sectors[i].v[k].lost =
					false;
}

void oracle_lost(void)
{
	u32 i, k;

	for (i = 0; i < nr_sectors; i++)
		for (k = 0; k < sectors[i].nr; k++)
			if (sectors[i].v[k].later)
				sectors[i].v[k].lost = true;
}

void oracle_told(void)
{
	struct value *v;
	u32 i, k;

	told = W.now;
	for (i = 0; i < nr_sectors; i++) {
		for (k = 0; k < sectors[i].nr; k++) {
			v = &sectors[i].v[k];
			v->lost = false;
			if (!v->later)
				continue;
			v->now = v->shaky = true;
			v->superseded = NEVER;
		}
	}
}

void oracle_crash(u64 now)
{
	struct value *v;
	u32 i, k, n;

	for (i = 0; i < nr_sectors; i++) {
		for (k = 0, n = 0; k < sectors[i].nr; k++) {
			v = &sectors[i].v[k];
			if (!v->later)
				continue;
			v->now = true;
			v->superseded = NEVER;
			v->unseen = NEVER;
			v->lost = v->shaky = false;
			v->end = min(v->end, now);
			sectors[i].v[n++] = *v;
		}
		sectors[i].nr = n;
	}
}

void oracle_read(u32 sector, u64 tag, u64 start, u64 now, enum found how)
{
	struct sector *s = &sectors[sector];
	struct value *found = NULL;
	u32 i;

	for (i = 0; i < s->nr; i++)
		if (s->v[i].tag == tag &&
		    (s->v[i].lost ||
		     (s->v[i].superseded >= start &&
		      (s->v[i].shaky || s->v[i].unseen >= start))))
			found = &s->v[i];
	if (!found) {
		char text[400];
		int n = 0;

		for (i = 0; i < s->nr && n < 350; i++)
			n += snprintf(text + n, sizeof(text) - n,
				      " %llx[%lld-%lld%s%s]",
				      (unsigned long long)s->v[i].tag,
				      (long long)s->v[i].start,
				      (long long)s->v[i].end,
				      s->v[i].now ? "" : " old",
				      s->v[i].later ? " durable?" : "");
		violation("sector %u reads %llx at %llu-%llu; known are:%s",
			  sector, (unsigned long long)tag,
			  (unsigned long long)start, (unsigned long long)now,
			  text);
	}
	if (how == FOUND_OPEN)
		return;
	/* After a crash: what was found stays. */
	if (how == FOUND_SETTLED) {
		s->v[0] = *found;
		s->nr = 1;
		return;
	}
	/* What was seen after its write had ended is what is there. */
	if (found->end < start)
		for (i = 0; i < s->nr; i++)
			if (s->v[i].end < start && s->v[i].tag != tag &&
			    s->v[i].now) {
				s->v[i].now = false;
				s->v[i].unseen = now;
			}
}
