/* Remembers instants by location; hours are in the locations' calendars. */
#include "engine/silence.h"
#include "base/array.h"
#include "base/logger.h"

/* What was computed of a location, and what from. */
struct known {
    bool computed;
    uint64_t version; /* of the location */
    instant_t heard, due;
};

struct silence {
    struct calendars calendars;
    size_t count;
    struct known *known; /* by the location's number */
};

struct silence *silence_create(const struct calendars *k)
{
    struct silence *s = calloc(1, sizeof(*s));

    if (s)
        s->calendars = *k;
    return s;
}

void silence_destroy(struct silence *s)
{
    if (s)
        free(s->known);
    free(s);
}

static void compute(const struct silence *s, const struct location *l, instant_t heard, struct known *k)
{
    const struct calendar *c = calendar_of(&s->calendars, l);

    if (c->zone_unknown && (!k->computed || k->version != l->version))
        log_warning("location %.*s: the time zone %.*s is not known here: its silence is judged as if it "
                    "were always open",
                    (int)l->id.length, l->id.at, (int)l->time_zone.length, l->time_zone.at);
    *k = (struct known){true, l->version, heard, hours_add(&c->hours, heard, l->stale_after_us)};
}

instant_t silence_due(void *silence, const struct location *l, instant_t heard)
{
    struct silence *s = silence;

    if (l->number >= s->count) {
        size_t count = ((size_t)l->number + 1) * 2;
        if (!array_grow(&s->known, s->count, count, sizeof(*s->known)))
            return INSTANT_NONE;
        s->count = count;
    }
    struct known *k = &s->known[l->number];
    if (!k->computed || k->version != l->version || k->heard != heard)
        compute(s, l, heard, k);
    return k->due;
}
