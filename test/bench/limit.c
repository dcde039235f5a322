/*
 * The least work that a program can do for a dump and for an apply: a yardstick for the benchmark. It checks
 * nothing and is of no other use.
 *
 *   limit dump COW ORIGIN > STREAM   the changes of a dm-snapshot exception store as a plain stream, sorted
 *   limit apply STREAM DEVICE        writes a plain stream to a file
 *
 * Build: cc -O2 -o limit limit.c
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE "lvmsync PROTO[3]\n"

enum { LINE_SIZE = sizeof LINE - 1, HEADER_SIZE = 12, SECTOR = 512, BATCH = 1 << 20, ROOM = 4 * BATCH };

struct exception { uint64_t old_chunk, new_chunk; };

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void read_at(int fd, void *into, size_t size, uint64_t offset)
{
	if (pread(fd, into, size, offset) != (ssize_t)size)
		err(1, "read at %llu", (unsigned long long)offset);
}

static void write_all(const char *bytes, size_t size)
{
	for (ssize_t done; size > 0; bytes += done, size -= done)
		if ((done = write(STDOUT_FILENO, bytes, size)) <= 0)
			err(1, "write");
}

static int by_number(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return (a > b) - (a < b);
}

/* dm-snap-persistent.c: a header chunk, then areas of one table chunk and the data chunks that it names. */
static uint64_t *read_table(int cow, uint64_t *chunk_size, size_t *count)
{
	uint32_t header[4];
	read_at(cow, header, sizeof header, 0);
	*chunk_size = (uint64_t)le32toh(header[3]) * SECTOR;
	size_t per_area = *chunk_size / sizeof(struct exception), room = 0;
	struct exception *area = malloc(*chunk_size);
	uint64_t *chunks = NULL;
	*count = 0;
	for (uint64_t at = 1;; at += 1 + per_area) {
		read_at(cow, area, *chunk_size, at * *chunk_size);
		if (*count + per_area > room)
			chunks = realloc(chunks, (room = 2 * room + per_area) * sizeof *chunks);
		for (size_t i = 0; i < per_area; i++) {
			if (area[i].new_chunk == 0)
				return chunks;
			chunks[(*count)++] = le64toh(area[i].old_chunk);
		}
	}
}

static void dump(const char *cow_path, const char *origin_path)
{
	int cow = open_or_die(cow_path, O_RDONLY), origin = open_or_die(origin_path, O_RDONLY);
	uint64_t chunk_size;
	size_t count, used = LINE_SIZE;
	uint64_t *chunks = read_table(cow, &chunk_size, &count);
	qsort(chunks, count, sizeof *chunks, by_number);
	char *buffer = malloc(ROOM);
	memcpy(buffer, LINE, LINE_SIZE);
	for (size_t first = 0, end; first < count; first = end) {
		for (end = first + 1; end < count && chunks[end] == chunks[end - 1] + 1; end++)
			if ((end - first + 1) * chunk_size > BATCH)
				break;
		uint64_t offset = chunks[first] * chunk_size, big_offset = htobe64(offset);
		uint32_t length = (end - first) * chunk_size, big_length = htobe32(length);
		memcpy(buffer + used, &big_offset, sizeof big_offset);
		memcpy(buffer + used + sizeof big_offset, &big_length, sizeof big_length);
		read_at(origin, buffer + used + HEADER_SIZE, length, offset);
		used += HEADER_SIZE + length;
		if (used >= BATCH) {
			write_all(buffer, used);
			used = 0;
		}
	}
	write_all(buffer, used);
}

static void apply(const char *stream_path, const char *device_path)
{
	int stream = open_or_die(stream_path, O_RDONLY), device = open_or_die(device_path, O_WRONLY);
	char *buffer = malloc(ROOM);
	size_t held = 0, at = LINE_SIZE;
	for (ssize_t got; (got = read(stream, buffer + held, ROOM - held)) > 0; at = 0) {
		held += got;
		while (held - at >= HEADER_SIZE) {
			uint64_t offset;
			uint32_t length;
			memcpy(&offset, buffer + at, sizeof offset);
			memcpy(&length, buffer + at + sizeof offset, sizeof length);
			length = be32toh(length);
			if (held - at < HEADER_SIZE + (size_t)length)
				break;
			if (pwrite(device, buffer + at + HEADER_SIZE, length, be64toh(offset)) != (ssize_t)length)
				err(1, "%s", device_path);
			at += HEADER_SIZE + length;
		}
		memmove(buffer, buffer + at, held -= at);
	}
}

int main(int argc, char **argv)
{
	if (argc != 4)
		errx(2, "limit dump COW ORIGIN | limit apply STREAM DEVICE");
	(strcmp(argv[1], "dump") ? apply : dump)(argv[2], argv[3]);
	return 0;
}
