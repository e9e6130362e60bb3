/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: what the offline commands have in common.
 */
#ifndef DMREMAP_OFFLINE_H
#define DMREMAP_OFFLINE_H

#include "face/jsonout.h"
#include "spare/area.h"
#include "spare/dump.h"

#define OPT_AREA \
	{ "start", "SIZE", "where the spare area starts on the device (default: at 0)" }, \
	{ "search", NULL, "look for superblocks on the whole device if none is where it should be" }

/* The area that the first argument and --start name; @how as area_open(). */
int offline_open(const struct args *a, int how, struct device *d,
		 struct area *area);

/* Say so if the kernel uses it: then what is read may be of several moments. */
void offline_note_use(const struct device *d, const struct area *area);

struct candidate;

/* Open a pair, with the options of the command; says why not. */
int assemble_one(const struct args *a, const struct candidate *c);
/* The device that has appeared is an argument. */
int assemble_incremental(const struct args *a);
/* The pairs that are to come are arguments. */
int assemble_wait(const struct args *a, u64 seconds);

/* Print what is open as @name: for those that open it. */
int opened_json(const char *name);

struct tally;

int tally_json(const char *name, const struct tally *t);

/* Print and release @o. */
int print_json(struct json_object *o, FILE *f);

#endif
