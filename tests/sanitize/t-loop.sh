# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The same again and again. What leaks is found by kmemleak at the end, and here
# by what is left in use.

LOOPS=${DM_REMAP_TEST_LOOPS:-40}

# A life: create, error storm, suspend, reload, messages, remove
life() {
	local i=$1
	remap /dev/mapper/ill /dev/spare
	vmio storm "$R" 0 8192 2 1 model errors >/dev/null
	dmsetup suspend remap
	dmsetup load remap --table "$(table 16384 /dev/mapper/ill /dev/spare 0)"
	[ $((i % 3)) != 0 ] || dmsetup clear remap
	dmsetup resume remap
	ask remap $((8192 + i * 8)) 64 >/dev/null
	ask mark_bad $((12288 + i * 8)) 8 >/dev/null
	ask list >/dev/null
	ask release $((8192 + i * 8)) 32 >/dev/null
	vmio verify "$R" 0 8192 model
	dmsetup remove remap
}

# slab objects, vmalloc and per-CPU memory of the kernel in KiB
in_use() {
	drop_caches
	awk '/^(SUnreclaim|VmallocUsed|Percpu):/ { n += $2 } END { print n }' /proc/meminfo
}

# create, error storm, suspend, reload, messages, remove: nothing is left in use
t_lives() {
	local i before after
	disk main 8
	disk spare 4
	vmio fill /dev/main 0 16384 1
	layered ill /dev/main w:100-900 w:4000-4100 w:6000-7000
	for ((i = 0; i < LOOPS; i++)); do
		[ $i != 5 ] || before=$(in_use)
		life $i || fail "in life $i"
	done
	after=$(in_use)
	echo "$LOOPS lives: $before KiB, then $after KiB"
	# A device has 1 MiB or so: a leaked one in ten would be seen.
	[ $((after - before)) -lt $((LOOPS * 100)) ] || fail "memory in use: $before KiB, then $after KiB"
}

# tables that are refused, and tables that are replaced before they were in use
t_refused_tables() {
	local i
	disk main 8
	disk spare 4
	disk small 1
	vmio fill /dev/small 0 2048 1
	for ((i = 0; i < LOOPS; i++)); do
		! dmsetup create x --table "$(table 16384 /dev/main /dev/small 0)" 2>/dev/null
		! dmsetup create x --table "$(table 16384 /dev/main /dev/main 0)" 2>/dev/null
		! dmsetup create x --table "$(table 16384 /dev/main /dev/spare 0 nonsense)" 2>/dev/null
		! dmsetup create x --table "$(table 99999 /dev/main /dev/spare 0)" 2>/dev/null
		remap /dev/main /dev/spare
		dmsetup load remap --table "$(table 16384 /dev/main /dev/spare 0)"
		dmsetup load remap --table "$(table 16384 /dev/main /dev/spare 0 label x)"
		dmsetup clear remap
		dmsetup remove remap
	done
}

# messages and status from several sides while the device is written, suspended
# and reloaded: no hang
t_all_at_once() {
	local i storm others=()
	disk main 8
	disk spare 4
	vmio fill /dev/main 0 16384 1
	layered ill /dev/main w:100-900 w:4000-4100 w:6000-7000
	remap /dev/mapper/ill /dev/spare
	vmio storm "$R" 0 8192 4 15 model >storm.out &
	storm=$!
	while :; do ask list >/dev/null; ask status >/dev/null; done 2>/dev/null &
	others+=($!)
	while :; do ask remap 9000 400 >/dev/null; ask release 9000 400 >/dev/null; done 2>/dev/null &
	others+=($!)
	while :; do dmsetup status remap >/dev/null; dmsetup table remap >/dev/null; done 2>/dev/null &
	others+=($!)
	for ((i = 0; i < 8; i++)); do
		sleep 0.5
		dmsetup suspend remap
		dmsetup load remap --table "$(table 16384 /dev/mapper/ill /dev/spare 0)"
		dmsetup resume remap
	done
	wait $storm
	kill "${others[@]}"
	wait "${others[@]}" 2>/dev/null || true
	cat storm.out
	vmio verify "$R" 0 8192 model
	eventually 10 dmsetup remove remap
}
