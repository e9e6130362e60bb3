/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: members of JSON objects.
 */
#ifndef DMREMAP_JSONOUT_H
#define DMREMAP_JSONOUT_H

#include "face/tool.h"

#include <json.h>

static inline void add_u64(struct json_object *o, const char *key, u64 v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

static inline void add_str(struct json_object *o, const char *key,
			   const char *v)
{
	/* JSON is UTF-8; a label may hold anything. */
	json_object_object_add(o, key, json_object_new_string(utf8_ok(v) ?
							      v : plain(v)));
}

#endif
