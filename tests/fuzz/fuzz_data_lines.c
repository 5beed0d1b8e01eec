/* Files of an import: the same lines, and the same said of them, however the bytes are cut. The first byte
 * chooses NDJSON or CSV and what the lines are, the second the size of the pieces. */
#include "base/error.h"
#include "codec/data_line.h"
#include "codec/record_codec.h"
#include "codec/reference_json.h"
#include "fuzz.h"

struct file {
    bool csv;
    enum data_kind kind;
    struct text bytes;
};

/* Survives the log: a record that is encoded says the same when it is decoded. */
static void go_through_the_log(const struct record *r)
{
    struct arena a = {.most_bytes = 1 << 24};
    struct buffer bytes = {0};
    struct problems p = {0};
    struct record back;
    uint32_t unknown;

    MUST(record_encode(r, &bytes) == 0);
    MUST(record_decode(bytes.at, bytes.length, LEVEL_NEWEST, &a, &back, &unknown, &p) == 0);
    MUST(unknown == 0 && back.kind == r->kind);
    if (r->kind != RECORD_EVENTS)
        MUST(text_equal(r->reference.id, back.reference.id) &&
             text_equal(r->reference.document, back.reference.document));
    buffer_finish(&bytes);
    arena_finish(&a);
}

/* What the log may get of a line: an event that was checked, an object. */
static void take(struct data_line *line)
{
    struct problems p = {0};

    if (line->kind != DATA_EVENTS) {
        go_through_the_log(&line->record);
        return;
    }
    if (!event_check(&line->event, LEVEL_NEWEST, &p))
        return;
    go_through_the_log(&(struct record){.kind = RECORD_EVENTS,
                                        .level = LEVEL_FIRST,
                                        .intake.after = -1,
                                        .events_count = 1,
                                        .events = &line->event});
}

static void tell_problems(struct buffer *out, unsigned long line, const struct problems *p)
{
    MUST(p->count);
    for (size_t i = 0; i < p->count; i++)
        buffer_printf(out, "%lu! %s %s\n", line, p->at[i].pointer, p->at[i].detail);
}

static void tell_document(struct buffer *out, struct data_line_reader *reader, const struct data_document *d)
{
    struct arena a = {.most_bytes = 1 << 24};
    struct problems p = {0};
    struct data_line line = {.kind = DATA_KINDS};

    buffer_printf(out, "%lu %d ", d->line, (int)d->kind);
    buffer_text(out, d->id);
    buffer_byte(out, ' ');
    buffer_text(out, d->json);
    buffer_byte(out, '\n');
    int error = data_line_read(reader, d, LEVEL_NEWEST, &a, &line, &p);
    MUST(error == 0 || error == ERROR_INVALID || error == ERROR_LIMIT);
    if (error == ERROR_INVALID || (!error && p.count))
        tell_problems(out, d->line, &p);
    else if (!error)
        take(&line);
    arena_finish(&a);
}

/* All that is read of the file when it comes in pieces of `size`. */
static void read_all(const struct file *f, size_t size, struct buffer *out)
{
    struct data_lines l = {.csv = f->csv, .kind = f->kind};
    struct data_line_reader reader = {0};
    struct text left = f->bytes;
    unsigned long last = 0;

    for (;;) {
        struct data_document d;
        struct problems p = {0};
        int got = data_lines_next(&l, &d, &p);
        MUST(got == 1 || got == 0 || got == ERROR_INVALID);
        if (got) {
            MUST(l.line > last || (f->csv && l.line == last)); /* a lone CR ends a row, and no line */
            last = l.line;
        }
        if (got == 1) {
            MUST(d.line == l.line);
            tell_document(out, &reader, &d);
        } else if (got == ERROR_INVALID) {
            tell_problems(out, l.line, &p);
        }
        if (l.unreadable || (!got && l.ended))
            break;
        if (got)
            continue;
        size_t n = left.length < size ? left.length : size;
        data_lines_compact(&l);
        buffer_add(&l.bytes, left.at, n);
        left = (struct text){left.at + n, left.length - n};
        l.ended = !left.length;
    }
    buffer_string(out, data_lines_skipped(&l));
    data_line_reader_finish(&reader);
    data_lines_finish(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole = {0}, pieces = {0};

    if (size < 2)
        return 0;
    const struct file f = {.csv = data[0] & 1,
                           .kind = (enum data_kind)(data[0] / 2 % (DATA_KINDS + 1)),
                           .bytes = {(const char *)data + 2, size - 2}};
    read_all(&f, size, &whole);
    read_all(&f, 1 + data[1] % 64, &pieces);
    MUST(!whole.failed && !pieces.failed);
    MUST(text_equal((struct text){whole.at, whole.length}, (struct text){pieces.at, pieces.length}));
    buffer_finish(&whole);
    buffer_finish(&pieces);
    return 0;
}
