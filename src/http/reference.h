/* Locations, groups, items and channels as routes see them: what differs between the four kinds. */
#ifndef HTTP_REFERENCE_H
#define HTTP_REFERENCE_H

#include "http/shape.h"

#include "core/answer/search.h"
#include "core/model/record.h"

/* One object, whatever its kind. */
struct object {
    struct text id, document;
    bool exists; /* false: nothing by that name, or deleted */
};

struct family {
    enum record_kind kind;
    const char *id_key, *collection;
    bool (*id_is)(struct text t);
    struct object (*find)(const struct view *v, struct text id);
    uint32_t (*count)(const struct view *v);
    struct object (*at)(const struct view *v, uint32_t number); /* NULL: `rank` says what is listed */
    /* For those that can be searched, else NULL. `rank` adds the bytes it looked at to *ret_cost; `found` is
     * the object of a number that was ranked, also one that `at` does not list. */
    enum search_rank (*rank)(const struct view *v, uint32_t number, const struct search *s, size_t *ret_cost);
    struct object (*found)(const struct view *v, uint32_t number);
    void (*put)(struct buffer *b, const struct view *v, uint32_t number);      /* NULL: reference_put of it */
    bool (*is_of)(const struct view *v, uint32_t number, struct text product); /* NULL: has no product */
    bool (*is_stale)(const struct view *v, uint32_t number);                   /* NULL: these cannot be */
    void (*put_shown)(struct buffer *b, const struct view *v,
                      struct text id); /* NULL: nothing; what a GET adds */
};

/* Of RECORD_LOCATION, _GROUP, _ITEM or _CHANNEL. */
const struct family *reference_family(enum record_kind kind);

/* {"id":…, and what was PUT: a PUT takes it back as it is. What only events spoke of says "registered":false.
 * Without a view nothing is added that was not PUT. */
void reference_put(struct buffer *b, const struct view *v, const struct family *f, const struct object *o);

/* Answers GET of the collection: a page of all of them, or of those that are looked for. */
void reference_list(struct exchange *x, const struct family *f);

#endif
