/* A small store cut at every byte and flipped at every byte: what is damage stops the start, a torn tail is
 * cut, and no wrong record is ever delivered. */
#include "log_directory.h"

#include <fcntl.h>

enum { FILES_MOST = 8, RECORDS_MOST = 64 };

/* The store as it was, and where each record stands in it. Offsets count from its first. */
struct place {
    unsigned file;
    size_t begin, end;
    uint64_t group; /* first offset of its group */
    struct log_record record;
};

static struct store {
    size_t segment_bytes;
    uint64_t first_sequence, first_offset;
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
    return segment_name(store.first_sequence + file);
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
        write_file(i, store.segment_bytes);
}

static void find_places(unsigned file)
{
    const struct segment_header *h = (const struct segment_header *)(const void *)store.bytes[file];
    size_t at = SEGMENT_HEADER_BYTES;
    struct segment_record r;
    uint64_t end;

    while (segment_record_get(store.bytes[file], store.segment_bytes, at, h->salt, &r)) {
        size_t next = at + segment_record_bytes(r.length);
        if (store.records == 0)
            store.first_offset = r.offset;
        assert_int_equal(r.offset - store.first_offset, store.records);
        assert_true(store.records < RECORDS_MOST);
        store.places[store.records] = (struct place){file,
                                                     at,
                                                     next,
                                                     store.records - r.before,
                                                     {store.records, r.appended_at, r.bytes, r.length, NULL}};
        store.records++;
        at = next;
        store.tail = file;
        store.tail_end = at;
        store.marked = segment_mark_get(store.bytes[file], store.segment_bytes, at, h->salt, &end);
    }
}

/* Reads the files as they are now. */
static void remember_store(void)
{
    store.files = 0;
    store.records = 0;
    for (int fd; (fd = open(path_of(store.files), O_RDONLY)) >= 0; store.files++) {
        free(store.bytes[store.files]);
        store.bytes[store.files] = malloc(store.segment_bytes);
        assert_int_equal(read(fd, store.bytes[store.files], store.segment_bytes), store.segment_bytes);
        close(fd);
    }
    for (unsigned i = 0; i < store.files; i++)
        find_places(i);
}

static void append_group(struct log *l, unsigned records, unsigned length)
{
    static char bytes[RECORDS_MOST][600];
    static unsigned n;
    struct log_append a[8] = {0};
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
    store.segment_bytes = SEGMENT_BYTES_LEAST;
    store.first_sequence = 1;
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

static const struct segment_header *header_of(unsigned file)
{
    return (const struct segment_header *)(const void *)store.bytes[file];
}

static void wait_for_file(uint64_t sequence)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", directory, segment_name(sequence).text);
    for (int tries = 0; access(path, F_OK) != 0; tries++) {
        assert_true(tries < 100000);
        usleep(100);
    }
}

static void read_list(struct segment_list *list)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY);

    assert_int_equal(segment_list_read(&file_ops_system, fd, false, list), 0);
    close(fd);
}

/* Segments of three pages that were full of records before: some groups and then one of three records in the
 * one that is written on, and behind it the spare. */
static void make_used_store(bool clean)
{
    enum { GROUPS_A_SEGMENT = 11, SEGMENTS = 12, GROUPS = SEGMENTS * GROUPS_A_SEGMENT + 5 };
    struct segment_list list = {0};
    struct log_record first;

    store.segment_bytes = 3 * SEGMENT_PAGE_BYTES;
    struct log *l = open_log((struct file_log_options){.first_record = "incarnation",
                                                       .first_record_length = 11,
                                                       .segment_bytes = store.segment_bytes},
                             NULL);
    assert_int_equal(l->ops->next(l, &first, 1, 0), 1);
    for (uint64_t group = 0; group < GROUPS; group++) {
        append_group(l, 2, 520);
        l->ops->trim(l, 1 + 2 * group);
        if (group % GROUPS_A_SEGMENT == 0)
            wait_for_file(group / GROUPS_A_SEGMENT + 2);
    }
    append_group(l, 3, 520);
    read_list(&list);
    store.first_sequence = list.at[0].sequence;
    if (!clean)
        remember_store();
    l->ops->stop(l);
    l->ops->destroy(l);
    if (clean)
        remember_store();
    write_store();
    segment_list_finish(&list);
    assert_int_equal(store.marked, clean);
    assert_int_equal(store.tail + 2, store.files);
    assert_int_equal(store.records - store.places[store.records - 1].group, 3);
    assert_true(header_of(store.tail)->used_before && header_of(store.tail + 1)->used_before);
    assert_true(store.tail_end < 2 * SEGMENT_PAGE_BYTES - 100 && store.tail_end > SEGMENT_PAGE_BYTES);
}

/* What is delivered is what was stored, from the first offset on. */
static void check_record(void *context, const struct log_record *r)
{
    uint64_t *expected = context;
    const struct log_record *was = &store.places[*expected].record;

    assert_true(*expected < store.records);
    assert_int_equal(r->offset - store.first_offset, *expected);
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
    int error = try_open((struct file_log_options){.read_only = read_only,
                                                   .start_offset = FILE_LOG_FIRST,
                                                   .segment_bytes = store.segment_bytes},
                         &l, &report);

    if (error) {
        assert_true(report.detail[0]);
        return (struct outcome){.error = error};
    }
    take_records(l, UINT64_MAX, 0, check_record, &expected);
    assert_int_equal(expected, report.end_offset - store.first_offset);
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

/* Behind the last record, or the header, zeros are kept up to there. */
static size_t zeros_end(unsigned file)
{
    size_t end =
        file == store.tail ? store.tail_end + (store.marked ? SEGMENT_FRAME_BYTES : 0) : SEGMENT_HEADER_BYTES;

    return header_of(file)->used_before ? segment_page_end(end, store.segment_bytes) : store.segment_bytes;
}

/* What must come of a flipped bit, by the rules in segment.h. */
static struct outcome expect_flip(unsigned file, size_t byte)
{
    const struct place *p = place_at(file, byte);
    const struct outcome damage = {.error = ERROR_CORRUPT};

    if (byte < SEGMENT_HEADER_BYTES)
        return damage;
    if (!p)
        return (struct outcome){0, store.records, file >= store.tail && byte < zeros_end(file)};
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
        for (size_t i = file; i < store.segment_bytes; i += step) {
            char was = store.bytes[file][i];
            store.bytes[file][i] ^= (char)(1 << (i + file) % 8);
            write_file(file, store.segment_bytes);
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

static void used_before_flipped_all_over(void **unused)
{
    make_used_store(false);
    flip_every_byte(true, 7);
    flip_every_byte(false, 255);
}

static void used_before_flipped_after_a_clean_stop(void **unused)
{
    make_used_store(true);
    flip_every_byte(true, 13);
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
        for (size_t i = 0; i < store.segment_bytes; i += step) {
            write_file(file, i);
            assert_outcome(look(read_only), expect_cut(file, i), file, i);
            if (!read_only)
                write_store();
        }
        write_file(file, store.segment_bytes);
    }
}

static void used_before_cut_all_over(void **unused)
{
    make_used_store(false);
    cut_every_byte(true, 7);
    cut_every_byte(false, 255);
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
        char *torn = malloc(store.segment_bytes);
        size_t first = SIZE_MAX;
        memcpy(torn, whole, store.segment_bytes);
        for (size_t i = begin; i < store.tail_end; i++)
            if (lost >> (i / 512 - begin / 512) & 1) {
                first = first == SIZE_MAX ? i : first;
                torn[i] = 0;
            }
        store.bytes[store.tail] = torn;
        write_file(store.tail, store.segment_bytes);
        store.bytes[store.tail] = whole;
        if (first != SIZE_MAX) {
            const struct place *p = place_at(store.tail, first);
            bool remains = !all_zero(torn, p->begin, store.segment_bytes);
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
        write_file(file, store.segment_bytes);
    }
    unlink(path_of(3)); /* the spare: it is made anew */
    assert_int_equal(look(false).end, store.records);
}

/* A group that is torn anywhere, over whatever the segment held before: what is behind the tear is cut, what
 * is before it stays, and neither comes back when the log goes on. */
static void what_a_segment_held_before_never_comes_back(void **unused)
{
    uint64_t random = 5;

    make_used_store(false);
    for (unsigned round = 0; round < 80; round++) {
        const struct place *last = &store.places[store.records - 1];
        uint64_t group = last->group, end = store.records;
        size_t begin = store.places[group].begin;
        char *whole = store.bytes[store.tail], *torn = malloc(store.segment_bytes);
        memcpy(torn, whole, store.segment_bytes);
        for (size_t i = begin / 512 * 512; i < segment_page_end(store.tail_end, store.segment_bytes);
             i += 512)
            if (draw(&random, 2)) { /* this sector was not written: its beginning is older, its rest random */
                size_t from = i < begin ? begin : i;
                for (size_t k = from; k < i + 512; k++)
                    torn[k] = (char)draw(&random, 256);
                for (uint64_t n = end; n-- > group;)
                    end = store.places[n].end > from && store.places[n].begin < i + 512 ? n : end;
            }
        store.bytes[store.tail] = torn;
        write_store();
        struct log *l = open_log(
            (struct file_log_options){.start_offset = FILE_LOG_FIRST, .segment_bytes = store.segment_bytes},
            NULL);
        uint64_t expected = 0;
        assert_int_equal(take_records(l, UINT64_MAX, 0, check_record, &expected), end);
        append_group(l, 1 + (unsigned)draw(&random, 2), 520);
        uint64_t appended = store.first_offset + end;
        struct log_status status;
        l->ops->status(l, &status);
        assert_in_range(status.end_offset, appended + 1, appended + 2);
        l->ops->destroy(l);
        struct file_log_report report;
        l = open_log((struct file_log_options){.start_offset = FILE_LOG_FIRST,
                                               .read_only = true,
                                               .segment_bytes = store.segment_bytes},
                     &report);
        assert_int_equal(report.end_offset, status.end_offset);
        assert_int_equal(report.torn_bytes, 0);
        l->ops->destroy(l);
        store.bytes[store.tail] = whole;
        free(torn);
    }
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
        IN_A_DIRECTORY(used_before_flipped_all_over),
        IN_A_DIRECTORY(used_before_flipped_after_a_clean_stop),
        IN_A_DIRECTORY(used_before_cut_all_over),
        IN_A_DIRECTORY(what_a_segment_held_before_never_comes_back),
        IN_A_DIRECTORY(any_sectors_of_the_last_group_lost_is_a_torn_tail),
        IN_A_DIRECTORY(a_missing_segment_is_damage),
        IN_A_DIRECTORY(what_was_cut_stays_away),
        IN_A_DIRECTORY(verify_tells_each_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
