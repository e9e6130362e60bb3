/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: telling of events: a line, the system's log, a program, a mail. Events of one
 * burst are one mail. What hangs is ended.
 */
#ifndef DMREMAP_NOTIFY_H
#define DMREMAP_NOTIFY_H

#include "face/tool.h"

struct notify {
	const char *hook;	/* a program's full path, or NULL */
	const char *mail;	/* an address, or NULL */
	bool syslog;
	bool json;		/* the lines are JSON */
	u64 timeout;		/* seconds for the hook, and for sendmail */
	u64 quiet;		/* seconds without an event: the burst is over */
	/* The mail that is being collected */
	char *text;
	size_t len;
	char subject[400];
	unsigned int nr;
	double first, last;	/* when its events were */
};

/* Can all of it be run? RC_OK, or a message: before anything has happened. */
int notify_check(const struct notify *n);

/* @event: one word; @name: of the device. */
__printf(4, 5)
void notify_tell(struct notify *n, const char *event, const char *name,
		 const char *fmt, ...);

/* Milliseconds until the mail should go, -1 if there is none. */
int notify_due(const struct notify *n);
void notify_flush(struct notify *n);

#endif
