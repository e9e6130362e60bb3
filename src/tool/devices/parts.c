// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: the partitions of a mapped device.
 */
#include "parts.h"
#include "face/tool.h"

#include <blkid.h>
#include <libdevmapper.h>
#include <sys/sysmacros.h>

#define ULL(x)	((unsigned long long)(x))

static blkid_probe open_table(const char *path, blkid_partlist *ls)
{
	blkid_probe pr = blkid_new_probe_from_filename(path);

	*ls = NULL;
	if (!pr)
		return NULL;
	blkid_probe_enable_partitions(pr, 1);
	*ls = blkid_probe_get_partitions(pr);
	return pr;
}

int parts_of(const char *path, char *type, size_t size)
{
	blkid_partlist ls;
	blkid_probe pr = open_table(path, &ls);
	int nr = ls ? blkid_partlist_numof_partitions(ls) : 0;

	type[0] = '\0';
	if (nr > 0)
		strscpy(type, blkid_parttable_get_type(
				blkid_partlist_get_table(ls)) ?: "", size);
	blkid_free_probe(pr);
	return max(nr, 0);
}

static int map_one(const struct remap *m, blkid_partition part)
{
	char name[DM_NAME + 16], uuid[DM_NAME + 16];
	u64 start = blkid_partition_get_start(part);
	u64 len = blkid_partition_get_size(part);
	int nr = blkid_partition_get_partno(part), r;
	struct dm_line *line;

	if (blkid_partition_is_extended(part))
		return RC_OK;
	snprintf(name, sizeof(name), "%s-part%d", m->name, nr);
	snprintf(uuid, sizeof(uuid), "part%d-%s", nr, m->uuid);
	if (dm_exists(name))
		return RC_OK;
	if (start >= m->sectors || len > m->sectors - start) {
		note("note: partition %d reaches beyond the end of %s, and is not mapped",
		     nr, m->name);
		return RC_OK;
	}
	if (strlen(name) >= DM_NAME)
		return fail(RC_REFUSED, "the name '%s' is too long for a device",
			    name);
	line = dm_line(0, len, "linear", "%u:%u %llu", major(m->devno),
		       minor(m->devno), ULL(start));
	line->read_only = m->read_only;
	r = dm_create(name, uuid, line);
	dm_free_lines(line);
	return r;
}

int parts_up(const char *name)
{
	char path[PATH_MAX];
	struct remap m;
	blkid_partlist ls;
	blkid_probe pr;
	int i, nr, r;

	r = remap_get(name, &m);
	if (r || !m.uuid[0])
		return r;
	if (device_name(m.devno, path, sizeof(path)))
		return RC_OK;
	pr = open_table(path, &ls);
	/* A disk that keeps its own spares: the device ends before its table says. */
	if (!ls || !blkid_partlist_get_table(ls)) {
		blkid_free_probe(pr);
		pr = open_table(m.main_path, &ls);
	}
	nr = ls ? blkid_partlist_numof_partitions(ls) : 0;
	for (i = 0; i < nr && !r; i++)
		r = map_one(&m, blkid_partlist_get_partition(ls, i));
	blkid_free_probe(pr);
	return r;
}

/* Call @fn for each mapped partition of @m until it returns nonzero. */
static int each(const struct remap *m,
		int (*fn)(const char *name, const struct dm_info *info))
{
	struct dm_task *t = dm_task_create(DM_DEVICE_LIST);
	struct dm_names *names;
	unsigned int next = 0;
	int r = 0;

	if (!t || !dm_task_run(t) || !(names = dm_task_get_names(t)) ||
	    !names->dev || !m->uuid[0])
		goto out;
	do {
		struct dm_task *one = dm_task_create(DM_DEVICE_INFO);
		struct dm_info info;
		const char *uuid, *rest;

		names = (struct dm_names *)((char *)names + next);
		if (one && dm_task_set_name(one, names->name) &&
		    dm_task_run(one) && dm_task_get_info(one, &info) &&
		    info.exists) {
			uuid = dm_task_get_uuid(one) ?: "";
			rest = strchr(uuid, '-');
			if (!strncmp(uuid, "part", 4) && rest &&
			    !strcmp(rest + 1, m->uuid))
				r = fn(names->name, &info);
		}
		if (one)
			dm_task_destroy(one);
		next = names->next;
	} while (next && !r);
out:
	if (t)
		dm_task_destroy(t);
	return r;
}

static int nr_found;

static int count_one(const char *name, const struct dm_info *info)
{
	(void)name;
	(void)info;
	nr_found++;
	return 0;
}

int parts_count(const struct remap *m)
{
	nr_found = 0;
	each(m, count_one);
	return nr_found;
}

static int busy_one(const char *name, const struct dm_info *info)
{
	const char *who = "a program has it open";
	struct device d;

	if (!info->open_count)
		return RC_OK;
	if (!device_get_devno(makedev(info->major, info->minor), &d) &&
	    d.used_by[0])
		who = d.used_by;
	return fail(RC_REFUSED, "%s is in use: %s; end that first", name, who);
}

int parts_busy(const struct remap *m)
{
	return each(m, busy_one);
}

static int remove_one(const char *name, const struct dm_info *info)
{
	(void)info;
	return dm_remove(name);
}

int parts_down(const struct remap *m)
{
	return each(m, remove_one);
}
