/* Reading one event, for bodies and records. */
#ifndef CODEC_EVENT_READ_H
#define CODEC_EVENT_READ_H

#include "codec/event_json.h"

/* Fills *e as far as the node can be read; whether nothing was wrong. `check`: event_check is asked too. Adds
 * to *unknown_fields. */
bool event_read(const struct json_node *nodes, uint32_t at, uint32_t level, bool check, struct event *e,
                uint32_t *unknown_fields, struct problems *p);

#endif
