// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists of bad sectors: the table of formats, and what a file is.
 */
#include "parse.h"

#include <iconv.h>
#include <json.h>

/* The place to add a format to. The order is that of help and of guesses. */
static const struct list_format *const formats[] = {
	&format_badblocks, &format_ddrescue, &format_sectors,
	&format_start_end, &format_md, &format_json, &format_smartctl,
	&format_nvme,
};

const char *list_format_name(int format)
{
	return format >= 0 && format < (int)ARRAY_SIZE(formats) ?
	       formats[format]->name : NULL;
}

int list_format_by_name(const char *name)
{
	int f;

	for (f = 0; f < (int)ARRAY_SIZE(formats); f++)
		if (!strcmp(name, formats[f]->name))
			return f;
	return LIST_UNKNOWN;
}

int list_guess(const char *text, const char **hint)
{
	int found = LIST_UNKNOWN, like[ARRAY_SIZE(formats)], f, nr = 0;
	int pairs = list_format_by_name("start-end");

	*hint = "of what format is this? Give --format badblocks (see --block-size), --format sectors, or another one";
	if (!text[strspn(text, " \t\r\n")]) {
		*hint = "it is empty; give --format if a list with nothing in it is right";
		return LIST_UNKNOWN;
	}
	for (f = 0; f < (int)ARRAY_SIZE(formats); f++) {
		like[f] = formats[f]->like(text);
		if (like[f] == FOR_SURE)
			return f;
		if (like[f] == PERHAPS) {
			found = f;
			nr++;
		}
	}
	if (like[pairs] == PERHAPS)
		*hint = "lines of two numbers may be START COUNT (--format md) or START END (--format start-end): which is it?";
	return nr == 1 ? found : LIST_UNKNOWN;
}

/*--------------------------------------------------------------------
 * Text
 *--------------------------------------------------------------------
 */
static char *from_utf16(const char *code, char *bytes, size_t n)
{
	size_t room = 2 * n + 1, in = n;
	char *text = malloc(room), *to = text, *from = bytes;
	iconv_t cd = iconv_open("UTF-8", code);

	if (!text || cd == (iconv_t)-1 ||
	    iconv(cd, &from, &in, &to, &room) == (size_t)-1) {
		free(text);
		text = NULL;
	} else {
		*to = '\0';
	}
	if (cd != (iconv_t)-1)
		iconv_close(cd);
	return text;
}

char *list_text(char *bytes, size_t n)
{
	char *text = bytes, *begin;

	if (n >= 2 && (!memcmp(bytes, "\xff\xfe", 2) ||
		       !memcmp(bytes, "\xfe\xff", 2))) {
		text = from_utf16(bytes[0] == '\xff' ? "UTF-16LE" : "UTF-16BE",
				  bytes + 2, n - 2);
		free(bytes);
	} else if (memchr(bytes, 0, n)) {
		free(bytes);
		text = NULL;
	} else {
		text[n] = '\0';
	}
	/* Some programs write a byte order mark in front of one. */
	for (begin = text; begin && !strncmp(begin, "\xef\xbb\xbf", 3);)
		begin += 3;
	if (begin && begin > text)
		memmove(text, begin, strlen(begin) + 1);
	return text;
}

static void printable(char *s)
{
	for (; *s; s++)
		if (!isprint((unsigned char)*s))
			*s = '?';
}

bool each_line(struct parser *p, const char *text, int how,
	       bool (*fn)(struct parser *p, char *line, void *arg), void *arg,
	       const char *format)
{
	char *copy = strdup(text), *line = copy, *next;
	bool ok = copy;
	char start[48];

	if (!copy)
		snprintf(p->why, p->size, "there is not enough memory for it");
	for (p->line = 1; ok && *line; line = next, p->line++) {
		size_t n = strcspn(line, "\r\n");

		next = line + n;
		if (*next == '\r' && next[1] == '\n')
			*next++ = '\0';
		if (*next)
			*next++ = '\0';
		if (!(how & WHOLE_LINES)) {
			line[strcspn(line, "#")] = '\0';
			line += strspn(line, " \t");
			for (n = strlen(line); n && isspace((unsigned char)
			     line[n - 1]); n--)
				line[n - 1] = '\0';
			if (!*line)
				continue;
		}
		snprintf(start, sizeof(start), "%s", line);
		ok = fn(p, line, arg);
		if (!ok && !p->why[0]) {
			printable(start);
			snprintf(p->why, p->size, "line %u ('%s') is not of the format '%s'",
				 p->line, start, format);
		}
	}
	free(copy);
	return ok;
}

unsigned int words(char *line, char **word, unsigned int max)
{
	unsigned int nr = 0;
	char *save = NULL;

	for (line = strtok_r(line, " \t", &save); line && nr < max;
	     line = strtok_r(NULL, " \t", &save))
		word[nr++] = line;
	return nr;
}

bool all_digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

const char *after(const char *line, const char *key)
{
	line += strspn(line, " \t");
	if (strncasecmp(line, key, strlen(key)))
		return NULL;
	line += strlen(key);
	return line + strspn(line, " \t");
}

void copy_word(char *to, size_t size, const char *from)
{
	size_t n;

	strscpy(to, from, size);
	for (n = strlen(to); n && isspace((unsigned char)to[n - 1]); n--)
		to[n - 1] = '\0';
	printable(to);
}

/*--------------------------------------------------------------------
 * JSON
 *--------------------------------------------------------------------
 */
struct json_object *json_at(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (json_object_is_type(o, json_type_object))
		json_object_object_get_ex(o, key, &v);
	return v;
}

bool json_number(struct json_object *o, u64 *v)
{
	if (json_object_is_type(o, json_type_string))
		return parse_u64(json_object_get_string(o), v);
	if (!json_object_is_type(o, json_type_int))
		return false;
	*v = json_object_get_uint64(o);
	return json_object_get_int64(o) >= 0;
}

u64 json_u64(struct json_object *o, const char *key)
{
	u64 v;

	return json_number(json_at(o, key), &v) ? v : 0;
}

const char *json_text(struct json_object *o, const char *key)
{
	struct json_object *v = json_at(o, key);

	return json_object_is_type(v, json_type_string) ?
	       json_object_get_string(v) : "";
}

static bool json_each(struct parser *p, struct json_object *o,
		      bool (*fn)(struct parser *p, struct json_object *o))
{
	size_t i;

	if (!json_object_is_type(o, json_type_array))
		return fn(p, o);
	for (i = 0; i < json_object_array_length(o); i++)
		if (!fn(p, json_object_array_get_idx(o, i)))
			return false;
	return true;
}

bool each_json(struct parser *p, const char *text,
	       bool (*fn)(struct parser *p, struct json_object *o))
{
	struct json_tokener *t = json_tokener_new();
	const char *end = text + strlen(text);
	bool ok = t;

	/* A headline in front of it, such as sudo's or a shell's, is none of it. */
	while (ok && text < end) {
		struct json_object *o;

		text += strspn(text, " \t\r\n,");
		if (!*text)
			break;
		json_tokener_reset(t);
		o = json_tokener_parse_ex(t, text, min(end - text, INT_MAX));
		if (json_tokener_get_error(t) != json_tokener_success) {
			snprintf(p->why, p->size, "it is not valid JSON%s",
				 json_tokener_get_error(t) ==
				 json_tokener_continue ?
				 ": its end is missing" : "");
			ok = false;
		} else {
			text += json_tokener_get_parse_end(t);
			ok = json_each(p, o, fn);
		}
		json_object_put(o);
	}
	if (t)
		json_tokener_free(t);
	if (!ok && !p->why[0])
		snprintf(p->why, p->size, "a number in it is impossible");
	return ok;
}

/*--------------------------------------------------------------------
 * All of it
 *--------------------------------------------------------------------
 */
void list_free(struct list *l)
{
	ranges_free(&l->bad);
	ranges_free(&l->good);
}

bool list_parse(int format, const char *text, u64 unit,
		const struct list_disk *disk, struct list *l, char *why,
		size_t size)
{
	const struct list_format *f = formats[format];
	struct parser p = { .disk = disk, .block_size = unit, .why = why,
			    .size = size };
	bool ok;

	memset(l, 0, sizeof(*l));
	why[0] = '\0';
	ok = f->parse(&p, text) && documents_choose(&p, l, f->advice);
	if (ok && p.no_memory) {
		snprintf(why, size, "there is not enough memory for it");
		ok = false;
	}
	documents_free(&p);
	if (!ok) {
		list_free(l);
		return false;
	}
	ranges_tidy(&l->bad);
	ranges_tidy(&l->good);
	return true;
}
