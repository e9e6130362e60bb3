# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016
#
# tests/vm/mutants.sh: mistakes, each of which the tests must find. Read by
# tests/vm/break.
#
# mutant NAME FILE PERL-EXPRESSION TEST...
# The expression changes the text of the file (all of it in $_); all of the
# tests named must fail with it. A test "+NAME" runs too, and need not fail.

mutant acknowledge-without-metadata core/dm-remap-engine.c \
	's/if \(r && req->staged && req->status == BLK_STS_OK\)/if (0)/' \
	decision/write_metadata_fails decision/write_one_copy_fails

mutant acknowledge-before-commit core/dm-remap-store.c \
	's/(\nint dmr_store_commit\(struct dmr_store \*store\)\n\{)/static int unused_commit(struct dmr_store *store);\nint dmr_store_commit(struct dmr_store *store)\n{\n\tunsigned int k;\n\n\tfor (k = 0; k < store->nr_staged; k++)\n\t\tdmr_store_set(store, store->staged[k].slot, store->staged[k].word);\n\tstore->nr_committed = store->nr_staged;\n\tstore->nr_staged = 0;\n\treturn 0;\n}\n\nstatic int __maybe_unused unused_commit(struct dmr_store *store)\n{/' \
	decision/write_durable decision/write_cost meta/ten_thousand power/acknowledged io/commit_order

mutant dead-disk-is-alive core/dm-remap-engine-examine.c \
	's/bool alive = main_answers\(e, x\);/bool alive = main_answers(e, x) || true;/; s/if \(!lets_try \|\| !dmr_env_present\(e->env, DMR_MAIN\)\)/if (!lets_try)/' \
	decision/write_main_gone decision/write_main_dead life/main_pulled \
	dying/main_gone_during_retry

mutant no-breaker core/dm-remap-engine.c \
	's/if \(!e->tuning.breaker_count\)/if (1)/' \
	decision/write_breaker decision/write_breaker_probe

mutant every-error-is-the-medium core/dm-remap-engine.c \
	's/return status == BLK_STS_MEDIUM \|\|/return status != BLK_STS_OK ||/; s/if \(op != REQ_OP_READ && op != REQ_OP_WRITE &&\s+op != REQ_OP_WRITE_ZEROES\)/if (0)/' \
	decision/no_space

mutant read-errors-become-garbage core/dm-remap-engine-read.c \
	's/req->status = p->status;/p->got = p->mask;/' \
	decision/read decision/read_partial power/drives

mutant no-rescue core/dm-remap-engine-read.c \
	's/p->good = p->failed \? worth_saving\(e, x, p\) : 0;/p->good = p->failed ? worth_saving(e, x, p) \& 0 : 0;/' \
	message/remap power/drives

mutant whole-bio-redirected core/dm-remap-index.c \
	's/sectors = min_t\(u64, sectors,\s+\(\(first \+ 1\) << DMR_BLOCK_SECTOR_SHIFT\) - sector\);\n//' \
	io/straddle io/sizes

mutant start-of-bio-recorded core/dm-remap-engine.c \
	's/\.block = sector >> DMR_BLOCK_SECTOR_SHIFT,/.block = req->sector >> DMR_BLOCK_SECTOR_SHIFT,/' \
	decision/write io/sizes io/straddle

mutant target-offset-ignored kernel/dm-remap-map.c \
	's/dm_target_offset\(ti, bio->bi_iter.bi_sector\)/bio->bi_iter.bi_sector/' \
	table/start

mutant slots-used-twice core/dm-remap-store.c \
	's/if \(!\*word_at\(store, slot\) &&\s+find_staged\(store, slot\) == store->nr_staged\)/if (1)/' \
	decision/write_bad_slots meta/ten_thousand life/again_and_again

mutant checksum-ignored core/dm-remap-format.c \
	's/if \(le32_to_cpu\(h->crc\) != block_crc\(h\)\)/if (0)/' \
	meta/flipped_bit

mutant first-copy-always core/dm-remap-store-load.c \
	's/use = verdict\[0\] != DMR_OK \|\| \(verdict\[1\] == DMR_OK && seq\[1\] > seq\[0\]\);/use = verdict[0] != DMR_OK;/' \
	meta/old_copy

mutant damage-is-formatted kernel/dm-remap-target.c \
	's/if \(r == 1\)\n\t\tr = dmr_store_format/if (r)\n\t\tr = dmr_store_format/; s/if \(r == 1 \|\| \(t->format && r != -ENOMEM && r != -EIO\)\)/if (1)/' \
	meta/both_copies meta/refused meta/newer

mutant no-flush-to-spare kernel/dm-remap-map.c \
	's/if \(!READ_ONCE\(t->engine.index.count\) \|\|/if (1 ||/' \
	io/flush_both

mutant no-fua-for-metadata core/dm-remap-store.c \
	's/\.opf = REQ_OP_WRITE \| REQ_FUA,/.opf = REQ_OP_WRITE,/' \
	io/commit_order

mutant messages-return-0 kernel/dm-remap-message.c \
	's/return 1;/return 0;/g' \
	message/status message/list decision/write

mutant abc-is-0 kernel/dm-remap-message.c \
	's/kstrtou64\(argv\[1\], 10, sector\)/(*sector = simple_strtoull(argv[1], NULL, 10), 0)/' \
	message/list message/remap

mutant abc-is-0-in-tables kernel/dm-remap-args.c \
	's/kstrtou64\(arg, 10, &v\)/(v = simple_strtoull(arg, NULL, 10), 0)/' \
	table/wrong_arguments

mutant only-main-has-limits kernel/dm-remap-target.c \
	's/return fn\(ti, t->env.spare,.*?;/return 0;/' \
	table/limits

mutant neighbours-hidden core/dm-remap-engine-write.c \
	's/dmr_word_valid\(p->word\) \| p->mask,/0xff,/' \
	io/neighbours io/sizes io/write_only_errors life/reload

mutant nothing-is-absorbed core/dm-remap-engine.c \
	's/op != REQ_OP_WRITE_ZEROES\)\n\t\treturn false;/op != REQ_OP_WRITE_ZEROES)\n\t\treturn false;\n\tif (op == REQ_OP_WRITE)\n\t\treturn false;/' \
	fs/ext4 fs/ext4_1k fs/xfs fs/btrfs fs/zfs io/fio io/buffered life/swap table/4kn_main

mutant nothing-is-lost core/dm-remap-engine-write.c \
	's/dmr_word_lost\(p->word\) \| \(keep & ~good\)/0/' \
	decision/write_slot_dies

mutant anyone-may-have-the-spare kernel/dm-remap-registry.c \
	's/if \(in_use\(claim, (claim->)?end\)\)/if (0)/g' \
	meta/refused message/grow

mutant no-events kernel/dm-remap-io.c \
	's/dm_table_event\(env->ti->table\);//' \
	message/event_remap message/event_mode table/low_water decision/write_breaker

mutant events-without-limit kernel/dm-remap-io.c \
	's/unsigned long next = .*?;\n/unsigned long next = jiffies;\n/; s/void dmr_env_event\(struct dmr_env \*env\)\n\{/void dmr_env_event(struct dmr_env *env)\n{\n\tflush_delayed_work(&env->event_work);/' \
	message/event_remap

mutant one-retry-always core/dm-remap-engine-examine.c \
	's/dmr_copy_from_main\(e, x, tries,/dmr_copy_from_main(e, x, 1,/' \
	table/read_retries

mutant wall-clock core/dm-remap-store.c \
	's/store->sb.seq = store->seq\+\+;/store->sb.seq = ktime_get_real_seconds(); store->seq = store->sb.seq + 1;/; s/#include "dm-remap-store.h"/#include <linux\/ktime.h>\n#include "dm-remap-store.h"/' \
	meta/clock

mutant slow-removal core/dm-remap-engine-write.c \
	's/(nr_bad = 0;\n\tstruct dmr_piece \*p;\n\n)/$1\tmsleep(2000);\n/; s/#include "dm-remap-engine-private.h"/#include <linux\/delay.h>\n#include "dm-remap-engine-private.h"/' \
	life/removal_in_storm

mutant eager-format core/dm-remap-store-probe.c \
	's/(\n\tr = -EIO;\n)(\tif \(wipe_old_supers\()/$1\tfor (u64 t = 0; t + DMR_RUN_BLOCKS < sb->layout.nr_tables; t += DMR_RUN_BLOCKS)\n\t\tdmr_table_init(env, sb, t, DMR_RUN_BLOCKS, 1, free_words, buf);\n$2/' \
	meta/large_spare

# With one processor, nothing comes in between.
# shellcheck disable=SC2154 # of break
[[ $kver = uml* ]] || mutant copy-without-drain core/dm-remap-engine-examine.c \
	's/dmr_env_drain\(e->env, DMR_MAIN\);//' \
	life/evacuate_under_load

mutant release-without-verify core/dm-remap-engine-admin.c \
	's/\n\tverify\(e, x\);/\n\tif (0)\n\t\tverify(e, x);/' \
	message/release_reads_back

mutant format-again kernel/dm-remap-target.c \
	's/\tt->format = false;\n//; s/if \(!t->engine.active\) \{/if (!t->engine.active || t->format) {/' \
	table/format_read_only

mutant block-numbers-are-short core/dm-remap-format.h \
	's/return w & \(DMR_MAX_MAIN_BLOCKS - 1\);/return w \& (BIT_ULL(33) - 1);/' \
	size/largest

mutant any-main-is-small-enough core/dm-remap-store-probe.c \
	's/DMR_MAX_MAIN_BLOCKS << DMR_BLOCK_SECTOR_SHIFT\)/~0ULL)/' \
	size/too_large

mutant metadata-at-resume-is-old kernel/dm-remap-target.c \
	's/dmr_engine_save\(&t->engine\);/;/' \
	message/status

mutant writes-to-slots-are-not-noted kernel/dm-remap-map.c \
	's/if \(track && op_is_write/if (0 \&\& op_is_write/' \
	message/track

mutant metadata-writes-are-not-noted kernel/dm-remap-io.c \
	's/track && i < nr/0 \&\& i < nr/' \
	message/track

mutant nowait-is-passed-on kernel/dm-remap-map.c \
	's/!bdev_nowait\(t->env.main->bdev\)/false/' \
	io/nowait

mutant unsupported-is-a-failure kernel/dm-remap-map.c \
	's/if \(!is_failure\(bio, error\)\)/if (0 \&\& is_failure(bio, error))/' \
	decision/unsupported

mutant owed-ends-with-the-table kernel/dm-remap-target.c \
	's/dmr_registry_inherit\(&t->claim\);//' \
	dying/owed_after_a_reload

mutant area-divides-physical-blocks kernel/dm-remap-target.c \
	's/t->format\) && slot_offset\(t\)\)/t->format) \&\& 0)/' \
	table/spare_alignment

mutant alignment-of-an-old-area kernel/dm-remap-target.c \
	's/skip = spare_offset\(t, t->env.spare_start, unit\);/skip = 0;/' \
	table/spare_alignment

# What only KCSAN sees.
if [[ $check = yes || $kver = races ]]; then
mutant unmarked-counter kernel/dm-remap-map.c \
	's/(\nint dmr_map\(struct dm_target \*ti, struct bio \*bio\)\n\{.*?\n\n)/\nunsigned long dmr_seen;\n$1\tdmr_seen++;\n/s' \
	life/evacuate_under_load
fi
