// SPDX-License-Identifier: GPL-2.0-only
/*
 * The settings of slow-disk, in configfs. See slow-service.c.
 */
#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "slow-disk.h"

static ssize_t set_uint(struct disk *d, unsigned int *value, const char *page,
			size_t len, unsigned int least, unsigned int most,
			bool while_powered)
{
	unsigned int v;
	ssize_t r = kstrtouint(page, 0, &v);

	if (r)
		return r;
	if (v < least || v > most)
		return -ERANGE;
	mutex_lock(&d->power_lock);
	if (d->powered && !while_powered) {
		r = -EBUSY;
	} else {
		WRITE_ONCE(*value, v);
		wake(d);
		r = len;
	}
	mutex_unlock(&d->power_lock);
	return r;
}

#define SETTING(name, least, most, while_powered)				\
static ssize_t slow_##name##_show(struct config_item *item, char *page)		\
{										\
	return sprintf(page, "%u\n", READ_ONCE(disk_of(item)->name));		\
}										\
static ssize_t slow_##name##_store(struct config_item *item, const char *page,	\
				   size_t len)					\
{										\
	struct disk *d = disk_of(item);						\
										\
	return set_uint(d, &d->name, page, len, least, most, while_powered);	\
}										\
CONFIGFS_ATTR(slow_, name)

SETTING(size, 1, 1 << 20, false);
SETTING(block_size, 512, 4096, false);
SETTING(physical_size, 512, 1 << 16, false);
SETTING(depth, 1, 1024, false);
SETTING(write_cache, 0, 1, false);
SETTING(fua, 0, 1, false);
SETTING(error_ms, 0, 3600000, true);
SETTING(service_us, 0, 1000000000, true);
SETTING(merge, 0, 1, true);
SETTING(readahead, 0, 1, true);
SETTING(fail_flushes, 0, UINT_MAX, true);
SETTING(reset, 0, 1, true);
SETTING(stop, 0, 1, true);

#define FIGURE(name, field)							\
static ssize_t slow_##name##_show(struct config_item *item, char *page)		\
{										\
	struct disk *d = disk_of(item);						\
	u64 v;									\
										\
	spin_lock_irq(&d->lock);						\
	v = d->field;								\
	spin_unlock_irq(&d->lock);						\
	return sprintf(page, "%llu\n", v);					\
}										\
CONFIGFS_ATTR_RO(slow_, name)

FIGURE(requests, served);
FIGURE(failed, failed);
FIGURE(flushes, flushes);
FIGURE(waiting, waiting);

static ssize_t bad_store(struct disk *d, int dir, const char *page, size_t len)
{
	const char *p = page;
	ssize_t r = len;

	mutex_lock(&d->power_lock);
	if (!d->powered)
		r = -ENXIO;
	while (r > 0) {
		unsigned long long first, last;
		char sign;
		int n = 0;

		p = skip_spaces(p);
		if (!*p)
			break;
		if (sscanf(p, "%c%llu-%llu%n", &sign, &first, &last, &n) != 3 || !n ||
		    (sign != '+' && sign != '-') || first > last ||
		    last >= d->sectors) {
			r = -EINVAL;
			break;
		}
		if (sign == '+')
			bitmap_set(d->bad[dir], first, last - first + 1);
		else
			bitmap_clear(d->bad[dir], first, last - first + 1);
		p += n;
	}
	mutex_unlock(&d->power_lock);
	return r;
}

#define BAD(name, dir)								\
static ssize_t slow_##name##_show(struct config_item *item, char *page)		\
{										\
	struct disk *d = disk_of(item);						\
	unsigned int n;								\
										\
	mutex_lock(&d->power_lock);						\
	n = d->powered ? bitmap_weight(d->bad[dir], d->sectors) : 0;		\
	mutex_unlock(&d->power_lock);						\
	return sprintf(page, "%u\n", n);					\
}										\
static ssize_t slow_##name##_store(struct config_item *item, const char *page,	\
				   size_t len)					\
{										\
	return bad_store(disk_of(item), dir, page, len);			\
}										\
CONFIGFS_ATTR(slow_, name)

BAD(bad_reads, READ);
BAD(bad_writes, WRITE);

static const struct {
	const char *name;
	blk_status_t status;
} errors[] = {
	{ "ioerr", BLK_STS_IOERR },
	{ "medium", BLK_STS_MEDIUM },
	{ "target", BLK_STS_TARGET },
	{ "timeout", BLK_STS_TIMEOUT },
	{ "transport", BLK_STS_TRANSPORT },
};

static ssize_t slow_error_show(struct config_item *item, char *page)
{
	int i;

	for (i = 0; errors[i].status != disk_of(item)->error; i++)
		;
	return sprintf(page, "%s\n", errors[i].name);
}

static ssize_t slow_error_store(struct config_item *item, const char *page, size_t len)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		if (sysfs_streq(page, errors[i].name)) {
			WRITE_ONCE(disk_of(item)->error, errors[i].status);
			return len;
		}
	}
	return -EINVAL;
}
CONFIGFS_ATTR(slow_, error);

static ssize_t slow_lose_store(struct config_item *item, const char *page, size_t len)
{
	struct disk *d = disk_of(item);
	ssize_t r = len;

	mutex_lock(&d->power_lock);
	if (d->powered)
		lose(d);
	else
		r = -ENXIO;
	mutex_unlock(&d->power_lock);
	return r;
}
CONFIGFS_ATTR_WO(slow_, lose);

static ssize_t slow_power_show(struct config_item *item, char *page)
{
	return sprintf(page, "%u\n", READ_ONCE(disk_of(item)->powered));
}

static ssize_t slow_power_store(struct config_item *item, const char *page, size_t len)
{
	struct disk *d = disk_of(item);
	bool on;
	int r = kstrtobool(page, &on);

	if (r)
		return r;
	mutex_lock(&d->power_lock);
	if (on && !d->powered)
		r = power_on(d);
	else if (!on && d->powered)
		power_off(d);
	mutex_unlock(&d->power_lock);
	return r ?: len;
}
CONFIGFS_ATTR(slow_, power);

static struct configfs_attribute *slow_attrs[] = {
	&slow_attr_size,
	&slow_attr_block_size,
	&slow_attr_physical_size,
	&slow_attr_depth,
	&slow_attr_write_cache,
	&slow_attr_fua,
	&slow_attr_error_ms,
	&slow_attr_service_us,
	&slow_attr_bad_reads,
	&slow_attr_bad_writes,
	&slow_attr_error,
	&slow_attr_merge,
	&slow_attr_readahead,
	&slow_attr_fail_flushes,
	&slow_attr_lose,
	&slow_attr_reset,
	&slow_attr_stop,
	&slow_attr_requests,
	&slow_attr_failed,
	&slow_attr_flushes,
	&slow_attr_waiting,
	&slow_attr_power,
	NULL,
};

static void slow_release(struct config_item *item)
{
	struct disk *d = disk_of(item);

	if (d->powered)
		power_off(d);
	kfree(d);
}

static struct configfs_item_operations slow_ops = {
	.release = slow_release,
};

static const struct config_item_type slow_type = {
	.ct_item_ops = &slow_ops,
	.ct_attrs = slow_attrs,
	.ct_owner = THIS_MODULE,
};

static struct config_item *make_disk(struct config_group *group, const char *name)
{
	struct disk *d = kzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return ERR_PTR(-ENOMEM);
	d->size = 64;
	d->block_size = 512;
	d->physical_size = 512;
	d->depth = 64;
	d->readahead = 1;
	d->error = BLK_STS_IOERR;
	mutex_init(&d->power_lock);
	mutex_init(&d->data_lock);
	spin_lock_init(&d->lock);
	INIT_LIST_HEAD(&d->requests);
	init_waitqueue_head(&d->changed);
	config_item_init_type_name(&d->item, name, &slow_type);
	return &d->item;
}

static struct configfs_group_operations group_ops = {
	.make_item = make_disk,
};

static const struct config_item_type group_type = {
	.ct_group_ops = &group_ops,
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem subsystem = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = "slow-disk",
			.ci_type = &group_type,
		},
	},
};

static int __init slow_init(void)
{
	int r;

	config_group_init(&subsystem.su_group);
	mutex_init(&subsystem.su_mutex);
	slow_debug_root = debugfs_create_dir("slow-disk", NULL);
	r = configfs_register_subsystem(&subsystem);
	if (r)
		debugfs_remove(slow_debug_root);
	return r;
}

static void __exit slow_exit(void)
{
	configfs_unregister_subsystem(&subsystem);
	debugfs_remove(slow_debug_root);
}

module_init(slow_init);
module_exit(slow_exit);

MODULE_DESCRIPTION("a disk that takes long to fail");
MODULE_LICENSE("GPL");
