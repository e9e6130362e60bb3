# shellcheck shell=bash disable=SC2154,SC2086
# SPDX-License-Identifier: GPL-2.0
#
# Who can take the bare main device, at which moment? Each line of the table is a test; it
# prints its line. The last column is the counter-proof: once the pair is forgotten, the
# same attempt does take the device.

U=11111111-2222-3333-4444-555555555555
P=/dev/mapper/pair

# holders DEVICE: who holds it or a partition of it, but for guards and the pair itself
holders() {
	local h d
	d=$(basename "$(readlink -f "$1")")
	for h in "/sys/class/block/$d"/holders/* "/sys/class/block/$d/$d"*/holders/*; do
		case $(cat "$h/dm/uuid" 2>/dev/null) in
		*DMREMAP-GUARD-* | DMREMAP-*) ;;
		*) [ ! -e "$h" ] || echo "${h##*/}" ;;
		esac
	done
}
# taken DEVICE: is it in use by anything but dm-remap?
taken() {
	local n
	n=$(stat -Lc '%Hr:%Lr' "$1")
	[ -n "$(holders "$1")" ] || grep -q "^[0-9]* [0-9]* $n " /proc/self/mountinfo ||
		zpool status -LP 2>/dev/null | grep -q "^[[:space:]]*$(readlink -f "$1") " ||
		grep -q " - [a-z0-9]* $1 " /proc/self/mountinfo || grep -q "^$(readlink -f "$1") " /proc/swaps
}

# What is put onto the disk $A, all the ways to take it, and how to let go.
put_ext4() { mkfs.ext4 -q -U $U $A; }
take_ext4() { mount UUID=$U /mnt || mount $1 /mnt; }
drop_ext4() { umount /mnt; }

put_swap() { mkswap -q -U $U $A; }
take_swap() { swapon UUID=$U || swapon $1; }
drop_swap() { swapoff -a; }

put_btrfs() { modprobe btrfs; mkfs.btrfs -q -U $U $A; }
take_btrfs() { btrfs device scan; btrfs device scan $1; mount UUID=$U /mnt || mount $1 /mnt; }
drop_btrfs() { umount /mnt; }

put_luks() { modprobe -a dm-crypt aes xts sha256 2>/dev/null; echo secret | cryptsetup luksFormat -q --uuid $U --pbkdf pbkdf2 --pbkdf-force-iterations 1000 $A -; }
take_luks() { echo secret | cryptsetup open --key-file - UUID=$U plain || echo secret | cryptsetup open --key-file - $1 plain; }
drop_luks() { cryptsetup close plain; }

put_md() {
	mdadm -q --create /dev/md/half --run --force --metadata=1.2 --level=1 --raid-devices=1 $A
	settle
	mdadm -q --stop /dev/md/half
}
take_md() { mdadm --assemble --scan; [ -n "$(holders $1)" ] || mdadm -I $1; mdadm --run /dev/md/* ; }
drop_md() { mdadm --stop --scan; }

put_lvm() { pvcreate -q -y -ff $A && vgcreate -q vg $A && lvcreate -q -y -l 4 -n lv vg && vgchange -q -an vg; }
take_lvm() { pvscan --cache -aay $1; vgchange -ay --sysinit vg; vgchange -ay vg; }
drop_lvm() { vgchange -q -an vg; }

# A physical volume on a partition of main. (case-32: a disk that is partitioned)
put_part() {
	sgdisk -n 1:2048:+64M $A >/dev/null
	settle
	pvcreate -q -y -ff "${A}1" && vgcreate -q vg "${A}1" && lvcreate -q -y -l 4 -n lv vg && vgchange -q -an vg
}
take_part() { pvscan --cache -aay "${1}1"; take_lvm $1; }
drop_part() { drop_lvm; }

# A pool on all of the disk: where zpool can, it makes a partition.
put_zfs() {
	modprobe zfs 2>/dev/null || { echo "no ZFS for this kernel"; exit 77; }
	dmsetup create whole --table "0 $(blockdev --getsz $A) linear $A 0"
	zpool create -f -o cachefile=none -m none tank $M/whole
	zpool export tank
	dmsetup remove --retry whole
}
take_zfs() { zpool import -N tank || zpool import -N -d $1 tank; }
drop_zfs() { zpool export tank; }

# LVM and a disk that is no SCSI or NVMe disk: it takes the guard for that of a multipath device
# only if it asks udev, as dmremap(8) says.
put_lvm_other() { put_lvm; }
take_lvm_other() { take_lvm $1; }
drop_lvm_other() { drop_lvm; }
lvm_asks() { # udev or none
	# The files below this test's disks are no disks.
	echo "devices { external_device_info_source = \"$1\" global_filter = [ \"r|^/dev/loop|\" ] }" >/etc/lvm/lvmlocal.conf
}

# attempt KIND MOMENT DEVICE WANT: adds to the line; when it is open, the pair may be taken
attempt() {
	local cell=no
	take_$1 $3 >>/run/take.log 2>&1 || true
	settle
	! taken $3 || cell=YES
	[ $4 != pair ] || taken $P || cell="no, nor the pair"
	drop_$1 >>/run/take.log 2>&1 || true
	settle
	not taken $3
	line+=" $2: $cell;"
	case $4:$cell in no:no | pair:no | yes:YES) ;; *) bad+=" $2"; esac
}

# The disks $A and $B: on adapters of their own, or as device-mapper devices
both_disks() {
	other=
	if [ $1 = lvm_other ]; then
		other=yes
		lvm_asks udev
		disk A 128
		disk B 128
		A=$M/A B=$M/B
	else
		scsi_disks 128
	fi
}
goes() { if [ $other ]; then gone $1; else unplug ${!1}; fi; }
comes() {
	local host=host$1
	if [ $other ]; then
		disk $1 128
	else
		plug ${!host}
		eval "$1=$NEW"
	fi
}

# table_line KIND
table_line() {
	local line="$1:" bad='' uuid
	: >/run/take.log
	both_disks $1
	put_$1
	settle
	dmremap create pair $A $B --yes --label pair
	uuid=$(prop $B ID_FS_UUID)
	attempt $1 "open" $A pair
	# As soon as an array stops, an event may have it assembled again.
	eventually closed $1
	settle
	attempt $1 "after close" $A no
	# Both are there, and the pair is not to be opened.
	goes A
	goes B
	rm -f /run/dmremap/closed-*
	echo "pair $(dmremap_identity) UUID=$uuid noauto" >/etc/dmremaptab
	comes A
	comes B
	not is_open pair
	attempt $1 "not opened" $A no
	rm /etc/dmremaptab
	goes A
	goes B
	rm -f /run/dmremap/closed-*
	comes A
	attempt $1 "spare absent" $A no
	if [ $1 = lvm_other ]; then
		lvm_asks none
		attempt $1 "not asking udev" $A yes
		lvm_asks udev
	fi
	comes B
	eventually is_open pair
	eventually closed $1
	dmremap forget pair --erase-spare --yes
	settle
	attempt $1 "forgotten" $A yes
	note "$line"
	[ -z "$bad" ] || { cat /run/take.log; fail "$line"; }
}
closed() {
	drop_$1 >>/run/take.log 2>&1
	dmremap close pair >>/run/take.log 2>&1
}
dmremap_identity() { sed -n 's/^[^ ]* pair \([^ ]*\) .*/\1/p' /var/lib/dmremap/known; }

t_ext4() { table_line ext4; }
t_swap() { table_line swap; }
t_btrfs() { table_line btrfs; }
t_luks() { table_line luks; }
t_md() { table_line md; }
t_lvm() { table_line lvm; }
t_part() { table_line part; }
t_zfs() { table_line zfs; }
t_lvm_other() { table_line lvm_other; }
