# SPDX-License-Identifier: GPL-2.0
#
# mk/package.mk: packages. The work is done by packaging/build, in clean systems.
#
#   make dist                      build/packages/dm-remap-<version>.tar.gz
#   make deb [SUITE=bookworm]      dmremap and dm-remap-dkms for Debian 12, or trixie
#   make rpm                       the same as RPMs
#   make check-packages            build them for Debian 12 and 13; install, upgrade, purge

.PHONY: dist deb rpm check-packages
dist:
	@packaging/build dist
deb:
	@lab/setup -q packages
	@packaging/build deb '$(or $(SUITE),bookworm)'
rpm:
	@lab/setup -q packages
	@packaging/build rpm
check-packages:
	@lab/setup -q packages
	@tests/packages/run
