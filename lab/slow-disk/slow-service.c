// SPDX-License-Identifier: GPL-2.0-only
/*
 * slow-disk: a disk in memory that serves one request at a time and needs long
 * to say that a sector is bad, as a dying disk does. For the laboratory only.
 *
 * "mkdir /sys/kernel/config/slow-disk/NAME" makes a disk, and "echo 1 >power"
 * there lets /dev/NAME appear. Before that:
 *
 *   size          in MiB (default 64)
 *   block_size    the logical and
 *   physical_size the physical block in bytes (default 512 both)
 *   depth         requests that it takes at a time (default 64); more wait in the
 *                 block layer, where they can be merged
 *   write_cache   1: volatile until a flush (default 0)
 *   fua           1: with write_cache, FUA is native (default 0)
 *
 * at any time, also while requests wait:
 *
 *   error_ms      the time a request takes that fails
 *   service_us    the time of any other
 *   bad_reads     "+FIRST-LAST" or "-FIRST-LAST", more than one in a line: requests
 *   bad_writes    that touch these sectors fail. Of a write, what comes before the
 *                 first bad sector is written. Reading tells how many are bad.
 *   error         how: ioerr, medium, target, timeout or transport
 *   merge         1: what waits and adjoins the next request is served with it, and
 *                 fails with it, whatever the block layer's flags say
 *   readahead     0: reads with REQ_RAHEAD are refused at once
 *   fail_flushes  so many flushes fail, and each one loses all unflushed sectors
 *   lose          "1": loses them now
 *   reset         "1": the next request takes error_ms, and then fails with all that
 *                 wait: a link that was reset
 *   stop          1: nothing is served until it is 0 again
 *
 * and to be read: requests, failed, flushes (all that were served), waiting (those
 * that were not, the one in service included). The folder NAME in
 * /sys/kernel/debug/slow-disk has "log": for each request, in the order of service
 *
 *   <queued> <begun> <ended> R|W|F <sector> <sectors> <flags> ok|failed
 *
 * with times in us since the boot, and flags F (FUA), S (sync), A (readahead), M
 * (served with the request above), or "-". Writing to it empties it.
 */
#include <linux/bitmap.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/debugfs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/vmalloc.h>
#include "slow-disk.h"

#define CHUNK_ORDER	3
#define CHUNK_BYTES	(PAGE_SIZE << CHUNK_ORDER)
#define LOG_LINES	16384

/* Merging in the block layer; where all drivers have it, there is no such flag. */
#ifdef SLOW_NO_MERGE_FLAG
#define SLOW_TAG_FLAGS	0
#else
#define SLOW_TAG_FLAGS	BLK_MQ_F_SHOULD_MERGE
#endif

struct line {
	u64 queued, begun, ended;
	u64 sector;
	u32 sectors;
	char op;
	bool fua, sync, ahead, merged, failed;
};

struct waiting {
	struct list_head list;
	u64 queued;
};

struct dentry *slow_debug_root;

/*--------------------------------------------------------------------
 * Data
 *--------------------------------------------------------------------
 */

static void free_chunks(struct disk *d, void **chunks)
{
	u64 i, n = DIV_ROUND_UP(d->sectors * 512, CHUNK_BYTES);

	for (i = 0; chunks && i < n; i++)
		free_pages((unsigned long)chunks[i], CHUNK_ORDER);
	kvfree(chunks);
}

static void **alloc_chunks(struct disk *d)
{
	u64 i, n = DIV_ROUND_UP(d->sectors * 512, CHUNK_BYTES);
	void **chunks = kvcalloc(n, sizeof(*chunks), GFP_KERNEL);

	for (i = 0; chunks && i < n; i++) {
		chunks[i] = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
						     CHUNK_ORDER);
		if (!chunks[i]) {
			free_chunks(d, chunks);
			return NULL;
		}
	}
	return chunks;
}

static void *at(void **chunks, u64 byte)
{
	return chunks[byte / CHUNK_BYTES] + byte % CHUNK_BYTES;
}

/* Copies @bytes from the request's beginning, or to it. */
static void transfer(struct disk *d, struct request *rq, u64 bytes)
{
	u64 pos = blk_rq_pos(rq) * 512, first = pos;
	bool durable = d->medium && (!d->write_cache || rq->cmd_flags & REQ_FUA);
	struct req_iterator iter;
	struct bio_vec bv;

	rq_for_each_segment(bv, rq, iter) {
		u32 done = 0, n;
		u8 *p = bvec_kmap_local(&bv);

		while (done < bv.bv_len && bytes) {
			n = min_t(u64, bv.bv_len - done,
				  CHUNK_BYTES - pos % CHUNK_BYTES);
			n = min_t(u64, n, bytes);
			if (rq_data_dir(rq) == READ)
				memcpy(p + done, at(d->cache, pos), n);
			else
				memcpy(at(d->cache, pos), p + done, n);
			if (rq_data_dir(rq) == WRITE && durable)
				memcpy(at(d->medium, pos), p + done, n);
			pos += n;
			done += n;
			bytes -= n;
		}
		kunmap_local(p);
	}
	if (rq_data_dir(rq) == READ || !d->medium || pos == first)
		return;
	if (durable)
		bitmap_clear(d->dirty, first / 512, (pos - first) / 512);
	else
		bitmap_set(d->dirty, first / 512, (pos - first) / 512);
}

/* All unflushed sectors become durable, or are lost. */
static void settle(struct disk *d, bool lost)
{
	unsigned long s;

	if (!d->medium)
		return;
	for_each_set_bit(s, d->dirty, d->sectors) {
		if (lost)
			memcpy(at(d->cache, s * 512), at(d->medium, s * 512), 512);
		else
			memcpy(at(d->medium, s * 512), at(d->cache, s * 512), 512);
	}
	bitmap_zero(d->dirty, d->sectors);
}

/*--------------------------------------------------------------------
 * Service
 *--------------------------------------------------------------------
 */

static u64 now_us(void)
{
	return ktime_get_ns() / 1000;
}

void wake(struct disk *d)
{
	WRITE_ONCE(d->changes, d->changes + 1);
	wake_up_all(&d->changed);
}

/* Takes as long as the setting says, which may change meanwhile. */
static void spend(struct disk *d, const unsigned int *setting, u32 unit_us)
{
	u64 begun = ktime_get_ns();

	for (;;) {
		unsigned int changes = READ_ONCE(d->changes);
		u64 end = begun + (u64)READ_ONCE(*setting) * unit_us * 1000;
		u64 now = ktime_get_ns();

		if (now >= end || READ_ONCE(d->gone))
			return;
		wait_event_interruptible_hrtimeout(d->changed,
						   READ_ONCE(d->changes) != changes,
						   ns_to_ktime(end - now));
	}
}

static u64 first_bad(struct disk *d, struct request *rq)
{
	u64 end = blk_rq_pos(rq) + blk_rq_sectors(rq);
	u64 s = find_next_bit(d->bad[rq_data_dir(rq)], end, blk_rq_pos(rq));

	return min(s, end);
}

static bool is_bad(struct disk *d, struct request *rq)
{
	return blk_rq_sectors(rq) &&
	       first_bad(d, rq) < blk_rq_pos(rq) + blk_rq_sectors(rq);
}

static void note(struct disk *d, struct request *rq, u64 begun, bool merged,
		 bool failed)
{
	struct waiting *w = blk_mq_rq_to_pdu(rq);
	bool flush = req_op(rq) == REQ_OP_FLUSH;

	spin_lock(&d->lock);
	d->served++;
	d->failed += failed;
	d->flushes += flush;
	d->waiting--;
	if (d->log_lines < LOG_LINES)
		d->log[d->log_lines++] = (struct line) {
			.queued = w->queued, .begun = begun, .ended = now_us(),
			.sector = flush ? 0 : blk_rq_pos(rq),
			.sectors = blk_rq_sectors(rq),
			.op = flush ? 'F' : rq_data_dir(rq) == READ ? 'R' : 'W',
			.fua = rq->cmd_flags & REQ_FUA,
			.sync = rq->cmd_flags & REQ_SYNC,
			.ahead = rq->cmd_flags & REQ_RAHEAD,
			.merged = merged, .failed = failed,
		};
	spin_unlock(&d->lock);
}

static struct request *request_of(struct waiting *w)
{
	return blk_mq_rq_from_pdu(w);
}

/* Moves what waits and adjoins what is in @group there, as a controller does. */
static void gather(struct disk *d, struct list_head *group)
{
	struct request *rq = request_of(list_first_entry(group, struct waiting, list));
	u64 first = blk_rq_pos(rq), end = first + blk_rq_sectors(rq);
	enum req_op op = req_op(rq);
	struct waiting *w, *next;
	bool again = true;

	if (op == REQ_OP_FLUSH)
		return;
	while (again) {
		again = false;
		list_for_each_entry_safe(w, next, &d->requests, list) {
			rq = request_of(w);
			if (req_op(rq) != op)
				continue;
			if (blk_rq_pos(rq) == end)
				end += blk_rq_sectors(rq);
			else if (blk_rq_pos(rq) + blk_rq_sectors(rq) == first)
				first = blk_rq_pos(rq);
			else
				continue;
			list_move_tail(&w->list, group);
			again = true;
		}
	}
}

/* The next requests, one or those that are served with it. */
static bool take(struct disk *d, struct list_head *group)
{
	bool found;

	spin_lock_irq(&d->lock);
	found = !list_empty(&d->requests) && (!READ_ONCE(d->stop) || d->gone);
	if (found) {
		list_move(d->requests.next, group);
		if (READ_ONCE(d->merge))
			gather(d, group);
	}
	spin_unlock_irq(&d->lock);
	return found;
}

static blk_status_t flush(struct disk *d)
{
	blk_status_t status = BLK_STS_OK;

	mutex_lock(&d->data_lock);
	if (d->fail_flushes) {
		WRITE_ONCE(d->fail_flushes, d->fail_flushes - 1);
		status = BLK_STS_IOERR;
	}
	settle(d, status != BLK_STS_OK);
	mutex_unlock(&d->data_lock);
	return status;
}

static void serve(struct disk *d, struct list_head *group)
{
	struct waiting *w, *next;
	bool reset = xchg(&d->reset, 0), bad = reset, merged = false;
	blk_status_t status = BLK_STS_OK;
	u64 begun = now_us();

	list_for_each_entry(w, group, list)
		bad |= is_bad(d, request_of(w));
	if (bad)
		spend(d, &d->error_ms, 1000);
	else
		spend(d, &d->service_us, 1);
	if (bad)
		status = reset ? BLK_STS_IOERR : READ_ONCE(d->error);
	if (reset) {
		spin_lock_irq(&d->lock);
		list_splice_tail_init(&d->requests, group);
		spin_unlock_irq(&d->lock);
	}
	if (READ_ONCE(d->gone))
		status = BLK_STS_IOERR;
	list_for_each_entry_safe(w, next, group, list) {
		struct request *rq = request_of(w);
		u64 bytes = blk_rq_bytes(rq);

		list_del_init(&w->list);
		if (req_op(rq) == REQ_OP_FLUSH) {
			if (!status)
				status = flush(d);
		} else if (!status || rq_data_dir(rq) == WRITE) {
			if (status)
				bytes = (first_bad(d, rq) - blk_rq_pos(rq)) * 512;
			if (reset || d->gone)
				bytes = 0;
			mutex_lock(&d->data_lock);
			transfer(d, rq, bytes);
			mutex_unlock(&d->data_lock);
		}
		note(d, rq, begun, merged, status != BLK_STS_OK);
		merged = true;
		blk_mq_end_request(rq, status);
	}
}

static int slow_thread(void *data)
{
	struct disk *d = data;
	LIST_HEAD(group);

	while (!kthread_should_stop()) {
		unsigned int changes = READ_ONCE(d->changes);

		if (take(d, &group))
			serve(d, &group);
		else
			wait_event_interruptible(d->changed, kthread_should_stop() ||
						 READ_ONCE(d->changes) != changes);
	}
	return 0;
}

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx,
			     const struct blk_mq_queue_data *bd)
{
	struct disk *d = hctx->queue->queuedata;
	struct request *rq = bd->rq;
	struct waiting *w = blk_mq_rq_to_pdu(rq);
	unsigned long flags;

	switch (req_op(rq)) {
	case REQ_OP_READ:
		if (rq->cmd_flags & REQ_RAHEAD && !READ_ONCE(d->readahead))
			return BLK_STS_IOERR;
		break;
	case REQ_OP_WRITE:
	case REQ_OP_FLUSH:
		break;
	default:
		return BLK_STS_NOTSUPP;
	}
	blk_mq_start_request(rq);
	w->queued = now_us();
	spin_lock_irqsave(&d->lock, flags);
	list_add_tail(&w->list, &d->requests);
	d->waiting++;
	spin_unlock_irqrestore(&d->lock, flags);
	wake(d);
	return BLK_STS_OK;
}

/* It is slow, not lost. */
static enum blk_eh_timer_return timed_out(struct request *rq)
{
	return BLK_EH_RESET_TIMER;
}

static const struct blk_mq_ops mq_ops = {
	.queue_rq = queue_rq,
	.timeout = timed_out,
};

static const struct block_device_operations slow_fops = {
	.owner = THIS_MODULE,
};

/*--------------------------------------------------------------------
 * The log
 *--------------------------------------------------------------------
 */

static int log_show(struct seq_file *m, void *v)
{
	struct disk *d = m->private;
	u32 i;

	for (i = 0; i < READ_ONCE(d->log_lines); i++) {
		struct line *l = &d->log[i];

		seq_printf(m, "%llu %llu %llu %c %llu %u %s%s%s%s%s %s\n", l->queued,
			   l->begun, l->ended, l->op, l->sector, l->sectors,
			   l->fua ? "F" : "", l->sync ? "S" : "", l->ahead ? "A" : "",
			   l->merged ? "M" : "",
			   l->fua || l->sync || l->ahead || l->merged ? "" : "-",
			   l->failed ? "failed" : "ok");
	}
	return 0;
}

static int log_open(struct inode *inode, struct file *file)
{
	return single_open(file, log_show, inode->i_private);
}

static ssize_t log_write(struct file *file, const char __user *ubuf, size_t len,
			 loff_t *pos)
{
	struct disk *d = file_inode(file)->i_private;

	spin_lock_irq(&d->lock);
	d->log_lines = 0;
	spin_unlock_irq(&d->lock);
	return len;
}

static const struct file_operations log_fops = {
	.owner = THIS_MODULE,
	.open = log_open,
	.read = seq_read,
	.write = log_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/*--------------------------------------------------------------------
 * Power
 *--------------------------------------------------------------------
 */

static void free_data(struct disk *d)
{
	free_chunks(d, d->cache);
	free_chunks(d, d->medium);
	vfree(d->bad[READ]);
	vfree(d->bad[WRITE]);
	vfree(d->dirty);
	vfree(d->log);
	d->cache = NULL;
	d->medium = NULL;
	d->bad[READ] = NULL;
	d->bad[WRITE] = NULL;
	d->dirty = NULL;
	d->log = NULL;
}

static int alloc_data(struct disk *d)
{
	size_t bits;

	d->sectors = (u64)d->size << 11;
	bits = BITS_TO_LONGS(d->sectors) * sizeof(long);
	d->cache = alloc_chunks(d);
	d->bad[READ] = vzalloc(bits);
	d->bad[WRITE] = vzalloc(bits);
	d->dirty = vzalloc(bits);
	d->log = vzalloc(LOG_LINES * sizeof(*d->log));
	if (d->write_cache)
		d->medium = alloc_chunks(d);
	if (!d->cache || !d->bad[READ] || !d->bad[WRITE] || !d->dirty || !d->log ||
	    (d->write_cache && !d->medium)) {
		free_data(d);
		return -ENOMEM;
	}
	return 0;
}

#ifdef BLK_FEAT_WRITE_CACHE
static struct gendisk *alloc_gendisk(struct disk *d)
{
	struct queue_limits lim = {
		.logical_block_size = d->block_size,
		.physical_block_size = d->physical_size,
		.features = BLK_FEAT_ROTATIONAL |
			    (d->write_cache ? BLK_FEAT_WRITE_CACHE : 0) |
			    (d->write_cache && d->fua ? BLK_FEAT_FUA : 0),
	};

	return blk_mq_alloc_disk(&d->tags, &lim, d);
}
#else
static struct gendisk *alloc_gendisk(struct disk *d)
{
	struct gendisk *g = blk_mq_alloc_disk(&d->tags, d);

	if (!IS_ERR(g)) {
		blk_queue_logical_block_size(g->queue, d->block_size);
		blk_queue_physical_block_size(g->queue, d->physical_size);
		blk_queue_write_cache(g->queue, d->write_cache,
				      d->write_cache && d->fua);
	}
	return g;
}
#endif

int power_on(struct disk *d)
{
	int r = alloc_data(d);

	if (r)
		return r;
	d->gone = false;
	d->served = 0;
	d->failed = 0;
	d->flushes = 0;
	d->log_lines = 0;
	d->tags = (struct blk_mq_tag_set) {
		.ops = &mq_ops,
		.nr_hw_queues = 1,
		.queue_depth = d->depth,
		.numa_node = NUMA_NO_NODE,
		.cmd_size = sizeof(struct waiting),
		.flags = SLOW_TAG_FLAGS,
	};
	r = blk_mq_alloc_tag_set(&d->tags);
	if (r)
		goto no_tags;
	d->gendisk = alloc_gendisk(d);
	r = PTR_ERR_OR_ZERO(d->gendisk);
	if (r)
		goto no_disk;
	d->thread = kthread_run(slow_thread, d, "slow-disk/%s",
				config_item_name(&d->item));
	r = PTR_ERR_OR_ZERO(d->thread);
	if (r)
		goto no_thread;
	d->gendisk->flags |= GENHD_FL_NO_PART;
	d->gendisk->fops = &slow_fops;
	d->gendisk->private_data = d;
	strscpy(d->gendisk->disk_name, config_item_name(&d->item), DISK_NAME_LEN);
	set_capacity(d->gendisk, d->sectors);
	r = add_disk(d->gendisk);
	if (r)
		goto not_added;
	d->debug = debugfs_create_dir(config_item_name(&d->item), slow_debug_root);
	debugfs_create_file("log", 0600, d->debug, d, &log_fops);
	d->powered = true;
	return 0;

not_added:
	kthread_stop(d->thread);
no_thread:
	put_disk(d->gendisk);
no_disk:
	blk_mq_free_tag_set(&d->tags);
no_tags:
	free_data(d);
	return r;
}

void power_off(struct disk *d)
{
	debugfs_remove(d->debug);
	/* What waits fails at once. */
	WRITE_ONCE(d->gone, true);
	wake(d);
	del_gendisk(d->gendisk);
	kthread_stop(d->thread);
	put_disk(d->gendisk);
	blk_mq_free_tag_set(&d->tags);
	free_data(d);
	d->powered = false;
}

void lose(struct disk *d)
{
	mutex_lock(&d->data_lock);
	settle(d, true);
	mutex_unlock(&d->data_lock);
}
