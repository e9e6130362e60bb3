# SPDX-License-Identifier: GPL-2.0
#
# mk/vmtest.mk: tests of the module in virtual machines, with Debian's kernels.
#
#   make check-vm [KVER=...] [TESTS='io/* meta/*']  in VMs on 6.1 and 6.12, side by side
#   make check-vm-list             the names of these tests, and what each one shows

VMTEST_KVERS = $(or $(KVER),6.1 6.12)

.PHONY: check-vm check-vm-list
check-vm: export LAB_TESTS = $(TESTS)
check-vm:
	@lab/setup -q build vm $(addprefix kernels:,$(VMTEST_KVERS)) zfs
	@set -e; for k in $(VMTEST_KVERS); do mk/module build $$k >/dev/null; done
	@tests/vm/run-all $(VMTEST_KVERS)

check-vm-list:
	@tests/vm/run -l
