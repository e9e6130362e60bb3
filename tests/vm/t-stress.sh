# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Programs that others wrote to break storage, and the layers that dm-remap is
# used with, while more and more of the disk goes bad.
# on request

# failing MIB [SPARE-MIB]: a disk below dm-remap, of which more goes bad
failing() {
	disk main "$1"
	disk spare "${2:-64}"
	layered ill /dev/main
	remap /dev/mapper/ill /dev/spare
}

# grow FIRST LAST TIMES: in the background, pieces in between go bad for
# writing: what is in them can be read until it is written anew
grow() {
	grow_bad "$@" &
	grower=$!
}
grow_bad() {
	local i at specs=() first=$1 last=$2 times=$3 step

	step=$(((last - first) / times))
	for ((i = 0; i < times; i++)); do
		# One piece in each part, in no order, so that none overlap.
		at=$((first + (i * 7 % times) * step + (RANDOM << 3) % (step / 2)))
		specs+=("w:$at-$((at + RANDOM % (step / 2 < 1200 ? step / 2 : 1200)))")
		mapfile -t specs < <(printf '%s\n' "${specs[@]}" | sort -t: -k2n)
		relayer ill /dev/main "${specs[@]}"
		sleep 0.3
	done
}
# The number of parts is no multiple of 7, so each gets its piece.
PIECES=16

# verified FILENAME SIZE [OPTION...]: fio writes, verifies, and later once more.
# All of it is written twice, at least in part.
fio_options() {
	printf '%s\n' --name=v "--filename=$1" "--size=$2" --verify=crc32c \
		--verify_fatal=1 --randrepeat=1 --group_reporting --output=fio.out \
		--rw=randwrite --bsrange=512-64k --iodepth=8 "${@:3}"
}
written() {
	local options
	mapfile -t options < <(fio_options "$@")
	fio "${options[@]}" --do_verify=1 >fio.err 2>&1 || fail "$(tail -n 20 fio.err fio.out)"
}
verified() {
	local options
	mapfile -t options < <(fio_options "$@")
	fio "${options[@]}" --verify_only=1 >fio.err 2>&1 || fail "$(tail -n 20 fio.err fio.out)"
}

# ng FOLDER SECONDS STRESSOR...: stress-ng, all of them at once, verifying
ng() {
	local folder=$1 seconds=$2 args=() s
	shift 2
	command -v stress-ng >/dev/null || fail "no stress-ng here: lab/setup stress"
	for s; do
		args+=("--$s" 1)
	done
	stress-ng "${args[@]}" --hdd-bytes 16M --hdd-write-size 16k --iomix-bytes 8M \
		--fallocate-bytes 16M --sync-file-bytes 8M \
		--verify --timeout "$seconds" --temp-path "$folder" >ng.out 2>&1 ||
		fail "$(tail -n 40 ng.out)"
	! grep -E '^stress-ng: (fail|error)' ng.out || fail "stress-ng complains"
}
STRESSORS="hdd iomix aio sync-file fallocate rename dentry link seek"

# on_fs MOUNTED-AT CHECK REMOUNT: the same on each file system
on_fs() {
	local check=$1 again=$2
	grow 40000 $(($(sectors "$R") - 20000)) $PIECES
	written /mnt/a/fio 24M --direct=0 --ioengine=psync --fsync=32
	# shellcheck disable=SC2086 # a list of words
	ng /mnt/a "${DM_REMAP_TEST_STRESS:-15}" $STRESSORS
	wait "$grower"
	written /mnt/a/fio2 8M --direct=0 --ioengine=mmap --bsrange=4k-16k
	sync
	$check
	$again
	verified /mnt/a/fio 24M --direct=0 --ioengine=psync --fsync=32
	verified /mnt/a/fio2 8M --direct=0 --ioengine=mmap --bsrange=4k-16k
	at_least remappings 8
	is lost_sectors=0 mode=rw breaker=closed
}
mounted() {
	mkdir -p /mnt/a
	mount "$R" /mnt/a
}
again() {
	umount /mnt/a
	drop_caches
	mount "$R" /mnt/a
}

# stress-ng's stressors of files and fio on ext4
t_ext4() {
	failing 400
	mkfs.ext4 -q "$R"
	mounted
	on_fs check_ext4 again
}
check_ext4() {
	umount /mnt/a
	e2fsck -fn "$R" >fsck.out 2>&1 || fail "$(cat fsck.out)"
	mount "$R" /mnt/a
}
# the same on XFS
t_xfs() {
	failing 400
	mkfs.xfs -q "$R"
	mounted
	on_fs check_xfs again
}
check_xfs() {
	umount /mnt/a
	xfs_repair -n "$R" >fsck.out 2>&1 || fail "$(cat fsck.out)"
	mount "$R" /mnt/a
}
# the same on btrfs
t_btrfs() {
	failing 400
	mkfs.btrfs -qf "$R"
	mounted
	on_fs check_btrfs again
}
check_btrfs() {
	btrfs scrub start -B /mnt/a >scrub.out 2>&1 || fail "$(cat scrub.out)"
	grep -q 'no errors found' scrub.out || fail "$(cat scrub.out)"
	umount /mnt/a
	btrfs check "$R" >fsck.out 2>&1 || fail "$(cat fsck.out)"
	mount "$R" /mnt/a
}
# the same on ZFS
t_zfs() {
	needs zfs
	modprobe zfs zfs_arc_max=67108864 || fail "no ZFS here: lab/setup zfs"
	mkdir -p /mnt/a
	failing 400
	zpool create -f -O mountpoint=/mnt/a -O compression=off pool "$R"
	on_fs check_zfs again_zfs
	zpool export pool
}
check_zfs() {
	zpool sync pool
	zpool scrub -w pool
	zpool status pool >status.out
	grep -q 'errors: No known data errors' status.out || fail "$(cat status.out)"
	grep -qE 'remap +ONLINE +0 +0 +0' status.out || fail "$(cat status.out)"
}
again_zfs() {
	zpool export pool
	zpool import -d /dev/mapper pool
}

# fio on the device itself, with several ways to write
t_fio() {
	local engine
	failing 64
	grow 0 130000 $PIECES
	for engine in libaio pvsync2; do
		written "$R" 40M --direct=1 --ioengine=$engine --randseed=1
	done
	wait "$grower"
	# Its I/O must not wait, but has to while the table of the disk changes.
	written "$R" 40M --direct=1 --ioengine=io_uring --randseed=3
	written "$R" 40M --direct=1 --ioengine=libaio --randseed=2 --fdatasync=16
	dmsetup remove remap
	remap /dev/mapper/ill /dev/spare
	verified "$R" 40M --direct=1 --ioengine=libaio --randseed=2 --fdatasync=16
	at_least remappings 16
	is lost_sectors=0 mode=rw propagated=0
}

#-----------------------------------------------------------------------
# Layers above and below

layer_io() {
	written "$1" 24M --direct=1 --ioengine=libaio --randseed="${2:-1}" --fdatasync=32
}
layer_check() {
	verified "$1" 24M --direct=1 --ioengine=libaio --randseed="${2:-1}" --fdatasync=32
}

# LUKS on dm-remap
t_luks() {
	failing 64
	echo secret >key
	luks luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$R" key
	luks open --key-file key "$R" secret
	grow 34000 130000 $PIECES
	layer_io /dev/mapper/secret
	wait "$grower"
	layer_io /dev/mapper/secret 2
	luks close secret
	dmsetup remove remap
	remap /dev/mapper/ill /dev/spare
	luks open --key-file key "$R" secret
	layer_check /dev/mapper/secret 2
	luks close secret
	at_least remappings 8
	is propagated=0
}
luks() { cryptsetup "$@" >luks.out 2>&1 || fail "cryptsetup $1: $(cat luks.out)"; }

# lvm DEVICE... -- COMMAND ARG...: it sees these devices only
lvm() {
	local command filter=
	while [ "$1" != -- ]; do
		filter+="\"a|^$1\$|\", "
		shift
	done
	command=$2
	shift 2
	"$command" -qq --config 'activation { udev_sync = 0 udev_rules = 0 }
		devices { obtain_device_list_from_udev = 0 use_devicesfile = 0 dir = "/dev"
			types = [ "nullb", 16 ] filter = [ '"$filter"' "r|.*|" ] }
		global { use_lvmpolld = 0 event_activation = 0 } backup { backup = 0 archive = 0 }' \
		"$@" >lvm.out 2>&1 || fail "$command: $(cat lvm.out)"
}

# LVM on dm-remap: linear, striped over two parts, a snapshot
t_lvm_above() {
	failing 96
	modprobe -a dm-snapshot dm-bufio
	lvm "$R" -- pvcreate -ff -y "$R"
	lvm "$R" -- vgcreate over "$R"
	lvm "$R" -- lvcreate -y -Wn -Zn -L 40M -n data over
	layer_io /dev/mapper/over-data 1
	lvm "$R" -- lvcreate -y -s -L 32M -n before over/data
	grow 4096 190000 $PIECES
	layer_io /dev/mapper/over-data 2
	wait "$grower"
	layer_io /dev/mapper/over-data 3
	layer_check /dev/mapper/over-before 1
	lvm "$R" -- vgchange -an over
	dmsetup remove remap
	remap /dev/mapper/ill /dev/spare
	lvm "$R" -- vgchange -ay over
	layer_check /dev/mapper/over-data 3
	layer_check /dev/mapper/over-before 1
	at_least remappings 8
	is propagated=0
	lvm "$R" -- vgchange -an over
}

# dm-remap on LVM: main on a volume of a failing disk, spare on a good one's
t_lvm_below() {
	disk main 96
	disk spare 32
	layered ill /dev/main
	lvm /dev/mapper/ill /dev/spare -- pvcreate -ff -y /dev/mapper/ill
	lvm /dev/mapper/ill /dev/spare -- pvcreate -ff -y /dev/spare
	lvm /dev/mapper/ill /dev/spare -- vgcreate ill /dev/mapper/ill
	lvm /dev/mapper/ill /dev/spare -- vgcreate good /dev/spare
	lvm /dev/mapper/ill /dev/spare -- lvcreate -y -Wn -Zn -L 60M -n pad ill
	lvm /dev/mapper/ill /dev/spare -- lvcreate -y -Wn -Zn -L 28M -n rest ill
	lvm /dev/mapper/ill /dev/spare -- lvcreate -y -Wn -Zn -L 8M -n other good
	lvm /dev/mapper/ill /dev/spare -- lvcreate -y -Wn -Zn -L 16M -n spare good
	remap /dev/mapper/ill-pad /dev/mapper/good-spare
	grow 4096 124000 $PIECES
	layer_io "$R" 1
	wait "$grower"
	layer_io "$R" 2
	# The disk goes bad below the volume: its neighbours are not concerned.
	layer_io /dev/mapper/good-other 3
	dmsetup remove remap
	lvm /dev/mapper/ill /dev/spare -- vgchange -an ill good
	lvm /dev/mapper/ill /dev/spare -- vgchange -ay ill good
	remap /dev/mapper/ill-pad /dev/mapper/good-spare
	layer_check "$R" 2
	at_least remappings 8
	is propagated=0
	dmsetup remove remap
	lvm /dev/mapper/ill /dev/spare -- vgchange -an ill good
}

# dm-remap on md: main on a RAID 0 with a failing member, spare on a RAID 1
t_md_below() {
	disk main 48
	disk main2 48
	disk spare 24
	disk spare2 24
	layered ill /dev/main
	modprobe -a raid0 raid1
	md --create /dev/md/stripes --level=0 --chunk=64 --raid-devices=2 /dev/mapper/ill /dev/main2
	md --create /dev/md/mirror --level=1 --raid-devices=2 --assume-clean /dev/spare /dev/spare2
	remap /dev/md/stripes /dev/md/mirror
	grow 4096 96000 $PIECES
	layer_io "$R" 1
	wait "$grower"
	layer_io "$R" 2
	dmsetup remove remap
	md --stop /dev/md/stripes /dev/md/mirror
	md --assemble /dev/md/stripes /dev/mapper/ill /dev/main2
	# One half of the mirror is enough.
	md --assemble /dev/md/mirror /dev/spare2
	remap /dev/md/stripes /dev/md/mirror
	layer_check "$R" 2
	at_least remappings 8
	is propagated=0
	dmsetup remove remap
	md --stop /dev/md/stripes /dev/md/mirror
}
md() {
	mkdir -p /dev/md
	# It asks nobody: there is nobody.
	[ "$1" = --stop ] || set -- "$@" --run
	mdadm "$@" --quiet >md.out 2>&1 || fail "mdadm $1: $(cat md.out)"
}

# md on dm-remap: a mirror of two failing disks has no reason to drop one
t_md_above() {
	disk main 48
	disk other 48
	disk spare 48
	layered ill /dev/main
	remap /dev/mapper/ill /dev/spare
	modprobe raid1
	md --create /dev/md/over --level=1 --raid-devices=2 --assume-clean "$R" /dev/other
	grow 4096 96000 $PIECES
	layer_io /dev/md/over 1
	wait "$grower"
	layer_io /dev/md/over 2
	same "[2/2]" "$(grep -o '\[2/.\]' /proc/mdstat)" "members of the mirror"
	md --stop /dev/md/over
	md --assemble /dev/md/over "$R"
	layer_check /dev/md/over 2
	at_least remappings 8
	is propagated=0
	md --stop /dev/md/over
}

# swap on dm-remap under memory pressure
t_swap() {
	tight 48M
	failing 256
	mkswap "$R" >/dev/null
	swapon "$R"
	grow 64 500000 $PIECES
	( # What does not fit into memory goes to swap and comes back, verified.
		echo $BASHPID >/sys/fs/cgroup/tight/cgroup.procs
		stress-ng --vm 2 --vm-bytes 128M --vm-method incdec --vm-keep --verify \
			--timeout 20 --oomable >ng.out 2>&1 || fail "$(tail -n 20 ng.out)"
	)
	# While the disk grows worse it stands still at times, and then the kernel may
	# rather kill than wait.
	wait "$grower"
	(
		echo $BASHPID >/sys/fs/cgroup/tight/cgroup.procs
		exec vmio memory 96
	)
	rmdir /sys/fs/cgroup/tight
	at_least absorbed 20
	is propagated=0
	swapoff "$R"
}

#-----------------------------------------------------------------------
# Many

# two devices whose spare areas are on one disk
t_shared_spare() {
	local a b i
	disk main 16
	disk main2 16
	disk spare 24
	vmio fill /dev/main 0 32768 1
	vmio fill /dev/main2 0 32768 1
	layered ill /dev/main w:1000-3000 w:20000-22000
	layered ill2 /dev/main2 w:500-2500 w:25000-27000
	remap /dev/mapper/ill /dev/spare 0 spare_length 16384
	second_remap
	vmio storm "$R" 0 32768 4 10 model >a.out 2>&1 &
	a=$!
	vmio storm /dev/mapper/second 0 32768 4 10 model2 >b.out 2>&1 &
	b=$!
	for i in 1 2 3; do
		sleep 1
		dmsetup suspend second
		dmsetup resume second
	done
	wait $a || fail "$(cat a.out)"
	wait $b || fail "$(cat b.out)"
	at_least remappings 100
	is propagated=0
	dmsetup remove remap
	dmsetup remove second
	second_remap
	remap /dev/mapper/ill /dev/spare 0 spare_length 16384
	vmio verify "$R" 0 32768 model
	vmio verify /dev/mapper/second 0 32768 model2
	# The areas are not each other's.
	refused "in use" "$(table 32768 /dev/mapper/ill2 /dev/spare 8192 spare_length 16384 format)"
}
second_remap() {
	dmsetup create second --table \
		"$(table 32768 /dev/mapper/ill2 /dev/spare 16384 spare_length 24576)"
}

# 100 devices at once, on parts of one failing disk, with areas of one spare
t_hundred() {
	local i n=100 pids=()
	disk main 200
	disk spare 64
	layered ill /dev/main
	for ((i = 0; i < n; i++)); do
		dmsetup create "part$i" --table "0 4096 linear /dev/mapper/ill $((i * 4096))"
		vmio fill "/dev/mapper/part$i" 0 4096 1
		dmsetup create "many$i" --table \
			"$(table 4096 "/dev/mapper/part$i" /dev/spare $((i * 1024)) spare_length 1024)"
	done
	grow 100 409000 $PIECES
	for ((i = 0; i < n; i++)); do
		vmio sweep "/dev/mapper/many$i" 4096 "$((i + 3))" 30 "model$i" >"out$i" 2>&1 &
		pids+=($!)
	done
	for ((i = 0; i < n; i++)); do
		wait "${pids[i]}" || fail "device $i: $(cat "out$i")"
	done
	wait "$grower"
	for ((i = 0; i < n; i++)); do
		vmio sweep "/dev/mapper/many$i" 4096 "$((i + 203))" 20 "model$i"
		dmsetup remove "many$i"
	done
	for ((i = 0; i < n; i++)); do
		dmsetup create "many$i" --table \
			"$(table 4096 "/dev/mapper/part$i" /dev/spare $((i * 1024)) spare_length 1024)"
		vmio verify "/dev/mapper/many$i" 0 4096 "model$i"
	done
	i=$(for ((i = 0; i < n; i++)); do dmsetup message "many$i" 0 status; done |
		tr ' ' '\n' | awk -F= '$1 == "remappings" { n += $2 } END { print n }')
	[ "$i" -ge 200 ] || fail "only $i blocks were remapped"
}
