/* A file copied over HTTP that may be cut anywhere: asked for by its ETag, gone on with, verified, renamed.
 */
#include "cli/fetch.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "engine/checkpoint_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
    TIMEOUT_SECONDS = 60, /* of silence; a fresh checkpoint may take a while */
    TRIES = 10,           /* in a row in which nothing comes */
    ROOM_BYTES = 16 << 20,
    AGAIN = 1,
};
#define TARGET "/v1/checkpoint"
#define PART_SUFFIX ".part"

struct fetch {
    const struct fetch_options *o;
    struct client *client;
    struct client_answer answer;
    struct checkpoint_file_head head;
    size_t head_bytes;
    struct checkpoint_header header;
    char etag[CLIENT_ETAG_BYTES];
    uint64_t total, have; /* bytes of the file; of those in the part */
    char part[200];
    int directory, file;
    struct progress progress;
    char *detail;
};

__attribute__((format(printf, 3, 4))) static int say(struct fetch *f, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(f->detail, FETCH_DETAIL_BYTES, format, args);
    va_end(args);
    return error;
}

/* ---- what it answered instead of bytes ---- */

static int refused(struct fetch *f)
{
    struct buffer said = {0};
    int status = f->answer.status,
        error = status == 429 || status >= 500 ? ERROR_UNAVAILABLE : ERROR_CONFLICT;

    report_problem((struct text){f->answer.body.at, f->answer.body.length}, &said);
    say(f, error, "%s has no checkpoint to copy: %d %.*s%s", f->o->url, status,
        said.failed ? 0 : (int)said.length, said.at ? said.at : "",
        status == 401 || status == 403
            ? ". It takes a key with scope admin: --api-key-file FILE or the variable ONHAND_API_KEY"
            : "");
    buffer_finish(&said);
    return error;
}

/* ---- the head: what is it, and is it wanted? ---- */

/* A server, or something between, that does not know ranges sends it all: the head is enough now. */
static int take_head(void *context, int status, const char *bytes, size_t length)
{
    struct fetch *f = context;
    size_t room = sizeof(f->head) - f->head_bytes, piece = length < room ? length : room;

    memcpy((char *)&f->head + f->head_bytes, bytes, piece);
    f->head_bytes += piece;
    return length > room ? ERROR_EXISTS : 0;
}

static int ask_head(struct fetch *f, bool fresh)
{
    const struct answer_body stream = {f, take_head};
    const struct client_request r = {.method = "GET",
                                     .target = fresh ? TARGET "?fresh=true" : TARGET,
                                     .headers = "Range: bytes=0-63\r\n",
                                     .stream = &stream};

    f->head_bytes = 0;
    int error = client_send(f->client, &r, &f->answer);
    bool enough = error == ERROR_EXISTS;
    if (error && !enough)
        return say(f, error == ERROR_NOMEM ? error : ERROR_UNAVAILABLE, "%s", client_detail(f->client));
    if (!enough && f->answer.status == 404 && !fresh)
        return ask_head(f, true);
    if (!enough && f->answer.status != 206 && f->answer.status != 200)
        return refused(f);
    struct client_head head = client_head(f->client);
    f->total = head.range_total ? head.range_total : head.content_length;
    snprintf(f->etag, sizeof(f->etag), "%s", head.etag);
    error = f->head_bytes == sizeof(f->head) ? checkpoint_head_open(&f->head, &f->header) : ERROR_CORRUPT;
    if (error == ERROR_LEVEL)
        return say(
            f, error,
            "%s runs a newer onhand, whose checkpoints cannot be read here: start that version, or copy "
            "from an older one",
            f->o->url);
    if (error || !*f->etag || f->total < sizeof(f->head))
        return say(f, ERROR_CORRUPT, "%s answers, but not with a checkpoint: is it an onhand?", f->o->url);
    return 0;
}

static int find_wanted(struct fetch *f)
{
    bool stale = false;
    int error = ask_head(f, false);

    if (error || f->o->wanted(f->o->context, &f->header, &stale, f->detail))
        return error;
    if (!stale)
        return ERROR_CONFLICT;
    stale = false;
    error = ask_head(f, true);
    if (error || f->o->wanted(f->o->context, &f->header, &stale, f->detail))
        return error;
    if (stale)
        say(f, ERROR_CONFLICT, "even a fresh checkpoint of %s is older than the log: is it caught up?",
            f->o->url);
    return ERROR_CONFLICT;
}

/* ---- the part: a copy that is not whole yet ---- */

static bool is_part(const char *name)
{
    size_t length = strlen(name), suffix = sizeof(PART_SUFFIX) - 1;

    return length > suffix && strcmp(name + length - suffix, PART_SUFFIX) == 0 &&
           strncmp(name, "checkpoint-", 11) == 0;
}

/* Parts of others are of no use any more. */
static void remove_other_parts(const struct fetch *f)
{
    int fd = openat(f->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    for (struct dirent *e; d && (e = readdir(d));)
        if (is_part(e->d_name) && strcmp(e->d_name, f->part) != 0)
            unlinkat(f->directory, e->d_name, 0);
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
}

/* The name carries what the copy is of: what the ETag says, where it says it in letters that a name may have.
 */
static void name_part(struct fetch *f)
{
    struct checkpoint_name name = checkpoint_name(f->header.incarnation, f->header.next_offset);
    struct hash128 tag = hash128(f->etag, strlen(f->etag), 0);

    snprintf(f->part, sizeof(f->part), "%s-%016" PRIx64 PART_SUFFIX, name.text, tag.high);
}

static int open_part(struct fetch *f)
{
    struct stat st;

    name_part(f);
    remove_other_parts(f);
    f->file = openat(f->directory, f->part, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (f->file < 0 || fstat(f->file, &st) != 0)
        return say(f, ERROR_IO, "%s/%s cannot be written: %s", f->o->directory, f->part, strerror(errno));
    f->have = (uint64_t)st.st_size <= f->total ? (uint64_t)st.st_size : 0;
    return 0;
}

static int check_room(struct fetch *f)
{
    struct statvfs v;

    if (fstatvfs(f->directory, &v) != 0)
        return 0;
    uint64_t room = (uint64_t)v.f_bavail * v.f_frsize, need = f->total - f->have;
    if (room >= need + ROOM_BYTES)
        return 0;
    return say(f, ERROR_IO, "the checkpoint takes %" PRIu64 " MiB more and %s has %" PRIu64 " MiB free",
               (need >> 20) + 1, f->o->directory, room >> 20);
}

/* ---- the bytes ---- */

static int take_bytes(void *context, int status, const char *bytes, size_t length)
{
    struct fetch *f = context;
    struct client_head head = client_head(f->client);

    if (strcmp(head.etag, f->etag) != 0 || (status == 206 && head.range_from != f->have && !head.taken))
        return ERROR_EXISTS; /* another one by now */
    if (status == 200 && !head.taken)
        f->have = 0;
    for (size_t done = 0; done < length;) {
        ssize_t n = pwrite(f->file, bytes + done, length - done, (off_t)f->have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return say(f, ERROR_LIMIT, "writing %s/%s failed: %s", f->o->directory, f->part,
                       strerror(n < 0 ? errno : EIO));
        done += (size_t)n;
        f->have += (uint64_t)n;
    }
    progress_draw(&f->progress, (double)f->have / (double)f->total, f->have >> 10);
    return 0;
}

/* One request. AGAIN: it was cut, or is another one now. */
static int copy_some(struct fetch *f)
{
    const struct answer_body stream = {f, take_bytes};
    char headers[256];
    const struct client_request r = {
        .method = "GET", .target = TARGET, .headers = headers, .stream = &stream};

    snprintf(headers, sizeof(headers), "Range: bytes=%" PRIu64 "-\r\nIf-Range: %s\r\n", f->have, f->etag);
    int error = client_send(f->client, &r, &f->answer);
    if (error == ERROR_LIMIT)
        return ERROR_IO; /* our own disk, said already */
    if (error && error != ERROR_EXISTS)
        say(f, error, "%s", client_detail(f->client));
    if (error)
        return AGAIN;
    if (f->answer.status != 200 && f->answer.status != 206) {
        error = refused(f);
        return error == ERROR_UNAVAILABLE ? AGAIN : error;
    }
    return f->have < f->total ? AGAIN : 0;
}

static int copy(struct fetch *f)
{
    int error = open_part(f);

    if (!error)
        error = check_room(f);
    if (error)
        return error;
    if (f->have)
        log_info("going on with a copy that was cut: %" PRIu64 " of %" PRIu64 " bytes are here", f->have,
                 f->total);
    progress_begin(&f->progress, "KiB", false);
    error = f->have < f->total ? copy_some(f) : 0;
    progress_end(&f->progress);
    if (!error && ftruncate(f->file, (off_t)f->total) != 0) /* of a part that was longer */
        error = say(f, ERROR_IO, "%s/%s cannot be cut: %s", f->o->directory, f->part, strerror(errno));
    close(f->file);
    f->file = -1;
    return error;
}

/* From the question to the last byte, however often it is cut. */
static int copy_all(struct fetch *f)
{
    unsigned tries = 0;
    uint64_t had = 0;
    int error;

    for (;;) {
        error = find_wanted(f);
        if (!error)
            error = copy(f);
        if (error != AGAIN && (error != ERROR_UNAVAILABLE || !had))
            return error;
        tries = f->have > had ? 0 : tries + 1;
        had = f->have;
        if (tries == TRIES)
            return ERROR_UNAVAILABLE;
        log_warning("the copy was cut at %" PRIu64 " of %" PRIu64 " bytes (%s): going on", f->have, f->total,
                    f->detail);
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
}

static int fetch(struct fetch *f)
{
    int64_t began_us = clock_monotonic_us();
    int error = copy_all(f);

    if (error)
        return error;
    error = checkpoint_adopt(f->o->directory, f->part, &f->header, f->detail, FETCH_DETAIL_BYTES);
    if (error == ERROR_CORRUPT)
        log_error("what was copied was damaged and is removed: start again to copy it anew");
    if (error)
        return error;
    log_info("the checkpoint before record %" PRIu64 " of the log %" PRIu64
             " was copied from %s and verified "
             "(%" PRIu64 " KiB, %.1f s)",
             f->header.next_offset, f->header.incarnation, f->o->url, f->total >> 10,
             (double)(clock_monotonic_us() - began_us) / 1e6);
    return 0;
}

int fetch_checkpoint(const struct fetch_options *o, struct checkpoint_header *ret_header,
                     char detail[FETCH_DETAIL_BYTES])
{
    struct settings s = *o->settings;
    struct fetch f = {.o = o, .file = -1, .detail = detail};

    detail[0] = '\0';
    s.url = o->url;
    s.timeout_seconds = TIMEOUT_SECONDS;
    f.directory = open(o->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f.directory < 0)
        return say(&f, ERROR_IO, "%s cannot be opened: %s", o->directory, strerror(errno));
    int error = client_create(&s, &f.client, detail);
    if (!error)
        error = fetch(&f);
    if (!error)
        *ret_header = f.header;
    if (f.file >= 0)
        close(f.file);
    client_destroy(f.client);
    buffer_finish(&f.answer.body);
    close(f.directory);
    return error;
}
