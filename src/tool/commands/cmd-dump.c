// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap dump and restore: the metadata of a spare as JSON, and back.
 */
#include "copy/archive.h"
#include "offline.h"
#include "pairing/pairing.h"

#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

/*--------------------------------------------------------------------
 * Dump
 *--------------------------------------------------------------------
 */
static int dump(struct args *a)
{
	struct dmr_why why;
	struct output out;
	struct area area;
	struct device d;
	int r;

	r = offline_open(a, AREA_READ, &d, &area);
	if (r)
		return r;
	offline_note_use(&d, &area);
	r = area_load(&area, &why);
	if (r) {
		area_close(&area);
		return fail(RC_REFUSED, "%s: %s", d.path, why.text);
	}
	r = output_begin(&out, opt(a, "output"));
	if (!r) {
		print_json(dump_area(&area, U32_MAX), out.f);
		r = output_end(&out, true);
	}
	area_close(&area);
	return r;
}

/*--------------------------------------------------------------------
 * Restore
 *--------------------------------------------------------------------
 */
struct image {
	struct dmr_super sb;
	u64 *words;		/* sb.hwm * DMR_TABLE_ENTRIES */
};

static bool get_u64(struct json_object *o, const char *key, u64 limit, u64 *v)
{
	struct json_object *x;

	if (!json_object_object_get_ex(o, key, &x) ||
	    !json_object_is_type(x, json_type_int) ||
	    (json_object_get_int64(x) < 0))
		return false;
	*v = json_object_get_uint64(x);
	return *v <= limit;
}

static bool get_name(struct json_object *o, const char *key, char *to,
		     size_t size)
{
	struct json_object *x;
	const char *s;

	if (!json_object_object_get_ex(o, key, &x) ||
	    !json_object_is_type(x, json_type_string))
		return false;
	s = json_object_get_string(x);
	if (strlen(s) >= size || (*s && !dmr_name_ok(s, size)))
		return false;
	memset(to, 0, size);
	strcpy(to, s);
	return true;
}

/* Return: NULL, or what is wrong. */
static const char *parse_super(struct json_object *o, struct dmr_super *sb)
{
	struct json_object *x, *c;
	u64 v, blocks = 0;
	size_t i;

	if (!json_object_object_get_ex(o, "format", &x) ||
	    strcmp(json_object_get_string(x) ?: "", DUMP_FORMAT))
		return "it is no dump of dm-remap";
	if (!get_u64(o, "version", U32_MAX, &v) || v != DUMP_VERSION)
		return "it is of another version";
	if (!json_object_object_get_ex(o, "uuid", &x) ||
	    !area_parse_uuid(json_object_get_string(x) ?: "", sb->uuid))
		return "uuid";
	if (!get_u64(o, "sequence", DMR_SEQ_END - 1, &sb->seq) || !sb->seq)
		return "sequence";
	if (!get_u64(o, "compat", U32_MAX, &v))
		return "compat";
	sb->compat = v;
	if (!get_u64(o, "ro_compat", U32_MAX, &v))
		return "ro_compat";
	sb->ro_compat = v;
	if (!get_u64(o, "incompat", U32_MAX, &v) || (v & ~DMR_INCOMPAT_KNOWN))
		return "incompat: features that this version does not know";
	/* Both copies of the table are written: none of it is stale. */
	sb->incompat = v & ~DMR_INCOMPAT_STALE;
	if (!get_u64(o, "spare_start", INT64_MAX >> 9, &sb->spare_start))
		return "spare_start";
	if (!get_u64(o, "main_sectors", DMR_MAX_MAIN_BLOCKS * 8,
		     &sb->main_sectors) || !sb->main_sectors)
		return "main_sectors";
	if (!get_u64(o, "main_lbs", DMR_BLOCK_SIZE, &v) || v < 512 ||
	    (v & (v - 1)))
		return "main_lbs";
	sb->main_lbs = v;
	/* Older dumps do not have these. */
	if (get_u64(o, "main_flags", U32_MAX, &v))
		sb->main_flags = v;
	if (!get_u64(o, "main_start", INT64_MAX >> 9, &sb->main_start))
		sb->main_flags &= ~DMR_MAIN_PLACE;
	if (!get_name(o, "identity", sb->identity, sizeof(sb->identity)))
		return "identity";
	if (!get_name(o, "label", sb->label, sizeof(sb->label)))
		return "label";
	/* Dumps of older versions have none. */
	if (json_object_object_get_ex(o, "options", &c) &&
	    !get_name(o, "options", sb->options, sizeof(sb->options)))
		return "options";
	if (!get_u64(o, "activations", INT64_MAX, &sb->activations))
		return "activations";
	if (!json_object_object_get_ex(o, "counters", &c))
		return "counters";
	for (i = 0; i < DMR_NR_COUNTERS; i++)
		if (!get_u64(c, counter_names[i], INT64_MAX, &sb->counters[i]))
			return "counters";

	if (!json_object_object_get_ex(o, "segment_blocks", &x) ||
	    !json_object_is_type(x, json_type_array) ||
	    !json_object_array_length(x) ||
	    json_object_array_length(x) > DMR_MAX_SEGMENTS)
		return "segment_blocks";
	for (i = 0; i < json_object_array_length(x); i++) {
		struct json_object *e = json_object_array_get_idx(x, i);
		int64_t len = json_object_get_int64(e);

		if (len <= 0 || len > INT64_MAX >> 13)
			return "segment_blocks";
		blocks += len;
		if (blocks > (u64)INT64_MAX >> 12 ||
		    (i ? dmr_layout_add(&sb->layout, blocks) :
			 dmr_layout_init(&sb->layout, blocks)))
			return "segment_blocks";
	}
	if (!get_u64(o, "table_blocks_in_use", sb->layout.nr_tables, &sb->hwm))
		return "table_blocks_in_use";
	return NULL;
}

static const char *parse_entry(struct json_object *e, struct image *im)
{
	const struct dmr_super *sb = &im->sb;
	u64 slot, block, valid, lost, gen;
	struct json_object *x;
	const char *name;
	int state;

	if (!sb->hwm ||
	    !get_u64(e, "slot", sb->hwm * DMR_TABLE_ENTRIES - 1, &slot) ||
	    slot % DMR_TABLE_ENTRIES >=
	    dmr_layout_entries(&sb->layout, slot / DMR_TABLE_ENTRIES))
		return "an entry's slot";
	if (im->words[slot])
		return "two entries for one slot";
	if (!get_u64(e, "block", DIV_ROUND_UP(sb->main_sectors, 8) - 1, &block))
		return "an entry's block";
	if (!get_u64(e, "valid", 255, &valid) || !get_u64(e, "lost", 255, &lost) ||
	    (valid & lost))
		return "an entry's masks";
	if (!get_u64(e, "generation", 255, &gen))
		return "an entry's generation";
	name = json_object_object_get_ex(e, "state", &x) ?
	       json_object_get_string(x) ?: "" : "";
	for (state = DMR_BAD; state >= 0; state--)
		if (!strcmp(name, dump_states[state]))
			break;
	if (state < 0)
		return "an entry's state";
	im->words[slot] = dmr_word(block, state, valid, lost, gen);
	if (json_object_object_get_ex(e, "unproven", &x) &&
	    json_object_get_boolean(x)) {
		if (state != DMR_LIVE || !(sb->incompat & DMR_INCOMPAT_UNPROVEN))
			return "an entry that is unproven";
		im->words[slot] |= DMR_WORD_UNPROVEN;
	}
	return NULL;
}

/* What the format would not accept when it is read must not be written. */
static const char *decodes(const struct image *im)
{
	const struct dmr_super *sb = &im->sb;
	struct dmr_super *back = calloc(1, sizeof(*back));
	u64 words[DMR_TABLE_ENTRIES], seq, t;
	const char *wrong = NULL;
	u8 buf[DMR_BLOCK_SIZE];

	dmr_super_encode(sb, 0, buf);
	if (!back || dmr_super_decode(back, 0, buf) != DMR_OK)
		wrong = "its numbers do not fit together";
	for (t = 0; !wrong && t < sb->hwm; t++) {
		dmr_table_encode(sb->uuid, t, sb->seq,
				 im->words + t * DMR_TABLE_ENTRIES, buf);
		if (dmr_table_decode(sb->uuid, t,
				     DIV_ROUND_UP(sb->main_sectors, 8),
				     dmr_layout_entries(&sb->layout, t), buf,
				     &seq, words) != DMR_OK)
			wrong = "an entry is impossible";
	}
	free(back);
	return wrong;
}

static const char *parse_image(struct json_object *o, struct image *im,
			       bool keep_table)
{
	struct json_object *list;
	const char *wrong = parse_super(o, &im->sb);
	size_t i;

	if (wrong || keep_table)
		return wrong;
	if (!json_object_object_get_ex(o, "entries", &list))
		return "it has no slot table, which was too long to be kept; --keep-table restores the superblocks alone";
	if (!json_object_is_type(list, json_type_array))
		return "entries";
	im->words = calloc(im->sb.hwm * DMR_TABLE_ENTRIES + 1, sizeof(u64));
	if (!im->words)
		return "it is too large for this machine's memory";
	for (i = 0; !wrong && i < json_object_array_length(list); i++)
		wrong = parse_entry(json_object_array_get_idx(list, i), im);
	return wrong ?: decodes(im);
}

/* The newer one of the two copies of a table block that are on the device. */
static bool read_newer(struct dmr_env *env, const struct dmr_super *sb, u64 t,
		       u64 *seq, u64 *words)
{
	u64 main_blocks = DIV_ROUND_UP(sb->main_sectors, 8), s;
	u64 other[DMR_TABLE_ENTRIES];
	u8 buf[DMR_BLOCK_SIZE];
	unsigned int copy;
	bool found = false;

	for (copy = 0; copy < DMR_NR_COPIES; copy++) {
		if (env_read(env, dmr_layout_table(&sb->layout, copy, t), 1,
			     buf) ||
		    dmr_table_decode(sb->uuid, t, main_blocks,
				     dmr_layout_entries(&sb->layout, t), buf,
				     &s, other) != DMR_OK ||
		    (found && s <= *seq))
			continue;
		memcpy(words, other, sizeof(other));
		*seq = s;
		found = true;
	}
	return found;
}

/*
 * What is on the device goes on: the mark is behind the last block of the slot table that
 * is whole. Table blocks tell which spare they are of, so none of another life counts.
 */
static int take_table(struct dmr_env *env, struct dmr_super *sb)
{
	u64 words[DMR_TABLE_ENTRIES], seq, t, gap = U64_MAX;
	struct progress p;
	int i;

	sb->hwm = 0;
	progress_begin(&p, "reading", sb->layout.nr_tables, 0);
	for (t = 0; t < sb->layout.nr_tables; t++) {
		progress_at(&p, t, NULL);
		if (!read_newer(env, sb, t, &seq, words)) {
			gap = min(gap, t);
			continue;
		}
		if (gap < t)
			break;
		sb->hwm = t + 1;
		sb->seq = max(sb->seq, seq);
		for (i = 0; i < DMR_TABLE_ENTRIES; i++)
			if (words[i] & DMR_WORD_UNPROVEN)
				sb->incompat |= DMR_INCOMPAT_UNPROVEN;
	}
	progress_end(&p);
	if (t < sb->layout.nr_tables || !sb->hwm)
		return fail(RC_REFUSED, "the slot table on the device has no valid copy of block %llu; nothing was changed",
			    ULL(min(gap, sb->layout.nr_tables)));
	sb->seq++;
	sb->activations++;
	return RC_OK;
}

/* Blocks of the slot table that have changed since the dump was made. */
static u64 changed_since(struct dmr_env *env, const struct image *im)
{
	const struct dmr_super *sb = &im->sb;
	u64 words[DMR_TABLE_ENTRIES], seq, t, nr = 0;

	for (t = 0; t < sb->layout.nr_tables; t++) {
		if (!read_newer(env, sb, t, &seq, words)) {
			if (t >= sb->hwm)
				break;
		} else if (t >= sb->hwm) {
			nr += memchr_inv(words, 0, sizeof(words)) != NULL;
		} else {
			nr += memcmp(words, im->words + t * DMR_TABLE_ENTRIES,
				     sizeof(words)) != 0;
		}
	}
	return nr;
}

static int write_supers(struct dmr_env *env, const struct dmr_super *sb)
{
	u8 buf[DMR_BLOCK_SIZE];
	unsigned int copy;

	for (copy = 0; copy < DMR_NR_SUPERS; copy++) {
		dmr_super_encode(sb, copy, buf);
		if (env_write(env, dmr_layout_super(&sb->layout, copy), 1,
			      buf) || dmr_env_flush(env, DMR_SPARE))
			return -EIO;
	}
	return 0;
}

static int write_image(struct dmr_env *env, const struct image *im)
{
	const struct dmr_super *sb = &im->sb;
	unsigned int copy;
	struct progress p;
	u8 buf[DMR_BLOCK_SIZE];
	u64 t;

	/* While the table is written nobody must take this for a spare. */
	if (env_blank(env, &sb->layout))
		return -EIO;
	progress_begin(&p, "writing", 2 * sb->hwm, 0);
	for (copy = 0; copy < DMR_NR_COPIES; copy++)
		for (t = 0; t < sb->hwm; t++) {
			dmr_table_encode(sb->uuid, t, sb->seq,
					 im->words + t * DMR_TABLE_ENTRIES,
					 buf);
			progress_at(&p, copy * sb->hwm + t, NULL);
			if (env_write(env, dmr_layout_table(&sb->layout, copy,
							    t), 1, buf))
				return -EIO;
		}
	progress_end(&p);
	return dmr_env_flush(env, DMR_SPARE) ? -EIO : write_supers(env, sb);
}

/* What is on the device, of this spare, beside the dump. */
static int look_at_table(const struct args *a, struct image *im,
			 const struct device *d)
{
	struct dmr_env env;
	u64 nr;
	int r = env_open(&env, d->path, im->sb.spare_start, false);

	if (r)
		r = fail(RC_REFUSED, "cannot open %s: %s", d->path,
			 strerror(-r));
	else if (opt(a, "keep-table"))
		r = take_table(&env, &im->sb);
	else if ((nr = changed_since(&env, im)))
		note("WARNING: %llu blocks of the slot table on %s have changed since this dump was made: what was remapped since would be forgotten, and old data be read there; --keep-table writes the superblocks alone",
		     ULL(nr), d->path);
	env_close(&env);
	return r;
}

static int restore_to(struct args *a, struct image *im, const struct device *d)
{
	const struct dmr_super *sb = &im->sb;
	char question[1400], name[128], there[240] = "", other[200] = "";
	struct dmr_env env;
	struct area old;
	int r, error;

	if (sb->spare_start + sb->layout.area_blocks * 8 > d->sectors)
		return fail(RC_REFUSED, "%s is too small: the area of the dump reaches to sector %llu, the device has %llu; restore it to a larger one",
			    d->path, ULL(sb->spare_start +
					 sb->layout.area_blocks * 8 - 1),
			    ULL(d->sectors));
	if (area_in_kernel(d, sb->spare_start, name, sizeof(name)))
		return fail(RC_REFUSED, "%s is the spare of the open device '%s'; close it first ('dmremap close %s')",
			    d->path, name, name);
	if (d->is_block) {
		r = spare_is_free(d, sb->spare_start,
				  sb->layout.area_blocks * 8,
				  "restore it to another device");
		if (r)
			return r;
	}
	if (!area_peek(&old, d, sb->spare_start, AREA_READ)) {
		bool same = !memcmp(old.sb.uuid, sb->uuid, 16);

		if (same && opt(a, "keep-table")) {
			area_close(&old);
			return fail(RC_REFUSED, "%s holds a superblock of this spare; 'dmremap repair %s' restores the others by it",
				    d->path, d->path);
		}
		if (same)
			strcpy(there, "\nThere is a valid spare area now, the same one; its remaps of today will be forgotten.");
		else
			snprintf(other, sizeof(other), "another spare area, %s",
				 area_uuid(old.sb.uuid));
		area_close(&old);
	} else if (d->content[0] && !sb->spare_start) {
		strscpy(other, d->content, sizeof(other));
	}
	if (other[0] && opt(a, "yes") && !opt(a, "force"))
		return fail(RC_REFUSED, "%s holds %s; give --force, too, if it may be overwritten",
			    d->path, other);
	r = look_at_table(a, im, d);
	if (r)
		return r;
	if (other[0])
		snprintf(there, sizeof(there), "\nIt holds %s, which will be lost.",
			 plain(other));
	snprintf(question, sizeof(question), "WARNING: this overwrites the %s of the spare area at sector %llu of\n  %s%s\nwith the dump of %s (main device %s). Data in slots is left as it is.",
		 opt(a, "keep-table") ? "superblocks" : "metadata",
		 ULL(sb->spare_start), device_describe(d), there,
		 area_uuid(sb->uuid), sb->identity[0] ? plain(sb->identity) : "-");
	if (opt(a, "dry-run")) {
		print_text("the dump is sound; would write %s%llu table blocks%s, and three superblocks, on %s\n",
			   opt(a, "keep-table") ? "none of " : "", ULL(sb->hwm),
			   opt(a, "keep-table") ? "" : " to both copies", d->path);
		return RC_OK;
	}
	r = confirm(opt(a, "yes"), question);
	if (!r && d->is_block)
		archive_keep(d, sb->spare_start, "before 'restore'");
	if (!r && d->content[0] && !sb->spare_start && d->is_block)
		r = device_wipe(d->path);
	if (r)
		return r;
	r = env_open(&env, d->path, sb->spare_start, true);
	if (r)
		return fail(RC_REFUSED, "cannot open %s for writing: %s",
			    d->path, strerror(-r));
	r = opt(a, "keep-table") ? write_supers(&env, sb) :
	    write_image(&env, im);
	error = env.error;
	if (r)
		/* Half of a restored area is none; its table alone may still be good. */
		r = fail(RC_FAILED, "%s cannot be written to: %s; %s, restore the dump to another device",
			 d->path, strerror(error), opt(a, "keep-table") ?
			 "its superblocks may be lost" :
			 env_blank(&env, &sb->layout) ?
			 "what it holds now is no spare, do not open it" :
			 "it holds no spare area now");
	else
		print_text("%s: restored\n", d->path);
	env_close(&env);
	return r;
}

/* @text: when, why, and on which device. */
static void archived_json(struct json_object *list, const char *path,
			  const char *const text[], const struct dmr_super *sb)
{
	struct json_object *o = json_object_new_object();

	add_str(o, "file", path);
	add_str(o, "time", text[0]);
	add_str(o, "why", text[1]);
	add_str(o, "spare", text[2]);
	add_str(o, "uuid", area_uuid(sb->uuid));
	add_str(o, "label", sb->label);
	add_str(o, "identity", sb->identity);
	add_u64(o, "table_blocks_in_use", sb->hwm);
	json_object_array_add(list, o);
}

struct archived {
	int nr;
	struct json_object *list;	/* NULL: as text */
};

/* One line of --list. */
static void list_one(const char *path, void *arg)
{
	struct archived *all = arg;

	struct json_object *o = json_object_from_file(path), *about, *x;
	static const char *const key[] = { "time", "why", "device" };
	const char *text[] = { "-", "-", "-" };
	struct dmr_super *sb = calloc(1, sizeof(*sb));
	size_t i;

	if (o && sb && !parse_super(o, sb)) {
		if (json_object_object_get_ex(o, "archived", &about))
			for (i = 0; i < ARRAY_SIZE(key); i++)
				if (json_object_object_get_ex(about, key[i], &x))
					text[i] = json_object_get_string(x);
		all->nr++;
		if (all->list)
			archived_json(all->list, path, text, sb);
		else
			print_text("%s\n  %s, %s, spare '%s' on %s\n  for the main device %s, table blocks in use %llu\n",
				   path, text[0], text[1], sb->label[0] ?
				   sb->label : area_uuid(sb->uuid), text[2],
				   sb->identity[0] ? sb->identity : "-",
				   ULL(sb->hwm));
	}
	free(sb);
	if (o)
		json_object_put(o);
}

static int list_archive(bool json)
{
	struct archived all = { 0 };

	if (json)
		all.list = json_object_new_array();
	archive_each(list_one, &all);
	if (json)
		return print_json(all.list, stdout);
	if (!all.nr)
		print_text("no dumps were kept in %s\n", archive_folder());
	return RC_OK;
}

static int restore(struct args *a)
{
	struct json_object *o;
	struct image *im;
	const char *wrong;
	struct device d;
	int r;

	if (opt(a, "list"))
		return list_archive(opt(a, "json"));
	if (opt(a, "json"))
		return fail(RC_USAGE, "restore: --json goes with --list");
	if (a->nr < 2)
		return fail(RC_USAGE, "usage: dmremap restore [OPTIONS] SPARE FILE; see 'dmremap restore --help'");
	r = device_get(a->arg[0], true, &d);
	if (r)
		return r;
	o = json_object_from_file(a->arg[1]);
	if (!o)
		return fail(RC_REFUSED, "%s is not readable as JSON; nothing was changed",
			    a->arg[1]);
	im = calloc(1, sizeof(*im));
	wrong = im ? parse_image(o, im, opt(a, "keep-table")) :
		     "out of memory";
	if (wrong)
		r = fail(RC_REFUSED, "%s cannot be restored from: %s; nothing was changed",
			 a->arg[1], wrong);
	else
		r = restore_to(a, im, &d);
	if (im)
		free(im->words);
	free(im);
	json_object_put(o);
	return r;
}

const struct command cmd_dump = {
	.name = "dump",
	.group = "The spare, offline",
	.synopsis = "SPARE",
	.summary = "write all metadata of a spare as JSON",
	.text = "Writes superblock and slot table as JSON, to standard output or a file. The data in the slots is not part of it. The file appears only when all of it has been written.",
	.examples = "  dmremap dump /dev/sdc1 --output sdc1.json\n",
	.min_args = 1, .max_args = 1,
	.run = dump,
	.opts = { OPT_AREA, { "output", "FILE", "write to FILE" } },
};

const struct command cmd_restore = {
	.name = "restore",
	.group = "The spare, offline",
	.synopsis = "SPARE FILE",
	.summary = "write the metadata of a spare from a dump",
	.text = "Writes superblocks and slot table as 'dmremap dump' saved them. All of the dump is checked before anything is changed. Use it only with the dump of this very spare and when nothing was remapped since: data in slots is left as it is.\nAt each change of layout (create, grow, replace, repair, restore, detach, forget) a dump is kept in /var/lib/dmremap/archive, the last ten of each spare; --list shows them. Where all three superblocks are gone and the slot table is whole, give --keep-table and the newest of them: the superblocks are written anew, and everything that was remapped since is there.",
	.examples = "  dmremap restore --dry-run /dev/sdc1 sdc1.json\n  dmremap restore /dev/sdc1 sdc1.json\n  dmremap restore --list\n",
	.min_args = 0, .max_args = 2,
	.run = restore,
	.opts = { { "list", NULL, "show the dumps that were kept" },
		{ "json", NULL, "with --list: as JSON" },
		{ "keep-table", NULL, "write the superblocks alone: the slot table on SPARE is whole" },
		{ "yes", NULL, "do not ask" },
		{ "force", NULL, "with --yes: overwrite what else is on SPARE" },
		{ "dry-run", NULL, "only check the dump" } },
};
