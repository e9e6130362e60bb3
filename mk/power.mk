# SPDX-License-Identifier: GPL-2.0
#
# mk/power.mk: power cuts, lost caches, and what others wrote, in VMs.
#
#   make powercut [CUTS=200] [SEED=]  cut the power at random moments; all acknowledged records are there
#   make logwrites [KVER=...] [POINTS=]  replay both areas to each flush, or to so many; check, fsck, compare;
#                                  in user-mode Linux, unless KVER says where
#   make stress [KVER=...]         stress-ng, fio, LUKS, LVM, md, swap... on and below dm-remap

CUTS = 200
POWER_KVERS = $(or $(KVER),6.1 6.12)

.PHONY: power-modules
power-modules:
	@lab/setup -q build vm stress $(addprefix kernels:,$(POWER_KVERS)) zfs
	@set -e; for k in $(POWER_KVERS); do mk/module build $$k >/dev/null; done

.PHONY: powercut
powercut: power-modules tool
	@tests/power/run -n $(CUTS) $(if $(SEED),-s $(SEED)) \
		$(if $(KVER),$(KVER):ext4 $(KVER):xfs)

.PHONY: logwrites
logwrites: export LAB_TESTS = logwrites/*
logwrites: POWER_KVERS = $(or $(KVER),uml)
logwrites: power-modules tool
	@DM_REMAP_TEST_LIMIT=14400 DM_REMAP_TEST_POINTS=$(or $(POINTS),all) tests/vm/run-all $(POWER_KVERS)

.PHONY: stress
stress: export LAB_TESTS = $(or $(TESTS),stress/*)
stress: power-modules tool
	@DM_REMAP_TEST_LIMIT=400 tests/vm/run-all $(POWER_KVERS)
