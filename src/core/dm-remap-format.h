/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: the bytes on the spare device.
 *
 * This room encodes, decodes and validates. It does no I/O, allocates
 * nothing, takes no lock and may be called from any context. It is the only
 * place that knows the on-disk format; the module, the tool, the simulator and
 * the fuzzers are all built from it.
 *
 * A spare area is an array of 4 KiB blocks, made of one or more segments (one
 * for each time the area was grown). Every segment is laid out alike:
 *
 *   [S] [table copy A] [slots ...] [S] [table copy B] [slots ...] [S]
 *
 * S are blocks kept for superblocks. Three of them are in use: the first and
 * the middle one of the first segment, and the last one of the last segment.
 * Slots have the number of the entry that describes them: entry e of table
 * block t belongs to slot t * 252 + e. Where a segment's last table block has
 * more entries than there are slots left, those numbers name nothing.
 *
 * All integers on disk are little-endian. Each metadata block starts with the
 * same header and is covered by a CRC32C (Castagnoli, as in RFC 3720).
 */
#ifndef DM_REMAP_FORMAT_H
#define DM_REMAP_FORMAT_H

#include "dm-remap-env.h"

#define DMR_BLOCK_SIZE		4096
#define DMR_BLOCK_SHIFT		12
#define DMR_BLOCK_SECTORS	8
#define DMR_BLOCK_SECTOR_SHIFT	3

#define DMR_VERSION		1
#define DMR_NR_SUPERS		3
#define DMR_NR_COPIES		2
#define DMR_MAX_SEGMENTS	32
#define DMR_TABLE_ENTRIES	252
#define DMR_MIN_AREA_BLOCKS	16
#define DMR_IDENTITY_LEN	128	/* with the terminating NUL */
#define DMR_LABEL_LEN		64	/* with the terminating NUL */
#define DMR_OPTIONS_LEN		256	/* with the terminating NUL */
#define DMR_MAX_STALE		192	/* runs of stale table blocks */
#define DMR_MAX_PRINTS		64
#define DMR_MAX_PRINT_SECTORS	128

/*
 * Sequence numbers are below this. A forged one may be just below, and what it is
 * on is used all the same, but nothing is written that could not be numbered.
 */
#define DMR_SEQ_END		BIT_ULL(62)
/* The main device may have 2^36 blocks (256 TiB); an entry's word says so. */
#define DMR_MAX_MAIN_BLOCKS	BIT_ULL(36)
/* Slot numbers from here on name blocks remembered in memory only. */
#define DMR_VIRTUAL_SLOT	0xc0000000U
#define DMR_NO_SLOT		0xffffffffU

/* Features that this code knows, by what an unknown one forbids. */
#define DMR_COMPAT_KNOWN	0	/* unknown: harmless */
#define DMR_RO_COMPAT_KNOWN	0	/* unknown: only mode ro */
/* Entries may be unproven. Set with the first one. */
#define DMR_INCOMPAT_UNPROVEN	1U
/* Some table blocks are stale, see struct dmr_stale. Set while there are any. */
#define DMR_INCOMPAT_STALE	2U
/* unknown: refused */
#define DMR_INCOMPAT_KNOWN	(DMR_INCOMPAT_UNPROVEN | DMR_INCOMPAT_STALE)

/*--------------------------------------------------------------------
 * Words: one entry of the slot table as the CPU sees it
 *
 * An entry fits into 64 bits, so that readers without a lock always see one
 * whole version of it. Bits 0-35 logical block, 36-43 valid mask, 44-51 lost
 * mask, 52-53 state, 54 busy (memory only), 55-62 generation, 63 unproven.
 *
 * valid: sectors whose data is in the slot. lost: sectors whose only good
 * copy was lost. Sectors in neither mask are on the main device. A known-bad
 * block is a live entry with both masks empty.
 *
 * generation: counts the slots that a block has had since it was first
 * remapped, modulo 256. When a crash leaves two live entries for one block the
 * later generation (serial number arithmetic, RFC 1982) is the one that
 * counts.
 *--------------------------------------------------------------------
 */
enum dmr_state {
	DMR_FREE = 0,
	DMR_LIVE = 1,
	DMR_BAD = 2,
	DMR_TAKEN = 3,	/* memory only: handed out, and not published yet; on disk it is free */
};

#define DMR_WORD_BUSY	BIT_ULL(54)
/* The block was absorbed without a retry on main, so main may be good there. */
#define DMR_WORD_UNPROVEN	BIT_ULL(63)

static inline u64 dmr_word(u64 block, enum dmr_state state, u8 valid, u8 lost,
			   u8 gen)
{
	return block | (u64)valid << 36 | (u64)lost << 44 | (u64)state << 52 |
	       (u64)gen << 55;
}

static inline u64 dmr_word_block(u64 w)
{
	return w & (DMR_MAX_MAIN_BLOCKS - 1);
}

static inline u8 dmr_word_valid(u64 w)
{
	return w >> 36;
}

static inline u8 dmr_word_lost(u64 w)
{
	return w >> 44;
}

static inline enum dmr_state dmr_word_state(u64 w)
{
	return (w >> 52) & 3;
}

static inline u8 dmr_word_gen(u64 w)
{
	return w >> 55;
}

/*
 * What is certain when nobody knows which of two versions of a slot's entry counts, one
 * of which is live: sectors that one of them alone places on the spare are neither read
 * there nor on main.
 */
u64 dmr_word_doubt(u64 a, u64 b);

/* Is @a the later of two generations of one block? */
static inline bool dmr_gen_after(u8 a, u8 b)
{
	return (s8)(a - b) > 0;
}

/*--------------------------------------------------------------------
 * Layout: where things are in the area
 *--------------------------------------------------------------------
 */
struct dmr_segment {
	u64 start;		/* first block in the area */
	u64 len;		/* blocks */
	/* The rest follows from the two above. */
	u32 nr_slots;
	u64 first_table;	/* number of the segment's first table block */
	u64 nr_tables;
	u64 table[DMR_NR_COPIES];	/* where the two copies start */
	u64 run[2];		/* where the two runs of slots start */
	u64 run_len[2];
};

struct dmr_layout {
	u64 area_blocks;
	u32 nr_slots;		/* in all segments */
	u64 nr_tables;
	u32 nr_segments;
	struct dmr_segment seg[DMR_MAX_SEGMENTS];
};

/**
 * dmr_layout_init() - lay out a new area of one segment
 * @l: result
 * @area_blocks: length of the area in blocks
 *
 * Return: 0, -ENOSPC if the area is too small to hold a single slot, -EFBIG
 * if it has more slots than a slot number can name.
 */
int dmr_layout_init(struct dmr_layout *l, u64 area_blocks);

/**
 * dmr_layout_add() - append a segment, so that the area ends at @area_blocks
 * @l: layout to extend; unchanged on error
 * @area_blocks: new length of the area in blocks
 *
 * Return: 0, -ENOSPC if the addition is too small to be of use, -EFBIG, or
 * -E2BIG if the area was grown too often.
 */
int dmr_layout_add(struct dmr_layout *l, u64 area_blocks);

/* The block in the area of superblock copy @copy (0 first, 1 middle, 2 last). */
u64 dmr_layout_super(const struct dmr_layout *l, unsigned int copy);
/* The block in the area of copy @copy of table block @table. */
u64 dmr_layout_table(const struct dmr_layout *l, unsigned int copy, u64 table);
/* The block in the area that is slot @slot. */
u64 dmr_layout_slot(const struct dmr_layout *l, u32 slot);
/* The number of slots that table block @table describes. */
unsigned int dmr_layout_entries(const struct dmr_layout *l, u64 table);
/* The number of table blocks after @table in the same segment, itself included. */
u64 dmr_layout_run(const struct dmr_layout *l, u64 table);

/* The middle superblock of an area that has never been grown. */
static inline u64 dmr_layout_middle(u64 area_blocks)
{
	return area_blocks / 2;
}

/*--------------------------------------------------------------------
 * Superblock
 *--------------------------------------------------------------------
 */

/* Lifetime counters, in the order in which they are stored. */
enum dmr_counter {
	DMR_READS_FAILED,	/* reads that a device failed */
	DMR_WRITES_FAILED,	/* writes that a device failed */
	DMR_ABSORBED,		/* failed writes of (a part of) a block that went to a slot */
	DMR_PROPAGATED,		/* errors handed on to the caller */
	DMR_RESCUED,		/* blocks saved by a retried read */
	DMR_EVACUATED,		/* blocks moved to the spare on request */
	DMR_RELEASED,		/* blocks moved back to the main device */
	DMR_REPLACED,		/* slots that went bad and were replaced */
	DMR_NR_COUNTERS,
};

/*
 * A run of stale table blocks: they could not be made the same as those of the other
 * copy when the device was activated. They do not count, whatever they hold: the device
 * has been used with what the other copy says.
 */
struct dmr_stale {
	u8 copy;
	u32 first;
	u32 nr;
};

/* What is known of main. An older version writes zeroes here: nothing is known. */
#define DMR_MAIN_PLACE		1U	/* main_start is known */
#define DMR_MAIN_CHANGED	2U	/* it was written to without its spare */

/* Sectors of main as they were when the device was last closed. */
struct dmr_print {
	u64 sector;
	u32 sectors;		/* 1 to DMR_MAX_PRINT_SECTORS */
	u32 hash;		/* dmr_print_hash() of them */
};

#define DMR_PRINT_HASH	0xcbf29ce484222325ULL	/* to begin with */

/*
 * FNV-1a. No CRC: a superblock that ends in its own CRC32C, as those of ext4, XFS and
 * btrfs do, has the same one whatever is in it.
 */
static inline u64 dmr_print_hash(u64 hash, const void *data, size_t len)
{
	const u8 *p = data;

	while (len--)
		hash = (hash ^ *p++) * 0x100000001b3ULL;
	return hash;
}

static inline u32 dmr_print_fold(u64 hash)
{
	return hash ^ hash >> 32;
}

struct dmr_super {
	u8 uuid[16];
	u64 seq;
	u32 compat;
	u32 ro_compat;
	u32 incompat;
	u64 spare_start;	/* sector of the spare device, as a check */
	u64 hwm;		/* table blocks in use; none beyond is trusted */
	u32 nr_stale;
	struct dmr_stale stale[DMR_MAX_STALE];
	u64 main_sectors;
	u32 main_lbs;		/* logical block size of main, bytes */
	u32 main_flags;
	u64 main_start;		/* sector of its disk at which main starts */
	u32 nr_prints;		/* 0 while it is in use, and after a power cut */
	struct dmr_print print[DMR_MAX_PRINTS];
	char identity[DMR_IDENTITY_LEN];
	char label[DMR_LABEL_LEN];
	char options[DMR_OPTIONS_LEN];	/* how the tool is to open the pair */
	u64 activations;
	u64 counters[DMR_NR_COUNTERS];
	struct dmr_layout layout;
};

/* What a block looks like to dmr_super_decode() and dmr_table_decode(). */
enum dmr_verdict {
	DMR_OK,
	DMR_BLANK,		/* all zeroes */
	DMR_FOREIGN,		/* not metadata of dm-remap */
	DMR_DAMAGED,		/* ours, but checksum or contents are wrong */
	DMR_NEWER,		/* ours, of a format that this code does not know */
};

/**
 * dmr_super_encode() - write copy @copy of a superblock into @block (4 KiB)
 * @sb: the superblock
 * @copy: which of the three
 * @block: result: 4 KiB
 */
void dmr_super_encode(const struct dmr_super *sb, unsigned int copy, void *block);

/**
 * dmr_super_decode() - read and validate a superblock
 * @sb: result, defined only for DMR_OK; its geometry has been validated in
 *      itself, not against the size of any device
 * @copy: which copy this must be, or -1 for any
 * @block: 4 KiB
 *
 * Any bytes may be given.
 * Return: what the block is.
 */
enum dmr_verdict dmr_super_decode(struct dmr_super *sb, int copy,
				  const void *block);

/**
 * dmr_super_hints() - where a damaged superblock says that other copies are
 * @block: 4 KiB, any bytes
 * @at: result: blocks in the area, of which any may be nonsense
 *
 * A write that a power cut has torn leaves each sector of 512 bytes as it was or
 * as it should have become. So the middle copy's place is always there, and that
 * of the last copy before or after the area was grown.
 *
 * Return: how many, 0 if this has never been a superblock.
 */
unsigned int dmr_super_hints(const void *block, u64 at[DMR_NR_SUPERS]);

/* The format version that a block claims; for the message about DMR_NEWER. */
unsigned int dmr_block_version(const void *block);

/* May @s be an identity, a label or options: printable ASCII without spaces? */
bool dmr_name_ok(const char *s, size_t size);

/*--------------------------------------------------------------------
 * Slot table
 *--------------------------------------------------------------------
 */

/**
 * dmr_table_encode() - write table block @table into @block (4 KiB)
 * @uuid: of the spare
 * @table: number of the table block
 * @seq: sequence number of this version of it
 * @words: DMR_TABLE_ENTRIES words
 * @block: result: 4 KiB
 *
 * Both copies of a table block are the same bytes.
 */
void dmr_table_encode(const u8 *uuid, u64 table, u64 seq, const u64 *words,
		      void *block);

/**
 * dmr_table_decode() - read and validate a table block
 * @uuid: which the block must carry
 * @table: number that the block must carry
 * @main_blocks: entries must describe blocks below this
 * @nr_entries: entries from here on must be free
 * @block: 4 KiB, any bytes
 * @seq: result: sequence number
 * @words: result: DMR_TABLE_ENTRIES words
 *
 * Return: what the block is.
 */
enum dmr_verdict dmr_table_decode(const u8 *uuid, u64 table, u64 main_blocks,
				  unsigned int nr_entries, const void *block,
				  u64 *seq, u64 *words);

#endif
