/* The shapes of api.md: rows and totals as JSON. */
#ifndef HTTP_SHAPE_H
#define HTTP_SHAPE_H

#include "http/ask.h"

#include "codec/json.h"
#include "core/answer/query.h"

/* What is known of the rows of one SKU that an answer lists. */
struct total {
    milli_t available;
    bool backorder, preorder; /* of any row */
    instant_t available_from; /* the earliest of any row that is not there now; 0: none */
};
void total_add(struct total *t, const struct figure *f);
enum level total_level(const struct total *t, const struct channel *c);

/* `,"available_from":…` of what is not there now but has a date; else nothing. */
void put_available_from(struct buffer *b, enum level level, instant_t from);

/* {"location":…,"available":…,"level":…}, with `detail` everything else. `name` is the location as asked for,
 * when nobody knows it. */
void put_row(struct buffer *b, const struct view *v, const struct query_row *r, const struct item *item,
             struct text name, bool detail, bool distance);

/* `"version":"…","as_of":"…"` of an answer whose version was loaded before its rows. */
void put_as_of(struct buffer *b, const struct view *v, struct version version);

#endif
