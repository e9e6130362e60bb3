/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: which spare areas there are, and which main devices they are for.
 */
#ifndef DMREMAP_PAIRING_H
#define DMREMAP_PAIRING_H

#include "spare/area.h"
#include "devices/dm.h"
#include "face/tool.h"

struct candidate {
	struct device spare;
	struct dmr_super sb;
	char name[DM_NAME];		/* to be opened as, or "" */
	char open_as[DM_NAME];		/* in use by this device, or "" */
	struct device main;		/* path "" if not found */
	struct device *mains;		/* those that bear the identity */
	int nr_mains;
	char differs[400];		/* main is not as recorded: how, or "" */
	bool overwritten;		/* its first block: by spare.content */
	/* Another copy of the same spare is newer, or as new. */
	const struct candidate *newer, *twin;
};

struct candidates {
	struct candidate **c;
	int nr;
};

/* On all block devices. Return: RC_OK, or RC_FAILED or RC_REFUSED with a message. */
int candidates_find(struct candidates *list, bool deep);
/* On these devices, with this UUID. No other device is read. */
int candidates_on(struct candidates *list, const dev_t *devno, int nr,
		  const char *uuid);
void candidates_free(struct candidates *list);

/* What it is called if nobody gives it a name: label, or part of the UUID. */
const char *candidate_name(const struct candidate *c);

/*
 * All devices that bear an identity; *@list is to be freed. Names are not unique: two
 * enclosures of one model report one serial number. Return: how many do.
 */
int find_mains(const char *identity, struct device **list);

/* Why there is no choosing between them, and how to choose, for NAME and SPARE. */
void say_mains(const struct device *list, int nr, const char *name,
	       const char *spare, char *text, size_t size);

/*
 * Options of the target as features; "" if none is given. RC_OK or RC_USAGE.
 * @identity: or NULL.
 */
#define OPT_FEATURES \
	{ "read-only", NULL, "nothing can be written, and the spare stays as it is" }, \
	{ "read-retries", "N", "how often a block whose read failed is read again" }, \
	{ "budget", "MS", "how long the slow errors of a write may take before the rest of it goes to the spare without a retry (0: no limit)" }, \
	{ "breaker", "COUNT,SECONDS", "open the breaker after more than COUNT remaps in SECONDS (0,0: never)" }, \
	{ "low-water", "SLOTS", "tell when no more than SLOTS slots are free" }

int features(const struct args *a, const char *identity, char *buf,
	     size_t size);

/* How long is the target if nobody says it? */
u64 target_length(const struct device *main, const struct device *spare,
		  u64 spare_start);

/*
 * May an area be put there? Refuses devices that are used by others than
 * dm-remap, and areas that overlap one which is open; @instead says what to do.
 */
#define ELSEWHERE	"choose another place with --start and --size"
int spare_is_free(const struct device *d, u64 start, u64 len,
		  const char *instead);

/*
 * What would be overwritten by an area there? On the disk that @main is on, or is a part
 * of, an area overlaps nothing: RC_REFUSED with a message. Elsewhere: RC_OK, and @what
 * is "" if the place is blank.
 */
int spare_occupant(const struct device *d, u64 start,
		   const struct dmr_layout *l, const struct device *main,
		   char *what, size_t size);

/*
 * "10 blocks": with data on the spare, or known to be bad. If its table cannot be
 * loaded, no number is made up. The result lives until the next call; loads @area.
 */
const char *say_blocks(struct area *area);

#endif
