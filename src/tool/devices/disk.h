/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: the disk that a device is on, to compare lists with. From sysfs and
 * udev only: a node in /dev is not needed.
 */
#ifndef DMREMAP_DISK_H
#define DMREMAP_DISK_H

#include "lists/list.h"

#include <sys/types.h>

struct disk {
	struct list_disk known;	/* its whose() is set; used while *this lives */
	dev_t devno, whole;
	u64 start;		/* of a partition: its first sector */
	u64 sectors;		/* of the device */
	u64 whole_sectors;
};

/* Return: RC_OK, or RC_REFUSED with a message if the kernel has no such device. */
int disk_learn(dev_t devno, struct disk *d);

/* The sectors of a file's device: which disk, and where on it? 0 or -ENODEV. */
int disk_place(dev_t devno, dev_t *whole, u64 *start);

#endif
