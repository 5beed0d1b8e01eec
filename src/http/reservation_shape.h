/* Reservations as JSON (api.md, Shapes), and what became of a step. */
#ifndef HTTP_RESERVATION_SHAPE_H
#define HTTP_RESERVATION_SHAPE_H

#include "http/server.h"

#include "core/model/reservation.h"

/* `"id":…,…,"missing":[…]`: the members, without braces and without the answer's version. */
void put_reservation(struct buffer *b, const struct view *v, const struct reservation *r);

/* A whole answer: 200 or 201 with the reservation, or the problem that its rejection is. */
void answer_step(struct exchange *x, const struct command *c);

#endif
