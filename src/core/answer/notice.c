/* Notices into the window and out of it, and what they tell. */
#include "core/answer/notice.h"

#include "core/answer/query.h"

enum { COUNTED = 1, REORDERED = 2, STALE = 1 };
enum { FENCE_WORDS = 3, FENCES_A_SLOT = (WINDOW_WORDS - 1) / FENCE_WORDS };

/* The eight bits of an entry: its kind, and flags of its kind. */
static uint8_t own_bits(enum notice_kind kind, unsigned flags)
{
    return (uint8_t)(kind | flags << 4);
}

/* ---- the writer's side ---- */

struct adding {
    struct window *window;
    const struct state *state;
    uint64_t offset;
};

static void begin_slot(const struct adding *a, struct window_slot *s, uint8_t own, size_t more, uint32_t sku,
                       uint32_t location)
{
    s->word[0] = window_head(a->offset, own, (uint8_t)more);
    s->word[1] = (uint64_t)sku << 32 | location;
    s->word[2] = (uint64_t)a->state->log_time;
}

static void put_brief(uint64_t *words, const struct brief *b)
{
    words[0] = (uint64_t)b->sellable;
    words[1] = (uint64_t)b->free;
    words[2] = (uint64_t)b->demand;
    words[3] = (uint64_t)b->safety_stock;
    words[4] = (uint64_t)b->backorder_limit;
    words[5] = (uint64_t)b->fenced;
}

/* The first word of a fence has its channel. Channels beyond what there is room for see the pool only. */
static size_t put_fences(const struct adding *a, const struct brief_fence *f, size_t count,
                         struct window_slot *slots)
{
    size_t used = 0;

    for (size_t i = 0; i < count && i < NOTICE_FENCES_MOST; i++) {
        size_t at = i % FENCES_A_SLOT;
        if (!at)
            slots[used++] = (struct window_slot){.word = {window_head(a->offset, 0, 0)}};
        uint64_t *words = &slots[used - 1].word[1 + at * FENCE_WORDS];
        words[0] = (uint64_t)f[i].channel + 1; /* 0: no more */
        words[1] = (uint64_t)f[i].was;
        words[2] = (uint64_t)f[i].now;
    }
    return used;
}

static void add_row(const struct adding *a, const struct outcome *o, const struct outcome_change *c)
{
    struct window_slot slots[1 + (NOTICE_FENCES_MOST + FENCES_A_SLOT - 1) / FENCES_A_SLOT];
    bool reordered = c->flags_now & ROW_ALERTED && !(c->flags_was & ROW_ALERTED);
    unsigned flags = (c->flags_now & ROW_COUNTED ? COUNTED : 0) | (reordered ? REORDERED : 0);
    size_t more = put_fences(a, o->fences + c->fences_first, c->fences_count, slots + 1);

    begin_slot(a, slots, own_bits(NOTICE_ROW, flags), more, sku_number(c->sku), c->location);
    put_brief(slots[0].word + 3, &c->was);
    put_brief(slots[0].word + 9, &c->now);
    slots[0].word[15] = (uint64_t)c->reorder_point;
    window_add(a->window, slots, 1 + more);
}

/* An item is another, perhaps of another product. */
static void add_item(const struct adding *a, const struct sku *sku, uint64_t product_was)
{
    struct window_slot slot = {.word = {0}};

    begin_slot(a, &slot, own_bits(NOTICE_ITEM, 0), 0, sku_number(sku), UINT32_MAX);
    slot.word[4] = product_was;
    slot.word[5] = product_mark_of(item_of(sku));
    window_add(a->window, &slot, 1);
}

static void add_scope(const struct adding *a, enum notice_kind kind, uint32_t sku, uint32_t location,
                      uint32_t number)
{
    struct window_slot slot = {.word = {0}};

    begin_slot(a, &slot, own_bits(kind, 0), 0, sku, location);
    slot.word[3] = number;
    window_add(a->window, &slot, 1);
}

static void add_reference(const struct adding *a, const struct record *r, const struct outcome *o)
{
    const struct state *s = a->state;
    struct text id = r->reference.id;

    if (r->kind == RECORD_ITEM) {
        const struct sku *sku = table_find(s->table, id);
        if (sku)
            add_item(a, sku, o->product_was);
    } else if (r->kind == RECORD_LOCATION) {
        const struct location *l = catalogue_location(s->catalogue, id);
        if (l)
            add_scope(a, NOTICE_LOCATION, UINT32_MAX, l->number, 0);
    } else if (r->kind == RECORD_GROUP) {
        const struct group *g = catalogue_group(s->catalogue, id);
        if (g)
            add_scope(a, NOTICE_GROUP, UINT32_MAX, UINT32_MAX, g->number);
    } else if (r->kind == RECORD_CHANNEL) {
        const struct channel *c = catalogue_channel(s->catalogue, id);
        bool for_all = text_equal(id, TEXT("*"));
        add_scope(a, NOTICE_CHANNEL, UINT32_MAX, UINT32_MAX, c && !for_all ? c->number : UINT32_MAX);
    }
}

static void add_silence(const struct adding *a, uint32_t location)
{
    bool stale = places_is_stale(&a->state->places, location);
    struct window_slot slot = {.word = {0}};

    begin_slot(a, &slot, own_bits(NOTICE_SILENCE, stale ? STALE : 0), 0, UINT32_MAX, location);
    slot.word[3] = (uint64_t)places_heard(&a->state->places, location);
    window_add(a->window, &slot, 1);
}

/* What has no fixed length lies behind the fixed words of its entry's first slot and goes on in the next: of
 * a reservation of a line or two all of it is in the first. */
struct payload {
    size_t slots;    /* begun */
    size_t at_bytes; /* in the last of them */
};
enum { FIXED_WORDS = 6 };
static const struct payload payload_first = {1, FIXED_WORDS * sizeof(uint64_t)};

static void put_bytes(const struct adding *a, struct window_slot *slots, struct payload *p, const void *bytes,
                      size_t length)
{
    const char *from = bytes;

    while (length) {
        if (p->at_bytes == sizeof(*slots)) {
            slots[p->slots++] = (struct window_slot){.word = {window_head(a->offset, 0, 0)}};
            p->at_bytes = sizeof(uint64_t);
        }
        size_t room = sizeof(*slots) - p->at_bytes, some = length < room ? length : room;
        memcpy((char *)&slots[p->slots - 1] + p->at_bytes, from, some);
        p->at_bytes += some;
        from += some;
        length -= some;
    }
}

static void add_reservation(const struct adding *a, const struct reservation *r)
{
    struct window_slot slots[WINDOW_SLOTS_OF_ENTRY_MOST];
    uint64_t lines[RESERVATION_LINES_MOST];
    struct payload p = payload_first;
    size_t count = 0;

    for (; count < r->lines_count && count < RESERVATION_LINES_MOST; count++)
        lines[count] = (uint64_t)r->lines[count].sku_number << 32 | r->lines[count].location_number;
    slots[0] = (struct window_slot){.word = {0}};
    put_bytes(a, slots, &p, r->id.at, r->id.length);
    put_bytes(a, slots, &p, r->reference.at, r->reference.length);
    put_bytes(a, slots, &p, lines, count * sizeof(*lines));
    begin_slot(a, slots, own_bits(NOTICE_RESERVATION, 0), p.slots - 1, UINT32_MAX, UINT32_MAX);
    slots[0].word[3] = (uint64_t)r->state << 32 | r->channel_number;
    slots[0].word[4] = (uint64_t)r->id.length << 32 | r->reference.length;
    slots[0].word[5] = count;
    window_add(a->window, slots, p.slots);
}

void notices_add(struct window *w, const struct state *s, const struct record *r, const struct outcome *o,
                 uint64_t offset)
{
    const struct adding a = {w, s, offset};

    if (r->kind != RECORD_EVENTS && o->verdicts_count && o->verdicts[0].verdict == VERDICT_APPLIED)
        add_reference(&a, r, o);
    for (size_t i = 0; i < o->changes_count; i++)
        add_row(&a, o, &o->changes[i]);
    for (size_t i = 0; i < o->locations_count; i++)
        add_silence(&a, o->locations[i]);
    for (size_t i = 0; i < o->reservations_count; i++)
        add_reservation(&a, o->reservations[i]);
}

/* ---- the readers' side ---- */

static struct brief get_brief(const uint64_t *words)
{
    return (struct brief){.sellable = (milli_t)words[0],
                          .free = (milli_t)words[1],
                          .demand = (milli_t)words[2],
                          .safety_stock = (milli_t)words[3],
                          .backorder_limit = (milli_t)words[4],
                          .fenced = (milli_t)words[5]};
}

static void get_bytes(const struct window_slot *slots, struct payload *p, void *ret, size_t length)
{
    char *to = ret;

    while (length) {
        if (p->at_bytes == sizeof(*slots)) {
            p->slots++;
            p->at_bytes = sizeof(uint64_t);
        }
        size_t room = sizeof(*slots) - p->at_bytes, some = length < room ? length : room;
        memcpy(to, (const char *)&slots[p->slots - 1] + p->at_bytes, some);
        p->at_bytes += some;
        to += some;
        length -= some;
    }
}

static void read_reservation(const struct window_slot *slots, struct notice *n)
{
    const uint64_t *word = slots[0].word;
    size_t id = word[4] >> 32, reference = (uint32_t)word[4];
    struct payload p = payload_first;

    n->number = (uint32_t)word[3];
    n->state = (enum reservation_state)(word[3] >> 32);
    get_bytes(slots, &p, n->texts, id + reference);
    n->id = (struct text){n->texts, id};
    n->reference = (struct text){n->texts + id, reference};
    n->lines_count = word[5];
    get_bytes(slots, &p, n->line_words, n->lines_count * sizeof(*n->line_words));
    n->lines = n->line_words;
}

size_t notice_read(const struct window_slot *slots, struct notice *n)
{
    const uint64_t *word = slots[0].word;
    unsigned own = window_slot_own(slots), flags = own >> 4;

    n->kind = (enum notice_kind)(own & 15);
    n->offset = window_slot_offset(slots);
    n->sku = (uint32_t)(word[1] >> 32);
    n->location = (uint32_t)word[1];
    n->at = (instant_t)word[2];
    n->number = (uint32_t)word[3];
    if (n->kind == NOTICE_ROW) {
        n->was = get_brief(word + 3);
        n->now = get_brief(word + 9);
        n->counted = flags & COUNTED;
        n->reordered = flags & REORDERED;
        n->reorder_point = (milli_t)word[15];
        n->fences_count = window_slot_more(slots);
        n->fences = slots + 1;
    } else if (n->kind == NOTICE_ITEM) {
        n->product_was = word[4];
        n->product_now = word[5];
    } else if (n->kind == NOTICE_SILENCE) {
        n->stale = flags & STALE;
        n->heard_at = (instant_t)word[3];
    } else if (n->kind == NOTICE_RESERVATION) {
        read_reservation(slots, n);
    }
    return 1u + window_slot_more(slots);
}

size_t notice_fences(const struct notice *n, struct brief_fence *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < n->fences_count; i++)
        for (size_t at = 0; at < FENCES_A_SLOT; at++) {
            const uint64_t *words = &n->fences[i].word[1 + at * FENCE_WORDS];
            if (words[0])
                ret[count++] =
                    (struct brief_fence){(uint32_t)(words[0] - 1), (milli_t)words[1], (milli_t)words[2]};
        }
    return count;
}

struct brief_fence notice_fence(const struct notice *n, uint32_t channel)
{
    for (size_t i = 0; i < n->fences_count; i++)
        for (size_t at = 0; at < FENCES_A_SLOT; at++) {
            const uint64_t *words = &n->fences[i].word[1 + at * FENCE_WORDS];
            if (words[0] == (uint64_t)channel + 1)
                return (struct brief_fence){channel, (milli_t)words[1], (milli_t)words[2]};
        }
    return (struct brief_fence){channel, 0, 0};
}

/* ---- what is told ---- */

static const char *const tell_names[TELL_END] = {
#define TELL(NAME, name, meaning) name,
#include "core/answer/tells.def"
#undef TELL
};

const char *tell_name(enum tell t)
{
    return (unsigned)t < TELL_END ? tell_names[t] : "";
}

bool tell_from_name(struct text name, enum tell *ret)
{
    for (unsigned i = 0; i < TELL_END; i++)
        if (text_equal(name, text_of(tell_names[i]))) {
            *ret = (enum tell)i;
            return true;
        }
    return false;
}

static uint32_t bit(enum tell t, bool is)
{
    return is ? 1u << t : 0;
}

void figures_told(const struct brief_promise *was, const struct brief_promise *now, const struct item *i,
                  const struct channel *c, instant_t at, struct told *ret)
{
    const struct question q = {.channel = c, .now = at};
    milli_t low = c ? c->low_threshold : 0;

    *ret = (struct told){.previous = was->shown, .available = now->shown, .reorder_point = LIMIT_NONE};
    ret->level_was = level_of(was->shown, was->grant_most > 0, i, &q);
    ret->level = level_of(now->shown, now->grant_most > 0, i, &q);
    ret->tells = bit(TELL_CHANGE, was->shown != now->shown) | bit(TELL_LEVEL, ret->level_was != ret->level) |
                 bit(TELL_BACK_IN_STOCK, was->shown <= 0 && now->shown > 0) |
                 bit(TELL_LOW_STOCK, c && was->shown > low && now->shown <= low);
}

/* What only those hear who see the pool: the rows as they are, not what a channel is shown of them. */
static void tell_staff(const struct notice *n, struct told *ret)
{
    milli_t oversold = brief_oversold(&n->now);

    if (n->counted && oversold > brief_oversold(&n->was)) {
        ret->tells |= bit(TELL_OVERSOLD, true);
        ret->oversold = oversold;
    }
    if (n->reordered) {
        ret->tells |= bit(TELL_LOW_STOCK, true);
        ret->reorder_point = n->reorder_point;
    }
}

void notice_told(const struct view *v, const struct notice *n, const struct channel *c, struct told *ret)
{
    if (n->kind == NOTICE_KIT) {
        kit_stand_told(v, n, c, ret);
        return;
    }
    const struct sku *s = table_sku(v->table, n->sku);
    const struct item *i = s ? item_of(s) : NULL;
    uint32_t channel = c ? c->number : CHANNEL_POOL;
    struct brief_fence f = c ? notice_fence(n, channel) : (struct brief_fence){.channel = channel};
    const struct question q = {.channel = c};
    struct terms t = query_terms(v, s, &q, n->location);
    milli_t step = i ? i->step : 1;
    struct brief_promise was = brief_promise(&n->was, channel, f.was, &t, step);
    struct brief_promise now = brief_promise(&n->now, channel, f.now, &t, step);

    figures_told(&was, &now, i, c, n->at, ret);
    if (!c)
        tell_staff(n, ret);
}
