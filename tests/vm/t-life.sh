# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Suspend, reload, removal, and devices that go, under load.

# suspend and resume, and a reload of the table, in a loop under a verified load
t_reload() {
	local i storm
	disk main 16
	disk spare 8
	vmio fill /dev/main 0 32768 1
	layered ill /dev/main w:1000-1100 w:20000-20400
	remap /dev/mapper/ill /dev/spare
	vmio storm "$R" 0 32768 6 120 model >storm.out &
	storm=$!
	for ((i = 0; i < 12; i++)); do
		case $((i % 4)) in
		0) dmsetup suspend remap ;;
		1) dmsetup suspend --noflush --nolockfs remap ;;
		*)
			# The old table and the new one exist side by side now.
			dmsetup load remap --table \
				"$(table 32768 /dev/mapper/ill /dev/spare 0 low_water $i)"
			[ $((i % 4)) = 2 ] || dmsetup suspend remap ;;
		esac
		dmsetup resume remap
		[ $i != 6 ] || relayer ill /dev/main w:1000-1100 w:9000-9300 w:20000-20400
	done
	kill $storm 2>/dev/null || true	# it may have ended
	wait $storm || fail "$(cat storm.out)"
	is propagated=0 low_water=11 mode=rw
	at_least remappings 50
	# A loaded table that never becomes active leaves all as it is.
	dmsetup load remap --table "$(table 32768 /dev/mapper/ill /dev/spare 0)"
	dmsetup clear remap
	vmio verify "$R" 0 32768 model
	dmsetup remove remap
	remap /dev/mapper/ill /dev/spare
	vmio verify "$R" 0 32768 model
}

# a reload by a table with another length, and back by linear
t_reload_other() {
	disk main 16
	disk spare 8
	vmio fill /dev/main 0 32768 1
	bad main 1000-1007
	LEN=16384 remap /dev/main /dev/spare
	vmio write "$R" 1000 8 2
	dmsetup load remap --table "$(table 32768 /dev/main /dev/spare 0)"
	dmsetup resume remap
	vmio check "$R" 1000 8 2
	vmio check "$R" 20000 8 1
	# To the spare of another main: refused, and the old table stays.
	disk other 32
	log_mark
	dmsetup load remap --table "$(table 32768 /dev/other /dev/spare 0)" 2>/dev/null && fail "loaded"
	logged "spare belongs to a main device of 32768 sectors"
	dmsetup clear remap
	vmio check "$R" 1000 8 2
	# Left, the main device is as it is.
	good main 1000-1007
	ask release 0 32768 >/dev/null
	dmsetup load remap --table "0 32768 linear /dev/main 0"
	dmsetup resume remap
	vmio check "$R" 1000 8 2
}

# removal during a storm of errors takes no longer than three times that of a linear device
t_removal_in_storm() {
	local of_linear of_remap
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	bad main 64-4159
	dmsetup create linear --table "0 32768 linear /dev/main 0"
	of_linear=$(removal linear linear_writes)
	remap /dev/main /dev/spare 0 spare_length 256
	of_remap=$(removal remap errors_are_passed_on)
	echo "it took $of_remap ms; that of a linear device, $of_linear ms"
	[ "$of_remap" -lt $((3 * of_linear)) ]
	# Nothing is left over that would be in the way.
	LEN=32768 remap /dev/main /dev/spare
	is slots_free=0
}
# removal NAME CONDITION: takes a device away by force from sixteen writers, as soon as
# CONDITION is true; prints how many milliseconds that takes
removal() {
	local storm start
	vmio storm "/dev/mapper/$1" 64 4096 16 120 "model-$1" errors >/dev/null 2>&1 &
	storm=$!
	eventually 60 "$2" || return
	start=${EPOCHREALTIME/./}
	dmsetup remove --force --noflush "$1" >/dev/null 2>&1 || dmsetup wipe_table "$1"
	kill $storm 2>/dev/null || true	# it may have ended
	wait $storm || true
	! dmsetup info "$1" >/dev/null 2>&1 || dmsetup remove --retry "$1"
	echo $(((${EPOCHREALTIME/./} - start) / 1000))
}
linear_writes() { [ "$(mapped_stat linear | awk '{ print $5 }')" -gt 50 ]; }
errors_are_passed_on() { [ "$(field propagated)" -gt 16 ]; }

# taken away by force in each of dmsetup's ways, with writes to bad blocks under way: it
# comes back, the writers end, and what was acknowledged is there (case-36)
t_taken_by_force() {
	local how storm
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	layered ill /dev/main w:1000-1511 w:20000-20511
	for how in "remove --force" "wipe_table" "wipe_table --noflush" "remove --deferred"; do
		remap /dev/mapper/ill /dev/spare
		rm -f model
		vmio fill "$R" 0 24000 1
		vmio storm "$R" 0 24000 6 60 model errors >storm.out &
		storm=$!
		eventually 20 absorbs
		# shellcheck disable=SC2086
		timeout 30 dmsetup $how remap || [ "$how" = "remove --force" ] || fail "$how"
		kill $storm 2>/dev/null || true	# it may have ended
		timeout 30 tail --pid=$storm -f /dev/null || fail "$how: a writer hangs"
		wait $storm || true
		[ ! -b "$R" ] || dmsetup remove --retry remap 2>/dev/null || true
		remap /dev/mapper/ill /dev/spare
		is mode=rw superblocks=3/3 table_copies=2/2
		vmio verify "$R" 0 24000 model errors
		vmio verify "$R" 0 24000 model
		dmsetup remove remap
	done
}
absorbs() { [ "$(field remappings)" -gt 8 ]; }

# the spare is pulled under load: writes to good blocks and the administrator go
# on; put back, it is served again, and no acknowledged write is lost
t_spare_pulled() {
	local storm
	disk main 16
	disk spare 8
	vmio fill /dev/main 0 32768 1
	layered ill /dev/main w:1000-1511 w:20000-20511
	layered cable /dev/spare
	remap /dev/mapper/ill /dev/mapper/cable
	vmio fill "$R" 1000 256 1
	vmio storm "$R" 0 24000 6 60 model errors >storm.out &
	storm=$!
	sleep 0.7
	relayer cable /dev/spare rw:0-16383
	eventually 10 is_failed
	vmio write "$R" 30000 8 1 || fail "a healthy block cannot be written"
	sleep 0.3
	kill $storm 2>/dev/null || true	# it may have ended
	wait $storm || fail "$(cat storm.out)"
	vmio fill "$R" 30000 8 7
	dmsetup remove remap
	relayer cable /dev/spare
	remap /dev/mapper/ill /dev/mapper/cable
	is mode=rw
	at_least remappings 32
	# The model knows of each write whether it was acknowledged.
	vmio check "$R" 30000 8 7
	vmio verify "$R" 0 24000 model errors
	vmio verify "$R" 0 24000 model
}
is_failed() { is mode=fail || is mode=ro; }

# main is pulled as SCSI disks are, under load: no slot, and the module unloads
t_main_pulled() {
	local sd storm
	needs scsi_debug
	sd=$(scsi_disk dev_size_mb=16)
	disk spare 4
	vmio fill "/dev/$sd" 0 32768 1
	remap "/dev/$sd" /dev/spare
	vmio storm "$R" 0 2048 4 60 model errors >storm.out &
	storm=$!
	sleep 0.5
	echo 1 >"/sys/block/$sd/device/delete"
	fails "" vmio write "$R" 5000 8 2
	sleep 0.2
	kill $storm 2>/dev/null || true	# it may have ended
	wait $storm
	[[ $(cat storm.out) != *failed=0* ]] || fail "no write failed: $(cat storm.out)"
	is remappings=0 slots_used=0 known_bad=0
	dmsetup remove remap
}

# blocks are moved to the spare and back while they are written to and verified; a
# write to a block ends its release, so all are released only when it is quiet
t_evacuate_under_load() {
	local i storm
	disk main 16
	disk spare 16
	vmio fill /dev/main 0 32768 1
	remap /dev/main /dev/spare
	vmio storm "$R" 0 4096 8 120 model >storm.out &
	storm=$!
	for i in 1 2 3 4 5; do
		ask remap 0 4096 >/dev/null
		is known_bad=0
		ask release 0 4096 >/dev/null
		ask remap $((i * 512)) 1500 >/dev/null
		ask release $((i * 256)) 3000 >/dev/null
	done
	ask remap 1000 2000 >/dev/null
	kill $storm 2>/dev/null || true	# it may have ended
	wait $storm || fail "$(cat storm.out)"
	is propagated=0
	dmsetup remove remap
	remap /dev/main /dev/spare
	vmio verify "$R" 0 4096 model
	ask release 0 4096 >/dev/null
	is remappings=0
	vmio verify "$R" 0 4096 model
}

# swap on the device, over bad blocks
t_swap() {
	tight 12M
	disk main 128
	disk spare 16
	bad main 1000-1099 20000-20511 50000 50008 60000-60100
	remap /dev/main /dev/spare
	mkswap "$R" >/dev/null
	swapon "$R"
	( # What the program has in memory goes to swap and comes back.
		echo $BASHPID >/sys/fs/cgroup/tight/cgroup.procs
		exec vmio memory 40
	)
	rmdir /sys/fs/cgroup/tight
	at_least absorbed 20
	swapoff "$R"
}

# a target that is made and removed again and again leaks nothing and keeps all
t_again_and_again() {
	local i
	disk main 16
	disk spare 4
	bad main 1000-1199
	for i in 1 2 3 4 5 6 7 8 9 10; do
		remap /dev/main /dev/spare
		is remappings=$((i - 1)) activations="$i"
		vmio write "$R" $((1000 + i * 8)) 8 "$i"
		dmsetup remove remap
	done
	remap /dev/main /dev/spare
	for i in 1 2 3 4 5 6 7 8 9 10; do
		vmio check "$R" $((1000 + i * 8)) 8 "$i"
	done
}