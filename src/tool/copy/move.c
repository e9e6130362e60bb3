// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: copy all of a device to another one.
 */
#include "move.h"

#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))
#define CHUNK	(1U << 20)
#define PIECE	(1U << 16)	/* a chunk that fails is read in these first */
#define MARK	65536U		/* bytes of the target that show which it is */

/* About the medium, so that the next block may still be read. */
static bool is_medium_error(int e)
{
	return e == EIO || e == ENODATA || e == EREMOTEIO || e == EILSEQ;
}

/* Return: 0 or the errno; at its end, a device has no more data. */
static int read_all(int fd, u8 *buf, size_t size, off_t at)
{
	while (size) {
		ssize_t n = pread(fd, buf, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : ENODATA;
		buf += n;
		at += n;
		size -= n;
	}
	return 0;
}

static int source_failed(const struct move *d, off_t at, int e)
{
	return fail(RC_FAILED, "%s: reading sector %llu failed: %s; nothing was given up",
		    d->source, ULL(at >> 9), strerror(e));
}

/*
 * Read @size bytes as one, else in smaller and smaller pieces. @missing
 * receives the blocks that cannot be read; their place in the buffer is zeroed.
 */
static int read_source(struct move *d, off_t at, size_t size,
		       struct ranges *missing)
{
	static const size_t smaller[] = { CHUNK, PIECE, 4096, 0 };
	u8 *buf = d->buf + at % CHUNK;
	size_t step = d->unit, i, n;
	int e = read_all(d->from, buf, size, at), r = 0;

	if (!e)
		return RC_OK;
	if (!is_medium_error(e))
		return source_failed(d, at, e);
	if (size <= d->unit) {
		memset(buf, 0, size);
		return ranges_add(missing, at >> 9, size >> 9) ? RC_OK :
		       fail(RC_FAILED, "out of memory");
	}
	for (i = 0; smaller[i]; i++)
		if (smaller[i] < size && smaller[i] > d->unit) {
			step = smaller[i];
			break;
		}
	for (i = 0; i < size && !r && !interrupted(); i += n) {
		n = min(step, size - i);
		r = read_source(d, at + i, n, missing);
	}
	return r;
}

static int write_target(struct move *d, off_t at, size_t size)
{
	const u8 *buf = d->buf + at % CHUNK;
	ssize_t n = 0;

	for (; size; buf += n, at += n, size -= n) {
		n = pwrite(d->to, buf, size, at);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return fail(RC_FAILED, "%s cannot be written to at sector %llu: %s",
				    d->target, ULL(at >> 9),
				    n ? strerror(errno) : "no room");
	}
	return RC_OK;
}

/* FNV-1a of the target's first bytes. */
static u64 mark_of(struct move *d)
{
	u64 hash = 14695981039346656037ULL;
	size_t i, size = min_t(u64, MARK, d->sectors << 9);

	if (read_all(d->to, d->check, size, 0))
		return 0;
	for (i = 0; i < size; i++)
		hash = (hash ^ d->check[i]) * 1099511628211ULL;
	return hash ?: 1;
}

static int get_memory(struct move *d)
{
	if ((!d->buf && posix_memalign((void **)&d->buf, 4096, CHUNK)) ||
	    (!d->check && posix_memalign((void **)&d->check, 4096, CHUNK)))
		return fail(RC_FAILED, "out of memory");
	return RC_OK;
}

static struct state earlier_state(struct move *d)
{
	struct state s = state_read("detach", d->key), none = { 0 };

	s.position = min(s.position, d->sectors) &
		     ~(u64)(CHUNK / 512 - 1);
	return s.position && s.mark == mark_of(d) ? s : none;
}

bool move_is_begun(struct move *d)
{
	return !get_memory(d) && earlier_state(d).position;
}

/*
 * Never repeated: what the target could not keep would be lost, and the next
 * flush be fine. @from: what was written since then is to be written again.
 */
static int flush_target(struct move *d, u64 from, u64 done)
{
	struct state s = { .position = done };
	int e;

	if (!fdatasync(d->to)) {
		d->mark = d->mark ?: mark_of(d);
		s.mark = d->mark;
		state_write("detach", d->key, &s);
		return RC_OK;
	}
	e = errno;
	s = state_read("detach", d->key);
	s.position = min(s.position, from);
	state_write("detach", d->key, &s);
	return fail(RC_FAILED, "%s: a flush failed: %s; what was written from sector %llu on may be lost. The same command writes it again, but another disk is better. %s works as before",
		    d->target, strerror(e), ULL(from), d->source);
}

static int copy_pass(struct move *d)
{
	u64 flushed, at, n;
	double saved = now_seconds();
	struct progress p;
	int r = 0;

	at = flushed = d->begun_at = earlier_state(d).position;
	if (at)
		note("going on at sector %llu, where an earlier copy was interrupted",
		     ULL(at));
	progress_begin(&p, "copying", d->sectors, at);
	for (; at < d->sectors && !r && !interrupted(); at += n) {
		n = min_t(u64, CHUNK >> 9, d->sectors - at);
		progress_at(&p, at, NULL);
		r = read_source(d, at << 9, n << 9, &d->passed_over);
		if (interrupted())
			break;
		r = r ?: write_target(d, at << 9, n << 9);
		if (!r && now_seconds() - saved > 5) {
			r = flush_target(d, flushed, at + n);
			flushed = at + n;
			saved = now_seconds();
		}
	}
	progress_end(&p);
	ranges_tidy(&d->passed_over);
	return r ?: flush_target(d, flushed, at);
}

/*
 * Compare a chunk without what could not be read now. What was read in this run's
 * first pass is on the target, and stays.
 */
static bool differs(struct move *d, u64 at, u64 n, const struct ranges *missing)
{
	u64 unit = d->unit >> 9, i;

	if (read_all(d->to, d->check, n << 9, at << 9))
		return true;
	for (i = 0; i < n; i += unit) {
		size_t size = min(unit, n - i) << 9;

		if (ranges_touch(missing, at + i, size >> 9))
			memcpy(d->buf + (i << 9), d->check + (i << 9), size);
		else if (memcmp(d->buf + (i << 9), d->check + (i << 9), size))
			return true;
	}
	return false;
}

/* After differs() said no more than "differs": keep what is only there. */
static void keep_what_is_there(struct move *d, u64 at, u64 n,
			      const struct ranges *missing)
{
	u64 unit = d->unit >> 9, i;

	for (i = 0; i < n; i += unit) {
		size_t size = min(unit, n - i) << 9;

		if (!ranges_touch(missing, at + i, size >> 9))
			continue;
		if (read_all(d->to, d->buf + (i << 9), size, (at + i) << 9))
			memset(d->buf + (i << 9), 0, size);
	}
}

static bool was_copied(const struct move *d, u64 at, u64 n)
{
	return at >= d->begun_at && !ranges_touch(&d->passed_over, at, n);
}

static int compare_chunk(struct move *d, u64 at, u64 n, u64 *written)
{
	struct ranges missing = { 0 };
	u64 unit = d->unit >> 9, i;
	int tries, r;

	r = read_source(d, at << 9, n << 9, &missing);
	ranges_tidy(&missing);
	for (tries = 0; !r && !interrupted() && differs(d, at, n, &missing);
	     tries++) {
		if (tries == 2) {
			r = fail(RC_FAILED, "%s does not give back what was written at sector %llu; use another disk",
				 d->target, ULL(at));
			break;
		}
		d->differed += !tries;
		*written = min(*written, at);
		keep_what_is_there(d, at, n, &missing);
		if (!at)
			d->mark = 0;
		r = write_target(d, at << 9, n << 9) ?:
		    flush_target(d, *written, d->sectors);
	}
	for (i = 0; missing.nr && i < n; i += unit)
		if (ranges_touch(&missing, at + i, unit) &&
		    !was_copied(d, at + i, unit) &&
		    !ranges_add(&d->missing, at + i, min(unit, n - i)))
			r = r ?: fail(RC_FAILED, "out of memory");
	ranges_free(&missing);
	return r;
}

/* Whatever an earlier run may have left undone is found and put right here. */
static int compare_pass(struct move *d)
{
	u64 at, n, written = d->sectors;
	struct progress p;
	int r = 0;

	progress_begin(&p, "comparing", d->sectors, 0);
	for (at = 0; at < d->sectors && !r && !interrupted(); at += n) {
		n = min_t(u64, CHUNK >> 9, d->sectors - at);
		progress_at(&p, at, NULL);
		r = compare_chunk(d, at, n, &written);
	}
	progress_end(&p);
	ranges_tidy(&d->missing);
	return r;
}

int move_copy(struct move *d)
{
	int r = get_memory(d);

	catch_signals();
	r = r ?: copy_pass(d);
	if (!r && !interrupted())
		r = compare_pass(d);
	if (!r && !interrupted())
		r = ranges_whole(&d->missing);
	d->interrupted = interrupted();
	return r;
}

static void map_line(FILE *f, u64 from, u64 end, char status)
{
	if (end > from)
		fprintf(f, "0x%08llX  0x%08llX  %c\n", ULL(from << 9),
			ULL((end - from) << 9), status);
}

void move_write_map(const struct move *d, FILE *f)
{
	u64 at = 0;
	size_t i;

	fputs("# Mapfile. Created by dmremap detach\n# '-': could not be read\n#   pos  status  pass\n", f);
	fprintf(f, "0x%08llX     +     1\n", ULL(d->sectors << 9));
	fputs("#      pos        size  status\n", f);
	for (i = 0; i < d->missing.nr; i++) {
		const struct range *r = &d->missing.r[i];

		map_line(f, at, r->start, '+');
		map_line(f, r->start, r->start + r->count, '-');
		at = r->start + r->count;
	}
	map_line(f, at, d->sectors, '+');
}

void move_exit(struct move *d, bool done)
{
	if (done)
		state_clear("detach", d->key);
	ranges_free(&d->missing);
	ranges_free(&d->passed_over);
	free(d->buf);
	free(d->check);
}
