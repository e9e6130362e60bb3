/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: long work on a pair, one at a time.
 */
#ifndef DMREMAP_LOCK_H
#define DMREMAP_LOCK_H

/**
 * pair_lock() - no two works on one pair
 * @uuid: of the spare
 * @name: of the device, or of the spare if it is not open; for the message
 * @work: the command
 *
 * Holds until this program ends, however it ends. Work of other hosts or
 * containers is not seen.
 *
 * Return: RC_OK; RC_REFUSED with a message that names command and process of
 * who holds it; RC_FAILED with a message.
 */
int pair_lock(const char *uuid, const char *name, const char *work);

#endif
