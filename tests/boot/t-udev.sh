# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# udev's rules: what a spare and a main device are to the system, and assembly by events.

# adopted [MKFS...]: a main device with something on it, and its pair, which is closed
adopted() {
	disk m 64
	disk s 16
	"$@"
	settle
	dmremap create pair $M/m $M/s --yes --label pair
	settle
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
	not grep -E 'ID_FS_(UUID|LABEL)' <<<"$all"
	same "$M/m" "$(ls $M/m)" "the links that are not by content"
	[[ $(links $M/m) = *by-id/dm-uuid-DISK-m* ]]
	same "$(readlink -f $M/pair)" "$(readlink -f /dev/disk/by-label/data)" "by-label"
	dmremap close pair
	settle
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
	not mount LABEL=data /mnt
	not mount $M/m /mnt
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
	not mount LABEL=data /mnt
	not mount $M/m /mnt
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
		not is_open pair
		disk "$2" 16
		eventually is_open pair
		dmremap close pair
		settle
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

# hangs NAME: a disk of which no read comes back until "dmsetup resume NAME-behind"
hangs() {
	appears "$1-behind" 8
	settle
	dmsetup suspend "$1-behind"
	hanging=$(losetup -f --show "$M/$1-behind")
	# udevd is at work on it.
	udevadm trigger --action=add "/sys/block/${hanging##*/}"
}
# comes_up NAME: by an event; others may be under way for ever
comes_up() {
	udevadm wait --timeout=120 "$M/$1"
	is_open "$1"
}

# A disk that takes long for each error delays nobody else's pair.
t_slow_disk() {
	local i
	adopted ext4
	dmremap close pair
	gone m
	gone s
	rm -f /run/dmremap/closed-*
	for i in 0 1 2 3 4 5 6 7 8 9; do appears "other$i" 8; done
	settle
	hangs slow
	appears m 64
	appears s 16
	comes_up pair
	# It was under way all the time.
	[ -e /run/udev/queue ]
	not dmremap assemble --wait 1 nobody 2>/run/said
	grep -q "no spare is known by this name" /run/said
	dmsetup resume slow-behind
	settle
	same dm_remap_main "$(prop $M/m ID_FS_TYPE)" "type of main"
	same dm_remap_spare "$(prop $M/s ID_FS_TYPE)" "type of the spare"
}

# A main device that takes long when its pair is opened delays no other pair, and no event.
t_slow_main() {
	adopted ext4
	dmremap close pair
	disk n 64
	disk t 16
	dmremap create two $M/n $M/t --yes --label two
	dmremap close two
	for i in s n t; do gone $i; done
	rm -f /run/dmremap/closed-*
	dmsetup suspend m
	appears s 16
	udevadm settle
	appears n 64
	appears t 16
	comes_up two
	not is_open pair
	# Whoever waits for it is told in time.
	not dmremap assemble --wait 1 pair 2>/run/said
	grep -q "'pair' was not opened after 1 s, although both its devices are here" /run/said
	# All of this was not in an event.
	udevadm settle
	same dm_remap_spare "$(prop $M/s ID_FS_TYPE)" "type of the spare"
	dmsetup resume m
	comes_up pair
}

# A block that cannot be read costs a look at its disk one error.
t_error_once() {
	local e l before
	# What is mapped to "error" is not counted there.
	dmsetup create fails --table "0 8 error"
	dmsetup create ill --table "0 8 linear $M/fails 0"
	truncate -s 64M /dev/shm/d.img
	l=$(losetup -f --show /dev/shm/d.img)
	dmsetup create d --uuid DISK-d --table "0 8 linear $M/ill 0
		8 131064 linear $l 8"
	settle
	e=$(basename "$(readlink -f $M/ill)")
	before=$(awk '{ print $1 }' "/sys/block/$e/stat")
	[ -z "$(dmremap probe $M/d)" ]
	same 1 $(($(awk '{ print $1 }' "/sys/block/$e/stat") - before)) "reads of the bad block"
}

# What was closed by hand is not opened by an event, until it is opened by hand.
t_closed_by_hand() {
	adopted ext4
	dmremap close pair
	again $M/s
	again $M/m
	not is_open pair
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
	not dmremap assemble --wait 1 pair 2>/run/said
	cat /run/said
	same 1 "$(wc -l </run/said)" "lines"
	grep -q "'pair' was not opened after 1 s: its spare (UUID=.*, last seen as [^)]*) is missing; its main device .* (dm:DISK-m) is here and is kept from use.*dmremap forget pair" /run/said
	gone m
	not dmremap assemble --wait 1 pair 2>/run/said
	grep -q "both its main device (dm:DISK-m) and its spare (UUID=.*) are missing" /run/said
	disk s 16
	not dmremap assemble --wait 1 pair 2>/run/said
	grep -q "its main device (dm:DISK-m) is missing; its spare .* is here" /run/said
	not dmremap assemble --wait 1 nobody 2>/run/said
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
	not mount $M/m /mnt
	dmremap forget pair --yes
	settle
	same ext4 "$(prop $M/m ID_FS_TYPE)" type
	mount LABEL=data /mnt
	umount /mnt
	not dmremap forget pair --yes 2>/run/said
	grep -q "no pair 'pair' is known" /run/said
}


# The spare comes back while the person is asked: the pair is open then, and is not forgotten.
t_forget_asks() {
	local pid
	adopted ext4
	dmremap close pair
	gone s
	rm -f /run/dmremap/closed-* /run/answer
	mkfifo /run/answer
	script -qefc "dmremap forget pair" /run/asked </run/answer >/dev/null &
	pid=$!
	exec 8>/run/answer
	eventually grep -q "in capital letters" /run/asked
	disk s 16
	eventually is_open pair
	echo YES >&8
	not wait $pid
	exec 8>&-
	grep -q "'pair' is open; 'dmremap detach pair' is the way out" /run/asked
	again $M/m
	same dm_remap_main "$(prop $M/m ID_FS_TYPE)" "type of main"
	grep -q pair /var/lib/dmremap/known
}

# The way out frees main and spare, in the system's eyes as well.
t_detach() {
	adopted ext4
	again $M/m
	same dm_remap_main "$(prop $M/m ID_FS_TYPE)" type
	dmremap detach pair --yes
	settle
	same ext4 "$(prop $M/m ID_FS_TYPE)" "type of main"
	[ -z "$(prop $M/s ID_FS_TYPE)" ]
	not grep . /var/lib/dmremap/known
	same "" "$(dmsetup ls | grep guard || true)" "guards"
	mount LABEL=data /mnt
	same "$M/m" "$(findmnt -no SOURCE /mnt)" "what is mounted"
	umount /mnt
}

# What was copied away bears the same names: the old disk stays out of the way.
t_detach_to() {
	adopted ext4
	disk n 64
	dmremap evacuate pair 800+80
	dmremap detach pair --to $M/n --yes
	settle
	again $M/n
	same dm_remap_main "$(prop $M/m ID_FS_TYPE)" "type of main"
	[ -z "$(prop $M/s ID_FS_TYPE)" ]
	mount LABEL=data /mnt
	same "$M/n" "$(findmnt -no SOURCE /mnt)" "what is mounted"
	umount /mnt
	not mount $M/m /mnt
	gone n
	[ ! -e /dev/disk/by-label/data ]
	dmremap forget pair --yes
	settle
	mount $M/m /mnt
	umount /mnt
}

# Whoever makes a file system on the spare gets to keep it.
t_overwritten() {
	adopted ext4
	dmremap close pair
	settle
	mkswap -q -L other $M/s
	settle
	rm -f /run/dmremap/closed-*
	again $M/s
	again $M/m
	not is_open pair
	same swap "$(prop $M/s ID_FS_TYPE)" "type of what was the spare"
	swapon LABEL=other
	swapoff -a
	not mount $M/m /mnt
	not dmremap assemble 2>/run/said
	grep -q "its first block was overwritten, the device holds swap signature labelled 'other' now; .*dmremap repair" /run/said
	swapon LABEL=other
	swapoff -a
}

# Of two devices with one UUID, the link is to the mapped one, whoever appears last.
t_priority() {
	local i
	adopted ext4
	for i in m pair m pair; do
		again $M/$i
		same "$(readlink -f $M/pair)" "$(readlink -f /dev/disk/by-uuid/11111111-2222-3333-4444-555555555555)" "after an event of $i"
	done
	# A copy that nobody knows has the lower priority.
	dd if=$M/m of=/dev/shm/copy.img bs=1M status=none
	disk copy 64
	again $M/copy
	[[ $(links $M/copy) = *by-uuid* ]]
	same "$(readlink -f $M/pair)" "$(readlink -f /dev/disk/by-uuid/11111111-2222-3333-4444-555555555555)" "with a copy"
}

# A disk that is partitioned: its partitions come up by the event, and its own are hidden.
t_partitions() {
	local nr
	scsi_disks 128
	nr=$(stat -Lc %Hr-%Lr $A)
	sgdisk -n 1:2048:40959 -n 2:40960:81919 $A >/dev/null
	settle
	mkfs.ext4 -q -L first "${A}1"
	dmremap create pair $A $B --yes --label pair
	dmremap close pair
	settle
	not mount LABEL=first /mnt
	not mount "${A}1" /mnt
	same dm_remap_main "$(prop "${A}1" ID_FS_TYPE)" "type of the partition"
	dmsetup info "dmremap-guard-$nr" >/dev/null
	unplug $A
	# The guard goes with its disk.
	eventually not dmsetup info "dmremap-guard-$nr"
	rm -f /run/dmremap/closed-*
	plug $hostA
	eventually is_open pair
	settle
	[ -b $M/pair-part1 ]
	[ -b $M/pair-part2 ]
	mount LABEL=first /mnt
	same "$M/pair-part1" "$(findmnt -no SOURCE /mnt)" "what is mounted"
	umount /mnt
	not mount "${NEW}1" /mnt
}

# A copy of the spare does not keep udev busy for ever.
t_copies_of_spare() {
	adopted ext4
	dmremap close pair
	settle
	cp /dev/shm/s.img /dev/shm/s2.img
	disk s2 16
	rm -f /run/dmremap/closed-*
	again $M/m
	again $M/s
	again $M/s2
	udevadm settle --timeout=60
	udevadm monitor --kernel >/run/mon &
	again $M/s2
	udevadm settle --timeout=60
	kill $!
	wait $! || true
	# One for the trigger, and the one that tells main; not their echo.
	[ "$(grep -c '^KERNEL.*change' /run/mon)" -lt 6 ]
}
