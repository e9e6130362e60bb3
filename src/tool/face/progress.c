// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: long work: progress, interruption.
 */
#include "tool.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

void catch_signals(void)
{
	/* No SA_RESTART: a blocking wait must end. */
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

bool interrupted(void)
{
	return stop;
}

double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void progress_begin(struct progress *p, const char *what, u64 total, u64 base)
{
	*p = (struct progress){
		.what = what, .total = total, .done = base, .base = base,
		.begun = now_seconds(), .on = isatty(STDERR_FILENO),
	};
}

void progress_at(struct progress *p, u64 done, const char *extra)
{
	double now = now_seconds(), t = now - p->begun;
	char bar[25], eta[40] = "";
	unsigned int i, fill;

	p->done = done;
	if (!p->on || now - p->shown < 0.2)
		return;
	p->shown = now;
	fill = p->total ? done * 24 / p->total : 24;
	for (i = 0; i < 24; i++)
		bar[i] = i < fill ? '#' : '.';
	bar[24] = '\0';
	if (t > 1 && done > p->base && p->total > done)
		snprintf(eta, sizeof(eta), ", %s left",
			 human_time(t * (p->total - done) / (done - p->base)));
	fprintf(stderr, "\r%s [%s] %5.1f%%%s%s%s\033[K", p->what, bar,
		p->total ? 100.0 * done / p->total : 100.0, eta,
		extra && *extra ? ", " : "", extra ?: "");
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->on && p->shown)
		fputs("\r\033[K", stderr);
	p->on = false;
}
