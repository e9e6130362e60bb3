// SPDX-License-Identifier: GPL-2.0-only
#include <linux/blkdev.h>

bool probe(struct block_device *bdev);
bool probe(struct block_device *bdev)
{
	return bdev_write_cache(bdev);
}
