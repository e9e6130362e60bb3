# SPDX-License-Identifier: GPL-2.0
#
# dm-remap. "make help" lists the goals.

.DEFAULT_GOAL := all
SHELL := /bin/bash
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BUILD := build
CORE := src/core
CORE_SRC := $(addprefix $(CORE)/dm-remap-,format.c store.c store-probe.c store-load.c \
	    index.c engine.c engine-write.c engine-read.c \
	    engine-examine.c engine-admin.c)
# Format and store alone: what the tool needs.
STORE_SRC := $(addprefix $(CORE)/dm-remap-,format.c store.c store-probe.c store-load.c)

CFLAGS ?= -O2 -g
USER_CFLAGS := -std=gnu11 -Wall -Wextra -Werror -I$(CORE) -Isrc/user -MMD -MP

include $(sort $(wildcard mk/*.mk))

.PHONY: all
all: module

.PHONY: help
help:
	@sed -n 's/^#   make /  make /p' mk/*.mk

.PHONY: clean
clean:
	rm -rf $(BUILD)
