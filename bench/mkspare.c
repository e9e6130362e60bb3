// SPDX-License-Identifier: GPL-2.0-only
/*
 * mkspare: formats a spare area and puts remaps on it, with the store's own
 * code. For measurements only: the slots hold no data.
 *
 * Usage: mkspare <device> <main sectors> <remaps> scattered|clustered
 *        mkspare <file> <main sectors> load
 *
 * The second form times what activation does: loads the metadata and fills the
 * index, and prints the number of remaps and the microseconds it took.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "dm-remap-index.h"
#include "pattern.h"

/* Two table blocks full. */
#define BATCH	(2 * DMR_TABLE_ENTRIES)

struct dmr_env {
	int fd;
};

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

static void die(const char *what, const struct dmr_why *why)
{
	fprintf(stderr, "mkspare: %s%s%s\n", what, why ? ": " : "",
		why ? why->text : "");
	exit(1);
}

static u64 now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

/* As dmr_engine_activate() does it. */
static int time_load(struct dmr_env *env, const struct dmr_area *area,
		     struct dmr_super *sb)
{
	static struct dmr_store store;
	struct dmr_why why = { "" };
	struct dmr_index ix;
	u64 start = now_us(), word;
	u32 slot;

	if (dmr_store_probe(env, area, sb, &why))
		die("probe", &why);
	if (dmr_store_load(&store, env, sb, false, &why))
		die("load", &why);
	if (dmr_index_init(&ix, &store, area->main_sectors >> 3) ||
	    dmr_index_reserve(&ix, store.nr_live))
		die("no memory", NULL);
	for (slot = 0; slot < dmr_store_slot_limit(&store); slot++) {
		word = dmr_store_word(&store, slot);
		if (dmr_word_state(word) == DMR_LIVE)
			dmr_index_insert(&ix, dmr_word_block(word), slot);
	}
	printf("%u %llu\n", ix.count, now_us() - start);
	return 0;
}

int main(int argc, char **argv)
{
	static struct dmr_store store;
	static struct dmr_super sb;
	struct dmr_why why = { "" };
	struct dmr_env env;
	struct dmr_area area = { .main_lbs = 512, .identity = "", .label = "" };
	unsigned int bits = 0;
	u64 n, i, block;
	off_t size;

	if (argc != 5 && (argc != 4 || strcmp(argv[3], "load")))
		die("see the head of bench/mkspare.c", NULL);
	area.main_sectors = strtoull(argv[2], NULL, 0);
	while (area.main_sectors >> (bits + 1) >= DMR_BLOCK_SECTORS)
		bits++;
	env.fd = open(argv[1], O_RDWR);
	size = env.fd < 0 ? -1 : lseek(env.fd, 0, SEEK_END);
	if (size < 0)
		die("cannot open the device", NULL);
	area.avail_blocks = size / DMR_BLOCK_SIZE;
	if (argc == 4)
		return time_load(&env, &area, &sb);
	n = strtoull(argv[3], NULL, 0);
	if (dmr_store_format(&env, &area, &sb, &why))
		die("format", &why);
	if (dmr_store_load(&store, &env, &sb, false, &why))
		die("load", &why);
	for (i = 0; i < n; i++) {
		u32 slot;

		if (dmr_store_wants_extension(&store) &&
		    dmr_store_extend(&store))
			die("extend", NULL);
		slot = dmr_store_alloc(&store);
		if (slot == DMR_NO_SLOT)
			die("the spare is full", NULL);
		block = argv[4][0] == 'c' ? pattern_clustered(i, bits) :
					    pattern_scattered(i, bits);
		dmr_store_stage(&store, slot, dmr_word(block, DMR_LIVE, 0xff,
						       0, 1));
		if ((i + 1) % BATCH == 0 && dmr_store_commit(&store))
			die("commit", NULL);
	}
	if (dmr_store_commit(&store) || dmr_store_write_super(&store))
		die("commit", NULL);
	dmr_store_exit(&store);
	if (fsync(env.fd))
		die("fsync", NULL);
	return 0;
}
