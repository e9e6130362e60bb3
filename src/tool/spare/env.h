/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: the world as the store sees it (dm-remap-env.h), for a spare area in
 * a file or on a block device that the kernel does not use at the time.
 */
#ifndef DMREMAP_ENV_H
#define DMREMAP_ENV_H

#include "dm-remap-format.h"

struct dmr_env {
	int fd;
	u64 start;		/* of the area, in sectors */
	bool writable;
	bool quiet;		/* what the store logs is of no interest */
	void *bounce;		/* aligned, for O_DIRECT */
	int error;		/* errno of the last failed I/O */
	/*
	 * Where reads of one block have failed, in bytes, if nothing is written: a failing disk
	 * took its time for that, and is not asked again.
	 */
	off_t failed[8];
	unsigned int nr_failed;
	u32 flush_errors;	/* flushes that failed: see dmr_env_flush_errors() */
	const u8 *uuid;		/* to be handed out instead of a random one */

	/*
	 * Superblocks are kept here instead of being written, until
	 * env_publish(): till then nobody takes the area for a spare.
	 */
	bool hold;
	u64 held_at[DMR_NR_SUPERS];
	u8 *held[DMR_NR_SUPERS];
};

/*
 * @write: on a block device in exclusive use if possible, and locked against others of
 * this tool. Return: 0 or -errno, -EBUSY if one of them writes to this area.
 */
int env_open(struct dmr_env *env, const char *path, u64 start, bool write);
void env_close(struct dmr_env *env);

/* Let the kernel take the block device, too, while it stays open here. */
int env_unclaim(struct dmr_env *env, const char *path);

/* Blank the superblocks of @l on the device and hold new ones back. */
int env_hold(struct dmr_env *env, const struct dmr_layout *l);
/* Write what was held back, durably. Return: 0 or -EIO. */
int env_publish(struct dmr_env *env);
/* Blank the superblocks of @l, durably. Return: 0 or -EIO. */
int env_blank(struct dmr_env *env, const struct dmr_layout *l);

/* Blocks of the area. Return: 0 or -EIO. */
int env_read(struct dmr_env *env, u64 block, u32 nr, void *buf);
int env_write(struct dmr_env *env, u64 block, u32 nr, const void *buf);

#endif
