// SPDX-License-Identifier: GPL-2.0-only
#include <linux/blk_types.h>

blk_opf_t probe(void);
blk_opf_t probe(void)
{
	return 0;
}
