// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: main and spare have sectors of 512 or 4096 bytes, and may come
 * back with others.
 *
 * The spare's must not be larger than main's; a main device without a name must have
 * those that were recorded; and no entry may be for a part of one of main's.
 */
#include "sim.h"

void sectors_set(u32 main, u32 spare)
{
	struct disk *d = W.disk;

	d[DMR_MAIN].lbs = main;
	d[DMR_SPARE].lbs = spare;
	d[DMR_MAIN].pbs = max(W.pbs[DMR_MAIN], main);
	d[DMR_SPARE].pbs = max(W.pbs[DMR_SPARE], spare);
	W.area.main_lbs = main * 512;
	W.area.spare_lbs = spare * 512;
	W.tuning.main_lbs = main * 512;
	W.tuning.main_pbs = d[DMR_MAIN].pbs * 512;
}

void sectors_init(void)
{
	u32 i;

	for (i = 0; i < 2; i++) {
		W.lbs[i] = max(W.lbs[i], 1U);
		W.served[i] = W.lbs[i];
	}
	sectors_set(W.lbs[DMR_MAIN], W.lbs[DMR_SPARE]);
}

void sectors_back(void)
{
	sectors_set(W.served[DMR_MAIN], W.served[DMR_SPARE]);
}

void sectors_change(void)
{
	u32 main = pick(2) ? 1 : 8, spare = pick(2) ? 1 : 8;

	/* The target itself refuses a length that main cannot have. */
	if (W.main_sectors % 8 || W.have_new)
		return;
	trace("main comes back with sectors of %u bytes, the spare with %u",
	      main * 512, spare * 512);
	sectors_set(main, spare);
}

/* Some of these sectors of a block, but not all; main has them as one. */
static bool is_part(u64 word, u8 mask)
{
	return dmr_word_state(word) == DMR_LIVE && W.disk[DMR_MAIN].lbs == 8 &&
	       mask && mask != 0xff;
}

static bool splits(u64 word)
{
	return is_part(word, dmr_word_valid(word) | dmr_word_lost(word));
}

/* Is there an entry for a part of one of main's sectors, in any copy? */
static bool some_entry_splits(const struct dmr_layout *l)
{
	u64 words[DMR_TABLE_ENTRIES], seq, table;
	unsigned int copy, i;

	for (table = 0; table < l->nr_tables; table++)
		for (copy = 0; copy < DMR_NR_COPIES; copy++) {
			if (dmr_table_decode(W.uuid, table,
					     DIV_ROUND_UP(W.main_sectors, 8),
					     dmr_layout_entries(l, table),
					     W.disk[DMR_SPARE].cur +
					     dmr_layout_table(l, copy, table) *
					     DMR_BLOCK_SIZE, &seq, words) != DMR_OK)
				continue;
			for (i = 0; i < dmr_layout_entries(l, table); i++)
				if (splits(words[i]))
					return true;
		}
	return false;
}

static bool must_be_refused(void)
{
	const struct disk *d = W.disk;

	return d[DMR_SPARE].lbs > d[DMR_MAIN].lbs ||
	       (!W.area.identity[0] && d[DMR_MAIN].lbs != W.lbs[DMR_MAIN]);
}

bool sectors_check(int r, const struct dmr_super *sb)
{
	const struct dmr_store *store = &W.engine.store;
	bool changed = W.disk[DMR_MAIN].lbs != W.served[DMR_MAIN] ||
		       W.disk[DMR_SPARE].lbs != W.served[DMR_SPARE];
	u32 slot;
	u64 word;

	if (r)
		return changed && (must_be_refused() ||
				   (r == -EINVAL &&
				    some_entry_splits(&sb->layout)));
	if (must_be_refused())
		violation("a main device with sectors of %u bytes is accepted, with a spare of %u",
			  W.disk[DMR_MAIN].lbs * 512, W.disk[DMR_SPARE].lbs * 512);
	for (slot = 0; slot < dmr_store_slot_limit(store); slot++) {
		word = dmr_store_word(store, slot);
		if (is_part(word, dmr_word_valid(word)) || splits(word))
			violation("slot %u has a part of one of main's sectors",
				  slot);
	}
	W.other_sectors += changed;
	W.served[DMR_MAIN] = W.disk[DMR_MAIN].lbs;
	W.served[DMR_SPARE] = W.disk[DMR_SPARE].lbs;
	return false;
}
