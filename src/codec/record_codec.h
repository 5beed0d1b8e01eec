/* Records as protobuf (onhand.v1.Record): what the log holds. Pure; @thread any, one arena a thread. */
#ifndef CODEC_RECORD_CODEC_H
#define CODEC_RECORD_CODEC_H

#include "base/buffer.h"
#include "core/model/record.h"

/* Appends the record. ERROR_NOMEM, ERROR_LIMIT (over RECORD_BYTES_MOST). Deterministic: the same record gives
 * the same bytes. */
int record_encode(const struct record *r, struct buffer *out);

/* The same for one event that is a plain one (event_plain.h): its bytes as they are, and where it came in.
 * *ret_event: where they stand in `out`. ERROR_NOMEM */
int record_encode_plain(struct text event, uint32_t level, const struct intake_said *intake,
                        struct buffer *out, struct text *ret_event);

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

/* Who reads a body event by event: called once an event, in order, numbered from 0. An event is sound when e
 * is there and p is empty. With problems, e is what could be read (its id, for the answer), or NULL when
 * nothing could. *e and *p are valid during the call, texts as long as the body and the arena. */
struct event_reader {
    void *context;
    int (*each)(void *context, size_t number, const struct event *e,
                const struct problems *p); /* not 0: stop and return it */
};

/* Length-delimited protobuf events (application/x-protobuf): each onhand.v1.Event behind its length as a
 * varint. Includes event_check. A broken length ends the run with ERROR_INVALID and a problem. */
int proto_events_read(const void *bytes, size_t length, uint32_t level, struct arena *a,
                      const struct event_reader *r, struct problems *p);

/* The same a piece at a time: at most so many events. *ret_more: call again. */
struct proto_events {
    struct text body; /* to be said; stays where it is */
    size_t at, number;
};
int proto_events_some(struct proto_events *e, size_t events_most, uint32_t level,
                      const struct event_reader *r, bool *ret_more, struct problems *p);

/* The events of an onhand.v1.Record that says nothing else: what producers of protobuf put on an intake
 * topic. Its level, intake and correlation, which are not theirs to say, are left aside. ERROR_INVALID,
 * before `each` is called at all, for broken bytes or another body; ERROR_LIMIT for too many events. */
int record_events_read(const void *bytes, size_t length, uint32_t level, struct arena *a,
                       const struct event_reader *r, struct problems *p);

#endif
