// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap grow: more room in the same spare area.
 */
#include "copy/archive.h"
#include "devices/blocks.h"
#include "offline.h"
#include "pairing/pairing.h"

#define ULL(x)	((unsigned long long)(x))

struct behind {
	u64 from, to;
	char what[128];
};

static int is_behind(struct area *a, const struct device *d, void *arg)
{
	struct behind *b = arg;
	u64 end = a->sb.spare_start + a->sb.layout.area_blocks * 8;

	(void)d;
	if (a->sb.spare_start < b->to && b->from < end)
		snprintf(b->what, sizeof(b->what), "the spare area '%s' at sector %llu",
			 a->sb.label[0] ? a->sb.label : area_uuid(a->sb.uuid),
			 ULL(a->sb.spare_start));
	return b->what[0];
}

static int run(struct args *a)
{
	struct behind behind = { 0 };
	struct device d;
	struct remap m;
	struct kstat k;
	char question[700];
	u64 len = 0, old;
	int r;

	r = opt_size(a, "size", &len) ?: remap_get(a->arg[0], &m) ?:
	    blocks_status(m.name, &k);
	if (!r && !opt(a, "dry-run"))
		r = blocks_lock(&m, &k, a->cmd->name);
	if (r)
		return r;
	if (device_get_devno(m.spare, &d))
		return fail(RC_FAILED, "%s: cannot look at its spare %s",
			    m.name, m.spare_path);
	old = k.spare_length;
	if (!len)
		len = round_down(d.sectors - m.spare_start, 8);
	if (len % 8)
		return fail(RC_USAGE, "--size must be a multiple of 4 KiB");
	if (len > d.sectors - m.spare_start)
		return fail(RC_REFUSED, "%s ends %s behind the start of the spare area; enlarge it first, or 'dmremap replace' it",
			    d.path, human_size(d.sectors - m.spare_start));
	if (len <= old)
		return fail(RC_REFUSED, "the spare area is %s long already%s",
			    human_size(old), len == old && !opt(a, "size") ?
			    ", up to the end of its device; enlarge that first, or 'dmremap replace' it" :
			    "; it cannot shrink");
	behind.from = m.spare_start + old;
	behind.to = m.spare_start + len;
	r = spare_is_free(&d, behind.from, len - old,
			  "choose a smaller --size, or 'dmremap replace' it with a larger device");
	if (r)
		return r;
	area_each(&d, false, is_behind, &behind);
	if (behind.what[0])
		return fail(RC_REFUSED, "%s lies behind this one on %s; choose a smaller --size, or 'dmremap replace' it with a larger device",
			    behind.what, d.path);
	if (opt(a, "dry-run")) {
		would("dmsetup message %s 0 grow %llu", shell_word(m.name),
		      ULL(len));
		return RC_OK;
	}
	text_into(question, sizeof(question), "The spare area of %s grows from %s to %s.\nWARNING: sectors %llu to %llu will be overwritten, on\n  %s",
		  m.name, human_size(old), human_size(len), ULL(behind.from),
		  ULL(behind.to - 1), device_describe(&d));
	r = confirm(opt(a, "yes"), question) ?:
	    remap_message(m.name, NULL, false, "grow %llu", ULL(len)) ?:
	    blocks_status(m.name, &k);
	if (!r)
		archive_keep(&d, m.spare_start, "after 'grow'");
	if (!r && opt(a, "json")) {
		struct json_object *o = json_object_new_object();

		add_str(o, "device", m.name);
		add_u64(o, "spare_length", k.spare_length);
		add_u64(o, "slots_total", k.slots_total);
		add_u64(o, "slots_free", k.slots_free);
		return print_json(o, stdout);
	}
	if (!r)
		print_text("%s: %llu slots now, %llu of them free\n", m.name,
			   ULL(k.slots_total), ULL(k.slots_free));
	return r;
}

const struct command cmd_grow = {
	.name = "grow",
	.group = "Moving on",
	.synopsis = "NAME",
	.summary = "more room in the spare area, with the device in use",
	.text = "Lengthens the spare area in place, to the end of its device or to --size, while the device is in use. A crash leaves the old area or the new one.",
	.examples = "  lvextend -L +1G vg/spare && dmremap grow data\n  dmremap grow data --size 8G\n",
	.min_args = 1, .max_args = 1,
	.run = run,
	.opts = { { "size", "SIZE", "new length of the whole area" },
		{ "json", NULL, "print the result as JSON" },
		{ "yes", NULL, "do not ask" },
		{ "dry-run", NULL, "print the dmsetup line, change nothing" } },
};
