/* The files of the embedded log in their directory: naming, listing, loading, making. @thread any, no shared
 * state. */
#ifndef LOG_SEGMENT_FILES_H
#define LOG_SEGMENT_FILES_H

#include "log/file_ops.h"
#include "log/segment.h"

#define SEGMENT_OFFSET_NONE UINT64_MAX /* of a segment that holds no record yet */

struct segment_file {
    uint64_t sequence;
    uint64_t first_offset; /* of its first record, or SEGMENT_OFFSET_NONE */
};

/* In order of their sequence. */
struct segment_list {
    struct segment_file *at;
    size_t count, capacity;
};

/* A segment in memory, from its first to its last byte. */
struct segment_image {
    struct segment_header header;
    char *bytes; /* owned; header.bytes long; what the file lacks is zero */
    size_t capacity;
    size_t missing; /* so many bytes the file is shorter than made */
};

/* "log-0000000001" */
struct segment_name {
    char text[32];
};
struct segment_name segment_name(uint64_t sequence);

/* Lists what is there; first offsets are not filled. The list is to be finished also after an error:
 * ERROR_IO, ERROR_NOMEM. Left-over temporary files are removed when remove_left_over says so. */
int segment_list_read(const struct file_ops *ops, int directory, bool remove_left_over,
                      struct segment_list *list);
int segment_list_add(struct segment_list *list, struct segment_file f);
void segment_list_finish(struct segment_list *list);

/* Reads header and first record: f->first_offset. ERROR_CORRUPT: header; ERROR_LEVEL, ERROR_IO, ERROR_NOMEM.
 * A segment that was trimmed meanwhile (who reads beside the writer) is not there: ERROR_IO, ENOENT. */
int segment_file_look(const struct file_ops *ops, int directory, struct segment_file *f);
/* Reads a whole segment into image (zero-initialised or used before). The same errors. */
int segment_image_load(const struct file_ops *ops, int directory, uint64_t sequence,
                       struct segment_image *image);
void segment_image_finish(struct segment_image *image);

/* Asked before each piece of zeros; may wait; false: give up. */
struct segment_pace {
    bool (*go_on)(void *context, uint64_t zeroed_bytes);
    void *context;
};

/* Gives a segment of that size the temporary name, for segment_file_make to use again; the directory is still
 * to be synced. False: it stands as it was. */
bool segment_file_set_aside(const struct file_ops *ops, int directory, uint64_t sequence, size_t bytes);
/* The file under the temporary name goes. */
void segment_file_drop(const struct file_ops *ops, int directory);

/* Makes a segment under a temporary name, of zeros or (h->used_before) of the file that was set aside, with
 * `first` (if not NULL) as its record, syncs it, gives it its name, syncs the directory. Returns a descriptor
 * open for writing, or ERROR_IO, ERROR_LIMIT (disk full), ERROR_UNAVAILABLE (pace said so); a half-made file
 * is removed. pace NULL: as fast as it goes. */
int segment_file_make(const struct file_ops *ops, int directory, const struct segment_header *h,
                      const struct segment_record *first, const struct segment_pace *pace);

#endif
