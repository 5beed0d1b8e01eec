/* Keeping reservations and showing them. */
#include "core/model/kept.h"

#include "base/array.h"
#include "base/error.h"
#include "core/model/apply.h"

#include <stdlib.h>

static struct kept *of_id(const struct chain *c)
{
    return (struct kept *)((char *)(uintptr_t)c - offsetof(struct kept, by_id));
}

static struct kept *of_reference(const struct chain *c)
{
    return ((const struct kept_reference *)((const char *)c - offsetof(struct kept_reference, chain)))->of;
}

/* ---- what readers hold ---- */

static _Atomic uint32_t *holders_of(const struct reservation *r)
{
    return &((struct reservation *)(uintptr_t)r)->holders;
}

void reservation_hold(const struct reservation *r)
{
    atomic_fetch_add_explicit(holders_of(r), 1, memory_order_relaxed);
}

void reservation_drop(const struct reservation *r)
{
    /* release: what this holder read comes before; acquire: whoever frees it comes after all holders */
    if (r && atomic_fetch_sub_explicit(holders_of(r), 1, memory_order_acq_rel) == 1)
        free((void *)(uintptr_t)r);
}

static void drop_shown(void *memory)
{
    reservation_drop(memory);
}

void reservation_answer_destroy(struct reservation_answer *a)
{
    if (!a)
        return;
    reservation_drop(a->reservation);
    free(a);
}

/* ---- one of them ---- */

static struct text copy(char **to, struct text t)
{
    char *at = *to;
    if (t.length)
        memcpy(at, t.at, t.length);
    *to += t.length;
    return (struct text){at, t.length};
}

struct kept *kept_create(struct text id, struct text channel)
{
    struct kept *k = malloc(sizeof(*k) + id.length + channel.length);
    if (!k)
        return NULL;
    *k = (struct kept){.number = 0};
    char *texts = k->texts;
    k->id_length = (uint8_t)copy(&texts, id).length;
    k->channel_length = (uint8_t)copy(&texts, channel).length;
    k->channel_number = CHANNEL_POOL;
    k->expires_at = k->required_at = k->created_at = k->changed_at = k->ended_at = INSTANT_NONE;
    return k;
}

void kept_lines_finish(struct kept_lines *l)
{
    for (uint32_t i = 0; l->lines && i < l->holds_count; i++)
        free(l->holds[i]);
    free(l->lines);
    *l = (struct kept_lines){0};
}

int kept_lines_make(struct kept_lines *l, uint32_t lines, uint32_t holds)
{
    *l = (struct kept_lines){.lines_count = lines, .holds_count = holds};
    l->lines = calloc(1, lines * sizeof(*l->lines) + holds * sizeof(struct hold *) + 1);
    bool made = l->lines != NULL;
    if (made)
        l->holds = (struct hold **)(l->lines + lines);
    for (uint32_t i = 0; made && i < holds; i++)
        made = (l->holds[i] = hold_create()) != NULL;
    if (made)
        return 0;
    kept_lines_finish(l);
    return ERROR_NOMEM;
}

void kept_destroy(struct kept *k)
{
    if (!k)
        return;
    reservation_drop(atomic_load_explicit(&k->shown, memory_order_relaxed));
    kept_lines_finish(&k->has);
    free(k->reference);
    free(kept_rare(k)->missing);
    free(kept_rare(k)->steps);
    free(k->rare);
    free(k);
}

int kept_reference_make(struct text reference, struct kept_reference **ret)
{
    *ret = NULL;
    if (!reference.length)
        return 0;
    struct kept_reference *r = calloc(1, sizeof(*r) + reference.length);
    if (!r)
        return ERROR_NOMEM;
    r->length = (uint32_t)reference.length;
    memcpy(r->at, reference.at, reference.length);
    *ret = r;
    return 0;
}

const struct kept_rare kept_rare_none = {0};

int kept_reserve_rare(struct kept *k)
{
    if (!k->rare)
        k->rare = calloc(1, sizeof(*k->rare));
    return k->rare ? 0 : ERROR_NOMEM;
}

void kept_set_missing(struct kept *k, struct reservation_missing *missing, uint32_t count)
{
    if (!k->rare) /* and so there are none */
        return;
    free(k->rare->missing);
    k->rare->missing = missing;
    k->rare->missing_count = count;
}

int missing_copy(const struct reservation_missing *missing, uint32_t count, struct reservation_missing **ret)
{
    size_t bytes = count * sizeof(*missing);
    *ret = NULL;
    if (!count)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += missing[i].sku.length + missing[i].location.length;
    struct reservation_missing *own = malloc(bytes);
    if (!own)
        return ERROR_NOMEM;
    char *texts = (char *)(own + count);
    for (uint32_t i = 0; i < count; i++)
        own[i] = (struct reservation_missing){.sku = copy(&texts, missing[i].sku),
                                              .location = copy(&texts, missing[i].location),
                                              .quantity = missing[i].quantity};
    *ret = own;
    return 0;
}

/* ---- steps that were done ---- */

static struct hash128 hash_of_step(struct text step_id)
{
    return hash128(step_id.at, step_id.length, 0);
}

static bool same(struct hash128 a, struct hash128 b)
{
    return a.high == b.high && a.low == b.low;
}

int kept_reserve_step(struct kept *k)
{
    int error = kept_reserve_rare(k);
    struct kept_rare *r = k->rare;
    if (error || r->steps_count < r->steps_capacity || r->steps_count >= STEPS_REMEMBERED)
        return error;
    uint32_t capacity = r->steps_capacity ? 2 * r->steps_capacity : 2;
    if (!array_grow(&r->steps, r->steps_capacity, capacity, sizeof(*r->steps)))
        return ERROR_NOMEM;
    r->steps_capacity = capacity;
    return 0;
}

void kept_remember_step(struct kept *k, const struct reservation_said *said)
{
    struct kept_rare *r = k->rare;
    if (!said->step_id.length)
        return;
    if (r->steps_count >= STEPS_REMEMBERED) {
        memmove(r->steps, r->steps + 1, (STEPS_REMEMBERED - 1) * sizeof(*r->steps));
        r->steps_count = STEPS_REMEMBERED - 1;
    }
    r->steps[r->steps_count++] = (struct step_done){
        .id = hash_of_step(said->step_id), .digest = said->digest, .step = (uint8_t)said->step};
}

const struct step_done *kept_find_step(const struct kept *k, struct text step_id)
{
    const struct kept_rare *r = kept_rare(k);
    if (!step_id.length || !r->steps_count)
        return NULL;
    struct hash128 id = hash_of_step(step_id);
    for (uint32_t i = 0; i < r->steps_count; i++)
        if (same(r->steps[i].id, id))
            return &r->steps[i];
    return NULL;
}

/* ---- all of them ---- */

struct reservations *reservations_create(struct epoch *e)
{
    struct reservations *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->epoch = e;
    r->ids = chains_create(e);
    r->references = chains_create(e);
    if (!r->ids || !r->references) {
        reservations_destroy(r);
        return NULL;
    }
    return r;
}

void reservations_destroy(struct reservations *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->count; i++)
        kept_destroy(r->at[i]);
    chains_destroy(r->ids);
    chains_destroy(r->references);
    free(r->at);
    free(r->free_numbers);
    free(r);
}

static struct kept *find(const struct reservations *r, struct text id)
{
    uint64_t hash = hash_text(id);
    struct chains_walk w;
    for (chains_first(r->ids, hash, &w); w.at; chains_next(&w))
        if (w.at->hash == hash && text_equal(kept_id(of_id(w.at)), id))
            return of_id(w.at);
    return NULL;
}

struct kept *reservations_get(const struct reservations *r, struct text id)
{
    return find(r, id);
}

static const struct reservation *shown_of(const struct kept *k)
{
    return atomic_load_explicit(&k->shown, memory_order_acquire); /* pairs with the release in show */
}

const struct reservation *reservations_find(const struct reservations *r, struct text id)
{
    const struct kept *k = find(r, id);
    return k ? shown_of(k) : NULL;
}

/* Newest first, by the order in which they were granted. */
static void insert_newest(const struct reservation **all, size_t count, const struct reservation *one)
{
    size_t i = count;
    for (; i > 0 && all[i - 1]->serial < one->serial; i--)
        all[i] = all[i - 1];
    all[i] = one;
}

size_t reservations_of(const struct reservations *r, struct text reference, const struct reservation **ret,
                       size_t most)
{
    uint64_t hash = hash_text(reference);
    struct chains_walk w;
    size_t count = 0;
    for (chains_first(r->references, hash, &w); w.at; chains_next(&w)) {
        const struct reservation *one = w.at->hash == hash ? shown_of(of_reference(w.at)) : NULL;
        if (!one || !text_equal(one->reference, reference))
            continue;
        if (count < most)
            insert_newest(ret, count, one);
        else if (most && ret[most - 1]->serial < one->serial)
            insert_newest(ret, most - 1, one);
        count++;
    }
    return count;
}

bool reservations_unsettled(const struct reservations *r)
{
    /* acquire: a reservation that is looked at afterwards is at least as new */
    return atomic_load_explicit(&r->unsettled, memory_order_acquire) != 0;
}

struct reservations_stats reservations_stats(const struct reservations *r)
{
    struct reservations_stats s;
    const uint64_t *from = (const uint64_t *)&r->stats;
    uint64_t *to = (uint64_t *)&s;
    for (size_t i = 0; i < sizeof(s) / sizeof(*to); i++)
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    return s;
}

/* ---- coming and going ---- */

static int reserve_numbers(struct reservations *r)
{
    if (r->free_count == 0 && r->count == r->capacity) {
        uint32_t capacity = r->capacity ? 2 * r->capacity : 64;
        struct kept **at = realloc(r->at, capacity * sizeof(struct kept *));
        if (!at)
            return ERROR_NOMEM;
        r->at = at;
        r->capacity = capacity;
    }
    if (r->free_capacity < r->capacity) { /* so that any may be given back */
        uint32_t *numbers = realloc(r->free_numbers, r->capacity * sizeof(*numbers));
        if (!numbers)
            return ERROR_NOMEM;
        r->free_numbers = numbers;
        r->free_capacity = r->capacity;
    }
    return 0;
}

int reservations_reserve(struct reservations *r)
{
    int error = reserve_numbers(r);
    if (!error)
        error = chains_reserve(r->ids);
    return error ? error : chains_reserve(r->references);
}

void reservations_refer(struct reservations *r, struct kept *k)
{
    k->reference->of = k;
    chains_insert(r->references, &k->reference->chain, hash_text(kept_reference(k)));
}

static void count_up(uint64_t *of, int64_t by)
{
    __atomic_store_n(of, *of + (uint64_t)by, __ATOMIC_RELAXED);
}

static void mark(struct reservations *r, struct kept *k)
{
    if (!k->dirty) {
        k->dirty_next = r->dirty;
        r->dirty = k;
    }
    if (!k->stale) {
        k->stale_next = r->stale;
        r->stale = k;
    }
    k->dirty = k->stale = true;
}

void reservations_put(struct reservations *r, struct kept *k)
{
    k->number = r->free_count ? r->free_numbers[--r->free_count] : r->count++;
    r->at[k->number] = NULL;
    if (r->before)
        r->before(r->before_context, k->number); /* at a cut the number was free */
    r->at[k->number] = k;
    mark(r, k);
    chains_insert(r->ids, &k->by_id, hash_text(kept_id(k)));
    if (k->reference)
        reservations_refer(r, k);
    count_up(&r->stats.open, 1);
    count_up(&r->stats.held, k->state == RESERVATION_HELD);
}

void reservations_note(struct reservations *r, struct kept *k)
{
    if (!k->dirty && r->before)
        r->before(r->before_context, k->number);
}

void reservations_touch(struct reservations *r, struct kept *k)
{
    reservations_note(r, k);
    mark(r, k);
}

void reservations_end(struct reservations *r, struct kept *k, instant_t log_time)
{
    k->ended_at = log_time;
    k->ended_serial = ++r->ended_serial;
    reservations_ended(r, k);
}

void reservations_ended(struct reservations *r, struct kept *k)
{
    k->older = r->newest;
    k->newer = NULL;
    *(r->newest ? &r->newest->newer : &r->oldest) = k;
    r->newest = k;
    count_up(&r->stats.open, -1);
    count_up(&r->stats.remembered, 1);
}

void reservations_reopen(struct reservations *r, struct kept *k)
{
    *(k->older ? &k->older->newer : &r->oldest) = k->newer;
    *(k->newer ? &k->newer->older : &r->newest) = k->older;
    k->older = k->newer = NULL;
    k->ended_at = INSTANT_NONE;
    count_up(&r->stats.open, 1);
    count_up(&r->stats.remembered, -1);
}

static void destroy_later(void *memory)
{
    kept_destroy(memory);
}

void reservations_forget(struct reservations *r, struct kept *k)
{
    if (r->before)
        r->before(r->before_context, k->number);
    *(k->older ? &k->older->newer : &r->oldest) = k->newer;
    *(k->newer ? &k->newer->older : &r->newest) = k->older;
    count_up(&r->stats.remembered, -1);
    chains_remove(r->ids, &k->by_id);
    if (k->reference)
        chains_remove(r->references, &k->reference->chain);
    r->at[k->number] = NULL;
    r->free_numbers[r->free_count++] = k->number;
    epoch_retire(r->epoch, k, destroy_later);
}

/* ---- showing ---- */

static milli_t in_units(milli_t quantity, milli_t per_unit)
{
    if (per_unit == MILLI_PER_UNIT)
        return quantity;
    __extension__ typedef __int128 wide;
    return (milli_t)((wide)quantity * MILLI_PER_UNIT / per_unit);
}

/* Of a kit as many are open as its least component allows to be handed over. */
static void show_hold(const struct hold *h, struct reservation_line *l, bool first)
{
    milli_t held = in_units(h->open_held, h->per_unit), committed = in_units(h->open_committed, h->per_unit),
            gone = in_units(h->gone, h->per_unit);
    l->held = first || held < l->held ? held : l->held;
    l->committed = first || committed < l->committed ? committed : l->committed;
    l->gone = first || gone < l->gone ? gone : l->gone;
    l->fence_took = l->kit ? 0 : hold_fence_took(h);
}

static void show_lines(const struct kept *k, const struct state *s, struct reservation_line *lines,
                       char **texts)
{
    for (uint32_t i = 0; i < k->has.lines_count; i++) {
        const struct kept_line *l = &k->has.lines[i];
        lines[i] = (struct reservation_line){
            .sku = copy(texts, sku_text(l->sku)),
            .location = copy(texts, catalogue_location_at(s->catalogue, l->location)->id),
            .sku_number = sku_number(l->sku),
            .location_number = l->location,
            .kit = l->kit,
            .quantity = l->quantity};
    }
    uint32_t before = UINT32_MAX;
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        const struct hold *h = k->has.holds[i];
        show_hold(h, &lines[h->line], h->line != before);
        before = h->line;
    }
}

static uint32_t parts_of(const struct kept *k)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < k->has.holds_count; i++)
        count += k->has.lines[k->has.holds[i]->line].kit;
    return count;
}

static void show_parts(const struct kept *k, struct reservation_part *part)
{
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        const struct hold *h = k->has.holds[i];
        if (k->has.lines[h->line].kit)
            *part++ = (struct reservation_part){.line = h->line,
                                                .sku_number = sku_number(h->sku),
                                                .held = h->open_held,
                                                .committed = h->open_committed,
                                                .fence_took = hold_fence_took(h)};
    }
}

static size_t text_bytes(const struct kept *k, const struct state *s)
{
    size_t bytes = (size_t)k->id_length + k->channel_length + kept_reference(k).length;
    const struct kept_rare *rare = kept_rare(k);
    for (uint32_t i = 0; i < k->has.lines_count; i++)
        bytes += sku_text(k->has.lines[i].sku).length +
                 catalogue_location_at(s->catalogue, k->has.lines[i].location)->id.length;
    for (uint32_t i = 0; i < rare->missing_count; i++)
        bytes += rare->missing[i].sku.length + rare->missing[i].location.length;
    return bytes;
}

static struct reservation *make_shown(const struct kept *k, const struct state *s)
{
    const struct kept_rare *rare = kept_rare(k);
    size_t lines = k->has.lines_count * sizeof(struct reservation_line);
    size_t missing = rare->missing_count * sizeof(struct reservation_missing);
    size_t parts = parts_of(k) * sizeof(struct reservation_part);
    struct reservation *r = malloc(sizeof(*r) + lines + missing + parts + text_bytes(k, s));
    if (!r)
        return NULL;
    struct reservation_line *line_at = (struct reservation_line *)(r + 1);
    struct reservation_missing *missing_at = (struct reservation_missing *)(line_at + k->has.lines_count);
    struct reservation_part *part_at = (struct reservation_part *)(missing_at + rare->missing_count);
    char *texts = (char *)part_at + parts;
    *r = (struct reservation){.holders = 1,
                              .state = (enum reservation_state)k->state,
                              .number = k->number,
                              .serial = k->serial,
                              .id = copy(&texts, kept_id(k)),
                              .channel = copy(&texts, kept_channel(k)),
                              .reference = copy(&texts, kept_reference(k)),
                              .channel_number = k->channel_number,
                              .method = k->method,
                              .partial = k->partial,
                              .revived = k->revived,
                              .expires_at = k->expires_at,
                              .required_at = k->required_at,
                              .created_at = k->created_at,
                              .changed_at = k->changed_at,
                              .ended_at = k->ended_at,
                              .incarnation = k->incarnation,
                              .offset = k->offset,
                              .lines_count = k->has.lines_count,
                              .missing_count = rare->missing_count,
                              .parts_count = parts_of(k),
                              .lines = line_at,
                              .parts = part_at,
                              .missing = missing_at};
    show_lines(k, s, line_at, &texts);
    show_parts(k, part_at);
    for (uint32_t i = 0; i < rare->missing_count; i++)
        missing_at[i] = (struct reservation_missing){.sku = copy(&texts, rare->missing[i].sku),
                                                     .location = copy(&texts, rare->missing[i].location),
                                                     .quantity = rare->missing[i].quantity};
    return r;
}

static int reserve_told(struct outcome *o)
{
    if (!o || !o->keeps_briefs || o->reservations_count < o->reservations_capacity)
        return 0;
    size_t capacity = o->reservations_capacity ? o->reservations_capacity * 2 : 8;
    if (!array_grow(&o->reservations, o->reservations_capacity, capacity, sizeof(*o->reservations)))
        return ERROR_NOMEM;
    o->reservations_capacity = capacity;
    return 0;
}

int reservations_publish(struct reservations *r, const struct state *s, struct outcome *o)
{
    for (struct kept *k; (k = r->dirty);) {
        struct reservation *now = reserve_told(o) ? NULL : make_shown(k, s);
        if (!now)
            return ERROR_NOMEM;
        if (o && o->keeps_briefs) {
            reservation_hold(now);
            o->reservations[o->reservations_count++] = now;
        }
        const struct reservation *before = atomic_load_explicit(&k->shown, memory_order_relaxed);
        /* release: pairs with the acquire in shown_of */
        atomic_store_explicit(&k->shown, now, memory_order_release);
        r->dirty = k->dirty_next;
        k->dirty = false;
        if (before)
            epoch_retire(r->epoch, (void *)(uintptr_t)before, drop_shown);
    }
    return 0;
}
