/* explain with `version`: what became of one record at a row. */
#ifndef HTTP_EXPLAIN_PAST_H
#define HTTP_EXPLAIN_PAST_H

#include "http/ask.h"

void explain_past(struct exchange *x, struct version version);

#endif
