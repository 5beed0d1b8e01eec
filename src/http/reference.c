/* Locations, groups, items and channels: PUT, GET, DELETE of one, and pages of all. */
#include "http/etag.h"
#include "http/record_task.h"
#include "http/shape.h"

#include "codec/event_json.h"

enum { PAGE_LISTED = 100, PAGE_MOST = 1000, PAGE_LOOKED_AT_MOST = 10000 };

/* One object, whatever its kind. */
struct object {
    struct text id, document;
    bool exists; /* false: nothing by that name, or deleted */
};

/* What differs between the four kinds. */
struct family {
    enum record_kind kind;
    const char *id_key, *collection;
    bool (*id_is)(struct text t);
    struct object (*find)(const struct view *v, struct text id);
    uint32_t (*count)(const struct view *v);
    struct object (*at)(const struct view *v, uint32_t number);
    void (*put_shown)(struct buffer *b, const struct view *v,
                      struct text id); /* NULL: nothing; what a GET adds */
};

#define OBJECT(o) ((o) && !(o)->deleted ? (struct object){(o)->id, (o)->document, true} : (struct object){0})

static struct object find_location(const struct view *v, struct text id)
{
    const struct location *l = catalogue_location(v->catalogue, id);
    return OBJECT(l);
}

static struct object location_at(const struct view *v, uint32_t n)
{
    const struct location *l = catalogue_location_at(v->catalogue, n);
    return OBJECT(l);
}

static uint32_t locations_count(const struct view *v)
{
    return catalogue_locations_count(v->catalogue);
}

static struct object find_group(const struct view *v, struct text id)
{
    const struct group *g = catalogue_group(v->catalogue, id);
    return OBJECT(g);
}

static struct object group_at(const struct view *v, uint32_t n)
{
    const struct group *g = catalogue_group_at(v->catalogue, n);
    return OBJECT(g);
}

static uint32_t groups_count(const struct view *v)
{
    return catalogue_groups_count(v->catalogue);
}

static struct object find_channel(const struct view *v, struct text id)
{
    const struct channel *c = catalogue_channel(v->catalogue, id);
    return OBJECT(c);
}

static struct object channel_at(const struct view *v, uint32_t n)
{
    const struct channel *c = catalogue_channel_at(v->catalogue, n);
    return OBJECT(c);
}

static uint32_t channels_count(const struct view *v)
{
    return catalogue_channels_count(v->catalogue);
}

/* A SKU that only events spoke of exists, without a document. */
static struct object find_item(const struct view *v, struct text sku)
{
    const struct sku *s = table_find(v->table, sku);
    const struct item *i = s ? sku_item(s) : NULL;

    if (!s || (i && i->deleted && !sku_rows_count(s)))
        return (struct object){0};
    return (struct object){sku_text(s), i && !i->deleted ? i->document : (struct text){0}, true};
}

static struct object item_at(const struct view *v, uint32_t n)
{
    const struct sku *s = table_sku(v->table, n);
    const struct item *i = s ? sku_item(s) : NULL;

    return i && !i->deleted ? (struct object){sku_text(s), i->document, true} : (struct object){0};
}

static uint32_t items_count(const struct view *v)
{
    return table_sku_count(v->table);
}

static bool is_channel(struct text t)
{
    return text_is_name(t) || text_equal(t, TEXT("*"));
}

/* What is no part of the document. A PUT that brings it back is not refused for it. */
static void put_heard(struct buffer *b, const struct view *v, struct text id)
{
    const struct location *l = catalogue_location(v->catalogue, id);

    if (!l)
        return;
    buffer_printf(
        b, ",\"stale\":%s,\"last_event_at\":", places_is_stale(v->places, l->number) ? "true" : "false");
    json_put_instant(b, places_heard(v->places, l->number));
}

static const struct family locations = {
    RECORD_LOCATION, "id", "locations", text_is_name, find_location, locations_count, location_at, put_heard};
static const struct family groups = {RECORD_GROUP, "id",         "groups", text_is_name,
                                     find_group,   groups_count, group_at, NULL};
static const struct family items = {RECORD_ITEM, "sku",       "items", text_is_identifier,
                                    find_item,   items_count, item_at, NULL};
static const struct family channels = {RECORD_CHANNEL, "id",           "channels", is_channel,
                                       find_channel,   channels_count, channel_at, NULL};

/* ---- one ---- */

/* {"id":…, and what was PUT: a PUT takes it back as it is. What only events spoke of says "registered":false.
 */
static void put_object(struct buffer *b, const struct view *v, const struct family *f, const struct object *o)
{
    buffer_printf(b, "{\"%s\":", f->id_key);
    json_put_string(b, o->id);
    if (!o->document.length)
        buffer_text(b, TEXT(",\"registered\":false"));
    if (o->document.length > 2) { /* the document without its braces */
        buffer_byte(b, ',');
        buffer_add(b, o->document.at + 1, o->document.length - 2);
    }
    if (v && f->put_shown)
        f->put_shown(b, v, o->id);
    buffer_byte(b, '}');
}

/* The path's name, checked. False: answered. */
static bool read_id(struct exchange *x, const struct family *f, struct text *ret)
{
    *ret = x->arguments[0];
    if (!f->id_is(*ret)) {
        problem(x, PROBLEM_BAD_PATH, "`%.*s` cannot be the %s of one of the %s",
                (int)(ret->length < 128 ? ret->length : 128), ret->at, f->id_key, f->collection);
        return false;
    }
    return parameters_none(x);
}

static void answer_object(struct exchange *x, const struct family *f, const struct object *o, unsigned status)
{
    answer_begin(x, status, "application/json");
    if (x->request->method == HTTP_PUT) { /* what a PUT did is never "not modified" */
        buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
        put_object(answer_body(x), NULL, f, o);
        answer_end(x);
        return;
    }
    struct etag etag = etag_begin(x, "private, no-cache");
    put_object(answer_body(x), exchange_view(x), f, o);
    etag_end(x, &etag, 0, 0);
}

static void answer_not_found(struct exchange *x, const struct family *f, struct text id)
{
    problem(x, PROBLEM_NOT_FOUND, "none of the %s is called `%.*s`", f->collection, (int)id.length, id.at);
}

static void get_one(struct exchange *x, const struct family *f)
{
    struct text id;

    if (!read_id(x, f, &id))
        return;
    epoch_enter(x->loop->reader);
    struct object o = f->find(exchange_view(x), id);
    if (o.exists)
        answer_object(x, f, &o, 200);
    else
        answer_not_found(x, f, id);
    epoch_exit(x->loop->reader);
}

static const struct family *family_of(const struct exchange *x)
{
    static const struct family *const all[] = {&locations, &groups, &items, &channels};

    for (unsigned i = 0; i < 4; i++)
        if (text_equal(x->segments[1], text_of(all[i]->collection)))
            return all[i];
    return NULL;
}

/* 201 or 200 is what the record found when it was applied, not what the request saw before. */
static void answer_put(struct exchange *x, const struct command *c)
{
    const struct family *f = family_of(x);

    if (record_task_rejected(x, c))
        return;
    bool created = c->verdicts_count && c->verdicts[0].notes & NOTE_CREATED;
    epoch_enter(x->loop->reader);
    struct object o = f->find(exchange_view(x), x->arguments[0]);
    if (o.exists)
        answer_object(x, f, &o, created ? 201 : 200);
    else
        problem(x, PROBLEM_CONFLICT, "it was deleted in the same moment");
    epoch_exit(x->loop->reader);
}

static bool is_registered(struct exchange *x, const struct family *f, struct text id)
{
    epoch_enter(x->loop->reader);
    struct object o = f->find(exchange_view(x), id);
    bool is = o.exists && o.document.length;
    epoch_exit(x->loop->reader);
    return is;
}

static void put_one(struct exchange *x, const struct family *f)
{
    struct record r = {0};
    struct problems p;
    struct text id;

    if (!read_id(x, f, &id) || !body_is_plain(x))
        return;
    if (!content_is(x, "application/json")) {
        problem(x, PROBLEM_MEDIA_TYPE, "Content-Type must be application/json");
        return;
    }
    p.count = 0;
    arena_reset(&x->loop->scratch.arena);
    int error = reference_from_json(f->kind, id, x->body, &x->loop->scratch.arena, &r, &p);
    if (error == ERROR_NOMEM)
        problem_no_memory(x);
    else if (error)
        problem_with(x, PROBLEM_BAD_BODY, &p, "%s%s%s", p.count ? p.at[0].pointer : "",
                     p.count && p.at[0].pointer[0] ? " " : "",
                     p.count ? p.at[0].detail : "the body cannot be read");
    else
        record_task_run(x, &r, answer_put);
}

static void answer_deleted(struct exchange *x, const struct command *c)
{
    if (!record_task_rejected(x, c))
        answer_empty(x, 204, "");
}

static void delete_one(struct exchange *x, const struct family *f)
{
    struct record r = {
        .kind = f->kind, .intake.after = -1, .reference = {.deleted = true, .occurred_at = INSTANT_NONE}};
    struct text id;

    if (!read_id(x, f, &id))
        return;
    if (!is_registered(x, f, id)) {
        answer_not_found(x, f, id);
        return;
    }
    r.reference.id = id;
    record_task_run(x, &r, answer_deleted);
}

/* ---- pages ---- */

struct page {
    uint64_t limit, after;
};

static bool read_page(struct exchange *x, struct page *ret)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    *ret = (struct page){.limit = PAGE_LISTED};
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("limit")))
            parameter_number(&p, 1, PAGE_MOST, &ret->limit, &errors);
        else if (text_equal(p.name, TEXT("after")))
            parameter_number(&p, 0, UINT32_MAX, &ret->after, &errors);
        else
            parameter_unknown(&errors, p.name);
    }
    if (errors.count)
        problem_with(x, PROBLEM_BAD_PARAMETER, &errors, "parameter `%s` %s", errors.at[0].pointer,
                     errors.at[0].detail);
    return !errors.count;
}

/* The cursor is the number of the next object. A page ends early rather than look at too many that are not
 * there any more. */
static void put_page(struct exchange *x, const struct family *f, const struct page *page)
{
    const struct view *v = exchange_view(x);
    struct buffer *b = x->out;
    uint32_t count = f->count(v), n = page->after < count ? (uint32_t)page->after : count;
    uint64_t listed = 0;

    for (uint32_t looked = 0; n < count && listed < page->limit && looked < PAGE_LOOKED_AT_MOST;
         n++, looked++) {
        struct object o = f->at(v, n);
        if (!o.exists)
            continue;
        if (listed++)
            buffer_byte(b, ',');
        put_object(b, v, f, &o);
    }
    if (n < count)
        buffer_printf(b, "],\"next\":\"%u\",", n);
    else
        buffer_text(b, TEXT("],\"next\":null,"));
}

static void list(struct exchange *x, const struct family *f)
{
    struct page page;

    if (!read_page(x, &page))
        return;
    epoch_enter(x->loop->reader);
    struct version version = view_version(exchange_view(x));
    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "private, no-cache");
    buffer_printf(answer_body(x), "{\"%s\":[", f->collection);
    put_page(x, f, &page);
    size_t version_at = x->out->length - x->body_at;
    put_as_of(x->out, exchange_view(x), version);
    size_t version_end = x->out->length - x->body_at;
    buffer_byte(x->out, '}');
    etag_end(x, &etag, version_at, version_end);
    epoch_exit(x->loop->reader);
}

#define FAMILY(name)                        \
    void name##_list(struct exchange *x);   \
    void name##_get(struct exchange *x);    \
    void name##_put(struct exchange *x);    \
    void name##_delete(struct exchange *x); \
    void name##_list(struct exchange *x)    \
    {                                       \
        list(x, &name);                     \
    }                                       \
    void name##_get(struct exchange *x)     \
    {                                       \
        get_one(x, &name);                  \
    }                                       \
    void name##_put(struct exchange *x)     \
    {                                       \
        put_one(x, &name);                  \
    }                                       \
    void name##_delete(struct exchange *x)  \
    {                                       \
        delete_one(x, &name);               \
    }
FAMILY(locations)
FAMILY(groups)
FAMILY(items)
FAMILY(channels)
