/* Cache misses of many events at once. */
#ifndef CORE_MODEL_PREFETCH_H
#define CORE_MODEL_PREFETCH_H

#include "core/model/apply.h"

/* The first PREFETCH_EVENTS of these events. */
void prefetch_events(const struct state *s, const struct event *events, size_t count);

#endif
