// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap fuzzer: what dmremap reads: lists of bad blocks in the formats of
 * other tools, dumps in JSON, and what the kernel says.
 *
 * The first byte says which. What is accepted makes sense.
 */
#include "../../src/tool/commands/cmd-dump.c"
#include "devices/kstat.h"
#include "lists/list.h"

#define CHECK(x)	do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ranges(const struct ranges *rs)
{
	u64 end = 0;
	size_t i;

	for (i = 0; i < rs->nr; i++) {
		CHECK(rs->r[i].count);
		CHECK(rs->r[i].start + rs->r[i].count > rs->r[i].start);
		CHECK(!i || rs->r[i].start > end);
		end = rs->r[i].start + rs->r[i].count;
	}
}

static void list(const char *text, u8 how)
{
	static const u64 unit[] = { 512, 1, 1024, 4096, 1 << 20 };
	struct list_disk disk = { .lbs = how & 1 ? 4096 : 512 };
	int f = LIST_UNKNOWN, nr = 0;
	const char *hint;
	char why[200] = "";
	struct list l;

	while (list_format_name(nr))
		nr++;
	if (how % (nr + 1))
		f = how % (nr + 1) - 1;
	else
		f = list_guess(text, &hint);
	if (f == LIST_UNKNOWN)
		return;
	if (list_parse(f, text, unit[how / (nr + 1) % 5], &disk, &l, why,
		       sizeof(why))) {
		struct list_place p = { "x", 1000, 2000, 8, 4000, 1008, 500 };

		check_ranges(&l.bad);
		check_ranges(&l.good);
		if (!list_place(&l, &p, why, sizeof(why)))
			CHECK(why[0]);
		list_free(&l);
	} else {
		CHECK(why[0]);
	}
}

static void dump_file(const char *text)
{
	struct json_object *o = json_tokener_parse(text), *x;
	struct image im = { 0 };

	/* What is large is slow, and no other than what is small. */
	if (o && !(json_object_object_get_ex(o, "table_blocks_in_use", &x) &&
		   json_object_get_int64(x) > 100))
		if (!parse_image(o, &im, false))
			CHECK(im.sb.hwm <= im.sb.layout.nr_tables);
	free(im.words);
	json_object_put(o);
}

static void answers(const char *text)
{
	struct kblocks b = { 0 };
	struct kstat k;
	char why[500];

	if (kstat_parse(&k, text))
		kstat_health(&k, "x", why, sizeof(why));
	if (kblocks_parse(&b, text))
		free(b.b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] == 'J')
		dump_file(text);
	else if (data[0] == 'K')
		answers(text);
	else
		list(text, data[0]);
	free(text);
	return 0;
}
