// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: looking for closed pairs, beside other work.
 */
#include "pairing/pairing.h"
#include "seek.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The names of pair and spare, each with the zero at its end. */
static void look(FILE *out)
{
	struct candidates all = { 0 };
	int i;

	if (candidates_find(&all, false))
		return;
	for (i = 0; i < all.nr; i++) {
		const struct candidate *c = all.c[i];

		if (!c->open_as[0] && c->nr_mains && !c->newer)
			fprintf(out, "%s%c%s%c", candidate_name(c), 0,
				c->spare.path, 0);
	}
}

/* The process that looks. Nobody who reads what the other one prints waits for it. */
_Noreturn static void run(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), i;
	FILE *out;

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i <= STDERR_FILENO; i++)
		dup2(null, i);
	fcntl(fd, F_SETFL, 0);
	out = fdopen(fd, "w");
	if (out) {
		look(out);
		fclose(out);
	}
	_exit(0);
}

void seek_begin(struct seek *s)
{
	int fds[2];

	if (s->pid || pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return;
	s->pid = fork();
	if (s->pid < 0) {
		s->pid = 0;
		close(fds[0]);
		close(fds[1]);
		return;
	}
	if (!s->pid)
		run(fds[1]);
	close(fds[1]);
	s->fd = fds[0];
}

static void done(struct seek *s)
{
	close(s->fd);
	free(s->found);
	*s = (struct seek) { .fd = -1 };
}

bool seek_read(struct seek *s,
	       void (*tell)(const char *name, const char *spare, void *arg),
	       void *arg)
{
	const char *p, *end, *spare, *next;
	char buf[4096], *more;
	ssize_t n;

	while ((n = read(s->fd, buf, sizeof(buf))) > 0) {
		more = realloc(s->found, s->len + n);
		if (!more)
			continue;
		s->found = more;
		memcpy(s->found + s->len, buf, n);
		s->len += n;
	}
	if (n < 0)
		return false;
	end = s->found + s->len;
	for (p = s->found; p < end; p = next + 1) {
		spare = memchr(p, 0, end - p);
		next = spare ? memchr(spare + 1, 0, end - spare - 1) : NULL;
		/* The process was ended while it wrote. */
		if (!next)
			break;
		tell(p, spare + 1, arg);
	}
	waitpid(s->pid, NULL, 0);
	done(s);
	return true;
}

void seek_end(struct seek *s)
{
	if (!s->pid)
		return;
	/* If it waits for a disk, it ends when that answers. */
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, WNOHANG);
	done(s);
}
