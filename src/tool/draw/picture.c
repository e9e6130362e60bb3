// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: a disk as a grid of cells, drawn by cairo.
 */
#include "picture.h"

#include <cairo.h>
#include <langinfo.h>

#define CELL	9
#define MARGIN	24
#define LABELS	84
#define HEAD	92
#define FOOT	56

const char *const shade_names[NR_SHADES] = {
	"healthy", "remapped, up to 0.1 %", "remapped, up to 1 %",
	"remapped, up to 10 %", "remapped, more", "known bad, up to 0.1 %",
	"known bad, up to 1 %", "known bad, up to 10 %", "known bad, more", "lost",
	"beyond the end",
};

const struct shade_key shade_keys[NR_KEYS] = {
	{ HEALTHY, HEALTHY, "healthy" }, { REMAPPED_1, REMAPPED_4, "remapped" },
	{ BAD_1, BAD_4, "known bad" }, { LOST, LOST, "lost" },
};

const char shade_letters[NR_SHADES + 1] = ".1234abcdL ";

/* More ink is more of it; remapped grows, known bad darkens: no colour is needed. */
const char *const shade_glyphs[NR_SHADES] = {
	"·", "▁", "▂", "▄", "▆", "░", "▒", "▓", "█", "▚", " " };

/*
 * Blue and orange, light to dark: apart for a person who does not see red and
 * green apart, and in grey by how dark they are.
 */
const double shade_colours[NR_SHADES][3] = {
	{ 0.91, 0.92, 0.91 },
	{ 0.62, 0.79, 0.88 }, { 0.26, 0.57, 0.78 }, { 0.03, 0.32, 0.61 },
	{ 0.02, 0.15, 0.36 },
	{ 0.99, 0.82, 0.29 }, { 0.94, 0.54, 0.00 }, { 0.76, 0.29, 0.00 },
	{ 0.45, 0.13, 0.00 },
	{ 0, 0, 0 }, { 1, 1, 1 },
};

const char *const verdicts[] = { "FINE", "ATTENTION", "CRITICAL", "UNKNOWN" };

bool locale_has_glyphs(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

bool grid_make(struct grid *g, const struct kblocks *b, u64 sectors,
	       unsigned int columns, unsigned int rows)
{
	u64 blocks = DIV_ROUND_UP(sectors, 8);
	u64 cells = (u64)columns * rows;
	size_t i;

	g->columns = columns;
	g->sectors = sectors;
	g->cell_blocks = max(DIV_ROUND_UP(blocks, cells), (u64)1);
	cells = DIV_ROUND_UP(blocks, g->cell_blocks);
	g->rows = DIV_ROUND_UP(cells, columns);
	g->cell = calloc((size_t)g->rows * columns + 1, sizeof(*g->cell));
	if (!g->cell)
		return false;
	for (i = 0; i < b->nr; i++) {
		u64 c = b->b[i].sector / 8 / g->cell_blocks;

		if (c >= cells)
			continue;
		if (b->b[i].lost)
			g->cell[c].lost++;
		else if (kblock_rest(&b->b[i]))
			g->cell[c].known_bad++;
		else
			g->cell[c].remapped++;
	}
	return true;
}

void grid_free(struct grid *g)
{
	free(g->cell);
	g->cell = NULL;
}

/* 0 to 3: how much of the cell? */
static unsigned int level(u64 n, u64 of)
{
	return n * 1000 <= of ? 0 : n * 100 <= of ? 1 : n * 10 <= of ? 2 : 3;
}

enum shade grid_shade(const struct grid *g, unsigned int row,
		      unsigned int column)
{
	u64 i = (u64)row * g->columns + column;
	const struct cell *c = &g->cell[i];

	if (i * g->cell_blocks * 8 >= g->sectors)
		return BEYOND;
	if (c->lost)
		return LOST;
	if (c->known_bad)
		return BAD_1 + level(c->known_bad, g->cell_blocks);
	if (c->remapped)
		return REMAPPED_1 + level(c->remapped, g->cell_blocks);
	return HEALTHY;
}

static void set_colour(cairo_t *cr, enum shade s)
{
	cairo_set_source_rgb(cr, shade_colours[s][0], shade_colours[s][1],
			     shade_colours[s][2]);
}

static void text(cairo_t *cr, double x, double y, double size, bool bold,
		 const char *s)
{
	cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
			       bold ? CAIRO_FONT_WEIGHT_BOLD :
				      CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(cr, size);
	cairo_set_source_rgb(cr, 0.15, 0.15, 0.15);
	cairo_move_to(cr, x, y);
	cairo_show_text(cr, s);
}

/* In the right corner: the verdict, and how full the spare is. */
static void head(cairo_t *cr, const struct caption *c, double width)
{
	static const enum shade tint[] = { HEALTHY, BAD_1, BAD_3,
					   BEYOND };
	double full = c->slots_total ?
		      min((double)c->slots_used / c->slots_total, 1.0) : 0;
	double x = width - MARGIN - 200;
	char line[64];

	text(cr, MARGIN, MARGIN + 8, 17, true, c->title);
	text(cr, MARGIN, MARGIN + 28, 11, false, c->subtitle);
	set_colour(cr, tint[c->health]);
	cairo_rectangle(cr, x, MARGIN - 10, 200, 22);
	cairo_fill(cr);
	text(cr, x + 8, MARGIN + 6, 14, true, verdicts[c->health]);
	if (c->health == HEALTH_CRITICAL) {
		cairo_set_source_rgb(cr, 1, 1, 1);
		cairo_move_to(cr, x + 8, MARGIN + 6);
		cairo_show_text(cr, verdicts[c->health]);
	}
	set_colour(cr, HEALTHY);
	cairo_rectangle(cr, x, MARGIN + 36, 200, 8);
	cairo_fill(cr);
	set_colour(cr, full > 0.9 ? BAD_3 : REMAPPED_3);
	/* What is used at all can be seen. */
	cairo_rectangle(cr, x, MARGIN + 36, c->slots_used ?
			max(200 * full, 2.0) : 0, 8);
	cairo_fill(cr);
	snprintf(line, sizeof(line), "spare: %.3g %% used", 100 * full);
	text(cr, x, MARGIN + 30, 11, false, line);
}

static void draw(cairo_t *cr, const struct grid *g, const struct caption *c,
		 double width, double height)
{
	unsigned int row, col, s;
	cairo_text_extents_t size;
	double x = MARGIN, y;
	char line[128];

	cairo_set_source_rgb(cr, 1, 1, 1);
	cairo_paint(cr);
	head(cr, c, width);
	cairo_set_antialias(cr, CAIRO_ANTIALIAS_NONE);
	for (row = 0; row < g->rows; row++) {
		y = HEAD + row * CELL;
		for (col = 0; col < g->columns; col++) {
			set_colour(cr, grid_shade(g, row, col));
			cairo_rectangle(cr, MARGIN + LABELS + col * CELL, y,
					CELL - 1, CELL - 1);
			cairo_fill(cr);
		}
	}
	cairo_set_antialias(cr, CAIRO_ANTIALIAS_DEFAULT);
	for (row = 0; row < g->rows; row += 8)
		text(cr, MARGIN, HEAD + row * CELL + 8, 10, false,
		     human_size((u64)row * g->columns * g->cell_blocks * 8));
	y = height - FOOT + 16;
	for (s = HEALTHY; s <= LOST; s++) {
		if (s == BAD_1) {
			x = MARGIN;
			y += 18;
		}
		set_colour(cr, s);
		cairo_rectangle(cr, x, y - 9, 10, 10);
		cairo_fill(cr);
		text(cr, x + 15, y, 11, false, shade_names[s]);
		cairo_text_extents(cr, shade_names[s], &size);
		x += 15 + size.x_advance + 22;
	}
	snprintf(line, sizeof(line), "one square is %s",
		 human_size(g->cell_blocks * 8));
	text(cr, x, y, 11, false, line);
}

static cairo_status_t to_file(void *f, const unsigned char *data,
			      unsigned int n)
{
	return fwrite(data, 1, n, f) == n ? CAIRO_STATUS_SUCCESS :
					    CAIRO_STATUS_WRITE_ERROR;
}

int picture_write(const struct grid *g, const struct caption *c, FILE *f)
{
	double width = 2 * MARGIN + LABELS + g->columns * CELL;
	double height = HEAD + g->rows * CELL + FOOT;
	cairo_surface_t *surface;
	cairo_status_t status;
	cairo_t *cr;

	width = max(width, 900.0);
	surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
	cr = cairo_create(surface);
	draw(cr, g, c, width, height);
	status = cairo_status(cr);
	cairo_destroy(cr);
	if (!status)
		status = cairo_surface_write_to_png_stream(surface, to_file, f);
	cairo_surface_destroy(surface);
	if (status)
		return fail(RC_FAILED, "the picture cannot be drawn: %s",
			    cairo_status_to_string(status));
	return RC_OK;
}
