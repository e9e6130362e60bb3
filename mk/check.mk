# SPDX-License-Identifier: GPL-2.0
#
# mk/check.mk: all tests.
#
#   make check                     all tests that fit into half an hour, and a summary
#   make check-all                 these, and what takes longer
#   make check PARTS='unit sim'    some of them: see tests/check

.PHONY: check check-all check-setup
check-setup:
	@lab/setup build vm kernels checkpatch
	@for k in 6.1 6.12; do mk/module build $$k >/dev/null || exit 1; done

check: check-setup
	@tests/check $(PARTS)

check-all: check-setup
	@tests/check -a
