/* Cuts: a consistent copy of the state, made little by little while it goes on changing.
 *
 * The state is a handful of series of numbered objects. At the cut each series' count is noted; what comes
 * later is not in the image. The image walks each series from its first object to its last, a few a step. An
 * object that is about to change is copied first, unless the walk has passed it or it was copied early
 * already (a bit remembers). So every object is written once, as it was at the cut. What is small is written
 * at the cut itself. */
#include "core/model/image.h"

#include "base/error.h"
#include "core/model/apply.h"
#include "core/model/id_memory.h"
#include "core/model/image_objects.h"
#include "core/model/repeats_image.h"
#include "core/model/reservations_image.h"

#include <stdlib.h>

enum series_kind {
    SERIES_LOCATIONS,
    SERIES_GROUPS,
    SERIES_CHANNELS,
    SERIES_SOURCES,
    SERIES_IDS,
    SERIES_SKUS,
    SERIES_RESERVATIONS,
    SERIES_END
};

struct series {
    uint32_t count, next;
    uint64_t *early; /* a bit for each object that was copied before the walk came to it */
};

struct image {
    struct state *state;
    image_write write; /* NULL: digest only */
    void *context;
    int error; /* of a copy that was made early; image_step tells it */
    struct hash128 digest;
    struct repeats_span span;
    uint64_t first_chunk;
    struct series series[SERIES_END];
    size_t bytes; /* of this step */
    struct buffer section, rows;
};

/* ---- writing sections ---- */

/* Hands over what stands in i->section. */
static void emit(struct image *i, enum image_section kind)
{
    if (i->error || (!i->section.length && !i->section.failed))
        return;
    if (i->section.failed) {
        i->error = ERROR_NOMEM;
        return;
    }
    i->digest = digest_sum(i->digest, hash128(i->section.at, i->section.length, kind));
    i->bytes += i->section.length;
    if (i->write)
        i->error = i->write(i->context, (uint8_t)kind, i->section.at, i->section.length);
}

static void copy(struct image *i, enum series_kind kind, uint32_t number)
{
    static const uint8_t sections[SERIES_END] = {
        [SERIES_LOCATIONS] = IMAGE_LOCATION, [SERIES_GROUPS] = IMAGE_GROUP, [SERIES_CHANNELS] = IMAGE_CHANNEL,
        [SERIES_SOURCES] = IMAGE_SOURCE,     [SERIES_IDS] = IMAGE_IDS,      [SERIES_SKUS] = IMAGE_SKU,
        [SERIES_RESERVATIONS] = IMAGE_RESERVATION,
    };
    const struct state *s = i->state;

    buffer_clear(&i->section);
    switch (kind) {
    case SERIES_LOCATIONS:
        save_location(catalogue_location_at(s->catalogue, number), &i->section);
        break;
    case SERIES_GROUPS:
        save_group(catalogue_group_at(s->catalogue, number), &i->section);
        break;
    case SERIES_CHANNELS:
        save_channel(catalogue_channel_at(s->catalogue, number), &i->section);
        break;
    case SERIES_SOURCES:
        repeats_save_source(s->repeats, number, &i->section);
        break;
    case SERIES_IDS:
        repeats_save_ids(s->repeats, i->first_chunk + number, &i->span, &i->section);
        break;
    case SERIES_SKUS:
        save_sku(s, table_sku(s->table, number), &i->rows, &i->section);
        break;
    case SERIES_RESERVATIONS:
        reservations_save_one(s->reservations, number, &i->section);
        break;
    case SERIES_END:
        break;
    }
    emit(i, sections[kind]);
}

static bool was_early(const struct series *s, uint32_t number)
{
    return s->early[number / 64] >> number % 64 & 1;
}

static void before(struct image *i, enum series_kind kind, uint64_t number)
{
    struct series *s = &i->series[kind];

    if (number >= s->count || number < s->next || was_early(s, (uint32_t)number) || i->error)
        return;
    s->early[number / 64] |= UINT64_C(1) << number % 64;
    copy(i, kind, (uint32_t)number);
}

/* ---- what the parts tell ---- */

void image_before_sku(struct state *s, struct sku *sku)
{
    if (s->image)
        before(s->image, SERIES_SKUS, sku_number(sku));
}

static void before_catalogue(void *context, enum catalogue_kind kind, uint32_t number)
{
    static const uint8_t series[] = {
        [CATALOGUE_LOCATION] = SERIES_LOCATIONS,
        [CATALOGUE_GROUP] = SERIES_GROUPS,
        [CATALOGUE_CHANNEL] = SERIES_CHANNELS,
        [CATALOGUE_ITEM] = SERIES_SKUS,
    };
    before(context, series[kind], number);
}

static void before_drop(void *context, uint64_t chunk)
{
    struct image *i = context;
    before(i, SERIES_IDS, chunk - i->first_chunk);
}

static void before_source(void *context, uint32_t source)
{
    before(context, SERIES_SOURCES, source);
}

static void before_reservation(void *context, uint32_t number)
{
    before(context, SERIES_RESERVATIONS, number);
}

static void watch(struct state *s, struct image *i)
{
    reservations_watch(s->reservations, i ? before_reservation : NULL, i);

    struct repeats_watcher watcher = {i, before_drop, before_source};

    repeats_watch(s->repeats, i ? &watcher : NULL);
    catalogue_watch(s->catalogue, i ? before_catalogue : NULL, i);
}

/* ---- from the cut to the end ---- */

static void destroy(struct image *i)
{
    if (!i)
        return;
    for (int k = 0; k < SERIES_END; k++)
        free(i->series[k].early);
    buffer_finish(&i->section);
    buffer_finish(&i->rows);
    free(i);
}

/* Notes what there is and writes what is small. NULL without memory. */
static struct image *cut(struct state *s, image_write write, void *context)
{
    struct image *i = calloc(1, sizeof(*i));
    struct image_counts counts = {catalogue_locations_count(s->catalogue),
                                  catalogue_groups_count(s->catalogue),
                                  catalogue_channels_count(s->catalogue), table_sku_count(s->table)};

    if (!i)
        return NULL;
    *i = (struct image){.state = s, .write = write, .context = context, .span = repeats_span(s->repeats)};
    i->first_chunk = id_chunk_of(i->span.oldest);
    i->series[SERIES_LOCATIONS].count = counts.locations;
    i->series[SERIES_GROUPS].count = counts.groups;
    i->series[SERIES_CHANNELS].count = counts.channels;
    i->series[SERIES_SOURCES].count = i->span.sources;
    i->series[SERIES_IDS].count = (uint32_t)(id_chunk_of(i->span.next) - i->first_chunk + 1);
    i->series[SERIES_SKUS].count = counts.skus;
    i->series[SERIES_RESERVATIONS].count = s->reservations->count;
    for (int k = 0; k < SERIES_END; k++)
        if (!(i->series[k].early = calloc(i->series[k].count / 64 + 1, sizeof(uint64_t)))) {
            destroy(i);
            return NULL;
        }
    save_header(s, &counts, &i->section);
    emit(i, IMAGE_HEADER);
    buffer_clear(&i->section);
    save_positions(s, &i->section);
    emit(i, IMAGE_POSITIONS);
    buffer_clear(&i->section);
    places_save(&s->places, &i->section);
    emit(i, IMAGE_HEARD);
    buffer_clear(&i->section);
    places_save_silence(&s->places, &i->section);
    emit(i, IMAGE_SILENCE);
    buffer_clear(&i->section);
    reservations_save_head(s->reservations, &i->section);
    emit(i, IMAGE_RESERVATIONS);
    buffer_clear(&i->section);
    outputs_save(&s->outputs, &i->section);
    emit(i, IMAGE_OUTPUTS);
    return i;
}

int image_begin(struct state *s, image_write write, void *context)
{
    if (s->image)
        return ERROR_BUSY;
    struct image *i = cut(s, write, context);
    int error = i ? i->error : ERROR_NOMEM;
    if (error) {
        destroy(i);
        return error;
    }
    s->image = i;
    watch(s, i);
    return 0;
}

/* Walks on by one object. False at the end. */
static bool walk(struct image *i, enum series_kind *at)
{
    struct series *s = &i->series[*at];

    if (s->next == s->count) {
        ++*at;
        return *at < SERIES_END;
    }
    if (!was_early(s, s->next))
        copy(i, *at, s->next);
    s->next++;
    return true;
}

int image_step(struct state *s, size_t budget_bytes, struct hash128 *ret_digest)
{
    struct image *i = s->image;
    enum series_kind at = SERIES_LOCATIONS;
    bool more = true;

    if (!i)
        return ERROR_NOTFOUND;
    i->bytes = 0;
    while (more && !i->error && i->bytes <= budget_bytes)
        more = walk(i, &at);
    if (more && !i->error)
        return 1;
    int error = i->error;
    if (!error)
        *ret_digest = i->digest;
    image_abandon(s);
    return error;
}

void image_abandon(struct state *s)
{
    if (s->image)
        watch(s, NULL);
    destroy(s->image);
    s->image = NULL;
    image_loading_destroy(s->loading);
    s->loading = NULL;
}

struct hash128 state_digest(struct state *s)
{
    struct image *i = cut(s, NULL, NULL); /* nobody need be told: nothing changes before it is done */
    enum series_kind at = SERIES_LOCATIONS;

    while (i && !i->error && walk(i, &at))
        ;
    struct hash128 digest = i && !i->error ? i->digest : (struct hash128){0, 0};
    destroy(i);
    return digest;
}
