/* Records on their way to the log and back: handed over in order, a few at a time, answered on the loop that
 * sent them.
 *
 * `done` comes on the writer's thread: it pushes the command on the loop's stack and wakes the loop. The push
 * cannot fail, the memory is the command's own. A request may be gone when its commands come back; a loop may
 * be gone as well. @thread http, but for what is said. */
#ifndef HTTP_COMMANDS_H
#define HTTP_COMMANDS_H

#include "http/server.h"

enum { COMMANDS_A_LOOP_MOST = 1024, COMMANDS_A_BATCH_MOST = 8, COMMAND_TIMEOUT_MS = 5000 };

/* One for a loop; outlives it while the engine holds commands. */
struct mailbox *mailbox_create(void);
int mailbox_fd(const struct mailbox *m);
/* Wakes the loop. @thread any */
void mailbox_wake(struct mailbox *m);
/* Takes what came back and lets its requests go on. */
void mailbox_drain(struct mailbox *m);
size_t mailbox_waiting(const struct mailbox *m);
/* The loop ends. Takes NULL. */
void mailbox_leave(struct mailbox *m);

/* Anything else that comes back to its loop. `expect` before it is sent away; `send` when it comes back, from
 * any thread; then `opened` is called on the loop's thread, or on any when the loop is gone (`loop` NULL). */
struct letter {
    struct letter *next;
    struct mailbox *mailbox;
    void (*opened)(struct letter *l, struct loop *loop);
    struct loop *loop;
};
void letter_expect(struct letter *l, struct loop *loop);
void letter_not_sent(struct letter *l); /* after letter_expect: nothing will come back */
void letter_send(struct letter *l);     /* @thread any */

/* Some records of one request. */
struct batch;
struct batch *batch_create(struct exchange *x);
/* Adds one, encoded. ERROR_NOMEM, ERROR_LIMIT as record_encode. */
int batch_add(struct batch *b, const struct record *r);
/* Adds a question to the writer (struct command's `ask`) instead: `context` goes to the command and is
 * forgotten with the batch, also when ERROR_NOMEM is returned. */
int batch_ask(struct batch *b, bool (*ask)(struct command *c, const struct state *s), void *context,
              void (*forget)(void *context));
size_t batch_count(const struct batch *b);

enum batch_status {
    BATCH_WAITING,
    BATCH_DONE,    /* all are durable and applied */
    BATCH_REFUSED, /* none was taken: batch_answer_failure says why */
    BATCH_FAILED,  /* of some it is not known */
};
/* Hands over what may be, and says how far it is. */
enum batch_status batch_advance(struct batch *b);
/* After BATCH_DONE: record i's command, with its verdicts. */
const struct command *batch_command(const struct batch *b, size_t i);
int64_t batch_deadline_us(const struct batch *b);
/* The time to wait for the log counts from now, not from batch_create. */
void batch_begin_waiting(struct batch *b);
/* After BATCH_REFUSED because the log has as much to do as it may: the next batch_advance tries again. False:
 * it was refused for something else, or it is too late. */
bool batch_again(struct batch *b);
/* Answers for BATCH_REFUSED and BATCH_FAILED: 429, 503, 413. */
void batch_answer_failure(const struct batch *b, struct exchange *x);
/* No answer is wanted any more; freed when the last command is back. Takes NULL. */
void batch_drop(struct batch *b);

#endif
