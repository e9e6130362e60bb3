// SPDX-License-Identifier: GPL-2.0-only
/*
 * power: makes records, says which of them are durable, and looks whether they
 * are still there after a power cut. For tests/power/run.
 *
 * In the guest, writers append, overwrite and replace records in files, and run
 * transactions in SQLite. Each says "A WRITER NUMBER" on a virtio port after
 * fsync() or COMMIT came back, and only then begins with the next record. On
 * the host, "watch" reads these lines and kills the machine. What it has read is
 * what must be there after the next boot; the one record of each writer after
 * that may be there, or not, or in part.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITERS		5U
#define LOG_RECORDS	64U	/* then a new file */
#define RING_SLOTS	192U
#define RING_BYTES	4096U
#define MAX_RECORD	8192U
#define SQL_ROWS	400U	/* older ones are deleted */

enum kind { LOG, RING, REPLACE, SQL };

static const struct writer {
	const char *name;
	enum kind kind;
	const char *journal;	/* of SQLite */
} writers[WRITERS] = {
	{ "log", LOG, NULL },
	{ "ring", RING, NULL },
	{ "replace", REPLACE, NULL },
	{ "wal", SQL, "WAL" },
	{ "delete", SQL, "DELETE" },
};

static const char usage_text[] =
"Usage: power work FOLDER ACKED PORT    in the guest, until it is killed\n"
"       power mark FOLDER NAME COUNT    so many records of each writer; what is\n"
"           durable is told by a mark in the log of dm-log-writes NAME\n"
"       power verify FOLDER ACKED       compare; prints the number of records\n"
"       power watch FIFO PIDFILE SEED ACKED  on the host: kill the machine at a\n"
"           random moment, add to ACKED what was acknowledged\n";

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/*--------------------------------------------------------------------
 * Records: all bytes follow from the writer and the number
 *--------------------------------------------------------------------
 */

struct head {
	uint32_t writer, bytes;
	uint64_t nr;
};

static uint32_t record_bytes(unsigned int w, uint64_t nr)
{
	uint64_t state = nr << 8 | w;

	if (writers[w].kind == RING)
		return RING_BYTES;
	return (sizeof(struct head) + next(&state) % (MAX_RECORD - 64)) & ~7U;
}

static uint32_t make_record(unsigned int w, uint64_t nr, void *buf)
{
	uint32_t bytes = record_bytes(w, nr), i;
	struct head *h = buf;
	uint64_t *p = buf, state = nr << 8 | w;

	*h = (struct head) { w, bytes, nr };
	for (i = sizeof(*h) / 8; i < bytes / 8; i++)
		p[i] = (i & 3) == 2 ? next(&state) : p[i - 1] * 3;
	return bytes;
}

/* In rows, records are text. */
static void make_text(unsigned int w, uint64_t nr, char *text)
{
	uint64_t state = nr << 8 | w;
	unsigned int words = 1 + next(&state) % 100, i;

	for (i = 0; i < words; i++)
		sprintf(text + i * 16, "%016llx", (unsigned long long)next(&state));
}

static bool is_record(unsigned int w, uint64_t nr, const void *buf, size_t bytes)
{
	uint64_t want[MAX_RECORD / 8];

	return bytes >= record_bytes(w, nr) &&
	       !memcmp(buf, want, make_record(w, nr, want));
}

static void log_name(char *name, uint64_t nr)
{
	sprintf(name, "log.%llu", (unsigned long long)(nr / LOG_RECORDS));
}

/*--------------------------------------------------------------------
 * What was acknowledged: "WRITER NUMBER" lines, the last one counts
 *--------------------------------------------------------------------
 */

/* The number that comes next for each writer; they count from 1. */
static void read_acked(const char *path, uint64_t *acked)
{
	FILE *f = fopen(path, "r");
	unsigned long long nr;
	unsigned int w;

	memset(acked, 0, WRITERS * sizeof(*acked));
	while (f && fscanf(f, "%u %llu", &w, &nr) == 2)
		if (w < WRITERS)
			acked[w] = nr;
	if (f)
		fclose(f);
}

/*--------------------------------------------------------------------
 * Writers
 *--------------------------------------------------------------------
 */

static int folder, port;
static const char *marks;	/* a device of dm-log-writes */
static uint64_t acked[WRITERS], records = UINT64_MAX;

static void need(bool ok, const char *what)
{
	char line[200];
	int n;

	if (ok)
		return;
	if (marks)
		die("%s: %s", what, strerror(errno));
	n = snprintf(line, sizeof(line), "F %s: %s\n", what, strerror(errno));
	if (write(port, line, n) != n)
		exit(2);
	exit(1);
}

static void add_mark(unsigned int w, uint64_t nr)
{
	struct {
		struct dm_ioctl ioctl;
		struct dm_target_msg msg;
		char text[64];
	} m = { .ioctl = {
		.version = { DM_VERSION_MAJOR },
		.data_size = sizeof(m),
		.data_start = sizeof(m.ioctl),
	} };

	strncpy(m.ioctl.name, marks, sizeof(m.ioctl.name) - 1);
	sprintf(m.text, "mark A.%u.%llu", w, (unsigned long long)nr);
	need(!ioctl(port, DM_TARGET_MSG, &m), "mark");
}

/* Return: false when there were enough. */
static bool acknowledge(unsigned int w, uint64_t nr)
{
	char line[64];
	int n = sprintf(line, "A %u %llu\n", w, (unsigned long long)nr);

	if (marks) {
		add_mark(w, nr);
		return nr < records;
	}
	/* A line is one write, so lines of several writers stay whole. */
	need(write(port, line, n) == n, "port");
	return true;
}

static void log_writer(unsigned int w)
{
	static uint64_t buf[MAX_RECORD / 8];
	uint64_t nr = acked[w] + 1;
	char name[64];
	int fd = -1;

	/* What lies after the last one that counts is not ours any more. */
	log_name(name, nr);
	if (nr % LOG_RECORDS) {
		off_t end = 0;
		uint64_t i;

		for (i = nr / LOG_RECORDS * LOG_RECORDS; i < nr; i++)
			end += i ? record_bytes(w, i) : 0;
		fd = openat(folder, name, O_WRONLY | O_APPEND | O_CREAT, 0600);
		need(fd >= 0 && !ftruncate(fd, end), "log");
	}
	for (;; nr++) {
		uint32_t bytes = make_record(w, nr, buf);

		if (fd < 0 || nr % LOG_RECORDS == 0) {
			if (fd >= 0)
				close(fd);
			log_name(name, nr);
			fd = openat(folder, name,
				    O_WRONLY | O_APPEND | O_CREAT | O_TRUNC, 0600);
			need(fd >= 0, "log");
			if (nr >= 3 * LOG_RECORDS) {
				log_name(name, nr - 3 * LOG_RECORDS);
				unlinkat(folder, name, 0);
			}
		}
		need(write(fd, buf, bytes) == bytes, "log");
		need(!(nr & 1 ? fsync(fd) : fdatasync(fd)), "log: fsync");
		/* The name of a new file must be durable, too. */
		if (nr % LOG_RECORDS == 0 || nr == 1)
			need(!fsync(folder), "fsync of the folder");
		if (!acknowledge(w, nr))
			return;
	}
}

static void ring_writer(unsigned int w)
{
	void *buf = NULL;
	uint64_t nr;
	int fd = openat(folder, "ring", O_RDWR | O_CREAT | O_DIRECT, 0600);

	need(fd >= 0 && !posix_memalign(&buf, 4096, RING_BYTES), "ring");
	need(!fsync(folder), "fsync of the folder");
	for (nr = acked[w] + 1;; nr++) {
		make_record(w, nr, buf);
		need(pwrite(fd, buf, RING_BYTES, nr % RING_SLOTS * RING_BYTES) ==
		     RING_BYTES, "ring");
		need(!fdatasync(fd), "ring: fdatasync");
		if (!acknowledge(w, nr))
			return;
	}
}

static void replace_writer(unsigned int w)
{
	static uint64_t buf[MAX_RECORD / 8];
	uint64_t nr;

	for (nr = acked[w] + 1;; nr++) {
		uint32_t bytes = make_record(w, nr, buf);
		int fd = openat(folder, "new", O_WRONLY | O_CREAT | O_TRUNC, 0600);

		need(fd >= 0 && write(fd, buf, bytes) == bytes && !fsync(fd) &&
		     !close(fd), "replace");
		need(!renameat(folder, "new", folder, "current") &&
		     !fsync(folder), "replace: rename");
		if (!acknowledge(w, nr))
			return;
	}
}

/* Debian's sqlite3 between two pipes. */
static void start_sqlite(unsigned int w, FILE **to, FILE **from)
{
	int in[2], out[2];
	char name[32];

	need(!pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC), "pipe");
	snprintf(name, sizeof(name), "%s.db", writers[w].name);
	if (!fork()) {
		need(!fchdir(folder), "fchdir");
		dup2(in[0], 0);
		dup2(out[1], 1);
		execlp("sqlite3", "sqlite3", "-batch", "-bail", name, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	*to = fdopen(in[1], "w");
	*from = fdopen(out[0], "r");
	fprintf(*to, "PRAGMA journal_mode=%s;\nPRAGMA synchronous=%s;\n"
		"CREATE TABLE IF NOT EXISTS records(nr INTEGER PRIMARY KEY, text TEXT);\n",
		writers[w].journal, w & 1 ? "FULL" : "EXTRA");
	fflush(*to);
}

static void sql_writer(unsigned int w)
{
	uint64_t nr = acked[w] + 1;
	char line[4096], text[2048];
	FILE *to, *from;

	start_sqlite(w, &to, &from);
	fprintf(to, "DELETE FROM records WHERE nr >= %llu;\n",
		(unsigned long long)nr);
	for (;; nr++) {
		make_text(w, nr, text);
		fprintf(to, "BEGIN; INSERT INTO records VALUES(%llu, '%s');",
			(unsigned long long)nr, text);
		if (nr > SQL_ROWS)
			fprintf(to, " DELETE FROM records WHERE nr = %llu;",
				(unsigned long long)(nr - SQL_ROWS));
		fprintf(to, " COMMIT; SELECT 'durable %llu';\n",
			(unsigned long long)nr);
		fflush(to);
		do
			need(fgets(line, sizeof(line), from), "sqlite3");
		while (strncmp(line, "durable ", 8));
		need(strtoull(line + 8, NULL, 10) == nr, "sqlite3's answer");
		if (!acknowledge(w, nr))
			return;
	}
}

static void *run_writer(void *arg)
{
	unsigned int w = (uintptr_t)arg;

	switch (writers[w].kind) {
	case LOG:
		log_writer(w);
		break;
	case RING:
		ring_writer(w);
		break;
	case REPLACE:
		replace_writer(w);
		break;
	case SQL:
		sql_writer(w);
	}
	return NULL;
}

static void work(const char *path, const char *port_path)
{
	pthread_t id[WRITERS];
	uintptr_t w;

	signal(SIGPIPE, SIG_IGN);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	port = open(port_path, (marks ? O_RDWR : O_WRONLY) | O_CLOEXEC);
	if (folder < 0 || port < 0)
		die("%s or %s: %s", path, port_path, strerror(errno));
	for (w = 0; w < WRITERS; w++)
		need(!pthread_create(&id[w], NULL, run_writer, (void *)w), "thread");
	need(marks || write(port, "G\n", 2) == 2, "port");
	for (w = 0; w < WRITERS; w++)
		pthread_join(id[w], NULL);
}

/*--------------------------------------------------------------------
 * Verification
 *--------------------------------------------------------------------
 */

static size_t read_file(const char *name, char **data)
{
	int fd = openat(folder, name, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", name, strerror(errno));
	*data = malloc(st.st_size + MAX_RECORD);
	if (!*data || read(fd, *data, st.st_size) != st.st_size)
		die("%s: cannot be read: %s", name, strerror(errno));
	close(fd);
	return st.st_size;
}

static void __attribute__((noreturn)) lost(unsigned int w, uint64_t nr)
{
	die("LOST: record %llu of writer %s, of %llu that were acknowledged",
	    (unsigned long long)nr, writers[w].name,
	    (unsigned long long)acked[w]);
}

static unsigned long check_log(unsigned int w)
{
	uint64_t last = acked[w], nr, file = last / LOG_RECORDS;
	unsigned long n = 0;
	char name[64], *data;
	size_t size, at;

	file = file > 1 ? file - 1 : 0;
	for (; file <= last / LOG_RECORDS; file++) {
		nr = file * LOG_RECORDS;
		log_name(name, nr);
		size = read_file(name, &data);
		for (at = 0; nr <= last && nr < (file + 1) * LOG_RECORDS; nr++) {
			if (!nr)
				continue;
			if (!is_record(w, nr, data + at, size - at))
				lost(w, nr);
			at += record_bytes(w, nr);
			n++;
		}
		free(data);
	}
	return n;
}

static unsigned long check_ring(unsigned int w)
{
	uint64_t last = acked[w], nr;
	unsigned long n = 0;
	size_t size;
	char *data;

	size = read_file("ring", &data);
	nr = last < RING_SLOTS ? 1 : last + 1 - RING_SLOTS;
	for (; nr <= last; nr++) {
		size_t at = nr % RING_SLOTS * RING_BYTES;

		/* Here is where the one after the last may have been written. */
		if (nr % RING_SLOTS == (last + 1) % RING_SLOTS)
			continue;
		if (at >= size || !is_record(w, nr, data + at, size - at))
			lost(w, nr);
		n++;
	}
	free(data);
	return n;
}

static unsigned long check_replace(unsigned int w)
{
	char *data;
	size_t size = read_file("current", &data);
	bool ok = is_record(w, acked[w], data, size) ||
		  is_record(w, acked[w] + 1, data, size);

	free(data);
	if (!ok)
		lost(w, acked[w]);
	return 1;
}

static unsigned long check_sql(unsigned int w)
{
	uint64_t last = acked[w], nr;
	unsigned long n = 0;
	char line[4096], text[2048], want[2200];
	FILE *to, *from;

	start_sqlite(w, &to, &from);
	nr = last > SQL_ROWS ? last + 1 - SQL_ROWS : 1;
	/* The next transaction may have deleted the first one. */
	if (last >= SQL_ROWS)
		nr++;
	fprintf(to, "SELECT 'check ' || integrity_check FROM pragma_integrity_check();\n"
		"SELECT nr || ' ' || text FROM records WHERE nr >= %llu AND nr <= %llu ORDER BY nr;\n"
		".quit\n", (unsigned long long)nr, (unsigned long long)last);
	fflush(to);
	do
		if (!fgets(line, sizeof(line), from))
			die("%s: sqlite3 says nothing", writers[w].name);
	while (strncmp(line, "check ", 6));
	if (strcmp(line, "check ok\n"))
		die("%s: integrity_check says %s", writers[w].name, line);
	for (; nr <= last; nr++, n++) {
		make_text(w, nr, text);
		snprintf(want, sizeof(want), "%llu %s\n", (unsigned long long)nr, text);
		if (!fgets(line, sizeof(line), from) || strcmp(line, want))
			lost(w, nr);
	}
	fclose(to);
	fclose(from);
	wait(NULL);
	return n;
}

static void verify(const char *path, const char *acked_path)
{
	unsigned long n = 0;
	unsigned int w;

	signal(SIGPIPE, SIG_IGN);
	read_acked(acked_path, acked);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		die("%s: %s", path, strerror(errno));
	for (w = 0; w < WRITERS; w++) {
		if (!acked[w])
			continue;
		switch (writers[w].kind) {
		case LOG:
			n += check_log(w);
			break;
		case RING:
			n += check_ring(w);
			break;
		case REPLACE:
			n += check_replace(w);
			break;
		case SQL:
			n += check_sql(w);
		}
	}
	printf("%lu\n", n);
}

/*--------------------------------------------------------------------
 * On the host
 *--------------------------------------------------------------------
 */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static uint64_t seen;	/* acknowledgements */
static bool going;

static void take_line(const char *line)
{
	unsigned long long nr;
	unsigned int w;

	if (sscanf(line, "A %u %llu", &w, &nr) == 2 && w < WRITERS) {
		if (nr != acked[w] + 1)
			die("writer %u says %llu after %llu", w, nr,
			    (unsigned long long)acked[w]);
		acked[w] = nr;
		seen++;
	} else if (!strcmp(line, "G")) {
		going = true;
	} else {
		die("the guest says: %s", line);
	}
}

/* Read what is there, and take whole lines. */
static void take(int fd)
{
	static char buf[1 << 16];
	static size_t have;
	ssize_t n;
	char *end;

	while ((n = read(fd, buf + have, sizeof(buf) - 1 - have)) > 0) {
		have += n;
		buf[have] = '\0';
		while ((end = strchr(buf, '\n'))) {
			*end++ = '\0';
			take_line(buf);
			have -= end - buf;
			memmove(buf, end, have + 1);
		}
	}
}

static pid_t read_pid(const char *path)
{
	FILE *f = fopen(path, "r");
	int pid = 0;

	if (f) {
		if (fscanf(f, "%d", &pid) != 1)
			pid = 0;
		fclose(f);
	}
	return pid;
}

static void watch(const char *fifo, const char *pidfile, uint64_t seed,
		  const char *acked_path)
{
	int fd = open(fifo, O_RDWR | O_NONBLOCK), machine = -1;
	uint64_t rng = seed, after = next(&rng) % 80 + 1, start = 0, at = 0;
	uint64_t delay = next(&rng) % 30000;
	struct pollfd p[2];
	unsigned int w;
	FILE *f;

	read_acked(acked_path, acked);
	p[0] = (struct pollfd) { .fd = fd, .events = POLLIN };
	for (;;) {
		if (machine < 0) {
			pid_t pid = read_pid(pidfile);

			if (pid)
				machine = syscall(SYS_pidfd_open, pid, 0);
		}
		p[1] = (struct pollfd) { .fd = machine, .events = POLLIN };
		poll(p, 2, at ? 1 : 100);
		take(fd);
		if (machine >= 0 && p[1].revents)
			exit(3);	/* it ended by itself */
		if (going && !start)
			start = now_us();
		/* So many records, and a while: but not for ever. */
		if (start && !at && (seen >= after || now_us() - start > 5000000))
			at = now_us() + delay;
		if (at && now_us() >= at)
			break;
	}
	syscall(SYS_pidfd_send_signal, machine, SIGKILL, NULL, 0);
	p[1] = (struct pollfd) { .fd = machine, .events = POLLIN };
	poll(&p[1], 1, -1);
	take(fd);
	f = fopen(acked_path, "w");
	if (!f)
		die("%s: %s", acked_path, strerror(errno));
	for (w = 0; w < WRITERS; w++)
		fprintf(f, "%u %llu\n", w, (unsigned long long)acked[w]);
	fclose(f);
	printf("%llu\n", (unsigned long long)seen);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "work")) {
		read_acked(argv[3], acked);
		work(argv[2], argv[4]);
	} else if (argc == 5 && !strcmp(argv[1], "mark")) {
		marks = argv[3];
		records = strtoull(argv[4], NULL, 0);
		work(argv[2], "/dev/mapper/control");
	} else if (argc == 4 && !strcmp(argv[1], "verify")) {
		verify(argv[2], argv[3]);
	} else if (argc == 6 && !strcmp(argv[1], "watch")) {
		watch(argv[2], argv[3], strtoull(argv[4], NULL, 0), argv[5]);
	} else {
		die("%s", usage_text);
	}
	return 0;
}
