// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit test of the copy that "detach --to" makes, on files, with errors at will:
 * no sector that can be read is missing, no flush that failed is repeated, and
 * what it may have lost is written again. Linked with --wrap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail	/* the tool has one, too */

#include "copy/move.h"

#include <signal.h>
#include <unistd.h>

#define SECTORS	(5 * 2048 + 24)
#define KEY	"test"

static struct {
	int from, to;
	u8 *want;
	struct ranges bad;	/* of the source */
	u64 reads_until_good;	/* a bad sector reads after so many tries */
	int good_until;		/* it is bad only after so many writes */
	u64 tries;
	int read_error;
	int flush_fails_at;	/* the n-th flush fails, and loses what it was for */
	int flushes;
	u64 lost_from, lost_to;	/* bytes written since the last flush */
	int stop_at;		/* SIGTERM after so many writes */
	int writes;
} t;

ssize_t __real_pread64(int fd, void *buf, size_t n, off64_t at);
ssize_t __wrap_pread64(int fd, void *buf, size_t n, off64_t at);
ssize_t __real_pwrite64(int fd, const void *buf, size_t n, off64_t at);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t n, off64_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

ssize_t __wrap_pread64(int fd, void *buf, size_t n, off64_t at)
{
	if (fd == t.from && t.writes >= t.good_until &&
	    ranges_touch(&t.bad, at >> 9, n >> 9)) {
		if (n > 512 || !t.reads_until_good ||
		    ++t.tries < t.reads_until_good) {
			errno = t.read_error;
			return -1;
		}
	}
	return __real_pread64(fd, buf, n, at);
}

ssize_t __wrap_pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	if (fd == t.to) {
		if (t.lost_from == t.lost_to)
			t.lost_from = at;
		t.lost_to = at + n;
		if (++t.writes == t.stop_at)
			raise(SIGTERM);
	}
	return __real_pwrite64(fd, buf, n, at);
}

/* What a flush could not write is gone, and the next one knows nothing of it. */
int __wrap_fdatasync(int fd)
{
	static const u8 zero[1 << 20];

	if (fd != t.to)
		return __real_fdatasync(fd);
	if (++t.flushes != t.flush_fails_at) {
		t.lost_from = t.lost_to = 0;
		return 0;
	}
	for (; t.lost_from < t.lost_to; t.lost_from += sizeof(zero))
		__real_pwrite64(fd, zero, min_t(u64, sizeof(zero), t.lost_to -
						t.lost_from), t.lost_from);
	t.lost_from = t.lost_to = 0;
	errno = EIO;
	return -1;
}

static void make_files(void)
{
	char path[] = "/tmp/dmremap-move-XXXXXX";
	size_t i;

	memset(&t, 0, sizeof(t));
	t.read_error = EIO;
	t.from = mkstemp(path);
	unlink(path);
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	t.to = mkstemp(path);
	unlink(path);
	t.want = malloc(SECTORS * 512);
	for (i = 0; i < SECTORS * 512; i++)
		t.want[i] = (i * 2654435761U) >> 13 | 1;
	assert_int_equal(__real_pwrite64(t.from, t.want, SECTORS * 512, 0),
			 SECTORS * 512);
	assert_int_equal(ftruncate(t.to, SECTORS * 512), 0);
	state_clear("detach", KEY);
}

static void remove_files(void)
{
	close(t.from);
	close(t.to);
	free(t.want);
	ranges_free(&t.bad);
	state_clear("detach", KEY);
}

static int go(struct move *m, u32 unit)
{
	*m = (struct move){
		.source = "data", .target = "new", .from = t.from, .to = t.to,
		.sectors = SECTORS, .unit = unit, .key = KEY,
	};
	return move_copy(m);
}

/* All sectors but @but are on the target. */
static void equal_but(const struct ranges *but)
{
	u8 buf[512];
	u64 s;

	for (s = 0; s < SECTORS; s++) {
		assert_int_equal(__real_pread64(t.to, buf, 512, s << 9), 512);
		if (ranges_touch(but, s, 1))
			continue;
		assert_memory_equal(buf, t.want + (s << 9), 512);
	}
}

static void sector_by_sector(void **state)
{
	struct move m;

	(void)state;
	make_files();
	ranges_add(&t.bad, 0, 1);
	ranges_add(&t.bad, 2051, 1);
	ranges_add(&t.bad, 4090, 12);
	ranges_add(&t.bad, SECTORS - 1, 1);
	ranges_tidy(&t.bad);
	assert_int_equal(go(&m, 512), RC_OK);
	assert_int_equal(ranges_total(&m.missing), 15);
	assert_int_equal(m.missing.nr, 4);
	assert_memory_equal(m.missing.r, t.bad.r, 4 * sizeof(*t.bad.r));
	equal_but(&t.bad);
	move_exit(&m, true);
	remove_files();
}

static void in_logical_blocks(void **state)
{
	struct move m;

	(void)state;
	make_files();
	ranges_add(&t.bad, 2051, 1);
	ranges_tidy(&t.bad);
	assert_int_equal(go(&m, 4096), RC_OK);
	assert_int_equal(m.missing.nr, 1);
	assert_int_equal(m.missing.r[0].start, 2048);
	assert_int_equal(m.missing.r[0].count, 8);
	equal_but(&m.missing);
	move_exit(&m, true);
	remove_files();
}

/* Not in the first pass, but in the second: it is not missing. */
static void second_try(void **state)
{
	struct move m;

	(void)state;
	make_files();
	ranges_add(&t.bad, 3000, 1);
	ranges_tidy(&t.bad);
	t.reads_until_good = 2;
	assert_int_equal(go(&m, 512), RC_OK);
	assert_int_equal(m.missing.nr, 0);
	assert_true(m.differed > 0);
	equal_but(&m.missing);
	move_exit(&m, true);
	remove_files();
}

/* The first pass has read it, the second cannot: it is there, and not missing. */
static void first_try(void **state)
{
	struct move m;

	(void)state;
	make_files();
	ranges_add(&t.bad, 3000, 9);
	ranges_tidy(&t.bad);
	t.good_until = DIV_ROUND_UP(SECTORS, 2048);
	assert_int_equal(go(&m, 512), RC_OK);
	assert_int_equal(m.missing.nr, 0);
	equal_but(&m.missing);
	move_exit(&m, true);
	remove_files();
}

/* A device that is gone has no bad sectors. */
static void gone_is_no_medium_error(void **state)
{
	struct move m;

	(void)state;
	make_files();
	ranges_add(&t.bad, 3000, 1);
	ranges_tidy(&t.bad);
	t.read_error = ENXIO;
	assert_int_equal(go(&m, 512), RC_FAILED);
	move_exit(&m, false);
	remove_files();
}

/*
 * At each flush: it is an error, and the same command makes all of it good. Also
 * where the second pass writes, since the target is not what the first one wrote.
 */
static void flush_fails(void **state)
{
	u8 *zero = calloc(1, 4096);
	struct move m;
	int at, second;

	(void)state;
	for (second = 0; second < 2; second++)
		for (at = 1; at < 20; at++) {
			make_files();
			if (second) {
				ranges_add(&t.bad, 3000, 1);
				ranges_tidy(&t.bad);
				t.reads_until_good = 2;
			}
			t.flush_fails_at = at;
			if (go(&m, 512) == RC_OK) {
				equal_but(&m.missing);
				move_exit(&m, true);
				remove_files();
				break;
			}
			assert_int_equal(t.flushes, at);
			move_exit(&m, false);
			assert_int_equal(go(&m, 512), RC_OK);
			assert_int_equal(m.missing.nr, 0);
			equal_but(&m.missing);
			move_exit(&m, true);
			remove_files();
		}
	assert_true(at > 1);
	free(zero);
}

/* Taken up where it stopped; on another target, or a changed one, not at all. */
static void taken_up(void **state)
{
	struct move m;
	u64 begun;

	(void)state;
	make_files();
	t.stop_at = 3;
	assert_int_equal(go(&m, 512), RC_OK);
	assert_true(m.interrupted);
	begun = state_read("detach", KEY).position;
	assert_int_equal(begun, 3 * 2048);
	assert_true(move_is_begun(&m));
	move_exit(&m, false);

	/* This is another disk, or this one was used for something else. */
	__real_pwrite64(t.to, "another", 7, 1024);
	m = (struct move){ .to = t.to, .sectors = SECTORS, .key = KEY };
	assert_false(move_is_begun(&m));
	move_exit(&m, false);
	remove_files();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sector_by_sector),
		cmocka_unit_test(in_logical_blocks),
		cmocka_unit_test(second_try),
		cmocka_unit_test(first_try),
		cmocka_unit_test(gone_is_no_medium_error),
		cmocka_unit_test(flush_fails),
		/* Last: it is interrupted from then on. */
		cmocka_unit_test(taken_up),
	};
	char folder[] = "/tmp/dmremap-state-XXXXXX";
	int r;

	setenv("DMREMAP_STATE", mkdtemp(folder), 1);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return r;
}
