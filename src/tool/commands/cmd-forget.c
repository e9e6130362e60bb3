// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap forget: a pair is given up, without moving anything back.
 */
#include "boot/known.h"
#include "copy/archive.h"
#include "offline.h"

/* What the argument means. */
struct given_up {
	const char *what;
	struct known k[16];
	int nr;
	struct candidate *spare[16];
	int nr_spares;
	int lock[32], nr_locks;
};

static bool means(const char *what, const char *name, const char *uuid,
		  const char *identity)
{
	return !strcmp(what, name) || !strcmp(what, uuid) ||
	       !strcmp(what, identity);
}

static bool is_known(const struct given_up *g, const char *uuid)
{
	int i;

	for (i = 0; i < g->nr; i++)
		if (!strcmp(g->k[i].uuid, uuid))
			return true;
	return false;
}

static void find(struct given_up *g, const struct knowns *known,
		 const struct candidates *list)
{
	int i;

	for (i = 0; i < known->nr && g->nr < 16; i++)
		if (means(g->what, known->k[i].name, known->k[i].uuid,
			  known->k[i].identity))
			g->k[g->nr++] = known->k[i];
	for (i = 0; i < list->nr && g->nr_spares < 16; i++) {
		struct candidate *c = list->c[i];
		const char *uuid = area_uuid(c->sb.uuid);

		if (means(g->what, candidate_name(c), uuid, c->sb.identity) ||
		    is_known(g, uuid))
			g->spare[g->nr_spares++] = c;
	}
}

/* The locks of all these pairs, each once: two copies of a spare have one UUID. */
static void lock_all(struct given_up *g)
{
	int i, j;

	for (i = 0; i < g->nr; i++)
		g->lock[g->nr_locks++] = opening_lock(g->k[i].uuid, true);
	for (i = 0; i < g->nr_spares; i++) {
		const u8 *uuid = g->spare[i]->sb.uuid;

		for (j = 0; j < i && memcmp(uuid, g->spare[j]->sb.uuid, 16); j++)
			;
		if (j == i && !is_known(g, area_uuid(uuid)))
			g->lock[g->nr_locks++] = opening_lock(area_uuid(uuid), true);
	}
}

static int check_spares(const struct args *a, const struct given_up *g)
{
	int i;

	for (i = 0; i < g->nr_spares; i++) {
		const struct candidate *c = g->spare[i];

		if (c->open_as[0])
			return fail(RC_REFUSED, "'%s' is open; 'dmremap detach %s' is the way out",
				    c->open_as, c->open_as);
		if (device_in_use(&c->spare))
			return fail(RC_REFUSED, "%s, which holds the spare of '%s', is in use: %s; end that first",
				    c->spare.path, candidate_name(c),
				    c->spare.used_by);
		if (!opt(a, "erase-spare"))
			return fail(RC_REFUSED, "the spare of '%s' is here, on %s: 'dmremap assemble %s' opens the pair, and 'dmremap detach' moves everything back; --erase-spare gives up what it holds",
				    candidate_name(c), c->spare.path,
				    candidate_name(c));
	}
	return RC_OK;
}

/* Under the locks: the device that was missing may have come while the person was asked. */
static int check_open(const struct given_up *g)
{
	struct remap *open;
	int i, nr, r = remap_list(&open, &nr);

	for (i = 0; !r && i < nr; i++)
		if (!strncmp(open[i].uuid, "DMREMAP-", 8) &&
		    is_known(g, open[i].uuid + 8))
			r = fail(RC_REFUSED, "'%s' is open; 'dmremap detach %s' is the way out",
				 open[i].name, open[i].name);
	free(open);
	return r;
}

static int ask(const struct args *a, const struct given_up *g)
{
	char question[4096];
	size_t n = 0;
	int i;

	for (i = 0; i < g->nr && n < sizeof(question); i++)
		n += text_into(question + n, sizeof(question) - n,
			      "The main device %s of '%s' can be used without its spare (%s, %s) then.\nWhat is on the spare is missing on it: old data is read there, and the pair is a wreck once it was written to.\n",
			      g->k[i].identity, g->k[i].name, g->k[i].uuid,
			      g->k[i].spare);
	for (i = 0; i < g->nr_spares && n < sizeof(question); i++)
		n += text_into(question + n, sizeof(question) - n,
			      "WARNING: the spare area '%s' at sector %llu is erased, on\n  %s\n",
			      candidate_name(g->spare[i]),
			      (unsigned long long)g->spare[i]->sb.spare_start,
			      device_describe(&g->spare[i]->spare));
	return confirm(opt(a, "yes"), question);
}

static int erase(const struct candidate *c)
{
	u64 start = c->sb.spare_start;
	struct area area;
	int r;

	archive_keep(&c->spare, start, "before 'forget'");
	r = area_open(&area, &c->spare, start, AREA_WRITE);
	if (r)
		return r;
	if (area_blank(&area))
		r = fail(RC_FAILED, "%s cannot be written to: %s",
			 c->spare.path, strerror(area.env.error));
	area_close(&area);
	guard_clear(&c->spare);
	udev_again(c->spare.devno);
	return r;
}

static int release_main(const struct device *d, void *arg)
{
	if (device_is(d, arg)) {
		guard_clear(d);
		udev_again(d->devno);
	}
	return 0;
}

static int forget(struct args *a)
{
	struct given_up *g = calloc(1, sizeof(*g));
	struct candidates list = { 0 };
	struct knowns known;
	struct tab t;
	int i, r;
	bool tabled;

	if (!g)
		return fail(RC_FAILED, "out of memory");
	tab_read(&t);
	known_read(&known);
	g->what = a->arg[0];
	tabled = tab_name(&t, g->what);
	r = candidates_find(&list, false);
	if (r)
		goto out;
	find(g, &known, &list);
	if (tabled)
		note("dmremap: /etc/dmremaptab has a line for '%s', which keeps its main device from use; remove it, too",
		     g->what);
	if (!tabled && !g->nr && !g->nr_spares)
		r = fail(RC_REFUSED, "no pair '%s' is known; known are the pairs of which a spare was seen, in /var/lib/dmremap/known",
			 g->what);
	if (!r && (g->nr || g->nr_spares))
		r = check_spares(a, g) ?: ask(a, g);
	if (!r) {
		lock_all(g);
		r = check_open(g);
	}
	for (i = 0; !r && i < g->nr_spares; i++) {
		r = erase(g->spare[i]);
		/* Main may be known by its spare alone. */
		if (!r && g->spare[i]->sb.identity[0])
			device_each(release_main, g->spare[i]->sb.identity);
	}
	for (i = 0; !r && i < g->nr; i++) {
		known_forget(g->k[i].uuid);
		closed_set(g->k[i].uuid, false);
		device_each(release_main, g->k[i].identity);
	}
out:
	candidates_free(&list);
	known_free(&known);
	tab_free(&t);
	while (g->nr_locks)
		opening_unlock(g->lock[--g->nr_locks]);
	free(g);
	return r;
}

const struct command cmd_forget = {
	.name = "forget",
	.group = "Setting up",
	.synopsis = "NAME|UUID",
	.summary = "let a main device be used without its spare",
	.text = "A main device whose spare was seen once is kept from use while the pair is not open: it has no links in /dev/disk/by-uuid, and mount, md, LVM and ZFS cannot take it. This forgets the pair. What is on the spare is missing on the main device. 'detach' forgets the pair by itself; after 'detach --to' the old main device is kept from use until it is forgotten, since what was on the spare is missing there.\nA spare that is connected is given up with --erase-spare only; its device is free for other use then.",
	.examples = "  dmremap forget data\n  dmremap forget data --erase-spare\n",
	.min_args = 1, .max_args = 1,
	.run = forget,
	.opts = { { "erase-spare", NULL, "erase the superblocks of its spare, which is here" },
		{ "yes", NULL, "do not ask" } },
};
