/* Deep copies of the catalogue's objects, each in one allocation, so that free() gives back the whole. */
#ifndef CORE_MODEL_CATALOGUE_COPY_H
#define CORE_MODEL_CATALOGUE_COPY_H

#include "core/model/catalogue.h"

/* NULL without memory. Texts and arrays of the copy lie in the copy. */
struct location *location_copy(const struct location *l);
struct group *group_copy(const struct group *g);
struct channel *channel_copy(const struct channel *c);
struct item *item_copy(const struct item *i);

#endif
