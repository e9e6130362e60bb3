/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap simulator: what the exhaustive mode shares with the rest.
 */
#ifndef EXHAUST_H
#define EXHAUST_H

#define MAX_LIST	100000U

extern bool exhaust_fast;	/* fewer patterns, one crash */
extern bool exhaust_stop;	/* at the first failure */
extern u32 *choice_max;		/* of how many each choice was one */

void *shared_notes(void);
u32 shared_list(u32 **list);
void exhaust_note(void *notes);

#endif
