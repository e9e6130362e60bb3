// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault-nth: the first memory allocation of an operation fails, then the second,
 * and so on until all of them have failed once. Whatever becomes of the
 * operation, afterwards the device works and holds what it held.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t u64;
typedef uint32_t u32;

#define SECTORS		2048U

static const char usage_text[] =
"Usage: fault-nth MAIN SPARE    (MAIN: bad in sectors 0 to 127)\n";

static const char *what = "start";
static unsigned int nth;

static void __attribute__((noreturn, format(printf, 2, 3)))
die(int status, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "fault-nth: %s, allocation %u: ", what, nth);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(status);
}

#include "device.h"

static char params[256];
static char *buf;
static unsigned char version[SECTORS];	/* of each sector, as acknowledged */
static bool vague[SECTORS];		/* a write of it has failed */

static void fill(u32 at, u32 n, unsigned char v)
{
	u32 i;

	for (i = 0; i < n; i++, at++) {
		memset(buf + i * 512, v, 512);
		memcpy(buf + i * 512, &at, sizeof(at));
	}
}

static int write_version(u32 at, u32 n, unsigned char v)
{
	bool ok;

	fill(at, n, v);
	ok = pwrite(dev, buf, n * 512, at * 512) == (ssize_t)n * 512;
	memset(version + at, v, n);
	memset(vague + at, !ok, n);
	return ok ? 0 : EIO;
}

/* All that was acknowledged is there. */
static void check(void)
{
	static char *want;
	u32 at;

	if (!want && posix_memalign((void **)&want, 4096, 8 * 512))
		die(4, "out of memory");
	for (at = 0; at < SECTORS; at += 8) {
		if (vague[at])
			continue;
		fill(at, 8, version[at]);
		if (pread(dev, want, 8 * 512, at * 512) != 8 * 512)
			die(1, "sector %u cannot be read: %s", at, strerror(errno));
		if (memcmp(want, buf, 8 * 512))
			die(1, "sector %u is wrong", at);
	}
}

static int nth_fd;

static void set_nth(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(nth_fd, text, len, 0) != len)
		die(4, "the n-th allocation cannot be chosen: %s", strerror(errno));
}

/* Were there fewer allocations than that? */
static bool nth_is_left(void)
{
	char text[16] = "";

	return pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && atoi(text);
}

/*--------------------------------------------------------------------
 * Operations. Each can be repeated, and returns an errno.
 *--------------------------------------------------------------------
 */

static int op_create(void)
{
	blank_request();
	return dm(DM_DEV_CREATE, 0) ?: load_table(SECTORS, params, false) ?:
	       suspend(false);
}

static int op_reload(void)
{
	return load_table(SECTORS, params, false) ?: suspend(true) ?:
	       suspend(false);
}

static int op_suspend(void)
{
	return suspend(true) ?: suspend(false);
}

static int op_write(void)
{
	static unsigned char v = 10;

	return write_version(64, 64, v++);
}

static int op_status(void)
{
	blank_request();
	return dm(DM_TABLE_STATUS, 0);
}

static int op_message_status(void) { return message("status"); }
static int op_list(void) { return message("list"); }
static int op_find(void) { return message("find 0 64"); }
static int op_evacuate(void) { return message("remap 1024 64"); }
static int op_release(void) { return message("release 1024 64"); }
static int op_mark(void) { return message("mark_bad 1200 64"); }
static int op_forget(void) { return message("forget_bad 1200 64"); }
static int op_reset(void) { return message("reset_counters"); }

/* It may have been done although the answer could not be given. */
static int op_grow(void)
{
	int r = message("grow 4096");

	if (r == ENOSPC && !message("status") &&
	    strstr(req.bytes + req.ioctl.data_start, " spare_length=4096 "))
		r = 0;
	if (!r)
		strcpy(strstr(params, "spare_length"), "spare_length 4096");
	return r;
}


static const struct {
	const char *name;
	int (*run)(void);
} ops[] = {
	{ "reload", op_reload }, { "suspend", op_suspend },
	{ "write", op_write }, { "table status", op_status },
	{ "status", op_message_status }, { "list", op_list },
	{ "find", op_find }, { "remap", op_evacuate },
	{ "release", op_release }, { "mark_bad", op_mark },
	{ "forget_bad", op_forget }, { "reset_counters", op_reset },
	{ "grow", op_grow }, { "reload grown", op_reload },
};

static void open_it(void)
{
	char path[64];

	blank_request();
	if (dm(DM_DEV_STATUS, 0))
		die(4, "there is no device");
	snprintf(path, sizeof(path), "/dev/dm-%u", minor(req.ioctl.dev));
	dev = open(path, O_RDWR | O_DIRECT);
	if (dev < 0)
		die(4, "cannot open %s: %s", path, strerror(errno));
}

/* A reload that failed half-way may have left the device suspended. */
static void make_it_run(void)
{
	if (suspend(false))
		die(1, "cannot be resumed: %s", strerror(errno));
}

static unsigned int run(const char *name, int (*op)(void))
{
	unsigned int failed = 0;
	int r;

	what = name;
	for (nth = 1; ; nth++) {
		set_nth(nth);
		r = op();
		if (nth_is_left())
			break;
		failed++;
		if (op == op_create) {
			remove_device();
			continue;
		}
		make_it_run();
		check();
	}
	set_nth(0);
	if (r)
		die(1, "fails without a reason: %s", strerror(r));
	printf("%s: %u allocations failed, one at a time\n", name, failed);
	return failed;
}

int main(int argc, char **argv)
{
	unsigned int i, failed;

	if (argc != 3) {
		fputs(usage_text, stderr);
		return 2;
	}
	snprintf(params, sizeof(params), "%s %s 0 2 spare_length 2048", argv[1], argv[2]);
	if (posix_memalign((void **)&buf, 4096, SECTORS * 512))
		die(4, "out of memory");
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	if (nth_fd < 0)
		die(4, "this kernel has no fault injection");
	failed = run("create", op_create);
	open_it();
	for (i = 0; i < SECTORS; i += 64)
		if (write_version(i, 64, 1))
			die(1, "cannot write sector %u", i);
	close(dev);
	dev = -1;
	remove_device();
	failed += run("create again", op_create);
	open_it();
	check();
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		failed += run(ops[i].name, ops[i].run);
	remove_device();
	printf("%u allocations failed\n", failed);
	/* Or nothing was tested. */
	return failed < 20;
}
