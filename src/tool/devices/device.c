// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: block devices as a person knows them.
 */
#include "device.h"
#include "face/tool.h"

#include <blkid.h>
#include <dirent.h>
#include <fcntl.h>
#include <libmount.h>
#include <libudev.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

bool sysfs_line(char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	buf[0] = '\0';
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(buf, size, f))
		buf[0] = '\0';
	fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	return buf[0];
}

bool sysfs_devno(dev_t *devno, const char *attr)
{
	unsigned int maj, min;
	char line[32];

	if (!sysfs_line(line, sizeof(line), "%s", attr) ||
	    sscanf(line, "%u:%u", &maj, &min) != 2)
		return false;
	*devno = makedev(maj, min);
	return true;
}

/*--------------------------------------------------------------------
 * Identity
 *--------------------------------------------------------------------
 */
static void add_identity(struct device *d, const char *kind, const char *name)
{
	char *s = d->identity[d->nr_identities];
	char *p;
	int i;

	if (!name || !*name || d->nr_identities == MAX_IDENTITIES)
		return;
	while (*name == ' ')
		name++;
	snprintf(s, DMR_IDENTITY_LEN, "%s:%s", kind, name);
	for (p = s + strlen(s); p > s && isspace((unsigned char)p[-1]); p--)
		p[-1] = '\0';
	for (p = s; *p; p++)
		if (*p <= ' ' || *p > '~')
			*p = '_';
	for (i = 0; i < d->nr_identities; i++)
		if (!strcmp(d->identity[i], s))
			return;
	if (strlen(s) > strlen(kind) + 1)
		d->nr_identities++;
}

static void add_part_identity(struct device *d, const char *kind,
			      const char *name, const char *nr)
{
	char s[DMR_IDENTITY_LEN];

	if (!name || !*name || !nr)
		return;
	snprintf(s, sizeof(s), "%s-part%s", name, nr);
	add_identity(d, kind, s);
}

static void copy_trimmed(char *to, size_t size, const char *from)
{
	char *p;

	if (!from)
		return;
	while (*from == ' ')
		from++;
	strscpy(to, from, size);
	for (p = to + strlen(to); p > to && isspace((unsigned char)p[-1]); p--)
		p[-1] = '\0';
}

bool device_udev_runs(void)
{
	return !access("/run/udev/control", F_OK);
}

/* Without udevd nobody has asked the partition table yet. */
static void partuuid_from_disk(struct device *d)
{
	char disk[64], path[PATH_MAX];
	blkid_partlist ls;
	blkid_partition part;
	blkid_probe pr;
	dev_t whole;

	if (blkid_devno_to_wholedisk(d->devno, disk, sizeof(disk), &whole))
		return;
	snprintf(path, sizeof(path), "/dev/%s", disk);
	pr = blkid_new_probe_from_filename(path);
	if (!pr)
		return;
	blkid_probe_enable_partitions(pr, 1);
	ls = blkid_probe_get_partitions(pr);
	part = ls ? blkid_partlist_devno_to_partition(ls, d->devno) : NULL;
	if (part)
		add_identity(d, "partuuid", blkid_partition_get_uuid(part));
	blkid_free_probe(pr);
}

bool device_in_event(dev_t devno)
{
	const char *maj = getenv("MAJOR"), *min = getenv("MINOR");

	return maj && min && getenv("DEVPATH") &&
	       makedev(strtoul(maj, NULL, 10), strtoul(min, NULL, 10)) == devno;
}

/* While udev works on a device, what it knows is in the environment only. */
static const char *property(struct udev_device *dev, const char *name)
{
	return udev_device_get_property_value(dev, name) ?:
	       device_in_event(udev_device_get_devnum(dev)) ? getenv(name) :
	       NULL;
}

bool device_property(dev_t devno, const char *name, char *buf, size_t size)
{
	struct udev *udev = udev_new();
	struct udev_device *dev;
	const char *v;

	buf[0] = '\0';
	dev = udev ? udev_device_new_from_devnum(udev, 'b', devno) : NULL;
	v = dev ? property(dev, name) : NULL;
	if (v)
		strscpy(buf, v, size);
	udev_device_unref(dev);
	udev_unref(udev);
	return buf[0];
}

static void disk_names(struct device *d, struct udev_device *disk,
		       const char *part)
{
	static const struct { const char *kind, *prop; } props[] = {
		{ "wwn", "ID_WWN_WITH_EXTENSION" }, { "wwn", "ID_WWN" },
		{ "serial", "ID_SERIAL" },
	};
	static const struct { const char *kind, *attr; } attrs[] = {
		{ "wwid", "wwid" }, { "wwid", "device/wwid" },
		{ "serial", "serial" }, { "serial", "device/serial" },
	};
	const char *v;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(props); i++) {
		v = property(disk, props[i].prop);
		if (part)
			add_part_identity(d, props[i].kind, v, part);
		else
			add_identity(d, props[i].kind, v);
	}
	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		v = udev_device_get_sysattr_value(disk, attrs[i].attr);
		if (part)
			add_part_identity(d, attrs[i].kind, v, part);
		else
			add_identity(d, attrs[i].kind, v);
	}
	copy_trimmed(d->model, sizeof(d->model),
		     udev_device_get_property_value(disk, "ID_MODEL") ?:
		     udev_device_get_sysattr_value(disk, "device/model"));
	copy_trimmed(d->serial, sizeof(d->serial),
		     udev_device_get_property_value(disk, "ID_SERIAL_SHORT") ?:
		     udev_device_get_sysattr_value(disk, "serial") ?:
		     udev_device_get_sysattr_value(disk, "device/serial"));
}

/* A link that tells two disks apart which bear one name, or what the kernel calls the port. */
static void find_port(struct device *d, struct udev_device *dev,
		      struct udev_device *disk)
{
	struct udev_list_entry *e;
	struct udev_device *p;
	const char *v;

	udev_list_entry_foreach(e, udev_device_get_devlinks_list_entry(dev)) {
		v = udev_list_entry_get_name(e);
		if (!strncmp(v, "/dev/disk/by-path/", 18)) {
			strscpy(d->port, v, sizeof(d->port));
			return;
		}
	}
	v = udev_device_get_property_value(dev, "ID_PATH");
	p = udev_device_get_parent(disk ?: dev);
	if (!v && p)
		v = udev_device_get_sysname(p);
	if (v)
		snprintf(d->port, sizeof(d->port), "port %.180s", v);
}

static void names_from_udev(struct device *d)
{
	struct udev *udev = udev_new();
	struct udev_device *dev, *disk = NULL;
	const char *part;

	if (!udev)
		return;
	dev = udev_device_new_from_devnum(udev, 'b', d->devno);
	if (!dev)
		goto out;
	part = udev_device_get_sysattr_value(dev, "partition");
	if (part) {
		const char *start = udev_device_get_sysattr_value(dev, "start");

		d->partition = true;
		parse_u64(start, &d->part_start);
		add_identity(d, "partuuid",
			     property(dev, "ID_PART_ENTRY_UUID"));
		if (!d->nr_identities && !device_udev_runs())
			partuuid_from_disk(d);
		disk = udev_device_get_parent_with_subsystem_devtype(dev,
							"block", "disk");
	}
	add_identity(d, "dm", udev_device_get_sysattr_value(dev, "dm/uuid"));
	add_identity(d, "md", property(dev, "MD_UUID") ?:
		     udev_device_get_sysattr_value(dev, "md/uuid"));
	if (disk)
		d->whole = udev_device_get_devnum(disk);
	disk_names(d, disk ?: dev, disk ? part : NULL);
	find_port(d, dev, disk);
	udev_device_unref(dev);
out:
	udev_unref(udev);
}

/*--------------------------------------------------------------------
 * What is on it
 *--------------------------------------------------------------------
 */
static blkid_probe new_probe(const char *path)
{
	blkid_probe pr = blkid_new_probe_from_filename(path);

	if (!pr)
		return NULL;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE |
					  BLKID_SUBLKS_LABEL |
					  BLKID_SUBLKS_USAGE |
					  BLKID_SUBLKS_MAGIC);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC |
					 BLKID_PARTS_FORCE_GPT);
	return pr;
}

void device_find_content(struct device *d)
{
	const char *type = NULL, *usage = NULL, *label = NULL;
	blkid_probe pr = new_probe(d->path);
	char named[100] = "";
	int r;

	if (!pr)
		return;
	r = blkid_do_safeprobe(pr);
	if (r == -2) {
		strscpy(d->content, "several signatures", sizeof(d->content));
	} else if (r == 0) {
		blkid_probe_lookup_value(pr, "LABEL", &label, NULL);
		blkid_probe_lookup_value(pr, "USAGE", &usage, NULL);
		if (label && *label)
			snprintf(named, sizeof(named), " labelled '%.80s'",
				 label);
		if (!blkid_probe_lookup_value(pr, "TYPE", &type, NULL))
			snprintf(d->content, sizeof(d->content), "%.30s%s%s",
				 type, usage && !strcmp(usage, "filesystem") ?
				 " file system" : " signature", named);
		else if (!blkid_probe_lookup_value(pr, "PTTYPE", &type, NULL))
			snprintf(d->content, sizeof(d->content),
				 "%.30s partition table", type);
	}
	blkid_free_probe(pr);
}

int device_wipe(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), r = RC_OK;
	blkid_probe pr;

	if (fd < 0)
		return fail(RC_FAILED, "cannot open %s for writing: %s", path,
			    strerror(errno));
	pr = blkid_new_probe();
	if (!pr || blkid_probe_set_device(pr, fd, 0, 0)) {
		r = fail(RC_FAILED, "cannot look at what is on %s", path);
		goto out;
	}
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_MAGIC |
					  BLKID_SUBLKS_TYPE |
					  BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC |
					 BLKID_PARTS_FORCE_GPT);
	while (!blkid_do_probe(pr))
		if (blkid_do_wipe(pr, 0)) {
			r = fail(RC_FAILED, "cannot remove a signature from %s: %s",
				 path, strerror(errno));
			break;
		}
	if (!r && fsync(fd))
		r = fail(RC_FAILED, "cannot write to %s: %s", path,
			 strerror(errno));
out:
	if (pr)
		blkid_free_probe(pr);
	close(fd);
	return r;
}

/*--------------------------------------------------------------------
 * Who uses it
 *--------------------------------------------------------------------
 */
static bool find_mount(dev_t devno, char *where, size_t size)
{
	struct libmnt_table *t = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_fs *fs = mnt_table_find_devno(t, devno, MNT_ITER_FORWARD);

	if (fs)
		snprintf(where, size, "mounted on %s", mnt_fs_get_target(fs));
	mnt_unref_table(t);
	return fs;
}

static bool find_swap(dev_t devno, char *where, size_t size)
{
	struct libmnt_iter *at = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_table *t = mnt_new_table();
	struct libmnt_fs *fs;
	bool found = false;
	struct stat st;

	mnt_table_parse_swaps(t, NULL);
	while (!found && !mnt_table_next_fs(t, at, &fs))
		found = !stat(mnt_fs_get_source(fs), &st) &&
			S_ISBLK(st.st_mode) && st.st_rdev == devno;
	if (found)
		strscpy(where, "used as swap", size);
	mnt_free_iter(at);
	mnt_unref_table(t);
	return found;
}

/* Guards keep others from a device, and are no use of it. */
static bool is_guard(const char *dir, const char *name)
{
	char uuid[130];

	return sysfs_line(uuid, sizeof(uuid), "%s/%s/dm/uuid", dir, name) &&
	       strstr(uuid, "DMREMAP-GUARD-");
}

static bool find_holder(dev_t devno, char *who, size_t size)
{
	char dir[96];
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u/holders",
		 major(devno), minor(devno));
	d = opendir(dir);
	while (d && !found && (e = readdir(d))) {
		if (e->d_name[0] == '.' || is_guard(dir, e->d_name))
			continue;
		snprintf(who, size, "held by %s", e->d_name);
		found = true;
	}
	if (d)
		closedir(d);
	return found;
}

static bool find_user_of(dev_t devno, char *who, size_t size)
{
	return find_mount(devno, who, size) || find_swap(devno, who, size) ||
	       find_holder(devno, who, size);
}

/* A disk is in use when one of its partitions is. */
static void find_user(struct device *d)
{
	char dir[96], path[PATH_MAX], who[256];
	struct dirent *e;
	dev_t part;
	DIR *dp;

	if (find_user_of(d->devno, d->used_by, sizeof(d->used_by)))
		return;
	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(d->devno),
		 minor(d->devno));
	dp = opendir(dir);
	while (dp && !d->used_by[0] && (e = readdir(dp))) {
		snprintf(path, sizeof(path), "%s/%s/partition", dir, e->d_name);
		if (e->d_name[0] == '.' || access(path, F_OK))
			continue;
		snprintf(path, sizeof(path), "%s/%s/dev", dir, e->d_name);
		if (sysfs_devno(&part, path) &&
		    find_user_of(part, who, sizeof(who)))
			snprintf(d->used_by, sizeof(d->used_by),
				 "partition %s %s", e->d_name, who);
	}
	if (dp)
		closedir(dp);
}

bool device_in_use(const struct device *d)
{
	return d->used_by[0];
}

/*--------------------------------------------------------------------
 * All of it
 *--------------------------------------------------------------------
 */
static int get_block(struct device *d, int fd)
{
	u64 bytes;
	unsigned int pbs;
	int lbs, ro, aligned;

	if (ioctl(fd, BLKGETSIZE64, &bytes) || ioctl(fd, BLKSSZGET, &lbs) ||
	    ioctl(fd, BLKROGET, &ro))
		return -errno;
	if (!ioctl(fd, BLKPBSZGET, &pbs) && !ioctl(fd, BLKALIGNOFF, &aligned) &&
	    aligned >= 0) {
		d->pbs = pbs;
		d->aligned = aligned;
	}
	d->sectors = bytes >> 9;
	d->lbs = lbs;
	d->read_only = ro;
	return 0;
}

static void get_names(struct device *d)
{
	d->whole = d->devno;
	names_from_udev(d);
	find_user(d);
}

/* From sysfs: to open a disk, or to ask it, may take as long as its errors. */
static int get_block_without_asking(struct device *d)
{
	struct udev *udev = udev_new();
	struct udev_device *dev, *disk;
	u64 lbs = 0, pbs = 0, ro = 0, aligned = 0;

	dev = udev ? udev_device_new_from_devnum(udev, 'b', d->devno) : NULL;
	if (dev) {
		disk = udev_device_get_sysattr_value(dev, "partition") ?
		       udev_device_get_parent(dev) : dev;
		parse_u64(udev_device_get_sysattr_value(dev, "size"),
			  &d->sectors);
		parse_u64(udev_device_get_sysattr_value(dev, "ro"), &ro);
		parse_u64(udev_device_get_sysattr_value(disk,
							"queue/logical_block_size"),
			  &lbs);
		parse_u64(udev_device_get_sysattr_value(disk,
							"queue/physical_block_size"),
			  &pbs);
		/* "-1" if it does not fit the physical blocks at all */
		if (parse_u64(udev_device_get_sysattr_value(dev, "alignment_offset"),
			      &aligned)) {
			d->pbs = pbs;
			d->aligned = aligned;
		}
	}
	d->lbs = lbs ?: 512;
	d->read_only = ro;
	udev_device_unref(dev);
	udev_unref(udev);
	return dev ? 0 : -ENODEV;
}

int device_get(const char *path, bool files, struct device *d)
{
	struct stat st;
	int fd, r = 0;

	memset(d, 0, sizeof(*d));
	if (strlen(path) >= sizeof(d->path))
		return fail(RC_REFUSED, "the device's name is too long");
	strscpy(d->path, path, sizeof(d->path));
	if (stat(path, &st))
		return fail(RC_REFUSED, "%s: %s; 'lsblk' lists the devices of this machine",
			    path, strerror(errno));
	d->is_block = S_ISBLK(st.st_mode);
	if (!d->is_block && !(files && S_ISREG(st.st_mode)))
		return fail(RC_REFUSED, "%s is not a block device%s", path,
			    S_ISREG(st.st_mode) ?
			    "; 'losetup -f --show FILE' makes one of a file" :
			    "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(RC_REFUSED, "cannot open %s: %s%s", path,
			    strerror(errno),
			    errno == EACCES ? "; run this as root" : "");
	d->lbs = 512;
	if (d->is_block) {
		d->devno = st.st_rdev;
		/* It will be a word in a table. */
		if (strpbrk(path, " \t\n'"))
			device_name(d->devno, d->path, sizeof(d->path));
		r = get_block(d, fd);
		get_names(d);
	} else {
		d->sectors = st.st_size >> 9;
	}
	close(fd);
	if (r)
		return fail(RC_REFUSED, "cannot learn the size of %s: %s", path,
			    strerror(-r));
	if (!d->sectors)
		return fail(RC_REFUSED, "%s is empty (size 0); is there a medium in it?", path);
	device_find_content(d);
	return RC_OK;
}

/* /dev/sdb, or /dev/mapper/NAME: what a person calls it today. */
int device_name(dev_t devno, char *path, size_t size)
{
	char sys[64], to[PATH_MAX], name[128];
	char *p;
	ssize_t n;

	if (sysfs_line(name, sizeof(name), "/sys/dev/block/%u:%u/dm/name",
		       major(devno), minor(devno)))
		snprintf(path, size, "/dev/mapper/%s", name);
	if (name[0] && !access(path, F_OK))
		return 0;
	snprintf(sys, sizeof(sys), "/sys/dev/block/%u:%u", major(devno),
		 minor(devno));
	n = readlink(sys, to, sizeof(to) - 1);
	if (n <= 0)
		return -ENODEV;
	to[n] = '\0';
	snprintf(path, size, "/dev/%s", strrchr(to, '/') + 1);
	for (p = path; *p; p++)
		if (*p == '!')
			*p = '/';
	return 0;
}

int device_get_devno(dev_t devno, struct device *d)
{
	int fd, r;

	memset(d, 0, sizeof(*d));
	d->is_block = true;
	d->devno = devno;
	r = device_name(devno, d->path, sizeof(d->path));
	if (r)
		return r;
	fd = open(d->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = get_block(d, fd);
	close(fd);
	if (!r)
		get_names(d);
	return r;
}

int device_known(dev_t devno, struct device *d)
{
	int r;

	memset(d, 0, sizeof(*d));
	d->is_block = true;
	d->devno = devno;
	r = device_name(devno, d->path, sizeof(d->path)) ?:
	    get_block_without_asking(d);
	if (!r)
		get_names(d);
	return r;
}

int device_get_known(const char *path, struct device *d)
{
	struct stat st;

	if (stat(path, &st))
		return fail(RC_REFUSED, "%s: %s; 'lsblk' lists the devices of this machine",
			    path, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return fail(RC_REFUSED, "%s is not a block device", path);
	if (device_known(st.st_rdev, d))
		return fail(RC_REFUSED, "%s: there is no such device any more",
			    path);
	return RC_OK;
}

const char *device_describe(const struct device *d)
{
	static char buf[4][1024];
	static unsigned int i;
	char *s = buf[i++ % 4];

	text_into(s, sizeof(buf[0]), "%.200s: %s%s%s%s%s%s%s", d->path, d->model,
		  d->model[0] ? " " : "", d->serial,
		  d->model[0] || d->serial[0] ? ", " : "",
		  human_size(d->sectors), d->content[0] ? ", " : "", d->content);
	return s;
}

const char *device_whereabouts(const struct device *d)
{
	static char buf[4][1600];
	static unsigned int i;
	char *s = buf[i++ % 4];

	text_into(s, sizeof(buf[0]), "%.200s (%s%s%s%s%s%s%s%s%.200s)", d->path,
		  d->model, d->model[0] ? " " : "", d->serial,
		  d->model[0] || d->serial[0] ? ", " : "",
		  human_size(d->sectors), d->port[0] ? ", at " : "", d->port,
		  d->used_by[0] ? ", " : "", d->used_by);
	return s;
}

const char *device_identity(const struct device *d)
{
	return d->nr_identities ? d->identity[0] : "";
}

bool device_is(const struct device *d, const char *identity)
{
	int i;

	for (i = 0; i < d->nr_identities; i++)
		if (!strcmp(d->identity[i], identity))
			return true;
	return false;
}

int device_each(int (*fn)(const struct device *d, void *arg), void *arg)
{
	DIR *dir = opendir("/sys/class/block");
	struct dirent *e;
	int r = 0;

	while (dir && !r && (e = readdir(dir))) {
		char path[PATH_MAX];
		struct device d;
		dev_t devno;

		snprintf(path, sizeof(path), "/sys/class/block/%s/dev",
			 e->d_name);
		if (e->d_name[0] != '.' && sysfs_devno(&devno, path) &&
		    !device_known(devno, &d) && d.sectors)
			r = fn(&d, arg);
	}
	if (dir)
		closedir(dir);
	return r;
}
