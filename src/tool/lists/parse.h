/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: what the formats of lists have in common. A format is one file
 * format-*.c with a struct list_format, and a line in the table of list.c.
 */
#ifndef DMREMAP_PARSE_H
#define DMREMAP_PARSE_H

#include "list.h"

struct json_object;

/*
 * What one file has of one device: all of it, or what lies between two
 * headlines. Numbers are in units of the document until it is chosen.
 */
struct document {
	char name[80];		/* the device's, as the file has it */
	char model[80], serial[80], wwn[40];
	char member[48];	/* of a RAID controller: which */
	char pair[160];		/* identity of a pair's main device, as recorded */
	u64 pair_sectors;	/* of the pair; 0: not said */
	u64 bytes;		/* size of the device; 0: not said */
	u64 unit;		/* bytes of a number; 0: the disk's logical block */
	bool whole_disk;	/* its numbers count from the start of the disk */
	bool log;		/* there was a list, be it empty */
	bool long_log;		/* the error log with 48 bits */
	struct ranges bad, good;
	struct ranges summary;	/* the error log with 28 bits: if there is no better */
	u64 unlisted;		/* defects that were counted, but not named */
	u64 cut;		/* LBAs that did not fit where they were noted */
	u64 other_errors;	/* entries that are not about the medium */
	u64 other_ns;		/* entries of other namespaces */
	u32 nsid, second_nsid;	/* namespaces that entries name */
	char says[160];		/* what the program could not read */
	struct document *next;
};

struct parser {
	const struct list_disk *disk;
	u64 block_size;		/* of badblocks */
	struct document *docs;	/* the newest one first */
	unsigned int line;
	char *why;		/* what is wrong */
	size_t size;
	bool no_memory;
};

enum likeness { NOT_LIKE, PERHAPS, FOR_SURE };

struct list_format {
	const char *name;
	/* Does this look like it? */
	enum likeness (*like)(const char *text);
	/* Return: false with p->why set. Makes documents. */
	bool (*parse)(struct parser *p, const char *text);
	const char *advice;	/* if there is no list in it */
};

extern const struct list_format format_badblocks, format_ddrescue,
	format_sectors, format_start_end, format_md, format_smartctl,
	format_nvme, format_json;

/* Lines of two numbers, START COUNT: md's, if nothing else is possible. */
enum likeness like_counts(const char *text);

/*--------------------------------------------------------------------
 * Documents
 *--------------------------------------------------------------------
 */
struct document *document_new(struct parser *p, u64 unit);
void documents_free(struct parser *p);

/* Numbers in the document's units. False: impossible. */
bool document_bad(struct parser *p, u64 start, u64 count);
bool document_add(struct parser *p, struct ranges *rs, u64 start, u64 count);

/* An entry about the medium, of this namespace (0: not said). */
bool document_entry(struct parser *p, u64 lba, u32 nsid);

/* Choose those of the disk. Return: false with p->why set. */
bool documents_choose(struct parser *p, struct list *l, const char *advice);

/* Did a drive's medium fail? Status code and its type, as in NVMe's errors. */
bool nvme_medium(u64 type, u64 code);

/*--------------------------------------------------------------------
 * Lines and words
 *--------------------------------------------------------------------
 */
#define WHOLE_LINES	1	/* comments and blanks stay */

/*
 * Calls @fn for each line, without its end. Unless WHOLE_LINES: without comments
 * ("#"), blanks at the ends, and empty lines. Ends when @fn says false; says
 * then which line is wrong, if @fn did not.
 */
bool each_line(struct parser *p, const char *text, int how,
	       bool (*fn)(struct parser *p, char *line, void *arg), void *arg,
	       const char *format);

/* At most @max words; @line is cut. */
unsigned int words(char *line, char **word, unsigned int max);
bool all_digits(const char *s);
/* As the text after "@key" and blanks in the line; NULL: no such key. */
const char *after(const char *line, const char *key);
void copy_word(char *to, size_t size, const char *from);

/* 0x..., or decimal, in JSON or in words. False: neither. */
bool json_number(struct json_object *o, u64 *v);
struct json_object *json_at(struct json_object *o, const char *key);
u64 json_u64(struct json_object *o, const char *key);
const char *json_text(struct json_object *o, const char *key);

/*
 * Calls @fn for each JSON value of the text: some programs write several, one
 * after the other, or an array.
 */
bool each_json(struct parser *p, const char *text,
	       bool (*fn)(struct parser *p, struct json_object *o));

#endif
