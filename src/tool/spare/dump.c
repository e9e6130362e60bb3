// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: the metadata of a spare area as JSON.
 */
#include "dump.h"
#include "face/jsonout.h"

const char *const counter_names[DMR_NR_COUNTERS] = {
	[DMR_READS_FAILED] = "reads_failed",
	[DMR_WRITES_FAILED] = "writes_failed",
	[DMR_ABSORBED] = "absorbed",
	[DMR_PROPAGATED] = "propagated",
	[DMR_RESCUED] = "rescued",
	[DMR_EVACUATED] = "evacuated",
	[DMR_RELEASED] = "released",
	[DMR_REPLACED] = "replaced",
};

const char *const dump_states[] = { "free", "live", "bad" };

static struct json_object *dump_entries(struct area *a)
{
	struct json_object *list = json_object_new_array();
	u32 slot, limit = dmr_store_slot_limit(&a->store);

	for (slot = 0; slot < limit; slot++) {
		u64 w = dmr_store_word(&a->store, slot);
		struct json_object *e;

		if (!w)
			continue;
		e = json_object_new_object();
		add_u64(e, "slot", slot);
		add_str(e, "state", dump_states[dmr_word_state(w)]);
		add_u64(e, "block", dmr_word_block(w));
		add_u64(e, "valid", dmr_word_valid(w));
		add_u64(e, "lost", dmr_word_lost(w));
		add_u64(e, "generation", dmr_word_gen(w));
		if (w & DMR_WORD_UNPROVEN)
			json_object_object_add(e, "unproven",
					       json_object_new_boolean(true));
		json_object_array_add(list, e);
	}
	return list;
}

struct json_object *dump_area(struct area *a, u32 max_entries)
{
	struct json_object *o = json_object_new_object();
	struct json_object *seg = json_object_new_array();
	struct json_object *c = json_object_new_object();
	const struct dmr_super *sb = &a->sb;
	unsigned int i;

	add_str(o, "format", DUMP_FORMAT);
	add_u64(o, "version", DUMP_VERSION);
	add_str(o, "uuid", area_uuid(sb->uuid));
	add_u64(o, "sequence", sb->seq);
	add_u64(o, "compat", sb->compat);
	add_u64(o, "ro_compat", sb->ro_compat);
	add_u64(o, "incompat", sb->incompat & ~DMR_INCOMPAT_STALE);
	add_u64(o, "spare_start", sb->spare_start);
	for (i = 0; i < sb->layout.nr_segments; i++)
		json_object_array_add(seg,
			json_object_new_uint64(sb->layout.seg[i].len));
	json_object_object_add(o, "segment_blocks", seg);
	add_u64(o, "table_blocks_in_use", sb->hwm);
	add_u64(o, "main_sectors", sb->main_sectors);
	add_u64(o, "main_lbs", sb->main_lbs);
	add_u64(o, "main_flags", sb->main_flags);
	add_u64(o, "main_start", sb->main_start);
	add_str(o, "identity", sb->identity);
	add_str(o, "label", sb->label);
	add_str(o, "options", sb->options);
	add_u64(o, "activations", sb->activations);
	for (i = 0; i < DMR_NR_COUNTERS; i++)
		add_u64(c, counter_names[i], sb->counters[i]);
	json_object_object_add(o, "counters", c);
	if (a->store.nr_live <= max_entries)
		json_object_object_add(o, "entries", dump_entries(a));
	return o;
}
