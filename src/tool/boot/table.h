/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: /etc/dmremaptab, and the options with which a pair is opened.
 */
#ifndef DMREMAP_TABLE_H
#define DMREMAP_TABLE_H

#include "pairing/pairing.h"

/* One line of the table. */
struct tab_line {
	char name[DM_NAME];
	char main[PATH_MAX];	/* identity or path */
	char spare[PATH_MAX];	/* "UUID=..." or path */
	char options[512];
};

struct tab {
	struct tab_line *line;
	int nr;
};

/**
 * tab_read() - read /etc/dmremaptab
 *
 * A line that makes no sense gets a message and is left out. No table is an
 * empty one. $DMREMAP_TAB names another file.
 */
void tab_read(struct tab *t);
void tab_free(struct tab *t);

/* The line for a name, or for a spare area; NULL if there is none. */
const struct tab_line *tab_name(const struct tab *t, const char *name);
const struct tab_line *tab_spare(const struct tab *t, const struct device *spare,
				 const u8 *uuid);

/* Does a field of the table mean this device? Also while udev makes its links. */
bool tab_means(const char *field, const struct device *d);

/* "key" or "key=value" among options. Return: the value, "" or NULL. */
const char *options_find(const char *options, const char *key, char *value,
			 size_t size);

/**
 * options_use() - set what was not given on the command line
 * @options: as in the table and on a spare: "breaker=100:60,low_water=50"
 *
 * What is not an option of the command is for others to read.
 */
void options_use(struct args *a, const char *options);

/**
 * options_given() - what is to be kept on the spare of the command's options
 *
 * Return: RC_OK, or RC_USAGE if they are too long.
 */
int options_given(const struct args *a, char *buf, size_t size);

#endif
