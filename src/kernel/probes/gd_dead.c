// SPDX-License-Identifier: GPL-2.0-only
#include <linux/blkdev.h>

bool probe(struct gendisk *disk);
bool probe(struct gendisk *disk)
{
	return test_bit(GD_DEAD, &disk->state);
}
