// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap check and repair: is the metadata of a spare as it should be?
 */
#include "copy/archive.h"
#include "offline.h"

#define ULL(x)	((unsigned long long)(x))

struct findings {
	struct json_object *list;	/* for --json, else NULL */
	enum health worst;
	unsigned int nr;
};

__printf(3, 4)
static void found(struct findings *f, enum health h, const char *fmt, ...)
{
	static const char *const word[] = { "note", "repairable", "BROKEN" };
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->worst = max(f->worst, h);
	f->nr++;
	if (f->list) {
		struct json_object *o = json_object_new_object();

		add_str(o, "class", h == HEALTH_CRITICAL ? "broken" : word[h]);
		add_str(o, "text", text);
		json_object_array_add(f->list, o);
	} else {
		print_text("%s: %s\n", word[h], text);
	}
}

static void check_supers(struct findings *f, const struct area *a)
{
	unsigned int i;

	for (i = 0; i < DMR_NR_SUPERS; i++) {
		if (a->super[i] != DMR_OK)
			found(f, HEALTH_ATTENTION, "superblock %u of 3 is %s",
			      i + 1, a->super[i] == DMR_BLANK ? "blank" :
			      a->super[i] == DMR_FOREIGN ? "overwritten" :
			      "damaged or unreadable");
		else if (a->super_old[i])
			found(f, HEALTH_ATTENTION, "superblock %u of 3 is out of date (sequence %llu, the newest is %llu)",
			      i + 1, ULL(a->super_seq[i]), ULL(a->sb.seq));
	}
}

static void check_tables(struct findings *f, struct area *a)
{
	u64 words[2][DMR_TABLE_ENTRIES], seq[2], table;
	struct dmr_store *s = &a->store;
	enum dmr_verdict v[2];
	unsigned int copy;

	for (table = 0; table < a->sb.hwm; table++) {
		for (copy = 0; copy < 2; copy++)
			v[copy] = dmr_store_read_table(s, copy, table,
						       &seq[copy], words[copy]);
		if (v[0] != DMR_OK && v[1] != DMR_OK) {
			found(f, HEALTH_CRITICAL, "slot table block %llu: neither copy is valid (sectors %llu and %llu of the area); only 'dmremap restore' from a dump helps",
			      ULL(table),
			      ULL(dmr_layout_table(&a->sb.layout, 0, table) * 8),
			      ULL(dmr_layout_table(&a->sb.layout, 1, table) * 8));
			continue;
		}
		for (copy = 0; copy < 2; copy++)
			if (v[copy] != DMR_OK)
				found(f, HEALTH_ATTENTION, "slot table block %llu: copy %u is %s",
				      ULL(table), copy + 1,
				      v[copy] == DMR_BLANK ? "blank" :
				      v[copy] == DMR_FOREIGN ? "overwritten" :
				      "damaged or unreadable");
		if (v[0] == DMR_OK && v[1] == DMR_OK && seq[0] != seq[1])
			found(f, HEALTH_ATTENTION, "slot table block %llu: copy %u is out of date (a crash came between the two)",
			      ULL(table), seq[0] < seq[1] ? 1 : 2);
		if (v[0] == DMR_OK && v[1] == DMR_OK && seq[0] == seq[1] &&
		    memcmp(words[0], words[1], sizeof(words[0])))
			found(f, HEALTH_CRITICAL, "slot table block %llu: its two copies have one sequence number, but differ",
			      ULL(table));
	}
}

struct live {
	u64 word;
	u32 slot;
};

static int by_block(const void *x, const void *y)
{
	u64 a = dmr_word_block(((const struct live *)x)->word);
	u64 b = dmr_word_block(((const struct live *)y)->word);

	return a < b ? -1 : a > b;
}

/* Entries of a table that could be loaded. */
static void check_entries(struct findings *f, struct area *a, bool data)
{
	struct dmr_store *s = &a->store;
	u32 limit = dmr_store_slot_limit(s), slot, nr = 0, i;
	u8 buf[DMR_BLOCK_SIZE];
	struct progress p;
	struct live *live;

	live = calloc(s->nr_live + 1, sizeof(*live));
	if (!live)
		return;
	progress_begin(&p, "reading slots", data ? limit : 0, 0);
	for (slot = 0; slot < limit; slot++) {
		u64 w = dmr_store_word(s, slot);

		if (dmr_word_state(w) != DMR_LIVE)
			continue;
		live[nr++] = (struct live){ w, slot };
		if (!data || !dmr_word_valid(w))
			continue;
		progress_at(&p, slot, NULL);
		if (env_read(&a->env, dmr_layout_slot(&a->sb.layout, slot), 1,
			     buf))
			found(f, HEALTH_CRITICAL, "slot %u cannot be read: sectors of block %llu (sector %llu) have their only copy there",
			      slot, ULL(dmr_word_block(w)),
			      ULL(dmr_word_block(w) * 8));
	}
	progress_end(&p);
	if (nr)
		qsort(live, nr, sizeof(*live), by_block);
	for (i = 1; i < nr; i++)
		if (dmr_word_block(live[i].word) ==
		    dmr_word_block(live[i - 1].word))
			found(f, HEALTH_FINE, "block %llu has two live slots, %u and %u: left by a crash, the kernel keeps the later one",
			      ULL(dmr_word_block(live[i].word)),
			      live[i - 1].slot, live[i].slot);
	if (s->nr_lost)
		found(f, HEALTH_FINE, "%llu sectors are lost: they read as errors until they are written",
		      ULL(s->nr_lost));
	if (s->nr_bad)
		found(f, HEALTH_FINE, "%u slots went bad", s->nr_bad);
	free(live);
}

static int check(struct args *a)
{
	struct findings f = { .worst = HEALTH_FINE };
	struct dmr_why why;
	struct area area;
	struct device d;
	int r;

	if (offline_open(a, AREA_READ, &d, &area))
		return HEALTH_UNKNOWN;
	offline_note_use(&d, &area);
	if (opt(a, "json"))
		f.list = json_object_new_array();
	check_supers(&f, &area);
	r = area_load(&area, &why);
	if (r && r != -EUCLEAN) {
		found(&f, HEALTH_CRITICAL, "the slot table cannot be loaded: %s",
		      why.text[0] ? why.text : strerror(-r));
	} else {
		check_tables(&f, &area);
		if (!r)
			check_entries(&f, &area, opt(a, "data"));
	}
	if (f.list) {
		struct json_object *o = json_object_new_object();

		add_str(o, "device", d.path);
		add_str(o, "uuid", area_uuid(area.sb.uuid));
		add_u64(o, "status", f.worst);
		json_object_object_add(o, "findings", f.list);
		print_json(o, stdout);
	} else if (f.worst == HEALTH_FINE) {
		print_text("%s: the metadata is whole: %u of %u slots in use, %u known bad blocks\n",
			   d.path, area.store.nr_live - area.store.nr_known_bad,
			   area.sb.layout.nr_slots, area.store.nr_known_bad);
	} else if (f.worst == HEALTH_ATTENTION) {
		print_text("%s: nothing is lost; 'dmremap repair %s' puts it right\n",
			   d.path, d.path);
	}
	area_close(&area);
	return f.worst;
}

/* Something else may have been put onto the device in the meantime, and be in use. */
static int ask_repair(const struct args *a, const struct device *d,
		      const struct area *area)
{
	char question[1024];

	if (d->is_block && device_in_use(d))
		return fail(RC_REFUSED, "%s is in use: %s; end that first",
			    d->path, d->used_by);
	if (area->super[0] == DMR_OK || area->sb.spare_start ||
	    !d->content[0])
		return RC_OK;
	if (opt(a, "yes") && !opt(a, "force"))
		return fail(RC_REFUSED, "the first block of the spare was overwritten, and %s holds %s now; give --force, too, if that may be overwritten",
			    d->path, d->content);
	snprintf(question, sizeof(question), "WARNING: the first block of the spare was overwritten, and the device holds %s now:\n  %s\nThat will be lost. What it has written over slots of the spare is lost already.",
		 d->content, device_describe(d));
	return confirm(opt(a, "yes"), question);
}

/* Ends a repair: with what was found and what became of it, for --json. */
static int repair_result(struct findings *f, const struct device *d,
			 const char *uuid, const char *result)
{
	struct json_object *o;

	if (!f->list)
		return RC_OK;
	o = json_object_new_object();
	add_str(o, "device", d->path);
	add_str(o, "uuid", uuid);
	add_str(o, "result", result);
	json_object_object_add(o, "findings", f->list);
	f->list = NULL;
	return print_json(o, stdout);
}

static int repair(struct args *a)
{
	struct findings f = { .worst = HEALTH_FINE };
	bool dry = opt(a, "dry-run");
	u64 start;
	char name[128], uuid[40];
	struct dmr_why why;
	struct area area;
	struct device d;
	int r, asked;

	r = offline_open(a, AREA_READ, &d, &area);
	if (r)
		return r;
	if (area_in_kernel(&d, area.sb.spare_start, name, sizeof(name))) {
		area_close(&area);
		return fail(RC_REFUSED, "%s is the spare of the open device '%s', which repairs what it finds when it is opened; close it first",
			    d.path, name);
	}
	if (opt(a, "json"))
		f.list = json_object_new_array();
	check_supers(&f, &area);
	r = area_load(&area, &why);
	if (!r || r == -EUCLEAN)
		check_tables(&f, &area);
	strscpy(uuid, area_uuid(area.sb.uuid), sizeof(uuid));
	asked = r || dry || f.worst != HEALTH_ATTENTION ? RC_OK :
		ask_repair(a, &d, &area);
	start = area.sb.spare_start;
	area_close(&area);
	if (r && r != -EUCLEAN) {
		repair_result(&f, &d, uuid, "failed");
		return fail(RC_FAILED, "%s: its slot table cannot be read: %s; the spare itself is failing, or there was not enough memory. Nothing was changed",
			    d.path, why.text[0] ? why.text : strerror(-r));
	}
	if (r || f.worst == HEALTH_CRITICAL) {
		repair_result(&f, &d, uuid, "not-repairable");
		return fail(RC_REFUSED, "%s: this cannot be repaired: %s; nothing was changed. With a dump of it ('dmremap restore --list' names those that were kept): 'dmremap restore %s FILE'",
			    d.path, r ? why.text :
			    "copies contradict each other", d.path);
	}
	if (f.worst == HEALTH_FINE) {
		if (!f.list)
			print_text("%s: there is nothing to repair\n", d.path);
		return repair_result(&f, &d, uuid, "whole");
	}
	if (dry) {
		print_text("%s: %u finding%s would be repaired from the good copies; nothing was changed\n",
			   d.path, f.nr, f.nr == 1 ? "" : "s");
		return RC_OK;
	}
	r = asked;
	if (!r && d.is_block)
		archive_keep(&d, start, "before 'repair'");
	r = r ?: offline_open(a, AREA_WRITE, &d, &area);
	if (r) {
		json_object_put(f.list);
		return r;
	}
	r = area_load(&area, &why);
	if (!r)
		r = dmr_store_write_super(&area.store);
	if (!r && (area.store.copies_whole != 3 ||
		   area.store.supers_whole != 7))
		r = -EIO;
	area_close(&area);
	if (r) {
		repair_result(&f, &d, uuid, "failed");
		return fail(RC_FAILED, "%s: not everything could be written: %s; the spare itself is failing, 'dmremap replace' it",
			    d.path, strerror(-r));
	}
	if (!f.list)
		print_text("%s: repaired\n", d.path);
	return repair_result(&f, &d, uuid, "repaired");
}

const struct command cmd_check = {
	.name = "check",
	.group = "The spare, offline",
	.synopsis = "SPARE",
	.summary = "check all metadata of a spare",
	.text = "Reads all three superblocks and both copies of the slot table, and names each finding. Changes nothing.",
	.examples = "  dmremap check /dev/sdc1\n  dmremap check --data --json /dev/sdc1\n",
	.min_args = 1, .max_args = 1,
	.run = check,
	.unknown_rc = HEALTH_UNKNOWN,
	.exits = { "the metadata is whole", "repairable", "not repairable",
		   "cannot tell" },
	.opts = { OPT_AREA,
		{ "data", NULL, "also read all slots that hold data" },
		{ "json", NULL, "print JSON" } },
};

const struct command cmd_repair = {
	.name = "repair",
	.group = "The spare, offline",
	.synopsis = "SPARE",
	.summary = "repair metadata from its good copies",
	.text = "Rewrites superblocks and blocks of the slot table that are damaged or out of date from a good copy. The kernel does the same when it activates a spare. If the first block of a spare was overwritten, by mkfs or a partition table, the superblocks in the middle and at the end bring it back; if the device holds something that is known, 'open' and 'assemble' leave it alone, and this asks. What has no good copy is never guessed: then nothing is changed, and only a dump helps.",
	.examples = "  dmremap repair --dry-run /dev/sdc1\n  dmremap repair /dev/sdc1\n",
	.min_args = 1, .max_args = 1,
	.run = repair,
	.opts = { OPT_AREA,
		{ "json", NULL, "print what was found, and what became of it, as JSON" },
		{ "yes", NULL, "do not ask" },
		{ "force", NULL, "with --yes: overwrite what is on SPARE now" },
		{ "dry-run", NULL, "only say what would be repaired" } },
};
