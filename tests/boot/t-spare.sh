# shellcheck shell=bash disable=SC2154,SC2086
# SPDX-License-Identifier: GPL-2.0
#
# What a spare is protected from, by what: the claim of the pair while it is open, a guard
# while it is not, and a signature. dmremap(8) has the table of what is measured here.

# asks NAME COMMAND...: does it leave the spare $B as it is? Adds to $line.
asks() {
	local name=$1 before after s=0
	shift
	before=$(ends | sha256sum)
	"$@" >/run/said 2>&1 </dev/null || s=$?
	after=$(ends | sha256sum)
	{ echo "== $name: $s"; cat /run/said; } >>/run/asks.log
	if [ "$before" = "$after" ] && [ $s != 0 ]; then
		line+=" $name"
	else
		open_to+=" $name"
		dd if=/run/ends of=$B bs=1M count=1 oflag=direct conv=notrunc status=none
		dd if=/run/ends of=$B bs=1M skip=1 seek=319 oflag=direct conv=notrunc status=none
	fi
}
ends() {
	dd if=$B bs=1M count=1 iflag=direct status=none
	dd if=$B bs=1M skip=319 iflag=direct status=none
}
each_program() {
	line='' open_to=''
	ends >/run/ends
	asks mkfs.ext4 mkfs.ext4 -q -F $B
	asks mkfs.xfs mkfs.xfs -q -f $B
	asks mkfs.btrfs mkfs.btrfs -q -f $B
	asks mkfs.vfat mkfs.vfat -I $B
	asks mkswap mkswap $B
	asks wipefs wipefs -a $B
	asks pvcreate pvcreate -y -ff $B
	asks mdadm mdadm --create /dev/md/x --run --force --level=1 --raid-devices=1 $B
	# Or it would be the array that keeps away what follows.
	mdadm -q --stop /dev/md/x 2>/dev/null || true
	settle
	asks luksFormat sh -c "echo secret | cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 $B -"
	asks parted parted -s $B mklabel gpt
	asks sgdisk sgdisk -o $B
	note "$1: refused:$line; not:$open_to"
}

t_claims() {
	scsi_disks 320
	dmremap create pair $A $B --yes --label pair
	settle
	: >/run/asks.log
	each_program "pair open"
	same " parted sgdisk" "$open_to" "what an open pair's spare is not protected from"
	dmremap close pair
	settle
	each_program "not open, guard"
	same " parted sgdisk" "$open_to" "what a guarded spare is not protected from"
	dmremap open pair $B
	dmremap close pair
	settle
	# As it is where no rule has set a guard.
	mv /usr/lib/udev/rules.d/61-dmremap.rules /run
	udevadm control --reload
	dmsetup remove "dmremap-guard-$(stat -Lc %Hr-%Lr $B)"
	each_program "not open, no guard"
	mv /run/61-dmremap.rules /usr/lib/udev/rules.d
	udevadm control --reload
	cat /run/asks.log
	same "" "$line" "who asks without being kept away: if any does, say so in dmremaptab(5)"
}

# A spare is free when it was given up, and not before.
t_given_up() {
	scsi_disks 128
	dmremap create pair $A $B --yes --label pair
	dmremap close pair
	settle
	not mkfs.ext4 -q -F $B
	not dmremap forget pair --yes 2>/run/said
	grep -q "the spare of 'pair' is here, on $B" /run/said
	dmremap forget pair --erase-spare --yes
	settle
	mkfs.ext4 -q -F $B
	mkfs.ext4 -q -F $A
	[ -z "$(dmremap scan --json | jq -r '.[].uuid')" ]
}
