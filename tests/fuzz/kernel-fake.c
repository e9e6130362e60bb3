// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap fuzzers: what the module's parsers call, as the kernel documents it.
 */
#include "kernel-fake.h"

int fake_scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return size ? min_t(int, n, size - 1) : 0;
}

void fake_log(const char *fmt, ...)
{
	char text[2000];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
}

ssize_t fake_strscpy(char *to, const char *from, size_t size)
{
	size_t n = strnlen(from, size);

	if (n == size) {
		memcpy(to, from, size - 1);
		to[size - 1] = '\0';
		return -E2BIG;
	}
	memcpy(to, from, n + 1);
	return n;
}

/* One optional '+', digits, one optional newline; nothing else. */
int kstrtou64(const char *s, unsigned int base, u64 *v)
{
	u64 sum = 0;
	bool any = false;

	if (*s == '+')
		s++;
	for (; *s >= '0' && *s < (char)('0' + base); s++) {
		if (__builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, *s - '0', &sum))
			return -ERANGE;
		any = true;
	}
	if (*s == '\n')
		s++;
	if (*s || !any)
		return -EINVAL;
	*v = sum;
	return 0;
}

int kstrtouint(const char *s, unsigned int base, unsigned int *v)
{
	u64 wide;
	int r = kstrtou64(s, base, &wide);

	if (r)
		return r;
	if (wide > UINT_MAX)
		return -ERANGE;
	*v = wide;
	return 0;
}

const char *dm_shift_arg(struct dm_arg_set *as)
{
	if (!as->argc)
		return NULL;
	as->argc--;
	return *as->argv++;
}

/* Any name that looks like a path is a device. */
int dm_get_device(struct dm_target *ti, const char *path, fmode_t mode,
		  struct dm_dev **dev)
{
	static struct block_device bdev = { .sectors = 64 * 8 + 8 };
	static struct dm_dev known[2];
	static unsigned int n;

	(void)ti;
	(void)mode;
	if (path[0] != '/')
		return -ENODEV;
	*dev = &known[n++ & 1];
	(*dev)->bdev = &bdev;
	fake_scnprintf((*dev)->name, sizeof((*dev)->name), "%u:%u", 7,
		       (unsigned char)path[1]);
	return 0;
}
