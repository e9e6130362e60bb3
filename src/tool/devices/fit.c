// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: is a main device as the spare has recorded it?
 */
#include "fit.h"

#define ULL(x)	((unsigned long long)(x))

struct main_record record_of(const struct dmr_super *sb)
{
	return (struct main_record){
		.identity = sb->identity,
		.sectors = sb->main_sectors,
		.lbs = sb->main_lbs,
		.placed = sb->main_flags & DMR_MAIN_PLACE,
		.start = sb->main_start,
	};
}

__printf(4, 5)
static void add(char *what, size_t size, size_t *n, const char *fmt, ...)
{
	va_list ap;

	if (*n && *n < size)
		*n += snprintf(what + *n, size - *n, ", ");
	if (*n >= size)
		return;
	va_start(ap, fmt);
	*n += vsnprintf(what + *n, size - *n, fmt, ap);
	va_end(ap);
}

bool main_fits(const struct main_record *r, const struct device *d, char *what,
	       size_t size)
{
	size_t n = 0;

	what[0] = '\0';
	if (r->identity[0] && !device_is(d, r->identity))
		add(what, size, &n, "it is '%s', recorded is '%s'",
		    d->nr_identities ? device_identity(d) : "without identity",
		    r->identity);
	if (r->sectors != d->sectors)
		add(what, size, &n, "it has %llu sectors, recorded are %llu",
		    ULL(d->sectors), ULL(r->sectors));
	if (r->lbs && r->lbs != d->lbs)
		add(what, size, &n, "its logical blocks have %u bytes, recorded are %u",
		    d->lbs, r->lbs);
	if (r->placed && r->start != d->part_start)
		add(what, size, &n, "it starts at sector %llu of its disk, recorded is %llu",
		    ULL(d->part_start), ULL(r->start));
	return !n;
}

int spare_fits(const struct device *spare, u64 start, const struct device *main)
{
	u32 unit = min_t(u32, spare->pbs, DMR_BLOCK_SIZE);
	u32 within;

	if (main->lbs && spare->lbs > main->lbs)
		return fail(RC_REFUSED, "%s has sectors of %u bytes, the main device of %u: a spare's must not be larger; name another device",
			    spare->path, spare->lbs, main->lbs);
	if (!unit)
		return RC_OK;
	within = ((start << 9) + unit - spare->aligned % unit) % unit;
	if (within)
		return fail(RC_REFUSED, "the spare area would start %u bytes within a physical block of %s (of %u bytes), and writing a slot could damage its neighbour; name a partition that starts with one, or another device",
			    within, spare->path, spare->pbs);
	return RC_OK;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	const char *p;

	for (p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

void kstat_look(struct kstat *k, const struct remap *m)
{
	struct main_record r = {
		.identity = k->identity,
		.sectors = k->main_sectors,
		.lbs = k->main_lbs,
		.placed = k->main_start[0],
		.start = strtoull(k->main_start, NULL, 10),
	};
	struct device d;

	k->ro_asked = has_word(m->features, "read_only") || m->read_only;
	k->ro_users = m->read_only;
	/* What was asked for by name is what it is. */
	if (has_word(m->features, "identity"))
		r.identity = "";
	if (!k->main_gone && !device_known(m->main, &d))
		main_fits(&r, &d, k->differs, sizeof(k->differs));
}
