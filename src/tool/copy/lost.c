// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: a new spare in place of one that is gone.
 */
#include "lost.h"
#include "face/tool.h"

#define BATCH	256

int lost_super(struct dmr_super *sb, const struct kstat *k, const char *reply)
{
	const u64 counters[DMR_NR_COUNTERS] = {
		[DMR_READS_FAILED] = k->reads_failed,
		[DMR_WRITES_FAILED] = k->writes_failed,
		[DMR_ABSORBED] = k->absorbed,
		[DMR_PROPAGATED] = k->propagated,
		[DMR_RESCUED] = k->rescued,
		[DMR_EVACUATED] = k->evacuated,
		[DMR_RELEASED] = k->released,
		[DMR_REPLACED] = k->replaced,
	};
	const char *options = strstr(reply, " options=");

	memset(sb, 0, sizeof(*sb));
	if (!area_parse_uuid(k->uuid, sb->uuid))
		return -EINVAL;
	strscpy(sb->identity, k->identity, sizeof(sb->identity));
	strscpy(sb->label, k->label, sizeof(sb->label));
	if (options && strncmp(options, " options=- ", 11))
		sscanf(options, " options=%255s", sb->options);
	sb->main_sectors = k->main_sectors;
	sb->main_lbs = k->main_lbs;
	sb->main_flags = k->main_changed ? DMR_MAIN_CHANGED : 0;
	if (k->main_start[0]) {
		sb->main_flags |= DMR_MAIN_PLACE;
		sb->main_start = strtoull(k->main_start, NULL, 10);
	}
	sb->activations = k->activations;
	memcpy(sb->counters, counters, sizeof(counters));
	return 0;
}

long lost_enter(struct copier *c, const struct kblocks *b)
{
	struct dmr_store *s = c->store;
	long lost = 0;
	size_t i;
	int r = 0;

	for (i = 0; i < b->nr && !r; i++) {
		const struct kblock *k = &b->b[i];
		u8 mask = k->valid | k->lost;
		u32 slot;

		if (dmr_store_wants_extension(s) && dmr_store_extend(s))
			r = -EIO;
		slot = r ? DMR_NO_SLOT : dmr_store_alloc(s);
		if (!r && slot == DMR_NO_SLOT)
			r = -ENOSPC;
		if (r)
			break;
		dmr_store_stage(s, slot, dmr_word(k->sector / 8, DMR_LIVE, 0,
						  mask, 0));
		lost += hweight8(mask);
		if (s->nr_staged == BATCH && dmr_store_commit(s))
			r = -EIO;
	}
	if (!r && s->nr_staged && dmr_store_commit(s))
		r = -EIO;
	if (r)
		snprintf(c->why->text, sizeof(c->why->text), "%s", r == -ENOSPC ?
			 "the new spare is too small" :
			 "the new spare cannot be written to");
	return r ?: lost;
}
