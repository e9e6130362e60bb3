// SPDX-License-Identifier: GPL-2.0-only
/*
 * mkspare: formats a spare area and puts remaps on it, with the store's own
 * code. For measurements only: the slots hold no data.
 *
 * Usage: mkspare <device> <main sectors> <remaps> scattered|clustered
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "file-env.h"
#include "pattern.h"

/* Two table blocks full. */
#define BATCH	(2 * DMR_TABLE_ENTRIES)

int main(int argc, char **argv)
{
	static struct dmr_store store;
	static struct dmr_super sb;
	struct dmr_why why = { "" };
	struct dmr_env env;
	struct dmr_area area;
	unsigned int bits;
	u64 n, i, block;

	if (argc != 5)
		die("see the head of bench/mkspare.c", NULL);
	open_spare(&env, &area, argv[1], argv[2]);
	bits = block_bits(&area);
	n = strtoull(argv[3], NULL, 0);
	if (dmr_store_format(&env, &area, &sb, &why))
		die("format", &why);
	if (dmr_store_load(&store, &env, &sb, false, &why))
		die("load", &why);
	for (i = 0; i < n; i++) {
		u32 slot;

		if (dmr_store_wants_extension(&store) &&
		    dmr_store_extend(&store))
			die("extend", NULL);
		slot = dmr_store_alloc(&store);
		if (slot == DMR_NO_SLOT)
			die("the spare is full", NULL);
		block = argv[4][0] == 'c' ? pattern_clustered(i, bits) :
					    pattern_scattered(i, bits);
		dmr_store_stage(&store, slot, dmr_word(block, DMR_LIVE, 0xff,
						       0, 1));
		if ((i + 1) % BATCH == 0 && dmr_store_commit(&store))
			die("commit", NULL);
	}
	if (dmr_store_commit(&store) || dmr_store_write_super(&store))
		die("commit", NULL);
	dmr_store_exit(&store);
	if (fsync(env.fd))
		die("fsync", NULL);
	return 0;
}
