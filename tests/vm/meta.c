// SPDX-License-Identifier: GPL-2.0-only
/*
 * meta: finds and changes what is on a spare device, for the tests. It is
 * built from the module's own format room, so that it cannot disagree with it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* For its private functions: the checksum, and the bytes of a header. */
#include "../../src/core/dm-remap-format.c"

static const char usage_text[] =
"Usage: meta COMMAND DEVICE START ...    (START: sector of the area)\n"
"  super DEV START COPY         sector of superblock COPY, on the device\n"
"  table DEV START COPY TABLE   sector of a table block\n"
"  slot DEV START SLOT          sector of a slot\n"
"  get DEV START NAME           hwm, tables, slots, blocks, seq, activations\n"
"  set DEV START NAME VALUE     compat, ro_compat, incompat, hwm, version,\n"
"                               main_sectors: in all superblocks\n"
"  entry DEV START COPY SLOT    an entry: block state valid lost gen\n";

static int fd;
static u64 area;	/* byte where it starts */
static struct dmr_super sb;
static u8 block[DMR_BLOCK_SIZE] __attribute__((aligned(4096)));

static void fail(const char *what)
{
	fprintf(stderr, "meta: %s\n", what);
	exit(1);
}

static void get_block(u64 nr)
{
	if (pread(fd, block, sizeof(block), area + nr * DMR_BLOCK_SIZE) !=
	    sizeof(block))
		fail("cannot read");
}

static void put_block(u64 nr)
{
	if (pwrite(fd, block, sizeof(block), area + nr * DMR_BLOCK_SIZE) !=
	    sizeof(block))
		fail("cannot write");
}

static u64 sector(u64 nr)
{
	return (area + nr * DMR_BLOCK_SIZE) / 512;
}

static u64 number(char **argv, int i)
{
	char *end;
	u64 n;

	if (!argv[i])
		fail("an argument is missing");
	n = strtoull(argv[i], &end, 0);
	if (*end)
		fail("not a number");
	return n;
}

static u64 get(const char *name)
{
	if (!strcmp(name, "hwm"))
		return sb.hwm;
	if (!strcmp(name, "tables"))
		return sb.layout.nr_tables;
	if (!strcmp(name, "slots"))
		return sb.layout.nr_slots;
	if (!strcmp(name, "blocks"))
		return sb.layout.area_blocks;
	if (!strcmp(name, "seq"))
		return sb.seq;
	if (!strcmp(name, "activations"))
		return sb.activations;
	fail("unknown name");
	return 0;
}

static void set(const char *name, u64 value)
{
	struct dmr_disk_header *h = (struct dmr_disk_header *)block;
	unsigned int copy;

	if (!strcmp(name, "compat"))
		sb.compat = value;
	else if (!strcmp(name, "ro_compat"))
		sb.ro_compat = value;
	else if (!strcmp(name, "incompat"))
		sb.incompat = value;
	else if (!strcmp(name, "hwm"))
		sb.hwm = value;
	else if (!strcmp(name, "main_sectors"))
		sb.main_sectors = value;
	else if (strcmp(name, "version"))
		fail("unknown name");

	for (copy = 0; copy < DMR_NR_SUPERS; copy++) {
		dmr_super_encode(&sb, copy, block);
		if (!strcmp(name, "version")) {
			h->version = cpu_to_le16(value);
			h->crc = cpu_to_le32(block_crc(block));
		}
		put_block(dmr_layout_super(&sb.layout, copy));
	}
}

static void show_entry(unsigned int copy, u32 slot)
{
	u64 seq, words[DMR_TABLE_ENTRIES], w;
	u64 table = slot / DMR_TABLE_ENTRIES;

	get_block(dmr_layout_table(&sb.layout, copy, table));
	if (dmr_table_decode(sb.uuid, table, DMR_MAX_MAIN_BLOCKS,
			     dmr_layout_entries(&sb.layout, table), block, &seq,
			     words) != DMR_OK)
		fail("the table block is not valid");
	w = words[slot % DMR_TABLE_ENTRIES];
	printf("%llu %u 0x%02x 0x%02x %u\n",
	       (unsigned long long)dmr_word_block(w), dmr_word_state(w),
	       dmr_word_valid(w), dmr_word_lost(w), dmr_word_gen(w));
}

int main(int argc, char **argv)
{
	const char *c = argc > 1 ? argv[1] : "";

	if (argc < 5) {
		fputs(usage_text, stderr);
		return 2;
	}
	fd = open(argv[2], O_RDWR | O_DIRECT);
	if (fd < 0)
		fail("cannot open the device");
	area = number(argv, 3) * 512;
	get_block(0);
	if (dmr_super_decode(&sb, 0, block) != DMR_OK)
		fail("there is no superblock");

	if (!strcmp(c, "super"))
		printf("%llu\n", (unsigned long long)
		       sector(dmr_layout_super(&sb.layout, number(argv, 4))));
	else if (!strcmp(c, "table"))
		printf("%llu\n", (unsigned long long)
		       sector(dmr_layout_table(&sb.layout, number(argv, 4),
					       number(argv, 5))));
	else if (!strcmp(c, "slot"))
		printf("%llu\n", (unsigned long long)
		       sector(dmr_layout_slot(&sb.layout, number(argv, 4))));
	else if (!strcmp(c, "get"))
		printf("%llu\n", (unsigned long long)get(argv[4]));
	else if (!strcmp(c, "set"))
		set(argv[4], number(argv, 5));
	else if (!strcmp(c, "entry"))
		show_entry(number(argv, 4), number(argv, 5));
	else
		fail("unknown command");
	fsync(fd);
	return 0;
}
