/* Opens the newest checkpoint for whoever wants its bytes. */
#include "engine/checkpoint_file.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Looks at both ends: a file with its name is whole, unless the disk did it harm. */
static int open_one(int directory, const char *name, struct checkpoint_opened *ret)
{
    struct checkpoint_file_head head;
    struct checkpoint_file_end end;
    struct stat st;
    struct checkpoint_opened o = {.file = openat(directory, name, O_RDONLY | O_CLOEXEC)};
    int error = ERROR_CORRUPT;

    if (o.file < 0)
        return errno == ENOENT ? ERROR_NOTFOUND : ERROR_IO;
    if (fstat(o.file, &st) == 0 && (size_t)st.st_size >= sizeof(head) + sizeof(end) &&
        pread(o.file, &head, sizeof(head), 0) == sizeof(head) &&
        pread(o.file, &end, sizeof(end), st.st_size - (off_t)sizeof(end)) == sizeof(end) &&
        checkpoint_end_is_whole(&end, (uint64_t)st.st_size))
        error = checkpoint_head_open(&head, &o.header);
    if (error) {
        close(o.file);
        return error;
    }
    o.bytes = (uint64_t)st.st_size;
    o.header.digest = end.digest;
    *ret = o;
    return 0;
}

int checkpoint_open_newest(const char *directory, struct checkpoint_opened *ret)
{
    struct checkpoint_list list = {0};
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = ERROR_NOTFOUND;

    if (fd < 0)
        return errno == ENOENT ? ERROR_NOTFOUND : ERROR_IO;
    int failed = checkpoint_list_read(fd, &list);
    for (size_t i = 0; !failed && error && i < list.count; i++)
        error = open_one(fd, list.at[i].text, ret);
    checkpoint_list_finish(&list);
    close(fd);
    return failed ? failed : error ? ERROR_NOTFOUND : 0;
}
