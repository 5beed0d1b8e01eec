/* The system's own file calls, and the loops around them. */
#include "log/file_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int system_open(void *context, int directory, const char *name, int flags, mode_t mode)
{
    return openat(directory, name, flags | O_CLOEXEC, mode);
}

static int system_close(void *context, int fd)
{
    return close(fd);
}

static ssize_t system_read(void *context, int fd, void *bytes, size_t length, uint64_t at)
{
    return pread(fd, bytes, length, (off_t)at);
}

static ssize_t system_write(void *context, int fd, const void *bytes, size_t length, uint64_t at)
{
    return pwrite(fd, bytes, length, (off_t)at);
}

static int system_sync(void *context, int fd)
{
    return fdatasync(fd);
}

static int system_sync_directory(void *context, int fd)
{
    return fsync(fd);
}

static int system_allocate(void *context, int fd, uint64_t bytes)
{
    int failed = posix_fallocate(fd, 0, (off_t)bytes);

    if (failed)
        errno = failed;
    return failed ? -1 : 0;
}

static int system_rename(void *context, int directory, const char *from, const char *to)
{
    return renameat(directory, from, directory, to);
}

static int system_unlink(void *context, int directory, const char *name)
{
    return unlinkat(directory, name, 0);
}

const struct file_ops file_ops_system = {
    .open = system_open,
    .close = system_close,
    .read = system_read,
    .write = system_write,
    .sync = system_sync,
    .sync_directory = system_sync_directory,
    .allocate = system_allocate,
    .rename = system_rename,
    .unlink = system_unlink,
};

bool file_write_all(const struct file_ops *ops, int fd, const void *bytes, size_t length, uint64_t at)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = ops->write(ops->context, fd, (const char *)bytes + done, length - done, at + done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

ssize_t file_read_all(const struct file_ops *ops, int fd, void *bytes, size_t length, uint64_t at)
{
    size_t done = 0;

    while (done < length) {
        ssize_t n = ops->read(ops->context, fd, (char *)bytes + done, length - done, at + done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}
