#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Are all pairs open that root needs?
while read -r name; do
	[ -z "$name" ] || [ -b "/dev/mapper/$name" ] || return 1 2>/dev/null || exit 1
done </etc/dm-remap/wanted
