/* What `onhand explain` shows of the past. */
#ifndef CLI_EXPLAIN_PAST_H
#define CLI_EXPLAIN_PAST_H

#include "cli/report.h"

int explain_past_show(const struct settings *s, const struct document *d);
/* explain.c: an array of terms as a table. */
void put_terms_table(struct buffer *out, const struct document *d, uint32_t terms);

#endif
