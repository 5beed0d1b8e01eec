/* What the log said last, and how long ago. */
#include "engine/duty_clock.h"

#include <stdlib.h>

#define CLOCK_AGREES_US (INT64_C(2) * 1000000)
#define CLOCK_FRESH_US (INT64_C(60) * 1000000)

static int64_t estimate_at(const struct duty_clock *c, int64_t now_us)
{
    return c->log_us + (now_us - c->at_us);
}

void duty_clock_set(struct duty_clock *c, int64_t log_us, int64_t now_us)
{
    c->heard = true;
    c->log_us = log_us;
    c->at_us = c->fresh_us = now_us;
}

/* Records tell log time at their append, which is a moment ago: the latest that they can be made to say is
 * nearest. */
void duty_clock_look(struct duty_clock *c, uint64_t next_offset, int64_t log_us, int64_t now_us)
{
    if (next_offset == c->next_offset)
        return;
    int64_t ahead = c->heard ? estimate_at(c, now_us) - log_us : 0;
    if (c->next_offset && (!c->heard || ahead < 0 || ahead > CLOCK_AGREES_US))
        duty_clock_set(c, log_us, now_us);
    else if (c->next_offset)
        c->fresh_us = now_us;
    c->next_offset = next_offset;
    if (!c->heard)
        c->log_us = log_us;
}

int64_t duty_clock_now(const struct duty_clock *c, int64_t wall_us, int64_t now_us)
{
    int64_t estimate = estimate_at(c, now_us);

    if (!c->heard)
        return wall_us > c->log_us ? wall_us : c->log_us;
    bool agrees = llabs(wall_us - estimate) < CLOCK_AGREES_US;
    return agrees || now_us - c->fresh_us < CLOCK_FRESH_US || estimate > wall_us ? estimate : wall_us;
}
