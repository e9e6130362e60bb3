/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: a disk as a grid of cells, and ways to draw it.
 */
#ifndef DMREMAP_PICTURE_H
#define DMREMAP_PICTURE_H

#include "devices/kstat.h"

struct cell {
	u32 remapped, known_bad, lost;	/* blocks */
};

struct grid {
	unsigned int columns, rows;
	u64 sectors;		/* of the device */
	u64 cell_blocks;	/* blocks to a cell */
	struct cell *cell;
};

/*
 * The worst that is in a cell, and how much of the cell it is: up to 0.1 %, 1 %,
 * 10 %, or more.
 */
enum shade { HEALTHY, REMAPPED_1, REMAPPED_2, REMAPPED_3, REMAPPED_4, BAD_1,
	     BAD_2, BAD_3, BAD_4, LOST, BEYOND, NR_SHADES };

/* At most @columns * @rows cells. False: out of memory. */
bool grid_make(struct grid *g, const struct kblocks *b, u64 sectors,
	       unsigned int columns, unsigned int rows);
void grid_free(struct grid *g);
enum shade grid_shade(const struct grid *g, unsigned int row,
		      unsigned int column);

extern const char *const shade_names[NR_SHADES];
extern const char shade_letters[NR_SHADES + 1];
extern const double shade_colours[NR_SHADES][3];

/* What is told beside the grid. */
struct caption {
	char title[200], subtitle[400];
	enum health health;
	u64 slots_used, slots_total;
};

/* PNG. RC_OK or a message. */
int picture_write(const struct grid *g, const struct caption *c, FILE *f);

/* SVG, its text as text. Errors stay in @f. */
void svg_write(const struct grid *g, const struct caption *c, FILE *f);

/*
 * One HTML file that needs nothing else: the whole disk, to zoom into. Errors
 * stay in @f.
 */
void html_write(const struct kblocks *b, u64 sectors, const struct caption *c,
		FILE *f);

/* Text for XML and HTML. */
void xml_text(FILE *f, const char *s);
/* A shade's colour, as "#rrggbb". */
const char *shade_hex(enum shade s);

/* For a key of one line: shades of one name, lightest first. */
#define NR_KEYS	4
extern const struct shade_key {
	enum shade first, last;
	const char *name;
} shade_keys[NR_KEYS];

extern const char *const verdicts[];	/* of enum health */

/* For terminals: of one column each, in UTF-8. */
extern const char *const shade_glyphs[NR_SHADES];
/* Does this locale have them? */
bool locale_has_glyphs(void);

#endif
