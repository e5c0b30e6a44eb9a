/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a tree, as observe/walk.py does, but a level at a time: all its directories are listed, then
 * all their names looked at.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "walk.h"

#define LISTING 4096U

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

/* Of a directory that was removed meanwhile readdir(3) says, as Python does, that it has no more names. */
static void listed(struct call *call)
{
	if (call->result == -ENOENT)
		call->result = 0;
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
	for (uint32_t i = 0; i < count; i++)
		for (int piece = 1; piece <= 2; piece++)
			listed(&calls[i][piece]);
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

/* Everything about the names of one level, into `found`; its directories also into `directories`. */
static long look_at(struct list *names, struct list *found, struct list *directories)
{
	struct name *some[AT_ONCE], *name = names->first;
	long failure = 0;

	while (name && !failure) {
		uint32_t count = 0;

		for (; name && count < AT_ONCE; name = name->next)
			some[count++] = name;
		failure = look_at_some(some, &count);
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
