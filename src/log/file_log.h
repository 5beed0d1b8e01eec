/* The embedded log: preallocated, zeroed segment files, CRC-32C a record, one fdatasync a group of waiting
 * appends. */
#ifndef LOG_FILE_LOG_H
#define LOG_FILE_LOG_H

#include "log/log.h"

struct file_ops;

#define FILE_LOG_LOCK "log-lock" /* held exclusively while the log is open for writing */

#define FILE_LOG_FIRST                                                                                     \
    UINT64_MAX /* start_offset: whatever the log's first record is (tools: a trimmed log does not begin at \
                  0) */

struct file_log_options {
    const char *directory; /* made when it is not there (mode 0750) */
    uint64_t start_offset; /* `next` begins here: the checkpoint's next offset; 0: the very first record. A
                              new log is made only with 0 */
    uint64_t first_append_at_least; /* a continued log's appended_at never goes below this (µs) */
    size_t segment_bytes;           /* 0: 64 MiB */
    size_t queue_records_most;      /* 0: 65536 */
    size_t queue_bytes_most;        /* 0: 64 MiB */
    bool read_only;                 /* onhand check, explain: nothing is made or cut */
    bool beside_writer; /* with read_only, in the process that has it open for writing: takes no lock */
    log_lost lost;
    void *lost_context;
    const void *first_record; /* what a new log begins with (an encoded incarnation record) */
    size_t first_record_length;
    uint64_t identity;               /* what a new log is given; not 0. The incarnation of its first record */
    uint64_t identity_expected;      /* 0: any; else a log of another identity is refused: ERROR_CONFLICT */
    const struct file_ops *file_ops; /* NULL: the system's; tests let it fail */
};

struct file_log_report { /* what opening found */
    bool created;
    uint64_t torn_bytes; /* cut at the tail, 0: none */
    uint64_t first_offset, end_offset;
    uint64_t identity;
    char detail[400]; /* of an error: what is wrong, where, what to do; of a torn tail: what was cut */
};

/* 0, or ERROR_CORRUPT (damage before the tail, a segment missing), ERROR_IO, ERROR_NOMEM, ERROR_BUSY (another
 * process has it open), ERROR_NOTFOUND (start_offset is behind the end or before the first); report.detail
 * says more. */
int file_log_open(const struct file_log_options *o, struct log **ret_log, struct file_log_report *ret_report);

/* Verifies every segment from its first to its last byte and reports a line about each and one about the end;
 * nothing is changed. 0 (a torn tail is no error), or what file_log_open would answer. */
int file_log_verify(const char *directory, void (*report)(void *context, const char *line), void *context);

#endif
