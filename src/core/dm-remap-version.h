/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The version of dm-remap, of module, tool and packages alike: the only place where it
 * is written down. "dmsetup targets", modinfo and "dmremap --version" show it.
 */
#ifndef DM_REMAP_VERSION_H
#define DM_REMAP_VERSION_H

#define DMR_RELEASE_MAJOR	1
#define DMR_RELEASE_MINOR	1
#define DMR_RELEASE_PATCH	0

#define DMR_RELEASE_TEXT_(n)	#n
#define DMR_RELEASE_TEXT(n)	DMR_RELEASE_TEXT_(n)
#define DMR_RELEASE	DMR_RELEASE_TEXT(DMR_RELEASE_MAJOR) "." \
			DMR_RELEASE_TEXT(DMR_RELEASE_MINOR) "." \
			DMR_RELEASE_TEXT(DMR_RELEASE_PATCH)

#endif
