/*
 * Reads FILE with zstd's own seekable reader, every frame and many parts, and compares with PLAIN.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "zstd_seekable.h"

static int fail(const char *what, unsigned long long where)
{
    printf("%s at %llu\n", what, where);
    return 1;
}

static int same(ZSTD_seekable *reader, const char *plain, char *room, size_t size, unsigned long long offset)
{
    size_t const got = ZSTD_seekable_decompress(reader, room, size, offset);
    return !ZSTD_isError(got) && got == size && memcmp(room, plain + offset, size) == 0;
}

int main(int argc, char **argv)
{
    FILE *const file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *const other = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (!file || !other) return fail("no such file", 0);

    fseek(other, 0, SEEK_END);
    size_t const size = (size_t)ftell(other);
    rewind(other);
    char *const plain = malloc(size);
    char *const room = malloc(size);
    if (!plain || !room || fread(plain, 1, size, other) != size) return fail("cannot read", 0);

    ZSTD_seekable *const reader = ZSTD_seekable_create();
    if (ZSTD_isError(ZSTD_seekable_initFile(reader, file))) return fail("no seek table", 0);

    unsigned long long end = 0;
    for (unsigned i = 0; i < ZSTD_seekable_getNumFrames(reader); i++) {
        size_t const content = ZSTD_seekable_getFrameDecompressedSize(reader, i);
        if (ZSTD_seekable_getFrameDecompressedOffset(reader, i) != end) return fail("a frame is out of place", end);
        if (content > 0 && !same(reader, plain, room, content, end)) return fail("a frame differs", end);
        end += content;
    }
    if (end != size) return fail("the content ends", end);

    srand(1);
    for (int i = 0; i < 100; i++) {
        unsigned long long const from = ((unsigned long long)rand() << 16 ^ (unsigned)rand()) % size;
        size_t const most = size - from < 100000 ? size - from : 100000;
        if (!same(reader, plain, room, 1 + (size_t)rand() % most, from)) return fail("a part differs", from);
    }
    puts("good");
    return 0;
}
