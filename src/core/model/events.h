/* The effect of each type of stock event on its row (and, for a transfer, on the other). */
#ifndef CORE_MODEL_EVENTS_H
#define CORE_MODEL_EVENTS_H

#include "core/model/change.h"

/* Computes what event `e` does to the row at its location. change->refused says no. ERROR_NOMEM: abandon, and
 * call again later. */
int event_here(struct change *c, struct apply *a, const struct event *e, uint8_t *notes);
/* What a transfer_ship does to the row it goes to. */
int event_there(struct change *c, struct apply *a, const struct event *e);

#endif
