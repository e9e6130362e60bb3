// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: which spare areas there are, and which main devices they are for.
 */
#include "pairing.h"
#include "copy/copy.h"
#include "devices/extents.h"
#include "devices/fit.h"

#include <sys/sysmacros.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

struct lookup {
	struct candidates *list;
	bool deep;
	const char *uuid;	/* of the areas that are wanted, or NULL */
	/* For find_mains() */
	const char *identity;
	struct device *mains;
	int nr;
};

static int add_candidate(struct area *a, const struct device *d, void *arg)
{
	const struct lookup *l = arg;
	struct candidates *list = l->list;
	struct candidate **more, *c;

	if (l->uuid && strcmp(l->uuid, area_uuid(a->sb.uuid)))
		return 0;
	more = realloc(list->c, (list->nr + 1) * sizeof(*more));
	c = calloc(1, sizeof(*c));
	if (!more || !c)
		return -ENOMEM;
	c->spare = *d;
	c->sb = a->sb;
	/* Somebody may use the device for something else now. */
	if (a->super[0] != DMR_OK && !a->sb.spare_start) {
		device_find_content(&c->spare);
		c->overwritten = c->spare.content[0];
	}
	list->c = more;
	list->c[list->nr++] = c;
	return 0;
}

static int look_on(const struct device *d, void *arg)
{
	struct lookup *l = arg;

	area_each(d, l->deep, add_candidate, l);
	return 0;
}

static int match_main(const struct device *d, void *arg)
{
	struct lookup *l = arg;
	struct device *more;

	if (!device_is(d, l->identity))
		return 0;
	more = realloc(l->mains, (l->nr + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->mains = more;
	more[l->nr++] = *d;
	return 0;
}

int find_mains(const char *identity, struct device **list)
{
	struct lookup l = { .identity = identity };

	if (identity[0])
		device_each(match_main, &l);
	*list = l.mains;
	return l.nr;
}

void say_mains(const struct device *list, int nr, const char *name,
	       const char *spare, char *text, size_t size)
{
	size_t n = 0;
	int i;

	n += snprintf(text, size, "%d devices bear the name of its main device:",
		      nr);
	for (i = 0; i < nr && n < size; i++)
		n += snprintf(text + n, size - n, "%s %s", i ? " and" : "",
			      device_whereabouts(&list[i]));
	if (n < size)
		snprintf(text + n, size - n, "; name the right one: 'dmremap open %s %s %s --this-main'",
			 name, list[0].port[0] == '/' ? list[0].port : "MAIN",
			 spare);
}

/* Is device @a what device @b is made of? */
static bool holds(const struct device *b, const struct device *a)
{
	char path[128], to[PATH_MAX];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(b->devno),
		 minor(b->devno));
	n = readlink(path, to, sizeof(to) - 1);
	if (n <= 0)
		return false;
	to[n] = '\0';
	name = strrchr(to, '/') + 1;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders/%s",
		 major(a->devno), minor(a->devno), name);
	return !access(path, F_OK);
}

static void drop(struct candidates *list, int i)
{
	free(list->c[i]->mains);
	free(list->c[i]);
	list->c[i] = list->c[--list->nr];
}

static void compare_copies(struct candidates *list)
{
	int i, j;

	/* What is seen through another device that is made of it. */
	for (i = 0; i < list->nr; i++)
		for (j = 0; j < list->nr; j++)
			if (i != j && !memcmp(list->c[i]->sb.uuid,
					      list->c[j]->sb.uuid, 16) &&
			    holds(&list->c[j]->spare, &list->c[i]->spare)) {
				drop(list, i--);
				break;
			}
	for (i = 0; i < list->nr; i++)
		for (j = 0; j < list->nr; j++) {
			struct candidate *a = list->c[i], *b = list->c[j];

			if (i == j || memcmp(a->sb.uuid, b->sb.uuid, 16))
				continue;
			if (a->sb.activations < b->sb.activations)
				a->newer = b;
			else if (a->sb.activations == b->sb.activations)
				a->twin = b;
		}
}

/*
 * Two copies, as often activated: left by a crash in 'replace'. As long as
 * nobody has written to either, they are equal, and the first will do.
 */
static void settle_twins(struct candidates *list)
{
	int i;

	for (i = 0; i < list->nr; i++) {
		struct candidate *a = list->c[i];
		struct candidate *b = (struct candidate *)a->twin;

		if (!b || a->newer || b->newer || b->twin != a)
			continue;
		if (a->open_as[0] && b->open_as[0])
			continue;
		if (a->open_as[0])
			b->newer = a;
		else if (b->open_as[0])
			a->newer = b;
		else if (areas_equal(&a->spare, a->sb.spare_start, &b->spare,
				     b->sb.spare_start) == 1)
			b->newer = a;
		else
			continue;
		a->twin = b->twin = NULL;
	}
}

/* Their main devices, which are open, and which are copies of each other. */
static void complete(struct candidates *list, const struct remap *open, int nr)
{
	int i, j;

	for (i = 0; i < list->nr; i++) {
		struct candidate *c = list->c[i];

		c->nr_mains = find_mains(c->sb.identity, &c->mains);
		if (c->nr_mains) {
			struct main_record rec = record_of(&c->sb);

			c->main = c->mains[0];
			main_fits(&rec, &c->main, c->differs,
				  sizeof(c->differs));
		}
		for (j = 0; j < nr; j++) {
			if (open[j].spare != c->spare.devno ||
			    open[j].spare_start != c->sb.spare_start)
				continue;
			strscpy(c->open_as, open[j].name, sizeof(c->open_as));
			strscpy(c->main.path, open[j].main_path,
				sizeof(c->main.path));
		}
	}
	compare_copies(list);
	settle_twins(list);
}

int candidates_find(struct candidates *list, bool deep)
{
	struct lookup l = { .list = list, .deep = deep };
	struct remap *open = NULL;
	int r, nr = 0;

	memset(list, 0, sizeof(*list));
	r = remap_list(&open, &nr);
	if (r)
		return r;
	device_each(look_on, &l);
	complete(list, open, nr);
	free(open);
	return RC_OK;
}

int candidates_on(struct candidates *list, const dev_t *devno, int nr,
		  const char *uuid)
{
	struct lookup l = { .list = list, .uuid = uuid };
	struct remap *open = NULL;
	struct device d;
	int i, r, nr_open = 0;

	memset(list, 0, sizeof(*list));
	r = remap_list(&open, &nr_open);
	if (r)
		return r;
	for (i = 0; i < nr; i++)
		if (!device_known(devno[i], &d))
			look_on(&d, &l);
	complete(list, open, nr_open);
	free(open);
	return RC_OK;
}

void candidates_free(struct candidates *list)
{
	while (list->nr)
		drop(list, list->nr - 1);
	free(list->c);
	list->c = NULL;
}

const char *candidate_name(const struct candidate *c)
{
	static char name[DM_NAME];
	char *p;

	if (c->name[0])
		strscpy(name, c->name, sizeof(name));
	else if (c->sb.label[0])
		strscpy(name, c->sb.label, sizeof(name));
	else
		snprintf(name, sizeof(name), "remap-%.8s",
			 area_uuid(c->sb.uuid));
	for (p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_.+-", *p))
			*p = '_';
	return name;
}

int features(const struct args *a, const char *identity, char *buf,
	     size_t size)
{
	u64 retries, low, budget, count, seconds;
	int n = 0, len = 0, r;
	char text[600] = "";
	const char *s, *comma;
	char first[32];

#define FEATURE(args, ...)	do { n += (args); \
		len += snprintf(text + len, sizeof(text) - len, __VA_ARGS__); \
	} while (0)
	r = opt_u64(a, "read-retries", &retries) ?: opt_u64(a, "low-water", &low) ?:
	    opt_u64(a, "budget", &budget);
	if (r)
		return r;
	if (opt(a, "read-only"))
		FEATURE(1, " read_only");
	if (opt(a, "read-retries")) {
		if (retries > 100)
			return fail(RC_USAGE, "--read-retries: at most 100");
		FEATURE(2, " read_retries %llu", ULL(retries));
	}
	if (opt(a, "budget")) {
		if (budget > U32_MAX)
			return fail(RC_USAGE, "--budget: at most %u milliseconds", U32_MAX);
		FEATURE(2, " budget %llu", ULL(budget));
	}
	s = opt(a, "breaker");
	if (s) {
		comma = strchr(s, ',');
		if (!comma || comma - s >= (int)sizeof(first))
			return fail(RC_USAGE, "--breaker: '%s' is not COUNT,SECONDS, as in 100,60",
				    s);
		memcpy(first, s, comma - s);
		first[comma - s] = '\0';
		if (!parse_u64(first, &count) || !parse_u64(comma + 1, &seconds) ||
		    count >= U32_MAX || seconds > U32_MAX)
			return fail(RC_USAGE, "--breaker: '%s' is not COUNT,SECONDS, as in 100,60",
				    s);
		FEATURE(3, " breaker %llu %llu", ULL(count), ULL(seconds));
	}
	if (opt(a, "low-water")) {
		if (low > U32_MAX)
			return fail(RC_USAGE, "--low-water: that is more slots than a spare can have");
		FEATURE(2, " low_water %llu", ULL(low));
	}
	if (opt(a, "main-grown"))
		FEATURE(1, " main_grown");
	if (identity && identity[0])
		FEATURE(2, " identity %s", identity);
#undef FEATURE
	buf[0] = '\0';
	if (n)
		snprintf(buf, size, " %d%s", n, text);
	return RC_OK;
}

u64 target_length(const struct device *main, const struct device *spare,
		  u64 spare_start)
{
	u64 len = main->sectors;
	u64 at = spare->part_start + spare_start;

	/* A disk that keeps its own spares ends where they begin. */
	if (main->whole == spare->whole && at >= main->part_start)
		len = min(len, at - main->part_start);
	return len;
}

int spare_is_free(const struct device *d, u64 start, u64 len,
		  const char *instead)
{
	bool shared = false;
	struct remap *list;
	int i, nr, r;

	r = remap_list(&list, &nr);
	for (i = 0; !r && i < nr; i++) {
		char *reply = NULL;
		struct kstat k;

		if (list[i].main == d->devno) {
			shared = true;
			if (start < list[i].sectors)
				r = fail(RC_REFUSED, "%s is the main device of '%s' up to sector %llu; %s",
					 d->path, list[i].name,
					 ULL(list[i].sectors - 1), instead);
		}
		if (list[i].spare != d->devno)
			continue;
		shared = true;
		if (remap_message(list[i].name, &reply, true, "status") ||
		    !kstat_parse(&k, reply))
			k.spare_length = d->sectors;
		free(reply);
		if (start < list[i].spare_start + k.spare_length &&
		    list[i].spare_start < start + len)
			r = fail(RC_REFUSED, "sectors %llu to %llu of %s are the spare area of the open device '%s'; %s",
				 ULL(list[i].spare_start),
				 ULL(list[i].spare_start + k.spare_length - 1),
				 d->path, list[i].name, instead);
	}
	free(list);
	if (!r && !shared && device_in_use(d))
		r = fail(RC_REFUSED, "%s is in use: %s; end that, or name another device",
			 d->path, d->used_by);
	return r;
}

const char *say_blocks(struct area *area)
{
	static char text[300];
	struct dmr_why why;
	int r = area_load(area, &why);

	if (r)
		snprintf(text, sizeof(text), "an unknown number of blocks (%s)",
			 why.text[0] ? why.text : strerror(-r));
	else
		snprintf(text, sizeof(text), "%u blocks", area->store.nr_live);
	return text;
}

static bool find_spare(const struct device *d, u64 start, char *what,
		       size_t size)
{
	struct area old;

	if (area_peek(&old, d, start, AREA_READ))
		return false;
	snprintf(what, size, "a spare area of dm-remap%s%s, for the main device %s, with %s, activated %llu times",
		 old.sb.label[0] ? " labelled " : "", old.sb.label,
		 old.sb.identity[0] ? old.sb.identity : "(unnamed)",
		 say_blocks(&old), ULL(old.sb.activations));
	area_close(&old);
	return true;
}

int spare_occupant(const struct device *d, u64 start,
		   const struct dmr_layout *l, const struct device *main,
		   char *what, size_t size)
{
	u64 len = l->area_blocks * 8;
	const struct extent *over;
	struct extents *x = calloc(1, sizeof(*x));
	u8 buf[DMR_BLOCK_SIZE];
	struct dmr_env env;
	unsigned int i;
	int r = RC_OK;

	what[0] = '\0';
	if (!x || extents_of(d, x)) {
		free(x);
		return fail(RC_FAILED, "%s: what is on it cannot be found out",
			    d->path);
	}
	over = extents_find(x, start, len);
	if (over && main->whole == d->whole &&
	    (d->devno == main->devno || !d->partition))
		r = fail(RC_REFUSED, "sectors %llu to %llu of %s overlap %s there (sectors %llu to %llu); %s",
			 ULL(start), ULL(start + len - 1), d->path, over->what,
			 ULL(over->start), ULL(over->start + over->len - 1),
			 ELSEWHERE);
	else if (find_spare(d, start, what, size))
		;
	else if (over && over->kind == EXTENT_PARTITION)
		snprintf(what, size, "%s (sectors %llu to %llu)", over->what,
			 ULL(over->start), ULL(over->start + over->len - 1));
	else if (over)
		snprintf(what, size, "%s", d->content[0] ? d->content :
			 over->what);
	free(x);
	if (r || what[0])
		return r;
	/* Without a signature, but not blank either. */
	if (!env_open(&env, d->path, start, false))
		for (i = 0; i < DMR_NR_SUPERS && !what[0]; i++)
			if (!env_read(&env, dmr_layout_super(l, i), 1, buf) &&
			    memchr_inv(buf, 0, sizeof(buf)))
				snprintf(what, size, "data of unknown kind");
	env_close(&env);
	return RC_OK;
}
