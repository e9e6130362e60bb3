// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into the tool: its FLUSH_FAILS_AT-th flush fails. What was written to that
 * file since its last good flush is gone then, as a drive and the page cache lose it,
 * and the next flush is fine. To FLUSH_LOG, a file, it writes at the end
 *   flushes=N failed=0|1 repeated=0|1
 * repeated: a flush was asked for again although nothing was written in between.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FILES	256
#define WRITES	65536

static struct {
	off64_t at;
	size_t n;
	int fd;
} writes[WRITES];
static unsigned int nr_writes;
static bool owes[FILES];	/* its last flush lost something, and nothing was written since */
static long flushes;
static bool failed, repeated;

static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);

__attribute__((constructor)) static void begin(void)
{
	real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("FLUSH_LOG");
	FILE *f = path ? fopen(path, "w") : NULL;

	if (f) {
		fprintf(f, "flushes=%ld failed=%d repeated=%d\n", flushes,
			failed, repeated);
		fclose(f);
	}
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	if (nr_writes == WRITES)
		abort();
	writes[nr_writes].fd = fd;
	writes[nr_writes].at = at;
	writes[nr_writes++].n = n;
	if (fd < FILES)
		owes[fd] = false;
	return real_pwrite(fd, buf, n, at);
}

/* What a write put there is gone: zeroes, so that it is not what it was before either. */
static bool lose(int fd)
{
	static char zero[1 << 20] __attribute__((aligned(4096)));
	bool any = false;
	unsigned int i;

	for (i = 0; i < nr_writes; i++)
		if (writes[i].fd == fd && writes[i].n <= sizeof(zero))
			any |= real_pwrite(fd, zero, writes[i].n,
					   writes[i].at) > 0;
	return any;
}

static void forget_writes(int fd)
{
	unsigned int i, kept = 0;

	for (i = 0; i < nr_writes; i++)
		if (writes[i].fd != fd)
			writes[kept++] = writes[i];
	nr_writes = kept;
}

/* Its number may be that of another file next. */
int close(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "close");

	forget_writes(fd);
	if (fd >= 0 && fd < FILES)
		owes[fd] = false;
	return real(fd);
}

static int flush(int fd, int (*real)(int))
{
	const char *at = getenv("FLUSH_FAILS_AT");
	bool fails = at && ++flushes == atol(at);

	if (fd < FILES && owes[fd])
		repeated = true;
	if (fails) {
		failed = true;
		if (lose(fd) && fd < FILES)
			owes[fd] = true;
	}
	forget_writes(fd);
	if (fails) {
		errno = EIO;
		return -1;
	}
	return real(fd);
}

int fdatasync(int fd)
{
	return flush(fd, dlsym(RTLD_NEXT, "fdatasync"));
}

int fsync(int fd)
{
	return flush(fd, dlsym(RTLD_NEXT, "fsync"));
}
