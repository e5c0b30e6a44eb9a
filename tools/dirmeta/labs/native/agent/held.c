/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors that a program holds, each by a number of whoever opened it. They lie high: the lowest that
 * are free are predicted.
 */
#include <string.h>
#include <unistd.h>

#include "agent.h"

struct held {
	struct text by; /* credentials as they were sent */
	int64_t slot;
	int fd;
	struct held *next;
};

static struct held *first;

static struct held *find(const struct credentials *by, int64_t slot)
{
	struct held *each = first;

	while (each && (each->slot != slot || each->by.size != by->sent.size ||
			memcmp(each->by.bytes, by->sent.bytes, by->sent.size)))
		each = each->next;
	return each;
}

int held_fd(const struct credentials *by, int64_t slot)
{
	const struct held *held = find(by, slot);

	return held ? held->fd : -1;
}

void hold(const struct credentials *by, int64_t slot, int fd)
{
	struct held *held = find(by, slot);

	if (held) {
		close(held->fd);
	} else {
		held = take(sizeof(*held));
		*held = (struct held){.by = by->sent, .slot = slot, .next = first};
		first = held;
	}
	held->fd = out_of_the_way(fd);
}

void let_go_of_all(void)
{
	for (; first; first = first->next)
		close(first->fd);
}
