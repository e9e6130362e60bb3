// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: which slot holds what: finding and formatting an area.
 */
#include "dm-remap-store-io.h"

/*--------------------------------------------------------------------
 * Probe
 *--------------------------------------------------------------------
 */

struct candidates {
	u64 at[8];
	enum dmr_verdict verdict[8];
	unsigned int nr;
	unsigned int unreadable;
	unsigned int version;	/* of a newer format */
	u64 other_start;	/* of an area that a superblock belongs to */
	bool is_other;
	bool have_uuid;		/* the block at the start of the area has told it */
};

/*
 * Look for a superblock at block @at. The newest wins; but once the first block
 * of the area has told the UUID, only copies with the same UUID count: what
 * is elsewhere may be left over from an earlier, longer area.
 */
static void look_at(struct dmr_env *env, const struct dmr_area *area,
		    struct candidates *c, u64 at, struct dmr_super *best,
		    struct dmr_super *tmp, void *buf)
{
	enum dmr_verdict verdict;
	unsigned int i;

	if (at >= area->avail_blocks || c->nr == ARRAY_SIZE(c->at))
		return;
	for (i = 0; i < c->nr; i++)
		if (c->at[i] == at)
			return;

	if (dmr_meta_read(env, at, 1, buf) != BLK_STS_OK) {
		c->unreadable++;
		verdict = DMR_DAMAGED;
	} else {
		verdict = dmr_super_decode(tmp, -1, buf);
	}
	if (verdict == DMR_NEWER)
		c->version = dmr_block_version(buf);
	if (verdict == DMR_OK && tmp->spare_start != area->spare_start) {
		c->is_other = true;
		c->other_start = tmp->spare_start;
		verdict = DMR_FOREIGN;
	}
	if (verdict == DMR_OK &&
	    (!best->seq || (tmp->seq > best->seq &&
			    (!c->have_uuid ||
			     !memcmp(tmp->uuid, best->uuid,
				     sizeof(best->uuid))))))
		*best = *tmp;
	if (verdict == DMR_OK && at == 0)
		c->have_uuid = true;
	c->at[c->nr] = at;
	c->verdict[c->nr++] = verdict;
}

/*
 * Look at the first block of the area. If it is torn, it still tells where the others
 * are, which nothing else does in an area that ends before its device.
 */
static void look_at_first(struct dmr_env *env, const struct dmr_area *area,
			  struct candidates *c, struct dmr_super *best,
			  struct dmr_super *tmp, void *buf)
{
	unsigned int i, nr;
	u64 at[DMR_NR_SUPERS];

	look_at(env, area, c, 0, best, tmp, buf);
	if (c->verdict[0] != DMR_DAMAGED || c->unreadable)
		return;
	nr = dmr_super_hints(buf, at);
	for (i = 0; i < nr; i++) {
		look_at(env, area, c, at[i], best, tmp, buf);
		c->have_uuid = best->seq;
	}
}

static unsigned int count(const struct candidates *c, enum dmr_verdict verdict)
{
	unsigned int i, n = 0;

	for (i = 0; i < c->nr; i++)
		n += c->verdict[i] == verdict;
	return n;
}

/* Is this the main device, and the geometry, that the superblock is for? */
static int check_pairing(const struct dmr_area *area,
			 const struct dmr_super *sb, struct dmr_why *why)
{
	bool named = sb->identity[0] && area->identity[0];

	if (named && strcmp(sb->identity, area->identity)) {
		say(why, "spare belongs to main device '%s', this one is '%s'",
		    sb->identity, area->identity);
		return -ESTALE;
	}
	/* Another device of the same name may be larger: only if it is asked for. */
	if (area->main_sectors < sb->main_sectors ||
	    (area->main_sectors > sb->main_sectors &&
	     !(named && area->main_grown))) {
		say(why, "spare belongs to a main device of %llu sectors, this one has %llu%s",
		    sb->main_sectors, area->main_sectors,
		    named && area->main_sectors > sb->main_sectors ?
		    " ('main_grown' takes that over)" : "");
		return -ESTALE;
	}
	if (!named && area->main_lbs != sb->main_lbs) {
		say(why, "spare belongs to a main device with blocks of %u bytes, this one has %u",
		    sb->main_lbs, area->main_lbs);
		return -ESTALE;
	}
	if (sb->layout.area_blocks > area->avail_blocks) {
		say(why, "spare is truncated: it is %llu blocks long, the device has room for %llu",
		    sb->layout.area_blocks, area->avail_blocks);
		return -ENOSPC;
	}
	/* A longer one has been grown since the table was written down. */
	if (area->area_blocks > sb->layout.area_blocks) {
		say(why, "spare_length is %llu sectors, but the spare area was formatted with %llu",
		    area->area_blocks << DMR_BLOCK_SECTOR_SHIFT,
		    sb->layout.area_blocks << DMR_BLOCK_SECTOR_SHIFT);
		return -EINVAL;
	}
	if (sb->incompat & ~DMR_INCOMPAT_KNOWN) {
		say(why, "spare uses features that this version does not know (incompat 0x%x)",
		    sb->incompat & ~DMR_INCOMPAT_KNOWN);
		return -EMEDIUMTYPE;
	}
	return 0;
}

/* A file system that was made for main's sectors must go on with those of both. */
static int check_sectors(const struct dmr_area *area, struct dmr_why *why)
{
	if (area->spare_lbs <= area->main_lbs)
		return 0;
	say(why, "the spare has sectors of %u bytes, main of %u: they must not be larger",
	    area->spare_lbs, area->main_lbs);
	return -EINVAL;
}

static int explain_nothing(const struct candidates *c, struct dmr_why *why)
{
	if (count(c, DMR_NEWER)) {
		say(why, "spare has format version %u, this version knows up to %u",
		    c->version, DMR_VERSION);
		return -EMEDIUMTYPE;
	}
	if (count(c, DMR_BLANK) == c->nr)
		return 1;
	if (c->is_other) {
		say(why, "found a spare area that starts at sector %llu, not here",
		    c->other_start);
		return -EINVAL;
	}
	if (c->unreadable) {
		say(why, "%u superblocks cannot be read, none is valid (is spare_length missing?)",
		    c->unreadable);
		return -EIO;
	}
	if (count(c, DMR_DAMAGED)) {
		say(why, "all superblocks are damaged (give spare_length if format had it)");
		return -EUCLEAN;
	}
	say(why, "spare is not blank and holds no dm-remap metadata");
	return -EINVAL;
}

int dmr_store_probe(struct dmr_env *env, const struct dmr_area *area,
		    struct dmr_super *sb, struct dmr_why *why)
{
	u64 len = area->area_blocks ?: area->avail_blocks;
	struct candidates c = { .nr = 0 };
	struct dmr_super *tmp;
	unsigned int copy;
	void *buf;
	int r;

	why->text[0] = '\0';
	r = check_sectors(area, why);
	if (r)
		return r;
	if (len > area->avail_blocks || len < DMR_MIN_AREA_BLOCKS) {
		say(why, "spare area of %llu blocks: %u are needed, there is room for %llu",
		    len, DMR_MIN_AREA_BLOCKS, area->avail_blocks);
		return -ENOSPC;
	}
	tmp = kvzalloc_obj(*tmp);
	buf = kvzalloc(DMR_BLOCK_SIZE, GFP_KERNEL);
	if (!tmp || !buf) {
		say(why, "out of memory");
		r = -ENOMEM;
		goto out;
	}

	memset(sb, 0, sizeof(*sb));
	look_at_first(env, area, &c, sb, tmp, buf);
	look_at(env, area, &c, dmr_layout_middle(len), sb, tmp, buf);
	look_at(env, area, &c, len - 1, sb, tmp, buf);
	if (!sb->seq) {
		r = explain_nothing(&c, why);
		goto out;
	}
	/* The others may be elsewhere, and one of them newer. */
	for (copy = 0; copy < DMR_NR_SUPERS; copy++)
		look_at(env, area, &c, dmr_layout_super(&sb->layout, copy), sb,
			tmp, buf);
	if (count(&c, DMR_NEWER)) {
		r = explain_nothing(&c, why);
		goto out;
	}
	r = check_pairing(area, sb, why);
	if (r)
		goto out;
	/* What was asked for: another size, or a name where there was none. */
	sb->main_sectors = area->main_sectors;
	if (!sb->identity[0])
		strscpy(sb->identity, area->identity, sizeof(sb->identity));
out:
	kvfree(buf);
	kvfree(tmp);
	return r;
}

/*--------------------------------------------------------------------
 * Format
 *--------------------------------------------------------------------
 */

/* Is there a superblock of an area that started where this one starts? */
static bool is_old_super(struct dmr_env *env, const struct dmr_area *area,
			 u64 at, struct dmr_super *tmp, void *buf)
{
	return at < area->avail_blocks &&
	       dmr_meta_read(env, at, 1, buf) == BLK_STS_OK &&
	       dmr_super_decode(tmp, -1, buf) == DMR_OK &&
	       tmp->spare_start == area->spare_start;
}

/*
 * Wipe the superblocks of an earlier area, which may have been longer: they
 * would be found when those of the new one are damaged. What belongs to an area
 * that starts elsewhere is left alone.
 */
static int wipe_old_supers(struct dmr_env *env, const struct dmr_area *area,
			   struct dmr_super *tmp, void *buf)
{
	const u64 at[] = { 0, dmr_layout_middle(area->avail_blocks),
			   area->avail_blocks - 1 };
	u64 old[DMR_NR_SUPERS];
	unsigned int i, copy;
	int r = 0;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		if (!is_old_super(env, area, at[i], tmp, buf))
			continue;
		for (copy = 0; copy < DMR_NR_SUPERS; copy++)
			old[copy] = dmr_layout_super(&tmp->layout, copy);
		/* The one that tells where the others are goes last. */
		for (copy = 0; copy <= DMR_NR_SUPERS && !r; copy++) {
			u64 block = copy < DMR_NR_SUPERS ? old[copy] : at[i];

			if ((block == at[i] && copy < DMR_NR_SUPERS) ||
			    !is_old_super(env, area, block, tmp, buf))
				continue;
			memset(buf, 0, DMR_BLOCK_SIZE);
			if (dmr_meta_write(env, block, 1, buf) != BLK_STS_OK)
				r = -EIO;
		}
	}
	memset(buf, 0, DMR_BLOCK_SIZE);
	return r;
}

static int check_format(const struct dmr_area *area, u64 len,
			struct dmr_layout *layout, struct dmr_why *why)
{
	int r = check_sectors(area, why);

	if (r)
		return r;
	r = len > area->avail_blocks ? -ENOSPC : dmr_layout_init(layout, len);
	if (r) {
		say(why, "spare area of %llu blocks is too %s", len,
		    r == -EFBIG ? "large" : "small");
	} else if (!area->main_sectors || area->main_sectors >
		   DMR_MAX_MAIN_BLOCKS << DMR_BLOCK_SECTOR_SHIFT) {
		say(why, "main device is too %s",
		    area->main_sectors ? "large" : "small");
		r = -EFBIG;
	} else if (!dmr_name_ok(area->identity,
				min_t(size_t, strlen(area->identity) + 1,
				      DMR_IDENTITY_LEN)) ||
		   !dmr_name_ok(area->label,
				min_t(size_t, strlen(area->label) + 1,
				      DMR_LABEL_LEN)) ||
		   (area->options &&
		    !dmr_name_ok(area->options,
				 min_t(size_t, strlen(area->options) + 1,
				       DMR_OPTIONS_LEN)))) {
		say(why, "identity, label, options: up to %u, %u, %u printable characters",
		    DMR_IDENTITY_LEN - 1, DMR_LABEL_LEN - 1,
		    DMR_OPTIONS_LEN - 1);
		r = -EINVAL;
	}
	return r;
}

int dmr_store_format(struct dmr_env *env, const struct dmr_area *area,
		     struct dmr_super *sb, struct dmr_why *why)
{
	u64 len = area->area_blocks ?: area->avail_blocks;
	struct dmr_super *tmp;
	u64 *free_words;
	u8 whole;
	void *buf;
	int r;

	memset(sb, 0, sizeof(*sb));
	r = check_format(area, len, &sb->layout, why);
	if (r)
		return r;
	dmr_env_random(env, sb->uuid, sizeof(sb->uuid));
	sb->seq = 1;
	sb->spare_start = area->spare_start;
	sb->main_sectors = area->main_sectors;
	sb->main_lbs = area->main_lbs;
	sb->main_flags = DMR_MAIN_PLACE;
	sb->main_start = area->main_start;
	strscpy(sb->identity, area->identity, sizeof(sb->identity));
	strscpy(sb->label, area->label, sizeof(sb->label));
	if (area->options)
		strscpy(sb->options, area->options, sizeof(sb->options));
	sb->hwm = min_t(u64, sb->layout.nr_tables, DMR_RUN_BLOCKS);

	buf = kvzalloc(DMR_RUN_BLOCKS * DMR_BLOCK_SIZE, GFP_KERNEL);
	free_words = kvcalloc(DMR_TABLE_ENTRIES, sizeof(u64), GFP_KERNEL);
	tmp = kvzalloc_obj(*tmp);
	if (!buf || !free_words || !tmp) {
		say(why, "out of memory");
		r = -ENOMEM;
		goto out;
	}

	/*
	 * First make the old superblocks go, so that none of an earlier format
	 * is found beside the new table; then the table, then the new ones.
	 */
	r = -EIO;
	if (wipe_old_supers(env, area, tmp, buf) ||
	    dmr_meta_write(env, 0, 1, buf) != BLK_STS_OK ||
	    dmr_meta_write(env, dmr_layout_super(&sb->layout, 1), 1, buf) !=
		    BLK_STS_OK ||
	    dmr_meta_write(env, dmr_layout_super(&sb->layout, 2), 1, buf) !=
		    BLK_STS_OK ||
	    dmr_table_init(env, sb, 0, sb->hwm, 1, free_words, buf) ||
	    dmr_super_write_all(env, sb, buf, &whole))
		say(why, "spare cannot be written to");
	else
		r = 0;
out:
	kvfree(tmp);
	kvfree(free_words);
	kvfree(buf);
	return r;
}
