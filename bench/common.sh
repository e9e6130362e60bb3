# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bench/common.sh: devices and figures, for the parts of the benchmark that run
# in the VM. To be sourced.

bench=$LAB_TOP/build/bench
programs=$bench
[[ $LAB_KERNEL != *-arm64* ]] || programs=$LAB_TOP/build/arm64/bench
loop=/sys/kernel/debug/bio-loop
# In user-mode Linux, time is real; figures have names of their own there.
# shellcheck disable=SC2034
native=
# shellcheck disable=SC2034
[[ $LAB_KERNEL != *uml* ]] || native=native.

die() { echo "bench: $*" >&2; exit 1; }

# figure NAME VALUE UNIT
figure() {
	printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$LAB_SHARE/figures"
	printf '  %-58s %12s %s\n' "$1" "$2" "$3"
}

# nulldev NAME MIB NAME=VALUE...: a null_blk disk /dev/NAME
nulldev() {
	local mib=$2 dir=/sys/kernel/config/nullb/$1 a
	shift 2

	modprobe null_blk nr_devices=0
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
	mkdir "$dir"
	echo "$mib" >"$dir/size"
	for a in irqmode=0 blocksize=512 submit_queues=1 "$@"; do
		echo "${a#*=}" >"$dir/${a%%=*}"
	done
	echo 1 >"$dir/power"
}

# metadata_spare DEVICE NULL_DEVICE: /dev/mapper/spare, which keeps what is metadata only,
# on DEVICE: a million slots are 4 GiB. Both are of the same size.
metadata_spare() {
	local size half meta=131072

	size=$(sectors_of "$1")
	half=$((size / 2 - 64))
	dmsetup create spare <<END
0 $meta linear $1 0
$meta $((half - meta)) linear $2 $meta
$half $meta linear $1 $half
$((half + meta)) $((size - 64 - half - meta)) linear $2 $((half + meta))
$((size - 64)) 64 linear $1 $((size - 64))
END
}

sectors_of() { blockdev --getsz "$1"; }

# linear NAME DEVICE
linear() { dmsetup create "$1" --table "0 $(sectors_of "$2") linear $2 0"; }

# spare DEVICE MAIN REMAPS scattered|clustered
spare() { "$programs/mkspare" "$1" "$(sectors_of "$2")" "$3" "$4" || die "mkspare"; }

# remap NAME MAIN SPARE
remap() {
	dmsetup create "$1" --table "0 $(sectors_of "$2") dm-remap $2 $3 0" ||
		die "cannot create $1"
}

# field NAME FIELD: of a device's status message
field() { dmsetup message "$1" 0 status | tr ' ' '\n' | sed -n "s/^$2=//p"; }

# Freed pages shall not stay on the CPUs' own lists: for in_use.
free_at_once() { echo 100000 >/proc/sys/vm/percpu_pagelist_high_fraction; }

# What is in use of each kind, in KiB, once freed pages are back: all, from slabs,
# by vmalloc() for dm-remap, for each CPU.
in_use() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemTotal:/ { t = $2 } /^MemFree:/ { f = $2 } /^Slab:/ { s = $2 }
		/^Percpu:/ { p = $2 }
		FILENAME ~ /vmallocinfo/ && /\[dm_remap\]/ { v += ($2 - 4096) / 1024 }
		END { print t - f, s, v + 0, p + 0 }' /proc/meminfo /proc/vmallocinfo
}

load_loop() {
	mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
	insmod "$bench/bio-loop-$LAB_KERNEL.ko" || die "cannot load bio-loop"
}

# turn DEVICE read|write PATTERN COUNT SECTORS N: sets cycles, ns and mean (ns), for one
# bio, in hundredths. Starts no process, which takes long in user-mode Linux.
turn() {
	echo "$*" >$loop || die "bio-loop $*"
	read -r cycles ns mean <$loop
}

# bio_loop DEVICE read|write PATTERN COUNT N: the same, in units
# shellcheck disable=SC2034
bio_loop() {
	local dev

	dev=$(readlink -f "$1")
	turn "$dev" "$2" "$3" "$4" "$(sectors_of "$dev")" "$5"
	cycles=$((cycles / 100)).$(printf %02d $((cycles % 100)))
	ns=$((ns / 100)).$(printf %02d $((ns % 100)))
	mean=$((mean / 100)).$(printf %02d $((mean % 100)))
}

# median: of the numbers on standard input
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# calc FORMAT EXPRESSION
calc() { awk "BEGIN { printf \"$1\", $2 }"; }
