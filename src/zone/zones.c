/* The system's zone files, or ICU's zones where there are none: asked once each. Governments change zones
 * several times a year; systems bring the files up to date, and seldom ICU's own copy. Tables are found
 * without a lock in a list that only grows: there are about six hundred zones, and a retailer has a handful.
 */
#include "zone/zones.h"

#include "base/error.h"
#include "codec/calendar_json.h"
#include "zone/tzif.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

enum { NAME_BYTES = 64, CHANGES_MOST = 1024, PATH_BYTES = 512 };

/* The first of 2101, in ICU's milliseconds. */
#define CHANGES_END 4133980800000.0

struct known {
    struct known *next; /* never changed once it is in the list */
    char name[NAME_BYTES];
    struct zone zone;
    struct zone_span span[];
};

struct zones {
    _Atomic(struct known *) first; /* release: pairs with the acquire in find */
    pthread_mutex_t lock;          /* who adds */
};

struct zones *zones_create(void)
{
    struct zones *z = calloc(1, sizeof(*z));

    if (z)
        pthread_mutex_init(&z->lock, NULL);
    return z;
}

void zones_destroy(struct zones *z)
{
    if (!z)
        return;
    for (struct known *k = atomic_load_explicit(&z->first, memory_order_relaxed), *next; k; k = next) {
        next = k->next;
        free(k);
    }
    pthread_mutex_destroy(&z->lock);
    free(z);
}

/* ---- the system's files ---- */

/* Such as Europe/Berlin or Etc/GMT+1: no way out of the folder, and none of what lies there beside zones. */
static bool may_be_file(const char *name)
{
    static const char *const others[] = {"posix/", "right/", "posixrules", "localtime"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (!strncmp(name, others[i], strlen(others[i])))
            return false;
    for (const char *c = name; *c; c++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/", *c))
            return false;
    return name[0] != '/';
}

/* How many spans; 0: there is no such file, or it is not of use. */
static uint32_t read_file(const char *name, struct zone_span span[CHANGES_MOST])
{
    const char *said = getenv("TZDIR"), *folder = said && *said ? said : "/usr/share/zoneinfo";
    unsigned char *bytes = malloc(TZIF_BYTES_MOST);
    char path[PATH_BYTES];
    uint32_t count = 0;

    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = bytes && may_be_file(name) && length < PATH_BYTES ? fopen(path, "rbe") : NULL;
    if (file) {
        size_t read = fread(bytes, 1, TZIF_BYTES_MOST, file);
        count = tzif_read(bytes, read, ZONES_LAST_YEAR, span, CHANGES_MOST);
        fclose(file);
    }
    free(bytes);
    return count;
}

/* ---- ICU ---- */

static UCalendar *calendar_open(const char *name)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar wide[NAME_BYTES], canonical[NAME_BYTES];
    UBool known = false;

    u_charsToUChars(name, wide, (int32_t)strlen(name) + 1);
    ucal_getCanonicalTimeZoneID(wide, -1, canonical, NAME_BYTES, &known, &status);
    if (U_FAILURE(status) || !known)
        return NULL;
    UCalendar *c = ucal_open(wide, -1, "en", UCAL_GREGORIAN, &status);
    return U_FAILURE(status) ? NULL : c;
}

static struct zone_span span_from(UCalendar *c, double from_ms, UErrorCode *status)
{
    ucal_setMillis(c, from_ms, status);
    int32_t offset_ms = ucal_get(c, UCAL_ZONE_OFFSET, status) + ucal_get(c, UCAL_DST_OFFSET, status);
    return (struct zone_span){(instant_t)from_ms * 1000, offset_ms * INT64_C(1000)};
}

/* All spans from 1970 on; changes that change nothing (only a name) are left out. How many; 0: ICU failed. */
static uint32_t read_spans(UCalendar *c, struct zone_span span[CHANGES_MOST])
{
    UErrorCode status = U_ZERO_ERROR;
    uint32_t count = 1;
    double at = 0;

    span[0] = span_from(c, 0, &status);
    span[0].from = INT64_MIN;
    for (;;) {
        ucal_setMillis(c, at, &status);
        if (!ucal_getTimeZoneTransitionDate(c, UCAL_TZ_TRANSITION_NEXT, &at, &status) || at >= CHANGES_END ||
            U_FAILURE(status) || count == CHANGES_MOST)
            return U_FAILURE(status) ? 0 : count;
        struct zone_span s = span_from(c, at, &status);
        if (s.offset_us != span[count - 1].offset_us)
            span[count++] = s;
    }
}

static uint32_t read_icu(const char *name, struct zone_span span[CHANGES_MOST], bool *ret_known)
{
    UCalendar *c = calendar_open(name);
    uint32_t count = c ? read_spans(c, span) : 0;

    *ret_known = c != NULL;
    if (c)
        ucal_close(c);
    return count;
}

/* ---- asking ---- */

static int ask(const char *name, struct known **ret)
{
    struct zone_span *span = malloc(CHANGES_MOST * sizeof(*span));
    bool is_known = true;
    uint32_t count = span ? read_file(name, span) : 0;

    if (span && !count)
        count = read_icu(name, span, &is_known);
    struct known *k = count ? malloc(sizeof(*k) + count * sizeof(*span)) : NULL;
    if (k) {
        *k = (struct known){.zone = {count, k->span}};
        strcpy(k->name, name);
        memcpy(k->span, span, count * sizeof(*span));
        *ret = k;
    }
    free(span);
    return k ? 0 : is_known ? ERROR_NOMEM : ERROR_NOTFOUND;
}

/* ---- finding ---- */

static const struct known *find(struct zones *z, struct text name)
{
    const struct known *k = atomic_load_explicit(&z->first, memory_order_acquire);

    while (k && !text_equal(text_of(k->name), name))
        k = k->next;
    return k;
}

static int add(struct zones *z, struct text name, const struct known **ret)
{
    char text[NAME_BYTES] = {0};
    struct known *made;
    int error = 0;

    if (!name.length || name.length >= NAME_BYTES)
        return ERROR_NOTFOUND;
    memcpy(text, name.at, name.length);
    pthread_mutex_lock(&z->lock);
    *ret = find(z, name); /* somebody was faster */
    if (!*ret)
        error = ask(text, &made);
    if (!*ret && !error) {
        made->next = atomic_load_explicit(&z->first, memory_order_relaxed);
        atomic_store_explicit(&z->first, made, memory_order_release);
        *ret = made;
    }
    pthread_mutex_unlock(&z->lock);
    return error;
}

int zones_find(struct zones *z, struct text name, const struct zone **ret_zone)
{
    const struct known *k = find(z, name);
    int error = k ? 0 : add(z, name, &k);

    if (!error)
        *ret_zone = &k->zone;
    return error;
}

/* ---- calendars ---- */

static struct calendar *make(void *zones, const struct location *l)
{
    struct arena arena = {0};
    struct calendar read, *made = NULL;
    const struct zone *zone = NULL;
    int error = l->time_zone.length ? zones_find(zones, l->time_zone, &zone) : 0;

    if (error != ERROR_NOMEM && calendar_read(l, zone, &arena, &read) == 0)
        made = calendar_copy(&read);
    arena_finish(&arena);
    return made;
}

struct calendars zones_calendars(struct zones *z)
{
    return (struct calendars){make, z};
}
