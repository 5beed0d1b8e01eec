/* Checkpoint files: written, cut at every byte, flipped at every byte, with files that fail. */
#include "base/error.h"
#include "core/model/image.h"
#include "core/model/record.h"
#include "engine/checkpoint.h"
#include "core/model/image_objects.h"
#include "engine/checkpoint_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char directory[64];

static int make_directory(void **unused)
{
    snprintf(directory, sizeof(directory), "%s/onhand-checkpoint-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **unused)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

/* ---- writing and reading a small one ---- */

static struct hash128 digest = {11, 22};

static int wait_for(struct checkpoint_writer *w)
{
    char detail[256] = "";
    int answer;

    while ((answer = checkpoint_poll(w, detail, sizeof(detail))) > 0)
        usleep(100);
    if (answer < 0)
        assert_true(detail[0]);
    return answer;
}

/* The last of eight is beside the state. */
static uint8_t kind_of(unsigned i)
{
    return i % 8 == 7 ? IMAGE_CHANGES : (uint8_t)(1 + i % 8);
}

/* Sections of 0 to 2 × (count - 1) bytes that say which state they belong to. */
static int write_checkpoint(const struct file_ops *ops, uint64_t next_offset, unsigned count)
{
    struct checkpoint_header h = {
        .format = IMAGE_FORMAT, .level = 1, .incarnation = 5, .next_offset = next_offset};
    struct checkpoint_writer *w = NULL;
    char bytes[256];
    int answer = checkpoint_create_on(ops, directory, &h, &w);

    if (answer)
        return answer;
    for (unsigned i = 0; i < count && !answer; i++) {
        memset(bytes, (int)(next_offset + i), sizeof(bytes));
        answer = checkpoint_add(w, kind_of(i), bytes, i * 2);
    }
    if (!answer) {
        checkpoint_commit(w, digest);
        answer = wait_for(w);
    }
    checkpoint_destroy(w);
    return answer;
}

static void write_good(uint64_t next_offset)
{
    assert_int_equal(write_checkpoint(&file_ops_system, next_offset, 8), 0);
}

struct sum {
    unsigned sections;
    uint64_t next_offset;
    bool wrong;
};

static int count_section(void *context, uint8_t kind, const void *bytes, size_t length)
{
    struct sum *s = context;

    s->wrong |= kind != kind_of(s->sections) || length != s->sections * 2;
    for (size_t i = 0; i < length; i++)
        s->wrong |= ((const unsigned char *)bytes)[i] != (unsigned char)(s->next_offset + s->sections);
    s->sections++;
    return 0;
}

static int forget_sections(void *context)
{
    struct sum *s = context;

    *s = (struct sum){.next_offset = s->next_offset};
    return 0;
}

/* Loads; what is handed on and not taken back must be whole and of that state. */
static int load(uint64_t expected_next_offset, unsigned *ret_rejected)
{
    struct sum s = {.next_offset = expected_next_offset};
    struct checkpoint_header h;
    char detail[256] = "";
    const struct checkpoint_taker taker = {.context = &s, .each = count_section, .forget = forget_sections};
    int error = checkpoint_load(directory, &taker, &h, ret_rejected, detail, sizeof(detail));

    if (error) {
        assert_int_equal(s.sections, 0);
        assert_true(detail[0]);
        return error;
    }
    assert_false(s.wrong);
    assert_int_equal(s.sections, 8);
    assert_int_equal(h.next_offset, expected_next_offset);
    assert_int_equal(h.incarnation, 5);
    assert_true(h.digest.high == digest.high && h.digest.low == digest.low);
    if (*ret_rejected)
        assert_true(detail[0]);
    return 0;
}

static unsigned files_there(void)
{
    unsigned n = 0;
    DIR *d = opendir(directory);

    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static char *read_whole(const char *name, size_t *ret_length)
{
    FILE *f = fopen(path_of(name), "rb");
    char *bytes = malloc(1 << 20);

    assert_non_null(f);
    *ret_length = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    return bytes;
}

static void write_whole(const char *name, const char *bytes, size_t length)
{
    FILE *f = fopen(path_of(name), "wb");

    assert_int_equal(fwrite(bytes, 1, length, f), length);
    assert_int_equal(fclose(f), 0);
}

/* ---- tests ---- */

static void two_are_kept_and_the_newest_is_loaded(void **unused)
{
    unsigned rejected;
    uint64_t trim = 0;

    assert_int_equal(load(0, &rejected), ERROR_NOTFOUND);
    write_good(100);
    assert_false(checkpoint_trim_offset(directory, &trim));
    assert_int_equal(load(100, &rejected), 0);
    write_good(200);
    assert_true(checkpoint_trim_offset(directory, &trim));
    assert_int_equal(trim, 100);
    write_good(300);
    assert_int_equal(load(300, &rejected), 0);
    assert_int_equal(rejected, 0);
    assert_int_equal(files_there(), 2);
    assert_true(checkpoint_trim_offset(directory, &trim));
    assert_int_equal(trim, 200);
}

/* What the damaged newest answers: the one before. */
static void expect_the_one_before(void)
{
    unsigned rejected;

    assert_int_equal(load(1, &rejected), 0);
    assert_int_equal(rejected, 1);
}

static void cut_at_every_byte_the_one_before_is_used(void **unused)
{
    struct checkpoint_name newest = checkpoint_name(5, 2);
    size_t length;

    write_good(1);
    write_good(2);
    char *bytes = read_whole(newest.text, &length);
    for (size_t i = 0; i < length; i++) {
        write_whole(newest.text, bytes, i);
        expect_the_one_before();
    }
    write_whole(newest.text, bytes, length);
    assert_int_equal(truncate(path_of(newest.text), (off_t)length + 1), 0);
    expect_the_one_before();
    free(bytes);
}

static void flipped_at_every_byte_the_one_before_is_used(void **unused)
{
    struct checkpoint_name newest = checkpoint_name(5, 2);
    size_t length;

    write_good(1);
    write_good(2);
    char *bytes = read_whole(newest.text, &length);
    for (size_t i = 0; i < length * 8; i++) {
        bytes[i / 8] ^= (char)(1 << i % 8);
        write_whole(newest.text, bytes, length);
        expect_the_one_before();
        bytes[i / 8] ^= (char)(1 << i % 8);
    }
    free(bytes);
}

static void both_damaged_nothing_is_handed_on(void **unused)
{
    size_t length;
    unsigned rejected;

    write_good(1);
    write_good(2);
    for (uint64_t n = 1; n <= 2; n++) {
        char *bytes = read_whole(checkpoint_name(5, n).text, &length);
        bytes[length / 2] ^= 1;
        write_whole(checkpoint_name(5, n).text, bytes, length);
        free(bytes);
    }
    assert_int_equal(load(0, &rejected), ERROR_CORRUPT);
    assert_int_equal(rejected, 2);
}

/* ---- given away and taken in ---- */

static int open_newest(uint64_t *ret_next_offset)
{
    struct checkpoint_opened o;
    struct stat st;
    int error = checkpoint_open_newest(directory, &o);

    if (error)
        return error;
    assert_int_equal(fstat(o.file, &st), 0);
    assert_int_equal(o.bytes, st.st_size);
    assert_int_equal(o.header.incarnation, 5);
    assert_true(o.header.digest.high == digest.high && o.header.digest.low == digest.low);
    *ret_next_offset = o.header.next_offset;
    close(o.file);
    return 0;
}

static void the_newest_is_given_away(void **unused)
{
    size_t length;
    uint64_t next_offset = 0;

    assert_int_equal(open_newest(&next_offset), ERROR_NOTFOUND);
    write_good(1);
    write_good(2);
    assert_int_equal(open_newest(&next_offset), 0);
    assert_int_equal(next_offset, 2);
    char *bytes = read_whole(checkpoint_name(5, 2).text, &length);
    write_whole(checkpoint_name(5, 2).text, bytes, length - 1); /* of another length than its end says */
    assert_int_equal(open_newest(&next_offset), 0);
    assert_int_equal(next_offset, 1);
    bytes[20] ^= 1;
    write_whole(checkpoint_name(5, 2).text, bytes, length);
    assert_int_equal(open_newest(&next_offset), 0);
    assert_int_equal(next_offset, 1);
    free(bytes);
}

/* That of write_checkpoint's sections. */
static struct hash128 true_digest(uint64_t next_offset)
{
    struct hash128 sum = {0};
    char bytes[256];

    for (unsigned i = 0; i < 8; i++) {
        memset(bytes, (int)(next_offset + i), sizeof(bytes));
        if (kind_of(i) != IMAGE_CHANGES)
            sum = digest_sum(sum, hash128(bytes, i * 2, kind_of(i)));
    }
    return sum;
}

static int adopt(const char *bytes, size_t length)
{
    struct checkpoint_header h = {0};
    char detail[256] = "";

    write_whole("a.part", bytes, length);
    int error = checkpoint_adopt(directory, "a.part", &h, detail, sizeof(detail));
    assert_int_equal(access(path_of("a.part"), F_OK), -1); /* in place, or removed */
    assert_true(error ? detail[0] != 0 : h.next_offset == 2 && h.incarnation == 5);
    return error;
}

static void a_copy_is_verified_before_it_counts(void **unused)
{
    unsigned rejected;
    size_t length;

    digest = true_digest(2);
    write_good(2);
    char *bytes = read_whole(checkpoint_name(5, 2).text, &length);
    assert_int_equal(unlink(path_of(checkpoint_name(5, 2).text)), 0);
    for (size_t i = 0; i < length * 8; i++) {
        bytes[i / 8] ^= (char)(1 << i % 8);
        assert_int_equal(adopt(bytes, length), ERROR_CORRUPT);
        bytes[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t i = 0; i < length; i += 7)
        assert_int_equal(adopt(bytes, i), ERROR_CORRUPT);
    assert_int_equal(files_there(), 0);
    assert_int_equal(adopt(bytes, length), 0);
    assert_int_equal(load(2, &rejected), 0);
    assert_int_equal(adopt(bytes, length), 0); /* and once more */
    free(bytes);
    digest = (struct hash128){11, 22};
}

/* Every checksum is right, but the state would be another than the digest says. */
static void a_copy_with_another_digest_is_refused(void **unused)
{
    size_t length;

    digest = true_digest(2);
    digest.low++;
    write_good(2);
    char *bytes = read_whole(checkpoint_name(5, 2).text, &length);
    assert_int_equal(adopt(bytes, length), ERROR_CORRUPT);
    free(bytes);
    digest = (struct hash128){11, 22};
}

/* Sections doubled, left out or exchanged have good checksums of their own. */
static void sections_in_another_order_are_refused(void **unused)
{
    struct checkpoint_name newest = checkpoint_name(5, 2);
    size_t length;

    write_good(1);
    write_good(2);
    char *bytes = read_whole(newest.text, &length), *other = malloc(length);
    memcpy(other, bytes, length);
    memcpy(other + 64, bytes + 64 + 12, 14); /* the second section (2 bytes) before the first (0 bytes) */
    memcpy(other + 64 + 14, bytes + 64, 12);
    write_whole(newest.text, other, length);
    expect_the_one_before();
    memcpy(other, bytes, 64);
    memcpy(other + 64, bytes + 64 + 12, length - 64 - 12);
    write_whole(newest.text, other, length - 12);
    expect_the_one_before();
    free(other);
    free(bytes);
}

static void one_of_a_newer_onhand_is_refused(void **unused)
{
    struct checkpoint_header h[] = {
        {.format = IMAGE_FORMAT + 1, .level = 1, .incarnation = 5, .next_offset = 9},
        {.format = IMAGE_FORMAT, .level = LEVEL_NEWEST + 1, .incarnation = 5, .next_offset = 9},
    };
    unsigned rejected;

    for (int i = 0; i < 2; i++) {
        struct checkpoint_writer *w;
        write_good(1);
        assert_int_equal(checkpoint_create(directory, &h[i], &w), 0);
        checkpoint_commit(w, digest);
        assert_int_equal(wait_for(w), 0);
        checkpoint_destroy(w);
        assert_int_equal(load(0, &rejected), ERROR_LEVEL);
        unlink(path_of(checkpoint_name(5, 9).text));
    }
}

static void a_damaged_one_does_not_count_as_kept(void **unused)
{
    unsigned rejected;
    size_t length;

    write_good(1);
    write_good(2);
    char *bytes = read_whole(checkpoint_name(5, 2).text, &length);
    bytes[70] ^= 1;
    write_whole(checkpoint_name(5, 2).text, bytes, length);
    write_good(3);
    bytes[70] ^= 1;
    assert_int_equal(files_there(), 2);
    unlink(path_of(checkpoint_name(5, 3).text));
    assert_int_equal(load(1, &rejected), 0);
    free(bytes);
}

static void what_a_crash_left_is_removed(void **unused)
{
    unsigned rejected;

    write_good(1);
    write_whole(CHECKPOINT_TEMPORARY, "half", 4);
    assert_int_equal(load(1, &rejected), 0);
    assert_int_equal(files_there(), 1);
    write_whole(CHECKPOINT_TEMPORARY, "half of a longer one than the next", 34);
    write_good(2);
    assert_int_equal(load(2, &rejected), 0);
}

static void one_that_is_given_up_leaves_nothing(void **unused)
{
    struct checkpoint_header h = {.format = IMAGE_FORMAT, .level = 1, .incarnation = 5, .next_offset = 9};
    struct checkpoint_writer *w, *second = NULL;
    char detail[64];

    assert_int_equal(checkpoint_create(directory, &h, &w), 0);
    assert_int_equal(checkpoint_create(directory, &h, &second), ERROR_BUSY);
    assert_int_equal(checkpoint_add(w, 1, "x", 1), 0);
    assert_int_equal(checkpoint_add(w, 255, "x", 1), ERROR_INVALID);
    assert_int_equal(checkpoint_poll(w, detail, sizeof(detail)), 1);
    assert_true(checkpoint_backlog_bytes(w) > 0);
    checkpoint_destroy(w);
    checkpoint_destroy(NULL);
    assert_int_equal(files_there(), 0);
}

struct both {
    uint64_t taken, beside;
};

static uint64_t count(uint8_t kind, const void *bytes, size_t length)
{
    uint64_t sum = length;

    for (size_t i = 0; i < length; i += 4096)
        sum += ((const unsigned char *)bytes)[i] != kind;
    return sum;
}

static int count_bytes(void *context, uint8_t kind, const void *bytes, size_t length)
{
    struct both *b = context;
    b->taken += count(kind, bytes, length);
    return 0;
}

static void count_beside(void *context, uint8_t kind, const void *bytes, size_t length)
{
    struct both *b = context;
    b->beside += count(kind, bytes, length);
}

static int forget_both(void *context)
{
    *(struct both *)context = (struct both){0};
    return 0;
}

/* Sections from nothing to 3 MB, so many bytes in all: returns what they count. */
static uint64_t write_large(uint64_t next_offset, uint64_t most)
{
    struct checkpoint_header h = {
        .format = IMAGE_FORMAT, .level = 1, .incarnation = 5, .next_offset = next_offset};
    struct checkpoint_writer *w;
    char *bytes = malloc(3000000);
    uint64_t written = 0;

    assert_int_equal(checkpoint_create(directory, &h, &w), 0);
    for (unsigned i = 0; written < most; i++) {
        size_t length = i * UINT64_C(2654435761) % 3000000 / (i % 3 ? 100 : 1);
        memset(bytes, (int)(i % 200), length);
        assert_int_equal(checkpoint_add(w, (uint8_t)(i % 200), bytes, length), 0);
        written += length;
    }
    checkpoint_commit(w, digest);
    assert_int_equal(wait_for(w), 0);
    checkpoint_destroy(w);
    free(bytes);
    return written;
}

static int load_both(struct both *ret, unsigned *ret_rejected)
{
    const struct checkpoint_taker taker = {ret, count_bytes, count_beside, forget_both};
    struct checkpoint_header h;
    char detail[256];

    *ret = (struct both){0};
    return checkpoint_load(directory, &taker, &h, ret_rejected, detail, sizeof(detail));
}

/* Chunks of every kind, pieces that grow, two threads. */
static void large_sections_come_back(void **unused)
{
    uint64_t written = write_large(9, 40000000);
    struct both both;
    unsigned rejected;

    assert_int_equal(load_both(&both, &rejected), 0);
    assert_int_equal(rejected, 0);
    assert_int_equal(both.taken, written);
    assert_int_equal(both.beside, written);
}

static void flip_a_bit(uint64_t next_offset, uint64_t at)
{
    char path[4200], byte;

    snprintf(path, sizeof(path), "%s/%s", directory, checkpoint_name(5, next_offset).text);
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

/* What was taken of it before is forgotten, wherever it is damaged. */
static void a_large_one_that_is_damaged_further_on_is_forgotten(void **unused)
{
    uint64_t older = write_large(9, 6000000), newer = write_large(10, 12000000);
    struct both both;
    unsigned rejected;

    for (uint64_t at = 100; at < newer; at += newer / 7) {
        flip_a_bit(10, at);
        assert_int_equal(load_both(&both, &rejected), 0);
        assert_int_equal(rejected, 1);
        assert_int_equal(both.taken, older);
        assert_int_equal(both.beside, older);
        flip_a_bit(10, at);
    }
    assert_int_equal(load_both(&both, &rejected), 0);
    assert_int_equal(both.taken, newer);
}

static int refuse_one(void *context, uint8_t kind, const void *bytes, size_t length)
{
    unsigned *left = context;
    return kind == 57 && --*left == 0 ? ERROR_NOMEM : 0;
}

/* The thread that reads ahead ends with it. */
static void who_takes_a_large_one_may_end_it(void **unused)
{
    unsigned left = 1;
    const struct checkpoint_taker taker = {.context = &left, .each = refuse_one};
    struct checkpoint_header h;
    char detail[256];

    write_large(9, 40000000);
    assert_int_equal(checkpoint_load(directory, &taker, &h, NULL, detail, sizeof(detail)), ERROR_NOMEM);
    assert_non_null(strstr(detail, "not understood"));
}

/* ---- files that fail ---- */

static int calls_until_failure; /* counts down; the call that reaches 0 fails */
static struct file_ops failing;

static bool fails_now(int why)
{
    errno = why;
    return --calls_until_failure == 0;
}

static int failing_open(void *context, int d, const char *name, int flags, mode_t mode)
{
    return fails_now(EACCES) ? -1 : file_ops_system.open(NULL, d, name, flags, mode);
}

static ssize_t failing_write(void *context, int fd, const void *bytes, size_t length, uint64_t at)
{
    return fails_now(ENOSPC) ? -1 : file_ops_system.write(NULL, fd, bytes, length, at);
}

static int failing_sync(void *context, int fd)
{
    return fails_now(EIO) ? -1 : file_ops_system.sync(NULL, fd);
}

static int failing_sync_directory(void *context, int fd)
{
    return fails_now(EIO) ? -1 : file_ops_system.sync_directory(NULL, fd);
}

static int failing_rename(void *context, int d, const char *from, const char *to)
{
    return fails_now(EIO) ? -1 : file_ops_system.rename(NULL, d, from, to);
}

static void the_nth_call_fails_and_a_good_one_is_there(void **unused)
{
    unsigned rejected;
    int n = 0, answer;

    failing = file_ops_system;
    failing.open = failing_open;
    failing.write = failing_write;
    failing.sync = failing_sync;
    failing.sync_directory = failing_sync_directory;
    failing.rename = failing_rename;
    do {
        write_good(1);
        calls_until_failure = ++n;
        answer = write_checkpoint(&failing, 2, 8);
        if (answer)
            assert_int_equal(answer, ERROR_IO);
        assert_int_equal(access(path_of(CHECKPOINT_TEMPORARY), F_OK), -1);
        /* A name whose directory was not synced may be there or not; whichever is loaded is whole. */
        bool there = access(path_of(checkpoint_name(5, 2).text), F_OK) == 0;
        assert_int_equal(load(there ? 2 : 1, &rejected), 0);
        assert_int_equal(rejected, 0);
        unlink(path_of(checkpoint_name(5, 2).text));
    } while (answer);
    assert_true(n > 6);
}

static unsigned lines, whole_lines;

static void count_line(void *context, const char *line)
{
    lines++;
    whole_lines += strstr(line, "whole") != NULL;
}

static void verify_tells_each(void **unused)
{
    size_t length;

    lines = whole_lines = 0;
    assert_int_equal(checkpoint_verify(directory, count_line, NULL), ERROR_NOTFOUND);
    assert_int_equal(lines, 1);
    write_good(1);
    write_good(2);
    lines = 0;
    assert_int_equal(checkpoint_verify(directory, count_line, NULL), 0);
    assert_int_equal(whole_lines, 2);
    char *bytes = read_whole(checkpoint_name(5, 1).text, &length);
    write_whole(checkpoint_name(5, 1).text, bytes, length - 1);
    lines = whole_lines = 0;
    assert_int_equal(checkpoint_verify(directory, count_line, NULL), ERROR_CORRUPT);
    assert_int_equal(lines, 2);
    assert_int_equal(whole_lines, 1);
    free(bytes);
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(two_are_kept_and_the_newest_is_loaded),
        IN_A_DIRECTORY(cut_at_every_byte_the_one_before_is_used),
        IN_A_DIRECTORY(flipped_at_every_byte_the_one_before_is_used),
        IN_A_DIRECTORY(both_damaged_nothing_is_handed_on),
        IN_A_DIRECTORY(sections_in_another_order_are_refused),
        IN_A_DIRECTORY(the_newest_is_given_away),
        IN_A_DIRECTORY(a_copy_is_verified_before_it_counts),
        IN_A_DIRECTORY(a_copy_with_another_digest_is_refused),
        IN_A_DIRECTORY(one_of_a_newer_onhand_is_refused),
        IN_A_DIRECTORY(a_damaged_one_does_not_count_as_kept),
        IN_A_DIRECTORY(what_a_crash_left_is_removed),
        IN_A_DIRECTORY(one_that_is_given_up_leaves_nothing),
        IN_A_DIRECTORY(large_sections_come_back),
        IN_A_DIRECTORY(a_large_one_that_is_damaged_further_on_is_forgotten),
        IN_A_DIRECTORY(who_takes_a_large_one_may_end_it),
        IN_A_DIRECTORY(the_nth_call_fails_and_a_good_one_is_there),
        IN_A_DIRECTORY(verify_tells_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
