/* A small store cut at every byte and flipped at every byte: what is damage stops the start, a torn tail is
 * cut, and no wrong record is ever delivered. */
#include "log_directory.h"

#include <fcntl.h>

enum { FILES_MOST = 8, RECORDS_MOST = 64 };

/* The store as it was, and where each record stands in it. */
struct place {
    unsigned file;
    size_t begin, end;
    uint64_t group; /* first offset of its group */
    struct log_record record;
};

static struct store {
    unsigned files;
    char *bytes[FILES_MOST];
    struct place places[RECORDS_MOST];
    uint64_t records;
    unsigned tail;   /* the file that is written on */
    size_t tail_end; /* behind its last record */
    bool marked;
} store;

static struct segment_name name_of(unsigned file)
{
    return segment_name(file + 1);
}

static const char *path_of(unsigned file)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", directory, name_of(file).text);
    return path;
}

static void write_file(unsigned file, size_t length)
{
    FILE *f = fopen(path_of(file), "wb");

    assert_int_equal(fwrite(store.bytes[file], 1, length, f), length);
    assert_int_equal(fclose(f), 0);
}

static void write_store(void)
{
    for (unsigned i = 0; i < store.files; i++)
        write_file(i, SEGMENT_BYTES_LEAST);
}

static void find_places(unsigned file)
{
    const struct segment_header *h = (const struct segment_header *)(const void *)store.bytes[file];
    size_t at = SEGMENT_HEADER_BYTES;
    struct segment_record r;
    uint64_t end;

    while (segment_record_get(store.bytes[file], SEGMENT_BYTES_LEAST, at, h->salt, &r)) {
        size_t next = at + segment_record_bytes(r.length);
        assert_int_equal(r.offset, store.records);
        store.places[store.records++] = (struct place){
            file, at, next, r.offset - r.before, {r.offset, r.appended_at, r.bytes, r.length, NULL}};
        at = next;
        store.tail = file;
        store.tail_end = at;
        store.marked = segment_mark_get(store.bytes[file], SEGMENT_BYTES_LEAST, at, h->salt, &end);
    }
}

/* Reads the files as they are now. */
static void remember_store(void)
{
    store.files = 0;
    store.records = 0;
    for (int fd; (fd = open(path_of(store.files), O_RDONLY)) >= 0; store.files++) {
        free(store.bytes[store.files]);
        store.bytes[store.files] = malloc(SEGMENT_BYTES_LEAST);
        assert_int_equal(read(fd, store.bytes[store.files], SEGMENT_BYTES_LEAST), SEGMENT_BYTES_LEAST);
        close(fd);
    }
    for (unsigned i = 0; i < store.files; i++)
        find_places(i);
}

static void append_group(struct log *l, unsigned records, unsigned length)
{
    static char bytes[RECORDS_MOST][600];
    static unsigned n;
    struct log_append a[8];
    struct log_record got[8];

    for (unsigned i = 0; i < records; i++) {
        char *at = bytes[n++ % RECORDS_MOST];
        memset(at, (int)n, length);
        a[i] = (struct log_append){at, length, NULL};
    }
    assert_int_equal(l->ops->append(l, a, records), 0);
    for (unsigned i = 0; i < records;)
        i += (unsigned)l->ops->next(l, got, 8, 10000);
}

/* Three segments with records and a spare; the last group holds four records. Cleanly stopped, or as a kill
 * leaves it. */
static void make_store(bool clean)
{
    struct log *l =
        open_log((struct file_log_options){.first_record = "incarnation", .first_record_length = 11}, NULL);
    struct log_record first;

    assert_int_equal(l->ops->next(l, &first, 1, 0), 1);
    for (unsigned i = 0; i < 5; i++) {
        append_group(l, 1, 100 + 13 * i);
        append_group(l, 3, 520);
        append_group(l, 2, 7);
    }
    append_group(l, 4, 200);
    while (access(path_of(3), F_OK) != 0)
        usleep(100);
    if (!clean)
        remember_store();
    l->ops->stop(l);
    l->ops->destroy(l);
    if (clean)
        remember_store();
    write_store();
    assert_int_equal(store.tail, 2);
    assert_int_equal(store.files, 4);
    assert_int_equal(store.records, 35);
    assert_int_equal(store.places[34].record.offset - store.places[34].group, 3);
    assert_int_equal(store.marked, clean);
}

/* What is delivered is what was stored, from the first offset on. */
static void check_record(void *context, const struct log_record *r)
{
    uint64_t *expected = context;
    const struct log_record *was = &store.places[*expected].record;

    assert_true(*expected < store.records);
    assert_int_equal(r->offset, *expected);
    assert_int_equal(r->appended_at, was->appended_at);
    assert_int_equal(r->length, was->length);
    assert_memory_equal(r->bytes, was->bytes, was->length);
    ++*expected;
}

struct outcome {
    int error;
    uint64_t end;
    bool torn;
};

/* Opens as it is and reads everything. */
static struct outcome look(bool read_only)
{
    struct file_log_report report;
    struct log *l = NULL;
    uint64_t expected = 0;
    int error = try_open((struct file_log_options){.read_only = read_only}, &l, &report);

    if (error) {
        assert_true(report.detail[0]);
        return (struct outcome){.error = error};
    }
    take_records(l, UINT64_MAX, 0, check_record, &expected);
    assert_int_equal(expected, report.end_offset);
    l->ops->destroy(l);
    if (report.torn_bytes)
        assert_true(report.detail[0]);
    return (struct outcome){0, expected, report.torn_bytes > 0};
}

static const struct place *place_at(unsigned file, size_t byte)
{
    for (uint64_t i = 0; i < store.records; i++)
        if (store.places[i].file == file && store.places[i].begin <= byte && byte < store.places[i].end)
            return &store.places[i];
    return NULL;
}

/* What must come of a flipped bit, by the rules in segment.h. */
static struct outcome expect_flip(unsigned file, size_t byte)
{
    const struct place *p = place_at(file, byte);
    const struct outcome damage = {.error = ERROR_CORRUPT};

    if (byte < SEGMENT_HEADER_BYTES)
        return damage;
    if (!p)
        return (struct outcome){0, store.records, file >= store.tail};
    if (p->group != store.places[store.records - 1].group || store.marked)
        return damage;
    return (struct outcome){0, p->record.offset, true};
}

static void assert_outcome(struct outcome is, struct outcome expected, unsigned file, size_t byte)
{
    if (is.error == expected.error && (is.error || (is.end == expected.end && is.torn == expected.torn)))
        return;
    print_message("file %u byte %zu: error %d end %lu torn %d, expected error %d end %lu torn %d\n", file,
                  byte, is.error, is.end, is.torn, expected.error, expected.end, expected.torn);
    fail();
}

static void flip_every_byte(bool read_only, size_t step)
{
    for (unsigned file = 0; file < store.files; file++)
        for (size_t i = file; i < SEGMENT_BYTES_LEAST; i += step) {
            char was = store.bytes[file][i];
            store.bytes[file][i] ^= (char)(1 << (i + file) % 8);
            write_file(file, SEGMENT_BYTES_LEAST);
            store.bytes[file][i] = was;
            assert_outcome(look(read_only), expect_flip(file, i), file, i);
            if (!read_only)
                write_store();
        }
}

static void flipped_at_every_byte_after_a_kill(void **unused)
{
    make_store(false);
    flip_every_byte(true, 1);
}

static void flipped_at_every_byte_after_a_clean_stop(void **unused)
{
    make_store(true);
    flip_every_byte(true, 1);
}

/* A sample of them opened for writing: what is cut stays cut, and the log goes on. */
static void flipped_and_mended(void **unused)
{
    make_store(false);
    flip_every_byte(false, 127);
}

static bool all_zero(const char *bytes, size_t begin, size_t end)
{
    while (begin < end && bytes[begin] == 0)
        begin++;
    return begin >= end;
}

/* The first record of which a cut takes more than zeros. */
static uint64_t first_behind(unsigned file, size_t length)
{
    for (uint64_t i = 0; i < store.records; i++) {
        const struct place *p = &store.places[i];
        if (p->file > file ||
            (p->file == file && !all_zero(store.bytes[file], p->begin > length ? p->begin : length, p->end)))
            return i;
    }
    return store.records;
}

static struct outcome expect_cut(unsigned file, size_t length)
{
    uint64_t n = first_behind(file, length);

    if (length < SEGMENT_HEADER_BYTES)
        return (struct outcome){.error = ERROR_CORRUPT};
    if (file == 0 && n == 0)
        return (struct outcome){.error = ERROR_CORRUPT}; /* the record it began with was synced */
    if (file < store.tail)
        return store.places[n].file == file ? (struct outcome){.error = ERROR_CORRUPT}
                                            : (struct outcome){0, store.records, false};
    if (file > store.tail)
        return (struct outcome){0, store.records, true};
    return (struct outcome){0, n, true};
}

static void cut_every_byte(bool read_only, size_t step)
{
    for (unsigned file = 0; file < store.files; file++) {
        for (size_t i = 0; i < SEGMENT_BYTES_LEAST; i += step) {
            write_file(file, i);
            assert_outcome(look(read_only), expect_cut(file, i), file, i);
            if (!read_only)
                write_store();
        }
        write_file(file, SEGMENT_BYTES_LEAST);
    }
}

static void cut_at_every_byte(void **unused)
{
    make_store(false);
    cut_every_byte(true, 1);
}

static void cut_and_mended(void **unused)
{
    make_store(false);
    cut_every_byte(false, 127);
}

/* Any one of the last group's sectors lost: records of that group that stand behind a lost one do not make it
 * damage. */
static void any_sectors_of_the_last_group_lost_is_a_torn_tail(void **unused)
{
    make_store(false);
    uint64_t group = store.places[store.records - 1].group;
    size_t begin = store.places[group].begin;
    char *whole = store.bytes[store.tail];

    for (unsigned lost = 1; lost < 8; lost++) {
        char *torn = malloc(SEGMENT_BYTES_LEAST);
        size_t first = SIZE_MAX;
        memcpy(torn, whole, SEGMENT_BYTES_LEAST);
        for (size_t i = begin; i < store.tail_end; i++)
            if (lost >> (i / 512 - begin / 512) & 1) {
                first = first == SIZE_MAX ? i : first;
                torn[i] = 0;
            }
        store.bytes[store.tail] = torn;
        write_file(store.tail, SEGMENT_BYTES_LEAST);
        store.bytes[store.tail] = whole;
        if (first != SIZE_MAX) {
            const struct place *p = place_at(store.tail, first);
            bool remains = !all_zero(torn, p->begin, SEGMENT_BYTES_LEAST);
            assert_outcome(look(true), (struct outcome){0, p->record.offset, remains}, store.tail, first);
        }
        free(torn);
    }
}

static void a_missing_segment_is_damage(void **unused)
{
    struct file_log_report report;
    struct log *l;

    make_store(false);
    for (unsigned file = 0; file < 3; file++) {
        unlink(path_of(file));
        assert_int_equal(try_open((struct file_log_options){.read_only = true}, &l, &report),
                         file ? ERROR_CORRUPT : ERROR_NOTFOUND);
        assert_non_null(strstr(report.detail, file ? name_of(file).text : "offsets"));
        write_file(file, SEGMENT_BYTES_LEAST);
    }
    unlink(path_of(3)); /* the spare: it is made anew */
    assert_int_equal(look(false).end, store.records);
}

/* After a cut, an old record of the torn group must not come back behind a new one of the same length. */
static void what_was_cut_stays_away(void **unused)
{
    uint64_t expected = 0, cut;

    make_store(false);
    cut = store.places[store.records - 1].group + 1;
    store.bytes[store.tail][store.places[cut].begin + 40] ^= 1;
    write_store();
    struct log *l = open_log((struct file_log_options){0}, NULL);
    assert_int_equal(take_records(l, UINT64_MAX, 0, check_record, &expected), cut);
    append_group(l, 1, 200);
    l->ops->destroy(l);
    struct file_log_report report;
    l = open_log((struct file_log_options){.read_only = true}, &report);
    assert_int_equal(report.end_offset, cut + 1);
    assert_int_equal(report.torn_bytes, 0);
    l->ops->destroy(l);
}

static unsigned lines;

static void count_line(void *context, const char *line)
{
    lines++;
}

static void verify_tells_each_segment(void **unused)
{
    make_store(false);
    lines = 0;
    assert_int_equal(file_log_verify(directory, count_line, NULL), 0);
    assert_int_equal(lines, 5);
    store.bytes[1][2000] ^= 1;
    write_store();
    assert_int_equal(file_log_verify(directory, count_line, NULL), ERROR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(flipped_at_every_byte_after_a_kill),
        IN_A_DIRECTORY(flipped_at_every_byte_after_a_clean_stop),
        IN_A_DIRECTORY(flipped_and_mended),
        IN_A_DIRECTORY(cut_at_every_byte),
        IN_A_DIRECTORY(cut_and_mended),
        IN_A_DIRECTORY(any_sectors_of_the_last_group_lost_is_a_torn_tail),
        IN_A_DIRECTORY(a_missing_segment_is_damage),
        IN_A_DIRECTORY(what_was_cut_stays_away),
        IN_A_DIRECTORY(verify_tells_each_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
