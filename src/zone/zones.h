/* Time zones by their IANA names, as tables; and the calendars of locations in them. The one place that asks
 * for zones, of the system's files ($TZDIR, else /usr/share/zoneinfo: tzdata, which systems keep up to date)
 * and, where there is none of that name, of ICU: once for each zone, under a lock that only those wait for
 * who see a zone for the first time. */
#ifndef ZONE_ZONES_H
#define ZONE_ZONES_H

#include "core/answer/calendar.h"

struct zones;

struct zones *zones_create(void);    /* NULL without memory */
void zones_destroy(struct zones *z); /* when no calendar of it is used any more; takes NULL */

/* Changes from 1970 to ZONES_LAST_YEAR; what holds then goes on. The table lives as long as `z`.
 * ERROR_NOTFOUND: nobody knows such a zone; ERROR_NOMEM. @thread any */
enum { ZONES_LAST_YEAR = 2100 };
int zones_find(struct zones *z, struct text name, const struct zone **ret_zone);

/* What engine_options and views take. */
struct calendars zones_calendars(struct zones *z);

#endif
