// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: exhaustive mode.
 *
 * A scenario is a short script. It is run once as it stands; then once for each
 * of its I/Os, with a crash at that I/O, and that for each pattern of what may
 * be left of the sectors that were in flight or in a cache. Where there are too
 * many patterns, the extremes and a random choice of them are taken. Then with
 * a second crash at each I/O of the recovery. "recovery_ro" lets the device be opened
 * read-only then; lines with "after" follow when it has been read. From "hold" to
 * "engine", no batch begins.
 */
#include <sys/wait.h>
#include <unistd.h>
#include "sim.h"
#include "device.h"
#include "exhaust.h"

#define MAX_LINES	200

/* Patterns for one crash; when there are more, so many are sampled. */
static u32 max_patterns = 600;
static u32 samples = 150;
bool exhaust_fast, exhaust_stop;
#define ULLA(x)		((unsigned long long)(x))

static char line[MAX_LINES][100];
static u32 nr_lines;
static u64 runs, cuts, sampled;

struct cut {
	u64 fail;		/* this I/O fails; 0: none does */
	bool for_good;		/* and what is there is bad from then on */
	bool takes;		/* but what it writes gets there */
	enum loss loses;	/* if it is a flush */
	u64 at;			/* crash at this I/O; 0: after the last one */
	u64 again;		/* and at this I/O of the recovery; 0: never */
	u32 from[2], to[2];	/* the choices that were made about what is left */
	u64 recovery_ios;
	bool happened;
};

static struct cut C;

/*--------------------------------------------------------------------
 * Scripts
 *--------------------------------------------------------------------
 */

static void read_script(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		exit(2);
	}
	nr_lines = 0;
	while (nr_lines < MAX_LINES && fgets(line[nr_lines], 100, f)) {
		line[nr_lines][strcspn(line[nr_lines], "#\n")] = '\0';
		if (line[nr_lines][strspn(line[nr_lines], " \t")])
			nr_lines++;
	}
	fclose(f);
}

/* A run that the random mode has made short: choices instead of a script. */
static bool is_choices(const char *path)
{
	FILE *f = fopen(path, "r");
	char text[1000] = "";
	bool yes;

	while (f && fgets(text, sizeof(text), f) && text[0] == '#')
		;
	yes = isdigit((unsigned char)text[0]);
	if (f)
		fclose(f);
	return yes;
}

static void bad_line(const char *text)
{
	printf("what is \"%s\"?\n", text);
	exit(2);
}

static u8 op_of(const char *word)
{
	return !strcmp(word, "read") ? REQ_OP_READ :
	       !strcmp(word, "write") ? REQ_OP_WRITE :
	       !strcmp(word, "zeroes") ? REQ_OP_WRITE_ZEROES :
	       !strcmp(word, "discard") ? REQ_OP_DISCARD :
	       !strcmp(word, "flush") ? REQ_OP_FLUSH : 255;
}

static void spoil(const char *where, const char *how, u64 at, u32 n, bool good)
{
	struct disk *d = &W.disk[DMR_SPARE];
	u64 sector = at;
	u8 bad = 0;

	if (!strcmp(where, "main"))
		d = &W.disk[DMR_MAIN];
	else if (!strcmp(where, "slot"))
		sector = dmr_store_slot_sector(&W.engine.store, at);
	else if (!strncmp(where, "table", 5))
		sector = dmr_layout_table(&W.engine.store.sb.layout,
					  where[5] == 'B', at) * 8;
	else if (!strcmp(where, "super"))
		sector = dmr_layout_super(&W.engine.store.sb.layout, at) * 8;
	if (strchr(how, 'w'))
		bad |= BAD_WRITE;
	if (strchr(how, 'r'))
		bad |= BAD_READ;
	if (strchr(how, '1'))
		bad <<= 2;
	if (strchr(how, 'l'))
		bad |= BAD_LIE;
	trace("%s %s %llu+%u %s", good ? "good" : "bad", where, ULLA(at), n,
	      how);
	for (; n--; sector++) {
		if (good)
			d->bad[sector] &= ~bad;
		else
			d->bad[sector] |= bad;
		if (d == &W.disk[DMR_SPARE])
			W.any_spare_fault = true;
		if (!strncmp(where, "table", 5) || !strcmp(where, "super"))
			W.any_meta_fault = W.script_meta_fault = true;
		else
			W.main_fault[sector / 8] = 1;
	}
}

static struct {
	char word[20];
	u64 a, b;
} order;

static void obey(void)
{
	const char *word = order.word;
	u64 a = order.a, b = order.b, done = 0;
	struct dmr_tally t = { 0 };
	int r = 0;

	trace("%s %llu %llu", word, ULLA(a), ULLA(b));
	do {
		u64 n = min_t(u64, b - done, DMR_COPY_BLOCKS);

		memset(W.cause + a, 1, b);
		if (!strcmp(word, "evacuate")) {
			r = dmr_engine_evacuate(&W.engine, a + done, n, &t);
			check_told(r);
		} else if (!strcmp(word, "mark")) {
			r = dmr_engine_mark_bad(&W.engine, a + done, n, &t);
			check_told(r);
		} else if (!strcmp(word, "release")) {
			r = dmr_engine_release(&W.engine, a + done, n, DMR_ANY,
					       &t);
		} else if (!strcmp(word, "forget")) {
			r = dmr_engine_release(&W.engine, a + done, n,
					       DMR_KNOWN_BAD, &t);
		} else if (!strcmp(word, "retest")) {
			r = dmr_engine_release(&W.engine, a + done, n,
					       DMR_UNPROVEN, &t);
		} else if (!strcmp(word, "grow")) {
			dmr_env_lock(NULL);
			r = dmr_engine_grow(&W.engine, a);
			dmr_env_unlock(NULL);
		} else {
			bad_line(word);
		}
		done += n;
	} while (!r && done < b);
	trace("%s: %d, done %llu skipped %llu failed %llu", word, r,
	      ULLA(t.done), ULLA(t.skipped), ULLA(t.failed));
	check_mode();
}

static void script_admin(const char *word, u64 a, u64 b)
{
	if (world_admin_busy())
		world_finish();
	strscpy(order.word, word, sizeof(order.word));
	order.a = a;
	order.b = b;
	world_admin(obey);
	while (world_admin_busy())
		if (!world_work() && !world_event())
			world_finish();
}

/* "expect bad 1": the numbers at this place, when all goes as the script says. */
static void expect(const char *text)
{
	const struct dmr_store *store = &W.engine.store;
	unsigned long long n, is = 0;
	char what[20];

	if (sscanf(text, "%*s %19s %llu", what, &n) != 2)
		bad_line(text);
	if (C.fail)
		return;
	if (!strcmp(what, "live"))
		is = store->nr_live;
	else if (!strcmp(what, "bad"))
		is = store->nr_bad;
	else if (!strcmp(what, "known_bad"))
		is = store->nr_known_bad;
	else if (!strcmp(what, "lost"))
		is = store->nr_lost;
	else if (!strcmp(what, "unproven"))
		is = store->nr_unproven;
	else if (!strcmp(what, "mode"))
		is = W.engine.mode;
	else if (!strcmp(what, "refused"))
		is = 0;		/* or the script would have ended */
	else
		bad_line(text);
	if (is != n)
		violation("%s: it is %llu", text, is);
}

/* What no crash and no error leaves: two entries of one age for a block. */
static void twin(u32 slot)
{
	struct dmr_store *store = &W.engine.store;

	W.any_meta_fault = W.script_meta_fault = true;
	if (W.engine.mode != DMR_MODE_RW)
		return;
	dmr_store_stage(store, dmr_store_alloc(store),
			dmr_store_word(store, slot));
	if (dmr_store_commit(store))
		dmr_store_forget_staged(store);
}

/* The devices are there again, with sectors of so many bytes. */
static void other_sectors(u32 main, u32 spare, bool serves)
{
	u64 before = W.refused;

	sectors_set(main / 512, spare / 512);
	reload();
	if (!C.fail && W.loaded && (W.refused == before) != serves)
		violation("main with sectors of %u bytes, the spare with %u: it should %sbe served",
			  main, spare, serves ? "" : "not ");
}

static void dies(struct disk *d)
{
	d->dead = true;
	W.any_main_odd = true;
	if (d == &W.disk[DMR_SPARE])
		W.any_spare_fault = W.any_meta_fault = W.script_meta_fault = true;
	trace("%s dies", d->name);
}

static char when_line[NR_WHEN][10][100], after[10][100];
static u32 nr_when[NR_WHEN], nr_after;
static bool wanted[NR_WHEN];
static bool recovery_ro;
static bool in_hook;	/* somebody has paused for the script */

static void run_line(const char *text);

static void keep_line(char lines[][100], u32 *nr, const char *text)
{
	if (*nr == ARRAY_SIZE(after))
		bad_line(text);
	strscpy(lines[(*nr)++], text, sizeof(after[0]));
}

bool script_wants(enum script_when when)
{
	wanted[when] = nr_when[when];
	return wanted[when];
}

void script_run(void)
{
	char lines[10][100];
	u32 w, i, n;

	for (w = 0; w < NR_WHEN; w++) {
		if (!wanted[w])
			continue;
		wanted[w] = false;
		n = nr_when[w];
		nr_when[w] = 0;
		memcpy(lines, when_line[w], sizeof(lines));
		in_hook = true;
		for (i = 0; i < n && W.loaded; i++)
			run_line(lines[i]);
		in_hook = false;
	}
}

static int when_of(const char *word)
{
	static const char * const name[NR_WHEN] = {
		"drained", "counted", "retrying", "retried",
	};
	int w;

	for (w = 0; w < NR_WHEN; w++)
		if (!strcmp(word, name[w]))
			return w;
	return -1;
}

static void run_line(const char *text)
{
	char word[20] = "", what[20] = "", how[20] = "";
	unsigned long long a = 0, b = 0;
	const char *rest = text;
	bool start = false;
	u64 id;

	sscanf(text, "%19s", word);
	if (!strcmp(word, "start")) {
		start = true;
		rest = strstr(text, "start") + 5;
		sscanf(rest, "%19s", word);
	}
	if (op_of(word) != 255) {
		sscanf(rest, "%*s %llu %llu %19s", &a, &b, how);
		id = world_start(op_of(word), a, b, !strcmp(how, "fua"),
				 false)->id;
		if (!start && in_hook)
			world_settle_one(id);
		else if (!start)
			world_settle();
	} else if (!strcmp(word, "settle")) {
		world_settle();
	} else if (!strcmp(word, "map")) {
		world_event();
	} else if (!strcmp(word, "hold")) {
		W.hold_batch = true;
	} else if (!strcmp(word, "engine")) {
		W.hold_batch = false;
		while (world_work())
			;
	} else if (!strcmp(word, "slow")) {
		W.all_slow = true;
	} else if (!strcmp(word, "quick")) {
		W.all_slow = false;
	} else if (!strcmp(word, "budget")) {
		W.engine.tuning.budget_ms = atoi(strstr(text, word) + 6);
	} else if (!strcmp(word, "verify")) {
		verify_all(false);
	} else if (!strcmp(word, "reload")) {
		reload();
	} else if (!strcmp(word, "expect")) {
		expect(text);
	} else if (when_of(word) >= 0) {
		keep_line(when_line[when_of(word)], &nr_when[when_of(word)],
			  strstr(text, word) + strlen(word));
	} else if (!strcmp(word, "after")) {
		keep_line(after, &nr_after, strstr(text, word) + 5);
	} else if (!strcmp(word, "recovery_ro")) {
		recovery_ro = true;
	} else if (!strcmp(word, "reload_ro")) {
		W.tuning.read_only = true;
		reload();
		W.tuning.read_only = false;
	} else if (!strcmp(word, "takes")) {
		W.takes = true;
	} else if (!strcmp(word, "takes_not")) {
		W.takes = false;
	} else if (!strcmp(word, "no_fua")) {
		sscanf(text, "%*s %19s", what);
		W.disk[!strcmp(what, "spare")].fua = false;
	} else if (!strcmp(word, "flush_fails")) {
		sscanf(text, "%*s %19s %19s", what, how);
		W.flush_fails[!strcmp(what, "spare")] = true;
		W.loses = *how ? LOSE_LATER : LOSE_NOW;
	} else if (!strcmp(word, "merge")) {
		W.profile.merge = MERGE_CALLERS;
	} else if (!strcmp(word, "merge_below")) {
		W.profile.merge = MERGE_BELOW;
	} else if (!strcmp(word, "sectors") || !strcmp(word, "refused_sectors")) {
		sscanf(text, "%*s %llu %llu", &a, &b);
		other_sectors(a, b, word[0] == 's');
	} else if (!strcmp(word, "dies")) {
		sscanf(text, "%*s %19s", what);
		dies(&W.disk[!strcmp(what, "spare")]);
	} else if (!strcmp(word, "format")) {
		;			/* see run_script() */
	} else if (!strcmp(word, "no_memory")) {
		W.script_no_memory = true;
	} else if (!strcmp(word, "memory")) {
		W.script_no_memory = false;
	} else if (!strcmp(word, "device")) {
		W.area.avail_blocks = atoi(strstr(text, word) + 6);
	} else if (!strcmp(word, "twin")) {
		twin(atoi(strstr(text, word) + 4));
	} else if (!strcmp(word, "concurrent")) {
		W.profile.concurrent = true;
	} else if (!strcmp(word, "bad") || !strcmp(word, "good")) {
		if (sscanf(text, "%*s %19s %19s %llu %llu", what, how, &a,
			   &b) != 4)
			bad_line(text);
		spoil(what, how, a, b, word[0] == 'g');
	} else {
		if (sscanf(text, "%*s %llu %llu", &a, &b) < 1)
			bad_line(text);
		script_admin(word, a, b);
	}
}

/*--------------------------------------------------------------------
 * One run
 *--------------------------------------------------------------------
 */

static void cut_power(unsigned int n)
{
	memset(nr_when, 0, sizeof(nr_when));
	memset(wanted, 0, sizeof(wanted));
	in_hook = false;
	/* device_crash() has begun to choose at W.cut_from. */
	C.from[n] = W.cut_from;
	power_off();
	C.to[n] = nr_choices;
}

static void recover(void)
{
	volatile u64 before = W.ios;
	u32 i;

	W.tuning.read_only = recovery_ro;
	if (setjmp(W.crash)) {
		cut_power(1);
	} else if (C.again) {
		W.crash_at = W.ios + C.again;
		load();
		W.crash_at = NEVER;
		C.recovery_ios = W.ios - before;
		device_crash();
	}
	if (setjmp(W.crash))
		violation("a crash where there should be none");
	before = W.ios;
	if (load())
		return;
	if (!C.again)
		C.recovery_ios = W.ios - before;
	W.settled = true;
	verify_all(true);
	W.settled = W.tuning.read_only = false;
	for (i = 0; i < nr_after && W.loaded; i++)
		run_line(after[i]);
	if (!W.loaded)
		return;
	/* And once more, to see that nothing changes any more. */
	reload();
	if (W.loaded)
		verify_all(false);
}

/* Returns the number of I/Os of the script. */
static u64 run_script(const u32 *list, u32 nr)
{
	static const u32 none;
	volatile u64 first, ios = 0;
	volatile u32 i;
	unsigned int a, b;
	char named[10] = "";

	runs++;
	choices_from_list(nr ? list : &none, nr);
	world_init();
	W.every_pattern = true;
	W.tuning.read_retries = 2;
	if (sscanf(line[0], "main %u", &a) != 1 ||
	    sscanf(line[1], "spare %u of %u", &W.spare_blocks, &b) != 2)
		bad_line(line[0]);
	W.main_sectors = a;
	/* Changes of entries can be torn only from the second sector on. */
	W.age = W.spare_blocks > 60 ? 40 : 0;
	W.area.area_blocks = W.spare_blocks;
	W.spare_blocks = b;
	if (sscanf(line[2], " format %u %u %9s", &a, &b, named) >= 2) {
		W.lbs[DMR_MAIN] = a / 512;
		W.lbs[DMR_SPARE] = b / 512;
		W.named = !strcmp(named, "named");
	}
	format_and_load();
	W.area.area_blocks = 0;
	first = W.ios;
	C.happened = false;
	if (setjmp(W.crash)) {
		C.happened = true;
		cut_power(0);
		recover();
		goto out;
	}
	memset(nr_when, 0, sizeof(nr_when));
	memset(wanted, 0, sizeof(wanted));
	nr_after = 0;
	recovery_ro = false;
	W.crash_at = C.at ? W.ios + C.at : NEVER;
	W.fail_at = C.fail ? W.ios + C.fail : 0;
	W.fail_for_good = C.for_good;
	if (C.takes)
		W.takes = true;
	if (C.fail)
		W.loses = C.loses;
	for (i = 2; i < nr_lines && W.loaded; i++)
		run_line(line[i]);
	if (!W.loaded)
		goto out;	/* refused, for a reason: see load() */
	world_finish();
	ios = W.ios - first;
	if (!C.at) {
		verify_all(false);
		W.crash_at = NEVER;
		device_crash();
	}
out:
	world_drop_all();
	if (W.loaded) {
		W.loaded = false;
		world_engine_exit();
	}
	sim_free_all();
	return ios;
}

/*--------------------------------------------------------------------
 * All of them
 *--------------------------------------------------------------------
 */

static u32 *list;
static u32 nr_list;

static void first_list(void)
{
	nr_list = 0;
}

/* The next combination of the choices about crash @n, the last one first. */
static bool next_list(unsigned int n)
{
	u32 i = min(C.to[n], MAX_LIST);

	while (i-- > C.from[n]) {
		if (choices[i] + 1 < choice_max[i]) {
			memcpy(list, choices, i * sizeof(*list));
			list[i] = choices[i] + 1;
			nr_list = i + 1;
			return true;
		}
	}
	return false;
}

/* 0: nothing is left; 1: the newest of all; 2 and 3: every other one. */
static void extreme_list(unsigned int n, unsigned int how)
{
	u32 i;

	memcpy(list, choices, C.from[n] * sizeof(*list));
	for (i = C.from[n]; i < MAX_LIST; i++)
		list[i] = how == 1 || (how > 1 && (i ^ how) & 1);
	nr_list = MAX_LIST;
}

static void random_list(u64 *rng)
{
	u32 i;

	memcpy(list, choices, C.from[0] * sizeof(*list));
	for (i = C.from[0]; i < MAX_LIST; i++) {
		*rng = *rng * 6364136223846793005ULL + 1442695040888963407ULL;
		list[i] = *rng >> 33;
	}
	nr_list = MAX_LIST;
}

static void all_patterns(u64 *rng)
{
	u32 n = 0, i;

	first_list();
	do {
		run_script(list, nr_list);
	} while (++n < max_patterns && next_list(0));
	cuts++;
	if (n < max_patterns)
		return;
	sampled++;
	for (i = 0; i < samples; i++) {
		random_list(rng);
		run_script(list, nr_list);
	}
}

static void all_recoveries(void)
{
	unsigned int how, how2;
	u64 ios;

	for (how = 0; how < 3; how++) {
		C.again = 0;
		first_list();
		run_script(list, nr_list);
		extreme_list(0, how);
		run_script(list, nr_list);
		ios = C.recovery_ios;
		for (C.again = 1; C.again <= ios; C.again++) {
			for (how2 = 0; how2 < 4; how2++) {
				first_list();
				run_script(list, nr_list);
				extreme_list(0, how);
				run_script(list, nr_list);
				extreme_list(1, how2);
				run_script(list, nr_list);
			}
		}
	}
	C.again = 0;
}

/*
 * Each single I/O fails: once, or for good; nothing of a write gets there, or
 * all. Then the power goes, at the end or soon after.
 */
static void all_errors(u64 ios)
{
	u64 last = exhaust_fast ? 0 : 8, at;
	unsigned int how;

	for (C.fail = 1; C.fail <= ios; C.fail++) {
		alarm(120);
		for (how = 0; how < (W.flush_failed ? 6 : 4); how++) {
			C.for_good = how < 4 && how & 1;
			C.takes = how < 4 && how & 2;
			C.loses = how < 4 ? LOSE_NOTHING :
				  how == 4 ? LOSE_NOW : LOSE_LATER;
			for (at = 0; at <= last; at++) {
				C.at = at ? C.fail + at : 0;
				first_list();
				run_script(list, nr_list);
				extreme_list(0, 1);
				run_script(list, nr_list);
			}
		}
	}
	C.fail = C.at = 0;
	C.for_good = C.takes = false;
	C.loses = LOSE_NOTHING;
}

static void one_scenario(const char *path)
{
	u64 ios, rng = 1;

	read_script(path);
	memset(&C, 0, sizeof(C));
	list = calloc(MAX_LIST, sizeof(*list));
	ios = run_script(NULL, 0);
	all_patterns(&rng);		/* a crash after the last one */
	for (C.at = 1; C.at <= ios; C.at++) {
		alarm(120);
		all_patterns(&rng);
		if (!exhaust_fast)
			all_recoveries();
	}
	C.at = 0;
	all_errors(ios);
	printf("%-45s %4llu I/Os, %7llu runs; more patterns than were tried: %llu of %llu cuts\n",
	       path, ULLA(ios), ULLA(runs), ULLA(sampled), ULLA(cuts));
}

static void run_choices(const char *path)
{
	u32 nr;

	list = calloc(1 << 20, sizeof(*list));
	nr = read_list(path, list);
	alarm(120);
	choices_from_list(list, nr);
	world_init();
	run_random();
	printf("%-40s %6u choices\n", path, nr);
}

/* -v: only tell the story of the script. */
int exhaust_main(int argc, char **argv)
{
	u32 passed = 0, failed = 0;
	int i, status;
	pid_t pid;

	if (exhaust_fast) {
		max_patterns = 20;
		samples = 30;
	}
	for (i = 0; i < argc && (!exhaust_stop || !failed); i++) {
		fflush(NULL);
		pid = fork();
		if (!pid) {
			if (is_choices(argv[i])) {
				run_choices(argv[i]);
			} else if (tracing) {
				read_script(argv[i]);
				run_script(NULL, 0);
			} else {
				one_scenario(argv[i]);
			}
			exit(0);
		}
		waitpid(pid, &status, 0);
		if (!status) {
			passed++;
			continue;
		}
		failed++;
		printf("%s fails\n", argv[i]);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 3 && !tracing &&
		    !exhaust_stop && !is_choices(argv[i])) {
			fflush(NULL);
			pid = fork();
			if (!pid) {
				read_script(argv[i]);
				C = *(struct cut *)shared_notes();
				tracing = true;
				nr_list = shared_list(&list);
				run_script(list, nr_list);
				exit(0);
			}
			waitpid(pid, NULL, 0);
		}
	}
	printf("sim scenarios: %u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}

/* What a violation has to remember beside the choices. */
void exhaust_note(void *notes)
{
	*(struct cut *)notes = C;
}
