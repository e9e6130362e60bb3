// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: lists: what smartctl prints as text: self-test logs, error logs,
 * pending defects and SCSI's background scans. Its JSON: format-smartctl-json.c.
 */
#include "smartctl.h"

enum table { NONE, SELFTEST, NVME_ERRORS, NVME_SELFTEST, ATA_PENDING,
	     SCSI_PENDING, BACKGROUND };

struct state {
	enum table table;
	bool segments;		/* NVMe self-tests: it has a column Seg */
	bool long_log;		/* ATA errors: of the log with 48 bits */
	u64 expected;		/* pending defects that are still to come */
};

/*--------------------------------------------------------------------
 * Which disk?
 *--------------------------------------------------------------------
 */

/* "500,107,862,016 bytes [500 GB]": whatever the locale puts between digits */
static u64 bytes(const char *s)
{
	u64 v = 0;

	for (; *s && *s != '[' && *s != 'b'; s++)
		if (isdigit((unsigned char)*s))
			v = 10 * v + (*s - '0');
	return v;
}

static void information(struct document *d, const char *line)
{
	static const char *const models[] = { "Device Model:", "Product:",
					      "Model Number:" };
	static const char *const wwns[] = { "LU WWN Device Id:",
					    "Logical Unit id:" };
	static const char *const units[] = { "Sector Size:", "Sector Sizes:",
					     "Logical block size:" };
	const char *s, *size;
	size_t i;
	u64 v;

	s = after(line, "Serial Number:");
	if (s)
		copy_word(d->serial, sizeof(d->serial), s);
	for (i = 0; i < ARRAY_SIZE(models); i++) {
		s = after(line, models[i]);
		if (s)
			copy_word(d->model, sizeof(d->model), s);
	}
	for (i = 0; i < ARRAY_SIZE(wwns); i++) {
		s = after(line, wwns[i]);
		if (s)
			copy_word(d->wwn, sizeof(d->wwn),
				  strncasecmp(s, "0x", 2) ? s : s + 2);
	}
	s = after(line, "User Capacity:");
	if (s)
		d->bytes = bytes(s);
	size = after(line, "Namespace ") ? strstr(line, "Formatted LBA Size:") :
	       NULL;
	s = size ? size + strlen("Formatted LBA Size:") : NULL;
	for (i = 0; !s && i < ARRAY_SIZE(units); i++)
		s = after(line, units[i]);
	v = s ? strtoull(s, NULL, 10) : 0;
	if (v >= 512 && v <= 65536 && !(v & (v - 1)))
		d->unit = v;
}

/* What smartctl could not read, in its own words. */
static void complaint(struct document *d, const char *line)
{
	static const char *const marks[] = {
		" failed: ", "Smartctl open device: ", "Unable to detect",
		"Read Self-test Log failed", "Permission denied",
		"Please specify device type", "specify device type with the -d",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(marks) && !d->says[0]; i++)
		if (strstr(line, marks[i]) && line[0] != '#')
			copy_word(d->says, sizeof(d->says), line);
}

/*--------------------------------------------------------------------
 * Tables
 *--------------------------------------------------------------------
 */

/* Is this the head of a table, or does it say that one has nothing in it? */
static bool headline(struct parser *p, struct state *s, const char *line)
{
	static const struct {
		enum table table;
		const char *a, *b;
	} heads[] = {
		{ SELFTEST, "LBA_of_first_error", "Num" },
		{ SELFTEST, "LBA_first_err", "Num" },
		{ NVME_ERRORS, "ErrCount", "LBA" },
		{ NVME_SELFTEST, "Failing_LBA", "Num" },
		{ ATA_PENDING, "Index", "LBA" },
		{ SCSI_PENDING, "Pending defect count:", "index, LBA" },
		{ BACKGROUND, "lba(hex)", "reassign_status" },
		{ NONE, "Pending defect count:0", "" },
		{ NONE, "Pending defect count: 0", "" },
		{ NONE, "No self-tests have been logged", "" },
		{ NONE, "No Self-tests have been logged", "" },
		{ NONE, "No Self-tests Logged", "" },
		{ NONE, "No Errors Logged", "" },
		{ NONE, "No Defects Logged", "" },
		{ NONE, "SMART Error Log Version:", "" },
		{ NONE, "SMART Extended Comprehensive Error Log Version:", "" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		if (!strstr(line, heads[i].a) || !strstr(line, heads[i].b))
			continue;
		s->table = heads[i].table;
		s->segments = strstr(line, " Seg ");
		p->docs->log = true;
		if (strstr(line, "Error Log Version:"))
			s->long_log = strstr(line, "Extended");
		if (s->table == SCSI_PENDING)
			s->expected = strtoull(strchr(line, ':') + 1, NULL, 10);
		return true;
	}
	return false;
}

/* An LBA, "-" for none, or what is not understood. */
static bool lba(struct parser *p, const char *word, u32 nsid)
{
	u64 v;

	if (!strcmp(word, "-"))
		return true;
	if (!parse_u64(word, &v))
		return false;
	/* The short self-test log has 32 bits. */
	if (v == U32_MAX) {
		p->docs->cut++;
		return true;
	}
	return document_entry(p, v, nsid);
}

static u32 nsid_of(const char *word)
{
	u64 v;

	return parse_u64(word, &v) ? v : 0;
}

/*
 * The words of a test's description and status vary: from the end.
 * "... lifetime LBA", or "LBA [SK ASC ASQ]"
 */
static bool selftest_row(struct parser *p, char **word, unsigned int nr)
{
	if (word[0][0] != '#')
		return true;
	while (nr && strpbrk(word[nr - 1], "[]"))
		nr -= strchr(word[nr - 1], '[') ? 1 : nr >= 3 ? 3 : nr;
	return nr && lba(p, word[nr - 1], 0);
}

/* Num ErrCount SQId CmdId Status PELoc LBA NSID VS */
static bool nvme_error_row(struct parser *p, char **word, unsigned int nr)
{
	u64 v, status;

	if (nr < 7 || !parse_u64(word[0], &v))
		return true;
	/* The lowest bit is the phase. Without a status it may be anything. */
	if (parse_u64(word[4], &status) &&
	    !nvme_medium(status >> 9 & 7, status >> 1 & 0xff)) {
		p->docs->other_errors++;
		return true;
	}
	return lba(p, word[6], nr > 7 ? nsid_of(word[7]) : 0);
}

/* "1 107:15 0000000004a6b5fc [1,17,1] Recovered via rewrite in-place" */
static bool background_row(struct parser *p, char **word, unsigned int nr)
{
	u64 v, at;
	char *end;

	if (nr < 5 || !parse_u64(word[0], &v) || !strchr(word[1], ':'))
		return true;
	at = strtoull(word[2], &end, 16);
	if (*end)
		return false;
	/* Sense key 3 is a medium error; what was reassigned is good again. */
	if (strncmp(word[3], "[3,", 3) || !strcmp(word[4], "Successfully") ||
	    !strcmp(word[4], "Recovered"))
		return true;
	return document_bad(p, at, 1);
}

static bool row(struct parser *p, struct state *s, char *line)
{
	char *word[24];
	unsigned int nr;
	u64 v, at;

	nr = words(line, word, ARRAY_SIZE(word));
	if (!nr)
		return true;
	switch (s->table) {
	case SELFTEST:
		return selftest_row(p, word, nr);
	case NVME_ERRORS:
		return nvme_error_row(p, word, nr);
	case NVME_SELFTEST: /* ... hours LBA NSID [Seg] SCT Code */
		if (nr < 6 || !parse_u64(word[0], &v))
			return true;
		nr -= s->segments ? 5 : 4;
		return lba(p, word[nr], nsid_of(word[nr + 1]));
	case ATA_PENDING:	/* Index LBA Hours */
		return nr != 3 || !parse_u64(word[0], &v) ||
		       (parse_u64(word[1], &at) && document_bad(p, at, 1));
	case SCSI_PENDING:	/* "1: 0xefaf7808 , 5554" */
		if (nr < 2 || word[0][strlen(word[0]) - 1] != ':') {
			s->table = NONE;
			return true;
		}
		word[1][strcspn(word[1], ",")] = '\0';
		if (s->expected)
			s->expected--;
		return parse_u64(word[1], &at) && document_bad(p, at, 1);
	case BACKGROUND:
		return background_row(p, word, nr);
	default:
		return true;
	}
}

/*--------------------------------------------------------------------
 * ATA's error log
 *--------------------------------------------------------------------
 */

/*
 * "... Error: UNC 8 sectors at LBA = 0x06374000 = 104284160": uncorrectable, no
 * such sector, or no address mark. The log with 28 bits of an LBA says all ones
 * where it does not fit; the longer one prints 12 digits.
 */
bool smartctl_ata_error(struct parser *p, const char *text)
{
	struct document *d = p->docs;
	const char *error = strstr(text, "Error: "), *at, *sectors;
	u64 lba, count = 1;
	bool wide;
	char *end;

	if (!error)
		return true;
	at = strstr(error, " at LBA = 0x");
	if (!at || !(strstr(error, "UNC") || strstr(error, "IDNF") ||
		     strstr(error, "AMNF"))) {
		d->other_errors++;
		return true;
	}
	at += strlen(" at LBA = ");
	lba = strtoull(at, &end, 16);
	wide = end - at == 14;
	sectors = strstr(error, " sectors at LBA");
	if (sectors) {
		while (sectors > error && isdigit((unsigned char)sectors[-1]))
			sectors--;
		count = max(strtoull(sectors, NULL, 10), 1ULL);
	}
	if (!wide && lba == 0x0fffffff) {
		d->cut++;
		return true;
	}
	d->long_log |= wide;
	return document_add(p, wide ? &d->bad : &d->summary, lba, count);
}

/*--------------------------------------------------------------------
 * All of it
 *--------------------------------------------------------------------
 */
static bool begin(struct parser *p, struct state *s)
{
	struct document *d = document_new(p, 0);

	if (!d)
		return false;
	d->whole_disk = true;
	memset(s, 0, sizeof(*s));
	return true;
}

static void end(struct parser *p, struct state *s)
{
	p->docs->unlisted = s->expected;
	if (p->docs->long_log)
		p->docs->cut = 0;
}

/* Lines that are in no table are of no interest here. */
static bool smartctl_line(struct parser *p, char *line, void *arg)
{
	const char *version = after(line, "smartctl ");
	struct state *s = arg;

	if (!p->docs || (version && isdigit((unsigned char)*version))) {
		if (p->docs)
			end(p, s);
		if (!begin(p, s))
			return false;
	}
	information(p->docs, line);
	complaint(p->docs, line);
	if (!line[strspn(line, " \t")]) {
		s->table = NONE;
		return true;
	}
	if (headline(p, s, line))
		return true;
	if (strstr(line, "Error: "))
		return smartctl_ata_error(p, line);
	return s->table == NONE || row(p, s, line);
}

static bool parse(struct parser *p, const char *text)
{
	struct state s = { 0 };
	char first = text[strspn(text, " \t\r\n")];

	if (first == '{' || first == '[')
		return parse_smartctl_json(p, text);
	if (!each_line(p, text, WHOLE_LINES, smartctl_line, &s,
		       format_smartctl.name))
		return false;
	if (p->docs)
		end(p, &s);
	return true;
}

static enum likeness like(const char *text)
{
	static const char *const marks[] = {
		"smartctl", "smartmontools", "LBA_of_first_error", "ErrCount",
		"LBA_first_err", "Failing_LBA", "Pending defect count:",
		"Pending Defects log", "SMART Error Log Version:",
		"\"ata_smart_", "\"scsi_", "_error_information_log",
	};
	size_t i;

	/* The map of ddrescue has its command line in it. */
	if (strstr(text, "ddrescue"))
		return NOT_LIKE;
	for (i = 0; i < ARRAY_SIZE(marks); i++)
		if (strstr(text, marks[i]))
			return FOR_SURE;
	return text[strspn(text, " \t\r\n")] == '{' ? PERHAPS : NOT_LIKE;
}

const struct list_format format_smartctl = {
	.name = "smartctl", .like = like, .parse = parse,
	.advice = "use the output of 'smartctl -x' or 'smartctl --json -x'",
};
