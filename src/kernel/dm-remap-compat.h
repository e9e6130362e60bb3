/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: all that differs between kernels.
 *
 * The source is written for the newest kernel, and knows nothing of this file:
 * Kbuild has it included before each. What an older kernel lacks is found out at
 * build time, by compiling probes/NAME.c, and made good here. Versions would not
 * tell: distributions carry later changes in older kernels.
 */
#ifndef DM_REMAP_COMPAT_H
#define DM_REMAP_COMPAT_H

#include <linux/kconfig.h>

#ifndef CONFIG_64BIT
#error "dm-remap needs a 64-bit kernel: 32-bit processors are not supported"
#endif

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/highmem.h>
#include <linux/slab.h>

#include "dm-remap-probes.h"

/* The comments name the version that brought it. */

#ifndef HAVE_BLK_OPF_T		/* 6.0 */
#define blk_opf_t	unsigned int
#endif

#ifndef HAVE_ENUM_REQ_OP	/* 6.0 */
/* A macro of the same name, for requests, is not for targets. */
#undef req_op
#define req_op req_opf
#endif

#ifndef HAVE_BLK_OPEN_WRITE	/* 6.5 */
#define BLK_OPEN_WRITE	FMODE_WRITE
#endif

#ifndef HAVE_BDEV_NR_SECTORS	/* 5.16 */
static inline sector_t bdev_nr_sectors(struct block_device *bdev)
{
	return i_size_read(bdev->bd_inode) >> SECTOR_SHIFT;
}
#endif

#ifndef HAVE_BDEV_NOWAIT	/* 6.0 */
static inline bool bdev_nowait(struct block_device *bdev)
{
	return blk_queue_nowait(bdev_get_queue(bdev));
}
#endif

#ifndef HAVE_BDEV_MAX_DISCARD_SECTORS	/* 5.19 */
static inline unsigned int bdev_max_discard_sectors(struct block_device *bdev)
{
	struct request_queue *q = bdev_get_queue(bdev);

	return blk_queue_discard(q) ? q->limits.max_discard_sectors : 0;
}
#endif

#ifndef HAVE_BDEV_FUA		/* 5.19 */
static inline bool bdev_fua(struct block_device *bdev)
{
	return test_bit(QUEUE_FLAG_FUA, &bdev_get_queue(bdev)->queue_flags);
}
#endif

#ifndef HAVE_BDEV_WRITE_CACHE	/* 5.19 */
static inline bool bdev_write_cache(struct block_device *bdev)
{
	return test_bit(QUEUE_FLAG_WC, &bdev_get_queue(bdev)->queue_flags);
}
#endif

#ifndef HAVE_LOCKDEP_IS_HELD	/* 5.11: declared without lockdep as well */
#define lockdep_is_held(lock)	((void)(lock), 1)
#endif

#ifndef HAVE_GD_DEAD		/* 5.17 */
/* Before, the queue of a disk that is gone was always marked as dying. */
#define GD_DEAD		(BITS_PER_LONG - 1)
#endif

#ifndef HAVE_BIO_REMAPPED	/* 5.12 */
/* Before, bio_set_dev() was enough. A clone that is made here is not quiet. */
#define BIO_REMAPPED	BIO_QUIET
#endif

#ifndef HAVE_BIO_ALLOC_BDEV	/* 5.18 */
static inline struct bio *dmr_compat_bio(struct bio *bio,
					 struct block_device *bdev)
{
	if (bio)
		bio_set_dev(bio, bdev);
	return bio;
}

static inline struct bio *
dmr_compat_bio_alloc(struct block_device *bdev, unsigned int nr_vecs,
		     blk_opf_t opf, gfp_t gfp, struct bio_set *bs)
{
	struct bio *bio = dmr_compat_bio(bio_alloc_bioset(gfp, nr_vecs, bs),
					 bdev);

	if (bio)
		bio->bi_opf = opf;
	return bio;
}

#define bio_alloc_bioset dmr_compat_bio_alloc
#define bio_alloc_clone(bdev, bio, gfp, bs) \
	dmr_compat_bio(bio_clone_fast(bio, gfp, bs), bdev)
#endif

#ifndef HAVE_FLUSH_ONE_ARG	/* 5.12 */
#define blkdev_issue_flush(bdev)	blkdev_issue_flush(bdev, GFP_NOIO)
#endif

#ifndef HAVE_MEMCPY_TO_BVEC	/* 5.15 */
static inline void memcpy_to_bvec(struct bio_vec *bvec, const char *from)
{
	memcpy_to_page(bvec->bv_page, bvec->bv_offset, from, bvec->bv_len);
}
#endif

#ifndef HAVE_STATUSTYPE_IMA	/* 5.15 */
/* Never asked for there: a case of dmr_status() that is not of its enum. */
#pragma GCC diagnostic ignored "-Wswitch"
#define STATUSTYPE_IMA	2
#define DMEMIT_TARGET_NAME_VERSION(t) do { \
		const struct target_type *tt = (t); \
		DMEMIT("target_name=%s,target_version=%u.%u.%u", tt->name, \
		       tt->version[0], tt->version[1], tt->version[2]); \
	} while (0)
#endif

#ifndef HAVE_KVZALLOC_OBJ	/* 7.0 */
#define kvzalloc_obj(obj)	kvzalloc(sizeof(obj), GFP_KERNEL)
#endif

#ifndef HAVE_PREPARE_IOCTL_CMD	/* 6.16 */
/* Its definition gets the arguments of old; what refers to it stays. */
#define dmr_prepare_ioctl(...) \
	dmr_prepare_ioctl(struct dm_target *ti, struct block_device **bdev)
#endif

#endif
