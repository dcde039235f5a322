/*
 * Preloaded into a program, it lets each read and write of a file below the folder SHORT_COUNTS_BELOW pass at most
 * SHORT_COUNTS_MOST bytes, as the kernel may.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static size_t shorten(int fd, size_t count)
{
    char const *const folder = getenv("SHORT_COUNTS_BELOW");
    char const *const most = getenv("SHORT_COUNTS_MOST");
    char link[64];
    char path[4096];
    ssize_t length;

    if (folder == NULL || most == NULL)
        return count;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path);
    if (length < (ssize_t)strlen(folder) || strncmp(path, folder, strlen(folder)) != 0)
        return count;
    return count < strtoul(most, NULL, 10) ? count : strtoul(most, NULL, 10);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t read(int fd, void *buffer, size_t count)
{
    return REAL(read)(fd, buffer, shorten(fd, count));
}

ssize_t write(int fd, const void *buffer, size_t count)
{
    return REAL(write)(fd, buffer, shorten(fd, count));
}

ssize_t pread64(int fd, void *buffer, size_t count, off64_t offset)
{
    return REAL(pread64)(fd, buffer, shorten(fd, count), offset);
}

ssize_t pwrite64(int fd, const void *buffer, size_t count, off64_t offset)
{
    return REAL(pwrite64)(fd, buffer, shorten(fd, count), offset);
}
