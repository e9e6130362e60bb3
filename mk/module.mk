# SPDX-License-Identifier: GPL-2.0
#
# mk/module.mk: the kernel module. The work is done by mk/module.
#
#   make module [KVER=<release>]   build/<release>/dm-remap.ko (W=1, C=1: as in kbuild)
#   make lint [KVER=<release>]     W=1, sparse and checkpatch --strict, no finding allowed
#   make install [KVER=...] [DESTDIR=...]  install it and run depmod; MODULE=no: without it
#   make uninstall [KVER=...]      take away all that "make install" brings
#   make dkms [KVER=...]           register it with DKMS, in place of older versions
#
# KVER also accepts 6.1 and 6.12, the kernels that lab/setup fetches. Without it the
# running kernel is meant, or else the newest headers that are installed.

# As src/core/dm-remap-version.h says.
RELEASE = $(shell mk/version)

.PHONY: module
module:
	@W='$(W)' C='$(C)' mk/module build '$(KVER)'

.PHONY: lint
lint:
	@lab/setup -q build checkpatch
	@mk/module lint '$(KVER)'

.PHONY: install-module
ifneq ($(MODULE),no)
install-module: module
	@mk/module install '$(KVER)'
else
install-module: ;
endif

.PHONY: install
install: install-module

.PHONY: uninstall
uninstall:
	@mk/uninstall '$(KVER)'

.PHONY: dkms
dkms:
	@mk/dkms install '$(KVER)'
