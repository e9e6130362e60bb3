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

# The first block of a spare was overwritten: the others bring it back, asked for.
t_first_block() {
	local before what
	worn
	dmremap dump $M/lab-spare | jq 'del(.sequence)' >one.json
	for what in garbage partitions swap; do
		case $what in
		garbage) damage 0 ;;
		partitions) sgdisk -a 8 -n 1:2048:8191 $M/lab-spare >/dev/null ;;
		swap) mkswap -q $M/lab-spare ;;
		esac
		before=$(sum "$(img spare)")
		expect 0 'missing (something else is there)\|damaged' dmremap inspect $M/lab-spare
		if [ $what = garbage ]; then
			expect 0 'can be opened' dmremap scan
		else
			refused 2 "overwritten.*dmremap repair" dmremap assemble lab
			refused 2 "overwritten.*dmremap repair" dmremap open lab $M/lab-spare
			expect 0 "overwritten.*dmremap repair" dmremap scan
			refused 2 'holds .*--force' dmremap repair $M/lab-spare --yes
			refused 4 'nobody to ask' dmremap repair $M/lab-spare
		fi
		[ "$(sum "$(img spare)")" = "$before" ]
		expect 0 'repaired' dmremap repair $M/lab-spare --yes --force
		expect 0 'whole' dmremap check $M/lab-spare --data
		dmremap dump $M/lab-spare | jq 'del(.sequence)' | cmp - one.json
	done
	expect 0 "$M/lab" dmremap assemble lab
	[ "$(value superblocks)" = 3/3 ]
	# In use as something else
	dmremap close lab
	mkswap -q $M/lab-spare
	swapon $M/lab-spare
	refused 2 'is in use: used as swap' dmremap repair $M/lab-spare --yes --force
	swapoff $M/lab-spare
}

# A dump is kept at each change of layout, for root alone, and the last ten of each spare.
t_archive() {
	local a=$DMREMAP_STATE/archive uuid i
	kept() { dmremap restore --list | grep -c "$1" || true; }
	pair
	uuid=$(dmremap inspect $M/lab-spare --json | jq -r .uuid)
	[ "$(stat -c %a "$a"/*.json | sort -u)" = 600 ]
	[ "$(stat -c %a "$a")" = 700 ]
	same_kept 1 "after 'create'"
	# One that is not empty, of a layout that has changed
	dmremap lab hurt --at 800+400 --kind write >/dev/null
	random $M/lab 2
	dmremap lab create two --ram --size 16M --spare-size 32M --bad 0 >/dev/null
	dmremap replace lab $M/two-spare --yes --size 8M >/dev/null
	same_kept 1 "before 'replace'"
	same_kept 1 "after 'replace'"
	dmremap grow lab --size 16M --yes >/dev/null
	same_kept 1 "after 'grow'"
	ls "$a"
	dmremap close lab
	# All three superblocks are gone: what was kept brings the spare back.
	dmremap dump $M/two-spare | jq -cS 'del(.sequence, .activations, .counters, .main_flags)' >before.json
	for i in 0 1024 4095; do
		dd if=/dev/zero of=$M/two-spare bs=4k seek=$i count=1 oflag=direct conv=notrunc status=none
	done
	refused 2 "no spare area.*dmremap restore" dmremap inspect $M/two-spare
	i=$(printf '%s\n' "$a/$uuid"_*.json | tail -n 1)
	# What was remapped since would be forgotten.
	jq -c '.entries = []' "$i" >empty.json
	expect 0 'WARNING: .* have changed since' dmremap restore $M/two-spare empty.json --dry-run
	expect 0 'restored' dmremap restore $M/two-spare empty.json --keep-table --yes
	dmremap dump $M/two-spare | jq -cS 'del(.sequence, .activations, .counters, .main_flags)' | cmp - before.json
	refused 2 'dmremap repair' dmremap restore $M/two-spare "$i" --keep-table --yes
	expect 0 "$M/lab" dmremap assemble lab
	dmremap close lab
	for ((i = 0; i < 12; i++)); do
		dmremap dump $M/two-spare >now.json
		dmremap restore $M/two-spare now.json --yes >/dev/null
	done
	[ "$(printf '%s\n' "$a/$uuid"_*.json | wc -l)" = 10 ]
	same_kept 10 "before 'restore'"
	# A slot table with a hole is not taken.
	for i in 0 1024 4095 1 1025; do
		dd if=/dev/zero of=$M/two-spare bs=4k seek=$i count=1 oflag=direct conv=notrunc status=none
	done
	refused 2 'no valid copy of block 0; nothing was changed' dmremap restore $M/two-spare now.json --keep-table --yes
	# Where it cannot be kept, the work is done all the same.
	rm -rf "$DMREMAP_STATE"
	: >"$DMREMAP_STATE"
	expect 0 'note: no copy of the metadata .* was kept' dmremap create two $M/two-main $M/two-spare --yes --force
	rm "$DMREMAP_STATE"
}
same_kept() {
	[ "$(kept "$2")" = "$1" ] || { dmremap restore --list; echo "not $1 dumps $2" >&2; return 1; }
}

# What repair and restore could not make durable is told, and is never taken for a spare that is whole.
t_flush_fails() {
	local n s
	pair
	dmremap evacuate lab 800+800 >/dev/null
	dmremap close lab
	dd if=$M/lab-spare of=whole bs=1M iflag=direct status=none
	dmremap dump whole --output dump
	# One copy of each: there is something to do.
	cp whole hurt
	dd if=/dev/zero of=hurt bs=4k seek=4095 count=1 conv=notrunc status=none
	dd if=/dev/zero of=hurt bs=4k seek=1 count=1 conv=notrunc status=none
	expect 1 repairable dmremap check hurt
	for ((n = 1; n < 60; n++)); do
		cp hurt image
		s=0
		FLUSH_FAILS_AT=$n FLUSH_LOG=$T/flushes LD_PRELOAD=$top/build/tool/flush.so /run/dmremap repair image >out 2>err || s=$?
		grep -q repeated=0 flushes
		grep -q failed=1 flushes || break
		# What was lost was written again, or it is an error.
		if [ $s = 0 ]; then
			expect 0 whole dmremap check image
		else
			[ $s = 3 ]
			not grep 'repaired$' out
			grep 'not everything could be written\|spare cannot be flushed' err
		fi
		[ "$(dmremap dump image | jq -c .entries)" = "$(jq -c .entries dump)" ]
	done
	[ $n -gt 3 ]
	[ $s = 0 ]
	for ((n = 1; n < 60; n++)); do
		cp hurt image
		s=0
		FLUSH_FAILS_AT=$n FLUSH_LOG=$T/flushes LD_PRELOAD=$top/build/tool/flush.so /run/dmremap restore image dump --yes --force >out 2>err || s=$?
		grep -q repeated=0 flushes
		grep -q failed=1 flushes || break
		[ $s = 3 ]
		[ ! -s out ]
		grep 'cannot be written to' err
		expect 2 'no spare area' dmremap inspect image
	done
	[ $n -gt 3 ]
	[ $s = 0 ]
	dmremap dump image | cmp - dump
}
