/* Reads checkpoint files: lists them, verifies one from its first to its last byte, loads the newest that
 * verifies. */
#include "engine/checkpoint_file.h"

#include "base/error.h"
#include "core/model/image.h"
#include "core/model/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20 };

static const char magic[8] = {'o', 'n', 'h', 'a', 'n', 'd', 'C', '\n'};

void checkpoint_head_seal(struct checkpoint_file_head *h, const struct checkpoint_header *from)
{
    *h = (struct checkpoint_file_head){
        .layout = CHECKPOINT_LAYOUT,
        .format = from->format,
        .level = from->level,
        .incarnation = from->incarnation,
        .next_offset = from->next_offset,
    };
    memcpy(h->magic, magic, sizeof(magic));
    h->crc = crc32c(0, h, offsetof(struct checkpoint_file_head, crc));
}

uint32_t checkpoint_section_crc(const struct checkpoint_file_section *s, const void *bytes)
{
    uint32_t crc = crc32c(0, &s->length, sizeof(*s) - offsetof(struct checkpoint_file_section, length));

    return crc32c(crc, bytes, s->length);
}

/* ---- names ---- */

struct checkpoint_name checkpoint_name(uint64_t incarnation, uint64_t next_offset)
{
    struct checkpoint_name n = {incarnation, next_offset, ""};

    snprintf(n.text, sizeof(n.text), "checkpoint-%020" PRIu64 "-%020" PRIu64, incarnation, next_offset);
    return n;
}

static bool name_parse(const char *text, struct checkpoint_name *ret)
{
    uint64_t incarnation, next_offset;

    if (sscanf(text, "checkpoint-%20" SCNu64 "-%20" SCNu64, &incarnation, &next_offset) != 2)
        return false;
    *ret = checkpoint_name(incarnation, next_offset);
    return strcmp(ret->text, text) == 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct checkpoint_name *x = a, *y = b;

    if (x->incarnation != y->incarnation)
        return x->incarnation > y->incarnation ? -1 : 1;
    return x->next_offset > y->next_offset ? -1 : x->next_offset < y->next_offset;
}

int checkpoint_list_read(int directory, struct checkpoint_list *list)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct checkpoint_name name;
    int error = 0;

    if (!d) {
        if (fd >= 0)
            close(fd);
        return ERROR_IO;
    }
    errno = 0;
    for (struct dirent *e; !error && (e = readdir(d));) {
        if (!name_parse(e->d_name, &name))
            continue;
        struct checkpoint_name *at = realloc(list->at, (list->count + 1) * sizeof(*at));
        if (!at) {
            error = ERROR_NOMEM;
            break;
        }
        list->at = at;
        list->at[list->count++] = name;
    }
    if (!error && errno)
        error = ERROR_IO;
    closedir(d);
    if (!error && list->count)
        qsort(list->at, list->count, sizeof(*list->at), newest_first);
    return error;
}

void checkpoint_list_finish(struct checkpoint_list *list)
{
    free(list->at);
    *list = (struct checkpoint_list){0};
}

/* ---- one file ---- */

struct reader {
    int fd;
    const char *name;
    bool any_name;     /* a copy that has not its own yet */
    uint64_t size, at; /* of the file; position of the next byte to be taken */
    char *bytes;       /* a window of the file; begin … end are read and not yet taken */
    size_t begin, end, capacity;
    bool verified; /* a moment ago, from the first to the last byte: each section's own checksum is enough */
    uint32_t crc;  /* of everything taken, unless verified */
    char *detail;
    size_t detail_size;
};

static int tell(const struct reader *r, int error, const char *what)
{
    snprintf(r->detail, r->detail_size, "%s, byte %" PRIu64 ": %s", r->name, r->at, what);
    return error;
}

static int window_grow(struct reader *r, size_t n)
{
    char *bytes;

    if (n <= r->capacity)
        return 0;
    bytes = malloc(n + READ_BYTES);
    if (!bytes)
        return tell(r, ERROR_NOMEM, "no memory for a section");
    memcpy(bytes, r->bytes + r->begin, r->end - r->begin);
    free(r->bytes);
    r->bytes = bytes;
    r->capacity = n + READ_BYTES;
    r->end -= r->begin;
    r->begin = 0;
    return 0;
}

/* The next n bytes, not yet taken, adjacent in memory: r->bytes + r->begin. */
static int need(struct reader *r, uint64_t n)
{
    int error = 0;

    if (r->end - r->begin >= n)
        return 0;
    if (n > r->size - r->at)
        return tell(r, ERROR_CORRUPT, "the file ends too early: it was cut");
    error = window_grow(r, n);
    if (error)
        return error;
    memmove(r->bytes, r->bytes + r->begin, r->end - r->begin);
    r->end -= r->begin;
    r->begin = 0;
    while (r->end < n) {
        ssize_t got = read(r->fd, r->bytes + r->end, r->capacity - r->end);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return tell(r, ERROR_IO, got ? strerror(errno) : "the file became shorter while it was read");
        r->end += (size_t)got;
    }
    return 0;
}

static void taken(struct reader *r, size_t n)
{
    if (!r->verified)
        r->crc = crc32c(r->crc, r->bytes + r->begin, n);
    r->begin += n;
    r->at += n;
}

int checkpoint_head_open(const struct checkpoint_file_head *h, struct checkpoint_header *ret)
{
    if (memcmp(h->magic, magic, sizeof(magic)) != 0 ||
        h->crc != crc32c(0, h, offsetof(struct checkpoint_file_head, crc)))
        return ERROR_CORRUPT;
    if (h->layout > CHECKPOINT_LAYOUT || h->format > IMAGE_FORMAT || h->level > LEVEL_NEWEST)
        return ERROR_LEVEL;
    *ret = (struct checkpoint_header){
        .format = h->format, .level = h->level, .incarnation = h->incarnation, .next_offset = h->next_offset};
    return 0;
}

bool checkpoint_end_is_whole(const struct checkpoint_file_end *e, uint64_t file_bytes)
{
    return e->section.kind == CHECKPOINT_KIND_END && e->section.length == sizeof(*e) - sizeof(e->section) &&
           e->bytes + sizeof(*e) == file_bytes &&
           e->section.crc == checkpoint_section_crc(&e->section, (const char *)e + sizeof(e->section));
}

static int read_head(struct reader *r, struct checkpoint_header *ret)
{
    struct checkpoint_file_head h;
    int error = need(r, sizeof(h));

    if (error)
        return error;
    memcpy(&h, r->bytes + r->begin, sizeof(h));
    error = checkpoint_head_open(&h, ret);
    if (error == ERROR_CORRUPT)
        return tell(r, ERROR_CORRUPT, "the head is damaged");
    if (error)
        return tell(r, error,
                    "written by a newer onhand: start that version, or remove the file to go back to an "
                    "older checkpoint");
    if (!r->any_name && strcmp(checkpoint_name(h.incarnation, h.next_offset).text, r->name) != 0)
        return tell(r, ERROR_CORRUPT, "the head is of another checkpoint than the name");
    taken(r, sizeof(h));
    return 0;
}

static int read_end(struct reader *r, uint64_t sections, struct hash128 *ret_digest)
{
    struct checkpoint_file_end e;

    memcpy(&e, r->bytes + r->begin, sizeof(e));
    if (e.sections != sections || e.bytes != r->at)
        return tell(r, ERROR_CORRUPT, "sections are missing");
    if (!r->verified && e.crc_all != r->crc)
        return tell(r, ERROR_CORRUPT, "the whole has another checksum than its parts");
    if (r->size - r->at != sizeof(e))
        return tell(r, ERROR_CORRUPT, "something stands behind the end");
    *ret_digest = e.digest;
    return 0;
}

/* Takes one section; 1: it was the end. */
static int read_section(struct reader *r, checkpoint_section each, void *context, uint64_t sections,
                        struct hash128 *ret_digest)
{
    struct checkpoint_file_section s;
    const char *bytes;
    int error = need(r, sizeof(s));

    if (error)
        return error;
    memcpy(&s, r->bytes + r->begin, sizeof(s));
    if (s.kind > CHECKPOINT_KIND_END)
        return tell(r, ERROR_CORRUPT, "a section is damaged");
    error = need(r, sizeof(s) + (uint64_t)s.length);
    if (error)
        return error;
    bytes = r->bytes + r->begin + sizeof(s);
    if (s.crc != checkpoint_section_crc(&s, bytes))
        return tell(r, ERROR_CORRUPT, "a section is damaged");
    if (s.kind == CHECKPOINT_KIND_END) {
        if (s.length != sizeof(struct checkpoint_file_end) - sizeof(s))
            return tell(r, ERROR_CORRUPT, "the end is damaged");
        error = read_end(r, sections, ret_digest);
        return error ? error : 1;
    }
    error = each ? each(context, (uint8_t)s.kind, bytes, s.length) : 0;
    if (error)
        return tell(r, error, "the section was not understood");
    taken(r, sizeof(s) + s.length);
    return 0;
}

static int reader_open(struct reader *r, int directory)
{
    struct stat st;

    r->fd = openat(directory, r->name, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        return tell(r, ERROR_IO, strerror(errno));
    r->size = (uint64_t)st.st_size;
    r->capacity = READ_BYTES;
    r->bytes = malloc(r->capacity);
    return r->bytes ? 0 : tell(r, ERROR_NOMEM, "no memory to read it");
}

static int read_all(struct reader *r, int directory, checkpoint_section each, void *context,
                    struct checkpoint_header *ret_header, uint64_t *ret_sections)
{
    struct checkpoint_header h = {0};
    uint64_t sections = 0;
    int error = reader_open(r, directory);

    if (!error)
        error = read_head(r, &h);
    while (error == 0) {
        error = read_section(r, each, context, sections, &h.digest);
        if (error == 0)
            sections++;
    }
    if (error == 1) {
        *ret_header = h;
        if (ret_sections)
            *ret_sections = sections;
        error = 0;
    }
    free(r->bytes);
    if (r->fd >= 0)
        close(r->fd);
    return error;
}

int checkpoint_file_read_as(int directory, const char *name, bool any_name, checkpoint_section each,
                            void *context, struct checkpoint_header *ret_header, uint64_t *ret_sections,
                            char *detail, size_t detail_size)
{
    struct reader r = {
        .fd = -1, .name = name, .any_name = any_name, .detail = detail, .detail_size = detail_size};

    return read_all(&r, directory, each, context, ret_header, ret_sections);
}

int checkpoint_file_read(int directory, const char *name, checkpoint_section each, void *context,
                         struct checkpoint_header *ret_header, uint64_t *ret_sections, char *detail,
                         size_t detail_size)
{
    return checkpoint_file_read_as(directory, name, false, each, context, ret_header, ret_sections, detail,
                                   detail_size);
}

/* ---- the directory ---- */

/* What a crash left, unless somebody is still writing it (the writer holds a lock). */
static void remove_left_over(int directory)
{
    int fd = openat(directory, CHECKPOINT_TEMPORARY, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlinkat(directory, CHECKPOINT_TEMPORARY, 0);
    close(fd);
}

static int open_list(const char *directory, int *ret_directory, struct checkpoint_list *list, char *detail,
                     size_t detail_size)
{
    int error = 0;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        error = errno == ENOENT ? ERROR_NOTFOUND : ERROR_IO;
    else
        error = checkpoint_list_read(fd, list);
    if (!error && list->count == 0)
        error = ERROR_NOTFOUND;
    if (error == ERROR_NOTFOUND)
        snprintf(detail, detail_size, "%s: there is no checkpoint", directory);
    else if (error)
        snprintf(detail, detail_size, "%s: %s", directory,
                 error == ERROR_NOMEM ? error_text(error) : strerror(errno));
    *ret_directory = fd;
    return error;
}

/* The newest that verifies: its index; list->count when none does. A file that cannot be read is passed over
 * like a damaged one. */
static size_t choose(int directory, const struct checkpoint_list *list, int *ret_error, char *detail,
                     size_t detail_size)
{
    struct checkpoint_header h;

    for (size_t i = 0; i < list->count; i++) {
        *ret_error =
            checkpoint_file_read(directory, list->at[i].text, NULL, NULL, &h, NULL, detail, detail_size);
        if (*ret_error != ERROR_CORRUPT && *ret_error != ERROR_IO)
            return i;
    }
    *ret_error = ERROR_CORRUPT;
    return list->count;
}

int checkpoint_load(const char *directory, checkpoint_section each, void *context,
                    struct checkpoint_header *ret_header, unsigned *ret_rejected, char *detail,
                    size_t detail_size)
{
    struct checkpoint_list list = {0};
    size_t chosen = 0;
    int fd, error = open_list(directory, &fd, &list, detail, detail_size);

    if (fd >= 0)
        remove_left_over(fd);
    if (!error)
        chosen = choose(fd, &list, &error, detail, detail_size);
    if (!error) {
        struct reader r = {.fd = -1,
                           .name = list.at[chosen].text,
                           .verified = true,
                           .detail = detail,
                           .detail_size = detail_size};
        error = read_all(&r, fd, each, context, ret_header, NULL);
    }
    if (ret_rejected)
        *ret_rejected = (unsigned)chosen;
    checkpoint_list_finish(&list);
    if (fd >= 0)
        close(fd);
    return error;
}

bool checkpoint_trim_offset(const char *directory, uint64_t *ret_offset)
{
    struct checkpoint_list list = {0};
    char detail[256];
    int fd, error = open_list(directory, &fd, &list, detail, sizeof(detail));
    bool two = !error && list.count >= 2 && list.at[0].incarnation == list.at[1].incarnation;

    if (two)
        *ret_offset = list.at[1].next_offset;
    checkpoint_list_finish(&list);
    if (fd >= 0)
        close(fd);
    return two;
}

int checkpoint_verify(const char *directory, void (*report)(void *context, const char *line), void *context)
{
    struct checkpoint_list list = {0};
    struct checkpoint_header h;
    char detail[256], line[400];
    uint64_t sections;
    int fd, worst = open_list(directory, &fd, &list, detail, sizeof(detail));

    if (worst)
        report(context, detail);
    for (size_t i = 0; i < list.count; i++) {
        int error =
            checkpoint_file_read(fd, list.at[i].text, NULL, NULL, &h, &sections, detail, sizeof(detail));
        if (error) {
            worst = error;
            snprintf(line, sizeof(line), "%s", detail);
        } else {
            snprintf(line, sizeof(line),
                     "%s: whole, %" PRIu64 " sections, level %" PRIu32 ", digest %016" PRIx64 "%016" PRIx64,
                     list.at[i].text, sections, h.level, h.digest.high, h.digest.low);
        }
        report(context, line);
    }
    checkpoint_list_finish(&list);
    if (fd >= 0)
        close(fd);
    return worst;
}
