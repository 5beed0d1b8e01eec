/* Local days end at instants: ICU knows the zones. */
#include "http/by.h"

#include <unicode/ucal.h>
#include <unicode/ustring.h>

enum { ZONE_BYTES = 64, FIRST_YEAR = 1970 };

const char by_must[] = "must be a date (2026-11-24) or an RFC 3339 instant with its offset";

static bool read_digits(struct text t, size_t from, size_t count, int32_t *ret)
{
    int32_t n = 0;
    for (size_t i = from; i < from + count; i++) {
        if (t.at[i] < '0' || t.at[i] > '9')
            return false;
        n = n * 10 + (t.at[i] - '0');
    }
    *ret = n;
    return true;
}

static bool read_date(struct text t, struct by *b)
{
    char midnight[32];
    instant_t at;
    if (t.length != 10 || t.at[4] != '-' || t.at[7] != '-' || !read_digits(t, 0, 4, &b->year) ||
        !read_digits(t, 5, 2, &b->month) || !read_digits(t, 8, 2, &b->day) || b->year < FIRST_YEAR)
        return false;
    memcpy(midnight, t.at, t.length); /* is there such a day? */
    memcpy(midnight + t.length, "T00:00:00Z", 10);
    return instant_parse((struct text){midnight, t.length + 10}, &at);
}

bool by_parse(struct text t, struct by *ret)
{
    struct by b = {0};
    if (!read_date(t, &b)) {
        b = (struct by){0};
        if (!instant_parse(t, &b.at) || !b.at)
            return false;
    }
    *ret = b;
    return true;
}

static UCalendar *calendar_of(struct text zone)
{
    UErrorCode status = U_ZERO_ERROR;
    char name[ZONE_BYTES] = "Etc/UTC";
    UChar wide[ZONE_BYTES], canonical[ZONE_BYTES];
    UBool known = false;

    if (zone.length && zone.length < ZONE_BYTES) {
        memcpy(name, zone.at, zone.length);
        name[zone.length] = 0;
    }
    u_charsToUChars(name, wide, (int32_t)strlen(name) + 1);
    ucal_getCanonicalTimeZoneID(wide, -1, canonical, ZONE_BYTES, &known, &status);
    if (U_FAILURE(status) || !known)
        return NULL;
    UCalendar *c = ucal_open(wide, -1, "en", UCAL_GREGORIAN, &status);
    if (U_FAILURE(status))
        return NULL;
    ucal_setAttribute(c, UCAL_SKIPPED_WALL_TIME, UCAL_WALLTIME_NEXT_VALID);
    ucal_setAttribute(c, UCAL_REPEATED_WALL_TIME, UCAL_WALLTIME_FIRST);
    return c;
}

instant_t by_day_end(struct text zone, int32_t year, int32_t month, int32_t day)
{
    UErrorCode status = U_ZERO_ERROR;
    UCalendar *c = calendar_of(zone);
    if (!c)
        c = calendar_of((struct text){0});
    if (!c)
        return INSTANT_MOST;
    ucal_clear(c);
    ucal_setDateTime(c, year, month - 1, day + 1, 0, 0, 0, &status); /* the next day's beginning */
    instant_t next = (instant_t)ucal_getMillis(c, &status) * 1000;
    ucal_close(c);
    return U_FAILURE(status) || next > INSTANT_MOST ? INSTANT_MOST : next - 1;
}

static instant_t day_end_at(void *context, const struct location *l)
{
    struct by *b = context;
    struct text zone = l ? l->time_zone : (struct text){0};
    for (unsigned i = 0; i < b->kept_count; i++)
        if (text_equal(b->kept[i].zone, zone))
            return b->kept[i].at;
    instant_t at = by_day_end(zone, b->year, b->month, b->day);
    unsigned place = b->kept_count < BY_ZONES_KEPT ? b->kept_count++ : BY_ZONES_KEPT - 1;
    b->kept[place].zone = zone;
    b->kept[place].at = at;
    return at;
}

void by_ask(struct by *b, struct question *q, const struct view *v)
{
    q->supply_grace_us =
        atomic_load_explicit(&v->settings[LOG_SETTING_supply_grace_us], memory_order_relaxed);
    q->at = b->at;
    b->kept_count = 0; /* texts of locations do not outlive an epoch section */
    if (!b->year)
        return;
    q->at_location = day_end_at;
    q->at_context = b;
}
