/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: is a main device as the spare has recorded it?
 */
#ifndef DMREMAP_FIT_H
#define DMREMAP_FIT_H

#include "dm.h"
#include "kstat.h"

/* What a spare has recorded of its main device. */
struct main_record {
	const char *identity;	/* "": not known */
	u64 sectors;
	u32 lbs;		/* 0: not known */
	bool placed;		/* start is known */
	u64 start;		/* on its disk */
};

struct main_record record_of(const struct dmr_super *sb);

/* Return: false, with what differs in words, separated by commas. */
bool main_fits(const struct main_record *r, const struct device *d, char *what,
	       size_t size);

/*
 * Can the kernel take an area from sector @start of @spare on for @main? To be asked before
 * anything is written there. Return: RC_OK or RC_REFUSED with a message.
 */
int spare_fits(const struct device *spare, u64 start, const struct device *main);

/* Complete @k with what the status of the kernel does not say. */
void kstat_look(struct kstat *k, const struct remap *m);

#endif
