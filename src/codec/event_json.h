/* Canonical JSON events and reference data ↔ core's structs (api.md). Pure. */
#ifndef CODEC_EVENT_JSON_H
#define CODEC_EVENT_JSON_H

#include "codec/json.h"
#include "codec/record_codec.h"

/* One event from a parsed object. Problems carry pointers inside the event ("/quantity"). Includes
 * event_check. Unknown fields are kept out and counted; `reserved`, `committed`, `available`, `net_available`
 * are refused by name (case 4). ERROR_INVALID, ERROR_NOMEM. */
int event_from_json(const struct json_node *nodes, uint32_t at, uint32_t level, struct arena *a,
                    struct event *ret_event, uint32_t *ret_unknown_fields, struct problems *p);

/* A body: one event, an array of events, or (ndjson) a line an event. `each` sees every event (struct
 * event_reader). ERROR_INVALID, before `each` is called at all, when the body is not JSON (or neither object
 * nor array); keys that repeat and events too large spoil only their own event. In NDJSON a line that is not
 * JSON is a bad event, blank lines are skipped. */
int json_events_read(struct text body, bool ndjson, uint32_t level, struct arena *a,
                     const struct event_reader *r, uint32_t *ret_unknown_fields, struct problems *p);

/* The same a piece at a time, so that nobody has to wait for all of a long body. */
struct json_events {
    /* what is to be said: */
    struct text body; /* stays where it is */
    bool ndjson;
    uint32_t level;
    struct arena *texts;
    const struct event_reader *reader;
    /* the rest begins as zero: */
    uint32_t unknown_fields;
    struct arena nodes; /* for one event at a time */
    struct json_check check;
    struct text left;
    bool checked, is_array;
    size_t number, line;
    struct problems found;
};
/* Goes on for at most so many events and about EVENTS_BYTES_A_TIME. *ret_more: call again. */
enum { EVENTS_BYTES_A_TIME = 256 * 1024 };
int json_events_some(struct json_events *j, size_t events_most, bool *ret_more, struct problems *p);
void json_events_finish(struct json_events *j);

/* Canonical JSON of an event, without white space, fields in the order of fields.def (id first, type after
 * sequence). event_from_json reads it back the same. */
void event_to_json(const struct event *e, struct buffer *out);

/* Reference data: PUT bodies into records. `kind` is RECORD_LOCATION, _GROUP, _ITEM or _CHANNEL. Unknown
 * fields are errors that name them. On success the record's reference has id, the canonical document (known
 * fields in a fixed order, what was left out left out) and `decoded`, all of it in the arena. `id` (`sku` for
 * items) may be repeated in the body; `occurred_at` may be said there and goes into the record, not into the
 * document. */
int reference_from_json(enum record_kind kind, struct text id, struct text body, struct arena *a,
                        struct record *ret_record, struct problems *p);

/* Settings of the log: {"future_tolerance_us": 300000000, …} into a RECORD_SETTINGS; names and ranges as
 * log_settings.def says. */
int settings_from_json(struct text body, struct arena *a, struct record *ret_record, struct problems *p);

#endif
