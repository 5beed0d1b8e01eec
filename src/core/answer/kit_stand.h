/* What the components of one kit stand at, location by location, at some place of the window: a kit has no
 * rows, so what it showed before a record and after it follows from its components' rows there.
 *
 * It begins with the rows as they are and takes back what the window says happened since; then it is told
 * each notice in order. One thread's own. */
#ifndef CORE_ANSWER_KIT_STAND_H
#define CORE_ANSWER_KIT_STAND_H

#include "core/answer/notice.h"

struct kit_stand;

enum { KIT_STAND_PARTS_MOST = 100 * 1000 }; /* components × locations */

/* The kit as it stands behind the entries before `cursor`. Inside an epoch section. ERROR_BUSY: a row is
 * ahead of what the window shows, come again; ERROR_LIMIT: the kit is too large; ERROR_INVALID: it is no kit;
 * ERROR_CLOSED: the cursor fell out of the window; ERROR_NOMEM. */
int kit_stand_create(const struct view *v, const struct window *w, uint64_t cursor, const struct sku *kit,
                     struct kit_stand **ret_stand);
void kit_stand_destroy(struct kit_stand *k); /* takes NULL */

uint32_t kit_stand_kit(const struct kit_stand *k);     /* the number of the kit's SKU */
uint64_t kit_stand_version(const struct kit_stand *k); /* of its item */
size_t kit_stand_parts(const struct kit_stand *k);
uint32_t kit_stand_part(const struct kit_stand *k, size_t i); /* the number of a component's SKU; UINT32_MAX:
                                                                 nobody has heard of it yet */

/* Takes in the next notice: of any row, others pass. Those of one record belong together: kit_stand_next
 * first when a notice is of another record than the last. ERROR_NOMEM */
int kit_stand_take(struct kit_stand *k, const struct notice *n);
/* The next location at which the record that was taken in touched the kit, as a NOTICE_KIT. False: no more.
 */
bool kit_stand_next(struct kit_stand *k, struct notice *ret);

#endif
