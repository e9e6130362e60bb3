# SPDX-License-Identifier: GPL-2.0
#
# mk/kernels.mk: other kernels than those of each day, and other architectures.
#
#   make check-kernels [KVER='6.1-rt 7.3:boot']  W=1 on each kernel that Debian has; the oldest,
#                                  the newest and a real-time one booted, with a short suite
#   make check-arch [PARTS=...]    arm64 with pages of 4, 16 and 64 KiB, s390x: the module, and
#                                  programs under emulation; parts: see tests/arch/run

.PHONY: check-kernels check-arch
check-kernels:
	@tests/kernels/run $(KVER)

check-arch:
	@tests/arch/run $(PARTS)
