/* A shop with its zone and hours, for the tests of hours and calendars. */
#ifndef TESTS_ZONE_SHOP_H
#define TESTS_ZONE_SHOP_H

#include "core/model/catalogue_copy.h"
#include "zone/zones.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define ALL "\"days\":[\"mo\",\"tu\",\"we\",\"th\",\"fr\",\"sa\",\"su\"]"

struct shop {
    struct zones *zones;
    const struct calendar *calendar;
    const struct hours *hours; /* the calendar's */
    struct location *location;
};

/* `document` must outlive the shop. `methods`: it says some. */
static inline struct shop shop_open(const char *zone, const char *document, bool methods)
{
    struct shop s = {.zones = zones_create(), .location = calloc(1, sizeof(struct location))};
    struct calendars k = zones_calendars(s.zones);

    s.location->time_zone = text_of(zone);
    s.location->document = text_of(document);
    s.location->methods = methods; /* which, nobody asks */
    s.calendar = calendar_of(&k, s.location);
    s.hours = &s.calendar->hours;
    return s;
}

static inline void shop_close(struct shop *s)
{
    location_free(s->location);
    zones_destroy(s->zones);
}

static inline instant_t on(const char *text)
{
    instant_t at;
    assert_true(instant_parse(text_of(text), &at));
    return at;
}

#define assert_instant(at, expected)                                               \
    do {                                                                           \
        char got_[INSTANT_TEXT_BYTES + 1] = "";                                    \
        instant_t at_ = (at), expected_ = on(expected);                            \
        if (at_ != INSTANT_NONE)                                                   \
            got_[instant_format(at_, got_)] = '\0';                                \
        if (at_ != expected_)                                                      \
            fail_msg("%s is %s, not %s", #at, got_[0] ? got_ : "never", expected); \
    } while (0)

#endif
