/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: pairs that are here and that nobody has opened. All disks are read for that, and
 * a dying one may not answer for long: a process of its own does it, and nobody waits for
 * that process.
 */
#ifndef DMREMAP_SEEK_H
#define DMREMAP_SEEK_H

#include "face/tool.h"

struct seek {
	pid_t pid;		/* that looks, or 0 */
	int fd;			/* readable when it has found something, or ended; or -1 */
	char *found;
	size_t len;
};

/* Begin to look, unless the process that did so last still waits for a disk. */
void seek_begin(struct seek *s);

/*
 * Take what can be read. Return: true when all has been looked at: then @tell is called
 * for each pair.
 */
bool seek_read(struct seek *s,
	       void (*tell)(const char *name, const char *spare, void *arg),
	       void *arg);

/* Look no more. */
void seek_end(struct seek *s);

#endif
