# SPDX-License-Identifier: GPL-2.0
#
# mk/power.mk: power cuts in virtual machines.
#
#   make powercut [CUTS=200] [SEED=]  cut the power at random moments; all acknowledged records are there

CUTS = 200
POWER_KVERS = $(or $(KVER),6.1 6.12)

.PHONY: power-modules
power-modules:
	@lab/setup -q build vm $(addprefix kernels:,$(POWER_KVERS))
	@set -e; for k in $(POWER_KVERS); do mk/module build $$k >/dev/null; done

.PHONY: powercut
powercut: power-modules tool
	@tests/power/run -n $(CUTS) $(if $(SEED),-s $(SEED)) \
		$(if $(KVER),$(KVER):ext4 $(KVER):xfs)
