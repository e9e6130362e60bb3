// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: a crash forgets all that was in memory.
 *
 * The core, and what is of the tool, is compiled with calloc, realloc and free
 * renamed to these.
 */
#include <stddef.h>
#include <stdlib.h>
#include "sim.h"

struct chunk {
	struct chunk *next, *prev;
	size_t size;
	max_align_t data[];
};

static struct chunk head = { &head, &head, 0 };

void *sim_calloc(size_t n, size_t size)
{
	struct chunk *c = calloc(1, sizeof(*c) + n * size);

	if (!c)
		return NULL;
	c->size = n * size;
	c->next = head.next;
	c->prev = &head;
	head.next->prev = c;
	head.next = c;
	return c->data;
}

void sim_free(void *p)
{
	struct chunk *c = p ? container_of(p, struct chunk, data) : NULL;

	if (!c)
		return;
	c->next->prev = c->prev;
	c->prev->next = c->next;
	free(c);
}

void *sim_realloc(void *p, size_t size)
{
	void *more = sim_calloc(1, size);

	if (more && p) {
		memcpy(more, p, min(size, container_of(p, struct chunk,
						       data)->size));
		sim_free(p);
	}
	return more;
}

void sim_free_all(void)
{
	while (head.next != &head)
		sim_free(head.next->data);
}

bool sim_nothing_allocated(void)
{
	return head.next == &head;
}
