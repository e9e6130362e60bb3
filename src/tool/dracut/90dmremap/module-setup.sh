#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# dracut: the pair that root lives on is opened in the initramfs, and main devices
# are kept from use there.

check() {
	require_binaries /usr/lib/dm-remap/dmremap-boot || return 1
}

depends() {
	echo dm
}

installkernel() {
	hostonly='' instmods dm-remap
}

# The pairs that the table wants opened here, and those that root is made of.
wanted() {
	local name options dev
	if [ -e /etc/dmremaptab ]; then
		while read -r name _ _ options _; do
			case $name in '' | \#*) continue ;; esac
			case ,$options, in *,initramfs,*) echo "$name" ;; esac
		done </etc/dmremaptab
	fi
	for dev in "${host_devs[@]}"; do
		dev=$(basename "$(readlink -f "$dev")")
		case $(cat "/sys/class/block/$dev/dm/uuid" 2>/dev/null) in
		DMREMAP-GUARD-*) ;;
		DMREMAP-*) cat "/sys/class/block/$dev/dm/name" ;;
		esac
	done
}

install() {
	local f
	# shellcheck disable=SC2154
	inst_binary /usr/lib/dm-remap/dmremap-boot
	ln -sf ../lib/dm-remap/dmremap-boot "$initdir/usr/sbin/dmremap"
	inst_rules 61-dmremap.rules
	# The rule has pairs opened by a service, where systemd is.
	inst_multiple -o systemd-run
	for f in /etc/dmremaptab /var/lib/dmremap/known; do
		[ ! -e "$f" ] || inst_simple "$f"
	done
	mkdir -p "$initdir/etc/dm-remap"
	wanted | sort -u >"$initdir/etc/dm-remap/wanted"
	# Else systemd waits for root without end, and nobody says what is missing.
	dracut_need_initqueue
	inst_hook initqueue/finished 20 "$moddir/dmremap-finished.sh"
	inst_hook initqueue/timeout 20 "$moddir/dmremap-timeout.sh"
	inst_hook pre-mount 01 "$moddir/dmremap-premount.sh"
	inst_hook emergency 20 "$moddir/dmremap-timeout.sh"
}
