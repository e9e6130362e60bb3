// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: the disk that a device is on.
 */
#include "disk.h"
#include "device.h"

#include <libudev.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static u64 attr(struct udev_device *dev, const char *name)
{
	u64 v;

	return parse_u64(udev_device_get_sysattr_value(dev, name), &v) ? v : 0;
}

static void names(struct list_disk *k, struct udev_device *disk)
{
	const char *wwn = udev_device_get_property_value(disk, "ID_WWN_WITH_EXTENSION") ?:
			  udev_device_get_property_value(disk, "ID_WWN") ?:
			  udev_device_get_sysattr_value(disk, "wwid") ?:
			  udev_device_get_sysattr_value(disk, "device/wwid");
	/* Of a SAS disk, ID_SERIAL_SHORT is the WWN once more. */
	const char *serial = udev_device_get_property_value(disk, "ID_SCSI_SERIAL") ?:
			     udev_device_get_property_value(disk, "SCSI_IDENT_SERIAL") ?:
			     udev_device_get_property_value(disk, "ID_SERIAL_SHORT") ?:
			     udev_device_get_sysattr_value(disk, "serial") ?:
			     udev_device_get_sysattr_value(disk, "device/serial");

	strscpy(k->serial, serial ?: "", sizeof(k->serial));
	k->serial[strcspn(k->serial, "\n")] = '\0';
	if (wwn && (!strncmp(wwn, "0x", 2)))
		strscpy(k->wwn, wwn + 2, sizeof(k->wwn));
	else if (wwn && (!strncmp(wwn, "naa.", 4) || !strncmp(wwn, "eui.", 4)))
		strscpy(k->wwn, wwn + 4, sizeof(k->wwn));
	k->nsid = attr(disk, "nsid");
}

int disk_place(dev_t devno, dev_t *whole, u64 *start)
{
	struct udev *udev = udev_new();
	struct udev_device *dev, *disk;

	*whole = devno;
	*start = 0;
	dev = udev ? udev_device_new_from_devnum(udev, 'b', devno) : NULL;
	if (dev && udev_device_get_sysattr_value(dev, "partition")) {
		disk = udev_device_get_parent_with_subsystem_devtype(dev,
							"block", "disk");
		*start = attr(dev, "start");
		if (disk)
			*whole = udev_device_get_devnum(disk);
	}
	udev_device_unref(dev);
	udev_unref(udev);
	return dev ? 0 : -ENODEV;
}

/* "/dev/sdb3" or "nvme0"; the controller of our namespace is ours. */
static enum list_whose whose(const struct list_disk *k, const char *name,
			     u64 *start)
{
	const struct disk *d = k->arg;
	char path[PATH_MAX];
	const char *ours;
	struct stat st;
	dev_t whole;

	*start = d->start;
	snprintf(path, sizeof(path), "%s%s", name[0] == '/' ? "" : "/dev/",
		 name);
	if (!stat(path, &st) && S_ISBLK(st.st_mode)) {
		if (st.st_rdev == d->devno)
			return LIST_OURS;
		if (disk_place(st.st_rdev, &whole, start) ||
		    whole != d->whole)
			return LIST_OTHERS;
		return LIST_OURS;
	}
	ours = k->name;
	if (!strcmp(path, ours))
		return LIST_OURS;
	/* /dev/nvme0 is the controller of /dev/nvme0n1. */
	if (!strncmp(path, "/dev/nvme", 9) && strlen(path) > 9 &&
	    path[9 + strspn(path + 9, "0123456789")] == '\0') {
		if (!strncmp(path, ours, strlen(path)) &&
		    ours[strlen(path)] == 'n')
			return LIST_OURS;
		return access(path, F_OK) ? LIST_NOBODYS : LIST_OTHERS;
	}
	return LIST_NOBODYS;
}

int disk_learn(dev_t devno, struct disk *d)
{
	struct udev *udev = udev_new();
	struct udev_device *dev, *disk = NULL;

	memset(d, 0, sizeof(*d));
	dev = udev ? udev_device_new_from_devnum(udev, 'b', devno) : NULL;
	if (!dev) {
		udev_unref(udev);
		return fail(RC_REFUSED, "the main device (%u:%u) is gone: of which disk a list is cannot be told",
			    major(devno), minor(devno));
	}
	if (udev_device_get_sysattr_value(dev, "partition"))
		disk = udev_device_get_parent_with_subsystem_devtype(dev,
							"block", "disk");
	d->devno = devno;
	d->whole = disk ? udev_device_get_devnum(disk) : devno;
	d->start = disk ? attr(dev, "start") : 0;
	d->sectors = attr(dev, "size");
	d->whole_sectors = attr(disk ?: dev, "size");
	names(&d->known, disk ?: dev);
	d->known.lbs = attr(disk ?: dev, "queue/logical_block_size") ?: 512;
	d->known.bytes = d->whole_sectors << 9;
	snprintf(d->known.name, sizeof(d->known.name), "/dev/%s",
		 udev_device_get_sysname(dev));
	d->known.whose = whose;
	d->known.arg = d;
	udev_device_unref(dev);
	udev_unref(udev);
	return RC_OK;
}
