/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A dm-remap device, made with the kernel's own interface: no process is started,
 * no name appears. Included after die() has been defined.
 */
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#define NAME	"sanitize"

static int dev = -1;	/* open while the device is active */

static union {
	struct dm_ioctl ioctl;
	char bytes[1 << 18];
} req;

static int dm(unsigned long command, u32 flags)
{
	static int control = -1;

	if (control < 0)
		control = open("/dev/mapper/control", O_RDWR);
	req.ioctl.version[0] = DM_VERSION_MAJOR;
	req.ioctl.data_size = sizeof(req);
	req.ioctl.data_start = sizeof(req.ioctl);
	req.ioctl.flags = flags;
	strcpy(req.ioctl.name, NAME);
	return ioctl(control, command, &req) ? errno : 0;
}

static void blank_request(void)
{
	memset(&req, 0, sizeof(req.ioctl) + 4096);
}

static int load_table(u64 sectors, const char *params, bool read_only)
{
	struct dm_target_spec *spec = (void *)(req.bytes + sizeof(req.ioctl));

	blank_request();
	req.ioctl.target_count = 1;
	spec->length = sectors;
	strcpy(spec->target_type, "dm-remap");
	strcpy((char *)(spec + 1), params);
	return dm(DM_TABLE_LOAD, read_only ? DM_READONLY_FLAG : 0);
}

static int suspend(bool on)
{
	blank_request();
	return dm(DM_DEV_SUSPEND, on ? DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG : 0);
}

static int message(const char *text)
{
	struct dm_target_msg *m = (void *)(req.bytes + sizeof(req.ioctl));

	blank_request();
	strcpy(m->message, text);
	return dm(DM_TARGET_MSG, 0);
}

static void remove_device(void)
{
	int tries, r = 0;

	if (dev >= 0)
		close(dev);
	dev = -1;
	for (tries = 0; tries < 100; tries++) {
		blank_request();
		r = dm(DM_DEV_REMOVE, 0);
		if (!r || r == ENXIO)
			return;
		usleep(20000);
	}
	die(4, "the device cannot be removed: %s", strerror(r));
}

/* Returns whether the spare was accepted. */
static bool __attribute__((unused))
activate(u64 sectors, const char *params, bool read_only)
{
	char path[64];
	u64 nr;

	blank_request();
	if (dm(DM_DEV_CREATE, 0))
		die(4, "no device: %s", strerror(errno));
	nr = req.ioctl.dev;
	if (load_table(sectors, params, read_only) || suspend(false)) {
		remove_device();
		return false;
	}
	snprintf(path, sizeof(path), "/dev/dm-%u", minor(nr));
	dev = open(path, (read_only ? O_RDONLY : O_RDWR) | O_DIRECT);
	if (dev < 0)
		die(4, "cannot open %s: %s", path, strerror(errno));
	return true;
}
