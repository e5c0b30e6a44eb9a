/* SPDX-License-Identifier: Apache-2.0
 *
 * All of some bytes, however little a descriptor takes or gives at a time.
 */
#include <unistd.h>

#include "agent.h"

bool read_all(int fd, void *to, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t more = read(fd, (uint8_t *)to + done, size - done);

		if (more <= 0)
			return false;
		done += (size_t)more;
	}
	return true;
}

bool write_all(int fd, const void *from, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t more = write(fd, (const uint8_t *)from + done, size - done);

		if (more <= 0)
			return false;
		done += (size_t)more;
	}
	return true;
}
