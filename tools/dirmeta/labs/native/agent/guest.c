/* SPDX-License-Identifier: Apache-2.0
 *
 * What the agent does for a guest, whose first process it is in UML: it sees to what every process expects
 * to find, and the guest ends with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define SCRATCH "/dev/scratch"

static void mount_usual(void)
{
	mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL);
	if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755") && errno != EBUSY)
		die("devtmpfs can not be mounted");
	symlink("/proc/self/fd", "/dev/fd");
	mkdir("/dev/shm", 01777);
	mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=01777");
}

/*
 * A guest has few sources of chance, and an old kernel lets its processes wait for them. Nothing here is
 * secret: what the clock says will do.
 */
static void credit_chance(void)
{
	struct {
		struct rand_pool_info head;
		struct timespec clock[8];
	} pool = {{8 * sizeof(pool.clock), sizeof(pool.clock)}, {}};
	int fd = open("/dev/random", O_RDWR | O_CLOEXEC);

	clock_gettime(CLOCK_REALTIME, pool.clock);
	ioctl(fd, RNDADDENTROPY, &pool);
	close(fd);
}

const char *guest_begin(void)
{
	mount_usual();
	credit_chance();
	return SCRATCH;
}

void guest_end(void)
{
	reboot(RB_POWER_OFF);
}
