/* Questions to the history: another thread reads the file, the loop goes on meanwhile. */
#ifndef HTTP_HISTORY_ASK_H
#define HTTP_HISTORY_ASK_H

#include "http/server.h"

/* Asks about the row of the request's path and calls `answer` when the lines are there. Answers itself when
 * there is no history, or it cannot be read. @thread http */
void history_ask(struct exchange *x, const struct history_question *q,
                 void (*answer)(struct exchange *x, const struct history_question *q));
/* Are the path's SKU and location known, and may the key see them? False: answered. */
bool history_row_is_known(struct exchange *x);
/* The members of a line, without the braces. */
void put_history_line(struct buffer *b, uint64_t incarnation, const struct history_line *l);

#endif
