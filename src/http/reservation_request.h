/* A request about a reservation, on its way to the log. */
#ifndef HTTP_RESERVATION_REQUEST_H
#define HTTP_RESERVATION_REQUEST_H

#include "http/ask.h"

#include "codec/reservation_json.h"

/* reservation_places.c: makes groups and points lists of locations, and holds all of them against the key.
 * False: answered. */
bool reservation_places_resolve(struct exchange *x, struct reservation_request *r);
/* May the key see, and take steps of, this reservation? */
bool reservation_is_keys(const struct key *k, const struct reservation *r);

#endif
