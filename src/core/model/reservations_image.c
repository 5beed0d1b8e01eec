/* What an image says of reservations. The number of one is this process's own and no part of it: their order
 * is that of their grants, and of their ends. */
#include "core/model/reservations_image.h"

#include "base/error.h"
#include "core/model/books.h"
#include "core/model/state.h"

#include <stdlib.h>

enum { STATS = sizeof(struct reservations_stats) / sizeof(uint64_t), COUNTED = 3 };

_Static_assert(offsetof(struct reservations_stats, granted) == COUNTED * sizeof(uint64_t),
               "what follows from the rest comes first");

/* ---- writing ---- */

void reservations_watch(struct reservations *r, void (*before)(void *context, uint32_t number), void *context)
{
    r->before = before;
    r->before_context = context;
}

void reservations_save_head(const struct reservations *r, struct buffer *out)
{
    put_u64(out, r->stats.open + r->stats.remembered);
    put_u64(out, r->granted_serial);
    put_u64(out, r->ended_serial);
    const uint64_t *stats = (const uint64_t *)&r->stats;
    for (size_t i = COUNTED; i < STATS; i++)
        put_u64(out, stats[i]);
}

static void save_lines(const struct kept *k, struct buffer *out)
{
    put_u32(out, k->has.lines_count);
    for (uint32_t i = 0; i < k->has.lines_count; i++) {
        const struct kept_line *l = &k->has.lines[i];
        put_u32(out, sku_number(l->sku));
        put_u32(out, l->location);
        put_u8(out, l->kit);
        put_i64(out, l->quantity);
    }
    put_u32(out, k->has.holds_count);
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        const struct hold *h = k->has.holds[i];
        const milli_t figures[] = {h->per_unit,       h->held,      h->confirmed, h->called_off,
                                   h->moved,          h->fulfilled, h->lapsed,    h->open_held,
                                   h->open_committed, h->gone,      h->by_order};
        put_u32(out, sku_number(h->sku));
        put_u32(out, h->location);
        put_u32(out, h->line);
        buffer_add(out, figures, sizeof(figures));
    }
}

static void save_rest(const struct kept *k, struct buffer *out)
{
    const struct kept_rare *rare = kept_rare(k);
    put_u32(out, rare->missing_count);
    for (uint32_t i = 0; i < rare->missing_count; i++) {
        put_text(out, rare->missing[i].sku);
        put_text(out, rare->missing[i].location);
        put_i64(out, rare->missing[i].quantity);
    }
    put_u32(out, rare->steps_count);
    for (uint32_t i = 0; i < rare->steps_count; i++) {
        const struct step_done *s = &rare->steps[i];
        put_u64(out, s->id.high);
        put_u64(out, s->id.low);
        put_u64(out, s->digest.high);
        put_u64(out, s->digest.low);
        put_u8(out, s->step);
    }
}

void reservations_save_one(const struct reservations *r, uint32_t number, struct buffer *out)
{
    const struct kept *k = r->at[number];
    if (!k)
        return;
    put_text(out, kept_id(k));
    put_text(out, kept_channel(k));
    put_text(out, kept_reference(k));
    put_u64(out, k->serial);
    put_u64(out, k->ended_serial);
    put_u8(out, k->state);
    put_u8(out, k->ends_as);
    put_u8(out, k->partial);
    put_u8(out, k->revived);
    put_u64(out, k->digest.high);
    put_u64(out, k->digest.low);
    put_u32(out, k->channel_number);
    put_u32(out, k->method);
    const int64_t instants[] = {k->expires_at, k->required_at, k->created_at,
                                k->changed_at, k->ended_at,    k->gone};
    buffer_add(out, instants, sizeof(instants));
    put_u8(out, k->incarnation);
    put_u64(out, k->offset);
    save_lines(k, out);
    save_rest(k, out);
}

/* ---- reading ---- */

int reservations_load_head(struct reservations *r, struct bytes *in)
{
    r->loading_count = get_u64(in);
    r->granted_serial = get_u64(in);
    r->ended_serial = get_u64(in);
    uint64_t *stats = (uint64_t *)&r->stats;
    for (size_t i = COUNTED; i < STATS; i++)
        stats[i] = get_u64(in);
    return bytes_done(in) ? 0 : ERROR_CORRUPT;
}

static uint32_t get_count(struct bytes *in, size_t each, uint32_t most)
{
    uint32_t count = get_u32(in);
    if (count > in->left / each || count > most)
        in->failed = true;
    return in->failed ? 0 : count;
}

static int load_holds(struct kept *k, struct bytes *in)
{
    for (uint32_t i = 0; i < k->has.lines_count; i++) {
        struct kept_line *l = &k->has.lines[i];
        l->sku_number = get_u32(in);
        l->location = get_u32(in);
        l->kit = get_bool(in);
        l->quantity = get_i64(in);
    }
    k->has.holds_count = get_u32(in);
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        struct hold *h = k->has.holds[i];
        milli_t figures[11];
        h->sku_number = get_u32(in);
        h->location = get_u32(in);
        uint32_t line = get_u32(in);
        get_raw(in, figures, sizeof(figures));
        h->of = k;
        h->per_unit = figures[0];
        h->held = figures[1];
        h->confirmed = figures[2];
        h->called_off = figures[3];
        h->moved = figures[4];
        h->fulfilled = figures[5];
        h->lapsed = figures[6];
        h->open_held = figures[7];
        h->open_committed = figures[8];
        h->gone = figures[9];
        h->by_order = figures[10];
        if (line >= k->has.lines_count || h->per_unit <= 0)
            in->failed = true;
        h->line = (uint16_t)line; /* RESERVATION_CANDIDATES_MOST bounds the lines */
    }
    return in->failed ? ERROR_CORRUPT : 0;
}

static int load_lines(struct kept *k, struct bytes *in)
{
    enum { LINE_BYTES = 17, HOLD_BYTES = 100 };
    uint32_t lines = get_count(in, LINE_BYTES, RESERVATION_CANDIDATES_MOST);
    struct bytes peek = *in;
    if (!get(&peek, (size_t)lines * LINE_BYTES))
        return ERROR_CORRUPT;
    uint32_t holds = get_count(&peek, HOLD_BYTES, HOLDS_MOST);
    if (peek.failed)
        return ERROR_CORRUPT;
    int error = kept_lines_make(&k->has, lines, holds);
    return error ? error : load_holds(k, in);
}

static int load_missing(struct kept *k, struct bytes *in)
{
    uint32_t count = get_count(in, 16, RESERVATION_LINES_MOST);
    struct reservation_missing said[RESERVATION_LINES_MOST];
    for (uint32_t i = 0; i < count; i++) {
        said[i].sku = get_text(in);
        said[i].location = get_text(in);
        said[i].quantity = get_i64(in);
    }
    if (in->failed || !count)
        return in->failed ? ERROR_CORRUPT : 0;
    struct reservation_missing *missing;
    int error = kept_reserve_rare(k);
    if (!error)
        error = missing_copy(said, count, &missing);
    if (!error)
        kept_set_missing(k, missing, count);
    return error;
}

static int load_steps(struct kept *k, struct bytes *in)
{
    uint32_t count = get_count(in, 33, STEPS_REMEMBERED);
    for (uint32_t i = 0; i < count; i++) {
        int error = kept_reserve_step(k);
        if (error)
            return error;
        struct step_done *s = &k->rare->steps[k->rare->steps_count++];
        s->id.high = get_u64(in);
        s->id.low = get_u64(in);
        s->digest.high = get_u64(in);
        s->digest.low = get_u64(in);
        s->step = get_u8(in);
    }
    return in->failed ? ERROR_CORRUPT : 0;
}

static int load_fields(struct kept *k, struct text reference, struct bytes *in)
{
    int64_t instants[6];
    k->serial = get_u64(in);
    k->ended_serial = get_u64(in);
    uint8_t state = get_u8(in), ends_as = get_u8(in);
    k->partial = get_bool(in);
    k->revived = get_bool(in);
    k->digest.high = get_u64(in);
    k->digest.low = get_u64(in);
    k->channel_number = get_u32(in);
    k->method = get_u32(in);
    get_raw(in, instants, sizeof(instants));
    k->expires_at = instants[0];
    k->required_at = instants[1];
    k->created_at = instants[2];
    k->changed_at = instants[3];
    k->ended_at = instants[4];
    k->gone = instants[5];
    k->incarnation = get_u8(in);
    k->offset = get_u64(in);
    if (in->failed || state >= RESERVATION_STATE_END || ends_as >= RESERVATION_STATE_END)
        return ERROR_CORRUPT;
    k->state = state;
    k->ends_as = ends_as;
    int error = kept_reference_make(reference, &k->reference);
    if (!error)
        error = load_lines(k, in);
    if (!error)
        error = load_missing(k, in);
    if (!error)
        error = load_steps(k, in);
    return error ? error : bytes_done(in) ? 0 : ERROR_CORRUPT;
}

int reservations_load_one(struct reservations *r, struct bytes *in)
{
    struct text id = get_text(in), channel = get_text(in), reference = get_text(in);
    if (in->failed || !id.length || id.length > TEXT_BYTES_MOST || channel.length > TEXT_BYTES_MOST ||
        reference.length > TEXT_BYTES_MOST || reservations_get(r, id))
        return ERROR_CORRUPT;
    struct kept *k = kept_create(id, channel);
    if (!k)
        return ERROR_NOMEM;
    int error = load_fields(k, reference, in);
    if (!error)
        error = reservations_reserve(r);
    if (error) {
        kept_destroy(k);
        return error;
    }
    reservations_put(r, k);
    return 0;
}

/* ---- when all is there ---- */

static int learn_hold(const struct state *s, struct hold *h)
{
    struct row_image row;
    if (h->sku_number >= table_sku_count(s->table))
        return ERROR_CORRUPT;
    h->sku = table_sku(s->table, h->sku_number);
    if (h->of->ended_at != INSTANT_NONE)
        return 0;
    if (!sku_peek(h->sku, h->location, &row) || !row_rare(&row) || !row_rare(&row)->ledger)
        return ERROR_CORRUPT;
    const struct text reference = kept_reference(h->of);
    struct account *a = accounts_find(&row_rare(&row)->ledger->demand, reference,
                                      reference.length ? (struct text){0} : kept_id(h->of));
    if (!a)
        return ERROR_CORRUPT;
    hold_link(h, (struct demand *)a, &row_rare(&row)->ledger->demand);
    return demand_room(h->demand, 0);
}

static int learn_one(struct state *s, struct kept *k)
{
    int error = k->state == RESERVATION_HELD ? due_reserve(&s->due, DUE_HOLD, 1) : 0;
    for (uint32_t i = 0; i < k->has.lines_count && !error; i++) {
        struct kept_line *l = &k->has.lines[i];
        uint32_t sku = l->sku_number;
        if (sku >= table_sku_count(s->table) || !catalogue_location_at(s->catalogue, l->location))
            return ERROR_CORRUPT;
        l->sku = table_sku(s->table, sku);
    }
    for (uint32_t i = 0; i < k->has.holds_count && !error; i++)
        error = learn_hold(s, k->has.holds[i]);
    if (!error && k->state == RESERVATION_HELD)
        due_set(&s->due, DUE_HOLD, &k->due, k->expires_at);
    return error;
}

static int by_serial(const void *left, const void *right)
{
    const struct kept *a = *(struct kept *const *)left, *b = *(struct kept *const *)right;
    return a->serial < b->serial ? -1 : a->serial > b->serial;
}

static int by_end(const void *left, const void *right)
{
    const struct kept *a = *(struct kept *const *)left, *b = *(struct kept *const *)right;
    return a->ended_serial < b->ended_serial ? -1 : a->ended_serial > b->ended_serial;
}

/* In the order in which they were granted: so their holds stand in the accounts. */
static int learn_all(struct state *s, struct kept **sorted, uint32_t count)
{
    int error = 0;
    qsort(sorted, count, sizeof(*sorted), by_serial);
    for (uint32_t i = 0; i < count && !error; i++)
        error = learn_one(s, sorted[i]);
    if (error)
        return error;
    qsort(sorted, count, sizeof(*sorted), by_end);
    for (uint32_t i = 0; i < count; i++)
        if (sorted[i]->ended_at != INSTANT_NONE)
            reservations_ended(s->reservations, sorted[i]);
    while (s->reservations->stale) { /* they are as they were */
        s->reservations->stale->stale = false;
        s->reservations->stale = s->reservations->stale->stale_next;
    }
    return reservations_publish(s->reservations, s, NULL);
}

int reservations_load_finish(struct state *s)
{
    struct reservations *r = s->reservations;
    if (r->loading_count != r->count)
        return ERROR_CORRUPT;
    struct kept **sorted = malloc((r->count + 1) * sizeof(struct kept *));
    if (!sorted)
        return ERROR_NOMEM;
    if (r->count)
        memcpy(sorted, r->at, r->count * sizeof(struct kept *));
    int error = learn_all(s, sorted, r->count);
    free(sorted);
    return error;
}
