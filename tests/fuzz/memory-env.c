// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap fuzzers: two disks in memory, and an environment that does nothing
 * but to carry out I/O, within bounds.
 */
#include "memory-env.h"

struct memory memory;

void dmr_env_io(struct dmr_env *env, struct dmr_io *ios, unsigned int nr)
{
	static u8 scratch[64 * 4096];
	unsigned int i;

	(void)env;
	for (i = 0; i < nr; i++) {
		struct dmr_io *io = &ios[i];
		u64 end = io->dev == DMR_MAIN ? MAIN_SECTORS : SPARE_BLOCKS * 8;
		u8 *at = (io->dev == DMR_MAIN ? memory.main : memory.spare) +
			 io->sector * 512;
		void *buf = io->buf ?: scratch;

		CHECK(io->sectors && io->sectors <= end &&
		      io->sector <= end - io->sectors);
		io->status = BLK_STS_OK;
		if ((io->opf & REQ_OP_MASK) == REQ_OP_READ) {
			memcpy(buf, at, io->sectors * 512);
		} else if (io->dev == DMR_MAIN && io->sector <= memory.bad_last &&
			   io->sector + io->sectors > memory.bad_first) {
			io->status = BLK_STS_MEDIUM;
		} else {
			memcpy(at, buf, io->sectors * 512);
		}
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

void dmr_env_drain(struct dmr_env *env, enum dmr_dev dev)
{
	(void)env;
	(void)dev;
}

blk_status_t dmr_env_flush_for_caller(struct dmr_env *env, enum dmr_dev dev,
				      u32 errors)
{
	(void)errors;
	return dmr_env_flush(env, dev);
}

void dmr_env_owe(struct dmr_env *env, enum dmr_dev dev)
{
	(void)env;
	(void)dev;
}

bool dmr_env_fua_is_flush(struct dmr_env *env, enum dmr_dev dev)
{
	(void)env;
	(void)dev;
	return false;
}

unsigned int dmr_env_main_begin(struct dmr_env *env)
{
	(void)env;
	return 0;
}

void dmr_env_main_end(struct dmr_env *env, unsigned int ticket)
{
	(void)env;
	(void)ticket;
}

void dmr_env_lock(struct dmr_env *env)
{
	(void)env;
	CHECK(!memory.locked);
	memory.locked = true;
}

void dmr_env_unlock(struct dmr_env *env)
{
	(void)env;
	CHECK(memory.locked);
	memory.locked = false;
}

void dmr_env_retry_lock(struct dmr_env *env)
{
	(void)env;
}

void dmr_env_retry_unlock(struct dmr_env *env)
{
	(void)env;
}

bool dmr_env_stopping(struct dmr_env *env)
{
	(void)env;
	return false;
}

/* Nobody works at the same time: an examination begins when the batch has ended. */
static struct dmr_req *waiting;

void dmr_env_examine(struct dmr_env *env, struct dmr_req *req)
{
	(void)env;
	CHECK(!waiting);
	waiting = req;
}

void dmr_env_settle(struct dmr_env *env, struct dmr_exam *exam)
{
	LIST_HEAD(reqs);
	LIST_HEAD(exams);

	dmr_env_lock(env);
	list_add_tail(&exam->list, &exams);
	dmr_engine_run(memory.engine, &reqs, &exams);
	dmr_env_unlock(env);
}

void dmr_env_settled(struct dmr_env *env, struct dmr_exam *exam)
{
	(void)env;
	(void)exam;
}

void memory_run(struct dmr_engine *e, struct dmr_req *req)
{
	struct dmr_exam x = { 0 };
	LIST_HEAD(reqs);
	LIST_HEAD(exams);

	memory.engine = e;
	list_add_tail(&req->list, &reqs);
	dmr_env_lock(e->env);
	dmr_engine_run(e, &reqs, &exams);
	dmr_env_unlock(e->env);
	if (waiting) {
		waiting = NULL;
		CHECK(!dmr_exam_init(&x));
		dmr_engine_examine(e, &x, req);
		dmr_exam_exit(&x);
	}
}

void dmr_env_synchronize(struct dmr_env *env)
{
	(void)env;
}

void dmr_env_fill(struct dmr_env *env, struct dmr_req *req, u32 req_sector,
		  const void *buf, u32 sectors)
{
	(void)env;
	(void)buf;
	CHECK(req_sector + sectors <= req->sectors);
}

void dmr_env_complete(struct dmr_env *env, struct dmr_req *req,
		      blk_status_t status)
{
	(void)env;
	(void)req;
	(void)status;
}

bool dmr_env_present(struct dmr_env *env, enum dmr_dev dev)
{
	(void)env;
	(void)dev;
	return true;
}

bool dmr_env_last_good(struct dmr_env *env, u64 *sector)
{
	(void)env;
	*sector = 0;
	return true;
}

u64 dmr_env_seconds(struct dmr_env *env)
{
	(void)env;
	return 0;
}

void dmr_env_event(struct dmr_env *env)
{
	(void)env;
}

void dmr_env_log(struct dmr_env *env, enum dmr_log_level level, const char *fmt,
		 ...)
{
	char text[400];
	va_list args;

	(void)env;
	(void)level;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
}

void dmr_env_random(struct dmr_env *env, void *buf, size_t size)
{
	(void)env;
	memset(buf, 7, size);
}

