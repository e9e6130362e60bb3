# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What is on the spare: kept, repaired, refused.

# Write $2 sectors of garbage at sector $1 of the spare.
smash() { dd if=/dev/urandom of="${3:-/dev/spare}" bs=512 seek="$1" count="${2:-8}" oflag=direct status=none; }

# A spare with 300 remapped blocks (two table blocks), taken out of use.
make_used() {
	disk main 16
	disk spare 8
	vmio fill /dev/main 0 32768 1
	bad main 0-2399
	remap /dev/main /dev/spare
	vmio fill "$R" 0 2400 2
	is remappings=300
	dmsetup remove remap
}

# more than 10 000 remaps, of single blocks, over remove and create
t_ten_thousand() {
	local i
	disk main 256
	disk spare 64
	vmio fill /dev/main 0 1024 1
	bad main 16384-98359
	remap /dev/main /dev/spare
	# Not in order, so that slots are not in the order of blocks.
	vmio fill "$R" 60000 38360 2
	vmio fill "$R" 16384 43616 2
	is remappings=10247 slots_used=10247 lost_sectors=0 propagated=0
	dmsetup remove remap
	remap /dev/main /dev/spare
	is remappings=10247 slots_used=10247 superblocks=3/3 table_copies=2/2
	drop_caches
	vmio check "$R" 16384 81976 2
	# And new ones do not fall on slots that are in use.
	bad main 120000-120799
	vmio fill "$R" 120000 800 3
	is remappings=10347
	vmio check "$R" 16384 81976 2
	vmio check "$R" 120000 800 3
	[ "$(ask list | wc -l)" = 10347 ] || fail "list is not complete"
}

# one copy of everything, smashed or not to be read: all is served and repaired
t_one_copy() {
	local copy how table at supers=() 
	make_used
	for how in smashed unreadable; do
		for copy in 0 1; do
			log_mark
			for table in 0 1 2 3; do
				at=$(meta table /dev/spare 0 $copy $table)
				[ $how = smashed ] || bad spare "$at-$((at + 7))"
				[ $how = unreadable ] || smash "$at"
			done
			# Of the three superblocks, all but one.
			for at in $(meta super /dev/spare 0 0) $(meta super /dev/spare 0 $((1 + copy))); do
				supers+=("$at")
			done
			for at in "${supers[@]}"; do
				[ $how = unreadable ] || smash "$at"
			done
			supers=()
			remap /dev/main /dev/spare
			vmio check "$R" 0 2400 2
			if [ $how = smashed ]; then
				is mode=rw superblocks=3/3 table_copies=2/2 remappings=300
				logged "repaired from their other copy"
			else
				# It cannot be repaired, so nothing more is put at risk.
				is mode=ro remappings=300
				[[ $(field table_copies) == 1/2 ]] || fail "$(ask status)"
			fi
			dmsetup remove remap
			good spare 0-16383
			[ $how = smashed ] || { remap /dev/main /dev/spare; is mode=rw; dmsetup remove remap; }
		done
	done
	# The repair was one: what is on each copy serves alone.
	remap /dev/main /dev/spare
	vmio check "$R" 0 2400 2
	is mode=rw superblocks=3/3 table_copies=2/2 remappings=300
}

# flip DEVICE BYTE: change one bit
flip() {
	local byte

	dd if="$1" bs=512 skip=$(($2 / 512)) count=1 iflag=direct status=none of=sector
	byte=$(dd if=sector bs=1 skip=$(($2 % 512)) count=1 status=none | od -An -tu1)
	printf '%b' "\\x$(printf %x $((byte ^ 1)))" |
		dd of=sector bs=1 seek=$(($2 % 512)) conv=notrunc status=none
	dd if=sector of="$1" bs=512 seek=$(($2 / 512)) count=1 oflag=direct status=none
}

# a single flipped bit is found by the checksum: in the number of a block in the
# table, and in a superblock's mark of how far the table goes
t_flipped_bit() {
	local at
	make_used
	for at in $(($(meta table /dev/spare 0 0 1) * 512 + 64 + 10 * 16)) \
		$(($(meta super /dev/spare 0 0) * 512 + 96)); do
		flip /dev/spare "$at"
		remap /dev/main /dev/spare
		vmio check "$R" 0 2400 2
		is superblocks=3/3 table_copies=2/2 remappings=300
		dmsetup remove remap
	done
}

# both copies: a clear refusal, and nothing is written over what is there
t_both_copies() {
	local before at copy
	make_used
	for copy in 0 1; do
		smash "$(meta table /dev/spare 0 $copy 1)"
	done
	drop_caches
	before=$(md5sum </dev/spare)
	refused "neither copy of slot table block 1 is valid" "$(table 32768 /dev/main /dev/spare 0)"
	drop_caches
	same "$before" "$(md5sum </dev/spare)" "the spare after the refusal"
	for at in 0 $(meta super /dev/spare 0 1) $(meta super /dev/spare 0 2); do
		where+=("$at")
	done
	for at in "${where[@]}"; do
		smash "$((at + 1))" 7
	done
	drop_caches
	before=$(md5sum </dev/spare)
	refused "all superblocks" "$(table 32768 /dev/main /dev/spare 0)"
	for at in "${where[@]}"; do
		bad spare "$at"
	done
	refused "cannot be read" "$(table 32768 /dev/main /dev/spare 0)"
	good spare 0-16383
	drop_caches
	same "$before" "$(md5sum </dev/spare)" "the spare after the refusals"
}

# an old copy (it missed the last commits) is not taken for the current one
t_old_copy() {
	local a copy
	disk main 16
	disk spare 8
	bad main 1000-1031
	for copy in 0 1; do
		remap /dev/main /dev/spare 0 format
		vmio write "$R" 1000 8 2
		dmsetup remove remap
		a=$(meta table /dev/spare 0 $copy 0)
		dd if=/dev/spare of=old bs=512 skip="$a" count=8 iflag=direct status=none
		remap /dev/main /dev/spare
		vmio write "$R" 1008 24 3
		dmsetup remove remap
		dd if=old of=/dev/spare bs=512 seek="$a" count=8 oflag=direct status=none
		remap /dev/main /dev/spare
		is remappings=4 slots_used=4 table_copies=2/2
		vmio check "$R" 1000 8 2
		vmio check "$R" 1008 24 3
		dmsetup remove remap
	done
}

# a clock in the past changes nothing: what is written then is newer all the same
t_clock() {
	local now=$EPOCHSECONDS a
	make_used
	a=$(meta table /dev/spare 0 1 1)
	dd if=/dev/spare of=old bs=512 skip="$a" count=8 iflag=direct status=none
	date -s 1999-01-01 >/dev/null
	remap /dev/main /dev/spare
	is remappings=300
	vmio check "$R" 0 2400 2
	bad main 3000-3007
	vmio write "$R" 3000 8 3
	dmsetup remove remap
	# A copy that was left behind, from the time before.
	dd if=old of=/dev/spare bs=512 seek="$a" count=8 oflag=direct status=none
	date -s 2040-01-01 >/dev/null
	remap /dev/main /dev/spare
	is remappings=301
	vmio check "$R" 3000 8 3
	date -s "@$now" >/dev/null
}

# spares that are refused, each with its own words
t_refused() {
	local line
	line=$(table 32768 /dev/main /dev/spare 0)
	disk main 16
	disk large 32
	disk spare 8
	disk main4k 16 blocksize=4096

	vmio fill /dev/spare 0 8 1
	refused "spare is not blank and holds no dm-remap metadata" "$line"
	vmio check /dev/spare 0 8 1
	vmio fill /dev/spare 0 8 0
	vmio write /dev/spare $(((16384 / 8 - 1) * 8)) 8 1
	refused "spare is not blank and holds no dm-remap metadata" "$line"
	vmio fill /dev/spare 0 16384 0

	dmsetup create small --table "0 127 linear /dev/spare 0"
	refused "the spare area is too small" "$(table 32768 /dev/main /dev/mapper/small 0)"
	refused "main and spare are the same device" "$(table 32768 /dev/main /dev/main 0)"
	refused "main and spare area overlap" "$(table 24576 /dev/main /dev/main 24568)"
	vmio check /dev/main 0 32768 0

	remap /dev/main /dev/spare 0 spare_length 8192 identity disk-one
	refused "the spare area is in use by another dm-remap device" "$line"
	refused "the spare area is in use, and cannot be formatted" "$(table 65536 /dev/large /dev/spare 0 format)"
	refused "the spare area is in use, and cannot be formatted" "$(table 65536 /dev/large /dev/spare 8184 spare_length 8200 format)"
	is remappings=0
	dmsetup remove remap

	refused "spare belongs to a main device of 32768 sectors, this one has 65536" "$(table 32768 /dev/large /dev/spare 0)"
	refused "spare belongs to main device 'disk-one', this one is 'disk-two'" "$(table 32768 /dev/main /dev/spare 0 identity disk-two)"
	refused "blocks of 512 bytes, this one has 4096" "$(table 32768 /dev/main4k /dev/spare 0)"
	# Known by name, a main device may have grown: when somebody says so.
	line=$(table 32768 /dev/large /dev/spare 0 identity disk-one)
	refused "spare belongs to a main device of 32768 sectors, this one has 65536 ('main_grown' takes that over)" "$line"
	refused "spare belongs to a main device of 32768 sectors, this one has 65536" "$(table 32768 /dev/large /dev/spare 0 main_grown)"
	LEN=32768 remap /dev/large /dev/spare 0 identity disk-one main_grown
	[[ $(dmsetup table remap) != *main_grown* ]]
	is main_sectors=65536
	dmsetup remove remap
	LEN=32768 remap /dev/large /dev/spare 0 identity disk-one
	dmsetup remove remap
	refused "this one has 32768" "$(table 32768 /dev/main /dev/spare 0 identity disk-one main_grown)"
	dd if=/dev/zero of=/dev/spare bs=1M oflag=direct status=none || true
	remap /dev/main /dev/spare
	dmsetup remove remap

	dmsetup create cut --table "0 8192 linear /dev/spare 0"
	refused "spare is truncated: it is 2048 blocks long, the device has room for 1024" "$(table 32768 /dev/main /dev/mapper/cut 0)"
	dmsetup remove cut
	dmsetup create moved --table "0 8184 linear /dev/spare 8200"
	dd if=/dev/spare of=/dev/mapper/moved bs=4096 count=1 seek=3 oflag=direct iflag=direct status=none
	refused "found a spare area that starts at sector 0, not here" "$(table 32768 /dev/main /dev/mapper/moved 24)"
	dmsetup remove moved
}

# one main, one pair: what one device uses is nobody else's main or spare
t_one_main() {
	disk main 16
	disk spare 8
	disk spare2 8
	remap /dev/main /dev/spare 0 spare_length 8192
	refused "the main device is in use by another dm-remap device" "$(table 32768 /dev/main /dev/spare2 0)"
	refused "the main device is in use by another dm-remap device" "$(table 1024 /dev/main /dev/spare2 0)"
	refused "the spare area is in use by another dm-remap device" "$(table 8192 /dev/spare2 /dev/main 0)"
	refused "the main device is in use by another dm-remap device" "$(table 8192 /dev/spare /dev/spare2 0)"
	# Beside the area there is room; and the device itself may have another table.
	dmsetup create second --table "$(table 8192 /dev/spare2 /dev/spare 8192)"
	dmsetup reload remap --table "$(table 30000 /dev/main /dev/spare 0)"
	dmsetup suspend remap
	dmsetup resume remap
	is mode=rw
	dmsetup remove remap
	dmsetup remove second
	dmsetup create second --table "$(table 8192 /dev/main /dev/spare2 8192)"
	refused "the main device is in use by another dm-remap device" "$(table 32768 /dev/main /dev/spare 0)"
}

# spares of a newer format: refused, read-only, or harmless
t_newer() {
	local line before
	line=$(table 32768 /dev/main /dev/spare 0)
	disk main 16
	disk spare 8
	bad main 1000-1007
	remap /dev/main /dev/spare
	vmio write "$R" 1000 8 2
	dmsetup remove remap
	dd if=/dev/spare of=good bs=1M iflag=direct status=none
	back() { dd if=good of=/dev/spare bs=1M oflag=direct status=none; }

	meta set /dev/spare 0 version 2
	before=$(dd if=/dev/spare bs=1M iflag=direct status=none | md5sum)
	refused "spare has format version 2, this version knows up to 1" "$line"
	same "$before" "$(dd if=/dev/spare bs=1M iflag=direct status=none | md5sum)" "the spare"
	back
	meta set /dev/spare 0 incompat 16
	refused "spare uses features that this version does not know (incompat 0x10)" "$line"
	back
	meta set /dev/spare 0 ro_compat 4
	remap /dev/main /dev/spare
	is mode=ro remappings=1
	vmio check "$R" 1000 8 2
	dmsetup remove remap
	back
	meta set /dev/spare 0 compat 4
	remap /dev/main /dev/spare
	is mode=rw remappings=1
	vmio check "$R" 1000 8 2
}

# any bytes: random damage all over the metadata; refused or working, no crash
t_garbage() {
	local i at served=0
	disk main 16
	disk spare 1
	bad main 0-799
	remap /dev/main /dev/spare
	vmio fill "$R" 0 800 2
	dmsetup remove remap
	dd if=/dev/spare of=good bs=1M iflag=direct status=none
	RANDOM=42
	for ((i = 0; i < 12; i++)); do
		for ((n = 0; n < 3; n++)); do
			at=$((RANDOM % 2 ? RANDOM % 24 : 1024 + RANDOM % 24))
			smash $at $((1 + RANDOM % 4))
		done
		if dmsetup create remap --table "$(table 32768 /dev/main /dev/spare 0)" 2>/dev/null; then
			ask status >/dev/null
			ask list >/dev/null
			vmio check "$R" 8000 800 0
			dmsetup remove remap
			served=$((served + 1))
		fi
		dd if=good of=/dev/spare bs=1M oflag=direct status=none
	done
	remap /dev/main /dev/spare
	is remappings=100
	echo "$served of $i damaged spares were served"
}

# a huge, little-used spare is formatted and activated with less than 2 MiB read and written
t_large_spare() {
	local moved
	disk main 16
	disk spare 64
	dmsetup create zero --table "0 2147483648 zero"
	dmsetup create huge <<-END
		0 65536 linear /dev/spare 0
		65536 8388608 zero
		8454144 16384 linear /dev/spare 65536
		8470528 1065271296 zero
		1073741824 16384 linear /dev/spare 81920
		1073758208 1073709056 zero
		2147467264 16384 linear /dev/spare 98304
	END
	bad main 1000-1007
	# Superblocks, the start of the table, the first slots: the rest is nowhere.
	remap /dev/main /dev/mapper/huge
	vmio write "$R" 1000 8 2
	dmsetup remove remap
	remap /dev/main /dev/mapper/huge
	is remappings=1 spare_length=2147483648
	vmio check "$R" 1000 8 2
	moved=$(mapped_stat huge | awk '{ print $3 + $7 }')
	[ "$moved" -lt 4096 ] || fail "$moved sectors were read and written"
}
