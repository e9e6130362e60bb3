// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap unit tests: a spare device in memory.
 */
#include <sys/mman.h>
#include "ram-env.h"

static unsigned int allocs_left;

struct dmr_env *ram_new(u64 blocks)
{
	struct dmr_env *env = calloc(1, sizeof(*env));

	/* Untouched parts of a large disk cost nothing. */
	env->disk = mmap(NULL, blocks * DMR_BLOCK_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(env->disk != MAP_FAILED);
	env->blocks = blocks;
	env->cut = -1;
	env->rng = 1;
	return env;
}

void ram_free(struct dmr_env *env)
{
	munmap(env->disk, env->blocks * DMR_BLOCK_SIZE);
	free(env);
}

void ram_reset_counts(struct dmr_env *env)
{
	env->reads = 0;
	env->writes = 0;
	env->syncs = 0;
	env->flushes = 0;
	env->max_at_once = 0;
}

void *ram_block(struct dmr_env *env, u64 block)
{
	assert_true(block < env->blocks);
	return env->disk + block * DMR_BLOCK_SIZE;
}

u64 ram_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static bool touches(const struct dmr_io *io, u64 block)
{
	u64 first = block * DMR_BLOCK_SECTORS;

	return io->sector < first + DMR_BLOCK_SECTORS &&
	       first < io->sector + io->sectors;
}

static blk_status_t fail_op(struct dmr_env *env, const struct dmr_io *io,
			 u32 op)
{
	if ((io->opf & REQ_OP_MASK) != op || !env->fault_count ||
	    !touches(io, env->fault_block))
		return BLK_STS_OK;
	env->fault_count--;
	return BLK_STS_MEDIUM;
}

blk_status_t ram_fail_reads(struct dmr_env *env, const struct dmr_io *io)
{
	return fail_op(env, io, REQ_OP_READ);
}

blk_status_t ram_fail_writes(struct dmr_env *env, const struct dmr_io *io)
{
	return fail_op(env, io, REQ_OP_WRITE);
}

blk_status_t ram_fail_block(struct dmr_env *env, const struct dmr_io *io)
{
	return touches(io, env->fault_block) ? BLK_STS_MEDIUM : BLK_STS_OK;
}

blk_status_t ram_fail_all(struct dmr_env *env, const struct dmr_io *io)
{
	(void)env;
	(void)io;
	return BLK_STS_IOERR;
}

static void do_write(struct dmr_env *env, struct dmr_io *io)
{
	u8 *to = env->disk + io->sector * 512;
	u8 sectors = 0xff;
	u32 i;

	if (env->writes < RAM_MAX_LOG)
		env->log[env->writes] = *io;
	env->writes++;
	if (!env->cut) {
		/* The power is gone; of this write, some sectors made it. */
		sectors = env->tear;
		env->tear = 0;
		io->status = BLK_STS_IOERR;
	}
	for (i = 0; i < io->sectors; i++)
		if (sectors & BIT(i % 8))
			memcpy(to + i * 512, io->buf + i * 512, 512);
	if (env->cut > 0)
		env->cut--;
}

void dmr_env_io(struct dmr_env *env, struct dmr_io *ios, unsigned int nr)
{
	unsigned int i, writes = 0;

	for (i = 0; i < nr; i++) {
		struct dmr_io *io = &ios[i];

		assert_int_equal(io->dev, DMR_SPARE);
		assert_true(io->sectors);
		assert_true(io->sector + io->sectors <=
			    env->blocks * DMR_BLOCK_SECTORS);
		io->status = env->fault ? env->fault(env, io) : BLK_STS_OK;
		if ((io->opf & REQ_OP_MASK) == REQ_OP_WRITE) {
			writes++;
			if (io->status == BLK_STS_OK)
				do_write(env, io);
			continue;
		}
		env->reads++;
		if (io->status == BLK_STS_OK)
			memcpy(io->buf, env->disk + io->sector * 512,
			       io->sectors * 512);
		else
			memset(io->buf, 0xa5, io->sectors * 512);
	}
	env->max_at_once = max(env->max_at_once, writes);
}

blk_status_t dmr_env_flush(struct dmr_env *env, enum dmr_dev dev)
{
	assert_int_equal(dev, DMR_SPARE);
	env->flushes++;
	if (env->fault != ram_fail_flush || !env->fault_count)
		return BLK_STS_OK;
	env->fault_count--;
	env->flush_errors++;
	return BLK_STS_IOERR;
}

u32 dmr_env_flush_errors(struct dmr_env *env, enum dmr_dev dev)
{
	(void)dev;
	return env->flush_errors;
}

blk_status_t ram_fail_flush(struct dmr_env *env, const struct dmr_io *io)
{
	(void)env;
	(void)io;
	return BLK_STS_OK;
}

void dmr_env_synchronize(struct dmr_env *env)
{
	env->syncs++;
}

void dmr_env_log(struct dmr_env *env, enum dmr_log_level level,
		 const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	vsnprintf(env->last_log, sizeof(env->last_log), fmt, args);
	va_end(args);
}

void dmr_env_random(struct dmr_env *env, void *buf, size_t size)
{
	u8 *p = buf;

	while (size--)
		*p++ = ram_random(&env->rng);
}

bool ram_waited;

static bool fail_alloc(gfp_t gfp)
{
	ram_waited |= !(gfp & __GFP_NORETRY);
	if (!allocs_left)
		return true;
	allocs_left--;
	return false;
}

void ram_allow_allocs(unsigned int n)
{
	ram_waited = false;
	allocs_left = n;
	kernel_shim_fail_alloc = fail_alloc;
}

void ram_allow_all_allocs(void)
{
	kernel_shim_fail_alloc = NULL;
}
