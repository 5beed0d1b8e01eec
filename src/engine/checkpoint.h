/* Checkpoint files: an image's sections in one file, checksummed, written beside, synced, renamed. Two are
 * kept. */
#ifndef ENGINE_CHECKPOINT_H
#define ENGINE_CHECKPOINT_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct checkpoint_header {
    uint32_t format; /* of the file and of its sections (IMAGE_FORMAT) */
    uint32_t level;
    uint64_t incarnation, next_offset; /* the state is that before next_offset */
    struct hash128 digest;             /* filled at the end */
};

/* ---- writing: @thread writer calls add, which only copies into memory that a thread of the checkpoint's own
 * writes out ---- */
struct checkpoint_writer;
/* Makes the directory when it is not there. ERROR_IO (errno says why), ERROR_NOMEM, ERROR_BUSY: another is
 * being written there. */
int checkpoint_create(const char *directory, const struct checkpoint_header *h,
                      struct checkpoint_writer **ret_writer);
struct file_ops;
int checkpoint_create_on(const struct file_ops *ops, const char *directory, const struct checkpoint_header *h,
                         struct checkpoint_writer **ret_writer); /* tests let the files fail */
/* kind is not 255. ERROR_NOMEM, ERROR_INVALID: the checkpoint is to be destroyed, not committed. */
int checkpoint_add(struct checkpoint_writer *w, uint8_t kind, const void *bytes, size_t length);
/* How many bytes wait to be written; the writer thread copies no more while it is over a bound. */
size_t checkpoint_backlog_bytes(const struct checkpoint_writer *w);
/* Hands over the digest; the thread writes the end, syncs, renames to checkpoint-<incarnation>-<next_offset>,
 * syncs the directory and removes all but the two newest. */
void checkpoint_commit(struct checkpoint_writer *w, struct hash128 digest);
/* 1: still at it, 0: committed and durable, negative: failed (detail says why; the temporary file is
 * removed). */
int checkpoint_poll(struct checkpoint_writer *w, char *detail, size_t detail_size);
/* Gives up what is not committed, waits for the thread, frees. Takes NULL. */
void checkpoint_destroy(struct checkpoint_writer *w);

/* ---- reading ---- */
typedef int (*checkpoint_section)(void *context, uint8_t kind, const void *bytes, size_t length);
/* Who takes what a checkpoint holds; zeroed, nobody: it is only verified. */
struct checkpoint_taker {
    void *context;
    checkpoint_section each; /* in order; each verified by its checksum before */
    /* The same sections in the same order, each before `each` gets it, maybe on a thread of the reader's own;
     * it has ended before the load returns and before forget is called. NULL: nobody looks */
    void (*beside)(void *context, uint8_t kind, const void *bytes, size_t length);
    /* The file was damaged further on, or `each` found it so: what came of it is void, another may follow.
     * Not 0: nothing follows, that is the answer. NULL: nothing to forget */
    int (*forget)(void *context);
};
/* The newest file that is whole from its first to its last byte, else the one before; it is read once, and
 * what came of one that turns out damaged is forgotten (checksums, counts, end mark, ERROR_CORRUPT from
 * `each`). ERROR_NOTFOUND: no checkpoint at all. ERROR_CORRUPT: some, but none is whole. ERROR_LEVEL: written
 * by a newer onhand. Other errors of `each` end it. detail: which file, what, where. `rejected` counts the
 * damaged ones passed over (detail then tells of the last of them). What a crash left half written is
 * removed. */
int checkpoint_load(const char *directory, const struct checkpoint_taker *taker,
                    struct checkpoint_header *ret_header, unsigned *ret_rejected, char *detail,
                    size_t detail_size);
/* The next_offset of the older of the two kept: the log may be trimmed up to it. False while there are not
 * two. */
bool checkpoint_trim_offset(const char *directory, uint64_t *ret_offset);

/* Takes in a file of that directory that was copied from elsewhere under another name: verifies every byte of
 * it and its digest, syncs it and gives it its name. ERROR_CORRUPT (it is removed), ERROR_LEVEL, ERROR_IO,
 * ERROR_NOMEM; detail as checkpoint_load's. @thread any, while nobody writes checkpoints there */
int checkpoint_adopt(const char *directory, const char *name, struct checkpoint_header *ret_header,
                     char *detail, size_t detail_size);

struct checkpoint_opened {
    int file; /* open for reading; the caller closes it */
    uint64_t bytes;
    struct checkpoint_header header;
};
/* Opens the newest whose head and end are whole, without reading what is between. ERROR_NOTFOUND, ERROR_IO,
 * ERROR_NOMEM. @thread any */
int checkpoint_open_newest(const char *directory, struct checkpoint_opened *ret);

/* Verifies every checkpoint there and reports a line about each; nothing is changed. 0, or the last error
 * (ERROR_NOTFOUND: there is none). */
int checkpoint_verify(const char *directory, void (*report)(void *context, const char *line), void *context);

#endif
