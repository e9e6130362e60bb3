// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap list, evacuate, release, breaker.
 */
#include "devices/blocks.h"
#include "offline.h"

#define ULL(x)	((unsigned long long)(x))

static int list_names(void)
{
	struct remap *list;
	int i, nr, r = remap_list(&list, &nr);

	for (i = 0; !r && i < nr; i++)
		print_text("%s\n", list[i].name);
	free(list);
	return r;
}

static struct json_object *block_json(const struct kblock *b)
{
	struct json_object *o = json_object_new_object();

	add_u64(o, "sector", b->sector);
	add_u64(o, "sectors", b->sectors);
	add_str(o, "state", b->known_bad ? "known-bad" : "remapped");
	json_object_object_add(o, "slot", b->slot == U32_MAX ? NULL :
			       json_object_new_int64(b->slot));
	add_u64(o, "valid", b->valid);
	add_u64(o, "lost", b->lost);
	add_u64(o, "known_bad", kblock_rest(b));
	json_object_object_add(o, "unproven",
			       json_object_new_boolean(b->unproven));
	return o;
}

static bool wanted(const struct args *a, const struct kblock *b)
{
	if (opt(a, "known-bad") || opt(a, "remapped") || opt(a, "lost"))
		return (opt(a, "known-bad") && kblock_rest(b)) ||
		       (opt(a, "remapped") && !b->known_bad) ||
		       (opt(a, "lost") && b->lost);
	return true;
}

static int list(struct args *a)
{
	static const char *const heads[] = { "SECTOR", "SLOT", "STATE", NULL };
	struct libscols_table *table;
	struct json_object *out = NULL;
	struct kblocks b;
	struct remap m;
	u64 start, count;
	size_t i;
	int r;

	if (opt(a, "names") && opt(a, "json"))
		return fail(RC_USAGE, "list: --json does not go with --names; 'dmremap status --json' has the names, too");
	if (opt(a, "names"))
		return list_names();
	if (!a->nr)
		return fail(RC_USAGE, "list: name a device, or give --names");
	r = remap_get(a->arg[0], &m) ?:
	    range_arg(&m, a->nr > 1 ? a->arg[1] : NULL, &start, &count) ?:
	    blocks_range(m.name, start, count, &b);
	if (r)
		return r;
	if (opt(a, "json"))
		out = json_object_new_array();
	table = table_new(heads);
	for (i = 0; i < b.nr; i++) {
		const struct kblock *k = &b.b[i];

		if (!wanted(a, k))
			continue;
		if (out)
			json_object_array_add(out, block_json(k));
		else if (k->slot == U32_MAX)
			table_row(table, "%llu\t-\t%s", ULL(k->sector),
				  block_state(k));
		else
			table_row(table, "%llu\t%u\t%s", ULL(k->sector),
				  k->slot, block_state(k));
	}
	if (out)
		print_json(out, stdout);
	table_print(table);
	free(b.b);
	return RC_OK;
}

/* Only those blocks that are on the spare in part. */
static void keep_partial(struct kblocks *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->nr; i++)
		if (!b->b[i].known_bad && kblock_rest(&b->b[i]))
			b->b[n++] = b->b[i];
	b->nr = n;
}

enum verb { EVACUATE, RELEASE };

int tally_json(const char *name, const struct tally *t)
{
	struct json_object *o = json_object_new_object();

	add_str(o, "device", name);
	add_u64(o, "done", t->done);
	add_u64(o, "skipped", t->skipped);
	add_u64(o, "failed", t->failed);
	return print_json(o, stdout);
}

static int act(struct args *a, enum verb verb)
{
	static const char *const message[] = { "remap", "release" };
	struct ranges rs = { 0 };
	struct kblocks b;
	struct remap m;
	struct tally t;
	struct kstat k;
	u64 start, count;
	int r;

	r = remap_get(a->arg[0], &m) ?: blocks_status(m.name, &k) ?:
	    blocks_lock(&m, &k, a->cmd->name);
	if (r)
		return r;
	if (a->nr < 2 && !opt(a, "all") && !opt(a, "partial"))
		return fail(RC_USAGE, "%s: name a range of sectors%s",
			    a->cmd->name, verb == EVACUATE ? "" :
			    ", or give --all");
	r = range_arg(&m, a->nr > 1 ? a->arg[1] : NULL, &start, &count);
	if (r)
		return r;
	if (verb == EVACUATE && !opt(a, "partial")) {
		ranges_add(&rs, start, count);
	} else {
		r = blocks_range(m.name, start, count, &b);
		if (r)
			return r;
		if (opt(a, "partial"))
			keep_partial(&b);
		blocks_ranges(&b, &rs);
		free(b.b);
	}
	r = blocks_act(m.name, message[verb], &rs, &t);
	ranges_free(&rs);
	/* What the kernel did before it failed is not in the tally. */
	if (r)
		return r;
	if (opt(a, "json"))
		tally_json(m.name, &t);
	else if (verb == EVACUATE)
		print_text("%llu blocks moved to the spare, %llu were there already, %llu could not be read (known bad now)\n",
			   ULL(t.done), ULL(t.skipped), ULL(t.failed));
	else
		print_text("%llu blocks moved back to the main device, %llu must stay (the main device fails them, or data is lost)\n",
			   ULL(t.done), ULL(t.failed));
	return t.failed ? RC_PARTLY : RC_OK;
}

static int evacuate(struct args *a)
{
	return act(a, EVACUATE);
}

static int release(struct args *a)
{
	return act(a, RELEASE);
}

static int breaker(struct args *a)
{
	struct remap m;
	struct kstat k;
	int r = remap_get(a->arg[0], &m) ?: blocks_status(m.name, &k);

	if (!r && a->nr > 1 && strcmp(a->arg[1], "close"))
		r = fail(RC_USAGE, "breaker: what can be done with it is 'close'");
	if (!r && a->nr > 1)
		r = remap_message(m.name, NULL, false, "breaker close");
	if (r)
		return r;
	if (opt(a, "json")) {
		struct json_object *o = json_object_new_object();

		add_str(o, "device", m.name);
		add_str(o, "breaker", a->nr > 1 ? "closed" : k.breaker);
		return print_json(o, stdout);
	}
	if (a->nr < 2)
		print_text("%s\n", k.breaker);
	else
		print_text("%s: the breaker %s\n", m.name,
			   strcmp(k.breaker, "open") ? "was closed already" :
			   "is closed again");
	return RC_OK;
}

static int accept(struct args *a)
{
	struct remap m;
	struct kstat k;
	int r = remap_get(a->arg[0], &m) ?: blocks_status(m.name, &k) ?:
		remap_message(m.name, NULL, false, "accept_main") ?:
		blocks_status(m.name, &k);

	if (!r)
		print_text("%s: the main device answers; %s\n", m.name,
			   "what was told of it before is forgotten");
	return r;
}

const struct command cmd_list = {
	.name = "list",
	.group = "Looking",
	.synopsis = "NAME [RANGE]",
	.summary = "list remapped, known bad and lost blocks",
	.text = "Lists the blocks that are not where they would be on a healthy disk, by sector of the mapped device. A block may be remapped in part: some of its sectors are on the spare; the rest is known bad, and read from the main device as far as that works. A block that went to the spare without a retry, since errors took too long, is unproven. In JSON, valid, lost and known_bad are masks of the block's sectors.",
	.examples = "  dmremap list data\n  dmremap list data 1000000+8000 --known-bad\n  dmremap list --names\n",
	.min_args = 0, .max_args = 2,
	.run = list,
	.opts = {
		{ "known-bad", NULL, "only blocks that are known bad, wholly or in part" },
		{ "remapped", NULL, "only blocks with data on the spare" },
		{ "lost", NULL, "only blocks with lost sectors" },
		{ "names", NULL, "list the names of the open devices instead" },
		{ "json", NULL, "print JSON" },
	},
};

const struct command cmd_evacuate = {
	.name = "evacuate",
	.group = "Looking after",
	.synopsis = "NAME [RANGE]",
	.summary = "move blocks that still read to the spare",
	.text = "Copies the blocks of a range to the spare while the device is in use, before the main device loses them. Blocks that cannot be read become known bad.",
	.examples = "  dmremap evacuate data 819200+2048\n  dmremap evacuate data --partial\n",
	.min_args = 1, .max_args = 2,
	.run = evacuate,
	.exits = { [RC_INTERRUPTED] = EXIT_INTERRUPTED,
		[RC_PARTLY] = "blocks could not be read" },
	.opts = {
		{ "all", NULL, "the whole device; the spare must be as large" },
		{ "partial", NULL, "the rest of the blocks that are on the spare in part" },
		{ "json", NULL, "print the result as JSON" },
	},
};

const struct command cmd_release = {
	.name = "release",
	.group = "Looking after",
	.synopsis = "NAME [RANGE]",
	.summary = "move blocks back to the main device",
	.text = "Writes blocks from the spare back to the main device, reads them back, compares, and gives the slot free. A block that the main device fails again stays on the spare; nothing is lost.",
	.examples = "  dmremap release data 819200+2048\n  dmremap release data --all\n",
	.min_args = 1, .max_args = 2,
	.run = release,
	.exits = { [RC_INTERRUPTED] = EXIT_INTERRUPTED,
		[RC_PARTLY] = "blocks must stay on the spare" },
	.opts = { { "all", NULL, "all blocks" },
		{ "json", NULL, "print the result as JSON" } },
};

const struct command cmd_breaker = {
	.name = "breaker",
	.group = "Looking after",
	.synopsis = "NAME [close]",
	.summary = "show or close the breaker",
	.text = "When too many blocks fail in a short time, the breaker opens: that looks like a dead drive or a bad cable, and errors are passed on instead of filling the spare. When the cause is removed, close it.",
	.examples = "  dmremap breaker data\n  dmremap breaker data close\n",
	.min_args = 1, .max_args = 2,
	.run = breaker,
	.opts = { { "json", NULL, "print its state as JSON" } },
};

const struct command cmd_accept = {
	.name = "accept",
	.group = "Looking after",
	.synopsis = "NAME",
	.summary = "what status told of the main device has been dealt with",
	.text = "Looks again whether the main device answers, and if so forgets that it was gone, that errors were passed on, and that it was written to without its spare. Nothing else changes: do it when you have found the cause and have checked what is stored there.",
	.examples = "  dmremap accept data\n",
	.min_args = 1, .max_args = 1,
	.run = accept,
};
