// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap import and export: lists of bad blocks of other tools.
 */
#include "devices/blocks.h"
#include "devices/parts.h"
#include "offline.h"
#include "devices/disk.h"
#include "lists/list.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define MAX_LIST	(256 << 20)

static char *read_whole(const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	size_t room = 65536, n = 0;
	char *text = NULL, *more;

	if (!f) {
		fail(0, "cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	while (room <= MAX_LIST) {
		more = realloc(text, room + 1);
		if (!more)
			break;
		text = more;
		n += fread(text + n, 1, room - n, f);
		if (n < room)
			break;
		room *= 2;
	}
	if (ferror(f) || room > MAX_LIST) {
		fail(0, "cannot read %s: %s", path, room > MAX_LIST ?
		     "it is too large for a list" : strerror(errno));
		free(text);
		text = NULL;
	} else if (text) {
		text = list_text(text, n);
		if (!text)
			fail(0, "%s is no text; is it the image instead of the map?",
			     path);
	}
	if (f != stdin)
		fclose(f);
	return text;
}

/* The formats' names, for messages. */
static const char *formats(void)
{
	static char s[200];
	size_t n = 0;
	int f;

	for (f = 0; list_format_name(f); f++)
		n += snprintf(s + n, sizeof(s) - n, "%s%s", f ?
			      list_format_name(f + 1) ? ", " : " or " : "",
			      list_format_name(f));
	return s;
}

/* Where the pair and its spare are on the disk. */
static int get_place(const struct remap *m, const struct kstat *k,
		     const struct disk *d, struct list_place *p)
{
	dev_t whole;
	u64 start;

	*p = (struct list_place){
		.name = m->name, .target = m->sectors, .device = d->sectors,
		.start = d->start, .disk = d->whole_sectors,
	};
	if (!disk_place(m->spare, &whole, &start) && whole == d->whole) {
		p->spare = start + m->spare_start;
		p->spare_count = k->spare_length;
	}
	return RC_OK;
}

static int get_list(const struct args *a, const struct remap *m,
		    const struct kstat *k, struct list *l)
{
	const char *path = a->arg[1], *name = opt(a, "format"), *hint;
	struct list_place place;
	struct disk disk;
	char why[1200];
	u64 unit = 1024;
	bool ok;
	char *text;
	int r, f;

	r = opt_u64(a, "block-size", &unit);
	if (r)
		return r;
	if (!unit || unit > 1 << 20)
		return fail(RC_USAGE, "--block-size: 1 to 1048576 bytes");
	f = name ? list_format_by_name(name) : LIST_UNKNOWN;
	if (name && f == LIST_UNKNOWN)
		return fail(RC_USAGE, "--format: %s, not '%s'", formats(),
			    name);
	r = disk_learn(m->main, &disk) ?: get_place(m, k, &disk, &place);
	if (r)
		return r;
	disk.known.any = opt(a, "any-disk");
	disk.known.pair_sectors = m->sectors;
	strscpy(disk.known.pair, k->identity, sizeof(disk.known.pair));
	text = read_whole(path);
	if (!text)
		return RC_REFUSED;
	if (f == LIST_UNKNOWN)
		f = list_guess(text, &hint);
	if (f == LIST_UNKNOWN) {
		r = text[strspn(text, " \t\r\n")] ? RC_USAGE : RC_REFUSED;
		free(text);
		return fail(r, "%s: %s", path, hint);
	}
	ok = list_parse(f, text, unit, &disk.known, l, why, sizeof(why));
	free(text);
	if (ok && opt(a, "whole-disk"))
		l->whole_disk = true;
	if (!ok || !list_place(l, &place, why, sizeof(why)))
		return fail(RC_REFUSED, "%s: %s; nothing was changed", path,
			    why);
	if (l->note[0])
		note("dmremap: %s: %s", path, l->note);
	return RC_OK;
}

/*--------------------------------------------------------------------
 * Fill
 *--------------------------------------------------------------------
 */
struct fill {
	int dev, image;
	u64 image_size;
	u32 unit;		/* sectors of a logical block */
	void *buf;
	u64 filled, readable, missing;	/* sectors */
	struct ranges at;	/* what was filled */
};

/* The sectors of a block that cannot be read, but are in the image: a mask. */
static u8 wanted_units(struct fill *f, const struct kblock *k,
		       const struct ranges *good)
{
	size_t size = (size_t)f->unit << 9;
	u8 want = 0, mask = (1 << f->unit) - 1;
	u32 s;

	for (s = 0; s < k->sectors; s += f->unit) {
		off_t at = (k->sector + s) << 9;

		if (k->valid >> s & 1)
			continue;
		/* What the device still gives is newer than any image. */
		if (pread(f->dev, f->buf, size, at) == (ssize_t)size)
			f->readable += f->unit;
		else if (!ranges_cover(good, k->sector + s, f->unit) ||
			 (u64)at + size > f->image_size)
			f->missing += f->unit;
		else
			want |= mask << s;
	}
	return want;
}

static int fill_sectors(struct fill *f, u64 sector, u64 nr)
{
	size_t size;

	for (; nr; nr -= size >> 9, sector += size >> 9) {
		size = min_t(u64, nr << 9, 4096);
		if (pread(f->image, f->buf, size, sector << 9) != (ssize_t)size)
			return -EIO;
		if (pwrite(f->dev, f->buf, size, sector << 9) != (ssize_t)size)
			return -errno;
	}
	return 0;
}

static int fill_block(struct fill *f, const struct kblock *k,
		      const struct ranges *good)
{
	u8 want = wanted_units(f, k, good);
	u32 s, n;
	int r = 0;

	for (s = 0; s < k->sectors && !r; s += n) {
		for (n = 0; s + n < k->sectors && want >> (s + n) & 1; n++)
			;
		if (!n) {
			n = 1;
			continue;
		}
		r = fill_sectors(f, k->sector + s, n);
		f->filled += n;
		if (!ranges_add(&f->at, k->sector + s, n))
			r = -ENOMEM;
	}
	return r;
}

/*
 * A flush that failed may have lost all that was written before: it is written
 * again, and only then flushed again.
 */
static int fill_durably(struct fill *f)
{
	size_t i;
	int r = 0;

	if (!fdatasync(f->dev))
		return 0;
	note("a flush failed (%s): what was filled is written again",
	     strerror(errno));
	ranges_tidy(&f->at);
	for (i = 0; i < f->at.nr && !r; i++)
		r = fill_sectors(f, f->at.r[i].start, f->at.r[i].count);
	return r ?: fdatasync(f->dev) ? -errno : 0;
}

static int fill_blocks(struct fill *f, const struct kblocks *b,
		       const struct ranges *good)
{
	struct progress p;
	size_t i;
	int r = 0;

	progress_begin(&p, "filling", b->nr, 0);
	for (i = 0; i < b->nr && !r && !interrupted(); i++) {
		progress_at(&p, i, NULL);
		r = fill_block(f, &b->b[i], good);
	}
	progress_end(&p);
	return r ?: fill_durably(f);
}

static int fill(const struct remap *m, const char *image,
		const struct ranges *good)
{
	struct fill f = { .dev = -1, .image = -1 };
	char path[PATH_MAX];
	struct kblocks b = { 0 };
	struct device d;
	struct stat st;
	int r;

	/* The node of a name with blanks is called otherwise. */
	if (device_name(m->devno, path, sizeof(path)))
		return fail(RC_FAILED, "%s has no node in /dev; 'dmsetup mknodes' makes one",
			    m->name);
	f.image = open(image, O_RDONLY | O_CLOEXEC);
	if (f.image < 0 || fstat(f.image, &st))
		return fail(RC_REFUSED, "cannot open %s: %s", image,
			    strerror(errno));
	f.image_size = lseek(f.image, 0, SEEK_END);
	r = parts_busy(m) ?: parts_down(m);
	if (!r)
		f.dev = open(path, O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC);
	if (!r && f.dev < 0)
		r = fail(RC_REFUSED, "%s cannot be filled: %s%s", m->name,
			 strerror(errno), errno == EBUSY ?
			 "; unmount it first, or newer data might be overwritten" : "");
	else if (!r)
		r = device_get_devno(m->devno, &d) ? RC_FAILED :
		    blocks_list(m->name, &b);
	if (!r) {
		f.unit = d.lbs >> 9;
		if (posix_memalign(&f.buf, 4096, 4096))
			r = RC_FAILED;
	}
	if (!r) {
		r = fill_blocks(&f, &b, good);
		if (r)
			r = fail(RC_FAILED, "%s: writing failed: %s; what was filled now may be lost, also where it can be read. 'dmremap status' says how the spare is", m->name,
				 strerror(-r));
		print_text("%s: %llu sectors filled from the image; %llu could be read after all, %llu are not in the image\n",
			   m->name, ULL(f.filled), ULL(f.readable),
			   ULL(f.missing));
	}
	if (!r && interrupted())
		r = fail(RC_INTERRUPTED, "interrupted; the same command does the rest");
	free(b.b);
	free(f.buf);
	ranges_free(&f.at);
	if (f.dev >= 0)
		close(f.dev);
	close(f.image);
	parts_up(m->name);
	return r;
}

/* The blocks that @rs touches: two bad sectors of one are one thing to do. */
static void blocks_of(const struct ranges *rs, u64 sectors,
		      struct ranges *blocks)
{
	size_t i;

	for (i = 0; i < rs->nr; i++) {
		u64 start = round_down(rs->r[i].start, 8);
		u64 end = rs->r[i].start + rs->r[i].count;

		end = min(round_down(end + 7, 8), sectors);
		ranges_add(blocks, start, end - start);
	}
	ranges_tidy(blocks);
}

static int import(struct args *a)
{
	const char *image = opt(a, "fill");
	struct ranges blocks = { 0 };
	struct list l = { 0 };
	struct tally t;
	struct remap m;
	struct kstat k;
	u64 nr;
	size_t i;
	int r;

	r = remap_get(a->arg[0], &m) ?: blocks_status(m.name, &k) ?:
	    get_list(a, &m, &k, &l);
	if (!r && image && !l.good.nr)
		r = fail(RC_USAGE, "--fill needs a ddrescue map file, which says what of the image is good");
	if (!r && image && opt(a, "json"))
		r = fail(RC_USAGE, "--fill tells its result in words only; leave out --json");
	if (!r && image && access(image, R_OK))
		r = fail(RC_REFUSED, "cannot read %s: %s", image,
			 strerror(errno));
	if (!r) {
		blocks_of(&l.bad, m.sectors, &blocks);
		r = ranges_whole(&l.bad) ?: ranges_whole(&blocks);
	}
	nr = (ranges_total(&blocks) + 7) / 8;
	if (!r && nr > k.slots_free + k.slots_used)
		r = fail(RC_REFUSED, "the list has %llu blocks, the spare only %llu slots; 'dmremap grow' or 'dmremap replace' it first. Nothing was changed",
			 ULL(nr), ULL(k.slots_total));
	if (!r && opt(a, "dry-run")) {
		for (i = 0; i < l.bad.nr; i++)
			print_text("%llu+%llu\n", ULL(l.bad.r[i].start),
				   ULL(l.bad.r[i].count));
		print_text("# %llu blocks would be %s\n", ULL(nr),
			   opt(a, "mark") ? "marked as known bad" : "evacuated");
		goto out;
	}
	if (!r && !nr && !image && !opt(a, "json")) {
		print_text("%s: the list names no block of this device; nothing was changed\n",
			   m.name);
		goto out;
	}
	if (!r)
		r = blocks_lock(&m, &k, a->cmd->name) ?:
		    blocks_act(m.name, opt(a, "mark") ? "mark_bad" : "remap",
			       &blocks, &t);
	if (!r && opt(a, "json"))
		r = tally_json(m.name, &t);
	else if (!r && (l.bad.nr || !image))
		print_text(opt(a, "mark") ?
			   "%s: %llu blocks are known bad now, %llu were dealt with already, %llu failed\n" :
			   "%s: %llu blocks moved to the spare, %llu were dealt with already, %llu could not be read (known bad now)\n",
			   m.name, ULL(t.done), ULL(t.skipped), ULL(t.failed));
	if (!r && image)
		r = fill(&m, image, &l.good);
out:
	list_free(&l);
	ranges_free(&blocks);
	return r;
}

/*--------------------------------------------------------------------
 * Export
 *--------------------------------------------------------------------
 */
static void export_ddrescue(FILE *f, const struct ranges *bad, u64 sectors)
{
	u64 at = 0;
	size_t i;

	fprintf(f, "# Mapfile. Created by dmremap, in the format of GNU ddrescue\n# current_pos  current_status  current_pass\n0x00000000     +               1\n#      pos        size  status\n");
	for (i = 0; i <= bad->nr; i++) {
		u64 start = i < bad->nr ? bad->r[i].start : sectors;

		if (start > at)
			fprintf(f, "0x%08llX  0x%08llX  +\n", ULL(at << 9),
				ULL((start - at) << 9));
		if (i == bad->nr)
			break;
		fprintf(f, "0x%08llX  0x%08llX  -\n", ULL(start << 9),
			ULL(bad->r[i].count << 9));
		at = start + bad->r[i].count;
	}
}

static int export_json(FILE *f, const struct remap *m, const char *identity,
		       const struct ranges *bad)
{
	struct json_object *o = json_object_new_object(), *r;
	struct json_object *list = json_object_new_array();
	size_t i;

	add_str(o, "device", m->name);
	add_u64(o, "sectors", m->sectors);
	add_str(o, "identity", identity);
	for (i = 0; i < bad->nr; i++) {
		r = json_object_new_object();
		add_u64(r, "sector", bad->r[i].start);
		add_u64(r, "sectors", bad->r[i].count);
		json_object_array_add(list, r);
	}
	json_object_object_add(o, "ranges", list);
	return print_json(o, f);
}

static int export(struct args *a)
{
	const char *format = opt(a, "json") ? "json" :
			     opt(a, "format") ?: "sectors";
	struct ranges bad = { 0 };
	struct output out;
	struct kblocks b;
	struct remap m;
	struct kstat k;
	u64 unit = 1024, last = U64_MAX;
	size_t i;
	int r;

	r = opt_u64(a, "block-size", &unit);
	if (r)
		return r;
	if (strcmp(format, "sectors") && strcmp(format, "badblocks") &&
	    strcmp(format, "ddrescue") && strcmp(format, "md") &&
	    strcmp(format, "json"))
		return fail(RC_USAGE, "--format: sectors, badblocks, ddrescue, md or json, not '%s'",
			    format);
	if (!unit || unit % 512 || unit > 1 << 20)
		return fail(RC_USAGE, "--block-size: a multiple of 512 bytes");
	r = remap_get(a->arg[0], &m) ?: blocks_status(m.name, &k) ?:
	    blocks_list(m.name, &b);
	if (r)
		return r;
	for (i = 0; i < b.nr; i++)
		if (!opt(a, "unreadable"))
			ranges_add(&bad, b.b[i].sector, b.b[i].sectors);
		else
			ranges_add_mask(&bad, b.b[i].sector,
					kblock_unsafe(&b.b[i]));
	ranges_tidy(&bad);
	r = ranges_whole(&bad) ?: output_begin(&out, opt(a, "output"));
	if (!r && !strcmp(format, "ddrescue"))
		export_ddrescue(out.f, &bad, m.sectors);
	else if (!r && !strcmp(format, "json"))
		r = export_json(out.f, &m, k.identity, &bad);
	else
		for (i = 0; !r && i < bad.nr; i++) {
			u64 s = bad.r[i].start, n = bad.r[i].count, v;

			if (!strcmp(format, "md"))
				fprintf(out.f, "%llu %llu\n", ULL(s), ULL(n));
			else if (!strcmp(format, "sectors"))
				fprintf(out.f, "%llu-%llu\n", ULL(s),
					ULL(s + n - 1));
			else
				for (v = s / (unit / 512);
				     v * (unit / 512) < s + n; v++)
					if (v != last)
						fprintf(out.f, "%llu\n",
							ULL(last = v));
		}
	if (!r)
		r = output_end(&out, true);
	ranges_free(&bad);
	free(b.b);
	return r;
}

const struct command cmd_import = {
	.name = "import",
	.group = "Looking after",
	.synopsis = "NAME FILE",
	.summary = "act on a list of bad blocks of another tool",
	.text = "Reads a list of bad blocks and moves them to the spare as far as they still read; those that do not become known bad, so that their next write goes to the spare. Formats: badblocks(8); ddrescue map files (what failed, or was left for later after a failure); sectors (lines N, N-LAST, N+COUNT or 'N COUNT') and start-end (lines 'START END'); md's bad_blocks files and mdadm --examine-badblocks; the output of smartctl, as text or --json (self-test logs, pending defects, SCSI's background scans, and of the error logs of ATA and NVMe what is about the medium), and of nvme (error-log, self-test-log); and what 'dmremap export' writes, in any of its formats. The format is found out where that is certain. FILE may be - for standard input. All of the list is checked before anything is changed.\nA file may hold the lists of several disks, namespaces or members of an array: what is this device's is taken, by serial number, WWN, size and name. A list of another disk is refused. What lies on the same disk, but outside of the device or in its own spare area, is left out, and said.\nA block that has no neighbour in the list costs as much as four writes to the spare, one after the other (three with --mark); 64 adjacent ones cost twice that together. At 5 ms a write, 100 000 scattered blocks take half an hour. It may be interrupted; the same command does the rest.\nWith --fill, data that ddrescue has read into IMAGE is written to exactly those sectors of known bad and lost blocks which cannot be read from the device. The device must not be mounted meanwhile.",
	.examples =
		"  badblocks -b 4096 /dev/sdb | dmremap import data - --format badblocks --block-size 4096\n"
		"  dmremap import data rescue.map --mark --fill rescue.img\n"
		"  smartctl --json -x /dev/sdb | dmremap import data -\n",
	.min_args = 2, .max_args = 2,
	.run = import,
	.exits = { [RC_INTERRUPTED] = EXIT_INTERRUPTED },
	.opts = {
		{ "format", "FORMAT", "badblocks, ddrescue, sectors, start-end, md, smartctl, nvme or json (of dmremap export)" },
		{ "json", NULL, "print the result as JSON" },
		{ "block-size", "BYTES", "of the numbers of badblocks (default 1024)" },
		{ "whole-disk", NULL, "the list counts from the start of the disk that the main device is a partition of (always so for smartctl and nvme)" },
		{ "any-disk", NULL, "take the list although it names another disk" },
		{ "mark", NULL, "make them known bad without reading them" },
		{ "fill", "IMAGE", "write what ddrescue has recovered" },
		{ "dry-run", NULL, "print the sectors, change nothing" },
	},
};

const struct command cmd_export = {
	.name = "export",
	.group = "Looking",
	.synopsis = "NAME",
	.summary = "write the list of bad blocks for another tool",
	.text = "Writes all blocks that are remapped or known bad: as ranges of sectors, block numbers for badblocks(8) and mke2fs -l, a ddrescue map file, or as md writes them. 'import' reads all of them, that of --json, too.",
	.examples = "  dmremap export data --format ddrescue --output data.map\n",
	.min_args = 1, .max_args = 1,
	.run = export,
	.opts = {
		{ "format", "FORMAT", "sectors (default), badblocks, ddrescue, md or json" },
		{ "json", NULL, "the same as --format json" },
		{ "block-size", "BYTES", "for badblocks (default 1024)" },
		{ "unreadable", NULL, "only what is known bad or lost, to the sector" },
		{ "output", "FILE", "write to FILE" },
	},
};
