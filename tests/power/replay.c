// SPDX-License-Identifier: GPL-2.0-only
/*
 * replay: what a disk holds after a power cut, made of a log of dm-log-writes
 * (the kernel's admin-guide/device-mapper/log-writes.rst).
 *
 * The log has each write when it was completed and flushed, or was FUA; then
 * the next flush. So all entries up to a flush or FUA are what is surely on the
 * medium at that moment, and those up to the next one may be, in part.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC	0x6a736677736872ULL
#define FLUSH	1U
#define FUA	2U
#define DISCARD	4U
#define MARK	8U

#define WRITERS	16U

struct super {
	uint64_t magic, version, nr_entries;
	uint32_t sector_size;
};

struct entry {
	uint64_t sector, nr_sectors, flags, data_len;
	char mark[480];
};

static const char usage_text[] =
"Usage: replay count LOG                 how many points are there\n"
"       replay to LOG POINT DEVICE POSITION ACKED\n"
"           bring DEVICE from where the file POSITION says to this point; write\n"
"           to ACKED what was acknowledged by then: \"WRITER NUMBER\" for each\n"
"           mark \"A.WRITER.NUMBER\"\n"
"       replay part LOG POSITION DEVICE SEED [SECTOR COUNT]\n"
"           also some sectors of what was written after it, before the next flush;\n"
"           COUNT of them from SECTOR on are written together or not at all\n";

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

/*--------------------------------------------------------------------
 * The log
 *--------------------------------------------------------------------
 */

static int log_fd, dev_fd;
static uint64_t entries, unit;
static uint64_t together, nr_together;	/* sectors */

struct position {
	uint64_t entry, offset, points;
	uint64_t acked[WRITERS];
};

static void read_all(int fd, void *buf, size_t bytes, uint64_t offset)
{
	if (pread(fd, buf, bytes, offset) != (ssize_t)bytes)
		die("cannot read %zu bytes at %llu: %s", bytes,
		    (unsigned long long)offset, strerror(errno));
}

static void open_log(const char *path)
{
	struct super s;

	log_fd = open(path, O_RDONLY);
	if (log_fd < 0)
		die("%s: %s", path, strerror(errno));
	read_all(log_fd, &s, sizeof(s), 0);
	if (le64toh(s.magic) != MAGIC || le64toh(s.version) != 1)
		die("%s: not a log of dm-log-writes", path);
	entries = le64toh(s.nr_entries);
	unit = le32toh(s.sector_size);
}

/* The entry at @p, and where its data is; moves @p behind it. */
static bool next_entry(struct position *p, struct entry *e, uint64_t *data)
{
	if (p->entry >= entries)
		return false;
	read_all(log_fd, e, sizeof(*e), p->offset);
	e->sector = le64toh(e->sector);
	e->nr_sectors = le64toh(e->nr_sectors);
	e->flags = le64toh(e->flags);
	*data = p->offset + unit;
	p->offset += unit;
	if (!(e->flags & DISCARD))
		p->offset += e->nr_sectors * unit;
	p->entry++;
	return true;
}

static bool is_point(const struct entry *e)
{
	return e->flags & (FLUSH | FUA);
}

/* Is this sector written when the one before it is? */
static bool is_tied(uint64_t sector)
{
	return sector > together && sector < together + nr_together;
}

/* Each sector with a chance of @half in 2. */
static void apply(const struct entry *e, uint64_t data, bool half)
{
	static char *buf;
	static size_t room;
	size_t bytes = e->nr_sectors * unit, i;
	bool drop = false;

	if (!bytes || (e->flags & (DISCARD | MARK)))
		return;
	if (bytes > room) {
		free(buf);
		room = bytes;
		buf = malloc(room);
		if (!buf)
			die("out of memory");
	}
	read_all(log_fd, buf, bytes, data);
	for (i = 0; i < bytes; i += half ? 512 : bytes) {
		size_t n = half ? 512 : bytes;
		bool chance = half && random() & 1024;

		if (!i || !is_tied((e->sector * unit + i) / 512))
			drop = chance;
		if (drop)
			continue;
		if (pwrite(dev_fd, buf + i, n, e->sector * unit + i) != (ssize_t)n)
			die("cannot write: %s", strerror(errno));
	}
}

static void take_mark(struct position *p, const struct entry *e)
{
	unsigned long long nr;
	unsigned int w;

	if ((e->flags & MARK) && sscanf(e->mark, "A.%u.%llu", &w, &nr) == 2 &&
	    w < WRITERS && nr > p->acked[w])
		p->acked[w] = nr;
}

/*--------------------------------------------------------------------
 * Commands
 *--------------------------------------------------------------------
 */

static void load(const char *path, struct position *p)
{
	FILE *f = fopen(path, "r");

	*p = (struct position) { .offset = unit };
	if (f && fread(p, sizeof(*p), 1, f) != 1)
		die("%s is too short", path);
	if (f)
		fclose(f);
}

static void save(const char *path, const struct position *p)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(p, sizeof(*p), 1, f) != 1 || fclose(f))
		die("cannot write %s", path);
}

static void count(void)
{
	struct position p = { .offset = unit };
	struct entry e;
	uint64_t data;
	unsigned long n = 0;

	while (next_entry(&p, &e, &data))
		n += is_point(&e);
	printf("%lu\n", n);
}

static void replay_to(uint64_t point, const char *position, const char *acked)
{
	struct position p, ahead;
	struct entry e;
	uint64_t data;
	unsigned int w;
	FILE *f;

	load(position, &p);
	while (p.points < point) {
		if (!next_entry(&p, &e, &data))
			die("the log has %llu points only",
			    (unsigned long long)p.points);
		apply(&e, data, false);
		take_mark(&p, &e);
		p.points += is_point(&e);
	}
	fsync(dev_fd);
	save(position, &p);

	/* What was acknowledged before the next point rests on this one. */
	ahead = p;
	while (next_entry(&ahead, &e, &data) && !is_point(&e))
		take_mark(&ahead, &e);
	f = fopen(acked, "w");
	if (!f)
		die("%s: %s", acked, strerror(errno));
	for (w = 0; w < WRITERS; w++)
		fprintf(f, "%u %llu\n", w, (unsigned long long)ahead.acked[w]);
	fclose(f);
}

static void replay_part(const char *position, unsigned int seed)
{
	struct position p;
	struct entry e;
	uint64_t data;

	srandom(seed);
	load(position, &p);
	/* The next flush or FUA may be what the power cut came into. */
	while (next_entry(&p, &e, &data)) {
		apply(&e, data, true);
		if (is_point(&e))
			break;
	}
	fsync(dev_fd);
}

int main(int argc, char **argv)
{
	bool to = argc == 7 && !strcmp(argv[1], "to");
	bool part = (argc == 6 || argc == 8) && !strcmp(argv[1], "part");

	if (argc == 3 && !strcmp(argv[1], "count")) {
		open_log(argv[2]);
		count();
		return 0;
	}
	if (!to && !part)
		die("%s", usage_text);
	if (argc == 8 && part) {
		together = strtoull(argv[6], NULL, 0);
		nr_together = strtoull(argv[7], NULL, 0);
	}
	open_log(argv[2]);
	dev_fd = open(argv[4], O_RDWR);
	if (dev_fd < 0)
		die("%s: %s", argv[4], strerror(errno));
	if (to)
		replay_to(strtoull(argv[3], NULL, 0), argv[5], argv[6]);
	else
		replay_part(argv[3], strtoul(argv[5], NULL, 0));
	return 0;
}
