// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists of bad sectors, from the formats of other tools.
 */
#include "ranges.h"

#include <json.h>

const char *const list_format_names[NR_LIST_FORMATS] = {
	"unknown", "badblocks", "ddrescue", "sectors", "md", "smartctl",
};

/*--------------------------------------------------------------------
 * Ranges
 *--------------------------------------------------------------------
 */
bool ranges_add(struct ranges *rs, u64 start, u64 count)
{
	if (rs->nr == rs->room) {
		size_t room = rs->room ? 2 * rs->room : 64;
		struct range *more = realloc(rs->r, room * sizeof(*more));

		if (!more) {
			rs->incomplete = true;
			return false;
		}
		rs->r = more;
		rs->room = room;
	}
	rs->r[rs->nr++] = (struct range){ start, count };
	return true;
}

void ranges_add_mask(struct ranges *rs, u64 start, u8 mask)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (mask >> i & 1)
			ranges_add(rs, start + i, 1);
}

int ranges_whole(const struct ranges *rs)
{
	return rs->incomplete ? fail(RC_FAILED, "there is not enough memory for the list; name a part of it") :
	       RC_OK;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

void ranges_tidy(struct ranges *rs)
{
	size_t i, n = 0;

	if (!rs->nr)
		return;
	qsort(rs->r, rs->nr, sizeof(*rs->r), by_start);
	for (i = 1; i < rs->nr; i++) {
		struct range *last = &rs->r[n], *r = &rs->r[i];

		if (r->start <= last->start + last->count)
			last->count = max(last->count, r->start + r->count -
					  last->start);
		else
			rs->r[++n] = *r;
	}
	rs->nr = n + 1;
}

void ranges_free(struct ranges *rs)
{
	free(rs->r);
	memset(rs, 0, sizeof(*rs));
}

size_t ranges_after(const struct ranges *rs, u64 sector)
{
	size_t lo = 0, hi = rs->nr;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (rs->r[mid].start + rs->r[mid].count > sector)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

bool ranges_cover(const struct ranges *rs, u64 start, u64 count)
{
	size_t i = ranges_after(rs, start);

	return i < rs->nr && rs->r[i].start <= start &&
	       start + count <= rs->r[i].start + rs->r[i].count;
}

bool ranges_touch(const struct ranges *rs, u64 start, u64 count)
{
	size_t i = ranges_after(rs, start);

	return i < rs->nr && rs->r[i].start < start + count;
}

u64 ranges_total(const struct ranges *rs)
{
	u64 total = 0;
	size_t i;

	for (i = 0; i < rs->nr; i++)
		total += rs->r[i].count;
	return total;
}

/*--------------------------------------------------------------------
 * Formats
 *--------------------------------------------------------------------
 */
enum smart_table { SMART_NONE, SMART_SELFTEST, SMART_NVME_ERRORS,
		   SMART_NVME_SELFTEST, SMART_PENDING };

struct parser {
	enum list_format format;
	u64 unit;
	struct ranges *bad, *good;
	bool seen_status;	/* ddrescue: the line before the blocks */
	bool seen_header;	/* smartctl: a table has begun */
	enum smart_table table;	/* which one */
	bool segments;		/* NVMe self-tests: it has a column Seg */
};

enum list_format list_format_by_name(const char *name)
{
	int f;

	for (f = LIST_UNKNOWN + 1; f < NR_LIST_FORMATS; f++)
		if (!strcmp(name, list_format_names[f]))
			return f;
	return LIST_UNKNOWN;
}

/* In bytes or units of @unit bytes; false on overflow. */
static bool add_bytes(struct ranges *rs, u64 first, u64 nr, u64 unit)
{
	u64 from, len, last;

	if (!nr)
		return true;
	if (__builtin_mul_overflow(first, unit, &from) ||
	    __builtin_mul_overflow(nr, unit, &len) ||
	    __builtin_add_overflow(from, len, &last) || last > INT64_MAX)
		return false;
	last = (last + 511) / 512;
	return !rs || ranges_add(rs, from / 512, last - from / 512);
}

static bool all_digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

static bool parse_badblocks(struct parser *p, char *line)
{
	u64 v;

	return all_digits(line) && parse_u64(line, &v) &&
	       add_bytes(p->bad, v, 1, p->unit);
}

/* "N", "N-M", "N+COUNT", "N COUNT" */
static bool parse_sectors(struct parser *p, char *line)
{
	char *space = strpbrk(line, " \t,");
	u64 start, count;

	if (space && p->format == LIST_SECTORS) {
		char *second = space + strspn(space, " \t,");

		*space = '\0';
		return parse_u64(line, &start) && parse_u64(second, &count) &&
		       add_bytes(p->bad, start, count, 512);
	}
	return parse_range(line, &start, &count) &&
	       add_bytes(p->bad, start, count, 512);
}

/*
 * md/dev-X/bad_blocks: "sector count"; mdadm --examine-badblocks: the same as
 * "sector for count sectors" below a headline.
 */
static bool parse_md(struct parser *p, char *line)
{
	char from[32], n[32], word[32] = "", unit[32] = "", more[2];
	u64 start, count;

	if (!strncmp(line, "Bad-blocks ", 11) ||
	    !strncmp(line, "No bad-blocks ", 14))
		return true;
	if (sscanf(line, "%31s for %31s %31s %1s", from, n, unit, more) == 3) {
		if (strcmp(unit, "sectors"))
			return false;
	} else if (sscanf(line, "%31s %31s %31s", from, n, word) != 2) {
		return false;
	}
	return parse_u64(from, &start) && parse_u64(n, &count) && count &&
	       add_bytes(p->bad, start, count, 512);
}

static bool parse_ddrescue(struct parser *p, char *line)
{
	char pos[32], size[32], status[32];
	u64 start, count;
	int n;

	n = sscanf(line, "%31s %31s %31s", pos, size, status);
	if (!p->seen_status) {
		/* current_pos current_status [current_pass] */
		p->seen_status = true;
		return n >= 2 && parse_u64(pos, &start) &&
		       strlen(size) == 1 && strchr("?*/-FG+", size[0]);
	}
	if (n != 3 || !parse_u64(pos, &start) || !parse_u64(size, &count) ||
	    strlen(status) != 1)
		return false;
	switch (status[0]) {
	case '?':	/* not tried: nothing is known */
		return add_bytes(NULL, start, count, 1);
	case '+':
		return add_bytes(p->good, start, count, 1);
	case '*':	/* failed as a whole, not yet looked at closely */
	case '/':
	case '-':
		return add_bytes(p->bad, start, count, 1);
	default:
		return false;
	}
}

/* Did a drive's medium fail? Status code and its type, as in NVMe's errors. */
static bool nvme_medium(u64 type, u64 code)
{
	/* write fault, unrecovered read error */
	return type == 2 && (code == 0x80 || code == 0x81);
}

/* Which table of smartctl has this header? Its LBAs are in which column? */
static bool smartctl_header(struct parser *p, const char *line)
{
	static const struct {
		enum smart_table table;
		const char *a, *b;
	} headers[] = {
		{ SMART_SELFTEST, "LBA_of_first_error", "Num" },
		{ SMART_SELFTEST, "LBA_first_err", "Num" },
		{ SMART_NVME_ERRORS, "ErrCount", "LBA" },
		{ SMART_NVME_SELFTEST, "Failing_LBA", "Num" },
		{ SMART_PENDING, "Index", "LBA" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(headers); i++)
		if (strstr(line, headers[i].a) && strstr(line, headers[i].b)) {
			p->table = headers[i].table;
			p->seen_header = true;
			return true;
		}
	return false;
}

/*
 * A line of a table, by its words: those of a test's description and status
 * vary, so their tables are read from the end.
 */
static char *smartctl_lba(const struct parser *p, char **word, unsigned int nr)
{
	u64 v, status;

	switch (p->table) {
	case SMART_SELFTEST:	/* ... lifetime LBA, or LBA [SK ASC ASQ] */
		if (word[0][0] != '#')
			return NULL;
		while (nr && strpbrk(word[nr - 1], "[]"))
			nr -= strchr(word[nr - 1], '[') ? 1 :
			      nr >= 3 ? 3 : nr;
		return nr ? word[nr - 1] : NULL;
	case SMART_NVME_ERRORS:	/* Num ErrCount SQId CmdId Status PELoc LBA */
		if (nr < 7 || !parse_u64(word[0], &v) ||
		    !parse_u64(word[4], &status))
			return NULL;
		/* The lowest bit is the phase. */
		return nvme_medium(status >> 9 & 7, status >> 1 & 0xff) ?
		       word[6] : NULL;
	case SMART_NVME_SELFTEST: /* ... hours LBA NSID [Seg] SCT Code */
		if (nr < 6 || !parse_u64(word[0], &v))
			return NULL;
		return word[nr - (p->segments ? 5 : 4)];
	case SMART_PENDING:	/* Index LBA Hours */
		return nr == 3 && parse_u64(word[0], &v) ? word[1] : NULL;
	default:
		return NULL;
	}
}

/* "Sector Size: 4096 bytes logical/physical" and the like */
static void smartctl_unit(struct parser *p, const char *line)
{
	static const char *const names[] = {
		"Sector Size:", "Sector Sizes:", "Logical block size:",
		"Formatted LBA Size:" };
	const char *at;
	size_t i;
	u64 v;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		at = strstr(line, names[i]);
		if (!at)
			continue;
		v = strtoull(at + strlen(names[i]), NULL, 10);
		if (v >= 512 && v <= 65536 && !(v & (v - 1)))
			p->unit = v;
	}
}

/* Lines that are in no table are of no interest here. */
static bool parse_smartctl_text(struct parser *p, char *line)
{
	char *word[24], *save = NULL, *lba;
	unsigned int nr = 0;
	u64 v;

	smartctl_unit(p, line);
	if (smartctl_header(p, line)) {
		p->segments = strstr(line, " Seg ");
		return true;
	}
	if (p->table == SMART_NONE)
		return true;
	for (word[0] = strtok_r(line, " \t", &save); word[nr] && nr < 23;
	     word[nr] = strtok_r(NULL, " \t", &save))
		nr++;
	lba = nr ? smartctl_lba(p, word, nr) : NULL;
	return !lba || !parse_u64(lba, &v) ||
	       add_bytes(p->bad, v, 1, p->unit);
}

/*--------------------------------------------------------------------
 * smartctl --json
 *--------------------------------------------------------------------
 */
static bool add_lba(struct parser *p, struct json_object *lba)
{
	struct json_object *value;

	if (json_object_object_get_ex(lba, "value", &value))
		lba = value;
	if (!json_object_is_type(lba, json_type_int) ||
	    json_object_get_int64(lba) < 0)
		return true;
	return add_bytes(p->bad, json_object_get_int64(lba), 1, p->unit);
}

static u64 member(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) &&
	       json_object_get_int64(v) > 0 ? json_object_get_int64(v) : 0;
}

/* An error of NVMe's log that is not about the medium: a wrong command, say. */
static bool other_error(struct json_object *o)
{
	struct json_object *status;

	return json_object_object_get_ex(o, "status_field", &status) &&
	       json_object_object_get_ex(status, "status_code_type", NULL) &&
	       !nvme_medium(member(status, "status_code_type"),
			    member(status, "status_code"));
}

/* Every LBA under an object named like a log of errors. */
static bool walk_json(struct parser *p, struct json_object *o, bool in_log)
{
	size_t i;

	if (json_object_is_type(o, json_type_array)) {
		for (i = 0; i < json_object_array_length(o); i++)
			if (!walk_json(p, json_object_array_get_idx(o, i),
				       in_log))
				return false;
		return true;
	}
	if (!json_object_is_type(o, json_type_object) || other_error(o))
		return true;
	json_object_object_foreach(o, key, child) {
		bool log = in_log || strstr(key, "self_test_log") ||
			   !strncmp(key, "scsi_self_test_", 15) ||
			   strstr(key, "error_information_log") ||
			   strstr(key, "pending_defects_log");

		if (log)
			p->seen_header = true;
		if (log && (!strcmp(key, "lba") ||
			    !strcmp(key, "failing_lba") ||
			    !strcmp(key, "lba_first_failure"))) {
			if (!add_lba(p, child))
				return false;
		} else if (!walk_json(p, child, log)) {
			return false;
		}
	}
	return true;
}

static bool parse_smartctl_json(struct parser *p, const char *text, char *why,
				size_t size)
{
	struct json_object *o = json_tokener_parse(text), *lbs;
	bool ok;

	if (!o) {
		snprintf(why, size, "it is not valid JSON");
		return false;
	}
	if (json_object_object_get_ex(o, "logical_block_size", &lbs) &&
	    json_object_get_int64(lbs) >= 512)
		p->unit = json_object_get_int64(lbs);
	ok = walk_json(p, o, false);
	json_object_put(o);
	if (!ok)
		snprintf(why, size, "an LBA is impossible");
	else if (!p->seen_header)
		snprintf(why, size, "it has no log of self-tests or errors; use 'smartctl --json -x'");
	return ok && p->seen_header;
}

/*--------------------------------------------------------------------
 * All formats
 *--------------------------------------------------------------------
 */
static bool parse_line(struct parser *p, char *line)
{
	switch (p->format) {
	case LIST_BADBLOCKS:
		return parse_badblocks(p, line);
	case LIST_DDRESCUE:
		return parse_ddrescue(p, line);
	case LIST_SECTORS:
		return parse_sectors(p, line);
	case LIST_MD:
		return parse_md(p, line);
	case LIST_SMARTCTL:
		return parse_smartctl_text(p, line);
	default:
		return false;
	}
}

static const char *printable(char *s)
{
	char *c;

	for (c = s; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	return s;
}

static bool parse_lines(struct parser *p, const char *text, char *why,
			size_t size)
{
	char *copy = strdup(text), *line = copy, *next;
	unsigned int nr = 0;
	bool ok = copy;
	char start[40];

	for (; ok && line && *line; line = next) {
		size_t n = strcspn(line, "\r\n");

		nr++;
		next = line + n;
		if (*next == '\r' && next[1] == '\n')
			*next++ = '\0';
		if (*next)
			*next++ = '\0';
		if (p->format != LIST_SMARTCTL) {
			char *hash = strchr(line, '#');

			if (hash)
				*hash = '\0';
			line += strspn(line, " \t");
			for (n = strlen(line); n && isspace((unsigned char)
			     line[n - 1]); n--)
				line[n - 1] = '\0';
		}
		if (!*line) {
			p->table = SMART_NONE;
			continue;
		}
		snprintf(start, sizeof(start), "%s", line);
		if (!parse_line(p, line)) {
			snprintf(why, size, "line %u ('%s') is not of the format '%s'",
				 nr, printable(start),
				 list_format_names[p->format]);
			ok = false;
		}
	}
	free(copy);
	return ok;
}

bool list_parse(enum list_format format, const char *text, u64 unit,
		struct ranges *bad, struct ranges *good, char *why,
		size_t size)
{
	struct parser p = { .format = format, .unit = unit, .bad = bad,
			    .good = good };
	bool ok;

	memset(bad, 0, sizeof(*bad));
	if (good)
		memset(good, 0, sizeof(*good));
	if (format == LIST_SMARTCTL && text[strspn(text, " \t\r\n")] == '{') {
		ok = parse_smartctl_json(&p, text, why, size);
	} else {
		ok = parse_lines(&p, text, why, size);
		if (ok && format == LIST_SMARTCTL && !p.seen_header) {
			snprintf(why, size, "it has no log of self-tests or errors; use 'smartctl -l selftest' or 'smartctl -l error'");
			ok = false;
		}
	}
	if (!ok) {
		ranges_free(bad);
		if (good)
			ranges_free(good);
		return false;
	}
	ranges_tidy(bad);
	if (good)
		ranges_tidy(good);
	return true;
}

enum list_format list_guess(const char *text)
{
	size_t lines = 0, single = 0, pairs = 0, dd = 0;
	const char *p;

	if (text[strspn(text, " \t\r\n")] == '{' || strstr(text, "smartctl") ||
	    strstr(text, "LBA_of_first_error") || strstr(text, "ErrCount") ||
	    strstr(text, "LBA_first_err") || strstr(text, "Failing_LBA"))
		return LIST_SMARTCTL;
	if (strstr(text, "ddrescue"))
		return LIST_DDRESCUE;
	if (!strncmp(text, "Bad-blocks on ", 14) ||
	    !strncmp(text, "No bad-blocks list", 18))
		return LIST_MD;
	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		char a[32], b[32], c[32], line[128];
		int n;

		/* sscanf() measures all of a string first. */
		snprintf(line, sizeof(line), "%.*s",
			 (int)min(strcspn(p, "\n"), sizeof(line) - 1), p);
		n = sscanf(line, "%31[^ \t]%*[ \t]%31[^ \t]%*[ \t]%31[^ \t]",
			   a, b, c);
		if (n < 1 || a[0] == '#')
			continue;
		lines++;
		if (n == 3 && strlen(c) == 1 && strchr("?*/-+", c[0]))
			dd++;
		else if (n == 2 && all_digits(a) && all_digits(b))
			pairs++;
		else if (n == 1 && strpbrk(a, "+-"))
			return LIST_SECTORS;
		else if (n == 1)
			single++;
	}
	if (dd && dd + 1 >= lines)
		return LIST_DDRESCUE;
	if (pairs && pairs == lines)
		return LIST_MD;
	/* One number a line: blocks or sectors? A wrong guess would hurt. */
	return LIST_UNKNOWN;
}
