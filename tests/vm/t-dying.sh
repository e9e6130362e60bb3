# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A main device that dies as real ones do: each error takes E, and nothing else is
# served meanwhile; a flush that fails has lost something. Times are in units of E.

# shellcheck source=tests/vm/dying.sh disable=SC2154 # set by guest
. "$here/dying.sh"

E_MS=500
# In QEMU, KCSAN adds 70 ms to an error, which the bounds in units of E have no room for.
[[ $LAB_KERNEL != *-races ]] || E_MS=2000

# within MOST TIME RESULT: the time, and "ok" or the error that is expected
within() { awk -v t="$2" -v most="$1" 'BEGIN { exit !(t <= most) }' ||
	fail "took $2 E, at most $1 E are allowed"; }

# goal MOST RESULT SCENE [ERROR [E_MS]]: main fails with ERROR, medium if not given
goal() {
	local time result
	dying remap "${5:-$E_MS}"
	slow_set main error="${4:-medium}"
	read -r time result <<<"$($3)"
	note "$3: $time E ($1 allowed)"
	same "$2" "$result" "$3"
	within "$1" "$time"
}

# a write to one bad block is absorbed within 2.1 E
t_write_to_bad() { goal 2.1 ok write_to_bad; }

# a write to 16 bad blocks is absorbed within 4 E, and what it wrote is there
t_write_to_16_bad() {
	goal 4 ok write_to_16_bad
	vmio check "$R" 80000 128 2
}

# a write of 256 KiB with one bad block is absorbed within 3 E, and costs one slot
t_write_with_1_bad() {
	local before
	dying remap 0
	before=$(field slots_used)
	goal 3 ok write_with_1_bad
	same $((before + 1)) "$(field slots_used)" slots_used
	vmio check "$R" 80000 512 2
}

# the same, of a main that does not say what failed
t_write_without_a_name() {
	goal 4 ok write_to_16_bad ioerr
	vmio check "$R" 80000 128 2
	goal 3 ok write_with_1_bad ioerr
	vmio check "$R" 80000 512 2
}

# a read of a bad block fails within 3 E
t_read_of_bad() { goal 3 ENODATA read_of_bad; }

# a write to a healthy block, beside 16 bad ones, ends within 2.3 E
t_healthy_beside() { goal 2.3 ok healthy_beside; }

# a write to a known-bad block, beside them, needs the spare alone
t_known_bad_beside() { goal 0.1 ok known_bad_beside; }

# and so does one to a remapped block
t_remapped_beside() { goal 0.1 ok remapped_beside; }

# of eight writers to eight bad blocks each one ends when its own block is settled:
# not more than three within half of E
t_eight_writers() {
	local first last together result
	dying remap $E_MS
	read -r first last together result <<<"$(eight_writers)"
	note "the first ends after $first E, the last after $last E, $together together"
	same ok "$result" "eight writers"
	within 9.5 "$first"
	within 16.5 "$last"
	[ "$together" -le 3 ] || fail "$together of them end together: $(units burst)"
}

ended() { [[ ! -e /proc/$1 || $(sed 's/.*) //' "/proc/$1/stat") = Z* ]]; }
failed_once() { [ "$(slow_get main failed)" -gt "$failed_before" ]; }

# asked: status, list and find answer, whatever the disks do
asked() {
	local what
	for what in status list "find 0 131072"; do
		# shellcheck disable=SC2086 # words
		vmio message remap 0 $what >/dev/null &
		eventually 10 ended $! || fail "$what waits for $1"
	done
	for what in status table info; do
		dmsetup $what remap >/dev/null &
		eventually 10 ended $! || fail "dmsetup $what waits for $1"
	done
}

# status, list and find do not wait for main while it examines bad blocks
t_status_does_not_wait() {
	local job failed_before
	dying remap 60000
	failed_before=$(slow_get main failed)
	slow_bad main both +80000-80127
	vmio burst "$R" 2 w:80000:128 >out &
	job=$!
	eventually 30 slow_waits main 1
	# The request has failed, a retry is in service.
	slow_set main stop=1 error_ms=0
	eventually 30 failed_once
	eventually 30 slow_waits main 1
	slow_set main error_ms=60000 stop=0
	asked main
	slow_set main error_ms=0
	wait $job
}

# nor for the spare, while a batch waits for it
t_status_does_not_wait_for_the_spare() {
	local job
	slow main 64
	slow spare 16
	remap /dev/main /dev/spare
	slow_bad main writes +800-807
	slow_set spare stop=1
	vmio write "$R" 800 8 2 &
	job=$!
	eventually 10 slow_waits spare 1
	asked "the spare"
	slow_set spare stop=0
	wait $job
	vmio check "$R" 800 8 2
}

# retrying OP: the operation has failed slowly; its first retry takes 30 s
retrying() {
	local failed_before
	dying remap 600000
	failed_before=$(slow_get main failed)
	slow_bad main both +80000-80127
	vmio burst "$R" 2 "$1" >out &
	job=$!
	eventually 30 slow_waits main 1
	slow_set main stop=1 error_ms=250
	eventually 30 failed_once
	# The retry, and beside it the question whether main is alive.
	eventually 30 slow_waits main 2
	slow_log_mark main
	slow_set main error_ms=30000 stop=0
}

# suspending: the administrator is told so
suspending() { [[ $(vmio message remap 0 forget_bad 0 8 2>&1) == *busy* ]]; }

# begun_on_main: what main served since the retry, but for the question whether it is alive
begun_on_main() { slow_log main | awk '$4 != "R" || $5 + $6 > 80000 && $5 < 80128' | wc -l; }

# suspend during a retry that takes 30 s waits for it alone; nothing new is begun
t_suspend_begins_nothing() {
	local op job='' suspend
	for op in w:80000:128 r:80000:128; do
		retrying "$op"
		dmsetup suspend remap &
		suspend=$!
		eventually 10 suspending
		slow_set main error_ms=250
		wait $suspend
		wait "$job"
		same 1 "$(begun_on_main)" "I/Os to the bad blocks"
		dmsetup resume remap
		[ "$op" != w:80000:128 ] || {
			same ok "$(awk '{ print $4 }' out)" "the write"
			is unproven=15
			slow_set main error_ms=0
			vmio check "$R" 80000 128 2
		}
		slow_set main error_ms=0
	done
}

# and so does a removal by force; what was absorbed is there afterwards
t_removal_during_retry() {
	local job='' remove
	retrying w:80000:128
	dmsetup remove --force remap &
	remove=$!
	eventually 10 suspending
	slow_set main error_ms=250
	wait "$job"
	same ok "$(awk '{ print $4 }' out)" "the write"
	same 1 "$(begun_on_main)" "I/Os to the bad blocks"
	wait $remove || dmsetup remove --retry remap
	slow_set main error_ms=0
	remap /dev/main /dev/spare
	vmio check "$R" 80000 128 2
}

# main goes away during such a retry: the caller is told, it costs no slots, and a
# removal comes back
t_main_gone_during_retry() {
	local job='' before
	retrying w:80000:128
	before=$(field slots_used)
	slow_set main power=0
	wait "$job"
	[ "$(awk '{ print $4 }' out)" != ok ] || fail "the write succeeded"
	same "$before" "$(field slots_used)" slots_used
	[ "$(field main_gone)" -gt 0 ] || eventually 30 test "$(field main_gone)" -gt 0
	dmsetup remove remap
}

# suspend waits for what is in flight on main, not for all the retries
t_suspend_during_retries() {
	local begun took job
	dying remap $E_MS
	slow_bad main both +80000-80255
	vmio burst "$R" 2 w:80000:256 >out &
	job=$!
	eventually 30 slow_waits main 1
	begun=${EPOCHREALTIME/./}
	dmsetup suspend remap
	took=$((${EPOCHREALTIME/./} - begun))
	note "suspend took $((took / 1000)) ms, E is $E_MS ms"
	dmsetup resume remap
	wait $job
	same ok "$(awk '{ print $4 }' out)" "the write"
	vmio check "$R" 80000 256 2
	[ $took -lt $((E_MS * 2600)) ] || fail "suspend took $took us"
}

served() { [ -n "$(slow_log main)" ]; }

# suspend during a long release, on a main that takes 5 ms for each request, returns
# within a batch; the message is told that it is not done, and can be repeated
t_suspend_during_release() {
	local begun took job status=0
	slow main 64
	disk spare 16
	remap /dev/main /dev/spare 0 breaker 0 0
	slow_bad main writes +0-16383
	vmio fill "$R" 0 16384 1
	same 2048 "$(field slots_used)" slots_used
	slow_bad main writes -0-16383
	slow_set main service_us=5000
	slow_log_mark main
	dmsetup message remap 0 release 0 16384 >told 2>&1 &
	job=$!
	eventually 10 served
	begun=${EPOCHREALTIME/./}
	dmsetup suspend remap
	took=$((${EPOCHREALTIME/./} - begun))
	dmsetup resume remap
	wait $job || status=$?
	note "suspend took $((took / 1000)) ms"
	[ $took -lt 3000000 ] || fail "suspend took $took us"
	[ $status != 0 ] || fail "the release says that it was done"
	[[ $(cat told) == *busy* ]] || fail "the release was told $(cat told)"
	slow_set main service_us=0
	ask release 0 16384 >/dev/null
	same 0 "$(field slots_used)" slots_used
	vmio check "$R" 0 16384 1
}

# a link that was reset fails 32 requests together and no block is bad: no slots
t_reset_costs_no_slots() {
	local i ops=() job before failed_before
	dying remap $E_MS
	slow_set main service_us=0
	before=$(field slots_used)
	failed_before=$(slow_get main failed)
	for ((i = 0; i < 32; i++)); do
		ops+=("w:$((50000 + i * 2048)):2048")
	done
	slow_set main stop=1
	vmio burst "$R" 3 "${ops[@]}" >out &
	job=$!
	eventually 30 slow_waits main 32
	slow_set main reset=1 stop=0
	wait $job
	[ "$(slow_get main failed)" -ge $((failed_before + 32)) ] || fail "not all have failed"
	same 32 "$(grep -c ok out)" "writes that succeeded"
	same "$before" "$(field slots_used)" slots_used
	is unproven=0
	vmio check "$R" 50000 65536 3
}

in_flight() { awk -v n="$1" '{ exit !($1 + $2 == n) }' /sys/block/dm-0/inflight; }

# held_reads: 16 adjacent reads wait on main and are then served, their errors in "out";
# for how long the first one was held, in microseconds, is in $held
held_reads() {
	local i ops=() job begun
	for ((i = 0; i < 16; i++)); do
		ops+=("r:$((960 + i * 8)):8")
	done
	slow_set main stop=1
	begun=${EPOCHREALTIME/./}
	vmio burst "$R" 0 "${ops[@]}" >out &
	job=$!
	eventually 10 slow_waits main 1
	# All of them, however the block layer has merged them.
	eventually 10 in_flight 16
	slow_set main stop=0
	held=$((${EPOCHREALTIME/./} - begun))
	wait $job
}

# sixteen adjacent reads, merged below dm-remap, fail with one bad sector: one slot. What
# takes 200 ms on a busy machine is a slow error, and another matter: once more then.
t_merged_reads() {
	local i retries try
	for retries in 1 0; do
		for try in {1..20}; do
			slow main 64 merge=1
			[ -e /dev/spare ] || disk spare 16
			dd if=/dev/zero of=/dev/spare bs=1M count=16 oflag=direct status=none
			remap /dev/main /dev/spare 0 read_retries $retries
			slow_bad main reads +1000-1000
			held_reads
			if [ "$held" -le 180000 ]; then break; fi
			dmsetup remove remap
			rmdir /sys/kernel/config/slow-disk/main
			[ "$try" -lt 20 ] || skip "errors are slow on this machine, at $((held / 1000)) ms"
		done
		note "read_retries $retries: held $((held / 1000)) ms, $(field slots_used) slots, $(grep -c EIO out) reads failed"
		[ "$(field slots_used)" -le 1 ] || fail "$(field slots_used) slots, read_retries $retries"
		slow_bad main reads -1000-1000
		for ((i = 0; i < 16; i++)); do
			[ $((960 + i * 8)) = 1000 ] || vmio read "$R" $((960 + i * 8)) 8
		done
		dmsetup remove remap
		rmdir /sys/kernel/config/slow-disk/main
	done
}

# readahead that main refuses, as a suspended dm device does, says nothing about a block
t_refused_readahead() {
	local ra
	slow main 64
	disk spare 16
	vmio fill /dev/main 0 65536 1
	remap /dev/main /dev/spare
	# Of one block, of two, and of many.
	for ra in 8 16 256; do
		blockdev --setra $ra "$R"
		slow_set main readahead=0
		drop_caches
		dd if="$R" of=/dev/null bs=512 count=2000 status=none
		is slots_used=0 remappings=0 known_bad=0 mode=rw
	done
	# It did ask for some.
	slow_set main readahead=1
	drop_caches
	slow_log_mark main
	dd if="$R" of=/dev/null bs=512 count=2000 status=none
	slow_log main | awk '$7 ~ /A/ { found = 1 } END { exit !found }' ||
		fail "there was no readahead at all"
}

# FUA write to a main without native FUA: when the flush after it fails, earlier writes
# may be lost, and the caller is told, as over dm-linear
t_lost_by_a_fua_write() {
	local how
	for how in linear remap; do
		slow main 16 write_cache=1
		[ -e /dev/spare ] || disk spare 16
		vmio fill /dev/main 0 1024 1
		vmio flush /dev/main
		if [ $how = linear ]; then
			dmsetup create remap --table "0 32768 linear /dev/main 0"
		else
			remap /dev/main /dev/spare
		fi
		vmio write "$R" 0 8 2
		slow_set main fail_flushes=1
		io_error vmio syncwrite "$R" 80 8 3
		# It is told once.
		vmio flush "$R"
		vmio check "$R" 0 8 1
		vmio syncwrite "$R" 80 8 4
		dmsetup remove remap
		rmdir /sys/kernel/config/slow-disk/main
	done
}

# a flush of main on behalf of a release fails: the next flush of a caller says so, once
t_lost_by_a_release() {
	slow main 16 write_cache=1
	disk spare 16
	vmio fill /dev/main 0 1024 1
	vmio flush /dev/main
	remap /dev/main /dev/spare
	slow_bad main writes +800-807
	vmio write "$R" 800 8 2
	slow_bad main writes -800-807
	vmio write "$R" 0 8 3
	slow_set main fail_flushes=1
	ask release 800 8 >told 2>&1 || note "release: $(cat told)"
	same 0 "$(slow_get main fail_flushes)" "flushes that were to fail"
	vmio check "$R" 0 8 1
	vmio check "$R" 800 8 2
	io_error vmio flush "$R"
	vmio flush "$R"
}

# a table that is loaded and resumed between takes over what is owed
t_owed_after_a_reload() {
	local dev
	slow main 16 write_cache=1
	slow spare 16 write_cache=1
	vmio fill /dev/main 0 1024 1
	remap /dev/main /dev/spare
	slow_bad main writes +800-807
	vmio write "$R" 800 8 2
	vmio flush "$R"
	slow_bad main writes -800-807
	# Of main, on behalf of a release; of the spare, on behalf of a commit.
	for dev in main spare; do
		slow_set $dev fail_flushes=1
		if [ $dev = main ]; then
			ask release 800 8 >told 2>&1 || note "release: $(cat told)"
		else
			ask mark_bad 400 8 >/dev/null
			ask remap 80 8 >told 2>&1 || note "remap: $(cat told)"
		fi
		same 0 "$(slow_get $dev fail_flushes)" "flushes of $dev that were to fail"
		dmsetup load remap --table "$(table 32768 /dev/main /dev/spare 0)"
		dmsetup suspend remap
		dmsetup resume remap
		io_error vmio flush "$R"
		vmio flush "$R"
	done
}

# the flush before a commit fails: what was written to the slot is lost; so the data is
# written again, or the caller gets an error
t_lost_by_a_commit() {
	local fua status
	for fua in 0 1; do
		slow main 16
		slow spare 16 write_cache=1 fua=$fua
		vmio fill /dev/main 0 1024 1
		remap /dev/main /dev/spare
		slow_bad main writes +800-815
		vmio write "$R" 800 8 2
		slow_set spare fail_flushes=1
		status=0
		vmio write "$R" 808 8 3 || status=$?
		same 0 "$(slow_get spare fail_flushes)" "flushes that were to fail"
		note "fua $fua: the write ended with $status"
		[ $status != 0 ] || vmio check "$R" 808 8 3
		dmsetup remove remap
		# What was promised is there at the next activation.
		slow_set spare lose=1
		remap /dev/main /dev/spare
		[ $status != 0 ] || vmio check "$R" 808 8 3
		dmsetup remove remap
		rmdir /sys/kernel/config/slow-disk/{main,spare}
	done
}

# a spare that is gone owes its callers one flush error, not one for ever
t_dead_spare_owes_one_error() {
	local i failed=0
	slow main 16 write_cache=1
	slow spare 16 write_cache=1
	remap /dev/main /dev/spare
	slow_bad main writes +800-807
	vmio write "$R" 800 8 2
	vmio flush "$R"
	vmio write "$R" 804 1 3
	slow_set spare power=0
	if vmio read "$R" 800 8 2>/dev/null; then
		fail "what is on the spare can be read"
	fi
	for i in 1 2 3 4; do
		vmio write "$R" $((i * 8)) 8 4
		vmio flush "$R" || failed=$((failed + 1))
	done
	note "$failed of 4 flushes failed"
	is mode=fail
	same 1 $failed "flush errors"
	vmio check "$R" 8 8 4
}
