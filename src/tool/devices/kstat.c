// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: what the target says about itself, in numbers.
 */
#include "kstat.h"

#include <time.h>

#define ULL(x)	((unsigned long long)(x))

const struct kstat_number kstat_numbers[KSTAT_NR] = {
#define X(name, help)	{ #name, help, offsetof(struct kstat, name) },
	KSTAT_NUMBERS(X)
#undef X
};

static void set_text(char *to, size_t size, const char *value)
{
	strscpy(to, strcmp(value, "-") ? value : "", size);
}

bool kstat_parse(struct kstat *k, const char *line)
{
	char *copy = strdup(line), *save = NULL, *word;
	unsigned int i;

	memset(k, 0, sizeof(*k));
	for (word = copy ? strtok_r(copy, " \n", &save) : NULL; word;
	     word = strtok_r(NULL, " \n", &save)) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(word, "mode"))
			strscpy(k->mode, value, sizeof(k->mode));
		else if (!strcmp(word, "breaker"))
			strscpy(k->breaker, value, sizeof(k->breaker));
		else if (!strcmp(word, "uuid"))
			set_text(k->uuid, sizeof(k->uuid), value);
		else if (!strcmp(word, "label"))
			set_text(k->label, sizeof(k->label), value);
		else if (!strcmp(word, "identity"))
			set_text(k->identity, sizeof(k->identity), value);
		else if (!strcmp(word, "main_start"))
			set_text(k->main_start, sizeof(k->main_start), value);
		for (i = 0; i < KSTAT_NR; i++)
			if (!strcmp(word, kstat_numbers[i].name))
				/* "3/3": the first number is what counts */
				*(u64 *)((char *)k + kstat_numbers[i].offset) =
					strtoull(value, NULL, 10);
	}
	free(copy);
	return k->mode[0] && k->slots_total;
}

__printf(4, 5)
static void because(char *why, size_t size, int *n, const char *fmt, ...)
{
	va_list ap;

	if (*n && *n < (int)size)
		*n += snprintf(why + *n, size - *n, "; ");
	if (*n >= (int)size)
		return;
	va_start(ap, fmt);
	*n += vsnprintf(why + *n, size - *n, fmt, ap);
	va_end(ap);
}

static const char *is_or_are(u64 n)
{
	return n == 1 ? " is" : "s are";
}

static const char *local_time(u64 seconds_ago)
{
	time_t then = time(NULL) - seconds_ago;
	static char text[40];
	struct tm tm;

	if (!localtime_r(&then, &tm) ||
	    !strftime(text, sizeof(text), "%F %T", &tm))
		snprintf(text, sizeof(text), "%llu s ago", ULL(seconds_ago));
	return text;
}

enum health kstat_health(const struct kstat *k, const char *name, char *why,
			 size_t size)
{
	enum health h = HEALTH_FINE;
	int n = 0;

#define CRITICAL(...)	do { h = HEALTH_CRITICAL; \
			     because(why, size, &n, __VA_ARGS__); } while (0)
#define ATTENTION(...)	do { h = h == HEALTH_FINE ? HEALTH_ATTENTION : h; \
			     because(why, size, &n, __VA_ARGS__); } while (0)
	why[0] = '\0';
	if (k->main_gone)
		CRITICAL("the main device is gone since %s, or answers nothing: when it is back, under whatever name, 'dmremap assemble %s' opens it anew, and 'dmremap accept %s' looks again",
			 local_time(k->main_gone), name, name);
	if (!strcmp(k->mode, "fail"))
		CRITICAL("the spare is gone: what is remapped cannot be read or written ('dmremap replace %s NEWSPARE --spare-is-lost' goes on with another one)",
			 name);
	else if (!strcmp(k->mode, "ro") && k->ro_asked) {
		if (!k->ro_users)
			ATTENTION("the spare takes no new blocks (mode ro, as was asked): failed writes are passed on");
	} else if (strcmp(k->mode, "rw"))
		CRITICAL("the spare takes no new blocks (mode %s): failed writes are passed on",
			 k->mode);
	if (!strcmp(k->breaker, "open"))
		CRITICAL("the breaker is open: too many blocks failed in a short time, errors are passed on ('dmremap breaker %s close')", name);
	if (k->lost_sectors)
		CRITICAL("%llu sector%s lost: the only copy was on a slot that failed ('dmremap whose %s --all' names the files)",
			 ULL(k->lost_sectors), is_or_are(k->lost_sectors), name);
	if (!k->slots_free)
		CRITICAL("the spare is full ('dmremap grow' or 'dmremap replace')");
	else if (k->slots_free <= k->low_water ||
		 k->slots_free < k->slots_total / 10)
		ATTENTION("the spare is filling up: %llu of %llu slots are free ('dmremap grow' or 'dmremap replace')",
			  ULL(k->slots_free), ULL(k->slots_total));
	if (k->superblocks < 2 || k->table_copies < 1)
		CRITICAL("the spare's metadata cannot be kept safe (%llu of 3 superblocks, %llu of 2 table copies are whole)",
			 ULL(k->superblocks), ULL(k->table_copies));
	else if (k->superblocks < 3 || k->table_copies < 2)
		ATTENTION("the spare's metadata is damaged in places (%llu of 3 superblocks, %llu of 2 table copies are whole): replace the spare ('dmremap replace')",
			  ULL(k->superblocks), ULL(k->table_copies));
	if (k->known_bad)
		ATTENTION("%llu block%s known bad: what was there may be unreadable until it is written again ('dmremap whose %s --all' names the files)",
			  ULL(k->known_bad), is_or_are(k->known_bad), name);
	if (k->partial)
		ATTENTION("%llu block%s on the spare only in part, the rest is known bad ('dmremap evacuate %s --partial' saves what still reads)",
			  ULL(k->partial), is_or_are(k->partial), name);
	if (k->slots_bad)
		ATTENTION("%llu slot%s of the spare went bad: the spare is failing, too ('dmremap replace')",
			  ULL(k->slots_bad), k->slots_bad == 1 ? "" : "s");
	if (k->main_changed)
		ATTENTION("the main device was written to without its spare after the last close: what is on the spare is older. Check what is stored there, then 'dmremap accept %s'",
			  name);
	if (k->differs[0])
		ATTENTION("the main device is not as it was recorded: %s",
			  k->differs);
	if (k->passed_on)
		ATTENTION("%llu error%s passed on without a remap: of a cable, a controller, or a device that did not answer ('dmremap accept %s' when that is dealt with)",
			  ULL(k->passed_on),
			  k->passed_on == 1 ? " was" : "s were", name);
#undef CRITICAL
#undef ATTENTION
	return h;
}

/*--------------------------------------------------------------------
 * Why the kernel refused
 *--------------------------------------------------------------------
 */
void reason_take(struct reason *r, char *record)
{
	static const char module[] = "device-mapper: remap: ";
	static const char table[] = "device-mapper: table: ";
	char *text = strchr(record, ';'), *s;
	char dev[sizeof(r->dev)] = "";
	int grade = 16 - (atoi(record) & 7);
	size_t n;

	if (!text)
		return;
	text++;
	text[strcspn(text, "\n")] = '\0';
	if (!strncmp(text, module, strlen(module))) {
		text += strlen(module);
	} else if (!strncmp(text, table, strlen(table)) &&
		   strstr(text, ": dm-remap: ")) {
		text += strlen(table);
		grade -= 8;
	} else {
		return;
	}
	n = strspn(text, "0123456789:");
	if (n > 1 && text[n] == ' ') {
		/* The person has given it a name. */
		snprintf(dev, sizeof(dev), "%.*s", (int)n - 1, text);
		text += n + 1;
	}
	s = strstr(text, "dm-remap: ");
	if (grade < 9 && s) {
		text = s + strlen("dm-remap: ");
		/* Of a device that is gone again: what was said of others is none of it. */
		if (!r->dev[0] && dev[0]) {
			strscpy(r->dev, dev, sizeof(r->dev));
			if (r->from[0] && strcmp(r->from, dev))
				r->grade = 0;
		}
	}
	if ((r->dev[0] && dev[0] && strcmp(r->dev, dev)) || grade < r->grade)
		return;
	r->grade = grade;
	strscpy(r->from, dev, sizeof(r->from));
	snprintf(r->text, sizeof(r->text), "%.*s", (int)sizeof(r->text) - 1,
		 text);
}

/*--------------------------------------------------------------------
 * Blocks
 *--------------------------------------------------------------------
 */
static bool parse_line(struct kblock *b, const char *text, size_t n)
{
	unsigned long long sector;
	unsigned int sectors, valid = 0, lost = 0;
	char line[200], state[16] = "", slot[16] = "-";

	/* sscanf() measures all of a string before it reads the first word. */
	if (n >= sizeof(line))
		return false;
	memcpy(line, text, n);
	line[n] = '\0';
	if (sscanf(line, "sector=%llu sectors=%u state=%15s slot=%15s valid=%x lost=%x",
		   &sector, &sectors, state, slot, &valid, &lost) < 3)
		return false;
	*b = (struct kblock){
		.sector = sector, .sectors = sectors,
		.slot = strcmp(slot, "-") ? strtoul(slot, NULL, 10) : U32_MAX,
		.valid = valid, .lost = lost,
		.known_bad = !strcmp(state, "known-bad"),
		.unproven = strstr(line, " unproven"),
	};
	return true;
}

bool kblocks_parse(struct kblocks *b, const char *text)
{
	size_t room = 0;

	memset(b, 0, sizeof(*b));
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (b->nr == room) {
			struct kblock *more;

			room = room ? 2 * room : 64;
			more = realloc(b->b, room * sizeof(*more));
			if (!more)
				goto fail;
			b->b = more;
		}
		if (n && !parse_line(&b->b[b->nr++], text, n))
			goto fail;
		text += n + (text[n] == '\n');
	}
	return true;
fail:
	free(b->b);
	memset(b, 0, sizeof(*b));
	return false;
}
