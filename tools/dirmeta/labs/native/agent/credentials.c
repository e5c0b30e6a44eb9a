/* SPDX-License-Identifier: Apache-2.0
 *
 * Acting for somebody else, as sandbox/credentials.py has it, but not for good: root is kept as the saved
 * user id, and what is dropped stays permitted. What the kernel asks for is the effective ids and
 * capabilities, and those are the same either way. That groups can not be given up is no failure where it is
 * never allowed, in a user namespace of somebody ordinary.
 */
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

#define WORDS _LINUX_CAPABILITY_U32S_3
#define BITS 32

static struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
static struct __user_cap_data_struct all[WORDS];

static uint32_t *read_numbers(struct reader *in, uint32_t *count)
{
	*count = read_array(in);
	uint32_t *numbers = take(*count * sizeof(*numbers));

	for (uint32_t i = 0; i < *count; i++)
		numbers[i] = (uint32_t)read_integer(in);
	return numbers;
}

/* Without the group that somebody is in anyway: asking for it may not be allowed. */
static void leave_own_out(struct credentials *who)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < who->group_count; i++)
		if (who->groups[i] != who->gid)
			who->groups[kept++] = who->groups[i];
	who->group_count = kept;
}

/* uid, gid, [group …], [number of a capability given up …] */
struct credentials read_credentials(struct reader *in)
{
	const uint8_t *start = in->at;
	struct credentials who;

	who.uid = (uint32_t)read_integer(in);
	who.gid = (uint32_t)read_integer(in);
	who.groups = read_numbers(in, &who.group_count);
	leave_own_out(&who);
	who.drop = read_numbers(in, &who.drop_count);
	who.sent = (struct text){(const char *)start, (size_t)(in->at - start)};
	return who;
}

static bool is_mounter(const struct credentials *who)
{
	return !who->uid && !who->gid && !who->group_count && !who->drop_count;
}

static void queue_capabilities(const uint32_t *drop, uint32_t count)
{
	struct __user_cap_data_struct *sets = take(sizeof(all));

	if (!all[0].permitted && syscall(SYS_capget, &header, all))
		die("the agent's capabilities can not be read");
	for (uint32_t word = 0; word < WORDS; word++)
		sets[word] = all[word];
	for (uint32_t i = 0; i < count; i++)
		if (drop[i] < WORDS * BITS)
			sets[drop[i] / BITS].effective &= ~(1U << drop[i] % BITS);
	queue(SYS_capset, U(&header), U(sets), 0, 0, 0);
}

void queue_becoming(const struct credentials *who)
{
	if (is_mounter(who))
		return;
	queue(SYS_setgroups, who->group_count, U(who->groups), 0, 0, 0);
	queue(SYS_setresgid, who->gid, who->gid, who->gid, 0, 0);
	if (who->drop_count)
		queue_capabilities(who->drop, who->drop_count);
	queue(SYS_setresuid, who->uid, who->uid, 0, 0, 0);
}

/* In an order in which each is allowed; with the effective user id 0, all capabilities are back but for root's. */
void queue_coming_back(const struct credentials *who)
{
	if (is_mounter(who))
		return;
	queue(SYS_setresuid, 0, 0, 0, 0, 0);
	if (who->drop_count)
		queue_capabilities(NULL, 0);
	queue(SYS_setresgid, 0, 0, 0, 0, 0);
	queue(SYS_setgroups, 0, 0, 0, 0, 0);
}
