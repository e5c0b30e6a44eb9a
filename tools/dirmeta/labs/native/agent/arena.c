/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that lives as long as a request: one piece, given out from the front.
 */
#include <sys/mman.h>

#include "agent.h"

#define SIZE (256UL << 20)

static uint8_t *start, *next;

void *take(size_t size)
{
	if (!start) {
		start = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (start == MAP_FAILED)
			die("no memory for a request");
		next = start;
	}
	void *taken = next;

	next += (size + 15) & ~15UL;
	if (next > start + SIZE)
		die("a request takes too much memory");
	return taken;
}

void give_all_back(void)
{
	next = start;
}
