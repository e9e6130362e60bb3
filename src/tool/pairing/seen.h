/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: the spare areas that udev knows, so that nobody needs to read all disks to find
 * one: udev's rule has stored them as a property of their device.
 */
#ifndef DMREMAP_SEEN_H
#define DMREMAP_SEEN_H

#include "pairing.h"

/* An area as it was when its device appeared or changed. */
struct seen {
	dev_t devno;
	char uuid[40];
	char name[DM_NAME];			/* without the table */
	char identity[DMR_IDENTITY_LEN];	/* of main, or "" */
};

struct seens {
	struct seen *s;
	int nr;
};

/* The property for the areas of a device, as udev's rule imports it; "" if there are none. */
void seen_format(const struct seens *list, char *text, size_t size);

/* Add an area. Return: 0 or -ENOMEM. */
int seen_add(struct seens *list, dev_t devno, const struct dmr_super *sb);

/*
 * All that udev knows: reads no disk. Where there is no udevd, all disks are read.
 * *@list is to be freed.
 */
void seens_read(struct seens *list);
void seens_free(struct seens *list);

/* The candidates with the UUID of @s, as candidates_find(); reads these spares only. */
int candidates_of(struct candidates *list, const struct seens *seens,
		  const struct seen *s);

#endif
