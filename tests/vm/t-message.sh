# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Messages, status and events.

# status: every field is there, and "dmsetup status" agrees with it
t_status() {
	local s name line
	disk main 16
	disk spare 8
	vmio fill /dev/main 0 32768 1
	bad main 1000-1015 2000-2007
	remap /dev/main /dev/spare
	s=" $(ask status) "
	for name in mode breaker remappings known_bad memory_only lost_sectors \
		slots_used slots_total slots_bad slots_free low_water reads_failed \
		writes_failed absorbed propagated rescued evacuated released replaced \
		superblocks table_copies main_sectors spare_start spare_length \
		main_gone main_changed passed_on main_lbs main_start \
		activations uuid label options identity; do
		[[ $s == *" $name="[0-9a-z-]* ]] || fail "no $name in $s"
	done
	is mode=rw breaker=closed superblocks=3/3 table_copies=2/2 activations=1
	vmio write "$R" 1000 16 2
	io_error vmio read "$R" 2000 8
	line=$(dmsetup status remap)
	same "0 32768 dm-remap 8 3/$(field slots_total) 0 2 1 0 0 1 1 2 1 0 3/3 2/2 closed rw" \
		"$line" "dmsetup status"
	dmsetup remove remap
	remap /dev/main /dev/spare
	is activations=2 absorbed=2 reads_failed=1 writes_failed=1 propagated=1
	# Uppercase is the same, more words are not.
	ask STATUS >/dev/null
	fails "Invalid argument" ask status now
}

# the same through dmsetup: output, and what it says about errors
t_dmsetup() {
	disk main 16
	disk spare 8
	remap /dev/main /dev/spare
	[[ $(dmsetup message remap 0 status) == mode=rw*remappings=0* ]]
	same "evacuated=1 skipped=0 unreadable=0" "$(dmsetup message remap 0 remap 8)" remap
	[[ $(dmsetup message remap 0 list) == sector=8* ]]
	fails "Invalid argument" dmsetup message remap 0 list abc
	fails "Numerical result out of range" dmsetup message remap 0 remap 99999
}

# list and find
t_list() {
	local l
	disk main 16
	disk spare 8
	bad main 1000-1007 2003 4096-4119
	remap /dev/main /dev/spare
	same "" "$(ask list)" "list of a healthy device"
	vmio write "$R" 4096 24 2
	vmio write "$R" 2002 3 2
	vmio write "$R" 1000 8 2
	l=$(ask list)
	same "sector=1000 sectors=8 state=remapped slot=4 valid=0xff lost=0x00
sector=2000 sectors=8 state=remapped slot=3 valid=0x1c lost=0x00
sector=4096 sectors=8 state=remapped slot=0 valid=0xff lost=0x00
sector=4104 sectors=8 state=remapped slot=1 valid=0xff lost=0x00
sector=4112 sectors=8 state=remapped slot=2 valid=0xff lost=0x00" "$l" list
	is remappings=5 partial=1
	same "$(sed -n 2,3p <<<"$l")" "$(ask list 1008 2)" "list 1008 2"
	same "$l" "$(ask list 1007)" "list 1007: the block that has the sector"
	same "" "$(ask list 5000 10)" "list 5000 10"
	same "$(sed -n 2p <<<"$l")" "$(ask find 2007)" "find 2007"
	same "sector=3000 sectors=8 state=healthy" "$(ask find 3001)" "find 3001"
	log_mark
	fails "Invalid argument" ask list abc
	fails "Invalid argument" ask list 1 2 3
	logged "list wants"
	fails "Invalid argument" ask find
	fails "Invalid argument" ask find abc
	logged "find wants <sector>"
	fails "Numerical result out of range" ask find 32768
	logged "beyond the end of the device (32768)"
}

# remap: a block that reads is moved, and read from the spare from then on
t_remap() {
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	bad main 2000-2007
	remap /dev/main /dev/spare
	same "evacuated=1 skipped=0 unreadable=0" "$(ask remap 1003)" remap
	is remappings=1
	same "evacuated=0 skipped=1 unreadable=0" "$(ask remap 1000 8)" "remap again"
	bad main 1000-1007
	vmio check "$R" 1000 8 1
	same "evacuated=2 skipped=0 unreadable=1" "$(ask remap 1999 10)" "remap with a bad block"
	is evacuated=3 remappings=3 known_bad=1
	vmio check "$R" 1992 8 1
	io_error vmio read "$R" 2000 8
	vmio check "$R" 2008 8 1
	dmsetup remove remap
	bad main 1992-1999
	remap /dev/main /dev/spare
	vmio check "$R" 1992 8 1
	# More than there are slots.
	fails "No space left on device" ask remap 0 32768
	is slots_free=0
	log_mark
	fails "Invalid argument" ask remap
	fails "Invalid argument" ask remap abc
	fails "Invalid argument" ask remap 0 0
	fails "Invalid argument" ask remap 0 1 2
	fails "Invalid argument" ask remap -1
	logged "remap wants <sector> [<count>]"
	fails "Numerical result out of range" ask remap 32760 9
	fails "Numerical result out of range" ask remap 0 18446744073709551615
	fails "Invalid argument" ask no_such_thing
	logged "unknown message 'no_such_thing'"
}

# mark_bad: a block is known bad without being read; forget_bad: the way back
t_mark_bad() {
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	remap /dev/main /dev/spare
	same "marked=2 skipped=0 failed=0" "$(ask mark_bad 1004 8)" mark_bad
	is known_bad=2 remappings=0
	vmio check "$R" 1000 16 1
	vmio write "$R" 1000 8 2
	vmio check /dev/main 1000 8 1
	vmio check "$R" 1000 8 2
	is known_bad=1 remappings=1
	same "marked=0 skipped=1 failed=0" "$(ask mark_bad 1000)" "mark_bad of a remapped block"
	# Reads well: forgotten. Does not: stays. Has data on the spare: left alone.
	same "released=1 skipped=1 failed=0" "$(ask forget_bad 1000 16)" forget_bad
	is known_bad=0 remappings=1
	vmio write "$R" 1008 8 3
	vmio check /dev/main 1008 8 3
	bad main 2000-2007
	io_error vmio read "$R" 2000 8
	same "released=0 skipped=0 failed=1" "$(ask forget_bad 2000)" "forget_bad of a bad block"
	is known_bad=1
	good main 2000-2007
	same "released=1 skipped=0 failed=0" "$(ask forget_bad 2000)" "forget_bad"
	dmsetup remove remap
	remap /dev/main /dev/spare
	is known_bad=0 remappings=1
	fails "Invalid argument" ask forget_bad
	fails "Numerical result out of range" ask forget_bad 99999
	fails "Invalid argument" ask mark_bad x
}

# release: back to main, if main takes it and reads it back
t_release() {
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	bad main 1000-1015 2003
	remap /dev/main /dev/spare
	vmio write "$R" 1000 16 2
	vmio write "$R" 2002 4 2
	same "released=0 skipped=1 failed=2" "$(ask release 992 24)" "release to bad blocks"
	vmio check "$R" 1000 16 2
	good main 1000-1007
	same "released=1 skipped=0 failed=1" "$(ask release 1000 16)" "release of one"
	is remappings=2 released=1
	vmio check /dev/main 1000 8 2
	vmio check "$R" 1000 16 2
	good main 1008-1015 2003
	same "released=2 skipped=4092 failed=0" "$(ask release 16 32752)" "release of all"
	is remappings=0 slots_used=0
	vmio check "$R" 1000 16 2
	vmio check /dev/main 2002 4 2
	vmio check "$R" 2000 2 1
	vmio check "$R" 2006 10 1
	dmsetup remove remap
	remap /dev/main /dev/spare
	is remappings=0 slots_used=0
	vmio check "$R" 1000 16 2
	fails "Invalid argument" ask release
	fails "Numerical result out of range" ask release 0 40000
	# A slot that was given up is used again.
	bad main 5000-5007
	vmio write "$R" 5000 8 3
	[[ $(ask find 5000) == *slot=0* ]]
}

# what main takes and does not give back stays on the spare
t_release_reads_back() {
	disk main 16
	disk spare 4
	layered ill /dev/main r:1003
	remap /dev/mapper/ill /dev/spare
	same "marked=1 skipped=0 failed=0" "$(ask mark_bad 1000 8)" mark_bad
	vmio write "$R" 1000 8 2
	same "released=0 skipped=0 failed=1" "$(ask release 1000 8)" release
	is remappings=1 released=0
	vmio check "$R" 1000 8 2
}

# breaker, reset_counters
t_counters() {
	disk main 16
	disk spare 4
	bad main 1000-1007
	remap /dev/main /dev/spare
	vmio write "$R" 1000 8 2
	is absorbed=1 writes_failed=1 data_writes=1
	same "" "$(ask reset_counters)" reset_counters
	is absorbed=0 writes_failed=0 data_writes=0 metadata_writes=0 remappings=1
	same "" "$(ask breaker close)" "breaker close"
	fails "Invalid argument" ask breaker
	fails "Invalid argument" ask breaker open
	fails "Invalid argument" ask reset_counters x
	fails "Invalid argument" ask ''
}

# grow: the area is lengthened in place
t_grow() {
	local slots
	disk main 16
	disk spare 8
	bad main 0-4095
	remap /dev/main /dev/spare 0 spare_length 1024
	slots=$(field slots_total)
	bad spare 8192	# beside, to have a list
	vmio fill "$R" 8 $((slots * 8)) 2
	io_error vmio write "$R" $((slots * 8 + 8)) 8 2
	fails "Invalid argument" ask grow 4097
	fails "Invalid argument" ask grow 99999992
	fails "Invalid argument" ask grow abc
	fails "Invalid argument" ask grow
	fails "No space left" ask grow 1032
	fails "No space left" ask grow 512
	same "spare_length=8192" "$(ask grow 8192)" grow
	is spare_length=8192 superblocks=3/3
	vmio write "$R" $((slots * 8 + 8)) 800 3
	dmsetup remove remap
	remap /dev/main /dev/spare
	is spare_length=8192 remappings=$((slots + 100))
	vmio check "$R" 8 $((slots * 8)) 2
	vmio check "$R" $((slots * 8 + 8)) 800 3
	# Another area that is in the way.
	dmsetup remove remap
	remap /dev/main /dev/spare 0 format spare_length 1024
	disk other 16
	dmsetup create other --table "$(table 1000 /dev/other /dev/spare 4096 spare_length 1024 format)"
	fails "Device or resource busy" ask grow 8192
	is spare_length=1024
	ask grow 4096 >/dev/null
}

# a message before the device was resumed
t_before_resume() {
	disk main 16
	disk spare 4
	dmsetup create remap --notable
	dmsetup load remap --table "$(table 32768 /dev/main /dev/spare 0)"
	fails "" ask status
	dmsetup resume remap
	ask status >/dev/null
	dmsetup suspend remap
	fails "Device or resource busy" ask remap 0
	ask status >/dev/null
	ask list >/dev/null
	dmsetup status remap >/dev/null
	dmsetup resume remap
	ask remap 0 >/dev/null
	is remappings=1
}

# "dmsetup wait" returns on a new remap, at most once a second
t_event_remap() {
	local events
	disk main 16
	disk spare 4
	bad main 1000-1799
	remap /dev/main /dev/spare
	events=$(event)
	vmio write "$R" 100 8 2
	same "$events" "$(event)" "events after a healthy write"
	vmio write "$R" 1000 8 2
	wait_event "$events"
	events=$(event)
	vmio fill "$R" 1008 792 2
	wait_event "$events"
	[ $(($(event) - events)) -le 3 ] || fail "events are not limited: $(event)"
	is remappings=100
}

# an event when the mode changes, the spare is full
t_event_mode() {
	local events
	disk main 16
	disk spare 4
	bad main 1000-1799
	remap /dev/main /dev/spare 0 spare_length 128
	vmio write "$R" 1000 80 2
	sleep 1.2
	events=$(event)
	vmio write "$R" 1080 8 2
	wait_event "$events"
	logged "the spare is full"
	sleep 1.2
	events=$(event)
	pull spare
	io_error vmio write "$R" 1000 8 3
	wait_event "$events"
	is mode=fail
	[[ $(dmsetup status remap) == *" fail" ]]
}

# track: what was written to the spare is told, once, and on a suspended device, too
t_track() {
	local at
	disk main 16
	disk spare 8
	remap /dev/main /dev/spare
	ask remap 1000 8 >/dev/null
	ask remap 2000 8 >/dev/null
	fails "Invalid argument" ask track next
	fails "Invalid argument" ask track
	ask track start
	fails "Invalid argument" ask track never
	same "" "$(ask track list)" "before anything was written"
	vmio read "$R" 1000 8 >/dev/null || true
	vmio write "$R" 4000 8 1
	ask track next
	same "" "$(ask track list)" "after a read, and a write to main"
	vmio write "$R" 1002 2 2
	same "" "$(ask track list)" "before the next part was begun"
	ask track next
	at=$(ask track list)
	[[ $at =~ ^[0-9]+\ 8$ ]] || fail "one block was written, not '$at'"
	same "$at" "$(ask track list)" "asked again"
	vmio write "$R" 2000 8 2
	ask track next
	same "$((${at% 8} + 8)) 8" "$(ask track list)" "the slot behind it"
	# A new remap: its slot, and the table.
	bad main 3000-3007
	vmio write "$R" 3000 8 2
	dmsetup suspend remap
	ask track next
	ask track list | grep -qx "$((${at% 8} + 16)) 8" || fail "no third slot in $(ask track list)"
	[ "$(ask track list | wc -l)" -ge 3 ] || fail "no table in $(ask track list)"
	dmsetup resume remap
}

# A word for the tool, kept on the spare
t_options() {
	disk main 16
	disk spare 8
	remap /dev/main /dev/spare
	is options=-
	ask options breaker=5:6,low_water=7
	is options=breaker=5:6,low_water=7
	fails "Invalid argument" ask options "$(printf 'x%.0s' {1..256})"
	dmsetup remove remap
	remap /dev/main /dev/spare
	is options=breaker=5:6,low_water=7
	ask options
	is options=-
}
