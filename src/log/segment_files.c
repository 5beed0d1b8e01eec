/* Finds, reads and makes segment files. A file gets its name only when it is whole and synced. */
#include "log/segment_files.h"

#include "base/array.h"
#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char temporary_name[] = "log-prepared.tmp";
enum { ZERO_BYTES = 256 * 1024 };

struct segment_name segment_name(uint64_t sequence)
{
    struct segment_name n;

    snprintf(n.text, sizeof(n.text), "log-%010" PRIu64, sequence);
    return n;
}

/* 0 when it is not a segment's name. */
static uint64_t name_sequence(const char *name)
{
    uint64_t sequence = 0;

    if (strncmp(name, "log-", 4) != 0 || strlen(name) > 24)
        return 0;
    for (const char *p = name + 4; *p; p++) {
        if (*p < '0' || *p > '9')
            return 0;
        sequence = sequence * 10 + (uint64_t)(*p - '0');
    }
    return strcmp(segment_name(sequence).text, name) == 0 ? sequence : 0;
}

static int by_sequence(const void *a, const void *b)
{
    const struct segment_file *x = a, *y = b;

    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

int segment_list_add(struct segment_list *list, struct segment_file f)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        if (!array_grow(&list->at, list->capacity, capacity, sizeof(*list->at)))
            return ERROR_NOMEM;
        list->capacity = capacity;
    }
    list->at[list->count++] = f;
    return 0;
}

void segment_list_finish(struct segment_list *list)
{
    free(list->at);
    *list = (struct segment_list){0};
}

int segment_list_read(const struct file_ops *ops, int directory, bool remove_left_over,
                      struct segment_list *list)
{
    bool left_over = false;
    int error = 0;
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (!d) {
        if (fd >= 0)
            close(fd);
        return ERROR_IO;
    }
    errno = 0;
    for (struct dirent *e; !error && (e = readdir(d));) {
        uint64_t sequence = name_sequence(e->d_name);
        left_over |= strcmp(e->d_name, temporary_name) == 0;
        if (sequence)
            error = segment_list_add(list, (struct segment_file){sequence, SEGMENT_OFFSET_NONE});
    }
    if (!error && errno)
        error = ERROR_IO;
    closedir(d);
    if (!error && list->count)
        qsort(list->at, list->count, sizeof(*list->at), by_sequence);
    if (!error && left_over && remove_left_over && ops->unlink(ops->context, directory, temporary_name) != 0)
        error = ERROR_IO;
    return error;
}

static int header_read(const struct file_ops *ops, int fd, uint64_t sequence, struct segment_header *ret)
{
    ssize_t n = file_read_all(ops, fd, ret, sizeof(*ret), 0);

    if (n < 0)
        return ERROR_IO;
    return n < (ssize_t)sizeof(*ret) ? ERROR_CORRUPT : segment_header_check(ret, sequence);
}

/* What was read between is of the segment that it was. */
static int header_again(const struct file_ops *ops, int fd, const struct segment_header *was)
{
    struct segment_header h;
    int error = header_read(ops, fd, was->sequence, &h);

    return !error && memcmp(&h, was, sizeof(h)) != 0 ? ERROR_CORRUPT : error;
}

/* A trimmed segment loses its name before its header changes. */
static int damaged_or_gone(const struct file_ops *ops, int directory, uint64_t sequence)
{
    int fd = ops->open(ops->context, directory, segment_name(sequence).text, O_RDONLY, 0);

    if (fd < 0)
        return ERROR_IO;
    ops->close(ops->context, fd);
    return ERROR_CORRUPT;
}

static int first_offset_read(const struct file_ops *ops, int fd, const struct segment_header *h,
                             uint64_t *ret)
{
    size_t most = segment_record_bytes(SEGMENT_RECORD_BYTES_MOST);
    size_t size = h->bytes - SEGMENT_HEADER_BYTES < most ? h->bytes - SEGMENT_HEADER_BYTES : most;
    char *bytes = malloc(size);
    struct segment_record r;
    ssize_t n;

    if (!bytes)
        return ERROR_NOMEM;
    n = file_read_all(ops, fd, bytes, size, SEGMENT_HEADER_BYTES);
    if (n >= 0)
        *ret = segment_record_get(bytes, (size_t)n, 0, h->salt, &r) ? r.offset : SEGMENT_OFFSET_NONE;
    free(bytes);
    return n < 0 ? ERROR_IO : 0;
}

int segment_file_look(const struct file_ops *ops, int directory, struct segment_file *f)
{
    struct segment_header h;
    int fd = ops->open(ops->context, directory, segment_name(f->sequence).text, O_RDONLY, 0);
    int error;

    if (fd < 0)
        return ERROR_IO;
    error = header_read(ops, fd, f->sequence, &h);
    if (!error)
        error = first_offset_read(ops, fd, &h, &f->first_offset);
    if (!error)
        error = header_again(ops, fd, &h);
    ops->close(ops->context, fd);
    return error == ERROR_CORRUPT ? damaged_or_gone(ops, directory, f->sequence) : error;
}

static int image_reserve(struct segment_image *image, size_t bytes)
{
    char *at;

    if (bytes <= image->capacity)
        return 0;
    at = malloc(bytes);
    if (!at)
        return ERROR_NOMEM;
    free(image->bytes);
    image->bytes = at;
    image->capacity = bytes;
    return 0;
}

int segment_image_load(const struct file_ops *ops, int directory, uint64_t sequence,
                       struct segment_image *image)
{
    int fd = ops->open(ops->context, directory, segment_name(sequence).text, O_RDONLY, 0);
    ssize_t n = 0;
    int error;

    if (fd < 0)
        return ERROR_IO;
    error = header_read(ops, fd, sequence, &image->header);
    if (!error)
        error = image_reserve(image, image->header.bytes);
    if (!error)
        n = file_read_all(ops, fd, image->bytes, image->header.bytes, 0);
    if (n > 0)
        error = header_again(ops, fd, &image->header);
    ops->close(ops->context, fd);
    if (error == ERROR_CORRUPT)
        return damaged_or_gone(ops, directory, sequence);
    if (error || n < 0)
        return error ? error : ERROR_IO;
    image->missing = image->header.bytes - (size_t)n;
    memset(image->bytes + n, 0, image->missing);
    return 0;
}

void segment_image_finish(struct segment_image *image)
{
    free(image->bytes);
    *image = (struct segment_image){0};
}

/* Zeros to the end, synced as it goes: one big sync at the end would hold up the log's own syncs. */
static bool zeros_write(const struct file_ops *ops, int fd, uint64_t bytes, const struct segment_pace *pace)
{
    static const char zeros[ZERO_BYTES];

    for (uint64_t at = 0; at < bytes; at += ZERO_BYTES) {
        size_t n = bytes - at < ZERO_BYTES ? bytes - at : ZERO_BYTES;
        if (pace && !pace->go_on(pace->context, at)) {
            errno = ECANCELED;
            return false;
        }
        if (!file_write_all(ops, fd, zeros, n, at) || ops->sync(ops->context, fd) != 0)
            return false;
    }
    return true;
}

static bool beginning_write(const struct file_ops *ops, int fd, struct segment_header *h,
                            const struct segment_record *first)
{
    size_t bytes = SEGMENT_HEADER_BYTES + (first ? segment_record_bytes(first->length) : 0);
    size_t page_end = segment_page_end(bytes, h->bytes);
    char *at = calloc(1, page_end);
    bool good;

    if (!at)
        return false;
    h->durable_end = bytes;
    segment_header_seal(h);
    memcpy(at, h, sizeof(*h));
    if (first)
        segment_record_put(at + sizeof(*h), h->salt, first);
    good = file_write_all(ops, fd, at, page_end, 0) && ops->sync(ops->context, fd) == 0;
    free(at);
    return good;
}

bool segment_file_set_aside(const struct file_ops *ops, int directory, uint64_t sequence, size_t bytes)
{
    struct segment_name name = segment_name(sequence);
    int fd = ops->open(ops->context, directory, name.text, O_RDONLY, 0);
    struct segment_header h;
    bool fits;

    if (fd < 0)
        return false;
    fits = header_read(ops, fd, sequence, &h) == 0 && h.bytes == bytes;
    ops->close(ops->context, fd);
    return fits && ops->rename(ops->context, directory, name.text, temporary_name) == 0;
}

void segment_file_drop(const struct file_ops *ops, int directory)
{
    ops->unlink(ops->context, directory, temporary_name);
}

/* The file under the temporary name: what was set aside, or a new one. What an earlier life left there may,
 * if the power goes, turn out to be still a segment: it is not written to. */
static int open_temporary(const struct file_ops *ops, int directory, bool set_aside)
{
    if (set_aside)
        return ops->open(ops->context, directory, temporary_name, O_RDWR, 0);
    if (ops->unlink(ops->context, directory, temporary_name) != 0 && errno != ENOENT)
        return -1;
    return ops->open(ops->context, directory, temporary_name, O_RDWR | O_CREAT | O_EXCL, 0640);
}

static bool content_make(const struct file_ops *ops, int fd, const struct segment_header *h,
                         const struct segment_pace *pace)
{
    return h->used_before ||
           (ops->allocate(ops->context, fd, h->bytes) == 0 && zeros_write(ops, fd, h->bytes, pace));
}

int segment_file_make(const struct file_ops *ops, int directory, const struct segment_header *header,
                      const struct segment_record *first, const struct segment_pace *pace)
{
    struct segment_header h = *header;
    int fd = open_temporary(ops, directory, h.used_before);
    int why;

    if (fd < 0)
        return errno == ENOSPC || errno == EDQUOT ? ERROR_LIMIT : ERROR_IO;
    if (content_make(ops, fd, &h, pace) && beginning_write(ops, fd, &h, first) &&
        ops->rename(ops->context, directory, temporary_name, segment_name(h.sequence).text) == 0) {
        if (ops->sync_directory(ops->context, directory) == 0)
            return fd;
        /* The name may or may not be there after a crash. The file is whole either way, but nothing may be
         * acknowledged in it. */
        why = errno;
        ops->unlink(ops->context, directory, segment_name(h.sequence).text);
    } else {
        why = errno;
        ops->unlink(ops->context, directory, temporary_name);
    }
    ops->close(ops->context, fd);
    errno = why;
    return why == ENOSPC || why == EDQUOT ? ERROR_LIMIT : why == ECANCELED ? ERROR_UNAVAILABLE : ERROR_IO;
}
