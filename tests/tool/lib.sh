# shellcheck shell=bash disable=SC2154,SC2034,SC2086,SC2119,SC2120,SC2013
# SPDX-License-Identifier: GPL-2.0
#
# tests/tool/lib.sh: what the tests of dmremap have in common.

top=$(cd "$here/../.." && pwd -P)
export T=/run/test DMREMAP_STATE=/run/test-state DMREMAP_RUN=/run/test-run ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS=suppressions=$here/lsan
D=/run/dmremap${DM_REMAP_ASAN:+.asan}
M=/dev/mapper
# shellcheck source=tests/vm/scsi.sh
. "$top/tests/vm/scsi.sh"

# dmremap with a status of the sanitizer's own, so that no test takes it for a refusal
dmremap() {
	local s=0
	UBSAN_OPTIONS=halt_on_error=1:exitcode=99 ASAN_OPTIONS=detect_leaks=1:exitcode=99 "$D" "$@" || s=$?
	if [ $s = 99 ] || [ $s -ge 128 ]; then
		echo "dmremap $*: crashed ($s)" >&2
		kill -TERM $$
	fi
	return $s
}

# skip WHY: this kernel cannot do it
skip() { echo "$*"; exit 77; }

# lab [OPTION...]: a pair /dev/mapper/{lab-main,lab-spare}, all good unless told otherwise
lab() { dmremap lab create lab --ram --size 64M --spare-size 16M --bad 0 "$@" >/dev/null; }
# pair [OPTION...]: the same, opened as /dev/mapper/lab
pair() { lab; dmremap create lab $M/lab-main $M/lab-spare --yes --label lab "$@" >/dev/null; }

# expect STATUS TEXT COMMAND...: exactly this status, TEXT in its output, at most one line on stderr
# (Programs start slowly in an emulated machine, so few are.)
expect() {
	local want=$1 text=$2 got=0
	shift 2
	"$@" >/run/expect.out 2>/run/expect.err || got=$?
	if [ $got != "$want" ]; then
		echo "status $got instead of $want: $*" >&2
		cat /run/expect.out /run/expect.err >&2
		return 1
	fi
	if [ -n "$text" ] && ! grep -qe "$text" /run/expect.out /run/expect.err; then
		echo "no '$text' in the output of: $*" >&2
		cat /run/expect.out /run/expect.err >&2
		return 1
	fi
}
# refused STATUS TEXT COMMAND...: the same, and it is one clear line
refused() {
	local lines
	expect "$@" || return
	mapfile -t lines </run/expect.err
	if [ ${#lines[@]} != 1 ]; then
		echo "not one line: ${lines[*]}" >&2
		return 1
	fi
}

# not COMMAND...: it fails. (After a plain "!", set -e looks away.)
not() { ! "$@"; }

# value NAME: a number of the kernel's status
value() {
	local s
	s=" $(dmsetup message lab 0 status) "
	s=${s#* "$1"=}
	echo "${s%% *}"
}
sum() { sha256sum "$1" | cut -d' ' -f1; }
# the device's contents, past all caches
dsum() { dd if="$1" bs=1M iflag=direct status=none | sha256sum | cut -d' ' -f1; }
random() { dd if=/dev/urandom of="$1" bs=1M oflag=direct,nonblock conv=notrunc status=none count="${2:-64}"; }
drop_caches() { sync; echo 3 >/proc/sys/vm/drop_caches; }
img() { echo "/dev/shm/dmremap-lab-lab-$1.img"; }

# slow_main MS: /dev/mapper/slow is lab-main, so slow that a command is caught in the middle
slow_main() {
	dmsetup create slow --uuid DMREMAP-TEST-slow \
		--table "0 $(blockdev --getsz $M/lab-main) delay $M/lab-main 0 $1"
}
# until_moved NAME FIELD SECTORS PID: so much was read (6) or written (10), PID still running
until_moved() {
	local n
	n=$(stat -c %Lr "$(readlink -f $M/$1)")
	until [ "$(awk -v d="dm-$n" -v f="$2" '$3 == d { print $f }' /proc/diskstats)" -ge "$3" ]; do
		kill -0 "$4"
	done
}

# nullb NAME MIB BLOCKSIZE: a disk /dev/NAME in memory
nullb() {
	local dir=/sys/kernel/config/nullb/$1
	[ -d /sys/module/null_blk ] || modprobe null_blk nr_devices=0
	mkdir "$dir"
	echo "$2" >"$dir/size"
	echo "$3" >"$dir/blocksize"
	echo 1 >"$dir/memory_backed"
	echo 1 >"$dir/power"
}

# slow_disk NAME MIB: a disk /dev/NAME of lab/slow-disk, which says how slow it can be
slow_disk() {
	[ -d /sys/module/slow_disk ] || modprobe slow-disk
	mkdir "/sys/kernel/config/slow-disk/$1"
	slow_set "$1" size="$2" power=1
}
# slow_set NAME SETTING=VALUE...
slow_set() {
	local a
	for a in "${@:2}"; do
		echo "${a#*=}" >"/sys/kernel/config/slow-disk/$1/${a%%=*}"
	done
}
# slow_has NAME N PID: so many requests are with the disk; PID still running
slow_has() {
	until [ "$(cat "/sys/kernel/config/slow-disk/$1/waiting")" = "$2" ]; do
		kill -0 "$3"
	done
}
# until_says FILE N TEXT PID: so many lines of the file have it; PID still running
until_says() {
	until [ "$(grep -c "$3" "$1")" = "$2" ]; do
		kill -0 "$4"
	done
}

# ended STATUS PID: it does, with this status
ended() {
	local s=0
	wait "$2" || s=$?
	[ $s = "$1" ]
}

take_away() {
	local n
	for n in /sys/kernel/config/slow-disk/*/; do
		[ ! -d "$n" ] || slow_set "$(basename "$n")" error_ms=0 service_us=0 stop=0
	done
	jobs -p | xargs -r kill -KILL 2>/dev/null
	# What a test that failed left running
	pkill -KILL -f oracle.py 2>/dev/null
	pkill -KILL -f '^/run/dmremap' 2>/dev/null
	cd /
	for n in $(awk '$2 ~ "^/run/test/" { print $2 }' /proc/mounts); do umount -f "$n"; done
	for n in /dev/md[0-9]*; do [ ! -b "$n" ] || mdadm -q --stop "$n"; done
	vgchange -an >/dev/null 2>&1
	rm -f /etc/lvm/lvmlocal.conf
	# A name may have a blank in it.
	dmsetup ls --target dm-remap 2>/dev/null | cut -f 1 | while read -r n; do dmsetup resume "$n" </dev/null; done
	for _ in 1 2 3 4 5; do
		dmsetup ls 2>/dev/null | sed -n 's/\t(.*//p' | while read -r n; do
			dmsetup remove --retry "$n" >/dev/null 2>&1 </dev/null
		done
	done
	losetup -D
	rmdir /sys/kernel/config/nullb/*/ /sys/kernel/config/slow-disk/*/ 2>/dev/null
	rm -rf /run/test /run/test-state /run/test-run /dev/shm/*
	[ "$(dmsetup ls)" = "No devices found" ]
}
