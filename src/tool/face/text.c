// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: text for a person that others had a part in: names, labels, what a
 * file or a disk says of itself.
 */
#include "tool.h"

#include <wchar.h>
#include <wctype.h>

/* What no shell takes for something else. */
#define WORD_CHARACTERS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.:=@_/,%"

/* Marks that change the direction of what follows can make a name lie. */
static bool turns_text(wchar_t c)
{
	return c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* At most @left bytes of @s, with what cannot be shown as \ooo. @strict: \ as \\. */
static char *escaped(const char *s, size_t left, bool strict)
{
	char *p, *to = calloc(4, left + 1);
	mbstate_t state = { 0 };
	size_t n, i;
	wchar_t c;

	for (p = to; to && left; s += n, left -= n) {
		n = mbrtowc(&c, s, left, &state);
		if (n == (size_t)-1 || n == (size_t)-2) {
			memset(&state, 0, sizeof(state));
			n = 1;
			c = L'\0';
		}
		if (*s == '\\' && strict) {
			p = stpcpy(p, "\\\\");
		} else if (iswprint(c) && !turns_text(c)) {
			p = mempcpy(p, s, n);
		} else {
			for (i = 0; i < n; i++)
				p += sprintf(p, "\\%03o", (u8)s[i]);
		}
	}
	return to;
}

const char *plain(const char *s)
{
	static char *kept[4];
	static unsigned int nr;
	char **k = &kept[nr++ % 4];

	free(*k);
	*k = escaped(s, strlen(s), true);
	return *k ?: "?";
}

const char *shell_word(const char *s)
{
	static char *kept[2];
	static unsigned int nr;
	char **k = &kept[nr++ % 2], *p;
	size_t n = strlen(s);

	free(*k);
	*k = calloc(4, n + 1);
	if (!*k)
		return "?";
	if (n && strspn(s, WORD_CHARACTERS) == n)
		return strcpy(*k, s);
	for (p = stpcpy(*k, "'"); *s; s++)
		p = *s == '\'' ? stpcpy(p, "'\\''") : mempcpy(p, s, 1);
	strcpy(p, "'");
	return *k;
}

/* @spec: "%-20.10s" and the like; the precision is about @s as it is. */
static void put_string(FILE *f, const char *spec, int precision, const char *s)
{
	const char *point = strchr(spec, '.');
	int width = atoi(spec + 1);
	char *safe;

	if (point && point[1] != '*')
		precision = atoi(point + 1);
	safe = escaped(s, precision < 0 ? strlen(s) : strnlen(s, precision),
		       false);
	fprintf(f, "%*s", width, safe ?: "?");
	free(safe);
}

/* What of printf() the tool uses; a "*" is the precision of a string. */
static void put_text(FILE *f, const char *fmt, va_list ap)
{
	char spec[32];
	size_t n;

	for (; *fmt; fmt += n + 1) {
		n = strcspn(fmt, "%");
		fwrite(fmt, 1, n, f);
		fmt += n;
		if (!*fmt)
			return;
		n = 1 + strspn(fmt + 1, "-+ #0123456789.*lz");
		snprintf(spec, sizeof(spec), "%.*s", (int)n + 1, fmt);
		switch (fmt[n]) {
		case 's': {
			int precision = strchr(spec, '*') ? va_arg(ap, int) : -1;

			put_string(f, spec, precision, va_arg(ap, const char *));
			break;
		}
		case '%':
			fputc('%', f);
			break;
		case 'f':
		case 'g':
			fprintf(f, spec, va_arg(ap, double));
			break;
		default:
			if (strstr(spec, "ll"))
				fprintf(f, spec, va_arg(ap, long long));
			else if (strpbrk(spec, "lz"))
				fprintf(f, spec, va_arg(ap, long));
			else
				fprintf(f, spec, va_arg(ap, int));
		}
	}
}

char *text_of(const char *fmt, va_list ap)
{
	char *s = NULL;
	size_t size;
	FILE *f = open_memstream(&s, &size);

	if (f) {
		put_text(f, fmt, ap);
		fclose(f);
	}
	return s ?: strdup("?");
}

void print_text(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_text(stdout, fmt, ap);
	va_end(ap);
}

int text_into(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	s = text_of(fmt, ap);
	va_end(ap);
	n = snprintf(buf, size, "%s", s ?: "?");
	free(s);
	return n;
}
