/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: main devices that are known by the spares that were seen, so that
 * they can be kept from use when the spare is not there.
 */
#ifndef DMREMAP_KNOWN_H
#define DMREMAP_KNOWN_H

#include "boot/table.h"

/* A pair of which the spare was seen once. */
struct known {
	char uuid[40];			/* of the spare */
	char name[DM_NAME];
	char identity[DMR_IDENTITY_LEN];	/* of main */
	char spare[128];		/* what the spare was, for people */
};

struct knowns {
	struct known *k;
	int nr;
};

/*
 * Known pairs are in /var/lib/dmremap/known, and until that can be written in
 * /run/dmremap/known. $DMREMAP_STATE and $DMREMAP_RUN name other folders.
 */
void known_read(struct knowns *list);
void known_free(struct knowns *list);

/* Remember a pair. Return: is main now to be looked at again? */
bool known_add(const struct candidate *c);
/* Forget it. Return: was it known? */
bool known_forget(const char *uuid);

/*
 * Whose main device is it: by the table, by what is known, or by its disk if it
 * is a partition of one? @itself: not by its disk. Return: the name of the pair,
 * or NULL.
 */
const char *known_main(const struct tab *t, const struct knowns *list,
		       const struct device *d, bool *itself);

/*
 * A pair is opened, or forgotten, by one at a time: whoever does has the lock of its UUID
 * meanwhile, and looks under it whether the pair is open. Nobody has it while a person is
 * asked. May wait as long as the errors of
 * the pair's devices take. Return: for opening_unlock(), which ignores errors; -EWOULDBLOCK if
 * another process has it, and @wait is false; another -errno if there can be no lock.
 */
int opening_lock(const char *uuid, bool wait);
void opening_unlock(int lock);

/* Marks in /run: the pair was closed by hand, and is not to be opened by itself. */
void closed_set(const char *uuid, bool closed);
bool closed_by_hand(const char *uuid);

/*--------------------------------------------------------------------
 * Guards: a device-mapper device without a live table claims a main device, so
 * that nothing but device-mapper can take it: no mount, no md, no ZFS. LVM is told by
 * the UUID: a disk whose holder is a multipath device is none of its business. So the
 * guard of a main device stays while the pair is open; that of a spare goes.
 *--------------------------------------------------------------------
 */

/* Return: 0 or -errno. */
int guard_set(const struct device *d);
void guard_clear(const struct device *d);

/* Have udev look at a device again, and at its partitions. */
void udev_again(dev_t devno);

#endif
