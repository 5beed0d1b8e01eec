/* Records that are not stock events: incarnations, levels, settings, reference data, proposals. */
#ifndef CORE_MODEL_RECORDS_H
#define CORE_MODEL_RECORDS_H

#include "core/model/staging.h"

/* Applies one of them, or says why not. ERROR_NOMEM: nothing was changed. */
int record_apply(struct apply *a, const struct record *r, struct event_verdict *ret, struct outcome *o);
/* Does this incarnation go on exactly where the state stands? */
bool record_continues(const struct state *s, const struct incarnation_said *i);
/* apply.c's: working memory, made at first use; NULL without memory. */
struct apply *apply_of(struct state *s);

#endif
