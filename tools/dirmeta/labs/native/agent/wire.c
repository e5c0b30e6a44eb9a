/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages to and from the host, each announced on a line by its length in eight bytes. Where there is a
 * block device too, the bytes lie on that: a file that both sides have, a request at its start and the
 * answer in its second half. (UML's serial line alone loses bytes, and is slow.) Without one they follow
 * on the line, a virtio port or a socket.
 */
#include <ctype.h>
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"

#define BLOCK 4096UL
#define HALF (256UL << 20) /* without a device; both sides have to agree on it */

static int channel = -1, bell;
static size_t half = HALF;
static uint8_t *request, *answer;

static uint8_t *buffer(void)
{
	uint8_t *made = mmap(NULL, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (made == MAP_FAILED)
		die("no memory for messages");
	return made;
}

static void open_device(const char *device)
{
	uint64_t size;

	channel = out_of_the_way(open(device, O_RDWR | O_DIRECT));
	if (channel < 0 || ioctl(channel, BLKGETSIZE64, &size))
		die("the device for messages can not be opened");
	half = size / 2;
}

static void open_line(const char *line)
{
	struct termios raw;

	bell = out_of_the_way(isdigit(*line) ? atoi(line) : open(line, O_RDWR | O_NOCTTY | O_CLOEXEC));
	if (bell < 0)
		die("the line to the host can not be opened");
	if (!tcgetattr(bell, &raw)) { /* a port is no terminal */
		cfmakeraw(&raw);
		tcsetattr(bell, TCSANOW, &raw);
	}
}

void wire_open(const char *device, const char *line)
{
	if (device)
		open_device(device);
	open_line(line);
	request = buffer();
	answer = buffer();
}

static size_t whole_blocks(size_t size)
{
	return (size + BLOCK - 1) & ~(BLOCK - 1);
}

static bool fetch(size_t size)
{
	if (channel < 0)
		return read_all(bell, request, size);
	return pread(channel, request, whole_blocks(size), 0) == (ssize_t)whole_blocks(size);
}

struct text wire_receive(void)
{
	uint64_t size;

	if (!read_all(bell, &size, sizeof(size)))
		return (struct text){NULL, 0};
	size = le64toh(size);
	if (size > half || !fetch(size))
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
	bool beside = channel >= 0;

	if (beside && pwrite(channel, answer, whole_blocks(size), (off_t)half) != (ssize_t)whole_blocks(size))
		die("an answer can not be written");
	if (!write_all(bell, &told, sizeof(told)) || (!beside && !write_all(bell, answer, size)))
		die("the host can not be told");
}
