// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: where the sectors of a device-mapper or md device are below.
 */
#include "targets.h"

#include <sys/sysmacros.h>

#define MAX_WORDS	256

struct words {
	char *copy;
	char *w[MAX_WORDS];
	unsigned int nr;
};

static bool split(struct words *ws, const char *params)
{
	char *save = NULL, *word;

	ws->nr = 0;
	ws->copy = strdup(params);
	if (!ws->copy)
		return false;
	for (word = strtok_r(ws->copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (ws->nr == MAX_WORDS)
			return false;
		ws->w[ws->nr++] = word;
	}
	return true;
}

/* "8:16", as the kernel prints devices; "-" is none. */
static bool add_leg(struct spread_map *m, const char *dev, u64 start)
{
	unsigned int maj, min;
	char end;

	if (!strcmp(dev, "-"))
		return true;
	if (m->nr == MAX_LEGS ||
	    sscanf(dev, "%u:%u%c", &maj, &min, &end) != 2)
		return false;
	m->leg[m->nr++] = (struct leg){ .dev = makedev(maj, min),
					.start = start };
	return true;
}

/* "DEV OFFSET" from word @i on, @nr times. */
static bool add_pairs(struct spread_map *m, const struct words *ws,
		      unsigned int i, u64 nr)
{
	u64 start;

	if (!nr || nr > MAX_LEGS || i + 2 * nr > ws->nr)
		return false;
	for (; nr--; i += 2)
		if (!parse_u64(ws->w[i + 1], &start) ||
		    !add_leg(m, ws->w[i], start))
			return false;
	return true;
}

static bool number(const struct words *ws, unsigned int i, u64 *v)
{
	return i < ws->nr && parse_u64(ws->w[i], v);
}

/* raid1 <#params> <params> <#devs> [<meta dev> <data dev>]* */
static bool raid1(struct spread_map *m, const struct words *ws)
{
	u64 params, nr, i;

	if (!number(ws, 1, &params) || params > MAX_WORDS)
		return false;
	for (i = 2; i < 2 + params && i < ws->nr; i++)
		if (!strcmp(ws->w[i], "data_offset"))
			return false;
	if (!number(ws, 2 + params, &nr) || !nr || nr > MAX_LEGS ||
	    3 + params + 2 * nr > ws->nr)
		return false;
	for (i = 0; i < nr; i++)
		if (!add_leg(m, ws->w[4 + params + 2 * i], 0))
			return false;
	return m->nr;
}

static bool understand(struct spread_map *m, const char *type,
		       const struct words *ws)
{
	u64 nr, skip;

	if (!strcmp(type, "linear") || !strcmp(type, "delay") ||
	    !strcmp(type, "flakey"))
		return add_pairs(m, ws, 0, 1);
	if (!strcmp(type, "crypt"))
		return add_pairs(m, ws, 3, 1);
	if (!strcmp(type, "striped")) {
		m->spread = SPREAD_STRIPES;
		return number(ws, 0, &nr) && number(ws, 1, &m->chunk) &&
		       m->chunk && add_pairs(m, ws, 2, nr);
	}
	/* mirror <log type> <#log args> <log args> <#legs> [<dev> <offset>]* */
	if (!strcmp(type, "mirror"))
		return number(ws, 1, &skip) && skip < MAX_WORDS &&
		       number(ws, 2 + skip, &nr) &&
		       add_pairs(m, ws, 3 + skip, nr);
	if (!strcmp(type, "raid") && ws->nr && !strcmp(ws->w[0], "raid1"))
		return raid1(m, ws);
	return false;
}

bool target_map(struct spread_map *m, const char *type, const char *params)
{
	struct words ws;
	bool ok;

	memset(m, 0, sizeof(*m));
	ok = split(&ws, params) && understand(m, type, &ws);
	free(ws.copy);
	return ok;
}

static void stripes(const struct spread_map *m, u64 sector, u64 count,
		    leg_fn fn, void *arg)
{
	u64 offset = 0, n;

	for (; count; count -= n, sector += n, offset += n) {
		u64 chunk = sector / m->chunk, in = sector % m->chunk;
		const struct leg *l = &m->leg[chunk % m->nr];

		n = min(count, m->chunk - in);
		fn(arg, l, l->start + chunk / m->nr * m->chunk + in, n, offset);
	}
}

static void chain(const struct spread_map *m, u64 sector, u64 count,
		  leg_fn fn, void *arg)
{
	u64 before = 0, end = sector + count;
	unsigned int i;

	for (i = 0; i < m->nr; before += m->leg[i++].length) {
		const struct leg *l = &m->leg[i];
		u64 from = max(sector, before);
		u64 to = min(end, before + l->length);

		if (from < to)
			fn(arg, l, l->start + from - before, to - from,
			   from - sector);
	}
}

void spread_pieces(const struct spread_map *m, u64 sector, u64 count,
		   leg_fn fn, void *arg)
{
	unsigned int i;

	switch (m->spread) {
	case SPREAD_ALL:
		for (i = 0; i < m->nr; i++)
			fn(arg, &m->leg[i], m->leg[i].start + sector, count, 0);
		break;
	case SPREAD_STRIPES:
		stripes(m, sector, count, fn, arg);
		break;
	case SPREAD_CHAIN:
		chain(m, sector, count, fn, arg);
		break;
	}
}
