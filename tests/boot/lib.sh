# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
#
# tests/boot/lib.sh: what the tests of udev's rules have in common. Disks are scsi_debug
# or device-mapper devices over files, so that they have an identity.

M=/dev/mapper
fail() { echo "$*" >&2; return 1; }
# A "!" before a command keeps "set -e" from seeing that it should have failed.
not() { ! "$@"; }
same() { [ "$1" = "$2" ] || fail "$3: expected '$1', found '$2'"; }

# settle: all events are over, and what they have started has ended
settle() {
	udevadm settle
	# (The bracket: two that wait do not wait for each other.)
	while pidwait -f '[a]ssemble --incremental'; do udevadm settle; done
}
# appears NAME MIB [FILE]: as disk, and nothing is waited for
appears() {
	local f=/dev/shm/${3:-$1}.img l
	[ -e "$f" ] || truncate -s "$2M" "$f"
	l=$(losetup -f --show "$f")
	dmsetup --noudevsync create "$1" --uuid "DISK-$1" --table "0 $(blockdev --getsz "$l") linear $l 0"
}
# disk NAME MIB [FILE]: /dev/mapper/NAME appears, as a disk would; its identity is dm:DISK-NAME
disk() {
	appears "$@"
	settle
}
# gone NAME: it is unplugged
gone() {
	local l
	l=$(dmsetup deps -o blkdevname "$1" | sed -n 's/.*(\(loop[0-9]*\)).*/\1/p')
	settle
	eventually remove "$1"
	losetup -d "/dev/$l"
	settle
}
# A device-mapper device cannot go while it is claimed, as a disk can.
remove() {
	dmsetup remove "dmremap-guard-$(stat -Lc %Hr-%Lr "$M/$1")" 2>/dev/null || true
	dmsetup remove "$1" 2>/dev/null
}
prop() { udevadm info -q property -n "$1" | sed -n "s/^$2=//p"; }
links() { udevadm info -q symlink -n "$1"; }
# again DEVICE: as if it had just appeared
again() { udevadm trigger --action="${2:-change}" --settle "$(udevadm info -q path -n "$1" | sed s,^,/sys,)"; }
is_open() { [ "$(dmsetup table --target dm-remap "$1" 2>/dev/null)" ]; }
# eventually COMMAND...: within half a minute, looking again after each event
eventually() {
	local i
	for ((i = 0; i < 30; i++)); do
		"$@" && return
		settle
		sleep 1
	done
	fail "not within 30 s: $*"
}

# note LINE...: to be shown although the test passes
note() { echo "$*" >>/run/notes; }

#-----------------------------------------------------------------------
# SCSI disks, as multipath and LVM know them

# scsi_disks MIB: two disks of an adapter each; sets A and B, their names
scsi_disks() {
	modprobe scsi_debug dev_size_mb="$1" add_host=2 per_host_store=1
	settle
	eventually two_disks
}
two_disks() {
	# shellcheck disable=SC2046
	set -- $(grep -l scsi_debug /sys/class/block/sd*/device/model | cut -d/ -f5)
	[ $# = 2 ] || return 1
	A=/dev/$1 B=/dev/$2
	hostA=$(readlink -f "/sys/block/$1" | grep -o 'host[0-9]*' | head -n 1)
	hostB=$(readlink -f "/sys/block/$2" | grep -o 'host[0-9]*' | head -n 1)
}
# unplug DEVICE, and plug HOST: it appears, by the next free name; sets NEW
unplug() {
	echo 1 >"/sys/block/${1##*/}/device/delete"
	settle
	[ ! -e "$1" ]
}
plug() {
	echo "- - -" >"/sys/class/scsi_host/$1/scan"
	settle
	NEW=/dev/$(basename "/sys/class/scsi_host/$1/device/"target*/*/block/*)
	[ -b "$NEW" ]
}
