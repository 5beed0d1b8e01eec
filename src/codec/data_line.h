/* One line of an import as what it says: an event, or an object of reference data. Pure. @thread any */
#ifndef CODEC_DATA_LINE_H
#define CODEC_DATA_LINE_H

#include "codec/data_lines.h"
#include "codec/event_json.h"

/* What a JSON document is about, by the fields that only one kind has; DATA_KINDS: it does not tell. */
enum data_kind data_kind_of(const struct json_node *nodes);
/* The document without its id, and without what answers tell beside what was PUT: as a PUT takes it. Hours of
 * a location in OpenStreetMap's words become a list, unless they cannot be read. Returns the id, empty when
 * there is none. */
struct text data_take_id(const struct json_node *nodes, enum data_kind kind, struct buffer *out);
/* RECORD_LOCATION, …; of reference data only. */
enum record_kind data_record_kind(enum data_kind kind);

struct data_line {
    enum data_kind kind;
    struct event event;   /* DATA_EVENTS: read, not checked (event_check); it may lack its id */
    struct record record; /* else: as reference_from_json */
    uint32_t unknown_fields;
};

/* What one line after the other needs; zero-initialised is ready. */
struct data_line_reader {
    struct arena nodes;
    struct buffer body;
};

/* Texts lie in `a`. ERROR_INVALID: `p` says what is wrong (line->kind and, of an event, what could be read
 * are filled in); ERROR_NOMEM. */
int data_line_read(struct data_line_reader *r, const struct data_document *d, uint32_t level, struct arena *a,
                   struct data_line *ret, struct problems *p);
void data_line_reader_finish(struct data_line_reader *r);

#endif
