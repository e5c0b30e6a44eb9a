/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent: does what it is asked for until whoever asks is gone. Its environment (a guest's comes from the
 * kernel's command line) tells it LINE and, where there is one, DEVICE to talk through, CALLS=batching|plain,
 * and, where it is no guest's agent but a program in a private world, SCRATCH: a directory to work in.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

static bool in_guest;
static const char *scratch;

_Noreturn void die(const char *what)
{
	fprintf(stderr, "dirmeta agent: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	if (in_guest)
		guest_end();
	_exit(1);
}

static const char *told(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		die("the environment does not tell all");
	return value;
}

static void write_processor_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	write_time(time);
}

static size_t answer(struct text message)
{
	struct reader in = {(const uint8_t *)message.bytes, (const uint8_t *)message.bytes + message.size};
	size_t room;
	uint8_t *to = wire_reply(&room);
	const char *what = read_string(&in);

	write_start(to, room);
	if (!strcmp(what, "jobs"))
		run_jobs(&in, scratch);
	else if (!strcmp(what, "batching"))
		write_integer(is_batching());
	else if (!strcmp(what, "leave out"))
		leave_out(&in);
	else if (!strcmp(what, "processor time"))
		write_processor_time();
	else if (!strcmp(what, "start"))
		start_python(&in);
	else if (!strcmp(what, "python"))
		return ask_python(read_text(&in), to, room);
	else
		die("the host asks for something unknown");
	return write_end();
}

int main(void)
{
	struct rlimit files = {65536, 65536};
	struct text message;

	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &files);
	scratch = getenv("SCRATCH");
	in_guest = !scratch;
	if (in_guest)
		scratch = guest_begin();
	if (mkdir(scratch, 0755) && errno != EEXIST)
		die("the scratch directory can not be made");
	find_batching(!strcmp(told("CALLS"), "batching"));
	wire_open(getenv("DEVICE"), told("LINE"));
	wire_send(0);
	while ((message = wire_receive()).size) {
		errno = 0;
		wire_send(answer(message));
		give_all_back();
	}
	if (in_guest)
		guest_end();
	return 0;
}
