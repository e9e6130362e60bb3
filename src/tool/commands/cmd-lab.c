// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap lab: a disposable failing disk, made of loop files and device-mapper
 * targets. Its state is its own table.
 */
#include "devices/dm.h"
#include "face/tool.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define LAB_UUID	"DMREMAP-LAB-"

enum kind { GOOD, WRITES = 1, READS = 2, BOTH = 3 };

struct spot {
	u64 start, len;
	enum kind kind;
};

struct disk {
	char name[DM_NAME];	/* NAME-main or NAME-spare */
	char err[DM_NAME];	/* the device on which all fails */
	unsigned int major, minor;	/* of the loop device */
	u64 sectors;
	struct spot *bad;
	size_t nr;
};

static void disk_names(struct disk *d, const char *lab, const char *which)
{
	memset(d, 0, sizeof(*d));
	snprintf(d->name, sizeof(d->name), "%.90s-%s", lab, which);
	snprintf(d->err, sizeof(d->err), "%.90s-%s-err", lab, which);
}

/*--------------------------------------------------------------------
 * Its table
 *--------------------------------------------------------------------
 */
static int by_start(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static struct dm_line *spot_line(const struct disk *d, u64 at, u64 len,
				 enum kind kind)
{
	char loop[32], err[160];

	snprintf(loop, sizeof(loop), "%u:%u", d->major, d->minor);
	snprintf(err, sizeof(err), "/dev/mapper/%s", d->err);
	switch (kind) {
	case GOOD:
		return dm_line(at, len, "linear", "%s %llu", loop, ULL(at));
	case BOTH:
		return dm_line(at, len, "error", "%s", "");
	default:
		/* Read, write and flush each go to a device of their own. */
		return dm_line(at, len, "delay",
			       "%s %llu 0 %s %llu 0 %s %llu 0",
			       kind == READS ? err : loop, ULL(at),
			       kind == WRITES ? err : loop, ULL(at), loop,
			       ULL(at));
	}
}

static struct dm_line *disk_table(struct disk *d)
{
	struct dm_line *lines = NULL, **tail = &lines;
	u64 at = 0;
	size_t i;

	if (d->nr)
		qsort(d->bad, d->nr, sizeof(*d->bad), by_start);
	for (i = 0; i <= d->nr; i++) {
		u64 start = i < d->nr ? d->bad[i].start : d->sectors;
		u64 len = i < d->nr ? d->bad[i].len : 0;

		if (start > at) {
			*tail = spot_line(d, at, start - at, GOOD);
			tail = &(*tail)->next;
			at = start;
		}
		/* Spots may overlap: what is left of this one. */
		if (!len || start + len <= at)
			continue;
		*tail = spot_line(d, at, start + len - at, d->bad[i].kind);
		tail = &(*tail)->next;
		at = start + len;
	}
	return lines;
}

static void add_spot(struct disk *d, u64 start, u64 len, enum kind kind)
{
	d->bad = realloc(d->bad, (d->nr + 1) * sizeof(*d->bad));
	if (!d->bad)
		abort();
	d->bad[d->nr++] = (struct spot){ start, len, kind };
}

static int read_disk(struct disk *d)
{
	struct dm_line *lines, *l;
	unsigned int major, minor, err_major = 0, err_minor = 0;
	struct stat st;
	char err[160];

	snprintf(err, sizeof(err), "/dev/mapper/%s", d->err);
	if (!stat(err, &st)) {
		err_major = major(st.st_rdev);
		err_minor = minor(st.st_rdev);
	}
	if (dm_table(d->name, &lines) || !lines)
		return fail(RC_REFUSED, "there is no device '%s': is that the name of a lab? 'dmremap lab create NAME' makes one",
			    d->name);
	for (l = lines; l; l = l->next) {
		enum kind kind = GOOD;

		d->sectors = l->start + l->len;
		if (!strcmp(l->type, "error")) {
			kind = BOTH;
		} else if (sscanf(l->params, "%u:%u", &major, &minor) == 2) {
			kind = GOOD;
			if (!strcmp(l->type, "delay"))
				kind = major == err_major &&
				       minor == err_minor ? READS : WRITES;
			/* The flush device, or the only one, is the loop. */
			if (kind == GOOD) {
				d->major = major;
				d->minor = minor;
			}
		}
		if (kind != GOOD)
			add_spot(d, l->start, l->len, kind);
	}
	dm_free_lines(lines);
	return RC_OK;
}

/*--------------------------------------------------------------------
 * Hurting
 *--------------------------------------------------------------------
 */
static int parse_kind(const struct args *a, enum kind *kind)
{
	const char *s = opt(a, "kind") ?: "read,write";

	if (!strcmp(s, "read"))
		*kind = READS;
	else if (!strcmp(s, "write"))
		*kind = WRITES;
	else if (!strcmp(s, "read,write") || !strcmp(s, "write,read"))
		*kind = BOTH;
	else
		return fail(RC_USAGE, "--kind is read, write, or read,write");
	return RC_OK;
}

static int add_bad(const struct args *a, struct disk *d, u64 nr)
{
	u64 seed = (u64)now_seconds() ^ getpid(), start, count, i;
	const char *at = opt(a, "at");
	enum kind kind = BOTH;
	char *list, *save = NULL, *word;
	int r;

	r = parse_kind(a, &kind) ?: opt_u64(a, "bad", &nr) ?:
	    opt_u64(a, "seed", &seed);
	if (r)
		return r;
	if (at) {
		list = strdup(at);
		for (word = strtok_r(list, ",", &save); word && !r;
		     word = strtok_r(NULL, ",", &save)) {
			if (!parse_range(word, &start, &count) ||
			    start + count > d->sectors)
				r = fail(RC_USAGE, "--at: '%s' is not a range of sectors on a disk of %llu",
					 word, ULL(d->sectors));
			else
				add_spot(d, start, count, kind);
		}
		free(list);
		return r;
	}
	if (nr > d->sectors / 16)
		return fail(RC_USAGE, "--bad: at most %llu on this disk",
			    ULL(d->sectors / 16));
	srand48(seed);
	for (i = 0; i < nr; i++)
		add_spot(d, (u64)(drand48() * (d->sectors / 8)) * 8, 8, kind);
	return RC_OK;
}

static int load_disk(struct disk *d)
{
	struct dm_line *lines = disk_table(d);
	int r = dm_load(d->name, lines);

	if (!r)
		r = dm_suspend(d->name);
	if (!r)
		r = dm_resume(d->name);
	dm_free_lines(lines);
	return r;
}

static int hurt(struct args *a, const char *lab, bool heal)
{
	struct disk d;
	int r;

	disk_names(&d, lab, opt(a, "spare") ? "spare" : "main");
	r = read_disk(&d);
	if (heal)
		d.nr = 0;
	else
		r = r ?: add_bad(a, &d, 10);
	r = r ?: load_disk(&d);
	if (!r)
		printf("/dev/mapper/%s: %zu bad spots now\n", d.name, d.nr);
	free(d.bad);
	return r;
}

/*--------------------------------------------------------------------
 * Making and removing
 *--------------------------------------------------------------------
 */
static int make_loop(const char *path, u64 sectors, int *fd, dev_t *devno)
{
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int file, control, nr, tries;
	char name[32];
	struct stat st;

	file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return fail(RC_REFUSED, "cannot create %s: %s", path,
			    strerror(errno));
	if (ftruncate(file, sectors << 9)) {
		close(file);
		unlink(path);
		return fail(RC_REFUSED, "%s: %s", path, strerror(errno));
	}
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	config.fd = file;
	strscpy((char *)config.info.lo_file_name, path, LO_NAME_SIZE);
	*fd = -1;
	/* Somebody else may be faster in taking the free one. */
	for (tries = 0; control >= 0 && *fd < 0 && tries < 16; tries++) {
		nr = ioctl(control, LOOP_CTL_GET_FREE);
		if (nr < 0)
			break;
		snprintf(name, sizeof(name), "/dev/loop%d", nr);
		*fd = open(name, O_RDWR | O_CLOEXEC);
		if (*fd >= 0 && ioctl(*fd, LOOP_CONFIGURE, &config)) {
			close(*fd);
			*fd = -1;
		}
	}
	close(file);
	if (control >= 0)
		close(control);
	if (*fd < 0 || fstat(*fd, &st)) {
		unlink(path);
		return fail(RC_FAILED, "cannot set up a loop device; try 'modprobe loop'");
	}
	*devno = st.st_rdev;
	return RC_OK;
}

static int make_disk(const struct args *a, const char *lab, const char *which,
		     u64 sectors, u64 bad)
{
	const char *dir = opt(a, "ram") ? "/dev/shm" : opt(a, "dir") ?:
			  "/var/tmp";
	char path[PATH_MAX], uuid[DM_NAME];
	struct dm_line *lines;
	dev_t devno = 0;
	struct disk d;
	int fd = -1, r;

	disk_names(&d, lab, which);
	d.sectors = sectors;
	snprintf(path, sizeof(path), "%s/dmremap-lab-%s.img", dir, d.name);
	r = make_loop(path, sectors, &fd, &devno);
	if (r)
		return r;
	d.major = major(devno);
	d.minor = minor(devno);
	lines = dm_line(0, sectors, "error", "%s", "");
	r = dm_create(d.err, NULL, lines);
	dm_free_lines(lines);
	if (!r && bad)
		r = add_bad(a, &d, bad);
	if (!r) {
		lines = disk_table(&d);
		snprintf(uuid, sizeof(uuid), LAB_UUID "%.100s", d.name);
		r = dm_create(d.name, uuid, lines);
		dm_free_lines(lines);
	}
	/* The loop device goes when the last one closes it. */
	close(fd);
	free(d.bad);
	if (r) {
		if (dm_exists(d.err))
			dm_remove(d.err);
		unlink(path);
	}
	return r;
}

static int create(struct args *a, const char *lab)
{
	u64 size = 256 << 11, spare = 64 << 11, bad = 50;
	char name[DM_NAME];
	int r;

	r = dm_check_name(lab) ?: opt_size(a, "size", &size) ?:
	    opt_size(a, "spare-size", &spare) ?: opt_u64(a, "bad", &bad);
	if (r)
		return r;
	if (strlen(lab) > 80)
		return fail(RC_USAGE, "lab: the name is too long");
	if (size < 2048 || spare < 256)
		return fail(RC_USAGE, "lab: --size is at least 1M, --spare-size at least 128K");
	snprintf(name, sizeof(name), "%.90s-main", lab);
	if (dm_exists(name))
		return fail(RC_REFUSED, "there is a lab '%s' already; 'dmremap lab destroy %s' removes it", lab, lab);
	r = make_disk(a, lab, "main", size & ~7ULL, opt(a, "at") ? 1 : bad);
	if (r)
		return r;
	r = make_disk(a, lab, "spare", spare & ~7ULL, 0);
	if (r) {
		note("dmremap: 'dmremap lab destroy %s' removes what was made",
		     lab);
		return r;
	}
	printf("/dev/mapper/%s-main: a disk of %s with bad blocks\n/dev/mapper/%s-spare: a good one of %s\nNow try: mkfs.ext4 -b 4096 /dev/mapper/%s-main\nand then: dmremap create %s /dev/mapper/%s-main /dev/mapper/%s-spare\n          mkfs.ext4 -b 4096 /dev/mapper/%s\n",
	       lab, human_size(size), lab, human_size(spare), lab, lab, lab,
	       lab, lab);
	return RC_OK;
}

static int remove_disk(const char *lab, const char *which)
{
	char path[PATH_MAX], want[160];
	struct disk d;
	int r;

	disk_names(&d, lab, which);
	if (!dm_exists(d.name) && !dm_exists(d.err))
		return RC_OK;
	r = dm_exists(d.name) ? read_disk(&d) : RC_OK;
	if (r)
		return r;
	free(d.bad);
	sysfs_line(path, sizeof(path),
		   "/sys/dev/block/%u:%u/loop/backing_file", d.major, d.minor);
	if (dm_exists(d.name))
		r = dm_remove(d.name);
	if (!r && dm_exists(d.err))
		r = dm_remove(d.err);
	/* Only what this command has made. */
	snprintf(want, sizeof(want), "/dmremap-lab-%s.img", d.name);
	if (!r && strlen(path) > strlen(want) &&
	    !strcmp(path + strlen(path) - strlen(want), want))
		unlink(path);
	return r;
}

static int destroy(const char *lab)
{
	char name[DM_NAME], spare[DM_NAME];
	struct remap *list;
	int i, nr, r;

	snprintf(name, sizeof(name), "/dev/mapper/%.90s-main", lab);
	snprintf(spare, sizeof(spare), "%.90s-spare", lab);
	/* What an interrupted 'create' has left is a lab, too. */
	if (!dm_exists(name + 12) && !dm_exists(spare))
		return fail(RC_REFUSED, "there is no lab '%s'; 'dmremap lab create %s' makes it", lab, lab);
	r = remap_list(&list, &nr);
	for (i = 0; !r && i < nr; i++) {
		struct stat st;

		if (!stat(name, &st) && list[i].main == st.st_rdev)
			r = fail(RC_REFUSED, "the lab is the main device of '%s'; close that first ('dmremap close %s')",
				 list[i].name, list[i].name);
	}
	free(list);
	return r ?: remove_disk(lab, "main") ?: remove_disk(lab, "spare");
}

static int run(struct args *a)
{
	const char *what = a->arg[0], *lab = a->nr > 1 ? a->arg[1] : "lab";
	int r = dm_ready();

	if (r)
		return r;
	if (!strcmp(what, "create"))
		return create(a, lab);
	if (!strcmp(what, "hurt"))
		return hurt(a, lab, false);
	if (!strcmp(what, "heal"))
		return hurt(a, lab, true);
	if (!strcmp(what, "destroy"))
		return destroy(lab);
	return fail(RC_USAGE, "lab: 'create', 'hurt', 'heal' or 'destroy'");
}

const struct command cmd_lab = {
	.name = "lab",
	.group = "Trying out",
	.synopsis = "create|hurt|heal|destroy [NAME]",
	.summary = "a disposable failing disk, for trying things out",
	.text = "'lab create' makes a disk with bad blocks, /dev/mapper/NAME-main, and a good one to be its spare, /dev/mapper/NAME-spare, from files or memory, without touching any real disk. 'lab hurt' adds bad blocks while the disk is in use, 'lab heal' makes them all good, 'lab destroy' removes everything. NAME is 'lab' if not given.",
	.examples =
		"  dmremap lab create --bad 50 --kind write,read\n"
		"  dmremap create lab /dev/mapper/lab-main /dev/mapper/lab-spare\n"
		"  dmremap lab hurt --bad 20 --kind read\n"
		"  dmremap close lab && dmremap lab destroy\n",
	.min_args = 1, .max_args = 2,
	.run = run,
	.opts = {
		{ "size", "SIZE", "of the failing disk (default 256M)" },
		{ "spare-size", "SIZE", "of the spare (default 64M)" },
		{ "bad", "N", "so many bad blocks at random places (default: create 50, hurt 10)" },
		{ "at", "RANGE,...", "bad sectors exactly here instead" },
		{ "kind", "KIND", "what fails there: read, write, or read,write (default)" },
		{ "seed", "N", "the same places each time" },
		{ "spare", NULL, "hurt or heal the spare" },
		{ "ram", NULL, "keep the files in memory (/dev/shm)" },
		{ "dir", "DIR", "keep the files there (default /var/tmp)" },
	},
};
