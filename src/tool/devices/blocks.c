// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: the blocks of an open device, asked from the kernel.
 */
#include "blocks.h"
#include "lock.h"

#define ULL(x)	((unsigned long long)(x))
/* Blocks in one answer of the kernel: some 70 bytes each. */
#define PAGE_BLOCKS	20000
/* Sectors in one message that moves data: so much cannot be interrupted. */
#define ACT_SECTORS	2048

int blocks_status(const char *name, struct kstat *k)
{
	char *reply = NULL;
	int r = remap_message(name, &reply, false, "status");

	if (!r && !kstat_parse(k, reply))
		r = fail(RC_FAILED, "%s: the kernel module answers in another version's language",
			 name);
	free(reply);
	return r;
}

int blocks_lock(const struct remap *m, const struct kstat *k, const char *work)
{
	char key[160];

	snprintf(key, sizeof(key), "%s%s", k->uuid[0] ? k->uuid : m->name,
		 strcmp(work, "retest --idle") ? "" : "-idle");
	return pair_lock(key, m->name, work);
}

int blocks_range(const char *name, u64 start, u64 count, struct kblocks *b)
{
	u64 next = start, end = start + count;
	struct kblocks page;
	struct kblock *more;
	size_t n;
	int r;

	memset(b, 0, sizeof(*b));
	do {
		char *reply = NULL;

		r = remap_message(name, &reply, false, "list %llu %u",
				  ULL(next), PAGE_BLOCKS);
		if (r)
			break;
		if (!kblocks_parse(&page, reply)) {
			r = fail(RC_FAILED, "%s: the kernel module answers in another version's language",
				 name);
			free(reply);
			free(page.b);
			break;
		}
		free(reply);
		n = page.nr;
		more = realloc(b->b, (b->nr + n + 1) * sizeof(*more));
		if (!more) {
			free(page.b);
			r = fail(RC_FAILED, "out of memory");
			break;
		}
		b->b = more;
		for (size_t i = 0; i < n && page.b[i].sector < end; i++)
			b->b[b->nr++] = page.b[i];
		if (n)
			next = page.b[n - 1].sector + 8;
		free(page.b);
	} while (n == PAGE_BLOCKS && next < end);
	if (r) {
		free(b->b);
		memset(b, 0, sizeof(*b));
	}
	return r;
}

int blocks_list(const char *name, struct kblocks *b)
{
	return blocks_range(name, 0, INT64_MAX, b);
}

const char *block_state(const struct kblock *b)
{
	static char buf[96];
	unsigned int valid = __builtin_popcount(b->valid);
	unsigned int lost = __builtin_popcount(b->lost);
	unsigned int rest = __builtin_popcount(kblock_rest(b));
	int n;

	if (b->known_bad)
		return "known bad";
	if (!lost && !rest)
		return b->unproven ? "remapped, unproven" : "remapped";
	n = snprintf(buf, sizeof(buf), "remapped in part: %u of %u sectors",
		     valid, b->sectors);
	if (rest)
		n += snprintf(buf + n, sizeof(buf) - n, ", %u known bad", rest);
	if (lost)
		n += snprintf(buf + n, sizeof(buf) - n, ", %u lost", lost);
	if (b->unproven)
		snprintf(buf + n, sizeof(buf) - n, ", unproven");
	return buf;
}

int blocks_act_once(const char *name, const char *message, u64 start,
		    u64 count, struct tally *t)
{
	unsigned long long done = 0, skipped = 0, failed = 0;
	char *reply = NULL;
	int r;

	r = remap_message(name, &reply, true, "%s %llu %llu", message,
			  ULL(start), ULL(count));
	switch (r) {
	case 0:
		break;
	case -EINTR:
		return RC_INTERRUPTED;
	case -ENOSPC:
		return fail(RC_FAILED, "%s: the spare is full; 'dmremap grow' or 'dmremap replace' it, and do the same again",
			    name);
	case -EROFS:
		return fail(RC_FAILED, "%s takes no changes: its mode is not rw ('dmremap status %s')",
			    name, name);
	case -EBUSY:
		return fail(RC_FAILED, "%s is suspended; 'dmsetup resume %s' first",
			    name, name);
	default:
		return fail(RC_FAILED, "%s: '%s' failed at sector %llu: %s; the kernel's log says more",
			    name, message, ULL(start), strerror(-r));
	}
	if (sscanf(reply, "%*[^=]=%llu skipped=%llu %*[^=]=%llu", &done,
		   &skipped, &failed) != 3)
		r = fail(RC_FAILED, "%s: the kernel module answers in another version's language",
			 name);
	t->done += done;
	t->skipped += skipped;
	t->failed += failed;
	free(reply);
	return r;
}

int blocks_act(const char *name, const char *message, const struct ranges *rs,
	       struct tally *t)
{
	u64 at = 0, past = 0, n;
	struct progress p;
	char extra[64];
	int r = ranges_whole(rs);
	size_t i;

	memset(t, 0, sizeof(*t));
	if (r)
		return r;
	catch_signals();
	progress_begin(&p, message, ranges_total(rs), 0);
	for (i = 0; i < rs->nr && !r && !interrupted(); i++) {
		u64 end = rs->r[i].start + rs->r[i].count;

		for (at = rs->r[i].start; at < end && !r && !interrupted();
		     at += n, past += n) {
			n = min_t(u64, ACT_SECTORS - at % 8, end - at);
			r = blocks_act_once(name, message, at, n, t);
			snprintf(extra, sizeof(extra), "%llu done, %llu failed",
				 ULL(t->done), ULL(t->failed));
			progress_at(&p, past + n, extra);
		}
	}
	progress_end(&p);
	if (r == RC_INTERRUPTED || (!r && interrupted()))
		r = fail(RC_INTERRUPTED, "interrupted at sector %llu; what was done so far stays done, the same command does the rest",
			 ULL(at));
	return r;
}

void blocks_ranges(const struct kblocks *b, struct ranges *rs)
{
	size_t i;

	for (i = 0; i < b->nr; i++)
		ranges_add(rs, b->b[i].sector, b->b[i].sectors);
	ranges_tidy(rs);
}

int range_arg(const struct remap *m, const char *arg, u64 *start, u64 *count)
{
	*start = 0;
	*count = m->sectors;
	if (!arg)
		return RC_OK;
	if (!parse_range(arg, start, count))
		return fail(RC_USAGE, "'%s' is not a range of sectors; write START, START+COUNT or START-LAST",
			    arg);
	if (*start >= m->sectors || *count > m->sectors - *start)
		return fail(RC_REFUSED, "%s: sectors %llu to %llu are beyond the end of the device (its last one is %llu)",
			    m->name, ULL(*start), ULL(*start + *count - 1),
			    ULL(m->sectors - 1));
	return RC_OK;
}
