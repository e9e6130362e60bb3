/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap simulator: devices that fail, and what target and engine share.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include "fiber.h"

/* An I/O in flight to a device. */
struct flight {
	u32 dev;
	u8 op;
	bool fua;
	u64 sector;
	u32 sectors;
	struct fiber *by;	/* of the engine, or of nobody in particular; NULL: a caller's */
	struct fate *fate;
};

/* One I/O is about to be carried out: how will it end? The power may go. */
blk_status_t device_begin(struct flight *f);
/* ... for its own sectors? */
blk_status_t device_medium(const struct flight *f);
/* ... when what adjoins is merged with it, whose own end were @status? */
blk_status_t device_merged(struct flight *f, blk_status_t status);
/* The oracle may take the block of @f for bad. */
void device_allow(const struct flight *f);
/* The @i-th I/O of a fiber. Return: false if it does not go to a device. */
bool device_flight(struct fiber *by, u32 i, struct flight *f);
/* What callers have in flight. Return: how many. */
u32 world_flights(struct flight *f, u32 max);
/* Is this an examination of which an error was slow? */
bool work_is_slow(const struct fiber *f);
/* I/O to main begins, or has failed slowly. */
void work_begins(const struct dmr_io *io);
void work_failed_slowly(const struct dmr_io *io);
/* Has the error that main has just given taken DMR_SLOW_MS or longer? */
bool device_slow(void);
/* Does this sector of a write that ends with @status get to the disk? */
bool device_takes(blk_status_t status);
blk_status_t device_flush(u32 dev, u64 seq);
/*
 * The power goes: what was in flight may have come anywhere, in part. Jumps to
 * W.crash.
 */
void device_crash(void) __attribute__((__noreturn__));
/* Let other things happen while the engine waits. */
void device_meanwhile(void);
/* Spoil something, as the profile says. */
void device_damage(void);
/* Blocks of the slot table go bad, some in each copy. */
void device_damage_tables(void);

void world_fill_main(void);
void world_tear(void);
bool world_tracks(enum dmr_dev dev, u64 stamp);
/* Nobody works any more, and nobody waits. */
void work_reset(void);
void req_sector_get(struct dmr_req *req, u32 req_sector, u8 *data);
void req_sector_put(struct dmr_req *req, u32 req_sector, const u8 *data);
/* Start a bio of any kind, anywhere. */
void start_any(void);

#endif
