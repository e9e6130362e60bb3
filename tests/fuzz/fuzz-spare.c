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
#include "memory-env.h"

static u8 image[sizeof(memory.spare)];	/* of a spare that is all right */

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

	r = dmr_engine_init(e, NULL, &tuning, MAIN_SECTORS);
	CHECK(!r);
	r = dmr_store_probe(NULL, &area, &sb, &why);
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

				memory_run(e, &req);
			}
		}
	}
	for (i = 0; i < 64; i += 8) {
		dmr_engine_evacuate(e, i, 8, &tally);
		dmr_engine_release(e, i, 8, i / 8 % 3, &tally);
	}
	dmr_engine_save(e);
}

static void make_image(void)
{
	static struct dmr_engine e;
	static struct dmr_super sb;
	struct dmr_tally tally = { 0 };
	struct dmr_why why;

	CHECK(!dmr_store_format(NULL, &area, &sb, &why));
	CHECK(!start(&e));
	CHECK(!dmr_engine_evacuate(&e, 3, 5, &tally));
	CHECK(!dmr_engine_mark_bad(&e, 20, 3, &tally));
	dmr_engine_exit(&e);
	memcpy(image, memory.spare, sizeof(image));
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
		u8 *p = memory.spare + block * DMR_BLOCK_SIZE;

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
			u8 *q = memory.spare + other * DMR_BLOCK_SIZE;

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
	memcpy(memory.spare, image, sizeof(image));
	if (size < 2)
		return 0;
	memory.bad_first = data[0];
	memory.bad_last = data[0] + data[1];
	if (data[1] == 255)	/* no metadata at all, but just bytes */
		memcpy(memory.spare, data, min(size, sizeof(memory.spare)));
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
