/* The embedded log's reader over files that anything may stand in: it never crashes, hands out offsets
 * without a hole, and what it mends it then finds whole.
 *
 * The first byte chooses: even: the rest is a segment as it is. Odd: the rest is a script that puts valid
 * frames, with their checksums, in unlikely places, which flipping bytes alone would never reach. */
#include "base/error.h"
#include "fuzz.h"
#include "log/file_log.h"
#include "log/log_recovery.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 3, BYTES = 2 * SEGMENT_PAGE_BYTES };

static char directory[64];
static int directory_fd = -1;
static struct file_ops ops;

static int no_sync(void *context, int fd)
{
    return 0;
}

static void remove_directory(void)
{
    for (uint64_t i = 1; i <= FILES; i++)
        unlinkat(directory_fd, segment_name(i).text, 0);
    rmdir(directory);
}

static void set_up(void)
{
    snprintf(directory, sizeof(directory), "%s/fuzz-log-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(directory));
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY);
    MUST(directory_fd >= 0);
    ops = file_ops_system;
    ops.sync = ops.sync_directory = no_sync;
    atexit(remove_directory);
}

static void write_file(uint64_t sequence, const void *bytes, size_t length)
{
    int fd = openat(directory_fd, segment_name(sequence).text, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    MUST(fd >= 0);
    MUST(write(fd, bytes, length) == (ssize_t)length);
    close(fd);
}

/* ---- the script: one step is an operation and an argument ---- */

struct script {
    const uint8_t *at, *end;
    char segment[BYTES];
    uint64_t sequence, offset;
    size_t place, size;
    uint32_t before;
};

static uint32_t salt_of(const struct script *s)
{
    return 0x5A175A17u + (uint32_t)s->sequence;
}

static void begin_segment(struct script *s)
{
    struct segment_header h = {
        .salt = salt_of(s), .sequence = s->sequence, .bytes = BYTES, .durable_end = SEGMENT_HEADER_BYTES};

    memset(s->segment, 0, sizeof(s->segment));
    segment_header_seal(&h);
    memcpy(s->segment, &h, sizeof(h));
    s->place = SEGMENT_HEADER_BYTES;
    s->size = BYTES;
}

static void put_record(struct script *s, uint8_t argument)
{
    char payload[256];
    struct segment_record r = {s->offset, (int64_t)s->offset, s->before, argument, payload};

    if (segment_record_bytes(argument) > sizeof(s->segment) - s->place)
        return;
    memset(payload, (int)s->offset, sizeof(payload));
    s->place += segment_record_put(s->segment + s->place, salt_of(s), &r);
    s->offset++;
    s->before++;
}

static void put_mark(struct script *s, uint8_t argument)
{
    if (sizeof(s->segment) - s->place >= SEGMENT_FRAME_BYTES)
        segment_mark_put(s->segment + s->place, salt_of(s), s->offset + argument - 1, 0);
}

/* What is behind the page is what the segment held before. */
static void use_again(struct script *s, uint8_t argument)
{
    struct segment_header h;
    size_t page_end = segment_page_end(s->place, BYTES);

    memcpy(&h, s->segment, sizeof(h));
    h.used_before = 1;
    segment_header_seal(&h);
    memcpy(s->segment, &h, sizeof(h));
    memset(s->segment + page_end, argument, BYTES - page_end);
}

static void step(struct script *s, uint8_t operation, uint8_t argument)
{
    switch (operation % 11) {
    case 0:
    case 1:
        put_record(s, argument);
        break;
    case 2: /* a new group */
        s->before = 0;
        break;
    case 3:
        put_mark(s, argument);
        break;
    case 4: /* a hole in the file, or back over what stands there */
        s->place = (s->place + (argument - 100u) * 8u) % (BYTES - 64) / 8 * 8;
        break;
    case 5: /* a hole in the offsets, or the same ones again */
        s->offset += argument < 128 ? argument : 0;
        s->offset -= argument >= 128 && s->offset >= 256u - argument ? 256u - argument : 0;
        break;
    case 6:
        s->segment[argument * 32] ^= (char)argument;
        break;
    case 7: /* zeros over a sector */
        memset(s->segment + argument % 16 * 512, 0, 512);
        break;
    case 8:
        s->size = argument * 32u;
        break;
    case 9: /* on to the next file */
        if (s->sequence < FILES) {
            write_file(s->sequence++, s->segment, s->size);
            begin_segment(s);
            s->before = 0;
        }
        break;
    case 10:
        use_again(s, argument);
        break;
    }
}

static void play(const uint8_t *data, size_t size)
{
    struct script s = {.at = data, .end = data + size, .sequence = 1};

    begin_segment(&s);
    for (size_t i = 0; i + 1 < size; i += 2)
        step(&s, data[i], data[i + 1]);
    write_file(s.sequence, s.segment, s.size);
}

/* ---- reading ---- */

static uint64_t read_all(uint64_t first)
{
    struct file_log_options o = {.directory = directory, .start_offset = FILE_LOG_FIRST, .read_only = true};
    struct file_log_report report;
    struct log_record r[16];
    struct log *l;
    uint64_t next = first;
    int n;

    MUST(file_log_open(&o, &l, &report) == 0);
    MUST(report.first_offset == first);
    while ((n = l->ops->next(l, r, 16, 0)) > 0)
        for (int i = 0; i < n; i++) {
            MUST(r[i].offset == next++);
            for (size_t k = 0; k < r[i].length; k++)
                (void)*((volatile const char *)r[i].bytes + k);
        }
    MUST(n == 0 && next == report.end_offset);
    l->ops->destroy(l);
    return next;
}

static void mend_and_look_again(struct log_recovery *r)
{
    struct log_recovery again = {.ops = &ops, .directory = directory_fd};
    int fd = log_recovery_mend(r);

    MUST(fd >= 0);
    close(fd);
    MUST(log_recovery_run(&again) == 0);
    MUST(again.first_offset == r->first_offset && again.end_offset == r->end_offset && again.torn_bytes == 0);
    log_recovery_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log_recovery r = {.ops = &ops};
    int error;

    if (directory_fd < 0)
        set_up();
    if (size == 0 || size > 65536)
        return 0;
    for (uint64_t i = 1; i <= FILES; i++)
        unlinkat(directory_fd, segment_name(i).text, 0);
    if (data[0] % 2)
        play(data + 1, size - 1);
    else
        write_file(1, data + 1, size - 1);
    r.directory = directory_fd;
    error = log_recovery_run(&r);
    MUST(error == 0 || error == ERROR_CORRUPT || error == ERROR_LEVEL);
    if (error) {
        MUST(r.detail[0]);
    } else {
        MUST(read_all(r.first_offset) == r.end_offset);
        mend_and_look_again(&r);
        MUST(read_all(r.first_offset) == r.end_offset);
    }
    log_recovery_finish(&r);
    return 0;
}
