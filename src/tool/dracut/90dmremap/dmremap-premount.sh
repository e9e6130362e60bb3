#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The last look before root is mounted.
dev=${root#block:}
case $dev in
/dev/*)
	if dmremap probe "$dev" 2>/dev/null | grep -q '^DMREMAP_ROLE=main$'; then
		die "dm-remap: $dev is a main device, and must not be mounted without its spare."
	fi ;;
esac
