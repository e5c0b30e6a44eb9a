/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent in C, in a guest and in the host lab's private world: what its parts know of each other.
 */
#ifndef DIRMETA_AGENT_H
#define DIRMETA_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* main.c: there is nobody to return an error to; the last line on the console says what went wrong. */
_Noreturn void die(const char *what);

/* guest.c: what a guest's first process does for all others. */
const char *guest_begin(void); /* a directory to work in */
void guest_end(void);

/* bytes.c: false where the other end is gone. */
bool read_all(int fd, void *to, size_t size);
bool write_all(int fd, const void *from, size_t size);

/* arena.c: memory of one request, given back as a whole. */
void *take(size_t size);
void give_all_back(void);

/* pack.c: reading and writing MessagePack (msgpack.org). */
struct reader {
	const uint8_t *at, *end;
};

struct text {
	const char *bytes;
	size_t size;
};

uint32_t read_array(struct reader *in);
int64_t read_integer(struct reader *in);
struct timespec read_time(struct reader *in); /* sent in nanoseconds since the epoch */
bool read_nil(struct reader *in);
struct text read_text(struct reader *in); /* of a string or binary */
const char *string_of(struct text text); /* with a 0 behind it */
const char *read_string(struct reader *in);

void write_start(uint8_t *to, size_t room);
size_t write_end(void);
void write_array(uint32_t count);
void write_integer(int64_t value);
void write_time(struct timespec time);
void write_nil(void);
void write_string(const char *bytes, size_t size);
void write_binary(const void *bytes, size_t size);
void *write_mark(void); /* to come back to */
void write_rewind(void *mark);

/* calls.c: system calls, many at a time where the kernel can. */
#define U(x) ((unsigned long)(x)) /* an argument of one */

struct call {
	long number;
	unsigned long arguments[6];
	long result;
};

void find_batching(bool wanted);
bool is_batching(void);
struct call *queue(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
		   unsigned long e);
const struct call *queue_end(void); /* where the next call is going to be */
void run_queue(void); /* then the results are in the calls, until the next `forget_queue` */
void forget_queue(void);
long first_failure(void); /* 0, or a negative errno */
void find_lowest_free_fd(void);
int lowest_free_fd(void); /* as it was found: what is opened later is closed or out of the way */
int out_of_the_way(int fd); /* the same file on a high descriptor; stays an error where it is one */
size_t calls_left(void);

/* credentials.c: calls before and after those of somebody else. */
struct credentials {
	uint32_t uid, gid, group_count, drop_count;
	uint32_t *groups, *drop;
	struct text sent; /* the same, as the host sent it */
};

struct credentials read_credentials(struct reader *in);
void queue_becoming(const struct credentials *who);
void queue_coming_back(const struct credentials *who);

/* held.c: descriptors from one operation to another, those of a job at most. */
int held_fd(const struct credentials *by, int64_t slot); /* -1 for none */
void hold(const struct credentials *by, int64_t slot, int fd);
void let_go_of_all(void);

/* layout.c, walk.c, look.c, operate.c, job.c: the steps. A negative errno, or what else the function says. */
long lay_out(struct reader *in, const char *at);
void leave_out(struct reader *in); /* xattrs that no walk tells of, whoever answers for them */
long walk(const char *at);
long operate(struct reader *in);
void run_jobs(struct reader *in, const char *scratch);

/* wire.c: one message in, one message out. */
void wire_open(const char *device, const char *line); /* no device: all goes through the line, a file or the
							 number of a descriptor */
struct text wire_receive(void); /* no bytes at the end */
uint8_t *wire_reply(size_t *room);
void wire_send(size_t size);

/* python.c: the host's executor, for whatever this agent does not do by itself. */
void start_python(struct reader *in);
size_t ask_python(struct text message, uint8_t *answer, size_t room); /* 0 where it has died */

#define WHOLE 65536U /* bytes that no list of xattr names and no value exceeds */

#endif
