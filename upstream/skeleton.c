// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: the device-mapper target.
 */
#include <linux/device-mapper.h>
#include <linux/module.h>

MODULE_DESCRIPTION(DM_NAME " target for bad block remapping");
MODULE_LICENSE("GPL");
