/* Takes a checkpoint that was made elsewhere into a directory of checkpoints. */
#include "engine/checkpoint_file.h"

#include "base/error.h"
#include "core/model/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The digest of a state is the sum of its sections' hashes: no state has to be built to verify it. What lies
 * beside the state has checksums only. */
static int sum_section(void *context, uint8_t kind, const void *bytes, size_t length)
{
    image_digest_add(context, kind, bytes, length);
    return 0;
}

static int verify(int directory, const char *name, struct checkpoint_header *ret, char *detail, size_t size)
{
    struct hash128 digest = {0};
    int error = checkpoint_file_read_as(directory, name, true, sum_section, &digest, ret, NULL, detail, size);

    if (!error && (digest.high != ret->digest.high || digest.low != ret->digest.low)) {
        snprintf(detail, size, "%s: its sections have another digest than its end says", name);
        error = ERROR_CORRUPT;
    }
    return error;
}

static bool put_in_place(int directory, const char *name, const struct checkpoint_header *h)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    bool ok =
        file >= 0 && fsync(file) == 0 &&
        renameat(directory, name, directory, checkpoint_name(h->incarnation, h->next_offset).text) == 0 &&
        fsync(directory) == 0;
    int why = errno;

    if (file >= 0)
        close(file);
    errno = why;
    return ok;
}

int checkpoint_adopt(const char *directory, const char *name, struct checkpoint_header *ret_header,
                     char *detail, size_t detail_size)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = ERROR_IO;

    if (fd >= 0)
        error = verify(fd, name, ret_header, detail, detail_size);
    if (fd >= 0 && error == ERROR_CORRUPT)
        unlinkat(fd, name, 0);
    if (fd < 0 || (!error && !put_in_place(fd, name, ret_header))) {
        snprintf(detail, detail_size, "%s/%s cannot be put in place: %s", directory, name, strerror(errno));
        error = ERROR_IO;
    }
    if (fd >= 0)
        close(fd);
    return error;
}
