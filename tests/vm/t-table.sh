# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The constructor: where main and spare may lie, and its feature arguments.

# the classic line, over loop devices, and the classic message
t_classic() {
	truncate -s 100M a
	truncate -s 50M b
	losetup /dev/loop0 a
	losetup /dev/loop1 b
	dmsetup create remap --table '0 204800 dm-remap /dev/loop0 /dev/loop1 0'
	[[ $(dmsetup message remap 0 status) == *remappings=0* ]]
	vmio write "$R" 204000 800 2
	vmio check "$R" 204000 800 2
}

# modprobe, and loading by itself when a table names the target
t_autoload() {
	modprobe -r dm-remap
	modprobe dm-remap
	[ -d /sys/module/dm_remap ]
	modprobe -r dm-remap
	[ ! -d /sys/module/dm_remap ]
	disk main 16
	disk spare 4
	remap /dev/main /dev/spare
	[ -d /sys/module/dm_remap ]
	[[ $(dmsetup targets) == *dm-remap* ]]
}

# a target that does not start at sector 0 of its table, and two in one table
t_start() {
	disk main 16
	disk other 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	vmio fill /dev/other 0 32768 1
	bad main 1000-1007
	bad other 1001
	dmsetup create remap <<-END
		0 8192 linear /dev/other 20000
		8192 16384 dm-remap /dev/main /dev/spare 0 2 spare_length 2048
		24576 8000 dm-remap /dev/other /dev/spare 2048
	END
	vmio write "$R" $((8192 + 1000)) 8 2
	vmio check "$R" $((8192 + 1000)) 8 2
	vmio write "$R" $((24576 + 1001)) 1 3
	vmio check "$R" $((24576 + 1001)) 1 3
	[[ $(vmio message remap 8192 status) == *" remappings=1 "* ]]
	[[ $(vmio message remap 24576 status) == *" remappings=1 "* ]]
	[[ $(vmio message remap 8192 list) == sector=1000* ]]
	vmio check /dev/main 0 1000 1
	vmio check /dev/main 1008 31760 1
	vmio check /dev/other 0 1001 1
	vmio check /dev/other 1002 31766 1
	# A write over the border of two targets.
	vmio write "$R" 24000 1000 4
	vmio check "$R" 24000 1000 4
	vmio check /dev/main 16384 16384 1
	vmio check /dev/other 424 577 1
}

# main on a partition: sectors count from its start, it ends where it ends, and
# nothing outside is touched
t_partition() {
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	addpart /dev/main 1 2051 8005
	addpart /dev/main 2 20480 4096
	[ -b /dev/main1 ]
	vmio fill /dev/main2 0 4096 0
	bad main $((2051 + 1000))
	LEN=8005 remap /dev/main1 /dev/main2
	is main_sectors=8005 spare_length=4096
	vmio write "$R" 1000 1 2
	vmio check "$R" 1000 1 2
	vmio fill "$R" 0 8005 3
	vmio check "$R" 0 8005 3
	[[ $(ask list) == "sector=1000 sectors=8 state=remapped slot=0 "* ]] || fail "$(ask list)"
	vmio check /dev/main 0 2051 1
	vmio check /dev/main 10056 10424 1
	vmio check /dev/main 24576 8192 1
	dmsetup remove remap
	refused "smaller than the target" "$(table 8006 /dev/main1 /dev/main2 0)"
}

# main with blocks of 4096 bytes is shown with such, whatever the spare has
t_4kn_main() {
	disk main 16 blocksize=4096
	disk spare 8
	bad main 1000-1007 4096-4159 20000-20015
	remap /dev/main /dev/spare
	same 4096 "$(blockdev --getss "$R")" "logical block size"
	vmio fill "$R" 0 32768 1
	vmio sweep "$R" 32768 3 150 model
	is remappings=11 propagated=0
	io_error vmio read /dev/main 1000 8
	fails "Invalid argument" vmio write "$R" 1000 1 2
	dmsetup remove remap
	remap /dev/main /dev/spare
	vmio verify "$R" 0 32768 model
	dmsetup remove remap
	refused "is not a multiple of the logical block" "$(table 32767 /dev/main /dev/spare 0)"
}

# a spare with blocks of 4096 bytes is for a main device with such: a file system
# that was made for 512 must be able to go on
t_4kn_spare() {
	disk main 16
	disk main4 16 blocksize=4096
	disk spare 8 blocksize=4096
	disk spare5 8
	refused "logical blocks are larger than those of the main" \
		"$(table 32768 /dev/main /dev/spare 0)"
	remap /dev/main /dev/spare5
	fails "Invalid argument" dmsetup load remap \
		--table "$(table 32768 /dev/main /dev/spare 0)"
	same 512 "$(blockdev --getss "$R")" "logical block size"
	dmsetup remove remap
	bad main4 1000-1007 4096-4159
	remap /dev/main4 /dev/spare
	same 4096 "$(blockdev --getss "$R")" "logical block size"
	vmio fill "$R" 0 32768 1
	vmio sweep "$R" 32768 4 100 model
	is remappings=9 propagated=0
}

# entries for some sectors of a block, and main has larger ones now
t_4kn_later() {
	disk main 16
	disk main4 16 blocksize=4096
	disk spare 8
	bad main 1003
	remap /dev/main /dev/spare 0 identity a
	vmio write "$R" 1003 1 1
	is remappings=1
	dmsetup remove remap
	refused "has some sectors of block 125" \
		"$(table 32768 /dev/main4 /dev/spare 0 identity a)"
	remap /dev/main /dev/spare 0 identity a
	vmio write "$R" 1000 8 1
	dmsetup remove remap
	remap /dev/main4 /dev/spare 0 identity a
	vmio check "$R" 1000 8 1
}

# a disk whose physical blocks do not start with sector 0 (made for partitions at 63),
# and one whose physical blocks are larger than a slot
t_spare_alignment_offset() {
	local sd=
	needs scsi_debug
	disk main 8
	sd=$(scsi_disk dev_size_mb=16 physblk_exp=3 lowest_aligned=7)
	same 3584 "$(cat "/sys/block/$sd/alignment_offset")" "where the first physical block starts"
	refused "within a physical block" "$(table 16384 /dev/main "/dev/$sd" 0)"
	refused "within a physical block" "$(table 16384 /dev/main "/dev/$sd" 8)"
	remap /dev/main "/dev/$sd" 63
	same 0 "$(cat /sys/block/dm-0/alignment_offset)" "alignment offset"
	dmsetup remove remap
	addpart "/dev/$sd" 1 63 16000
	remap /dev/main "/dev/${sd}1" 0 format
	same 0 "$(cat /sys/block/dm-0/alignment_offset)" "alignment offset"
	dmsetup remove remap
	delpart "/dev/$sd" 1
	modprobe -r scsi_debug
	sd=$(scsi_disk dev_size_mb=16 physblk_exp=7)
	same 65536 "$(cat "/sys/block/$sd/queue/physical_block_size")" "physical block"
	refused "within a physical block" "$(table 16384 /dev/main "/dev/$sd" 12)"
	remap /dev/main "/dev/$sd" 8
	same 0 "$(cat /sys/block/dm-0/alignment_offset)" "alignment offset"
	dmsetup remove remap
}

# an area does not start within a physical block of the spare, and what is mapped
# is as aligned as main
t_spare_alignment() {
	local sd=
	needs scsi_debug
	disk main 8
	sd=$(scsi_disk dev_size_mb=16 physblk_exp=3)
	same 4096 "$(cat "/sys/block/$sd/queue/physical_block_size")" "physical block"
	refused "within a physical block" "$(table 16384 /dev/main "/dev/$sd" 63)"
	addpart "/dev/$sd" 1 63 16000
	refused "within a physical block" "$(table 16384 /dev/main "/dev/${sd}1" 0)"
	remap /dev/main "/dev/${sd}1" 1
	same 0 "$(cat /sys/block/dm-0/alignment_offset)" "alignment offset"
	dmsetup remove remap
	delpart "/dev/$sd" 1
	# An old area, which was made on another disk.
	disk other 16
	remap /dev/main /dev/other 63
	dmsetup remove remap
	dd if=/dev/other of="/dev/$sd" bs=1M count=16 oflag=direct status=none
	remap /dev/main "/dev/$sd" 63
	same 0 "$(cat /sys/block/dm-0/alignment_offset)" "alignment offset"
	dmsetup remove remap
}

# a table that was loaded before the area grew claims all of it
t_load_grow_resume() {
	disk main 16
	disk spare 16
	disk other 4
	remap /dev/main /dev/spare 0 spare_length 2048
	dmsetup load remap --table "$(table 32768 /dev/main /dev/spare 0 spare_length 2048)"
	[ "$(ask grow 4096)" = spare_length=4096 ]
	dmsetup resume remap
	is spare_length=4096
	refused "is in use by another" "$(table 8192 /dev/other /dev/spare 2048)"
}

# main and spare as two areas of one disk; two spares beside each other
t_areas() {
	disk main 16
	disk spare 16
	vmio fill /dev/spare 0 32768 1
	dd if=/dev/zero of=/dev/spare bs=512 seek=9000 count=4096 oflag=direct status=none
	dd if=/dev/zero of=/dev/main bs=1M oflag=direct status=none || true
	bad main 1000-1007
	# The disk keeps its own spares, behind the end of the target.
	LEN=24576 remap /dev/main /dev/main 24576
	dmsetup create second --table "$(table 8000 /dev/spare /dev/spare 9000 spare_length 1024)"
	dmsetup create third --table "$(table 5000 /dev/mapper/remap /dev/spare 10024 spare_length 3072)"
	vmio write "$R" 1000 8 2
	vmio check "$R" 1000 8 2
	is remappings=1 spare_start=24576
	vmio write /dev/mapper/third 1000 8 3
	bad spare 500
	vmio write /dev/mapper/second 500 1 3
	vmio check /dev/mapper/second 500 1 3
	# Outside of the areas nothing was written.
	vmio check /dev/spare 8000 1000 1
	vmio check /dev/spare 13096 10000 1
}

# main may be larger than the target, and the last block may be short
t_short() {
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	bad main 16373-16380
	LEN=16379 remap /dev/main /dev/spare
	is main_sectors=32768
	vmio write "$R" 16376 3 2
	vmio check "$R" 16376 3 2
	vmio fill "$R" 16000 379 3
	vmio check "$R" 16000 379 3
	fails "" vmio write "$R" 16379 1 2
	is remappings=2
	[[ $(ask list) == *"sector=16376 sectors=3 state=remapped"* ]] || fail "$(ask list)"
	[[ $(ask remap 16376) == *evacuated=0* ]]
	dmsetup remove remap
	good main 16373-16380
	LEN=16379 remap /dev/main /dev/spare
	vmio check "$R" 16000 379 3
	[[ $(ask release 0 16379) == released=2* ]]
	vmio check /dev/main 16000 379 3
	vmio check /dev/main 16379 1000 1
	# A main device that ends in a short block.
	dmsetup remove remap
	dmsetup create odd --table "0 1003 linear /dev/main 20000"
	disk spare2 4
	bad main 21000-21002
	remap /dev/mapper/odd /dev/spare2
	io_error vmio read "$R" 1000 3
	is known_bad=1
	vmio fill "$R" 0 1003 4
	vmio check "$R" 0 1003 4
	vmio check /dev/main 21003 100 1
}

# the output of "dmsetup table" makes the same device
t_fed_back() {
	local args line status
	disk main 16
	disk spare 8
	bad main 1000-1007
	for args in "" "spare_length 4096" \
		"read_retries 3 breaker 7 9 low_water 5 identity ata-x_1" \
		"low_water 1 spare_length 8192 read_retries 0 label x"; do
		# shellcheck disable=SC2086
		remap /dev/main /dev/spare 0 $args format
		vmio write "$R" 1000 8 2
		line=$(dmsetup table remap)
		status=$(ask status)
		dmsetup remove remap
		dmsetup create remap --table "$line"
		same "$line" "$(dmsetup table remap)" "table"
		is remappings=1
		same "${status#*uuid=}" "$(ask status | sed 's/.*uuid=//')" "uuid, label, identity"
		vmio check "$R" 1000 8 2
		dmsetup remove remap
	done
	[[ $line == *"dm-remap "*" 0 6 spare_length 8192 read_retries 0 low_water 1" ]] || fail "$line"
}

# feature arguments: format, read_only
t_format_read_only() {
	disk main 16
	disk spare 8
	bad main 1000-1007 2000-2007
	vmio fill /dev/spare 0 100 1
	remap /dev/main /dev/spare 0 FORMAT
	is remappings=0
	vmio write "$R" 1000 8 2
	# Format is for once: a reload of the same table line does not repeat it.
	[[ $(dmsetup table remap) != *format* ]]
	dmsetup suspend remap
	dmsetup resume remap
	is remappings=1
	dmsetup remove remap

	local before after
	before=$(md5sum </dev/spare)
	remap /dev/main /dev/spare 0 read_only
	is mode=ro remappings=1
	vmio check "$R" 1000 8 2
	vmio write "$R" 1000 8 3
	io_error vmio write "$R" 2000 8 3
	io_error vmio read "$R" 2000 8
	fails "Read-only file system" ask remap 3000
	fails "Read-only file system" ask release 1000
	dmsetup remove remap
	after=$(md5sum </dev/spare)
	[ "$before" != "$after" ] || fail "the write to the remapped block is missing"
	remap /dev/main /dev/spare 0 read_only
	dmsetup remove remap
	drop_caches
	same "$after" "$(md5sum </dev/spare)" "the spare after read_only"
	dd if=/dev/zero of=/dev/spare bs=1M oflag=direct status=none || true
	refused "cannot be formatted read-only" "$(table 32768 /dev/main /dev/spare 0 read_only)"
}

# a table that is loaded read-only
t_read_only_table() {
	disk main 16
	disk spare 8
	remap /dev/main /dev/spare
	dmsetup remove remap
	dmsetup create -r remap --table "$(table 32768 /dev/main /dev/spare 0)"
	is mode=ro
	vmio read "$R" 0 8
}

# feature arguments: spare_length, label, identity, read_retries
t_features() {
	disk main 16
	disk spare 8
	bad main 1000-1007
	remap /dev/main /dev/spare 0 spare_length 1024 label pool-1 identity wwn-0x5
	is spare_length=1024 label=pool-1 identity=wwn-0x5 slots_total=123
	dmsetup remove remap
	# None of it need be said again.
	remap /dev/main /dev/spare
	is spare_length=1024 label=pool-1 identity=wwn-0x5
	dmsetup remove remap
	refused "spare_length is 2048 sectors, but the spare area was formatted with 1024" \
		"$(table 32768 /dev/main /dev/spare 0 spare_length 2048)"
	# A read is repeated so often, and no more.
	local n
	for n in 0 1 4; do
		remap /dev/main /dev/spare 0 format read_retries $n
		io_error vmio read "$R" 1000 8
		dmsetup remove remap
	done
}

# read_retries: so many reads of a failing block
t_read_retries() {
	local n reads=() before
	reads_of() { awk '{ print $1 }' /sys/block/main/stat; }
	disk main 16 blocksize=4096
	disk spare 8
	bad main 1000-1007
	for n in 0 1 5; do
		remap /dev/main /dev/spare 0 format read_retries $n
		vmio write "$R" 0 8 1
		before=$(reads_of)
		io_error vmio read "$R" 1000 8
		reads+=($(($(reads_of) - before)))
		dmsetup remove remap
	done
	# Besides the first read, one of the block alone, and one of a good block.
	same "3 4 8" "${reads[*]}" "reads with 0, 1 and 5 retries"
}

# low_water: an event and a line in the log when no more slots are free
t_low_water() {
	local events
	disk main 16
	disk spare 8
	bad main 1000-1079
	remap /dev/main /dev/spare 0 spare_length 256 low_water 20
	is slots_total=27 low_water=20
	log_mark
	vmio write "$R" 1000 48 2
	not_logged "low water"
	sleep 1.2	# events are told once a second
	events=$(event)
	vmio write "$R" 1048 8 2
	wait_event "$events"
	logged "low water: 20 of 27 slots are free"
}

# wrong arguments, each with its own words
t_wrong_arguments() {
	local line
	disk main 16
	disk spare 8
	while IFS='|' read -r line message; do
		refused "$message" "$line"
	done <<-END
		0 32768 dm-remap|wanted: <main dev>
		0 32768 dm-remap /dev/main /dev/spare|wanted: <main dev>
		0 32768 dm-remap /dev/none /dev/spare 0|cannot open the main device
		0 32768 dm-remap /dev/main /dev/none 0|cannot open the spare device
		0 32768 dm-remap /dev/main /dev/spare abc|the spare start is not a number
		0 32768 dm-remap /dev/main /dev/spare -8|the spare start is not a number
		0 32768 dm-remap /dev/main /dev/spare 8x|the spare start is not a number
		0 32768 dm-remap /dev/main /dev/spare 99999999|the spare start lies beyond
		0 32768 dm-remap /dev/main /dev/spare 16380|the spare area is too small
		0 32769 dm-remap /dev/main /dev/spare 0|the main device is smaller than the target
		0 32768 dm-remap /dev/main /dev/spare 0 x|wrong number of feature arguments
		0 32768 dm-remap /dev/main /dev/spare 0 2 format|wrong number of feature arguments
		0 32768 dm-remap /dev/main /dev/spare 0 1 format x|more arguments than
		0 32768 dm-remap /dev/main /dev/spare 0 1 frmt|unknown feature argument 'frmt'
		0 32768 dm-remap /dev/main /dev/spare 0 1 spare_length|spare_length wants
		0 32768 dm-remap /dev/main /dev/spare 0 2 spare_length 127|spare_length wants
		0 32768 dm-remap /dev/main /dev/spare 0 2 spare_length 120|spare_length wants
		0 32768 dm-remap /dev/main /dev/spare 0 2 spare_length 99999992|spare_length reaches beyond
		0 32768 dm-remap /dev/main /dev/spare 0 2 read_retries 101|read_retries wants
		0 32768 dm-remap /dev/main /dev/spare 0 2 read_retries abc|read_retries wants
		0 32768 dm-remap /dev/main /dev/spare 0 2 breaker 5|breaker wants
		0 32768 dm-remap /dev/main /dev/spare 0 3 breaker 5 x|breaker wants
		0 32768 dm-remap /dev/main /dev/spare 0 2 low_water x|low_water wants
		0 32768 dm-remap /dev/main /dev/spare 0 1 identity|identity wants
		0 32768 dm-remap /dev/main /dev/spare 0 2 label $(printf '%064d' 0)|label wants
		0 32768 dm-remap /dev/main /dev/spare 0 2 format read_only|exclude each other
	END
	# Nothing of all that has touched the spare.
	vmio check /dev/spare 0 16384 0
}

# the limits of the device are those of both disks
t_limits() {
	local q=/sys/block/dm-0/queue
	disk main 16 cache_size=1
	disk spare 8
	remap /dev/main /dev/spare
	same "write back" "$(cat $q/write_cache)" "write cache"
	same 1 "$(cat $q/fua)" "FUA"
	same 512 "$(blockdev --getss "$R")" "logical block size"
	dmsetup remove remap
	disk main2 16
	disk spare2 8 cache_size=1
	remap /dev/main2 /dev/spare2
	same "write back" "$(cat $q/write_cache)" "write cache with a cached spare"
}
