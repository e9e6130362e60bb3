/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: how far an interrupted work has come. Only a hint: if it is lost,
 * work starts from the beginning, and nothing that is shown comes from it.
 */
#ifndef DMREMAP_STATE_H
#define DMREMAP_STATE_H

#include "face/tool.h"

/**
 * struct state - how far work has come
 * @position: sectors that are done, and safe
 * @mark: what shows that the target is still the one that was worked on
 */
struct state {
	u64 position, mark;
};

/* The folder of these files, and of what else is kept for a person. */
const char *state_folder(void);

/**
 * state_key() - name what the work is about
 * @buf: receives a name that can be a file's
 * @size: of @buf
 * @pair: UUID of the spare
 * @main: identity of the main device
 * @target: identity of the device that is written to, or NULL
 *
 * Work on another main device or to another target is other work.
 */
void state_key(char *buf, size_t size, const char *pair, const char *main,
	       const char *target);

/* @what: "scrub"; @key: from state_key(). Return: the state, all 0 if none. */
struct state state_read(const char *what, const char *key);
void state_write(const char *what, const char *key, const struct state *s);
void state_clear(const char *what, const char *key);

#endif
