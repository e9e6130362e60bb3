# SPDX-License-Identifier: GPL-2.0
#
# mk/bench.mk: measurements. See bench/run -h.
#
#   make bench [BENCH='PART...']   what dm-remap costs; all figures in build/bench/results.json
#   make bench-guard               the cost of one healthy bio has not grown; under a minute

BENCH_KVER = $(or $(KVER),6.1)
BENCH_SRC := bench/mkspare.c $(STORE_SRC) $(CORE)/dm-remap-index.c src/user/kernel-shim.c

.PHONY: bench
bench: bench-build
	@bench/run -k $(BENCH_KVER) $(BENCH)

.PHONY: bench-guard
bench-guard: bench-build
	@bench/run -k $(BENCH_KVER) guard

.PHONY: bench-build
bench-build:
	@lab/setup build vm kernels:$(BENCH_KVER)
	@mk/module build $(BENCH_KVER)
	@$(MAKE) --no-print-directory $(BUILD)/bench/mkspare
	@bench/bio-loop/build $(BENCH_KVER)

$(BUILD)/bench/mkspare: $(BENCH_SRC) bench/pattern.h $(wildcard $(CORE)/*.h src/user/*.h)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(filter-out -MMD -MP,$(USER_CFLAGS)) $(CFLAGS) -o $@ $(BENCH_SRC)
