// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap inspect: the superblocks of a spare, and who they belong to.
 */
#include "offline.h"

#define ULL(x)	((unsigned long long)(x))

int offline_open(const struct args *a, int how, struct device *d,
		 struct area *area)
{
	u64 start = 0;
	int r;

	r = opt_size(a, "start", &start);
	if (r)
		return r;
	if (opt(a, "search"))
		how |= AREA_SEARCH;
	r = device_get(a->arg[0], true, d);
	if (r)
		return r;
	return area_open(area, d, start, how);
}

void offline_note_use(const struct device *d, const struct area *area)
{
	char name[128];

	if (area_in_kernel(d, area->env.start, name, sizeof(name)))
		note("dmremap: %s is in use by '%s': what changes meanwhile may be missing, or look like damage",
		     d->path, name);
}

int print_json(struct json_object *o, FILE *f)
{
	fprintf(f, "%s\n", json_object_to_json_string_ext(o,
			JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return RC_OK;
}

static const char *verdict(const struct area *a, unsigned int copy)
{
	switch (a->super[copy]) {
	case DMR_OK:
		return a->super_old[copy] ? "out of date" : "whole";
	case DMR_BLANK:
		return "missing (blank)";
	case DMR_FOREIGN:
		return "missing (something else is there)";
	case DMR_NEWER:
		return "of a newer format";
	default:
		return "damaged or unreadable";
	}
}

struct seek {
	const struct dmr_super *sb;
	char found[PATH_MAX];
};

static int is_main(const struct device *d, void *arg)
{
	struct seek *s = arg;

	if (!device_is(d, s->sb->identity))
		return 0;
	strscpy(s->found, d->path, sizeof(s->found));
	return 1;
}

static void as_text(const struct area *a, const struct device *d,
		    const char *main_now)
{
	const struct dmr_super *sb = &a->sb;
	const struct dmr_layout *l = &sb->layout;
	unsigned int i;

	print_text("spare area     on %s, sectors %llu to %llu (%s)\n",
		   device_describe(d), ULL(sb->spare_start),
		   ULL(sb->spare_start + l->area_blocks * 8 - 1),
		   human_size(l->area_blocks * 8));
	print_text("uuid           %s\n", area_uuid(sb->uuid));
	print_text("label          %s\n", sb->label[0] ? sb->label : "(none)");
	print_text("main device    %s, %llu sectors (%s), logical blocks of %u bytes\n",
		   sb->identity[0] ? sb->identity : "(no identity recorded)",
		   ULL(sb->main_sectors), human_size(sb->main_sectors),
		   sb->main_lbs);
	if (sb->identity[0])
		print_text("               %s%s\n", *main_now ? "today: " :
			   "not connected to this machine", main_now);
	print_text("slots          %u, in %u segment%s, table blocks in use %llu of %llu\n",
		   l->nr_slots, l->nr_segments, l->nr_segments == 1 ? "" : "s",
		   ULL(sb->hwm), ULL(l->nr_tables));
	print_text("activations    %llu (sequence %llu)\n", ULL(sb->activations),
		   ULL(sb->seq));
	for (i = 0; i < DMR_NR_SUPERS; i++)
		print_text("superblock %u   %s, at sector %llu\n", i + 1,
			   verdict(a, i),
			   ULL(sb->spare_start + dmr_layout_super(l, i) * 8));
	print_text("counters      ");
	for (i = 0; i < DMR_NR_COUNTERS; i++)
		print_text(" %s=%llu", counter_names[i], ULL(sb->counters[i]));
	print_text("\n");
	if (sb->compat | sb->ro_compat | sb->incompat)
		print_text("features       compat 0x%x ro_compat 0x%x incompat 0x%x\n",
			   sb->compat, sb->ro_compat, sb->incompat);
}

static struct json_object *as_json(const struct area *a,
				   const char *main_now)
{
	struct json_object *o = json_object_new_object();
	struct json_object *c = json_object_new_object();
	struct json_object *s = json_object_new_array();
	const struct dmr_super *sb = &a->sb;
	unsigned int i;

	add_str(o, "device", a->path);
	add_str(o, "uuid", area_uuid(sb->uuid));
	add_str(o, "label", sb->label);
	add_str(o, "identity", sb->identity);
	add_str(o, "main_device", main_now);
	add_u64(o, "main_sectors", sb->main_sectors);
	add_u64(o, "main_lbs", sb->main_lbs);
	add_u64(o, "spare_start", sb->spare_start);
	add_u64(o, "spare_length", sb->layout.area_blocks * 8);
	add_u64(o, "slots", sb->layout.nr_slots);
	add_u64(o, "segments", sb->layout.nr_segments);
	add_u64(o, "table_blocks", sb->layout.nr_tables);
	add_u64(o, "table_blocks_in_use", sb->hwm);
	add_u64(o, "activations", sb->activations);
	add_u64(o, "sequence", sb->seq);
	for (i = 0; i < DMR_NR_SUPERS; i++)
		json_object_array_add(s, json_object_new_string(verdict(a, i)));
	json_object_object_add(o, "superblocks", s);
	for (i = 0; i < DMR_NR_COUNTERS; i++)
		add_u64(c, counter_names[i], sb->counters[i]);
	json_object_object_add(o, "counters", c);
	return o;
}

static int run(struct args *a)
{
	struct seek seek = { 0 };
	struct area area;
	struct device d;
	int r;

	r = offline_open(a, AREA_READ, &d, &area);
	if (r)
		return r;
	seek.sb = &area.sb;
	if (area.sb.identity[0])
		device_each(is_main, &seek);
	if (opt(a, "json"))
		print_json(as_json(&area, seek.found), stdout);
	else
		as_text(&area, &d, seek.found);
	area_close(&area);
	return RC_OK;
}

const struct command cmd_inspect = {
	.name = "inspect",
	.group = "The spare, offline",
	.synopsis = "SPARE",
	.summary = "show the superblocks of a spare and whose they are",
	.text = "Shows what the superblocks of a spare say: its UUID and label, the main device that it belongs to and whether that is connected, its size, its counters, and whether all three superblocks are whole. Reads only.",
	.examples = "  dmremap inspect /dev/sdc1\n  dmremap inspect spare.img --json\n",
	.min_args = 1, .max_args = 1,
	.run = run,
	.opts = { OPT_AREA, { "json", NULL, "print JSON" } },
};
