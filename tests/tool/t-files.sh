# shellcheck shell=bash disable=SC2154,SC2086
# SPDX-License-Identifier: GPL-2.0
#
# find --file and whose, through stripes, md arrays and file systems that do not tell.

# Which of the mapped device's blocks hold a certain block of a file? Asked from
# the data itself: each block of the file says its own number.
marked_file() {
	python3 - "$1" "$2" <<'PY'
import sys
with open(sys.argv[1], "wb") as f:
    for i in range(int(sys.argv[2])):
        f.write((b"block %08d of the marked file\n" % i).ljust(4096, b"."))
PY
	sync "$1"
}

# sectors_of N: where on the mapped device block N of the file is
sectors_of() {
	python3 - $M/lab "$1" <<'PY'
import sys
want = (b"block %08d of the marked file\n" % int(sys.argv[2])).ljust(4096, b".")
d = open(sys.argv[1], "rb").read()
at = d.find(want)
while at >= 0:
    print(at // 512)
    at = d.find(want, at + 1)
PY
}

# follows DEVICE: some blocks of a file on DEVICE are found where its data is
follows() {
	local n s mnt=$T/mnt
	mkdir -p "$mnt"
	mkfs.ext4 -q -b 4096 "$1" 2>/dev/null
	mount "$1" "$mnt"
	marked_file "$mnt/marked" 500
	drop_caches
	for n in 0 77 333 499; do
		sectors_of $n >where
		[ -s where ] || { echo "block $n of the file is nowhere on $1" >&2; return 1; }
		while read -r s; do
			expect 0 "sectors $s to $((s + 7)): $mnt/marked, bytes $((n * 4096)) to $((n * 4096 + 4095))" \
				dmremap whose lab $s+8
		done <where
	done
	s=$(sectors_of 77 | head -n 1)
	dmremap evacuate lab $s+8 >/dev/null
	expect 0 "^ *$((77 * 4096)) *$s remapped$" dmremap find --file "$mnt/marked"
	umount "$mnt"
	dmremap release lab --all >/dev/null
}

# parts_of DEVICE BLOCKS: the same where a part of the file is beside our device
parts_of() {
	local n s found=0
	mkdir -p mnt
	mkfs.ext4 -q -b 4096 "$1" 2>/dev/null
	mount "$1" mnt
	marked_file mnt/marked "$2"
	drop_caches
	for n in 0 150 163 166 200 300 499 $(($2 / 3)) $(($2 / 2)) $(($2 - 1)); do
		s=$(sectors_of $n)
		[ -n "$s" ] || continue
		found=$((found + 1))
		expect 0 "sectors $s to $((s + 7)): $T/mnt/marked, bytes $((n * 4096)) to" \
			dmremap whose lab "$s+8"
	done
	umount mnt
	[ $found -gt 0 ] || { echo "nothing of the file is on our device" >&2; return 1; }
}

t_through_stripes() {
	pair
	# Both legs on our device; and one of them beside it.
	dmsetup create striped --table "0 98304 striped 2 32 $M/lab 2048 $M/lab 65536"
	follows $M/striped
	dmsetup remove striped
	truncate -s 64M /dev/shm/other.img
	losetup /dev/loop7 /dev/shm/other.img
	dmsetup create striped --table "0 98304 striped 3 64 $M/lab 128 /dev/loop7 0 $M/lab 65536"
	parts_of $M/striped 5000
	dmsetup remove striped
}

t_through_md() {
	local level
	pair
	modprobe -a raid1 raid0 linear 2>/dev/null || true
	truncate -s 64M /dev/shm/other.img
	losetup /dev/loop7 /dev/shm/other.img
	for level in raid1 raid0 linear; do
		# Some kernels have no linear.
		[ $level != linear ] || [ -d /sys/module/linear ] || continue
		mdadm --create /dev/md7 --run --level=$level --raid-devices=2 $M/lab /dev/loop7 --metadata=1.2 >/dev/null 2>&1
		case $level in
		raid1) follows /dev/md7 ;;
		*) parts_of /dev/md7 20000 ;;
		esac
		mdadm --stop /dev/md7 >/dev/null 2>&1
		mdadm -q --zero-superblock $M/lab /dev/loop7
	done
}

# ZFS has places of its own, and its mounts name no device.
t_mute_zfs() {
	[[ $LAB_KERNEL = 6.1.*-amd64 ]] || modprobe zfs 2>/dev/null || skip "no ZFS for this kernel"
	lab --size 160M
	dmremap create lab $M/lab-main $M/lab-spare --yes >/dev/null
	modprobe zfs zfs_arc_max=67108864
	zpool create -f -O mountpoint="$T/mnt" pool $M/lab
	cp /bin/busybox mnt/file
	zpool sync pool
	refused 2 'cannot follow it through ZFS.*zpool status -v' dmremap find --file mnt/file
	refused 2 'zpool status -v' dmremap whose lab 100000
	zpool destroy pool
}

# What cannot be followed says so, and what to do instead.
t_mute_layers() {
	lab --size 160M
	dmremap create lab $M/lab-main $M/lab-spare --yes >/dev/null
	mkdir -p mnt
	mkfs.btrfs -q -f $M/lab >/dev/null 2>&1
	mount $M/lab mnt
	cp /bin/busybox mnt/file
	sync
	refused 2 'cannot follow it through btrfs.*scrub' dmremap find --file mnt/file
	refused 2 'cannot follow files through btrfs' dmremap whose lab 100000
	umount mnt
	# A layer that is not one to one: what is below is named.
	modprobe dm-snapshot
	dmsetup create origin --table "0 65536 snapshot-origin $M/lab"
	truncate -s 16M /dev/shm/other.img
	dmsetup create snap --table "0 65536 snapshot $M/lab $(losetup -f --show /dev/shm/other.img) N 8"
	mkfs.ext4 -q -b 4096 $M/snap 32M 2>/dev/null
	mount $M/snap mnt
	cp /bin/busybox mnt/file
	sync
	refused 2 "cannot follow it through snap (a 'snapshot' target)" dmremap find --file mnt/file
	umount mnt
	dmsetup remove snap
	dmsetup remove origin
}
