# shellcheck shell=bash disable=SC2154,SC2086,SC2119
# SPDX-License-Identifier: GPL-2.0
#
# inspect, check, dump, restore, repair.

# A spare with remapped, known bad, half valid and lost content; closed.
worn() {
	pair
	dmremap lab hurt --at 800+400 --kind write >/dev/null
	dmremap lab hurt --at 4001+3 --kind read,write >/dev/null
	random $M/lab 2
	dmremap lab hurt --at 9000+80 --kind read,write >/dev/null
	dmremap scrub lab >/dev/null || [ $? = 6 ]
	dd if=/dev/urandom of=$M/lab bs=512 seek=9001 count=2 oflag=direct status=none
	dmremap close lab
}

t_dump_restore_dump() {
	local n
	worn
	dmremap dump $M/lab-spare --output one.json
	n=$(jq '.entries | length' one.json)
	[ "$n" -gt 55 ]
	refused 4 'nobody to ask' dmremap restore $M/lab-spare one.json
	expect 0 'sound' dmremap restore $M/lab-spare one.json --dry-run
	expect 0 'restored' dmremap restore $M/lab-spare one.json --yes
	dmremap dump $M/lab-spare >two.json
	cmp one.json two.json
	expect 0 'whole' dmremap check $M/lab-spare
	# To a blank file, and with what the kernel makes of it.
	truncate -s 16M blank
	expect 0 'restored' dmremap restore blank one.json --yes
	dmremap dump blank | cmp - one.json
	dmremap open lab $M/lab-spare >/dev/null
	[ "$(dmremap list lab --json | jq length)" = "$n" ]
	refused 2 'open device' dmremap restore $M/lab-spare one.json --yes
	refused 2 'open device' dmremap repair $M/lab-spare
}

t_restore_refuses() {
	local before c
	worn
	dmremap dump $M/lab-spare --output one.json
	before=$(sum "$(img spare)")
	refused 2 'not readable as JSON' dmremap restore $M/lab-spare /etc/passwd --yes
	refused 2 'not readable' dmremap restore $M/lab-spare nonesuch --yes
	for c in '.version=2' '.format="x"' '.uuid="12"' '.entries[0].slot=99999999' '.entries[0].block=999999999' \
		'.entries[0].valid=256' '.entries[0].lost=.entries[0].valid' '.entries[1].slot=.entries[0].slot' \
		'.entries[0].state="odd"' '.segment_blocks=[]' '.segment_blocks=[3]' '.segment_blocks=[9007199254740993]' \
		'.table_blocks_in_use=18' '.main_lbs=3' '.label="a b"' '.entries=7' '.sequence=-1' '.incompat=4' 'del(.counters)'; do
		jq "$c" one.json >bad.json
		refused 2 'nothing was changed' dmremap restore $M/lab-spare bad.json --yes
	done
	truncate -s 1M small
	refused 2 'too small' dmremap restore small one.json --yes
	# What else is there is not overwritten unasked.
	truncate -s 16M other
	mkfs.ext4 -q -F other 2>/dev/null
	c=$(sum other)
	refused 2 'ext4' dmremap restore other one.json --yes
	jq '.uuid="00000000-0000-0000-0000-000000000001"' one.json >two.json
	[ "$(sum other)" = "$c" ]
	expect 0 'restored' dmremap restore other two.json --yes --force
	refused 2 'another spare area' dmremap restore other one.json --yes
	[ "$(sum "$(img spare)")" = "$before" ]
}

# damage BLOCK...: of the spare
damage() {
	local b
	for b; do
		dd if=/dev/urandom of=$M/lab-spare bs=4k seek="$b" count=1 oflag=direct conv=notrunc status=none
	done
}

t_check_and_repair() {
	local before
	worn
	dmremap dump $M/lab-spare --output one.json
	expect 0 'whole' dmremap check $M/lab-spare
	# First superblock, table block 0 of copy A, block 5 of copy B, last superblock.
	damage 0 1 $((2048 + 1 + 5)) 4095
	expect 1 'superblock 1 of 3' dmremap check $M/lab-spare
	expect 1 'superblock 3 of 3' dmremap check $M/lab-spare
	expect 1 'block 0: copy 1' dmremap check $M/lab-spare
	expect 1 'block 5: copy 2' dmremap check $M/lab-spare
	[ "$(dmremap check $M/lab-spare --json | jq '.findings | length')" = 4 ]
	before=$(sum "$(img spare)")
	expect 0 '4 findings would be repaired' dmremap repair $M/lab-spare --dry-run
	[ "$(sum "$(img spare)")" = "$before" ]
	expect 0 'repaired' dmremap repair $M/lab-spare
	expect 0 'whole' dmremap check $M/lab-spare --data
	expect 0 'nothing to repair' dmremap repair $M/lab-spare
	dmremap dump $M/lab-spare | jq 'del(.sequence)' >two.json
	jq 'del(.sequence)' one.json | cmp - two.json
	# Both copies of one block.
	damage 2 $((2048 + 1 + 1))
	before=$(sum "$(img spare)")
	expect 2 'neither copy' dmremap check $M/lab-spare
	expect 2 'cannot be repaired' dmremap repair $M/lab-spare
	[ "$(sum "$(img spare)")" = "$before" ]
	refused 2 'neither copy' dmremap dump $M/lab-spare
	expect 0 'restored' dmremap restore $M/lab-spare one.json --yes
	expect 0 'whole' dmremap check $M/lab-spare --data
}

t_inspect() {
	worn
	expect 0 'today: /dev/mapper/lab-main' dmremap inspect $M/lab-spare
	[ "$(dmremap inspect $M/lab-spare --json | jq -r .label)" = lab ]
	cp "$(img spare)" file
	expect 0 'label          lab' dmremap inspect file
	damage 0 2048 4095
	refused 2 'damaged\|no spare\|not blank' dmremap inspect $M/lab-spare
	expect 3 '' dmremap check $M/lab-spare
	refused 2 'no room' dmremap inspect file --start 16M
	truncate -s 8M file
	refused 2 'truncated' dmremap inspect file
	: >empty
	refused 2 'empty' dmremap inspect empty
	refused 2 'No such file' dmremap inspect nonesuch
	truncate -s 16M zeroes
	refused 2 'no spare area' dmremap inspect zeroes
	# An area shorter than its device: torn, the first superblock still tells where
	# the others are; gone, it does not.
	dmremap lab create two --ram --size 16M --spare-size 4M --bad 0 >/dev/null
	dmremap create two $M/two-main $M/two-spare --yes --size 1M --start 64K >/dev/null
	dmremap close two
	dd if=/dev/urandom of=$M/two-spare bs=512 seek=$((128 + 3)) count=1 oflag=direct status=none conv=notrunc
	expect 0 'damaged' dmremap inspect $M/two-spare --start 64K
	expect 0 'repaired' dmremap repair $M/two-spare --start 64K
	expect 0 'whole' dmremap check $M/two-spare --start 64K
	dd if=/dev/zero of=$M/two-spare bs=64k seek=1 count=1 oflag=direct status=none conv=notrunc
	refused 2 'no spare area' dmremap inspect $M/two-spare --start 64K
	expect 0 'missing (blank)' dmremap inspect $M/two-spare --start 64K --search
	expect 0 'repaired' dmremap repair $M/two-spare --start 64K --search
	expect 0 'whole' dmremap check $M/two-spare --start 64K
}

t_dump_full_disk() {
	worn
	mkdir -p "$T/mnt"
	mount -t tmpfs -o size=8k none "$T/mnt"
	echo old >"$T/mnt/dump"
	refused 3 'No space left' dmremap dump $M/lab-spare --output "$T/mnt/dump"
	[ "$(cat "$T/mnt/dump")" = old ]
	[ "$(ls "$T/mnt")" = dump ]
	# What is no file is written to, and stays what it is.
	refused 3 'No space left' dmremap dump $M/lab-spare --output /dev/full
	[ -c /dev/full ]
	echo x >target
	ln -s target link
	dmremap dump $M/lab-spare --output link
	[ -L link ]
	dmremap dump $M/lab-spare | cmp - target
}
