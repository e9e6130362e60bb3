# SPDX-License-Identifier: GPL-2.0
#
# mk/demo.mk: the main job, shown.
#
#   make demo                      a failing disk becomes a good one, in a VM; about two minutes

DEMO_KVER = $(or $(KVER),6.1)

.PHONY: demo
demo:
	@lab/setup build vm kernels:$(DEMO_KVER)
	@mk/module build $(DEMO_KVER)
	@demo/run -k $(DEMO_KVER)
