// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap advise: how large a spare?
 */
#include "devices/blocks.h"
#include "lists/health.h"
#include "lists/list.h"
#include "offline.h"
#include "pairing/pairing.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define MIB	2048ULL		/* sectors */
#define GIB	(1024 * MIB)

extern char **environ;

struct advice {
	struct device d;
	struct drive_health h, before;
	bool have_before;
	u64 base, trouble, size;	/* sectors */
	/* The pair that the disk is in: its name, or "" */
	char pair[DM_NAME];
	bool open;
	struct kstat k;			/* if it is open */
	double a_day;			/* new bad sectors; < 0: not known */
	const char *rate_from;
};

/* smartctl's exit status has bits for the disk's health: not looked at. */
static struct json_object *ask_smartctl(const char *path)
{
	char *argv[] = { "smartctl", "--json", "-x", "--", (char *)path, NULL };
	struct json_object *o = NULL;
	posix_spawn_file_actions_t fa;
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return NULL;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null",
					 O_WRONLY, 0);
	status = posix_spawnp(&pid, "smartctl", &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	close(fds[1]);
	if (!status) {
		o = json_object_from_fd(fds[0]);
		waitpid(pid, &status, 0);
	} else {
		note("note: smartctl is not installed (package smartmontools); judging by size alone");
	}
	close(fds[0]);
	return o;
}

/* @file: what --smart-json or --since names. */
static int read_report(const char *file, const struct device *d,
		       struct drive_health *h)
{
	struct json_object *o = json_object_from_file(file);
	bool ok = o && health_read(o, h);

	json_object_put(o);
	if (!o)
		return fail(RC_REFUSED, "%s is not readable as JSON; make it with 'smartctl --json -x'",
			    file);
	if (!ok)
		return fail(RC_REFUSED, "%s is JSON, but neither smartctl's nor that of 'nvme smart-log'; make it with 'smartctl --json -x'",
			    file);
	if (h->serial[0] && d->serial[0] &&
	    !list_same_name(h->serial, d->serial))
		note("dmremap: %s is of the drive with the serial number %s; that of %s is %s",
		     file, h->serial, d->path, d->serial);
	return RC_OK;
}

static u64 round_nicely(u64 sectors)
{
	u64 unit = sectors >= 4 * GIB ? GIB : sectors >= 512 * MIB ?
		   64 * MIB : 8 * MIB;

	return DIV_ROUND_UP(sectors, unit) * unit;
}

/*
 * The pair that the disk is in already. Given the pair's own device, the advice
 * is about its main device.
 */
static void find_pair(struct advice *v)
{
	struct candidates all = { 0 };
	struct remap *list = NULL;
	int i, nr;

	if (!v->d.is_block || geteuid())
		return;
	if (!access("/dev/mapper/control", F_OK) && !remap_list(&list, &nr)) {
		for (i = 0; i < nr && !v->pair[0]; i++) {
			if (list[i].main != v->d.devno &&
			    list[i].devno != v->d.devno)
				continue;
			strscpy(v->pair, list[i].name, sizeof(v->pair));
			v->open = !blocks_status(v->pair, &v->k);
			if (list[i].devno == v->d.devno)
				device_get(list[i].main_path, false, &v->d);
		}
		free(list);
	}
	if (v->pair[0] || candidates_find(&all, false))
		return;
	for (i = 0; i < all.nr && !v->pair[0]; i++)
		if (all.c[i]->nr_mains == 1 &&
		    all.c[i]->main.devno == v->d.devno &&
		    !all.c[i]->open_as[0])
			strscpy(v->pair, candidate_name(all.c[i]),
				sizeof(v->pair));
	candidates_free(&all);
}

/* Blocks that the spare still has room for. */
static u64 room(const struct advice *v)
{
	return v->open ? v->k.slots_free : v->size / 8;
}

/* When it is full at this rate: seconds of the epoch; 0: not in ten years. */
static time_t full_at(const struct advice *v)
{
	double days = v->a_day > 0 ? room(v) / v->a_day : 1e9;

	return days < 3652 ? time(NULL) + (time_t)(days * 86400) : 0;
}

static const char *date(time_t t)
{
	static char s[16];

	strftime(s, sizeof(s), "%Y-%m-%d", localtime(&t));
	return s;
}

static int as_json(const struct advice *v)
{
	struct json_object *o = json_object_new_object();
	const struct drive_health *h = &v->h;

	add_str(o, "device", v->d.path);
	add_u64(o, "spare_sectors", v->size);
	json_object_object_add(o, "smart_known",
			       json_object_new_boolean(h->known));
	json_object_object_add(o, "failing",
			       json_object_new_boolean(h->failing));
	add_u64(o, "reallocated", h->reallocated);
	add_u64(o, "pending", h->pending);
	add_u64(o, "uncorrectable", h->uncorrectable);
	add_u64(o, "media_errors", h->media_errors);
	add_u64(o, "uncorrected_errors", h->uncorrected_errors);
	add_u64(o, "percentage_used", h->percentage_used);
	add_u64(o, "power_on_hours", h->hours);
	add_str(o, "smartctl_says", h->says);
	add_str(o, "pair", v->pair);
	json_object_object_add(o, "new_bad_sectors_a_day", v->a_day < 0 ?
			       NULL : json_object_new_double(v->a_day));
	json_object_object_add(o, "spare_full", v->a_day > 0 && full_at(v) ?
			       json_object_new_string(date(full_at(v))) :
			       NULL);
	return print_json(o, stdout);
}

static void say_drive(const struct advice *v)
{
	const struct drive_health *h = &v->h;

	if (h->known && health_sectors(h))
		print_text("  the drive reports %llu reallocated, %llu pending, %llu uncorrectable sectors, %llu media errors;\n  with 1 MiB around each of them, since bad sectors come in groups, that is %s\n",
			   ULL(h->reallocated), ULL(h->pending),
			   ULL(h->uncorrectable), ULL(h->media_errors),
			   human_size(v->trouble));
	else if (h->known && h->uncorrected_errors)
		print_text("  the drive names no bad sectors, but has passed on %llu errors that it could not correct\n",
			   ULL(h->uncorrected_errors));
	else if (h->known)
		print_text("  the drive reports no bad sectors so far\n");
	else
		print_text("  the drive's SMART data is not known\n");
	if (h->says[0])
		print_text("  smartctl says: %s\n", h->says);
	if (v->trouble > v->size)
		print_text("  but more than a tenth of the disk is not worth it\n");
	if (h->hours)
		print_text("  it has been running for %llu hours (%.1f years)\n",
			   ULL(h->hours), h->hours / 8766.0);
	if (v->a_day > 0) {
		print_text("  new bad sectors %s: %.3g a day; ", v->rate_from,
			   v->a_day);
		if (full_at(v))
			print_text("at this rate, %s is full on %s\n", v->open ?
				   "the spare" : "such a spare", date(full_at(v)));
		else
			print_text("at this rate, %s lasts for more than ten years\n",
				   v->open ? "the spare" : "such a spare");
	} else if (!v->a_day) {
		print_text("  no new bad sectors %s\n", v->rate_from);
	}
}

static void say_next(const struct advice *v)
{
	if (v->open)
		print_text("\nnext: it is the main device of '%s' already, whose spare has %llu of %llu slots free: 'dmremap status %s'%s\n",
			   v->pair, ULL(v->k.slots_free), ULL(v->k.slots_total),
			   v->pair, v->k.slots_total < v->size / 8 ?
			   "; 'dmremap grow' or 'dmremap replace' make it larger" :
			   "");
	else if (v->pair[0])
		print_text("\nnext: it has a spare already ('%s', which is not open): 'dmremap scan', then 'dmremap open'\n",
			   v->pair);
	else
		print_text("\nnext: dmremap create NAME %s SPARE%s\n", v->d.path,
			   device_in_use(&v->d) ?
			   "   (the disk is in use now: unmount it first)" : "");
}

static void as_text(const struct advice *v)
{
	u64 sectors = health_sectors(&v->h);

	print_text("%s\n", device_describe(&v->d));
	print_text("a spare of %s (%llu sectors), room for some %llu bad blocks\n\nbecause\n",
		   human_size(v->size), ULL(v->size), ULL(v->size / 8));
	print_text("  a thousandth of the disk, from 64 MiB to 16 GiB, is %s\n",
		   human_size(v->base));
	say_drive(v);
	if (v->h.percentage_used >= 100)
		print_text("\nWARNING: the drive has used up its rated life (%llu %%).\n",
			   ULL(v->h.percentage_used));
	if (v->h.failing || sectors > 10000)
		print_text("\nWARNING: %s Copy what matters now; dm-remap buys time, it does not heal a disk.\n",
			   v->h.failing ? "the drive itself says that it is FAILING." :
			   "the drive has very many bad sectors.");
	say_next(v);
}

static int run(struct args *a)
{
	const char *file = opt(a, "smart-json"), *since = opt(a, "since");
	struct advice *v = calloc(1, sizeof(*v));
	struct json_object *o;
	int r;

	if (!v)
		return fail(RC_FAILED, "out of memory");
	r = device_get(a->arg[0], true, &v->d);
	if (r)
		goto out;
	find_pair(v);
	if (file) {
		r = read_report(file, &v->d, &v->h);
	} else {
		o = ask_smartctl(v->d.path);
		if (o)
			health_read(o, &v->h);
		json_object_put(o);
	}
	if (!r && since) {
		v->have_before = true;
		r = read_report(since, &v->d, &v->before);
		if (!r && v->h.serial[0] && v->before.serial[0] &&
		    !list_same_name(v->h.serial, v->before.serial))
			r = fail(RC_REFUSED, "%s is of another drive (serial number %s) than the newer report (%s): what is new cannot be told",
				 since, v->before.serial, v->h.serial);
	}
	if (r)
		goto out;
	v->a_day = -1;
	if (!health_rate(&v->h, v->have_before ? &v->before : NULL, &v->a_day,
			 &v->rate_from))
		v->a_day = -1;
	v->base = min(max(v->d.sectors / 1000, 64 * MIB), 16 * GIB);
	v->trouble = min(health_sectors(&v->h), (u64)1 << 30) * MIB;
	v->size = round_nicely(min(max(v->base, v->trouble),
				   max(v->d.sectors / 10, 64 * MIB)));
	if (opt(a, "json"))
		r = as_json(v);
	else
		as_text(v);
out:
	free(v);
	return r;
}

const struct command cmd_advise = {
	.name = "advise",
	.group = "Setting up",
	.synopsis = "MAIN",
	.summary = "how large a spare does this disk need, and why",
	.text = "Recommends the size of a spare from the size of the disk and from what the drive says of itself (smartctl), with the reason: how many sectors are bad, how old the drive is, how many become bad in a day, and when the spare will be full at that rate. The rate is that between two reports (--since), else of the defects that the drive has noted the hour of, else the average over its life. Changes nothing.",
	.examples = "  dmremap advise /dev/sdb\n  smartctl --json -x /dev/sdb >monday.json\n  dmremap advise /dev/sdb --since monday.json\n",
	.min_args = 1, .max_args = 1,
	.run = run,
	.opts = { { "smart-json", "FILE", "use the saved output of 'smartctl --json -x' or 'nvme smart-log --output-format=json'" },
		{ "since", "FILE", "an earlier report of the same drive: what is new since" },
		{ "json", NULL, "print JSON" } },
};
