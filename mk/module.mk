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

# The version of the target, as "dmsetup targets" shows it.
MODULE_VERSION = $(shell sed -nE 's/.*\.version = \{ *([0-9]+), *([0-9]+), *([0-9]+) *\}.*/\1.\2.\3/p' \
		   src/kernel/dm-remap-target.c)

.PHONY: module
module:
	@W='$(W)' C='$(C)' mk/module build '$(KVER)'

.PHONY: lint
lint:
	@lab/setup -q build checkpatch
	@mk/module lint '$(KVER)'

.PHONY: install-module
install-module: module
	@mk/module install '$(KVER)'

.PHONY: install
install: install-module

.PHONY: dkms
dkms:
	@mk/dkms '$(MODULE_VERSION)' '$(KVER)'
