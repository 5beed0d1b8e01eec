/* A store as shoppers are told of it. */
#ifndef HTTP_STORE_SHAPE_H
#define HTTP_STORE_SHAPE_H

#include "http/shape.h"
#include "http/where.h"

#include "core/answer/finder.h"

/* What is the same for all stores of an answer. */
struct store_shape {
    const struct view *view;
    const struct near_said *near; /* NULL: no distances */
    instant_t now;                /* open now? */
    size_t lines_count;
    const struct finder_line *lines;
};

/* {"location":…}; `rows`: one for each line. Inside an epoch section. */
void put_store(struct buffer *b, const struct store_shape *s, const struct location *l,
               const struct query_row *rows);

#endif
