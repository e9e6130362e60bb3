/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: device-mapper, through libdevmapper.
 */
#ifndef DMREMAP_DM_H
#define DMREMAP_DM_H

#include "device.h"

#define DM_NAME		128

/* One line of a table. */
struct dm_line {
	u64 start, len;
	char type[32];
	char params[1200];
	bool read_only;		/* of the first line: of the device */
	struct dm_line *next;
};

/* A device whose table is one dm-remap target. */
struct remap {
	char name[DM_NAME];
	char uuid[DM_NAME + 2];
	dev_t devno;
	u32 event_nr;
	int open_count;
	bool suspended;
	bool read_only;		/* to its users */
	u64 sectors;
	dev_t main, spare;
	char main_path[160], spare_path[160];	/* /dev/sdb, as it is today */
	u64 spare_start;
	char features[700];	/* as in the table, with their count, or "" */
};

/* Return: RC_OK or an exit status with a message, unless it says otherwise. */
int dm_ready(void);

/* All of them; *list is to be freed. */
int remap_list(struct remap **list, int *nr);
/* One, by its name or by /dev/mapper/NAME. */
int remap_get(const char *name, struct remap *r);
/* The same without a message. Return: -ENXIO: there is none, -EINVAL: it is no dm-remap. */
int remap_get_quiet(const char *name, struct remap *r);
/*
 * \xNN is how device nodes and systemd's units write what they do not take in a name:
 * the name as it is. @to: as long as @name, or @name itself.
 */
void dm_plain_name(char *to, const char *name);
/* Does any device-mapper device have this name? */
bool dm_exists(const char *name);

/*
 * Send a message. *@reply is to be freed; @reply may be NULL. On error @quiet
 * says nothing and returns -errno.
 */
__printf(4, 5)
int remap_message(const char *name, char **reply, bool quiet,
		  const char *fmt, ...);

int dm_table(const char *name, struct dm_line **lines);
int dm_status_lines(const char *name, struct dm_line **lines);
void dm_free_lines(struct dm_line *lines);
__printf(4, 5)
struct dm_line *dm_line(u64 start, u64 len, const char *type,
			const char *fmt, ...);

int dm_create(const char *name, const char *uuid, const struct dm_line *lines);
int dm_load(const char *name, const struct dm_line *lines);
/* Forget a loaded table that was not resumed. */
int dm_clear(const char *name);
int dm_suspend(const char *name);
/* Without freezing a file system on it, or waiting for what it has yet to write. */
int dm_suspend_as_it_is(const char *name);
int dm_resume(const char *name);
int dm_remove(const char *name);

/*
 * Claim a device for device-mapper, by a table that never becomes live: other
 * device-mapper devices can be made of it, and nothing else can. Quiet.
 * Return: 0, also if it is claimed already, or -errno.
 */
#define DM_GUARD_UUID	"mpath-DMREMAP-GUARD-"
int dm_claim(const char *name, const char *uuid, const struct device *d);
void dm_unclaim(const char *name);

/* Not to wait for udev, in a program that udev runs. */
void dm_without_udev(void);

/* Print the dmsetup line that has the same effect. */
void would_create(const char *name, const char *uuid,
		  const struct dm_line *lines);
void would_load(const char *name, const struct dm_line *lines);

/* May this be the name of a device? RC_OK or RC_USAGE. */
int dm_check_name(const char *name);

#endif
