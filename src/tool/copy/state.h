/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: how far an interrupted work has come. Only a hint: if it is lost,
 * work starts from the beginning, and nothing that is shown comes from it.
 */
#ifndef DMREMAP_STATE_H
#define DMREMAP_STATE_H

#include "face/tool.h"

/* @what: "scrub"; @key: UUID of the spare. Return: the position, or 0. */
u64 state_read(const char *what, const char *key);
void state_write(const char *what, const char *key, u64 position);
void state_clear(const char *what, const char *key);

#endif
