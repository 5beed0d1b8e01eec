/* Events on their way to a server: gathered into batches, sent as NDJSON, verdicts counted. */
#ifndef CLI_UPLOAD_H
#define CLI_UPLOAD_H

#include "cli/report.h"
#include "core/model/verdict.h"

struct upload {
    struct client *client;
    size_t batch_events;
    uint64_t rate; /* events a second, 0: no bound */
    bool json;     /* problems as JSON lines on standard output, not as sentences on standard error */
    struct buffer lines;
    size_t waiting;
    uint64_t sent, verdicts[VERDICT_END];
    uint64_t problems_shown;
    int64_t began_us;
    struct client_answer answer;
};

void upload_init(struct upload *u, const struct settings *s, struct client *c);
/* Adds an event (JSON without line breaks); a full batch is sent. An exit code, after a message when it is
 * not EXIT_OK. */
int upload_event(struct upload *u, struct text event);
/* Sends what waits. */
int upload_flush(struct upload *u);
/* The last line: how many of what. EXIT_REFUSED when something was rejected. */
int upload_summary(struct upload *u);
void upload_finish(struct upload *u);

#endif
