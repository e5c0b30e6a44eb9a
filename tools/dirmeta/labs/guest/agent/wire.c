/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages to and from the host. The bytes lie in a file that both have: a block device here, a request at
 * its start and the answer in its second half. A serial line is the bell: eight bytes that say how many
 * there are. (A serial line alone loses bytes, and is slow.)
 */
#include <endian.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"

#define BLOCK 4096UL

static int channel, bell;
static size_t half;
static uint8_t *request, *answer;

static uint8_t *buffer(void)
{
	uint8_t *made = mmap(NULL, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (made == MAP_FAILED)
		die("no memory for messages");
	return made;
}

void wire_open(const char *device, const char *line)
{
	struct termios raw;
	uint64_t size;

	channel = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (channel < 0 || ioctl(channel, BLKGETSIZE64, &size))
		die("the device for messages can not be opened");
	bell = open(line, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (bell < 0 || tcgetattr(bell, &raw))
		die("the serial line can not be opened");
	cfmakeraw(&raw);
	tcsetattr(bell, TCSANOW, &raw);
	half = size / 2;
	request = buffer();
	answer = buffer();
}

static size_t whole_blocks(size_t size)
{
	return (size + BLOCK - 1) & ~(BLOCK - 1);
}

struct text wire_receive(void)
{
	uint64_t size;
	size_t got = 0;

	while (got < sizeof(size)) {
		ssize_t more = read(bell, (uint8_t *)&size + got, sizeof(size) - got);

		if (more <= 0)
			return (struct text){NULL, 0};
		got += (size_t)more;
	}
	size = le64toh(size);
	if (size > half || pread(channel, request, whole_blocks(size), 0) != (ssize_t)whole_blocks(size))
		die("a request can not be read");
	return (struct text){(const char *)request, size};
}

uint8_t *wire_reply(size_t *room)
{
	*room = half;
	return answer;
}

void wire_send(size_t size)
{
	uint64_t told = htole64(size);

	if (pwrite(channel, answer, whole_blocks(size), (off_t)half) != (ssize_t)whole_blocks(size))
		die("an answer can not be written");
	if (write(bell, &told, sizeof(told)) != sizeof(told))
		die("the host can not be told");
}
