#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/vm/host.sh: runs one test that starts virtual machines; called by
# tests/vm/run.
#
# Usage: tests/vm/host.sh KVER FOLDER ROOM/NAME
#
# The test is a function on the host. It has the functions below, and what it
# runs with "vm" has those of lib.sh.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
fail() { echo "$*" >&2; return 1; }

if [ "$1" = --guest ]; then
	export PATH=$DM_REMAP_TEST_BIN:$PATH KLOG=/run/klog T=/run/test
	dmesg -w >$KLOG 2>/dev/null &
	set -eE
	# shellcheck source=tests/vm/lib.sh
	. "$here/lib.sh"
	# shellcheck disable=SC1090
	. "$2"
	log_mark
	mkdir -p $T
	cd $T
	trap 'echo "line ${BASH_LINENO[0]:-?} of ${BASH_SOURCE[1]##*/}: $BASH_COMMAND" >&2' ERR
	"$3"
	exit 0
fi

kver=$1 work=$2 name=$3
# The guests write to the shared folder.
export LAB_SHARE=$work/share
export here top drives
mkdir -p "$LAB_SHARE"
# The drives: in memory, because the host's fsync() is slow, and says nothing
# here: it is the VM that loses power, not the host.
drives=$(mktemp -d /dev/shm/dm-remap-vm.XXXXXX 2>/dev/null) || drives=$work
trap '[ "$drives" = "$work" ] || rm -rf "$drives"' EXIT

machine=$top/lab/vm
[[ $kver != uml* ]] || machine=$top/lab/uml

# needs_qemu: what the test shows is an affair of QEMU's drives
needs_qemu() { [[ $kver != uml* ]] || { echo "needs drives of QEMU"; exit 77; }; }

# vm [OPTION...] FUNCTION: a virtual machine in which FUNCTION runs
# Functions are those of the file that begin with "in_".
vm() {
	local status=0 fn=${*: -1}

	"$machine" -k "$kver" -m 768 -t 200 "${@:1:$#-1}" -- \
		"$here/host.sh" --guest "$file" "$fn" || status=$?
	return $status
}

# ends STATUS COMMAND...
ends() {
	local want=$1 status=0
	shift
	"$@" || status=$?
	[ $status = "$want" ] || fail "status $status instead of $want: $*"
}

file=$here/t-${name%/*}.sh
# shellcheck disable=SC1090
. "$file"
set -E
trap 'echo "line ${BASH_LINENO[0]:-?} of ${BASH_SOURCE[1]##*/}: $BASH_COMMAND" >&2' ERR
rm -f "$drives"/*.img
"t_${name#*/}"
rm -f "$drives"/*.img
