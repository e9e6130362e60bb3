// SPDX-License-Identifier: GPL-2.0-only
#include <linux/blkdev.h>

unsigned int probe(struct block_device *bdev);
unsigned int probe(struct block_device *bdev)
{
	return bdev_max_discard_sectors(bdev);
}
