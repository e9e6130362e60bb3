// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap find and whose: blocks of files, files of blocks.
 */
#include "devices/blocks.h"
#include "devices/layers.h"
#include "devices/owners.h"
#include "offline.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

/*--------------------------------------------------------------------
 * Find
 *--------------------------------------------------------------------
 */
static const char *where_is(const struct kblock *k, u64 sector)
{
	unsigned int i = sector - k->sector;

	return k->lost >> i & 1 ? "lost" : k->valid >> i & 1 ? "spare" :
	       "known-bad";
}

/* @k: NULL for a healthy block. */
static int sector_as_json(const struct remap *m, u64 sector,
			  const struct kblock *k)
{
	struct json_object *o = json_object_new_object();

	add_str(o, "device", m->name);
	add_u64(o, "sector", sector);
	add_u64(o, "block", sector / 8);
	add_str(o, "state", !k ? "healthy" : k->known_bad ? "known-bad" :
		"remapped");
	add_str(o, "where", k ? where_is(k, sector) : "main");
	json_object_object_add(o, "slot", !k || k->slot == U32_MAX ? NULL :
			       json_object_new_int64(k->slot));
	return print_json(o, stdout);
}

static int find_sector(const struct remap *m, const char *arg, bool json)
{
	char *reply = NULL;
	struct kblocks b;
	u64 sector;
	int r;

	if (!parse_u64(arg, &sector))
		return fail(RC_USAGE, "'%s' is not the number of a sector",
			    arg);
	if (sector >= m->sectors)
		return fail(RC_REFUSED, "%s: sector %llu is beyond the end of the device (its last one is %llu)",
			    m->name, ULL(sector), ULL(m->sectors - 1));
	r = remap_message(m->name, &reply, false, "find %llu", ULL(sector));
	if (r)
		return r;
	if (strstr(reply, "state=healthy")) {
		if (json) {
			free(reply);
			return sector_as_json(m, sector, NULL);
		}
		print_text("sector %llu is in block %llu (sectors %llu to %llu), which is healthy: on the main device %s\n",
			   ULL(sector), ULL(sector / 8), ULL(sector & ~7ULL),
			   ULL(min(sector | 7, m->sectors - 1)), m->main_path);
	} else if (kblocks_parse(&b, reply) && b.nr) {
		const struct kblock *k = &b.b[0];
		unsigned int i = sector - k->sector;

		if (json) {
			r = sector_as_json(m, sector, k);
			free(b.b);
			free(reply);
			return r;
		}
		print_text("sector %llu is in block %llu (sectors %llu to %llu), which is %s",
			   ULL(sector), ULL(sector / 8), ULL(k->sector),
			   ULL(k->sector + k->sectors - 1), block_state(k));
		if (k->slot != U32_MAX)
			print_text(", slot %u", k->slot);
		print_text("; this sector is %s\n", k->lost >> i & 1 ? "lost" :
			   k->valid >> i & 1 ? "on the spare" :
			   "known bad: read from the main device, as far as it reads");
		free(b.b);
	}
	free(reply);
	return RC_OK;
}

struct of_file {
	const struct kblocks *b;
	u64 pieces, bad;
	struct libscols_table *table;
	struct json_object *list;	/* NULL: as text */
};

/* The first block that ends after @sector. */
static size_t first_block(const struct kblocks *b, u64 sector)
{
	size_t lo = 0, hi = b->nr;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (b->b[mid].sector + b->b[mid].sectors > sector)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void file_piece(void *arg, u64 sector, u64 count, u64 offset)
{
	struct of_file *f = arg;
	size_t i;

	f->pieces++;
	for (i = first_block(f->b, sector);
	     i < f->b->nr && f->b->b[i].sector < sector + count; i++) {
		const struct kblock *k = &f->b->b[i];
		u64 at = k->sector > sector ? k->sector - sector : 0;

		f->bad++;
		if (f->list) {
			struct json_object *o = json_object_new_object();

			add_u64(o, "offset", (offset + at) << 9);
			add_u64(o, "sector", sector + at);
			add_str(o, "state", k->known_bad ? "known-bad" : "remapped");
			json_object_array_add(f->list, o);
		} else {
			table_row(f->table, "%llu\t%llu\t%s",
				  ULL((offset + at) << 9), ULL(sector + at),
				  block_state(k));
		}
	}
}

/* Which of the open devices is under a file? */
static int device_of(dev_t dev, const char *path, struct remap *m)
{
	struct remap *list;
	int i, nr, r = remap_list(&list, &nr);

	if (r)
		return r;
	for (i = 0; i < nr; i++)
		if (layers_reach(dev, list[i].devno)) {
			*m = list[i];
			free(list);
			return RC_OK;
		}
	free(list);
	return fail(RC_REFUSED, "%s is not on a dm-remap device; 'findmnt -T' says on which one it is", path);
}

/* Bytes that are no UTF-8 cannot be in JSON: then they are given in hexadecimal, too. */
static void add_path(struct json_object *j, const char *path)
{
	size_t i, n = strlen(path);
	char *hex;

	add_str(j, "path", utf8_ok(path) ? path : plain(path));
	if (utf8_ok(path))
		return;
	hex = calloc(n + 1, 2);
	for (i = 0; hex && i < n; i++)
		sprintf(hex + 2 * i, "%02x", (u8)path[i]);
	add_str(j, "path_bytes", hex ?: "");
	free(hex);
}

static int file_as_json(const char *path, const struct remap *m,
			struct of_file *f)
{
	struct json_object *o = json_object_new_object();

	add_str(o, "device", m->name);
	add_path(o, path);
	add_u64(o, "extents", f->pieces);
	json_object_object_add(o, "blocks", json_object_get(f->list));
	return print_json(o, stdout);
}

static int find_file(const char *path, bool json)
{
	static const char *const heads[] = { "FILE OFFSET", "SECTOR", "STATE",
					     NULL };
	struct of_file f = { .table = table_new(heads) };
	char obstacle[256];
	struct kblocks b = { 0 };
	struct statfs fs;
	struct remap m;
	struct stat st;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		r = fail(RC_REFUSED, "cannot open %s: %s", path,
			 strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		r = fail(RC_REFUSED, "%s is not an ordinary file; name one", path);
		goto out;
	}
	/* These show device numbers of their own, too. */
	if (!fstatfs(fd, &fs) && layers_mute((u32)fs.f_type)) {
		r = fail(RC_REFUSED, "%s: cannot follow it through %s", path,
			 layers_mute((u32)fs.f_type));
		goto out;
	}
	r = device_of(st.st_dev, path, &m) ?: blocks_list(m.name, &b);
	if (r)
		goto out;
	f.b = &b;
	if (json)
		f.list = json_object_new_array();
	r = layers_file(fd, m.devno, file_piece, &f, obstacle,
			sizeof(obstacle));
	if (obstacle[0])
		r = fail(RC_REFUSED, "%s: cannot follow it through %s", path,
			 obstacle);
	else if (r)
		r = fail(RC_REFUSED, "%s: this file system does not say where its files are: %s",
			 path, strerror(-r));
	else if (json)
		r = file_as_json(path, &m, &f);
	else if (!f.bad)
		print_text("%s: all of its %llu extents are on healthy blocks of %s\n",
			   plain(path), ULL(f.pieces), m.name);
out:
	table_print(f.table);
	json_object_put(f.list);
	free(b.b);
	if (fd >= 0)
		close(fd);
	return r;
}

static int find(struct args *a)
{
	const char *path = opt(a, "file");
	struct remap m;

	if (path)
		return find_file(path, opt(a, "json"));
	if (a->nr != 2)
		return fail(RC_USAGE, "find: give a device and a sector, or --file PATH");
	return remap_get(a->arg[0], &m) ?: find_sector(&m, a->arg[1], opt(a, "json"));
}

/*--------------------------------------------------------------------
 * Whose
 *--------------------------------------------------------------------
 */
enum form { TEXT, NAMES, NAMES_NUL, JSON };

struct telling {
	enum form form;
	char *last;		/* path that was named last */
	struct json_object *list;
	u64 unknown;		/* sectors */
};

static void tell_json(struct telling *t, const struct owner *o)
{
	struct json_object *j = json_object_new_object();

	add_u64(j, "sector", o->start);
	add_u64(j, "sectors", o->count);
	add_str(j, "owner", owner_kinds[o->kind]);
	if (o->kind == OWNER_FILE) {
		add_path(j, o->path);
		add_u64(j, "offset", o->offset << 9);
	}
	json_object_array_add(t->list, j);
}

static void tell_name(struct telling *t, const struct owner *o)
{
	if (o->kind != OWNER_FILE || (t->last && !strcmp(t->last, o->path)))
		return;
	free(t->last);
	t->last = strdup(o->path);
	if (t->form == NAMES)
		print_text("%s\n", plain(o->path));
	else
		fwrite(o->path, strlen(o->path) + 1, 1, stdout);
}

static void tell_text(const struct owner *o)
{
	static const char *const what[NR_OWNER_KINDS] = {
		[OWNER_METADATA] = "metadata of the file system",
		[OWNER_FREE] = "free, nobody's",
		[OWNER_USED] = "in use, by no file that was found (metadata of files, or one that was deleted while it is open)",
		[OWNER_UNKNOWN] = "no file of a mounted file system (metadata, free, or of what is not mounted)",
	};

	print_text("sectors %llu to %llu: ", ULL(o->start),
		   ULL(o->start + o->count - 1));
	if (o->kind == OWNER_FILE)
		print_text("%s, bytes %llu to %llu\n", plain(o->path),
			   ULL(o->offset << 9),
			   ULL(((o->offset + o->count) << 9) - 1));
	else
		print_text("%s\n", what[o->kind]);
}

static void tell(void *arg, const struct owner *o)
{
	struct telling *t = arg;

	if (o->kind == OWNER_UNKNOWN)
		t->unknown += o->count;
	if (t->form == JSON)
		tell_json(t, o);
	else if (t->form == TEXT)
		tell_text(o);
	else
		tell_name(t, o);
}

static int want_blocks(const struct args *a, const struct remap *m,
		       struct ranges *want)
{
	struct kblocks b;
	u64 start, count;
	size_t i;
	int n, r;

	for (n = 1; n < a->nr; n++) {
		r = range_arg(m, a->arg[n], &start, &count);
		if (r)
			return r;
		ranges_add(want, start, count);
	}
	if (a->nr > 1)
		return RC_OK;
	if (!opt(a, "all") && !opt(a, "remapped"))
		return fail(RC_USAGE, "whose: name sectors, or give --all");
	r = blocks_list(m->name, &b);
	if (r)
		return r;
	for (i = 0; i < b.nr; i++)
		if (opt(a, "remapped"))
			ranges_add(want, b.b[i].sector, b.b[i].sectors);
		else
			ranges_add_mask(want, b.b[i].sector,
					kblock_unsafe(&b.b[i]));
	free(b.b);
	return RC_OK;
}

static int ask_owners(const struct remap *m, const struct ranges *want,
		      struct telling *t)
{
	struct owners_sum sum;
	int r;

	catch_signals();
	r = owners_find(m->devno, want, NULL, tell, t, &sum);
	if (r)
		return r;
	if (sum.obstacle[0])
		return fail(RC_REFUSED, "cannot follow files through %s",
			    sum.obstacle);
	if (!sum.mounts)
		return fail(RC_REFUSED, "no file system on %s is mounted; mount it (read-only will do) and ask again (of a ZFS pool, 'zpool status -v' tells)",
			    m->name);
	if (sum.skipped)
		return fail(RC_PARTLY, "%llu files or folders could not be read, so what they own is not named",
			    ULL(sum.skipped));
	return RC_OK;
}

static int whose_cmd(struct args *a)
{
	struct telling t = {
		.form = opt(a, "json") ? JSON : opt(a, "null") ? NAMES_NUL :
			opt(a, "names") ? NAMES : TEXT,
	};
	struct ranges want = { 0 };
	struct remap m;
	int r;

	if (!!opt(a, "json") + !!opt(a, "null") + !!opt(a, "names") > 1)
		return fail(RC_USAGE, "whose: give one of --json, --null and --names");
	r = remap_get(a->arg[0], &m) ?: want_blocks(a, &m, &want);
	ranges_tidy(&want);
	r = r ?: ranges_whole(&want);
	if (!r && t.form == JSON)
		t.list = json_object_new_array();
	if (!r && want.nr)
		r = ask_owners(&m, &want, &t);
	else if (!r && t.form == TEXT)
		print_text("%s: no block is known bad or lost\n", m.name);
	if (t.list)
		print_json(t.list, stdout);
	ranges_free(&want);
	free(t.last);
	return r;
}

const struct command cmd_find = {
	.name = "find",
	.group = "Looking",
	.synopsis = "NAME SECTOR | --file PATH",
	.summary = "where a sector is; which blocks of a file are bad",
	.text = "Says in which block and slot a sector is. With --file, lists the blocks of a file on a mounted file system that are remapped, known bad or lost; partitions, device-mapper layers (LVM linear, striped and mirrored, dm-crypt) and md arrays (raid1, raid0, linear) between the two are followed. btrfs and ZFS do not tell where their files are.",
	.examples = "  dmremap find data 123456\n  dmremap find --file /mnt/photos/1.jpg\n",
	.min_args = 0, .max_args = 2,
	.run = find,
	.opts = { { "file", "PATH", "the blocks of this file" },
		{ "json", NULL, "print JSON" } },
};

const struct command cmd_whose = {
	.name = "whose",
	.group = "Looking",
	.synopsis = "NAME [RANGE...]",
	.summary = "which files own these sectors",
	.text = "Goes through all files and folders of the file systems that are mounted from the device and names those which own the sectors: what to restore from a backup. Of the other sectors it says whether they are metadata, free, or in use without a name, as far as the file system tells (ext4 and XFS do). Layers between are followed as by find --file. In the text, control characters of names are written as \\\\ooo.",
	.examples = "  dmremap whose data --all\n  dmremap whose data 123456 200000+8\n  dmremap whose data --all --null | xargs -0 ls -l\n",
	.min_args = 1, .max_args = -1,
	.run = whose_cmd,
	.exits = { [RC_INTERRUPTED] = EXIT_INTERRUPTED,
		[RC_PARTLY] = "files or folders could not be read" },
	.opts = { { "all", NULL, "all sectors that are known bad or lost" },
		{ "remapped", NULL, "also blocks whose data is safe on the spare" },
		{ "names", NULL, "the names of files alone" },
		{ "null", NULL, "the same, as they are, each followed by a zero byte" },
		{ "json", NULL, "an array of pieces, as JSON" } },
};
