/* SPDX-License-Identifier: Apache-2.0
 *
 * The executor of the host lab, running here: the same files, seen through the host's file system. It is
 * started when it is first needed, and speaks its own messages: eight bytes of length, then a pickle.
 */
#include <endian.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent.h"

#define READS 3
#define WRITES 4

static int to_python = -1, from_python = -1;

static char **read_strings(struct reader *in)
{
	uint32_t count = read_array(in);
	char **strings = take((count + 1) * sizeof(char *));

	for (uint32_t i = 0; i < count; i++)
		strings[i] = (char *)read_string(in);
	strings[count] = NULL;
	return strings;
}

/* [program, arguments …], [name=value …]; it reads from descriptor 3 and writes to 4. */
void start_python(struct reader *in)
{
	char **arguments = read_strings(in), **environment = read_strings(in);
	int requests[2], answers[2];

	if (to_python >= 0) {
		close(to_python);
		close(from_python);
	}
	if (pipe2(requests, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		die("no pipe can be had");
	pid_t child = fork();

	if (child < 0)
		die("no process can be had");
	if (!child) {
		int reads = fcntl(requests[0], F_DUPFD, 10), writes = fcntl(answers[1], F_DUPFD, 10);

		dup2(reads, READS);
		dup2(writes, WRITES);
		close(reads);
		close(writes);
		execve(arguments[0], arguments, environment);
		_exit(127);
	}
	close(requests[0]);
	close(answers[1]);
	to_python = out_of_the_way(requests[1]);
	from_python = out_of_the_way(answers[0]);
}

size_t ask_python(struct text message, uint8_t *answer, size_t room)
{
	uint64_t length = htole64(message.size);

	if (!write_all(to_python, &length, sizeof(length)) ||
	    !write_all(to_python, message.bytes, message.size) ||
	    !read_all(from_python, &length, sizeof(length)))
		return 0;
	length = le64toh(length);
	if (length > room)
		die("an answer is too long");
	return read_all(from_python, answer, length) ? length : 0;
}
