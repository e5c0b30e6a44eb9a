/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a directory hold a tree, in the order of observe/layout.py: names first, parents before
 * children; then what directories get last, children before parents, so that nothing is inherited.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "agent.h"

#define NODE_FIELDS 10
#define CALLS_OF_A_NODE 64 /* as many as a node may need, its xattrs among them */

struct attribute {
	const char *name;
	struct text value;
};

struct node {
	const char *path, *kind, *target, *link;
	mode_t mode;
	unsigned uid, gid;
	bool timed;
	struct timespec times[2];
	uint32_t attribute_count;
	struct attribute *attributes;
	struct text content;
	unsigned major, minor;
};

static bool is(const struct node *node, const char *kind)
{
	return strcmp(node->kind, kind) == 0;
}

static const char *below(const char *at, const char *path)
{
	size_t size = strlen(at) + strlen(path) + 2;
	char *joined = take(size);

	snprintf(joined, size, *path ? "%s/%s" : "%s%s", at, path);
	return joined;
}

static void read_times(struct reader *in, struct node *node)
{
	node->timed = !read_nil(in);
	if (node->timed)
		node->times[0] = node->times[1] = read_time(in);
}

/* The fields of `Node`, in their order. */
static void read_node(struct reader *in, const char *at, struct node *node)
{
	if (read_array(in) != NODE_FIELDS)
		die("a node has too many or too few fields");
	node->kind = read_string(in);
	node->mode = (mode_t)read_integer(in);
	node->uid = (unsigned)read_integer(in);
	node->gid = (unsigned)read_integer(in);
	read_times(in, node);
	node->attribute_count = read_array(in);
	node->attributes = take(node->attribute_count * sizeof(struct attribute));
	for (uint32_t i = 0; i < node->attribute_count; i++) {
		read_array(in);
		node->attributes[i].name = read_string(in);
		node->attributes[i].value = read_text(in);
	}
	node->content = read_text(in);
	node->target = read_string(in);
	read_array(in);
	node->major = (unsigned)read_integer(in);
	node->minor = (unsigned)read_integer(in);
	struct text link = read_text(in);

	node->link = link.size ? below(at, string_of(link)) : "";
}

static long run(void)
{
	run_queue();
	long failure = first_failure();

	forget_queue();
	return failure;
}

/* Owner, xattrs, mode and time, each where it is not so already. */
static void finish(const struct node *node, bool chmod)
{
	if (node->uid || node->gid)
		queue(SYS_lchown, U(node->path), node->uid, node->gid, 0, 0);
	for (uint32_t i = 0; i < node->attribute_count; i++) {
		const struct attribute *each = &node->attributes[i];

		queue(SYS_lsetxattr, U(node->path), U(each->name), U(each->value.bytes), each->value.size, 0);
	}
	if (chmod)
		queue(SYS_chmod, U(node->path), node->mode, 0, 0, 0);
	if (node->timed)
		queue(SYS_utimensat, U(AT_FDCWD), U(node->path), U(node->times), AT_SYMLINK_NOFOLLOW, 0);
}

static bool sets_ids(const struct node *node)
{
	return node->mode & (S_ISUID | S_ISGID);
}

static bool has_acl(const struct node *node)
{
	for (uint32_t i = 0; i < node->attribute_count; i++)
		if (!strcmp(node->attributes[i].name, "system.posix_acl_access"))
			return true;
	return false;
}

static mode_t format(const struct node *node)
{
	return is(node, "char") ? S_IFCHR : is(node, "block") ? S_IFBLK : is(node, "fifo") ? S_IFIFO : S_IFSOCK;
}

/* The descriptor is the lowest that is free, since none is kept: so it is known before the call. */
static void make_file(const struct node *node, int fd)
{
	if (!node->content.size) {
		queue(SYS_mknod, U(node->path), S_IFREG | node->mode, 0, 0, 0);
		return;
	}
	queue(SYS_open, U(node->path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, node->mode, 0, 0);
	queue(SYS_write, (unsigned long)fd, U(node->content.bytes), node->content.size, 0, 0);
	queue(SYS_close, (unsigned long)fd, 0, 0, 0, 0);
}

static void make(const struct node *node, int fd)
{
	bool whiteout = is(node, "char") && !node->major && !node->minor;

	if (*node->link && strcmp(node->link, node->path)) {
		queue(SYS_link, U(node->link), U(node->path), 0, 0, 0);
		return;
	}
	if (is(node, "directory")) {
		queue(SYS_mkdir, U(node->path), node->mode, 0, 0, 0);
		return;
	}
	if (is(node, "file"))
		make_file(node, fd);
	else if (is(node, "symlink"))
		queue(SYS_symlink, U(node->target), U(node->path), 0, 0, 0);
	else
		queue(SYS_mknod, U(node->path), format(node) | node->mode, makedev(node->major, node->minor), 0, 0);
	if (!whiteout)
		finish(node, !is(node, "symlink") && sets_ids(node));
}

long lay_out(struct reader *in, const char *at)
{
	uint32_t count = read_array(in);
	struct node *nodes = take(count * sizeof(struct node));
	int fd = lowest_free_fd();
	long failure = 0;

	for (uint32_t i = 0; i < count; i++)
		nodes[i].path = below(at, read_string(in));
	if (read_array(in) != count)
		die("a tree has more or fewer nodes than paths");
	for (uint32_t i = 0; i < count; i++)
		read_node(in, at, &nodes[i]);
	for (uint32_t i = 0; i < count && !failure; i++) {
		make(&nodes[i], fd);
		if (nodes[i].attribute_count > CALLS_OF_A_NODE / 2 || i % (4096 / CALLS_OF_A_NODE) == 0)
			failure = run();
	}
	failure = failure ? failure : run();
	for (uint32_t i = count; i-- && !failure;) {
		if (is(&nodes[i], "directory"))
			finish(&nodes[i], sets_ids(&nodes[i]) || has_acl(&nodes[i])); /* which sets the mode */
		if (i % (4096 / CALLS_OF_A_NODE) == 0)
			failure = run();
	}
	return failure;
}
