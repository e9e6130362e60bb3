/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: where the sectors of a device-mapper or md device are on the devices
 * below it. Parsing and arithmetic only.
 */
#ifndef DMREMAP_TARGETS_H
#define DMREMAP_TARGETS_H

#include "face/tool.h"

#include <sys/types.h>

#define MAX_LEGS	64

enum spread {
	SPREAD_ALL,		/* every leg has all of it: mirrors, and single legs */
	SPREAD_STRIPES,		/* chunk by chunk in turn */
	SPREAD_CHAIN,		/* one leg behind the other */
};

struct leg {
	dev_t dev;
	u64 start;		/* where its part begins there */
	u64 length;		/* SPREAD_CHAIN: of its part */
};

struct spread_map {
	enum spread spread;
	u64 chunk;		/* SPREAD_STRIPES: sectors */
	unsigned int nr;
	struct leg leg[MAX_LEGS];
};

/*
 * From a line of a dm table: linear, striped, crypt, delay, flakey, mirror, and
 * raid with level raid1. Return: false for other targets, or if the parameters
 * are not as expected.
 */
bool target_map(struct spread_map *m, const char *type, const char *params);

/*
 * @count sectors on leg @leg from @sector of that device on are what lies
 * @offset sectors behind the start that was asked for.
 */
typedef void (*leg_fn)(void *arg, const struct leg *leg, u64 sector, u64 count,
		       u64 offset);

/* Call @fn for each piece of sectors @sector to @sector + @count - 1. */
void spread_pieces(const struct spread_map *m, u64 sector, u64 count,
		   leg_fn fn, void *arg);

#endif
