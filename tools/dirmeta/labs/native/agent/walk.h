/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of the names of a tree that is walked.
 */
#ifndef DIRMETA_WALK_H
#define DIRMETA_WALK_H

#include <sys/stat.h>

#include "agent.h"

#define AT_ONCE 128U /* names or directories in one go */

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

/* look.c: a negative errno where it can not be done. */
bool whiteout(const struct name *name);
long look_at_some(struct name **some, uint32_t *count); /* those that a look-up does not find are dropped */

/* tree.c */
void write_tree(const struct list *found, size_t prefix); /* which many bytes of each path are left out */

#endif
