/* Finding, changing and publishing the rows of one record. */
#include "core/model/staging.h"

#include "base/array.h"
#include "base/error.h"
#include "core/model/image.h"

#include <stdlib.h>

enum { FEW = 8, FIRST_ROWS = 16, FIRST_SLOTS = 64 };

static uint32_t row_hash(const struct sku *sku, uint32_t location)
{
    uint64_t h = ((uint64_t)sku_number(sku) << 32 | location) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 32);
}

/* A slot holds the number of a row + 1, or of a SKU's chain + 1 with this bit. */
#define CHAIN_SLOT 0x80000000u

static void slot_put(struct apply *a, uint32_t hash, uint32_t value)
{
    uint32_t mask = a->slots_count - 1, slot = hash & mask;
    while (a->slots[slot])
        slot = (slot + 1) & mask;
    a->slots[slot] = value;
}

static void put_row(struct apply *a, uint32_t number)
{
    slot_put(a, row_hash(a->rows[number].sku, a->rows[number].location), number + 1);
}

static void put_chain(struct apply *a, uint32_t number)
{
    slot_put(a, row_hash(a->skus[number].sku, UINT32_MAX), (number + 1) | CHAIN_SLOT);
}

static void put_all(struct apply *a)
{
    for (uint32_t i = 0; i < a->rows_count; i++)
        put_row(a, i);
    for (uint32_t i = 0; i < a->skus_count; i++)
        put_chain(a, i);
}

static int slots_grow(struct apply *a)
{
    uint32_t count = a->slots_count ? a->slots_count * 2 : FIRST_SLOTS;
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (!slots)
        return ERROR_NOMEM;
    free(a->slots);
    a->slots = slots;
    a->slots_count = count;
    if (a->rows_count > FEW)
        put_all(a);
    return 0;
}

static struct staged_row *find_staged(const struct apply *a, const struct sku *sku, uint32_t location)
{
    if (a->rows_count <= FEW) {
        for (uint32_t i = 0; i < a->rows_count; i++)
            if (a->rows[i].sku == sku && a->rows[i].location == location)
                return &a->rows[i];
        return NULL;
    }
    uint32_t mask = a->slots_count - 1;
    for (uint32_t slot = row_hash(sku, location) & mask; a->slots[slot]; slot = (slot + 1) & mask) {
        if (a->slots[slot] & CHAIN_SLOT)
            continue;
        struct staged_row *row = &a->rows[a->slots[slot] - 1];
        if (row->sku == sku && row->location == location)
            return row;
    }
    return NULL;
}

static int rows_grow(struct apply *a)
{
    uint32_t capacity = a->rows_capacity ? a->rows_capacity * 2 : FIRST_ROWS;
    if (!array_grow(&a->rows, a->rows_capacity, capacity, sizeof(*a->rows)))
        return ERROR_NOMEM;
    a->rows_capacity = capacity;
    return 0;
}

static int skus_grow(struct apply *a)
{
    uint32_t capacity = a->skus_capacity ? a->skus_capacity * 2 : FIRST_ROWS;
    if (!array_grow(&a->skus, a->skus_capacity, capacity, sizeof(*a->skus)))
        return ERROR_NOMEM;
    a->skus_capacity = capacity;
    return 0;
}

int stage_reserve(struct apply *a)
{
    int error = 0;
    if (a->rows_count + 2 > a->rows_capacity)
        error = rows_grow(a);
    if (!error && a->skus_count + 2 > a->skus_capacity)
        error = skus_grow(a);
    if (!error && a->rows_count + 2 > FEW && (a->rows_count + a->skus_count + 4) * 2 > a->slots_count)
        error = slots_grow(a);
    return error;
}

static struct staged_sku *find_chain(struct apply *a, const struct sku *sku)
{
    if (a->rows_count <= FEW) {
        for (uint32_t i = 0; i < a->skus_count; i++)
            if (a->skus[i].sku == sku)
                return &a->skus[i];
        return NULL;
    }
    uint32_t mask = a->slots_count - 1;
    for (uint32_t slot = row_hash(sku, UINT32_MAX) & mask; a->slots[slot]; slot = (slot + 1) & mask)
        if (a->slots[slot] & CHAIN_SLOT && a->skus[(a->slots[slot] & ~CHAIN_SLOT) - 1].sku == sku)
            return &a->skus[(a->slots[slot] & ~CHAIN_SLOT) - 1];
    return NULL;
}

/* The chain of a SKU's rows, in the order in which the record first spoke of them. */
static struct staged_sku *sku_chain(struct apply *a, struct sku *sku)
{
    struct staged_sku *chain = find_chain(a, sku);
    if (chain)
        return chain;
    a->skus[a->skus_count] = (struct staged_sku){.sku = sku, .first = STAGED_NONE, .last = STAGED_NONE};
    if (a->rows_count > FEW)
        put_chain(a, a->skus_count);
    return &a->skus[a->skus_count++];
}

static struct staged_row *stage(struct apply *a, const struct staged_row *row)
{
    uint32_t number = a->rows_count;
    struct staged_sku *chain = sku_chain(a, row->sku);
    a->rows_count++;
    a->rows[number] = *row;
    a->rows[number].next = STAGED_NONE;
    if (chain->last != STAGED_NONE)
        a->rows[chain->last].next = number;
    else
        chain->first = number;
    chain->last = number;
    chain->rows_count++;
    if (number > FEW)
        put_row(a, number);
    else if (number == FEW)
        put_all(a); /* from now on they are found by hash */
    return &a->rows[number];
}

/* A row that rests gets its rare part: published at once, since it changes nothing that anybody sees. */
static int wake(struct apply *a, struct sku *sku, struct row_image *row)
{
    struct rare *rare = rare_wake(row->word[ROW_RARE]);

    if (!rare)
        return ERROR_NOMEM;
    row->word[ROW_RARE] = (uintptr_t)rare;
    int error = table_publish(a->state->table, sku, row, 1);
    if (error)
        rare_destroy(rare);
    return error;
}

struct staged_row *stage_existing(struct apply *a, struct sku *sku, uint32_t location, int *ret_error)
{
    struct staged_row *staged = find_staged(a, sku, location);
    if (staged)
        return staged;
    struct staged_row row = {.sku = sku, .location = location, .exists = true};
    if (!sku_peek(sku, location, &row.was))
        return NULL;
    image_before_sku(a->state, sku);
    if (row_rests(&row.was) && (*ret_error = wake(a, sku, &row.was)))
        return NULL;
    const struct rare *rare = row_rare(&row.was);
    row.ledger = rare ? rare_ledger(rare) : ledger_create();
    row.rare_dirty = !rare;
    row.now = row.was;
    if (!row.ledger) {
        *ret_error = ERROR_NOMEM;
        return NULL;
    }
    int error = ledger_purge(row.ledger, &a->state->settings, a->state->log_time);
    if (error) {
        if (!rare)
            ledger_destroy(row.ledger);
        *ret_error = error;
        return NULL;
    }
    return stage(a, &row);
}

struct staged_row *stage_row(struct apply *a, struct sku *sku, uint32_t location)
{
    int error = 0;
    struct staged_row *existing = stage_existing(a, sku, location, &error);
    if (existing || error)
        return existing;
    struct staged_row row = {.sku = sku, .location = location, .rare_dirty = true, .ledger = ledger_create()};
    if (!row.ledger)
        return NULL;
    image_before_sku(a->state, sku);
    row.was.word[ROW_WHO] = row_who(location, 0);
    row.now = row.was;
    return stage(a, &row);
}

void stage_set_version(const struct apply *a, struct staged_row *row)
{
    uint8_t incarnation = (uint8_t)(a->state->incarnations_count - 1);
    row->now.word[ROW_VERSION] = row_version(a->offset, incarnation, row_flags(&row->now));
    row->changed = true;
}

int stage_reserve_images(struct apply *a, uint32_t count)
{
    if (count <= a->images_capacity)
        return 0;
    if (!array_grow(&a->images, a->images_capacity, count, sizeof(*a->images)))
        return ERROR_NOMEM;
    a->images_capacity = count;
    return 0;
}

static int reserve_changes(struct outcome *o, size_t more)
{
    if (o->changes_count + more <= o->changes_capacity)
        return 0;
    size_t capacity = (o->changes_count + more) * 2;
    if (!array_grow(&o->changes, o->changes_capacity, capacity, sizeof(*o->changes)))
        return ERROR_NOMEM;
    o->changes_capacity = capacity;
    return 0;
}

bool stage_in_use(const struct row_image *r)
{
    return row_on_hand(r) || row_committed(r) || row_reserved(r);
}

static int make_images(struct apply *a, const struct staged_sku *chain, uint32_t *ret_count)
{
    *ret_count = 0;
    for (uint32_t i = chain->first; i != STAGED_NONE; i = a->rows[i].next) {
        struct staged_row *row = &a->rows[i];
        if (!row->touched)
            continue;
        if (row->rare_dirty && !row->rare) {
            row->rare = rare_build(row->ledger);
            if (!row->rare)
                return ERROR_NOMEM;
            row->now.word[ROW_RARE] = (uint64_t)(uintptr_t)row->rare;
        }
        a->images[(*ret_count)++] = row->now;
    }
    return 0;
}

static milli_t net_available(const struct row_image *r)
{
    return row_on_hand(r) - row_unavailable(r) - row_reserved(r) - row_committed(r) - row_safety_stock(r);
}

static int reserve_fences(const struct apply *a, const struct staged_sku *chain, struct outcome *o)
{
    size_t most = o->fences_count;

    for (uint32_t i = chain->first; i != STAGED_NONE; i = a->rows[i].next)
        most += brief_fences_most(&a->rows[i].was, &a->rows[i].now);
    if (most <= o->fences_capacity)
        return 0;
    if (!array_grow(&o->fences, o->fences_capacity, most * 2, sizeof(*o->fences)))
        return ERROR_NOMEM;
    o->fences_capacity = most * 2;
    return 0;
}

static void brief_change(const struct staged_row *row, size_t fences_first, struct outcome *o,
                         struct outcome_change *c)
{
    c->was = brief_of_row(&row->was);
    c->now = brief_of_row(&row->now);
    c->flags_was = row_flags(&row->was);
    c->flags_now = row_flags(&row->now);
    c->reorder_point = ledger_limits(row->ledger).reorder_point; /* at hand; the rare part's is the same */
    c->fences_first = fences_first;
    c->fences_count = brief_fences(&row->was, &row->now, o->fences + fences_first);
}

/* What the outcome will say of the rows, behind what it says already. Before they are published: then what
 * they were may be gone. */
static int draft_changes(const struct apply *a, const struct staged_sku *chain, struct outcome *o)
{
    int error = reserve_changes(o, chain->rows_count);
    size_t at = o->changes_count, fences = o->fences_count;

    if (!error && o->keeps_briefs)
        error = reserve_fences(a, chain, o);
    for (uint32_t i = chain->first; i != STAGED_NONE && !error; i = a->rows[i].next) {
        const struct staged_row *row = &a->rows[i];
        if (!row->touched || !row->changed)
            continue;
        struct outcome_change *c = &o->changes[at++];
        *c = (struct outcome_change){.sku = row->sku,
                                     .location = row->location,
                                     .net_was = net_available(&row->was),
                                     .net_now = net_available(&row->now)};
        if (o->keeps_briefs)
            brief_change(row, fences, o, c);
        fences += c->fences_count;
    }
    return error;
}

static void published(struct apply *a, const struct staged_sku *chain, struct outcome *o)
{
    for (uint32_t i = chain->first; i != STAGED_NONE; i = a->rows[i].next) {
        struct staged_row *row = &a->rows[i];
        if (!row->touched)
            continue;
        places_count(&a->state->places, row->location, stage_in_use(&row->now) - stage_in_use(&row->was));
        if (row->changed)
            o->fences_count += o->changes[o->changes_count++].fences_count;
        row->exists = true;
        row->rare = NULL;
        row->rare_dirty = row->touched = false;
    }
}

int stage_publish(struct apply *a, struct outcome *o)
{
    for (; a->skus_done < a->skus_count; a->skus_done++) {
        struct staged_sku *chain = &a->skus[a->skus_done];
        uint32_t count;
        int error = stage_reserve_images(a, chain->rows_count);
        if (!error)
            error = make_images(a, chain, &count);
        if (!error)
            error = draft_changes(a, chain, o);
        if (!error && count)
            error = table_publish(a->state->table, chain->sku, a->images, count);
        if (error)
            return error;
        published(a, chain, o);
    }
    return 0;
}

/* ---- lines of a history ---- */

int stage_reserve_lines(struct outcome *o, size_t more)
{
    if (!o->keeps_lines || o->lines_count + more <= o->lines_capacity)
        return 0;
    size_t capacity = (o->lines_count + more) * 2;
    if (!array_grow(&o->lines, o->lines_capacity, capacity, sizeof(*o->lines)))
        return ERROR_NOMEM;
    o->lines_capacity = capacity;
    return 0;
}

static milli_t incoming(const struct ledger *l)
{
    milli_t sum = 0;

    for (uint32_t i = 0; i < l->supply.count; i++) {
        const struct supply *s = (const struct supply *)l->supply.at[i];
        sum += s->open > 0 ? s->open : 0;
    }
    return sum;
}

struct row_figures stage_figures(const struct outcome *o, const struct row_image *r, const struct ledger *l)
{
    if (!o->keeps_lines)
        return (struct row_figures){0};
    return (struct row_figures){.on_hand = row_on_hand(r),
                                .unavailable = row_unavailable(r),
                                .reserved = row_reserved(r),
                                .committed = row_committed(r),
                                .safety_stock = row_safety_stock(r),
                                .incoming = l ? incoming(l) : 0};
}

void stage_line(struct outcome *o, const struct staged_row *row, uint32_t event, milli_t quantity,
                const struct row_figures *was)
{
    if (o->keeps_lines)
        o->lines[o->lines_count++] = (struct outcome_line){.sku = row->sku,
                                                           .location = row->location,
                                                           .event = event,
                                                           .quantity = quantity,
                                                           .was = *was,
                                                           .now = stage_figures(o, &row->now, row->ledger)};
}

/* A row's figures as they are now. False: there is no such row. */
static bool figures_now(const struct apply *a, const struct outcome *o, struct sku *sku, uint32_t location,
                        struct row_figures *ret)
{
    const struct staged_row *staged = find_staged(a, sku, location);
    struct row_image image;

    if (staged) {
        *ret = stage_figures(o, &staged->now, staged->ledger);
        return true;
    }
    if (!sku_peek(sku, location, &image))
        return false;
    const struct rare *rare = row_rare(&image);
    *ret = stage_figures(o, &image, rare ? rare->ledger : NULL); /* one that rests has nothing incoming */
    return true;
}

void stage_line_idle(struct apply *a, struct outcome *o, struct sku *sku, uint32_t location, uint32_t event,
                     milli_t quantity)
{
    struct row_figures same;

    if (figures_now(a, o, sku, location, &same))
        o->lines[o->lines_count++] = (struct outcome_line){
            .sku = sku, .location = location, .event = event, .quantity = quantity, .was = same, .now = same};
}

void stage_line_refused(struct apply *a, struct outcome *o, struct sku *sku, uint32_t location,
                        milli_t quantity, const struct refusal *refusal)
{
    struct row_figures same = {0};

    figures_now(a, o, sku, location, &same);
    o->lines[o->lines_count++] = (struct outcome_line){
        .sku = sku, .location = location, .quantity = quantity, .was = same, .now = same, .refusal = refusal};
}

void stage_reset(struct apply *a)
{
    for (uint32_t i = 0; i < a->rows_count; i++) {
        if (a->rows[i].rare)
            rare_destroy(a->rows[i].rare); /* never published: takes a new ledger with it */
        else if (a->rows[i].ledger->rares == 0)
            ledger_destroy(a->rows[i].ledger);
    }
    if (a->rows_count > FEW)
        memset(a->slots, 0, a->slots_count * sizeof(*a->slots));
    a->rows_count = a->skus_count = 0;
    a->skus_done = a->events_done = 0;
    a->notes = 0;
    a->active = false;
}
