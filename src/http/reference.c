/* Locations, groups, items and channels: PUT, GET, DELETE of one, and pages of all. */
#include "http/etag.h"
#include "http/record_task.h"
#include "http/reference.h"

#include "codec/event_json.h"

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

/* ---- what is looked for ---- */

static enum search_rank rank_location(const struct view *v, uint32_t n, const struct search *s,
                                      size_t *ret_cost)
{
    const struct location *l = catalogue_location_at(v->catalogue, n);

    if (!l || l->deleted)
        return SEARCH_NOT;
    *ret_cost += l->document.length;
    return search_location(s, l);
}

/* A SKU that only events spoke of is found too. */
static enum search_rank rank_item(const struct view *v, uint32_t n, const struct search *s, size_t *ret_cost)
{
    const struct sku *sku = table_sku(v->table, n);
    const struct item *i = sku ? sku_item(sku) : NULL;

    if (!sku || (i && i->deleted && !sku_rows_count(sku)))
        return SEARCH_NOT;
    *ret_cost += i ? i->document.length : 0;
    return search_item(s, sku_text(sku), i && !i->deleted ? i : NULL);
}

static bool item_is_of(const struct view *v, uint32_t n, struct text product)
{
    const struct sku *s = table_sku(v->table, n);
    const struct item *i = s ? item_of(s) : NULL;

    return i && text_equal(i->product, product);
}

static struct object item_found(const struct view *v, uint32_t n)
{
    return find_item(v, sku_text(table_sku(v->table, n)));
}

/* When it will have been silent for too long, unless it speaks; INSTANT_NONE: never, or it is already. As
 * engine/silence.c. */
static instant_t silent_too_long_at(const struct view *v, const struct location *l)
{
    instant_t heard = places_heard(v->places, l->number);

    if (!l->stale_after_us || heard == INSTANT_NONE || places_is_stale(v->places, l->number))
        return INSTANT_NONE;
    return hours_add(&calendar_of(&v->calendars, l)->hours, heard, l->stale_after_us);
}

/* What is no part of the document. A PUT that brings it back is not refused for it. */
static void put_heard(struct buffer *b, const struct view *v, struct text id)
{
    const struct location *l = catalogue_location(v->catalogue, id);

    if (!l)
        return;
    struct place_silence silence = places_silence(v->places, l->number);
    buffer_printf(b, ",\"stale\":%s,\"stale_since\":", silence.stale ? "true" : "false");
    json_put_instant(b, silence.since);
    buffer_text(b, TEXT(",\"last_event_at\":"));
    json_put_instant(b, places_heard(v->places, l->number));
    buffer_text(b, TEXT(",\"due_at\":"));
    json_put_instant(b, silent_too_long_at(v, l));
    buffer_text(b, TEXT(",\"last_count_at\":"));
    json_put_instant(b, places_counted(v->places, l->number));
    buffer_text(b, TEXT(",\"last_full_count_at\":"));
    json_put_instant(b, places_counted_whole(v->places, l->number));
}

static bool location_is_stale(const struct view *v, uint32_t n)
{
    return places_is_stale(v->places, n);
}

static const struct family locations = {.kind = RECORD_LOCATION,
                                        .id_key = "id",
                                        .collection = "locations",
                                        .id_is = text_is_name,
                                        .find = find_location,
                                        .count = locations_count,
                                        .at = location_at,
                                        .rank = rank_location,
                                        .found = location_at,
                                        .is_stale = location_is_stale,
                                        .put_shown = put_heard};
static const struct family groups = {.kind = RECORD_GROUP,
                                     .id_key = "id",
                                     .collection = "groups",
                                     .id_is = text_is_name,
                                     .find = find_group,
                                     .count = groups_count,
                                     .at = group_at};
static const struct family items = {.kind = RECORD_ITEM,
                                    .id_key = "sku",
                                    .collection = "items",
                                    .id_is = text_is_identifier,
                                    .find = find_item,
                                    .count = items_count,
                                    .at = item_at,
                                    .rank = rank_item,
                                    .found = item_found,
                                    .is_of = item_is_of};
static const struct family channels = {.kind = RECORD_CHANNEL,
                                       .id_key = "id",
                                       .collection = "channels",
                                       .id_is = is_channel,
                                       .find = find_channel,
                                       .count = channels_count,
                                       .at = channel_at};

/* ---- one ---- */

void reference_put(struct buffer *b, const struct view *v, const struct family *f, const struct object *o)
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
        reference_put(answer_body(x), NULL, f, o);
        answer_end(x);
        return;
    }
    struct etag etag = etag_begin(x, "private, no-cache");
    reference_put(answer_body(x), exchange_view(x), f, o);
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

static const struct family *const families[] = {&locations, &groups, &items, &channels};
enum { FAMILIES = sizeof(families) / sizeof(*families) };

const struct family *reference_family(enum record_kind kind)
{
    for (unsigned i = 0; i < FAMILIES; i++)
        if (families[i]->kind == kind)
            return families[i];
    return NULL;
}

static const struct family *family_of(const struct exchange *x)
{
    for (unsigned i = 0; i < FAMILIES; i++)
        if (text_equal(x->segments[1], text_of(families[i]->collection)))
            return families[i];
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

    if (!read_id(x, f, &id) || !body_is_json(x))
        return;
    p.count = 0;
    arena_reset(&x->loop->scratch.arena);
    int error = reference_from_json(f->kind, id, x->body, &x->loop->scratch.arena, &r, &p);
    if (error)
        body_wrong(x, error, &p);
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

#define FAMILY(name)                        \
    void name##_list(struct exchange *x);   \
    void name##_get(struct exchange *x);    \
    void name##_put(struct exchange *x);    \
    void name##_delete(struct exchange *x); \
    void name##_list(struct exchange *x)    \
    {                                       \
        reference_list(x, &name);           \
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
