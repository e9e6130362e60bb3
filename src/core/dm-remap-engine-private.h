/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: what the parts of the engine share. Not for other rooms.
 *
 * All but the examinations are called under the engine's mutex.
 */
#ifndef DM_REMAP_ENGINE_PRIVATE_H
#define DM_REMAP_ENGINE_PRIVATE_H

#include "dm-remap-engine.h"

/* Runs of sectors that the sectors of a mask can form in a block. */
#define DMR_MAX_RUNS	(DMR_BLOCK_SECTORS / 2)

/* dm-remap-engine.c */

/* The slot of a block and its word, staged changes included, without BUSY. */
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
/* End a request with its status. Any context. */
void dmr_finish(struct dmr_engine *e, struct dmr_req *req);
/* May these many blocks be remapped? Opens the breaker, which is closed, if not. */
bool dmr_breaker_admits(struct dmr_engine *e, u32 nr);
/* May main be tried? @probe: only to find out whether the breaker can be closed. */
bool dmr_breaker_lets_try(struct dmr_engine *e, bool *probe);
/* The spare fails what should work: degrade to ro, or to fail if it is dead. */
void dmr_spare_failed(struct dmr_engine *e, const char *what);
/* Any context. */
void dmr_count(struct dmr_engine *e, enum dmr_counter counter, u64 n);
/* Sectors of @block that exist: the last block may be short. Any context. */
u8 dmr_block_mask(const struct dmr_engine *e, u64 block);
/* Cut what is left of a request into pieces of one block; returns their number. */
unsigned int dmr_cut(const struct dmr_req *req, struct dmr_piece *piece,
		     unsigned int max);
/* One I/O for each run of sectors in @mask; @whole is that of the whole block. */
unsigned int dmr_runs(struct dmr_io *io, const struct dmr_io *whole, u8 mask);
/*
 * Read or write the sectors in @mask of a block, runs of sectors at a time. @ms:
 * how long the one took that failed, or the last one; may be NULL. Main: not under
 * the mutex.
 */
blk_status_t dmr_masked_io(struct dmr_engine *e, enum dmr_dev dev,
			   blk_opf_t opf, u64 first_sector, u8 mask, void *buf,
			   u32 *ms);

/* The sectors that are not on main: on the slot, or lost there. */
static inline u8 dmr_word_all(u64 word)
{
	return dmr_word_valid(word) | dmr_word_lost(word);
}

/* dm-remap-engine-write.c */

/*
 * Is main the place for this piece, as far as its slot and word tell? Known bad
 * blocks that cannot get a slot belong to main, too: it may take them after all.
 */
bool dmr_belongs_to_main(const struct dmr_engine *e, const struct dmr_piece *p);
/* A write of which main may know nothing, up to the first piece that needs main. */
void dmr_write_req(struct dmr_engine *e, struct dmr_req *req,
		   struct list_head *batch);
/* Place what main did not take. */
void dmr_settle_write(struct dmr_engine *e, struct dmr_exam *x,
		      struct list_head *batch);

/* dm-remap-engine-read.c */

void dmr_read_req(struct dmr_engine *e, struct dmr_req *req);
/* Save what was copied, and give the request what is not on main. */
void dmr_settle_read(struct dmr_engine *e, struct dmr_exam *x);
/*
 * Make the block of a piece known bad, in memory at first, and set slot, word
 * and fresh of the piece. @keep_half: leave half of the free slots for writes.
 * Without one to spare, the slot is a virtual one then, or else DMR_NO_SLOT.
 * Return: 0 if it has a slot, virtual ones included; -ENOSPC, -ENOMEM, -EROFS.
 */
int dmr_mark(struct dmr_engine *e, struct dmr_piece *p, bool keep_half);
/*
 * Save what was copied from main (@good) of the pieces that failed to their slots,
 * and stage it. On return, @good of what could not be saved is 0.
 */
void dmr_save(struct dmr_engine *e, struct dmr_exam *x,
	      enum dmr_counter counter);

/* dm-remap-engine-examine.c; none of these under the mutex. */

/* Let @x be used for another request. */
void dmr_exam_start(struct dmr_exam *x, struct dmr_req *req);
/*
 * Copy what main can read of the pieces that failed into x->buf, and set @good.
 * The blocks have been marked. @tries: of whole blocks; then sector by sector if
 * @deep. Ends early when the device is being suspended, or, unless @patient, when
 * main's errors are slow.
 */
void dmr_copy_from_main(struct dmr_engine *e, struct dmr_exam *x, u32 tries,
			bool deep, bool patient);
/* Main answers: a failure was not that of the whole device. */
bool dmr_main_alive(struct dmr_engine *e, struct dmr_exam *x);

/* The memory for the block of a piece: of the first DMR_COPY_BLOCKS of them. */
static inline void *dmr_exam_buf(const struct dmr_exam *x,
				 const struct dmr_piece *p)
{
	return x->buf + (p - x->piece) * DMR_BLOCK_SIZE;
}

#endif
