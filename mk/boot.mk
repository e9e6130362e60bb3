# SPDX-License-Identifier: GPL-2.0
#
# mk/boot.mk: what the system knows of pairs, and how it boots from one.
#
#   make check-udev [KVER=...] [TESTS=...]   udev's rules, in a virtual machine with udevd
#   make check-udev-break [MUTANTS=...]      are these tests able to fail? One mistake at a time
#   make check-boot [SYSTEM=...] [CASES=...]  Debian booted from a root that lives on a pair
#   make check-libblkid                      libblkid with the probe in packaging/libblkid: builds it

.PHONY: check-udev check-udev-break check-boot check-libblkid
check-udev:
	@lab/setup -q build vm $(or $(KVER),uml)
	@tests/boot/run $(or $(KVER),uml) $(TESTS)

check-udev-break:
	@lab/setup -q build vm uml
	@tests/boot/break $(MUTANTS)

check-boot:
	@lab/setup -q build vm packages uml $(if $(filter %-data,$(SYSTEM)),zfs:6.1)
	@tests/boot/boot $(or $(SYSTEM),bookworm) $(CASES)

check-libblkid: tool
	@packaging/libblkid/check
