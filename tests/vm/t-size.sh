# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Large devices: the disks take memory only where they are written.

# a main device of 64 TiB with bad blocks at both ends, a spare of 1 TiB
t_largest() {
	local end
	disk main $((64 << 20))
	disk spare $((1 << 20))
	end=$(sectors /dev/main)
	bad main 0-7 $((end - 8))-$((end - 1))
	remap /dev/main /dev/spare
	vmio write "$R" 0 16 1
	vmio write "$R" $((end - 16)) 16 2
	is remappings=2 known_bad=0
	at_least slots_total 266000000
	dmsetup remove remap
	remap /dev/main /dev/spare
	is remappings=2
	vmio check "$R" 0 16 1
	vmio check "$R" $((end - 16)) 16 2
}

# what is larger than a block or slot number can name is refused
t_too_large() {
	disk main $((257 << 20))
	disk spare 8
	disk vast $((13 << 20))
	disk small 16
	refused "main device is too large" "$(table "$(sectors /dev/main)" /dev/main /dev/spare 0)"
	refused "is too large" "$(table 32768 /dev/small /dev/vast 0)"
}
