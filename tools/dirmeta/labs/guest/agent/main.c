/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent of a guest, and in UML its first process: sees to what every process expects to find, then does
 * what the host asks for until the host is gone. Its environment (the kernel's command line) tells it
 * DEVICE, where there is one, and LINE to talk through, and CALLS=batching|plain.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

_Noreturn void die(const char *what)
{
	fprintf(stderr, "dirmeta agent: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	reboot(RB_POWER_OFF);
	_exit(1);
}

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
	if (mkdir(SCRATCH, 0755) && errno != EEXIST)
		die("the scratch directory can not be made");
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

static const char *told(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		die("the environment does not tell all");
	return value;
}

static size_t answer(struct text message)
{
	struct reader in = {(const uint8_t *)message.bytes, (const uint8_t *)message.bytes + message.size};
	size_t room;
	uint8_t *to = wire_reply(&room);
	const char *what = read_string(&in);

	write_start(to, room);
	if (!strcmp(what, "jobs"))
		run_jobs(&in);
	else if (!strcmp(what, "batching"))
		write_integer(is_batching());
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
	mount_usual();
	credit_chance();
	find_batching(!strcmp(told("CALLS"), "batching"));
	wire_open(getenv("DEVICE"), told("LINE"));
	wire_send(0);
	while ((message = wire_receive()).size) {
		errno = 0;
		wire_send(answer(message));
		give_all_back();
	}
	reboot(RB_POWER_OFF);
	return 1;
}
