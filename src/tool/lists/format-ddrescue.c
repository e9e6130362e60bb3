// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists: map files of ddrescue, and of what writes the same.
 */
#include "parse.h"

/* Decimal, 0x... or, with a leading 0, octal: as ddrescue reads its own. */
static bool number(const char *s, u64 *v)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*v = strtoull(s, &end, 0);
	return !errno && !*end;
}

static bool map_line(struct parser *p, char *line, void *arg)
{
	bool *seen_status = arg;
	struct document *d = p->docs;
	unsigned int nr;
	u64 start, count;
	char *word[4];

	nr = words(line, word, 4);
	if (!*seen_status) {
		/* current_pos current_status [current_pass] */
		*seen_status = true;
		return nr >= 2 && nr <= 3 && number(word[0], &start) &&
		       strlen(word[1]) == 1 && strchr("?*/-FG+", word[1][0]);
	}
	if (nr != 3 || !number(word[0], &start) || !number(word[1], &count) ||
	    strlen(word[2]) != 1)
		return false;
	switch (word[2][0]) {
	case '?':	/* not tried: nothing is known */
		return true;
	case '+':
		return document_add(p, &d->good, start, count);
	case '*':	/* failed as a whole, not yet looked at closely */
	case '/':
	case '-':
		return document_add(p, &d->bad, start, count);
	default:
		return false;
	}
}

static bool parse(struct parser *p, const char *text)
{
	bool seen_status = false;
	struct document *d = document_new(p, 1);

	if (!d || !each_line(p, text, 0, map_line, &seen_status,
			     format_ddrescue.name))
		return false;
	d->log = seen_status;
	return true;
}

static bool note_line(struct parser *p, char *line, void *arg)
{
	size_t *nr = arg;
	char *word[4];
	unsigned int n;
	u64 v;

	(void)p;
	n = words(line, word, 4);
	nr[0]++;
	nr[1] += n == 3 && number(word[0], &v) && number(word[1], &v) &&
		 strlen(word[2]) == 1 && strchr("?*/-+", word[2][0]);
	return true;
}

static enum likeness like(const char *text)
{
	char why[100] = "";
	struct parser p = { .why = why, .size = sizeof(why) };
	size_t nr[2] = { 0 };

	if (strstr(text, "GNU ddrescue") || strstr(text, "# Mapfile.") ||
	    strstr(text, "# Rescue Logfile."))
		return FOR_SURE;
	each_line(&p, text, 0, note_line, nr, "");
	/* The status line is the one that may look different. */
	return nr[1] && nr[1] + 1 >= nr[0] ? FOR_SURE : NOT_LIKE;
}

const struct list_format format_ddrescue = {
	.name = "ddrescue", .like = like, .parse = parse,
	.advice = "a map file has a status line and blocks",
};
