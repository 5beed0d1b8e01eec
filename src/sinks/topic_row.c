/* From rows to messages: key `sku|location`, value the row as JSON, a header with the version. */
#include "sinks/topic_internal.h"
#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "codec/json.h"
#include "codec/row_json.h"
#include "sinks/sku_key.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS_AT_FIRST = 64 };
#define VERSION_KNOWN (UINT64_C(1) << 56) /* keeps a version from being 0 */
#define VERSION_MASK (VERSION_KNOWN - 1)
#define PUT(literal) buffer_text(b, TEXT(literal))

static uint64_t number_of(const struct view *v, uint64_t offset)
{
    uint32_t incarnations = atomic_load_explicit(&v->incarnations_count, memory_order_acquire);
    return row_version(offset, (uint8_t)(incarnations - 1), 0) | VERSION_KNOWN;
}

uint64_t topic_base(const struct view *v, struct duty_place place)
{
    return place.incarnation == view_incarnation(v) && place.offset ? number_of(v, place.offset - 1) : 0;
}

static int read_rows(struct topic_sink *s, const struct sku *sku, instant_t now, size_t *ret_count)
{
    struct question q = {.now = now};
    milli_t sum;

    for (;;) {
        size_t count = query_everywhere(s->options.view, sku, &q, s->rows, s->rows_capacity, &sum);
        if (count <= s->rows_capacity && s->rows) {
            *ret_count = count;
            return 0;
        }
        size_t capacity = count > ROWS_AT_FIRST ? count + count / 2 : ROWS_AT_FIRST;
        if (!array_grow(&s->rows, s->rows_capacity, capacity, sizeof(*s->rows)))
            return ERROR_NOMEM;
        s->rows_capacity = capacity;
    }
}

/* A kit's components are known before its rows are read: whoever changes one afterwards finds the kit. It is
 * noted as a component of itself, so that it is known for one when it is none any more. */
static int note_kit(struct topic_sink *s, const struct sku *of, const struct item *item, uint32_t sku)
{
    bool kit = item && item->components_count;
    int error = kit ? kits_add(&s->kits, hash_text(sku_text(of)), sku) : 0;

    for (uint32_t i = 0; item && i < item->components_count && !error; i++)
        error = kits_add(&s->kits, hash_text(item->components[i].sku), sku);
    return error;
}

static uint64_t offset_of(uint64_t number)
{
    return row_offset(&(struct row_image){.word[ROW_VERSION] = number});
}

/* What a row shows changes with its place as well: with its document, and when it falls silent or speaks. */
static bool is_newer(const struct view *v, const struct query_row *r, uint64_t base)
{
    return !base || (r->row.word[ROW_VERSION] & VERSION_MASK) > (base & VERSION_MASK) ||
           r->place->version > offset_of(base) ||
           (v->places && places_silence(v->places, r->location).offset > offset_of(base));
}

bool topic_rules_changed(struct topic_sink *s, uint64_t base)
{
    const struct catalogue *c = s->options.view->catalogue;
    bool changed = false;

    epoch_enter(s->reader);
    for (uint32_t i = 0, count = catalogue_channels_count(c); i < count && !changed; i++)
        changed = catalogue_channel_at(c, i)->version > offset_of(base);
    for (uint32_t i = 0, count = catalogue_groups_count(c); i < count && !changed; i++)
        changed = catalogue_group_at(c, i)->version > offset_of(base);
    epoch_exit(s->reader);
    return changed;
}

static void put_key(struct buffer *b, struct text sku, struct text location)
{
    buffer_clear(b);
    sku_key_put(b, sku);
    PUT("|");
    buffer_text(b, location);
}

static void put_value(struct buffer *b, const struct view *v, const struct query_row *r, struct text sku,
                      const struct item *item, struct version version, instant_t at)
{
    buffer_clear(b);
    PUT("{\"sku\":");
    json_put_string(b, sku);
    PUT(",\"location\":");
    json_put_string(b, r->place->id);
    PUT(",\"version\":");
    json_put_version(b, version);
    PUT(",\"at\":");
    json_put_instant(b, at > 0 ? at : INSTANT_NONE);
    PUT(",\"available\":");
    json_put_quantity(b, r->figure.available);
    PUT(",\"level\":\"");
    buffer_string(b, level_name(r->figure.level));
    PUT("\",\"row_version\":");
    json_put_row_version(b, v, &r->row);
    json_put_row_facts(b, v, r, item);
    PUT("}");
}

static int produce_row(struct topic_sink *s, const struct query_row *r, const struct sku *sku,
                       const struct item *item, struct version version, instant_t at)
{
    char header[48];

    put_key(&s->key, sku_text(sku), r->place->id);
    put_value(&s->value, s->options.view, r, sku_text(sku), item, version, at);
    if (s->key.failed || s->value.failed)
        return ERROR_NOMEM;
    snprintf(header, sizeof(header), "%lu:%lu", version.incarnation, version.offset);
    return topic_produce(s, (struct text){s->key.at, s->key.length},
                         (struct text){s->value.at, s->value.length}, header);
}

/* ---- kits ---- */

static bool is_row(const struct topic_sink *s, size_t count, uint32_t location)
{
    for (size_t i = 0; i < count; i++)
        if (s->rows[i].location == location && s->rows[i].place)
            return true;
    return false;
}

/* A kit that was put together otherwise, or is none any more, is not at all the places where it was: there
 * its key goes. (Where it never was that says nothing new.) */
static int drop_left_over(struct topic_sink *s, const struct sku *sku, size_t count, struct version version)
{
    const struct catalogue *c = s->options.view->catalogue;
    char header[48];
    int error = 0;

    snprintf(header, sizeof(header), "%lu:%lu", version.incarnation, version.offset);
    for (uint32_t i = 0, locations = catalogue_locations_count(c); i < locations && !error; i++) {
        if (is_row(s, count, i))
            continue;
        put_key(&s->key, sku_text(sku), catalogue_location_at(c, i)->id);
        error = s->key.failed
                    ? ERROR_NOMEM
                    : topic_produce(s, (struct text){s->key.at, s->key.length}, (struct text){0}, header);
    }
    return error;
}

/* Inside an epoch section. */
static int write_sku(struct topic_sink *s, uint32_t number, uint64_t base, uint64_t *ret_version)
{
    const struct view *v = s->options.view;
    struct version version = view_version(v); /* before the rows: they are at least as new */
    instant_t at = atomic_load_explicit(&v->log_time, memory_order_relaxed);
    uint64_t now = number_of(v, version.offset);
    const struct sku *sku = table_sku(v->table, number);
    const struct item *item = item_of(sku);
    const struct item *said = sku_item(sku); /* a deleted one as well: that was a change */
    size_t count = 0;
    bool kit = item && item->components_count;
    int error = note_kit(s, sku, item, number);

    if (!error)
        error = read_rows(s, sku, at, &count);
    bool said_anew = said && base && said->version > offset_of(base);
    bool all = kit || said_anew || (base ^ now) & UINT64_C(0xFF) << 48;
    for (size_t i = 0; i < count && !error; i++)
        if (s->rows[i].place && is_newer(v, &s->rows[i], all ? 0 : base))
            error = produce_row(s, &s->rows[i], sku, item, version, at);
    if (!error && (said_anew || !base) && kits_have(&s->kits, hash_text(sku_text(sku)), number))
        error = drop_left_over(s, sku, count, version);
    if (!error)
        *ret_version = now;
    return error;
}

int topic_write_sku(struct topic_sink *s, uint32_t sku, uint64_t base, uint64_t *ret_version)
{
    epoch_enter(s->reader);
    int error = write_sku(s, sku, base, ret_version);
    epoch_exit(s->reader);
    return error;
}

void topic_row_finish(struct topic_sink *s)
{
    free(s->rows);
    buffer_finish(&s->key);
    buffer_finish(&s->value);
}
