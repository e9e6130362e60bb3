// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: telling of events.
 */
#include "notify.h"
#include "offline.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#define SENDMAIL	"/usr/sbin/sendmail"
#define LONGEST		12	/* quiet times: a mail does not wait longer for the end */
#define MAX_TEXT	32768	/* fits into a pipe */

extern char **environ;

int notify_check(const struct notify *n)
{
	if (n->hook && (n->hook[0] != '/' || access(n->hook, X_OK)))
		return fail(RC_USAGE, "--hook: '%s' is not the full path of a program that can be run",
			    n->hook);
	if (n->mail && (!n->mail[0] || strpbrk(n->mail, "\r\n")))
		return fail(RC_USAGE, "--mail: that is no address");
	if (n->mail && access(SENDMAIL, X_OK))
		return fail(RC_REFUSED, "--mail: cannot run " SENDMAIL ": %s; install a mail transport, or use --hook",
			    strerror(errno));
	return RC_OK;
}

/* The child gets signals as they usually are, and a process group of its own. */
static int spawn(pid_t *pid, char *argv[], posix_spawn_file_actions_t *fa)
{
	posix_spawnattr_t attr;
	sigset_t set;
	int e;

	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF |
				 POSIX_SPAWN_SETPGROUP);
	e = posix_spawn(pid, argv[0], fa, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return e;
}

/* Return: did it end within @ms? */
static bool ended(int pidfd, int ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	double end = now_seconds() + ms / 1000.0;
	int r;

	do {
		ms = max((int)((end - now_seconds()) * 1000), 0);
		r = poll(&p, 1, ms);
	} while (r < 0 && errno == EINTR && ms);
	return r > 0;
}

/* Its failure is worth a line, no more. */
static void wait_for(const struct notify *n, pid_t pid, const char *what)
{
	int fd = syscall(SYS_pidfd_open, pid, 0), status;

	if (fd >= 0 && !ended(fd, n->timeout * 1000)) {
		note("dmremap: %s does not end; it was killed after %llu s",
		     what, (unsigned long long)n->timeout);
		kill(-pid, SIGTERM);
		if (!ended(fd, 2000))
			kill(-pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (fd >= 0)
		close(fd);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		note("dmremap: %s failed (status %d)", what, status);
}

static void run_hook(const struct notify *n, const char *event,
		     const char *name, const char *text)
{
	char *argv[] = { (char *)n->hook, (char *)event, (char *)name,
			 (char *)text, NULL };
	pid_t pid;
	int e = spawn(&pid, argv, NULL);

	if (e)
		note("dmremap: cannot run %s: %s", n->hook, strerror(e));
	else
		wait_for(n, pid, n->hook);
}

static void send_mail(const struct notify *n)
{
	char *argv[] = { SENDMAIL, "-t", "-i", NULL };
	posix_spawn_file_actions_t fa;
	char host[256] = "";
	int fds[2], e;
	pid_t pid;
	FILE *f;

	gethostname(host, sizeof(host) - 1);
	if (pipe2(fds, O_CLOEXEC))
		return;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, fds[0], STDIN_FILENO);
	e = spawn(&pid, argv, &fa);
	posix_spawn_file_actions_destroy(&fa);
	close(fds[0]);
	if (e) {
		close(fds[1]);
		note("dmremap: cannot run %s: %s", argv[0], strerror(e));
		return;
	}
	f = fdopen(fds[1], "w");
	if (f) {
		fprintf(f, "To: %s\nSubject: dm-remap: %s", n->mail,
			n->subject);
		if (n->nr > 1)
			fprintf(f, " and %u more", n->nr - 1);
		fprintf(f, "\n\nThis is dmremap monitor on %s.\n\n%s\n'dmremap status' says more.\n",
			host, n->text);
		fclose(f);
	}
	wait_for(n, pid, "sending mail");
}

static void collect(struct notify *n, const char *event, const char *name,
		    const char *text)
{
	char host[256] = "", *line, *more;
	int len;

	n->last = now_seconds();
	if (!n->nr++) {
		n->first = n->last;
		gethostname(host, sizeof(host) - 1);
		snprintf(n->subject, sizeof(n->subject), "%s on %s (%s)", event,
			 host, name);
	}
	if (n->len > MAX_TEXT)
		return;
	len = asprintf(&line, "%s %s: %s\n", event, name,
		       n->len + strlen(text) > MAX_TEXT ? "(and so on)" : text);
	if (len < 0)
		return;
	more = realloc(n->text, n->len + len + 1);
	if (more) {
		n->text = more;
		memcpy(n->text + n->len, line, len + 1);
		n->len += len;
	}
	free(line);
}

/* Does systemd write what is printed to the journal? */
static bool printed_to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       !fstat(STDOUT_FILENO, &st) && st.st_dev == dev &&
	       st.st_ino == ino;
}

static void write_log(const char *event, const char *device, const char *text)
{
	/* sd_journal_send() says nothing when there is no journal. */
	if (access("/run/systemd/journal/socket", F_OK))
		syslog(LOG_DAEMON | LOG_WARNING, "%s %s: %s", event, device,
		       text);
	else
		sd_journal_send("MESSAGE=%s %s: %s", event, device, text,
				"PRIORITY=%d", LOG_WARNING,
				"SYSLOG_IDENTIFIER=dmremap",
				"DMREMAP_EVENT=%s", event,
				"DMREMAP_DEVICE=%s", device, NULL);
}

static void print_line(const struct notify *n, const char *event,
		       const char *name, const char *text)
{
	struct json_object *o;

	if (n->json) {
		o = json_object_new_object();
		json_object_object_add(o, "time", json_object_new_int64(time(NULL)));
		add_str(o, "event", event);
		add_str(o, "name", name);
		add_str(o, "text", text);
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(o);
	} else {
		print_text("%s %s: %s\n", event, name, text);
	}
	fflush(stdout);
}

void notify_tell(struct notify *n, const char *event, const char *name,
		 const char *fmt, ...)
{
	char device[4 * 256];
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = text_of(fmt, ap);
	va_end(ap);
	/* A name may hold anything: it stays one line, in a header, too. */
	text_into(device, sizeof(device), "%s", name);
	if (n->json || !printed_to_journal())
		print_line(n, event, name, text);
	if (n->syslog || (printed_to_journal() && !n->json))
		write_log(event, device, text);
	if (n->hook)
		run_hook(n, event, name, text);
	if (n->mail)
		collect(n, event, device, text);
	free(text);
}

int notify_due(const struct notify *n)
{
	double at;

	if (!n->nr)
		return -1;
	at = min(n->last + n->quiet, n->first + LONGEST * n->quiet);
	return max((int)((at - now_seconds()) * 1000), 0);
}

void notify_flush(struct notify *n)
{
	if (n->nr)
		send_mail(n);
	free(n->text);
	n->text = NULL;
	n->len = 0;
	n->nr = 0;
}
