# SPDX-License-Identifier: GPL-2.0
#
# mk/check.mk: all tests, and what they need.
#
#   make check                     the tests that fit into ten minutes of two cores (more
#                                  with all set-up of a fresh machine), and a summary
#   make check-all [FRESH=1]       all tests: hours; goes on where it was interrupted, unless FRESH=1
#   make check PARTS='unit sim'    some of them: see tests/check

.PHONY: check check-all
check:
	@tests/check $(PARTS)

check-all:
	@tests/check -a $(if $(FRESH),-f)
