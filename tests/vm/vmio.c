// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmio: makes I/O for the tests in virtual machines, and knows what must be on
 * the disk.
 *
 * Every sector that it writes says which write it is from: it begins with a
 * magic number, a tag and its own sector number, and the rest follows from
 * these. So a sector that is stale, foreign or torn is told from a good one.
 * A model is an array of what each sector may hold.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
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
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAGIC		0x6f696d76U
#define MAX_SECTORS	2048U
#define ANY		0xffffffffU	/* in a model: may hold anything */

static const char usage_text[] =
"Usage: vmio COMMAND DEVICE ...    (O_DIRECT; sectors of 512 bytes)\n"
"  write DEV SECTOR COUNT TAG      write a pattern, all in one go\n"
"  syncwrite DEV SECTOR COUNT TAG  the same, durable on return (FUA)\n"
"  fill DEV SECTOR COUNT TAG       write a pattern, 1 MiB at a time\n"
"  check DEV SECTOR COUNT TAG      compare with the pattern (tag 0: zeroes)\n"
"  whole DEV SECTOR COUNT          every sector holds a pattern that was written there\n"
"  read DEV SECTOR COUNT           read in one go, look at nothing\n"
"  zero|discard DEV SECTOR COUNT   BLKZEROOUT, BLKDISCARD\n"
"  flush DEV                       fsync()\n"
"  nowait DEV SECTOR COUNT TAG     write with RWF_NOWAIT\n"
"  sweep DEV SECTORS SEED OPS MODEL\n"
"      writes and reads of all sizes and alignments below SECTORS; every\n"
"      sector is expected to hold what MODEL says, and MODEL is brought up to\n"
"      date (made, for tag 1, when missing)\n"
"  storm DEV FIRST SECTORS THREADS SECONDS MODEL [errors]\n"
"      threads that write and verify at once, in the first half sectors of the\n"
"      same blocks, in the second half ranges of their own; until SECONDS have\n"
"      passed or SIGTERM comes. With \"errors\", I/O may fail.\n"
"  verify DEV FIRST SECTORS MODEL [errors|unwritten]  compare all with the\n"
"      model; all reads may fail, or those of what has tag 1 still\n"
"  sync DEV SECTORS SEED OPS [CUT]  writes with O_DSYNC, each known by SEED and\n"
"      its number; after the last, \"powercut\" goes to the file CUT\n"
"  burst DEV TAG OP...             all at once, each on its own: w, s (durable on return)\n"
"      or r:SECTOR:COUNT, or f, a flush; \"@MS\" after it: so long after the others.\n"
"      For each, in the order given: OP, ms from the start to its begin and to its\n"
"      end, and \"ok\" or the errno. Exits with 0.\n"
"  message NAME SECTOR WORD...     as dmsetup message, in a third of its time\n"
"  memory MIB                      fill so much memory and compare it, twice\n"
"  syncmodel SECTORS SEED OPS MODEL  the model of that, over a disk of tag 1\n"
"Exit status: 0; 1 data differs; 2 wrong usage; otherwise the errno\n";

static volatile sig_atomic_t stop;
static unsigned int unit = 1;	/* sectors of a logical block */
static int fd = -1;

static void __attribute__((noreturn, format(printf, 2, 3)))
die(int status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(status);
}

/*--------------------------------------------------------------------
 * Patterns
 *--------------------------------------------------------------------
 */

static uint64_t next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void make_sector(uint32_t tag, uint64_t sector, void *buf)
{
	uint64_t *p = buf, state = (uint64_t)tag << 40 ^ sector;
	unsigned int i;

	if (!tag) {
		memset(buf, 0, 512);
		return;
	}
	p[0] = (uint64_t)tag << 32 | MAGIC;
	p[1] = sector;
	/* One step for four words: the guest's processor is slow. */
	for (i = 2; i < 64; i++)
		p[i] = (i & 3) == 2 ? next(&state) : p[i - 1] * 3;
}

static void make(uint32_t tag, uint64_t sector, uint32_t n, void *buf)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		make_sector(tag, sector + i, (char *)buf + i * 512UL);
}

static void describe(const void *buf, char *text, size_t size)
{
	const uint64_t *p = buf;
	char whole[512];
	unsigned int i;

	for (i = 0; i < 64 && !p[i]; i++)
		;
	if (i == 64) {
		snprintf(text, size, "zeroes");
	} else if ((uint32_t)p[0] == MAGIC) {
		make_sector(p[0] >> 32, p[1], whole);
		snprintf(text, size, "tag %u of sector %llu%s",
			 (unsigned int)(p[0] >> 32), (unsigned long long)p[1],
			 memcmp(whole, buf, 512) ? ", damaged" : "");
	} else {
		snprintf(text, size, "foreign bytes %016llx",
			 (unsigned long long)p[0]);
	}
}

/* Is this one of the two patterns? */
static bool is(const void *buf, uint64_t sector, uint32_t a, uint32_t b)
{
	char want[512];

	if (a == ANY || b == ANY)
		return true;
	make_sector(a, sector, want);
	if (!memcmp(want, buf, 512))
		return true;
	if (a == b)
		return false;
	make_sector(b, sector, want);
	return !memcmp(want, buf, 512);
}

static void __attribute__((noreturn))
wrong(const void *buf, uint64_t sector, uint32_t a, uint32_t b)
{
	char text[100];

	describe(buf, text, sizeof(text));
	if (a == b)
		die(1, "sector %llu: found %s, expected tag %u",
		    (unsigned long long)sector, text, a);
	die(1, "sector %llu: found %s, expected tag %u or %u",
	    (unsigned long long)sector, text, a, b);
}

/*--------------------------------------------------------------------
 * Models: two tags for each sector, which are the same when it is known
 *--------------------------------------------------------------------
 */

struct tags {
	uint32_t a, b;
};

static struct tags *load_model(const char *path, uint64_t sectors)
{
	struct tags *m = malloc(sectors * sizeof(*m));
	FILE *f = fopen(path, "r");
	uint64_t i;

	if (!m)
		die(ENOMEM, "out of memory");
	if (!f) {
		for (i = 0; i < sectors; i++)
			m[i] = (struct tags) { 1, 1 };
		return m;
	}
	if (fread(m, sizeof(*m), sectors, f) != sectors)
		die(2, "%s is too short", path);
	fclose(f);
	return m;
}

static void save_model(const char *path, const struct tags *m, uint64_t sectors)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(m, sizeof(*m), sectors, f) != sectors || fclose(f))
		die(2, "cannot write %s", path);
}

/*--------------------------------------------------------------------
 * I/O
 *--------------------------------------------------------------------
 */

static void *buffer(uint32_t sectors)
{
	void *buf;

	if (posix_memalign(&buf, 4096, sectors * 512UL))
		die(ENOMEM, "out of memory");
	return buf;
}

/* Return: 0 or an errno. A short transfer is an I/O error. */
static int put(const void *buf, uint64_t sector, uint32_t n)
{
	ssize_t r = pwrite(fd, buf, n * 512UL, sector * 512);

	return r < 0 ? errno : r == n * 512L ? 0 : EIO;
}

static int get(void *buf, uint64_t sector, uint32_t n)
{
	ssize_t r = pread(fd, buf, n * 512UL, sector * 512);

	return r < 0 ? errno : r == n * 512L ? 0 : EIO;
}

static void need(int r, const char *what, uint64_t sector, uint64_t n)
{
	if (r)
		die(r, "%s of sectors %llu+%llu: %s", what,
		    (unsigned long long)sector, (unsigned long long)n,
		    strerror(r));
}

static uint64_t number(const char *s)
{
	char *end;
	uint64_t n = strtoull(s, &end, 0);

	if (!*s || *end)
		die(2, "'%s' is not a number", s);
	return n;
}

static void open_device(const char *path, int flags)
{
	int size;

	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die(errno, "%s: %s", path, strerror(errno));
	if (!ioctl(fd, BLKSSZGET, &size) && size > 512)
		unit = size / 512;
}

/* A length in logical blocks, of all kinds. */
static uint32_t some_length(uint64_t *rng, uint64_t room)
{
	static const uint16_t usual[] = {
		1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 64, 65, 255, 256, 1024, 2048
	};
	uint64_t r = next(rng);
	uint64_t n = r & 3 ? usual[(r >> 8) & 15] : 1 + (r >> 8) % 128;

	n = n / unit ? n / unit : 1;
	return (n < room ? n : room) * unit;
}

/*--------------------------------------------------------------------
 * Commands
 *--------------------------------------------------------------------
 */

static void one_write(uint64_t sector, uint32_t n, uint32_t tag)
{
	void *buf = buffer(n);

	make(tag, sector, n, buf);
	need(put(buf, sector, n), "write", sector, n);
}

static void nowait(uint64_t sector, uint32_t n, uint32_t tag)
{
	struct iovec iov = { .iov_base = buffer(n), .iov_len = n * 512UL };
	ssize_t r;

	make(tag, sector, n, iov.iov_base);
	r = pwritev2(fd, &iov, 1, sector * 512, RWF_NOWAIT);
	need(r < 0 ? errno : r == n * 512L ? 0 : EIO, "write", sector, n);
}

static void fill(uint64_t sector, uint64_t n, uint32_t tag)
{
	uint32_t len;
	void *buf = buffer(MAX_SECTORS);

	for (; n; sector += len, n -= len) {
		len = n < MAX_SECTORS ? n : MAX_SECTORS;
		make(tag, sector, len, buf);
		need(put(buf, sector, len), "write", sector, len);
	}
}

static void check(uint64_t sector, uint64_t n, uint32_t tag)
{
	char *buf = buffer(MAX_SECTORS);
	uint32_t i, len;

	for (; n; sector += len, n -= len) {
		len = n < MAX_SECTORS ? n : MAX_SECTORS;
		need(get(buf, sector, len), "read", sector, len);
		for (i = 0; i < len; i++)
			if (!is(buf + i * 512UL, sector + i, tag, tag))
				wrong(buf + i * 512UL, sector + i, tag, tag);
	}
}

/* Each sector is from some write to this very sector, and is whole. */
static void check_whole(uint64_t sector, uint64_t n)
{
	char *buf = buffer(MAX_SECTORS);
	uint32_t i, len;

	for (; n; sector += len, n -= len) {
		len = n < MAX_SECTORS ? n : MAX_SECTORS;
		need(get(buf, sector, len), "read", sector, len);
		for (i = 0; i < len; i++) {
			const uint64_t *p = (void *)(buf + i * 512UL);
			uint32_t tag = p[0] >> 32;

			if ((uint32_t)p[0] != MAGIC || !tag || tag == ANY ||
			    !is(p, sector + i, tag, tag))
				wrong(p, sector + i, 1, ANY);
		}
	}
}

enum may_fail { NOTHING, ALL, UNWRITTEN };

/* Read and compare; sectors one by one where the whole cannot be read. */
static void verify(uint64_t sector, uint32_t n, const struct tags *m,
		   enum may_fail may_fail, char *buf)
{
	uint32_t i;
	int r = get(buf, sector, n);

	if (r && may_fail && n > unit) {
		for (i = 0; i < n; i += unit)
			verify(sector + i, unit, m + i, may_fail, buf);
		return;
	}
	if (r && (may_fail == ALL || (may_fail == UNWRITTEN && m->a == 1)))
		return;
	need(r, "read", sector, n);
	for (i = 0; i < n; i++)
		if (!is(buf + i * 512UL, sector + i, m[i].a, m[i].b))
			wrong(buf + i * 512UL, sector + i, m[i].a, m[i].b);
}

static void verify_all(uint64_t first, uint64_t sectors, const struct tags *m,
		       enum may_fail may_fail)
{
	char *buf = buffer(MAX_SECTORS);
	uint64_t at;

	for (at = 0; at < sectors; at += MAX_SECTORS) {
		uint64_t n = sectors - at;

		verify(first + at, n < MAX_SECTORS ? n : MAX_SECTORS, m + at,
		       may_fail, buf);
	}
	free(buf);
}

static void sweep(uint64_t sectors, uint64_t seed, uint64_t ops,
		  const char *path)
{
	struct tags *m = load_model(path, sectors);
	char *buf = buffer(MAX_SECTORS);
	uint64_t rng = seed, blocks = sectors / unit, i;

	for (i = 0; i < ops; i++) {
		uint64_t at = next(&rng) % blocks;
		uint32_t n = some_length(&rng, blocks - at), k;
		uint32_t tag = (seed << 20) + i + 2;

		at *= unit;
		if (next(&rng) % 4) {
			make(tag, at, n, buf);
			need(put(buf, at, n), "write", at, n);
			for (k = 0; k < n; k++)
				m[at + k] = (struct tags) { tag, tag };
		} else {
			verify(at, n, m + at, NOTHING, buf);
		}
	}
	verify_all(0, sectors, m, NOTHING);
	save_model(path, m, sectors);
}

struct thread {
	pthread_t id;
	unsigned int nr, of;
	uint64_t first, sectors, writes, reads, failed;
	struct tags *m;
	bool errors;
};

static void *storm_thread(void *arg)
{
	struct thread *t = arg;
	uint64_t rng = (uint64_t)getpid() << 8 | t->nr;
	/* Half the sectors of mixed blocks, half in ranges of one's own. */
	uint64_t mixed = t->sectors / 2 / unit / t->of;
	uint64_t own = t->sectors / 2 / unit / t->of;
	char *buf = buffer(MAX_SECTORS);
	uint32_t tag = (t->nr << 26) + ((getpid() & 0x3f) << 20) + 2;
	int r;

	while (!stop) {
		uint64_t at;
		uint32_t n = unit, k;

		if (next(&rng) & 1) {
			at = (next(&rng) % mixed * t->of + t->nr) * unit;
		} else {
			at = next(&rng) % own;
			n = some_length(&rng, own - at < 64 ? own - at : 64);
			at = t->sectors / 2 / unit * unit +
			     (t->nr * own + at) * unit;
		}
		if (next(&rng) % 3 == 0) {
			verify(t->first + at, n, t->m + at,
			       t->errors ? ALL : NOTHING, buf);
			t->reads++;
			continue;
		}
		tag++;
		make(tag, t->first + at, n, buf);
		r = put(buf, t->first + at, n);
		t->writes++;
		if (r && !t->errors)
			need(r, "write", t->first + at, n);
		t->failed += !!r;
		for (k = 0; k < n; k++) {
			struct tags *s = &t->m[at + k];

			/* A failed one may have been written nevertheless. */
			if (!r)
				*s = (struct tags) { tag, tag };
			else if (s->a == s->b)
				s->b = tag;
			else
				s->a = ANY;
		}
	}
	free(buf);
	return NULL;
}

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void storm(uint64_t first, uint64_t sectors, unsigned int nr,
		  unsigned int seconds, const char *path, bool errors)
{
	struct thread t[64];
	struct tags *m = load_model(path, sectors);
	uint64_t writes = 0, reads = 0, failed = 0;
	unsigned int i;

	if (!nr || nr > 64)
		die(2, "from 1 to 64 threads");
	signal(SIGTERM, on_signal);
	signal(SIGALRM, on_signal);
	alarm(seconds);
	for (i = 0; i < nr; i++) {
		t[i] = (struct thread) {
			.nr = i, .of = nr, .first = first, .sectors = sectors,
			.m = m, .errors = errors,
		};
		if (pthread_create(&t[i].id, NULL, storm_thread, &t[i]))
			die(2, "cannot start a thread");
	}
	for (i = 0; i < nr; i++) {
		pthread_join(t[i].id, NULL);
		writes += t[i].writes;
		reads += t[i].reads;
		failed += t[i].failed;
	}
	save_model(path, m, sectors);
	verify_all(first, sectors, m, errors ? ALL : NOTHING);
	printf("writes=%llu reads=%llu failed=%llu\n",
	       (unsigned long long)writes, (unsigned long long)reads,
	       (unsigned long long)failed);
}

/* Write number @i of a sequence; the same each time. */
static void sync_step(uint64_t *rng, uint64_t sectors, uint64_t i,
		      uint64_t *at, uint32_t *n, uint32_t *tag)
{
	uint64_t blocks = sectors / unit;

	*at = next(rng) % blocks;
	*n = some_length(rng, blocks - *at);
	*at *= unit;
	*tag = i + 2;
}

static void sync_writes(uint64_t sectors, uint64_t seed, uint64_t ops,
			const char *cut)
{
	uint64_t rng = seed, i, at;
	char *buf = buffer(MAX_SECTORS);
	uint32_t n, tag;
	int power = cut ? open(cut, O_WRONLY) : -1;

	if (cut && power < 0)
		die(errno, "%s: %s", cut, strerror(errno));
	for (i = 0; i < ops; i++) {
		sync_step(&rng, sectors, i, &at, &n, &tag);
		make(tag, at, n, buf);
		need(put(buf, at, n), "write", at, n);
	}
	/* Nothing comes between the acknowledgement and the cut. */
	if (cut && write(power, "powercut\n", 9) == 9)
		pause();
}

static void sync_model(uint64_t sectors, uint64_t seed, uint64_t ops,
		       const char *path)
{
	struct tags *m = load_model("", sectors);
	uint64_t rng = seed, i, at;
	uint32_t n, k, tag;

	for (i = 0; i < ops; i++) {
		sync_step(&rng, sectors, i, &at, &n, &tag);
		for (k = 0; k < n; k++)
			m[at + k] = (struct tags) { tag, tag };
	}
	save_model(path, m, sectors);
}

/*--------------------------------------------------------------------
 * Bursts
 *--------------------------------------------------------------------
 */

struct shot {
	pthread_t id;
	const char *text;
	char op;
	uint64_t sector;
	uint32_t n;
	unsigned int delay;
	void *buf;
	double begun, ended;
	int result;
};

static pthread_barrier_t all_ready;
static struct timespec burst_begun;

static double since_begin(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (t.tv_sec - burst_begun.tv_sec) * 1e3 +
	       (t.tv_nsec - burst_begun.tv_nsec) / 1e6;
}

static void *shoot(void *arg)
{
	struct shot *s = arg;
	struct iovec iov = { s->buf, s->n * 512UL };
	struct timespec at = burst_begun;
	ssize_t r;

	pthread_barrier_wait(&all_ready);
	if (s->delay) {
		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_nsec += s->delay % 1000 * 1000000L;
		at.tv_sec += s->delay / 1000 + at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	s->begun = since_begin();
	if (s->op == 'f')
		r = fdatasync(fd);
	else if (s->op == 'r')
		r = preadv2(fd, &iov, 1, s->sector * 512, 0);
	else
		r = pwritev2(fd, &iov, 1, s->sector * 512, s->op == 's' ? RWF_DSYNC : 0);
	s->result = r < 0 ? errno : r == (ssize_t)iov.iov_len ? 0 : EIO;
	s->ended = since_begin();
	return NULL;
}

static void burst(uint32_t tag, unsigned int nr, char **ops)
{
	struct shot *shots = calloc(nr, sizeof(*shots)), *s;
	unsigned int i;

	pthread_barrier_init(&all_ready, NULL, nr + 1);
	for (i = 0; i < nr; i++) {
		const char *at = strchr(ops[i], '@');

		s = &shots[i];
		s->text = ops[i];
		s->op = *ops[i];
		if (!strchr("wsrf", s->op) ||
		    (s->op != 'f' && sscanf(ops[i] + 1, ":%lu:%u", &s->sector, &s->n) != 2) ||
		    s->n > MAX_SECTORS)
			die(2, "vmio: burst: \"%s\"?", ops[i]);
		s->delay = at ? number(at + 1) : 0;
		s->buf = s->n ? buffer(s->n) : NULL;
		if (s->op == 'w' || s->op == 's')
			make(tag, s->sector, s->n, s->buf);
		if (pthread_create(&s->id, NULL, shoot, s))
			die(2, "vmio: cannot start a thread");
	}
	clock_gettime(CLOCK_MONOTONIC, &burst_begun);
	pthread_barrier_wait(&all_ready);
	for (s = shots; s < shots + nr; s++) {
		pthread_join(s->id, NULL);
		printf("%s %.1f %.1f %s\n", s->text, s->begun, s->ended,
		       s->result ? strerrorname_np(s->result) : "ok");
	}
	free(shots);
}

static int range_ioctl(unsigned long request, uint64_t sector, uint64_t n)
{
	uint64_t range[2] = { sector * 512, n * 512 };

	return ioctl(fd, request, range) ? errno : 0;
}

static void message(char **argv)
{
	union {
		struct dm_ioctl ioctl;
		char bytes[1 << 20];
	} *u = calloc(1, sizeof(*u));
	struct dm_target_msg *m = (void *)(u->bytes + sizeof(u->ioctl));
	int control = open("/dev/mapper/control", O_RDWR), r, i;

	u->ioctl.version[0] = DM_VERSION_MAJOR;
	u->ioctl.data_size = sizeof(*u);
	u->ioctl.data_start = sizeof(u->ioctl);
	strncpy(u->ioctl.name, argv[0], sizeof(u->ioctl.name) - 1);
	m->sector = number(argv[1]);
	for (i = 2; argv[i]; i++) {
		if (i > 2)
			strcat(m->message, " ");
		strcat(m->message, argv[i]);
	}
	r = ioctl(control, DM_TARGET_MSG, u) ? errno : 0;
	if (r)
		die(r, "message '%s': %s", m->message, strerror(r));
	if (u->ioctl.flags & DM_BUFFER_FULL_FLAG)
		die(ENOSPC, "the answer is too long");
	if (u->ioctl.flags & DM_DATA_OUT_FLAG) {
		const char *text = u->bytes + u->ioctl.data_start;
		size_t len = strlen(text);

		printf("%s%s", text, len && text[len - 1] == '\n' ? "" : "\n");
	}
}

/* More than there is memory for: it goes to swap and comes back. */
static void memory(uint64_t mib)
{
	uint64_t sectors = mib * 2048, i;
	char *buf = malloc(sectors * 512);
	uint32_t tag;

	if (!buf)
		die(ENOMEM, "out of memory");
	for (tag = 1; tag <= 2; tag++) {
		for (i = 0; i < sectors; i++)
			make_sector(tag, i, buf + i * 512);
		for (i = 0; i < sectors; i++)
			if (!is(buf + i * 512, i, tag, tag))
				wrong(buf + i * 512, i, tag, tag);
	}
}

int main(int argc, char **argv)
{
	const char *c = argc > 1 ? argv[1] : "";
	uint64_t a[4] = { 0 };
	int i, flags = O_RDWR | O_DIRECT;

#define COMMAND(name, min, max) \
	(!strcmp(c, name) && argc - 2 >= (min) && argc - 2 <= (max))

	if (COMMAND("syncmodel", 4, 4)) {
		sync_model(number(argv[2]), number(argv[3]), number(argv[4]),
			   argv[5]);
		return 0;
	}
	if (COMMAND("message", 3, 20)) {
		message(argv + 2);
		return 0;
	}
	if (COMMAND("memory", 1, 1)) {
		memory(number(argv[2]));
		return 0;
	}
	if (argc < 3) {
		fputs(usage_text, stderr);
		return 2;
	}
	if (!strcmp(c, "syncwrite") || !strcmp(c, "sync"))
		flags |= O_DSYNC;
	if (!strcmp(c, "read") || !strcmp(c, "check") ||
	    !strcmp(c, "whole") || !strcmp(c, "verify"))
		flags = O_RDONLY | O_DIRECT;
	for (i = 3; i < argc && i < 7 && argv[i][0] >= '0' && argv[i][0] <= '9';
	     i++)
		a[i - 3] = number(argv[i]);
	open_device(argv[2], flags);

	if (COMMAND("write", 4, 4) || COMMAND("syncwrite", 4, 4))
		one_write(a[0], a[1], a[2]);
	else if (COMMAND("nowait", 4, 4))
		nowait(a[0], a[1], a[2]);
	else if (COMMAND("fill", 4, 4))
		fill(a[0], a[1], a[2]);
	else if (COMMAND("check", 4, 4))
		check(a[0], a[1], a[2]);
	else if (COMMAND("whole", 3, 3))
		check_whole(a[0], a[1]);
	else if (COMMAND("read", 3, 3))
		need(get(buffer(a[1]), a[0], a[1]), "read", a[0], a[1]);
	else if (COMMAND("zero", 3, 3))
		need(range_ioctl(BLKZEROOUT, a[0], a[1]), "zeroout", a[0], a[1]);
	else if (COMMAND("discard", 3, 3))
		need(range_ioctl(BLKDISCARD, a[0], a[1]), "discard", a[0], a[1]);
	else if (COMMAND("flush", 1, 1))
		need(fsync(fd) ? errno : 0, "flush", 0, 0);
	else if (COMMAND("sweep", 5, 5))
		sweep(a[0], a[1], a[2], argv[6]);
	else if (COMMAND("storm", 6, 7))
		storm(a[0], a[1], a[2], a[3], argv[7], argc > 8);
	else if (COMMAND("verify", 4, 5))
		verify_all(a[0], a[1], load_model(argv[5], a[1]),
			   argc < 7 ? NOTHING :
			   strcmp(argv[6], "unwritten") ? ALL : UNWRITTEN);
	else if (COMMAND("burst", 3, 66))
		burst(a[0], argc - 4, argv + 4);
	else if (COMMAND("sync", 4, 5))
		sync_writes(a[0], a[1], a[2], argc > 6 ? argv[6] : NULL);
	else
		die(2, "vmio: wrong usage of '%s'", c);
	return 0;
}
