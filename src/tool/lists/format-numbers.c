// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists of numbers: badblocks(8), and ranges of sectors.
 */
#include "parse.h"

/*--------------------------------------------------------------------
 * What the lines look like
 *--------------------------------------------------------------------
 */
struct shape {
	size_t lines, single, ranges, pairs, backwards;
};

static bool note_line(struct parser *p, char *line, void *arg)
{
	struct shape *s = arg;
	unsigned int nr;
	char *word[3];
	u64 a, b;

	(void)p;
	s->lines++;
	nr = words(line, word, 3);
	if (nr == 1 && parse_u64(word[0], &a))
		s->single++;
	else if (nr == 1 && parse_range(word[0], &a, &b))
		s->ranges++;
	if (nr == 2 && all_digits(word[0]) && all_digits(word[1]) &&
	    parse_u64(word[0], &a) && parse_u64(word[1], &b)) {
		s->pairs++;
		s->backwards += b < a;
	}
	return true;
}

static struct shape shape(const char *text)
{
	char why[100] = "";
	struct parser p = { .why = why, .size = sizeof(why) };
	struct shape s = { 0 };

	each_line(&p, text, 0, note_line, &s, "");
	return s;
}

/* One number a line: blocks or sectors? A wrong guess would hurt. */
static enum likeness like_singles(const char *text)
{
	struct shape s = shape(text);

	return s.lines && s.single == s.lines ? PERHAPS : NOT_LIKE;
}

static enum likeness like_sectors(const char *text)
{
	struct shape s = shape(text);

	if (s.lines && s.ranges && s.ranges + s.single == s.lines)
		return FOR_SURE;
	return like_singles(text);
}

/*
 * START COUNT or START END? An end is not before its start: one such line
 * settles it. Else either is possible.
 */
static enum likeness like_pairs(const char *text)
{
	struct shape s = shape(text);

	return s.lines && s.pairs == s.lines && !s.backwards ? PERHAPS :
	       NOT_LIKE;
}

enum likeness like_counts(const char *text)
{
	struct shape s = shape(text);

	if (!s.lines || s.pairs != s.lines)
		return NOT_LIKE;
	return s.backwards ? FOR_SURE : PERHAPS;
}

/*--------------------------------------------------------------------
 * badblocks
 *--------------------------------------------------------------------
 */
static bool badblocks_line(struct parser *p, char *line, void *arg)
{
	u64 v;

	(void)arg;
	return all_digits(line) && parse_u64(line, &v) && document_bad(p, v, 1);
}

static bool parse_plain(struct parser *p, const char *text, u64 unit,
			bool (*fn)(struct parser *p, char *line, void *arg),
			const char *name)
{
	struct document *d = document_new(p, unit);

	if (!d)
		return false;
	d->log = true;
	return each_line(p, text, 0, fn, NULL, name);
}

static bool parse_badblocks(struct parser *p, const char *text)
{
	return parse_plain(p, text, p->block_size, badblocks_line,
			   format_badblocks.name);
}

/*--------------------------------------------------------------------
 * Sectors
 *--------------------------------------------------------------------
 */

/* "N", "N-LAST", "N+COUNT", "N COUNT" */
static bool sectors_line(struct parser *p, char *line, void *arg)
{
	char *space = strpbrk(line, " \t,");
	u64 start, count;

	(void)arg;
	if (space) {
		char *second = space + strspn(space, " \t,");

		*space = '\0';
		return parse_u64(line, &start) && parse_u64(second, &count) &&
		       document_bad(p, start, count);
	}
	return parse_range(line, &start, &count) &&
	       document_bad(p, start, count);
}

static bool parse_sectors(struct parser *p, const char *text)
{
	return parse_plain(p, text, 512, sectors_line, format_sectors.name);
}

static bool start_end_line(struct parser *p, char *line, void *arg)
{
	char *word[3], *comma = strchr(line, ',');
	u64 start, end;

	(void)arg;
	if (comma)
		*comma = ' ';
	return words(line, word, 3) == 2 && parse_u64(word[0], &start) &&
	       parse_u64(word[1], &end) && end >= start &&
	       end - start < INT64_MAX &&
	       document_bad(p, start, end - start + 1);
}

static bool parse_start_end(struct parser *p, const char *text)
{
	return parse_plain(p, text, 512, start_end_line,
			   format_start_end.name);
}

const struct list_format format_badblocks = {
	.name = "badblocks", .like = like_singles, .parse = parse_badblocks,
};

const struct list_format format_sectors = {
	.name = "sectors", .like = like_sectors, .parse = parse_sectors,
};

const struct list_format format_start_end = {
	.name = "start-end", .like = like_pairs, .parse = parse_start_end,
};
