/* Parameters, versions to wait for, channels of keys. */
#include "http/ask.h"

#include "base/array.h"
#include "codec/json.h"
#include "core/answer/query.h"

#include <stdlib.h>
#include <strings.h>

/* ---- parameters ---- */

bool parameter_next(struct exchange *x, struct text *rest, struct parameter *ret, struct problems *p)
{
    while (rest->length) {
        const char *ampersand = memchr(rest->at, '&', rest->length);
        size_t length = ampersand ? (size_t)(ampersand - rest->at) : rest->length;
        struct text one = {rest->at, length};
        *rest = (struct text){rest->at + length + (ampersand ? 1 : 0),
                              rest->length - length - (ampersand ? 1 : 0)};
        if (!length)
            continue;
        const char *equals = memchr(one.at, '=', one.length);
        size_t name = equals ? (size_t)(equals - one.at) : one.length;
        struct text value = equals ? (struct text){equals + 1, one.length - name - 1} : (struct text){0};
        if (percent_decode(x->loop, (struct text){one.at, name}, true, &ret->name) &&
            percent_decode(x->loop, value, true, &ret->value))
            return true;
        problems_add(p, "", "the query has a %% that two hexadecimal digits do not follow");
        *rest = (struct text){0};
    }
    return false;
}

void parameter_wrong(struct problems *p, struct text name, const char *detail)
{
    char pointer[64];

    snprintf(pointer, sizeof(pointer), "%.*s", (int)(name.length < 60 ? name.length : 60), name.at);
    problems_add(p, pointer, "%s", detail);
}

void parameter_unknown(struct problems *p, struct text name)
{
    parameter_wrong(p, name, "is not a parameter here");
}

bool parameters_right(struct exchange *x, const struct problems *errors)
{
    if (errors->count)
        problem_with(x, PROBLEM_BAD_PARAMETER, errors, "parameter `%s` %s", errors->at[0].pointer,
                     errors->at[0].detail);
    return !errors->count;
}

bool parameters_none(struct exchange *x)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    while (parameter_next(x, &rest, &p, &errors))
        parameter_unknown(&errors, p.name);
    return parameters_right(x, &errors);
}

bool parameter_flag(const struct parameter *a, bool *ret, struct problems *p)
{
    bool is = text_equal(a->value, TEXT("true"));

    if (!is && !text_equal(a->value, TEXT("false"))) {
        parameter_wrong(p, a->name, "must be true or false");
        return false;
    }
    *ret = is;
    return true;
}

static bool read_number(struct text t, uint64_t *ret)
{
    uint64_t n = 0;

    if (!t.length || t.length > 20)
        return false;
    for (size_t i = 0; i < t.length; i++) {
        unsigned digit = (unsigned char)t.at[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *ret = n;
    return true;
}

bool parameter_number(const struct parameter *a, uint64_t least, uint64_t most, uint64_t *ret,
                      struct problems *p)
{
    char detail[96];
    uint64_t n;

    if (read_number(a->value, &n) && n >= least && n <= most) {
        *ret = n;
        return true;
    }
    snprintf(detail, sizeof(detail), "must be an integer from %llu to %llu", (unsigned long long)least,
             (unsigned long long)most);
    parameter_wrong(p, a->name, detail);
    return false;
}

bool method_from_name(struct text name, uint32_t *ret)
{
    static const struct {
        const char *name;
        uint32_t method;
    } methods[] = {{"pickup", METHOD_PICKUP}, {"ship", METHOD_SHIP}, {"same_day", METHOD_SAME_DAY}};

    for (unsigned i = 0; i < 3; i++)
        if (text_equal(name, text_of(methods[i].name))) {
            *ret = methods[i].method;
            return true;
        }
    return false;
}

void parameter_method(const struct parameter *a, uint32_t *ret, struct problems *p)
{
    if (!method_from_name(a->value, ret))
        parameter_wrong(p, a->name, "must be pickup, ship or same_day");
}

/* ---- versions ---- */

bool version_parse(struct text t, struct version *ret)
{
    const char *colon = t.length ? memchr(t.at, ':', t.length) : NULL;
    struct version v;

    if (!colon || !read_number((struct text){t.at, (size_t)(colon - t.at)}, &v.incarnation) ||
        !read_number((struct text){colon + 1, (size_t)(t.at + t.length - colon - 1)}, &v.offset))
        return false;
    *ret = v;
    return true;
}

bool parameter_version(const struct parameter *a, struct version *ret, struct problems *p)
{
    if (version_parse(a->value, ret))
        return true;
    parameter_wrong(p, a->name, "must be a version as answers carry it: incarnation:offset");
    return false;
}

static bool reached(const struct view *v, struct version least)
{
    uint64_t next = atomic_load_explicit(&v->next_offset, memory_order_acquire);
    uint64_t incarnation = view_incarnation(v);

    return incarnation > least.incarnation || (incarnation == least.incarnation && next > least.offset);
}

struct version_wait {
    struct pending pending;
    struct version least;
};

static enum pending_status wait_step(struct pending *p, struct exchange *x)
{
    struct version_wait *w = (struct version_wait *)p;

    if (reached(exchange_view(x), w->least)) {
        x->route->handler(x); /* from the beginning, and now it will not wait */
        return x->connection->pending == p ? PENDING_DONE : PENDING_WAIT;
    }
    if (x->loop->now_us < p->deadline_us)
        return PENDING_WAIT;
    problem(x, PROBLEM_BEHIND, "this instance has not come to that version within two seconds");
    return PENDING_DONE;
}

static void wait_drop(struct pending *p)
{
    free(p);
}

bool version_reached(struct exchange *x, struct version least)
{
    if (reached(exchange_view(x), least))
        return true;
    struct version_wait *w = malloc(sizeof(*w));
    if (!w) {
        problem_no_memory(x);
        return false;
    }
    w->pending = (struct pending){wait_step, wait_drop, x->loop->now_us + MIN_VERSION_WAIT_MS * 1000, true};
    w->least = least;
    exchange_wait(x, &w->pending);
    return false;
}

/* ---- who asks ---- */

bool ask_channel(struct exchange *x, struct text asked, struct text *ret_channel)
{
    const struct key *k = x->key;

    *ret_channel = asked;
    if (!k || !k->channels_count)
        return true;
    if (!asked.length && k->channels_count == 1) {
        *ret_channel = k->channels[0];
        return true;
    }
    if (asked.length && key_has_channel(k, asked))
        return true;
    problem(x, PROBLEM_FORBIDDEN,
            asked.length ? "this key is bound to other channels"
                         : "this key is bound to channels: name one of them with channel=");
    return false;
}

bool channel_is_known(struct exchange *x, enum problem_type kind, struct text name,
                      const struct channel **ret)
{
    if (!name.length)
        return true;
    const struct channel *c = catalogue_channel(exchange_view(x)->catalogue, name);
    if (!c || c->deleted) {
        problem(x, kind, "there is no channel `%.*s`", (int)name.length, name.at);
        return false;
    }
    *ret = c;
    return true;
}

bool location_is_allowed(struct exchange *x, struct text location)
{
    if (!x->key || key_has_location(x->key, location))
        return true;
    problem(x, PROBLEM_FORBIDDEN, "this key is bound to other locations than %.*s", (int)location.length,
            location.at);
    return false;
}

bool group_is_known(struct exchange *x, struct text name, const struct group **ret)
{
    const struct group *g = catalogue_group(exchange_view(x)->catalogue, name);

    if (!g || g->deleted) {
        problem(x, PROBLEM_BAD_PARAMETER, "there is no group `%.*s`", (int)name.length, name.at);
        return false;
    }
    *ret = g;
    return true;
}

bool content_is(const struct exchange *x, const char *media_type)
{
    struct text t = parser_header(x->request, HEADER_CONTENT_TYPE, x->head);
    size_t length = strlen(media_type);

    if (t.length < length || strncasecmp(t.at, media_type, length))
        return false;
    return t.length == length || t.at[length] == ';' || t.at[length] == ' ' || t.at[length] == '\t';
}

bool body_is_plain(struct exchange *x)
{
    struct text encoding = parser_header(x->request, HEADER_CONTENT_ENCODING, x->head);

    if (!encoding.length || text_equal(encoding, TEXT("identity")))
        return true;
    problem(x, PROBLEM_MEDIA_TYPE, "bodies are read as they are, without Content-Encoding");
    return false;
}

bool body_is_json(struct exchange *x)
{
    if (content_is(x, "application/json"))
        return body_is_plain(x);
    problem(x, PROBLEM_MEDIA_TYPE, "Content-Type must be application/json");
    return false;
}

void body_wrong(struct exchange *x, int error, const struct problems *p)
{
    if (error == ERROR_NOMEM)
        problem_no_memory(x);
    else
        problem_with(x, PROBLEM_BAD_BODY, p, "%s%s%s", p->count ? p->at[0].pointer : "",
                     p->count && p->at[0].pointer[0] ? " " : "",
                     p->count ? p->at[0].detail : "the body cannot be read");
}

/* ---- memory ---- */

struct query_row *scratch_rows(struct loop *l, size_t count)
{
    struct scratch *s = &l->scratch;

    if (count > s->rows_capacity) {
        size_t capacity = count < ROWS_A_TURN ? ROWS_A_TURN : count;
        if (!array_grow(&s->rows, s->rows_capacity, capacity, sizeof(*s->rows)))
            return NULL;
        s->rows_capacity = capacity;
    }
    return s->rows;
}

bool scratch_locations(struct loop *l, size_t count)
{
    struct scratch *s = &l->scratch;

    if (count > s->locations_capacity) {
        size_t capacity = count < ROWS_A_TURN ? ROWS_A_TURN : count;
        if (!array_grow(&s->locations, s->locations_capacity, capacity, sizeof(*s->locations)))
            return false;
        s->locations_capacity = capacity;
    }
    return true;
}

struct near_place *scratch_places(struct loop *l, size_t count)
{
    struct scratch *s = &l->scratch;

    if (count > s->places_capacity) {
        size_t capacity = count < ROWS_A_TURN ? ROWS_A_TURN : count;
        if (!array_grow(&s->places, s->places_capacity, capacity, sizeof(*s->places)))
            return NULL;
        s->places_capacity = capacity;
    }
    return s->places;
}
