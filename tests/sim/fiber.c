// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: stacks, and switching between them.
 */
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "fiber.h"

#define STACK_SIZE	(1024 * 1024)

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
static void *fake_stack;
static const void *outer_stack;
static size_t outer_size;
#endif

struct fiber fiber[NR_FIBERS + 1];

/*
 * A stack is entered with swapcontext() once; from then on _setjmp() does, which
 * does not ask the kernel for the signal mask each time.
 */
static ucontext_t entry, first[NR_FIBERS];
static jmp_buf outside, inside[NR_FIBERS];
static bool entered[NR_FIBERS];
static void (*main_of[NR_FIBERS])(void);
static u8 *stack[NR_FIBERS];
static struct fiber *current = &fiber[NR_FIBERS];
static bool crashed;

struct fiber *fiber_current(void)
{
	return current;
}

bool fiber_inside(void)
{
	return current != &fiber[NR_FIBERS];
}

static void leave(struct fiber *f, bool for_ever)
{
	current = &fiber[NR_FIBERS];
#ifdef __SANITIZE_ADDRESS__
	void *mine;

	__sanitizer_start_switch_fiber(for_ever ? NULL : &mine, outer_stack,
				       outer_size);
#endif
	(void)for_ever;
	if (!_setjmp(inside[f - fiber]))
		_longjmp(outside, 1);
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(mine, &outer_stack, &outer_size);
#endif
}

static void run(void)
{
	struct fiber *f = current;

#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(NULL, &outer_stack, &outer_size);
#endif
	main_of[f - fiber]();
	f->alive = false;
	leave(f, true);
}

void fiber_start(struct fiber *f, void (*fn)(void))
{
	u32 i = f - fiber;

	if (f->alive)
		violation("a fiber is started twice");
	if (!stack[i])
		stack[i] = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(f, 0, offsetof(struct fiber, done));
	f->alive = true;
	main_of[i] = fn;
	entered[i] = false;
}

static void enter(u32 i)
{
	ucontext_t *c = &first[i];

	if (entered[i])
		_longjmp(inside[i], 1);
	entered[i] = true;
	getcontext(c);
	c->uc_stack.ss_sp = stack[i];
	c->uc_stack.ss_size = STACK_SIZE;
	c->uc_link = NULL;
	makecontext(c, run, 0);
	swapcontext(&entry, c);
}

void fiber_go(struct fiber *f)
{
	if (fiber_inside())
		violation("a fiber lets another one work");
	current = f;
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_start_switch_fiber(&fake_stack, stack[f - fiber],
				       STACK_SIZE);
#endif
	if (!_setjmp(outside))
		enter(f - fiber);
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
#endif
	if (crashed) {
		crashed = false;
		fiber_reset();
		longjmp(W.crash, 1);
	}
}

void fiber_wait(bool (*ready)(struct fiber *f))
{
	struct fiber *f = current;

	f->ready = ready;
	leave(f, false);
	f->ready = NULL;
}

void fiber_crash(void)
{
	if (fiber_inside()) {
		crashed = true;
		leave(current, true);
	}
	fiber_reset();
	longjmp(W.crash, 1);
}

void fiber_reset(void)
{
	u32 i;

	for (i = 0; i <= NR_FIBERS; i++)
		memset(&fiber[i], 0, offsetof(struct fiber, done));
	current = &fiber[NR_FIBERS];
}

bool fiber_any_alive(void)
{
	u32 i;

	for (i = 0; i < NR_FIBERS; i++)
		if (fiber[i].alive)
			return true;
	return false;
}
