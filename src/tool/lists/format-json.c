// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists: what 'dmremap export --json' writes.
 */
#include "parse.h"

#include <json.h>

static bool range(struct parser *p, struct json_object *r)
{
	u64 start, count;

	return json_number(json_at(r, "sector"), &start) &&
	       json_number(json_at(r, "sectors"), &count) &&
	       document_bad(p, start, count);
}

static bool one(struct parser *p, struct json_object *o)
{
	struct json_object *list = json_at(o, "ranges");
	struct document *d = document_new(p, 512);
	size_t i;

	if (!d)
		return false;
	copy_word(d->pair, sizeof(d->pair), json_text(o, "identity"));
	d->pair_sectors = json_u64(o, "sectors");
	snprintf(d->model, sizeof(d->model), "the pair '%.40s'",
		 json_text(o, "device"));
	copy_word(d->model, sizeof(d->model), strdupa(d->model));
	d->log = json_object_is_type(list, json_type_array);
	for (i = 0; d->log && i < json_object_array_length(list); i++)
		if (!range(p, json_object_array_get_idx(list, i))) {
			snprintf(p->why, p->size, "entry %zu of its ranges has no sector and sectors that are possible",
				 i + 1);
			return false;
		}
	return true;
}

static bool parse(struct parser *p, const char *text)
{
	return each_json(p, text, one);
}

static enum likeness like(const char *text)
{
	text += strspn(text, " \t\r\n");
	return *text == '{' && strstr(text, "\"ranges\"") &&
	       strstr(text, "\"device\"") && !strstr(text, "\"smartctl\"") ?
	       FOR_SURE : NOT_LIKE;
}

const struct list_format format_json = {
	.name = "json", .like = like, .parse = parse,
	.advice = "'dmremap export --json' writes one",
};
