// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmr_env_*() on a file: see file-env.h.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "file-env.h"

void dmr_env_io(struct dmr_env *env, struct dmr_io *ios, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		size_t size = (size_t)ios[i].sectors << 9;
		off_t at = ios[i].sector << 9;
		bool write = (ios[i].opf & REQ_OP_MASK) == REQ_OP_WRITE;
		ssize_t r = write ? pwrite(env->fd, ios[i].buf, size, at) :
				    pread(env->fd, ios[i].buf, size, at);

		ios[i].status = r == (ssize_t)size ? BLK_STS_OK : BLK_STS_IOERR;
	}
}

blk_status_t dmr_env_flush(struct dmr_env *env, enum dmr_dev dev)
{
	(void)env;
	(void)dev;
	return BLK_STS_OK;
}

u32 dmr_env_flush_errors(struct dmr_env *env, enum dmr_dev dev)
{
	(void)env;
	(void)dev;
	return 0;
}

void dmr_env_synchronize(struct dmr_env *env)
{
	(void)env;
}

void dmr_env_log(struct dmr_env *env, enum dmr_log_level level,
		 const char *fmt, ...)
{
	(void)env;
	(void)level;
	(void)fmt;
}

void dmr_env_random(struct dmr_env *env, void *buf, size_t size)
{
	(void)env;
	memset(buf, 0x5a, size);
}

void die(const char *what, const struct dmr_why *why)
{
	fprintf(stderr, "bench: %s%s%s\n", what, why ? ": " : "",
		why ? why->text : "");
	exit(1);
}

void open_spare(struct dmr_env *env, struct dmr_area *area, const char *path,
		const char *main_sectors)
{
	off_t size;

	env->fd = open(path, O_RDWR);
	size = env->fd < 0 ? -1 : lseek(env->fd, 0, SEEK_END);
	if (size < 0)
		die("cannot open the spare", NULL);
	*area = (struct dmr_area) {
		.main_sectors = strtoull(main_sectors, NULL, 0),
		.main_lbs = 512,
		.avail_blocks = size / DMR_BLOCK_SIZE,
		.identity = "",
		.label = "",
	};
}

unsigned int block_bits(const struct dmr_area *area)
{
	unsigned int bits = 0;

	while (area->main_sectors >> (bits + 1) >= DMR_BLOCK_SECTORS)
		bits++;
	return bits;
}

void activate(struct dmr_store *store, struct dmr_index *ix,
	      struct dmr_env *env, const struct dmr_area *area)
{
	static struct dmr_super sb;
	struct dmr_why why = { "" };
	u64 word, other;
	u32 slot;

	if (dmr_store_probe(env, area, &sb, &why))
		die("probe", &why);
	if (dmr_store_load(store, env, &sb, false, &why))
		die("load", &why);
	if (dmr_index_init(ix, store, area->main_sectors >> 3) ||
	    dmr_index_reserve(ix, store->nr_live))
		die("no memory", NULL);
	for (slot = 0; slot < dmr_store_slot_limit(store); slot++) {
		word = dmr_store_word(store, slot);
		if (dmr_word_state(word) != DMR_LIVE)
			continue;
		if (dmr_index_find(ix, dmr_word_block(word), &other) !=
		    DMR_NO_SLOT)
			die("a block twice", NULL);
		dmr_index_insert(ix, dmr_word_block(word), slot);
	}
}
