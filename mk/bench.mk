# SPDX-License-Identifier: GPL-2.0
#
# mk/bench.mk: measurements. See bench/run -h.
#
#   make bench [BENCH='PART...']   what dm-remap costs; all figures in build/bench/results.json
#   make bench-guard               one healthy bio costs no more, and a remap takes no more
#                                  memory, than allowed; under a minute; KVER=6.1-arm64, too

BENCH_KVER = $(or $(KVER),6.1)
BENCH_ARCH = $(if $(findstring arm64,$(BENCH_KVER)),arm64)
BENCH_PROGS := $(addprefix $(BUILD)/bench/,mkspare lookup structures)
BENCH_SRC := bench/file-env.c $(STORE_SRC) $(CORE)/dm-remap-index.c src/user/kernel-shim.c

.PHONY: bench
bench: bench-build
	@lab/setup -q bench
	@bench/run -k $(BENCH_KVER) $(BENCH)

.PHONY: bench-guard
bench-guard: bench-build
	@bench/run -k $(BENCH_KVER) guard

# What the parts need beyond that, bench/run sets up.
.PHONY: bench-build
bench-build:
	@lab/setup -q build vm kernels:$(BENCH_KVER) $(if $(BENCH_ARCH),cross:$(BENCH_ARCH))
	@mk/module build $(BENCH_KVER)
	@$(MAKE) --no-print-directory $(BENCH_PROGS) $(BUILD)/bench/classes
	@$(if $(BENCH_ARCH),lab/cross $(BENCH_ARCH) build/$(BENCH_ARCH)/bench/mkspare)
	@bench/bio-loop/build $(BENCH_KVER)

$(BUILD)/bench/classes: bench/classes.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(filter-out -MMD -MP,$(USER_CFLAGS)) $(CFLAGS) -pthread -o $@ $<

$(BENCH_PROGS): $(BUILD)/bench/%: bench/%.c $(BENCH_SRC) $(wildcard bench/*.h $(CORE)/*.h src/user/*.h)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(filter-out -MMD -MP,$(USER_CFLAGS)) $(CFLAGS) -o $@ $(filter %.c,$^)
