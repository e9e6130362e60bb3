// SPDX-License-Identifier: GPL-2.0-only
/*
 * classes: how long I/Os of several kinds take, all at once, those that fail included.
 *
 * Usage: classes DEVICE SECONDS NAME:read|write:FIRST:SECTORS:RATE...
 *
 * For each NAME, at most RATE times a second and one after the other, 4 KiB within SECTORS
 * sectors from FIRST are read or written. For each kind a line:
 *
 *   NAME <number of I/Os> <failed> <p50> <p99> <longest>
 *
 * with times in ms.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST	10000U

struct kind {
	pthread_t id;
	char name[40], op[8];
	uint64_t first, sectors;
	unsigned int rate, n, failed;
	double *took;
};

static int fd;
static double seconds;
static struct timespec begun;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec - begun.tv_sec + (t.tv_nsec - begun.tv_nsec) / 1e9;
}

static void *run(void *arg)
{
	struct kind *k = arg;
	uint64_t random = 88172645463325252ULL + k->first;
	double due, wait, t;
	void *buf;
	ssize_t r;
	off_t at;

	if (posix_memalign(&buf, 4096, 4096))
		abort();
	memset(buf, 0x5a, 4096);
	for (due = 0; due < seconds && k->n < MOST; due += 1.0 / k->rate) {
		wait = due - now();
		if (wait > 0)
			usleep(wait * 1e6);
		if (wait < 0)
			due -= wait;
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		at = (k->first + random % (k->sectors / 8) * 8) * 512;
		t = now();
		r = *k->op == 'r' ? pread(fd, buf, 4096, at) : pwrite(fd, buf, 4096, at);
		k->took[k->n++] = now() - t;
		k->failed += r != 4096;
	}
	free(buf);
	return NULL;
}

static int by_time(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return (d > 0) - (d < 0);
}

int main(int argc, char **argv)
{
	struct kind *kinds = calloc(argc, sizeof(*kinds));

	if (argc < 4) {
		fprintf(stderr, "usage: classes DEVICE SECONDS NAME:OP:FIRST:SECTORS:RATE...\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_DIRECT);
	seconds = atof(argv[2]);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	for (int i = 3; i < argc; i++) {
		struct kind *k = &kinds[i];

		if (sscanf(argv[i], "%39[^:]:%7[^:]:%lu:%lu:%u", k->name, k->op, &k->first,
			   &k->sectors, &k->rate) != 5 || k->sectors < 8 || !k->rate) {
			fprintf(stderr, "classes: \"%s\"?\n", argv[i]);
			return 2;
		}
		k->took = calloc(MOST, sizeof(*k->took));
	}
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (int i = 3; i < argc; i++)
		if (pthread_create(&kinds[i].id, NULL, run, &kinds[i]))
			return 1;
	for (int i = 3; i < argc; i++) {
		struct kind *k = &kinds[i];

		pthread_join(k->id, NULL);
		qsort(k->took, k->n, sizeof(*k->took), by_time);
		printf("%s %u %u %.1f %.1f %.1f\n", k->name, k->n, k->failed,
		       k->took[k->n / 2] * 1e3, k->took[k->n * 99 / 100] * 1e3,
		       k->took[k->n - 1] * 1e3);
	}
	return 0;
}
