/* What an instance on duty says about what fell due (due.h). A kind that joins gets a case in each of these.
 */
#ifndef CORE_MODEL_PROPOSALS_H
#define CORE_MODEL_PROPOSALS_H

#include "core/model/state.h"

/* How long after the instant in its heap a thing of this kind is due. */
int64_t due_delay_us(const struct log_settings *settings, enum due_kind kind);
/* What to propose about an entry of this kind. Texts point into the state. @thread writer */
void due_describe(const struct state *s, enum due_kind kind, const struct due_entry *e,
                  struct proposal_said *ret);

#endif
