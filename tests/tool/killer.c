// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into the tool: kills it before its KILL_AT-th call that may change
 * something (writes, flushes, device-mapper), so that each moment between two
 * steps can be tried. Writes how many there were to KILL_COUNT, a file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

static long calls;

static void step(void)
{
	const char *at = getenv("KILL_AT");

	calls++;
	if (at && calls == atol(at))
		kill(getpid(), SIGKILL);
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("KILL_COUNT");
	FILE *f = path ? fopen(path, "w") : NULL;

	if (f) {
		fprintf(f, "%ld\n", calls);
		fclose(f);
	}
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	static ssize_t (*real)(int, const void *, size_t, off64_t);

	if (!real)
		real = dlsym(RTLD_NEXT, "pwrite64");
	step();
	return real(fd, buf, n, at);
}

int fdatasync(int fd)
{
	static int (*real)(int);

	if (!real)
		real = dlsym(RTLD_NEXT, "fdatasync");
	step();
	return real(fd);
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, ...);
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!real)
		real = dlsym(RTLD_NEXT, "ioctl");
	if (request == DM_DEV_SUSPEND || request == DM_TABLE_LOAD ||
	    request == DM_TABLE_CLEAR || request == DM_DEV_REMOVE ||
	    request == DM_TARGET_MSG)
		step();
	return real(fd, request, arg);
}
