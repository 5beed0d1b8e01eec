/* Reservations as sections of an image and back. */
#ifndef CORE_MODEL_RESERVATIONS_IMAGE_H
#define CORE_MODEL_RESERVATIONS_IMAGE_H

#include "core/model/bytes.h"
#include "core/model/kept.h"

/* How many there are, their counters: small, written at the cut. */
void reservations_save_head(const struct reservations *r, struct buffer *out);
/* One, by its number; nothing when the number is free. */
void reservations_save_one(const struct reservations *r, uint32_t number, struct buffer *out);
/* `before` is called before one changes, comes or goes. NULL: nobody looks on. */
void reservations_watch(struct reservations *r, void (*before)(void *context, uint32_t number),
                        void *context);

/* ERROR_CORRUPT, ERROR_NOMEM. */
int reservations_load_head(struct reservations *r, struct bytes *in);
int reservations_load_one(struct reservations *r, struct bytes *in);
/* All sections are there, rows too: puts holds into their accounts, and shows all. */
int reservations_load_finish(struct state *s);

#endif
