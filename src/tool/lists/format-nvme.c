// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists: what nvme-cli prints of the error log and the self-test log,
 * as text and as JSON.
 */
#include "parse.h"

#include <json.h>

struct entry {
	bool begun;
	u64 count, status, lba, nsid, type, code;
	bool has_status, has_lba, phase, has_type, self_test;
};

/*
 * nvme-cli of today prints the status without the phase bit, and the bit for
 * itself; older ones print all 16 bits.
 */
static bool take(struct parser *p, struct entry *e)
{
	u64 status = e->phase ? e->status : e->status >> 1;
	struct entry done = *e;

	memset(e, 0, sizeof(*e));
	if (!done.begun || !done.has_lba)
		return true;
	if (!done.self_test && !done.count)	/* an entry that was never used */
		return true;
	if (done.has_status && !nvme_medium(status >> 8 & 7, status & 0xff)) {
		p->docs->other_errors++;
		return true;
	}
	if (done.has_type && !nvme_medium(done.type, done.code)) {
		p->docs->other_errors++;
		return true;
	}
	return document_entry(p, done.lba, done.nsid);
}

/* "0x2281(Unrecovered Read Error: ...)" */
static bool leading(const char *s, u64 *v)
{
	char *end;

	errno = 0;
	*v = strtoull(s, &end, 0);
	return isdigit((unsigned char)*s) && !errno;
}

static bool nvme_line(struct parser *p, char *line, void *arg)
{
	const char *head = strstr(line, "Error Log Entries for device:");
	struct entry *e = arg;
	struct document *d = p->docs;
	char *value;
	u64 v;

	if (!head)
		head = strstr(line, "Device Self Test Log for NVME device:");
	if (head) {
		if (d && !take(p, e))
			return false;
		d = document_new(p, 0);
		if (!d)
			return false;
		d->whole_disk = true;
		d->log = true;
		head = strchr(head, ':') + 1;
		snprintf(d->name, sizeof(d->name), "%.*s",
			 (int)strcspn(head, " \t"), head);
		return true;
	}
	if (!d)		/* a headline of a shell, sudo's question */
		return true;
	line += strspn(line, " \t");
	if (!strncmp(line, "Entry[", 6) ||
	    !strncmp(line, "Self Test Result[", 17)) {
		bool self_test = *line == 'S';

		if (!take(p, e))
			return false;
		e->begun = true;
		e->self_test = self_test;
		return true;
	}
	value = strchr(line, ':');
	if (!value)
		return true;
	*value++ = '\0';
	value += strspn(value, " \t");
	if (!leading(value, &v))
		return true;
	if (after(line, "error_count")) {
		e->count = v;
	} else if (after(line, "status_field")) {
		e->status = v;
		e->has_status = true;
	} else if (after(line, "phase_tag")) {
		e->phase = true;
	} else if (after(line, "lba") || after(line, "Failing LBA")) {
		e->lba = v;
		e->has_lba = true;
	} else if (after(line, "nsid") ||
		   after(line, "Namespace Identifier")) {
		e->nsid = v;
	} else if (after(line, "Status Code Type")) {
		e->type = v;
	} else if (after(line, "Status Code")) {
		e->code = v;
		e->has_type = true;
	}
	return true;
}

/*--------------------------------------------------------------------
 * JSON
 *--------------------------------------------------------------------
 */
static bool error_entry(struct parser *p, struct json_object *o)
{
	struct entry e = {
		.begun = true,
		.count = json_u64(o, "error_count"),
		.status = json_u64(o, "status_field"),
		.has_status = json_at(o, "status_field"),
		.phase = json_at(o, "phase_tag"),
		.nsid = json_u64(o, "nsid"),
	};

	e.has_lba = json_number(json_at(o, "lba"), &e.lba);
	return take(p, &e);
}

static bool test_entry(struct parser *p, struct json_object *o)
{
	struct entry e = {
		.begun = true, .self_test = true,
		.nsid = json_u64(o, "Namespace Identifier"),
		.type = json_u64(o, "Status Code Type"),
		.code = json_u64(o, "Status Code"),
		.has_type = json_at(o, "Status Code"),
	};

	e.has_lba = json_number(json_at(o, "Failing LBA"), &e.lba);
	return take(p, &e);
}

static bool one(struct parser *p, struct json_object *o)
{
	struct json_object *errors = json_at(o, "errors");
	struct json_object *tests = json_at(o, "List of Valid Reports");
	struct document *d = document_new(p, 0);
	size_t i;

	if (!d)
		return false;
	d->whole_disk = true;
	if (json_at(o, "critical_warning"))
		snprintf(d->says, sizeof(d->says), "it is the smart-log, which names no blocks");
	for (i = 0; json_object_is_type(errors, json_type_array) &&
	     i < json_object_array_length(errors); i++)
		if (!error_entry(p, json_object_array_get_idx(errors, i)))
			return false;
	for (i = 0; json_object_is_type(tests, json_type_array) &&
	     i < json_object_array_length(tests); i++)
		if (!test_entry(p, json_object_array_get_idx(tests, i)))
			return false;
	d->log = json_object_is_type(errors, json_type_array) ||
		 json_object_is_type(tests, json_type_array);
	return true;
}

static bool parse(struct parser *p, const char *text)
{
	struct entry e = { 0 };
	char first = text[strspn(text, " \t\r\n")];

	if (first == '{' || first == '[')
		return each_json(p, text, one);
	return each_line(p, text, WHOLE_LINES, nvme_line, &e,
			 format_nvme.name) &&
	       (!p->docs || take(p, &e));
}

static enum likeness like(const char *text)
{
	static const char *const marks[] = {
		"Error Log Entries for device:",
		"Device Self Test Log for NVME device:",
		"\"List of Valid Reports\"", "\"critical_warning\"",
		"\"sqid\"",
	};
	size_t i;

	if (strstr(text, "smartctl"))
		return NOT_LIKE;
	for (i = 0; i < ARRAY_SIZE(marks); i++)
		if (strstr(text, marks[i]))
			return FOR_SURE;
	return NOT_LIKE;
}

const struct list_format format_nvme = {
	.name = "nvme", .like = like, .parse = parse,
	.advice = "use the output of 'nvme error-log' or 'nvme self-test-log'",
};
