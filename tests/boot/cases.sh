# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/boot/cases.sh: what happens to the booted systems. Sourced by tests/boot/boot, which
# runs each c_ function with "set -e", and with all disks as they were made.

# shellcheck disable=SC2154 # $img, $dir and $system are of tests/boot/boot

# What the initramfs says when it waits for a pair
case $system in
*-dracut) waiting='Starting .*dracut-initqueue' ;;
*) waiting='Waiting for dm-remap devices' ;;
esac
# Who arrives late matters to the initramfs: without systemd this takes a third of the time.
# How long it waits is in the table. dracut has systemd, which forgets what udev knew when
# the root file system is there; how long dracut waits is an option.
late=init=/usr/sbin/guest-up never=$late
case $system in
*-dracut)
	late='rd.retry=300 systemd.show_status=1'
	never='rd.retry=30 systemd.show_status=1 SYSTEMD_SULOGIN_FORCE=1' ;;
esac
shell='\(initramfs\)|emergency mode|Entering emergency|dracut:/#'
mounted='EXT4-fs .*mounted|boot-test: up'

# It is up, on the pair, and main is kept from use.
whole() {
	says 'boot-test: up'
	says 'boot-test: root is /dev/mapper/root'
	says 'boot-test: by-uuid is ([0-9a-f]+:[0-9a-f]+), and /dev/mapper/root \1'
	says 'boot-test: disk ROOTMAIN DMREMAP_ROLE=main ID_FS_TYPE=dm_remap_main SYSTEMD_READY=0'
	says 'boot-test: disk ROOTSPARE DMREMAP_ROLE=spare ID_FS_TYPE=dm_remap_spare'
	says_not 'FILES ARE DAMAGED'
}
# boots APPEND DISK...
boots() {
	start "$@"
	whole
}

#-----------------------------------------------------------------------
# The life of a system: it boots; its disk loses blocks while it runs; the power goes; it
# boots. A new kernel is installed, which DKMS builds the module for; it boots.

# Every 256th free block of main's file system can be neither written nor read. But not at
# the end, where blkid looks for superblocks: that of Debian 13 finds none at all if it
# cannot read there, on a bare disk as well.
bad_blocks() {
	awk -v end="$(($(stat -c %s "$img/main.img") / 4096 - 512))" '/^  Free blocks: / {
		gsub(/[,]/, " ")
		for (i = 3; i <= NF; i++) {
			split($i, r, "-")
			for (b = r[1] + (256 - r[1] % 256) % 256; b <= (r[2] ? r[2] : r[1]) && b < end; b += 256)
				printf "[inject-error]\nevent = \"none\"\nerrno = \"5\"\nsector = \"%d\"\nonce = \"off\"\n", b * 8
		}
	}' "$img/dumpe2fs"
}
remaps() { grep -ao 'boot-test: status: .*' "$log" | grep -o ' remappings=[0-9]*' | tail -n 1 | cut -d= -f2; }
c_power_cut() {
	local before after

	bad_blocks >"$dir/bad-main"
	echo "bad blocks: $(grep -c sector "$dir/bad-main")"
	boots '' main spare
	before=$(remaps)
	types 'dd if=/dev/urandom of=/root/data bs=1M count=24 conv=fsync; md5sum /root/data >/root/sums; sync'
	types 'dmsetup message root 0 status | sed "s/^/boot-test: status: /"'
	after=$(remaps)
	echo "remaps: $before, then $after"
	[ "$after" -gt "$((before + 15))" ]
	printf 'dd if=/dev/urandom of=/root/more bs=64k count=4000 & sleep 3; echo boot-test: writing\r' >&7
	says 'boot-test: writing'
	stop
	boots "$late" main spare
	says 'boot-test: files are whole'
	[ "$(remaps)" -ge "$after" ]
}
c_kernel_update() {
	update
	boots '' main spare
	says "boot-test: kernel $(sed 's/[.+]/[&]/g' "$dir/release")"
}
# In a faster machine, with the root that it is on, as the system itself would.
update() {
	local d

	for d in main spare; do cp --sparse=always "$img/$d.img" "$dir/"; done
	make -s tool
	mk/module build uml
	LAB_SHARE=$dir lab/uml -m 1500 -t 3000 -- tests/boot/make-pair update "$dir"
	for d in main spare; do overlay $d "$dir/$d.img"; done
	# shellcheck disable=SC2034 # for start
	kernel=$dir/vmlinuz initrd=$dir/initrd
}

#-----------------------------------------------------------------------
# Arrivals: main first, spare first, 20 s late, never, twice

c_spare_first() { start "$late" spare; says "$waiting"; plug main; whole; }
c_main_late() { start "$late" spare; says "$waiting"; sleep 20; plug main; whole; }
c_spare_late() { start "$late" main; says "$waiting"; sleep 20; plug spare; whole; }
c_no_spare() {
	start "$never" main
	says "'root' was not opened( after [0-9]+ s)?: its spare .* is missing; its main device .*ROOTMAIN"
	says "$shell"
	says_not "$mounted"
	# Nobody can take it from this shell, and it goes on when the spare is there.
	case $system in *-dracut) says 'Press Enter'; printf '\r' >&7; says '^bash-[0-9.]+#' ;; esac
	types 'mkdir -p /run/t; mount -t ext4 /dev/vda /run/t; while read -r d _; do [ $d != /dev/vda ] || echo "boot-test: MAIN IS "TAKEN; done </proc/mounts'
	says_not 'boot-test: MAIN IS TAKEN'
	plug spare
	printf 'exit\r' >&7
	whole
}
c_no_main() {
	start "$never" spare
	says "'root' was not opened .*main device .*ROOTMAIN.* is missing"
	says "$shell"
}
c_no_pair() {
	start "$never"
	says "'root' was not opened .*both its main device .*ROOTMAIN.* and its spare .* are missing"
	says "$shell"
	plug main
	plug spare
	printf 'exit\r' >&7
	whole
}
c_clone() {
	start "$never" main spare clone
	says "root.* was not opened: .*/dev/vd[a-c].*/dev/vd[a-c]"
	says "$shell"
	says_not "$mounted"
}

#-----------------------------------------------------------------------
# Root on LVM on LUKS on an md mirror, one half of which is the pair

named() { sed -nE "s/^boot-test: $1 is (vd[a-z])\\.\r*\$/\\1/p" "$log"; }
stack_whole() {
	says 'boot-test: up'
	says 'boot-test: root is /dev/mapper/vgstack-root'
	types 'lsblk -sno NAME,TYPE,FSTYPE /dev/mapper/vgstack-root | sed "s/^/boot-test: stack: /"; cat /proc/mdstat'
	says 'boot-test: stack: .*stack .*crypt'
	says 'boot-test: stack: .*root .*dm'
	says 'boot-test: disk ROOTMAIN DMREMAP_ROLE=main ID_FS_TYPE=dm_remap_main'
	# The whole mirror, and not only the other half
	says '\[UU\]'
}
c_stack() { start '' main spare half; stack_whole; }
c_stack_main_late() { start "$late" spare half; says "$waiting"; sleep 20; plug main; stack_whole; }
c_stack_no_spare() {
	start '' main half
	says "'root' was not opened after [0-9]+ s: its spare .* is missing; its main device .*ROOTMAIN"
	says "$shell"
	says_not "$mounted"
	# The names are given in the order in which the kernel finds the disks.
	types 'for d in /sys/block/vd*; do read -r s <$d/serial; echo "boot-test: $s is ${d##*/}."; done'
	types 'mdadm --assemble --scan --run; sed -n "s/^md[^:]*:/boot-test: in an array:/p" /proc/mdstat'
	says 'boot-test: ROOTMAIN is vd[a-z]\.'
	says "boot-test: in an array: .* $(named ROOTHALF)\\["
	says_not "boot-test: in an array: .* $(named ROOTMAIN)\\["
}

#-----------------------------------------------------------------------
# Pairs with data: their spares come late; and who can take a main device whose spare is
# missing, at which moment.

data=(ext4 btrfs luks lvm md swap zfs part)
has_zfs() { [ -e "$LAB_CACHE/zfs/$(basename "$LAB_CACHE/boot/${system%%-*}.base/usr/lib/modules/"*)/.complete" ]; }
data_whole() {
	local d

	for d in ext4 btrfs luks lvm md; do
		types "mountpoint /data/$d && echo 'boot-test: there is $d'"
		says "boot-test: there is $d"
	done
	# shellcheck disable=SC2016
	types '[ "$(readlink -f "$(swapon --show=NAME --noheadings)")" = "$(readlink -f /dev/mapper/swap)" ] && echo "boot-test: swap is on the pair"'
	says 'boot-test: swap is on the pair'
	types 'lsblk -o NAME,TYPE,MOUNTPOINTS; cat /proc/mdstat; swapon'
}
c_data_late() {
	start '' main spare "${data[@]}"
	says 'systemd\[1\]: .*running in system mode'
	sleep 20
	plug dataspare
	whole
	# After those that the boot has begun, and has not waited for.
	types 'systemd-run --quiet --wait -p After="$(echo data-{ext4,btrfs,luks,lvm,md}.mount swap.target)" true'
	data_whole
	! has_zfs || { types 'cat /data/zfs/file; zpool list -v | sed "s/^/boot-test: pool /"'; says 'boot-test: pool .*tank.*ONLINE'; }
	types guest-units
	says 'boot-test: units are well' 1
}
c_takers() {
	start '' main "${data[@]}"
	says "'root' was not opened after"
	says "$shell"
	types 'takers "initramfs, spare missing"'
	types 'cp /usr/sbin/takers /run/'
	plug spare
	printf 'exit\r' >&7
	whole
	types 'sh /run/takers "system, spare missing"'
	plug dataspare
	# shellcheck disable=SC2016
	types 'dmremap assemble --wait 60 ext4 btrfs luks lvm md swap part; systemctl start swap.target data-{ext4,btrfs,luks,lvm,md}.mount'
	data_whole
	types 'sh /run/takers "system, pair open"'
	# As soon as an array stops, an event may have it assembled again.
	types 'umount /data/*; swapoff -a; cryptsetup close opened; for i in 1 2 3 4 5; do vgchange -an; mdadm --stop --scan; dmremap close ext4 btrfs luks lvm md swap zfs part; udevadm settle; done'
	types 'dmsetup ls --target dm-remap | sed "s/^/boot-test: still open: /"'
	says 'boot-test: still open: root'
	says_not 'boot-test: still open: [^r]'
	types 'sh /run/takers "system, pair closed"'
	# Would they take it, if they could?
	types 'rm /usr/lib/udev/rules.d/61-dmremap.rules; udevadm control --reload; dmsetup ls | cut -f1 | grep guard | xargs -n1 dmsetup remove; udevadm trigger --settle'
	types 'sh /run/takers "control, without the rules"'
	table
	says_not 'boot-test: (initramfs|system),.*: (YES|NO DEVICE)'
	says_not 'boot-test: control.*: (no|NO DEVICE)'
}
# The table for people: a line for a taker, a column for a moment
table() {
	grep -a '^boot-test: .*: .*: \(no\|YES\|NO DEVICE\)' "$log" | tr -d '\r' | awk -F': ' '
		!($2 in col) { col[$2] = ++m; moment[m] = $2 }
		!($3 in row) { row[$3] = ++n; taker[n] = $3 }
		{ cell[$3, $2] = $4 }
		END {
			for (j = 1; j <= m; j++) printf "table: (%d) %s\n", j, moment[j]
			for (i = 1; i <= n; i++) {
				printf "table: %-30s", taker[i]
				for (j = 1; j <= m; j++) printf " %-8s", cell[taker[i], moment[j]]
				print ""
			}
		}'
}
