// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: what a drive says of its own health.
 */
#include "health.h"
#include "parse.h"

#include <json.h>

/*
 * Some drives pack more into a raw value: "67 (1965 35)" is 8439613030467. What
 * counts stands in front.
 */
static u64 raw(struct json_object *attribute)
{
	struct json_object *o = json_at(attribute, "raw");
	const char *s = json_text(o, "string");
	char *end;
	u64 v = strtoull(s, &end, 10);

	if (isdigit((unsigned char)*s) && (!*end || *end == ' '))
		return v;
	return json_u64(o, "value") & U32_MAX;
}

static void dated(struct drive_health *h, struct json_object *table,
		  const char *key)
{
	size_t i;
	u64 v;

	for (i = 0; json_object_is_type(table, json_type_array) &&
	     i < json_object_array_length(table); i++) {
		struct json_object *o = json_object_array_get_idx(table, i);

		if (!json_number(json_at(o, key), &v) || !h->hours ||
		    v > h->hours)
			continue;
		h->dated++;
		h->recent += h->hours - v <= HEALTH_RECENT;
	}
}

static void ata(struct json_object *o, struct drive_health *h)
{
	struct json_object *table = json_at(json_at(o, "ata_smart_attributes"),
					    "table");
	struct json_object *log;
	size_t i;

	for (i = 0; json_object_is_type(table, json_type_array) &&
	     i < json_object_array_length(table); i++) {
		struct json_object *e = json_object_array_get_idx(table, i);

		h->known = true;
		switch (json_u64(e, "id")) {
		case 5: h->reallocated = raw(e); break;
		case 9: h->hours = h->hours ?: raw(e); break;
		case 197: h->pending = raw(e); break;
		case 198: h->uncorrectable = raw(e); break;
		}
	}
	log = json_at(o, "ata_pending_defects_log");
	h->pending = max(h->pending, json_u64(log, "count"));
	dated(h, json_at(log, "table"), "hours");
}

static void scsi(struct json_object *o, struct drive_health *h)
{
	static const char *const kinds[] = { "read", "write", "verify" };
	struct json_object *pending = json_at(o, "scsi_pending_defects");
	struct json_object *log = json_at(o, "scsi_error_counter_log");
	size_t i;

	if (json_at(o, "scsi_grown_defect_list")) {
		h->known = true;
		h->reallocated = json_u64(o, "scsi_grown_defect_list");
	}
	if (pending) {
		h->known = true;
		h->pending = json_u64(pending, "count");
		dated(h, json_at(pending, "table"), "accum_power_on_hours");
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		h->uncorrected_errors +=
			json_u64(json_at(log, kinds[i]),
				 "total_uncorrected_errors");
}

/* The same page has other names in each program. */
static void nvme(struct json_object *o, struct drive_health *h)
{
	u64 warning = json_u64(o, "critical_warning");

	if (!json_at(o, "media_errors"))
		return;
	h->known = true;
	h->media_errors = json_u64(o, "media_errors");
	h->percentage_used = json_u64(o, "percentage_used") ?:
			     json_u64(o, "percent_used");
	h->hours = h->hours ?: json_u64(o, "power_on_hours");
	/* spare is low, reliability is degraded, read-only */
	h->failing |= warning & (1 | 4 | 8);
}

static void complaints(struct json_object *o, struct drive_health *h)
{
	struct json_object *list = json_at(json_at(o, "smartctl"), "messages");
	size_t i;

	for (i = 0; json_object_is_type(list, json_type_array) &&
	     i < json_object_array_length(list); i++) {
		struct json_object *m = json_object_array_get_idx(list, i);
		size_t n = strlen(h->says);

		if (strcmp(json_text(m, "severity"), "error") &&
		    strcmp(json_text(m, "severity"), "warning"))
			continue;
		snprintf(h->says + n, sizeof(h->says) - n, "%s%s",
			 n ? "; " : "", json_text(m, "string"));
	}
	copy_word(h->says, sizeof(h->says), strdupa(h->says));
}

bool health_read(struct json_object *o, struct drive_health *h)
{
	struct json_object *passed = json_at(json_at(o, "smart_status"),
					     "passed");
	struct json_object *page = json_at(o, "nvme_smart_health_information_log");

	memset(h, 0, sizeof(*h));
	h->hours = json_u64(json_at(o, "power_on_time"), "hours");
	h->when = json_u64(json_at(o, "local_time"), "time_t");
	h->bytes = json_u64(json_at(o, "user_capacity"), "bytes");
	copy_word(h->serial, sizeof(h->serial),
		  json_text(o, "serial_number"));
	if (passed)
		h->failing = !json_object_get_boolean(passed);
	ata(o, h);
	scsi(o, h);
	nvme(page ?: o, h);
	complaints(o, h);
	return h->known || passed || json_at(o, "smartctl");
}

u64 health_sectors(const struct drive_health *h)
{
	return h->reallocated + h->pending + h->uncorrectable +
	       h->media_errors;
}

bool health_rate(const struct drive_health *now,
		 const struct drive_health *before, double *a_day,
		 const char **from)
{
	u64 sectors = health_sectors(now);
	double days = 0;

	if (before) {
		if (now->when > before->when && before->when)
			days = (now->when - before->when) / 86400.0;
		else if (before->hours)
			days = (now->hours - min(now->hours, before->hours)) /
			       24.0;
		*from = "since the earlier report";
		sectors -= min(sectors, health_sectors(before));
		if (days < 0.04)
			return false;
		*a_day = sectors / days;
		return true;
	}
	if (now->dated) {
		*from = "in its last 30 days of work";
		*a_day = now->recent / (HEALTH_RECENT / 24.0);
		return true;
	}
	*from = "on average over its life; they come in bursts";
	if (!now->hours || !sectors)
		return false;
	*a_day = sectors * 24.0 / now->hours;
	return true;
}
