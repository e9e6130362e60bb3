/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: what the parts of the engine share. Not for other rooms.
 */
#ifndef DM_REMAP_ENGINE_PRIVATE_H
#define DM_REMAP_ENGINE_PRIVATE_H

#include "dm-remap-engine.h"

/* dm-remap-engine.c */

/* The slot of a block and its word, staged changes included. */
u32 dmr_find(struct dmr_engine *e, u64 block, u64 *word);
/* A free slot, made ready if need be; DMR_NO_SLOT if the spare is full. */
u32 dmr_take_slot(struct dmr_engine *e);
/* Stage and commit are too close to the limit for another batch. */
bool dmr_must_commit(const struct dmr_engine *e);
/*
 * Commit, publish, retire slots that were replaced. After an error the mode is
 * no longer rw, and the blocks concerned are neither read nor written.
 */
int dmr_commit(struct dmr_engine *e);
/* Commit, and let requests in @batch fail that depended on it in vain. */
void dmr_settle(struct dmr_engine *e, struct list_head *batch);
/* May these many blocks be remapped? Opens the breaker, which is closed, if not. */
bool dmr_breaker_admits(struct dmr_engine *e, u32 nr);
/* The main device answers: a failure was not that of the whole device. */
bool dmr_main_alive(struct dmr_engine *e);
/* The spare fails what should work: degrade to ro, or to fail if it is dead. */
void dmr_spare_failed(struct dmr_engine *e, const char *what);
void dmr_count(struct dmr_engine *e, enum dmr_counter counter, u64 n);
/* Sectors of @block that exist: the last block may be short. */
u8 dmr_block_mask(const struct dmr_engine *e, u64 block);
/* Cut a request into pieces of one block; returns their number. */
unsigned int dmr_cut(struct dmr_engine *e, struct dmr_req *req, u32 *done);
/* Read or write the sectors in @mask of a block, runs of sectors at a time. */
blk_status_t dmr_masked_io(struct dmr_engine *e, enum dmr_dev dev,
			   blk_opf_t opf, u64 first_sector, u8 mask, void *buf);

/* dm-remap-engine-write.c */
void dmr_write_req(struct dmr_engine *e, struct dmr_req *req,
		   struct list_head *batch);

/* dm-remap-engine-read.c */
void dmr_read_req(struct dmr_engine *e, struct dmr_req *req,
		  struct list_head *batch);
/*
 * Make the block of a piece known bad, in memory at first, and set slot, word
 * and fresh of the piece. @keep_half: leave half of the free slots for writes.
 * Without one to spare, the slot is a virtual one then, or else DMR_NO_SLOT.
 */
void dmr_mark(struct dmr_engine *e, struct dmr_piece *p, bool keep_half);
/*
 * Save what can be read of @nr known-bad blocks in e->piece to their slots, and
 * stage it. dmr_env_drain() must have been called since they were marked.
 */
void dmr_save_pieces(struct dmr_engine *e, unsigned int nr, u32 retries,
		     enum dmr_counter counter);

#endif
