/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap fuzzers: so much of device mapper that the parsers of the module are
 * built in userspace. Every <linux/...> header that they include is this one.
 */
#ifndef KERNEL_FAKE_H
#define KERNEL_FAKE_H

#include <strings.h>
#include "kernel-shim.h"

typedef u64 sector_t;
typedef unsigned int status_type_t;
typedef unsigned int fmode_t;

#define SECTOR_SHIFT		9
#define S64_MAX			INT64_MAX
#define BLK_OPEN_WRITE		2u
#define STATUSTYPE_INFO		0
#define STATUSTYPE_TABLE	1
#define STATUSTYPE_IMA		2
#define __percpu

/* Locks: there is one thread. */
struct mutex { int held; };
#define mutex_lock(m)		((m)->held++ ? abort() : (void)0)
#define mutex_unlock(m)		((m)->held-- == 1 ? (void)0 : abort())
#define mutex_lock_interruptible(m)	(mutex_lock(m), 0)
struct completion { int done; };
typedef struct { int held; } spinlock_t;
typedef struct { int nr; } wait_queue_head_t;
typedef struct { int counter; } atomic_t;
#define wake_up(w)		((void)(w))
#define this_cpu_inc(x)		((void)(x))
#define __this_cpu_inc(x)	((void)(x))
#define cond_resched()		do { } while (0)
#define memalloc_noio_save()	0u
#define memalloc_noio_restore(f)	((void)(f))
#define signal_pending(task)	false
#define data_race(expr)		(expr)

struct work_struct { int nr; };
struct delayed_work { int nr; };
struct workqueue_struct;
struct ratelimit_state { int nr; };
struct bio_set { int nr; };
struct bio;
struct gendisk;
struct mapped_device;
struct bvec_iter { int nr; };

/* Devices */
struct block_device { sector_t sectors; };
struct dm_dev {
	struct block_device *bdev;
	char name[16];
};
struct dm_table { fmode_t mode; };
struct target_type { const char *name; };
struct dm_target {
	struct dm_table *table;
	struct target_type *type;
	sector_t begin, len;
	void *private;
	char *error;
};
struct dm_arg_set {
	unsigned int argc;
	char **argv;
};

#define bdev_nr_sectors(b)		((b)->sectors)
#define bdev_physical_block_size(b)	((void)(b), 4096u)
#define bdev_logical_block_size(b)	((void)(b), 512u)
#define dm_table_get_mode(t)		((t)->mode)
#define dm_table_device_name(t)		((void)(t), "fake")
#define dm_per_bio_data(b, size)	((void *)(b))
#define dm_bio_from_per_bio_data(p, s)	((struct bio *)(p))
#define DMERR(fmt, ...)			fake_log(fmt, ##__VA_ARGS__)
#define DMEMIT(...) \
	(sz += sz >= maxlen ? 0 : fake_scnprintf(result + sz, maxlen - sz, \
						 __VA_ARGS__))
#define DMEMIT_TARGET_NAME_VERSION(t)	DMEMIT("target_name=%s", (t)->name)

/* Bitmaps: there is one thread. */
#define DECLARE_BITMAP(name, bits)	unsigned long name[BITS_TO_LONGS(bits)]
#define bitmap_zero(map, bits)		memset(map, 0, BITS_TO_LONGS(bits) * sizeof(long))
#define xchg(p, v)			fake_xchg(p, v)
#define find_next_bit(map, size, from)	fake_find_next(map, size, from, true)
#define find_next_zero_bit(map, size, from)	fake_find_next(map, size, from, false)

static inline unsigned long fake_xchg(unsigned long *p, unsigned long v)
{
	unsigned long old = *p;

	*p = v;
	return old;
}

static inline unsigned long fake_find_next(const unsigned long *map, unsigned long size,
					   unsigned long from, bool set)
{
	while (from < size && test_bit(from, map) != set)
		from++;
	return from;
}

const char *dm_shift_arg(struct dm_arg_set *as);
int dm_get_device(struct dm_target *ti, const char *path, fmode_t mode,
		  struct dm_dev **dev);
int kstrtou64(const char *s, unsigned int base, u64 *v);
int kstrtouint(const char *s, unsigned int base, unsigned int *v);
ssize_t fake_strscpy(char *to, const char *from, size_t size);
void fake_log(const char *fmt, ...);
int fake_scnprintf(char *buf, size_t size, const char *fmt, ...);

#undef strscpy
#define strscpy(d, s, n)	fake_strscpy(d, s, n)

#endif
