// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists: what a file has of which disk, and which of it is wanted.
 */
#include "parse.h"

struct document *document_new(struct parser *p, u64 unit)
{
	struct document *d = calloc(1, sizeof(*d));

	if (!d) {
		p->no_memory = true;
		snprintf(p->why, p->size, "there is not enough memory for it");
		return NULL;
	}
	d->unit = unit;
	d->next = p->docs;
	p->docs = d;
	return d;
}

void documents_free(struct parser *p)
{
	struct document *d, *next;

	for (d = p->docs; d; d = next) {
		next = d->next;
		ranges_free(&d->bad);
		ranges_free(&d->good);
		ranges_free(&d->summary);
		free(d);
	}
	p->docs = NULL;
}

bool document_add(struct parser *p, struct ranges *rs, u64 start, u64 count)
{
	u64 end;

	if (!count)
		return true;
	if (__builtin_add_overflow(start, count, &end) || end > INT64_MAX)
		return false;
	if (!ranges_add(rs, start, count))
		p->no_memory = true;
	return true;
}

bool document_bad(struct parser *p, u64 start, u64 count)
{
	return document_add(p, &p->docs->bad, start, count);
}

bool nvme_medium(u64 type, u64 code)
{
	/* write fault, unrecovered read error */
	return type == 2 && (code == 0x80 || code == 0x81);
}

bool document_entry(struct parser *p, u64 lba, u32 nsid)
{
	struct document *d = p->docs;

	/* All ones: the entry is of all namespaces, or of none. */
	if (nsid && nsid != U32_MAX) {
		if (p->disk->nsid && nsid != p->disk->nsid) {
			d->other_ns++;
			return true;
		}
		if (!d->nsid)
			d->nsid = nsid;
		else if (d->nsid != nsid)
			d->second_nsid = nsid;
	}
	return document_bad(p, lba, 1);
}

/*--------------------------------------------------------------------
 * Whose is it?
 *--------------------------------------------------------------------
 */
static const char *skip(const char *s)
{
	while (*s == ' ' || *s == '_' || *s == '\t')
		s++;
	return s;
}

bool list_same_name(const char *a, const char *b)
{
	for (a = skip(a), b = skip(b); *a && *b; a = skip(a + 1), b = skip(b + 1))
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
	return !*a && !*b;
}

static bool both(const char *a, const char *b)
{
	return *skip(a) && *skip(b);
}

static enum list_whose whose(const struct parser *p, const struct document *d,
			     u64 *start)
{
	const struct list_disk *disk = p->disk;
	bool same = false, known = false;

	*start = 0;
	if (d->pair_sectors && disk->pair_sectors &&
	    d->pair_sectors != disk->pair_sectors)
		return LIST_OTHERS;
	if (both(d->pair, disk->pair))
		return list_same_name(d->pair, disk->pair) ? LIST_OURS :
		       LIST_OTHERS;
	if (both(d->serial, disk->serial)) {
		known = true;
		same |= list_same_name(d->serial, disk->serial);
	}
	if (both(d->wwn, disk->wwn)) {
		known = true;
		same |= list_same_name(d->wwn, disk->wwn);
	}
	if (known)
		return same ? LIST_OURS : LIST_OTHERS;
	if (d->member[0])
		return LIST_OTHERS;
	if (d->bytes && disk->bytes && d->bytes != disk->bytes)
		return LIST_OTHERS;
	if (!d->name[0] || !disk->whose)
		return LIST_NOBODYS;
	return disk->whose(disk, d->name, start);
}

/* "/dev/sdc: MODEL, serial number X, 24 TiB" */
static void describe(const struct document *d, char *s, size_t size)
{
	int n = 0;

#define ADD(...)	do { if (n < (int)size) \
			n += snprintf(s + n, size - n, __VA_ARGS__); } while (0)
	s[0] = '\0';
	if (d->name[0])
		ADD("%s", d->name);
	if (d->member[0])
		ADD("%smember '%s' of a RAID controller", n ? ", " : "",
		    d->member);
	if (d->model[0])
		ADD("%s%s", n ? ", " : "", d->model);
	if (d->serial[0])
		ADD("%sserial number %s", n ? ", " : "", d->serial);
	if (d->pair[0])
		ADD("%smain device %s", n ? ", " : "", d->pair);
	if (d->pair_sectors)
		ADD("%s%llu sectors", n ? ", " : "",
		    (unsigned long long)d->pair_sectors);
	if (d->bytes)
		ADD("%s%s", n ? ", " : "", human_size(d->bytes >> 9));
	if (!n)
		ADD("a disk without a name");
#undef ADD
}

void list_note(struct list *l, const char *fmt, ...)
{
	size_t n = strlen(l->note);
	va_list ap;

	if (n && n < sizeof(l->note) - 3)
		n += snprintf(l->note + n, sizeof(l->note) - n, "; ");
	va_start(ap, fmt);
	vsnprintf(l->note + n, sizeof(l->note) - n, fmt, ap);
	va_end(ap);
}

/* Into bytes, and from there into whole sectors. False: impossible. */
static bool convert(struct parser *p, struct ranges *to,
		    const struct ranges *from, u64 unit, u64 add)
{
	size_t i;

	for (i = 0; i < from->nr; i++) {
		u64 start, len, end;

		if (__builtin_mul_overflow(from->r[i].start, unit, &start) ||
		    __builtin_mul_overflow(from->r[i].count, unit, &len) ||
		    __builtin_add_overflow(start, len, &end) ||
		    end > INT64_MAX - 511 - (add << 9)) {
			snprintf(p->why, p->size, "there is no block %llu on any disk",
				 (unsigned long long)from->r[i].start);
			return false;
		}
		end = (end + 511) / 512;
		if (!ranges_add(to, add + start / 512, end - start / 512))
			p->no_memory = true;
	}
	return true;
}

static bool take(struct parser *p, struct document *d, struct list *l,
		 enum list_whose w, u64 start)
{
	u64 unit = d->unit ?: p->disk->lbs ?: 512;

	if (d->second_nsid) {
		snprintf(p->why, p->size, "it has errors of namespaces %u and %u, and which one this is cannot be told",
			 d->nsid, d->second_nsid);
		return false;
	}
	/* A member of an array counts from the start of its partition. */
	if (w == LIST_OURS && d->name[0] && !d->whole_disk)
		l->whole_disk = true;
	else
		start = 0;
	l->whole_disk |= d->whole_disk;
	l->granule = DIV_ROUND_UP(unit, 512);
	if (d->unlisted)
		list_note(l, "the drive counts %llu more pending defects, but does not name them",
			 (unsigned long long)d->unlisted);
	if (d->cut)
		list_note(l, "%llu errors are beyond what this log can say; use 'smartctl -x', which reads the longer one",
			 (unsigned long long)d->cut);
	else if (d->summary.nr && !d->long_log && p->disk->bytes >> 37)
		list_note(l, "this error log keeps 28 bits of an LBA only; use 'smartctl -x', which reads the longer one");
	if (d->other_errors)
		list_note(l, "%llu errors are not about the medium and were left out",
			 (unsigned long long)d->other_errors);
	if (d->other_ns)
		list_note(l, "%llu errors of other namespaces were left out",
			 (unsigned long long)d->other_ns);
	if (d->says[0])
		list_note(l, "the list may not be all: %s", d->says);
	return convert(p, &l->bad, &d->bad, unit, start) &&
	       convert(p, &l->good, &d->good, unit, start) &&
	       (d->long_log || convert(p, &l->bad, &d->summary, unit, start));
}

static void all_names(const struct parser *p, char *s, size_t size)
{
	char one[300];
	const struct document *d;
	size_t n = 0;

	s[0] = '\0';
	for (d = p->docs; d; d = d->next) {
		if (!d->log)
			continue;
		describe(d, one, sizeof(one));
		n += snprintf(s + n, size - n, "%s%s", n ? "; " : "", one);
		if (n >= size)
			break;
	}
}

bool documents_choose(struct parser *p, struct list *l, const char *advice)
{
	unsigned int ours = 0, others = 0, nobodys = 0;
	const char *says = "";
	struct document *d, *next;
	char names[600], one[300];
	u64 start;

	/* As they are in the file. */
	for (d = p->docs, p->docs = NULL; d; d = next) {
		next = d->next;
		d->next = p->docs;
		p->docs = d;
	}
	for (d = p->docs; d; d = d->next) {
		if (d->says[0])
			says = d->says;
		if (!d->log)
			continue;
		switch (whose(p, d, &start)) {
		case LIST_OURS: ours++; break;
		case LIST_OTHERS: others++; break;
		case LIST_NOBODYS: nobodys++; break;
		}
	}
	if (!ours && !others && !nobodys) {
		snprintf(p->why, p->size, "there is no list of bad blocks in it%s%s; %s",
			 says[0] ? ": " : "", says, advice ?: "is it another file?");
		return false;
	}
	all_names(p, names, sizeof(names));
	if (!ours && others + nobodys > 1) {
		snprintf(p->why, p->size, "it has the lists of %u devices, and none of them can be told to be %s: %s",
			 others + nobodys, p->disk->name[0] ? p->disk->name :
			 "this one", names);
		return false;
	}
	if (!ours && others && !p->disk->any) {
		snprintf(p->why, p->size, "it is the list of another disk (%s), not of %s%s%s; if it is the right one all the same, give --any-disk",
			 names, p->disk->name[0] ? p->disk->name : "this one",
			 p->disk->serial[0] ? ", serial number " : "",
			 p->disk->serial);
		return false;
	}
	for (d = p->docs; d; d = d->next) {
		enum list_whose w = whose(p, d, &start);

		if (!d->log)
			continue;
		if (ours && w != LIST_OURS) {
			describe(d, one, sizeof(one));
			list_note(l, "what is of %s was left out", one);
		} else if (!take(p, d, l, w, start)) {
			return false;
		}
	}
	return true;
}
