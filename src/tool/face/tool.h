/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: commands, their arguments, and what all of them use to talk to a
 * person. No function here touches a device.
 */
#ifndef DMREMAP_TOOL_H
#define DMREMAP_TOOL_H

#include "kernel-shim.h"

/* Exit status, by class. Commands return one of these. */
enum rc {
	RC_OK = 0,
	RC_USAGE = 1,		/* the command line is wrong */
	RC_REFUSED = 2,		/* a device, file or state is not as required */
	RC_FAILED = 3,		/* the kernel or a device failed */
	RC_DECLINED = 4,	/* the person said no */
	RC_INTERRUPTED = 5,	/* stopped half-way; can be taken up again */
	RC_PARTLY = 6,		/* done, but for what the output names */
};

/* For status and check: what a monitor wants to know. */
enum health { HEALTH_FINE = 0, HEALTH_ATTENTION = 1, HEALTH_CRITICAL = 2,
	      HEALTH_UNKNOWN = 3 };

struct opt_def {
	const char *name;
	const char *arg;	/* what to call its argument; NULL: a flag */
	const char *help;
};

#define MAX_OPTS	24
#define EXIT_INTERRUPTED	"interrupted; the same command takes the work up again"

struct args;

struct command {
	const char *name;
	const char *group;
	const char *synopsis;	/* arguments, without options */
	const char *summary;	/* one line */
	const char *text;	/* description: paragraphs */
	const char *examples;	/* lines "command # comment" */
	int min_args, max_args;	/* max -1: any number */
	int (*run)(struct args *a);
	/* Exit status for what is no answer, if not as in enum rc */
	int unknown_rc;
	/* What an exit status means where it is not as ever; 5 and 6 if it ends so */
	const char *exits[RC_PARTLY + 1];
	struct opt_def opts[MAX_OPTS];
};

struct args {
	const struct command *cmd;
	int nr;
	char **arg;
	const char *value[MAX_OPTS];	/* "" for a flag that is set */
};

/* All of them, with NULL at the end; main() sets it. */
extern const struct command *const *commands;

/* The value of an option of this command, "" for a flag, NULL if not given. */
const char *opt(const struct args *a, const char *name);

/*--------------------------------------------------------------------
 * Saying things
 *--------------------------------------------------------------------
 */

/* Print one line on standard error and return @rc. */
__printf(2, 3)
int fail(int rc, const char *fmt, ...);

/* What fail() printed last, without "dmremap: "; "" if it did not. */
const char *last_failure(void);

/* A line on standard error that is no error. */
__printf(1, 2)
void note(const char *fmt, ...);

/*
 * Text for a person. As printf() and its like, but of each %s argument, control
 * characters, what turns the direction of writing, and what is no character here
 * become \ooo: a name or a label may hold anything. All text goes through these;
 * fail() and note() do so by themselves. Formats: s d i u x c f g with l, ll, z,
 * a width, and a precision ("*" for strings only).
 */
__printf(1, 2)
void print_text(const char *fmt, ...);
/* Return: the length of all of it. */
__printf(3, 4)
int text_into(char *buf, size_t size, const char *fmt, ...);
/* To be freed. */
char *text_of(const char *fmt, va_list ap);

/*
 * One name in the same way, and a backslash as \\, so that the name can be told
 * from it. The result lives until the fourth next call.
 */
const char *plain(const char *s);
/* One word for a shell, in quotes if it needs them. It lives until the second next call. */
const char *shell_word(const char *s);
/* Is it UTF-8, whatever the locale? */
bool utf8_ok(const char *s);

/* Has all that was printed been written? RC_FAILED with a message, if not. */
int output_check(void);

/* With --debug: a line on standard error, what is sent to the kernel. */
extern bool debugging;
__printf(1, 2)
void debug(const char *fmt, ...);

/* Ask for YES, unless @yes. Return: RC_OK or RC_DECLINED. */
int confirm(bool yes, const char *question);
/* The same, when something was done already: @declined says what is so now. */
int confirm_rest(bool yes, const char *question, const char *declined);

/* Printed instead of being done, for --dry-run. */
__printf(1, 2)
void would(const char *fmt, ...);

/*
 * A table with these columns (the last is text, the others are numbers). The cells of a
 * row are separated by tabs. Printing it releases it; without rows it prints nothing.
 */
struct libscols_table *table_new(const char *const heads[]);
__printf(2, 3)
void table_row(struct libscols_table *t, const char *fmt, ...);
void table_print(struct libscols_table *t);

void help_command(const struct command *cmd);
void help_all(void);
int generate(const char *what, const struct command *c);

/*--------------------------------------------------------------------
 * Numbers
 *--------------------------------------------------------------------
 */

/* A decimal or 0x number and nothing else. Return: false if it is not one. */
bool parse_u64(const char *s, u64 *v);
/*
 * A size as the man page has it: with a unit (s: sectors; K, M, G, T, also as KB or
 * KiB), or in bytes. In sectors.
 */
bool parse_size(const char *s, u64 *sectors);
/* "START", "START+COUNT" or "START-LAST", in sectors. */
bool parse_range(const char *s, u64 *start, u64 *count);
/* For options that are numbers: RC_OK, or RC_USAGE with a message. */
int opt_u64(const struct args *a, const char *name, u64 *v);
int opt_size(const struct args *a, const char *name, u64 *sectors);

/* "1.5 GiB"; the result lives until the eighth next call. */
const char *human_size(u64 sectors);
const char *human_time(u64 seconds);

/*--------------------------------------------------------------------
 * Long work
 *--------------------------------------------------------------------
 */
struct progress {
	const char *what;
	u64 total, done, base;
	double begun, shown;
	bool on;
};

/* Shows itself on a terminal only. @base: done in an earlier run. */
void progress_begin(struct progress *p, const char *what, u64 total, u64 base);
void progress_at(struct progress *p, u64 done, const char *extra);
void progress_end(struct progress *p);

/* From now on SIGINT and SIGTERM set a flag instead of ending the program. */
void catch_signals(void);
bool interrupted(void);

double now_seconds(void);

/*--------------------------------------------------------------------
 * Output files
 *--------------------------------------------------------------------
 */
struct output {
	FILE *f;
	char path[PATH_MAX];
	char tmp[PATH_MAX + 8];
};

/*
 * @path NULL or "-": standard output. A file appears under its name only when
 * output_end() has written all of it; output_end() says why if it cannot.
 */
int output_begin(struct output *o, const char *path);
int output_end(struct output *o, bool ok);

#endif
