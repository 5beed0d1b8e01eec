/* The state as one thing: made empty, told its incarnation and settings, destroyed. */
#include "core/model/state.h"

#include "base/error.h"
#include "core/model/image.h"
#include "core/model/kept.h"

#include <stdlib.h>

static const struct log_settings first_settings = {
#define LOG_SETTING(name, first, least, most, meaning) .name = first,
#include "core/model/log_settings.def"
#undef LOG_SETTING
};

struct state *state_create(struct epoch *e)
{
    struct state *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->epoch = e;
    s->settings = first_settings;
    s->level = LEVEL_FIRST;
    s->log_time = INSTANT_NONE;
    s->table = table_create(&(struct table_options){.epoch = e, .retire_rare = rare_destroy});
    s->catalogue = catalogue_create(e);
    s->repeats = repeats_create(0, (size_t)s->settings.ids_remembered);
    s->positions = positions_create();
    s->reservations = reservations_create(e);
    s->open_demand = chains_create(e);
    if (!s->table || !s->catalogue || !s->repeats || !s->positions || !s->reservations ||
        !s->open_demand) {
        state_destroy(s);
        return NULL;
    }
    state_settings_changed(s);
    return s;
}

/* The items hang on SKUs but are not the table's; rare parts and ledgers go with it. */
static void free_items(struct table *t)
{
    for (uint32_t i = 0; i < table_sku_count(t); i++) {
        struct sku *sku = table_sku(t, i);
        const void *item = sku_item(sku);
        sku_set_item(sku, NULL);
        free((void *)(uintptr_t)item);
    }
}

void state_destroy(struct state *s)
{
    if (!s)
        return;
    image_abandon(s);
    if (s->apply_destroy)
        s->apply_destroy(s->apply);
    if (s->table)
        free_items(s->table);
    reservations_destroy(s->reservations);
    table_destroy(s->table);
    slabs_finish(&s->resting); /* behind the rows that name what is in it */
    catalogue_destroy(s->catalogue);
    repeats_destroy(s->repeats);
    positions_destroy(s->positions);
    places_finish(&s->places);
    due_finish(&s->due);
    chains_destroy(s->open_demand);
    arena_finish(&s->scratch);
    free(s);
}

int state_incarnate(struct state *s, uint64_t incarnation)
{
    if (s->incarnations_count == INCARNATIONS_MOST)
        return ERROR_LIMIT;
    if (s->incarnations_count == 0)
        repeats_reseed(s->repeats, incarnation);
    s->incarnations[s->incarnations_count++] = incarnation;
    return 0;
}

void state_settings_changed(struct state *s)
{
    repeats_resize(s->repeats, (size_t)s->settings.ids_remembered);
    repeats_bound_sources(s->repeats, (size_t)s->settings.sources_remembered,
                          (size_t)s->settings.sources_bytes);
}
