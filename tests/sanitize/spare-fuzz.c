// SPDX-License-Identifier: GPL-2.0-only
/*
 * spare-fuzz: gives the kernel spares that somebody has tampered with.
 *
 * From real pairs of a main and a spare device it makes, for each seed, a
 * spare that is wrong in some way, activates it, reads all, writes, asks and
 * removes. The kernel's own checks must find nothing (that is for the caller to
 * look up), nothing may hang, and what is read is right, as far as it can be:
 *
 *   damage   metadata that is overwritten or mixed up; all that can be read is
 *            the newest data
 *   data     slots that are overwritten; what is on the main device is right
 *   hostile  metadata with a good checksum and any contents
 *   valid    metadata that could be true: fields in their range, copies that are both
 *            valid and disagree; nearly all of it is accepted
 *   noise    anything
 *
 * In all cases, what was written through the device is read back, or an error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* For its private functions and structures, as in tests/vm/meta.c. */
#include "../../src/core/dm-remap-format.c"

#define CHUNK		128U		/* sectors read at a time */
#define HANG		120		/* seconds for one spare */

static const char usage_text[] =
"Usage: spare-fuzz [-t SECONDS] MAIN RAW SPARE SEED COUNT BASE...\n"
"  MAIN   the device below dm-remap, whose bad blocks fail writes\n"
"  RAW    the same without the bad blocks, to restore it\n"
"  BASE   BASE.main and BASE.spare are what a pair of devices held\n"
"One spare for each seed from SEED on, for no longer than SECONDS. Exit status: 0, 1 data was wrong, 2 wrong\n"
"usage, 3 something hung, 4 the test itself failed.\n";

struct base {
	const char *name;
	u8 *main, *spare;
	u8 *truth;		/* what the device holds when nothing is wrong */
	bool *readable;
	bool *remapped;		/* the data is on the spare, if only a copy */
	struct dmr_super sb;
};

enum kind { DAMAGE, DATA, HOSTILE, VALID, NOISE, NR_KINDS };
static const char * const kind_name[] = { "damage", "data", "hostile", "valid", "noise" };

static const char *main_dev, *spare_dev;
static u64 main_sectors, spare_bytes;
static int raw = -1, spare = -1;
static u64 seed;
static enum kind kind;
static const struct base *base;
static volatile u64 beat;
static u8 *image, *buf;
static u64 rng;

/* What the device must hold: as the base, unless a write has changed it. */
enum expect { FIXED, ANYTHING };
static u8 *want;
static u8 *expect;

static void __attribute__((noreturn, format(printf, 2, 3)))
die(int status, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "spare-fuzz: seed %llu (%s of %s): ", seed,
		kind_name[kind], base ? base->name : "nothing");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(status);
}

#include "device.h"

static void *watchdog(void *unused)
{
	u64 seen = beat;

	(void)unused;
	for (;;) {
		sleep(HANG);
		if (beat == seen)
			die(3, "hangs");
		seen = beat;
	}
}

/* splitmix64 */
static u64 next(void)
{
	u64 z = rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static u64 below(u64 n)
{
	return next() % n;
}

/*--------------------------------------------------------------------
 * I/O through the device
 *--------------------------------------------------------------------
 */

static int get(u64 at, u32 n)
{
	return pread(dev, buf, n * 512, at * 512) == (ssize_t)n * 512 ? 0 : -1;
}

static void compare(u64 at, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (expect[at + i] == FIXED &&
		    memcmp(buf + i * 512, want + (at + i) * 512, 512))
			die(1, "sector %llu is wrong", at + i);
}

/* Reads a range in ever smaller pieces. */
static void read_range(u64 at, u32 n)
{
	u32 i, piece = n > 8 ? 8 : 1;

	if (!get(at, n))
		compare(at, n);
	else if (n > 1)
		for (i = 0; i < n; i += piece)
			read_range(at + i, piece);
}

static void read_all(void)
{
	u64 at;

	for (at = 0; at < main_sectors; at += CHUNK)
		read_range(at, CHUNK);
}

static void write_some(void)
{
	u32 n = 1 + below(below(4) ? 8 : 64), i;
	u64 at = below(main_sectors - n);
	bool ok;

	for (i = 0; i < n * 64; i++)
		((u64 *)buf)[i] = next();
	for (i = 0; i < n; i++)
		memcpy(want + (at + i) * 512, buf + i * 512, 512);
	ok = pwrite(dev, buf, n * 512, at * 512) == (ssize_t)n * 512;
	/* After a failed one it is the old or the new. */
	memset(expect + at, ok ? FIXED : ANYTHING, n);
	read_range(at, n);
}

/*--------------------------------------------------------------------
 * Where things are on the spare
 *--------------------------------------------------------------------
 */

static u8 *block_at(u64 nr)
{
	return image + (nr * DMR_BLOCK_SIZE) % spare_bytes;
}

static u8 *any_super(void)
{
	return block_at(dmr_layout_super(&base->sb.layout, below(3)));
}

static u8 *any_table(void)
{
	const struct dmr_layout *l = &base->sb.layout;

	return block_at(dmr_layout_table(l, below(2), below(l->nr_tables)));
}

static u8 *any_metadata(void)
{
	return below(3) ? any_table() : any_super();
}

static u8 *any_slot(void)
{
	const struct dmr_layout *l = &base->sb.layout;

	return block_at(dmr_layout_slot(l, below(below(2) ? l->nr_slots : 40)));
}

/*--------------------------------------------------------------------
 * Mutations
 *--------------------------------------------------------------------
 */

static void noise(u8 *p, u32 len)
{
	while (len--)
		*p++ = next();
}

static void exchange(u8 *a, u8 *b, u32 len)
{
	u8 tmp[DMR_BLOCK_SIZE];

	memcpy(tmp, a, len);
	memmove(a, b, len);
	memcpy(b, tmp, len);
}

static void damage(u8 *(*pick)(void))
{
	u8 *b = pick(), *other = pick();
	u32 sector = below(8) * 512;

	switch (below(8)) {
	case 0:
		b[below(DMR_BLOCK_SIZE)] ^= 1 << below(8);
		break;
	case 1:		/* where something is */
		b[below(704)] ^= 1 << below(8);
		break;
	case 2:
		noise(b + below(64) * 64, 1 + below(64));
		break;
	case 3:
		memset(b + sector, 0, 512);
		break;
	case 4:
		memset(b, below(2) ? 0 : 0xff, DMR_BLOCK_SIZE);
		break;
	case 5:
		exchange(b, other, DMR_BLOCK_SIZE);
		break;
	case 6:		/* torn */
		memcpy(b + sector, other + sector, 512);
		break;
	default:
		memmove(b, other, DMR_BLOCK_SIZE);
		break;
	}
}

static u64 interesting(u64 old)
{
	static const u64 edge[] = {
		0, 1, 2, 7, 8, 31, 32, 33, 251, 252, 253, 255, 256, 0x7fff,
		0xffff, 0x7fffffff, 0x80000000, 0xbfffffff, 0xc0000000,
		0xffffffff, 1ULL << 32, (1ULL << 36) - 1, 1ULL << 36,
		1ULL << 52, 1ULL << 55, 1ULL << 60, 1ULL << 63, ~0ULL, ~0ULL - 7,
	};

	switch (below(5)) {
	case 0:
		return old + below(17) - 8;
	case 1:
		return next() >> below(64);
	case 2:
		return old ^ 1ULL << below(64);
	default:
		return edge[below(sizeof(edge) / sizeof(edge[0]))];
	}
}

/* The structures are packed. */
static void tamper64(void *p)
{
	__le64 v;

	memcpy(&v, p, sizeof(v));
	v = cpu_to_le64(interesting(le64_to_cpu(v)));
	memcpy(p, &v, sizeof(v));
}

static void tamper32(void *p)
{
	__le32 v;

	memcpy(&v, p, sizeof(v));
	v = cpu_to_le32(interesting(le32_to_cpu(v)));
	memcpy(p, &v, sizeof(v));
}

static void tamper_super(struct dmr_disk_super *d)
{
	switch (below(16)) {
	case 0: tamper32(&d->compat); break;
	case 1: tamper32(&d->ro_compat); break;
	case 2: tamper32(&d->incompat); break;
	case 3: tamper32(&d->main_lbs); break;
	case 4: tamper64(&d->main_sectors); break;
	case 5: tamper64(&d->spare_start); break;
	case 6: case 7: tamper64(&d->hwm); break;
	case 8: tamper64(&d->activations); break;
	case 9: tamper64(&d->nr_segments); break;
	case 10: noise((u8 *)d->identity, 1 + below(sizeof(d->identity))); break;
	case 11: memset(d->label, 'x', sizeof(d->label)); break;
	case 12: tamper64(&d->counters[below(16)]); break;
	case 13: {
		struct dmr_disk_segment *s = &d->seg[below(below(2) ? 3 : DMR_MAX_SEGMENTS)];

		tamper64(below(2) ? (void *)&s->start : (void *)&s->len);
		break;
	}
	case 14: {
		struct dmr_disk_segment *s = &d->old_stale[below(DMR_NR_COPIES)];

		tamper64(&s->start);
		tamper64(&s->len);
		tamper32(&d->nr_stale);
		tamper32(&d->stale[0].nr_copy);
		break;
	}
	default: tamper64(&d->header.seq); break;
	}
}

static void tamper_table(struct dmr_disk_table *d)
{
	/* Those in use are the first ones. */
	struct dmr_disk_entry *e = &d->entry[below(below(3) ? 64 : DMR_TABLE_ENTRIES)];
	struct dmr_disk_entry *other = &d->entry[below(DMR_TABLE_ENTRIES)];

	u8 bit = 1 << below(8);

	switch (below(14)) {
	case 0: tamper64(&e->block); break;
	case 1: e->block = cpu_to_le64(below(main_sectors / 8)); break;
	case 2: e->state = below(below(4) ? 3 : 256); break;
	case 10: e->valid |= bit; e->lost &= ~bit; break;
	case 11: e->lost |= bit; e->valid &= ~bit; break;
	case 12: e->valid &= ~bit; e->lost &= ~bit; break;
	case 13:	/* a slot that is not in use gets a block */
		*other = *e;
		other->block = cpu_to_le64(below(main_sectors / 8));
		break;
	case 3: e->valid = next(); break;
	case 4: e->lost = next(); break;
	case 5: e->gen = next(); break;
	case 6: tamper32(&e->reserved); break;
	case 7: *other = *e; break;		/* two of one block */
	case 8: *other = *e; other->gen += 1 + below(200); break;
	default: tamper64(&d->header.seq); break;
	}
}

/* A block in use is another one, or one that the main device does not have. */
static void other_block(struct dmr_disk_table *d)
{
	u32 tries = DMR_TABLE_ENTRIES, i = below(64);

	while (tries-- && d->entry[i].state != DMR_LIVE)
		i = (i + 1) % DMR_TABLE_ENTRIES;
	if (d->entry[i].state == DMR_LIVE)
		tamper64(&d->entry[i].block);
}

static void hostile(void)
{
	const struct dmr_layout *l = &base->sb.layout;
	bool super = !below(3);
	u64 table = below(below(2) ? 2 : l->nr_tables) % l->nr_tables;
	unsigned int n, copies = super ? DMR_NR_SUPERS : DMR_NR_COPIES, c;
	bool all = below(4);
	bool block_only = !super && !below(3);
	u64 again = rng;
	u8 *b;

	if (block_only)
		table = below(base->sb.hwm);
	for (c = 0; c < copies; c++) {
		if (!all && c != copies - 1)
			continue;
		/* The same to each copy. */
		rng = again;
		b = block_at(super ? dmr_layout_super(l, c) :
				     dmr_layout_table(l, c, table));
		if (block_only)
			other_block((void *)b);
		for (n = block_only ? 0 : 1 + below(super ? 2 : 4); n; n--) {
			if (!below(40))
				tamper64(b + 8 * below(DMR_BLOCK_SIZE / 8));
			else if (super)
				tamper_super((void *)b);
			else
				tamper_table((void *)b);
		}
		((struct dmr_disk_header *)b)->crc = cpu_to_le32(block_crc(b));
	}
}

/* An entry that may be so, in a table block whose first @nr describe slots. */
static void valid_entry(struct dmr_disk_table *d, u32 nr)
{
	struct dmr_disk_entry *e = &d->entry[below(below(3) && nr > 64 ? 64 : nr)];
	struct dmr_disk_entry *other = &d->entry[below(nr)], old;
	u8 bit = 1 << below(8);
	u32 n;

	switch (below(10)) {
	case 0:		/* a bad slot, whatever was in it */
		memset(e, 0, sizeof(*e));
		e->state = DMR_BAD;
		break;
	case 1:
		memset(e, 0, sizeof(*e));
		break;
	case 2:
		e->block = cpu_to_le64(below(main_sectors / 8));
		e->state = DMR_LIVE;
		e->valid = below(4) ? 0xff : next();
		e->lost = next() & ~e->valid;
		e->gen = next();
		break;
	case 3:		/* two of one block; one is older */
		*other = *e;
		if (e->state == DMR_LIVE)
			other->gen += 1 + below(100);
		break;
	case 4:
		old = *e;
		*e = *other;
		*other = old;
		break;
	case 5:		/* many slots of blocks that lie together, or no slot is left */
		for (n = 0; e < &d->entry[nr] && n < 80; n++, e++) {
			memset(e, 0, sizeof(*e));
			e->block = cpu_to_le64((le64_to_cpu(other->block) + n) %
					       (main_sectors / 8));
			e->state = DMR_LIVE;
			e->valid = bit & 1 ? 0 : 0xff;
			e->gen = 77 + n;
		}
		break;
	default:
		if (e->state != DMR_LIVE)
			break;
		e->gen += below(3);
		e->valid ^= bit;
		e->lost = below(2) ? e->lost & ~e->valid : ~e->valid;
		break;
	}
}

static void valid_super(struct dmr_disk_super *d)
{
	const struct dmr_layout *l = &base->sb.layout;
	struct dmr_disk_segment *s = &d->old_stale[below(DMR_NR_COPIES)];

	switch (below(8)) {
	case 0:
		d->hwm = cpu_to_le64(below(l->nr_tables + 1));
		break;
	case 1:
		d->activations = cpu_to_le64(next() >> below(64));
		break;
	case 2:
		d->counters[below(16)] = cpu_to_le64(next() >> below(64));
		break;
	case 3:		/* of one copy of the table only, or the other one is used */
		s->start = cpu_to_le64(below(l->nr_tables));
		s->len = cpu_to_le64(below(l->nr_tables + 1));
		break;
	case 4:
		memset(d->label, 'a' + below(26), below(sizeof(d->label)));
		break;
	case 5:		/* anybody's main device of this size */
		memset(d->identity, 'a' + below(26), below(sizeof(d->identity)));
		break;
	case 6:
		d->compat = cpu_to_le32(next());
		break;
	default:
		d->ro_compat = cpu_to_le32(!below(4));
		break;
	}
}

/* All copies alike, or one of them newer, as new, or older than the others. */
static void valid_spare(void)
{
	const struct dmr_layout *l = &base->sb.layout;
	bool super = !below(4);
	u64 table = below(base->sb.hwm);
	unsigned int n, copies = super ? DMR_NR_SUPERS : DMR_NR_COPIES, c;
	unsigned int only = below(2) ? copies : below(copies);
	int age = only < copies ? (int)below(3) - 1 : 0;
	u64 again = rng;

	for (c = 0; c < copies; c++) {
		struct dmr_disk_header *h =
			(void *)block_at(super ? dmr_layout_super(l, c) :
						 dmr_layout_table(l, c, table));

		if (only < copies && c != only)
			continue;
		rng = again;
		for (n = 1 + below(super ? 2 : 6); n; n--) {
			if (super)
				valid_super((void *)h);
			else
				valid_entry((void *)h, dmr_layout_entries(l, table));
		}
		h->seq = cpu_to_le64(le64_to_cpu(h->seq) + age);
		h->crc = cpu_to_le32(block_crc(h));
	}
}

static void mutate(void)
{
	u32 n;

	memcpy(image, base->spare, spare_bytes);
	n = 1 + below(below(2) ? 3 : 12);
	switch (kind) {
	case DAMAGE:
		while (n--)
			damage(any_metadata);
		break;
	case DATA:
		while (n--)
			damage(any_slot);
		break;
	case HOSTILE:
		for (n = 1 + below(2); n; n--)
			hostile();
		break;
	case VALID:
		for (n = 1 + below(6); n; n--)
			valid_spare();
		break;
	default:
		if (!below(4)) {
			noise(image, spare_bytes);
			break;
		}
		while (n--) {
			u8 *b = below(2) ? any_metadata() :
				block_at(below(spare_bytes / DMR_BLOCK_SIZE));

			noise(b + (below(2) ? 0 : 64), DMR_BLOCK_SIZE - 64);
			if (below(2))
				((struct dmr_disk_header *)b)->crc =
					cpu_to_le32(block_crc(b));
			damage(any_metadata);
		}
	}
}

/* Does it look like a spare that was never used? Such a one may be formatted. */
static bool blank(void)
{
	static const u8 zero[DMR_BLOCK_SIZE];
	unsigned int c;

	for (c = 0; c < DMR_NR_SUPERS; c++) {
		u64 nr = c == 0 ? 0 : c == 1 ?
			dmr_layout_middle(spare_bytes / DMR_BLOCK_SIZE) :
			spare_bytes / DMR_BLOCK_SIZE - 1;

		if (memcmp(image + nr * DMR_BLOCK_SIZE, zero, sizeof(zero)))
			return false;
	}
	return true;
}

/*--------------------------------------------------------------------
 * One spare
 *--------------------------------------------------------------------
 */

static void put(int fd, const u8 *data, u64 at, u64 len)
{
	if (pwrite(fd, data, len, at) != (ssize_t)len)
		die(4, "cannot write a device: %s", strerror(errno));
}

/* Only what a seed has changed. */
static void restore_main(void)
{
	static u8 *now;
	u64 at, len = 64 * 1024;

	if (!now && posix_memalign((void **)&now, 4096, len))
		die(4, "out of memory");
	for (at = 0; at < main_sectors * 512; at += len) {
		if (pread(raw, now, len, at) != (ssize_t)len)
			die(4, "cannot read the main device");
		if (memcmp(now, base->main + at, len))
			put(raw, base->main + at, at, len);
	}
}

static void expectations(void)
{
	bool sound = kind == DAMAGE && !blank();
	u64 i;

	memcpy(want, base->truth, main_sectors * 512);
	for (i = 0; i < main_sectors; i++) {
		bool on_main = base->readable[i] && !base->remapped[i];

		/* What reads as an error must not read as something. */
		if (sound && !base->readable[i])
			memset(want + i * 512, 0xee, 512);
		expect[i] = sound || (kind == DATA && on_main) ? FIXED : ANYTHING;
	}
}

static void ask_some(void)
{
	static const char * const verb[] = { "remap", "mark_bad", "release", "forget_bad", "list" };
	char text[128];

	message("status");
	snprintf(text, sizeof(text), "%s %llu %llu", verb[below(5)],
		 below(main_sectors - 64), 1 + below(64));
	message(text);
	if (!below(4))
		message("list");
	if (!below(16)) {
		snprintf(text, sizeof(text), "grow %llu",
			 spare_bytes / 512 - 8 * below(64));
		message(text);
	}
	blank_request();
	dm(DM_TABLE_STATUS, below(2) ? DM_STATUS_TABLE_FLAG : 0);
}

/* Returns whether the spare was accepted. */
static bool one(void)
{
	char params[256];
	bool read_only = !below(16);
	int i, n, len;

	mutate();
	put(spare, image, 0, spare_bytes);
	restore_main();
	expectations();
	len = snprintf(params, sizeof(params), "%s %s 0", main_dev, spare_dev);
	/* Another length than that of the device: as if it were truncated. */
	if (kind != DAMAGE && !below(16))
		snprintf(params + len, sizeof(params) - len, " 2 spare_length %llu",
			 128 + 8 * below(spare_bytes / DMR_BLOCK_SIZE - 16));
	if (!activate(main_sectors, params, read_only))
		return false;
	read_all();
	if (!read_only) {
		for (n = 4 + below(12), i = 0; i < n; i++) {
			write_some();
			if (!below(4))
				ask_some();
			if (!below(16)) {
				suspend(true);
				if (below(2))
					load_table(main_sectors, params, false);
				suspend(false);
			}
		}
		if (!below(4))
			fsync(dev);
	}
	if (below(2))
		read_all();
	remove_device();
	if (!read_only && !below(3) && activate(main_sectors, params, false)) {
		read_all();
		remove_device();
	}
	return true;
}

/*--------------------------------------------------------------------
 * Bases
 *--------------------------------------------------------------------
 */

static u8 *load_file(const char *name, const char *suffix, u64 len)
{
	char path[512];
	u8 *data;
	int fd;

	snprintf(path, sizeof(path), "%s%s", name, suffix);
	fd = open(path, O_RDONLY);
	if (fd < 0 || posix_memalign((void **)&data, 4096, len) ||
	    read(fd, data, len) != (ssize_t)len)
		die(4, "cannot read %s", path);
	close(fd);
	return data;
}

static void find_remapped(struct base *b)
{
	const struct dmr_layout *l = &b->sb.layout;
	u64 words[DMR_TABLE_ENTRIES], t, seq;
	unsigned int e, bit;

	for (t = 0; t < b->sb.hwm; t++) {
		if (dmr_table_decode(b->sb.uuid, t, (main_sectors + 7) / 8,
				     dmr_layout_entries(l, t),
				     b->spare + dmr_layout_table(l, 0, t) * DMR_BLOCK_SIZE,
				     &seq, words) != DMR_OK)
			die(4, "%s: table block %llu is bad", b->name, t);
		for (e = 0; e < DMR_TABLE_ENTRIES; e++)
			for (bit = 0; bit < 8; bit++)
				if (dmr_word_state(words[e]) == DMR_LIVE &&
				    dmr_word_valid(words[e]) & 1 << bit)
					b->remapped[dmr_word_block(words[e]) * 8 + bit] = true;
	}
}

static void load_base(struct base *b, const char *name)
{
	char params[256];
	u64 at;

	base = b;
	b->name = name;
	b->main = load_file(name, ".main", main_sectors * 512);
	b->spare = load_file(name, ".spare", spare_bytes);
	b->truth = calloc(main_sectors, 512);
	b->readable = calloc(main_sectors, 1);
	b->remapped = calloc(main_sectors + 8, 1);
	if (!b->truth || !b->readable || !b->remapped)
		die(4, "out of memory");
	if (dmr_super_decode(&b->sb, 0, b->spare) != DMR_OK)
		die(4, "%s is no spare", name);
	find_remapped(b);
	put(spare, b->spare, 0, spare_bytes);
	restore_main();
	snprintf(params, sizeof(params), "%s %s 0", main_dev, spare_dev);
	if (!activate(main_sectors, params, false))
		die(4, "%s is refused", name);
	for (at = 0; at < main_sectors; at++) {
		b->readable[at] = !get(at, 1);
		if (b->readable[at])
			memcpy(b->truth + at * 512, buf, 512);
	}
	remove_device();
}

static int open_dev(const char *path, u64 *bytes)
{
	int fd = open(path, O_RDWR | O_DIRECT);

	if (fd < 0)
		die(4, "cannot open %s: %s", path, strerror(errno));
	*bytes = lseek(fd, 0, SEEK_END);
	return fd;
}

int main(int argc, char **argv)
{
	/* Half of them are such that the device gets to work with them. */
	static const enum kind often[] = { VALID, VALID, VALID, VALID, DAMAGE, DATA, HOSTILE, NOISE };
	u64 count, first, i, bytes, used[NR_KINDS] = { 0 }, refused[NR_KINDS] = { 0 };
	u64 all_refused = 0;
	time_t until = 0;
	struct base *bases;
	pthread_t thread;
	int nr;

	if (argc > 2 && !strcmp(argv[1], "-t")) {
		until = time(NULL) + atoi(argv[2]);
		argc -= 2;
		argv += 2;
	}
	if (argc < 7) {
		fputs(usage_text, stderr);
		return 2;
	}
	main_dev = argv[1];
	raw = open_dev(argv[2], &bytes);
	main_sectors = bytes / 512;
	spare_dev = argv[3];
	spare = open_dev(spare_dev, &spare_bytes);
	first = strtoull(argv[4], NULL, 10);
	count = strtoull(argv[5], NULL, 10);
	nr = argc - 6;
	bases = calloc(nr, sizeof(*bases));
	want = calloc(main_sectors, 512);
	expect = calloc(main_sectors, 1);
	if (!bases || !want || !expect || main_sectors % CHUNK ||
	    posix_memalign((void **)&image, 4096, spare_bytes) ||
	    posix_memalign((void **)&buf, 4096, CHUNK * 512))
		die(4, "cannot start");
	for (i = 0; i < (u64)nr; i++)
		load_base(&bases[i], argv[6 + i]);
	if (pthread_create(&thread, NULL, watchdog, NULL))
		die(4, "cannot start a thread");

	for (i = 0; i < count && (!until || time(NULL) < until); i++, beat++) {
		seed = first + i;
		rng = seed * 0x2545f4914f6cdd1dULL;
		base = &bases[below(nr)];
		kind = often[below(sizeof(often) / sizeof(often[0]))];
		used[kind]++;
		if (!one())
			refused[kind]++;
	}
	count = i;
	for (i = 0; i < NR_KINDS; i++)
		all_refused += refused[i];
	printf("%llu mutated spares from seed %llu on, %llu activated, %llu refused:",
	       count, first, count - all_refused, all_refused);
	for (i = 0; i < NR_KINDS; i++)
		printf("%s %s %llu (%llu refused)", i ? "," : "", kind_name[i], used[i],
		       refused[i]);
	printf("\n");
	return 0;
}
