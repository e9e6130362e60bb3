// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap map: a picture of the whole disk.
 */
#include "devices/blocks.h"
#include "draw/picture.h"
#include "offline.h"

#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

static void terminal(const struct grid *g)
{
	/* Blue and yellow; the glyphs differ as well. */
	static const char *const colours[NR_SHADES] = {
		"", "\033[94m", "\033[94m", "\033[94;1m", "\033[94;1m",
		"\033[33m", "\033[33m", "\033[33;1m", "\033[33;1m",
		"\033[7m", "" };
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	/* Glyphs look alike without their colours; letters do not. */
	bool utf8 = colour && locale_has_glyphs();
	bool seen[NR_SHADES] = { 0 };
	unsigned int row, col, i;
	enum shade s, last;

	for (row = 0; row < g->rows; row++) {
		printf("%10s  ", human_size((u64)row * g->columns *
					    g->cell_blocks * 8));
		last = BEYOND;
		for (col = 0; col < g->columns; col++) {
			s = grid_shade(g, row, col);
			if (colour && s != last)
				printf("\033[m%s", colours[s]);
			if (utf8)
				fputs(shade_glyphs[s], stdout);
			else
				putchar(shade_letters[s]);
			seen[s] = true;
			last = s;
		}
		printf("%s\n", colour ? "\033[m" : "");
	}
	/* Only what is there needs to be explained. */
	printf("\nKey:");
	for (i = 0; i < NR_KEYS; i++) {
		const struct shade_key *k = &shade_keys[i];

		if (!memchr(seen + k->first, true, k->last + 1 - k->first))
			continue;
		fputs("  ", stdout);
		for (s = k->first; s <= k->last; s++) {
			if (colour)
				printf("\033[m%s", colours[s]);
			if (utf8)
				fputs(shade_glyphs[s], stdout);
			else
				putchar(shade_letters[s]);
		}
		printf("%s %s", colour ? "\033[m" : "", k->name);
	}
	printf("\nOne character is %s; of a kind, the four are for up to 0.1 %%, 1 %%, 10 %% of it, and more.\n",
	       human_size(g->cell_blocks * 8));
}

/* Only cells that hold something; numbers of blocks. */
static int as_json(const struct grid *g, const struct remap *m)
{
	struct json_object *o = json_object_new_object();
	struct json_object *cells = json_object_new_array(), *c;
	u64 size = g->cell_blocks * 8, i;

	add_str(o, "device", m->name);
	add_u64(o, "sectors", g->sectors);
	add_u64(o, "cell_sectors", size);
	for (i = 0; i < (u64)g->rows * g->columns; i++) {
		const struct cell *cell = &g->cell[i];

		if (!cell->remapped && !cell->known_bad && !cell->lost)
			continue;
		c = json_object_new_object();
		add_u64(c, "sector", i * size);
		add_u64(c, "remapped", cell->remapped);
		add_u64(c, "known_bad", cell->known_bad);
		add_u64(c, "lost", cell->lost);
		json_object_array_add(cells, c);
	}
	json_object_object_add(o, "cells", cells);
	return print_json(o, stdout);
}

enum picture { PNG, SVG, HTML };

static int to_picture(const struct grid *g, const struct kblocks *b,
		      const struct remap *m, const struct kstat *k,
		      const char *path, enum picture what)
{
	time_t now = time(NULL);
	struct caption c = {
		.slots_used = k->slots_total - k->slots_free,
		.slots_total = k->slots_total,
	};
	struct output out;
	struct device d;
	char why[1200], date[32];
	int r;

	c.health = kstat_health(k, m->name, why, sizeof(why));
	text_into(c.title, sizeof(c.title), "%s: %s on %s", m->name,
		  human_size(m->sectors), m->main_path);
	if (!device_known(m->main, &d) && (d.model[0] || d.serial[0]))
		text_into(c.title, sizeof(c.title), "%s: %s", m->name,
			  device_describe(&d));
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M", localtime(&now));
	snprintf(c.subtitle, sizeof(c.subtitle), "%s: %llu blocks on the spare, %llu known bad, %llu in part, %llu sectors lost; %llu of %llu slots free; mode %s, breaker %s",
		 date, ULL(k->remappings), ULL(k->known_bad), ULL(k->partial),
		 ULL(k->lost_sectors), ULL(k->slots_free),
		 ULL(k->slots_total), k->mode, k->breaker);
	r = output_begin(&out, path);
	if (r)
		return r;
	if (what == SVG)
		svg_write(g, &c, out.f);
	else if (what == HTML)
		html_write(b, m->sectors, &c, out.f);
	else
		r = picture_write(g, &c, out.f);
	return output_end(&out, !r) ?: r;
}

static int run(struct args *a)
{
	const char *svg = opt(a, "svg"), *png = opt(a, "png");
	const char *html = opt(a, "html"), *json = opt(a, "json");
	unsigned int columns = 64, rows = 24;
	struct winsize ws;
	struct kblocks b;
	struct remap m;
	struct kstat k;
	struct grid g;
	int r;

	r = remap_get(a->arg[0], &m) ?: blocks_status(m.name, &k) ?:
	    blocks_list(m.name, &b);
	if (r)
		return r;
	if (svg || png || html) {
		columns = 128;
		rows = 64;
	} else if (!json && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col) {
		columns = max((ws.ws_col - 13) & ~7, 8);
		rows = ws.ws_row > 16 ? ws.ws_row - 8 : 8;
	}
	if (!grid_make(&g, &b, m.sectors, columns, rows)) {
		free(b.b);
		return fail(RC_FAILED, "out of memory");
	}
	if (svg)
		r = to_picture(&g, &b, &m, &k, svg, SVG);
	if (!r && png)
		r = to_picture(&g, &b, &m, &k, png, PNG);
	if (!r && html)
		r = to_picture(&g, &b, &m, &k, html, HTML);
	if (json && !r) {
		r = as_json(&g, &m);
	} else if (!svg && !png && !html) {
		print_text("%s: %llu blocks on the spare, %llu known bad, %llu in part, %llu sectors lost\n\n",
			   m.name, ULL(k.remappings), ULL(k.known_bad),
			   ULL(k.partial), ULL(k.lost_sectors));
		terminal(&g);
	}
	grid_free(&g);
	free(b.b);
	return r;
}

const struct command cmd_map = {
	.name = "map",
	.group = "Looking",
	.synopsis = "NAME",
	.summary = "a picture of the whole disk and its bad regions",
	.text = "Draws the whole device, from its first sector to its last, with the worst that each part of it holds, and how much of the part that is (up to 0.1 %, 1 %, 10 %, or more): in the terminal, as a picture for a report, or as a page that can be zoomed down to single blocks, one file for any browser. In a pipe it is plain letters.",
	.examples = "  dmremap map data\n  dmremap map data --png data.png\n  dmremap map data --html data.html\n",
	.min_args = 1, .max_args = 1,
	.run = run,
	.opts = { { "html", "FILE", "write a page that can be zoomed" },
		{ "svg", "FILE", "write an SVG picture" },
		{ "png", "FILE", "write a PNG picture" },
		{ "json", NULL, "print the parts of it that are not healthy as JSON" } },
};
