/* `by=`: an instant, or a date, which means the end of that day wherever the goods are. */
#ifndef HTTP_BY_H
#define HTTP_BY_H

#include "http/ask.h"

#include "core/answer/availability.h"
#include "core/view.h"

/* Zero-initialised: not asked for. */
struct by {
    instant_t at;            /* of an instant; 0: a date, or nothing */
    bool is_day;             /* a date: */
    int32_t day;             /* since 1970-01-01 */
    const struct view *view; /* of the question */
};

/* An RFC 3339 instant or a date; false for anything else. */
bool by_parse(struct text t, struct by *ret);
extern const char by_must[]; /* "must be …" */
void parameter_by(const struct parameter *a, struct by *ret, struct problems *p);
static inline bool by_said(const struct by *b)
{
    return b->at || b->is_day;
}
/* The question is for that instant, or day. `b` must live as long; call it in every epoch section anew. */
void by_ask(struct by *b, struct question *q, const struct view *v);

#endif
