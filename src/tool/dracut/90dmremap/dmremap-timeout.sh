#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Says what is missing, once.
if [ ! -e /run/dmremap/told ]; then
	mkdir -p /run/dmremap
	while read -r name; do
		if [ -n "$name" ] && [ ! -b "/dev/mapper/$name" ]; then
			dmremap assemble --wait 0 "$name" 2>&1 | while read -r line; do
				warn "$line"
				echo "$line" >/dev/console
			done
			: >/run/dmremap/told
		fi
	done </etc/dm-remap/wanted
fi
