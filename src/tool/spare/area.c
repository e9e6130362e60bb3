// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: a spare area that the kernel does not use at the time.
 */
#include "area.h"
#include "devices/dm.h"
#include "face/tool.h"

#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

const char *area_uuid(const u8 *uuid)
{
	static char buf[4][37];
	static unsigned int n;
	char *s = buf[n++ % 4], *p = s;
	int i;

	for (i = 0; i < 16; i++)
		p += sprintf(p, "%s%02x",
			     i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			     uuid[i]);
	return s;
}

bool area_parse_uuid(const char *s, u8 *uuid)
{
	int i;

	for (i = 0; i < 16; i++) {
		unsigned int v;

		if (*s == '-')
			s++;
		if (!isxdigit((unsigned char)s[0]) ||
		    !isxdigit((unsigned char)s[1]) ||
		    sscanf(s, "%2x", &v) != 1)
			return false;
		uuid[i] = v;
		s += 2;
	}
	return !*s;
}

/*
 * Take the superblock at @at if it is newer than what we have. It counts only
 * where its own layout says that there is one.
 */
static void consider(struct area *a, u64 at, struct dmr_super *tmp, u8 *buf)
{
	unsigned int copy;

	if (at >= a->avail_blocks || env_read(&a->env, at, 1, buf) ||
	    dmr_super_decode(tmp, -1, buf) != DMR_OK ||
	    tmp->spare_start != a->env.start)
		return;
	for (copy = 0; copy < DMR_NR_SUPERS; copy++)
		if (dmr_layout_super(&tmp->layout, copy) == at)
			break;
	if (copy < DMR_NR_SUPERS && tmp->seq > a->sb.seq)
		a->sb = *tmp;
}

/* The first one, and those that it tells of even if it is torn. */
static void consider_first(struct area *a, struct dmr_super *tmp, u8 *buf)
{
	u64 at[DMR_NR_SUPERS];
	unsigned int i, nr;

	if (env_read(&a->env, 0, 1, buf))
		return;
	nr = dmr_super_hints(buf, at);
	consider(a, 0, tmp, buf);
	for (i = 0; i < nr; i++)
		consider(a, at[i], tmp, buf);
}

static void search(struct area *a, struct dmr_super *tmp, u8 *buf)
{
	const u32 run = 32;
	u8 *blocks = calloc(run, DMR_BLOCK_SIZE);
	struct progress p;
	u64 at, n, i;

	if (!blocks)
		return;
	progress_begin(&p, "searching", a->avail_blocks, 0);
	for (at = 0; at < a->avail_blocks; at += n) {
		n = min_t(u64, run, a->avail_blocks - at);
		progress_at(&p, at, NULL);
		if (env_read(&a->env, at, n, blocks)) {
			n = 1;
			if (env_read(&a->env, at, n, blocks))
				continue;
		}
		for (i = 0; i < n; i++) {
			enum dmr_verdict v;

			v = dmr_super_decode(tmp, -1,
					     blocks + i * DMR_BLOCK_SIZE);
			if (v == DMR_OK)
				consider(a, at + i, tmp, buf);
		}
	}
	progress_end(&p);
	free(blocks);
}

/* What is at the three places where the layout wants a superblock? */
static void judge_supers(struct area *a, struct dmr_super *tmp, u8 *buf)
{
	unsigned int copy;

	for (copy = 0; copy < DMR_NR_SUPERS; copy++) {
		if (env_read(&a->env, dmr_layout_super(&a->sb.layout, copy), 1,
			     buf)) {
			a->super[copy] = DMR_DAMAGED;
			continue;
		}
		a->super[copy] = dmr_super_decode(tmp, copy, buf);
		if (a->super[copy] != DMR_OK)
			continue;
		if (memcmp(tmp->uuid, a->sb.uuid, 16)) {
			a->super[copy] = DMR_FOREIGN;
			continue;
		}
		a->super_seq[copy] = tmp->seq;
		a->super_old[copy] = tmp->seq != a->sb.seq;
	}
}

static int find(struct area *a, const struct device *d, u64 start, int how,
		struct dmr_why *why)
{
	struct dmr_area want = { .spare_start = start };
	struct dmr_super *tmp;
	u8 *buf;
	int r;

	memset(a, 0, sizeof(*a));
	why->text[0] = '\0';
	strscpy(a->path, d->path, sizeof(a->path));
	if (start >= d->sectors ||
	    (d->sectors - start) >> DMR_BLOCK_SECTOR_SHIFT <
	    DMR_MIN_AREA_BLOCKS) {
		a->env.fd = -1;
		snprintf(why->text, sizeof(why->text), "there is no room for a spare area from sector %llu on (the device has %llu)",
			 ULL(start), ULL(d->sectors));
		return -ENOSPC;
	}
	a->avail_blocks = (d->sectors - start) >> DMR_BLOCK_SECTOR_SHIFT;
	r = env_open(&a->env, d->path, start, how & AREA_WRITE);
	if (r) {
		snprintf(why->text, sizeof(why->text), "%s", r == -EBUSY ?
			 "another dmremap writes to this spare area; wait for it" :
			 strerror(-r));
		return r;
	}
	a->env.quiet = true;
	tmp = calloc(1, sizeof(*tmp));
	buf = calloc(1, DMR_BLOCK_SIZE);
	if (!tmp || !buf) {
		r = -ENOMEM;
		goto out;
	}
	consider_first(a, tmp, buf);
	consider(a, dmr_layout_middle(a->avail_blocks), tmp, buf);
	consider(a, a->avail_blocks - 1, tmp, buf);
	if (!a->sb.seq && (how & AREA_SEARCH))
		search(a, tmp, buf);
	/* The store has the last word; ask for exactly what is there. */
	want.avail_blocks = a->avail_blocks;
	want.identity = want.label = "";
	if (a->sb.seq) {
		/* If it is truncated, the store has better words for that. */
		if (a->sb.layout.area_blocks <= a->avail_blocks)
			want.area_blocks = a->sb.layout.area_blocks;
		want.main_sectors = a->sb.main_sectors;
		want.main_lbs = a->sb.main_lbs;
	}
	r = dmr_store_probe(&a->env, &want, &a->sb, why);
	if (r == 1) {
		snprintf(why->text, sizeof(why->text), "there is no spare area of dm-remap at sector %llu",
			 ULL(start));
		r = -ENOENT;
	}
	if (!r)
		judge_supers(a, tmp, buf);
out:
	free(tmp);
	free(buf);
	return r;
}

int area_peek(struct area *a, const struct device *d, u64 start, int how)
{
	struct dmr_why why;
	int r = find(a, d, start, how, &why);

	if (r)
		area_close(a);
	return r;
}

int area_open(struct area *a, const struct device *d, u64 start, int how)
{
	struct dmr_why why;
	char name[128];
	int r;

	if ((how & AREA_WRITE) && area_in_kernel(d, start, name, sizeof(name)))
		return fail(RC_REFUSED, "%s is the spare of the open device '%s'; close it first ('dmremap close %s')",
			    d->path, name, name);
	if ((how & AREA_WRITE) && d->read_only)
		return fail(RC_REFUSED, "%s is read-only", d->path);
	r = find(a, d, start, how, &why);
	if (!r)
		return RC_OK;
	area_close(a);
	return fail(r == -EIO ? RC_FAILED : RC_REFUSED, "%s: %s%s", d->path,
		    why.text, (how & AREA_SEARCH) || r == -EMEDIUMTYPE ||
		    r == -EBUSY ? "" :
		    "; --start names another place, --search looks everywhere, and 'dmremap restore' writes metadata back that was kept");
}

void area_close(struct area *a)
{
	if (a->loaded)
		dmr_store_exit(&a->store);
	a->loaded = false;
	env_close(&a->env);
}

int area_blank(struct area *a)
{
	u8 zero[DMR_BLOCK_SIZE] = { 0 };
	unsigned int i;

	for (i = 0; i < DMR_NR_SUPERS; i++)
		if (a->super[i] == DMR_OK &&
		    env_write(&a->env, dmr_layout_super(&a->sb.layout, i), 1,
			      zero))
			return -EIO;
	return fdatasync(a->env.fd) ? -EIO : 0;
}

int area_load(struct area *a, struct dmr_why *why)
{
	why->text[0] = '\0';
	a->loaded = true;
	return dmr_store_load(&a->store, &a->env, &a->sb, !a->env.writable,
			      why);
}

/*--------------------------------------------------------------------
 * All areas of a device
 *--------------------------------------------------------------------
 */
typedef int (*area_fn)(struct area *a, const struct device *d, void *arg);

struct starts {
	u64 seen[256];
	int nr;
};

/* Return: what @fn said; *next is set to the sector behind the area. */
static int visit(const struct device *d, u64 start, struct starts *s,
		 area_fn fn, void *arg, u64 *next)
{
	struct area a;
	int i, r;

	*next = 0;
	for (i = 0; i < s->nr; i++)
		if (s->seen[i] == start)
			return 0;
	if (s->nr == ARRAY_SIZE(s->seen) || area_peek(&a, d, start, AREA_READ))
		return 0;
	s->seen[s->nr++] = start;
	*next = start + (a.sb.layout.area_blocks << DMR_BLOCK_SECTOR_SHIFT);
	r = fn(&a, d, arg);
	area_close(&a);
	return r;
}

/* The area that a superblock at @sector belongs to, wherever it starts. */
static int visit_owner(const struct device *d, u64 sector, struct starts *s,
		       area_fn fn, void *arg)
{
	struct dmr_super *sb = calloc(1, sizeof(*sb));
	u8 buf[DMR_BLOCK_SIZE];
	struct dmr_env env;
	int r = 0;
	u64 next;

	if (sb && !env_open(&env, d->path, sector, false) &&
	    !env_read(&env, 0, 1, buf) &&
	    dmr_super_decode(sb, -1, buf) == DMR_OK)
		r = visit(d, sb->spare_start, s, fn, arg, &next);
	env_close(&env);
	free(sb);
	return r;
}

int area_each(const struct device *d, bool deep, area_fn fn, void *arg)
{
	struct starts s = { .nr = 0 };
	u64 at = 0;
	int r = 0;

	do {
		r = visit(d, at, &s, fn, arg, &at);
	} while (!r && at && at < d->sectors);
	if (r || d->sectors < DMR_BLOCK_SECTORS)
		return r;
	at = round_down(d->sectors, DMR_BLOCK_SECTORS) - DMR_BLOCK_SECTORS;
	r = visit_owner(d, at, &s, fn, arg);
	for (at = 0; deep && !r && at + DMR_BLOCK_SECTORS <= d->sectors;
	     at += DMR_BLOCK_SECTORS)
		r = visit_owner(d, at, &s, fn, arg);
	return r;
}

bool area_in_kernel(const struct device *d, u64 start, char *name, size_t size)
{
	struct remap *list;
	bool found = false;
	int nr, i;

	if (!d->is_block || geteuid() || remap_list(&list, &nr))
		return false;
	for (i = 0; i < nr; i++) {
		if (list[i].spare != d->devno || list[i].spare_start != start)
			continue;
		strscpy(name, list[i].name, size);
		found = true;
	}
	free(list);
	return found;
}
