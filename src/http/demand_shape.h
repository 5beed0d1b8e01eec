/* Open demand as JSON. */
#ifndef HTTP_DEMAND_SHAPE_H
#define HTTP_DEMAND_SHAPE_H

#include "base/buffer.h"
#include "core/command.h"
#include "core/model/demand_list.h"

/* {"reference":…,"line":…,…}; with `is_short` how much of it is missing. */
void put_demand(struct buffer *b, const struct demand_shown *d, bool is_short);
/* Of a reference, with its row: {"sku":…,"location":…,…}. */
void put_demand_somewhere(struct buffer *b, const struct demand_shown *d);
/* `,"version":…,"as_of":…` of what the writer answered. */
void put_asked_as_of(struct buffer *b, const struct command *c);

#endif
