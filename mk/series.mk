# SPDX-License-Identifier: GPL-2.0
#
# mk/series.mk: the module as patches for the kernel.
#
#   make series LINUX=<tree>       write the patch series against a kernel source tree
#   make check-series [LINUX=...]  build, check and boot it (default: Debian's newest source)

.PHONY: series check-series
series:
	@[ -n "$(LINUX)" ] || { echo "make series: say which tree: LINUX=..." >&2; exit 2; }
	@mk/series $(LINUX)

check-series: tool
	@tests/series/run $(LINUX)
