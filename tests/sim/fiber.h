/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-remap simulator: those who work at the same time: the engine's batch, the
 * examinations, and the administrator. Each has a stack of its own, and gives way
 * only where the real one could be overtaken: at I/O, at a lock, while it waits.
 * Who goes on is the choice of the world (world.c), so a run stays a list of small
 * numbers.
 */
#ifndef FIBER_H
#define FIBER_H

#include "sim.h"

enum fiber_kind { FIBER_BATCH, FIBER_ADMIN, FIBER_EXAM };

#define NR_EXAM_FIBERS	3
#define NR_FIBERS	(FIBER_EXAM + NR_EXAM_FIBERS)

/* How an I/O ends that is decided together with others: see merge.c. */
struct fate {
	bool known;		/* it fails, with what it was merged with */
	bool slow;		/* main takes DMR_SLOW_MS or longer to fail it */
	blk_status_t status;
};

#define MAX_IOS		(2 * DMR_EXAM_BLOCKS + 64)

struct fiber {
	bool alive;
	bool paused;		/* goes on only when nobody else can */
	/* What it waits for; NULL if it may go on. */
	bool (*ready)(struct fiber *f);
	u64 since;		/* stamp, of the wait */
	bool settled;
	enum dmr_dev dev;	/* that it drains */

	/* I/O to main that dmr_env_drain() knows of */
	u64 ticket;		/* stamp, or 0 */
	/* It waited for a retry that was slow, and the device is being suspended. */
	bool late;

	/* I/O under way */
	struct dmr_env *env;
	struct dmr_io *ios;
	u32 nr_ios;
	bool done[MAX_IOS];
	struct fate fate[MAX_IOS];
};

/* [NR_FIBERS] stands for whoever is no fiber: loading, formatting, the tool. */
extern struct fiber fiber[NR_FIBERS + 1];

/* The one at work; never NULL. */
struct fiber *fiber_current(void);
bool fiber_inside(void);
/* Start @fn on the stack of a fiber that is not alive. It runs at fiber_go(). */
void fiber_start(struct fiber *f, void (*fn)(void));
/* Let a fiber work until it gives way. From outside only. */
void fiber_go(struct fiber *f);
/* Give way until @ready, or for a while if that is NULL. From inside only. */
void fiber_wait(bool (*ready)(struct fiber *f));
/* The power goes: no fiber is alive any more, and W.crash is jumped to. */
void fiber_crash(void) __attribute__((__noreturn__));
void fiber_reset(void);
bool fiber_any_alive(void);

#endif
