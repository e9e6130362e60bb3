// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap assemble --incremental and --wait: pairs come up as their devices appear.
 */
#include "boot/known.h"
#include "offline.h"
#include "pairing/seen.h"

#include <libudev.h>
#include <poll.h>
#include <unistd.h>

/* As the table says. */
static int open_candidate(const struct args *a, const struct tab *t,
			  struct candidate *c)
{
	const struct tab_line *l = tab_spare(t, &c->spare, c->sb.uuid);
	struct args own = *a;

	if (l) {
		strscpy(c->name, l->name, sizeof(c->name));
		options_use(&own, l->options);
	}
	/* It is refused if it is not the one that the table means. */
	if (l && c->nr_mains && !tab_means(l->main, &c->main))
		return fail(RC_REFUSED, "'%s' was not opened: its spare %s is for the main device %s, and the table names %s",
			    l->name, c->spare.path, c->sb.identity, l->main);
	return assemble_one(&own, c);
}

static bool by_itself(const struct tab *t, const struct candidate *c)
{
	const struct tab_line *l = tab_spare(t, &c->spare, c->sb.uuid);
	char value[8];

	return !closed_by_hand(area_uuid(c->sb.uuid)) &&
	       !(l && options_find(l->options, "noauto", value, sizeof(value)));
}

/*--------------------------------------------------------------------
 * One device that has appeared
 *--------------------------------------------------------------------
 */
static int offer_spare(const struct args *a, const struct tab *t,
		       struct candidate *c, const struct device *d)
{
	int r = RC_OK;

	/* Main may have appeared before anybody knew that it is one. */
	if (known_add(c) && c->main.path[0])
		udev_again(c->main.devno);
	if (!c->open_as[0] && !c->newer && c->nr_mains && by_itself(t, c)) {
		r = open_candidate(a, t, c);
		if (!r)
			strscpy(c->open_as, candidate_name(c),
				sizeof(c->open_as));
		else if (d->devno != c->main.devno)
			guard_set(&c->main);
	}
	if (c->open_as[0] && c->main.devno) {
		guard_set(&c->main);
		if (c->spare.devno != c->main.devno)
			guard_clear(&c->spare);
	}
	return r;
}

static int offer_pair(const struct args *a, const struct seens *seens,
		      const struct seen *s, const struct device *d)
{
	int i, r, worst, lock = opening_lock(s->uuid, true);
	struct candidates list;
	struct tab t;

	tab_read(&t);
	worst = candidates_of(&list, seens, s);
	for (i = 0; i < list.nr; i++) {
		r = offer_spare(a, &t, list.c[i], d);
		worst = max(worst, r);
	}
	candidates_free(&list);
	tab_free(&t);
	opening_unlock(lock);
	return worst;
}

/* Each pair once, although there may be copies of its spare. */
static bool is_first(const struct seens *seens, int nr, const struct device *d)
{
	int i;

	for (i = 0; i < nr; i++)
		if (!strcmp(seens->s[i].uuid, seens->s[nr].uuid) &&
		    (seens->s[i].devno == d->devno ||
		     device_is(d, seens->s[i].identity)))
			return false;
	return true;
}

/* Only the spares and the main devices of its pairs are read. */
static int offer(const struct args *a, const char *path)
{
	struct seens seens;
	struct device d;
	int i, r, worst = device_get_known(path, &d);

	if (worst)
		return worst;
	seens_read(&seens);
	for (i = 0; i < seens.nr; i++) {
		const struct seen *s = &seens.s[i];

		if ((s->devno != d.devno && !device_is(&d, s->identity)) ||
		    !is_first(&seens, i, &d))
			continue;
		r = offer_pair(a, &seens, s, &d);
		worst = max(worst, r);
	}
	seens_free(&seens);
	return worst;
}

int assemble_incremental(const struct args *a)
{
	int i, r, worst = RC_OK;

	if (!a->nr)
		return fail(RC_USAGE, "assemble --incremental wants the device that has appeared");
	/* What an event waits for must not wait for the event. */
	if (getenv("DEVPATH"))
		dm_without_udev();
	if (opt(a, "background") && daemon(0, 0))
		return fail(RC_FAILED, "cannot go on in the background: %s",
			    strerror(errno));
	for (i = 0; i < a->nr; i++) {
		r = offer(a, a->arg[i]);
		worst = max(worst, r);
	}
	return worst;
}

/*--------------------------------------------------------------------
 * Waiting for pairs
 *--------------------------------------------------------------------
 */
/* The spare of a pair, by the name that it is to have or by its UUID; reads no disk. */
static const struct seen *named(const struct seens *list, const struct tab *t,
				const char *name)
{
	int i;

	for (i = 0; i < list->nr; i++) {
		const struct seen *s = &list->s[i];
		const struct tab_line *l = NULL;
		struct device d;
		u8 uuid[16];

		if (!strcmp(name, s->uuid))
			return s;
		if (t->nr && area_parse_uuid(s->uuid, uuid) &&
		    !device_known(s->devno, &d))
			l = tab_spare(t, &d, uuid);
		if (!strcmp(name, l ? l->name : s->name))
			return s;
	}
	return NULL;
}

struct search {
	const char *what;
	char path[PATH_MAX];
};

static int match(const struct device *d, void *arg)
{
	struct search *s = arg;

	if (!tab_means(s->what, d))
		return 0;
	strscpy(s->path, d->path, sizeof(s->path));
	return 1;
}

/* What is missing, and what to do about it. */
static void say_missing(const char *name, u64 seconds)
{
	struct device *mains = NULL, d;
	const struct tab_line *l;
	struct search main = { "", "" };
	struct seens seens;
	const struct seen *s;
	struct knowns known;
	char spare[256] = "", after[32] = "";
	struct tab t;
	int i;

	if (seconds)
		snprintf(after, sizeof(after), " after %llu s",
			 (unsigned long long)seconds);
	tab_read(&t);
	known_read(&known);
	l = tab_name(&t, name);
	if (l) {
		main.what = l->main;
		snprintf(spare, sizeof(spare), "%.200s", l->spare);
	}
	for (i = 0; i < known.nr; i++)
		if (!strcmp(known.k[i].name, name)) {
			if (!l)
				main.what = known.k[i].identity;
			snprintf(spare, sizeof(spare), "UUID=%s, last seen as %s",
				 known.k[i].uuid, known.k[i].spare);
		}
	seens_read(&seens);
	s = named(&seens, &t, name);
	if (main.what[0])
		device_each(match, &main);
	if (s && !find_mains(s->identity, &mains))
		fail(RC_OK, "'%s' was not opened%s: its main device (%s) is missing; its spare %s is here. Connect the main device: the pair comes up by itself",
		     name, after, s->identity,
		     device_known(s->devno, &d) ? spare : d.path);
	else if (s)
		fail(RC_OK, "'%s' was not opened%s, although both its devices are here: 'dmremap assemble %s' says why",
		     name, after, name);
	else if (main.path[0])
		fail(RC_OK, "'%s' was not opened%s: its spare (%s) is missing; its main device %s (%s) is here and is kept from use, since blocks of it are on the spare. Connect the spare: the pair comes up by itself. If the spare is lost for ever, 'dmremap forget %s' lets the main device be used as it is",
		     name, after, spare, main.path,
		     main.what, name);
	else if (main.what[0])
		fail(RC_OK, "'%s' was not opened%s: both its main device (%s) and its spare (%s) are missing. Connect them: the pair comes up by itself",
		     name, after, main.what, spare);
	else
		fail(RC_OK, "'%s' was not opened%s: no spare is known by this name, and /etc/dmremaptab has no line for it; 'dmremap scan' lists what there is",
		     name, after);
	free(mains);
	seens_free(&seens);
	known_free(&known);
	tab_free(&t);
}

static bool is_open(const char *name)
{
	struct remap m;

	return !remap_get_quiet(name, &m);
}

/*
 * Return: is it open now? An event may be at work on it, for long; that there is a device
 * then is an event, too.
 */
static bool try_one(const struct args *a, const struct seens *seens,
		    const struct seen *s, const struct tab *t, const char *name)
{
	struct candidates list;
	int i, lock = opening_lock(s->uuid, false);
	bool open = is_open(name);

	if (lock == -EWOULDBLOCK)
		return open;
	if (!open && !candidates_of(&list, seens, s)) {
		for (i = 0; i < list.nr && !open; i++) {
			struct candidate *c = list.c[i];

			open = !c->newer && c->nr_mains &&
			       !open_candidate(a, t, c);
		}
		candidates_free(&list);
	}
	opening_unlock(lock);
	return open;
}

/* One more try for what is not open yet. Return: how many are not. */
static int try_all(const struct args *a)
{
	struct seens seens;
	struct tab t;
	int i, left = 0;

	tab_read(&t);
	seens_read(&seens);
	for (i = 0; i < a->nr; i++) {
		const struct seen *s;

		if (is_open(a->arg[i]))
			continue;
		s = named(&seens, &t, a->arg[i]);
		if (!s || !try_one(a, &seens, s, &t, a->arg[i]))
			left++;
	}
	seens_free(&seens);
	tab_free(&t);
	return left;
}

int assemble_wait(const struct args *a, u64 seconds)
{
	struct udev *udev = udev_new();
	struct udev_monitor *m = udev ?
		udev_monitor_new_from_netlink(udev, "udev") : NULL;
	double end = now_seconds() + seconds;
	struct pollfd p = { .fd = -1, .events = POLLIN };
	int i, left;

	if (!a->nr)
		return fail(RC_USAGE, "assemble --wait wants the names of the pairs");
	if (m) {
		udev_monitor_filter_add_match_subsystem_devtype(m, "block", NULL);
		if (!udev_monitor_enable_receiving(m))
			p.fd = udev_monitor_get_fd(m);
	}
	/* In another initramfs, there may be no rules that end device-mapper's wait for udev. */
	if (access("/run/systemd/system", F_OK))
		dm_without_udev();
	for (;;) {
		double wait = end - now_seconds();

		for (i = left = 0; i < a->nr; i++)
			left += !is_open(a->arg[i]);
		if (left)
			left = try_all(a);
		if (!left || wait <= 0)
			break;
		/* Where no udevd tells, look each second. */
		if (poll(&p, 1, p.fd < 0 ? 1000 : (int)(wait * 1000)) > 0)
			udev_device_unref(udev_monitor_receive_device(m));
	}
	/* An event may have opened it just now. */
	for (i = left = 0; i < a->nr; i++)
		if (!is_open(a->arg[i])) {
			say_missing(a->arg[i], seconds);
			left++;
		}
	if (m)
		udev_monitor_unref(m);
	if (udev)
		udev_unref(udev);
	return left ? RC_REFUSED : RC_OK;
}
