/* Deep copies of the catalogue's objects, each in one allocation, so that free() gives back the whole; but for a
 * location's, which may have got a calendar. */
#ifndef CORE_MODEL_CATALOGUE_COPY_H
#define CORE_MODEL_CATALOGUE_COPY_H

#include "core/model/catalogue.h"

/* NULL without memory. Texts and arrays of the copy lie in the copy. */
struct location *location_copy(const struct location *l);
void location_free(void *location); /* takes NULL. Readers do not see it any more */
struct group *group_copy(const struct group *g);
struct channel *channel_copy(const struct channel *c);
struct item *item_copy(const struct item *i);

#endif
