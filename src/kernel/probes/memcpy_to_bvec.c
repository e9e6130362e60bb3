// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bvec.h>
#include <linux/highmem.h>

void probe(struct bio_vec *bvec, const char *from);
void probe(struct bio_vec *bvec, const char *from)
{
	memcpy_to_bvec(bvec, from);
}
