// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: many runs, and what to do about one that fails.
 *
 * sim [-s SEED] [-n SCHEDULES] [-t SECONDS] [-j JOBS]	random runs
 * sim -v -s SEED -n 1					tell all about one
 * sim -r FILE...					replay choices
 * sim -x [-f] FILE...					exhaustive mode; -f: fast
 *
 * Each run happens in a child process, so that whatever goes wrong in it is
 * seen and counted. A run that fails is made short and kept in the file named
 * at the end, which -x replays.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim.h"
#include "exhaust.h"

#define MAX_SHARED	(1U << 20)
#define MAX_JOBS	16
#define HANG_SECONDS	60

struct worker {
	u64 seed;		/* in work, or done when >= end */
	u64 done;
	u64 crashes, reloads, absorbed, rescued, replaced, reads, errors;
	u64 refused, other_sectors, stale_both, stale_more;
	pid_t pid;
};

static struct shared {
	struct worker worker[MAX_JOBS];
	u32 nr;
	char why[1000];
	char notes[200];
	u32 list[MAX_SHARED];
} *S;

static bool quiet;
static u32 max_failures = 10;

void violation(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(S->why, sizeof(S->why), fmt, args);
	va_end(args);
	if (tracing || !quiet)
		printf("%sVIOLATION: %s\n", trace_prefix, S->why);
	fflush(stdout);
	exhaust_note(S->notes);
	S->nr = min_t(u32, nr_choices, MAX_SHARED);
	memcpy(S->list, choices, S->nr * sizeof(u32));
	_exit(3);
}

void *shared_notes(void)
{
	return S->notes;
}

u32 shared_list(u32 **list)
{
	*list = S->list;
	return S->nr;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void one_run(void)
{
	world_init();
	run_random();
}

static void work(struct worker *w, u64 step, u64 end, double until)
{
	for (; w->seed < end; w->seed += step) {
		if ((w->done & 15) == 0 && until > 0 && seconds() > until)
			break;
		alarm(HANG_SECONDS);
		choices_from_seed(w->seed);
		one_run();
		w->done++;
		w->crashes += W.crashes;
		w->reloads += W.reloads;
		w->absorbed += W.absorbed;
		w->rescued += W.rescued;
		w->replaced += W.replaced;
		w->reads += W.reads_ok;
		w->errors += W.errors;
		w->refused += W.refused;
		w->other_sectors += W.other_sectors;
		w->stale_both += W.stale_both;
		w->stale_more += W.stale_more;
	}
	w->seed = end;
	alarm(0);
}

static pid_t start_worker(struct worker *w, u64 step, u64 end, double until)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		work(w, step, end, until);
		exit(0);
	}
	w->pid = pid;
	return pid;
}

/* Do these choices fail? In a child. */
static bool fails(const u32 *list, u32 nr)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(null, 2);
		quiet = true;
		alarm(HANG_SECONDS);
		choices_from_list(list, nr);
		one_run();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status != 0;
}

static u32 shrink(u32 *list, u32 nr)
{
	u32 *try = malloc(MAX_SHARED * sizeof(*try));
	double until = seconds() + 60;
	u32 chunk, at, n;
	bool better = true;

	while (better && seconds() < until) {
		better = false;
		for (chunk = nr / 2; chunk; chunk /= 2) {
			for (at = 0; at + chunk <= nr && seconds() < until;) {
				memcpy(try, list, at * sizeof(*try));
				memcpy(try + at, list + at + chunk,
				       (nr - at - chunk) * sizeof(*try));
				if (fails(try, nr - chunk)) {
					nr -= chunk;
					memcpy(list, try, nr * sizeof(*try));
					better = true;
				} else {
					at += chunk;
				}
			}
		}
		for (at = 0; at < nr && seconds() < until; at++) {
			n = list[at];
			while (list[at]) {
				u32 old = list[at];

				list[at] = n == old ? 0 : old / 2;
				if (fails(list, nr)) {
					better = true;
					continue;
				}
				list[at] = old;
				if (n != old || old == 1)
					break;
				n = old + 1;
				list[at] = old / 2;
				if (fails(list, nr))
					continue;
				list[at] = old;
				break;
			}
		}
		while (nr && !list[nr - 1])
			nr--;
	}
	free(try);
	return nr;
}

/* The choices, and in comments what comes of them. */
static void save(const char *path, const u32 *list, u32 nr, u64 seed)
{
	FILE *f = fopen(path, "w");
	pid_t pid;
	u32 i;

	if (!f)
		return;
	fprintf(f, "# Seed %llu, made short. What happened:\n",
		(unsigned long long)seed);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(fileno(f), 1);
		tracing = true;
		trace_prefix = "#";
		alarm(HANG_SECONDS);
		choices_from_list(list, nr);
		one_run();
		exit(0);
	}
	waitpid(pid, NULL, 0);
	fseek(f, 0, SEEK_END);
	for (i = 0; i < nr; i++)
		fprintf(f, "%u%c", list[i], i % 20 == 19 ? '\n' : ' ');
	fprintf(f, "\n");
	fclose(f);
}

u32 read_list(const char *path, u32 *list)
{
	FILE *f = fopen(path, "r");
	u32 n = 0;
	int c;

	if (!f) {
		perror(path);
		exit(2);
	}
	while ((c = fgetc(f)) == '#')
		while ((c = fgetc(f)) != '\n' && c != EOF)
			;
	ungetc(c, f);
	while (n < MAX_SHARED && fscanf(f, "%u", &list[n]) == 1)
		n++;
	fclose(f);
	return n;
}

static void show(const u32 *list, u32 nr)
{
	pid_t pid;

	printf("---- what happens in it ----\n");
	fflush(NULL);
	pid = fork();
	if (!pid) {
		tracing = true;
		alarm(HANG_SECONDS);
		choices_from_list(list, nr);
		one_run();
		exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void explain(u64 seed, int status)
{
	u32 *list = malloc(MAX_SHARED * sizeof(*list));
	char path[100];
	u32 nr;

	printf("seed %llu fails: %s\n", (unsigned long long)seed,
	       WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : S->why);
	if (WIFSIGNALED(status) || WEXITSTATUS(status) != 3)
		return;
	nr = S->nr;
	memcpy(list, S->list, nr * sizeof(*list));
	if (!fails(list, nr)) {
		printf("it does not fail again from its list of choices\n");
		return;
	}
	printf("making it short: %u choices", nr);
	fflush(stdout);
	nr = shrink(list, nr);
	fails(list, nr);
	printf(" -> %u\n", nr);
	snprintf(path, sizeof(path), "build/sim/seed-%llu.txt",
		 (unsigned long long)seed);
	save(path, list, nr, seed);
	show(list, nr);
	printf("written to %s; replay it with build/sim/sim -v -x %s, keep it in tests/sim/cases\n",
	       path, path);
	free(list);
}

static int random_runs(u64 seed, u64 n, double limit, u32 jobs, bool no_shrink)
{
	double start = seconds(), until = limit > 0 ? start + limit : 0;
	struct worker sum = { 0 };
	u32 i, failed = 0, alive = 0;
	int status;
	pid_t pid;

	for (i = 0; i < jobs; i++) {
		S->worker[i].seed = seed + i;
		alive += start_worker(&S->worker[i], jobs, seed + n, until) > 0;
	}
	while (alive && (pid = wait(&status)) > 0) {
		struct worker *w = S->worker;

		while (w->pid != pid)
			w++;
		alive--;
		if (!status)
			continue;
		failed++;
		if (failed == 1 && !no_shrink)
			explain(w->seed, status);
		else
			printf("seed %llu fails: %s\n",
			       (unsigned long long)w->seed,
			       WIFSIGNALED(status) ?
			       strsignal(WTERMSIG(status)) : S->why);
		w->seed += jobs;
		if (failed < max_failures)
			alive += start_worker(w, jobs, seed + n, until) > 0;
	}
	for (i = 0; i < jobs; i++) {
		sum.done += S->worker[i].done;
		sum.crashes += S->worker[i].crashes;
		sum.reloads += S->worker[i].reloads;
		sum.absorbed += S->worker[i].absorbed;
		sum.rescued += S->worker[i].rescued;
		sum.replaced += S->worker[i].replaced;
		sum.reads += S->worker[i].reads;
		sum.errors += S->worker[i].errors;
		sum.refused += S->worker[i].refused;
		sum.other_sectors += S->worker[i].other_sectors;
		sum.stale_both += S->worker[i].stale_both;
		sum.stale_more += S->worker[i].stale_more;
	}
	printf("sim: %llu schedules in %.1f s, %.0f/s: %llu power cuts, %llu reloads, %llu blocks absorbed, %llu rescued, %llu slots replaced, %llu reads compared, %llu errors passed on, %llu spares refused\n",
	       (unsigned long long)sum.done, seconds() - start,
	       sum.done / (seconds() - start), (unsigned long long)sum.crashes,
	       (unsigned long long)sum.reloads,
	       (unsigned long long)sum.absorbed,
	       (unsigned long long)sum.rescued,
	       (unsigned long long)sum.replaced,
	       (unsigned long long)sum.reads, (unsigned long long)sum.errors,
	       (unsigned long long)sum.refused);
	printf("sim: %llu activations with other sectors than before; %llu with several stale table blocks in each copy, %llu of them with more than the one before\n",
	       (unsigned long long)sum.other_sectors,
	       (unsigned long long)sum.stale_both,
	       (unsigned long long)sum.stale_more);
	printf("sim: %llu lives, %u violations\n", (unsigned long long)sum.done,
	       failed);
	return failed ? 1 : 0;
}

static int replay(char **files)
{
	u32 *list = malloc(MAX_SHARED * sizeof(*list));
	u32 nr, passed = 0, failed = 0;

	for (; *files; files++) {
		nr = read_list(*files, list);
		if (tracing)
			show(list, nr);
		S->why[0] = '\0';
		if (fails(list, nr)) {
			printf("%s fails: %s\n", *files, S->why);
			failed++;
		} else {
			passed++;
		}
	}
	printf("sim cases: %u passed, %u failed\n", passed, failed);
	free(list);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	u64 seed = 1, n = 1000;
	double limit = 0;
	u32 jobs = 1;
	bool cases = false, scenarios = false, no_shrink = false;
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	S = mmap(NULL, sizeof(*S), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	while ((c = getopt(argc, argv, "s:n:t:j:vrqxf1")) != -1) {
		switch (c) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			n = strtoull(optarg, NULL, 0);
			break;
		case 't':
			limit = atof(optarg);
			break;
		case 'j':
			jobs = min(max(atoi(optarg), 1), MAX_JOBS);
			break;
		case 'v':
			tracing = true;
			break;
		case 'f':
			exhaust_fast = true;
			break;
		case '1':
			max_failures = 1;
			exhaust_stop = true;
			no_shrink = true;
			break;
		case 'q':
			no_shrink = true;
			break;
		case 'r':
			cases = true;
			break;
		case 'x':
			scenarios = true;
			break;
		default:
			return 2;
		}
	}
	if (scenarios)
		return exhaust_main(argc - optind, argv + optind);
	if (cases)
		return replay(argv + optind);
	quiet = !tracing;
	return random_runs(seed, n, limit, jobs, no_shrink || tracing);
}
