# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What happens to an I/O that the main device fails: section 2 of the design,
# row by row.

# a failed write goes to the spare and is a success; only bad blocks cost slots
t_write() {
	disk main 16
	disk spare 8
	bad main 1000-1007 5000 16000-16063
	remap /dev/main /dev/spare
	io_error vmio write /dev/main 1000 8 7
	vmio write "$R" 1000 8 7
	vmio check "$R" 1000 8 7
	is remappings=1 slots_used=1 absorbed=1 writes_failed=1 propagated=0 mode=rw
	# Of 1 MiB, one block fails when it is retried alone.
	vmio write "$R" 4096 2048 8
	vmio check "$R" 4096 2048 8
	is remappings=2 slots_used=2 absorbed=2 writes_failed=2
	vmio write "$R" 15872 512 9
	vmio check "$R" 15872 512 9
	is remappings=10 slots_used=10 known_bad=0 lost_sectors=0
	# What is not bad is on main.
	vmio check /dev/main 4096 904 8
	vmio check /dev/main 5008 1136 8
	vmio check /dev/main 15872 128 9
	vmio check /dev/main 16064 320 9
}

# the mapping and the data are durable when the write is acknowledged: the
# table read by a second device, built from a copy of the spare, has them
t_write_durable() {
	disk main 16
	disk spare 4
	disk copy 4
	bad main 800-815
	remap /dev/main /dev/spare
	vmio write "$R" 800 16 3
	dd if=/dev/spare of=/dev/copy bs=1M iflag=direct oflag=direct status=none
	# The same main cannot be opened twice by its own name.
	dmsetup create again --table "0 $(sectors /dev/main) linear /dev/main 0"
	dmsetup create other --table "$(table "$(sectors /dev/main)" /dev/mapper/again /dev/copy 0)"
	vmio check /dev/mapper/other 800 16 3
}

# one data write and two metadata writes for one absorbed 4 KiB write
t_write_cost() {
	disk main 16
	disk spare 8
	bad main 1000-1007
	remap /dev/main /dev/spare
	local before after
	before=$(writes_of /dev/spare)
	vmio write "$R" 1000 8 7
	after=$(writes_of /dev/spare)
	same 3 $((after - before)) "writes to the spare"
	is data_writes=1
	# Once remapped, a write is one write.
	before=$(writes_of /dev/spare)
	vmio write "$R" 1000 8 8
	after=$(writes_of /dev/spare)
	same 1 $((after - before)) "writes to the spare of a remapped block"
}

# a spare that is full: the original error, nothing else changes
t_write_full() {
	local slots i
	disk main 16
	disk spare 4
	bad main 0-8191
	LEN=16384 remap /dev/main /dev/spare 0 spare_length 128
	slots=$(field slots_total)
	same 11 "$slots" "slots of 16 blocks"
	vmio fill "$R" 0 $((slots * 8)) 2
	is remappings="$slots" slots_free=0 mode=rw
	io_error vmio write "$R" 8000 8 3
	io_error vmio write "$R" $((slots * 8)) 1 3
	vmio check "$R" 0 $((slots * 8)) 2
	is remappings="$slots" slots_free=0 known_bad=0 propagated=2
	# Blocks that are on the spare can still be written, healthy ones, too.
	vmio write "$R" 0 8 4
	vmio write "$R" 9000 64 4
	vmio check "$R" 0 8 4
	vmio check "$R" 9000 64 4
	logged "the spare is full"
}

# a spare that is gone: the original error, mode fail; main goes on
t_write_spare_gone() {
	disk main 16
	disk spare 4
	bad main 1000-1007 2000-2007
	remap /dev/main /dev/spare
	vmio write "$R" 1000 8 2
	pull spare
	io_error vmio write "$R" 2000 8 3
	is mode=fail
	vmio write "$R" 4000 8 3
	vmio check "$R" 4000 8 3
	# The only copy is gone with it: an error, not what main has.
	io_error vmio read "$R" 1000 8
	good main 1000-1007
	io_error vmio read "$R" 1000 8
	logged "the spare device is gone"
}

# metadata that cannot be written: the original error, mode ro; what is
# remapped is served
t_write_metadata_fails() {
	local a b
	disk main 16
	disk spare 4
	bad main 1000-1007 2000-2007
	layered sick /dev/spare
	remap /dev/main /dev/mapper/sick
	vmio write "$R" 1000 8 2
	a=$(meta table /dev/spare 0 0 0)
	b=$(meta table /dev/spare 0 1 0)
	relayer sick /dev/spare "w:$a-$((a + 7))" "w:$b-$((b + 7))"
	io_error vmio write "$R" 2000 8 3
	is mode=ro
	vmio check "$R" 1000 8 2
	vmio write "$R" 1000 8 4
	vmio check "$R" 1000 8 4
	# Whether the new entry is on the spare is not known: neither old nor new.
	lost vmio read "$R" 2000 8
	logged "mode rw -> ro"
	# All is well again when it is.
	dmsetup remove remap
	relayer sick /dev/spare
	remap /dev/main /dev/mapper/sick
	is mode=rw
	vmio check "$R" 1000 8 4
	vmio write "$R" 2000 8 5
	vmio check "$R" 2000 8 5
}

# one of the two copies that cannot be written is enough for an error
t_write_one_copy_fails() {
	local copy at
	for copy in 0 1; do
		disk main 16
		disk spare 4
		bad main 1000-1007
		layered sick /dev/spare
		remap /dev/main /dev/mapper/sick
		at=$(meta table /dev/spare 0 $copy 0)
		relayer sick /dev/spare "w:$at-$((at + 7))"
		io_error vmio write "$R" 1000 8 3
		is mode=ro
		take_away
		mkdir -p "$T"
		cd "$T" || return
	done
}

# slots that fail writes are replaced by others
t_write_bad_slots() {
	local slot
	disk main 16
	disk spare 4
	bad main 1000-1023
	remap /dev/main /dev/spare
	slot=$(meta slot /dev/spare 0 0)
	bad spare "$((slot + 3))" "$((slot + 8))-$((slot + 23))"
	vmio write "$R" 1000 24 2
	vmio check "$R" 1000 24 2
	is remappings=3 slots_used=3 slots_bad=3 replaced=3 mode=rw
	# They stay so, and nobody else gets them.
	dmsetup remove remap
	remap /dev/main /dev/spare
	is remappings=3 slots_used=3 slots_bad=3
	vmio check "$R" 1000 24 2
	bad main 3000-3015
	vmio write "$R" 3000 16 3
	vmio check "$R" 1000 24 2
	vmio check "$R" 3000 16 3
}

# a slot that goes bad under a block with other data: the block moves, and what
# only it had and cannot be read is lost, not stale
t_write_slot_dies() {
	local slot
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	bad main 1000-1007
	remap /dev/main /dev/spare
	vmio write "$R" 1000 8 2
	slot=$(meta slot /dev/spare 0 0)
	bad spare "$((slot + 3))"
	io_error vmio read "$R" 1003 1
	vmio check "$R" 1000 3 2
	# A write beside it, and then over all of it.
	vmio write "$R" 1002 2 3
	vmio check "$R" 1000 2 2
	vmio check "$R" 1002 2 3
	vmio check "$R" 1004 4 2
	is remappings=1 slots_bad=1 lost_sectors=0
	bad spare "$((slot + 8 + 5))"
	vmio write "$R" 1004 1 4
	vmio check "$R" 1004 1 4
	bad spare "$((slot + 8 + 4))"
	# Sector 1005 cannot be read: the write of 1004 makes it lost.
	vmio write "$R" 1004 1 5
	vmio check "$R" 1004 1 5
	vmio check "$R" 1000 2 2
	lost vmio read "$R" 1005 1
	is lost_sectors=1
	good main 1000-1007
	dmsetup remove remap
	remap /dev/main /dev/spare
	lost vmio read "$R" 1005 1
	vmio write "$R" 1005 1 6
	vmio check "$R" 1005 1 6
	vmio check "$R" 1006 2 2
	is lost_sectors=0
}

# a main device that is gone as a whole: the original error, and no slot
t_write_main_gone() {
	local events
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	bad main 1000-1007
	remap /dev/main /dev/spare
	vmio write "$R" 1000 8 2
	vmio storm "$R" 8192 1024 4 60 model errors >storm.out &
	local storm=$!
	is main_gone=0 passed_on=0
	sleep 0.5
	events=$(event)
	pull main
	io_error vmio write "$R" 2000 8 3
	wait_event "$events"
	at_least main_gone 1
	at_least passed_on 1
	logged "the main device is gone"
	sleep 0.3
	kill $storm 2>/dev/null || true	# it may have ended
	wait $storm
	[[ $(cat storm.out) != *failed=0* ]] || fail "no write failed: $(cat storm.out)"
	is remappings=1 slots_used=1 known_bad=0 absorbed=1
	# What is on the spare is there.
	vmio check "$R" 1000 8 2
	vmio write "$R" 1000 8 4
	vmio check "$R" 1000 8 4
}

# a main device that answers, but fails everything: the same
t_write_main_dead() {
	disk main 16
	disk spare 4
	layered ill /dev/main
	remap /dev/mapper/ill /dev/spare
	vmio write "$R" 1000 8 2
	relayer ill /dev/main rw:0-32767
	io_error vmio write "$R" 2000 8 3
	io_error vmio write "$R" 1000 8 3
	io_error vmio write "$R" 0 2048 3
	io_error vmio read "$R" 1000 8
	is remappings=0 slots_used=0 known_bad=0 absorbed=0 mode=rw
	at_least main_gone 1
	fails "Input/output error" ask accept_main
	relayer ill /dev/main
	ask accept_main >/dev/null
	is main_gone=0
	vmio check "$R" 1000 8 2
	vmio write "$R" 2000 8 4
	is remappings=0
}

# more remaps than the breaker allows: the original error until it is closed
t_write_breaker() {
	local events
	disk main 16
	disk spare 4
	bad main 8000-16383
	remap /dev/main /dev/spare 0 breaker 4 3600
	is breaker=closed
	vmio write "$R" 8000 32 2
	is remappings=4 breaker=closed
	events=$(event)
	io_error vmio write "$R" 9000 8 3
	wait_event "$events"
	is remappings=4 slots_used=4 breaker=open
	io_error vmio write "$R" 9200 8 3
	vmio check "$R" 8000 32 2
	vmio write "$R" 8000 32 4
	vmio write "$R" 100 8 4
	logged "breaker open"
	events=$(event)
	ask breaker close
	wait_event "$events"
	is breaker=closed
	vmio write "$R" 9000 8 3
	vmio check "$R" 9000 8 3
	is remappings=5 breaker=closed
}

# the breaker closes when a write is taken again after its time
t_write_breaker_probe() {
	disk main 16
	disk spare 4
	layered ill /dev/main w:8000-8999
	remap /dev/mapper/ill /dev/spare 0 breaker 2 2
	io_error vmio write "$R" 8000 64 2
	is breaker=open remappings=0
	sleep 2
	io_error vmio write "$R" 8000 64 2
	is breaker=open remappings=0
	relayer ill /dev/main
	# Writes that fail no more never get to the engine: the next one that does
	# is the probe. With all well, there is none, and the administrator closes.
	vmio write "$R" 8000 64 2
	ask breaker close
	is breaker=closed
}

# a read: the original error; the block is known bad, its next write goes to the
# spare, and blocks beside it are not affected
t_read() {
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	bad main 1000-1007
	remap /dev/main /dev/spare
	io_error vmio read "$R" 1000 8
	is known_bad=1 remappings=0 slots_used=1 reads_failed=1 propagated=1
	vmio check "$R" 992 8 1
	vmio check "$R" 1008 8 1
	# A large read fails, since part of it cannot be read.
	io_error vmio read "$R" 512 1024
	is known_bad=1 remappings=0
	vmio write "$R" 1000 8 2
	vmio check "$R" 1000 8 2
	vmio check "$R" 512 488 1
	vmio check "$R" 1008 500 1
	is known_bad=0 remappings=1 slots_used=1
}

# what can still be read of a block of which a sector cannot, is saved; a write
# of part of the block leaves the rest as it is
t_read_partial() {
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	bad main 1003
	remap /dev/main /dev/spare
	io_error vmio read "$R" 1000 8
	vmio check "$R" 1000 3 1
	vmio check "$R" 1004 4 1
	io_error vmio read "$R" 1003 1
	vmio write "$R" 1006 2 2
	vmio check "$R" 1000 3 1
	io_error vmio read "$R" 1003 1
	vmio check "$R" 1004 2 1
	vmio check "$R" 1006 2 2
	vmio write "$R" 1002 2 3
	vmio check "$R" 1000 2 1
	vmio check "$R" 1002 2 3
	vmio check "$R" 1004 2 1
	vmio check "$R" 1006 2 2
}

# known bad survives, also when it was a read that found out
t_read_known_bad_persists() {
	disk main 16
	disk spare 4
	bad main 1000-1007
	remap /dev/main /dev/spare
	io_error vmio read "$R" 1000 8
	is known_bad=1
	dmsetup remove remap
	good main 1000-1007
	remap /dev/main /dev/spare
	is known_bad=1 remappings=0
	# It reads (what main has), and a write goes to the spare all the same.
	vmio read "$R" 1000 8
	vmio write "$R" 1000 8 5
	is known_bad=0 remappings=1
	vmio check "$R" 1000 8 5
}

# reads may take half of the free slots, the rest is remembered in memory
t_read_half() {
	local slots
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	bad main 0-1023
	remap /dev/main /dev/spare 0 spare_length 256
	slots=$(field slots_total)
	for ((i = 0; i < 128; i++)); do
		vmio read "$R" $((i * 8)) 8 2>/dev/null && fail "block $i was read"
	done
	at_least slots_free $((slots / 2 - 1))
	is known_bad=128
	[ "$(field memory_only)" -ge $((128 - slots / 2 - 1)) ] || fail "$(ask status)"
	# Blocks that are known in memory only are remapped by their next write.
	vmio write "$R" 1016 8 2
	vmio check "$R" 1016 8 2
	is remappings=1 known_bad=127
	dmsetup remove remap
	remap /dev/main /dev/spare 0 spare_length 256
	is memory_only=0 remappings=1
	vmio check "$R" 1016 8 2
}

# a read that fails slowly, and whose retry gets the data: success, and no slot is
# spent, since a link that was reset looks just like this
t_read_retried() {
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	layered ill /dev/main slow:1000-1007
	# The first read fails after 2 s; so would the retry, if not by then the
	# blocks behind the slow part had come back to life.
	remap /dev/mapper/ill /dev/spare
	vmio check "$R" 1000 8 1 &
	local reader=$!
	eventually 20 test_reads_failed
	dmsetup suspend --noflush --nolockfs ill-err
	dmsetup load ill-err --table "0 32768 linear /dev/main 0"
	dmsetup resume ill-err
	wait $reader
	is rescued=0 remappings=0 known_bad=0 propagated=0
}
test_reads_failed() { [ "$(field reads_failed)" -ge 1 ]; }

# a flush that fails: the original error, and no slot
t_flush() {
	disk main 16 cache_size=1
	disk spare 4
	dmsetup create dead --table "0 32768 flakey /dev/main 0 0 100000"
	dmsetup create ill --table \
		"0 32768 delay /dev/main 0 0 /dev/main 0 0 /dev/mapper/dead 0 0"
	remap /dev/mapper/ill /dev/spare
	vmio write "$R" 1000 8 2
	io_error vmio flush "$R"
	is remappings=0 slots_used=0 known_bad=0 propagated=1 mode=rw
}

# a discard that fails: the original error, and no slot; one of a remapped
# block leaves the mapping
t_discard() {
	disk main 16 discard=1
	disk spare 4
	bad main 1000-1007
	remap /dev/main /dev/spare
	vmio write "$R" 500 8 2
	vmio discard "$R" 496 16
	vmio check "$R" 496 16 0
	io_error vmio discard "$R" 960 128
	is remappings=0 slots_used=0 known_bad=0 propagated=1
	vmio write "$R" 1000 8 2
	vmio write "$R" 960 40 2
	vmio discard "$R" 960 128
	is remappings=1 slots_used=1
	vmio check "$R" 960 40 0
	vmio write "$R" 1000 8 3
	vmio check "$R" 1000 8 3
}

# a command that main does not know costs no slot, and is no failure
t_unsupported() {
	mkdir -p /mnt/tmp
	mount -t tmpfs tmpfs /mnt/tmp
	truncate -s 16M /mnt/tmp/main
	truncate -s 4M /mnt/tmp/spare
	# A loop device over tmpfs offers write-zeroes and then cannot do it.
	losetup /dev/loop0 /mnt/tmp/main
	losetup /dev/loop1 /mnt/tmp/spare
	remap /dev/loop0 /dev/loop1
	[ "$(cat /sys/block/dm-0/queue/write_zeroes_max_bytes)" -gt 0 ] ||
		fail "write-zeroes is not offered"
	vmio fill "$R" 0 4096 2
	vmio zero "$R" 0 1024
	vmio check "$R" 0 1024 0
	vmio check "$R" 1024 1024 2
	is remappings=0 slots_used=0 known_bad=0 absorbed=0
	is writes_failed=0 propagated=0
}

# a thin volume whose pool is full is no bad medium: no space, and no slot
t_no_space() {
	needs dm-thin-pool
	modprobe dm-thin-pool
	disk meta 4
	disk data 8
	disk spare 4
	# The pool stops at half of what the volume has.
	dmsetup create pool --table "0 16384 thin-pool /dev/meta /dev/data 128 0 1 error_if_no_space"
	dmsetup message pool 0 "create_thin 0"
	dmsetup create thin --table "0 32768 thin /dev/mapper/pool 0"
	remap /dev/mapper/thin /dev/spare
	vmio write "$R" 0 16384 2
	fails "No space left" vmio write "$R" 20000 8 3
	fails "No space left" vmio write "$R" 24576 1024 3
	is remappings=0 slots_used=0 known_bad=0 absorbed=0 propagated=2 mode=rw
	vmio check "$R" 0 16384 2
}
