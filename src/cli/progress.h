/* A bar on standard error while something long goes on; only on a terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;
    const char *what; /* "events" */
    int64_t began_us, drawn_us;
};

void progress_begin(struct progress *p, const char *what, bool quiet);
/* `part` is how much is done, 0 to 1; negative: not known. Draws at most ten times a second. */
void progress_draw(struct progress *p, double part, uint64_t count);
/* Takes the bar away. */
void progress_end(struct progress *p);

#endif
