/* The question of GET /v1/stores as it was put. */
#ifndef HTTP_STORES_QUESTION_H
#define HTTP_STORES_QUESTION_H

#include "http/by.h"
#include "http/where.h"

#include "core/answer/finder.h"

enum {
    STORES_LISTED = 20,
    STORES_MOST = 1000,
    STORES_ROWS_MOST =
        5000 /* places asked for times items: all their figures are kept until they are written */
};

struct stores_question {
    size_t lines_count;
    struct {
        struct text sku;
        milli_t quantity;
    } lines[FINDER_LINES_MOST];
    struct text channel, group, after;
    uint32_t method;  /* 0: any way */
    uint32_t methods; /* that a place must offer, bits of enum method */
    uint32_t types;   /* of places, bit 1 << enum location_type */
    bool returns;     /* only places that take goods back */
    struct near_said near;
    struct by by;
    bool open_is_said, open_now;
    instant_t open_at;
    uint64_t limit;
    struct version least;
};

/* False: answered 400. Its texts lie in the loop's scratch. */
bool stores_read_question(struct exchange *x, struct stores_question *q);

/* `after=` of a page from a point: where the place before stood. False: it is none. */
bool stores_cursor_read(struct text t, struct near_place *ret);
void stores_cursor_put(struct buffer *b, const struct near_place *p);

#endif
