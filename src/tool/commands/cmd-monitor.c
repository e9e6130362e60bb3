// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap monitor: wait for the kernel's events; mail, or run a program.
 */
#include "devices/blocks.h"
#include "devices/dm.h"
#include "devices/fit.h"
#include "notify.h"
#include "seek.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define DISKS_ANSWER	10	/* seconds */

struct watched {
	char name[DM_NAME];
	struct kstat k;
	enum health health;
	bool here;		/* seen at this look */
	bool named;		/* on the command line: it should be open */
	bool missing;		/* and is not */
	double told;		/* when its state was told last */
	char why[1200];
};

struct monitor {
	struct watched *w;
	int nr;
	struct notify n;
	bool test;
	double remind;		/* seconds; 0: never */
	struct seek closed;	/* pairs that are here, and not open */
};

/* What is worth telling about the difference of two looks? */
static void compare(struct monitor *m, struct watched *w,
		    const struct kstat *now)
{
	static const char *const event[] = { "Fine", "Attention", "Critical" };
	const struct kstat *old = &w->k;
	enum health h = kstat_health(now, w->name, w->why, sizeof(w->why));

	if (!old->main_gone != !now->main_gone)
		notify_tell(&m->n, now->main_gone ? "MainGone" : "MainBack", w->name,
		     now->main_gone ?
		     "the main device is gone, or answers nothing" :
		     "the main device answers again");
	if (now->main_changed > old->main_changed)
		notify_tell(&m->n, "MainChanged", w->name, "the main device was written to without its spare");
	if (strcmp(old->mode, now->mode))
		notify_tell(&m->n, "ModeChange", w->name, "mode %s, was %s", now->mode,
		     old->mode);
	if (strcmp(old->breaker, now->breaker))
		notify_tell(&m->n, "Breaker", w->name, "the breaker is %s now",
		     now->breaker);
	if (now->lost_sectors > old->lost_sectors)
		notify_tell(&m->n, "Lost", w->name, "%llu sectors are lost, %llu were",
		     ULL(now->lost_sectors), ULL(old->lost_sectors));
	if (now->known_bad > old->known_bad)
		notify_tell(&m->n, "KnownBad", w->name,
		     "%llu blocks cannot be read, %llu could not before; 'dmremap whose %s --all' names the files",
		     ULL(now->known_bad), ULL(old->known_bad), w->name);
	if (now->partial > old->partial)
		notify_tell(&m->n, "Partial", w->name,
		     "%llu blocks are on the spare only in part, %llu were; 'dmremap evacuate %s --partial' saves what still reads",
		     ULL(now->partial), ULL(old->partial), w->name);
	if (now->slots_bad > old->slots_bad)
		notify_tell(&m->n, "SpareFailing", w->name, "%llu slots of the spare are bad, %llu were",
		     ULL(now->slots_bad), ULL(old->slots_bad));
	if (now->remappings > old->remappings)
		notify_tell(&m->n, "NewRemaps", w->name, "%llu blocks on the spare, %llu before; %llu slots are free",
		     ULL(now->remappings), ULL(old->remappings),
		     ULL(now->slots_free));
	if (h != w->health)
		notify_tell(&m->n, event[h], w->name, "%s", w->why[0] ? w->why : "all is well");
	if (h != w->health)
		w->told = now_seconds();
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

/* Return: NULL if there is no memory. */
static struct watched *add(struct monitor *m, const char *name)
{
	struct watched *more = realloc(m->w, (m->nr + 1) * sizeof(*more));

	if (!more)
		return NULL;
	m->w = more;
	more += m->nr++;
	memset(more, 0, sizeof(*more));
	strscpy(more->name, name, sizeof(more->name));
	return more;
}

/* The first look at a device: what is wrong with it already? */
static void begin(struct monitor *m, struct watched *w, const struct kstat *k)
{
	w->k = *k;
	w->health = kstat_health(k, w->name, w->why, sizeof(w->why));
	w->told = now_seconds();
	if (w->missing)
		notify_tell(&m->n, "Back", w->name, "the device is open again");
	if (w->health != HEALTH_FINE)
		notify_tell(&m->n, w->health == HEALTH_CRITICAL ? "Critical" :
			    "Attention", w->name, "%s", w->why);
	else if (!w->missing && m->test)
		notify_tell(&m->n, "Test", w->name, "this is a test");
	w->missing = false;
}

static void look_at(struct monitor *m, const struct args *a,
		    const struct remap *r)
{
	const char *name = r->name;
	struct watched *w = find(m, name);
	char *reply = NULL;
	struct kstat k;

	if ((a->nr && !w) || remap_message(name, &reply, true, "status"))
		return;
	if (kstat_parse(&k, reply)) {
		kstat_look(&k, r);
		if (w && w->k.mode[0] && !w->missing) {
			compare(m, w, &k);
		} else {
			w = w ?: add(m, name);
			if (w)
				begin(m, w, &k);
		}
		if (w)
			w->here = true;
	}
	free(reply);
}

static void gone(struct monitor *m, struct watched *w)
{
	static const char text[] = "the device is not open, or does not answer; 'dmremap scan' and 'dmremap assemble' open what can be found";

	if (w->named && !w->missing) {
		notify_tell(&m->n, "Missing", w->name, "%s", text);
		w->missing = true;
		w->told = now_seconds();
		strscpy(w->why, text, sizeof(w->why));
	} else if (!w->named) {
		notify_tell(&m->n, "Closed", w->name,
			    "the device is gone, or does not answer");
		*w = m->w[--m->nr];
	}
}

static void look(struct monitor *m, const struct args *a)
{
	double now = now_seconds();
	struct remap *list;
	int i, nr;

	if (remap_list(&list, &nr))
		return;
	for (i = 0; i < m->nr; i++)
		m->w[i].here = false;
	for (i = 0; i < nr; i++)
		look_at(m, a, &list[i]);
	free(list);
	for (i = m->nr - 1; i >= 0; i--)
		if (!m->w[i].here)
			gone(m, &m->w[i]);
	for (i = 0; m->remind && i < m->nr; i++) {
		struct watched *w = &m->w[i];

		if ((w->health == HEALTH_FINE && !w->missing) ||
		    now - w->told < m->remind)
			continue;
		notify_tell(&m->n, "Reminder", w->name, "still: %s", w->why);
		w->told = now;
	}
}

static void tell_closed(const char *name, const char *spare, void *arg)
{
	struct monitor *m = arg;

	notify_tell(&m->n, "NotOpen", name,
		    "main and spare (%s) are here, but the device is not open; 'dmremap assemble' opens it",
		    spare);
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

/* A time: hours, or with a unit: 90s, 30m, 12h, 7d. In seconds. */
static int opt_time(const struct args *a, const char *name, double *seconds)
{
	static const struct { char unit; unsigned int seconds; } units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	const char *s = opt(a, name);
	unsigned int unit = 3600;
	char number[16];
	size_t i, n;
	u64 v;

	if (!s)
		return RC_OK;
	n = strlen(s);
	strscpy(number, s, sizeof(number));
	for (i = 0; n && n < sizeof(number) && i < ARRAY_SIZE(units); i++)
		if (s[n - 1] == units[i].unit) {
			unit = units[i].seconds;
			number[n - 1] = '\0';
		}
	if (!parse_u64(number, &v) || v > 366 * 86400 / unit)
		return fail(RC_USAGE, "--%s: '%s' is not a time up to a year, as in 24, 30m or 7d",
			    name, s);
	*seconds = (double)v * unit;
	return RC_OK;
}

static int options(const struct args *a, struct monitor *m, u64 *interval)
{
	int r;

	m->remind = 24 * 3600;
	m->n.timeout = 60;
	m->n.quiet = 10;
	r = opt_u64(a, "interval", interval) ?: opt_time(a, "remind", &m->remind) ?:
	    opt_u64(a, "hook-timeout", &m->n.timeout) ?:
	    opt_u64(a, "collect", &m->n.quiet);
	if (r)
		return r;
	if (!*interval || *interval > 86400)
		return fail(RC_USAGE, "--interval: 1 to 86400 seconds");
	if (!m->n.timeout || m->n.timeout > 3600)
		return fail(RC_USAGE, "--hook-timeout: 1 to 3600 seconds");
	if (!m->n.quiet || m->n.quiet > 3600)
		return fail(RC_USAGE, "--collect: 1 to 3600 seconds");
	m->n.hook = opt(a, "hook");
	m->n.mail = opt(a, "mail");
	m->n.syslog = opt(a, "syslog");
	m->n.json = opt(a, "json");
	m->test = opt(a, "test");
	return notify_check(&m->n) ?: dm_ready();
}

/* Until the next event (@control, or -1), the next look, or until a mail should go. */
static void wait_for_event(struct monitor *m, int control, u64 interval)
{
	double next = now_seconds() + interval;
	int due, ms;

	while (!interrupted()) {
		struct pollfd p[] = {
			{ .fd = control, .events = POLLIN },
			{ .fd = m->closed.fd, .events = POLLIN },
		};

		due = notify_due(&m->n);
		ms = max((int)((next - now_seconds()) * 1000), 0);
		if (due >= 0)
			ms = min(ms, due);
		if (poll(p, ARRAY_SIZE(p), ms) > 0 && p[1].revents)
			seek_read(&m->closed, tell_closed, m);
		if (p[0].revents)
			break;
		if (!notify_due(&m->n))
			notify_flush(&m->n);
		if (now_seconds() >= next)
			return;
	}
	/* One storm of errors is one look. */
	if (!interrupted())
		usleep(300000);
}

/* With --once: a disk that is well has answered by then. */
static void wait_for_closed(struct monitor *m)
{
	double end = now_seconds() + DISKS_ANSWER;
	struct pollfd p = { .fd = m->closed.fd, .events = POLLIN };

	while (p.fd >= 0 && !interrupted() && now_seconds() < end) {
		if (poll(&p, 1, (end - now_seconds()) * 1000) > 0 &&
		    seek_read(&m->closed, tell_closed, m))
			return;
	}
	if (p.fd >= 0 && !interrupted())
		note("dmremap: a disk does not answer: pairs that are not open were not looked for");
}

/* For systemctl: from the first look on, the service has started. */
static void tell_systemd(const struct monitor *m)
{
	int i, bad = 0;

	for (i = 0; i < m->nr; i++)
		bad += m->w[i].health != HEALTH_FINE || m->w[i].missing;
	sd_notifyf(0, "READY=1\nSTATUS=%d devices, %d not fine", m->nr, bad);
}

static int run(struct args *a)
{
	struct monitor m = { .closed.fd = -1 };
	double scanned = 0;
	u64 interval = 60;
	int r, i, control;

	r = options(a, &m, &interval);
	if (r)
		return r;
	for (i = 0; i < a->nr; i++) {
		char name[DM_NAME];
		struct watched *w;

		strscpy(name, a->arg[i], sizeof(name));
		dm_plain_name(name, name);
		w = find(&m, name) ?: add(&m, name);
		if (!w)
			return fail(RC_FAILED, "out of memory");
		w->named = true;
	}
	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return fail(RC_FAILED, "cannot open /dev/mapper/control: %s",
			    strerror(errno));
	catch_signals();
	do {
		/* Arm first: what happens while we look is not missed. */
		bool armed = !arm(control);

		look(&m, a);
		/* A scan reads of every disk: seldom. */
		if (!a->nr && (!scanned || (m.remind &&
		    now_seconds() - scanned >= m.remind))) {
			seek_begin(&m.closed);
			scanned = now_seconds();
		}
		tell_systemd(&m);
		if (opt(a, "once")) {
			wait_for_closed(&m);
			break;
		}
		wait_for_event(&m, armed ? control : -1, interval);
	} while (!interrupted());
	seek_end(&m.closed);
	notify_flush(&m.n);
	close(control);
	free(m.w);
	return RC_OK;
}

const struct command cmd_monitor = {
	.name = "monitor",
	.group = "Looking after",
	.synopsis = "[NAME...]",
	.summary = "wait for events; mail, or run a program",
	.text = "Waits for the kernel's events of all devices, or the named ones, and tells what changed: on standard output, in the system's log, by mail (sendmail), or by running a program with the arguments EVENT NAME TEXT. Whether mail and program can be run is checked at the start. Events of one burst are one mail, which goes when there was none for 10 seconds (--collect). What is not fine is told again every day (--remind). A named device that is not open is an alarm (Missing); without names, so are pairs that are here and not open (NotOpen); a process of its own looks for these, since it reads all disks and a dying one may not answer for long. Events: MainGone, MainBack, MainChanged, NewRemaps, KnownBad, Partial, Lost, SpareFailing, ModeChange, Breaker, Attention, Critical, Fine, Closed, Missing, NotOpen, Back, Reminder, Test. A systemd unit, dmremap-monitor.service, runs it; its options are in /etc/default/dmremap.",
	.examples = "  dmremap monitor --mail root --syslog\n  dmremap monitor --hook /usr/local/sbin/on-remap --once --test\n",
	.min_args = 0, .max_args = -1,
	.run = run,
	.opts = {
		{ "hook", "PROGRAM", "run PROGRAM EVENT NAME TEXT" },
		{ "hook-timeout", "SECONDS", "end it when it takes longer (default 60)" },
		{ "mail", "ADDRESS", "send a mail" },
		{ "collect", "SECONDS", "the mail goes when nothing happened for so long (default 10), or after 12 times that" },
		{ "syslog", NULL, "write to the journal, with the fields DMREMAP_EVENT and DMREMAP_DEVICE, or to syslog where there is none" },
		{ "json", NULL, "print a line of JSON for each event" },
		{ "interval", "SECONDS", "look at least so often, also without an event (default 60)" },
		{ "remind", "TIME", "tell again what is not fine after so many hours, or 30m, 7d (default 24; 0: never)" },
		{ "once", NULL, "look once and end" },
		{ "test", NULL, "tell about each device at the start, to try out mail and hook" },
	},
};
