// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: work in the background: is a device in use by others?
 */
#include "idle.h"

#include <dirent.h>
#include <linux/ioprio.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct io_sum {
	u64 ended, under_way;
};

/* Documentation/block/stat.rst: older kernels know fewer numbers. */
static void add_stat(const char *folder, struct io_sum *sum)
{
	unsigned long long v[17] = { 0 };
	char path[PATH_MAX];
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "%s/stat", folder);
	f = fopen(path, "re");
	for (i = 0; f && i < 17 && fscanf(f, "%llu", &v[i]) == 1; i++)
		;
	if (f)
		fclose(f);
	sum->ended += v[0] + v[4] + v[11] + v[15];
	sum->under_way += v[8];
}

/* @depth: no device is made of more layers than this. */
static void add_device(const char *folder, struct io_sum *sum, int depth)
{
	char path[PATH_MAX];
	struct dirent *e;
	bool any = false;
	DIR *d;

	snprintf(path, sizeof(path), "%s/partition", folder);
	if (!access(path, F_OK)) {
		/* The folder of a partition is in that of its disk. */
		snprintf(path, sizeof(path), "%s/..", folder);
		add_device(path, sum, depth);
		return;
	}
	snprintf(path, sizeof(path), "%s/slaves", folder);
	d = depth ? opendir(path) : NULL;
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/slaves/%s", folder, e->d_name);
		add_device(path, sum, depth - 1);
		any = true;
	}
	if (d)
		closedir(d);
	if (!any)
		add_stat(folder, sum);
}

bool idle_look(struct idle *w)
{
	struct io_sum sum = { 0 };
	char path[64];
	bool idle;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(w->devno),
		 minor(w->devno));
	add_device(path, &sum, 16);
	idle = !sum.under_way && sum.ended == w->ios;
	w->ios = sum.ended;
	return idle;
}

void idle_priority(void)
{
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}
