// SPDX-License-Identifier: GPL-2.0-only
#include <linux/lockdep.h>
#include <linux/mutex.h>

bool probe(struct mutex *m);
bool probe(struct mutex *m)
{
	return lockdep_is_held(m);
}
