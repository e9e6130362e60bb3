// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap watch: status, rate and map, live in the terminal.
 */
#include "devices/blocks.h"
#include "draw/picture.h"

#include <ncurses.h>
#include <time.h>
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
	bool glyphs;		/* more than ASCII can be shown */
	bool colour;
};

/* ncurses would go on in the next line. */
__printf(3, 4)
static void put(int y, int x, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = text_of(fmt, ap);
	va_end(ap);
	if (y < LINES && x < COLS)
		mvaddnstr(y, x, text, COLS - x);
	free(text);
}

/* Breaks between words, at most @max lines. Return: how many were needed. */
static int put_wrapped(int y, int x, int max, const char *text)
{
	int width = max(COLS - x - 1, 10), lines = 0;

	while (*text && lines < max) {
		int n = min((int)strlen(text), width);

		if (text[n]) {
			int cut = n;

			while (cut && text[cut] != ' ')
				cut--;
			n = cut ?: n;
		}
		put(y + lines++, x, "%.*s", n, text);
		text += n + strspn(text + n, " ");
	}
	return lines;
}

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
	static const char *const ascii[] = { " ", ".", ".", ":", "-", "=", "+",
					     "*", "#" };
	int i, first = max(0, w->nr_rates - width);
	u64 top = 1;

	for (i = first; i < w->nr_rates; i++)
		top = max(top, w->rate[i]);
	move(y, x);
	for (i = first; i < w->nr_rates; i++) {
		u64 step = w->rate[i] ? 1 + w->rate[i] * 7 / top : 0;

		addstr(w->glyphs ? bar[step] : ascii[step]);
	}
}

static void shade(const struct watch *w, enum shade s)
{
	/* Blue and yellow, as in map. */
	static const short pair[NR_SHADES] = { 0, 4, 4, 4, 4, 3, 3, 3, 3, 0, 0 };

	attrset((w->colour ? COLOR_PAIR(pair[s]) : 0) |
		(s == HEALTHY ? A_DIM : s == LOST ? A_REVERSE : A_BOLD));
	/* Glyphs look alike without their colours; letters do not. */
	if (w->glyphs && w->colour)
		addstr(shade_glyphs[s]);
	else
		addch(shade_letters[s]);
	attrset(A_NORMAL);
}

static void map(const struct watch *w, int top, int bottom)
{
	unsigned int row, col, i, columns = max((COLS - 12) & ~7, 8);
	bool seen[NR_SHADES] = { 0 };
	struct grid g;
	enum shade s;

	if (bottom - top < 3 ||
	    !grid_make(&g, &w->b, w->m.sectors, columns, bottom - top - 1))
		return;
	for (row = 0; row < g.rows; row++) {
		put(top + row, 0, "%10s",
		    human_size((u64)row * columns * g.cell_blocks * 8));
		move(top + row, 12);
		for (col = 0; col < columns; col++) {
			s = grid_shade(&g, row, col);
			seen[s] = true;
			shade(w, s);
		}
	}
	move(bottom - 1, 2);
	for (i = 0; i < NR_KEYS; i++) {
		const struct shade_key *k = &shade_keys[i];

		if (!memchr(seen + k->first, true, k->last + 1 - k->first) ||
		    getcurx(stdscr) + 7 + (int)strlen(k->name) > COLS)
			continue;
		for (s = k->first; s <= k->last; s++)
			shade(w, s);
		printw(" %s  ", k->name);
	}
	if (getcurx(stdscr) + 18 < COLS)
		printw("(one is %s)", human_size(g.cell_blocks * 8));
	grid_free(&g);
}

/* The rate since the start, and what it leads to. */
static void trend_text(const struct watch *w, u64 interval, char *s,
		       size_t size)
{
	double seconds = max(now_seconds() - w->begun, 1.0);
	u64 blocks = w->last_used - min(w->last_used, w->at_begin);

	snprintf(s, size, "new bad blocks: %llu in %llu s, %llu in %s%s%s",
		 ULL(w->nr_rates ? w->rate[w->nr_rates - 1] : 0), ULL(interval),
		 ULL(blocks), human_time(seconds),
		 blocks ? "; at this rate the spare is full in " : "",
		 blocks ? human_time(w->k.slots_free * seconds / blocks) : "");
}

/* Return: lines that it took. */
static int trend(const struct watch *w, u64 interval, int y)
{
	char line[300];
	int n;

	trend_text(w, interval, line, sizeof(line));
	n = put_wrapped(y, 2, 3, line);
	sparkline(w, y + n, 2, max(COLS - 4, 8));
	return n + 1;
}

static void show(const struct watch *w, u64 interval)
{
	static const char *const word[] = { "FINE", "ATTENTION", "CRITICAL" };
	const struct kstat *k = &w->k;
	char why[1200], line[400];
	enum health h = kstat_health(k, w->m.name, why, sizeof(why));
	int x, y = 0, room = LINES;

	erase();
	attrset(A_BOLD);
	x = text_into(line, sizeof(line), "%s: ", w->m.name);
	put(y, 0, "%s", line);
	if (w->colour)
		attrset(COLOR_PAIR(h == HEALTH_FINE ? 2 :
				   h == HEALTH_ATTENTION ? 3 : 1) | A_BOLD);
	put(y, x, "%s", word[h]);
	attrset(A_NORMAL);
	put(y++, x + 2 + strlen(word[h]),
	    "%s on %s, spare %s", human_size(w->m.sectors), w->m.main_path,
	    w->m.spare_path);
	/* The reasons may take a quarter of the screen. */
	y += put_wrapped(y, 2, max(room / 4, 1), why);
	snprintf(line, sizeof(line), "on the spare %llu, known bad %llu, in part %llu, lost sectors %llu, slots free %llu of %llu, mode %s, breaker %s",
		 ULL(k->remappings), ULL(k->known_bad), ULL(k->partial),
		 ULL(k->lost_sectors), ULL(k->slots_free),
		 ULL(k->slots_total), k->mode, k->breaker);
	y += put_wrapped(y, 2, 3, line);
	if (room > 18) {
		snprintf(line, sizeof(line), "writes failed %llu, absorbed %llu, reads failed %llu, rescued %llu, errors passed on %llu",
			 ULL(k->writes_failed), ULL(k->absorbed),
			 ULL(k->reads_failed), ULL(k->rescued),
			 ULL(k->propagated));
		y += put_wrapped(y, 2, 2, line);
	}
	y += trend(w, interval, y);
	map(w, y + 1, LINES - 1);
	put(LINES - 1, 0, "q: quit");
	refresh();
}

/* Return: 0, or an error with a message that is to be said later. */
static int look(struct watch *w, bool first)
{
	free(w->b.b);
	w->b = (struct kblocks){ 0 };
	if (blocks_status(w->m.name, &w->k) ||
	    blocks_list(w->m.name, &w->b))
		return RC_FAILED;
	remember(w, first);
	return RC_OK;
}

static void begin_screen(struct watch *w)
{
	int i;

	w->glyphs = locale_has_glyphs();
	w->colour = has_colors() && !getenv("NO_COLOR");
	if (w->colour) {
		start_color();
		use_default_colors();
		for (i = 1; i <= 7; i++)
			init_pair(i, i, -1);
	}
	cbreak();
	noecho();
	keypad(stdscr, true);
	curs_set(0);
}

/* A line for each look, where a screen cannot be drawn: until it is interrupted. */
static int lines(struct watch *w, u64 interval)
{
	static const char *const word[] = { "FINE", "ATTENTION", "CRITICAL" };
	char why[1200], text[300], when[16];
	struct timespec pause = { .tv_sec = interval };
	time_t now;
	bool first = true;
	int r;

	for (;; first = false) {
		r = look(w, first);
		if (r)
			break;
		now = time(NULL);
		strftime(when, sizeof(when), "%H:%M:%S", localtime(&now));
		trend_text(w, interval, text, sizeof(text));
		print_text("%s %s: %s, %llu on the spare, %llu known bad, %llu lost, %llu slots free; %s\n",
			   when, w->m.name,
			   word[kstat_health(&w->k, w->m.name, why, sizeof(why))],
			   ULL(w->k.remappings), ULL(w->k.known_bad),
			   ULL(w->k.lost_sectors), ULL(w->k.slots_free), text);
		if (fflush(stdout) || ferror(stdout)) {
			r = fail(RC_FAILED, "cannot write the output: %s",
				 strerror(errno));
			break;
		}
		/* A signal ends it. */
		if (interrupted() || nanosleep(&pause, NULL))
			break;
	}
	return r;
}

static int run(struct args *a)
{
	const char *term = getenv("TERM");
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
				 "no dm-remap device is open; 'dmremap scan' lists those that can be opened");
		else if (!r)
			w->m = list[0];
		free(list);
	}
	if (r)
		goto out;
	catch_signals();
	w->begun = now_seconds();
	if (!term || !*term || !strcmp(term, "dumb")) {
		r = lines(w, interval);
		goto out;
	}
	if (!initscr()) {
		r = fail(RC_FAILED, "this terminal is not known; set TERM, as in 'TERM=xterm dmremap watch'");
		goto out;
	}
	begin_screen(w);
	while (!interrupted()) {
		double next = now_seconds() + interval;

		r = look(w, first);
		if (r)
			break;
		first = false;
		/* A window of another size, or a key, is no reason to look. */
		do {
			show(w, interval);
			timeout(max((int)((next - now_seconds()) * 1000), 1));
			ch = getch();
		} while (ch != 'q' && ch != 27 && !interrupted() &&
			 now_seconds() < next);
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
	.text = "Shows status, the number of new blocks in each interval as a sparkline, and a map of the disk, until you press q. On a terminal that cannot place its text (TERM=dumb) it prints a line for each look.",
	.examples = "  dmremap watch data\n",
	.min_args = 0, .max_args = 1,
	.run = run,
	.opts = { { "interval", "SECONDS", "how often to look (default 2)" } },
};
