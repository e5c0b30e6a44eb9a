/* SPDX-License-Identifier: Apache-2.0
 *
 * All that is asked of some names: status and the names of xattrs first, then values and contents.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "walk.h"

#define NAMES 1024U
#define VALUE 512U
#define CALLS_FOR_CONTENT 3U

static char **left_out;
static uint32_t left_out_count;

bool whiteout(const struct name *name)
{
	return S_ISCHR(name->status.st_mode) && !name->status.st_rdev;
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

/* [name …]; not in the arena, since they outlive the request. */
void leave_out(struct reader *in)
{
	left_out_count = read_array(in);
	left_out = calloc(left_out_count + 1, sizeof(*left_out));
	if (!left_out)
		die("no memory for names");
	for (uint32_t i = 0; i < left_out_count; i++)
		left_out[i] = strdup(read_string(in));
	write_nil();
}

static bool is_left_out(const char *name)
{
	for (uint32_t i = 0; i < left_out_count; i++)
		if (!strcmp(left_out[i], name))
			return true;
	return false;
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
		if (!is_left_out(each))
			name->attributes[name->attribute_count++] = (struct attribute){.name = each};
	count = name->attribute_count;
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

long look_at_some(struct name **some, uint32_t *count)
{
	long failure = ask_some(some, count);

	return failure ? failure : read_some(some, *count);
}
