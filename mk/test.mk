# SPDX-License-Identifier: GPL-2.0
#
# mk/test.mk: tests that need no kernel.
#
#   make unit                      unit tests of format, store and index (V=1: all output)
#   make sim [SEED=] [SCHEDULES=]  simulator: random lives of a device, power cuts compared
#                                  (SCRIPTS=fast: nothing with the sanitizers)
#   make sim-exhaustive            simulator: scripts, cut at every I/O in every way, up to 600
#   make soak [SECONDS=]           simulator with new seeds, and what it covers of the core
#   make coverage                  lines and branches of the core that are taken (V=1: which not)
#   make mutants                   are plausible mistakes caught, and by which check

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

#-----------------------------------------------------------------------
# The simulator: the core, with smaller limits, between disks that lie.

SIM_SRC := $(CORE_SRC) $(SHIM_SRC) $(wildcard tests/sim/*.c) src/tool/copy/copy.c
SIM_DEFINES := -DDMR_RUN_BLOCKS=2 -DDMR_MAX_STAGED=40 -DDMR_BATCH=8 -DDMR_EXAM_BLOCKS=8 \
	       -DDMR_COPY_BLOCKS=4 -DDMR_WINDOW=3 -DMIN_BUCKETS=64U \
	       -DBATCH=16 -DGROUP=8U
# The core's memory is given back when the power goes: see memory.c.
SIM_CORE := -Dcalloc=sim_calloc -Drealloc=sim_realloc -Dfree=sim_free
SIM_CFLAGS := $(USER_CFLAGS) -g -Itests/sim -Isrc/tool -D_GNU_SOURCE $(SIM_DEFINES)
SIM_FAST_OBJ := $(patsubst %.c,$(BUILD)/sim/fast/%.o,$(SIM_SRC))
SIM_SAFE_OBJ := $(patsubst %.c,$(BUILD)/sim/safe/%.o,$(SIM_SRC))

# What was found by the simulator is kept in tests/sim/cases.
SCENARIOS = $(sort $(wildcard tests/sim/scenarios/*.txt tests/sim/cases/*.txt))
SEED = 1
SCHEDULES = 200000

.PHONY: sim
sim: $(BUILD)/sim/sim $(if $(filter fast,$(SCRIPTS)),,$(BUILD)/sim/sim-safe)
	@BUILD=$(BUILD) tests/sim/run $(SEED) $(SCHEDULES) $(or $(SCRIPTS),safe) $(SCENARIOS)

# A crash after every I/O of each scenario, and of the recovery, with every pattern of
# what is left; of a cut with more than 600 these and 150 random ones.
.PHONY: sim-exhaustive
sim-exhaustive: $(BUILD)/sim/sim
	@$(BUILD)/sim/sim -x $(SCENARIOS)

.PHONY: mutants
mutants: $(BUILD)/sim/sim $(UNIT_PROGS)
	@tests/mutants/run -s 20000

# Coverage of the core: by the simulator, and by the unit tests as well.
COVER_OBJ := $(patsubst %.c,$(BUILD)/sim/cover/%.o,$(SIM_SRC))
UNIT_COVER_OBJ := $(patsubst %.c,$(BUILD)/unit-cover/%.o,$(UNIT_SRC))
UNIT_COVER_PROGS := $(patsubst %,$(BUILD)/unit-cover/%,$(UNIT_NAMES))
COVER_SCHEDULES = 10000

$(BUILD)/sim/cover/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(SIM_CFLAGS) -O0 --coverage $(if $(filter src/core/% src/tool/%,$<),$(SIM_CORE)) -c -o $@ $<

$(BUILD)/sim/sim-cover: $(COVER_OBJ)
	@$(CC) $(SIM_CFLAGS) --coverage -o $@ $^

$(BUILD)/unit-cover/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(USER_CFLAGS) -O0 -g --coverage -Itests/unit -c -o $@ $<

$(BUILD)/unit-cover/test-%: $(BUILD)/unit-cover/tests/unit/test-%.o $(UNIT_COVER_OBJ)
	@$(CC) --coverage -o $@ $^ -lcmocka

.SECONDARY: $(UNIT_COVER_OBJ) $(patsubst %,$(BUILD)/unit-cover/tests/unit/%.o,$(UNIT_NAMES))

.PHONY: coverage
coverage: $(BUILD)/sim/sim-cover $(UNIT_COVER_PROGS)
	@find $(BUILD)/sim/cover $(BUILD)/unit-cover -name '*.gcda' -delete
	@tests/unit/run $(UNIT_COVER_PROGS) | tail -n 1
	@$(BUILD)/sim/sim-cover -x -f $(SCENARIOS) | tail -n 1
	@$(BUILD)/sim/sim-cover -j 2 -s $(SEED) -n $(COVER_SCHEDULES)
	@tests/coverage $(if $(V),-v) $(CORE_SRC)

# For as long as wanted: SECONDS=; a new seed each time.
.PHONY: soak
soak: $(BUILD)/sim/sim coverage
	@$(BUILD)/sim/sim -j 2 -s $$(date +%s)000000 -n 1000000000 -t $(FUZZ_SECONDS)

.PHONY: sim-programs
sim-programs: $(BUILD)/sim/sim $(BUILD)/sim/sim-safe

$(BUILD)/sim/fast/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(SIM_CFLAGS) -O2 $(if $(filter src/core/% src/tool/%,$<),$(SIM_CORE)) -c -o $@ $<

$(BUILD)/sim/safe/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(SIM_CFLAGS) -O1 $(SANITIZE) $(if $(filter src/core/% src/tool/%,$<),$(SIM_CORE)) -c -o $@ $<

$(BUILD)/sim/sim: $(SIM_FAST_OBJ)
	@$(CC) $(SIM_CFLAGS) -O2 -o $@ $^

$(BUILD)/sim/sim-safe: $(SIM_SAFE_OBJ)
	@$(CC) $(SIM_CFLAGS) -O1 $(SANITIZE) -o $@ $^

-include $(SIM_FAST_OBJ:.o=.d) $(SIM_SAFE_OBJ:.o=.d) $(COVER_OBJ:.o=.d) \
	$(UNIT_COVER_OBJ:.o=.d)
