# SPDX-License-Identifier: GPL-2.0
#
# mk/fuzz.mk: clang's libFuzzer on all that is read from outside.
#
#   make fuzz [SECONDS=] [FUZZ=]   any bytes as a spare, arguments and messages, lists and dumps
#
# Each target runs for SECONDS (60), two at a time. FUZZ= names some of them:
#   spare    any bytes as a spare: format, store, index, engine
#   control  arguments of the constructor, and messages
#   tool     what dmremap reads: lists of bad blocks, dumps, the kernel's answers

FUZZ = spare control tool
FUZZ_SECONDS = $(if $(filter command line environment,$(origin SECONDS)),$(SECONDS),60)
FUZZ_CFLAGS := $(filter-out -MMD -MP,$(USER_CFLAGS)) -Wno-c2x-extensions -O1 -g \
	       -Itests/fuzz -fsanitize=fuzzer,address,undefined \
	       -fno-sanitize-recover=undefined
FUZZ_HEADERS := $(wildcard $(CORE)/*.h src/user/*.h src/kernel/*.h src/tool/*/*.h tests/fuzz/*.h)
# Each of the headers that the module includes is the fake one.
FUZZ_FAKES := $(BUILD)/fuzz/fake
FUZZ_CONTROL := -I$(FUZZ_FAKES) -Isrc/kernel -Wno-unused-parameter \
		-Wno-unused-function -Wno-sign-compare -Wno-format
# Commands refer to much that is not wanted here; only their parsers are called.
FUZZ_TOOL = -fno-pie -no-pie -Isrc/tool -D_GNU_SOURCE $(shell pkg-config --cflags $(TOOL_PKGS)) \
	    -Wl,--unresolved-symbols=ignore-all $(shell pkg-config --libs json-c)

FUZZ_SRC_spare := tests/fuzz/fuzz-spare.c tests/fuzz/memory-env.c $(CORE_SRC) src/user/kernel-shim.c
FUZZ_SRC_control := tests/fuzz/fuzz-control.c tests/fuzz/memory-env.c \
		    tests/fuzz/kernel-fake.c src/kernel/dm-remap-args.c \
		    src/kernel/dm-remap-message.c src/kernel/dm-remap-track.c \
		    $(CORE_SRC) src/user/kernel-shim.c
FUZZ_SRC_tool := tests/fuzz/fuzz-tool.c $(wildcard src/tool/lists/*.c) \
		 $(addprefix src/tool/,devices/kstat.c face/say.c face/text.c spare/area.c spare/dump.c commands/cmd-inspect.c) \
		 $(STORE_SRC) src/user/kernel-shim.c

.PHONY: fuzz fuzz-programs
fuzz-programs: $(addprefix $(BUILD)/fuzz/fuzz-,$(FUZZ))
fuzz: fuzz-programs
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ)

$(FUZZ_FAKES)/done: mk/fuzz.mk $(wildcard src/kernel/*.[ch])
	@mkdir -p $(FUZZ_FAKES)/linux
	@rm -rf $(FUZZ_FAKES)/linux/*
	@cat src/kernel/*.[ch] | sed -n 's,#include <linux/\(.*\)>.*,\1,p' | sort -u | \
		while read -r h; do mkdir -p $$(dirname $(FUZZ_FAKES)/linux/$$h); \
		echo '#include "kernel-fake.h"' >$(FUZZ_FAKES)/linux/$$h; done
	@touch $@

define fuzz_program
$(BUILD)/fuzz/fuzz-$(1): $$(FUZZ_SRC_$(1)) $(FUZZ_HEADERS) $(FUZZ_FAKES)/done
	@mkdir -p $$(@D)
	@echo "  CLANG   $$@"
	@lab/setup -q fuzz
	@clang $$(FUZZ_CFLAGS) $$(SIM_DEFINES) -o $$@ $$(filter %.c,$$^) $(2)
endef
$(eval $(call fuzz_program,spare,))
$(eval $(call fuzz_program,control,$$(FUZZ_CONTROL)))
$(eval $(call fuzz_program,tool,$$(FUZZ_TOOL)))
