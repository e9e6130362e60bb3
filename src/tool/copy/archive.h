/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: dumps of a spare's metadata that are kept by themselves, as LVM does in
 * /etc/lvm/archive: one for each change of layout.
 */
#ifndef DMREMAP_ARCHIVE_H
#define DMREMAP_ARCHIVE_H

#include "spare/area.h"

/* Dumps that are kept of one spare. */
#define ARCHIVE_KEEP	10
/* A table of more live entries is left out: the superblock can be restored alone. */
#define ARCHIVE_ENTRIES	100000

/* Where they are: UUID_NNNNN.json */
const char *archive_folder(void);

/**
 * archive_keep() - keep a dump of a spare area
 * @d: device that it is on; it may be in use by the kernel
 * @start: first sector of the area
 * @why: what changes it, or has: "after 'create'"
 *
 * A file that only root can read, complete or not there; the oldest ones of this spare
 * go. What cannot be kept gets a note: that is no reason to stop. Quiet where there is no
 * spare area.
 */
void archive_keep(const struct device *d, u64 start, const char *why);
/* The same for the spare of a device that is open. */
void archive_keep_of(dev_t spare, u64 start, const char *why);

/* Call @fn for each of them, the oldest one of each spare first. */
void archive_each(void (*fn)(const char *path, void *arg), void *arg);

#endif
