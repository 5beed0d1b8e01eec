/* The table: SKUs by number and by text, rows by SKU and location. One writer, readers that never wait.
 *
 * A look at one row is a chain of two cache misses: the index entry; then, side by side, the SKU's header and
 * the row, whose address the entry's hint tells well enough to begin fetching it. The hint decides nothing:
 * what is read is what the header says.
 *
 * Pairings beyond latch.h's: table.segments[] and index keys, release by table_add, acquire by sku_at and the
 * index's probe; table.count, release by table_add, acquire by table_sku_count; sku.item, release by
 * sku_set_item, acquire by sku_item. */
#include "core/table/table.h"

#include "base/error.h"
#include "base/hash.h"
#include "core/table/index_probe.h"
#include "core/table/latch.h"
#include "core/table/pages.h"
#include "core/table/read.h"
#include "core/table/slab.h"

#include <malloc.h>
#include <stdlib.h>

enum {
    SEGMENT_SKUS = HUGE_PAGE_BYTES / sizeof(struct sku), /* 32,768 */
    SEGMENTS_MOST = 32768,                               /* a thousand million SKUs */
    POLL_EVERY = 64,                                     /* retired blocks between two looks at the epoch */
};

struct table {
    /* read by all, written once */
    struct table_front front;
    _Atomic(struct sku *) *segments; /* [SEGMENTS_MOST] headers by number; never moved */
    _Atomic uint32_t count;
    /* the writer's */
    _Alignas(64) struct epoch *epoch;
    void (*retire_rare)(void *);
    struct slabs slabs;
    size_t rows;
    size_t malloced_bytes;     /* long texts, large blocks */
    unsigned retired;          /* since the last poll */
    uint32_t slots[PARK_ROWS]; /* of one publish */
    struct park park;
};

/* ---- SKUs ---- */

static inline struct sku *sku_at(const struct table *t, uint32_t number)
{
    /* pairs with the release in header_for */
    return atomic_load_explicit(&t->segments[number / SEGMENT_SKUS], memory_order_acquire) +
           number % SEGMENT_SKUS;
}

struct text sku_text(const struct sku *s)
{
    const char *at = s->text;

    if (s->length > SKU_TEXT_INLINE)
        memcpy(&at, s->text, sizeof(at));
    return (struct text){at, s->length};
}

static inline bool has_text(const struct sku *s, struct text t)
{
    return text_equal(sku_text(s), t);
}

static bool equal(const void *owner, uint32_t number, struct text t)
{
    return has_text(sku_at(owner, number), t);
}

/* Begins to fetch the slot where the row at a location is likely to be. (gcc 12 takes a function that only
 * prefetches for one without effect and leaves out its calls: hence always_inline.) */
static inline __attribute__((always_inline)) void prefetch_row(uint64_t block, uint32_t location)
{
    uint32_t capacity = block_capacity(block);

    if (capacity)
        __builtin_prefetch(&block_cells(block)[block_home(block, capacity, location)]);
}

/* The entry of a SKU, NULL when there is none. */
static const struct index_entry *find(const struct table *t, struct text sku, uint64_t hash)
{
    const struct index_cells *c = index_cells_of(t->front.index);
    struct index_text text = index_text_of(sku, hash);

    for (const struct index_entry *e = index_home(c, text.tag); index_probe(c, &text, &e);
         e = index_after(c, e))
        if (index_text_is_whole(&text) || has_text(sku_at(t, index_id(e)), sku))
            return e;
    return NULL;
}

struct sku *table_find_hashed(const struct table *t, struct text sku, uint64_t hash)
{
    const struct index_entry *e = find(t, sku, hash);
    return e ? sku_at(t, index_id(e)) : NULL;
}

struct sku *table_find(const struct table *t, struct text sku)
{
    return table_find_hashed(t, sku, hash_text(sku));
}

struct sku *table_find_for(const struct table *t, struct text sku, uint64_t hash, uint32_t location)
{
    const struct index_entry *e = find(t, sku, hash);

    if (!e)
        return NULL;
    struct sku *s = sku_at(t, index_id(e));
    __builtin_prefetch(s);
    prefetch_row(index_entry_hint(e), location);
    return s;
}

void table_prefetch(const struct table *t, uint64_t hash)
{
    index_prefetch(t->front.index, hash);
}

void table_prefetch_row(const struct table *t, uint64_t hash, uint32_t location)
{
    uint32_t number;
    uint64_t block = index_hint(t->front.index, hash, &number);

    if (!block)
        return;
    __builtin_prefetch(sku_at(t, number));
    prefetch_row(block, location);
}

uint32_t table_sku_count(const struct table *t)
{
    return atomic_load_explicit(&t->count, memory_order_acquire); /* pairs with the release in table_add */
}

struct sku *table_sku(const struct table *t, uint32_t number)
{
    return sku_at(t, number);
}

uint32_t sku_number(const struct sku *s)
{
    return s->number;
}

size_t sku_rows_count(const struct sku *s)
{
    return atomic_load_explicit(&s->count, memory_order_acquire);
}

const void *sku_item(const struct sku *s)
{
    return atomic_load_explicit(&s->item, memory_order_acquire); /* pairs with sku_set_item */
}

void sku_set_item(struct sku *s, const void *item)
{
    atomic_store_explicit(&s->item, item, memory_order_release); /* pairs with sku_item */
}

uint32_t sku_mark(const struct sku *s)
{
    return s->mark;
}

void sku_set_mark(struct sku *s, uint32_t mark)
{
    s->mark = mark;
}

/* ---- reading rows ---- */

/* The usual case as a straight line: no publish is going on, and the row is at home. While a look waits for
 * memory the processor begins the next ones, as long as it can keep the instructions of all of them in mind;
 * so what counts is how few there are, and that no branch depends on what is being waited for. It is
 * latch.h's even case. False: anything else. */
static inline bool read_at_home(const struct sku *s, uint32_t location, struct row_image *ret_row)
{
    uint64_t version = atomic_load_explicit(&s->version, memory_order_acquire); /* V0 */
    uint64_t block = atomic_load_explicit(&s->block, memory_order_acquire);     /* pairs with R */
    uint32_t capacity = block_capacity(block);
    struct row_image row;

    if (__builtin_expect((version & 1) || !capacity, 0))
        return false;
    const struct cell *c = block_at_home(block, capacity, location);
    if (__builtin_expect(cell_location(c) != location, 0))
        return false;
    cell_read(c, &row);
    if (__builtin_expect(atomic_load_explicit(&s->version, memory_order_acquire) != version, 0)) /* V1' */
        return false;
    *ret_row = row;
    return true;
}

static __attribute__((noinline)) bool read_anywhere(const struct table *t, const struct sku *s,
                                                    uint32_t location, struct row_image *ret_row)
{
    struct row_image row;
    const struct cell *c;
    struct look l;

    do {
        look_begin(&l, &t->park, s);
        c = look_find(&l, location);
        if (c)
            cell_read(c, &row);
    } while (!look_holds(&l));
    if (c)
        *ret_row = row;
    return c != NULL;
}

bool sku_read(const struct table *t, const struct sku *s, uint32_t location, struct row_image *ret_row)
{
    return read_at_home(s, location, ret_row) || read_anywhere(t, s, location, ret_row);
}

static bool read_by(const struct table *t, const struct index_entry *e, uint32_t location,
                    struct row_image *ret_row)
{
    return cell_read_alone(cell_hinted(e, location), location, ret_row) ||
           read_anywhere(t, sku_at(t, index_id(e)), location, ret_row);
}

bool table_read_otherwise(const struct table *t, struct text sku, uint32_t location,
                          struct row_image *ret_row)
{
    const struct index_entry *e = find(t, sku, hash_text(sku));

    return e && read_by(t, e, location, ret_row);
}

bool table_read_far(const struct table *t, struct text sku, uint32_t tag, uint32_t location,
                    struct row_image *ret_row)
{
    const struct index_cells *c = index_cells_of(t->front.index);
    struct index_text text = {text_words_of_many(sku), tag};
    const struct index_entry *e = index_home(c, tag);

    return index_probe(c, &text, &e) && read_by(t, e, location, ret_row);
}

/* The entry of a text in its first line or the next; NULL: not there. */
static inline const struct index_entry *find_near(const struct index_entry *line, struct text_words text,
                                                  uint32_t tag)
{
    const struct index_entry *e = index_in_line(line, tag);
    if (__builtin_expect(index_has(e, text, tag), 1))
        return e;
    e = index_in_line(line + INDEX_LINE, tag);
    return index_has(e, text, tag) ? e : NULL;
}

enum { READ_AT_ONCE = 16 };

/* All lines of the index on their way at once, then all rows. */
static size_t read_some(const struct table *t, const struct table_ask *asks, size_t count,
                        struct row_image *ret_rows)
{
    const struct index_cells *c = index_cells_of(t->front.index);
    struct {
        struct text_words text;
        uint32_t tag;
        const struct index_entry *entry; /* the line first, NULL: to be read otherwise */
        const struct cell *cell;
    } looks[READ_AT_ONCE];
    size_t found = 0;

    for (size_t k = 0; k < count; k++) {
        looks[k].entry = NULL;
        if (!read_is_usual(asks[k].sku))
            continue;
        looks[k].text = text_words_of_many(asks[k].sku);
        looks[k].tag = index_tag(hash_words(looks[k].text, asks[k].sku.length), (uint8_t)asks[k].sku.length);
        looks[k].entry = index_home(c, looks[k].tag);
        __builtin_prefetch(looks[k].entry);
    }
    for (size_t k = 0; k < count; k++) {
        if (__builtin_expect(!looks[k].entry, 0))
            continue;
        looks[k].entry = find_near(looks[k].entry, looks[k].text, looks[k].tag);
        if (__builtin_expect(!looks[k].entry, 0))
            continue;
        looks[k].cell = cell_hinted(looks[k].entry, asks[k].location);
        __builtin_prefetch(looks[k].cell);
    }
    for (size_t k = 0; k < count; k++) {
        uint32_t location = asks[k].location;
        bool read = looks[k].entry && cell_read_alone(looks[k].cell, location, &ret_rows[k]);
        if (__builtin_expect(!read, 0) && !table_read_otherwise(t, asks[k].sku, location, &ret_rows[k])) {
            ret_rows[k] = (struct row_image){.word[ROW_WHO] = row_who(location, 0)};
            continue;
        }
        found++;
    }
    return found;
}

size_t table_read_many(const struct table *t, const struct table_ask *asks, size_t count,
                       struct row_image *ret_rows)
{
    size_t found = 0;

    for (size_t k = 0; k < count; k += READ_AT_ONCE)
        found += read_some(t, asks + k, count - k < READ_AT_ONCE ? count - k : READ_AT_ONCE, ret_rows + k);
    return found;
}

enum { FETCHED_AT_ONCE = 32 };

size_t sku_read_many(const struct table *t, const struct sku *s, const uint32_t *locations, size_t count,
                     struct row_image *ret_rows)
{
    struct look l;
    size_t found;

    do {
        look_begin(&l, &t->park, s);
        for (size_t k = 0; count > 1 && k < count && k < FETCHED_AT_ONCE; k++) /* all on their way at once */
            prefetch_row(l.block, locations[k]);
        found = 0;
        for (size_t k = 0; k < count; k++) {
            const struct cell *c = look_find(&l, locations[k]);
            if (c)
                cell_read(c, &ret_rows[k]);
            else
                ret_rows[k] = (struct row_image){.word[ROW_WHO] = row_who(locations[k], 0)};
            found += c != NULL;
        }
    } while (!look_holds(&l));
    return found;
}

/* The rows' lines and those of their order, side by side: the order would otherwise lead to one after
 * another. */
static inline __attribute__((always_inline)) void prefetch_all(const struct look *l)
{
    const char *at = (const char *)block_cells(l->block);
    size_t bytes = block_bytes(block_code(l->block)), most = 64 * sizeof(struct cell);

    for (size_t k = 0; k < bytes && k < most; k += sizeof(struct cell))
        __builtin_prefetch(at + k);
}

size_t sku_read_all(const struct table *t, const struct sku *s, struct row_image *ret_rows, size_t capacity)
{
    struct look l;

    do {
        look_begin(&l, &t->park, s);
        prefetch_all(&l);
        if (l.count <= capacity)
            for (uint32_t k = 0; k < l.count; k++)
                cell_read(look_nth(&l, k), &ret_rows[k]);
    } while (!look_holds(&l));
    return l.count;
}

const struct likely *sku_likely(const struct table *t, const struct sku *s)
{
    struct look l;

    do
        look_begin(&l, &t->park, s);
    while (!look_holds(&l));
    return block_likely(l.block);
}

/* ---- the writer ---- */

struct table *table_create(const struct table_options *o)
{
    struct table *t = pages_map(sizeof(*t), 4096, false);

    if (!t)
        return NULL;
    t->epoch = o->epoch;
    t->retire_rare = o->retire_rare;
    t->segments = pages_map(SEGMENTS_MOST * sizeof(t->segments[0]), 4096, false);
    t->front.index = index_create(o->epoch, o->expected_skus, equal, t);
    if (!t->segments || !t->front.index) {
        table_destroy(t);
        return NULL;
    }
    return t;
}

int table_expect(struct table *t, size_t skus)
{
    struct index *index = index_create(t->epoch, skus, equal, t);

    if (!index)
        return ERROR_NOMEM;
    index_destroy(t->front.index);
    t->front.index = index;
    return 0;
}

static bool is_large(unsigned code)
{
    return block_bytes(code) > SLAB_BLOCK_MOST;
}

static void sku_finish(struct table *t, struct sku *s)
{
    uint64_t block = atomic_load_explicit(&s->block, memory_order_relaxed);

    if (t->retire_rare)
        for (uint32_t k = 0; k < s->count; k++) {
            uint32_t slot = order_slot(block, s->order, k);
            void *rare = (void *)(uintptr_t)(block_cells(block)[slot].word[ROW_RARE] & CELL_RARE);
            if (rare)
                t->retire_rare(rare);
        }
    if (is_large(block_code(block)))
        free(block_cells(block));
    if (s->length > SKU_TEXT_INLINE)
        free((void *)(uintptr_t)sku_text(s).at);
}

void table_destroy(struct table *t)
{
    if (!t)
        return;
    epoch_drain(t->epoch); /* what was retired goes back into slabs that are about to vanish */
    uint32_t count = table_sku_count(t);
    for (uint32_t k = 0; k < count; k++)
        sku_finish(t, sku_at(t, k));
    for (uint32_t k = 0; t->segments && k < SEGMENTS_MOST && t->segments[k]; k++)
        pages_unmap(t->segments[k], HUGE_PAGE_BYTES);
    if (t->segments)
        pages_unmap(t->segments, SEGMENTS_MOST * sizeof(t->segments[0]));
    index_destroy(t->front.index);
    slabs_finish(&t->slabs);
    pages_unmap(t, sizeof(*t));
}

/* The next header, its segment made when it is the first in it. NULL without memory. */
static struct sku *header_for(struct table *t, uint32_t number)
{
    if (number / SEGMENT_SKUS >= SEGMENTS_MOST)
        return NULL;
    _Atomic(struct sku *) *segment = &t->segments[number / SEGMENT_SKUS];
    if (!*segment) {
        void *memory =
            pages_map(HUGE_PAGE_BYTES, HUGE_PAGE_BYTES, number > 0); /* a small table stays small */
        if (!memory)
            return NULL;
        atomic_store_explicit(segment, memory, memory_order_release); /* pairs with the acquire in sku_at */
    }
    return sku_at(t, number);
}

static int set_text(struct sku *s, struct text text)
{
    char *copy = s->text;

    if (text.length > UINT16_MAX)
        return ERROR_LIMIT;
    if (text.length > SKU_TEXT_INLINE) {
        copy = malloc(text.length);
        if (!copy)
            return ERROR_NOMEM;
        memcpy(s->text, &copy, sizeof(copy));
    }
    if (text.length)
        memcpy(copy, text.at, text.length);
    s->length = (uint16_t)text.length;
    return 0;
}

struct sku *table_add(struct table *t, struct text text, uint64_t hash)
{
    struct sku *s = table_find_hashed(t, text, hash);
    uint32_t number = table_sku_count(t);

    if (s)
        return s;
    s = header_for(t, number);
    if (!s || set_text(s, text) != 0)
        return NULL;
    s->number = number;
    if (index_insert(t->front.index, number, text, hash, block_none()) !=
        0) { /* publishes it: from here on readers find it */
        if (s->length > SKU_TEXT_INLINE)
            free((void *)(uintptr_t)sku_text(s).at);
        s->length = 0;
        return NULL;
    }
    if (s->length > SKU_TEXT_INLINE)
        t->malloced_bytes += malloc_usable_size((void *)(uintptr_t)sku_text(s).at) + sizeof(size_t);
    atomic_store_explicit(&t->count, number + 1,
                          memory_order_release); /* pairs with the acquire in table_sku_count */
    return s;
}

bool sku_peek(const struct sku *s, uint32_t location, struct row_image *ret_row)
{
    uint64_t block = atomic_load_explicit(&s->block, memory_order_relaxed);
    int64_t slot = block_find(block, location, NULL);

    if (slot < 0)
        return false;
    cell_read(&block_cells(block)[slot], ret_row);
    return true;
}

static void *block_alloc(struct table *t, unsigned code)
{
    size_t bytes = block_bytes(code);

    if (!is_large(code))
        return slab_alloc(&t->slabs, code, bytes);
    void *memory = aligned_alloc(64, bytes);
    if (memory)
        t->malloced_bytes += bytes;
    return memory;
}

static void block_retire(struct table *t, uint64_t block)
{
    if (!block)
        return;
    if (is_large(block_code(block)))
        t->malloced_bytes -= block_bytes(block_code(block));
    epoch_retire(t->epoch, block_cells(block), is_large(block_code(block)) ? free : slab_free);
    t->retired++;
}

static void rare_retire(struct table *t, uint64_t old, uint64_t new)
{
    if (!old || old == new || !t->retire_rare)
        return;
    epoch_retire(t->epoch, (void *)(uintptr_t)old, t->retire_rare);
    t->retired++;
}

/* For publish_anew: what the old block had at this row's location. */
static void rare_retire_replaced(struct table *t, uint64_t old, const struct row_image *row)
{
    int64_t slot = block_find(old, row_location(row), NULL);

    if (slot >= 0)
        rare_retire(t, block_cells(old)[slot].word[ROW_RARE] & CELL_RARE, row->word[ROW_RARE]);
}

/* Other choices would put it at home, and rows come seldom. */
static bool is_far(uint64_t block, uint32_t location, uint32_t slot)
{
    uint32_t capacity = block_capacity(block);

    return capacity <= FEW_SLOTS && slot != block_home(block, capacity, location);
}

/* Chooses the slots: where the rows are; for one that is new, an empty one. False: this wants another block.
 */
static bool plan(struct table *t, const struct sku *s, const struct row_image *rows, size_t count,
                 bool *ret_added)
{
    uint64_t block = atomic_load_explicit(&s->block, memory_order_relaxed);
    bool added = false;

    if (count > PARK_ROWS)
        return false;
    for (size_t k = 0; k < count; k++) {
        int64_t room, slot = block_find(block, row_location(&rows[k]), &room);
        if (slot < 0) {
            if (added || room < 0 || s->count >= capacity_room(block_capacity(block)) ||
                is_far(block, row_location(&rows[k]), (uint32_t)room))
                return false;
            added = true;
            slot = room;
        }
        if (block_cells(block)[slot].word[ROW_RARE] >> CELL_CHANGES >= CELL_CHANGES_MOST)
            return false;
        t->slots[k] = (uint32_t)slot;
    }
    *ret_added = added;
    return true;
}

/* The rows change where they are; `added`: the one that is new takes its place in the order. */
static void publish_in_place(struct table *t, struct sku *s, const struct row_image *rows, size_t count,
                             bool added)
{
    uint64_t block = atomic_load_explicit(&s->block, memory_order_relaxed);
    struct cell *cells = block_cells(block);
    struct likely *likely = block_likely(block);

    size_t nothing = likely ? likely_raise(likely, rows, count) : 0; /* L1 */
    latch_park(&t->park, s, t->slots, (uint32_t)count);
    latch_begin(&t->park, s);
    for (size_t k = 0; k < count; k++) {
        if (k)
            LATCH_POINT(LATCH_BETWEEN_ROWS);
        if (added && (uint32_t)cells[t->slots[k]].word[ROW_WHO] == LOCATION_NONE)
            latch_append(s, t->slots[k]);
        latch_write(&cells[t->slots[k]], &rows[k]);
    }
    latch_end(&t->park, s);
    for (size_t k = 0; k < count; k++)
        latch_mark(&cells[t->slots[k]]); /* M2 */
    if (nothing)
        likely_lower(likely, rows, count); /* L2 */
    t->rows += added;
    for (size_t k = 0; k < count; k++)
        rare_retire(t, t->park.image[k].word[ROW_RARE], rows[k].word[ROW_RARE]);
}

/* The rows are built into a new block beside the old one, which readers see until the new one is complete. */
static int publish_anew(struct table *t, struct sku *s, const struct row_image *rows, size_t count)
{
    const struct rows_words old = {s->block, s->order, s->count};
    size_t added = 0;

    for (size_t k = 0; k < count; k++)
        added += block_find(old.block, row_location(&rows[k]), NULL) < 0;
    unsigned code = block_code_for(old.count + added);
    void *memory = code <= CAPACITY_CODE_MOST ? block_alloc(t, code) : NULL;
    if (!memory)
        return ERROR_NOMEM;
    struct rows_words new = block_build(memory, code, &old, rows, count);

    latch_park(&t->park, s, NULL, 0);
    latch_begin(&t->park, s);
    for (uint32_t k = 0; k < block_capacity(old.block); k++)
        latch_mark(&block_cells(old.block)[k]); /* M1, for ever */
    latch_swap(s, &new);
    latch_end(&t->park, s);
    index_set_hint(t->front.index, s->number, sku_text(s), hash_text(sku_text(s)), new.block);
    t->rows += new.count - old.count;
    for (size_t k = 0; k < count; k++)
        rare_retire_replaced(t, old.block, &rows[k]);
    block_retire(t, old.block);
    return 0;
}

int table_publish(struct table *t, struct sku *s, const struct row_image *rows, size_t count)
{
    bool added;
    int error = 0;

    if (count == 0)
        return 0;
    if (plan(t, s, rows, count, &added))
        publish_in_place(t, s, rows, count, added);
    else
        error = publish_anew(t, s, rows, count);
    if (t->retired >= POLL_EVERY) {
        t->retired = 0;
        epoch_poll(t->epoch, 2 * POLL_EVERY);
    }
    return error;
}

size_t table_rows_count(const struct table *t)
{
    return t->rows;
}

size_t table_bytes(const struct table *t)
{
    size_t segments = (table_sku_count(t) + SEGMENT_SKUS - 1) / SEGMENT_SKUS;
    return sizeof(*t) + SEGMENTS_MOST * sizeof(t->segments[0]) / 64 + segments * HUGE_PAGE_BYTES +
           index_bytes(t->front.index) + t->slabs.used_bytes + t->malloced_bytes;
}
