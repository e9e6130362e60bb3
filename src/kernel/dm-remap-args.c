// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: the constructor's arguments.
 *
 *   <main dev> <spare dev> <spare start> [<#feature args> <feature args>...]
 */
#include "dm-remap.h"

#include <linux/blkdev.h>

static int fail(struct dm_target *ti, char *why)
{
	ti->error = why;
	return -EINVAL;
}

static int parse_u64(struct dm_arg_set *as, u64 max, u64 *value)
{
	const char *arg = dm_shift_arg(as);
	u64 v;

	if (!arg || kstrtou64(arg, 10, &v) || v > max)
		return -EINVAL;
	*value = v;
	return 0;
}

static int parse_u32(struct dm_arg_set *as, u32 max, u32 *value)
{
	u64 v;

	if (parse_u64(as, max, &v))
		return -EINVAL;
	*value = v;
	return 0;
}

static int parse_name(struct dm_arg_set *as, char *name, size_t size)
{
	const char *arg = dm_shift_arg(as);

	if (!arg || !*arg || strscpy(name, arg, size) < 0 ||
	    !dmr_name_ok(name, size))
		return -EINVAL;
	return 0;
}

static int parse_feature(struct dmr_target *t, struct dm_target *ti,
			 struct dm_arg_set *as)
{
	const char *name = dm_shift_arg(as);

	if (!strcasecmp(name, "format")) {
		t->format = true;
		return 0;
	}
	if (!strcasecmp(name, "read_only")) {
		t->tuning.read_only = true;
		return 0;
	}
	if (!strcasecmp(name, "main_grown")) {
		t->main_grown = true;
		return 0;
	}
	if (!strcasecmp(name, "spare_length")) {
		if (parse_u64(as, S64_MAX >> SECTOR_SHIFT, &t->spare_length) ||
		    t->spare_length < DMR_MIN_AREA_BLOCKS * DMR_BLOCK_SECTORS ||
		    t->spare_length & (DMR_BLOCK_SECTORS - 1))
			return fail(ti, "spare_length wants sectors: a multiple of 8, from 128 on");
		return 0;
	}
	if (!strcasecmp(name, "read_retries")) {
		if (parse_u32(as, 100, &t->tuning.read_retries))
			return fail(ti, "read_retries wants a number from 0 to 100");
		return 0;
	}
	if (!strcasecmp(name, "budget")) {
		if (parse_u32(as, U32_MAX, &t->tuning.budget_ms))
			return fail(ti, "budget wants milliseconds (0: no limit)");
		return 0;
	}
	if (!strcasecmp(name, "breaker")) {
		if (parse_u32(as, U32_MAX - 1, &t->tuning.breaker_count) ||
		    parse_u32(as, U32_MAX, &t->tuning.breaker_seconds))
			return fail(ti, "breaker wants remaps (0: off) and seconds");
		return 0;
	}
	if (!strcasecmp(name, "low_water")) {
		if (parse_u32(as, U32_MAX, &t->tuning.low_water))
			return fail(ti, "low_water wants a number of slots");
		return 0;
	}
	if (!strcasecmp(name, "identity")) {
		if (parse_name(as, t->identity, sizeof(t->identity)))
			return fail(ti, "identity wants up to 127 printable characters");
		return 0;
	}
	if (!strcasecmp(name, "label")) {
		if (parse_name(as, t->label, sizeof(t->label)))
			return fail(ti, "label wants up to 63 printable characters");
		return 0;
	}
	DMERR("unknown feature argument '%s'", name);
	return fail(ti, "unknown feature argument");
}

static int parse_features(struct dmr_target *t, struct dm_target *ti,
			  struct dm_arg_set *as)
{
	unsigned int nr;
	int r;

	if (!as->argc)
		return 0;
	if (kstrtouint(dm_shift_arg(as), 10, &nr) || nr > as->argc)
		return fail(ti, "wrong number of feature arguments");
	if (nr < as->argc)
		return fail(ti, "more arguments than the number of feature arguments says");
	while (as->argc) {
		r = parse_feature(t, ti, as);
		if (r)
			return r;
	}
	if (t->format && t->tuning.read_only)
		return fail(ti, "format and read_only exclude each other");
	return 0;
}

int dmr_parse_args(struct dmr_target *t, struct dm_target *ti,
		   unsigned int argc, char **argv)
{
	struct dm_arg_set as = { .argc = argc, .argv = argv };
	struct dmr_env *env = &t->env;
	u64 start;
	int r;

	t->tuning = (struct dmr_tuning) {
		.read_retries = DMR_DEFAULT_RETRIES,
		.budget_ms = DMR_DEFAULT_BUDGET_MS,
		.breaker_count = DMR_DEFAULT_BREAKER_COUNT,
		.breaker_seconds = DMR_DEFAULT_BREAKER_SECONDS,
	};
	if (argc < 3)
		return fail(ti, "wanted: <main dev> <spare dev> <spare start> [<#args> <args>...]");

	r = dm_get_device(ti, dm_shift_arg(&as), dm_table_get_mode(ti->table),
			  &env->main);
	if (r) {
		ti->error = "cannot open the main device";
		return r;
	}
	r = dm_get_device(ti, dm_shift_arg(&as), dm_table_get_mode(ti->table),
			  &env->spare);
	if (r) {
		ti->error = "cannot open the spare device";
		return r;
	}
	if (parse_u64(&as, S64_MAX >> SECTOR_SHIFT, &start))
		return fail(ti, "the spare start is not a number of sectors");
	env->spare_start = start;
	t->tuning.main_lbs = bdev_logical_block_size(env->main->bdev);
	t->tuning.main_pbs = bdev_physical_block_size(env->main->bdev);

	r = parse_features(t, ti, &as);
	if (r)
		return r;
	if (!(dm_table_get_mode(ti->table) & BLK_OPEN_WRITE))
		t->tuning.read_only = true;
	return 0;
}

int dmr_emit_args(const struct dmr_target *t, char *result, unsigned int maxlen)
{
	const struct dmr_tuning *tuning = &t->tuning;
	bool breaker = tuning->breaker_count != DMR_DEFAULT_BREAKER_COUNT ||
		       tuning->breaker_seconds != DMR_DEFAULT_BREAKER_SECONDS;
	bool budget = tuning->budget_ms != DMR_DEFAULT_BUDGET_MS;
	bool retries = tuning->read_retries != DMR_DEFAULT_RETRIES;
	u64 spare_length = READ_ONCE(t->spare_length);	/* "grow" may be at work */
	unsigned int nr = 0;
	int sz = 0;

	nr += 2 * !!spare_length + tuning->read_only + 2 * retries +
	      2 * budget + 3 * breaker + 2 * !!tuning->low_water + 2 * !!t->identity[0];
	DMEMIT("%s %s %llu", t->env.main->name, t->env.spare->name,
	       (unsigned long long)t->env.spare_start);
	if (!nr)
		return sz;
	DMEMIT(" %u", nr);
	if (spare_length)
		DMEMIT(" spare_length %llu", spare_length);
	if (tuning->read_only)
		DMEMIT(" read_only");
	if (retries)
		DMEMIT(" read_retries %u", tuning->read_retries);
	if (budget)
		DMEMIT(" budget %u", tuning->budget_ms);
	if (breaker)
		DMEMIT(" breaker %u %u", tuning->breaker_count,
		       tuning->breaker_seconds);
	if (tuning->low_water)
		DMEMIT(" low_water %u", tuning->low_water);
	if (t->identity[0])
		DMEMIT(" identity %s", t->identity);
	return sz;
}
