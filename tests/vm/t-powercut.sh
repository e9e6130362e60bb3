# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# A few of the power cuts of "make powercut", at other moments each time.
# own VM
# on request

# power cuts under fsync() and SQLite on ext4: all records are there
t_ext4() {
	needs_qemu
	"$top/tests/power/run" -t 150 -n "${DM_REMAP_TEST_CUTS:-3}" "$kver:ext4"
}
