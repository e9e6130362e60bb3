# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# tests/vm/lib.sh: what the tests have in common. It is read before each test.
#
# A test is a function whose name begins with t_ in a file t-*.sh. It runs with
# "set -eu" in a process of its own and has failed as soon as a command fails.
# It makes its devices with the functions below; everything is taken away when
# it ends. A line "# own VM" in the file means that its functions run on the
# host and start virtual machines (see host.sh).

R=/dev/mapper/remap
# shellcheck source=tests/vm/scsi.sh
. "${BASH_SOURCE[0]%/*}/scsi.sh"

#-----------------------------------------------------------------------
# Telling what is wrong

fail() { echo "$*" >&2; return 1; }

# skip WHY...: this test cannot be run here
skip() { echo "$*"; exit 77; }

# note WHAT...: to be shown although the test passes
note() { echo "$*" >>/run/notes; }

# same WANTED GOT WHAT
same() { [ "$1" = "$2" ] || fail "$3: expected '$1', found '$2'"; }

# fails ERRNO-TEXT COMMAND...: the command must fail and say this
fails() {
	local text=$1 out
	shift
	if out=$("$@" 2>&1); then
		fail "should have failed: $*${out:+ (it said: $out)}"
	else
		[[ $out == *"$text"* ]] || fail "'$*' should say '$text', said: $out"
	fi
}

# io_error COMMAND...: the command must fail with an I/O error
io_error() { fails "Input/output error" "$@"; }
# lost COMMAND...: it must fail as a read of lost data does
lost() { fails "No data available" "$@"; }

# eventually SECONDS COMMAND...: poll until the command succeeds
eventually() {
	local end=$((SECONDS + $1))
	shift
	until "$@" 2>/dev/null; do
		[ $SECONDS -lt $end ] || { fail "did not become true: $*"; return 1; }
		sleep 0.05
	done
}

#-----------------------------------------------------------------------
# The kernel's log

# The log since the test started, or since the last "log_mark".
log_mark() { dmesg -C; }
logged() {
	local log
	log=$(dmesg)
	[[ $log == *"$1"* ]] || fail "the kernel's log lacks '$1':
$(tail -n 15 <<<"$log")"
}
not_logged() {
	local log
	log=$(dmesg)
	[[ $log != *"$1"* ]] || fail "the kernel's log has '$1'"
}

# needs MODULE: a kernel that was built here may lack it, Debian's have it
needs() {
	[[ $LAB_KERNEL = *-@(amd64|arm64|arm64-16k) ]] || modprobe -n "$1" 2>/dev/null ||
		skip "$1 is not built for this kernel"
}

# tight LIMIT: a control group of so much memory, /sys/fs/cgroup/tight
tight() {
	mkdir -p /sys/fs/cgroup
	mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
	grep -qw memory /sys/fs/cgroup/cgroup.controllers ||
		skip "this kernel cannot limit memory"
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p /sys/fs/cgroup/tight
	echo "$1" >/sys/fs/cgroup/tight/memory.max
}

#-----------------------------------------------------------------------
# Disks

# disk NAME MIB [ATTRIBUTE=VALUE...]: a null_blk disk /dev/NAME in memory
disk() {
	local name=$1 mib=$2 dir=/sys/kernel/config/nullb/$1 a
	shift 2
	[ -d /sys/module/null_blk ] || modprobe null_blk nr_devices=0
	mkdir "$dir"
	echo "$mib" >"$dir/size"
	echo 1 >"$dir/memory_backed"
	echo 512 >"$dir/blocksize"
	for a in "$@"; do
		echo "${a#*=}" >"$dir/${a%%=*}"
	done
	echo 1 >"$dir/power"
	# An old kernel calls it by a number: not by that which it had in an earlier test.
	[ ! -L "/dev/$name" ] || rm "/dev/$name"
	[ -b "/dev/$name" ] || ln -sfn "nullb$(cat "$dir/index")" "/dev/$name"
	[ -b "/dev/$name" ] || fail "/dev/$name did not appear"
}

# bad NAME FIRST[-LAST]...: these sectors of a disk() fail from now on
bad() { badblocks + "$@"; }
good() { badblocks - "$@"; }
badblocks() {
	local sign=$1 file=/sys/kernel/config/nullb/$2/badblocks r first last end
	shift 2
	for r in "$@"; do
		first=${r%-*} last=${r#*-}
		# The kernel's list has ranges of up to 512 sectors.
		while [ "$first" -le "$last" ]; do
			end=$(((first / 512 + 1) * 512 - 1))
			[ $end -lt "$last" ] || end=$last
			echo "$sign$first-$end" >"$file"
			first=$((end + 1))
		done
	done
}

# slow NAME MIB [SETTING=VALUE...]: a disk /dev/NAME that serves one request at a time
# and takes long to fail. The settings are explained in lab/slow-disk/slow-service.c.
slow() {
	local dir=/sys/kernel/config/slow-disk/$1

	[ -d /sys/module/slow_disk ] || modprobe slow-disk
	mkdir "$dir"
	slow_set "$1" size="$2" "${@:3}"
	echo 1 >"$dir/power"
	[ -b "/dev/$1" ] || fail "/dev/$1 did not appear"
}

# slow_set NAME SETTING=VALUE...
slow_set() {
	local a
	for a in "${@:2}"; do
		echo "${a#*=}" >"/sys/kernel/config/slow-disk/$1/${a%%=*}"
	done
}

# slow_get NAME SETTING
slow_get() { cat "/sys/kernel/config/slow-disk/$1/$2"; }

# slow_bad NAME reads|writes|both +FIRST-LAST|-FIRST-LAST...
slow_bad() {
	local name=$1 what=$2
	shift 2
	[ "$what" = writes ] || slow_set "$name" bad_reads="$*"
	[ "$what" = reads ] || slow_set "$name" bad_writes="$*"
}

# slow_log NAME: what it has served since slow_log_mark NAME
slow_log() { cat "/sys/kernel/debug/slow-disk/$1/log"; }
slow_log_mark() {
	mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
	echo >"/sys/kernel/debug/slow-disk/$1/log"
}

# slow_waits NAME N: at least so many requests are there or in service
slow_waits() { [ "$(slow_get "$1" waiting)" -ge "$2" ]; }

# pull NAME: the disk is gone
pull() { echo 0 >"/sys/kernel/config/nullb/$1/power"; }

sectors() { blockdev --getsz "$1"; }

# layered NAME DEVICE SPEC...: a disk /dev/mapper/NAME over another one. SPEC,
# in ascending order, is KIND:FIRST-LAST, with KIND one of
#   rw    reads and writes fail      w     writes fail      r     reads fail
#   slow  a read or write takes 2 seconds, and fails (as long as NAME-err does)
layered_table() {
	local dev=$2 name=$1 at=0 end spec first last kind
	shift 2
	end=$(sectors "$dev")
	for spec in "$@" end:$end-$end; do
		kind=${spec%%:*} first=${spec#*:} last=${spec#*:}
		first=${first%-*} last=${last#*-}
		[ "$first" = "$at" ] || echo "$at $((first - at)) linear $dev $at"
		at=$((last + 1))
		local n=$((at - first)) ok="$dev $first" err="/dev/mapper/$name-err $first"
		case $kind in
		rw) echo "$first $n error" ;;
		w) echo "$first $n delay $ok 0 $err 0 $ok 0" ;;
		r) echo "$first $n delay $err 0 $ok 0 $ok 0" ;;
		slow) echo "$first $n delay $err 2000 $err 2000 $ok 0" ;;
		end) ;;
		*) fail "layered: $spec?" ;;
		esac
	done
}
layered() {
	local table

	dmsetup create "$1-err" --table "0 $(sectors "$2") error"
	table=$(layered_table "$@")
	dmsetup create "$1" --table "$table"
}
# The same with other specs, at once.
relayer() {
	local table

	table=$(layered_table "$@")
	dmsetup suspend --noflush --nolockfs "$1"
	dmsetup load "$1" --table "$table"
	dmsetup resume "$1"
}

#-----------------------------------------------------------------------
# dm-remap

# table LENGTH MAIN SPARE START [FEATURE...]
table() {
	local len=$1 main=$2 spare=$3 start=$4
	shift 4
	echo "0 $len dm-remap $main $spare $start${1:+ $# $*}"
}

# remap MAIN SPARE [START [FEATURE...]]: the device /dev/mapper/remap, as long
# as MAIN or as $LEN
remap() {
	local main=$1 spare=$2 start=${3:-0}
	shift 2
	[ $# = 0 ] || shift
	dmsetup create remap --table \
		"$(table "${LEN:-$(sectors "$main")}" "$main" "$spare" "$start" "$@")"
}

# refused MESSAGE TABLE: creating the device must fail, and the kernel say why
refused() {
	log_mark
	if dmsetup create refused --table "$2" >/dev/null 2>&1; then
		dmsetup remove refused
		fail "should have been refused: $2"
	fi
	logged "$1"
}

# ask WORD...: a message to sector 0 of the device
ask() { vmio message remap 0 "$@"; }

# field NAME: from the answer to the message "status"
field() {
	local s
	s=" $(ask status) "
	[[ $s == *" $1="* ]] || fail "status has no field $1: $s"
	s=${s#* "$1"=}
	echo "${s%% *}"
}

# is NAME=VALUE...: fields of the status
is() {
	local s p bad=
	s=$(ask status)
	s=" $s "
	for p in "$@"; do
		[[ $s == *" $p "* ]] || bad="$bad $p"
	done
	[ -z "$bad" ] || fail "status should have$bad:$s"
}
at_least() {
	local v
	v=$(field "$1")
	[ "$v" -ge "$2" ] || fail "$1 is $v, expected at least $2"
}

# Events: events=$(event); ...; wait_event $events
event() { dmsetup info -c --noheadings -o events remap; }
wait_event() {
	timeout 20 dmsetup wait remap "$1" >/dev/null ||
		fail "no event came after number $1"
}

# writes_of DEVICE: completed write requests
writes_of() { awk '{ print $5 }' "/sys/class/block/${1#/dev/}/stat"; }
# mapped_stat NAME: the same file of a mapped device, whole (Documentation/block/stat.rst)
mapped_stat() {
	cat "/sys/dev/block/$(dmsetup info -c --noheadings --separator : -o major,minor "$1")/stat"
}

drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }

#-----------------------------------------------------------------------
# Taking it all away

end_jobs() {
	local j
	for j in $(jobs -p); do
		kill "$j" 2>/dev/null || true
	done
	wait
}

# Nothing may be left, or the next test would not be on its own.
there() { [ -e "$1" ]; }
take_away() {
	local i n d a b dirty=''

	if [ -d /sys/module/zfs ]; then
		for n in $(zpool list -H -o name 2>/dev/null); do
			zpool export -f "$n"
		done
	fi
	# Nothing shall take long from now on.
	for d in /sys/kernel/config/slow-disk/*/; do
		[ ! -d "$d" ] || slow_set "$(basename "$d")" error_ms=0 service_us=0 stop=0
	done
	while read -r a b; do
		[ "$a" = Filename ] || swapoff "$a"
	done </proc/swaps
	while read -r a b n; do
		case $b in
		/mnt/*) umount "$b" || umount -l "$b" ;;
		esac
	done < <(tac /proc/mounts)
	for i in 1 2 3 4 5 6; do
		there /sys/block/dm-* || there /sys/block/loop*/loop || break
		dmsetup remove_all >/dev/null 2>&1 || true
		! there /sys/block/loop*/loop || losetup -D || true
		[ $i -lt 3 ] || sleep 0.3
	done
	! there /sys/block/dm-* || dirty=$(dmsetup ls)
	for d in /sys/kernel/config/nullb/*/; do
		[ -d "$d" ] || continue
		echo 0 >"$d/power" && rmdir "$d" || dirty="$dirty $d"
	done
	for d in /sys/kernel/config/slow-disk/*/; do
		[ -d "$d" ] || continue
		rmdir "$d" || dirty="$dirty $d"
	done
	if [ -d /sys/module/scsi_debug ]; then
		modprobe -r scsi_debug || dirty="$dirty scsi_debug"
	fi
	rm -rf "$T"
	[ -z "$dirty" ] || fail "cannot be taken away: $dirty"
}
