/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap simulator: devices that fail, and what target and engine share.
 */
#ifndef DEVICE_H
#define DEVICE_H

/* One I/O is about to be carried out: how will it end? The power may go. */
blk_status_t device_begin(u32 dev, bool read, u64 sector, u32 sectors);
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

void world_fill_main(void);
void world_tear(void);
void req_sector_get(struct dmr_req *req, u32 req_sector, u8 *data);
void req_sector_put(struct dmr_req *req, u32 req_sector, const u8 *data);
/* Start a bio of any kind, anywhere. */
void start_any(void);

#endif
