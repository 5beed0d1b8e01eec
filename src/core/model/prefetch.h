/* Cache misses of many events at once. */
#ifndef CORE_MODEL_PREFETCH_H
#define CORE_MODEL_PREFETCH_H

#include "core/model/staging.h"

/* The first PREFETCH_EVENTS of these events. */
void prefetch_events(struct apply *a, const struct event *events, size_t count);
/* What is known of an event whose turn it is: from the look ahead if it was there, else found now. */
struct found found_of(struct apply *a, const struct event *e);

#endif
