# SPDX-License-Identifier: GPL-2.0
#
# mk/test.mk: tests that need no kernel.
#
#   make unit                      unit tests of format, store and index (V=1: all output)

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	    -fno-omit-frame-pointer
SHIM_SRC := src/user/kernel-shim.c

UNIT_NAMES := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test-*.c))
UNIT_PROGS := $(addprefix $(BUILD)/unit/,$(UNIT_NAMES))
UNIT_SRC := $(STORE_SRC) $(CORE)/dm-remap-index.c $(SHIM_SRC) tests/unit/ram-env.c
UNIT_OBJ := $(patsubst %.c,$(BUILD)/unit/%.o,$(UNIT_SRC))
UNIT_CFLAGS := $(USER_CFLAGS) -O1 -g $(SANITIZE) -Itests/unit

.PHONY: unit
unit: $(UNIT_PROGS)
	@V='$(V)' tests/unit/run $^

.SECONDARY: $(UNIT_OBJ) $(patsubst %,$(BUILD)/unit/tests/unit/%.o,$(UNIT_NAMES))

$(BUILD)/unit/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(UNIT_CFLAGS) -c -o $@ $<

$(BUILD)/unit/test-%: $(BUILD)/unit/tests/unit/test-%.o $(UNIT_OBJ)
	@echo "  LD      $@"
	@$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka

-include $(patsubst %.o,%.d,$(UNIT_OBJ))
-include $(patsubst %,$(BUILD)/unit/tests/unit/%.d,$(UNIT_NAMES))
