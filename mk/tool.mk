# SPDX-License-Identifier: GPL-2.0
#
# mk/tool.mk: the tool dmremap.
#
#   make tool                      build/tool/dmremap, its man pages and completions
#   make install-tool [DESTDIR=...]  install them, with the systemd units and the alert rules
#   make check-tool [KVER=...]     the tool's tests: unit tests, and all commands in a VM
#                                  ROUNDS= random spares (40) and disks (60) for the unit tests
#   make check-tool-power [KVER=...]  the VM is killed while replace, detach, ... are at work

TOOL := $(BUILD)/tool
TOOL_SRC := $(sort $(wildcard src/tool/*.c src/tool/*/*.c)) $(STORE_SRC) src/user/kernel-shim.c
TOOL_PKGS := devmapper blkid mount smartcols libsystemd libudev json-c ncursesw cairo libpng
# Texts for people are cut where they are too long.
TOOL_CFLAGS = $(USER_CFLAGS) -Wno-format-truncation -Isrc/tool -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	      $(shell pkg-config --cflags $(TOOL_PKGS))
TOOL_LIBS = $(shell pkg-config --libs $(TOOL_PKGS)) -lm
TOOL_OBJ = $(patsubst src/%.c,$(TOOL)/obj/%.o,$(TOOL_SRC))
TOOL_ASAN_OBJ = $(patsubst src/%.c,$(TOOL)/asan/%.o,$(TOOL_SRC))
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all

TOOL_COMMANDS := $(shell sed -n 's/^COMMAND(cmd_\(.*\))$$/\1/p' src/tool/commands/commands.def)
TOOL_MAN := $(TOOL)/dmremap.8 $(TOOL_COMMANDS:%=$(TOOL)/dmremap-%.8)

.PHONY: tool tool-asan
tool: $(TOOL)/dmremap $(TOOL)/dmremap-boot $(TOOL_MAN) $(TOOL)/dmremap.bash $(TOOL)/_dmremap
tool-asan: $(TOOL)/dmremap.asan

$(TOOL)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(TOOL_CFLAGS) $(CFLAGS) -c -o $@ $<

$(TOOL)/asan/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(TOOL_CFLAGS) -O1 -g $(ASAN) -c -o $@ $<

$(TOOL)/obj/tool/draw/html.o $(TOOL)/asan/tool/draw/html.o: src/tool/draw/page.html

$(TOOL)/dmremap: $(TOOL_OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@.new $^ $(TOOL_LIBS) && mv $@.new $@

# For the initramfs: with what the commands of boot.def need, and no other library.
$(TOOL)/obj/tool/main-boot.o: src/tool/main.c
	@mkdir -p $(@D)
	$(CC) $(TOOL_CFLAGS) $(CFLAGS) -DDMREMAP_BOOT -c -o $@ $<

$(TOOL)/dmremap.a: $(filter-out %/main.o,$(TOOL_OBJ))
	rm -f $@ && $(AR) rcs $@ $^

$(TOOL)/dmremap-boot: $(TOOL)/obj/tool/main-boot.o $(TOOL)/dmremap.a
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@.new $^ $(TOOL_LIBS) && mv $@.new $@

$(TOOL)/dmremap.asan: $(TOOL_ASAN_OBJ)
	$(CC) $(ASAN) -o $@ $^ $(TOOL_LIBS)

$(TOOL)/dmremap.8: $(TOOL)/dmremap
	$< --generate man >$@
$(TOOL_COMMANDS:%=$(TOOL)/dmremap-%.8): $(TOOL)/dmremap-%.8: $(TOOL)/dmremap
	$< --generate man $* >$@
$(TOOL)/dmremap.bash: $(TOOL)/dmremap
	$< --generate bash >$@
$(TOOL)/_dmremap: $(TOOL)/dmremap
	$< --generate zsh >$@

.PHONY: install-tool
install-tool: tool
	install -D -m 755 $(TOOL)/dmremap $(DESTDIR)/usr/sbin/dmremap
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man8 $(TOOL_MAN)
	install -D -m 644 $(TOOL)/dmremap.bash $(DESTDIR)/usr/share/bash-completion/completions/dmremap
	install -D -m 644 $(TOOL)/_dmremap $(DESTDIR)/usr/share/zsh/vendor-completions/_dmremap
	install -d $(DESTDIR)/usr/lib/systemd/system $(DESTDIR)/usr/share/doc/dm-remap
	install -m 644 src/tool/systemd/* $(DESTDIR)/usr/lib/systemd/system
	install -m 644 src/tool/dmremap-alerts.yml src/tool/dmremap.schema.json $(DESTDIR)/usr/share/doc/dm-remap
	install -D -m 755 src/tool/generator/dmremap-generator $(DESTDIR)/usr/lib/systemd/system-generators/dmremap-generator
	install -D -m 644 src/tool/udev/61-dmremap.rules $(DESTDIR)/usr/lib/udev/rules.d/61-dmremap.rules
	install -D -m 644 src/tool/dmremaptab.5 $(DESTDIR)/usr/share/man/man5/dmremaptab.5
	install -D -m 755 $(TOOL)/dmremap-boot $(DESTDIR)/usr/lib/dm-remap/dmremap-boot
	cd src/tool/initramfs-tools && for f in hooks/dmremap scripts/*/dmremap; do \
		install -D -m 755 $$f $(DESTDIR)/usr/share/initramfs-tools/$$f || exit 1; done
	install -D -m 755 -t $(DESTDIR)/usr/lib/dracut/modules.d/90dmremap src/tool/dracut/90dmremap/*
	install -d $(DESTDIR)/var/lib/dmremap

install: install-tool

LIST_OBJ := $(patsubst src/%.c,$(TOOL)/asan/%.o,$(wildcard src/tool/lists/*.c))

# The parsers and what they need, apart from all that touches a device.
TOOL_UNIT_OBJ = $(addprefix $(TOOL)/asan/tool/,face/say.o face/text.o face/progress.o \
		devices/kstat.o devices/targets.o draw/picture.o) $(LIST_OBJ) $(TOOL)/asan/user/kernel-shim.o

$(TOOL)/unit: tests/tool/unit.c $(TOOL_UNIT_OBJ)
	$(CC) $(TOOL_CFLAGS) -g $(ASAN) -Wl,--wrap=realloc -o $@ $^ -lcmocka $(TOOL_LIBS)

$(TOOL)/copy $(TOOL)/seek: $(TOOL)/%: tests/tool/%.c $(filter-out %/main.o,$(TOOL_ASAN_OBJ))
	$(CC) $(TOOL_CFLAGS) -g $(ASAN) -o $@ $^ -lcmocka $(TOOL_LIBS)

MOVE_WRAP := $(foreach f,pread64 pwrite64 fdatasync,-Wl,--wrap=$(f))
$(TOOL)/move: tests/tool/move.c $(filter-out %/main.o,$(TOOL_ASAN_OBJ))
	$(CC) $(TOOL_CFLAGS) -g $(ASAN) $(MOVE_WRAP) -o $@ $^ -lcmocka $(TOOL_LIBS)

# The tool without a kernel: see tests/tool/fake-dm.c.
FAKE_WRAP := $(foreach f,dm_ready remap_list remap_get remap_message disk_learn disk_place,-Wl,--wrap=$(f))
$(TOOL)/dmremap.fake: tests/tool/fake-dm.c $(TOOL_ASAN_OBJ)
	$(CC) $(TOOL_CFLAGS) -g $(ASAN) $(FAKE_WRAP) -o $@ $^ $(TOOL_LIBS)

$(TOOL)/killer.so $(TOOL)/flush.so: $(TOOL)/%.so: tests/tool/%.c
	@mkdir -p $(@D)
	$(CC) -Wall -Wextra -Werror -O1 -shared -fPIC -o $@ $< -ldl

.PHONY: check-tool-unit check-tool check-tool-power
check-tool-unit: $(TOOL)/unit $(TOOL)/copy $(TOOL)/move $(TOOL)/seek $(TOOL)/dmremap.asan $(TOOL)/dmremap.fake tool
	@export LSAN_OPTIONS=suppressions=tests/tool/lsan; s=0; \
	for t in unit copy move seek; do $(TOOL)/$$t || s=$$?; done >$(TOOL)/unit.out 2>&1; cat $(TOOL)/unit.out; \
	p=$$(grep -c '^\[       OK \]' $(TOOL)/unit.out); f=$$(grep '^\[  FAILED  \] [a-z_]*$$' $(TOOL)/unit.out | sort -u | wc -l); \
	if [ $$s != 0 ] && [ $$f = 0 ]; then f=1; fi; \
	tests/tool/property $(TOOL)/dmremap.asan $(ROUNDS) >$(TOOL)/property.out 2>&1; cat $(TOOL)/property.out; \
	set -- $$(tail -n 1 $(TOOL)/property.out); p=$$((p + $$1)); f=$$((f + $$3)); \
	tests/tool/round-trip $(TOOL)/dmremap.fake $(ROUNDS) >$(TOOL)/round-trip.out 2>&1; cat $(TOOL)/round-trip.out; \
	set -- $$(tail -n 1 $(TOOL)/round-trip.out); p=$$((p + $$1)); f=$$((f + $$3)); \
	tests/tool/rooms src/tool $(TOOL)/obj/tool >$(TOOL)/rooms.out || true; cat $(TOOL)/rooms.out; \
	set -- $$(tail -n 1 $(TOOL)/rooms.out); p=$$((p + $$1)); f=$$((f + $$3)); \
	tests/tool/face $(TOOL) >$(TOOL)/face.out 2>&1; cat $(TOOL)/face.out; \
	set -- $$(tail -n 1 $(TOOL)/face.out); p=$$((p + $$1)); f=$$((f + $$3)); \
	echo "$$p passed, $$f failed"; [ $$f = 0 ]

check-tool: check-tool-unit
	tests/tool/run $(or $(KVER),6.1)

check-tool-power:
	@lab/setup -q build vm kernels:$(or $(KVER),6.1)
	tests/tool/power $(or $(KVER),6.1)

-include $(TOOL_OBJ:.o=.d) $(TOOL)/obj/tool/main-boot.d $(TOOL_ASAN_OBJ:.o=.d)
