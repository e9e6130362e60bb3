// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap fuzzer: any bytes as a spare give a refusal or a working device.
 *
 * The input is a list of changes to a spare that has been in use: where, how
 * long, what; and whether the checksum of the block is made right afterwards,
 * as an attacker would. Then the spare is loaded and used, all I/O within its
 * bounds; and what was loaded and used once can be loaded again.
 */
#include "dm-remap-engine.h"

#define SPARE_BLOCKS	64
#define MAIN_SECTORS	509
#define CHECK(x)	do { if (!(x)) abort(); } while (0)

struct dmr_env {
	u8 spare[SPARE_BLOCKS * DMR_BLOCK_SIZE];
	u8 main[(MAIN_SECTORS + 8) * 512];
	u64 bad_first, bad_last;	/* sectors of main that fail writes */
};

static struct dmr_env env;
static u8 image[sizeof(env.spare)];	/* of a spare that is all right */

void dmr_env_io(struct dmr_env *e, struct dmr_io *ios, unsigned int nr)
{
	static u8 scratch[64 * DMR_BLOCK_SIZE];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct dmr_io *io = &ios[i];
		u64 end = io->dev == DMR_MAIN ? MAIN_SECTORS : SPARE_BLOCKS * 8;
		u8 *at = (io->dev == DMR_MAIN ? e->main : e->spare) +
			 io->sector * 512;
		void *buf = io->buf ?: scratch;

		CHECK(io->sectors && io->sectors <= end &&
		      io->sector <= end - io->sectors);
		io->status = BLK_STS_OK;
		if ((io->opf & REQ_OP_MASK) == REQ_OP_READ) {
			memcpy(buf, at, io->sectors * 512);
		} else if (io->dev == DMR_MAIN && io->sector <= e->bad_last &&
			   io->sector + io->sectors > e->bad_first) {
			io->status = BLK_STS_MEDIUM;
		} else {
			memcpy(at, buf, io->sectors * 512);
		}
	}
}

blk_status_t dmr_env_flush(struct dmr_env *e, enum dmr_dev dev)
{
	(void)e;
	(void)dev;
	return BLK_STS_OK;
}

void dmr_env_drain(struct dmr_env *e)
{
	(void)e;
}

void dmr_env_synchronize(struct dmr_env *e)
{
	(void)e;
}

void dmr_env_fill(struct dmr_env *e, struct dmr_req *req, u32 req_sector,
		  const void *buf, u32 sectors)
{
	(void)e;
	(void)buf;
	CHECK(req_sector + sectors <= req->sectors);
}

void dmr_env_complete(struct dmr_env *e, struct dmr_req *req,
		      blk_status_t status)
{
	(void)e;
	(void)req;
	(void)status;
}

bool dmr_env_present(struct dmr_env *e, enum dmr_dev dev)
{
	(void)e;
	(void)dev;
	return true;
}

bool dmr_env_last_good(struct dmr_env *e, u64 *sector)
{
	(void)e;
	*sector = 0;
	return true;
}

u64 dmr_env_seconds(struct dmr_env *e)
{
	(void)e;
	return 0;
}

void dmr_env_event(struct dmr_env *e)
{
	(void)e;
}

void dmr_env_log(struct dmr_env *e, enum dmr_log_level level, const char *fmt,
		 ...)
{
	char text[400];
	va_list args;

	(void)e;
	(void)level;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
}

void dmr_env_random(struct dmr_env *e, void *buf, size_t size)
{
	(void)e;
	memset(buf, 7, size);
}

static const struct dmr_area area = {
	.spare_start = 8,
	.avail_blocks = SPARE_BLOCKS,
	.main_sectors = MAIN_SECTORS,
	.main_lbs = 512,
	.identity = "disk",
	.label = "",
};

static int start(struct dmr_engine *e)
{
	static const struct dmr_tuning tuning = { .read_retries = 1 };
	static struct dmr_super sb;
	struct dmr_why why;
	int r;

	r = dmr_engine_init(e, &env, &tuning, MAIN_SECTORS);
	CHECK(!r);
	r = dmr_store_probe(&env, &area, &sb, &why);
	if (!r)
		r = dmr_engine_activate(e, &sb, &why);
	CHECK(r <= 1 && memchr(why.text, 0, sizeof(why.text)));
	CHECK(r >= 0 || why.text[0]);
	return r;
}

/* Read and write everything, in all ways. */
static void use(struct dmr_engine *e)
{
	static const enum req_op op[] = {
		REQ_OP_READ, REQ_OP_WRITE, REQ_OP_DISCARD,
	};
	struct dmr_tally tally = { 0 };
	struct dmr_route route;
	u32 sector, i;

	for (i = 0; i < 3; i++) {
		for (sector = 0; sector < MAIN_SECTORS;
		     sector += route.sectors) {
			u32 n = min(MAIN_SECTORS - sector, 5 + sector % 50);

			dmr_index_route(&e->index, op[i], sector, n, &route);
			CHECK(route.sectors && route.sectors <= n);
			if (route.place == DMR_TO_SLOT)
				CHECK(route.sector + route.sectors <=
				      SPARE_BLOCKS * 8);
			if (route.place == DMR_TO_ENGINE ||
			    (i && route.place == DMR_TO_MAIN)) {
				struct dmr_req req = {
					.sector = sector,
					.sectors = route.sectors,
					.op = op[i] == REQ_OP_READ ?
					      REQ_OP_READ : REQ_OP_WRITE,
					.error = BLK_STS_MEDIUM,
				};
				LIST_HEAD(reqs);

				list_add_tail(&req.list, &reqs);
				dmr_engine_run(e, &reqs);
			}
		}
	}
	for (i = 0; i < 64; i += 8) {
		dmr_engine_evacuate(e, i, 8, &tally);
		dmr_engine_release(e, i, 8, i & 8, &tally);
	}
	dmr_engine_save(e);
}

static void make_image(void)
{
	static struct dmr_engine e;
	static struct dmr_super sb;
	struct dmr_tally tally = { 0 };
	struct dmr_why why;

	CHECK(!dmr_store_format(&env, &area, &sb, &why));
	CHECK(!start(&e));
	CHECK(!dmr_engine_evacuate(&e, 3, 5, &tally));
	CHECK(!dmr_engine_mark_bad(&e, 20, 3, &tally));
	dmr_engine_exit(&e);
	memcpy(image, env.spare, sizeof(image));
}

static void seal(u8 *block)
{
	u32 crc;

	memset(block + 12, 0, 4);
	crc = htole32(~crc32c(~0U, block, DMR_BLOCK_SIZE));
	memcpy(block + 12, &crc, 4);
}

/* Records: block, offset (2 bytes), flags and length, bytes. */
static void apply(const u8 *data, size_t size)
{
	while (size >= 4) {
		u32 block = data[0] % SPARE_BLOCKS;
		u32 at = (data[1] | data[2] << 8) % DMR_BLOCK_SIZE;
		u32 len = 1 + (data[3] & 63);
		u8 *p = env.spare + block * DMR_BLOCK_SIZE;

		data += 4;
		size -= 4;
		len = min_t(u32, min_t(u32, len, DMR_BLOCK_SIZE - at), size);
		memcpy(p + at, data, len);
		if (data[-1] & 64)
			seal(p);
		/* The same in the other copy, which would save it else. */
		if (data[-1] & 128) {
			u32 other = block == 1 ? 33 : block == 33 ? 1 :
				    block == 0 ? 32 : 63;
			u8 *q = env.spare + other * DMR_BLOCK_SIZE;

			memcpy(q + at, data, len);
			if (data[-1] & 64)
				seal(q);
		}
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dmr_engine e;
	static bool have_image;

	if (!have_image) {
		make_image();
		have_image = true;
	}
	memcpy(env.spare, image, sizeof(image));
	if (size < 2)
		return 0;
	env.bad_first = data[0];
	env.bad_last = data[0] + data[1];
	if (data[1] == 255)	/* no metadata at all, but just bytes */
		memcpy(env.spare, data, min(size, sizeof(env.spare)));
	else
		apply(data + 2, size - 2);
	if (!start(&e)) {
		bool whole = e.mode == DMR_MODE_RW;

		use(&e);
		whole = whole && e.mode == DMR_MODE_RW;
		dmr_engine_exit(&e);
		if (start(&e) && whole)
			abort();
	}
	dmr_engine_exit(&e);
	return 0;
}
