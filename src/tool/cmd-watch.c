// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap watch: status, rate and map, live in the terminal.
 */
#include "blocks.h"
#include "picture.h"

#include <ncurses.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define HISTORY	512

struct watch {
	struct remap m;
	struct kstat k;
	struct kblocks b;
	u64 rate[HISTORY];	/* new blocks in each interval, oldest first */
	int nr_rates;
	u64 last_used;
	u64 peak;
	double begun;
	u64 at_begin;
};

static void remember(struct watch *w, bool first)
{
	u64 used = w->k.slots_used + w->k.memory_only;

	if (first) {
		w->at_begin = used;
	} else {
		if (w->nr_rates == HISTORY)
			memmove(w->rate, w->rate + 1,
				(--w->nr_rates) * sizeof(w->rate[0]));
		w->rate[w->nr_rates++] = used - min(used, w->last_used);
	}
	w->last_used = used;
}

static void sparkline(const struct watch *w, int y, int x, int width)
{
	static const char *const bar[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆",
					   "▇", "█" };
	int i, first = max(0, w->nr_rates - width);
	u64 top = 1;

	for (i = first; i < w->nr_rates; i++)
		top = max(top, w->rate[i]);
	move(y, x);
	for (i = first; i < w->nr_rates; i++)
		addstr(bar[w->rate[i] ? 1 + w->rate[i] * 7 / top : 0]);
}

static void map(const struct watch *w, int top, int bottom)
{
	static const short pair[NR_SHADES] = { 2, 3, 3, 1, 1, 5, 0 };
	static const char *const glyph[NR_SHADES] = {
		"·", "▒", "▓", "▒", "█", "▚", " " };
	unsigned int row, col, columns = (max(COLS - 14, 8)) & ~7;
	struct grid g;
	enum shade s;

	if (bottom - top < 3 ||
	    !grid_make(&g, &w->b, w->m.sectors, columns, bottom - top - 1))
		return;
	for (row = 0; row < g.rows; row++) {
		mvprintw(top + row, 0, "%10s  ",
			 human_size((u64)row * columns * g.cell_blocks * 8));
		for (col = 0; col < columns; col++) {
			s = grid_shade(&g, row, col);
			attrset(COLOR_PAIR(pair[s]) |
				(s == HEALTHY ? A_DIM : A_BOLD));
			addstr(glyph[s]);
		}
		attrset(A_NORMAL);
	}
	move(bottom - 1, 0);
	for (s = HEALTHY; s <= LOST; s++) {
		attrset(COLOR_PAIR(pair[s]) | A_BOLD);
		printw("  %s", glyph[s]);
		attrset(A_NORMAL);
		printw(" %s", shade_names[s]);
	}
	grid_free(&g);
}

static void show(const struct watch *w, u64 interval)
{
	static const char *const word[] = { "FINE", "ATTENTION", "CRITICAL" };
	const struct kstat *k = &w->k;
	double minutes = (now_seconds() - w->begun) / 60;
	char why[1200];
	enum health h = kstat_health(k, why, sizeof(why));
	int y = 0;

	erase();
	attrset(A_BOLD);
	mvprintw(y, 0, "%s: ", w->m.name);
	attrset(COLOR_PAIR(h == HEALTH_FINE ? 2 : h == HEALTH_ATTENTION ? 3 : 1)
		| A_BOLD);
	addstr(word[h]);
	attrset(A_NORMAL);
	printw("   %s on %s, spare %s", human_size(w->m.sectors),
	       w->m.main_path, w->m.spare_path);
	y++;
	if (why[0])
		mvprintw(y++, 2, "%.*s", max(COLS - 3, 1), why);
	mvprintw(y++, 2, "on the spare %llu   known bad %llu   lost sectors %llu   slots free %llu of %llu   mode %s   breaker %s",
		 ULL(k->remappings), ULL(k->known_bad), ULL(k->lost_sectors),
		 ULL(k->slots_free), ULL(k->slots_total), k->mode, k->breaker);
	mvprintw(y++, 2, "writes failed %llu, absorbed %llu   reads failed %llu, rescued %llu   errors handed on %llu",
		 ULL(k->writes_failed), ULL(k->absorbed),
		 ULL(k->reads_failed), ULL(k->rescued), ULL(k->propagated));
	mvprintw(y, 2, "new blocks each %llu s: last %llu, since %.0f min ago %llu  ",
		 ULL(interval), ULL(w->nr_rates ? w->rate[w->nr_rates - 1] : 0),
		 minutes, ULL(w->last_used - min(w->last_used, w->at_begin)));
	sparkline(w, y + 1, 2, max(COLS - 4, 8));
	map(w, y + 3, LINES - 1);
	mvprintw(LINES - 1, 0, "q: quit");
	refresh();
}

static int run(struct args *a)
{
	struct watch *w;
	u64 interval = 2;
	struct remap *list;
	bool first = true;
	int r, nr, ch;

	r = opt_u64(a, "interval", &interval);
	if (r)
		return r;
	if (!interval || interval > 3600)
		return fail(RC_USAGE, "--interval: 1 to 3600 seconds");
	if (!isatty(STDOUT_FILENO))
		return fail(RC_USAGE, "watch needs a terminal; 'dmremap status --sample %llu' does not",
			    ULL(interval));
	w = calloc(1, sizeof(*w));
	if (!w)
		return fail(RC_FAILED, "out of memory");
	if (a->nr) {
		r = remap_get(a->arg[0], &w->m);
	} else {
		r = remap_list(&list, &nr);
		if (!r && nr != 1)
			r = fail(RC_USAGE, nr ? "watch: there is more than one device, name one" :
				 "no dm-remap device is open");
		else if (!r)
			w->m = list[0];
		free(list);
	}
	if (r)
		goto out;
	catch_signals();
	w->begun = now_seconds();
	if (!initscr()) {
		r = fail(RC_FAILED, "this terminal is not known");
		goto out;
	}
	start_color();
	use_default_colors();
	for (ch = 1; ch <= 7; ch++)
		init_pair(ch, ch, -1);
	cbreak();
	noecho();
	curs_set(0);
	timeout(interval * 1000);
	while (!interrupted()) {
		free(w->b.b);
		w->b = (struct kblocks){ 0 };
		if (blocks_status(w->m.name, &w->k) ||
		    blocks_list(w->m.name, &w->b)) {
			r = RC_FAILED;
			break;
		}
		remember(w, first);
		first = false;
		show(w, interval);
		ch = getch();
		if (ch == 'q' || ch == 27)
			break;
	}
	endwin();
	if (r)
		fail(r, "%s does not answer any more; was it closed?",
		     w->m.name);
out:
	free(w->b.b);
	free(w);
	return r;
}

const struct command cmd_watch = {
	.name = "watch",
	.group = "Looking",
	.synopsis = "[NAME]",
	.summary = "the same live, with the rate of new bad blocks and a map",
	.text = "Shows status, the number of new blocks in each interval as a sparkline, and a map of the disk, until you press q.",
	.examples = "  dmremap watch data\n",
	.min_args = 0, .max_args = 1,
	.run = run,
	.opts = { { "interval", "SECONDS", "how often to look (default 2)" } },
};
