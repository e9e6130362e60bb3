/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: block devices as a person knows them: model, serial number, what is
 * on them, who uses them; and the identity by which a spare knows its main.
 */
#ifndef DMREMAP_DEVICE_H
#define DMREMAP_DEVICE_H

#include "dm-remap-format.h"

#include <limits.h>

#define MAX_IDENTITIES	6

struct device {
	char path[PATH_MAX];	/* as it is called today */
	dev_t devno;		/* 0 for a file */
	bool is_block;
	bool read_only;
	bool partition;
	u64 sectors;
	u32 lbs;
	u32 pbs;		/* physical block, bytes; 0: not known */
	u32 aligned;		/* bytes from its start to that of a physical block */
	u64 part_start;		/* of a partition: its first sector */
	dev_t whole;		/* the disk that it is on; else devno */
	char model[80];
	char serial[80];
	char port[200];		/* where it is plugged in: "/dev/disk/by-path/..." */
	char content[160];	/* "ext4 file system" or "" */
	char used_by[PATH_MAX];	/* "mounted on /mnt", "held by dm-0" or "" */
	/* Names that stay the same from boot to boot, the best one first. */
	char identity[MAX_IDENTITIES][DMR_IDENTITY_LEN];
	int nr_identities;
};

/*
 * Everything that can be learned without writing. @files: an ordinary file
 * will do. Return: RC_OK or RC_REFUSED with a message.
 */
int device_get(const char *path, bool files, struct device *d);

/* The same for a device number; quiet. Return: 0 or -errno. */
int device_get_devno(dev_t devno, struct device *d);

/*
 * The same without asking the device, which may be busy with an error for long. (Where
 * there is no udevd, the UUID of a partition is read from its disk.)
 */
int device_known(dev_t devno, struct device *d);

/* The same by name. Return: RC_OK or RC_REFUSED with a message. */
int device_get_known(const char *path, struct device *d);

/* Is there a udevd? */
bool device_udev_runs(void);

/* A property that udev has for the device, also during its event. Return: is there one? */
bool device_property(dev_t devno, const char *name, char *buf, size_t size);

/* What libblkid knows on it; device_get() does that by itself. */
void device_find_content(struct device *d);

/* What a device number is called today. Return: 0 or -ENODEV. */
int device_name(dev_t devno, char *path, size_t size);

/* The first line of a file that sysfs has. Return: is there one, and not empty? */
__printf(3, 4)
bool sysfs_line(char *buf, size_t size, const char *fmt, ...);
/* The same of a file with "MAJOR:MINOR". */
bool sysfs_devno(dev_t *devno, const char *attr);

/* "/dev/sdb: ST4000VN008 ZGY0A1B2, 4 TiB, ext4 file system" */
const char *device_describe(const struct device *d);

/* "/dev/sdb (ST4000VN008 ZGY0A1B2, 4 TiB, at /dev/disk/by-path/...)" */
const char *device_whereabouts(const struct device *d);

/* The best identity, or "". */
const char *device_identity(const struct device *d);
bool device_is(const struct device *d, const char *identity);

/* Does udev run this program for the device right now? */
bool device_in_event(dev_t devno);

/* Does anybody but dm-remap use it? Those whose areas may be beside ours. */
bool device_in_use(const struct device *d);

/*
 * Remove all signatures that libblkid knows (wipefs), so that nothing takes the
 * device for what it was. Return: RC_OK or RC_FAILED.
 */
int device_wipe(const char *path);

/* Call @fn for each block device of the system, as device_known(), until it returns nonzero. */
int device_each(int (*fn)(const struct device *d, void *arg), void *arg);

#endif
