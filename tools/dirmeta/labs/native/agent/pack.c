/* SPDX-License-Identifier: Apache-2.0
 *
 * As much MessagePack as jobs and their results are made of: arrays, integers, nil, strings and binaries.
 */
#include <string.h>

#include "agent.h"

#define SECOND 1000000000L

static uint64_t big_endian(struct reader *in, int bytes)
{
	uint64_t value = 0;

	if (in->end - in->at < bytes)
		die("a message ends too early");
	while (bytes--)
		value = value << 8 | *in->at++;
	return value;
}

static uint8_t read_type(struct reader *in)
{
	return (uint8_t)big_endian(in, 1);
}

uint32_t read_array(struct reader *in)
{
	uint8_t type = read_type(in);

	if ((type & 0xf0) == 0x90)
		return type & 0x0f;
	if (type == 0xdc)
		return (uint32_t)big_endian(in, 2);
	if (type == 0xdd)
		return (uint32_t)big_endian(in, 4);
	die("a message has no array where one belongs");
}

int64_t read_integer(struct reader *in)
{
	uint8_t type = read_type(in);

	if (type < 0x80)
		return type;
	if (type >= 0xe0)
		return (int8_t)type;
	switch (type) {
	case 0xcc: return (int64_t)big_endian(in, 1);
	case 0xcd: return (int64_t)big_endian(in, 2);
	case 0xce: return (int64_t)big_endian(in, 4);
	case 0xcf: return (int64_t)big_endian(in, 8);
	case 0xd0: return (int8_t)big_endian(in, 1);
	case 0xd1: return (int16_t)big_endian(in, 2);
	case 0xd2: return (int32_t)big_endian(in, 4);
	case 0xd3: return (int64_t)big_endian(in, 8);
	}
	die("a message has no integer where one belongs");
}

struct timespec read_time(struct reader *in)
{
	int64_t time = read_integer(in);
	int64_t rest = (time % SECOND + SECOND) % SECOND;

	return (struct timespec){(time - rest) / SECOND, rest};
}

bool read_nil(struct reader *in)
{
	if (in->at == in->end || *in->at != 0xc0)
		return false;
	in->at++;
	return true;
}

struct text read_text(struct reader *in)
{
	uint8_t type = read_type(in);
	uint64_t size;

	if ((type & 0xe0) == 0xa0)
		size = type & 0x1f;
	else if (type == 0xd9 || type == 0xc4)
		size = big_endian(in, 1);
	else if (type == 0xda || type == 0xc5)
		size = big_endian(in, 2);
	else if (type == 0xdb || type == 0xc6)
		size = big_endian(in, 4);
	else
		die("a message has no text where one belongs");
	if ((uint64_t)(in->end - in->at) < size)
		die("a message ends too early");
	struct text text = {(const char *)in->at, size};

	in->at += size;
	return text;
}

const char *string_of(struct text text)
{
	char *string = take(text.size + 1);

	memcpy(string, text.bytes, text.size);
	string[text.size] = 0;
	return string;
}

const char *read_string(struct reader *in)
{
	return string_of(read_text(in));
}

static uint8_t *out, *out_start, *out_end;

void write_start(uint8_t *to, size_t room)
{
	out = out_start = to;
	out_end = to + room;
}

size_t write_end(void)
{
	return (size_t)(out - out_start);
}

void *write_mark(void)
{
	return out;
}

void write_rewind(void *mark)
{
	out = mark;
}

static void put(const void *bytes, size_t size)
{
	if ((size_t)(out_end - out) < size)
		die("an answer is too long");
	memcpy(out, bytes, size);
	out += size;
}

static void put_head(uint8_t type, uint64_t value, int bytes)
{
	uint8_t head[9] = {type};

	for (int i = 0; i < bytes; i++)
		head[1 + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	put(head, 1 + (size_t)bytes);
}

void write_array(uint32_t count)
{
	if (count < 16)
		put_head((uint8_t)(0x90 | count), 0, 0);
	else
		put_head(0xdd, count, 4);
}

void write_integer(int64_t value)
{
	if (value >= 0 && value < 128)
		put_head((uint8_t)value, 0, 0);
	else if (value == (int32_t)value)
		put_head(0xd2, (uint64_t)value, 4);
	else
		put_head(0xd3, (uint64_t)value, 8);
}

void write_time(struct timespec time)
{
	write_integer(time.tv_sec * SECOND + time.tv_nsec);
}

void write_nil(void)
{
	put_head(0xc0, 0, 0);
}

void write_string(const char *bytes, size_t size)
{
	if (size < 32)
		put_head((uint8_t)(0xa0 | size), 0, 0);
	else
		put_head(0xdb, size, 4);
	put(bytes, size);
}

void write_binary(const void *bytes, size_t size)
{
	put_head(0xc6, size, 4);
	put(bytes, size);
}
