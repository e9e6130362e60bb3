/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap: just enough of the kernel's language for the core to be built in
 * userspace. Single-threaded: RCU, barriers and atomics are plain accesses.
 */
#ifndef KERNEL_SHIM_H
#define KERNEL_SHIM_H

#include <assert.h>
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int8_t s8;
typedef long long s64;
typedef uint16_t __le16;
typedef uint32_t __le32;
typedef u64 __le64;

#define U64_MAX			(~0ULL)
#define U32_MAX			(~0U)
#define cpu_to_le16(x)		htole16(x)
#define cpu_to_le32(x)		htole32(x)
#define cpu_to_le64(x)		htole64(x)
#define le16_to_cpu(x)		le16toh(x)
#define le32_to_cpu(x)		le32toh(x)
#define le64_to_cpu(x)		le64toh(x)

#define __packed		__attribute__((__packed__))
#define __printf(a, b)		__attribute__((__format__(__printf__, a, b)))
#define __rcu
#define __must_check		__attribute__((__warn_unused_result__))
#define fallthrough		__attribute__((__fallthrough__))
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define round_up(x, y)		((((x) - 1) | ((__typeof__(x))((y) - 1))) + 1)
#define round_down(x, y)	((x) & ~((__typeof__(x))((y) - 1)))
#define BITS_PER_LONG		(8 * (int)sizeof(long))
#define BITS_TO_LONGS(n)	DIV_ROUND_UP(n, (size_t)BITS_PER_LONG)
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define min(a, b)		({ __typeof__(a) a_ = (a); \
				   __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b)		({ __typeof__(a) a_ = (a); \
				   __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define min_t(t, a, b)		min((t)(a), (t)(b))
#define max_t(t, a, b)		max((t)(a), (t)(b))
#define swap(a, b)		do { __typeof__(a) t_ = (a); (a) = (b); \
				     (b) = t_; } while (0)
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)
#define WARN_ON_ONCE(x)		({ bool w_ = (x); assert(!w_); w_; })

/* Memory ordering */
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define smp_store_release(p, v)	WRITE_ONCE(*(p), v)
#define smp_load_acquire(p)	READ_ONCE(*(p))
#define rcu_dereference(p)	READ_ONCE(p)
#define rcu_dereference_check(p, c)	READ_ONCE(p)
#define rcu_dereference_protected(p, c)	(p)
#define rcu_assign_pointer(p, v)	WRITE_ONCE(p, v)
#define RCU_INIT_POINTER(p, v)	WRITE_ONCE(p, v)
#define rcu_read_lock_sched_held()	true
#define rcu_read_lock()		do { } while (0)
#define rcu_read_unlock()	do { } while (0)

typedef struct { s64 counter; } atomic64_t;
#define atomic64_read(v)	((v)->counter)
#define atomic64_set(v, i)	((v)->counter = (i))
#define atomic64_inc(v)		((void)((v)->counter++))
#define atomic64_add(i, v)	((void)((v)->counter += (i)))

/*
 * Memory. kernel_shim_fail_alloc lets a test make allocations fail; one without
 * __GFP_NORETRY would wait for memory instead.
 */
typedef unsigned int gfp_t;
#define GFP_KERNEL		0u
#define GFP_NOIO		0u
#define __GFP_NOWARN		0u
#define __GFP_NORETRY		1u
#define __GFP_ZERO		0u
extern bool (*kernel_shim_fail_alloc)(gfp_t gfp);

static inline void *kvcalloc(size_t n, size_t size, gfp_t gfp)
{
	if (kernel_shim_fail_alloc && kernel_shim_fail_alloc(gfp))
		return NULL;
	return calloc(n, size);
}

#define kvzalloc(size, gfp)	kvcalloc(1, size, gfp)
#define kzalloc(size, gfp)	kvcalloc(1, size, gfp)
#define kvzalloc_obj(obj)	((typeof(obj) *)kvcalloc(1, sizeof(obj), GFP_KERNEL))
#define kvmalloc(size, gfp)	kvcalloc(1, size, gfp)
#define kcalloc(n, size, gfp)	kvcalloc(n, size, gfp)
#define kvmalloc_array(n, size, gfp)	kvcalloc(n, size, gfp)
/* Of zeroes, whether or not it is asked for. */
#define __vmalloc(size, gfp)	kvcalloc(1, size, gfp)
#define kvfree(p)		free(p)
#define vfree(p)		free(p)
#define kfree(p)		free(p)

#define cond_resched()		do { } while (0)

/* Bits */
static inline bool test_bit(unsigned long nr, const unsigned long *map)
{
	return map[nr / BITS_PER_LONG] >> (nr % BITS_PER_LONG) & 1;
}

static inline void set_bit(unsigned long nr, unsigned long *map)
{
	map[nr / BITS_PER_LONG] |= 1UL << (nr % BITS_PER_LONG);
}

static inline void __clear_bit(unsigned long nr, unsigned long *map)
{
	map[nr / BITS_PER_LONG] &= ~(1UL << (nr % BITS_PER_LONG));
}

static inline unsigned long find_next_bit(const unsigned long *map,
					  unsigned long size, unsigned long at)
{
	while (at < size && !test_bit(at, map))
		at += map[at / BITS_PER_LONG] ? 1 :
		      BITS_PER_LONG - at % BITS_PER_LONG;
	return at < size ? at : size;
}

static inline unsigned long find_last_bit(const unsigned long *map,
					  unsigned long size)
{
	unsigned long at = size;

	while (at--)
		if (test_bit(at, map))
			return at;
	return size;
}

static inline void bitmap_set(unsigned long *map, unsigned int at,
			      unsigned int nr)
{
	while (nr--)
		set_bit(at++, map);
}

static inline void bitmap_clear(unsigned long *map, unsigned int at,
				unsigned int nr)
{
	while (nr--)
		__clear_bit(at++, map);
}

static inline unsigned int bitmap_weight(const unsigned long *map,
					 unsigned int nr)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr; i++)
		n += test_bit(i, map);
	return n;
}

#define find_first_bit(map, size)	find_next_bit(map, size, 0)
#define bitmap_fill(map, nr)	bitmap_set(map, 0, nr)
#define __set_bit		set_bit
#define hweight8(x)		((unsigned int)__builtin_popcount((u8)(x)))
#define fls64(x)		((x) ? 64 - __builtin_clzll(x) : 0)
#define ffs(x)			__builtin_ffs(x)

static inline u64 div_u64(u64 a, u32 b)
{
	return a / b;
}

static inline u64 div64_u64(u64 a, u64 b)
{
	return a / b;
}

static inline u64 div_u64_rem(u64 a, u32 b, u32 *rem)
{
	*rem = a % b;
	return a / b;
}

#define GOLDEN_RATIO_64		0x61C8864680B583EBull

static inline void *memchr_inv(const void *p, int c, size_t n)
{
	const u8 *b = p;
	size_t i;

	for (i = 0; i < n; i++)
		if (b[i] != (u8)c)
			return (void *)(b + i);
	return NULL;
}

static inline void sort(void *base, size_t nr, size_t size,
			int (*cmp)(const void *, const void *), void *swap_fn)
{
	(void)swap_fn;
	qsort(base, nr, size, cmp);
}

#define strscpy(d, s, n)	((void)snprintf(d, n, "%s", s))

u32 crc32c(u32 crc, const void *data, size_t len);

/* Lists */
struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(n)	{ &(n), &(n) }
#define LIST_HEAD(n)		struct list_head n = LIST_HEAD_INIT(n)
#define list_entry(p, t, m)	container_of(p, t, m)
#define list_first_entry(h, t, m)	list_entry((h)->next, t, m)
#define list_first_entry_or_null(h, t, m) \
	(list_empty(h) ? NULL : list_first_entry(h, t, m))
#define list_for_each_entry(p, h, m) \
	for (p = list_entry((h)->next, __typeof__(*p), m); &p->m != (h); \
	     p = list_entry(p->m.next, __typeof__(*p), m))
#define list_for_each_entry_safe(p, n, h, m) \
	for (p = list_entry((h)->next, __typeof__(*p), m), \
	     n = list_entry(p->m.next, __typeof__(*p), m); &p->m != (h); \
	     p = n, n = list_entry(n->m.next, __typeof__(*n), m))

static inline void INIT_LIST_HEAD(struct list_head *h)
{
	h->next = h;
	h->prev = h;
}

static inline bool list_empty(const struct list_head *h)
{
	return h->next == h;
}

static inline void list_add_tail(struct list_head *n, struct list_head *h)
{
	n->prev = h->prev;
	n->next = h;
	h->prev->next = n;
	h->prev = n;
}

static inline void list_del(struct list_head *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}

static inline void list_move_tail(struct list_head *n, struct list_head *h)
{
	list_del(n);
	list_add_tail(n, h);
}

static inline void list_splice_tail_init(struct list_head *l,
					 struct list_head *h)
{
	if (list_empty(l))
		return;
	l->next->prev = h->prev;
	h->prev->next = l->next;
	l->prev->next = h;
	h->prev = l->prev;
	INIT_LIST_HEAD(l);
}

/* Block layer: names and numbers as in include/linux/blk_types.h */
typedef u8 blk_status_t;
typedef u32 blk_opf_t;

#define BLK_STS_OK		0
#define BLK_STS_NOTSUPP		1
#define BLK_STS_TIMEOUT		2
#define BLK_STS_NOSPC		3
#define BLK_STS_TRANSPORT	4
#define BLK_STS_TARGET		5
#define BLK_STS_RESV_CONFLICT	6
#define BLK_STS_MEDIUM		7
#define BLK_STS_PROTECTION	8
#define BLK_STS_RESOURCE	9
#define BLK_STS_IOERR		10
#define BLK_STS_AGAIN		12
#define BLK_STS_OFFLINE		16

enum req_op {
	REQ_OP_READ = 0,
	REQ_OP_WRITE = 1,
	REQ_OP_FLUSH = 2,
	REQ_OP_DISCARD = 3,
	REQ_OP_SECURE_ERASE = 5,
	REQ_OP_WRITE_ZEROES = 9,
};

#define REQ_OP_MASK		255u
#define REQ_FUA			(1u << 17)
#define REQ_PREFLUSH		(1u << 18)

#endif
