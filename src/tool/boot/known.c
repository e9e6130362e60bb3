// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: main devices that are known by the spares that were seen.
 */
#include "boot/known.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const char *run_folder(void)
{
	return getenv("DMREMAP_RUN") ?: "/run/dmremap";
}

static const char *state_folder(void)
{
	return getenv("DMREMAP_STATE") ?: "/var/lib/dmremap";
}

/* Return: to be closed, or -errno. */
static int lock_file(const char *name, int how)
{
	char path[PATH_MAX];
	int fd;

	mkdir(run_folder(), 0755);
	snprintf(path, sizeof(path), "%s/%s", run_folder(), name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && !flock(fd, how))
		return fd;
	how = -errno;
	if (fd >= 0)
		close(fd);
	return how;
}

static void unlock_file(int lock)
{
	if (lock >= 0)
		close(lock);
}

int opening_lock(const char *uuid, bool wait)
{
	char name[64];

	snprintf(name, sizeof(name), "opening-%.40s", uuid);
	return lock_file(name, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
}

void opening_unlock(int lock)
{
	unlock_file(lock);
}

static struct known *find(struct knowns *list, const char *uuid)
{
	int i;

	for (i = 0; i < list->nr; i++)
		if (!strcmp(list->k[i].uuid, uuid))
			return &list->k[i];
	return NULL;
}

static struct known *add(struct knowns *list, const struct known *k)
{
	struct known *more = realloc(list->k, (list->nr + 1) * sizeof(*more));

	if (!more)
		return NULL;
	list->k = more;
	list->k[list->nr] = *k;
	return &list->k[list->nr++];
}

static void read_from(struct knowns *list, const char *folder)
{
	char path[PATH_MAX], line[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/known", folder);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		struct known k = { 0 };

		if (sscanf(line, "%39s %127s %127s %127[^\n]", k.uuid, k.name,
			   k.identity, k.spare) >= 3 && !find(list, k.uuid))
			add(list, &k);
	}
	if (f)
		fclose(f);
}

/* What /run says is newer. */
void known_read(struct knowns *list)
{
	memset(list, 0, sizeof(*list));
	read_from(list, run_folder());
	read_from(list, state_folder());
}

void known_free(struct knowns *list)
{
	free(list->k);
	memset(list, 0, sizeof(*list));
}

static bool write_to(const struct knowns *list, const char *folder)
{
	char path[PATH_MAX], tmp[PATH_MAX + 8];
	bool ok = true;
	FILE *f;
	int i;

	mkdir(folder, 0755);
	snprintf(path, sizeof(path), "%s/known", folder);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	f = fopen(tmp, "we");
	if (!f)
		return false;
	for (i = 0; i < list->nr; i++)
		ok = fprintf(f, "%s %s %s %s\n", list->k[i].uuid,
			     list->k[i].name, list->k[i].identity,
			     list->k[i].spare) > 0 && ok;
	ok = !fflush(f) && !fdatasync(fileno(f)) && ok;
	if (fclose(f) || !ok || rename(tmp, path)) {
		unlink(tmp);
		return false;
	}
	return true;
}

/* /var may not be there yet; what was put into /run is taken over then. */
static void write_all(const struct knowns *list)
{
	char path[PATH_MAX];

	if (!write_to(list, state_folder())) {
		write_to(list, run_folder());
		return;
	}
	snprintf(path, sizeof(path), "%s/known", run_folder());
	unlink(path);
}

bool known_add(const struct candidate *c)
{
	struct known k = { 0 }, *old;
	struct knowns list;
	bool changed;
	int lock;

	if (!c->sb.identity[0])
		return false;
	strscpy(k.uuid, area_uuid(c->sb.uuid), sizeof(k.uuid));
	strscpy(k.name, candidate_name(c), sizeof(k.name));
	strscpy(k.identity, c->sb.identity, sizeof(k.identity));
	snprintf(k.spare, sizeof(k.spare), "%.100s", c->spare.nr_identities ?
		 device_identity(&c->spare) : c->spare.path);
	lock = lock_file("known.lock", LOCK_EX);
	known_read(&list);
	old = find(&list, k.uuid);
	/* Of two copies of a spare, each event names another one: that is no news. */
	changed = !old || strcmp(old->name, k.name) ||
		  strcmp(old->identity, k.identity);
	if (!old || memcmp(old, &k, sizeof(k))) {
		if (old)
			*old = k;
		else
			add(&list, &k);
		write_all(&list);
	}
	known_free(&list);
	unlock_file(lock);
	return changed;
}

bool known_forget(const char *uuid)
{
	int lock = lock_file("known.lock", LOCK_EX);
	struct knowns list;
	struct known *k;

	known_read(&list);
	k = find(&list, uuid);
	if (k) {
		*k = list.k[--list.nr];
		write_all(&list);
	}
	known_free(&list);
	unlock_file(lock);
	return k != NULL;
}

static const char *names_it(const struct tab *t, const struct knowns *list,
			    const struct device *d)
{
	int i;

	for (i = 0; i < t->nr; i++)
		if (tab_means(t->line[i].main, d))
			return t->line[i].name;
	for (i = 0; i < list->nr; i++)
		if (device_is(d, list->k[i].identity))
			return list->k[i].name;
	return NULL;
}

const char *known_main(const struct tab *t, const struct knowns *list,
		       const struct device *d, bool *itself)
{
	const char *name = names_it(t, list, d);
	struct device disk;

	*itself = name != NULL;
	if (!name && d->partition && !device_known(d->whole, &disk))
		name = names_it(t, list, &disk);
	return name;
}

/*--------------------------------------------------------------------
 * Closed by hand
 *--------------------------------------------------------------------
 */
static void mark_path(char *path, size_t size, const char *uuid)
{
	snprintf(path, size, "%s/closed-%s", run_folder(), uuid);
}

void closed_set(const char *uuid, bool closed)
{
	char path[PATH_MAX];
	int fd;

	mark_path(path, sizeof(path), uuid);
	if (!closed) {
		unlink(path);
		return;
	}
	mkdir(run_folder(), 0755);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
}

bool closed_by_hand(const char *uuid)
{
	char path[PATH_MAX];

	mark_path(path, sizeof(path), uuid);
	return !access(path, F_OK);
}

/*--------------------------------------------------------------------
 * Guards
 *--------------------------------------------------------------------
 */
static void guard_name(const struct device *d, char *name, size_t size)
{
	snprintf(name, size, "dmremap-guard-%u-%u", major(d->devno),
		 minor(d->devno));
}

int guard_set(const struct device *d)
{
	char name[DM_NAME], uuid[DM_NAME];

	guard_name(d, name, sizeof(name));
	snprintf(uuid, sizeof(uuid), DM_GUARD_UUID "%u-%u", major(d->devno),
		 minor(d->devno));
	return dm_claim(name, uuid, d);
}

void guard_clear(const struct device *d)
{
	char name[DM_NAME];

	guard_name(d, name, sizeof(name));
	dm_unclaim(name);
}

static void change_event(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "change", 6) < 0)
		note("dmremap: cannot have udev look at %s again: %s", path,
		     strerror(errno));
	close(fd);
}

void udev_again(dev_t devno)
{
	char dir[64], path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(devno),
		 minor(devno));
	snprintf(path, sizeof(path), "%s/uevent", dir);
	change_event(path);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s/partition", dir, e->d_name);
		if (e->d_name[0] == '.' || access(path, F_OK))
			continue;
		snprintf(path, sizeof(path), "%s/%s/uevent", dir, e->d_name);
		change_event(path);
	}
	if (d)
		closedir(d);
}
