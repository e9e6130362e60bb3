# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# udev's rules: what a spare and a main device are to the system, and assembly by events.

# adopted [MKFS...]: a main device with something on it, and its pair, which is closed
adopted() {
	disk m 64
	disk s 16
	"$@"
	udevadm settle
	dmremap create pair $M/m $M/s --yes --label pair
	udevadm settle
}
ext4() { mkfs.ext4 -q -L data -U 11111111-2222-3333-4444-555555555555 $M/m; }
mainname() { lsblk -no FSTYPE "$1"; }

t_spare_is_known() {
	adopted ext4
	same dm_remap_spare "$(prop $M/s ID_FS_TYPE)" "type of the spare"
	same pair "$(prop $M/s ID_FS_LABEL)" "label of the spare"
	same 1 "$(prop $M/s ID_FS_VERSION)" "version of the spare"
	same "$(dmremap scan --json | jq -r '.[0].uuid')" "$(prop $M/s ID_FS_UUID)" "UUID of the spare"
	same dm_remap_spare "$(lsblk -dno FSTYPE $M/s)" "what lsblk says"
	[[ $(links $M/s) != *by-uuid* ]]
}

t_main_is_hidden() {
	local all
	adopted ext4
	again $M/m
	all=$(udevadm info -q property -n $M/m)
	same dm_remap_main "$(prop $M/m ID_FS_TYPE)" type
	same 0 "$(prop $M/m SYSTEMD_READY)" SYSTEMD_READY
	same 1 "$(prop $M/m DM_MULTIPATH_DEVICE_PATH)" DM_MULTIPATH_DEVICE_PATH
	! grep -E 'ID_FS_(UUID|LABEL)' <<<"$all"
	same "$M/m" "$(ls $M/m)" "the links that are not by content"
	[[ $(links $M/m) = *by-id/dm-uuid-DISK-m* ]]
	same "$(readlink -f $M/pair)" "$(readlink -f /dev/disk/by-label/data)" "by-label"
	dmremap close pair
	udevadm settle
	[ ! -e /dev/disk/by-label/data ]
	[ ! -e /dev/disk/by-uuid/11111111-2222-3333-4444-555555555555 ]
}

# It is hidden from the moment it appears, with or without its spare.
t_main_without_spare() {
	adopted ext4
	dmremap close pair
	gone s
	gone m
	rm -f /run/dmremap/closed-*
	disk m 64
	same dm_remap_main "$(prop $M/m ID_FS_TYPE)" type
	! mount LABEL=data /mnt
	! mount $M/m /mnt
	disk s 16
	eventually is_open pair
	mount LABEL=data /mnt
	same "$M/pair" "$(findmnt -no SOURCE /mnt)" "what is mounted"
	umount /mnt
}

t_table_names_main() {
	disk s 16
	disk other 64
	echo "tabled dm:DISK-m UUID=aaaaaaaa-2222-3333-4444-555555555555 -" >/etc/dmremaptab
	truncate -s 64M /dev/shm/m.img
	mkfs.ext4 -q -L data /dev/shm/m.img
	disk m 64
	same dm_remap_main "$(prop $M/m ID_FS_TYPE)" type
	! mount LABEL=data /mnt
	[ -z "$(prop $M/other ID_FS_TYPE)" ]
}

t_arrivals() {
	local order
	adopted ext4
	dmremap close pair
	for order in "m s" "s m"; do
		gone m
		gone s
		rm -f /run/dmremap/closed-*
		# shellcheck disable=SC2086
		set -- $order
		disk "$1" 64
		! is_open pair
		disk "$2" 16
		eventually is_open pair
		dmremap close pair
		udevadm settle
	done
	# Both at once.
	gone m
	gone s
	rm -f /run/dmremap/closed-*
	disk m 64 &
	disk s 16 &
	wait
	eventually is_open pair
}

# What was closed by hand is not opened by an event, until it is opened by hand.
t_closed_by_hand() {
	adopted ext4
	dmremap close pair
	again $M/s
	again $M/m
	! is_open pair
	dmremap assemble pair
	is_open pair
}

t_options() {
	disk m 64
	disk s 16
	dmremap create pair $M/m $M/s --yes --label pair --breaker 77,5 --low-water 9
	dmremap close pair
	dmremap assemble
	dmsetup table pair | grep -q 'breaker 77 5'
	dmsetup table pair | grep -q 'low_water 9'
	dmremap close pair
	dmremap open pair $M/s --breaker 88,6
	dmsetup table pair | grep -q 'breaker 88 6 low_water 9'
	dmremap close pair
	echo "named dm:DISK-m UUID=$(prop $M/s ID_FS_UUID) breaker=99:7" >/etc/dmremaptab
	rm -f /run/dmremap/closed-*
	again $M/s
	eventually is_open named
	dmsetup table named | grep -q 'breaker 99 7 low_water 9'
}

# One clear line for what is missing, and what to do; the pair comes up when it is there.
t_missing_is_said() {
	adopted ext4
	dmremap close pair
	gone s
	rm -f /run/dmremap/closed-*
	! dmremap assemble --wait 1 pair 2>/run/said
	cat /run/said
	same 1 "$(wc -l </run/said)" "lines"
	grep -q "'pair' was not opened after 1 s: its spare (UUID=.*, last seen as [^)]*) is missing; its main device .* (dm:DISK-m) is here and is kept from use.*dmremap forget pair" /run/said
	gone m
	! dmremap assemble --wait 1 pair 2>/run/said
	grep -q "both its main device (dm:DISK-m) and its spare (UUID=.*) are missing" /run/said
	disk s 16
	! dmremap assemble --wait 1 pair 2>/run/said
	grep -q "its main device (dm:DISK-m) is missing; its spare .* is here" /run/said
	! dmremap assemble --wait 1 nobody 2>/run/said
	grep -q "no spare is known by this name" /run/said
	dmremap assemble --wait 60 pair &
	disk m 64
	wait $!
	is_open pair
}

t_forget() {
	adopted ext4
	dmremap close pair
	gone s
	! mount $M/m /mnt
	dmremap forget pair --yes
	udevadm settle
	same ext4 "$(prop $M/m ID_FS_TYPE)" type
	mount LABEL=data /mnt
	umount /mnt
	! dmremap forget pair --yes 2>/run/said
	grep -q "no pair 'pair' is known" /run/said
}

