// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bio.h>

struct bio *probe(struct block_device *bdev, struct bio *bio,
		  struct bio_set *bs);
struct bio *probe(struct block_device *bdev, struct bio *bio,
		  struct bio_set *bs)
{
	return bio ? bio_alloc_clone(bdev, bio, GFP_NOIO, bs) :
		     bio_alloc_bioset(bdev, 1, REQ_OP_READ, GFP_NOIO, bs);
}
