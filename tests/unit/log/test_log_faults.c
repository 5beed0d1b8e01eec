/* The embedded log when files fail, the disk is full, the power goes, the process is killed: what `next`
 * handed out is there afterwards, whole and in order. */
#include "log_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- a disk that fails and forgets ---- */

enum { SECTOR_BYTES = 512, UNSYNCED_MOST = 65536 };

/* What stood in a sector before a write that is not synced yet. */
struct unsynced {
    ino_t inode;
    uint64_t at;
    char before[SECTOR_BYTES];
};

static struct disk {
    pthread_mutex_t lock;
    uint64_t calls, fail_at; /* the call of that number fails; 0: none */
    bool dead;               /* every call fails: the power is gone */
    bool die;                /* fail_at is the end, not one failure */
    bool full;
    struct unsynced *unsynced;
    size_t unsynced_count;
    char renamed_from[32], renamed_to[32]; /* since the directory was synced */
    char unlinked[32];
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void disk_reset(uint64_t fail_at, bool die)
{
    if (!disk.unsynced)
        disk.unsynced = malloc(UNSYNCED_MOST * sizeof(*disk.unsynced));
    disk.calls = disk.unsynced_count = 0;
    disk.fail_at = fail_at;
    disk.die = die;
    disk.dead = disk.full = false;
    disk.renamed_from[0] = disk.renamed_to[0] = disk.unlinked[0] = 0;
}

/* @lock held */
static bool fails(int why)
{
    errno = why;
    if (disk.dead)
        return true;
    if (++disk.calls != disk.fail_at)
        return false;
    disk.dead = disk.die;
    return true;
}

static ino_t inode_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static int disk_open(void *context, int d, const char *name, int flags, mode_t mode)
{
    pthread_mutex_lock(&disk.lock);
    bool failed = fails(EMFILE);
    pthread_mutex_unlock(&disk.lock);
    return failed ? -1 : file_ops_system.open(NULL, d, name, flags, mode);
}

static ssize_t disk_read(void *context, int fd, void *bytes, size_t length, uint64_t at)
{
    pthread_mutex_lock(&disk.lock);
    bool failed = fails(EIO);
    pthread_mutex_unlock(&disk.lock);
    return failed ? -1 : file_ops_system.read(NULL, fd, bytes, length, at);
}

static ssize_t disk_write(void *context, int fd, const void *bytes, size_t length, uint64_t at)
{
    ssize_t n = -1;

    pthread_mutex_lock(&disk.lock);
    if (!fails(EIO)) {
        for (uint64_t s = at / SECTOR_BYTES; s * SECTOR_BYTES < at + length; s++) {
            struct unsynced *u = &disk.unsynced[disk.unsynced_count++];
            assert_true(disk.unsynced_count < UNSYNCED_MOST);
            u->inode = inode_of(fd);
            u->at = s * SECTOR_BYTES;
            memset(u->before, 0, SECTOR_BYTES);
            assert_true(pread(fd, u->before, SECTOR_BYTES, (off_t)u->at) >= 0);
        }
        n = file_ops_system.write(NULL, fd, bytes, length, at);
    }
    pthread_mutex_unlock(&disk.lock);
    return n;
}

static void disk_set(bool *flag, bool value)
{
    pthread_mutex_lock(&disk.lock);
    *flag = value;
    pthread_mutex_unlock(&disk.lock);
}

/* Not really synced: the tests play the disk. */
static int disk_sync(void *context, int fd)
{
    size_t kept = 0;
    bool failed;

    pthread_mutex_lock(&disk.lock);
    failed = fails(EIO);
    if (!failed) {
        ino_t inode = inode_of(fd);
        for (size_t i = 0; i < disk.unsynced_count; i++)
            if (disk.unsynced[i].inode != inode)
                disk.unsynced[kept++] = disk.unsynced[i];
        disk.unsynced_count = kept;
    }
    pthread_mutex_unlock(&disk.lock);
    return failed ? -1 : 0;
}

static int real_directory(void)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY);

    assert_true(fd >= 0);
    return fd;
}

static int disk_sync_directory(void *context, int fd)
{
    pthread_mutex_lock(&disk.lock);
    bool failed = fails(EIO);
    if (!failed) {
        disk.renamed_to[0] = 0;
        if (disk.unlinked[0])
            unlinkat(fd, "gone", 0);
        disk.unlinked[0] = 0;
    }
    pthread_mutex_unlock(&disk.lock);
    return failed ? -1 : 0;
}

static int disk_allocate(void *context, int fd, uint64_t bytes)
{
    pthread_mutex_lock(&disk.lock);
    bool failed = fails(ENOSPC);
    if (disk.full) {
        failed = true;
        errno = ENOSPC;
    }
    pthread_mutex_unlock(&disk.lock);
    return failed ? -1 : ftruncate(fd, (off_t)bytes);
}

static int disk_rename(void *context, int d, const char *from, const char *to)
{
    pthread_mutex_lock(&disk.lock);
    bool failed = fails(EIO);
    if (!failed) {
        snprintf(disk.renamed_from, sizeof(disk.renamed_from), "%s", from);
        snprintf(disk.renamed_to, sizeof(disk.renamed_to), "%s", to);
    }
    pthread_mutex_unlock(&disk.lock);
    return failed ? -1 : file_ops_system.rename(NULL, d, from, to);
}

/* A deleted file stays beside until the directory is synced: a crash may bring it back. */
static int disk_unlink(void *context, int d, const char *name)
{
    pthread_mutex_lock(&disk.lock);
    bool failed = fails(EIO);
    if (!failed) { /* what was renamed may be back where it was */
        bool renamed = strcmp(name, disk.renamed_to) == 0;
        snprintf(disk.unlinked, sizeof(disk.unlinked), "%s", renamed ? disk.renamed_from : name);
        disk.renamed_to[0] = renamed ? 0 : disk.renamed_to[0];
    }
    pthread_mutex_unlock(&disk.lock);
    return failed ? -1 : file_ops_system.rename(NULL, d, name, "gone");
}

static int disk_close(void *context, int fd)
{
    return file_ops_system.close(NULL, fd);
}

static const struct file_ops disk_ops = {
    .open = disk_open,
    .close = disk_close,
    .read = disk_read,
    .write = disk_write,
    .sync = disk_sync,
    .sync_directory = disk_sync_directory,
    .allocate = disk_allocate,
    .rename = disk_rename,
    .unlink = disk_unlink,
};

static int open_by_inode(ino_t inode)
{
    char path[128];
    struct stat st;

    for (unsigned i = 0; i < 64; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, i ? segment_name(i).text : "log-prepared.tmp");
        if (stat(path, &st) == 0 && st.st_ino == inode)
            return open(path, O_RDWR);
    }
    return -1;
}

/* The power is gone: each unsynced sector keeps what was written, or has what stood there before; names that
 * were not synced come or go. */
static void lose_power(uint64_t *random)
{
    int d = real_directory();

    for (size_t i = disk.unsynced_count; i-- > 0;) {
        const struct unsynced *u = &disk.unsynced[i];
        int fd = draw(random, 2) ? open_by_inode(u->inode) : -1;
        if (fd >= 0) {
            assert_int_equal(pwrite(fd, u->before, SECTOR_BYTES, (off_t)u->at), SECTOR_BYTES);
            close(fd);
        }
    }
    if (disk.renamed_to[0] && draw(random, 2))
        renameat(d, disk.renamed_to, d, disk.renamed_from);
    if (disk.unlinked[0] && draw(random, 2))
        renameat(d, "gone", d, disk.unlinked);
    unlinkat(d, "gone", 0);
    close(d);
}

/* ---- a life of the log ---- */

/* A record's bytes follow from its number; its cookie is the number + 1. */
enum { NUMBERS_MOST = 4096, LENGTH_MOST = 700 };

static size_t length_of(uint64_t number)
{
    return 8 + number * UINT64_C(2654435761) % LENGTH_MOST;
}

static const char *bytes_of(uint64_t number, char *to)
{
    memset(to, (int)(number % 251), length_of(number));
    memcpy(to, &number, sizeof(number));
    return to;
}

static struct life {
    uint64_t taken;                   /* numbers that append took, all lives */
    uint64_t number_at[NUMBERS_MOST]; /* of each delivered offset */
    uint64_t delivered;               /* offsets before this were handed out */
    unsigned char told[NUMBERS_MOST]; /* 1: delivered, 2: lost */
    size_t segment_bytes;
    int64_t last_appended_at;
    char bytes[NUMBERS_MOST][LENGTH_MOST + 8];
} * life;

static void life_reset(void)
{
    if (!life)
        life = malloc(sizeof(*life));
    life->taken = life->delivered = 0;
    life->segment_bytes = SEGMENT_BYTES_LEAST;
    life->last_appended_at = 0;
    memset(life->told, 0, sizeof(life->told));
}

static void told_lost(void *context, void *cookie, int error)
{
    uint64_t number = (uint64_t)(uintptr_t)cookie - 1;

    assert_true(error < 0);
    assert_int_equal(life->told[number], 0);
    life->told[number] = 2;
}

/* A record whole and the one that belongs there: the same as was delivered at this offset before, or one that
 * was taken. */
static void delivered(void *context, const struct log_record *r)
{
    char expected[LENGTH_MOST + 8];
    uint64_t number, *next = context;

    assert_int_equal(r->offset, *next);
    ++*next;
    assert_true(r->length >= sizeof(number));
    memcpy(&number, r->bytes, sizeof(number));
    assert_true(number < life->taken);
    assert_int_equal(r->length, length_of(number));
    assert_memory_equal(r->bytes, bytes_of(number, expected), r->length);
    assert_true(r->appended_at >= life->last_appended_at || r->offset < life->delivered);
    if (r->cookie) {
        assert_int_equal((uintptr_t)r->cookie, number + 1);
        assert_int_equal(life->told[number], 0);
        life->told[number] = 1;
    }
    if (r->offset < life->delivered) {
        assert_int_equal(life->number_at[r->offset], number);
        return;
    }
    life->number_at[r->offset] = number;
    life->delivered = r->offset + 1;
    life->last_appended_at = r->appended_at;
}

static int append_some(struct log *l, unsigned count)
{
    struct log_append a[4];
    int error;

    for (unsigned i = 0; i < count; i++) {
        uint64_t number = life->taken + i;
        a[i] = (struct log_append){bytes_of(number, life->bytes[number]), length_of(number),
                                   (void *)(uintptr_t)(number + 1)};
    }
    life->taken += count; /* before: it may be told from the log thread at once */
    error = l->ops->append(l, a, count);
    if (error)
        life->taken -= count;
    return error;
}

/* Appends and takes until `steps` are done or the log does not take any more; some of the last appends may be
 * under way. */
static int live(struct log *l, uint64_t *random, unsigned steps, uint64_t *next)
{
    int error = 0;

    for (unsigned i = 0; i < steps && !error && life->taken + 4 < NUMBERS_MOST; i++) {
        error = append_some(l, 1 + (unsigned)draw(random, 4));
        if (draw(random, 3))
            take_records(l, 1 + draw(random, 8), 1, delivered, next);
        if (draw(random, 4) == 0)
            l->ops->trim(l, life->delivered);
    }
    return error;
}

/* Opens without faults, reads from where the log begins: what was handed out is there, unless it was trimmed.
 */
static void check_reopened(void)
{
    struct file_log_report report;
    struct file_log_options from_first = {.start_offset = life->delivered ? FILE_LOG_FIRST : 0,
                                          .segment_bytes = life->segment_bytes};
    struct log *l = open_log(from_first, &report);
    uint64_t next = report.first_offset;

    assert_true(report.end_offset >= life->delivered);
    assert_true(report.first_offset <= life->delivered);
    take_records(l, UINT64_MAX, 0, delivered, &next);
    assert_int_equal(next, report.end_offset);
    l->ops->destroy(l);
}

static struct file_log_options with_disk(void)
{
    return (struct file_log_options){.start_offset = life->delivered,
                                     .file_ops = &disk_ops,
                                     .lost = told_lost,
                                     .segment_bytes = life->segment_bytes};
}

/* How many of the segments that are there were used before. */
static unsigned used_before(void)
{
    struct segment_list list = {0};
    unsigned count = 0;
    int d = real_directory();

    assert_int_equal(segment_list_read(&file_ops_system, d, false, &list), 0);
    for (size_t i = 0; i < list.count; i++) {
        struct segment_header h;
        int fd = openat(d, segment_name(list.at[i].sequence).text, O_RDONLY);
        count += read(fd, &h, sizeof(h)) == sizeof(h) && h.used_before == 1;
        close(fd);
    }
    segment_list_finish(&list);
    close(d);
    return count;
}

/* ---- tests ---- */

/* Several lives after one another, each ended by a power cut at a random call. In segments of one page
 * nothing is left of what they held before, in those of three there is. */
static void nothing_handed_out_is_lost_with_the_power(void **unused)
{
    unsigned used = 0;

    for (uint64_t seed = 1; seed <= 80; seed++) {
        uint64_t random = seed;
        make_directory(NULL);
        life_reset();
        life->segment_bytes = seed % 2 ? 4096 : 12288;
        for (unsigned lives = 0; lives < 4; lives++) {
            struct log *l = NULL;
            struct file_log_report report;
            disk_reset(1 + draw(&random, 200), true);
            if (try_open(with_disk(), &l, &report) == 0) {
                uint64_t next = life->delivered;
                live(l, &random, 40, &next);
                take_records(l, UINT64_MAX, 0, delivered, &next);
                disk_set(&disk.dead, true);
                l->ops->destroy(l);
            }
            lose_power(&random);
            used += used_before();
            check_reopened();
        }
        remove_directory(NULL);
    }
    assert_true(used > 20);
}

/* Every taken record is either handed out or told lost, once; and after an error the log goes on being
 * readable. */
static void check_all_told(struct log *l, uint64_t *next)
{
    struct log_status status;

    l->ops->stop(l);
    take_records(l, UINT64_MAX, 0, delivered, next);
    for (uint64_t i = 0; i < life->taken; i++)
        assert_int_not_equal(life->told[i], 0);
    l->ops->status(l, &status);
    assert_false(status.writable);
    assert_true(status.reason[0]);
    assert_int_equal(append_some(l, 1), ERROR_UNAVAILABLE);
}

static void the_nth_call_fails(void **unused)
{
    bool failed = true;
    uint64_t opened = 0;

    for (uint64_t n = 1; failed; n++) {
        uint64_t random = 7, next = 0;
        struct log *l = NULL;
        struct file_log_report report;
        make_directory(NULL);
        life_reset();
        disk_reset(n, false);
        int error = try_open(with_disk(), &l, &report);
        if (error) {
            assert_int_equal(error, ERROR_IO);
            assert_true(report.detail[0]);
        } else {
            opened++;
            live(l, &random, 30, &next);
            check_all_told(l, &next);
            l->ops->destroy(l);
        }
        failed = disk.calls >= n;
        check_reopened();
        remove_directory(NULL);
    }
    assert_true(opened > 50);
}

/* The write or sync that fails is the last: what comes later is refused, what waits is told lost, reads go
 * on. */
static void after_a_failed_sync_nothing_is_written(void **unused)
{
    struct log_status status;
    uint64_t next = 0;

    life_reset();
    disk_reset(0, false);
    struct log *l = open_log(with_disk(), NULL);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(append_some(l, 1), 0);
    assert_int_equal(take_records(l, 5, 10000, delivered, &next), 5);
    disk_set(&disk.dead, true);
    assert_int_equal(append_some(l, 2), 0);
    do
        l->ops->status(l, &status);
    while (status.writable && usleep(100) == 0);
    disk_set(&disk.dead, false);
    assert_int_equal(append_some(l, 1), ERROR_UNAVAILABLE);
    assert_int_equal(take_records(l, 1, 0, delivered, &next), 0);
    l->ops->stop(l);
    assert_int_equal(life->told[5] + life->told[6], 4);
    assert_non_null(strstr(status.reason, "not trusted"));
    l->ops->destroy(l);
    l = open_log((struct file_log_options){0}, NULL);
    next = 0;
    assert_in_range(take_records(l, UINT64_MAX, 0, delivered, &next), 5, 7);
    l->ops->destroy(l);
}

static void a_full_disk_refuses_and_goes_on_when_there_is_room(void **unused)
{
    struct log_status status;
    uint64_t next = 0;
    int error = 0;

    life_reset();
    disk_reset(0, false);
    struct log *l = open_log(with_disk(), NULL);
    disk_set(&disk.full, true);
    while (!error) {
        error = append_some(l, 1);
        take_records(l, 1, 5, delivered, &next);
    }
    assert_int_equal(error, ERROR_UNAVAILABLE);
    l->ops->status(l, &status);
    assert_non_null(strstr(status.reason, "free space"));
    disk_set(&disk.full, false);
    for (int tries = 0; !status.writable && tries < 5000; tries++) {
        usleep(1000);
        l->ops->status(l, &status);
    }
    assert_true(status.writable);
    assert_int_equal(append_some(l, 3), 0);
    assert_int_equal(take_records(l, 3, 10000, delivered, &next), 3);
    l->ops->destroy(l);
    check_reopened();
}

/* ---- kill −9 ---- */

enum { HASHES = 1 << 20 };

struct shared {
    bool trims;
    uint64_t acknowledged; /* offsets before it were handed out */
    uint64_t hash[HASHES]; /* of those that are not trimmed */
};

static uint64_t hash_of(const void *bytes, size_t length)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);

    for (size_t i = 0; i < length; i++)
        h = (h ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001B3);
    return h;
}

static void *append_for_ever(void *context)
{
    struct log *l = context;
    static __thread char bytes[4096][64];

    for (uint64_t i = 0;; i++) {
        char *at = bytes[i % 4096];
        memset(at, (int)i, 64);
        memcpy(at, &i, sizeof(i));
        struct log_append a[2] = {{at, 40, NULL}, {at, 64, NULL}};
        if (l->ops->append(l, a, 2) != 0)
            usleep(50);
    }
    return NULL;
}

/* Never returns: it is killed. */
static void child(struct shared *s, uint64_t start)
{
    struct file_log_options o = {
        .directory = directory, .start_offset = start, .segment_bytes = 32768, .queue_records_most = 1024};
    struct file_log_report report;
    struct log_record r[64];
    struct log *l;
    pthread_t t;

    if (file_log_open(&o, &l, &report) != 0)
        _exit(3);
    for (int i = 0; i < 3; i++)
        pthread_create(&t, NULL, append_for_ever, l);
    for (;;) {
        int n = l->ops->next(l, r, 64, -1);
        for (int i = 0; i < n; i++) {
            s->hash[r[i].offset % HASHES] = hash_of(r[i].bytes, r[i].length);
            __atomic_store_n(&s->acknowledged, r[i].offset + 1, __ATOMIC_RELEASE);
        }
        if (s->trims)
            l->ops->trim(l, s->acknowledged);
    }
}

static void check_hash(void *context, const struct log_record *r)
{
    struct shared *s = context;

    if (r->offset < s->acknowledged)
        assert_true(s->hash[r->offset % HASHES] == hash_of(r->bytes, r->length));
}

/* How many segments were found that were used before. */
static unsigned kill_again_and_again(bool trims)
{
    struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t random = 99, records = 0;
    unsigned used = 0;

    assert_true(s != MAP_FAILED);
    s->trims = trims;
    for (unsigned round = 0; round < 60; round++) {
        pid_t pid = fork();
        int status;
        if (pid == 0)
            child(s, s->acknowledged);
        usleep((useconds_t)(1000 + draw(&random, 25000)));
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        struct file_log_report report;
        used += used_before();
        struct log *l =
            open_log((struct file_log_options){.start_offset = s->acknowledged ? FILE_LOG_FIRST : 0,
                                               .segment_bytes = 32768},
                     &report);
        assert_true(report.first_offset == 0 || (trims && report.first_offset < s->acknowledged));
        assert_true(report.end_offset >= s->acknowledged);
        assert_int_equal(take_records(l, UINT64_MAX, 0, check_hash, s),
                         report.end_offset - report.first_offset);
        records = report.end_offset;
        l->ops->destroy(l);
    }
    assert_true(records > 100);
    munmap(s, sizeof(*s));
    return used;
}

static void killed_in_the_middle_of_appends(void **unused)
{
    assert_int_equal(kill_again_and_again(false), 0);
}

static void killed_while_segments_are_used_again(void **unused)
{
    assert_true(kill_again_and_again(true) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_handed_out_is_lost_with_the_power),
        cmocka_unit_test(the_nth_call_fails),
        IN_A_DIRECTORY(after_a_failed_sync_nothing_is_written),
        IN_A_DIRECTORY(a_full_disk_refuses_and_goes_on_when_there_is_room),
        IN_A_DIRECTORY(killed_in_the_middle_of_appends),
        IN_A_DIRECTORY(killed_while_segments_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
