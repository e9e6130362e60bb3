// SPDX-License-Identifier: GPL-2.0-only
/*
 * bio-loop: what does one bio cost? For measurements only.
 *
 * Write to /sys/kernel/debug/bio-loop:
 *
 *   <device> read|write random|set|clustered|fresh <count> <sectors> <n>
 *
 * and that many 4 KiB bios are made, submitted and awaited, one after the
 * other, within the first <sectors> (a power of two, in 4 KiB blocks) of the
 * device. "random" takes any block; "set" and "clustered" one of the <n> blocks
 * that bench/mkspare puts on a spare; "fresh" the ones it would put there next.
 * Reading the file gives
 *
 *   <cycles> <ns> <mean ns>
 *
 * for one bio, in hundredths: the first two are medians over groups of 256
 * bios, which an interrupt now and then does not change. When QEMU counts
 * instructions with --icount 0, a cycle is an instruction, and a nanosecond.
 *
 * Write "this_cpu", and it tells the same of this_cpu_inc() and this_cpu_dec()
 * together: one instruction each on x86, but not in user-mode Linux.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/sort.h>
#include <linux/timex.h>
#include <linux/uaccess.h>

#include "../pattern.h"

#define GROUP	256

#ifdef CONFIG_ARM64
/* Its counter is slower than instructions are. */
#undef get_cycles
#define get_cycles	ktime_get_ns
#endif

static struct dentry *file;
static DEFINE_MUTEX(lock);
static DEFINE_PER_CPU(long, counter);
static char result[100];

static void loop_done(struct bio *bio)
{
	complete(bio->bi_private);
}

static int one_bio(struct block_device *bdev, blk_opf_t opf, struct page *page,
		   u64 block)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct bio *bio = bio_alloc(bdev, 1, opf, GFP_KERNEL);
	int r;

	bio->bi_iter.bi_sector = block << 3;
	bio->bi_private = &done;
	bio->bi_end_io = loop_done;
	__bio_add_page(bio, page, 4096, 0);
	submit_bio(bio);
	wait_for_completion_io(&done);
	r = blk_status_to_errno(bio->bi_status);
	bio_put(bio);
	return r;
}

static u64 pick(const char *pattern, u64 random, u64 i, u64 blocks, u64 n)
{
	switch (pattern[0]) {
	case 'f':
		return pattern_scattered(n + i, ilog2(blocks));
	case 's':
		return pattern_scattered(random % n, ilog2(blocks));
	case 'c':
		return pattern_clustered(random % n, ilog2(blocks));
	default:
		return random & (blocks - 1);
	}
}

static int count_up_and_down(u32 n)
{
	while (n--) {
		this_cpu_inc(counter);
		barrier();
		this_cpu_dec(counter);
	}
	return 0;
}

static int bios(struct block_device *bdev, blk_opf_t opf, struct page *page,
		const u64 *todo)
{
	int r = 0;
	u32 i;

	for (i = 0; i < GROUP && !r; i++)
		r = one_bio(bdev, opf, page, todo[i]);
	return r;
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* @bdev: NULL to measure count_up_and_down() instead */
static int measure(struct block_device *bdev, blk_opf_t opf,
		   const char *pattern, u32 groups, u64 blocks, u64 n)
{
	u64 *cycles = kvcalloc(groups, 2 * sizeof(u64), GFP_KERNEL);
	u64 *ns = cycles + groups, random = 88172645463325252ULL, t0, c0, sum = 0;
	u64 *todo = kmalloc_array(GROUP, sizeof(u64), GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	u32 g, i;
	int r = cycles && todo && page ? 0 : -ENOMEM;

	for (g = 0; g < groups && !r; g++) {
		for (i = 0; i < GROUP; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			todo[i] = pick(pattern, random, g * GROUP + i, blocks,
				       n);
		}
		t0 = ktime_get_ns();
		c0 = get_cycles();
		r = bdev ? bios(bdev, opf, page, todo) :
			   count_up_and_down(GROUP);
		cycles[g] = (get_cycles() - c0) * 100 / GROUP;
		ns[g] = (ktime_get_ns() - t0) * 100 / GROUP;
		sum += ns[g];
		cond_resched();
	}
	if (!r) {
		sort(cycles, groups, sizeof(u64), by_value, NULL);
		sort(ns, groups, sizeof(u64), by_value, NULL);
		snprintf(result, sizeof(result), "%llu %llu %llu\n",
			 cycles[groups / 2], ns[groups / 2], sum / groups);
	}
	if (page)
		__free_page(page);
	kfree(todo);
	kvfree(cycles);
	return r;
}

static ssize_t loop_write(struct file *f, const char __user *ubuf, size_t len,
			  loff_t *pos)
{
	char buf[200], path[100], op[8], pattern[12];
	unsigned long long sectors, n;
	struct file *dev;
	u32 count;
	int r;

	if (len >= sizeof(buf) || copy_from_user(buf, ubuf, len))
		return -EINVAL;
	buf[len] = '\0';
	if (!strcmp(strim(buf), "this_cpu")) {
		mutex_lock(&lock);
		r = measure(NULL, REQ_OP_READ, "random", 4096, 1, 1);
		mutex_unlock(&lock);
		return r ?: len;
	}
	if (sscanf(buf, "%99s %7s %11s %u %llu %llu", path, op, pattern, &count,
		   &sectors, &n) != 6 ||
	    count < GROUP || (pattern[0] != 'f' && !n) || !is_power_of_2(sectors >> 3))
		return -EINVAL;
	dev = filp_open(path, O_RDWR | O_DIRECT, 0);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	mutex_lock(&lock);
	r = !S_ISBLK(file_inode(dev)->i_mode) ? -ENOTBLK :
	    measure(I_BDEV(dev->f_mapping->host),
		    op[0] == 'r' ? REQ_OP_READ : REQ_OP_WRITE, pattern,
		    count / GROUP, sectors >> 3, n);
	mutex_unlock(&lock);
	filp_close(dev, NULL);
	return r ?: len;
}

static ssize_t loop_read(struct file *f, char __user *ubuf, size_t len,
			 loff_t *pos)
{
	return simple_read_from_buffer(ubuf, len, pos, result, strlen(result));
}

static const struct file_operations loop_fops = {
	.owner = THIS_MODULE,
	.read = loop_read,
	.write = loop_write,
};

static int __init loop_init(void)
{
	file = debugfs_create_file("bio-loop", 0600, NULL, NULL, &loop_fops);
	return PTR_ERR_OR_ZERO(file);
}

static void __exit loop_exit(void)
{
	debugfs_remove(file);
}

module_init(loop_init);
module_exit(loop_exit);

MODULE_DESCRIPTION("the cost of one bio");
MODULE_LICENSE("GPL");
