// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap lab: a disposable failing disk, made of loop files and device-mapper
 * targets. Reads go through one table, writes through another: these are its state.
 */
#include "devices/device.h"
#include "devices/dm.h"
#include "lists/ranges.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define LAB_UUID	"DMREMAP-LAB-"
/* Each is up to two lines of a table, of which the kernel takes a million. */
#define MAX_BAD	400000

enum way { READS, WRITES, NR_WAYS };

struct disk {
	char name[DM_NAME];		/* NAME-main or NAME-spare */
	char way[NR_WAYS][DM_NAME];	/* what reads and writes go through */
	unsigned int major, minor;	/* of the loop device */
	u64 sectors;
	struct ranges bad[NR_WAYS];
};

static void disk_names(struct disk *d, const char *lab, const char *which)
{
	memset(d, 0, sizeof(*d));
	snprintf(d->name, sizeof(d->name), "%.90s-%s", lab, which);
	snprintf(d->way[READS], DM_NAME, "%.90s-%s-reads", lab, which);
	snprintf(d->way[WRITES], DM_NAME, "%.90s-%s-writes", lab, which);
}

static void disk_free(struct disk *d)
{
	ranges_free(&d->bad[READS]);
	ranges_free(&d->bad[WRITES]);
}

/*--------------------------------------------------------------------
 * Its tables
 *--------------------------------------------------------------------
 */
static struct dm_line *way_table(struct disk *d, enum way way)
{
	struct dm_line *lines = NULL, **tail = &lines;
	struct ranges *bad = &d->bad[way];
	u64 at = 0;
	size_t i;

	ranges_tidy(bad);
	for (i = 0; i <= bad->nr; i++) {
		u64 start = i < bad->nr ? bad->r[i].start : d->sectors;

		if (start > at) {
			*tail = dm_line(at, start - at, "linear", "%u:%u %llu",
					d->major, d->minor, ULL(at));
			tail = &(*tail)->next;
		}
		if (i == bad->nr)
			break;
		*tail = dm_line(start, bad->r[i].count, "error", "%s", "");
		tail = &(*tail)->next;
		at = start + bad->r[i].count;
	}
	return lines;
}

/* Flushes go to the loop device itself. */
static bool find_loop(struct disk *d)
{
	struct dm_line *l = NULL;
	bool found;

	found = !dm_table(d->name, &l) && l &&
		sscanf(l->params, "%*s %*u %*u %*s %*u %*u %u:%u", &d->major,
		       &d->minor) == 2;
	if (found)
		d->sectors = l->len;
	dm_free_lines(l);
	return found;
}

static bool send_bad(const char *name, FILE *f)
{
	struct dm_line *lines, *l;

	if (!f || dm_table(name, &lines))
		return false;
	for (l = lines; l; l = l->next)
		if (!strcmp(l->type, "error"))
			fwrite(&(struct range){ l->start, l->len },
			       sizeof(struct range), 1, f);
	dm_free_lines(lines);
	return !fclose(f);
}

/*
 * In a process of its own: libdevmapper multiplies the buffers of all later calls by
 * what the answer to this one took, and the next table would not fit into memory.
 */
static bool read_way(struct disk *d, enum way way)
{
	int fds[2], status = 1;
	struct range r;
	FILE *f = NULL;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return false;
	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(!send_bad(d->way[way], fdopen(fds[1], "w")));
	close(fds[1]);
	f = fdopen(fds[0], "r");
	while (f && fread(&r, sizeof(r), 1, f) == 1)
		ranges_add(&d->bad[way], r.start, r.count);
	if (f)
		fclose(f);
	return pid > 0 && waitpid(pid, &status, 0) > 0 && !status && f;
}

static int read_disk(struct disk *d)
{
	enum way way;

	if (!find_loop(d))
		return fail(RC_REFUSED, "there is no device '%s': is that the name of a lab? 'dmremap lab create NAME' makes one",
			    d->name);
	for (way = READS; way < NR_WAYS; way++)
		if (!read_way(d, way))
			return fail(RC_REFUSED, "there is no device '%s'; 'dmremap lab destroy' removes the rest of the lab",
				    d->way[way]);
	return ranges_whole(&d->bad[READS]) ?: ranges_whole(&d->bad[WRITES]);
}

static int load_disk(struct disk *d)
{
	struct dm_line *lines;
	enum way way;
	int r = RC_OK;

	for (way = READS; way < NR_WAYS && !r; way++) {
		lines = way_table(d, way);
		r = dm_load(d->way[way], lines) ?: dm_suspend(d->way[way]) ?:
		    dm_resume(d->way[way]);
		dm_free_lines(lines);
	}
	return r;
}

/*--------------------------------------------------------------------
 * Hurting
 *--------------------------------------------------------------------
 */
/* @ways: a bit for each */
static int parse_kind(const struct args *a, unsigned int *ways)
{
	const char *s = opt(a, "kind") ?: "read,write";

	if (!strcmp(s, "read"))
		*ways = 1 << READS;
	else if (!strcmp(s, "write"))
		*ways = 1 << WRITES;
	else if (!strcmp(s, "read,write") || !strcmp(s, "write,read"))
		*ways = 1 << READS | 1 << WRITES;
	else
		return fail(RC_USAGE, "--kind is read, write, or read,write");
	return RC_OK;
}

static void add_spot(struct disk *d, u64 start, u64 count, unsigned int ways)
{
	enum way way;

	for (way = READS; way < NR_WAYS; way++)
		if (ways >> way & 1)
			ranges_add(&d->bad[way], start, count);
}

/* Bad blocks: a byte for each block of the disk. Return: their number. */
static u64 mark_bad(const struct disk *d, u8 *bad)
{
	u64 nr = 0, b;
	enum way way;
	size_t i;

	for (way = READS; way < NR_WAYS; way++)
		for (i = 0; i < d->bad[way].nr; i++) {
			const struct range *r = &d->bad[way].r[i];

			for (b = r->start / 8; b * 8 < r->start + r->count; b++) {
				nr += !bad[b];
				bad[b] = 1;
			}
		}
	return nr;
}

static int add_random(struct disk *d, u8 *bad, u64 nr, unsigned int ways)
{
	u64 blocks = d->sectors / 8, have = mark_bad(d, bad), b;
	/* Half of them: a place that is good is found soon. */
	u64 most = min(blocks / 2, (u64)MAX_BAD);

	most -= min(most, have);
	if (nr > most)
		return fail(RC_USAGE, "--bad: %llu blocks are bad; this disk takes %llu more at random places",
			    ULL(have), ULL(most));
	while (nr) {
		b = drand48() * blocks;
		if (bad[b])
			continue;
		bad[b] = 1;
		add_spot(d, b * 8, 8, ways);
		nr--;
	}
	return RC_OK;
}

static int add_bad(const struct args *a, struct disk *d, u64 nr)
{
	u64 seed = (u64)now_seconds() ^ getpid(), start, count;
	const char *at = opt(a, "at");
	char *list, *save = NULL, *word;
	unsigned int ways = 0;
	u8 *bad;
	int r;

	r = parse_kind(a, &ways) ?: opt_u64(a, "bad", &nr) ?:
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
				add_spot(d, start, count, ways);
		}
		free(list);
		return r;
	}
	bad = calloc(d->sectors / 8, 1);
	srand48(seed);
	r = bad ? add_random(d, bad, nr, ways) : fail(RC_FAILED, "out of memory");
	free(bad);
	return r ?: ranges_whole(&d->bad[READS]) ?: ranges_whole(&d->bad[WRITES]);
}

static int hurt(struct args *a, const char *lab, bool heal)
{
	struct disk d;
	u8 *bad;
	int r;

	disk_names(&d, lab, opt(a, "spare") ? "spare" : "main");
	r = read_disk(&d);
	if (heal)
		disk_free(&d);
	else
		r = r ?: add_bad(a, &d, 10);
	r = r ?: load_disk(&d);
	bad = r ? NULL : calloc(d.sectors / 8, 1);
	if (bad)
		print_text("/dev/mapper/%s: %llu bad blocks now\n", d.name,
			   ULL(mark_bad(&d, bad)));
	free(bad);
	disk_free(&d);
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
	enum way way;
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
	if (bad)
		r = add_bad(a, &d, bad);
	for (way = READS; way < NR_WAYS && !r; way++) {
		lines = way_table(&d, way);
		r = dm_create(d.way[way], NULL, lines);
		dm_free_lines(lines);
	}
	if (!r) {
		lines = dm_line(0, sectors, "delay",
				"/dev/mapper/%s 0 0 /dev/mapper/%s 0 0 %u:%u 0 0",
				d.way[READS], d.way[WRITES], d.major, d.minor);
		snprintf(uuid, sizeof(uuid), LAB_UUID "%.100s", d.name);
		r = dm_create(d.name, uuid, lines);
		dm_free_lines(lines);
	}
	/* The loop device goes when the last one closes it. */
	close(fd);
	disk_free(&d);
	if (r) {
		for (way = READS; way < NR_WAYS; way++)
			if (dm_exists(d.way[way]))
				dm_remove(d.way[way]);
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
	print_text("/dev/mapper/%s-main: a disk of %s with bad blocks\n/dev/mapper/%s-spare: a good one of %s\nNow try: mkfs.ext4 -b 4096 /dev/mapper/%s-main\nand then: dmremap create %s /dev/mapper/%s-main /dev/mapper/%s-spare\n          mkfs.ext4 -b 4096 /dev/mapper/%s\n",
		   lab, human_size(size), lab, human_size(spare), lab, lab, lab,
		   lab, lab);
	return RC_OK;
}

static int remove_disk(const char *lab, const char *which)
{
	char path[PATH_MAX] = "", want[160];
	const char *names[1 + NR_WAYS];
	struct dm_line *l = NULL;
	unsigned int i;
	struct disk d;
	int r = RC_OK;

	disk_names(&d, lab, which);
	names[0] = d.name;
	names[1] = d.way[READS];
	names[2] = d.way[WRITES];
	/* An interrupted 'create' has left less. */
	if (find_loop(&d) ||
	    (!dm_table(d.way[READS], &l) && l &&
	     sscanf(l->params, "%u:%u", &d.major, &d.minor) == 2))
		sysfs_line(path, sizeof(path),
			   "/sys/dev/block/%u:%u/loop/backing_file", d.major,
			   d.minor);
	dm_free_lines(l);
	for (i = 0; i < ARRAY_SIZE(names) && !r; i++)
		if (dm_exists(names[i]))
			r = dm_remove(names[i]);
	/* Only what this command has made. */
	snprintf(want, sizeof(want), "/dmremap-lab-%s.img", d.name);
	if (!r && strlen(path) > strlen(want) &&
	    !strcmp(path + strlen(path) - strlen(want), want))
		unlink(path);
	return r;
}

static int destroy(const char *lab)
{
	char name[DM_NAME], spare[DM_NAME], reads[DM_NAME];
	struct remap *list;
	int i, nr, r;

	snprintf(name, sizeof(name), "/dev/mapper/%.90s-main", lab);
	snprintf(spare, sizeof(spare), "%.90s-spare", lab);
	snprintf(reads, sizeof(reads), "%.90s-main-reads", lab);
	/* What an interrupted 'create' has left is a lab, too. */
	if (!dm_exists(name + 12) && !dm_exists(spare) && !dm_exists(reads))
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
		{ "bad", "N", "so many bad blocks of 4 KiB at random places, up to half of the disk (default: create 50, hurt 10)" },
		{ "at", "RANGE,...", "bad sectors exactly here instead" },
		{ "kind", "KIND", "what fails there: read, write, or read,write (default)" },
		{ "seed", "N", "the same places each time" },
		{ "spare", NULL, "hurt or heal the spare" },
		{ "ram", NULL, "keep the files in memory (/dev/shm)" },
		{ "dir", "DIR", "keep the files there (default /var/tmp)" },
	},
};
