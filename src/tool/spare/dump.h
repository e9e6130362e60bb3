/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: the metadata of a spare area as JSON: what 'dump' prints, 'restore' reads, and
 * the archive keeps.
 */
#ifndef DMREMAP_DUMP_H
#define DMREMAP_DUMP_H

#include "area.h"

#define DUMP_FORMAT	"dm-remap dump"
#define DUMP_VERSION	1

/* By enum dmr_counter, and by enum dmr_state. */
extern const char *const counter_names[DMR_NR_COUNTERS];
extern const char *const dump_states[];

struct json_object;

/*
 * Of an area that was loaded: superblock and slot table. To be released.
 * @max_entries: with more live ones, all of them are left out.
 */
struct json_object *dump_area(struct area *a, u32 max_entries);

#endif
