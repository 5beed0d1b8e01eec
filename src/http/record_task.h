/* A request that writes one record and answers with what became of it. */
#ifndef HTTP_RECORD_TASK_H
#define HTTP_RECORD_TASK_H

#include "http/commands.h"

/* `answer` is called when the record is durable and applied, with its command (and the one verdict in it).
 * Answers failures itself. */
void record_task_run(struct exchange *x, const struct record *r,
                     void (*answer)(struct exchange *x, const struct command *c));
/* Answers when the verdict is a rejection: 409 or 422 with the reason. True: answered. */
bool record_task_rejected(struct exchange *x, const struct command *c);

#endif
