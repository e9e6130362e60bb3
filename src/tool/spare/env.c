// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: the world as the store sees it.
 */
#include "env.h"
#include "face/tool.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOUNCE	(128 * 1024)

/* Two programs that write to one area harm it; beside each other they may. */
static int lock_area(const struct dmr_env *env)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET,
		.l_start = env->start << 9, .l_len = 1,
	};

	return fcntl(env->fd, F_OFD_SETLK, &lock) &&
	       (errno == EAGAIN || errno == EACCES) ? -EBUSY : 0;
}

int env_open(struct dmr_env *env, const char *path, u64 start, bool write)
{
	int flags = O_CLOEXEC | (write ? O_RDWR : O_RDONLY);
	struct stat st;
	unsigned int i;

	memset(env, 0, sizeof(*env));
	env->fd = -1;
	env->start = start;
	env->writable = write;
	if (stat(path, &st))
		return -errno;
	/*
	 * The kernel module does not go through the page cache of the block
	 * device, so neither may this: what is cached can be old.
	 */
	if (S_ISBLK(st.st_mode))
		flags |= O_DIRECT;
	if (S_ISBLK(st.st_mode) && write) {
		env->fd = open(path, flags | O_EXCL);
		/* Another spare area on the same disk may be open. */
	}
	if (env->fd < 0)
		env->fd = open(path, flags);
	if (env->fd < 0)
		return -errno;
	if (posix_memalign(&env->bounce, 4096, BOUNCE))
		return -ENOMEM;
	for (i = 0; i < DMR_NR_SUPERS; i++) {
		env->held[i] = calloc(1, DMR_BLOCK_SIZE);
		if (!env->held[i])
			return -ENOMEM;
	}
	return write ? lock_area(env) : 0;
}

void env_close(struct dmr_env *env)
{
	unsigned int i;

	if (env->fd >= 0)
		close(env->fd);
	free(env->bounce);
	for (i = 0; i < DMR_NR_SUPERS; i++)
		free(env->held[i]);
	memset(env, 0, sizeof(*env));
	env->fd = -1;
}

int env_unclaim(struct dmr_env *env, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_DIRECT);

	if (fd < 0)
		return -errno;
	close(env->fd);
	env->fd = fd;
	return lock_area(env);
}

/* Of one block: what a longer read says of its first one is nothing. */
static bool has_failed(const struct dmr_env *env, off_t at, size_t size)
{
	unsigned int i;

	if (size > DMR_BLOCK_SIZE)
		return false;
	for (i = 0; i < env->nr_failed; i++)
		if (env->failed[i] == at)
			return true;
	return false;
}

static void note_failed(struct dmr_env *env, off_t at, size_t size)
{
	if (!env->writable && size <= DMR_BLOCK_SIZE &&
	    env->nr_failed < ARRAY_SIZE(env->failed))
		env->failed[env->nr_failed++] = at;
}

static int transfer(struct dmr_env *env, bool write, off_t at, size_t size,
		    void *buf)
{
	const off_t start = at;
	const size_t whole = size;

	if (has_failed(env, start, whole)) {
		env->error = EIO;
		return -EIO;
	}
	while (size) {
		size_t n = min_t(size_t, size, BOUNCE);
		ssize_t r;

		if (write) {
			memcpy(env->bounce, buf, n);
			r = pwrite(env->fd, env->bounce, n, at);
		} else {
			r = pread(env->fd, env->bounce, n, at);
		}
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			env->error = r ? errno : ENODATA;
			note_failed(env, start, whole);
			return -EIO;
		}
		if (!write)
			memcpy(buf, env->bounce, r);
		buf += r;
		at += r;
		size -= r;
	}
	return 0;
}

static int flush(struct dmr_env *env)
{
	if (!fdatasync(env->fd))
		return 0;
	env->error = errno;
	env->flush_errors++;
	return -EIO;
}

static u8 *held_block(struct dmr_env *env, const struct dmr_io *io)
{
	unsigned int i;

	if (!env->hold || io->sectors != DMR_BLOCK_SECTORS)
		return NULL;
	for (i = 0; i < DMR_NR_SUPERS; i++)
		if (env->held_at[i] << DMR_BLOCK_SECTOR_SHIFT == io->sector)
			return env->held[i];
	return NULL;
}

static int one_io(struct dmr_env *env, const struct dmr_io *io)
{
	bool write = (io->opf & REQ_OP_MASK) == REQ_OP_WRITE;
	off_t at = (env->start + io->sector) << 9;
	size_t size = (size_t)io->sectors << 9;
	u8 *held = held_block(env, io);

	if (io->dev != DMR_SPARE || (write && !env->writable))
		return -EIO;
	if (held) {
		memcpy(write ? held : io->buf, write ? io->buf : held, size);
		return 0;
	}
	if ((io->opf & REQ_PREFLUSH) && flush(env))
		return -EIO;
	if (transfer(env, write, at, size, io->buf))
		return -EIO;
	if ((io->opf & REQ_FUA) && flush(env))
		return -EIO;
	return 0;
}

void dmr_env_io(struct dmr_env *env, struct dmr_io *ios, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		ios[i].status = one_io(env, &ios[i]) ? BLK_STS_IOERR :
						       BLK_STS_OK;
}

int env_read(struct dmr_env *env, u64 block, u32 nr, void *buf)
{
	return transfer(env, false, (env->start << 9) + (off_t)block *
			DMR_BLOCK_SIZE, (size_t)nr * DMR_BLOCK_SIZE, buf);
}

int env_write(struct dmr_env *env, u64 block, u32 nr, const void *buf)
{
	return transfer(env, true, (env->start << 9) + (off_t)block *
			DMR_BLOCK_SIZE, (size_t)nr * DMR_BLOCK_SIZE,
			(void *)buf);
}

int env_blank(struct dmr_env *env, const struct dmr_layout *l)
{
	u8 zero[DMR_BLOCK_SIZE] = { 0 };
	unsigned int i;

	for (i = 0; i < DMR_NR_SUPERS; i++)
		if (env_write(env, dmr_layout_super(l, i), 1, zero))
			return -EIO;
	return flush(env);
}

int env_hold(struct dmr_env *env, const struct dmr_layout *l)
{
	unsigned int i;

	if (env_blank(env, l))
		return -EIO;
	for (i = 0; i < DMR_NR_SUPERS; i++)
		env->held_at[i] = dmr_layout_super(l, i);
	env->hold = true;
	return 0;
}

int env_publish(struct dmr_env *env)
{
	unsigned int i;

	env->hold = false;
	if (flush(env))
		return -EIO;
	for (i = 0; i < DMR_NR_SUPERS; i++)
		if (env_write(env, env->held_at[i], 1, env->held[i]) ||
		    flush(env))
			return -EIO;
	return 0;
}

blk_status_t dmr_env_flush(struct dmr_env *env, enum dmr_dev dev)
{
	if (dev != DMR_SPARE || flush(env))
		return BLK_STS_IOERR;
	return BLK_STS_OK;
}

/* A flush that fails, of whatever write, may lose what was written before it. */
u32 dmr_env_flush_errors(struct dmr_env *env, enum dmr_dev dev)
{
	return dev == DMR_SPARE ? env->flush_errors : 0;
}

void dmr_env_synchronize(struct dmr_env *env)
{
	/* There are no readers but us. */
	(void)env;
}

void dmr_env_log(struct dmr_env *env, enum dmr_log_level level,
		 const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (env->quiet || level == DMR_LOG_INFO)
		return;
	va_start(ap, fmt);
	text = text_of(fmt, ap);
	va_end(ap);
	note("dmremap: %s", text);
	free(text);
}

void dmr_env_random(struct dmr_env *env, void *buf, size_t size)
{
	u8 *p = buf;

	if (env->uuid && size == 16) {
		memcpy(buf, env->uuid, size);
		return;
	}
	while (size) {
		ssize_t n = getrandom(p, size, 0);

		if (n < 0)
			continue;
		p += n;
		size -= n;
	}
}
