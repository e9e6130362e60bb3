# SPDX-License-Identifier: GPL-2.0
#
# mk/module.mk: the kernel module. The work is done by mk/module.
#
#   make module [KVER=<release>]   build/<release>/dm-remap.ko (W=1, C=1: as in kbuild)
#   make lint [KVER=<release>]     W=1, sparse and checkpatch --strict, no finding allowed
#   make install [KVER=...] [DESTDIR=...]  install it and run depmod
#   make dkms                      register it with DKMS
#
# KVER also accepts 6.1 and 6.12, the kernels that lab/setup fetches. Without it the
# running kernel is meant, or else the newest headers that are installed.

MODULE_VERSION = $(shell cat VERSION 2>/dev/null || echo 0.1.0)

.PHONY: module
module:
	@W='$(W)' C='$(C)' mk/module build '$(KVER)'

.PHONY: lint
lint:
	@lab/setup build checkpatch
	@mk/module lint '$(KVER)'

.PHONY: install-module
install-module: module
	@mk/module install '$(KVER)'

.PHONY: install
install: install-module

.PHONY: dkms
dkms:
	@mk/dkms '$(MODULE_VERSION)' '$(KVER)'
