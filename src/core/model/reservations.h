/* All reservations: open ones, and for a while those that ended. Changed by the writer; readers see immutable
 * objects. */
#ifndef CORE_MODEL_RESERVATIONS_H
#define CORE_MODEL_RESERVATIONS_H

#include "core/model/reservation.h"
#include "core/table/epoch.h"

struct reservations;

/* ---- @thread any, inside an epoch section ---- */
/* NULL when nobody knows it (any more). */
const struct reservation *reservations_find(const struct reservations *r, struct text id);
/* Those with this reference, newest first; at most `most`. Returns how many there are. */
size_t reservations_of(const struct reservations *r, struct text reference, const struct reservation **ret,
                       size_t most);
/* True while the writer is between the rows of a reservation's change and the reservation itself: what was
 * read of both may not belong together. A reader that leaves out a basket's own holds reads, in this order:
 * reservation, rows, this, the same reservation again; true, or another reservation, means once more. */
bool reservations_unsettled(const struct reservations *r);

struct reservations_stats {
    uint64_t open, remembered, held; /* held: of those open, the holds that end by themselves */
    uint64_t granted, refused, confirmed, released, expired, cancelled, fulfilled, revived,
        conflicts; /* since the beginning of the log */
};
struct reservations_stats reservations_stats(const struct reservations *r);

#endif
