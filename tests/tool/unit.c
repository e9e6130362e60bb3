// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: unit tests of what parses: lists of other tools, the kernel's
 * answers, sizes and ranges; and of the picture's cells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "devices/kstat.h"
#include "draw/picture.h"
#include "lists/list.h"
#include "devices/targets.h"

#include <sys/sysmacros.h>

/* Its macro fail() would hide the tool's function. */
#include <cmocka.h>

/*--------------------------------------------------------------------
 * Lists
 *--------------------------------------------------------------------
 */
static void check_list_of(const char *format, u64 unit, u32 lbs,
			  const char *text, size_t nr, const struct range *want)
{
	struct list_disk disk = { .lbs = lbs };
	char why[200] = "";
	struct list l;
	size_t i;

	if (!list_parse(list_format_by_name(format), text, unit, &disk, &l,
			why, sizeof(why)))
		fail_msg("not parsed: %s", why);
	assert_int_equal(l.bad.nr, nr);
	for (i = 0; i < nr; i++) {
		assert_int_equal(l.bad.r[i].start, want[i].start);
		assert_int_equal(l.bad.r[i].count, want[i].count);
	}
	list_free(&l);
}

static void check_list(const char *format, u64 unit, const char *text,
		       size_t nr, const struct range *want)
{
	check_list_of(format, unit, unit, text, nr, want);
}

static void refuse_list(const char *format, const char *text)
{
	struct list_disk disk = { .lbs = 512 };
	char why[200] = "";
	struct list l;

	if (list_parse(list_format_by_name(format), text, 1024, &disk, &l, why,
		       sizeof(why)))
		fail_msg("accepted: %s", text);
	assert_true(why[0]);
	assert_null(l.bad.r);
}

static bool no_memory;

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
	return no_memory ? NULL : __real_realloc(p, size);
}

/* A list for which there is no memory is not taken for a shorter one. */
static void list_without_memory(void **state)
{
	struct ranges rs = { 0 };
	u64 i;

	(void)state;
	for (i = 0; ranges_add(&rs, 16 * i, 8); i++) {
		assert_int_equal(ranges_whole(&rs), RC_OK);
		no_memory = i > 100;
	}
	no_memory = false;
	assert_true(i > 100);
	assert_int_equal(ranges_whole(&rs), RC_FAILED);
	ranges_tidy(&rs);
	assert_int_equal(ranges_total(&rs), 8 * i);
	assert_int_equal(ranges_whole(&rs), RC_FAILED);
	ranges_free(&rs);
	assert_int_equal(ranges_whole(&rs), RC_OK);
}

static void badblocks_lists(void **state)
{
	(void)state;
	check_list("badblocks", 1024, "1\n2\n10\n", 2,
		   (struct range[]){ { 2, 4 }, { 20, 2 } });
	check_list("badblocks", 4096, "# x\n\n 7 \r\n7\n", 1,
		   (struct range[]){ { 56, 8 } });
	check_list("badblocks", 512, "", 0, NULL);
	/* A unit that is no multiple of a sector takes all it touches. */
	check_list("badblocks", 1000, "1\n", 1,
		   (struct range[]){ { 1, 3 } });
	refuse_list("badblocks", "1 2\n");
	refuse_list("badblocks", "0x10\n");
	refuse_list("badblocks", "-1\n");
	refuse_list("badblocks", "18446744073709551615\n");
	refuse_list("badblocks", "99999999999999999999999999\n");
	refuse_list("badblocks", "1\nabc\n");
}

static void sector_lists(void **state)
{
	(void)state;
	check_list("sectors", 0, "5\n10-12\n20+3\n30 2\n0x40,1 # last\n", 5,
		   (struct range[]){ { 5, 1 }, { 10, 3 }, { 20, 3 }, { 30, 2 },
				     { 64, 1 } });
	check_list("sectors", 0, "9\n8\n8-20\n", 1,
		   (struct range[]){ { 8, 13 } });
	refuse_list("sectors", "12-10\n");
	refuse_list("sectors", "12+0\n");
	refuse_list("sectors", "12+\n");
	refuse_list("sectors", "12 x\n");
	refuse_list("sectors", "18446744073709551615+18446744073709551615\n");
	check_list("md", 0, "100 8\n  200\t16\n", 2,
		   (struct range[]){ { 100, 8 }, { 200, 16 } });
	refuse_list("md", "100\n");
}

static const char ddrescue[] =
	"# Mapfile. Created by GNU ddrescue version 1.27\n"
	"# current_pos  current_status  current_pass\n"
	"0x12345600     /               1\n"
	"#      pos        size  status\n"
	"0x00000000  0x00010000  +\n"
	"0x00010000  0x00000200  -\n"
	"0x00010200  0x00000E00  *\n"
	"0x00011000  0x00001000  /\n"
	"0x00012000  0x00001000  ?\n"
	"0x00013000  0x00001000  +\n";

static void ddrescue_maps(void **state)
{
	struct list_disk disk = { 0 };
	struct list l;
	char why[200];

	(void)state;
	check_list("ddrescue", 0, ddrescue, 1,
		   (struct range[]){ { 128, 16 } });
	assert_true(list_parse(list_format_by_name("ddrescue"), ddrescue, 0,
			       &disk, &l, why, sizeof(why)));
	assert_true(ranges_cover(&l.good, 0, 128));
	assert_false(ranges_cover(&l.good, 0, 129));
	assert_false(ranges_touch(&l.good, 144, 8));
	assert_true(ranges_cover(&l.good, 152, 8));
	list_free(&l);
	/* The old form, without a pass. */
	check_list("ddrescue", 0, "0x0 ?\n0x0 0x200 -\n", 1,
		   (struct range[]){ { 0, 1 } });
	refuse_list("ddrescue", "0x0 ?\n0x0 0x200 x\n");
	refuse_list("ddrescue", "0x0 ?\n0x0 0x200\n");
	refuse_list("ddrescue", "0x0 0x200 -\n0x0 0x200 -\n");
	refuse_list("ddrescue", "0x0 ?\n0xFFFFFFFFFFFFFFFF 0x200 -\n");
}

static void smartctl_output(void **state)
{
	(void)state;
	check_list("smartctl", 512,
		   "smartctl 7.3\nNum  Test_Description    Status   Remaining  LifeTime(hours)  LBA_of_first_error\n"
		   "# 1  Extended offline    Completed: read failure       90%     22212         3190\n"
		   "# 2  Short offline       Completed without error       00%     22100         -\n", 1,
		   (struct range[]){ { 3190, 1 } });
	check_list("smartctl", 4096,
		   "{\"ata_smart_self_test_log\":{\"extended\":{\"table\":[{\"lba\":10},{}]}},\"other\":{\"lba\":5}}",
		   1, (struct range[]){ { 80, 8 } });
	check_list("smartctl", 4096,
		   "{\"logical_block_size\":512,\"nvme_error_information_log\":{\"table\":[{\"lba\":{\"value\":77}}]}}",
		   1, (struct range[]){ { 77, 1 } });
	check_list("smartctl", 512,
		   "Num   ErrCount  SQId   CmdId  Status  PELoc          LBA  NSID    VS\n"
		   "  0          5     1  0x00a3  0x4502  0x000        60001     1     -\n", 1,
		   (struct range[]){ { 60001, 1 } });
	refuse_list("smartctl", "nothing of the kind\n");
	refuse_list("smartctl", "{}");
	refuse_list("smartctl", "{");
}

static void check_guess(const char *text, const char *want)
{
	const char *hint = NULL;
	int f = list_guess(text, &hint);

	assert_non_null(hint);
	assert_string_equal(list_format_name(f) ?: "", want);
}

static void guesses(void **state)
{
	(void)state;
	check_guess(ddrescue, "ddrescue");
	check_guess("0x0 ?\n0x0 0x200 -\n0x200 0x200 +\n", "ddrescue");
	check_guess("1\n2\n", "");
	/* START COUNT or START END? Only where an end would be before its start. */
	check_guess("1 8\n2 8\n", "");
	check_guess("1 8\n20 8\n", "md");
	check_guess("1-8\n", "sectors");
	check_guess(" {}", "smartctl");
	check_guess("", "");
	check_guess(" \n", "");
}

/* Any bytes: no crash, and no range beyond what was said. */
static void garbage(void **state)
{
	static const char alphabet[] = "0123456789xXabf -+*/?#\n\t{}[]:\",.";
	struct list_disk disk = { .lbs = 4096 };
	char text[400], why[200];
	const char *hint;
	struct list l;
	int round, f;
	size_t i, n;

	(void)state;
	srand(1);
	for (round = 0; round < 20000; round++) {
		n = rand() % (sizeof(text) - 1);
		for (i = 0; i < n; i++)
			text[i] = round % 2 ? 1 + rand() % 255 :
				  alphabet[rand() % (sizeof(alphabet) - 1)];
		text[n] = '\0';
		list_guess(text, &hint);
		for (f = 0; list_format_name(f); f++) {
			if (!list_parse(f, text, 4096, &disk, &l, why,
					sizeof(why))) {
				assert_true(why[0]);
				continue;
			}
			for (i = 0; i < l.bad.nr; i++) {
				assert_true(l.bad.r[i].count);
				assert_true(l.bad.r[i].start +
					    l.bad.r[i].count <=
					    (u64)INT64_MAX);
			}
			list_free(&l);
		}
	}
}

/*--------------------------------------------------------------------
 * Numbers
 *--------------------------------------------------------------------
 */
static void numbers(void **state)
{
	u64 v, n;

	(void)state;
	assert_true(parse_u64("12", &v) && v == 12);
	assert_true(parse_u64("010", &v) && v == 10);
	assert_true(parse_u64("0x10", &v) && v == 16);
	assert_false(parse_u64("", &v) || parse_u64("-1", &v) ||
		     parse_u64("1x", &v) || parse_u64(" 1", &v) ||
		     parse_u64("18446744073709551616", &v));
	assert_true(parse_size("1M", &v) && v == 2048);
	assert_true(parse_size("1MiB", &v) && v == 2048);
	assert_true(parse_size("1KB", &v) && v == 2);
	assert_true(parse_size("3g", &v) && v == 3 << 21);
	assert_true(parse_size("4096", &v) && v == 8);
	assert_true(parse_size("0x1000", &v) && v == 8);
	assert_true(parse_size("0xa00", &v) && v == 5);
	assert_true(parse_size("0xaM", &v) && v == 20480);
	assert_true(parse_size("8s", &v) && v == 8);
	assert_true(parse_size("2T", &v) && v == 1ULL << 32);
	assert_false(parse_size("100", &v) || parse_size("M", &v) ||
		     parse_size("1Q", &v) || parse_size("", &v) ||
		     parse_size("1Mi", &v) || parse_size("1Mx", &v) ||
		     parse_size("1 M", &v) || parse_size("-1M", &v) ||
		     parse_size("1sB", &v) || parse_size("3", &v) ||
		     parse_size("99999999999999T", &v) || parse_size(NULL, &v));
	assert_true(parse_range("5-7", &v, &n) && v == 5 && n == 3);
	assert_true(parse_range("5+7", &v, &n) && v == 5 && n == 7);
	assert_true(parse_range("5", &v, &n) && v == 5 && n == 1);
	assert_false(parse_range("7-5", &v, &n) || parse_range("5+0", &v, &n) ||
		     parse_range("5+", &v, &n) || parse_range("-5", &v, &n));
	assert_string_equal(human_size(2048), "1 MiB");
	assert_string_equal(human_size(3072), "1.5 MiB");
	assert_string_equal(human_size(0), "0 B");
}

/*--------------------------------------------------------------------
 * The kernel's answers
 *--------------------------------------------------------------------
 */
#define LINE "mode=%s breaker=%s remappings=2 known_bad=%d memory_only=0 lost_sectors=%d slots_used=%d slots_total=100 slots_bad=0 slots_free=%d low_water=5 reads_failed=1 superblocks=%d/3 table_copies=%d/2 uuid=abc label=- identity=wwn:0x5"

static enum health health(const char *mode, const char *breaker, int known_bad,
			  int lost, int used, int supers, int copies)
{
	char line[600], why[1200];
	struct kstat k;
	enum health h;

	snprintf(line, sizeof(line), LINE, mode, breaker, known_bad, lost, used,
		 100 - used, supers, copies);
	assert_true(kstat_parse(&k, line));
	assert_int_equal(k.slots_free, 100 - used);
	assert_int_equal(k.superblocks, supers);
	assert_string_equal(k.label, "");
	assert_string_equal(k.identity, "wwn:0x5");
	h = kstat_health(&k, "x", why, sizeof(why));
	assert_int_equal(h == HEALTH_FINE, !why[0]);
	return h;
}

static void status_and_health(void **state)
{
	struct kstat k;

	(void)state;
	assert_int_equal(health("rw", "closed", 0, 0, 2, 3, 2), HEALTH_FINE);
	assert_int_equal(health("rw", "closed", 1, 0, 2, 3, 2), HEALTH_ATTENTION);
	assert_int_equal(health("rw", "closed partial=1", 0, 0, 2, 3, 2), HEALTH_ATTENTION);
	assert_int_equal(health("rw", "closed", 0, 1, 2, 3, 2), HEALTH_CRITICAL);
	assert_int_equal(health("rw", "closed", 0, 0, 95, 3, 2), HEALTH_ATTENTION);
	assert_int_equal(health("rw", "closed", 0, 0, 100, 3, 2), HEALTH_CRITICAL);
	assert_int_equal(health("rw", "closed", 0, 0, 2, 2, 2), HEALTH_ATTENTION);
	assert_int_equal(health("rw", "closed", 0, 0, 2, 1, 2), HEALTH_CRITICAL);
	assert_int_equal(health("rw", "closed", 0, 0, 2, 3, 1), HEALTH_ATTENTION);
	assert_int_equal(health("rw", "closed main_gone=5", 0, 0, 2, 3, 2), HEALTH_CRITICAL);
	assert_int_equal(health("rw", "open", 0, 0, 2, 3, 2), HEALTH_CRITICAL);
	assert_int_equal(health("ro", "closed", 0, 0, 2, 3, 2), HEALTH_CRITICAL);
	assert_int_equal(health("fail", "closed", 0, 0, 2, 3, 2), HEALTH_CRITICAL);
	assert_false(kstat_parse(&k, ""));
	assert_false(kstat_parse(&k, "mode= = =x slots_total"));
}

static void blocks(void **state)
{
	struct kblocks b;

	(void)state;
	assert_true(kblocks_parse(&b,
		"sector=8 sectors=8 state=remapped slot=3 valid=0xf0 lost=0x01\n"
		"sector=16 sectors=4 state=known-bad slot=- valid=0x00 lost=0x00\n"));
	assert_int_equal(b.nr, 2);
	assert_int_equal(b.b[0].valid, 0xf0);
	assert_int_equal(b.b[0].lost, 1);
	assert_int_equal(b.b[0].slot, 3);
	assert_false(b.b[0].known_bad);
	assert_true(b.b[1].known_bad);
	assert_int_equal(b.b[1].slot, U32_MAX);
	/* What is neither on the spare nor lost is known bad. */
	assert_int_equal(kblock_rest(&b.b[0]), 0x0e);
	assert_int_equal(kblock_unsafe(&b.b[0]), 0x0f);
	assert_int_equal(kblock_rest(&b.b[1]), 0x0f);
	assert_int_equal(b.b[1].sectors, 4);
	free(b.b);
	assert_false(kblocks_parse(&b, "rubbish\n"));
	free(b.b);
	assert_true(kblocks_parse(&b, ""));
	assert_int_equal(b.nr, 0);
}

/* A page of a long list takes time in proportion to its length. */
static void long_lists(void **state)
{
	const size_t nr = 200000, room = nr * 80;
	char *text = malloc(room), *p = text;
	clock_t begun = clock();
	struct kblocks b;
	size_t i;

	(void)state;
	for (i = 0; i < nr; i++)
		p += sprintf(p, "sector=%zu sectors=8 state=remapped slot=%zu valid=0xff lost=0x00\n",
			     8 * i, i);
	assert_true(kblocks_parse(&b, text));
	assert_int_equal(b.nr, nr);
	free(b.b);
	for (i = 0, p = text; i < nr; i++)
		p += sprintf(p, "%zu 8\n", 8 * i);
	check_guess(text, "md");
	/* Of CPU time, with room for sanitizers. */
	assert_true(clock() - begun < 20 * CLOCKS_PER_SEC);
	free(text);
}

static void cells(void **state)
{
	struct kblock list[] = {
		{ .sector = 0, .sectors = 8, .known_bad = true },
		{ .sector = 8000, .sectors = 8, .valid = 0xff },
		{ .sector = 8008, .sectors = 8, .valid = 0xfe, .lost = 1 },
		{ .sector = 40000, .sectors = 8, .valid = 0xf0 },
		{ .sector = 80000 - 8, .sectors = 8, .valid = 0xff },
	};
	struct kblocks b = { list, ARRAY_SIZE(list) };
	struct grid g;

	(void)state;
	/* 10 000 blocks in 100 cells. */
	assert_true(grid_make(&g, &b, 80000, 10, 10));
	assert_int_equal(g.cell_blocks, 100);
	assert_int_equal(grid_shade(&g, 0, 0), BAD_2);
	assert_int_equal(grid_shade(&g, 1, 0), LOST);
	assert_int_equal(grid_shade(&g, 9, 9), REMAPPED_2);
	assert_int_equal(grid_shade(&g, 5, 5), HEALTHY);
	/* The rest of a block that is remapped in part is known bad. */
	assert_int_equal(grid_shade(&g, 5, 0), BAD_2);
	grid_free(&g);
	/* Fewer blocks than cells. */
	assert_true(grid_make(&g, &b, 20, 10, 10));
	assert_int_equal(grid_shade(&g, 0, 0), BAD_4);
	assert_int_equal(grid_shade(&g, 0, 2), HEALTHY);
	assert_int_equal(grid_shade(&g, 0, 3), BEYOND);
	grid_free(&g);
}

/* 0.1 %, 1 %, 10 % and all of a cell are four shades. */
static void density(void **state)
{
	static const struct { u64 n; enum shade want; } cells[] = {
		{ 1, BAD_1 }, { 10, BAD_1 }, { 11, BAD_2 }, { 100, BAD_2 },
		{ 101, BAD_3 }, { 1000, BAD_3 }, { 1001, BAD_4 },
		{ 10000, BAD_4 },
	};
	static struct kblock list[10000];
	struct grid g;
	size_t i, j;

	(void)state;
	for (j = 0; j < ARRAY_SIZE(list); j++)
		list[j] = (struct kblock){ .sector = 8 * j, .sectors = 8,
					   .known_bad = true };
	for (i = 0; i < ARRAY_SIZE(cells); i++) {
		struct kblocks b = { list, cells[i].n };

		assert_true(grid_make(&g, &b, 80000, 1, 1));
		assert_int_equal(grid_shade(&g, 0, 0), cells[i].want);
		grid_free(&g);
	}
}

/*--------------------------------------------------------------------
 * Layers
 *--------------------------------------------------------------------
 */
static char pieces[600];

static void note_piece(void *arg, const struct leg *leg, u64 sector, u64 count,
		       u64 offset)
{
	(void)arg;
	sprintf(pieces + strlen(pieces), "%u:%llu+%llu@%llu ", minor(leg->dev),
		(unsigned long long)sector, (unsigned long long)count,
		(unsigned long long)offset);
}

static void check_pieces(const char *type, const char *params, u64 sector,
			 u64 count, const char *want)
{
	struct spread_map m;

	assert_true(target_map(&m, type, params));
	pieces[0] = '\0';
	spread_pieces(&m, sector, count, note_piece, NULL);
	assert_string_equal(pieces, want);
}

static void targets(void **state)
{
	struct spread_map m = {
		.spread = SPREAD_CHAIN, .nr = 2,
		.leg = { { makedev(8, 1), 100, 50 }, { makedev(8, 2), 0, 50 } },
	};

	(void)state;
	check_pieces("linear", "8:1 2048", 10, 5, "1:2058+5@0 ");
	check_pieces("crypt", "aes-xts-plain64 :32:logon:x 0 8:2 4096 1 allow_discards",
		     0, 8, "2:4096+8@0 ");
	check_pieces("delay", "8:1 8 5 8:2 8 0", 0, 8, "1:8+8@0 ");
	check_pieces("mirror", "core 2 1024 nosync 2 8:1 10 8:2 20 1 handle_errors",
		     1, 2, "1:11+2@0 2:21+2@0 ");
	check_pieces("raid", "raid1 3 0 region_size 1024 2 8:3 8:4 - -", 7, 1,
		     "4:7+1@0 ");
	/* Three stripes of 16 sectors: chunk 3 is the second one of the first. */
	check_pieces("striped", "3 16 8:1 100 8:2 200 8:3 300", 40, 20,
		     "3:308+8@0 1:116+12@8 ");
	check_pieces("striped", "2 8 8:1 0 8:2 0", 0, 24,
		     "1:0+8@0 2:0+8@8 1:8+8@16 ");
	pieces[0] = '\0';
	spread_pieces(&m, 40, 20, note_piece, NULL);
	assert_string_equal(pieces, "1:140+10@0 2:0+10@10 ");

	assert_false(target_map(&m, "thin", "8:1 1"));
	assert_false(target_map(&m, "striped", "2 0 8:1 0 8:2 0"));
	assert_false(target_map(&m, "striped", "2 8 8:1 0"));
	assert_false(target_map(&m, "striped", "18446744073709551615 8 8:1 0"));
	assert_false(target_map(&m, "linear", "/dev/sda 0"));
	assert_false(target_map(&m, "linear", ""));
	assert_false(target_map(&m, "mirror", "core 99999999999 1 2 8:1 0"));
	assert_false(target_map(&m, "raid", "raid5_ls 1 128 3 - 8:1 - 8:2 - 8:3"));
	assert_false(target_map(&m, "raid", "raid1 2 data_offset 8 1 - 8:1"));
}

static const char *reason_of(const char *dev, const char *const *log)
{
	static struct reason r;
	char record[500];

	memset(&r, 0, sizeof(r));
	strcpy(r.dev, dev);
	for (; *log; log++) {
		strcpy(record, *log);
		reason_take(&r, record);
	}
	return r.text;
}

/* The line that says why, in what order and among what others it may come. */
static void log_lines(void **state)
{
#define WHY	"3,901,5,-;device-mapper: remap: 254:0: loop1: it has 122880 sectors, recorded are 131072\n"
#define TABLE	"3,902,6,-;device-mapper: table: 254:0: dm-remap: the spare cannot be used, see the line before (-EINVAL)\n SUBSYSTEM=x\n"
#define IOCTL	"3,903,7,-;device-mapper: ioctl: error adding target to table\n"
#define INFO	"6,900,4,-;device-mapper: remap: 254:0: (loop0): superblock 2 was repaired\n"
#define OTHER	"3,899,4,-;device-mapper: remap: 254:1: (loop7): the spare is full\n"
#define NOISE	"2,904,8,-;EXT4-fs error (device dm-9): dm-remap: 254:0: not us\n"
	static const char why[] = "loop1: it has 122880 sectors, recorded are 131072";

	(void)state;
#define REASON(dev, ...) \
	reason_of(dev, (const char *const []){ __VA_ARGS__, NULL })
	assert_string_equal(REASON("", WHY, TABLE, IOCTL), why);
	assert_string_equal(REASON("", INFO, WHY, INFO, TABLE, NOISE), why);
	assert_string_equal(REASON("254:0", INFO, WHY, OTHER, TABLE), why);
	/* Of a device that does not exist any more, too. */
	assert_string_equal(REASON("", WHY, TABLE, OTHER), why);
	assert_string_equal(REASON("", OTHER, TABLE), "the spare cannot be used, see the line before (-EINVAL)");
	assert_string_equal(REASON("", TABLE, IOCTL), "the spare cannot be used, see the line before (-EINVAL)");
	/* Two of one gravity: what came of it. */
	assert_string_equal(REASON("254:0", WHY, "3,9,9,-;device-mapper: remap: 254:0: that is the end"),
			    "that is the end");
	/* Without a device's number. */
	assert_string_equal(REASON("254:0", "3,9,9,-;device-mapper: remap: grow wants <length in sectors>"),
			    "grow wants <length in sectors>");
	assert_string_equal(REASON("254:0", NOISE, IOCTL, OTHER, "nonsense", ""), "");
#undef REASON
#undef WHY
#undef TABLE
#undef IOCTL
#undef INFO
#undef OTHER
#undef NOISE
}

/* As printf(), but what others gave is made harmless, and only that. */
static void texts(void **state)
{
	char ours[200], theirs[200];

	(void)state;
#define SAME(...) do { \
	assert_int_equal(text_into(ours, sizeof(ours), __VA_ARGS__), \
			 snprintf(theirs, sizeof(theirs), __VA_ARGS__)); \
	assert_string_equal(ours, theirs); \
} while (0)
	SAME("%s\n\t%d %u %5u|%-5u|%05u %x %c%%", "a b", -3, 7U, 8U, 9U, 10U, 0xabcU, 'x');
	SAME("%llu %lld %14llu %ld %zu 0x%llx", 1ULL << 63, -5LL, 42ULL, -7L, (size_t)9, 255ULL);
	SAME("%.1f %.3g %5.1f %.0f", 1.25, 1e-9, 2.0, 3.5);
	SAME("[%10s][%-10s][%.3s][%10.2s][%.*s]", "abc", "abc", "abcdef", "xyz", 2, "qrst");
	SAME("%s", "");
#undef SAME
	text_into(ours, sizeof(ours), "%s\n%.4s|%-8s|", "a\nb\033[m\177\\", "\a\a\a\a\a", "\r");
	assert_string_equal(ours, "a\\012b\\033[m\\177\\\n\\007\\007\\007\\007|\\015    |");
	assert_string_equal(plain("a\\b\nc"), "a\\\\b\\012c");
	assert_string_equal(shell_word("vg-lv_1.x"), "vg-lv_1.x");
	assert_string_equal(shell_word("my disk"), "'my disk'");
	assert_string_equal(shell_word("it's $x"), "'it'\\''s $x'");
	assert_string_equal(shell_word(""), "''");
	/* Cut, but the length of all of it. */
	assert_int_equal(text_into(ours, 4, "%s", "\n\n"), 8);
	assert_string_equal(ours, "\\01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_without_memory),
		cmocka_unit_test(badblocks_lists),
		cmocka_unit_test(sector_lists),
		cmocka_unit_test(ddrescue_maps),
		cmocka_unit_test(smartctl_output),
		cmocka_unit_test(guesses),
		cmocka_unit_test(garbage),
		cmocka_unit_test(numbers),
		cmocka_unit_test(status_and_health),
		cmocka_unit_test(blocks),
		cmocka_unit_test(long_lists),
		cmocka_unit_test(cells),
		cmocka_unit_test(density),
		cmocka_unit_test(targets),
		cmocka_unit_test(log_lines),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
