// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: a disk as a grid of cells, as SVG: text is text, and cells of one
 * shade are one path.
 */
#include "picture.h"

#define CELL	9
#define MARGIN	24
#define LABELS	84
#define HEAD	92
#define FOOT	56

void xml_text(FILE *f, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '&': fputs("&amp;", f); break;
		case '"': fputs("&quot;", f); break;
		default:
			fputc((unsigned char)*s < ' ' ? '?' : *s, f);
		}
}

const char *shade_hex(enum shade s)
{
	static char hex[NR_SHADES][8];
	const double *c = shade_colours[s];

	snprintf(hex[s], sizeof(hex[s]), "#%02x%02x%02x",
		 (unsigned int)(c[0] * 255 + 0.5),
		 (unsigned int)(c[1] * 255 + 0.5),
		 (unsigned int)(c[2] * 255 + 0.5));
	return hex[s];
}

__printf(5, 6)
static void text(FILE *f, double x, double y, const char *more, const char *fmt,
		 ...)
{
	char s[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	fprintf(f, "<text x=\"%g\" y=\"%g\"%s>", x, y, more);
	xml_text(f, s);
	fputs("</text>\n", f);
}

/* Lines as thick as a cell, with gaps: a run of cells is one stroke. */
static void cells(FILE *f, const struct grid *g, enum shade s)
{
	unsigned int row, col, n;
	bool begun = false;

	for (row = 0; row < g->rows; row++)
		for (col = 0; col < g->columns; col += n) {
			for (n = 1; col + n < g->columns &&
			     grid_shade(g, row, col + n) ==
			     grid_shade(g, row, col); n++)
				;
			if (grid_shade(g, row, col) != s)
				continue;
			if (!begun)
				fprintf(f, "<path stroke=\"%s\" d=\"",
					shade_hex(s));
			begun = true;
			fprintf(f, "M%u %gh%u", MARGIN + LABELS + col * CELL,
				HEAD + row * CELL + (CELL - 1) / 2.0,
				n * CELL - 1);
		}
	if (begun)
		fputs("\"/>\n", f);
}

static void legend(FILE *f, const struct grid *g, double y)
{
	double x = MARGIN;
	enum shade s;

	for (s = HEALTHY; s <= LOST; s++) {
		if (s == BAD_1) {
			x = MARGIN;
			y += 18;
		}
		fprintf(f, "<rect x=\"%g\" y=\"%g\" width=\"10\" height=\"10\" fill=\"%s\"/>\n",
			x, y - 9, shade_hex(s));
		text(f, x + 15, y, "", "%s", shade_names[s]);
		x += s == HEALTHY ? 90 : 160;
	}
	text(f, x - 100, y, "", "one square is %s",
	     human_size(g->cell_blocks * 8));
}

void svg_write(const struct grid *g, const struct caption *c, FILE *f)
{
	static const enum shade tint[] = { HEALTHY, BAD_1, BAD_3, BEYOND };
	double width = max(2 * MARGIN + LABELS + g->columns * CELL, 900U);
	double height = HEAD + g->rows * CELL + FOOT;
	double x = width - MARGIN - 200;
	double full = c->slots_total ?
		      min((double)c->slots_used / c->slots_total, 1.0) : 0;
	unsigned int row;
	enum shade s;

	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" viewBox=\"0 0 %g %g\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#262626\" role=\"img\">\n<title>",
		width, height, width, height);
	xml_text(f, c->title);
	fputs("</title>\n<desc>", f);
	xml_text(f, c->subtitle);
	fputs("</desc>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
	      f);
	text(f, MARGIN, MARGIN + 8, " font-size=\"17\" font-weight=\"bold\"",
	     "%s", c->title);
	text(f, MARGIN, MARGIN + 28, "", "%s", c->subtitle);
	fprintf(f, "<rect x=\"%g\" y=\"%u\" width=\"200\" height=\"22\" fill=\"%s\"/>\n",
		x, MARGIN - 10, shade_hex(tint[c->health]));
	text(f, x + 8, MARGIN + 6, c->health == HEALTH_CRITICAL ?
	     " font-size=\"14\" font-weight=\"bold\" fill=\"#fff\"" :
	     " font-size=\"14\" font-weight=\"bold\"", "%s",
	     verdicts[c->health]);
	fprintf(f, "<rect x=\"%g\" y=\"%u\" width=\"200\" height=\"8\" fill=\"%s\"/><rect x=\"%g\" y=\"%u\" width=\"%g\" height=\"8\" fill=\"%s\"/>\n",
		x, MARGIN + 36, shade_hex(HEALTHY), x, MARGIN + 36,
		/* What is used at all can be seen. */
		c->slots_used ? max(200 * full, 2.0) : 0,
		shade_hex(full > 0.9 ? BAD_3 : REMAPPED_3));
	text(f, x, MARGIN + 30, "", "spare: %.3g %% used", 100 * full);
	fprintf(f, "<g fill=\"none\" stroke-width=\"%u\" stroke-dasharray=\"%u 1\">\n",
		CELL - 1, CELL - 1);
	for (s = HEALTHY; s <= LOST; s++)
		cells(f, g, s);
	fputs("</g>\n", f);
	for (row = 0; row < g->rows; row += 8)
		text(f, MARGIN, HEAD + row * CELL + 8, " font-size=\"10\"",
		     "%s", human_size((u64)row * g->columns *
				      g->cell_blocks * 8));
	legend(f, g, height - FOOT + 20);
	fputs("</svg>\n", f);
}
