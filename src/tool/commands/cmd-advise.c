// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap advise: how large a spare?
 */
#include "offline.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define MIB	2048ULL		/* sectors */
#define GIB	(1024 * MIB)

extern char **environ;

struct smart {
	bool known, failing;
	u64 reallocated, pending, uncorrectable, media_errors, percentage_used;
};

/* smartctl's exit status has bits for the disk's health: not looked at. */
static struct json_object *ask_smartctl(const char *path)
{
	char *argv[] = { "smartctl", "--json", "-a", "--", (char *)path, NULL };
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

static struct json_object *at(struct json_object *o, const char *key)
{
	struct json_object *x = NULL;

	json_object_object_get_ex(o, key, &x);
	return x;
}

static u64 number(struct json_object *o, const char *key)
{
	int64_t v = json_object_get_int64(at(o, key));

	return v > 0 ? v : 0;
}

static void read_smart(struct json_object *o, struct smart *s)
{
	struct json_object *table, *nvme, *status;
	size_t i;

	status = at(o, "smart_status");
	if (status && at(status, "passed")) {
		s->known = true;
		s->failing = !json_object_get_boolean(at(status, "passed"));
	}
	table = at(at(o, "ata_smart_attributes"), "table");
	for (i = 0; json_object_is_type(table, json_type_array) &&
	     i < json_object_array_length(table); i++) {
		struct json_object *e = json_object_array_get_idx(table, i);
		u64 raw = number(at(e, "raw"), "value");

		s->known = true;
		/* Some drives pack more into the upper bytes. */
		switch (number(e, "id")) {
		case 5: s->reallocated = raw & U32_MAX; break;
		case 197: s->pending = raw & U32_MAX; break;
		case 198: s->uncorrectable = raw & U32_MAX; break;
		}
	}
	nvme = at(o, "nvme_smart_health_information_log");
	if (nvme) {
		s->known = true;
		s->media_errors = number(nvme, "media_errors");
		s->percentage_used = number(nvme, "percentage_used");
	}
	if (at(o, "scsi_grown_defect_list")) {
		s->known = true;
		s->reallocated = number(o, "scsi_grown_defect_list");
	}
}

static u64 round_nicely(u64 sectors)
{
	u64 unit = sectors >= 4 * GIB ? GIB : sectors >= 512 * MIB ?
		   64 * MIB : 8 * MIB;

	return DIV_ROUND_UP(sectors, unit) * unit;
}

static int run(struct args *a)
{
	const char *file = opt(a, "smart-json");
	struct json_object *o;
	struct smart s = { 0 };
	u64 base, trouble, size, sectors;
	struct device d;
	int r;

	r = device_get(a->arg[0], true, &d);
	if (r)
		return r;
	o = file ? json_object_from_file(file) : ask_smartctl(d.path);
	if (file && !o)
		return fail(RC_REFUSED, "%s is not readable as JSON; make it with 'smartctl --json -a'",
			    file);
	if (o)
		read_smart(o, &s);
	json_object_put(o);

	base = min(max(d.sectors / 1000, 64 * MIB), 16 * GIB);
	sectors = s.reallocated + s.pending + s.uncorrectable + s.media_errors;
	trouble = min(sectors, (u64)1 << 30) * MIB;
	size = round_nicely(min(max(base, trouble), max(d.sectors / 10,
							64 * MIB)));
	if (opt(a, "json")) {
		o = json_object_new_object();
		add_str(o, "device", d.path);
		add_u64(o, "spare_sectors", size);
		json_object_object_add(o, "smart_known",
				       json_object_new_boolean(s.known));
		json_object_object_add(o, "failing",
				       json_object_new_boolean(s.failing));
		add_u64(o, "reallocated", s.reallocated);
		add_u64(o, "pending", s.pending);
		add_u64(o, "uncorrectable", s.uncorrectable);
		add_u64(o, "media_errors", s.media_errors);
		return print_json(o, stdout);
	}
	printf("%s\n", device_describe(&d));
	printf("a spare of %s (%llu sectors), room for some %llu bad blocks\n\nbecause\n",
	       human_size(size), ULL(size), ULL(size / 8));
	printf("  a thousandth of the disk, from 64 MiB to 16 GiB, is %s\n",
	       human_size(base));
	if (s.known && sectors)
		printf("  the drive reports %llu reallocated, %llu pending, %llu uncorrectable sectors, %llu media errors;\n  with 1 MiB around each of them, since bad sectors come in groups, that is %s\n",
		       ULL(s.reallocated), ULL(s.pending),
		       ULL(s.uncorrectable), ULL(s.media_errors),
		       human_size(trouble));
	else if (s.known)
		printf("  the drive reports no bad sectors so far\n");
	else
		printf("  the drive's SMART data is not known\n");
	if (trouble > size)
		printf("  but more than a tenth of the disk is not worth it\n");
	if (s.percentage_used >= 100)
		printf("\nWARNING: the drive has used up its rated life (%llu %%).\n",
		       ULL(s.percentage_used));
	if (s.failing || sectors > 10000)
		printf("\nWARNING: %s Copy what matters now; dm-remap buys time, it does not heal a disk.\n",
		       s.failing ? "the drive itself says that it is FAILING." :
		       "the drive has very many bad sectors.");
	printf("\nnext: dmremap create NAME %s SPARE%s\n", d.path,
	       device_in_use(&d) ? "   (the disk is in use now: unmount it first)" : "");
	return RC_OK;
}

const struct command cmd_advise = {
	.name = "advise",
	.group = "Setting up",
	.synopsis = "MAIN",
	.summary = "how large a spare does this disk need, and why",
	.text = "Recommends the size of a spare from the size of the disk and from what the drive says of itself (smartctl), with the reason. Changes nothing.",
	.examples = "  dmremap advise /dev/sdb\n",
	.min_args = 1, .max_args = 1,
	.run = run,
	.opts = { { "smart-json", "FILE", "use the saved output of 'smartctl --json -a'" },
		{ "json", NULL, "print JSON" } },
};
