/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: what a drive says of its own health, as smartctl --json or nvme-cli
 * (smart-log --output-format=json) print it. Parsing only.
 */
#ifndef DMREMAP_HEALTH_H
#define DMREMAP_HEALTH_H

#include "face/tool.h"

struct json_object;

struct drive_health {
	bool known;		/* it says anything about bad sectors */
	bool failing;		/* in the drive's own opinion */
	u64 reallocated, pending, uncorrectable, media_errors;
	u64 uncorrected_errors;	/* SCSI: errors that were passed on */
	u64 percentage_used;
	u64 hours;		/* powered on; 0: not known */
	u64 when;		/* of the report, in seconds of the epoch; 0: not known */
	u64 dated;		/* defects that have a time, in hours */
	u64 recent;		/* those of the last HEALTH_RECENT hours */
	char serial[80];
	u64 bytes;
	char says[200];		/* what the program could not read */
};

#define HEALTH_RECENT	720

/* Return: false if it is the output of neither program. */
bool health_read(struct json_object *o, struct drive_health *h);

/* Sectors that are bad, or were. */
u64 health_sectors(const struct drive_health *h);

/*
 * New bad sectors a day, and what that is known from. @before: an earlier
 * report of the same drive, or NULL. Return: false if nothing tells.
 */
bool health_rate(const struct drive_health *now,
		 const struct drive_health *before, double *a_day,
		 const char **from);

#endif
