// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap fuzzer: what a person may say to the target.
 *
 * The first line of the input are arguments of the constructor. Those that are
 * accepted are shown by "dmsetup table", and mean the same when they are given
 * again. All further lines are messages to a device at work; the answers fit
 * into the buffer, whatever its size, and are answers: 1, 0 or an error.
 */
#include "dm-remap.h"
#include "memory-env.h"

#define MAX_ARGS	40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As the kernel splits a line: at white space; a backslash takes the next. */
static unsigned int split(char *line, char **argv)
{
	unsigned int argc = 0;
	char *out;

	while (argc < MAX_ARGS) {
		while (isspace((unsigned char)*line))
			line++;
		if (!*line)
			break;
		argv[argc++] = out = line;
		while (*line && !isspace((unsigned char)*line)) {
			if (*line == '\\' && line[1])
				line++;
			*out++ = *line++;
		}
		if (*line)
			line++;
		*out = '\0';
	}
	argv[argc] = NULL;
	return argc;
}

static struct dm_table table = { .mode = BLK_OPEN_WRITE };
static struct target_type type = { .name = "remap" };

static int construct(struct dmr_target *t, char *line)
{
	struct dm_target ti = {
		.table = &table, .type = &type, .len = MAIN_SECTORS,
		.private = t,
	};
	char *argv[MAX_ARGS + 1];
	int r;

	memset(t, 0, sizeof(*t));
	r = dmr_parse_args(t, &ti, split(line, argv), argv);
	CHECK(r <= 0);
	CHECK(!r || ti.error);
	return r;
}

static void args(char *line, unsigned int room)
{
	static struct dmr_target t, again;
	char shown[1000], *small;
	unsigned int argc;

	if (construct(&t, line))
		return;
	CHECK(memchr(t.identity, 0, sizeof(t.identity)));
	CHECK(memchr(t.label, 0, sizeof(t.label)));
	CHECK(!(t.format && t.tuning.read_only));
	CHECK(!(t.spare_length & (DMR_BLOCK_SECTORS - 1)));

	/* Whatever the room: within it, and with an end. */
	small = malloc(room + 1);
	dmr_emit_args(&t, small, room + 1);
	CHECK(strlen(small) <= room);
	free(small);

	/* Shown as numbers: main and spare are given as paths once more. */
	strcpy(shown, "/a /b");
	argc = dmr_emit_args(&t, shown + 5, sizeof(shown) - 5);
	CHECK(argc < sizeof(shown) - 6);
	small = strchr(strchr(shown + 5, ' ') + 1, ' ');
	memmove(shown + 5, small, strlen(small) + 1);
	CHECK(!construct(&again, shown));
	CHECK(!memcmp(&t.tuning, &again.tuning, sizeof(t.tuning)));
	CHECK(t.spare_length == again.spare_length);
	CHECK(t.env.spare_start == again.env.spare_start);
	CHECK(!strcmp(t.identity, again.identity));
}

/* A spare that is claimed: there is no other one here. */
int dmr_grow_claim(struct dmr_claim *claim, sector_t end)
{
	claim->end = end;
	return 0;
}

static const struct dmr_area area = {
	.spare_start = 8,
	.avail_blocks = SPARE_BLOCKS,
	.area_blocks = 30,
	.main_sectors = MAIN_SECTORS,
	.main_lbs = 512,
	.identity = "disk",
	.label = "label",
};

static void begin(struct dmr_target *t, struct dm_target *ti)
{
	static const struct dmr_tuning tuning = { .read_retries = 1 };
	static struct block_device bdev[2] = {
		{ MAIN_SECTORS }, { 8 + SPARE_BLOCKS * 8 },
	};
	static struct dm_dev dev[2] = { { &bdev[0], "7:0" }, { &bdev[1], "7:1" } };
	static struct dmr_super sb;
	struct dmr_tally tally = { 0 };
	struct dmr_why why;

	memset(&memory, 0, sizeof(memory));
	memory.bad_first = 80;
	memory.bad_last = 90;
	*ti = (struct dm_target) {
		.table = &table, .type = &type, .len = MAIN_SECTORS,
		.private = t,
	};
	memset(t, 0, sizeof(*t));
	t->env.ti = ti;
	t->env.main = &dev[0];
	t->env.spare = &dev[1];
	t->env.spare_start = 8;
	t->tuning = tuning;
	CHECK(!dmr_engine_init(&t->engine, &t->env, &tuning, MAIN_SECTORS));
	CHECK(!dmr_store_format(&t->env, &area, &sb, &why));
	CHECK(!dmr_engine_activate(&t->engine, &sb, &why));
	CHECK(!dmr_engine_evacuate(&t->engine, 3, 5, &tally));
	CHECK(!dmr_engine_mark_bad(&t->engine, 20, 3, &tally));
}

static void message(struct dm_target *ti, char *line, unsigned int room)
{
	char *argv[MAX_ARGS + 1], *result;
	unsigned int argc = split(line, argv);
	int r, type;

	if (!argc)
		return;
	result = malloc(room + 1);
	result[0] = '\0';
	r = dmr_message(ti, argc, argv, result, room + 1);
	CHECK(r <= 1);
	CHECK(memchr(result, 0, room + 1));
	for (type = STATUSTYPE_INFO; type <= STATUSTYPE_IMA; type++) {
		dmr_status(ti, type, 0, result, room + 1);
		CHECK(memchr(result, 0, room + 1));
	}
	free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dmr_target t;
	struct dm_target ti;
	unsigned int room;
	char *text, *line, *rest;

	if (size < 1)
		return 0;
	room = data[0] * 8;
	text = calloc(1, size);
	memcpy(text, data + 1, size - 1);
	rest = text;
	line = strsep(&rest, "\n");
	args(line, room);
	if (rest) {
		begin(&t, &ti);
		while ((line = strsep(&rest, "\n")))
			message(&ti, line, room);
		CHECK(!memory.locked && !t.admin_lock.held);
		dmr_engine_exit(&t.engine);
		kvfree(t.env.track);
	}
	free(text);
	return 0;
}
