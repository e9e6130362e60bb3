/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: lists of bad sectors that other programs write. Parsing only: what
 * has to be known of the machine comes in struct list_disk.
 */
#ifndef DMREMAP_LIST_H
#define DMREMAP_LIST_H

#include "ranges.h"

/* Is this name, which a list has in it, that of the disk today? */
enum list_whose {
	LIST_OURS,
	LIST_OTHERS,	/* another device has this name today */
	LIST_NOBODYS,	/* no device has it */
};

/* The disk that lists are wanted of. What is not known is 0 or "". */
struct list_disk {
	char name[64];		/* "/dev/sdb1", as a person calls it */
	char serial[80];
	char wwn[40];		/* hexadecimal digits */
	char pair[160];		/* its identity, as the pair has recorded it */
	u64 pair_sectors;	/* of the pair */
	u64 bytes;		/* of the whole disk */
	u32 lbs;		/* logical block size; 0: 512 */
	u32 nsid;		/* of an NVMe namespace */
	bool any;		/* the person says that the list is this disk's */

	/*
	 * @start: where @name begins on the disk, in sectors, if it is ours.
	 * NULL: no name is known.
	 */
	enum list_whose (*whose)(const struct list_disk *d, const char *name,
				 u64 *start);
	void *arg;		/* for whose() */
};

struct list {
	struct ranges bad;	/* tidied, sectors of 512 bytes */
	struct ranges good;	/* what ddrescue has read */
	bool whole_disk;	/* counts from the start of the disk, not of the device */
	u64 granule;		/* sectors: the last number may reach so far beyond the end */
	char note[700];		/* what was left out, in sentences with "; " */
};

/* Formats have a number: their place in the table of list.c, from 0. */
#define LIST_UNKNOWN	(-1)

const char *list_format_name(int format);	/* NULL: there is none */
int list_format_by_name(const char *name);

/**
 * list_text() - make text of the bytes of a file
 * @bytes: allocated, @n of them and room for one more; given up
 * @n: how many
 *
 * Takes off a byte order mark, and decodes UTF-16.
 *
 * Return: text, to be freed; NULL if it is no text.
 */
char *list_text(char *bytes, size_t n);

/**
 * list_guess() - what format does it look like?
 * @text: all of the file
 * @hint: result if LIST_UNKNOWN: what to ask; never NULL
 *
 * Return: a format, LIST_UNKNOWN if it may be several or none.
 */
int list_guess(const char *text, const char **hint);

/**
 * list_parse() - read a list
 * @format: number of a format
 * @text: all of the file; any bytes
 * @unit: bytes of a block of badblocks
 * @disk: whose list is wanted
 * @l: result, to be freed with list_free()
 * @why: result on failure: what is wrong, with the line
 * @size: of @why
 *
 * A list with nothing in it is a list. What is not understood, or is another
 * disk's, is not taken for one with nothing in it.
 *
 * Return: false if it is not of this format, or not of this disk.
 */
bool list_parse(int format, const char *text, u64 unit,
		const struct list_disk *disk, struct list *l, char *why,
		size_t size);
void list_free(struct list *l);

/* Where on its disk a pair is. All in sectors. */
struct list_place {
	const char *name;	/* the pair's */
	u64 target;		/* sectors of the pair, from the start of its device */
	u64 device;		/* of the device that it is on */
	u64 start;		/* of that device on the disk */
	u64 disk;		/* of the disk */
	u64 spare, spare_count;	/* the pair's own spare area, if it is on this disk */
};

/**
 * list_place() - from the disk's sectors to the pair's
 * @l: as list_parse() gave it; what is elsewhere on the disk is taken out, and
 *     said in @l->note
 * @why: result on failure
 *
 * Return: false if something in it is beyond the end of the disk.
 */
bool list_place(struct list *l, const struct list_place *p, char *why,
		size_t size);

/* Adds a sentence to @l->note. */
__printf(2, 3)
void list_note(struct list *l, const char *fmt, ...);

/* The same name? Blanks, underscores and case do not count. */
bool list_same_name(const char *a, const char *b);

#endif
