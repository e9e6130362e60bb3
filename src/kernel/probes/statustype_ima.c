// SPDX-License-Identifier: GPL-2.0-only
#include <linux/device-mapper.h>

int probe(struct dm_target *ti, char *result, unsigned int maxlen);
int probe(struct dm_target *ti, char *result, unsigned int maxlen)
{
	status_type_t type = STATUSTYPE_IMA;
	int sz = 0;

	DMEMIT_TARGET_NAME_VERSION(ti->type);
	return sz + type;
}
