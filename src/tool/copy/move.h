/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: copy all of a device that may have unreadable sectors to another
 * one, compare the two, and keep a map of what could not be copied.
 */
#ifndef DMREMAP_MOVE_H
#define DMREMAP_MOVE_H

#include "lists/ranges.h"
#include "state.h"

/**
 * struct move - one copy of a device to another
 * @source: its name, for messages
 * @target: path of the other one, for messages
 * @from: O_DIRECT
 * @to: O_DIRECT, may be written to
 * @sectors: length of the copy
 * @unit: bytes of a logical block of the source; the target's is no larger
 * @key: of the state that is kept, see state_key()
 * @missing: after move_copy(): sectors that could not be copied. They are zeroes
 *	on the target if it was this run that came to them first
 * @differed: after move_copy(): pieces of 1 MiB that had to be written again
 * @interrupted: after move_copy(): it stopped half-way, as the person wanted
 *
 * The other members are private.
 */
struct move {
	const char *source, *target;
	int from, to;
	u64 sectors;
	u32 unit;
	const char *key;
	struct ranges missing;
	u64 differed;
	bool interrupted;

	u8 *buf, *check;
	struct ranges passed_over;
	u64 begun_at, mark;
};

/**
 * move_is_begun() - is the target what an earlier run has left there?
 * @d: @to may be opened for reading only
 *
 * Return: true if an interrupted copy can be taken up.
 */
bool move_is_begun(struct move *d);

/**
 * move_copy() - copy, then read both and compare
 * @d: filled in, with the private members zero
 *
 * Takes up what an interrupted run has left. What cannot be read is tried again,
 * logical block by logical block, in both passes. An error of the source that is
 * not about the medium ends the copy. A flush of the target that fails does, too:
 * what was written since the last good one may be lost, and the next run writes
 * it again.
 *
 * Return: RC_OK, also with sectors missing or interrupted, or a failure with a
 * message.
 */
int move_copy(struct move *d);

/**
 * move_write_map() - a ddrescue map of the copy
 * @d: after move_copy()
 * @f: receives it
 */
void move_write_map(const struct move *d, FILE *f);

/* Forgets the state if @done: the copy will not be taken up. */
void move_exit(struct move *d, bool done);

#endif
