/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: what the parts of the store share. Not for other rooms.
 */
#ifndef DM_REMAP_STORE_IO_H
#define DM_REMAP_STORE_IO_H

#include "dm-remap-store.h"

/* Why something is refused. */
static inline __printf(2, 3)
void say(struct dmr_why *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
}

/* Blocks of the area; dmr_meta_write() is durable on return. */
blk_status_t dmr_meta_read(struct dmr_env *env, u64 block, u32 nr, void *buf);
blk_status_t dmr_meta_write(struct dmr_env *env, u64 block, u32 nr, void *buf);

int dmr_super_write_all(struct dmr_env *env, const struct dmr_super *sb,
			void *buf, u8 *whole);
int dmr_table_init(struct dmr_env *env, const struct dmr_super *sb, u64 table,
		   u32 nr, u64 seq, const u64 *free_words, void *buf);

/* Make room for the words of @nr_tables table blocks, or of the first @hwm. */
int dmr_store_alloc_words(struct dmr_store *store, u64 nr_tables);
int dmr_store_alloc_chunks(struct dmr_store *store, u64 hwm);

#endif
