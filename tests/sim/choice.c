// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: where decisions come from.
 */
#include "sim.h"

#include "exhaust.h"

static u64 rng;
static const u32 *given;
static u32 nr_given;
static u32 max_choices;

u32 *choices;
u32 nr_choices;
u32 *choice_max;
bool tracing;
const char *trace_prefix = "";

static u64 next(void)
{
	u64 z = rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

void choices_from_seed(u64 seed)
{
	rng = seed * 0x2545f4914f6cdd1dULL + 1;
	given = NULL;
	nr_choices = 0;
}

void choices_from_list(const u32 *list, u32 nr)
{
	given = list;
	nr_given = nr;
	nr_choices = 0;
}

u32 pick(u32 n)
{
	u32 c = 0;

	if (given) {
		if (nr_choices < nr_given && n)
			c = given[nr_choices] % n;
	} else if (n > 1) {
		c = (next() >> 32) * n >> 32;
	}
	if (nr_choices == max_choices) {
		max_choices = max_choices * 2 + 4096;
		choices = realloc(choices, max_choices * sizeof(*choices));
		choice_max = realloc(choice_max,
				     max_choices * sizeof(*choice_max));
	}
	choice_max[nr_choices] = n;
	choices[nr_choices++] = c;
	return c;
}

bool chance(u32 permille)
{
	/* 0 must mean no. */
	return permille && pick(1000) >= 1000 - permille;
}

void trace(const char *fmt, ...)
{
	va_list args;

	if (!tracing)
		return;
	va_start(args, fmt);
	printf("%s%6llu  ", trace_prefix, (unsigned long long)W.now);
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
}
