/* Reads one checkpoint file from its first to its last byte. It comes in pieces of whole sections, each
 * verified; of a file that is not small a thread reads and verifies the next pieces while the last one is
 * taken in: a restart is bound by the slower of the two, not by both. As taking in takes longer, that thread
 * also fetches the memory that it goes into, which is half of the work. */
#include "engine/checkpoint_file.h"

#include "base/error.h"
#include "core/table/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A piece stays in the caches between the two threads. */
enum { PIECE_BYTES = 1 << 20, PIECES = 4, THREAD_FROM_BYTES = 4 * PIECE_BYTES };
enum { FRESH_MOST = 64 };

struct fresh { /* memory that is about to be touched for the first time */
    char *at;
    size_t bytes;
};

struct piece {
    char *bytes;
    size_t begin, end, filled,
        capacity; /* begin … end: whole sections, verified; … filled: of the next one */
    int error;    /* behind its sections: 1: that was all, negative: damaged there */
};

struct reader {
    int fd;
    const char *name;
    bool any_name;     /* a copy that has not its own yet */
    uint64_t size, at; /* of the file; position of the next section */
    uint64_t sections;
    uint32_t crc; /* of the head and the heads of all sections so far: their own checksums are in there */
    struct hash128 digest;
    const struct checkpoint_taker *taker;
    char *detail;
    size_t detail_size;

    struct piece pieces[PIECES];
    /* Under the lock, when there is a thread. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned read, taken; /* pieces so far */
    bool stop;
    struct fresh fresh[FRESH_MOST];
    unsigned asked, fetched; /* fresh memory so far */
    uint64_t fresh_bytes;    /* that may still be asked for */
};

static int tell(const struct reader *r, int error, const char *what)
{
    snprintf(r->detail, r->detail_size, "%s, byte %" PRIu64 ": %s", r->name, r->at, what);
    return error;
}

/* ---- a piece ---- */

static int piece_grow(const struct reader *r, struct piece *p, size_t capacity)
{
    if (capacity <= p->capacity)
        return 0;
    char *bytes = realloc(p->bytes, capacity);
    if (!bytes)
        return tell(r, ERROR_NOMEM, "no memory for a section");
    p->bytes = bytes;
    p->capacity = capacity;
    return 0;
}

/* Reads until the piece has so many bytes, at least, and as many more as there is room for. */
static int piece_fill(const struct reader *r, struct piece *p, size_t least)
{
    while (p->filled < least) {
        ssize_t got = read(r->fd, p->bytes + p->filled, p->capacity - p->filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return tell(r, ERROR_IO, got ? strerror(errno) : "the file became shorter while it was read");
        p->filled += (size_t)got;
    }
    return 0;
}

static int verify_end(struct reader *r, const struct piece *p, const struct checkpoint_file_section *s)
{
    struct checkpoint_file_end e;

    if (s->length != sizeof(e) - sizeof(*s))
        return tell(r, ERROR_CORRUPT, "the end is damaged");
    memcpy(&e, p->bytes + p->end, sizeof(e));
    if (e.sections != r->sections || e.bytes != r->at)
        return tell(r, ERROR_CORRUPT, "sections are missing");
    if (e.crc_all != r->crc)
        return tell(r, ERROR_CORRUPT, "the whole has another checksum than its parts");
    if (r->size - r->at != sizeof(e))
        return tell(r, ERROR_CORRUPT, "something stands behind the end");
    r->digest = e.digest;
    return 1;
}

/* The section at the piece's end. 0: verified, and the piece longer by it; 1: it was the file's end;
 * ERROR_BUSY: not all of it is there, *ret_bytes are needed. */
static int verify_section(struct reader *r, struct piece *p, size_t *ret_bytes)
{
    struct checkpoint_file_section s;
    size_t there = p->filled - p->end;

    *ret_bytes = sizeof(s);
    if (there >= sizeof(s)) {
        memcpy(&s, p->bytes + p->end, sizeof(s));
        if (s.kind > CHECKPOINT_KIND_END)
            return tell(r, ERROR_CORRUPT, "a section is damaged");
        *ret_bytes += s.length;
    }
    if (*ret_bytes > r->size - r->at)
        return tell(r, ERROR_CORRUPT, "the file ends too early: it was cut");
    if (there < *ret_bytes)
        return ERROR_BUSY;
    const char *bytes = p->bytes + p->end + sizeof(s);
    if (s.crc != checkpoint_section_crc(&s, bytes))
        return tell(r, ERROR_CORRUPT, "a section is damaged");
    if (s.kind == CHECKPOINT_KIND_END)
        return verify_end(r, p, &s);
    if (r->taker->beside)
        r->taker->beside(r->taker->context, (uint8_t)s.kind, bytes, s.length);
    r->crc = crc32c(r->crc, &s, sizeof(s));
    r->sections++;
    r->at += *ret_bytes;
    p->end += *ret_bytes;
    return 0;
}

/* What the one before has of a section that is not whole goes ahead. */
static int piece_begin(const struct reader *r, struct piece *p, const struct piece *before)
{
    size_t rest = before ? before->filled - before->end : 0;
    int error = piece_grow(r, p, rest > PIECE_BYTES ? rest : PIECE_BYTES);

    p->begin = p->end = p->filled = 0;
    if (!error && rest)
        memcpy(p->bytes, before->bytes + before->end, rest);
    if (!error)
        p->filled = rest;
    return error;
}

/* Reads and verifies the next piece. */
static void piece_read(struct reader *r, struct piece *p, const struct piece *before)
{
    size_t bytes;

    p->error = piece_begin(r, p, before);
    while (!p->error) {
        p->error = verify_section(r, p, &bytes);
        if (p->error != ERROR_BUSY)
            continue;
        if (p->end > 0 && p->end + bytes > p->capacity)
            break; /* it begins the next piece */
        p->error = piece_grow(r, p, bytes);
        if (!p->error)
            p->error = piece_fill(r, p, p->end + bytes);
    }
    if (p->error == ERROR_BUSY)
        p->error = 0;
}

/* Hands on what is in it. */
static int piece_take(const struct reader *r, struct piece *p)
{
    struct checkpoint_file_section s;
    int error = 0;

    while (p->begin < p->end && !error && r->taker->each) {
        memcpy(&s, p->bytes + p->begin, sizeof(s));
        error = r->taker->each(r->taker->context, (uint8_t)s.kind, p->bytes + p->begin + sizeof(s), s.length);
        p->begin += sizeof(s) + s.length;
    }
    return error;
}

/* ---- all pieces ---- */

static const struct piece *piece_before(const struct reader *r, unsigned number)
{
    return number ? &r->pieces[(number - 1) % PIECES] : NULL;
}

static int not_understood(const struct reader *r, int error)
{
    return tell(r, error, "a section before it was not understood");
}

static int read_in_turn(struct reader *r)
{
    for (unsigned n = 0;; n++) {
        struct piece *p = &r->pieces[n % PIECES];
        piece_read(r, p, piece_before(r, n));
        int error = piece_take(r, p);
        if (error)
            return not_understood(r, error);
        if (p->error)
            return p->error;
    }
}

/* @lock held, let go meanwhile. False: there is nothing to fetch. */
static bool fetch_some(struct reader *r)
{
    struct fresh *f = &r->fresh[r->fetched % FRESH_MOST];
    size_t bytes = f->bytes < HUGE_PAGE_BYTES ? f->bytes : HUGE_PAGE_BYTES;
    char *at = f->at;

    if (r->fetched == r->asked)
        return false;
    f->at += bytes;
    f->bytes -= bytes;
    r->fetched += f->bytes == 0;
    pthread_mutex_unlock(&r->lock);
    pages_fetch(at, bytes);
    pthread_mutex_lock(&r->lock);
    return true;
}

/* Who takes the pieces in asked for memory. What finds no room in the list he fetches himself; and what he
 * asks for is more than he needs in the end. */
static void asked_for_pages(void *context, void *memory, size_t bytes)
{
    struct reader *r = context;

    pthread_mutex_lock(&r->lock);
    bytes = bytes < r->fresh_bytes ? bytes : r->fresh_bytes;
    if (bytes && r->asked - r->fetched < FRESH_MOST) {
        r->fresh_bytes -= bytes;
        r->fresh[r->asked++ % FRESH_MOST] = (struct fresh){memory, bytes};
        pthread_cond_signal(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
}

static void *read_ahead(void *context)
{
    struct reader *r = context;
    int error = 0;

    for (unsigned n = 0; !error; n++) {
        pthread_mutex_lock(&r->lock);
        while (!r->stop && n - r->taken >= PIECES)
            if (!fetch_some(r))
                pthread_cond_wait(&r->changed, &r->lock);
        error = r->stop;
        pthread_mutex_unlock(&r->lock);
        if (error)
            break;
        piece_read(r, &r->pieces[n % PIECES], piece_before(r, n));
        error = r->pieces[n % PIECES].error;
        pthread_mutex_lock(&r->lock);
        r->read = n + 1;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

static struct piece *next_read(struct reader *r)
{
    pthread_mutex_lock(&r->lock);
    while (r->read == r->taken)
        pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
    return &r->pieces[r->taken % PIECES];
}

/* `stop` with a last one that was not taken well. */
static void piece_taken(struct reader *r, bool stop)
{
    pthread_mutex_lock(&r->lock);
    r->taken++;
    r->stop = stop;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static int take_pieces(struct reader *r)
{
    int error, end;

    do {
        struct piece *p = next_read(r);
        end = p->error;
        error = piece_take(r, p);
        piece_taken(r, error);
    } while (!error && !end);
    return error ? error : end;
}

static int read_with_thread(struct reader *r)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, read_ahead, r) != 0)
        return read_in_turn(r);
    pthread_setname_np(thread, "load");
    r->fresh_bytes = r->size / 8 * 5; /* of the file's bytes not much more becomes memory of huge pages */
    pages_tell(asked_for_pages, r);
    int error = take_pieces(r);
    pages_tell(NULL, NULL);
    pthread_join(thread, NULL);
    return error < 0 && r->stop ? not_understood(r, error) : error;
}

/* ---- the file ---- */

static int read_head(struct reader *r, struct checkpoint_header *ret)
{
    struct checkpoint_file_head h;

    if (r->size < sizeof(h))
        return tell(r, ERROR_CORRUPT, "the file ends too early: it was cut");
    if (read(r->fd, &h, sizeof(h)) != sizeof(h))
        return tell(r, ERROR_IO, strerror(errno));
    int error = checkpoint_head_open(&h, ret);
    if (error == ERROR_CORRUPT)
        return tell(r, error, "the head is damaged");
    if (error == ERROR_CONFLICT)
        return tell(r, ERROR_CORRUPT, "written by an older onhand, in a form that is not read any more");
    if (error)
        return tell(r, error,
                    "written by a newer onhand: start that version, or remove the file to go back to an "
                    "older checkpoint");
    if (!r->any_name && strcmp(checkpoint_name(h.incarnation, h.next_offset).text, r->name) != 0)
        return tell(r, ERROR_CORRUPT, "the head is of another checkpoint than the name");
    r->crc = crc32c(0, &h, sizeof(h));
    r->at = sizeof(h);
    return 0;
}

static int reader_open(struct reader *r, int directory)
{
    struct stat st;

    r->fd = openat(directory, r->name, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        return tell(r, ERROR_IO, strerror(errno));
    r->size = (uint64_t)st.st_size;
    (void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return 0;
}

static int read_all(struct reader *r, int directory, struct checkpoint_header *ret_header,
                    uint64_t *ret_sections)
{
    struct checkpoint_header h = {0};
    int error = reader_open(r, directory);

    if (!error)
        error = read_head(r, &h);
    if (!error)
        error = r->taker->each && r->size >= THREAD_FROM_BYTES ? read_with_thread(r) : read_in_turn(r);
    if (error == 1) {
        h.digest = r->digest;
        *ret_header = h;
        if (ret_sections)
            *ret_sections = r->sections;
        error = 0;
    }
    for (int k = 0; k < PIECES; k++)
        free(r->pieces[k].bytes);
    if (r->fd >= 0)
        close(r->fd);
    return error;
}

int checkpoint_file_take(int directory, const char *name, bool any_name, const struct checkpoint_taker *taker,
                         struct checkpoint_header *ret_header, uint64_t *ret_sections, char *detail,
                         size_t detail_size)
{
    struct reader r = {.fd = -1,
                       .name = name,
                       .any_name = any_name,
                       .taker = taker,
                       .detail = detail,
                       .detail_size = detail_size,
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .changed = PTHREAD_COND_INITIALIZER};

    return read_all(&r, directory, ret_header, ret_sections);
}

int checkpoint_file_read_as(int directory, const char *name, bool any_name, checkpoint_section each,
                            void *context, struct checkpoint_header *ret_header, uint64_t *ret_sections,
                            char *detail, size_t detail_size)
{
    const struct checkpoint_taker taker = {.context = context, .each = each};

    return checkpoint_file_take(directory, name, any_name, &taker, ret_header, ret_sections, detail,
                                detail_size);
}

int checkpoint_file_read(int directory, const char *name, checkpoint_section each, void *context,
                         struct checkpoint_header *ret_header, uint64_t *ret_sections, char *detail,
                         size_t detail_size)
{
    return checkpoint_file_read_as(directory, name, false, each, context, ret_header, ret_sections, detail,
                                   detail_size);
}
