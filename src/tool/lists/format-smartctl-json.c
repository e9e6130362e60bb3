// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists: what smartctl prints with --json.
 */
#include "smartctl.h"

#include <json.h>

static void copy(char *to, size_t size, const char *from)
{
	if (from[0] && !to[0])
		copy_word(to, size, from);
}

static void wwn(struct document *d, struct json_object *o)
{
	struct json_object *w = json_at(o, "wwn");
	const char *id = json_text(o, "logical_unit_id");

	if (w)
		snprintf(d->wwn, sizeof(d->wwn), "%llx%06llx%09llx",
			 (unsigned long long)json_u64(w, "naa"),
			 (unsigned long long)json_u64(w, "oui"),
			 (unsigned long long)json_u64(w, "id"));
	else
		copy(d->wwn, sizeof(d->wwn), strncmp(id, "0x", 2) ? id : id + 2);
}

/* Size and logical block size of an NVMe namespace. */
static void namespaces(struct parser *p, struct json_object *o)
{
	struct json_object *list = json_at(o, "nvme_namespaces"), *ns;
	size_t i, nr;

	if (!json_object_is_type(list, json_type_array))
		return;
	nr = json_object_array_length(list);
	for (i = 0; i < nr; i++) {
		ns = json_object_array_get_idx(list, i);
		if (nr > 1 && json_u64(ns, "id") != p->disk->nsid)
			continue;
		p->docs->bytes = json_u64(json_at(ns, "size"), "bytes");
		p->docs->unit = json_u64(ns, "formatted_lba_size") ?:
				p->docs->unit;
	}
}

/* Members of a RAID controller are asked for as "-d megaraid,5" and the like. */
static void member(struct document *d, const char *type)
{
	static const char *const kinds[] = {
		"megaraid,", "cciss,", "areca,", "3ware,", "aacraid,", "hpt,",
		"sssraid,", "jmb39x", "intelliprop,", "qnaptr" };
	const char *at;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		at = strstr(type, kinds[i]);
		if (at)
			copy(d->member, sizeof(d->member), at);
	}
}

static void information(struct parser *p, struct json_object *o)
{
	struct json_object *device = json_at(o, "device"), *messages;
	struct document *d = p->docs;
	u64 lbs = json_u64(o, "logical_block_size");
	size_t i;

	if (lbs >= 512 && lbs <= 65536 && !(lbs & (lbs - 1)))
		d->unit = lbs;
	copy(d->name, sizeof(d->name), json_text(device, "name"));
	member(d, json_text(device, "type"));
	copy(d->model, sizeof(d->model), json_text(o, "model_name"));
	copy(d->model, sizeof(d->model), json_text(o, "scsi_product"));
	copy(d->serial, sizeof(d->serial), json_text(o, "serial_number"));
	d->bytes = json_u64(json_at(o, "user_capacity"), "bytes");
	wwn(d, o);
	namespaces(p, o);
	messages = json_at(json_at(o, "smartctl"), "messages");
	for (i = 0; json_object_is_type(messages, json_type_array) &&
	     i < json_object_array_length(messages); i++)
		copy(d->says, sizeof(d->says),
		     json_text(json_object_array_get_idx(messages, i),
			       "string"));
}

/* An error of NVMe's log that is not about the medium: a wrong command, say. */
static bool other_error(struct json_object *o)
{
	struct json_object *status = json_at(o, "status_field");

	return json_at(status, "status_code_type") &&
	       !nvme_medium(json_u64(status, "status_code_type"),
			    json_u64(status, "status_code"));
}

static bool entry(struct parser *p, struct json_object *o,
		  struct json_object *lba)
{
	u64 v;

	if (json_at(lba, "value"))
		lba = json_at(lba, "value");
	/* null, -1: none */
	if (!json_number(lba, &v))
		return !json_object_is_type(lba, json_type_string);
	if (v == U32_MAX) {
		p->docs->cut++;
		return true;
	}
	return document_entry(p, v, json_u64(o, "nsid"));
}

/* Of a background scan, only what is still bad. */
static bool healed(struct json_object *o)
{
	const char *s = json_text(json_at(o, "reassign_status"), "string");

	return s[0] && !strstr(s, "Require") && !strstr(s, "failed");
}

/* Every LBA of an entry of the log @o. */
static bool walk(struct parser *p, struct json_object *o)
{
	static const char *const names[] = { "lba", "failing_lba",
					     "lba_first_failure" };
	size_t i;

	if (json_object_is_type(o, json_type_array)) {
		for (i = 0; i < json_object_array_length(o); i++)
			if (!walk(p, json_object_array_get_idx(o, i)))
				return false;
		return true;
	}
	if (!json_object_is_type(o, json_type_object))
		return true;
	if (other_error(o)) {
		p->docs->other_errors++;
		return true;
	}
	if (healed(o))
		return true;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (json_at(o, names[i]))
			return entry(p, o, json_at(o, names[i]));
	json_object_object_foreach(o, key, child) {
		(void)key;
		if (!walk(p, child))
			return false;
	}
	return true;
}

/* The registers say in which command the error was; the words, what it was. */
static bool ata_errors(struct parser *p, struct json_object *log)
{
	static const char *const names[] = { "summary", "extended" };
	struct json_object *table;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		table = json_at(json_at(log, names[i]), "table");
		for (j = 0; json_object_is_type(table, json_type_array) &&
		     j < json_object_array_length(table); j++)
			if (!smartctl_ata_error(p, json_text(
				json_object_array_get_idx(table, j),
				"error_description")))
				return false;
	}
	return true;
}

static bool is_log(const char *key)
{
	static const char *const logs[] = {
		"self_test_log", "error_information_log", "pending_defects",
		"ata_smart_error_log", "scsi_background_scan" };
	size_t i;

	if (strstr(key, "selective"))
		return false;
	for (i = 0; i < ARRAY_SIZE(logs); i++)
		if (strstr(key, logs[i]))
			return true;
	return !strncmp(key, "scsi_self_test_", 15);
}

/* Of the two self-test logs of a disk, the one with room for all of an LBA. */
static struct json_object *longer(struct json_object *log)
{
	struct json_object *x = json_at(log, "extended");

	return x && json_at(x, "table") ? x : log;
}

static void count_unlisted(struct document *d, struct json_object *log)
{
	struct json_object *table = json_at(log, "table");
	u64 listed = 0, count = json_u64(log, "count");
	size_t i;

	for (i = 0; json_object_is_type(table, json_type_array) &&
	     i < json_object_array_length(table); i++)
		listed += json_object_array_get_idx(table, i) != NULL;
	if (count > listed)
		d->unlisted += count - listed;
}

static bool one(struct parser *p, struct json_object *o)
{
	struct document *d = document_new(p, 0);

	if (!d)
		return false;
	d->whole_disk = true;
	if (!json_object_is_type(o, json_type_object))
		return true;
	information(p, o);
	json_object_object_foreach(o, key, child) {
		if (!is_log(key) || json_object_is_type(child, json_type_null))
			continue;
		d->log = true;
		if (strstr(key, "pending_defects"))
			count_unlisted(d, child);
		if (!strcmp(key, "ata_smart_error_log") ?
		    !ata_errors(p, child) : !walk(p, longer(child)))
			return false;
	}
	if (d->long_log)
		d->cut = 0;
	return true;
}

bool parse_smartctl_json(struct parser *p, const char *text)
{
	return each_json(p, text, one);
}
