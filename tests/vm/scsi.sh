# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# tests/vm/scsi.sh: SCSI disks in memory, for the tests of the module and of the tool.

# scsi_disk ARG...: a disk of scsi_debug; prints its name. The kernel looks for it after
# modprobe has ended.
scsi_disk() {
	local i sd

	modprobe -a sd_mod || return
	modprobe scsi_debug delay=0 max_luns=1 "$@" || return
	for ((i = 0; i < 600; i++)); do
		sd=$(ls /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block 2>/dev/null || true)
		if [ -n "$sd" ] && [ -b "/dev/$sd" ]; then
			udevadm settle
			echo "$sd"
			return
		fi
		sleep 0.1
	done
	echo "no disk of scsi_debug has appeared" >&2
	return 1
}
