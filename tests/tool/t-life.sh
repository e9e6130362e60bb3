# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0
#
# The life of a disk, from end to end.

# What the manual says is what happens: see life.py. If not, build/share/dm-remap.rst
# is the manual as it would be true.
t_manual() {
	local status=0
	[ -d /sys/module/null_blk ] || modprobe null_blk nr_devices=0
	DMREMAP=$D python3 "$here/life.py" "$top/Documentation/admin-guide/device-mapper/dm-remap.rst" \
		"${LAB_SHARE:-/run}/dm-remap.rst" || status=$?
	umount /srv /vault
	cryptsetup close vault
	return $status
}
