// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: saying things, asking, numbers, output files.
 */
#include "tool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool utf8_ok(const char *s)
{
	const u8 *p = (const u8 *)s;
	int more;
	u32 c;

	while (*p) {
		c = *p++;
		more = c < 0x80 ? 0 : c >> 5 == 6 ? 1 : c >> 4 == 14 ? 2 :
		       c >> 3 == 30 ? 3 : -1;
		if (more < 0)
			return false;
		c &= more ? 0x3f >> more : 0x7f;
		for (int i = more; i; i--, p++) {
			if ((*p & 0xc0) != 0x80)
				return false;
			c = c << 6 | (*p & 0x3f);
		}
		/* Neither longer than needed, nor half a pair, nor too large. */
		if ((more == 1 && c < 0x80) || (more == 2 && c < 0x800) ||
		    (more == 3 && c < 0x10000) || c > 0x10ffff ||
		    (c >= 0xd800 && c < 0xe000))
			return false;
	}
	return true;
}

static char *failure;

static char *to_stderr(const char *before, const char *fmt, va_list ap)
{
	char *text = text_of(fmt, ap);

	fflush(stdout);
	fprintf(stderr, "%s%s\n", before, text ?: "?");
	return text;
}

int fail(int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(failure);
	failure = to_stderr("dmremap: ", fmt, ap);
	va_end(ap);
	return rc;
}

const char *last_failure(void)
{
	return failure ?: "";
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(to_stderr("", fmt, ap));
	va_end(ap);
}

bool debugging;

void debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (debugging)
		free(to_stderr("# ", fmt, ap));
	va_end(ap);
}

void would(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = text_of(fmt, ap);
	va_end(ap);
	puts(text ?: "?");
	free(text);
}

int confirm_rest(bool yes, const char *question, const char *declined)
{
	char line[64];

	if (yes)
		return RC_OK;
	if (!isatty(STDIN_FILENO))
		return fail(RC_DECLINED, "nobody to ask: standard input is no terminal; give --yes if you are sure. %s",
			    declined);
	/* Its parts come from text_into(). */
	fprintf(stderr, "%s\nAre you sure? (Type 'yes' in capital letters): ",
		question);
	fflush(stderr);
	if (!fgets(line, sizeof(line), stdin))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (!strcmp(line, "YES"))
		return RC_OK;
	return strcasecmp(line, "yes") ?
	       fail(RC_DECLINED, "not confirmed. %s", declined) :
	       fail(RC_DECLINED, "'%s' is not YES in capital letters. %s", line,
		    declined);
}

int confirm(bool yes, const char *question)
{
	return confirm_rest(yes, question, "Nothing was changed");
}

const char *opt(const struct args *a, const char *name)
{
	int i;

	for (i = 0; i < MAX_OPTS && a->cmd->opts[i].name; i++)
		if (!strcmp(a->cmd->opts[i].name, name))
			return a->value[i];
	return NULL;
}

/*--------------------------------------------------------------------
 * Numbers
 *--------------------------------------------------------------------
 */
bool parse_u64(const char *s, u64 *v)
{
	char *end;

	if (!s || !isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*v = strtoull(s, &end, s[0] == '0' && (s[1] | 32) == 'x' ? 16 : 10);
	return !errno && !*end;
}

bool parse_size(const char *s, u64 *sectors)
{
	const char *units = "KMGT", *unit;
	unsigned int shift = 0;
	char *end;
	u64 v;

	if (!s || !isdigit((unsigned char)*s))
		return false;
	errno = 0;
	v = strtoull(s, &end, s[0] == '0' && (s[1] | 32) == 'x' ? 16 : 10);
	if (errno)
		return false;
	if (!*end) {
		*sectors = v / 512;
		return !(v % 512);
	}
	if (strcmp(end, "s")) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || (end[1] && strcmp(end + 1, "B") &&
			      strcmp(end + 1, "iB")))
			return false;
		shift = 1 + 10 * (unit - units);
	}
	*sectors = v << shift;
	return *sectors >> shift == v;
}

bool parse_range(const char *s, u64 *start, u64 *count)
{
	size_t n = strcspn(s, "+-");
	char first[32];
	u64 second;

	if (n >= sizeof(first))
		return false;
	memcpy(first, s, n);
	first[n] = '\0';
	if (!parse_u64(first, start))
		return false;
	*count = 1;
	if (!s[n])
		return true;
	if (!parse_u64(s + n + 1, &second))
		return false;
	if (s[n] == '+')
		*count = second;
	else if (second >= *start)
		*count = second - *start + 1;
	else
		return false;
	return *count && *start + *count >= *start;
}

int opt_u64(const struct args *a, const char *name, u64 *v)
{
	const char *s = opt(a, name);

	if (s && !parse_u64(s, v))
		return fail(RC_USAGE, "--%s: '%s' is not a number", name, s);
	return RC_OK;
}

int opt_size(const struct args *a, const char *name, u64 *sectors)
{
	const char *s = opt(a, name);
	u64 bytes;

	if (s && parse_u64(s, &bytes) && bytes % 512)
		return fail(RC_USAGE, "--%s: '%s' without a unit is in bytes, and no multiple of 512; write %ss for sectors, or %sK, %sM, %sG, %sT",
			    name, s, s, s, s, s, s);
	/* Places start at 0, but nothing has this length. */
	if (s && (!parse_size(s, sectors) ||
		  (!*sectors && strcmp(name, "start"))))
		return fail(RC_USAGE, "--%s: '%s' is not a size; write a number with K, M, G, T, or s for sectors of 512 bytes, as in 64M",
			    name, s);
	return RC_OK;
}

static char *ring(void)
{
	static char buf[8][32];
	static unsigned int i;

	return buf[i++ % 8];
}

const char *human_size(u64 sectors)
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = sectors / 2.0;
	char *s = ring();
	int i = 0;

	if (!sectors || sectors == 1) {
		snprintf(s, 32, "%u B", (unsigned int)sectors * 512);
		return s;
	}
	while (v >= 1024 && i < 4) {
		v /= 1024;
		i++;
	}
	snprintf(s, 32, v < 10 && v != (u64)v ? "%.1f %s" : "%.0f %s", v,
		 unit[i]);
	return s;
}

const char *human_time(u64 t)
{
	char *s = ring();

	if (t >= 3600 * 48)
		snprintf(s, 32, "%llu days", (unsigned long long)t / 86400);
	else if (t >= 3600)
		snprintf(s, 32, "%u:%02u h", (unsigned int)t / 3600,
			 (unsigned int)t / 60 % 60);
	else
		snprintf(s, 32, "%u:%02u min", (unsigned int)t / 60,
			 (unsigned int)t % 60);
	return s;
}

/*--------------------------------------------------------------------
 * Output files
 *--------------------------------------------------------------------
 */
int output_begin(struct output *o, const char *path)
{
	struct stat st;
	int fd;

	memset(o, 0, sizeof(*o));
	if (!path || !strcmp(path, "-")) {
		o->f = stdout;
		return RC_OK;
	}
	if (strlen(path) >= sizeof(o->path))
		return fail(RC_USAGE, "the name of the output file is too long");
	/* A link stays one, and a device or pipe is not replaced by a file. */
	if (!realpath(path, o->path))
		strscpy(o->path, path, sizeof(o->path));
	if (!stat(o->path, &st) && !S_ISREG(st.st_mode)) {
		o->f = fopen(o->path, "we");
		return o->f ? RC_OK : fail(RC_REFUSED, "cannot write %s: %s",
					   path, strerror(errno));
	}
	snprintf(o->tmp, sizeof(o->tmp), "%s.XXXXXX", o->path);
	fd = mkstemp(o->tmp);
	if (fd >= 0) {
		mode_t mask = umask(0);

		umask(mask);
		fchmod(fd, 0666 & ~mask);
		o->f = fdopen(fd, "w");
	}
	if (!o->f)
		return fail(RC_REFUSED, "cannot create a file beside %s: %s",
			    path, strerror(errno));
	return RC_OK;
}

int output_check(void)
{
	static bool told;
	int e = 0;

	if (ferror(stdout))
		/* Nobody knows any more what it was, but it will be the same again. */
		e = write(STDOUT_FILENO, "", 1) < 0 ? errno : EIO;
	if (fflush(stdout) && !e)
		e = errno;
	if (!e || told)
		return e ? RC_FAILED : RC_OK;
	told = true;
	/* Whoever reads no further knows. */
	return e == EPIPE ? RC_FAILED : fail(RC_FAILED, "cannot write the output: %s", strerror(e));
}

int output_end(struct output *o, bool ok)
{
	int e = 0;

	if (o->f == stdout)
		return output_check();
	/* Nobody knows any more what it was, but it will be the same again. */
	if (ferror(o->f))
		e = write(fileno(o->f), "", 1) < 0 ? errno : EIO;
	/* A pipe cannot be synchronised, and need not. */
	if (fflush(o->f) || (fsync(fileno(o->f)) && errno != EINVAL))
		e = errno;
	if (fclose(o->f) && !e)
		e = errno;
	if (ok && !e && o->tmp[0] && rename(o->tmp, o->path))
		e = errno;
	if ((!ok || e) && o->tmp[0])
		unlink(o->tmp);
	if (e)
		return fail(RC_FAILED, "cannot write %s: %s%s", o->path,
			    strerror(e), o->tmp[0] ?
			    "; an earlier file of that name is unchanged" : "");
	return RC_OK;
}
