/* Local days into instants, and sums over them. */
#include "core/answer/hours.h"

enum { OPENING_DAYS_MOST = 14 };

static const struct hours_span whole_day = {0, DAY_MINUTES};

size_t hours_join(struct hours_span *spans, size_t count, struct hours_span s)
{
    size_t at = count, kept = 0;

    if (s.from >= s.until || count == HOURS_DAY_MOST)
        return count;
    for (; at && spans[at - 1].from > s.from; at--)
        spans[at] = spans[at - 1];
    spans[at] = s;
    count++;
    for (size_t i = 1; i < count; i++)
        if (spans[i].from > spans[kept].until)
            spans[++kept] = spans[i];
        else if (spans[i].until > spans[kept].until)
            spans[kept].until = spans[i].until;
    return kept + 1;
}

/* ---- the hours of a day ---- */

static const struct hours_dated *find_dated(const struct hours *h, int32_t day)
{
    uint32_t low = 0, high = h->dated_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (h->dated[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low < h->dated_count && h->dated[low].day == day ? &h->dated[low] : NULL;
}

static const struct hours_span *spans_of(const struct hours *h, int32_t day, size_t *ret_count)
{
    if (!h->limited) {
        *ret_count = 1;
        return &whole_day;
    }
    const struct hours_dated *dated = find_dated(h, day);
    if (dated) {
        *ret_count = dated->count;
        return h->span + dated->first;
    }
    unsigned weekday = weekday_of(day);
    *ret_count = (size_t)(h->week[weekday + 1] - h->week[weekday]);
    return h->span + h->week[weekday];
}

size_t hours_of_day(const struct hours *h, int32_t day, struct hours_piece ret[HOURS_DAY_MOST])
{
    size_t count, used = 0;
    const struct hours_span *spans = spans_of(h, day, &count);

    for (size_t i = 0; i < count; i++) {
        instant_t from = zone_instant(h->zone, day, spans[i].from);
        instant_t until = zone_instant(h->zone, day, spans[i].until);
        if (from < until)
            ret[used++] = (struct hours_piece){from, until};
    }
    return used;
}

/* ---- at an instant: the clock that never goes back has passed `opens` and not yet `closes` ---- */

static bool covers(const struct hours *h, int32_t day, int32_t minute)
{
    size_t count;
    const struct hours_span *spans = spans_of(h, day, &count);

    for (size_t i = 0; i < count; i++)
        if (minute >= spans[i].from && minute < spans[i].until)
            return true;
    return false;
}

/* Whether it is open, and the day whose hours these are; the calendar's when it is not. */
static bool look(const struct hours *h, instant_t at, int32_t *ret_day)
{
    int64_t wall = zone_wall(h->zone, at);
    int32_t day = (int32_t)(wall / INSTANT_DAY - (wall % INSTANT_DAY < 0));
    int32_t minute = (int32_t)((wall - day * INSTANT_DAY) / INSTANT_MINUTE);

    *ret_day = day;
    if (covers(h, day, minute))
        return true;
    if (!covers(h, day - 1, minute + DAY_MINUTES))
        return false;
    *ret_day = day - 1;
    return true;
}

bool hours_open_at(const struct hours *h, instant_t at)
{
    int32_t day;
    return !h->limited || look(h, at, &day);
}

int32_t hours_day_of(const struct hours *h, instant_t at)
{
    int32_t day;
    look(h, at, &day);
    return day;
}

/* ---- sums ---- */

/* Takes each piece of opening time from `at` on, in order and without overlap. */
struct sum {
    int64_t left_us;
    instant_t at;
    bool done;
};

static void take_piece(struct sum *s, struct hours_piece p)
{
    instant_t begin = p.from > s->at ? p.from : s->at;

    if (p.until <= begin)
        return;
    if (p.until - begin < s->left_us) {
        s->left_us -= p.until - begin;
        s->at = p.until;
        return;
    }
    s->at = begin + s->left_us;
    s->done = true;
}

/* Nothing will ever be open after this day. */
static bool is_over(const struct hours *h, int32_t day)
{
    return h->week[7] == 0 && (!h->dated_count || day > h->dated[h->dated_count - 1].day);
}

static instant_t walk(const struct hours *h, instant_t from, int64_t us)
{
    struct hours_piece pieces[HOURS_DAY_MOST];
    struct sum s = {.left_us = us, .at = from};
    int32_t first = zone_day(h->zone, from) - 1; /* what began on the day before may last past midnight */

    for (int32_t day = first; day <= first + HOURS_DAYS_MOST && !is_over(h, day); day++) {
        size_t count = hours_of_day(h, day, pieces);
        for (size_t i = 0; i < count && !s.done; i++)
            take_piece(&s, pieces[i]);
        if (s.done)
            return s.at;
    }
    return INSTANT_NONE;
}

instant_t hours_add(const struct hours *h, instant_t from, int64_t us)
{
    if (us <= 0)
        return from;
    return h->limited ? walk(h, from, us) : from + us;
}

instant_t hours_next(const struct hours *h, instant_t from)
{
    return h->limited ? walk(h, from, 0) : from;
}

instant_t hours_opening(const struct hours *h, instant_t at)
{
    struct hours_piece pieces[HOURS_DAY_MOST];
    instant_t opened = at;
    int32_t last = zone_day(h->zone, at);

    for (int32_t day = last; day >= last - OPENING_DAYS_MOST - 1; day--)
        for (size_t i = hours_of_day(h, day, pieces); i > 0; i--)
            if (pieces[i - 1].from < opened && pieces[i - 1].until >= opened)
                opened = pieces[i - 1].from;
    return at - opened <= OPENING_DAYS_MOST * INSTANT_DAY ? opened : INSTANT_NONE;
}

/* When it first is closed, as far as the days after that reach. */
static instant_t first_gap(const struct hours *h, instant_t at)
{
    struct hours_piece pieces[HOURS_DAY_MOST];
    int32_t first = zone_day(h->zone, at) - 1; /* what began on the day before may last past midnight */

    for (int32_t day = first; day <= first + OPENING_DAYS_MOST + 2; day++) {
        size_t count = hours_of_day(h, day, pieces);
        for (size_t i = 0; i < count; i++) {
            if (pieces[i].from > at)
                return at;
            if (pieces[i].until > at)
                at = pieces[i].until;
        }
    }
    return at;
}

instant_t hours_closing(const struct hours *h, instant_t at)
{
    instant_t closes = first_gap(h, at);
    return closes - at <= OPENING_DAYS_MOST * INSTANT_DAY ? closes : INSTANT_NONE;
}
