/* What the engine makes of opening hours, for a program that computes the same in another way
 * (hours_check.py). usage: hours_probe FIRST_DAY DAYS [ready | at SECONDS...], days since 1970; stdin: a line
 * for each location, tab-separated: zone, opening hours as OpenStreetMap writes them, exceptions and methods
 * as JSON. A line each: the hours of each day as from-until in seconds. With `ready` a second line: for each
 * hour whether it is open, and when an order is ready for pickup. With `at`: whether it is open at each of
 * these instants. */
#include "codec/opening_hours.h"
#include "core/model/catalogue_copy.h"
#include "zone/zones.h"

#include <stdio.h>
#include <stdlib.h>

static void put_days(const struct hours *h, int32_t first, int32_t days)
{
    struct hours_piece pieces[HOURS_DAY_MOST];

    for (int32_t day = first; day < first + days; day++) {
        size_t count = hours_of_day(h, day, pieces);
        for (size_t i = 0; i < count; i++)
            printf("%ld-%ld ", pieces[i].from / INSTANT_SECOND, pieces[i].until / INSTANT_SECOND);
    }
    putchar('\n');
}

static void put_ready(const struct calendar *c, int32_t first, int32_t days)
{
    struct readiness r;

    for (int32_t hour = 0; hour < days * 24; hour++) {
        struct order_time o = {.at = first * INSTANT_DAY + hour * 60 * INSTANT_MINUTE};
        bool ready = calendar_ready(c, METHOD_PICKUP, &o, &r);
        printf("%d:%ld ", hours_open_at(&c->hours, o.at), ready ? r.ready_at / INSTANT_SECOND : -1);
    }
    putchar('\n');
}

static void put_open(const struct calendar *c, char **seconds)
{
    for (; *seconds; seconds++)
        printf("%d", hours_open_at(&c->hours, atol(*seconds) * INSTANT_SECOND));
    putchar('\n');
}

static bool write_document(char *line, struct text *ret_zone, struct buffer *out)
{
    char detail[OPENING_HOURS_DETAIL_BYTES], *part[4], *at = line;
    bool holidays;

    for (int i = 0; i < 4; i++) {
        part[i] = at;
        at += strcspn(at, "\t\n");
        if (*at)
            *at++ = '\0';
    }
    buffer_clear(out);
    buffer_printf(out, "{\"time_zone\":\"%s\",\"opening_hours\":", part[0]);
    if (opening_hours_to_json(text_of(part[1]), out, &holidays, detail)) {
        fprintf(stderr, "%s: %s\n", part[1], detail);
        return false;
    }
    buffer_printf(out, ",\"exceptions\":%s,\"methods\":%s}", part[2], part[3]);
    *ret_zone = text_of(part[0]);
    return true;
}

int main(int count, char **words)
{
    struct zones *zones = zones_create();
    struct calendars calendars = zones_calendars(zones);
    struct buffer document = {0};
    char *line = NULL;
    size_t capacity = 0;

    if (count < 3 || !zones)
        return 2;
    int32_t first = atoi(words[1]), days = atoi(words[2]);
    while (getline(&line, &capacity, stdin) > 0) {
        struct location said = {.methods = METHOD_PICKUP};
        if (!write_document(line, &said.time_zone, &document))
            return 1;
        said.document = (struct text){document.at, document.length};
        struct location *l = location_copy(&said);
        const struct calendar *c = calendar_of(&calendars, l);
        put_days(&c->hours, first, days);
        if (count == 4)
            put_ready(c, first, days);
        if (count > 4)
            put_open(c, words + 4);
        location_free(l);
    }
    free(line);
    buffer_finish(&document);
    zones_destroy(zones);
    return 0;
}
