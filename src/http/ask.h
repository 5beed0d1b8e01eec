/* What requests say beside their body: parameters of the query, and who asks for whom. */
#ifndef HTTP_ASK_H
#define HTTP_ASK_H

#include "http/server.h"

struct parameter {
    struct text name, value; /* decoded */
};

/* The next parameter of *rest, which moves behind it. False at the end, and when it cannot be decoded (then a
 * problem is added). */
bool parameter_next(struct exchange *x, struct text *rest, struct parameter *ret, struct problems *p);
/* Adds "is not a parameter here" and names it. */
void parameter_unknown(struct problems *p, struct text name);
/* False: one is wrong, answered 400 with all of them. */
bool parameters_right(struct exchange *x, const struct problems *errors);
/* For routes that have none. False: there was one, answered 400. */
bool parameters_none(struct exchange *x);
void parameter_wrong(struct problems *p, struct text name, const char *detail);
/* true, false. */
bool parameter_flag(const struct parameter *a, bool *ret, struct problems *p);
/* An integer from least to most. */
bool parameter_number(const struct parameter *a, uint64_t least, uint64_t most, uint64_t *ret,
                      struct problems *p);
bool method_from_name(struct text name, uint32_t *ret);
void parameter_method(const struct parameter *a, uint32_t *ret, struct problems *p);

/* "incarnation:offset", or the offset alone. */
bool version_parse(struct text t, struct version *ret);
/* False, and a problem: it is none. */
bool parameter_version(const struct parameter *a, struct version *ret, struct problems *p);

/* True when the view has come to `least`. Else the request waits (the handler is called again) or was
 * answered 503: the handler returns. */
bool version_reached(struct exchange *x, struct version least);

/* The channel the key may speak for: `asked` (empty: none), or the key's only one. False: answered 403. */
bool ask_channel(struct exchange *x, struct text asked, struct text *ret_channel);
/* The channel of that name; nothing is set when it is empty. In the reader's epoch. False: there is none,
 * answered with a problem of that kind. */
bool channel_is_known(struct exchange *x, enum problem_type kind, struct text name,
                      const struct channel **ret);

/* May the key ask about that place? False: it may not, answered 403. */
bool location_is_allowed(struct exchange *x, struct text location);
/* The group of that name. In the reader's epoch. False: there is none, answered 400. */
bool group_is_known(struct exchange *x, struct text name, const struct group **ret);

/* Is the body of that media type (parameters like charset left aside)? */
bool content_is(const struct exchange *x, const char *media_type);
/* False: the body is encoded, answered 415. */
bool body_is_plain(struct exchange *x);
/* Plain JSON, as its head says. False: answered 415. */
bool body_is_json(struct exchange *x);
/* Answers a body that could not be read: 503 without memory, else 400 with what was wrong. */
void body_wrong(struct exchange *x, int error, const struct problems *p);

/* Memory for that many rows in the loop's scratch; NULL without. */
struct query_row *scratch_rows(struct loop *l, size_t count);
bool scratch_locations(struct loop *l, size_t count);
struct near_place *scratch_places(struct loop *l, size_t count);

#endif
