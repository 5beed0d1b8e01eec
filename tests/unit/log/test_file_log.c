/* The embedded log in its ordinary life: append, read, reopen, roll, trim, bounds. */
#include "log_directory.h"

#include "log/log_clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

static void append_text(struct log *l, const char *text)
{
    struct log_append a = {text, strlen(text), (void *)(uintptr_t)text};

    assert_int_equal(l->ops->append(l, &a, 1), 0);
}

static void what_is_appended_comes_back(void **unused)
{
    struct file_log_report report;
    struct log *l = open_log((struct file_log_options){.first_record = "begin",
                                                       .first_record_length = 5,
                                                       .file_ops = &file_ops_system},
                             &report);
    struct log_record r[8];
    static const char *texts[] = {"one", "two", "three"};

    assert_true(report.created);
    assert_int_equal(report.end_offset, 1);
    assert_int_equal(l->ops->next(l, r, 8, 0), 1);
    assert_memory_equal(r[0].bytes, "begin", 5);
    assert_null(r[0].cookie);
    for (int i = 0; i < 3; i++)
        append_text(l, texts[i]);
    for (int got = 0; got < 3;) {
        int n = l->ops->next(l, r, 8, 1000);
        assert_true(n > 0);
        for (int i = 0; i < n; i++, got++) {
            assert_int_equal(r[i].offset, 1 + got);
            assert_ptr_equal(r[i].cookie, texts[got]);
            assert_memory_equal(r[i].bytes, texts[got], r[i].length);
        }
    }
    l->ops->stop(l);
    l->ops->destroy(l);
    l = open_log((struct file_log_options){.start_offset = 2}, &report);
    assert_false(report.created);
    assert_int_equal(report.torn_bytes, 0);
    assert_int_equal(report.end_offset, 4);
    assert_int_equal(l->ops->next(l, r, 8, 0), 2);
    assert_int_equal(r[1].offset, 3);
    assert_memory_equal(r[1].bytes, "three", 5);
    assert_int_equal(l->ops->next(l, r, 8, 0), 0);
    l->ops->destroy(l);
}

/* A record of a thousand bytes whose number is its offset. */
static void append_number(struct log *l, uint64_t i)
{
    char payload[1000] = {0};
    struct log_record r;

    memcpy(payload, &i, sizeof(i));
    assert_int_equal(l->ops->append(l, &(struct log_append){payload, sizeof(payload), NULL}, 1), 0);
    assert_int_equal(l->ops->next(l, &r, 1, 10000), 1);
    assert_int_equal(r.offset, i);
}

static void read_numbers(struct log *l, uint64_t first, uint64_t end)
{
    struct log_record r[4];

    while (first < end) {
        int n = l->ops->next(l, r, 4, 0);
        assert_true(n > 0);
        for (int i = 0; i < n; i++, first++) {
            assert_int_equal(r[i].offset, first);
            assert_memory_equal(r[i].bytes, &first, sizeof(first));
        }
    }
}

/* ---- segments ---- */

static bool header_of(uint64_t sequence, struct segment_header *ret, ino_t *ret_inode)
{
    char path[128];
    struct stat st;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", directory, segment_name(sequence).text);
    fd = open(path, O_RDONLY);
    if (fd < 0)
        return false;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(read(fd, ret, sizeof(*ret)), sizeof(*ret));
    close(fd);
    *ret_inode = st.st_ino;
    return true;
}

static struct segment_header wait_for_segment(uint64_t sequence, ino_t *ret_inode)
{
    struct segment_header h;

    for (int tries = 0; !header_of(sequence, &h, ret_inode); tries++) {
        assert_true(tries < 20000);
        usleep(1000);
    }
    return h;
}

/* Three records a segment. As many trimmed segments are kept as were filled since the trim before, and one.
 */
static void segments_roll_and_are_trimmed(void **unused)
{
    struct log *l = open_log((struct file_log_options){.segment_bytes = 4096}, NULL);
    struct log_status status = {0};
    ino_t inode;

    for (uint64_t i = 0; i < 100; i++)
        append_number(l, i);
    wait_for_segment(35, &inode);             /* the spare */
    assert_int_equal(l->ops->trim(l, 50), 0); /* 16 segments, and more than those were filled */
    l->ops->status(l, &status);
    assert_int_equal(status.first_offset, 0);
    assert_int_equal(l->ops->trim(l, 80), 0); /* 26 segments, and none was filled since */
    for (int tries = 0; status.first_offset != 75 && tries < 5000; tries++) {
        usleep(1000);
        l->ops->status(l, &status);
    }
    assert_int_equal(status.first_offset, 75);
    assert_int_equal(status.end_offset, 100);
    l->ops->destroy(l);
    l = open_log((struct file_log_options){.start_offset = 75, .segment_bytes = 4096}, NULL);
    read_numbers(l, 75, 100);
    l->ops->destroy(l);
}

/* A log that is trimmed all the time lives in the same few files, each with a new salt; and what is read
 * after a start is what was appended last. */
static void trimmed_segments_are_used_again(void **unused)
{
    struct log *l = open_log((struct file_log_options){.segment_bytes = 12288}, NULL);
    unsigned made = 1, files_count = 0;
    ino_t inode, files[32] = {0};
    uint32_t salts[32] = {0};
    struct log_status status;

    for (uint64_t i = 0, sequence = 1; i < 300; i++) {
        append_number(l, i);
        assert_int_equal(l->ops->trim(l, i + 1), 0);
        if (i % 11) /* eleven records a segment: the next one is made before it goes on */
            continue;
        struct segment_header h = wait_for_segment(++sequence, &inode);
        made += !h.used_before;
        salts[sequence] = h.salt;
        for (uint64_t k = 2; k < sequence; k++)
            assert_int_not_equal(salts[k], h.salt);
        unsigned file = 0;
        while (file < files_count && files[file] != inode)
            file++;
        files[file] = inode;
        files_count += file == files_count;
    }
    assert_in_range(made, 2, 4);
    assert_in_range(files_count, 2, 4);
    l->ops->status(l, &status);
    assert_in_range(status.first_offset, 240, 299);
    l->ops->destroy(l);
    struct file_log_report report;
    l = open_log((struct file_log_options){.start_offset = FILE_LOG_FIRST, .segment_bytes = 12288}, &report);
    assert_int_equal(report.torn_bytes, 0);
    assert_int_equal(report.end_offset, 300);
    read_numbers(l, report.first_offset, 300);
    l->ops->destroy(l);
}

/* Files of another size are deleted. */
static void segments_of_another_size_are_not_used_again(void **unused)
{
    struct log *l = open_log((struct file_log_options){.segment_bytes = 4096}, NULL);
    struct segment_header h;
    ino_t inode;

    for (uint64_t i = 0; i < 30; i++)
        append_number(l, i);
    l->ops->destroy(l);
    l = open_log((struct file_log_options){.start_offset = 30, .segment_bytes = 8192}, NULL);
    for (uint64_t i = 30; i < 90; i++) {
        append_number(l, i);
        assert_int_equal(l->ops->trim(l, 30), 0);
    }
    l->ops->destroy(l);
    for (uint64_t i = 1; i < 40; i++)
        if (header_of(i, &h, &inode))
            assert_false(h.used_before);
    l = open_log((struct file_log_options){.start_offset = 30, .segment_bytes = 8192}, NULL);
    read_numbers(l, 30, 90);
    l->ops->destroy(l);
}

/* ---- many appenders ---- */

enum { APPENDERS = 4, APPENDS = 3000, TOGETHER = 3 };

static uint64_t numbers[APPENDERS][APPENDS][TOGETHER];

struct appender {
    struct log *log;
    unsigned me;
};

static void *append_many(void *context)
{
    struct appender *a = context;
    struct log_append r[TOGETHER];

    for (unsigned i = 0; i < APPENDS; i++) {
        for (unsigned j = 0; j < TOGETHER; j++) {
            numbers[a->me][i][j] = a->me * UINT64_C(1000000) + i * TOGETHER + j;
            r[j] = (struct log_append){&numbers[a->me][i][j], sizeof(uint64_t), &numbers[a->me][i][j]};
        }
        while (a->log->ops->append(a->log, r, TOGETHER) == ERROR_BUSY)
            usleep(100);
    }
    return NULL;
}

struct seen {
    uint64_t next_offset, next[APPENDERS], last;
    int64_t appended_at;
};

/* In its appender's order, and the three of one append adjacent. */
static void see(void *context, const struct log_record *r)
{
    struct seen *s = context;
    uint64_t number;

    memcpy(&number, r->bytes, sizeof(number));
    assert_int_equal(r->offset, s->next_offset++);
    assert_int_equal(number % 1000000, s->next[number / 1000000]++);
    if (number % 1000000 % TOGETHER)
        assert_int_equal(number, s->last + 1);
    assert_true(r->appended_at >= s->appended_at);
    s->appended_at = r->appended_at;
    s->last = number;
}

static void many_append_at_once_each_in_its_order(void **unused)
{
    pthread_t threads[APPENDERS];
    struct appender a[APPENDERS];
    struct seen live = {0}, again = {0};
    uint64_t all = APPENDERS * APPENDS * TOGETHER;
    struct log *l =
        open_log((struct file_log_options){.segment_bytes = 65536, .queue_records_most = 512}, NULL);
    struct log_status status;

    for (unsigned i = 0; i < APPENDERS; i++) {
        a[i] = (struct appender){l, i};
        pthread_create(&threads[i], NULL, append_many, &a[i]);
    }
    assert_int_equal(take_records(l, all, 10000, see, &live), all);
    for (unsigned i = 0; i < APPENDERS; i++)
        pthread_join(threads[i], NULL);
    l->ops->status(l, &status);
    assert_int_equal(status.end_offset, all);
    assert_int_equal(status.groups, status.syncs);
    assert_true(status.groups < all);
    l->ops->destroy(l);
    l = open_log((struct file_log_options){.segment_bytes = 65536}, NULL);
    assert_int_equal(take_records(l, all, 0, see, &again), all);
    l->ops->destroy(l);
}

/* ---- large groups ---- */

static _Thread_local unsigned writes_since_sync; /* of one thread: the keeper syncs after each */
static _Atomic unsigned writes_most;

static ssize_t counted_write(void *context, int fd, const void *bytes, size_t length, uint64_t at)
{
    unsigned writes = ++writes_since_sync;

    if (length >= 16384 && writes > writes_most)
        writes_most = writes;
    return file_ops_system.write(NULL, fd, bytes, length, at);
}

static int counted_sync(void *context, int fd)
{
    writes_since_sync = 0;
    usleep(200);
    return 0;
}

static void *append_numbers_for_ever(void *context)
{
    enum { ALIVE = 1 << 12 };
    static char payloads[ALIVE][1000];
    struct log *l = context;
    int error = 0;

    for (uint64_t i = 0; error != ERROR_UNAVAILABLE;) {
        char *payload = payloads[i % ALIVE];
        memcpy(payload, &i, sizeof(i));
        error = l->ops->append(l, &(struct log_append){payload, sizeof(payloads[0]), NULL}, 1);
        i += error == 0;
    }
    return NULL;
}

/* Pieces of a group are in the file before its last record was appended. They are durable with the rest, and
 * read back. */
static void a_large_group_is_written_in_pieces(void **unused)
{
    struct file_ops ops = file_ops_system;
    struct file_log_options o = {
        .segment_bytes = 1 << 20, .queue_records_most = 2048, .file_ops = &ops, .start_offset = 0};
    struct log_record r[256];
    uint64_t next = 0, until = UINT64_MAX;
    pthread_t t;

#ifdef __SANITIZE_THREAD__
    skip(); /* who appends is so much slower than the disk that no group becomes large */
#endif
    ops.write = counted_write;
    ops.sync = ops.sync_directory = counted_sync;
    writes_most = 0;
    struct log *l = open_log(o, NULL);
    writes_most = 0;
    pthread_create(&t, NULL, append_numbers_for_ever, l);
    for (time_t end = time(NULL) + 60; next < until;) {
        int n = l->ops->next(l, r, 256, 100);
        assert_true(n >= 0);
        for (int i = 0; i < n; i++, next++)
            assert_memory_equal(r[i].bytes, &next, sizeof(next));
        if (until == UINT64_MAX && next > 20000 && (writes_most > 1 || time(NULL) > end)) {
            struct log_status status;
            l->ops->stop(l);
            pthread_join(t, NULL);
            l->ops->status(l, &status);
            until = status.end_offset;
        }
    }
    assert_true(writes_most > 1);
    l->ops->destroy(l);
    l = open_log((struct file_log_options){.segment_bytes = 1 << 20}, NULL);
    read_numbers(l, 0, until);
    l->ops->destroy(l);
}

/* ---- bounds ---- */

static unsigned fill(struct log *l, size_t length)
{
    static char bytes[SEGMENT_RECORD_BYTES_MOST + 1];
    unsigned n = 0;

    while (l->ops->append(l, &(struct log_append){bytes, length, NULL}, 1) == 0)
        n++;
    return n;
}

static void a_full_queue_answers_busy(void **unused)
{
    struct log *l =
        open_log((struct file_log_options){.queue_records_most = 16, .queue_bytes_most = 2000}, NULL);
    struct log_append five[5] = {
        {"12345678", 8, NULL}, {"2", 1, NULL}, {"3", 1, NULL}, {"4", 1, NULL}, {"5", 1, NULL}};

    assert_int_equal(fill(l, 8), 16); /* also when they are durable: their bytes are still lent */
    assert_int_equal(l->ops->append(l, five, 1), ERROR_BUSY);
    assert_int_equal(take_records(l, 16, 10000, NULL, NULL), 16);
    assert_int_equal(take_records(l, 1, 0, NULL, NULL), 0);
    assert_int_equal(fill(l, 600), 3);
    assert_int_equal(take_records(l, 3, 10000, NULL, NULL), 3);
    assert_int_equal(take_records(l, 1, 0, NULL, NULL), 0);
    assert_int_equal(fill(l, 8), 16);
    assert_int_equal(take_records(l, 16, 10000, NULL, NULL), 16);
    assert_int_equal(take_records(l, 1, 0, NULL, NULL), 0);
    assert_int_equal(l->ops->append(l, five, 5), 0); /* all five or none */
    assert_int_equal(take_records(l, 5, 10000, NULL, NULL), 5);
    l->ops->destroy(l);
}

static void one_too_long_is_refused(void **unused)
{
    struct log *l = open_log((struct file_log_options){.segment_bytes = 4 << 20}, NULL);
    static char bytes[SEGMENT_RECORD_BYTES_MOST + 1];
    struct log_append two[2] = {{bytes, 1, NULL}, {bytes, sizeof(bytes), NULL}};

    assert_int_equal(l->ops->append(l, two, 2), ERROR_LIMIT);
    two[1].length--;
    assert_int_equal(l->ops->append(l, two, 2), 0);
    assert_int_equal(take_records(l, 2, 10000, NULL, NULL), 2);
    assert_int_equal(l->ops->append(l, two, 0), 0);
    l->ops->destroy(l);
    l = open_log((struct file_log_options){.start_offset = 2}, NULL); /* segments of 4 KiB from now on */
    assert_int_equal(l->ops->append(l, &(struct log_append){bytes, 4096, NULL}, 1), ERROR_LIMIT);
    assert_int_equal(l->ops->append(l, &(struct log_append){bytes, 4000, NULL}, 1), 0);
    assert_int_equal(take_records(l, 1, 10000, NULL, NULL), 1);
    l->ops->destroy(l);
}

/* ---- opening ---- */

static void ignore_line(void *context, const char *line) {}

static void only_one_process_has_it(void **unused)
{
    struct file_log_report report;
    struct log *l = open_log((struct file_log_options){0}, NULL), *second;

    assert_int_equal(try_open((struct file_log_options){0}, &second, &report), ERROR_BUSY);
    assert_non_null(strstr(report.detail, "another process"));
    assert_int_equal(try_open((struct file_log_options){.read_only = true}, &second, &report), ERROR_BUSY);
    assert_int_equal(file_log_verify(directory, ignore_line, NULL), ERROR_BUSY);
    l->ops->destroy(l);
    l = open_log((struct file_log_options){.read_only = true}, NULL);
    second = open_log((struct file_log_options){.read_only = true}, NULL);
    assert_int_equal(l->ops->append(l, &(struct log_append){"x", 1, NULL}, 1), ERROR_UNAVAILABLE);
    l->ops->destroy(l);
    second->ops->destroy(second);
}

static void offsets_that_are_not_there_are_not_found(void **unused)
{
    struct file_log_report report;
    struct log *l;

    assert_int_equal(try_open((struct file_log_options){.start_offset = 5}, &l, &report), ERROR_NOTFOUND);
    assert_int_equal(try_open((struct file_log_options){.read_only = true}, &l, &report), ERROR_NOTFOUND);
    l = open_log((struct file_log_options){.first_record = "a", .first_record_length = 1}, NULL);
    l->ops->destroy(l);
    assert_int_equal(try_open((struct file_log_options){.start_offset = 2}, &l, &report), ERROR_NOTFOUND);
    assert_non_null(strstr(report.detail, "offsets 0 to 1"));
    assert_int_equal(report.end_offset, 1);
    assert_int_equal(try_open((struct file_log_options){.segment_bytes = 100}, &l, &report), ERROR_INVALID);
}

static void read_only_changes_nothing(void **unused)
{
    char command[320];
    struct log *l = open_log((struct file_log_options){.first_record = "a", .first_record_length = 1}, NULL);

    l->ops->destroy(l);
    snprintf(command, sizeof(command), "cd '%s' && chmod a-w . && sha256sum * > /tmp/onhand-log-sums-%d",
             directory, getpid());
    assert_int_equal(system(command), 0);
    l = open_log((struct file_log_options){.read_only = true}, NULL);
    assert_int_equal(take_records(l, 9, 0, NULL, NULL), 1);
    assert_int_equal(l->ops->trim(l, 1), ERROR_INVALID);
    l->ops->destroy(l);
    snprintf(command, sizeof(command),
             "cd '%s' && sha256sum --quiet -c /tmp/onhand-log-sums-%d; s=$?; rm /tmp/onhand-log-sums-%d; "
             "chmod u+w .; exit $s",
             directory, getpid(), getpid());
    assert_int_equal(system(command), 0);
}

/* ---- waiting ---- */

static void *wake_soon(void *context)
{
    struct log *l = context;

    usleep(20000);
    l->ops->wake(l);
    return NULL;
}

static void a_waiting_next_can_be_woken(void **unused)
{
    struct log *l = open_log((struct file_log_options){0}, NULL);
    struct log_record r;
    pthread_t t;

    pthread_create(&t, NULL, wake_soon, l);
    assert_int_equal(l->ops->next(l, &r, 1, -1), 0);
    pthread_join(t, NULL);
    l->ops->wake(l); /* also before it waits */
    assert_int_equal(l->ops->next(l, &r, 1, -1), 0);
    assert_int_equal(l->ops->next(l, &r, 1, 5), 0);
    l->ops->destroy(l);
}

static void what_was_taken_before_stop_is_durable(void **unused)
{
    struct log *l = open_log((struct file_log_options){0}, NULL);

    assert_int_equal(fill(l, 0) > 0, 1);
    l->ops->stop(l);
    l->ops->stop(l);
    assert_int_equal(l->ops->append(l, &(struct log_append){"x", 1, NULL}, 1), ERROR_UNAVAILABLE);
    assert_int_equal(take_records(l, UINT64_MAX, 0, NULL, NULL), 65536);
    l->ops->destroy(l);
}

/* ---- time ---- */

static void log_time_goes_on_from_what_is_there(void **unused)
{
    const int64_t far = INT64_C(4102444800000000); /* the year 2100 */
    struct log_record r;
    struct log *l = open_log((struct file_log_options){.first_record = "a",
                                                       .first_record_length = 1,
                                                       .first_append_at_least = (uint64_t)far},
                             NULL);

    assert_int_equal(l->ops->next(l, &r, 1, 0), 1);
    assert_true(r.appended_at >= far);
    l->ops->destroy(l);
    l = open_log((struct file_log_options){.start_offset = 1}, NULL);
    append_text(l, "b");
    assert_int_equal(l->ops->next(l, &r, 1, 10000), 1);
    assert_true(r.appended_at >= far);
    l->ops->destroy(l);
}

static void the_clock_slews_and_never_goes_back(void **unused)
{
    const int64_t hour = INT64_C(3600000000), second = 1000000;
    struct log_clock c;
    int64_t mono = 5, before;

    log_clock_start(&c, 0, 10 * hour, mono);
    assert_int_equal(log_clock_now(&c, 10 * hour + second, mono += second), 10 * hour + second);
    /* The wall steps forward by an hour: log time runs a tenth faster until it is there, after ten hours. */
    assert_int_equal(log_clock_now(&c, 11 * hour + 11 * second, mono += 10 * second),
                     10 * hour + 12 * second);
    for (int i = 0; i < 36000; i++)
        log_clock_now(&c, 11 * hour + (12 + i) * second, mono += second);
    assert_int_equal(c.time_us, 11 * hour + 36011 * second);
    /* And back by an hour: a tenth slower, never back. */
    before = c.time_us;
    assert_int_equal(log_clock_now(&c, c.time_us - hour, mono += 10 * second), before + 9 * second);
    assert_int_equal(log_clock_now(&c, 0, mono), before + 9 * second);
    assert_int_equal(log_clock_now(&c, 0, mono - second), before + 9 * second);
    log_clock_start(&c, 20 * hour, 10 * hour, mono);
    assert_int_equal(log_clock_now(&c, 10 * hour, mono), 20 * hour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(what_is_appended_comes_back),
        IN_A_DIRECTORY(segments_roll_and_are_trimmed),
        IN_A_DIRECTORY(trimmed_segments_are_used_again),
        IN_A_DIRECTORY(segments_of_another_size_are_not_used_again),
        IN_A_DIRECTORY(many_append_at_once_each_in_its_order),
        IN_A_DIRECTORY(a_large_group_is_written_in_pieces),
        IN_A_DIRECTORY(a_full_queue_answers_busy),
        IN_A_DIRECTORY(one_too_long_is_refused),
        IN_A_DIRECTORY(only_one_process_has_it),
        IN_A_DIRECTORY(offsets_that_are_not_there_are_not_found),
        IN_A_DIRECTORY(read_only_changes_nothing),
        IN_A_DIRECTORY(a_waiting_next_can_be_woken),
        IN_A_DIRECTORY(what_was_taken_before_stop_is_durable),
        IN_A_DIRECTORY(log_time_goes_on_from_what_is_there),
        cmocka_unit_test(the_clock_slews_and_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
