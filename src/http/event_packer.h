/* Events of one request on their way into records of bounded size. */
#ifndef HTTP_EVENT_PACKER_H
#define HTTP_EVENT_PACKER_H

#include "http/commands.h"

/* Zero-initialised but for the loop and the batch is ready. */
struct event_packer {
    struct loop *loop;
    struct batch *batch;  /* the owner's */
    struct event *events; /* of the record being filled */
    size_t count, capacity;
    size_t bytes; /* at most so many when it is encoded */
};

/* Adds an event; its texts stay where they are until the record is full, or flushed. *ret_record, *ret_event:
 * where its verdict will be. ERROR_NOMEM, ERROR_LIMIT (longer than the log takes). */
int event_packer_add(struct event_packer *k, const struct event *e, uint32_t *ret_record,
                     uint32_t *ret_event);
/* What was added last goes to the batch too. The same errors. */
int event_packer_flush(struct event_packer *k);
void event_packer_finish(struct event_packer *k);

/* A bound key speaks for its own channels and locations only: adds a problem for what is not its own. */
void event_check_key(const struct key *key, const struct event *e, struct problems *p);

/* ,"reason":…,"errors":[…] of a verdict that has a reason. */
void put_verdict_reason(struct buffer *b, enum reason r);
/* ,"notes":[…] when there are any. */
void put_verdict_notes(struct buffer *b, unsigned notes);

#endif
