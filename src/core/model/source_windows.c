/* Sequence numbers in blocks of 256, found by (source, block) in one flat index; a source's blocks are
 * chained in order of their numbers, so that what slides out of the window is dropped from one end. All
 * bounds are on costs that depend on what was said alone. */
#include "core/model/source_windows.h"

#include "base/error.h"

struct block {       /* a cache line */
    uint64_t number; /* sequence / BLOCK_NUMBERS */
    uint64_t seen[BLOCK_NUMBERS / 64];
    uint32_t source;
    uint32_t ids; /* in the pool of ids, POOL_NONE: not kept */
    uint32_t lower, higher;
};

_Static_assert(sizeof(struct block) <= 64, "a block is a cache line");

struct block_key {
    uint32_t source;
    uint64_t number;
};

static struct source *source_at(const struct source_windows *w, uint32_t number)
{
    return pool_at(&w->sources, number);
}

static struct block *block_at(const struct source_windows *w, uint32_t number)
{
    return pool_at(&w->blocks, number);
}

static uint64_t *ids_at(const struct source_windows *w, uint32_t number)
{
    return pool_at(&w->ids, number);
}

void source_windows_init(struct source_windows *w)
{
    *w = (struct source_windows){
        .sources_most = UINT64_MAX,
        .bytes_most = UINT64_MAX,
        .forgotten_at = INSTANT_NONE,
        .sources = {.size = sizeof(struct source)},
        .blocks = {.size = sizeof(struct block)},
        .ids = {.size = BLOCK_NUMBERS * sizeof(uint64_t)},
        .oldest = POOL_NONE,
        .newest = POOL_NONE,
    };
}

void source_windows_finish(struct source_windows *w)
{
    pool_finish(&w->sources);
    pool_finish(&w->blocks);
    pool_finish(&w->ids);
    tag_index_finish(&w->sources_index);
    tag_index_finish(&w->blocks_index);
}

/* ---- finding ---- */

static bool is_source(const void *owner, uint32_t number, const void *key)
{
    const struct hash128 *who = key, *there = &source_at(owner, number)->who;
    return there->low == who->low && there->high == who->high;
}

static uint32_t find_source(const struct source_windows *w, struct hash128 who, uint32_t tag)
{
    int64_t found = tag_index_find(&w->sources_index, tag, is_source, w, &who);
    return found == TAG_NONE_FOUND ? POOL_NONE : (uint32_t)found;
}

static uint32_t block_tag(uint32_t source, uint64_t number)
{
    return tag_of((struct hash128){number, source});
}

static bool is_block(const void *owner, uint32_t number, const void *key)
{
    const struct block_key *k = key;
    const struct block *b = block_at(owner, number);
    return b->number == k->number && b->source == k->source;
}

static uint32_t find_block(const struct source_windows *w, uint32_t source, uint64_t number)
{
    uint32_t highest = source_at(w, source)->highest;

    if (highest == POOL_NONE || block_at(w, highest)->number == number)
        return highest; /* nearly always */
    struct block_key key = {source, number};
    int64_t found = tag_index_find(&w->blocks_index, block_tag(source, number), is_block, w, &key);
    return found == TAG_NONE_FOUND ? POOL_NONE : (uint32_t)found;
}

static uint64_t bit_of(uint64_t sequence)
{
    return UINT64_C(1) << sequence % 64;
}

static uint64_t *word_of(struct block *b, uint64_t sequence)
{
    return &b->seen[sequence % BLOCK_NUMBERS / 64];
}

/* Is the number among the newest `count` of its source? */
static bool is_within(const struct source *s, uint64_t sequence, uint64_t count)
{
    return sequence >= s->greatest || s->greatest - sequence < count;
}

enum window_verdict source_windows_judge(const struct source_windows *w, struct hash128 who, uint32_t tag,
                                         uint64_t sequence, uint64_t id, instant_t at)
{
    uint32_t number = find_source(w, who, tag);

    if (number == POOL_NONE)
        return at <= w->forgotten_at ? WINDOW_UNKNOWN : WINDOW_NEW;
    const struct source *s = source_at(w, number);
    if (!is_within(s, sequence, WINDOW_NUMBERS))
        return WINDOW_UNKNOWN;
    uint32_t at_block = find_block(w, number, sequence / BLOCK_NUMBERS);
    struct block *b = at_block == POOL_NONE ? NULL : block_at(w, at_block);
    if (!b || !(*word_of(b, sequence) & bit_of(sequence)))
        return at <= s->unsure_until ? WINDOW_UNKNOWN : WINDOW_NEW;
    if (b->ids == POOL_NONE || !is_within(s, sequence, WINDOW_IDS))
        return WINDOW_SEEN;
    return ids_at(w, b->ids)[sequence % BLOCK_NUMBERS] == id ? WINDOW_SEEN : WINDOW_REUSED;
}

/* ---- blocks ---- */

static bool has_ids(const struct source *s, uint64_t block)
{
    uint64_t last = block * BLOCK_NUMBERS + BLOCK_NUMBERS - 1;
    return is_within(s, last, WINDOW_IDS);
}

static void give_ids(struct source_windows *w, struct block *b)
{
    if (b->ids == POOL_NONE)
        return;
    pool_give(&w->ids, b->ids);
    b->ids = POOL_NONE;
    w->bytes -= IDS_COST_BYTES;
}

/* Drops the source's lowest block. */
static void drop_lowest(struct source_windows *w, uint32_t source)
{
    struct source *s = source_at(w, source);
    uint32_t number = s->lowest;
    struct block *b = block_at(w, number);

    give_ids(w, b);
    s->lowest = b->higher;
    if (s->lowest == POOL_NONE)
        s->highest = POOL_NONE;
    else
        block_at(w, s->lowest)->lower = POOL_NONE;
    if (s->lowest_ids == number)
        s->lowest_ids = b->higher;
    tag_index_remove(&w->blocks_index, block_tag(source, b->number), number);
    pool_give(&w->blocks, number);
    w->bytes -= BLOCK_COST_BYTES;
}

/* After the source's greatest number grew: what is wholly below the window goes, and the ids of what is below
 * the newest. */
static void slide(struct source_windows *w, uint32_t source)
{
    struct source *s = source_at(w, source);

    while (s->lowest != POOL_NONE) {
        uint64_t last = block_at(w, s->lowest)->number * BLOCK_NUMBERS + BLOCK_NUMBERS - 1;
        if (is_within(s, last, WINDOW_NUMBERS))
            break;
        drop_lowest(w, source);
    }
    while (s->lowest_ids != POOL_NONE) {
        struct block *b = block_at(w, s->lowest_ids);
        if (has_ids(s, b->number))
            break;
        give_ids(w, b);
        s->lowest_ids = b->higher;
    }
}

/* Chains a block into its source's, searching from the newest. */
static void chain(struct source_windows *w, struct source *s, uint32_t number)
{
    struct block *b = block_at(w, number);
    uint32_t lower = s->highest, higher = POOL_NONE;

    while (lower != POOL_NONE && block_at(w, lower)->number > b->number) {
        higher = lower;
        lower = block_at(w, lower)->lower;
    }
    b->lower = lower;
    b->higher = higher;
    *(lower == POOL_NONE ? &s->lowest : &block_at(w, lower)->higher) = number;
    *(higher == POOL_NONE ? &s->highest : &block_at(w, higher)->lower) = number;
}

static struct block *add_block(struct source_windows *w, uint32_t source, uint64_t block)
{
    struct source *s = source_at(w, source);
    uint32_t number = pool_take(&w->blocks);
    struct block *b = block_at(w, number);

    *b = (struct block){.number = block, .source = source, .ids = POOL_NONE};
    chain(w, s, number);
    tag_index_insert(&w->blocks_index, block_tag(source, block), number);
    w->bytes += BLOCK_COST_BYTES;
    if (has_ids(s, block)) {
        b->ids = pool_take(&w->ids);
        w->bytes += IDS_COST_BYTES;
        if (s->lowest_ids == POOL_NONE || block < block_at(w, s->lowest_ids)->number)
            s->lowest_ids = number;
    }
    return b;
}

/* ---- sources ---- */

static void unchain_source(struct source_windows *w, uint32_t number)
{
    struct source *s = source_at(w, number);

    *(s->older == POOL_NONE ? &w->oldest : &source_at(w, s->older)->newer) = s->newer;
    *(s->newer == POOL_NONE ? &w->newest : &source_at(w, s->newer)->older) = s->older;
}

static void chain_source(struct source_windows *w, uint32_t number)
{
    struct source *s = source_at(w, number);

    s->older = w->newest;
    s->newer = POOL_NONE;
    *(w->newest == POOL_NONE ? &w->oldest : &source_at(w, w->newest)->newer) = number;
    w->newest = number;
}

static void tell_before(struct source_windows *w, uint32_t number)
{
    if (w->before_change)
        w->before_change(w->before_context, number);
}

static uint32_t add_source(struct source_windows *w, struct hash128 who, uint32_t tag, uint64_t sequence)
{
    uint32_t number = pool_take(&w->sources);
    struct source *s = source_at(w, number);

    tell_before(w, number);
    *s = (struct source){.who = who,
                         .first = sequence,
                         .greatest = sequence,
                         .newest_at = INSTANT_NONE,
                         .unsure_until = w->forgotten_at,
                         .lowest = POOL_NONE,
                         .highest = POOL_NONE,
                         .lowest_ids = POOL_NONE};
    tag_index_insert(&w->sources_index, tag, number);
    chain_source(w, number);
    w->count++;
    w->bytes += SOURCE_COST_BYTES;
    return number;
}

static void forget_oldest(struct source_windows *w)
{
    uint32_t number = w->oldest;
    struct source *s = source_at(w, number);

    tell_before(w, number);
    while (s->lowest != POOL_NONE)
        drop_lowest(w, number);
    if (s->newest_at > w->forgotten_at)
        w->forgotten_at = s->newest_at;
    w->missing -= s->missing;
    unchain_source(w, number);
    tag_index_remove(&w->sources_index, tag_of(s->who), number);
    pool_give(&w->sources, number);
    w->count--;
    w->bytes -= SOURCE_COST_BYTES;
}

/* Counts what is missing between the first and the greatest number. */
static void count_gaps(struct source_windows *w, struct source *s, uint64_t sequence)
{
    uint64_t leap = 0, filled = 0;

    if (sequence > s->greatest)
        leap = sequence - s->greatest - 1;
    else if (sequence < s->first)
        leap = s->first - sequence - 1;
    else if (sequence != s->first && s->missing)
        filled = 1;
    if (leap > WINDOW_NUMBERS)
        leap = WINDOW_NUMBERS;
    s->missing += leap - filled;
    w->missing += leap - filled;
}

int source_windows_reserve(struct source_windows *w, uint32_t more)
{
    if (!pool_reserve(&w->sources, more) || !pool_reserve(&w->blocks, more) || !pool_reserve(&w->ids, more) ||
        tag_index_reserve(&w->sources_index, more, 0) || tag_index_reserve(&w->blocks_index, more, 0))
        return ERROR_NOMEM;
    return 0;
}

void source_windows_add(struct source_windows *w, struct hash128 who, uint32_t tag, uint64_t sequence,
                        uint64_t id, instant_t at)
{
    uint32_t number = find_source(w, who, tag);

    if (number == POOL_NONE) {
        number = add_source(w, who, tag, sequence);
    } else {
        tell_before(w, number);
        unchain_source(w, number);
        chain_source(w, number);
    }
    struct source *s = source_at(w, number);
    count_gaps(w, s, sequence);
    s->last_used = ++w->tick;
    s->newest_at = at > s->newest_at ? at : s->newest_at;
    s->first = sequence < s->first ? sequence : s->first;
    bool grew = sequence > s->greatest;
    if (grew)
        s->greatest = sequence;
    if (is_within(s, sequence, WINDOW_NUMBERS)) {
        uint32_t at_block = find_block(w, number, sequence / BLOCK_NUMBERS);
        struct block *b =
            at_block == POOL_NONE ? add_block(w, number, sequence / BLOCK_NUMBERS) : block_at(w, at_block);
        *word_of(b, sequence) |= bit_of(sequence);
        if (b->ids != POOL_NONE)
            ids_at(w, b->ids)[sequence % BLOCK_NUMBERS] = id;
    }
    if (grew)
        slide(w, number);
    for (int i = 0; i < 2 && w->oldest != number && (w->count > w->sources_most || w->bytes > w->bytes_most);
         i++)
        forget_oldest(w);
}

uint64_t source_windows_bytes(const struct source_windows *w)
{
    return pool_bytes(&w->sources) + pool_bytes(&w->blocks) + pool_bytes(&w->ids) +
           tag_index_bytes(&w->sources_index) + tag_index_bytes(&w->blocks_index);
}

/* ---- images ---- */

void source_windows_save(const struct source_windows *w, uint32_t source, struct buffer *out)
{
    const struct source *s = source < w->sources.count ? source_at(w, source) : NULL;
    uint32_t count = 0;

    if (!s || !s->last_used)
        return;
    put_u64(out, s->who.high);
    put_u64(out, s->who.low);
    put_u64(out, s->last_used);
    put_u64(out, s->first);
    put_u64(out, s->greatest);
    put_u64(out, s->missing);
    put_i64(out, s->newest_at);
    put_i64(out, s->unsure_until);
    for (uint32_t b = s->lowest; b != POOL_NONE; b = block_at(w, b)->higher)
        count++;
    put_u32(out, count);
    for (uint32_t n = s->lowest; n != POOL_NONE; n = block_at(w, n)->higher) {
        const struct block *b = block_at(w, n);
        put_u64(out, b->number);
        buffer_add(out, b->seen, sizeof(b->seen));
        put_u8(out, b->ids != POOL_NONE);
        if (b->ids != POOL_NONE)
            buffer_add(out, ids_at(w, b->ids), BLOCK_NUMBERS * sizeof(uint64_t));
    }
}

static int load_blocks(struct source_windows *w, uint32_t source, struct bytes *in)
{
    const struct source *s = source_at(w, source);
    uint32_t count = get_u32(in);
    uint64_t least = 0;

    for (uint32_t i = 0; i < count && !in->failed; i++) {
        uint64_t number = get_u64(in), last = number * BLOCK_NUMBERS + BLOCK_NUMBERS - 1;
        bool in_order = number >= least && number <= s->greatest / BLOCK_NUMBERS;
        if (!in_order || !is_within(s, last, WINDOW_NUMBERS))
            return ERROR_CORRUPT;
        least = number + 1;
        if (source_windows_reserve(w, 1))
            return ERROR_NOMEM;
        struct block *b = add_block(w, source, number);
        get_raw(in, b->seen, sizeof(b->seen));
        if (get_bool(in) != (b->ids != POOL_NONE))
            return ERROR_CORRUPT;
        if (b->ids != POOL_NONE)
            get_raw(in, ids_at(w, b->ids), BLOCK_NUMBERS * sizeof(uint64_t));
    }
    return in->failed ? ERROR_CORRUPT : 0;
}

int source_windows_load(struct source_windows *w, struct bytes *in)
{
    struct hash128 who = {get_u64(in), get_u64(in)};
    uint64_t last_used = get_u64(in), first = get_u64(in), greatest = get_u64(in), missing = get_u64(in);
    instant_t newest_at = get_i64(in), unsure_until = get_i64(in);
    uint32_t tag = tag_of(who);

    if (in->failed || !last_used || first > greatest || find_source(w, who, tag) != POOL_NONE)
        return ERROR_CORRUPT;
    if (source_windows_reserve(w, 1))
        return ERROR_NOMEM;
    uint32_t number = add_source(w, who, tag, first);
    struct source *s = source_at(w, number);
    s->last_used = last_used;
    s->greatest = greatest;
    s->missing = missing;
    s->newest_at = newest_at;
    s->unsure_until = unsure_until;
    w->missing += missing;
    return load_blocks(w, number, in);
}

struct by_use {
    uint64_t last_used;
    uint32_t number;
};

static int compare_use(const void *a, const void *b)
{
    uint64_t x = ((const struct by_use *)a)->last_used, y = ((const struct by_use *)b)->last_used;
    return (x > y) - (x < y);
}

int source_windows_load_finish(struct source_windows *w)
{
    uint32_t count = w->sources.count;
    struct by_use *order = malloc((count + 1) * sizeof(*order));
    int result = 0;

    if (!order)
        return ERROR_NOMEM;
    for (uint32_t i = 0; i < count; i++)
        order[i] = (struct by_use){source_at(w, i)->last_used, i};
    qsort(order, count, sizeof(*order), compare_use);
    w->oldest = w->newest = POOL_NONE;
    for (uint32_t i = 0; i < count; i++) {
        if (order[i].last_used > w->tick || (i && order[i].last_used == order[i - 1].last_used))
            result = ERROR_CORRUPT;
        chain_source(w, order[i].number);
    }
    free(order);
    return result;
}
