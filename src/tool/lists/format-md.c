// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists: md's bad block log: /sys/block/mdX/md/dev-Y/bad_blocks
 * ("sector count" a line), and mdadm --examine-badblocks ("sector for count
 * sectors", below a headline with the member's name).
 */
#include "parse.h"

static const char *const headlines[] = {
	"Bad-blocks on ", "Bad-blocks list is empty in ",
	"No bad-blocks list configured on ",
};

static const char *headline(const char *line)
{
	const char *name;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(headlines); i++) {
		name = after(line, headlines[i]);
		if (name)
			return name;
	}
	return NULL;
}

static bool md_line(struct parser *p, char *line, void *arg)
{
	const char *name = headline(line);
	char *word[5];
	struct document *d;
	u64 start, count;
	unsigned int nr;

	(void)arg;
	if (name) {
		d = document_new(p, 512);
		if (!d)
			return false;
		copy_word(d->name, sizeof(d->name), name);
		if (d->name[0] && d->name[strlen(d->name) - 1] == ':')
			d->name[strlen(d->name) - 1] = '\0';
		d->log = true;
		return true;
	}
	if (!p->docs) {
		d = document_new(p, 512);
		if (!d)
			return false;
		d->log = true;
	}
	nr = words(line, word, 5);
	if (nr == 4 && (strcmp(word[1], "for") || strcmp(word[3], "sectors")))
		return false;
	if ((nr != 2 && nr != 4) || !parse_u64(word[0], &start) ||
	    !parse_u64(word[nr == 4 ? 2 : 1], &count))
		return false;
	/* An entry that was cleared is all zeroes; with a place, it is garbage. */
	if (!count)
		return !start;
	return document_bad(p, start, count);
}

static bool parse(struct parser *p, const char *text)
{
	if (!each_line(p, text, 0, md_line, NULL, format_md.name))
		return false;
	if (!p->docs) {
		struct document *d = document_new(p, 512);

		if (!d)
			return false;
		d->log = true;
	}
	return true;
}

static enum likeness like(const char *text)
{
	const char *line;

	for (line = text; *line; line += strcspn(line, "\n"),
	     line += *line == '\n')
		if (headline(line))
			return FOR_SURE;
	return like_counts(text);
}

const struct list_format format_md = {
	.name = "md", .like = like, .parse = parse,
};
