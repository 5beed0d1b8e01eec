/* The system calls that the log and the checkpoints make on files, behind pointers: a test fails the Nth or
 * loses what was not synced. */
#ifndef LOG_FILE_OPS_H
#define LOG_FILE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Each answers as its system call does (-1 and errno); names are relative to a directory's descriptor.
 * @thread any */
struct file_ops {
    void *context;
    int (*open)(void *context, int directory, const char *name, int flags, mode_t mode);
    int (*close)(void *context, int fd);
    ssize_t (*read)(void *context, int fd, void *bytes, size_t length, uint64_t at);
    ssize_t (*write)(void *context, int fd, const void *bytes, size_t length, uint64_t at);
    int (*sync)(void *context, int fd);                     /* fdatasync */
    int (*sync_directory)(void *context, int fd);           /* fsync: fdatasync may leave a new name out */
    int (*allocate)(void *context, int fd, uint64_t bytes); /* the file has that size and its blocks */
    int (*rename)(void *context, int directory, const char *from, const char *to);
    int (*unlink)(void *context, int directory, const char *name);
};

/* The system's own. */
extern const struct file_ops file_ops_system;

/* All of it (short writes go on, EINTR is tried again); false: errno says why. */
bool file_write_all(const struct file_ops *ops, int fd, const void *bytes, size_t length, uint64_t at);
/* Up to length bytes, fewer only at the end of the file; -1: errno says why. */
ssize_t file_read_all(const struct file_ops *ops, int fd, void *bytes, size_t length, uint64_t at);
#endif
