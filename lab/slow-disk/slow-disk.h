/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOW_DISK_H
#define SLOW_DISK_H

#include <linux/blk-mq.h>
#include <linux/configfs.h>
#include <linux/mutex.h>
#include <linux/wait.h>

struct line;

struct disk {
	struct config_item item;
	/* Set by the user; each is one word, read without a lock. */
	unsigned int size, block_size, physical_size, depth, write_cache, fua;
	unsigned int error_ms, service_us, merge, readahead, fail_flushes, stop;
	unsigned int reset;
	blk_status_t error;
	/* Protects power on and off. */
	struct mutex power_lock;
	bool powered, gone;
	u64 sectors;
	/* One bit for each sector. */
	unsigned long *bad[2], *dirty;
	/* What is read, and what a flush has made durable; by the thread, under data_lock. */
	struct mutex data_lock;
	void **cache, **medium;
	/* Protects what follows. */
	spinlock_t lock;
	struct list_head requests;
	unsigned int waiting;
	u64 served, failed, flushes;
	struct line *log;
	u32 log_lines;
	/* Somebody changed what the thread waits for. */
	wait_queue_head_t changed;
	unsigned int changes;
	struct task_struct *thread;
	struct blk_mq_tag_set tags;
	struct gendisk *gendisk;
	struct dentry *debug;
};

static inline struct disk *disk_of(struct config_item *item)
{
	return container_of(item, struct disk, item);
}

/*
 * power_on() - the disk appears, empty, with the settings that it has.
 * Returns 0 or a negative errno. Under power_lock, as the next one.
 */
int power_on(struct disk *d);

/* power_off() - the disk is gone; what waits fails. */
void power_off(struct disk *d);

/* lose() - all unflushed sectors are lost. Under power_lock, the disk powered. */
void lose(struct disk *d);

/* wake() - tells the disk's thread that a setting has changed. */
void wake(struct disk *d);

/* Where the folders of the disks are, in debugfs. */
extern struct dentry *slow_debug_root;

#endif
