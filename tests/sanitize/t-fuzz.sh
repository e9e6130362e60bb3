# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Spares that somebody has tampered with: see spare-fuzz.c.

# take NAME: a base for spare-fuzz, of what is on the disks
take() {
	dd if=/dev/main of="$1.main" bs=64k iflag=direct status=none
	dd if=/dev/spare of="$1.spare" bs=64k iflag=direct status=none
}
# Real spares of several kinds, in the current folder.
make_bases() {
	local ill="w:64-199 w:800-815 w:1001-1003 w:2048-2300 w:4000-4095" slot
	disk main 2
	disk spare 1
	vmio fill /dev/main 0 4096 1
	# shellcheck disable=SC2086
	layered ill /dev/main $ill
	layered other /dev/spare
	remap /dev/mapper/ill /dev/mapper/other
	dmsetup remove remap
	take fresh
	remap /dev/mapper/ill /dev/mapper/other
	vmio fill "$R" 0 4096 2
	vmio write "$R" 801 3 3
	ask mark_bad 3000 64
	dmsetup remove remap
	take used
	# Slots go bad: some blocks move, some sectors are lost.
	remap /dev/mapper/ill /dev/mapper/other
	slot=$(meta slot /dev/spare 0 0)
	relayer other /dev/spare "rw:$slot-$((slot + 23))"
	vmio write "$R" 66 4 4
	vmio read "$R" 72 8 2>/dev/null || true
	ask remap 1200 80
	ask release 1240 16
	dmsetup remove remap
	relayer other /dev/spare
	take lost
	# An area that has been lengthened.
	dd if=/dev/zero of=/dev/spare bs=64k count=16 oflag=direct status=none
	remap /dev/mapper/ill /dev/mapper/other 0 spare_length 512
	vmio write "$R" 64 136 2
	ask grow 1024
	ask grow 2048
	vmio fill "$R" 2048 253 3
	vmio fill "$R" 4000 96 3
	dmsetup remove remap
	take grown
	dmsetup remove other other-err
}

# mutated spares are activated, read, written, removed: no report, no hang, and
# what is read is right or an error
t_mutated_spares() {
	make_bases
	dmesg -n 4
	spare-fuzz -t "${DM_REMAP_FUZZ_SECONDS:-1200}" /dev/mapper/ill /dev/main /dev/spare "${DM_REMAP_FUZZ_SEED:-1}" \
		"${DM_REMAP_FUZZ_COUNT:-5000}" fresh used lost grown >counts
	note "$(cat counts)"
}
