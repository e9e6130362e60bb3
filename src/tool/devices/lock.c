// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: long work on a pair, one at a time.
 */
#include "lock.h"
#include "face/tool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *run_folder(void)
{
	return getenv("DMREMAP_RUN") ?: "/run/dmremap";
}

/*
 * Not the file is the lock, but the kernel's record lock on it, which ends with its
 * process and knows which one that is. The file stays, and says which command it was.
 */
int pair_lock(const char *uuid, const char *name, const char *work)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX], holder[32] = "";
	int fd;

	mkdir(run_folder(), 0755);
	snprintf(path, sizeof(path), "%s/lock-%s", run_folder(), uuid);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(RC_FAILED, "%s cannot be locked against other work on it: %s: %s",
			    name, path, strerror(errno));
	while (fcntl(fd, F_SETLK, &lock)) {
		if (errno != EAGAIN && errno != EACCES)
			return fail(RC_FAILED, "%s cannot be locked against other work on it: %s: %s",
				    name, path, strerror(errno));
		if (fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK) {
			lock.l_type = F_WRLCK;
			continue;
		}
		if (pread(fd, holder, sizeof(holder) - 1, 0) < 0)
			holder[0] = '\0';
		holder[strcspn(holder, "\n")] = '\0';
		close(fd);
		return fail(RC_REFUSED, "'dmremap %s' of %s is under way (process %d); wait for it, or interrupt it: 'kill -INT %d'",
			    holder, name, (int)lock.l_pid, (int)lock.l_pid);
	}
	/* Stays open: the lock is this program's. */
	if (ftruncate(fd, 0) || dprintf(fd, "%s\n", work) < 0)
		note("note: %s: %s", path, strerror(errno));
	return RC_OK;
}
