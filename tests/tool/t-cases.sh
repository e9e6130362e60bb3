# shellcheck shell=bash disable=SC2154,SC2086,SC2119
# SPDX-License-Identifier: GPL-2.0
#
# What people have reported of disks and device-mapper, and no other test has.

loop() { # loop NAME SIZE [LOSETUP-OPTION...]: a disk in memory
	truncate -s "$2" "$1"
	losetup "${@:3}" -f --show "$1"
}

# A spare with larger sectors: a file system that was made for smaller ones is not given up for it.
t_spare_of_4096() {
	local m s n before
	m=$(loop m 400M)
	s=$(loop s 64M -b 4096)
	n=$(loop n 16M)
	mkfs.xfs -q -f -s size=512 $m
	random $s 1
	before=$(sum s)
	refused 2 "$s has sectors of 4096 bytes, the main device of 512" dmremap create a $m $s --yes --force
	refused 2 "sectors of 4096" dmremap create a $m $s --dry-run
	[ "$(sum s)" = "$before" ]
	[ ! -e $M/a ]
	dmremap create lab $m $n --yes >/dev/null
	mkdir -p mnt
	mount $M/lab mnt
	cp /etc/passwd mnt/1
	refused 2 "$s has sectors of 4096 bytes" dmremap replace lab $s --yes --force
	[ "$(sum s)" = "$before" ]
	[ "$(blockdev --getss $M/lab)" = 512 ]
	dd if=/etc/passwd of=mnt/2 bs=512 count=1 oflag=direct conv=sync status=none
	umount mnt
	mount $M/lab mnt
	cmp mnt/1 /etc/passwd
	umount mnt
}

# Taken away by force while it writes over bad blocks: the writer ends, nothing hangs, the spare is whole.
t_remove_force() {
	local m s how w i
	m=$(loop m 64M)
	s=$(loop s 16M)
	for ((i = 0; i < 200; i++)); do
		echo "$((i * 512)) 504 linear $m $((i * 512))"
		echo "$((i * 512 + 504)) 8 error"
	done >table
	echo "102400 $((131072 - 102400)) linear $m 102400" >>table
	dmsetup create bad --uuid DMREMAP-TEST-bad <table
	for how in "remove -f" wipe_table "wipe_table --noflush" "remove --deferred"; do
		dmsetup create lab --table "0 131072 dm-remap $M/bad $s 0"
		(while dd if=/dev/zero of=$M/lab bs=256k oflag=direct conv=nocreat status=none 2>/dev/null; do :; done) &
		w=$!
		until [ "$(value remappings)" -gt 3 ]; do kill -0 $w; done
		dmsetup $how lab || true
		# What is to go when nobody uses it any more needs an end of that.
		[ "$how" != "remove --deferred" ] || { kill $w 2>/dev/null || true; until [ ! -e $M/lab ]; do :; done; }
		wait $w || true
		[ ! -e $M/lab ] || dmsetup remove lab
		expect 0 whole dmremap check $s
	done
}

# Renamed, in a locale without UTF-8, and by a person who is not root.
t_names() {
	local c
	pair
	dmremap evacuate lab 800+8 >/dev/null
	dmsetup rename lab new
	expect 0 '^new: FINE, label lab' dmremap status
	expect 0 remapped dmremap list new
	expect 0 'open as new' dmremap scan
	expect 0 '' dmremap assemble
	[ ! -e $M/lab ]
	refused 2 'already' dmremap grow new --yes
	expect 0 'dmsetup suspend new' dmremap detach new --dry-run
	LC_ALL=C TERM=dumb "$D" map new >out
	LC_ALL=de_DE.ISO-8859-1 "$D" status new >>out
	LC_ALL=C not grep -q '[^ -~]' out
	chmod 755 . /run
	for c in "status" "list new" scan assemble "create y $M/lab-main $M/lab-spare --yes" "inspect $M/lab-spare" "monitor --once" "import new /etc/passwd"; do
		case $c in status) want=3 ;; *) want=2 ;; esac
		refused $want 'root' setpriv --reuid=65534 --regid=65534 --clear-groups "$D" $c
	done
	refused 3 'root' setpriv --reuid=65534 --regid=65534 --clear-groups "$D" check $M/lab-spare
	expect 0 '' dmremap close new
}

# Suspended without a flush under load; a main with larger sectors in place of it.
t_noflush() {
	local m s m4 w i want
	m=$(loop m 64M)
	s=$(loop s 16M)
	m4=$(loop m4 64M -b 4096)
	dmsetup create bad --uuid DMREMAP-TEST-bad --table "0 40000 linear $m 0
40000 2000 error
42000 89072 linear $m 42000"
	dmsetup create lab --table "0 131072 dm-remap $M/bad $s 0 2 identity id"
	dd if=/dev/urandom of=p bs=1M count=64 status=none
	want=$(sum p)
	dd if=p of=$M/lab bs=64k oflag=direct conv=nocreat,notrunc status=none &
	w=$!
	for ((i = 0; i < 8; i++)); do
		until [ "$(awk -v d="dm-$(stat -c %Lr "$(readlink -f $M/lab)")" '$3 == d { print $10 }' /proc/diskstats)" -ge $((i * 10000)) ]; do kill -0 $w; done
		dmsetup suspend --noflush --nolockfs lab
		dmsetup resume lab
	done
	ended 0 $w
	[ "$(dsum $M/lab)" = "$want" ]
	[ "$(value remappings)" = 250 ]
	# A main with larger sectors, by the administrator's own table: what is remapped is whole
	# blocks, so that it can be served; and the device says what its sectors are now.
	cp m m4
	dmsetup reload lab --table "0 131072 dm-remap $m4 $s 0 2 identity id"
	dmsetup suspend lab
	dmsetup resume lab
	[ "$(blockdev --getss $M/lab)" = 4096 ]
	[ "$(dsum $M/lab)" = "$want" ]
}

# A block that is remapped in part, and then the same disk shows larger sectors.
t_other_sectors() {
	local m s before
	m=$(loop m 64M)
	s=$(loop s 16M)
	tr '\0' m </dev/zero | dd of=$m bs=1M count=1 iflag=fullblock status=none
	dmsetup create bad --uuid DMREMAP-TEST-bad --table "0 801 linear $m 0
801 1 error
802 130270 linear $m 802"
	dmremap create lab $M/bad $s --yes --identity mydisk >/dev/null
	tr '\0' y </dev/zero | dd of=$M/lab bs=512 seek=801 count=1 oflag=direct iflag=fullblock status=none
	dd if=$M/lab bs=4096 skip=100 count=1 iflag=direct of=want status=none
	[ "$(fold -w 512 want | cut -c 1 | xargs)" = "m y m m m m m m" ]
	dmremap close lab
	dmsetup remove bad
	losetup -d $m
	m=$(losetup -b 4096 -f --show m)
	# Another disk, as far as can be told: a person has to say that it is this one.
	refused 2 'logical blocks\|not as' dmremap open lab $m $s
	# A block of which a part is on the spare cannot be served in larger sectors.
	before=$(sum s)
	refused 3 'blocks of 512 bytes, this one has 4096' dmremap open lab $m $s --any-main --yes
	[ "$(sum s)" = "$before" ]
	losetup -d $m
	m=$(losetup -f --show m)
	dmremap open lab $m $s --any-main --yes >/dev/null
	dd if=$M/lab bs=4096 skip=100 count=1 iflag=direct status=none | cmp - want
}

# The same disk in another enclosure, which shows its sectors larger: its serial number is
# the same, and a block is remapped in part. (48: two starts of the machine)
t_other_enclosure() {
	local sd s id want before
	sectors_of() { # of so large sectors; with the data that the disk has
		sd=/dev/$(scsi_disk dev_size_mb=64 sector_size=$1)
		tr '\0' m </dev/zero | dd of=$sd bs=1M count=1 iflag=fullblock oflag=direct status=none
	}
	s=$(loop s 16M)
	sectors_of 512
	id=$(dmremap create two $sd $s --label two --dry-run | sed -n 's/.* identity \([^ '\'']*\).*/\1/p')
	[ -n "$id" ]
	dmsetup create bad --uuid DMREMAP-TEST-bad --table "0 801 linear $sd 0
801 1 error
802 130270 linear $sd 802"
	dmremap create two $M/bad $s --yes --label two --identity "$id" >/dev/null
	tr '\0' y </dev/zero | dd of=$M/two bs=512 seek=801 count=1 oflag=direct iflag=fullblock status=none
	dd if=$M/two bs=4096 skip=100 count=1 iflag=direct of=want status=none
	dmremap close two
	dmsetup remove bad
	modprobe -r scsi_debug
	sectors_of 4096
	before=$(sum s)
	# Nothing is opened, and each says why.
	expect 0 'not as recorded: its logical blocks have 4096 bytes, recorded are 512' dmremap scan
	refused 2 'logical blocks' dmremap assemble
	refused 2 'logical blocks' dmremap open two $s
	refused 2 'logical blocks' dmremap open two $sd $s
	refused 3 'has some sectors of block 100, and the main device now has sectors of 4096 bytes' dmremap open two $sd $s --any-main --yes
	[ ! -e $M/two ]
	[ "$(sum s)" = "$before" ]
	# In the first enclosure, all is as it was.
	modprobe -r scsi_debug
	sectors_of 512
	expect 0 "$M/two: $sd" dmremap assemble
	dd if=$M/two bs=4096 skip=100 count=1 iflag=direct status=none | cmp - want
	dmremap close two
	modprobe -r scsi_debug
}

# The same disk by its name, in another enclosure: its sectors are larger there. It is not
# taken for the one that was recorded, and is when they are as before. (case-48)
t_same_name_other_sectors() {
	local m s want record
	m=$(loop m 64M)
	s=$(loop s 16M)
	dmsetup create disk --uuid DMREMAP-TEST-disk --table "0 131072 linear $m 0"
	dmremap create lab $M/disk $s --yes --label lab >/dev/null
	random $M/lab 1
	dmremap evacuate lab 800+8 >/dev/null
	drop_caches
	want=$(dsum $M/lab)
	dmremap close lab
	record=$(dmremap inspect $s | grep 'main device')
	dmsetup remove disk
	losetup -d $m
	m=$(losetup -b 4096 -f --show m)
	dmsetup create disk --uuid DMREMAP-TEST-disk --table "0 131072 linear $m 0"
	expect 0 'blocks have 4096 bytes, recorded are 512' dmremap scan
	refused 2 'blocks have 4096 bytes, recorded are 512' dmremap assemble
	refused 2 'blocks have 4096 bytes, recorded are 512' dmremap open lab $s
	[ ! -e $M/lab ]
	[ "$(dmremap inspect $s | grep 'main device')" = "$record" ]
	dmsetup remove disk
	losetup -d $m
	m=$(losetup -f --show m)
	dmsetup create disk --uuid DMREMAP-TEST-disk --table "0 131072 linear $m 0"
	dmremap assemble >/dev/null
	[ "$(dsum $M/lab)" = "$want" ]
	expect 0 'lab: FINE' dmremap status lab
}

# btrfs is mounted from the pair, and somebody scans the disk below, which has the same UUID.
t_btrfs_scan() {
	local m s want
	modprobe btrfs 2>/dev/null || skip "no btrfs in this kernel"
	[ -c /dev/btrfs-control ] || mknod /dev/btrfs-control c 10 "$(awk '$2 == "btrfs-control" { print $1 }' /proc/misc)"
	m=$(loop m 256M)
	s=$(loop s 16M)
	dmremap create lab $m $s --yes >/dev/null
	mkfs.btrfs -q -f $M/lab
	mkdir -p mnt
	mount $M/lab mnt
	random mnt/f 20
	sync
	want=$(sum mnt/f)
	btrfs device scan $m || true
	mount $m /mnt 2>/dev/null && return 1
	grep -q "^$M/lab $T/mnt" /proc/mounts
	dmremap evacuate lab 0+2048 >/dev/null
	random mnt/g 5
	sync
	drop_caches
	[ "$(sum mnt/f)" = "$want" ]
	btrfs scrub start -B mnt
	umount mnt
	[ "$(value remappings)" = 256 ]
}
