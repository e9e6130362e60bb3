# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# lab/common.sh: what the laboratory's scripts share: messages, the cache's
# layout, and the names of kernels. To be sourced, does nothing by itself.
#
# The cache is outside the checkout, so that a clean clone is fast:
#
#   kernels/<release>/boot/vmlinuz-<release>   Debian's kernel image
#   kernels/<release>/lib/modules/<release>/   its modules, without drivers
#                                              that a virtual machine never has
#   kernels/<release>/usr/                     its headers, usable from here
#   kernels/6.1, kernels/6.12                  links to the newest <release>
#   zfs/<release>/*.ko                         ZFS modules
#   guest/tools, guest/zfs                     programs for the guests only
#   checkpatch/                                checkpatch.pl and its word lists
#   apt/                                       private lists of Debian's archive
#   initramfs/, trees/, kvm-works              made by lab/vm when needed

LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
TOP_DIR=$(dirname "$LAB_DIR")
LAB_BUILD=${DM_REMAP_BUILD:-$TOP_DIR/build}
LAB_CACHE=${DM_REMAP_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/dm-remap}
# The kernels that setup fetches and the tests run on.
LAB_SERIES="6.1 6.12"
LAB_NAME=lab/${0##*/}
export PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s: %s\n' "$LAB_NAME" "$*" >&2; }
die() { printf '%s: error: %s\n' "$LAB_NAME" "$*" >&2; exit 1; }

# Full release of a kernel that was named 6.1, 6.12 or by its release.
# Prints nothing and fails when the cache does not have it.
lab_release() {
	local link=$LAB_CACHE/kernels/$1

	if [ -L "$link" ]; then
		basename "$(readlink "$link")"
	elif [ -e "$link/.complete" ]; then
		echo "$1"
	else
		return 1
	fi
}

# Run a command under an exclusive lock, one lock file for each purpose.
lab_lock() {
	mkdir -p "$LAB_CACHE/locks"
	exec 9>"$LAB_CACHE/locks/$1"
	if ! flock -n 9; then
		say "waiting for another run that holds the lock \"$1\""
		flock 9
	fi
}

lab_unlock() { exec 9>&-; }
