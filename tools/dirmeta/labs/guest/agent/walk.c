/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a tree, as observe/walk.py does, but a level at a time: all its directories are listed, then
 * all names asked for their status and the names of their xattrs, then all values and contents read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent.h"

#define AT_ONCE 128U /* names or directories in one go */
#define LISTING 4096U
#define NAMES 1024U
#define VALUE 512U
#define CALLS_FOR_CONTENT 3U

struct attribute {
	const char *name;
	struct call *call;
	struct text value;
};

struct name {
	const char *path; /* with the directory that is walked in front */
	struct stat status;
	struct call *stat_call, *list_call, *read_call;
	struct text names, content;
	uint32_t attribute_count;
	struct attribute *attributes;
	struct name *next;
};

struct list {
	struct name *first, **last;
	uint32_t count;
};

static void append(struct list *list, struct name *name)
{
	*list->last = name;
	list->last = &name->next;
	list->count++;
}

static struct list empty(struct list *list)
{
	*list = (struct list){NULL, &list->first, 0};
	return *list;
}

static bool whiteout(const struct name *name)
{
	return S_ISCHR(name->status.st_mode) && !name->status.st_rdev;
}

static struct name *named(const char *directory, const char *entry)
{
	struct name *name = take(sizeof(*name));
	size_t above = strlen(directory), size = strlen(entry) + 1;
	char *path = take(above + 1 + size);

	memcpy(path, directory, above);
	path[above] = '/';
	memcpy(path + above + 1, entry, size);
	*name = (struct name){.path = path};
	return name;
}

static void add_entries(struct list *names, const char *directory, const char *listing, long size)
{
	for (long at = 0; at < size;) {
		const struct dirent64 *entry = (const void *)(listing + at);

		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			append(names, named(directory, entry->d_name));
		at += entry->d_reclen;
	}
}

/* A directory whose list does not fit into two small pieces. */
static long list_rest(struct list *names, const char *directory, int fd)
{
	char *listing = take(WHOLE);
	long size;

	while ((size = syscall(SYS_getdents64, fd, listing, WHOLE)) > 0) {
		add_entries(names, directory, listing, size);
		listing = take(WHOLE);
	}
	return size < 0 ? -errno : 0;
}

/* Up to AT_ONCE directories, all open at the same time: their descriptors follow one another. */
static long list_some(struct name **directories, uint32_t count, struct list *names)
{
	int first = lowest_free_fd();
	struct call *calls[AT_ONCE];
	long failure = 0;

	for (uint32_t i = 0; i < count; i++) {
		char *listing = take(2 * LISTING);
		unsigned long fd = (unsigned long)first + i;

		calls[i] = queue(SYS_open, U(directories[i]->path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0, 0);
		queue(SYS_getdents64, fd, U(listing), LISTING, 0, 0);
		queue(SYS_getdents64, fd, U(listing + LISTING), LISTING, 0, 0);
	}
	run_queue();
	failure = first_failure();
	for (uint32_t i = 0; i < count && !failure; i++) {
		const char *path = directories[i]->path;

		for (int piece = 1; piece <= 2; piece++)
			add_entries(names, path, (const char *)calls[i][piece].arguments[1], calls[i][piece].result);
		if (calls[i][2].result > 0)
			failure = list_rest(names, path, first + (int)i);
	}
	forget_queue();
	for (uint32_t i = 0; i < count; i++)
		queue(SYS_close, (unsigned long)first + i, 0, 0, 0, 0);
	run_queue();
	forget_queue();
	return failure;
}

static long list_names(struct list *directories, struct list *names)
{
	struct name *some[AT_ONCE], *name = directories->first;
	long failure = 0;

	while (name && !failure) {
		uint32_t count = 0;

		for (; name && count < AT_ONCE; name = name->next)
			some[count++] = name;
		failure = list_some(some, count, names);
	}
	return failure;
}

static void ask(struct name *name)
{
	char *names = take(NAMES);

	name->stat_call = queue(SYS_lstat, U(name->path), U(&name->status), 0, 0, 0);
	name->list_call = queue(SYS_llistxattr, U(name->path), U(names), NAMES, 0, 0);
}

/* The names of xattrs that `ask` was told; asked again where they were too many. */
static long hear_names(struct name *name)
{
	long size = name->list_call->result;
	char *names = (char *)name->list_call->arguments[1];

	if (size == -ERANGE) {
		names = take(WHOLE);
		size = syscall(SYS_llistxattr, name->path, names, WHOLE);
		size = size < 0 ? -errno : size;
	}
	if (size == -EOPNOTSUPP)
		size = 0;
	name->names = (struct text){names, size < 0 ? 0 : (size_t)size};
	return size < 0 ? size : 0;
}

/* Up to AT_ONCE names; those that a look-up does not find are dropped. */
static long ask_some(struct name **some, uint32_t *count)
{
	uint32_t kept = 0;
	long failure = 0;

	for (uint32_t i = 0; i < *count; i++)
		ask(some[i]);
	run_queue();
	for (uint32_t i = 0; i < *count && !failure; i++) {
		if (some[i]->stat_call->result == -ENOENT)
			continue;
		failure = some[i]->stat_call->result;
		if (!failure && !whiteout(some[i]))
			failure = hear_names(some[i]);
		some[kept++] = some[i];
	}
	*count = kept;
	forget_queue();
	return failure;
}

static int by_name(const void *one, const void *other)
{
	return strcmp(((const struct attribute *)one)->name, ((const struct attribute *)other)->name);
}

static uint32_t value_count(const struct name *name)
{
	const char *end = name->names.bytes + name->names.size;
	uint32_t count = 0;

	for (const char *each = name->names.bytes; each < end; each += strlen(each) + 1)
		count++;
	return count;
}

static void ask_values(struct name *name)
{
	const char *end = name->names.bytes + name->names.size;
	uint32_t count = value_count(name);

	name->attributes = take(count * sizeof(struct attribute));
	for (const char *each = name->names.bytes; each < end; each += strlen(each) + 1)
		name->attributes[name->attribute_count++] = (struct attribute){.name = each};
	qsort(name->attributes, count, sizeof(struct attribute), by_name);
	for (uint32_t i = 0; i < count; i++) {
		struct attribute *each = &name->attributes[i];

		each->call = queue(SYS_lgetxattr, U(name->path), U(each->name), U(take(VALUE)), VALUE, 0);
	}
}

static long hear_value(const struct name *name, struct attribute *attribute)
{
	long size = attribute->call->result;
	char *value = (char *)attribute->call->arguments[2];

	if (size == -ERANGE) {
		value = take(WHOLE);
		size = syscall(SYS_lgetxattr, name->path, attribute->name, value, WHOLE);
		size = size < 0 ? -errno : size;
	}
	attribute->value = (struct text){value, size < 0 ? 0 : (size_t)size};
	return size < 0 ? size : 0;
}

/* All values but those of names that are listed and not there: a kernel may take the two from different places. */
static long hear_values(struct name *name)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < name->attribute_count; i++) {
		long failure = hear_value(name, &name->attributes[i]);

		if (failure == -ENODATA)
			continue;
		if (failure)
			return failure;
		name->attributes[kept++] = name->attributes[i];
	}
	name->attribute_count = kept;
	return 0;
}

static void ask_content(struct name *name, int fd)
{
	size_t size = (size_t)name->status.st_size + 1;
	char *content;

	if (S_ISLNK(name->status.st_mode)) {
		size = PATH_MAX;
		content = take(size);
		name->read_call = queue(SYS_readlink, U(name->path), U(content), size, 0, 0);
		return;
	}
	if (!S_ISREG(name->status.st_mode) || !name->status.st_size)
		return;
	content = take(size);
	queue(SYS_open, U(name->path), O_RDONLY | O_NOFOLLOW, 0, 0, 0);
	name->read_call = queue(SYS_read, (unsigned long)fd, U(content), size, 0, 0);
	queue(SYS_close, (unsigned long)fd, 0, 0, 0, 0);
}

static long hear(struct name *name)
{
	long failure = hear_values(name);

	if (name->read_call && !failure) {
		failure = name->read_call->result < 0 ? name->read_call->result : 0;
		name->content = (struct text){(char *)name->read_call->arguments[1], (size_t)name->read_call->result};
	}
	return failure;
}

/* As many names as there is room to ask for; how many, or a negative errno. */
static long read_part(struct name **some, uint32_t count)
{
	int fd = lowest_free_fd();
	uint32_t asked = 0;
	long failure = 0;

	for (; asked < count; asked++) {
		if (calls_left() < value_count(some[asked]) + CALLS_FOR_CONTENT)
			break;
		if (whiteout(some[asked]))
			continue;
		ask_values(some[asked]);
		ask_content(some[asked], fd);
	}
	run_queue();
	for (uint32_t i = 0; i < asked && !failure; i++)
		if (!whiteout(some[i]))
			failure = hear(some[i]);
	forget_queue();
	if (!failure && !asked)
		failure = -ENOBUFS;
	return failure ? failure : asked;
}

static long read_some(struct name **some, uint32_t count)
{
	for (uint32_t done = 0; done < count;) {
		long more = read_part(some + done, count - done);

		if (more < 0)
			return more;
		done += (uint32_t)more;
	}
	return 0;
}

/* Everything about the names of one level, into `found`; its directories also into `directories`. */
static long look_at(struct list *names, struct list *found, struct list *directories)
{
	struct name *some[AT_ONCE], *name = names->first;
	long failure = 0;

	while (name && !failure) {
		uint32_t count = 0;

		for (; name && count < AT_ONCE; name = name->next)
			some[count++] = name;
		failure = ask_some(some, &count);
		if (!failure)
			failure = read_some(some, count);
		for (uint32_t i = 0; i < count && !failure; i++) {
			some[i]->next = NULL;
			append(found, some[i]);
			if (S_ISDIR(some[i]->status.st_mode)) {
				struct name *copy = take(sizeof(*copy));

				*copy = *some[i];
				append(directories, copy);
			}
		}
	}
	return failure;
}

static const char *kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return "directory";
	case S_IFREG: return "file";
	case S_IFLNK: return "symlink";
	case S_IFCHR: return "char";
	case S_IFBLK: return "block";
	case S_IFIFO: return "fifo";
	default: return "socket";
	}
}

static void write_attributes(const struct name *name)
{
	write_array(name->attribute_count);
	for (uint32_t i = 0; i < name->attribute_count; i++) {
		const struct attribute *each = &name->attributes[i];

		write_array(2);
		write_string(each->name, strlen(each->name));
		write_binary(each->value.bytes, each->value.size);
	}
}

/* The fields of `Node`, in their order; nothing of a whiteout counts but that it is one. */
static void write_node(const struct name *name)
{
	const struct stat *status = &name->status;
	bool is_link = S_ISLNK(status->st_mode), is_whiteout = whiteout(name);
	bool is_device = S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode);
	const char *word = kind(status->st_mode);

	write_array(10);
	write_string(word, strlen(word));
	write_integer(is_whiteout ? 0 : is_link ? 0777 : status->st_mode & 07777);
	write_integer(is_whiteout ? 0 : status->st_uid);
	write_integer(is_whiteout ? 0 : status->st_gid);
	write_time(is_whiteout ? (struct timespec){} : status->st_mtim);
	write_attributes(name);
	write_binary(name->content.bytes, is_link ? 0 : name->content.size);
	write_string(name->content.bytes, is_link ? name->content.size : 0);
	write_array(2);
	write_integer(is_device ? major(status->st_rdev) : 0);
	write_integer(is_device ? minor(status->st_rdev) : 0);
	write_string("", 0);
}

static bool shared(const struct name *name)
{
	return !S_ISDIR(name->status.st_mode) && name->status.st_nlink > 1 && !whiteout(name);
}

/* [paths, nodes, [[index, device, inode] of names that may be links of one file]] */
static void write_tree(const struct list *found, size_t prefix)
{
	uint32_t links = 0, index = 0;

	write_array(3);
	write_array(found->count);
	for (const struct name *name = found->first; name; name = name->next) {
		const char *path = name->path + prefix;

		links += shared(name);
		path += *path == '/';
		write_string(path, strlen(path));
	}
	write_array(found->count);
	for (const struct name *name = found->first; name; name = name->next)
		write_node(name);
	write_array(links);
	for (const struct name *name = found->first; name; name = name->next, index++)
		if (shared(name)) {
			write_array(3);
			write_integer(index);
			write_integer((int64_t)name->status.st_dev);
			write_integer((int64_t)name->status.st_ino);
		}
}

long walk(const char *at)
{
	struct list names, found, directories, listed;
	struct name *root = take(sizeof(*root));
	long failure;

	*root = (struct name){.path = at};
	empty(&names);
	empty(&found);
	append(&names, root);
	do {
		empty(&directories);
		failure = look_at(&names, &found, &directories);
		listed = directories;
		empty(&names);
		if (!failure)
			failure = list_names(&listed, &names);
	} while (names.count && !failure);
	if (!failure && !found.count)
		failure = -ENOENT;
	if (!failure)
		write_tree(&found, strlen(at));
	return failure;
}
