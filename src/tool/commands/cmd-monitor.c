// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap monitor: wait for the kernel's events; mail, or run a program.
 */
#include "devices/blocks.h"
#include "devices/dm.h"
#include "devices/fit.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define MAX_WATCHED	64

extern char **environ;

struct watched {
	char name[DM_NAME];
	struct kstat k;
	enum health health;
	bool here;
};

struct monitor {
	struct watched w[MAX_WATCHED];
	int nr;
	const char *hook, *mail;
	bool syslog, test;
};

/* Wait for the child; its failure is worth a line, no more. */
static void wait_for(pid_t pid, const char *what)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		note("dmremap: %s failed (status %d)", what, status);
}

/* The child gets signals as they usually are: we ignore SIGPIPE. */
static int spawn(pid_t *pid, char *argv[], posix_spawn_file_actions_t *fa)
{
	posix_spawnattr_t attr;
	sigset_t set;
	int e;

	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	e = posix_spawn(pid, argv[0], fa, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return e;
}

static void send_mail(const char *to, const char *event, const char *name,
		      const char *text)
{
	char *argv[] = { "/usr/sbin/sendmail", "-t", "-i", NULL };
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
		fprintf(f, "To: %s\nSubject: dm-remap: %s on %s (%s)\n\nThis is dmremap monitor on %s.\n\n%s: %s\n\n'dmremap status %s' says more.\n",
			to, event, host, name, host, name, text, name);
		fclose(f);
	}
	wait_for(pid, "sending mail");
}

static void run_hook(const char *hook, const char *event, const char *name,
		     const char *text)
{
	char *argv[] = { (char *)hook, (char *)event, (char *)name,
			 (char *)text, NULL };
	pid_t pid;
	int e = spawn(&pid, argv, NULL);

	if (e)
		note("dmremap: cannot run %s: %s", hook, strerror(e));
	else
		wait_for(pid, hook);
}

__printf(4, 5)
static void tell(const struct monitor *m, const char *event, const char *name,
		 const char *fmt, ...)
{
	char text[1400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("%s %s: %s\n", event, name, text);
	fflush(stdout);
	if (m->syslog)
		syslog(LOG_WARNING, "%s %s: %s", event, name, text);
	if (m->hook)
		run_hook(m->hook, event, name, text);
	if (m->mail)
		send_mail(m->mail, event, name, text);
}

/* What is worth telling about the difference of two looks? */
static void compare(const struct monitor *m, struct watched *w,
		    const struct kstat *now)
{
	static const char *const event[] = { "Fine", "Attention", "Critical" };
	const struct kstat *old = &w->k;
	char why[1200];
	enum health h = kstat_health(now, w->name, why, sizeof(why));

	if (!old->main_gone != !now->main_gone)
		tell(m, now->main_gone ? "MainGone" : "MainBack", w->name,
		     now->main_gone ?
		     "the main device is gone, or answers nothing" :
		     "the main device answers again");
	if (now->main_changed > old->main_changed)
		tell(m, "MainChanged", w->name, "the main device was written to without its spare");
	if (strcmp(old->mode, now->mode))
		tell(m, "ModeChange", w->name, "mode %s, was %s", now->mode,
		     old->mode);
	if (strcmp(old->breaker, now->breaker))
		tell(m, "Breaker", w->name, "the breaker is %s now",
		     now->breaker);
	if (now->lost_sectors > old->lost_sectors)
		tell(m, "Lost", w->name, "%llu sectors are lost, %llu were",
		     ULL(now->lost_sectors), ULL(old->lost_sectors));
	if (now->known_bad > old->known_bad)
		tell(m, "KnownBad", w->name,
		     "%llu blocks cannot be read, %llu could not before; 'dmremap whose %s --all' names the files",
		     ULL(now->known_bad), ULL(old->known_bad), w->name);
	if (now->partial > old->partial)
		tell(m, "Partial", w->name,
		     "%llu blocks are on the spare only in part, %llu were; 'dmremap evacuate %s --partial' saves what still reads",
		     ULL(now->partial), ULL(old->partial), w->name);
	if (now->slots_bad > old->slots_bad)
		tell(m, "SpareFailing", w->name, "%llu slots of the spare are bad, %llu were",
		     ULL(now->slots_bad), ULL(old->slots_bad));
	if (now->remappings > old->remappings)
		tell(m, "NewRemaps", w->name, "%llu blocks on the spare, %llu before; %llu slots are free",
		     ULL(now->remappings), ULL(old->remappings),
		     ULL(now->slots_free));
	if (h != w->health)
		tell(m, event[h], w->name, "%s", why[0] ? why : "all is well");
	w->health = h;
	w->k = *now;
}

static struct watched *find(struct monitor *m, const char *name)
{
	int i;

	for (i = 0; i < m->nr; i++)
		if (!strcmp(m->w[i].name, name))
			return &m->w[i];
	return NULL;
}

static void look(struct monitor *m, const struct args *a)
{
	struct remap *list;
	char *reply = NULL, why[1200];
	int i, j, nr;

	if (remap_list(&list, &nr))
		return;
	for (i = 0; i < m->nr; i++)
		m->w[i].here = false;
	for (i = 0; i < nr; i++) {
		struct watched *w = find(m, list[i].name);
		struct kstat k;
		bool wanted = !a->nr;

		for (j = 0; j < a->nr; j++)
			wanted |= !strcmp(a->arg[j], list[i].name);
		if (!wanted || remap_message(list[i].name, &reply, true,
					     "status"))
			continue;
		if (kstat_parse(&k, reply)) {
			kstat_look(&k, &list[i]);
			if (w) {
				compare(m, w, &k);
			} else if (m->nr < MAX_WATCHED) {
				w = &m->w[m->nr++];
				memset(w, 0, sizeof(*w));
				strscpy(w->name, list[i].name,
					sizeof(w->name));
				w->k = k;
				w->health = kstat_health(&k, w->name, why,
							 sizeof(why));
				if (w->health != HEALTH_FINE)
					tell(m, w->health == HEALTH_CRITICAL ?
					     "Critical" : "Attention",
					     w->name, "%s", why);
				if (m->test)
					tell(m, "Test", w->name, "this is a test");
			}
			if (w)
				w->here = true;
		}
		free(reply);
		reply = NULL;
	}
	free(list);
	for (i = 0; i < m->nr; i++)
		if (!m->w[i].here) {
			tell(m, "Closed", m->w[i].name,
			     "the device is gone, or does not answer");
			m->w[i--] = m->w[--m->nr];
		}
}

/* Arm the control device: it becomes readable with the next event of any device. */
static int arm(int fd)
{
	struct dm_ioctl d = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof(d),
	};

	return ioctl(fd, DM_DEV_ARM_POLL, &d);
}

static int run(struct args *a)
{
	struct monitor *m;
	struct pollfd p = { .events = POLLIN };
	u64 interval = 60;
	int r;

	r = opt_u64(a, "interval", &interval) ?: dm_ready();
	if (r)
		return r;
	if (!interval || interval > 86400)
		return fail(RC_USAGE, "--interval: 1 to 86400 seconds");
	if (opt(a, "hook") && (opt(a, "hook")[0] != '/' ||
			       access(opt(a, "hook"), X_OK)))
		return fail(RC_USAGE, "--hook: '%s' is not the full path of a program that can be run",
			    opt(a, "hook"));
	if (opt(a, "mail") && strpbrk(opt(a, "mail"), "\r\n"))
		return fail(RC_USAGE, "--mail: that is no address");
	m = calloc(1, sizeof(*m));
	p.fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (!m || p.fd < 0) {
		free(m);
		return fail(RC_FAILED, "cannot open /dev/mapper/control: %s",
			    strerror(errno));
	}
	m->hook = opt(a, "hook");
	m->mail = opt(a, "mail");
	m->syslog = opt(a, "syslog");
	m->test = opt(a, "test");
	openlog("dmremap", LOG_PID, LOG_DAEMON);
	catch_signals();
	do {
		/* Arm first: what happens while we look is not missed. */
		bool armed = !arm(p.fd);

		look(m, a);
		if (opt(a, "once"))
			break;
		poll(&p, armed, interval * 1000);
		/* One storm of errors is one look. */
		if (!interrupted())
			usleep(300000);
	} while (!interrupted());
	close(p.fd);
	free(m);
	return RC_OK;
}

const struct command cmd_monitor = {
	.name = "monitor",
	.group = "Looking after",
	.synopsis = "[NAME...]",
	.summary = "wait for events; mail, or run a program",
	.text = "Waits for the kernel's events of all devices, or the named ones, and tells what changed: on standard output, to syslog, by mail (sendmail), or by running a program with the arguments EVENT NAME TEXT. Events: MainGone, MainBack, MainChanged, NewRemaps, KnownBad, Partial, Lost, SpareFailing, ModeChange, Breaker, Attention, Critical, Fine, Closed, Test. A systemd unit, dmremap-monitor.service, runs it; its options are in /etc/default/dmremap.",
	.examples = "  dmremap monitor --mail root --syslog\n  dmremap monitor --hook /usr/local/sbin/on-remap --once --test\n",
	.min_args = 0, .max_args = -1,
	.run = run,
	.opts = {
		{ "hook", "PROGRAM", "run PROGRAM EVENT NAME TEXT" },
		{ "mail", "ADDRESS", "send a mail" },
		{ "syslog", NULL, "write to the system log" },
		{ "interval", "SECONDS", "look at least so often, also without an event (default 60)" },
		{ "once", NULL, "look once and end" },
		{ "test", NULL, "tell about each device at the start, to try out mail and hook" },
	},
};
