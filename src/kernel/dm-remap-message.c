// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: status and messages.
 *
 * A message that has output returns 1. What only reads does not take the
 * engine's mutex if it can do without: the engine may be waiting for a disk.
 */
#include "dm-remap.h"

#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sort.h>

static const char *mode_name(const struct dmr_engine *e)
{
	switch (READ_ONCE(e->mode)) {
	case DMR_MODE_RW:
		return "rw";
	case DMR_MODE_RO:
		return "ro";
	default:
		return "fail";
	}
}

static u64 counter(const struct dmr_engine *e, enum dmr_counter c)
{
	return atomic64_read(&e->counter[c]);
}

/* Blocks with data on the spare, or lost there. */
static u32 remappings(const struct dmr_store *store)
{
	return store->nr_live + store->nr_virtual - store->nr_known_bad;
}

/* Those of them that main still has to give some sectors of. */
static u32 partial(const struct dmr_target *t)
{
	const struct dmr_store *store = &t->engine.store;
	u64 last = DIV_ROUND_UP(t->env.ti->len, DMR_BLOCK_SECTORS) - 1;
	u32 n = store->nr_partial;
	u8 all, there;
	u64 word = 0;

	/* The last block may be short: all it has is less than a slot. */
	if (n && t->env.ti->len % DMR_BLOCK_SECTORS) {
		rcu_read_lock();
		dmr_index_find(&t->engine.index, last, &word);
		rcu_read_unlock();
		all = dmr_sector_mask(0, t->env.ti->len % DMR_BLOCK_SECTORS);
		there = dmr_word_valid(word) | dmr_word_lost(word);
		if (there != 0xff && (there & all) == all)
			n--;
	}
	return n;
}

/*--------------------------------------------------------------------
 * Status
 *--------------------------------------------------------------------
 */

static int emit_info(const struct dmr_engine *e, char *result,
		     unsigned int maxlen)
{
	const struct dmr_store *store = &e->store;
	int sz = 0;

	DMEMIT("%u %u/%u %u %u %u %u %llu %llu %llu %llu %llu %llu %u/%u %u/%u %s %s",
	       DMR_BLOCK_SECTORS, store->nr_live, store->sb.layout.nr_slots,
	       store->nr_bad, remappings(store), store->nr_known_bad,
	       store->nr_virtual, store->nr_lost, counter(e, DMR_READS_FAILED),
	       counter(e, DMR_WRITES_FAILED), counter(e, DMR_ABSORBED),
	       counter(e, DMR_PROPAGATED), counter(e, DMR_RESCUED),
	       hweight8(store->supers_whole), DMR_NR_SUPERS,
	       hweight8(store->copies_whole), DMR_NR_COPIES,
	       e->breaker_open ? "open" : "closed", mode_name(e));
	return sz;
}

void dmr_status(struct dm_target *ti, status_type_t type,
		unsigned int status_flags, char *result, unsigned int maxlen)
{
	struct dmr_target *t = ti->private;
	int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		/* No lock is taken: each number is right by itself. */
		data_race(emit_info(&t->engine, result, maxlen));
		break;

	case STATUSTYPE_TABLE:
		dmr_emit_args(t, result, maxlen);
		break;

	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",main_device=%s,spare_device=%s,spare_start=%llu;",
		       t->env.main->name, t->env.spare->name,
		       (unsigned long long)t->env.spare_start);
		break;
	}
}

/* Seconds for which main has not answered, or 0. */
static u64 main_gone(struct dmr_target *t)
{
	u64 since;

	if (!dmr_env_present(&t->env, DMR_MAIN))
		dmr_engine_note_main(&t->engine, false);
	since = READ_ONCE(t->engine.main_gone);
	return since ? max_t(u64, dmr_env_seconds(&t->env) - since, 1) : 0;
}

static int emit_status(struct dmr_target *t, char *result, unsigned int maxlen)
{
	const struct dmr_engine *e = &t->engine;
	const struct dmr_store *store = &e->store;
	const struct dmr_super *sb = &store->sb;
	int sz = 0;

	DMEMIT("mode=%s breaker=%s remappings=%u partial=%u",
	       mode_name(e), e->breaker_open ? "open" : "closed",
	       remappings(store), partial(t));
	DMEMIT(" known_bad=%u memory_only=%u lost_sectors=%llu unproven=%u",
	       store->nr_known_bad, store->nr_virtual, store->nr_lost,
	       store->nr_unproven);
	DMEMIT(" slots_used=%u slots_total=%u slots_bad=%u slots_free=%u low_water=%u",
	       store->nr_live, sb->layout.nr_slots, store->nr_bad,
	       dmr_store_free_slots(store), t->tuning.low_water);
	DMEMIT(" reads_failed=%llu writes_failed=%llu absorbed=%llu propagated=%llu",
	       counter(e, DMR_READS_FAILED), counter(e, DMR_WRITES_FAILED),
	       counter(e, DMR_ABSORBED), counter(e, DMR_PROPAGATED));
	DMEMIT(" rescued=%llu evacuated=%llu released=%llu replaced=%llu",
	       counter(e, DMR_RESCUED), counter(e, DMR_EVACUATED),
	       counter(e, DMR_RELEASED), counter(e, DMR_REPLACED));
	DMEMIT(" superblocks=%u/%u table_copies=%u/%u",
	       hweight8(store->supers_whole), DMR_NR_SUPERS,
	       hweight8(store->copies_whole), DMR_NR_COPIES);
	DMEMIT(" main_retries=%llu data_writes=%llu metadata_writes=%llu",
	       e->main_retries, e->data_writes, store->metadata_writes);
	DMEMIT(" main_sectors=%llu spare_start=%llu spare_length=%llu activations=%llu",
	       sb->main_sectors, sb->spare_start,
	       sb->layout.area_blocks << DMR_BLOCK_SECTOR_SHIFT,
	       sb->activations);
	DMEMIT(" main_gone=%llu main_changed=%u passed_on=%llu main_lbs=%u",
	       main_gone(t), !!(sb->main_flags & DMR_MAIN_CHANGED),
	       (u64)atomic64_read(&e->passed_on), sb->main_lbs);
	if (sb->main_flags & DMR_MAIN_PLACE)
		DMEMIT(" main_start=%llu", sb->main_start);
	else
		DMEMIT(" main_start=-");
	DMEMIT(" uuid=%pUb label=%s options=%s identity=%s", sb->uuid,
	       sb->label[0] ? sb->label : "-",
	       sb->options[0] ? sb->options : "-",
	       sb->identity[0] ? sb->identity : "-");
	return 1;
}

/*--------------------------------------------------------------------
 * Where blocks are
 *--------------------------------------------------------------------
 */

static int emit_block(struct dmr_target *t, u64 block, u32 slot, u64 word,
		      char *result, unsigned int maxlen, int sz)
{
	u64 sector = block << DMR_BLOCK_SECTOR_SHIFT;
	bool data = dmr_word_valid(word) || dmr_word_lost(word);

	DMEMIT("sector=%llu sectors=%u", sector,
	       (u32)min_t(u64, DMR_BLOCK_SECTORS, t->env.ti->len - sector));
	if (slot == DMR_NO_SLOT) {
		DMEMIT(" state=healthy\n");
		return sz;
	}
	DMEMIT(" state=%s", data ? "remapped" : "known-bad");
	if (slot < DMR_VIRTUAL_SLOT)
		DMEMIT(" slot=%u", slot);
	else
		DMEMIT(" slot=-");
	DMEMIT(" valid=0x%02x lost=0x%02x%s\n", dmr_word_valid(word),
	       dmr_word_lost(word),
	       word & DMR_WORD_UNPROVEN ? " unproven" : "");
	return sz;
}

struct listed {
	u64 block;
	u64 word;
	u32 slot;
};

static int by_block(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return x->block < y->block ? -1 : x->block > y->block;
}

/* Of one chunk of words. Nobody waits, so what changes meanwhile is or is not there. */
static u32 collect(struct dmr_target *t, u64 first, u32 slot, u32 limit,
		   struct listed *l, u32 n, u32 max)
{
	u64 end = DIV_ROUND_UP(t->env.ti->len, DMR_BLOCK_SECTORS);
	u64 word;

	rcu_read_lock();
	for (; slot < limit && n < max; slot++) {
		word = dmr_store_word(&t->engine.store, slot);
		if (dmr_word_state(word) == DMR_LIVE &&
		    dmr_word_block(word) >= first && dmr_word_block(word) < end)
			l[n++] = (struct listed) { dmr_word_block(word), word, slot };
	}
	rcu_read_unlock();
	cond_resched();
	return n;
}

static int emit_list(struct dmr_target *t, u64 first, u64 count, char *result,
		     unsigned int maxlen)
{
	const struct dmr_store *store = &t->engine.store;
	u32 i, c, n = 0, slot, limit = dmr_store_slot_limit(store);
	u32 max = READ_ONCE(store->nr_live) + READ_ONCE(store->nr_virtual);
	unsigned int noio = memalloc_noio_save();
	struct listed *l;
	int sz = 0;

	l = kvmalloc_array(max + 1, sizeof(*l), DMR_GFP_TRY);
	memalloc_noio_restore(noio);
	if (!l)
		return -ENOMEM;
	for (slot = 0; slot < limit; slot += DMR_CHUNK_WORDS)
		n = collect(t, first, slot,
			    min_t(u64, (u64)slot + DMR_CHUNK_WORDS, limit), l, n,
			    max);
	for (c = 0; c < DMR_VIRTUAL_CHUNKS && READ_ONCE(store->virt[c]); c++) {
		slot = DMR_VIRTUAL_SLOT + (c << DMR_CHUNK_SHIFT);
		n = collect(t, first, slot, slot + DMR_CHUNK_WORDS, l, n, max);
	}
	sort(l, n, sizeof(*l), by_block, NULL);
	result[0] = '\0';
	for (i = 0; i < n && i < count && sz < maxlen; i++) {
		/* A block that has just moved may have been seen twice. */
		if (i && l[i].block == l[i - 1].block)
			continue;
		sz = emit_block(t, l[i].block, l[i].slot, l[i].word, result,
				maxlen, sz);
	}
	kvfree(l);
	return 1;
}

static int emit_find(struct dmr_target *t, u64 block, char *result,
		     unsigned int maxlen)
{
	u64 word = 0;
	u32 slot;

	rcu_read_lock();
	slot = dmr_index_find(&t->engine.index, block, &word);
	rcu_read_unlock();
	emit_block(t, block, slot, word, result, maxlen, 0);
	return 1;
}

/*--------------------------------------------------------------------
 * Changes
 *--------------------------------------------------------------------
 */

enum action { EVACUATE, MARK_BAD, RELEASE, FORGET_BAD, RETEST };

static int act_on_batch(struct dmr_target *t, enum action action, u64 block,
			u64 nr, struct dmr_tally *tally)
{
	static const enum dmr_which which[] = {
		[RELEASE] = DMR_ANY,
		[FORGET_BAD] = DMR_KNOWN_BAD,
		[RETEST] = DMR_UNPROVEN,
	};
	unsigned int noio;
	int r;

	if (mutex_lock_interruptible(&t->admin_lock))
		return -EINTR;
	noio = memalloc_noio_save();
	/* A suspend waits for this message, and everybody for the suspend. */
	if (READ_ONCE(t->suspended) || dmr_env_stopping(&t->env))
		r = -EBUSY;
	else if (action == EVACUATE)
		r = dmr_engine_evacuate(&t->engine, block, nr, tally);
	else if (action == MARK_BAD)
		r = dmr_engine_mark_bad(&t->engine, block, nr, tally);
	else
		r = dmr_engine_release(&t->engine, block, nr, which[action],
				       tally);
	memalloc_noio_restore(noio);
	mutex_unlock(&t->admin_lock);
	return r;
}

static int act(struct dmr_target *t, enum action action, u64 sector,
	       u64 sectors, char *result, unsigned int maxlen)
{
	static const struct {
		const char *message, *done, *failed;
	} name[] = {
		[EVACUATE] = { "remap", "evacuated", "unreadable" },
		[MARK_BAD] = { "mark_bad", "marked", "failed" },
		[RELEASE] = { "release", "released", "failed" },
		[FORGET_BAD] = { "forget_bad", "released", "failed" },
		[RETEST] = { "retest", "released", "failed" },
	};
	u64 block = sector >> DMR_BLOCK_SECTOR_SHIFT;
	u64 end = ((sector + sectors - 1) >> DMR_BLOCK_SECTOR_SHIFT) + 1;
	struct dmr_tally tally = { 0 };
	int r = 0, sz = 0;

	for (; block < end && !r; block += DMR_COPY_BLOCKS) {
		if (signal_pending(current)) {
			r = -EINTR;
			break;
		}
		cond_resched();
		r = act_on_batch(t, action, block,
				 min_t(u64, DMR_COPY_BLOCKS, end - block), &tally);
	}
	if (r) {
		DMERR("%s: %s: stopped at sector %llu (%d) after %llu %s, %llu skipped, %llu %s",
		      dm_table_device_name(t->env.ti->table),
		      name[action].message, block << DMR_BLOCK_SECTOR_SHIFT, r,
		      tally.done, name[action].done, tally.skipped,
		      tally.failed, name[action].failed);
		return r;
	}
	DMEMIT("%s=%llu skipped=%llu %s=%llu", name[action].done, tally.done,
	       tally.skipped, name[action].failed, tally.failed);
	return 1;
}

static int grow(struct dmr_target *t, u64 sectors, char *result,
		unsigned int maxlen)
{
	sector_t avail = bdev_nr_sectors(t->env.spare->bdev) -
			 t->env.spare_start;
	unsigned int noio;
	int r = 0, sz = 0;

	if (sectors > avail || sectors & (DMR_BLOCK_SECTORS - 1)) {
		DMERR("the new length must be a multiple of 8, and at most %llu sectors",
		      (unsigned long long)avail);
		return -EINVAL;
	}
	if (mutex_lock_interruptible(&t->admin_lock))
		return -EINTR;
	noio = memalloc_noio_save();
	dmr_env_lock(&t->env);
	if (t->suspended || dmr_env_stopping(&t->env))
		r = -EBUSY;
	if (!r)
		r = dmr_grow_claim(&t->claim, t->claim.start + sectors);
	if (!r)
		r = dmr_engine_grow(&t->engine,
				    sectors >> DMR_BLOCK_SECTOR_SHIFT);
	if (!r && t->spare_length)
		WRITE_ONCE(t->spare_length, sectors);
	dmr_env_unlock(&t->env);
	memalloc_noio_restore(noio);
	mutex_unlock(&t->admin_lock);
	if (r) {
		DMERR("the spare area cannot be lengthened (%d)", r);
		return r;
	}
	DMEMIT("spare_length=%llu", sectors);
	return 1;
}

/*--------------------------------------------------------------------
 * Messages
 *--------------------------------------------------------------------
 */

/* <sector> [<count>]: a range of the device. */
static int parse_range(struct dm_target *ti, unsigned int argc, char **argv,
		       u64 *sector, u64 *sectors)
{
	*sectors = 1;
	if (argc < 2 || argc > 3 || kstrtou64(argv[1], 10, sector) ||
	    (argc == 3 && kstrtou64(argv[2], 10, sectors)) || !*sectors) {
		DMERR("%s wants <sector> [<count>]", argv[0]);
		return -EINVAL;
	}
	if (*sector >= ti->len || *sectors > ti->len - *sector) {
		DMERR("%s: sectors %llu+%llu are beyond the end of the device (%llu)",
		      argv[0], *sector, *sectors, (unsigned long long)ti->len);
		return -ERANGE;
	}
	return 0;
}

static int list_message(struct dmr_target *t, unsigned int argc, char **argv,
			char *result, unsigned int maxlen)
{
	u64 start = 0, count = U64_MAX;

	if (argc > 3 || (argc > 1 && kstrtou64(argv[1], 10, &start)) ||
	    (argc > 2 && kstrtou64(argv[2], 10, &count))) {
		DMERR("list wants [<start sector> [<count>]]");
		return -EINVAL;
	}
	return emit_list(t, start >> DMR_BLOCK_SECTOR_SHIFT, count, result,
			 maxlen);
}

static int range_message(struct dmr_target *t, unsigned int argc, char **argv,
			 char *result, unsigned int maxlen)
{
	static const struct {
		const char *name;
		enum action action;
	} actions[] = {
		{ "remap", EVACUATE },
		{ "mark_bad", MARK_BAD },
		{ "release", RELEASE },
		{ "forget_bad", FORGET_BAD },
		{ "retest", RETEST },
	};
	u64 sector, sectors;
	unsigned int i;
	int r;

	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcasecmp(argv[0], actions[i].name))
			continue;
		r = parse_range(t->env.ti, argc, argv, &sector, &sectors);
		return r ?: act(t, actions[i].action, sector, sectors, result,
				maxlen);
	}
	DMERR("unknown message '%s'", argv[0]);
	return -EINVAL;
}

/* Not undone by a stop: it ends with the table. */
static int track_message(struct dmr_target *t, const char *what, char *result,
			 unsigned int maxlen)
{
	const struct dmr_layout *layout = &t->engine.store.sb.layout;
	unsigned int noio = memalloc_noio_save();
	int r = 0;

	dmr_env_lock(&t->env);
	if (!strcasecmp(what, "start")) {
		r = dmr_track_start(&t->env, layout->area_blocks <<
					     DMR_BLOCK_SECTOR_SHIFT);
	} else if (!t->env.track) {
		DMERR("track: nothing was started");
		r = -EINVAL;
	} else if (!strcasecmp(what, "next")) {
		dmr_track_next(t->env.track);
	} else if (!strcasecmp(what, "list")) {
		dmr_track_list(t->env.track, result, maxlen);
		r = 1;
	} else {
		DMERR("track wants start, next or list");
		r = -EINVAL;
	}
	dmr_env_unlock(&t->env);
	memalloc_noio_restore(noio);
	return r;
}

int dmr_message(struct dm_target *ti, unsigned int argc, char **argv,
		char *result, unsigned int maxlen)
{
	struct dmr_target *t = ti->private;
	u64 sector, sectors;
	int r;

	/* Store and index are there when it is seen: see dmr_engine_activate(). */
	if (!smp_load_acquire(&t->engine.active)) {
		DMERR("message '%s' before the device was resumed", argv[0]);
		return -EBUSY;
	}
	if (!strcasecmp(argv[0], "list"))
		return list_message(t, argc, argv, result, maxlen);
	if (!strcasecmp(argv[0], "find")) {
		r = parse_range(ti, argc, argv, &sector, &sectors);
		if (r)
			return r;
		return emit_find(t, sector >> DMR_BLOCK_SECTOR_SHIFT, result,
				 maxlen);
	}
	if (!strcasecmp(argv[0], "grow")) {
		if (argc != 2 || kstrtou64(argv[1], 10, &sectors)) {
			DMERR("grow wants <length in sectors>");
			return -EINVAL;
		}
		return grow(t, sectors, result, maxlen);
	}
	if (argc == 1 && !strcasecmp(argv[0], "status")) {
		/* No lock is taken: each number is right by itself. */
		return data_race(emit_status(t, result, maxlen));
	}
	if (argc == 1 && !strcasecmp(argv[0], "reset_counters")) {
		dmr_env_lock(&t->env);
		dmr_engine_reset_counters(&t->engine);
		dmr_env_unlock(&t->env);
		return 0;
	}
	if (argc == 1 && !strcasecmp(argv[0], "accept_main")) {
		if (mutex_lock_interruptible(&t->admin_lock))
			return -EINTR;
		r = READ_ONCE(t->suspended) || dmr_env_stopping(&t->env) ?
		    -EBUSY :
		    dmr_engine_accept_main(&t->engine);
		mutex_unlock(&t->admin_lock);
		return r;
	}
	if (argc <= 2 && !strcasecmp(argv[0], "options")) {
		dmr_env_lock(&t->env);
		r = t->suspended ? -EBUSY :
		    dmr_engine_set_options(&t->engine, argc == 2 ? argv[1] : "");
		dmr_env_unlock(&t->env);
		return r;
	}
	if (argc == 2 && !strcasecmp(argv[0], "breaker") &&
	    !strcasecmp(argv[1], "close")) {
		dmr_env_lock(&t->env);
		dmr_engine_close_breaker(&t->engine);
		dmr_env_unlock(&t->env);
		return 0;
	}
	if (argc == 2 && !strcasecmp(argv[0], "track"))
		return track_message(t, argv[1], result, maxlen);
	return range_message(t, argc, argv, result, maxlen);
}
