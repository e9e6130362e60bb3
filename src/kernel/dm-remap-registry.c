// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: which areas are in use.
 */
#include "dm-remap.h"

static DEFINE_MUTEX(registry_lock);
static LIST_HEAD(registry);	/* protected by registry_lock */

/* Does another device use part of this area? */
static bool in_use(const struct dmr_claim *claim, sector_t end)
{
	const struct dmr_claim *c;

	list_for_each_entry(c, &registry, list) {
		if (c == claim || c->disk != claim->disk || c->start >= end ||
		    claim->start >= c->end)
			continue;
		/* A reload replaces the very area by itself, nothing else. */
		if (c->md == claim->md && c->table != claim->table &&
		    c->main == claim->main && !claim->exclusive &&
		    (c->main || c->start == claim->start))
			continue;
		return true;
	}
	return false;
}

int dmr_registry_claim(struct dmr_claim *claim)
{
	int r = 0;

	mutex_lock(&registry_lock);
	if (in_use(claim, claim->end))
		r = -EBUSY;
	else
		list_add_tail(&claim->list, &registry);
	claim->listed = !r;
	mutex_unlock(&registry_lock);
	return r;
}

int dmr_grow_claim(struct dmr_claim *claim, sector_t end)
{
	int r = 0;

	mutex_lock(&registry_lock);
	if (in_use(claim, end))
		r = -EBUSY;
	else
		claim->end = max(claim->end, end);
	mutex_unlock(&registry_lock);
	return r;
}

void dmr_registry_release(struct dmr_claim *claim)
{
	if (!claim->listed)
		return;
	claim->listed = false;
	mutex_lock(&registry_lock);
	list_del(&claim->list);
	mutex_unlock(&registry_lock);
}

void dmr_registry_inherit(struct dmr_claim *claim)
{
	struct dmr_claim *c;

	mutex_lock(&registry_lock);
	list_for_each_entry(c, &registry, list) {
		if (c->md != claim->md || c->table == claim->table)
			continue;
		if (dmr_env_pay(c->env, DMR_MAIN))
			dmr_env_owe(claim->env, DMR_MAIN);
		if (dmr_env_pay(c->env, DMR_SPARE))
			dmr_env_owe(claim->env, DMR_SPARE);
	}
	mutex_unlock(&registry_lock);
}
