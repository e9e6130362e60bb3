# SPDX-License-Identifier: GPL-2.0
#
# mk/lab.mk: the laboratory, virtual machines with Debian's kernels.
#
#   make setup                     everything that the build and the tests need
#   make vm KVER=6.1 CMD='...'     run a shell command as root in a VM, dm-remap loaded
#
# KVER is 6.1, 6.12 or a full release (default 6.1). VMOPTS are options for
# lab/vm (lab/vm -h). make itself exits with 0 or 2, as always, and prints the
# command's status ("Error 7"); scripts that need the number call lab/vm.

VM_KVER = $(or $(KVER),6.1)

.PHONY: setup
setup:
	@lab/setup

.PHONY: vm
vm: export LAB_CMD = $(CMD)
vm:
	@[ -n "$$LAB_CMD" ] || { echo "make vm: say what to run: CMD='...'" >&2; exit 2; }
	@lab/setup -q build vm kernels:$(VM_KVER)
	@mk/module build $(VM_KVER)
	@lab/vm -k $(VM_KVER) $(VMOPTS) -- bash -c "$$LAB_CMD"
