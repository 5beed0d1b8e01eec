/* Baskets, orders, channels and dates: what shoppers, shops and operators of one seed send, in the order in
 * which it happens. They keep to SKUs of their own, which the other messengers (world.h) never name. */
#ifndef SIM_SHOPPERS_H
#define SIM_SHOPPERS_H

#include "core/model/reservation.h"
#include "sim/world.h"

enum { SHOPPER_SKUS = 4, SHOPPER_LOCATIONS = 2, SHOPPER_RESERVATIONS_MOST = 60 };

/* Puts their messages among those of the world, in their order. */
void shoppers_join(struct world *w);
struct text shopper_sku(unsigned number);
struct text shopper_reservation(unsigned number, char room[16]);

#endif
