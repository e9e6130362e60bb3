/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: whose sectors are these? Asked from the file systems above a device.
 */
#ifndef DMREMAP_OWNERS_H
#define DMREMAP_OWNERS_H

#include "lists/ranges.h"

#include <sys/types.h>

/**
 * enum owner_kind - what sectors are for
 * @OWNER_FILE: data of a file, or of a folder
 * @OWNER_METADATA: the file system's own
 * @OWNER_FREE: nobody's
 * @OWNER_USED: in use, but by no file that was found: one that was deleted while it
 *	is open, one in a place that could not be looked at, or metadata of files
 * @OWNER_UNKNOWN: no mounted file system says anything about them
 */
enum owner_kind { OWNER_FILE, OWNER_METADATA, OWNER_FREE, OWNER_USED,
		  OWNER_UNKNOWN, NR_OWNER_KINDS };

/* "file", "metadata", ... */
extern const char *const owner_kinds[NR_OWNER_KINDS];

/**
 * struct owner - of some of the sectors that were asked for
 * @kind: what they are for
 * @start: first sector, on the device that was asked about
 * @count: sectors
 * @path: OWNER_FILE: raw, as the kernel has it
 * @offset: OWNER_FILE: of @start in the file, in sectors
 */
struct owner {
	enum owner_kind kind;
	u64 start, count;
	const char *path;
	u64 offset;
};

typedef void (*owner_fn)(void *arg, const struct owner *o);

/**
 * struct owners_sum - how far the answers can be trusted
 * @mounts: file systems that were asked
 * @files: files and folders that were looked at
 * @skipped: those that could not be, since they could not be read
 * @obstacle: what cannot be followed to the device, or ""
 */
struct owners_sum {
	u64 mounts, files, skipped;
	char obstacle[256];
};

/**
 * owners_find() - ask all mounted file systems that are above a device
 * @to: the device
 * @want: sectors of it, tidied
 * @only: the mount point to look at, or NULL for all
 * @fn: called for every piece: first files, as they are found, then the rest by
 *	sector. Pieces of files may overlap
 * @arg: for @fn
 * @sum: is filled in
 *
 * Return: RC_OK, RC_INTERRUPTED, or a failure with a message.
 */
int owners_find(dev_t to, const struct ranges *want, const char *only,
		owner_fn fn, void *arg, struct owners_sum *sum);

/**
 * owners_unmounted() - the same for a file system that is not mounted
 * @path: the device that the file system is on, as a whole
 * @to: its number
 * @type: for mount(2), "ext4"
 * @want: sectors, tidied
 * @fn: called in another process; what it prints must be flushed before
 * @arg: for @fn
 *
 * It is mounted read-only, in a name space of its own, and without replaying
 * its journal: nothing is written.
 *
 * Return: RC_OK, or RC_FAILED without a message.
 */
int owners_unmounted(const char *path, dev_t to, const char *type,
		     const struct ranges *want, owner_fn fn, void *arg);

#endif
