// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit test of what another process tells: the one that looks for closed pairs
 * (commands/seek.c), which may be ended half-way, and udev, which keeps a text
 * (pairing/seen.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail	/* the tool has one, too */

#include "commands/seek.h"
#include "pairing/seen.h"

#include <fcntl.h>
#include <unistd.h>

static char told[200];

static void tell(const char *name, const char *spare, void *arg)
{
	(void)arg;
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s on %s;",
		 name, spare);
}

/* A process has written so much of this, and has ended. */
static void written(const char *text, size_t len, const char *want)
{
	struct seek s = { .fd = -1 };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	s.pid = fork();
	if (!s.pid)
		_exit(write(fds[1], text, len) != (ssize_t)len);
	assert_true(s.pid > 0);
	close(fds[1]);
	s.fd = fds[0];
	told[0] = '\0';
	while (!seek_read(&s, tell, NULL))
		;
	assert_string_equal(told, want);
	assert_int_equal(s.pid, 0);
	assert_int_equal(s.fd, -1);
}

static void half_a_record(void **state)
{
	static const char text[] = "one\0/dev/a\0two\0/dev/b";

	(void)state;
	written(text, sizeof(text), "one on /dev/a;two on /dev/b;");
	/* Without the last zero, and ever shorter. */
	written(text, sizeof(text) - 1, "one on /dev/a;");
	written(text, 15, "one on /dev/a;");
	written(text, 13, "one on /dev/a;");
	written(text, 11, "one on /dev/a;");
	written(text, 10, "");
	written(text, 4, "");
	written(text, 0, "");
}

static struct dmr_super *area(u8 nr, const char *label, const char *identity)
{
	static struct dmr_super sb;

	memset(&sb, 0, sizeof(sb));
	memset(sb.uuid, nr, sizeof(sb.uuid));
	strscpy(sb.label, label, sizeof(sb.label));
	strscpy(sb.identity, identity, sizeof(sb.identity));
	return &sb;
}

/* Whatever a superblock says: words, and one line. */
static void property(void **state)
{
	struct seens list = { 0 };
	char text[8192], small[120];

	(void)state;
	seen_add(&list, 1, area(1, "pair", "wwn:0x5000"));
	seen_add(&list, 1, area(2, "a b\n\"c", "serial:x\nID_FS_TYPE=ext4"));
	seen_add(&list, 1, area(3, "", ""));
	seen_format(&list, text, sizeof(text));
	assert_string_equal(text,
			    "01010101-0101-0101-0101-010101010101 pair wwn:0x5000 "
			    "02020202-0202-0202-0202-020202020202 a_b__c - "
			    "03030303-0303-0303-0303-030303030303 remap-03030303 -");
	/* None by halves. */
	seen_format(&list, small, sizeof(small));
	assert_string_equal(small,
			    "01010101-0101-0101-0101-010101010101 pair wwn:0x5000 "
			    "02020202-0202-0202-0202-020202020202 a_b__c -");
	seens_free(&list);
	seen_format(&list, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_a_record),
		cmocka_unit_test(property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
