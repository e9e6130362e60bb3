# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Memory and requests that fail on purpose.

need_faults() { [ -d /sys/kernel/debug/failslab ] || skip "this kernel has no fault injection"; }

# inject KIND ATTRIBUTE=VALUE...: KIND is failslab, fail_page_alloc or fail_make_request
inject() {
	local dir=/sys/kernel/debug/$1 a
	shift
	for a in verbose=0 probability=0 times=-1 interval=1 "$@"; do
		echo "${a#*=}" >"$dir/${a%%=*}"
	done
}
calm() {
	local d
	for d in failslab fail_page_alloc fail_make_request; do
		echo 0 >/sys/kernel/debug/$d/probability
		echo N >/sys/kernel/debug/$d/task-filter
	done
}
# The tasks that do the target's work, and those named, have bad luck.
unlucky() {
	local p
	for p in $(pgrep kworker) "$@"; do
		echo 1 >"/proc/$p/make-it-fail" 2>/dev/null || true
	done
}

# each memory allocation of create, reload, suspend, of all messages and of
# writes fails once: the device works on, and holds what was acknowledged
t_nth_allocation() {
	need_faults
	disk main 4
	disk spare 4
	layered ill /dev/main w:0-127
	inject failslab ignore-gfp-wait=N cache-filter=N task-filter=N
	inject fail_page_alloc ignore-gfp-wait=N ignore-gfp-highmem=N min-order=0 task-filter=N
	fault-nth /dev/mapper/ill /dev/spare >nth.out || { cat nth.out; false; }
	note "$(tail -n 1 nth.out)"
	calm
}

has_threads() { [ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l)" -ge 4 ]; }

# storm_without_memory KIND ATTRIBUTE...: writers and readers over bad blocks, with a share of
# all allocations of theirs and of the kernel's workers failing
storm_without_memory() {
	local storm
	need_faults
	disk main 16
	disk spare 8
	vmio fill /dev/main 0 32768 1
	layered ill /dev/main w:2000-3000 w:9000-9100 w:10000-12000
	remap /dev/mapper/ill /dev/spare
	inject "$@" task-filter=Y probability=5
	vmio storm "$R" 0 16384 4 12 model errors >storm.out &
	storm=$!
	eventually 10 has_threads $storm
	# Not its first thread, which does no I/O: it writes down what was acknowledged.
	# shellcheck disable=SC2046 # numbers
	unlucky $(find /proc/$storm/task -mindepth 1 -maxdepth 1 ! -name $storm -printf '%f ')
	for _ in 1 2 3 4; do
		sleep 2
		unlucky
		ask status >/dev/null || true
		dmsetup suspend remap || true
		dmsetup resume remap
	done
	# Whatever has failed, the tests that come next shall have memory.
	wait $storm || { calm; fail "$(cat storm.out)"; }
	calm
	cat storm.out
	[[ $(cat storm.out) != *failed=0* ]] || fail "nothing failed"
	# A disk that lacked memory has failed writes: what is in doubt is an error
	# until the metadata is read anew.
	vmio verify "$R" 0 16384 model errors
	dmsetup remove remap
	remap /dev/mapper/ill /dev/spare
	drop_caches
	vmio verify "$R" 0 16384 model
}

# failslab under an error storm: no acknowledged write is lost
t_storm_slab() { storm_without_memory failslab ignore-gfp-wait=N cache-filter=N; }

# fail_page_alloc under an error storm: no acknowledged write is lost
t_storm_pages() { storm_without_memory fail_page_alloc ignore-gfp-wait=N ignore-gfp-highmem=N min-order=0; }

# failing_requests DISK...: a share of the requests to these disks fails
failing_requests() {
	local d
	need_faults
	disk main 16
	disk spare 8
	vmio fill /dev/main 0 32768 1
	layered ill /dev/main w:2000-3000 w:10000-12000
	remap /dev/mapper/ill /dev/spare 0 breaker 0 0
	vmio storm "$R" 0 16384 2 2 model
	inject fail_make_request probability="$RATE" task-filter=N
	for d; do echo 1 >"/sys/block/$d/make-it-fail"; done
	vmio storm "$R" 0 16384 4 10 model errors
	vmio verify "$R" 0 16384 model errors
	for d; do echo 0 >"/sys/block/$d/make-it-fail"; done
	calm
	ask status
	# What was lost stays an error, and all else is right.
	vmio verify "$R" 0 16384 model errors
	dmsetup remove remap
	remap /dev/mapper/ill /dev/spare 0 breaker 0 0
	drop_caches
	vmio verify "$R" 0 16384 model errors
	# And it can be used: in mode rw, or written where main is well.
	vmio write "$R" 20000 64 7
	vmio check "$R" 20000 64 7
}

# fail_make_request on the main device
t_requests_main() { RATE=5; failing_requests main; }
# fail_make_request on the spare
t_requests_spare() { RATE=1; failing_requests spare; }
# fail_make_request on both
t_requests_both() { RATE=1; failing_requests main spare; }
