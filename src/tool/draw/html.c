// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: the whole disk as one HTML file, to zoom into. The page (page.html)
 * draws what stands in its JSON.
 */
#include "picture.h"

#define ULL(x)	((unsigned long long)(x))

/* The page, with @NAMES@ where something is put in. */
extern const char html_page[];
__asm__(".section .rodata\n"
	".global html_page\n"
	"html_page:\n"
	".incbin \"draw/page.html\"\n"
	".byte 0\n"
	".previous\n");

/* As a JSON string that may stand in a script element. */
static void json_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++)
		if (*s == '"' || *s == '\\' || *s == '<' ||
		    (unsigned char)*s < ' ')
			fprintf(f, "\\u%04x", (unsigned char)*s);
		else
			fputc(*s, f);
	fputc('"', f);
}

static char kind(const struct kblock *b)
{
	return b->lost ? 'l' : kblock_rest(b) ? 'b' : 'r';
}

/* "GAP+COUNT" and the kind: blocks after the last run, and blocks of this one. */
static void runs(FILE *f, const struct kblocks *b)
{
	u64 at = 0, start, n;
	bool first = true;
	size_t i;

	for (i = 0; i < b->nr; i += n) {
		n = 1;
		start = b->b[i].sector / 8;
		if (start < at)
			continue;
		for (; i + n < b->nr &&
		     b->b[i + n].sector / 8 == start + n &&
		     kind(&b->b[i + n]) == kind(&b->b[i]); n++)
			;
		fprintf(f, "%s%llu+%llu%c", first ? "" : " ", ULL(start - at),
			ULL(n), kind(&b->b[i]));
		first = false;
		at = start + n;
	}
}

static void data(FILE *f, const struct kblocks *b, u64 sectors)
{
	enum shade s;

	fprintf(f, "{\"sectors\":%llu,\"colours\":[", ULL(sectors));
	for (s = HEALTHY; s < NR_SHADES; s++)
		fprintf(f, "%s\"%s\"", s ? "," : "", shade_hex(s));
	fputs("],\"names\":[", f);
	for (s = HEALTHY; s < NR_SHADES; s++) {
		fputs(s ? "," : "", f);
		json_string(f, shade_names[s]);
	}
	fputs("],\"runs\":\"", f);
	runs(f, b);
	fputs("\"}", f);
}

void html_write(const struct kblocks *b, u64 sectors, const struct caption *c,
		FILE *f)
{
	const char *at = html_page, *mark;
	size_t n;

	for (; (mark = strchr(at, '@')); at = mark + n) {
		fwrite(at, 1, mark - at, f);
		n = strcspn(mark + 1, "@") + 2;
		if (!strncmp(mark, "@TITLE@", n))
			xml_text(f, c->title);
		else if (!strncmp(mark, "@SUBTITLE@", n))
			xml_text(f, c->subtitle);
		else if (!strncmp(mark, "@VERDICT@", n))
			fputs(verdicts[c->health], f);
		else if (!strncmp(mark, "@HEALTH@", n))
			fprintf(f, "%d", c->health);
		else if (!strncmp(mark, "@DATA@", n))
			data(f, b, sectors);
	}
	fputs(at, f);
}
