/* SPDX-License-Identifier: Apache-2.0
 *
 * Single system calls through a mount, by whoever a program says, as observe/operate.py does them. Becoming
 * who it is, the call, and coming back are one queue.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "agent.h"

struct operation {
	struct credentials by;
	const char *path;
	uint32_t argument_count; /* which are what is left of `in` */
	struct reader *in;
	int64_t slot; /* once it is read */
};

struct kind {
	const char *name;
	void (*ask)(struct operation *it);
	void (*tell)(const struct operation *it, long result); /* of the first call asked; none without a value */
};

static char buffer[WHOLE];
static struct stat status;

static bool is_link(const char *path)
{
	return !lstat(path, &status) && S_ISLNK(status.st_mode);
}

/* chmod(2) would change what a link leads to; open(2) says that it is one. */
static void ask_chmod(struct operation *it)
{
	if (is_link(it->path)) {
		queue(SYS_open, U(it->path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, 0, 0);
		return;
	}
	queue(SYS_chmod, U(it->path), U(read_integer(it->in)), 0, 0, 0);
}

static void ask_chown(struct operation *it)
{
	int64_t uid = read_integer(it->in), gid = read_integer(it->in);

	queue(SYS_lchown, U(it->path), U(uid), U(gid), 0, 0);
}

/* No times mean now, which needs less permission. */
static void ask_utimens(struct operation *it)
{
	struct timespec *times = it->argument_count ? take(2 * sizeof(*times)) : NULL;

	for (uint32_t i = 0; i < it->argument_count; i++)
		times[i] = read_time(it->in);
	queue(SYS_utimensat, U(AT_FDCWD), U(it->path), U(times), AT_SYMLINK_NOFOLLOW, 0);
}

static void ask_mkdir(struct operation *it)
{
	queue(SYS_mkdir, U(it->path), U(read_integer(it->in)), 0, 0, 0);
}

static void ask_create(struct operation *it)
{
	int fd = lowest_free_fd();

	queue(SYS_open, U(it->path), O_WRONLY | O_CREAT | O_EXCL, U(read_integer(it->in)), 0, 0);
	queue(SYS_close, U(fd), 0, 0, 0, 0);
}

static void ask_write(struct operation *it)
{
	struct text content = read_text(it->in);
	int fd = lowest_free_fd();

	queue(SYS_open, U(it->path), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0, 0, 0);
	queue(SYS_write, U(fd), U(content.bytes), content.size, 0, 0);
	queue(SYS_close, U(fd), 0, 0, 0, 0);
}

/* What a directory gives and what a file gives: `beside_the_point` is which of the two it is not. */
static void ask_read(struct operation *it)
{
	int fd = lowest_free_fd();

	queue(SYS_open, U(it->path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, 0, 0);
	queue(SYS_getdents64, U(fd), U(buffer), sizeof(buffer), 0, 0);
	queue(SYS_read, U(fd), U(buffer), 1, 0, 0);
	queue(SYS_close, U(fd), 0, 0, 0, 0);
}

static void ask_symlink(struct operation *it)
{
	queue(SYS_symlink, U(read_string(it->in)), U(it->path), 0, 0, 0);
}

static void ask_link(struct operation *it)
{
	queue(SYS_link, U(it->path), U(read_string(it->in)), 0, 0, 0);
}

static void ask_unlink(struct operation *it)
{
	queue(SYS_unlink, U(it->path), 0, 0, 0, 0);
}

static void ask_rmdir(struct operation *it)
{
	queue(SYS_rmdir, U(it->path), 0, 0, 0, 0);
}

static unsigned rename_flags(const char *name)
{
	if (!strcmp(name, "noreplace"))
		return RENAME_NOREPLACE;
	if (!strcmp(name, "exchange"))
		return RENAME_EXCHANGE;
	if (*name)
		die("a rename has a flag that is unknown");
	return 0;
}

static void ask_rename(struct operation *it)
{
	const char *to = read_string(it->in);
	unsigned flags = it->argument_count > 1 ? rename_flags(read_string(it->in)) : 0;

	queue(SYS_renameat2, U(AT_FDCWD), U(it->path), U(AT_FDCWD), U(to), flags);
}

static void ask_setxattr(struct operation *it)
{
	const char *name = read_string(it->in);
	struct text value = read_text(it->in);

	queue(SYS_lsetxattr, U(it->path), U(name), U(value.bytes), value.size, 0);
}

static void ask_getxattr(struct operation *it)
{
	queue(SYS_lgetxattr, U(it->path), U(read_string(it->in)), U(buffer), sizeof(buffer), 0);
}

static void tell_value(const struct operation *it, long size)
{
	write_binary(buffer, (size_t)size);
}

static void ask_removexattr(struct operation *it)
{
	queue(SYS_lremovexattr, U(it->path), U(read_string(it->in)), 0, 0, 0);
}

static void ask_listxattr(struct operation *it)
{
	queue(SYS_llistxattr, U(it->path), U(buffer), sizeof(buffer), 0, 0);
}

/* All names, each with the 0 behind it. */
static void tell_names(const struct operation *it, long size)
{
	write_string(buffer, (size_t)size);
}

static void ask_access(struct operation *it)
{
	queue(SYS_faccessat2, U(AT_FDCWD), U(it->path), U(read_integer(it->in)), AT_EACCESS | AT_SYMLINK_NOFOLLOW, 0);
}

static void ask_hold(struct operation *it)
{
	it->slot = read_integer(it->in);
	queue(SYS_open, U(it->path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, 0, 0);
}

static void tell_hold(const struct operation *it, long fd)
{
	hold(&it->by, it->slot, (int)fd);
	write_nil();
}

static void ask_fchmod(struct operation *it)
{
	int fd = held_fd(&it->by, read_integer(it->in));

	queue(SYS_fchmod, U(fd), U(read_integer(it->in)), 0, 0, 0);
}

static void ask_fstat(struct operation *it)
{
	queue(SYS_fstat, U(held_fd(&it->by, read_integer(it->in))), U(&status), 0, 0, 0);
}

static void tell_status(const struct operation *it, long result)
{
	write_array(4);
	write_integer(status.st_mode & 07777);
	write_integer(status.st_uid);
	write_integer(status.st_gid);
	write_time(status.st_mtim);
}

static void ask_drop_caches(struct operation *it)
{
	int fd = lowest_free_fd();

	queue(SYS_open, U("/proc/sys/vm/drop_caches"), O_WRONLY | O_CREAT | O_TRUNC, 0666, 0, 0);
	queue(SYS_write, U(fd), U("2"), 1, 0, 0);
	queue(SYS_close, U(fd), 0, 0, 0, 0);
}

static const struct kind kinds[] = {
	{"chmod", ask_chmod, NULL},
	{"chown", ask_chown, NULL},
	{"utimens", ask_utimens, NULL},
	{"mkdir", ask_mkdir, NULL},
	{"create", ask_create, NULL},
	{"write", ask_write, NULL},
	{"read", ask_read, NULL},
	{"symlink", ask_symlink, NULL},
	{"link", ask_link, NULL},
	{"unlink", ask_unlink, NULL},
	{"rmdir", ask_rmdir, NULL},
	{"rename", ask_rename, NULL},
	{"setxattr", ask_setxattr, NULL},
	{"getxattr", ask_getxattr, tell_value},
	{"removexattr", ask_removexattr, NULL},
	{"listxattr", ask_listxattr, tell_names},
	{"access", ask_access, NULL},
	{"hold", ask_hold, tell_hold},
	{"fchmod", ask_fchmod, NULL},
	{"fstat", ask_fstat, tell_status},
	{"drop-caches", ask_drop_caches, NULL},
};

static const struct kind *find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	die("an operation is unknown");
}

/* That a removed directory has no names is no error to readdir(3), nor to Python. */
static bool beside_the_point(const struct call *call)
{
	return (call->number == SYS_getdents64 && (call->result == -ENOTDIR || call->result == -ENOENT)) ||
	       (call->number == SYS_read && call->result == -EISDIR) ||
	       (call->number == SYS_setgroups && !call->arguments[0] && call->result == -EPERM);
}

/* 0, or the first negative errno of some calls. */
static long failure_of(const struct call *call, const struct call *end)
{
	for (; call < end; call++)
		if (call->result < 0 && !beside_the_point(call))
			return call->result;
	return 0;
}

/* [errno, value] */
static void tell(const struct kind *kind, const struct operation *it, long failure, long result)
{
	write_array(2);
	write_integer(-failure);
	if (!failure && kind->tell)
		kind->tell(it, result);
	else
		write_nil();
}

static struct operation read_operation(struct reader *in)
{
	struct operation it = {.in = in};

	it.path = read_string(in);
	it.by = read_credentials(in);
	it.argument_count = read_array(in);
	return it;
}

/*
 * [call, path, credentials …, [argument …]]; a negative errno where the credentials can not be had. Then
 * the wrong one has done it, whose job is over: what that one holds is let go of with the rest.
 */
long operate(struct reader *in)
{
	const struct kind *kind = find(read_string(in));
	struct operation it = read_operation(in);
	const struct call *becoming = queue_end(), *asked, *coming_back;
	long failure;

	queue_becoming(&it.by);
	asked = queue_end();
	kind->ask(&it);
	coming_back = queue_end();
	queue_coming_back(&it.by);
	run_queue();
	failure = failure_of(becoming, asked);
	if (failure_of(coming_back, queue_end()))
		die("the agent can not be root again");
	tell(kind, &it, failure_of(asked, coming_back), asked->result);
	forget_queue();
	return failure;
}
