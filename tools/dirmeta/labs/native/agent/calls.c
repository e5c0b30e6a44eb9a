/* SPDX-License-Identifier: Apache-2.0
 *
 * A queue of system calls. In User Mode Linux nearly all that a call costs is the way into the kernel
 * and back. The suite's own UML kernels have one call (arch/um only; fs/ is untouched) that does many; on
 * all others the queue is worked off one by one, with the same results.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

#define BATCH_CALL 1000
#define ROOM 8192
#define FIRST_KEPT 512
#define AT_A_TIME 1024 /* calls: so that the kernel's copy of them stays small */

static struct call calls[ROOM];
static size_t queued, done;
static bool batching;
static int free_fd;

void find_batching(bool wanted)
{
	batching = wanted && syscall(BATCH_CALL, calls, 0L) == 0;
}

bool is_batching(void)
{
	return batching;
}

struct call *queue(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
		   unsigned long e)
{
	if (queued == ROOM)
		die("too many calls at once");
	struct call *call = &calls[queued++];

	*call = (struct call){number, {a, b, c, d, e, 0}, 0};
	return call;
}

const struct call *queue_end(void)
{
	return &calls[queued];
}

void run_queue(void)
{
	while (done < queued) {
		size_t count = queued - done < AT_A_TIME ? queued - done : AT_A_TIME;

		if (batching) {
			if (syscall(BATCH_CALL, calls + done, (long)count) != (long)count)
				die("the batching system call did not do all calls");
			done += count;
			continue;
		}
		for (; count--; done++) {
			struct call *call = &calls[done];
			unsigned long *a = call->arguments;

			call->result = syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
			if (call->result == -1)
				call->result = -errno;
		}
	}
}

void forget_queue(void)
{
	queued = done = 0;
}

long first_failure(void)
{
	for (size_t i = 0; i < done; i++) {
		bool cut_short = calls[i].number == SYS_write && calls[i].result != (long)calls[i].arguments[2];

		if (calls[i].result < 0)
			return calls[i].result;
		if (cut_short)
			return -ENOSPC;
	}
	return 0;
}

size_t calls_left(void)
{
	return ROOM - queued;
}

/* Descriptors that are predicted follow one another, so what is kept has to lie above them all. */
int out_of_the_way(int fd)
{
	if (fd < 0)
		return fd;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_KEPT);

	close(fd);
	return high;
}

void find_lowest_free_fd(void)
{
	free_fd = open("/", O_PATH | O_CLOEXEC);
	if (free_fd < 0)
		die("no file descriptor is free");
	close(free_fd);
}

int lowest_free_fd(void)
{
	return free_fd;
}
