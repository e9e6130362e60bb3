// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: device-mapper, through libdevmapper.
 */
#include "dm.h"
#include "face/tool.h"
#include "kstat.h"

#include <dirent.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Why the kernel refuses a table is only said in its log. */
static int kmsg = -1;

static void kmsg_mark(void)
{
	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

/* ": why", or "", for messages about the device @name. */
static const char *kmsg_reason(const char *name)
{
	static char text[sizeof(((struct reason *)0)->text) + 2];
	struct reason reason = { .text = "" };
	struct dm_task *t = dm_task_create(DM_DEVICE_INFO);
	struct dm_info info = { 0 };
	char rec[8192];
	ssize_t n;

	if (t && dm_task_set_name(t, name) && dm_task_run(t) &&
	    dm_task_get_info(t, &info) && info.exists)
		snprintf(reason.dev, sizeof(reason.dev), "%u:%u", info.major,
			 info.minor);
	if (t)
		dm_task_destroy(t);
	while (kmsg >= 0 && ((n = read(kmsg, rec, sizeof(rec) - 1)) > 0 ||
			     (n < 0 && errno == EPIPE))) {
		if (n < 0)
			continue;
		rec[n] = '\0';
		reason_take(&reason, rec);
	}
	snprintf(text, sizeof(text), "%s%s", reason.text[0] ? ": " : "",
		 reason.text);
	return text;
}

static void no_log(int level, const char *file, int line, int err,
		   const char *fmt, ...)
{
	(void)level; (void)file; (void)line; (void)err; (void)fmt;
}

int dm_ready(void)
{
	static int ready = -1;
	char version[64];
	struct dm_task *t;

	if (ready >= 0)
		return ready;
	dm_log_with_errno_init(no_log);
	if (geteuid())
		return ready = fail(RC_REFUSED, "this needs root; use sudo");
	t = dm_task_create(DM_DEVICE_VERSION);
	ready = t && dm_task_run(t) &&
		dm_task_get_driver_version(t, version, sizeof(version)) ?
		RC_OK : fail(RC_FAILED, "the kernel has no device-mapper; try 'modprobe dm-mod'");
	if (t)
		dm_task_destroy(t);
	return ready;
}

int dm_check_name(const char *name)
{
	const char *p;

	for (p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_.+-", *p))
			return fail(RC_USAGE, "'%s' is no name for a device: letters, digits, and . _ + - are allowed",
				    name);
	if (!*name || *name == '.' || *name == '-' || strlen(name) >= DM_NAME)
		return fail(RC_USAGE, "'%s' is no name for a device: 1 to %d characters, not beginning with . or -", name, DM_NAME - 1);
	return RC_OK;
}

/*--------------------------------------------------------------------
 * Lines of tables
 *--------------------------------------------------------------------
 */
struct dm_line *dm_line(u64 start, u64 len, const char *type,
			const char *fmt, ...)
{
	struct dm_line *l = calloc(1, sizeof(*l));
	va_list ap;

	if (!l)
		abort();
	l->start = start;
	l->len = len;
	strscpy(l->type, type, sizeof(l->type));
	va_start(ap, fmt);
	vsnprintf(l->params, sizeof(l->params), fmt, ap);
	va_end(ap);
	return l;
}

void dm_free_lines(struct dm_line *l)
{
	while (l) {
		struct dm_line *next = l->next;

		free(l);
		l = next;
	}
}

static int get_lines(const char *name, int type, struct dm_line **lines)
{
	struct dm_task *t = dm_task_create(type);
	struct dm_line **tail = lines;
	struct dm_info info;
	void *next = NULL;
	int r = -ENXIO;

	*lines = NULL;
	if (!t)
		return -ENOMEM;
	if (!dm_task_set_name(t, name) ||
	    (type == DM_DEVICE_STATUS && !dm_task_no_flush(t)) ||
	    !dm_task_run(t) || !dm_task_get_info(t, &info) || !info.exists)
		goto out;
	do {
		uint64_t start, len;
		char *target, *params;

		next = dm_get_next_target(t, next, &start, &len, &target,
					  &params);
		if (!target)
			continue;
		*tail = dm_line(start, len, target, "%s", params ?: "");
		tail = &(*tail)->next;
	} while (next);
	r = 0;
out:
	dm_task_destroy(t);
	return r;
}

int dm_table(const char *name, struct dm_line **lines)
{
	return get_lines(name, DM_DEVICE_TABLE, lines);
}

int dm_status_lines(const char *name, struct dm_line **lines)
{
	return get_lines(name, DM_DEVICE_STATUS, lines);
}

/*--------------------------------------------------------------------
 * dm-remap devices
 *--------------------------------------------------------------------
 */
static void devno_path(const char *majmin, dev_t *devno, char *path,
		       size_t size)
{
	unsigned int maj, min;

	strscpy(path, majmin, size);
	if (sscanf(majmin, "%u:%u", &maj, &min) != 2)
		return;
	*devno = makedev(maj, min);
	device_name(*devno, path, size);
}

void dm_plain_name(char *to, const char *name)
{
	unsigned int c;
	int n;

	for (; *name; name += n) {
		n = 0;
		if (sscanf(name, "\\x%2x%n", &c, &n) != 1 || n != 4 || !c) {
			c = *name;
			n = 1;
		}
		*to++ = c;
	}
	*to = '\0';
}

/* Return: 0, -ENXIO (no such device) or -EINVAL (not a dm-remap). */
int remap_get_quiet(const char *name, struct remap *r)
{
	char main_dev[64], spare_dev[64];
	struct dm_line *l = NULL;
	struct dm_info info;
	struct dm_task *t;
	unsigned long long start;
	int e, n = 0;

	memset(r, 0, sizeof(*r));
	if (!strncmp(name, "/dev/mapper/", 12))
		name += 12;
	if (strlen(name) >= sizeof(r->name))
		return -ENXIO;
	dm_plain_name(r->name, name);
	t = dm_task_create(DM_DEVICE_INFO);
	if (!t || !dm_task_set_name(t, r->name) || !dm_task_run(t) ||
	    !dm_task_get_info(t, &info) || !info.exists) {
		if (t)
			dm_task_destroy(t);
		return -ENXIO;
	}
	r->devno = makedev(info.major, info.minor);
	r->event_nr = info.event_nr;
	r->open_count = info.open_count;
	r->suspended = info.suspended;
	r->read_only = info.read_only;
	strscpy(r->uuid, dm_task_get_uuid(t) ?: "", sizeof(r->uuid));
	dm_task_destroy(t);

	e = dm_table(r->name, &l);
	if (e)
		return e;
	if (!l || l->next || strcmp(l->type, "dm-remap") ||
	    sscanf(l->params, "%63s %63s %llu%n", main_dev, spare_dev, &start,
		   &n) < 3) {
		dm_free_lines(l);
		return -EINVAL;
	}
	r->sectors = l->len;
	r->spare_start = start;
	devno_path(main_dev, &r->main, r->main_path, sizeof(r->main_path));
	devno_path(spare_dev, &r->spare, r->spare_path, sizeof(r->spare_path));
	while (l->params[n] == ' ')
		n++;
	strscpy(r->features, l->params + n, sizeof(r->features));
	dm_free_lines(l);
	return 0;
}

int remap_get(const char *name, struct remap *r)
{
	int e = dm_ready();

	if (e)
		return e;
	e = remap_get_quiet(name, r);
	if (e == -EINVAL)
		return fail(RC_REFUSED, "'%s' is a device-mapper device, but not a dm-remap; 'dmremap status' lists those",
			    name);
	if (e)
		return fail(RC_REFUSED, "there is no open device '%s'; 'dmremap status' lists them, 'dmremap scan' those that can be opened",
			    name);
	return RC_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct remap *)a)->name,
		      ((const struct remap *)b)->name);
}

int remap_list(struct remap **list, int *nr)
{
	struct dm_task *t;
	struct dm_names *names;
	unsigned int next = 0;
	int e = dm_ready();

	*list = NULL;
	*nr = 0;
	if (e)
		return e;
	t = dm_task_create(DM_DEVICE_LIST);
	if (!t || !dm_task_run(t) || !(names = dm_task_get_names(t))) {
		if (t)
			dm_task_destroy(t);
		return fail(RC_FAILED, "the kernel does not list its device-mapper devices");
	}
	if (names->dev)
		do {
			struct remap r, *more;

			names = (struct dm_names *)((char *)names + next);
			if (!remap_get_quiet(names->name, &r)) {
				more = realloc(*list, (*nr + 1) * sizeof(r));
				if (!more)
					break;
				*list = more;
				more[(*nr)++] = r;
			}
			next = names->next;
		} while (next);
	dm_task_destroy(t);
	if (*nr)
		qsort(*list, *nr, sizeof(**list), by_name);
	return RC_OK;
}

bool dm_exists(const char *name)
{
	struct dm_task *t = dm_task_create(DM_DEVICE_INFO);
	struct dm_info info = { 0 };
	bool there;

	there = t && dm_task_set_name(t, name) && dm_task_run(t) &&
		dm_task_get_info(t, &info) && info.exists;
	if (t)
		dm_task_destroy(t);
	return there;
}

int remap_message(const char *name, char **reply, bool quiet,
		  const char *fmt, ...)
{
	struct dm_task *t = dm_task_create(DM_DEVICE_TARGET_MSG);
	const char *response;
	char text[256];
	va_list ap;
	int e = 0;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	debug("dmsetup message '%s' 0 %s", name, text);
	kmsg_mark();
	if (!t || !dm_task_set_name(t, name) || !dm_task_set_sector(t, 0) ||
	    !dm_task_set_message(t, text) || !dm_task_run(t))
		e = t && dm_task_get_errno(t) ? dm_task_get_errno(t) : EIO;
	if (!e && reply) {
		response = dm_task_get_message_response(t);
		*reply = strdup(response ?: "");
	}
	if (t)
		dm_task_destroy(t);
	if (!e)
		return RC_OK;
	if (quiet)
		return -e;
	return fail(RC_FAILED, "%s: the kernel refused '%s': %s%s", name, text,
		    strerror(e), kmsg_reason(name));
}

/*--------------------------------------------------------------------
 * Changes
 *--------------------------------------------------------------------
 */
/* As a person would do it by hand. */
static void debug_task(int type, const char *name, const char *uuid,
		       const struct dm_line *l, const char *how)
{
	const char *verb = type == DM_DEVICE_CREATE ? "create" :
			   type == DM_DEVICE_RELOAD ? "load" :
			   type == DM_DEVICE_CLEAR ? "clear" :
			   type == DM_DEVICE_SUSPEND ? "suspend" :
			   type == DM_DEVICE_RESUME ? "resume" : "remove";

	debug("dmsetup %s%s '%s'%s%s%s", verb, how, name,
	      uuid ? " --uuid '" : "", uuid ?: "", uuid ? "'" : "");
	for (; l; l = l->next)
		debug("  table line: %llu %llu %s %s", (unsigned long long)l->start,
		      (unsigned long long)l->len, l->type, l->params);
}

/*
 * libdevmapper makes a device in three steps. A signal between them would leave one without a
 * table, whose name is taken: such as SIGTERM, when the initramfs ends.
 */
static bool run_whole(struct dm_task *t)
{
	sigset_t set, old;
	bool done;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	done = dm_task_run(t);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return done;
}

static int run_task(int type, const char *name, const char *uuid,
		    const struct dm_line *lines, bool udev, const char *verb)
{
	struct dm_task *t = dm_task_create(type);
	uint32_t cookie = 0;
	int e = 0;

	debug_task(type, name, uuid, lines, "");
	kmsg_mark();
	if (!t || !dm_task_set_name(t, name) ||
	    (uuid && !dm_task_set_uuid(t, uuid)))
		e = ENOMEM;
	if (!e && lines && lines->read_only && !dm_task_set_ro(t))
		e = EIO;
	for (; !e && lines; lines = lines->next)
		if (!dm_task_add_target(t, lines->start, lines->len,
					lines->type, lines->params))
			e = ENOMEM;
	if (!e && udev && !dm_task_set_cookie(t, &cookie, 0))
		e = EIO;
	if (!e && type == DM_DEVICE_REMOVE)
		dm_task_retry_remove(t);
	/* To suspend may take as long as the errors of what is in flight: that can be interrupted. */
	if (!e && !(type == DM_DEVICE_CREATE ? run_whole(t) : dm_task_run(t)))
		e = dm_task_get_errno(t) ?: EIO;
	if (cookie)
		dm_udev_wait(cookie);
	if (t)
		dm_task_destroy(t);
	dm_task_update_nodes();
	if (!e)
		return RC_OK;
	return fail(RC_FAILED, "%s: the kernel did not %s it: %s%s", name, verb,
		    strerror(e), kmsg_reason(name));
}

static int claim_task(int type, const char *name, const char *uuid,
		      const struct device *d)
{
	struct dm_task *t = dm_task_create(type);
	struct dm_line *l = NULL;
	int e = ENOMEM;

	if (d)
		l = dm_line(0, d->sectors, "linear", "%u:%u 0",
			    major(d->devno), minor(d->devno));
	debug_task(type, name, uuid, l, d ? " --readonly" : "");
	if (!t || !dm_task_set_name(t, name) ||
	    (uuid && !dm_task_set_uuid(t, uuid)))
		goto out;
	if (l && (!dm_task_set_ro(t) ||
		  !dm_task_add_target(t, l->start, l->len, l->type, l->params)))
		goto out;
	e = dm_task_run(t) ? 0 : dm_task_get_errno(t) ?: EIO;
out:
	dm_free_lines(l);
	if (t)
		dm_task_destroy(t);
	return -e;
}

int dm_claim(const char *name, const char *uuid, const struct device *d)
{
	int r;

	dm_log_with_errno_init(no_log);
	r = claim_task(DM_DEVICE_CREATE, name, uuid, NULL);
	if (r == -EBUSY)
		return 0;
	r = r ?: claim_task(DM_DEVICE_RELOAD, name, NULL, d);
	if (r)
		claim_task(DM_DEVICE_REMOVE, name, NULL, NULL);
	return r;
}

void dm_unclaim(const char *name)
{
	dm_log_with_errno_init(no_log);
	claim_task(DM_DEVICE_REMOVE, name, NULL, NULL);
}

void dm_without_udev(void)
{
	dm_udev_set_sync_support(0);
}

int dm_create(const char *name, const char *uuid, const struct dm_line *lines)
{
	return run_task(DM_DEVICE_CREATE, name, uuid, lines, true, "create");
}

int dm_load(const char *name, const struct dm_line *lines)
{
	return run_task(DM_DEVICE_RELOAD, name, NULL, lines, false,
			"take a new table for");
}

int dm_clear(const char *name)
{
	return run_task(DM_DEVICE_CLEAR, name, NULL, NULL, false, "clear");
}

int dm_suspend(const char *name)
{
	return run_task(DM_DEVICE_SUSPEND, name, NULL, NULL, false, "suspend");
}

int dm_suspend_as_it_is(const char *name)
{
	struct dm_task *t = dm_task_create(DM_DEVICE_SUSPEND);
	bool done;

	debug_task(DM_DEVICE_SUSPEND, name, NULL, NULL, " --nolockfs");
	done = t && dm_task_set_name(t, name) && dm_task_skip_lockfs(t) &&
	       dm_task_run(t);
	if (t)
		dm_task_destroy(t);
	return done ? RC_OK : fail(RC_FAILED, "%s: the kernel did not suspend it",
				   name);
}

int dm_resume(const char *name)
{
	return run_task(DM_DEVICE_RESUME, name, NULL, NULL, true, "resume");
}

int dm_remove(const char *name)
{
	return run_task(DM_DEVICE_REMOVE, name, NULL, NULL, true, "remove");
}

static const char *line_ro(const struct dm_line *l)
{
	return l->read_only ? "--readonly " : "";
}

static void print_table(const struct dm_line *l)
{
	print_text("--table '");
	for (; l; l = l->next) {
		print_text("%llu %llu %s %s", (unsigned long long)l->start,
			   (unsigned long long)l->len, l->type, l->params);
		if (l->next)
			print_text("\n");
	}
	print_text("'\n");
}

void would_create(const char *name, const char *uuid,
		  const struct dm_line *lines)
{
	print_text("dmsetup create %s%s ", line_ro(lines), shell_word(name));
	if (uuid)
		print_text("--uuid %s ", uuid);
	print_table(lines);
}

void would_load(const char *name, const struct dm_line *lines)
{
	name = shell_word(name);
	print_text("dmsetup suspend %s\ndmsetup load %s%s ", name,
		   line_ro(lines), name);
	print_table(lines);
	print_text("dmsetup resume %s\n", name);
}
