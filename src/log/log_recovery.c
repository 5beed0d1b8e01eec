/* Reads the segments at start: where does the log end, and is that end a torn tail or damage? */
#include "log/log_recovery.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RESTORE "restore it from a copy, or start from a replica's checkpoint in an empty directory"

static int damaged(struct log_recovery *r, uint64_t sequence, const char *what)
{
    snprintf(r->detail, sizeof(r->detail), "%s: %s; " RESTORE, segment_name(sequence).text, what);
    return ERROR_CORRUPT;
}

static int failed(struct log_recovery *r, uint64_t sequence, int error)
{
    struct segment_name name = segment_name(sequence);

    if (error == ERROR_CORRUPT)
        return damaged(r, sequence, "its header is damaged");
    if (error == ERROR_LEVEL)
        snprintf(r->detail, sizeof(r->detail), "%s was written by a newer onhand: start that version",
                 name.text);
    else if (error == ERROR_NOMEM)
        snprintf(r->detail, sizeof(r->detail), "no memory to read %s", name.text);
    else
        snprintf(r->detail, sizeof(r->detail), "reading %s failed: %s", name.text, strerror(errno));
    return error;
}

/* The list has no gap in its sequence, each header is whole, and first offsets grow. */
static int look_at_all(struct log_recovery *r)
{
    char what[96];
    uint64_t least = 0;

    for (size_t i = 0; i < r->list.count; i++) {
        struct segment_file *f = &r->list.at[i];
        uint64_t expected = r->list.at[0].sequence + i;
        int error;

        if (f->sequence != expected) {
            snprintf(what, sizeof(what), "the segment is missing (%s is there)",
                     segment_name(f->sequence).text);
            return damaged(r, expected, what);
        }
        error = segment_file_look(r->ops, r->directory, f);
        if (error)
            return failed(r, f->sequence, error);
        if (f->first_offset == SEGMENT_OFFSET_NONE)
            continue;
        if (f->first_offset < least)
            return damaged(r, f->sequence, "it begins before the segment before it");
        least = f->first_offset + 1;
    }
    return 0;
}

/* The last segment that begins at or before the start; the first when none does. */
static size_t segment_to_begin_with(const struct log_recovery *r)
{
    size_t from = 0;

    for (size_t i = 1; i < r->list.count && r->list.at[i].first_offset != SEGMENT_OFFSET_NONE; i++)
        if (r->list.at[i].first_offset <= r->start_offset)
            from = i;
    return from;
}

/* Goes over the records of r->image, from the offset on that should come; fills the tail's fields. */
static void walk(struct log_recovery *r, uint64_t *offset)
{
    const struct segment_image *m = &r->image;
    size_t at = SEGMENT_HEADER_BYTES;
    struct segment_record rec;
    uint64_t end;

    r->group_at = at;
    while (segment_record_get(m->bytes, m->header.bytes, at, m->header.salt, &rec) && rec.offset == *offset) {
        if (rec.before == 0)
            r->group_at = at;
        at += segment_record_bytes(rec.length);
        r->last_appended_at = rec.appended_at;
        ++*offset;
    }
    r->tail_end = at;
    r->whole = segment_mark_get(m->bytes, m->header.bytes, at, m->header.salt, &end) && end == *offset;
}

static int judge_rest(struct log_recovery *r, size_t i, size_t from, uint64_t offset,
                      struct segment_rest *rest)
{
    char what[160];

    segment_rest(r->image.bytes, &r->image.header, from, offset, rest);
    if (!rest->damage)
        return 0;
    snprintf(what, sizeof(what),
             "the record of offset %" PRIu64 " is damaged, and that of %" PRIu64
             " at byte %zu shows that it is not the tail",
             offset, rest->proof_offset, rest->proof_at);
    return damaged(r, r->list.at[i].sequence, what);
}

/* Behind the tail's segment no other may hold anything that proves that the log went on. */
static int judge_later(struct log_recovery *r, uint64_t offset)
{
    struct segment_rest rest;

    for (size_t i = r->tail + 1; i < r->list.count; i++) {
        int error = segment_image_load(r->ops, r->directory, r->list.at[i].sequence, &r->image);
        if (error)
            return failed(r, r->list.at[i].sequence, error);
        error = judge_rest(r, i, SEGMENT_HEADER_BYTES, offset, &rest);
        if (error)
            return error;
        r->torn_bytes += rest.end - SEGMENT_HEADER_BYTES + r->image.missing;
        r->short_file |= r->image.missing > 0;
    }
    return 0;
}

/* A mark stays where it is until the next group overwrites it. */
static size_t rest_begin(const struct log_recovery *r)
{
    return r->tail_end + (r->whole ? SEGMENT_FRAME_BYTES : 0);
}

static int judge_tail(struct log_recovery *r)
{
    const struct segment_image *m = &r->image;
    uint64_t sequence = r->list.at[r->tail].sequence;
    size_t behind = rest_begin(r);
    struct segment_rest rest;
    int error;

    if (r->tail_end < m->header.durable_end)
        return damaged(r, sequence, "the record that the log begins with is damaged");
    error = judge_rest(r, r->tail, behind, r->end_offset, &rest);
    if (error)
        return error;
    r->rest_end = rest.end;
    r->torn_bytes = rest.end - behind + m->missing;
    r->short_file = m->missing > 0;
    error = judge_later(r, r->end_offset);
    if (!error && r->tail + 1 < r->list.count)
        error = segment_image_load(r->ops, r->directory, sequence, &r->image);
    if (error && !r->detail[0])
        failed(r, sequence, error);
    if (!error && r->torn_bytes)
        snprintf(r->detail, sizeof(r->detail),
                 "%s: the tail behind offset %" PRIu64 " (byte %zu) was torn by a crash: %" PRIu64
                 " bytes were never acknowledged%s",
                 segment_name(sequence).text, r->end_offset, r->tail_end, r->torn_bytes,
                 r->short_file
                     ? "; the file was shorter than made, so it was cut by something else than onhand"
                     : "");
    return error;
}

int log_recovery_run(struct log_recovery *r)
{
    int error = segment_list_read(r->ops, r->directory, false, &r->list);
    size_t i;
    uint64_t offset;

    if (error) {
        snprintf(r->detail, sizeof(r->detail), "listing the log's directory failed: %s", strerror(errno));
        return error;
    }
    if (r->list.count == 0)
        return ERROR_NOTFOUND;
    error = look_at_all(r);
    if (error)
        return error;
    i = segment_to_begin_with(r);
    r->first_offset = r->list.at[0].first_offset;
    if (r->first_offset == SEGMENT_OFFSET_NONE) {
        if (r->list.at[0].sequence != 1)
            return damaged(r, r->list.at[0].sequence, "its first record is damaged");
        r->list.at[0].first_offset = r->first_offset = 0;
    }
    offset = i ? r->list.at[i].first_offset : r->first_offset;
    for (;; i++) {
        error = segment_image_load(r->ops, r->directory, r->list.at[i].sequence, &r->image);
        if (error)
            return failed(r, r->list.at[i].sequence, error);
        walk(r, &offset);
        if (i + 1 == r->list.count || r->list.at[i + 1].first_offset != offset)
            break;
    }
    r->tail = i;
    r->end_offset = offset;
    return judge_tail(r);
}

/* Zeros over [from, to). */
static bool blank(const struct file_ops *ops, int fd, size_t from, size_t to)
{
    static const char zeros[65536];

    for (size_t n; from < to; from += n) {
        n = to - from < sizeof(zeros) ? to - from : sizeof(zeros);
        if (!file_write_all(ops, fd, zeros, n, from))
            return false;
    }
    return true;
}

/* Later segments hold nothing but what is torn: they are made anew. The newest goes first, so that no gap can
 * appear. */
static bool remove_later(struct log_recovery *r)
{
    while (r->list.count > r->tail + 1) {
        struct segment_file *last = &r->list.at[r->list.count - 1];
        if (r->ops->unlink(r->ops->context, r->directory, segment_name(last->sequence).text) != 0)
            return false;
        r->list.count--;
    }
    return r->ops->sync_directory(r->ops->context, r->directory) == 0;
}

int log_recovery_mend(struct log_recovery *r)
{
    const struct segment_image *m = &r->image;
    const struct file_ops *ops = r->ops;
    size_t rest = rest_begin(r), page_end = segment_page_end(rest, m->header.bytes);
    size_t blank_from =
        m->header.bytes - m->missing < r->tail_end ? r->tail_end : m->header.bytes - m->missing;
    int fd =
        ops->open(ops->context, r->directory, segment_name(r->list.at[r->tail].sequence).text, O_RDWR, 0);

    if (fd < 0)
        goto failed;
    if (m->missing && (ops->allocate(ops->context, fd, m->header.bytes) != 0 ||
                       !blank(ops, fd, blank_from, m->header.bytes)))
        goto failed;
    if (!blank(ops, fd, rest, r->rest_end > page_end ? r->rest_end : page_end) ||
        !file_write_all(ops, fd, m->bytes + r->group_at, r->tail_end - r->group_at, r->group_at) ||
        ops->sync(ops->context, fd) != 0 || !remove_later(r))
        goto failed;
    if (r->list.at[r->tail].first_offset == SEGMENT_OFFSET_NONE)
        r->list.at[r->tail].first_offset = r->end_offset;
    return fd;
failed:
    snprintf(r->detail, sizeof(r->detail), "mending the tail in %s failed: %s",
             segment_name(r->list.at[r->tail].sequence).text, strerror(errno));
    if (fd >= 0)
        ops->close(ops->context, fd);
    return errno == ENOSPC ? ERROR_LIMIT : ERROR_IO;
}

void log_recovery_finish(struct log_recovery *r)
{
    segment_list_finish(&r->list);
    segment_image_finish(&r->image);
}
