/* Records as protobuf (onhand.v1.Record): what the log holds. Pure; @thread any, one arena a thread. */
#ifndef CODEC_RECORD_CODEC_H
#define CODEC_RECORD_CODEC_H

#include "base/buffer.h"
#include "core/model/record.h"

/* Appends the record. ERROR_NOMEM, ERROR_LIMIT (over RECORD_BYTES_MOST). Deterministic: the same record gives
 * the same bytes. */
int record_encode(const struct record *r, struct buffer *out);

/* Reads a record. Texts point into `bytes` or the arena: both must outlive it. ERROR_INVALID: problems say
 * why (pointer into the record as JSON would name it: "/events/3/quantity"); ERROR_NOMEM; ERROR_LIMIT: too
 * large, too many events, or needs more than the arena gives. `level` is the log's: types and fields above it
 * are unknown. Unknown protobuf fields are kept out and counted in *ret_unknown_fields. The events have NOT
 * been through event_check (apply and intake call it): only what cannot be represented at all is refused
 * here. */
int record_decode(const void *bytes, size_t length, uint32_t level, struct arena *a,
                  struct record *ret_record, uint32_t *ret_unknown_fields, struct problems *p);

/* What stands in the log may also be canonical JSON (other writers on Kafka): '{' or '[' after white space is
 * JSON, anything else protobuf. */
int record_decode_any(const void *bytes, size_t length, uint32_t level, struct arena *a,
                      struct record *ret_record, uint32_t *ret_unknown_fields, struct problems *p);

/* Length-delimited protobuf events (application/x-protobuf): each onhand.v1.Event behind its length as a
 * varint. Calls `each` once an event with its number from 0: e is NULL and problems say why when it could not
 * be read; an event that was read has been through event_check (problems has what it found). A broken length
 * ends the run with ERROR_INVALID. */
struct event_reader {
    void *context;
    int (*each)(void *context, size_t number, const struct event *e,
                const struct problems *p); /* not 0: stop and return it */
};
int proto_events_read(const void *bytes, size_t length, uint32_t level, struct arena *a,
                      const struct event_reader *r, struct problems *p);

#endif
