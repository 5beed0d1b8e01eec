/* Local days end at instants, which the calendars of locations know. */
#include "http/by.h"

const char by_must[] = "must be a date (2026-11-24) or an RFC 3339 instant with its offset";

static bool read_date(struct text t, struct by *b)
{
    char midnight[] = "YYYY-MM-DDT00:00:00Z";
    instant_t at;

    if (t.length != 10)
        return false;
    memcpy(midnight, t.at, t.length);
    if (!instant_parse(text_of(midnight), &at))
        return false;
    b->is_day = true;
    b->day = (int32_t)(at / INSTANT_DAY);
    return true;
}

bool by_parse(struct text t, struct by *ret)
{
    struct by b = {0};

    if (!read_date(t, &b) && (!instant_parse(t, &b.at) || !b.at))
        return false;
    *ret = b;
    return true;
}

void parameter_by(const struct parameter *a, struct by *ret, struct problems *p)
{
    if (!by_parse(a->value, ret))
        parameter_wrong(p, a->name, by_must);
}

static instant_t day_end_at(void *context, const struct location *l)
{
    const struct by *b = context;
    return zone_day_end(calendar_of(&b->view->calendars, l)->hours.zone, b->day);
}

void by_ask(struct by *b, struct question *q, const struct view *v)
{
    q->supply_grace_us =
        atomic_load_explicit(&v->settings[LOG_SETTING_supply_grace_us], memory_order_relaxed);
    q->at = b->at;
    b->view = v;
    if (!b->is_day)
        return;
    q->at_location = day_end_at;
    q->at_context = b;
}
