// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: the bytes on the spare device.
 */
#include "dm-remap-format.h"

#define DMR_MAGIC	0x0070616d65526d64ULL	/* "dmRemap\0" */

enum dmr_kind {
	DMR_KIND_SUPER = 1,
	DMR_KIND_TABLE = 2,
};

struct dmr_disk_header {
	__le64 magic;
	__le16 kind;
	__le16 version;
	__le32 crc;		/* of the whole block, with this field 0 */
	u8 uuid[16];
	__le64 index;		/* which copy, or which table block */
	__le64 seq;
	u8 reserved[16];
} __packed;

struct dmr_disk_segment {
	__le64 start;
	__le64 len;
} __packed;

struct dmr_disk_stale {
	__le32 first;
	__le32 nr_copy;		/* number << 1 | copy */
} __packed;

struct dmr_disk_print {
	__le64 sector;
	__le32 sectors;
	__le32 hash;
} __packed;

struct dmr_disk_super {
	struct dmr_disk_header header;
	__le32 compat;
	__le32 ro_compat;
	__le32 incompat;
	__le32 main_lbs;
	__le64 main_sectors;
	__le64 spare_start;
	__le64 hwm;
	__le64 activations;
	__le64 nr_segments;
	char identity[DMR_IDENTITY_LEN];
	char label[DMR_LABEL_LEN];
	__le64 counters[16];	/* the ones beyond DMR_NR_COUNTERS are spare */
	struct dmr_disk_segment seg[DMR_MAX_SEGMENTS];
	/* By copy: what is in stale now; read only. */
	struct dmr_disk_segment old_stale[DMR_NR_COPIES];
	__le32 main_flags;
	__le32 nr_prints;
	__le64 main_start;
	struct dmr_disk_print print[DMR_MAX_PRINTS];
	char options[DMR_OPTIONS_LEN];
	__le32 nr_stale;
	struct dmr_disk_stale stale[DMR_MAX_STALE];
	u8 reserved[276];
} __packed;

struct dmr_disk_entry {
	__le64 block;
	u8 state;
	u8 valid;
	u8 lost;
	u8 gen;
	u8 flags;		/* 1: unproven */
	u8 reserved[3];
} __packed;

struct dmr_disk_table {
	struct dmr_disk_header header;
	struct dmr_disk_entry entry[DMR_TABLE_ENTRIES];
} __packed;

static_assert(sizeof(struct dmr_disk_header) == 64);
static_assert(sizeof(struct dmr_disk_super) == DMR_BLOCK_SIZE);
static_assert(sizeof(struct dmr_disk_entry) == 16);
static_assert(sizeof(struct dmr_disk_table) == DMR_BLOCK_SIZE);

/*--------------------------------------------------------------------
 * Layout
 *--------------------------------------------------------------------
 */

int dmr_layout_add(struct dmr_layout *l, u64 area_blocks)
{
	struct dmr_segment *seg = &l->seg[l->nr_segments];
	u64 middle, half[2], slots;

	if (l->nr_segments == DMR_MAX_SEGMENTS)
		return -E2BIG;
	/* Sectors of the area must be countable in 64 bits. */
	if (area_blocks >> (64 - DMR_BLOCK_SHIFT))
		return -EFBIG;
	if (area_blocks < l->area_blocks + DMR_MIN_AREA_BLOCKS)
		return -ENOSPC;

	seg->start = l->area_blocks;
	seg->len = area_blocks - l->area_blocks;
	middle = seg->start + seg->len / 2;
	half[0] = middle - (seg->start + 1);
	half[1] = area_blocks - 1 - (middle + 1);

	/*
	 * n blocks hold t tables twice, and what the tables describe. One or
	 * two blocks left over are not worth a table block: they stay unused.
	 */
	seg->nr_tables = div_u64(half[0] + half[1] + DMR_TABLE_ENTRIES - 1,
				 DMR_TABLE_ENTRIES + 2);
	seg->run_len[0] = half[0] - seg->nr_tables;
	seg->run_len[1] = min_t(u64, half[1] - seg->nr_tables,
				seg->nr_tables * DMR_TABLE_ENTRIES -
				seg->run_len[0]);
	slots = seg->run_len[0] + seg->run_len[1];
	if ((l->nr_tables + seg->nr_tables) * DMR_TABLE_ENTRIES >=
	    DMR_VIRTUAL_SLOT)
		return -EFBIG;

	seg->table[0] = seg->start + 1;
	seg->run[0] = seg->table[0] + seg->nr_tables;
	seg->table[1] = middle + 1;
	seg->run[1] = seg->table[1] + seg->nr_tables;
	seg->nr_slots = slots;
	seg->first_table = l->nr_tables;

	l->area_blocks = area_blocks;
	l->nr_slots += slots;
	l->nr_tables += seg->nr_tables;
	l->nr_segments++;
	return 0;
}

int dmr_layout_init(struct dmr_layout *l, u64 area_blocks)
{
	memset(l, 0, sizeof(*l));
	return dmr_layout_add(l, area_blocks);
}

u64 dmr_layout_super(const struct dmr_layout *l, unsigned int copy)
{
	switch (copy) {
	case 0:
		return 0;
	case 1:
		return dmr_layout_middle(l->seg[0].len);
	default:
		return l->area_blocks - 1;
	}
}

static const struct dmr_segment *table_segment(const struct dmr_layout *l,
					       u64 table)
{
	const struct dmr_segment *seg = l->seg;

	while (table >= seg->first_table + seg->nr_tables)
		seg++;
	return seg;
}

u64 dmr_layout_table(const struct dmr_layout *l, unsigned int copy, u64 table)
{
	const struct dmr_segment *seg = table_segment(l, table);

	return seg->table[copy] + (table - seg->first_table);
}

u64 dmr_layout_run(const struct dmr_layout *l, u64 table)
{
	const struct dmr_segment *seg = table_segment(l, table);

	return seg->first_table + seg->nr_tables - table;
}

unsigned int dmr_layout_entries(const struct dmr_layout *l, u64 table)
{
	const struct dmr_segment *seg = table_segment(l, table);
	u64 before = (table - seg->first_table) * DMR_TABLE_ENTRIES;

	return min_t(u64, seg->nr_slots - before, DMR_TABLE_ENTRIES);
}

u64 dmr_layout_slot(const struct dmr_layout *l, u32 slot)
{
	const struct dmr_segment *seg = l->seg;
	u64 n = slot;

	while (n >= seg->nr_tables * DMR_TABLE_ENTRIES) {
		n -= seg->nr_tables * DMR_TABLE_ENTRIES;
		seg++;
	}
	if (n < seg->run_len[0])
		return seg->run[0] + n;
	return seg->run[1] + (n - seg->run_len[0]);
}

/*--------------------------------------------------------------------
 * What all metadata blocks have in common
 *--------------------------------------------------------------------
 */

static u32 block_crc(const void *block)
{
	static const u8 zero[sizeof(__le32)];
	const size_t at = offsetof(struct dmr_disk_header, crc);
	const size_t behind = at + sizeof(zero);
	u32 crc;

	crc = crc32c(~0U, block, at);
	crc = crc32c(crc, zero, sizeof(zero));
	return ~crc32c(crc, block + behind, DMR_BLOCK_SIZE - behind);
}

static void header_encode(struct dmr_disk_header *h, enum dmr_kind kind,
			  const u8 *uuid, u64 index, u64 seq)
{
	h->magic = cpu_to_le64(DMR_MAGIC);
	h->kind = cpu_to_le16(kind);
	h->version = cpu_to_le16(DMR_VERSION);
	memcpy(h->uuid, uuid, sizeof(h->uuid));
	h->index = cpu_to_le64(index);
	h->seq = cpu_to_le64(seq);
	h->crc = cpu_to_le32(block_crc(h));
}

static enum dmr_verdict header_decode(const struct dmr_disk_header *h,
				      enum dmr_kind kind)
{
	if (h->magic != cpu_to_le64(DMR_MAGIC)) {
		if (memchr_inv(h, 0, DMR_BLOCK_SIZE))
			return DMR_FOREIGN;
		return DMR_BLANK;
	}
	if (le32_to_cpu(h->crc) != block_crc(h))
		return DMR_DAMAGED;
	if (le16_to_cpu(h->version) > DMR_VERSION)
		return DMR_NEWER;
	if (le16_to_cpu(h->version) != DMR_VERSION ||
	    le16_to_cpu(h->kind) != kind ||
	    le64_to_cpu(h->seq) >= DMR_SEQ_END)
		return DMR_DAMAGED;
	return DMR_OK;
}

unsigned int dmr_block_version(const void *block)
{
	const struct dmr_disk_header *h = block;

	return le16_to_cpu(h->version);
}

bool dmr_name_ok(const char *s, size_t size)
{
	size_t len = strnlen(s, size);
	size_t i;

	if (len == size)
		return false;
	for (i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

/*--------------------------------------------------------------------
 * Superblock
 *--------------------------------------------------------------------
 */

void dmr_super_encode(const struct dmr_super *sb, unsigned int copy, void *block)
{
	struct dmr_disk_super *d = block;
	unsigned int i;

	memset(d, 0, sizeof(*d));
	d->compat = cpu_to_le32(sb->compat);
	d->ro_compat = cpu_to_le32(sb->ro_compat);
	/* An older version must not believe them. */
	d->incompat = cpu_to_le32(sb->incompat |
				  (sb->nr_stale ? DMR_INCOMPAT_STALE : 0));
	d->main_lbs = cpu_to_le32(sb->main_lbs);
	d->main_sectors = cpu_to_le64(sb->main_sectors);
	d->spare_start = cpu_to_le64(sb->spare_start);
	d->hwm = cpu_to_le64(sb->hwm);
	d->activations = cpu_to_le64(sb->activations);
	memcpy(d->identity, sb->identity, sizeof(d->identity));
	memcpy(d->label, sb->label, sizeof(d->label));
	memcpy(d->options, sb->options, sizeof(d->options));
	for (i = 0; i < DMR_NR_COUNTERS; i++)
		d->counters[i] = cpu_to_le64(sb->counters[i]);
	d->nr_stale = cpu_to_le32(sb->nr_stale);
	for (i = 0; i < sb->nr_stale; i++) {
		d->stale[i].first = cpu_to_le32(sb->stale[i].first);
		d->stale[i].nr_copy = cpu_to_le32(sb->stale[i].nr << 1 |
						  sb->stale[i].copy);
	}
	d->main_flags = cpu_to_le32(sb->main_flags);
	d->main_start = cpu_to_le64(sb->main_start);
	d->nr_prints = cpu_to_le32(sb->nr_prints);
	for (i = 0; i < sb->nr_prints; i++) {
		d->print[i].sector = cpu_to_le64(sb->print[i].sector);
		d->print[i].sectors = cpu_to_le32(sb->print[i].sectors);
		d->print[i].hash = cpu_to_le32(sb->print[i].hash);
	}
	d->nr_segments = cpu_to_le64(sb->layout.nr_segments);
	for (i = 0; i < sb->layout.nr_segments; i++) {
		d->seg[i].start = cpu_to_le64(sb->layout.seg[i].start);
		d->seg[i].len = cpu_to_le64(sb->layout.seg[i].len);
	}
	header_encode(&d->header, DMR_KIND_SUPER, sb->uuid, copy, sb->seq);
}

static bool layout_decode(struct dmr_layout *l, const struct dmr_disk_super *d)
{
	u64 i, len, nr = le64_to_cpu(d->nr_segments);

	if (!nr || nr > DMR_MAX_SEGMENTS)
		return false;
	memset(l, 0, sizeof(*l));
	for (i = 0; i < nr; i++) {
		len = le64_to_cpu(d->seg[i].len);
		if (le64_to_cpu(d->seg[i].start) != l->area_blocks ||
		    len > U64_MAX - l->area_blocks ||
		    dmr_layout_add(l, l->area_blocks + len))
			return false;
	}
	return true;
}

static bool stale_decode(struct dmr_super *sb, const struct dmr_disk_super *d)
{
	u64 tables = sb->layout.nr_tables, first, nr;
	u32 i;

	sb->nr_stale = le32_to_cpu(d->nr_stale);
	if (sb->nr_stale > DMR_MAX_STALE)
		return false;
	for (i = 0; i < sb->nr_stale; i++) {
		struct dmr_stale *s = &sb->stale[i];

		s->first = le32_to_cpu(d->stale[i].first);
		s->nr = le32_to_cpu(d->stale[i].nr_copy) >> 1;
		s->copy = le32_to_cpu(d->stale[i].nr_copy) & 1;
		if (s->first >= tables || s->nr > tables - s->first)
			return false;
	}
	for (i = 0; i < DMR_NR_COPIES; i++) {
		first = le64_to_cpu(d->old_stale[i].start);
		nr = le64_to_cpu(d->old_stale[i].len);
		if (!nr || first >= tables)
			continue;
		if (sb->nr_stale == DMR_MAX_STALE)
			return false;
		sb->stale[sb->nr_stale++] = (struct dmr_stale) {
			.copy = i,
			.first = first,
			.nr = min_t(u64, nr, tables - first),
		};
	}
	return true;
}

/* Nothing depends on them: those that make no sense are left out. */
static void prints_decode(struct dmr_super *sb, const struct dmr_disk_super *d)
{
	u32 i, nr = min_t(u32, le32_to_cpu(d->nr_prints), DMR_MAX_PRINTS);

	for (i = 0; i < nr; i++) {
		struct dmr_print *p = &sb->print[sb->nr_prints];

		p->sector = le64_to_cpu(d->print[i].sector);
		p->sectors = le32_to_cpu(d->print[i].sectors);
		p->hash = le32_to_cpu(d->print[i].hash);
		if (p->sectors && p->sectors <= DMR_MAX_PRINT_SECTORS &&
		    p->sector < sb->main_sectors &&
		    p->sectors <= sb->main_sectors - p->sector)
			sb->nr_prints++;
	}
}

enum dmr_verdict dmr_super_decode(struct dmr_super *sb, int copy,
				  const void *block)
{
	const struct dmr_disk_super *d = block;
	enum dmr_verdict verdict = header_decode(&d->header, DMR_KIND_SUPER);
	u64 end;
	unsigned int i;

	if (verdict != DMR_OK)
		return verdict;
	if (le64_to_cpu(d->header.index) >= DMR_NR_SUPERS ||
	    (copy >= 0 && le64_to_cpu(d->header.index) != (u64)copy))
		return DMR_DAMAGED;

	memset(sb, 0, sizeof(*sb));
	memcpy(sb->uuid, d->header.uuid, sizeof(sb->uuid));
	sb->seq = le64_to_cpu(d->header.seq);
	sb->compat = le32_to_cpu(d->compat);
	sb->ro_compat = le32_to_cpu(d->ro_compat);
	sb->incompat = le32_to_cpu(d->incompat) & ~DMR_INCOMPAT_STALE;
	sb->main_lbs = le32_to_cpu(d->main_lbs);
	sb->main_sectors = le64_to_cpu(d->main_sectors);
	sb->spare_start = le64_to_cpu(d->spare_start);
	sb->hwm = le64_to_cpu(d->hwm);
	sb->activations = le64_to_cpu(d->activations);
	memcpy(sb->identity, d->identity, sizeof(sb->identity));
	memcpy(sb->label, d->label, sizeof(sb->label));
	/* Not worth refusing a spare for. */
	if (dmr_name_ok(d->options, sizeof(d->options)))
		strscpy(sb->options, d->options, sizeof(sb->options));
	for (i = 0; i < DMR_NR_COUNTERS; i++)
		sb->counters[i] = le64_to_cpu(d->counters[i]);
	sb->main_flags = le32_to_cpu(d->main_flags);
	sb->main_start = le64_to_cpu(d->main_start);
	prints_decode(sb, d);

	if (!layout_decode(&sb->layout, d) || !stale_decode(sb, d) ||
	    check_add_overflow(sb->spare_start,
			       sb->layout.area_blocks << DMR_BLOCK_SECTOR_SHIFT,
			       &end) ||
	    sb->hwm > sb->layout.nr_tables ||
	    !sb->seq || !sb->main_sectors ||
	    sb->main_sectors > DMR_MAX_MAIN_BLOCKS << DMR_BLOCK_SECTOR_SHIFT ||
	    !dmr_name_ok(sb->identity, sizeof(sb->identity)) ||
	    !dmr_name_ok(sb->label, sizeof(sb->label)))
		return DMR_DAMAGED;
	return DMR_OK;
}

unsigned int dmr_super_hints(const void *block, u64 at[DMR_NR_SUPERS])
{
	const struct dmr_disk_super *d = block;
	u64 nr = le64_to_cpu(d->nr_segments);
	unsigned int n = 0;

	if (d->header.magic != cpu_to_le64(DMR_MAGIC) ||
	    le16_to_cpu(d->header.kind) != DMR_KIND_SUPER)
		return 0;
	at[n++] = dmr_layout_middle(le64_to_cpu(d->seg[0].len));
	/* The last segment's sector may be older than the number of them. */
	for (; nr && nr <= DMR_MAX_SEGMENTS && n < DMR_NR_SUPERS; nr--)
		at[n++] = le64_to_cpu(d->seg[nr - 1].start) +
			  le64_to_cpu(d->seg[nr - 1].len) - 1;
	return n;
}

/*--------------------------------------------------------------------
 * Slot table
 *--------------------------------------------------------------------
 */

void dmr_table_encode(const u8 *uuid, u64 table, u64 seq, const u64 *words,
		      void *block)
{
	struct dmr_disk_table *d = block;
	unsigned int i;

	memset(d, 0, sizeof(*d));
	for (i = 0; i < DMR_TABLE_ENTRIES; i++) {
		struct dmr_disk_entry *e = &d->entry[i];

		if (dmr_word_state(words[i]) == DMR_TAKEN)
			continue;
		e->block = cpu_to_le64(dmr_word_block(words[i]));
		e->state = dmr_word_state(words[i]);
		e->valid = dmr_word_valid(words[i]);
		e->lost = dmr_word_lost(words[i]);
		e->gen = dmr_word_gen(words[i]);
		e->flags = !!(words[i] & DMR_WORD_UNPROVEN);
	}
	header_encode(&d->header, DMR_KIND_TABLE, uuid, table, seq);
}

u64 dmr_word_doubt(u64 a, u64 b)
{
	u64 live = dmr_word_state(a) == DMR_LIVE ? a : b;
	u8 valid = dmr_word_valid(a) & dmr_word_valid(b);
	u8 any = dmr_word_valid(a) | dmr_word_lost(a) |
		 dmr_word_valid(b) | dmr_word_lost(b);

	return dmr_word(dmr_word_block(live), DMR_LIVE, valid, any & ~valid,
			dmr_word_gen(live)) | (live & DMR_WORD_UNPROVEN);
}

static bool entry_decode(const struct dmr_disk_entry *e, u64 main_blocks,
			 u64 *word)
{
	u64 block = le64_to_cpu(e->block);

	if (e->flags > 1 || memchr_inv(e->reserved, 0, sizeof(e->reserved)))
		return false;
	switch (e->state) {
	case DMR_FREE:
	case DMR_BAD:
		if (block || e->valid || e->lost || e->gen || e->flags)
			return false;
		break;
	case DMR_LIVE:
		if (block >= main_blocks || (e->valid & e->lost))
			return false;
		break;
	default:
		return false;
	}
	*word = dmr_word(block, e->state, e->valid, e->lost, e->gen) |
		(e->flags ? DMR_WORD_UNPROVEN : 0);
	return true;
}

enum dmr_verdict dmr_table_decode(const u8 *uuid, u64 table, u64 main_blocks,
				  unsigned int nr_entries, const void *block,
				  u64 *seq, u64 *words)
{
	const struct dmr_disk_table *d = block;
	enum dmr_verdict verdict = header_decode(&d->header, DMR_KIND_TABLE);
	unsigned int i;

	if (verdict != DMR_OK)
		return verdict;
	if (memcmp(d->header.uuid, uuid, sizeof(d->header.uuid)))
		return DMR_FOREIGN;
	if (le64_to_cpu(d->header.index) != table)
		return DMR_DAMAGED;
	for (i = 0; i < DMR_TABLE_ENTRIES; i++) {
		if (!entry_decode(&d->entry[i], main_blocks, &words[i]))
			return DMR_DAMAGED;
		if (i >= nr_entries && dmr_word_state(words[i]) != DMR_FREE)
			return DMR_DAMAGED;
	}
	*seq = le64_to_cpu(d->header.seq);
	return DMR_OK;
}
