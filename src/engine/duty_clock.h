/* Log time between records, as far as it can be known without appending. */
#ifndef ENGINE_DUTY_CLOCK_H
#define ENGINE_DUTY_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of log time between records. */
struct duty_clock {
    uint64_t next_offset;  /* at the last look; 0: none yet */
    bool heard;            /* a record came while we looked */
    int64_t log_us, at_us; /* the log said this, then (monotonic) */
    int64_t fresh_us;      /* when the log last bore that out */
};

/* A record came that was appended at `log_us`, before `next_offset`: at every look, whether one did or not.
 */
void duty_clock_look(struct duty_clock *c, uint64_t next_offset, int64_t log_us, int64_t now_us);
/* The log said so just now. */
void duty_clock_set(struct duty_clock *c, int64_t log_us, int64_t now_us);
/* The log's last word and how long ago it was; the wall clock, when it says more and the log said nothing for
 * a while. */
int64_t duty_clock_now(const struct duty_clock *c, int64_t wall_us, int64_t now_us);

#endif
