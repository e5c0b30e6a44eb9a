/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps that most jobs are made of, on a fresh tmpfs each. A step that fails ends its job with its
 * errno: the host has such a job done again by the executor in Python, which can say more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent.h"

#define RECORD 8192UL
#define RECORDS 4096

static int log_fd = -1;

/* [at, flags, options, directories to be there, [[directory, xattr] of those to be marked]] */
static long do_mount(struct reader *in)
{
	const char *at = read_string(in);
	unsigned long flags = (unsigned long)read_integer(in);
	const char *options = read_string(in);
	long failure = 0;

	for (uint32_t count = read_array(in); count--;) {
		const char *directory = read_string(in);

		if (mkdir(directory, 0755) && errno != EEXIST && !failure)
			failure = -errno;
	}
	for (uint32_t count = read_array(in); count--;) {
		const char *directory = (read_array(in), read_string(in)), *mark = read_string(in);

		/* Who may not write it does not have it read either. */
		if (setxattr(directory, mark, "y", 1, 0) && errno != EPERM && errno != EACCES && !failure)
			failure = -errno;
	}
	if (failure)
		return failure;
	return mount("overlay", at, "overlay", flags, options) ? -errno : 0;
}

/*
 * All records since the job began, nil where the log may not be read. Those that were overwritten meanwhile
 * are gone for everybody.
 */
static long write_log(void)
{
	const char **records = take(RECORDS * sizeof(*records));
	uint32_t count = 0;

	if (log_fd < 0) {
		write_nil();
		return 0;
	}
	for (;;) {
		char *record = take(RECORD);
		ssize_t size = read(log_fd, record, RECORD - 1);

		if (size < 0 && errno == EPIPE)
			continue;
		if (size < 0 && errno == EAGAIN)
			break;
		if (size < 0 || count == RECORDS)
			return size < 0 ? -errno : -ENOBUFS;
		record[size] = 0;
		records[count++] = record;
	}
	write_array(count);
	for (uint32_t i = 0; i < count; i++)
		write_string(records[i], strlen(records[i]));
	return 0;
}

/* One step, its result written; or a negative errno. */
static long do_step(struct reader *in)
{
	const char *what = (read_array(in), read_string(in));
	long failure;

	if (!strcmp(what, "walk"))
		return walk(read_string(in));
	if (!strcmp(what, "operate"))
		return operate(in);
	if (!strcmp(what, "log"))
		return write_log();
	if (!strcmp(what, "layout")) {
		const char *at = read_string(in);

		failure = lay_out(in, at);
	} else if (!strcmp(what, "mount")) {
		failure = do_mount(in);
	} else if (!strcmp(what, "unmount")) {
		let_go_of_all(); /* what is held would keep it */
		failure = umount2(read_string(in), 0) ? -errno : 0;
	} else {
		die("a job has a step that is unknown");
	}
	if (!failure)
		write_nil();
	return failure;
}

/* Answers with an array: a result a step, nil for one that was not done; then the errno of the failure, or 0. */
static void run_job(struct reader *in, const char *scratch)
{
	uint32_t steps = read_array(in), done = 0;
	long failure = 0;

	if (mount("scratch", scratch, "tmpfs", MS_NOSUID, "mode=0755,size=256m,nr_inodes=262144") || chdir(scratch))
		die("no tmpfs can be mounted");
	if (log_fd >= 0)
		lseek(log_fd, 0, SEEK_END);
	find_lowest_free_fd();
	write_array(steps + 1);
	for (; done < steps; done++) {
		struct text step = read_text(in);

		if (failure) {
			write_nil();
			continue;
		}
		struct reader inside = {(const uint8_t *)step.bytes, (const uint8_t *)step.bytes + step.size};
		void *mark = write_mark();

		failure = do_step(&inside);
		if (failure) {
			write_rewind(mark);
			write_nil();
		}
	}
	write_integer(-failure);
	let_go_of_all();
	if (chdir("/") || umount2(scratch, MNT_DETACH))
		die("the scratch directory can not be taken away");
}

void run_jobs(struct reader *in, const char *scratch)
{
	uint32_t count = read_array(in);

	if (log_fd < 0)
		log_fd = out_of_the_way(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	umask(0);
	write_array(count);
	while (count--)
		run_job(in, scratch);
}
