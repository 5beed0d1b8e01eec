/* Local time by binary search in a table of clock changes. */
#include "core/answer/zone.h"

static const struct zone_span utc_span[] = {{INT64_MIN, 0}};
static const struct zone utc = {1, utc_span};

static int64_t floor_division(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The span that `at` is in. */
static uint32_t span_at(const struct zone *z, instant_t at)
{
    uint32_t low = 0, high = z->count - 1;

    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        if (z->span[middle].from <= at)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

int64_t zone_wall(const struct zone *z, instant_t at)
{
    z = z ? z : &utc;
    uint32_t i = span_at(z, at);
    int64_t shown = at + z->span[i].offset_us;

    if (!i)
        return shown;
    int64_t shown_before = z->span[i].from + z->span[i - 1].offset_us - 1; /* the last it showed */
    return shown > shown_before ? shown : shown_before;
}

int32_t zone_day(const struct zone *z, instant_t at)
{
    return (int32_t)floor_division(zone_wall(z, at), INSTANT_DAY);
}

/* Spans end at greater and greater readings of the clock, however it steps: the first that gets that far has
 * it. */
instant_t zone_instant(const struct zone *z, int32_t day, int32_t minute)
{
    int64_t wanted = day * INSTANT_DAY + minute * INSTANT_MINUTE;

    z = z ? z : &utc;
    uint32_t low = 0, high = z->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (z->span[middle + 1].from + z->span[middle].offset_us > wanted)
            high = middle;
        else
            low = middle + 1;
    }
    instant_t at = wanted - z->span[low].offset_us;
    return at > z->span[low].from ? at : z->span[low].from;
}

instant_t zone_day_end(const struct zone *z, int32_t day)
{
    instant_t next = zone_instant(z, day + 1, 0);
    return next > INSTANT_MOST ? INSTANT_MOST : next - 1;
}
