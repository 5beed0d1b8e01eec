/* Finds the end of a log from its files, tells a torn tail from damage (segment.h has the argument), and
 * makes the tail safe to write behind. */
#ifndef LOG_LOG_RECOVERY_H
#define LOG_LOG_RECOVERY_H

#include "log/segment_files.h"

struct log_recovery {
    const struct file_ops *ops;
    int directory;
    uint64_t start_offset;    /* segments before the one that holds it are only looked at, not read */
    struct segment_list list; /* found; those without records at the end have SEGMENT_OFFSET_NONE */
    uint64_t first_offset, end_offset;
    int64_t last_appended_at; /* 0: no record */
    size_t tail;              /* index of the segment that is written on */
    size_t tail_end;          /* position in it behind the last record */
    size_t group_at;          /* where its last group begins (of those records that are there) */
    size_t rest_end;          /* behind the last byte that was torn */
    bool whole;               /* a mark stands at the end: all was synced */
    bool short_file;          /* a file at the end lacks bytes: no crash does that */
    uint64_t torn_bytes;
    struct segment_image image; /* of the tail's segment */
    char detail[400];           /* what is wrong, or what is torn */
};

/* Zero-initialised but for ops, directory, start_offset. Nothing is changed on disk. ERROR_CORRUPT,
 * ERROR_LEVEL, ERROR_IO, ERROR_NOMEM; ERROR_NOTFOUND: no segments at all. */
int log_recovery_run(struct log_recovery *r);
/* Cuts what is torn and makes what is there durable: a process that ended before its sync may have left it in
 * the page cache only, and a sync that failed may have left it marked clean, so the last group is written
 * again. Returns the tail's descriptor, open for writing, or ERROR_IO, ERROR_LIMIT. */
int log_recovery_mend(struct log_recovery *r);
void log_recovery_finish(struct log_recovery *r);

#endif
