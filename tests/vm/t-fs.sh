# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# File systems on a disk with bad blocks that grow in number while files are
# written: made, filled, checked, found again.

# failing MIB BAD...: a disk with bad blocks, below one to which more come. Those
# that cannot even be read lie where a file system writes before it reads.
failing() {
	disk main "$1"
	disk spare 48
	shift
	bad main "$@"
	layered ill /dev/main
	remap /dev/mapper/ill /dev/spare
}

# Blocks go bad for writing: what is in them can be read until it is written
# anew. (What cannot be read is lost, whatever a target does.)
growing() {
	local i at=$1 step=$2 spec=()

	for i in 1 2 3 4 5 6; do
		spec+=("w:$at-$((at + 800))")
		relayer ill /dev/main "${spec[@]}"
		at=$((at + step))
		sleep 0.1
	done
}

make_files() {
	mkdir -p "$T/files"
	dd if=/dev/urandom of="$T/data" bs=1M count=12 status=none
	(cd "$T/files" && split -a 3 -b 300000 ../data && for i in 1 2 3 4 5 6 7 8 9; do
		head -c $((i * 777)) ../data >"small$i"
	done && sha256sum ./* >../sums)
}

# fill FOLDER: three copies of the files, while more blocks go bad
fill_fs() {
	local i

	make_files
	growing "${2:-70000}" "${3:-50000}" &
	local grower=$!
	for i in 1 2 3; do
		mkdir "$1/$i"
		cp "$T/files/"* "$1/$i/"
		sync
	done
	wait $grower
	rm "$1/2/"small*
	cp "$T/files/"small* "$1/2/"
	sync
}
check_fs() {
	local i

	for i in 1 2 3; do
		(cd "$1/$i" && sha256sum --quiet -c "$T/sums")
	done
}

ext4() {
	mkdir -p /mnt/a
	# Through the page cache, it would have the kernel read the rest of a larger page first, and a
	# block that cannot be read may be there: see the manual.
	[ "$(getconf PAGE_SIZE)" = 4096 ] || set -- -D "$@"
	mkfs.ext4 -q "$@" "$R"
	mount "$R" /mnt/a
	fill_fs /mnt/a
	umount /mnt/a
	e2fsck -fn "$R" >fsck.out 2>&1 || fail "$(cat fsck.out)"
	mount "$R" /mnt/a
	check_fs /mnt/a
	umount /mnt/a
	at_least remappings 8
	is lost_sectors=0
	dmsetup remove remap
	remap /dev/mapper/ill /dev/spare
	mount "$R" /mnt/a
	check_fs /mnt/a
	umount /mnt/a
}

# ext4, where mkfs fails on the bare disk
t_ext4() {
	failing 256 8-15 16384-16399 24000-24095 80000-80007 262200-262399
	! mkfs.ext4 -q -F -b 4096 /dev/mapper/ill 2>/dev/null || fail "mkfs.ext4 does not mind bad blocks"
	ext4 -b 4096 -E lazy_itable_init=0,lazy_journal_init=0
}

# ext4 with blocks of 1024 bytes
t_ext4_1k() {
	failing 256
	relayer ill /dev/main w:16000-17000 w:24001-24001 w:66003-66100
	ext4 -b 1024 -E lazy_itable_init=0,lazy_journal_init=0
}

t_xfs() {
	needs xfs
	mkdir -p /mnt/a
	failing 320 24000-24095 80000-80007 262200-262399
	mkfs.xfs -q "$R"
	mount "$R" /mnt/a
	fill_fs /mnt/a 64000 60000
	umount /mnt/a
	xfs_repair -n "$R" >fsck.out 2>&1 || fail "$(cat fsck.out)"
	mount "$R" /mnt/a
	check_fs /mnt/a
	umount /mnt/a
	at_least remappings 4
	is lost_sectors=0
}

t_btrfs() {
	needs btrfs
	mkdir -p /mnt/a
	failing 256 128-135 24000-24095 60000-60199 80000-80007 262200-262399
	mkfs.btrfs -qf "$R"
	mount "$R" /mnt/a
	fill_fs /mnt/a 44000 60000
	btrfs scrub start -B /mnt/a >scrub.out 2>&1 || fail "$(cat scrub.out)"
	grep -q 'no errors found' scrub.out || fail "$(cat scrub.out)"
	check_fs /mnt/a
	umount /mnt/a
	btrfs check "$R" >fsck.out 2>&1 || fail "$(cat fsck.out)"
	mount "$R" /mnt/a
	check_fs /mnt/a
	umount /mnt/a
	at_least remappings 2
	is lost_sectors=0
}

# ZFS: zpool create, scrub, export, import
t_zfs() {
	needs zfs
	modprobe zfs zfs_arc_max=67108864 || fail "no ZFS here: lab/setup zfs"
	mkdir -p /mnt/pool
	failing 256 300-303 812-815 24000-24100 60000-60200 80000-80007 262200-262400 523600-523603
	zpool create -f -O mountpoint=/mnt/pool -O compression=off pool "$R"
	fill_fs /mnt/pool 10000 35000
	zpool sync pool
	zpool scrub -w pool
	zpool status pool >status.out
	grep -q 'scrub repaired 0B .* with 0 errors' status.out || fail "$(cat status.out)"
	grep -q 'errors: No known data errors' status.out || fail "$(cat status.out)"
	zpool export pool
	zpool import -d /dev/mapper pool
	check_fs /mnt/pool
	zpool status pool >status.out
	grep -qE 'remap +ONLINE +0 +0 +0' status.out || fail "$(cat status.out)"
	zpool export pool
	at_least remappings 8
	is lost_sectors=0
}
