/* Remembers hours and instants by location. */
#include "engine/silence.h"
#include "base/array.h"
#include "base/error.h"
#include "base/logger.h"
#include "engine/opening.h"

/* What was computed of a location, and what from. */
struct known {
    struct opening *opening; /* NULL: not made yet, or always open */
    bool made;
    uint64_t version; /* of the location */
    instant_t heard, due;
};

struct silence {
    struct opening_zones *zones;
    struct arena arena;
    size_t count;
    struct known *known; /* by the location's number */
};

struct silence *silence_create(void)
{
    struct silence *s = calloc(1, sizeof(*s));

    if (s)
        s->zones = opening_zones_create();
    if (s && !s->zones) {
        free(s);
        return NULL;
    }
    return s;
}

void silence_destroy(struct silence *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        opening_destroy(s->known[i].opening);
    free(s->known);
    opening_zones_destroy(s->zones);
    arena_finish(&s->arena);
    free(s);
}

static bool make_opening(struct silence *s, const struct location *l, struct known *k)
{
    struct opening *made = NULL;
    int error = opening_create(s->zones, l->document, &s->arena, &made);

    arena_reset(&s->arena);
    if (error == ERROR_NOMEM)
        return false;
    if (error == ERROR_NOTFOUND)
        log_warning("location %.*s: the time zone %.*s is not known here: its silence is judged as if it "
                    "were always open",
                    (int)l->id.length, l->id.at, (int)l->time_zone.length, l->time_zone.at);
    opening_destroy(k->opening);
    *k = (struct known){.opening = made, .made = true, .version = l->version, .heard = INSTANT_NONE};
    return true;
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
    if ((!k->made || k->version != l->version) && !make_opening(s, l, k))
        return INSTANT_NONE;
    if (k->heard != heard) {
        k->due = k->opening ? opening_add(k->opening, heard, l->stale_after_us) : heard + l->stale_after_us;
        k->heard = heard;
    }
    return k->due;
}
