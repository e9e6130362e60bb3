/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: what the target says about itself, in numbers. Parsing only.
 */
#ifndef DMREMAP_KSTAT_H
#define DMREMAP_KSTAT_H

#include "face/tool.h"

/* The numbers of the status line, in the kernel's order. */
#define KSTAT_NUMBERS(X) \
	X(remappings, "blocks whose data is on the spare") \
	X(partial, "blocks of which only a part is on the spare") \
	X(known_bad, "known bad blocks") \
	X(memory_only, "known bad blocks that are remembered in memory only") \
	X(lost_sectors, "lost sectors") \
	X(slots_used, "slots in use") \
	X(slots_total, "slots of the spare") \
	X(slots_bad, "slots that went bad") \
	X(slots_free, "slots that are free") \
	X(low_water, "free slots below which is low water") \
	X(reads_failed, "reads that a device failed") \
	X(writes_failed, "writes that a device failed") \
	X(absorbed, "blocks whose failed write was absorbed") \
	X(propagated, "errors passed on to the caller") \
	X(rescued, "blocks saved by a retried read") \
	X(evacuated, "blocks moved to the spare on request") \
	X(released, "blocks moved back to the main device") \
	X(replaced, "bad slots that were replaced") \
	X(superblocks, "superblocks that are whole, of 3") \
	X(table_copies, "copies of the slot table that are whole, of 2") \
	X(main_retries, "retries on the main device") \
	X(data_writes, "writes of data to slots") \
	X(metadata_writes, "writes of metadata") \
	X(main_sectors, "sectors of the main device") \
	X(spare_start, "first sector of the spare area") \
	X(spare_length, "sectors of the spare area") \
	X(activations, "times that the spare was activated") \
	X(main_gone, "seconds since the main device is gone, 0 if it is there") \
	X(main_changed, "1 if the main device was written to without its spare") \
	X(passed_on, "errors passed on without a remap since it was opened") \
	X(main_lbs, "logical block size of the main device that was recorded") \
	X(unproven, "blocks that were absorbed without a retry")

struct kstat {
	char mode[16], breaker[16], uuid[40], label[64], identity[128];
	char main_start[24];	/* as recorded, "" if it is not known */
	/* Not from the kernel's status: see kstat_look() in fit.h */
	bool ro_asked, ro_users;
	char differs[400];
#define X(name, help)	u64 name;
	KSTAT_NUMBERS(X)
#undef X
};

struct kstat_number {
	const char *name, *help;
	size_t offset;
};

#define KSTAT_NR	32
extern const struct kstat_number kstat_numbers[KSTAT_NR];

static inline u64 kstat_value(const struct kstat *k, unsigned int i)
{
	return *(const u64 *)((const char *)k + kstat_numbers[i].offset);
}

/* Return: false if mode or the number of slots is missing or garbage. */
bool kstat_parse(struct kstat *k, const char *line);

/* How bad is it, and why, in sentences ("; " between them; "" if fine)? */
enum health kstat_health(const struct kstat *k, const char *name, char *why,
			 size_t size);

/*--------------------------------------------------------------------
 * Why the kernel refused
 *--------------------------------------------------------------------
 */

/* Starts with "" for text; @dev: "254:0" of the device that it is about, if known. */
struct reason {
	char text[400], dev[16];
	/* Private: how grave it is, and of which device */
	int grade;
	char from[16];
};

/*
 * One record of /dev/kmsg after the other, "LEVEL,...;TEXT": of what the module logged
 * of the device, the gravest and last; only if there is none, what device-mapper says of
 * the table, which may be no more than a pointer to that. @record is changed.
 */
void reason_take(struct reason *r, char *record);

/*--------------------------------------------------------------------
 * Blocks, as "list" and "find" name them
 *--------------------------------------------------------------------
 */
struct kblock {
	u64 sector;
	u32 sectors;
	u32 slot;		/* U32_MAX: none */
	u8 valid, lost;
	bool known_bad;		/* all of it; else remapped, perhaps in part */
	bool unproven;		/* absorbed without a retry */
};

/* Its sectors that main still has to give, as a mask. */
static inline u8 kblock_rest(const struct kblock *b)
{
	return ((1 << b->sectors) - 1) & ~(b->valid | b->lost);
}

/* Its sectors that cannot be read, or may not be, as a mask. */
static inline u8 kblock_unsafe(const struct kblock *b)
{
	return kblock_rest(b) | b->lost;
}

struct kblocks {
	struct kblock *b;
	size_t nr;
};

/* The lines of "list"; b->b is to be freed. False if they are not understood. */
bool kblocks_parse(struct kblocks *b, const char *text);

#endif
