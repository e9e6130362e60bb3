#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The last look before root is mounted.
dev=${root#block:}
case $dev in
/dev/*)
	case $(dmremap probe "$dev" 2>/dev/null) in
	DMREMAP_ROLE=main*) die "dm-remap: $dev is a main device, and must not be mounted without its spare." ;;
	esac ;;
esac
