/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: a fingerprint of main at a clean close, by which its next activation knows
 * whether it was used without its spare: see "What is known of main" in DESIGN.md.
 */
#ifndef DMREMAP_PRINTS_H
#define DMREMAP_PRINTS_H

#include "devices/dm.h"

/*
 * Take it and write it to the spare of a pair that has just been closed. Says nothing
 * if that cannot be done: then nothing is known at the next activation.
 */
void prints_keep(const struct remap *m);

/* Has main changed since it was taken? @what: which sectors. Reads main only. */
bool prints_differ(const struct dmr_super *sb, const struct device *main,
		   char *what, size_t size);

#endif
