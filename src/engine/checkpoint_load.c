/* Finds checkpoint files and takes in the newest that is whole. */
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

int checkpoint_head_open(const struct checkpoint_file_head *h, struct checkpoint_header *ret)
{
    if (memcmp(h->magic, magic, sizeof(magic)) != 0 ||
        h->crc != crc32c(0, h, offsetof(struct checkpoint_file_head, crc)))
        return ERROR_CORRUPT;
    if (h->layout < CHECKPOINT_LAYOUT)
        return ERROR_CONFLICT;
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

/* The newest that is whole: its index; list->count when none is. A file that cannot be read is passed over
 * like a damaged one. */
static size_t take_newest(int directory, const struct checkpoint_list *list,
                          const struct checkpoint_taker *taker, struct checkpoint_header *ret_header,
                          int *ret_error, char *detail, size_t detail_size)
{
    char why[256];

    for (size_t i = 0; i < list->count; i++) {
        *ret_error = checkpoint_file_take(directory, list->at[i].text, false, taker, ret_header, NULL, why,
                                          sizeof(why));
        if (*ret_error)
            snprintf(detail, detail_size, "%s", why);
        if (*ret_error != ERROR_CORRUPT && *ret_error != ERROR_IO)
            return i;
        if (taker->forget && (*ret_error = taker->forget(taker->context)))
            return i;
    }
    *ret_error = ERROR_CORRUPT;
    return list->count;
}

int checkpoint_load(const char *directory, const struct checkpoint_taker *taker,
                    struct checkpoint_header *ret_header, unsigned *ret_rejected, char *detail,
                    size_t detail_size)
{
    struct checkpoint_list list = {0};
    size_t chosen = 0;
    int fd, error = open_list(directory, &fd, &list, detail, detail_size);

    if (fd >= 0)
        remove_left_over(fd);
    if (!error)
        chosen = take_newest(fd, &list, taker, ret_header, &error, detail, detail_size);
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
