// SPDX-License-Identifier: GPL-2.0-only
#include <linux/slab.h>

int *probe(void);
int *probe(void)
{
	int *p = kvzalloc_obj(*p);

	return p;
}
