# SPDX-License-Identifier: GPL-2.0
#
# mk/sanitize.mk: the module in a kernel that looks after itself.
#
#   make sanitize [TESTS='io/*']   the VM tests, faults, loops and mutated spares under
#                                  KASAN, UBSAN, lockdep, kmemleak; no report allowed
#   make fuzz-spare-kernel [COUNT=] [SEED=] [SECONDS=]  the mutated spares alone
#
# KVER=uml-debug is user-mode Linux: fast, one processor, no drives of QEMU. KVER=debug
# (the same, and sleeping where it is forbidden) and KVER=races (KCSAN, lockdep, and
# sleeping) run in QEMU, with two processors and very slowly.

SANITIZE_KVER = $(or $(KVER),uml-debug)

.PHONY: sanitize sanitize-build fuzz-spare-kernel
sanitize-build:
	@lab/setup -q build vm $(SANITIZE_KVER)
	@mk/module build $(SANITIZE_KVER) >/dev/null

sanitize fuzz-spare-kernel: export DM_REMAP_TEST_LIMIT = 1500
sanitize fuzz-spare-kernel: export DM_REMAP_TEST_MEMORY = 2560
sanitize fuzz-spare-kernel: export DM_REMAP_FUZZ_COUNT = $(or $(COUNT),5000)
sanitize fuzz-spare-kernel: export DM_REMAP_FUZZ_SEED = $(or $(SEED),1)
fuzz-spare-kernel: export DM_REMAP_FUZZ_SECONDS = $(if $(filter command line environment,$(origin SECONDS)),$(SECONDS),1200)
sanitize: sanitize-build
	@tests/vm/run $(SANITIZE_KVER) $(TESTS)

fuzz-spare-kernel: sanitize-build
	@tests/vm/run $(SANITIZE_KVER) 'fuzz/*'
