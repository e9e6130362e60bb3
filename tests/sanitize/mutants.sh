# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# tests/sanitize/mutants.sh: mistakes that only a kernel with sanitizers shows.
# Read by tests/vm/break for KVER=uml-debug and debug; see tests/vm/mutants.sh.

# A claim of a device that is gone stays in the list: use after free.
mutant use-after-free kernel/dm-remap-registry.c \
	's/(void dmr_registry_release.*?)list_del\(&claim->list\);/$1/s' \
	loop/refused_tables

# Two locks, taken in either order.
mutant lock-inversion kernel/dm-remap-registry.c \
	's/(static LIST_HEAD\(registry\);)/static DEFINE_MUTEX(other_lock);\n$1/; s/(int dmr_registry_claim.*?)(mutex_lock\(&registry_lock\);)(.*?)(mutex_unlock\(&registry_lock\);)/$1$2\n\tmutex_lock(&other_lock);$3mutex_unlock(&other_lock);\n\t$4/s; s/(void dmr_registry_release.*?)(mutex_lock\(&registry_lock\);)(.*?)(mutex_unlock\(&registry_lock\);)/$1mutex_lock(&other_lock);\n\t$2$3$4\n\tmutex_unlock(&other_lock);/s' \
	loop/refused_tables

# An object that nobody frees.
mutant leak kernel/dm-remap-target.c \
	's/(mutex_destroy\(&t->admin_lock\);\n)\tkvfree\(t\);\n/$1/' \
	kernel/leaks +loop/refused_tables

# A shift by more than there are bits.
mutant shift kernel/dm-remap-registry.c \
	's/(void dmr_registry_release.*?\n\{\n)/$1\tvolatile int bits = 77;\n\n\tif (1 << bits == 12345)\n\t\treturn;\n/s' \
	loop/refused_tables

# Memory that was not to be had is used. (Not that of kvzalloc(), of which one
# allocation may fail: it takes the other way.)
mutant allocation-not-checked kernel/dm-remap-io.c \
	's/return (bioset_init\(&env->bios, .*?\);)/$1\n\treturn 0;/' \
	fault/nth_allocation

# A copy that is damaged is believed.
mutant checksum-ignored core/dm-remap-format.c \
	's/if \(le32_to_cpu\(h->crc\) != block_crc\(h\)\)/if (0)/' \
	fuzz/mutated_spares
