/* What was asked for and not found, in bounded memory: for each hour the most frequent keys (SKU, location,
 * channel), counted by the space-saving method (Metwally, Agrawal, El Abbadi, 2005).
 *
 * Each thread that notes has a part of its own, so that noting waits for nobody; whoever looks copies an hour
 * of a part at a time. Where a part had to let a key go for a new one, the key's notes stay in the hour's
 * totals, which are exact: so what is told of a key is never more than what was, and falls short of it by at
 * most the notes of that hour that are told of no key. While no more keys come in an hour than a part has
 * room for, every figure is exact.
 *
 * It holds numbers alone, no texts: nothing that anybody types can get into it. */
#ifndef CORE_ANSWER_UNMET_H
#define CORE_ANSWER_UNMET_H

#include "base/buffer.h"
#include "core/model/quantity.h"

#include <stdbool.h>
#include <stddef.h>

enum unmet_cause {
    UNMET_QUERY,       /* an availability that was 0, or below the quantity asked for */
    UNMET_RESERVATION, /* a line that was refused, or granted in part */
    UNMET_STORES,      /* a basket that no store had */
    UNMET_CAUSES
};

enum { UNMET_HOURS_MOST = 24 * 366, UNMET_KEYS_MOST = 65536 };
#define UNMET_HOUR_US INT64_C(3600000000)
#define UNMET_NONE UINT32_MAX

/* Numbers of the catalogue; UNMET_NONE: several places, or any; no channel. */
struct unmet_key {
    uint32_t sku, location, channel;
};

struct unmet_count {
    uint64_t times[UNMET_CAUSES];
    uint64_t units; /* thousandths: what was asked for and not there, where a quantity was said */
};

struct unmet_entry {
    struct unmet_key key;
    struct unmet_count count; /* at least */
};

struct unmet_hour {
    int64_t hour;             /* since 1970, UTC; below 0: there is none */
    struct unmet_count total; /* exact */
    size_t entries_count;
};

struct unmet;
/* For `parts` threads that note, the newest `hours`, `keys` for each hour and part. NULL without memory, or
 * when hours or keys are 0. */
struct unmet *unmet_create(unsigned parts, unsigned hours, unsigned keys);
void unmet_destroy(struct unmet *u); /* takes NULL */
unsigned unmet_hours(const struct unmet *u);
unsigned unmet_keys(const struct unmet *u);
size_t unmet_bytes(const struct unmet *u);

/* @thread the part's own. Hours go up; one that is older than what its place holds is not noted. */
void unmet_note(struct unmet *u, unsigned part, int64_t hour, const struct unmet_key *key,
                enum unmet_cause cause, uint64_t units);

/* ---- @thread any ---- */
/* Hours of all parts, those that were restored too: copies number `n` of [0, unmet_slots) into ret, which has
 * room for unmet_keys entries. An hour that is cleared in the meantime is told as none. */
size_t unmet_slots(const struct unmet *u);
struct unmet_hour unmet_copy(const struct unmet *u, size_t n, struct unmet_entry *ret);

/* Appends all of it: an hour's parts together, the most frequent `keys` of them. `mark` names the log whose
 * numbers these are. ERROR_NOMEM. */
int unmet_save(const struct unmet *u, uint64_t mark, struct buffer *out);
/* Before any other thread knows of it: takes in what was saved, hours older than `hours` before `now` left
 * out. ERROR_CORRUPT, or ERROR_INVALID for another log's: nothing was taken in. */
int unmet_restore(struct unmet *u, uint64_t mark, int64_t now_hour, const void *bytes, size_t length);

static inline uint64_t unmet_times(const struct unmet_count *c)
{
    uint64_t sum = 0;
    for (int i = 0; i < UNMET_CAUSES; i++)
        sum += c->times[i];
    return sum;
}

#endif
