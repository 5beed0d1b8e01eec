/* `by=`: an instant, or a date, which means the end of that day wherever the goods are. */
#ifndef HTTP_BY_H
#define HTTP_BY_H

#include "core/answer/availability.h"
#include "core/view.h"

enum { BY_ZONES_KEPT = 16 };

/* Zero-initialised: not asked for. One request's own; small enough for the stack. */
struct by {
    instant_t at;             /* of an instant; 0: a date, or nothing */
    int32_t year, month, day; /* of a date; year 0: none */
    struct {                  /* ends of that day found before */
        struct text zone;     /* points into locations of the epoch section */
        instant_t at;
    } kept[BY_ZONES_KEPT];
    unsigned kept_count;
};

/* An RFC 3339 instant or a date; false for anything else. */
bool by_parse(struct text t, struct by *ret);
extern const char by_must[]; /* "must be …" */
static inline bool by_said(const struct by *b)
{
    return b->at || b->year;
}
/* The question is for that instant, or day. `b` must live as long; call it in every epoch section anew. */
void by_ask(struct by *b, struct question *q, const struct view *v);

/* The last microsecond of a local day in an IANA zone; of UTC for an empty or unknown one. @thread any */
instant_t by_day_end(struct text zone, int32_t year, int32_t month, int32_t day);

#endif
