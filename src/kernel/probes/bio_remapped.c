// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bio.h>

void probe(struct bio *bio);
void probe(struct bio *bio)
{
	bio_clear_flag(bio, BIO_REMAPPED);
}
