/* What an image's sections look like: fields one after another, little-endian, every text behind its length.
 * Reading trusts nothing. */
#include "core/model/image_objects.h"

#include "base/error.h"
#include "base/hash.h"
#include "core/model/apply.h"
#include "core/model/image.h"
#include "core/model/ledger.h"
#include "core/model/repeats_image.h"

#include <stdlib.h>

enum {
    SETTINGS = sizeof(struct log_settings) / sizeof(int64_t),
    COUNTERS = sizeof(struct state_counts) / sizeof(uint64_t),
    LOCATION_NUMBERS = 4194304, /* the most that settings allow */
};

static int done(const struct bytes *in)
{
    return bytes_done(in) ? 0 : ERROR_CORRUPT;
}

/* ---- header and positions ---- */

void save_header(const struct state *s, const struct image_counts *counts, struct buffer *out)
{
    put_u32(out, IMAGE_FORMAT);
    put_u32(out, s->level);
    put_i64(out, s->log_time);
    put_u64(out, s->next_offset);
    put_u32(out, s->incarnations_count);
    buffer_add(out, s->incarnations, s->incarnations_count * sizeof(s->incarnations[0]));
    put_u32(out, SETTINGS);
    buffer_add(out, &s->settings, sizeof(s->settings));
    put_u32(out, COUNTERS);
    buffer_add(out, &s->counts, sizeof(s->counts));
    put_u32(out, counts->locations);
    put_u32(out, counts->groups);
    put_u32(out, counts->channels);
    put_u32(out, counts->skus);
    repeats_save_header(s->repeats, out);
}

static bool settings_in_range(const struct log_settings *v)
{
#define LOG_SETTING(name, first, least, most, meaning) \
    if (v->name < (least) || v->name > (most))         \
        return false;
#include "core/model/log_settings.def"
#undef LOG_SETTING
    return true;
}

int load_header(struct state *s, struct bytes *in, struct image_counts *ret_counts)
{
    uint32_t format = get_u32(in), level = get_u32(in);

    if (in->failed)
        return ERROR_CORRUPT;
    if (format > IMAGE_FORMAT || level > LEVEL_NEWEST)
        return ERROR_LEVEL;
    s->level = level;
    s->log_time = get_i64(in);
    s->next_offset = get_u64(in);
    s->incarnations_count = get_u32(in);
    if (s->incarnations_count > INCARNATIONS_MOST) {
        s->incarnations_count = 0;
        return ERROR_CORRUPT;
    }
    get_raw(in, s->incarnations, s->incarnations_count * sizeof(s->incarnations[0]));
    uint32_t settings = get_u32(in);
    if (settings > SETTINGS)
        return ERROR_LEVEL; /* settings are only ever added: a newer onhand wrote it */
    get_raw(in, &s->settings, settings * sizeof(int64_t));
    uint32_t counters = get_u32(in);
    if (counters > COUNTERS)
        return ERROR_LEVEL;
    get_raw(in, &s->counts, counters * sizeof(uint64_t));
    *ret_counts = (struct image_counts){get_u32(in), get_u32(in), get_u32(in), get_u32(in)};
    if (in->failed || level < LEVEL_FIRST || !settings_in_range(&s->settings) ||
        ret_counts->locations > LOCATION_NUMBERS)
        return ERROR_CORRUPT;
    state_settings_changed(s);
    int result = repeats_load_header(s->repeats, in);
    return result ? result : done(in);
}

void save_positions(const struct state *s, struct buffer *out)
{
    uint32_t count = positions_count(s->positions);

    put_u32(out, count);
    for (uint32_t i = 0; i < count; i++) {
        struct text name;
        int32_t partition;
        int64_t offset;
        positions_at(s->positions, i, &name, &partition, &offset);
        put_text(out, name);
        put_u32(out, (uint32_t)partition);
        put_i64(out, offset);
    }
}

int load_positions(struct state *s, struct bytes *in)
{
    uint32_t count = get_u32(in);

    for (uint32_t i = 0; i < count && !in->failed; i++) {
        struct intake_said said = {.name = get_text(in)};
        said.partition = (int32_t)get_u32(in);
        said.offset = get_i64(in);
        if (in->failed || positions_count(s->positions) != i)
            return ERROR_CORRUPT;
        if (positions_advance(s->positions, &said))
            return ERROR_NOMEM;
    }
    return positions_count(s->positions) == count ? done(in) : ERROR_CORRUPT;
}

/* ---- the catalogue ---- */

void save_location(const struct location *l, struct buffer *out)
{
    put_u32(out, l->number);
    put_u8(out, l->registered);
    put_u8(out, l->enabled);
    put_u8(out, l->returns);
    put_u8(out, l->has_position);
    put_u8(out, l->deleted);
    put_u32(out, (uint32_t)l->latitude_e7);
    put_u32(out, (uint32_t)l->longitude_e7);
    put_u32(out, (uint32_t)l->type);
    put_u32(out, l->methods);
    put_i64(out, l->stale_after_us);
    put_i64(out, l->changed_at);
    put_u64(out, l->version);
    put_text(out, l->id);
    put_text(out, l->name);
    put_text(out, l->time_zone);
    put_text(out, l->document);
    put_u32(out, l->sources_count);
    for (uint32_t i = 0; i < l->sources_count; i++)
        put_text(out, l->sources[i]);
}

/* *ret to be freed. */
static int load_texts(struct bytes *in, uint32_t *ret_count, struct text **ret)
{
    uint32_t count = get_u32(in);
    struct text *texts;

    if (in->failed || count > in->left / sizeof(uint32_t))
        return ERROR_CORRUPT;
    if (!(texts = malloc((count + 1) * sizeof(*texts))))
        return ERROR_NOMEM;
    for (uint32_t i = 0; i < count; i++)
        texts[i] = get_text(in);
    *ret = texts;
    *ret_count = count;
    return 0;
}

int load_location(struct state *s, struct bytes *in)
{
    struct location l = {.number = get_u32(in)};

    l.registered = get_bool(in);
    l.enabled = get_bool(in);
    l.returns = get_bool(in);
    l.has_position = get_bool(in);
    l.deleted = get_bool(in);
    l.latitude_e7 = (int32_t)get_u32(in);
    l.longitude_e7 = (int32_t)get_u32(in);
    uint32_t type = get_u32(in);
    l.type = (enum location_type)type;
    l.methods = get_u32(in);
    l.stale_after_us = get_i64(in);
    l.changed_at = get_i64(in);
    l.version = get_u64(in);
    l.id = get_text(in);
    l.name = get_text(in);
    l.time_zone = get_text(in);
    l.document = get_text(in);
    struct text *sources;
    int error = load_texts(in, &l.sources_count, &sources);
    if (error)
        return error;
    l.sources = sources;
    error = bytes_done(in) && type < LOCATION_TYPE_END && l.id.length
                ? catalogue_restore_location(s->catalogue, &l)
                : ERROR_CORRUPT;
    free(sources);
    return error;
}

void save_group(const struct group *g, struct buffer *out)
{
    put_u32(out, g->number);
    put_u8(out, g->deleted);
    put_i64(out, g->changed_at);
    put_u64(out, g->version);
    put_text(out, g->id);
    put_text(out, g->name);
    put_text(out, g->document);
    put_u32(out, g->members_count);
    for (uint32_t i = 0; i < g->members_count; i++)
        put_text(out, g->members[i]);
}

int load_group(struct state *s, struct bytes *in)
{
    struct group g = {.number = get_u32(in)};

    g.deleted = get_bool(in);
    g.changed_at = get_i64(in);
    g.version = get_u64(in);
    g.id = get_text(in);
    g.name = get_text(in);
    g.document = get_text(in);
    struct text *members;
    int error = load_texts(in, &g.members_count, &members);
    if (error)
        return error;
    g.members = members;
    error = bytes_done(in) && g.id.length ? catalogue_restore_group(s->catalogue, &g) : ERROR_CORRUPT;
    free(members);
    return error;
}

static void save_rule(const struct rule *r, struct buffer *out)
{
    put_u8(out, (uint8_t)r->item.by);
    put_text(out, r->item.name);
    put_u8(out, (uint8_t)r->place.by);
    put_text(out, r->place.name);
    put_u32(out, r->method);
    put_u8(out, (uint8_t)r->when);
    put_u32(out, r->sets);
    put_u8(out, r->enabled);
    for (int i = 0; i < RULE_FIELDS; i++)
        put_i64(out, r->value[i]);
}

static bool load_rule(struct bytes *in, struct rule *r)
{
    unsigned item = get_u8(in);
    r->item = (struct narrowing){(enum narrowed)item, get_text(in)};
    unsigned place = get_u8(in);
    r->place = (struct narrowing){(enum narrowed)place, get_text(in)};
    r->method = get_u32(in);
    unsigned when = get_u8(in);
    r->when = (enum rule_when)when;
    r->sets = get_u32(in);
    r->enabled = get_bool(in);
    for (int i = 0; i < RULE_FIELDS; i++)
        r->value[i] = get_i64(in);
    return !in->failed && item < NARROWED_END && place < NARROWED_END && when < RULE_WHEN_END &&
           r->sets < 2 * RULE_SETS_ENABLED;
}

void save_channel(const struct channel *c, struct buffer *out)
{
    put_u32(out, c->number);
    put_u8(out, c->registered);
    put_u8(out, c->deleted);
    put_i64(out, c->low_threshold);
    put_i64(out, c->changed_at);
    put_u64(out, c->version);
    put_text(out, c->id);
    put_text(out, c->name);
    put_text(out, c->document);
    put_u32(out, c->rules_count);
    for (uint32_t i = 0; i < c->rules_count; i++)
        save_rule(&c->rules[i], out);
}

int load_channel(struct state *s, struct bytes *in)
{
    struct channel c = {.number = get_u32(in)};

    c.registered = get_bool(in);
    c.deleted = get_bool(in);
    c.low_threshold = get_i64(in);
    c.changed_at = get_i64(in);
    c.version = get_u64(in);
    c.id = get_text(in);
    c.name = get_text(in);
    c.document = get_text(in);
    c.rules_count = get_u32(in);
    if (in->failed || !c.id.length || c.rules_count > in->left / (RULE_FIELDS * sizeof(milli_t)))
        return ERROR_CORRUPT;
    struct rule *rules = malloc((c.rules_count + 1) * sizeof(*rules));
    if (!rules)
        return ERROR_NOMEM;
    bool ok = true;
    for (uint32_t i = 0; i < c.rules_count && ok; i++)
        ok = load_rule(in, &rules[i]);
    c.rules = rules;
    int result = ok && bytes_done(in) ? catalogue_restore_channel(s->catalogue, &c) : ERROR_CORRUPT;
    free(rules);
    return result;
}

/* ---- SKUs ---- */

static void save_item(const struct item *i, struct buffer *out)
{
    put_u8(out, i != NULL);
    if (!i)
        return;
    put_u8(out, i->deleted);
    put_i64(out, i->step);
    put_i64(out, i->changed_at);
    put_i64(out, i->release_at);
    put_u64(out, i->version);
    put_text(out, i->name);
    put_text(out, i->product);
    put_text(out, i->unit);
    put_text(out, i->document);
    put_u32(out, i->restricted);
    put_u32(out, i->components_count);
    for (uint32_t n = 0; n < i->components_count; n++) {
        put_text(out, i->components[n].sku);
        put_i64(out, i->components[n].quantity);
    }
}

static int load_components(struct bytes *in, struct component *components, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++) {
        components[n].sku = get_text(in);
        components[n].quantity = get_i64(in);
        if (in->failed || components[n].quantity <= 0 || components[n].quantity > QUANTITY_MOST)
            return ERROR_CORRUPT;
    }
    return 0;
}

static int load_item(struct state *s, struct sku *sku, struct bytes *in)
{
    if (!get_bool(in))
        return in->failed ? ERROR_CORRUPT : 0;
    struct item i = {.sku = sku_text(sku)};
    i.deleted = get_bool(in);
    i.step = get_i64(in);
    i.changed_at = get_i64(in);
    i.release_at = get_i64(in);
    i.version = get_u64(in);
    i.name = get_text(in);
    i.product = get_text(in);
    i.unit = get_text(in);
    i.document = get_text(in);
    i.restricted = get_u32(in);
    i.components_count = get_u32(in);
    if (in->failed || i.step < 1 || i.components_count > in->left / (sizeof(uint32_t) + sizeof(milli_t)))
        return ERROR_CORRUPT;
    struct component *components = malloc((i.components_count + 1) * sizeof(*components));
    if (!components)
        return ERROR_NOMEM;
    int result = load_components(in, components, i.components_count);
    i.components = components;
    if (!result)
        result = catalogue_restore_item(s->catalogue, sku, &i);
    free(components);
    return result;
}

/* The words of a row but the pointer, and the ledger that the pointer leads to. */
static void save_row(const struct row_image *r, struct buffer *out)
{
    uint64_t rare = r->word[ROW_RARE];

    _Static_assert(ROW_RARE == ROW_WORDS - 1, "the pointer is the last word");
    buffer_add(out, r->word, ROW_RARE * sizeof(r->word[0]));
    put_u8(out, rare != 0);
    if (!rare)
        return;
    size_t length_at = out->length;
    put_u32(out, 0);
    rare_save(rare, out);
    if (out->failed)
        return;
    uint32_t length = (uint32_t)(out->length - length_at - sizeof(length));
    memcpy(out->at + length_at, &length, sizeof(length));
}

void save_sku(const struct state *s, const struct sku *sku, struct buffer *rows, struct buffer *out)
{
    size_t count = sku_rows_count(sku);

    buffer_clear(rows);
    struct row_image *row = (struct row_image *)buffer_reserve(rows, (count + 1) * sizeof(*row));
    if (!row) {
        out->failed = true;
        return;
    }
    sku_read_all(s->table, sku, row, count);
    put_u32(out, sku_number(sku));
    put_text(out, sku_text(sku));
    save_item(sku_item(sku), out);
    put_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        save_row(&row[i], out);
}

static int load_rare(struct slabs *slabs, struct text books, uint64_t *ret)
{
    struct ledger *ledger;

    if ((*ret = ledger_rest(slabs, books.at, books.length)))
        return 0;
    int result = ledger_load(books.at, books.length, &ledger);
    if (result)
        return result;
    if ((*ret = (uintptr_t)rare_build(ledger)))
        return 0;
    ledger_destroy(ledger);
    return ERROR_NOMEM;
}

static int load_row(struct state *s, struct bytes *in, struct sku_loading *l, struct row_image *ret)
{
    *ret = (struct row_image){0};
    get_raw(in, ret->word, ROW_RARE * sizeof(ret->word[0]));
    bool has_ledger = get_bool(in);
    uint32_t location = row_location(ret);
    if (in->failed || location >= l->locations_count || l->seen[location] == l->skus_loaded)
        return ERROR_CORRUPT;
    l->seen[location] = l->skus_loaded;
    if (!has_ledger)
        return 0;
    struct text books = get_text(in);
    if (in->failed)
        return ERROR_CORRUPT;
    return load_rare(&s->resting, books, &ret->word[ROW_RARE]);
}

static int load_rows(struct state *s, struct sku *sku, struct bytes *in, struct sku_loading *l)
{
    uint32_t count = get_u32(in), loaded = 0;
    int result = 0;

    if (in->failed || count > in->left / (ROW_RARE * sizeof(uint64_t)))
        return ERROR_CORRUPT;
    buffer_clear(&l->rows);
    struct row_image *row = (struct row_image *)buffer_reserve(&l->rows, (count + 1) * sizeof(*row));
    if (!row)
        return ERROR_NOMEM;
    for (; loaded < count; loaded++)
        if ((result = load_row(s, in, l, &row[loaded])))
            break;
    if (!result)
        result = done(in);
    if (!result && count)
        result = table_publish(s->table, sku, row, count);
    for (uint32_t i = 0; result && i < loaded; i++)
        if (row[i].word[ROW_RARE])
            rare_destroy((void *)(uintptr_t)row[i].word[ROW_RARE]);
    return result ? result : state_rows_loaded(s, sku, row, count); /* while the ledgers are at hand */
}

int load_sku(struct state *s, struct bytes *in, struct sku_loading *l)
{
    uint32_t number = get_u32(in);
    struct text text = get_text(in);
    uint64_t hash = hash_text(text);

    if (in->failed || number != table_sku_count(s->table) || !text.length || text.length > TEXT_BYTES_MOST ||
        table_find_hashed(s->table, text, hash))
        return ERROR_CORRUPT;
    if (!l->seen && !(l->seen = calloc(l->locations_count + 1, sizeof(*l->seen))))
        return ERROR_NOMEM;
    struct sku *sku = table_add(s->table, text, hash);
    if (!sku)
        return ERROR_NOMEM;
    l->skus_loaded++;
    int result = load_item(s, sku, in);
    return result ? result : load_rows(s, sku, in, l);
}
