// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: tables for people, as util-linux prints them.
 */
#include "tool.h"

#include <libsmartcols.h>

struct libscols_table *table_new(const char *const heads[])
{
	struct libscols_table *t = scols_new_table();

	if (!t)
		abort();
	for (; *heads; heads++)
		if (!scols_table_new_column(t, *heads, 0, heads[1] ?
					    SCOLS_FL_RIGHT : 0))
			abort();
	return t;
}

void table_row(struct libscols_table *t, const char *fmt, ...)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);
	char *text, *rest, *cell;
	size_t i;
	va_list ap;

	va_start(ap, fmt);
	text = text_of(fmt, ap);
	va_end(ap);
	for (rest = text, i = 0; (cell = strsep(&rest, "\t")); i++)
		if (!line || scols_line_set_data(line, i, cell))
			abort();
	free(text);
}

void table_print(struct libscols_table *t)
{
	scols_print_table(t);
	scols_unref_table(t);
}
