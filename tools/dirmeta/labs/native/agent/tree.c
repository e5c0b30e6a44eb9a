/* SPDX-License-Identifier: Apache-2.0
 *
 * Answering with a tree.
 */
#include <string.h>
#include <sys/sysmacros.h>

#include "walk.h"

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
void write_tree(const struct list *found, size_t prefix)
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
