/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: a spare area that the kernel does not use at the time.
 */
#ifndef DMREMAP_AREA_H
#define DMREMAP_AREA_H

#include "devices/device.h"
#include "dm-remap-store.h"
#include "env.h"

struct area {
	struct dmr_env env;
	char path[PATH_MAX];
	u64 avail_blocks;	/* from its start to the end of the device */
	struct dmr_super sb;
	enum dmr_verdict super[DMR_NR_SUPERS];
	bool super_old[DMR_NR_SUPERS];	/* whole, but not the newest */
	u64 super_seq[DMR_NR_SUPERS];
	struct dmr_store store;
	bool loaded;
};

enum area_how {
	AREA_READ,		/* writes nothing */
	AREA_WRITE,
	AREA_SEARCH = 2,	/* look everywhere if it is not where expected */
};

/**
 * area_open() - find the superblocks of an area
 * @d: device or file that it is on
 * @start: first sector of the area
 * @how: enum area_how, or'ed
 *
 * Return: RC_OK, or RC_REFUSED or RC_FAILED with a message.
 */
int area_open(struct area *a, const struct device *d, u64 start, int how);

/* The same without a word. Return: 0 or -errno. */
int area_peek(struct area *a, const struct device *d, u64 start, int how);

void area_close(struct area *a);

/* Blank its superblocks, but not what is in the place of one. Return: 0 or -EIO. */
int area_blank(struct area *a);

/* Read the slot table; repairs it if the area was opened for writing. */
int area_load(struct area *a, struct dmr_why *why);

/*
 * Call @fn for all areas of a device that can be found at its start, at its
 * end and behind one another; with @deep wherever they are.
 */
int area_each(const struct device *d, bool deep,
	      int (*fn)(struct area *a, const struct device *d, void *arg),
	      void *arg);

const char *area_uuid(const u8 *uuid);
bool area_parse_uuid(const char *s, u8 *uuid);

/* Is the area in use by the kernel right now? Then by which device? */
bool area_in_kernel(const struct device *d, u64 start, char *name, size_t size);

#endif
