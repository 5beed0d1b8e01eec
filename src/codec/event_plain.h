/* The usual event, read and checked at one go. */
#ifndef CODEC_EVENT_PLAIN_H
#define CODEC_EVENT_PLAIN_H

#include "core/model/record.h"

/* True: these bytes are what record_encode would write of *ret, and event_check finds nothing wrong with it;
 * texts point into them. False says only that one has to look: at texts beyond printable ASCII, at objects,
 * at fields out of order, at whatever is wrong. *ret is undefined then. @thread any */
bool event_plain_read(struct text bytes, uint32_t level, struct event *ret);

#endif
