/* From rows to the words of a command. */
#include "sinks/redis_snapshot.h"
#include "base/digits.h"
#include "base/error.h"
#include "base/hash.h"
#include "sinks/packed.h"
#include "sinks/sku_key.h"

#include <stdlib.h>

enum {
    ROWS_AT_FIRST = 64,
    FIELDS_BESIDE_ROWS = 3, /* * @v @t */
    PAIRS_A_WORD = 1000,    /* Lua's stack holds 8000 values */
};
#define VERSION_KNOWN (UINT64_C(1) << 56) /* keeps a version from being 0 */
#define VERSION_MASK (VERSION_KNOWN - 1)

/* ---- words ---- */

static void words_clear(struct redis_words *w)
{
    buffer_clear(&w->bytes);
    w->count = 0;
    w->failed = false;
}

static void words_finish(struct redis_words *w)
{
    buffer_finish(&w->bytes);
    free(w->ends);
    *w = (struct redis_words){0};
}

/* What was added to the bytes since the last word is one. */
static void word_end(struct redis_words *w)
{
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? w->capacity * 2 : 256;
        size_t *ends = realloc(w->ends, capacity * sizeof(*ends));
        if (!ends) {
            w->failed = true;
            return;
        }
        w->ends = ends;
        w->capacity = capacity;
    }
    w->ends[w->count++] = w->bytes.length;
}

static void word_number(struct redis_words *w, uint64_t number)
{
    char digits[DIGITS_MOST];

    buffer_add(&w->bytes, digits, (size_t)(digits_put(digits, number) - digits));
    word_end(w);
}

static void words_cut(struct redis_words *w, size_t count)
{
    w->count = count;
    w->bytes.length = count ? w->ends[count - 1] : 0;
    w->bytes.failed = w->failed = false;
}

static void words_point(const struct redis_words *w, const char **argv, size_t *lengths)
{
    for (size_t i = 0; i < w->count; i++) {
        size_t start = i ? w->ends[i - 1] : 0;
        argv[i] = w->bytes.at + start;
        lengths[i] = w->ends[i] - start;
    }
}

/* ---- keys ---- */

/* Of the pool's view, or of a channel's. */
static void word_key(struct redis_snapshot *s, struct text sku, const struct channel *c)
{
    buffer_string(&s->keys.bytes, s->prefix);
    buffer_string(&s->keys.bytes, "a:{");
    sku_key_put(&s->keys.bytes, sku);
    buffer_byte(&s->keys.bytes, '}');
    if (c) {
        buffer_byte(&s->keys.bytes, ':');
        buffer_text(&s->keys.bytes, c->id);
    }
    word_end(&s->keys);
}

/* ---- rows ---- */

/* In the view of a channel, or of the pool (NULL). */
static int read_rows(const struct redis_snapshot *s, const struct sku *sku, const struct channel *c,
                     struct query_row **rows, size_t *rows_capacity, size_t *ret_count, milli_t *ret_sum)
{
    struct question q = {.channel = c, .now = atomic_load_explicit(&s->view->log_time, memory_order_relaxed)};

    for (;;) {
        size_t count = query_everywhere(s->view, sku, &q, *rows, *rows_capacity, ret_sum);
        if (count <= *rows_capacity && *rows) {
            *ret_count = count;
            return 0;
        }
        size_t capacity = count > ROWS_AT_FIRST ? count + count / 2 : ROWS_AT_FIRST;
        struct query_row *grown = realloc(*rows, capacity * sizeof(*grown));
        if (!grown)
            return ERROR_NOMEM;
        *rows = grown;
        *rows_capacity = capacity;
    }
}

static int read_channel_rows(struct redis_snapshot *s, const struct sku *sku, const struct channel *c,
                             size_t *ret_count, milli_t *ret_sum)
{
    return read_rows(s, sku, c, &s->channel_rows, &s->channel_rows_capacity, ret_count, ret_sum);
}

/* ---- channels ---- */

static bool has_fence(const struct redis_snapshot *s, size_t count, uint32_t channel)
{
    for (size_t i = 0; i < count; i++) {
        const struct rare *rare = row_flags(&s->rows[i].row) & ROW_FENCED ? row_rare(&s->rows[i].row) : NULL;
        for (uint32_t k = 0; rare && k < rare->fences_count; k++)
            if (rare->fences[k].channel == channel)
                return true;
    }
    return false;
}

/* Without rules of its own, and with nothing set aside for it, a channel sees what the pool sees. Kits may
 * have it in their components. */
static bool may_differ(const struct redis_snapshot *s, const struct item *item, size_t count,
                       const struct channel *c)
{
    if (c->deleted || c == catalogue_channel_for_all(s->view->catalogue))
        return false;
    return c->rules_count || (item && item->components_count) || has_fence(s, count, c->number);
}

static bool rows_differ(const struct redis_snapshot *s, size_t count, size_t channel_count)
{
    if (count != channel_count)
        return true;
    for (size_t i = 0; i < count; i++)
        if (s->rows[i].location != s->channel_rows[i].location ||
            s->rows[i].figure.available != s->channel_rows[i].figure.available)
            return true;
    return false;
}

static int keep_channel(struct redis_snapshot *s, const struct channel *c)
{
    if (s->channels_count == s->channels_capacity) {
        size_t capacity = s->channels_capacity ? s->channels_capacity * 2 : 16;
        const struct channel **channels = realloc(s->channels, capacity * sizeof(*channels));
        if (!channels)
            return ERROR_NOMEM;
        s->channels = channels;
        s->channels_capacity = capacity;
    }
    s->channels[s->channels_count++] = c;
    return 0;
}

/* Which channels see the SKU otherwise than the pool, whose `count` rows have been read. */
static int find_channels(struct redis_snapshot *s, const struct sku *sku, const struct item *item,
                         size_t count)
{
    const struct catalogue *catalogue = s->view->catalogue;
    uint32_t channels = catalogue_channels_count(catalogue);
    int error = 0;

    s->channels_count = 0;
    for (uint32_t i = 0; i < channels && !error; i++) {
        const struct channel *c = catalogue_channel_at(catalogue, i);
        size_t channel_count;
        milli_t sum;
        if (!c || !may_differ(s, item, count, c))
            continue;
        error = read_channel_rows(s, sku, c, &channel_count, &sum);
        if (!error && rows_differ(s, count, channel_count))
            error = keep_channel(s, c);
    }
    return error;
}

/* Their names, so that the hashes of those that no longer do are deleted. */
static void pack_channels(struct redis_snapshot *s)
{
    size_t length = s->channels_count ? s->channels_count - 1 : 0;

    for (size_t i = 0; i < s->channels_count; i++)
        length += s->channels[i]->id.length;
    packed_text_head(&s->values.bytes, length);
    for (size_t i = 0; i < s->channels_count; i++) {
        buffer_string(&s->values.bytes, i ? "," : "");
        buffer_text(&s->values.bytes, s->channels[i]->id);
    }
}

/* A kit's components are known before its rows are read: whoever changes one afterwards finds the kit. */
static int note_kit(struct redis_snapshot *s, const struct item *item, uint32_t sku)
{
    int error = 0;

    for (uint32_t i = 0; item && i < item->components_count && !error; i++)
        error = kits_add(&s->kits, hash_text(item->components[i].sku), sku);
    return error;
}

static bool is_newer(const struct query_row *r, uint64_t base)
{
    return !base || (r->row.word[ROW_VERSION] & VERSION_MASK) > (base & VERSION_MASK);
}

static void pack_offset(struct buffer *b, uint64_t offset)
{
    char digits[DIGITS_MOST];

    packed_text(b, (struct text){digits, (size_t)(digits_put(digits, offset) - digits)});
}

static void pack_quantity(struct buffer *b, milli_t q)
{
    char text[QUANTITY_TEXT_BYTES];

    packed_text(b, (struct text){text, quantity_format(q > 0 ? q : 0, text)});
}

/* What is told of a hash before its pairs, which are those of `rows` rows and some more: redis_guard.lua has
 * the order. */
static void pack_head(struct redis_snapshot *s, size_t rows, uint64_t offset, uint64_t base, size_t fields,
                      bool names_channels)
{
    struct buffer *b = &s->values.bytes;

    packed_number(b, rows ? (uint32_t)((rows - 1) / PAIRS_A_WORD) : 0); /* words that follow */
    pack_offset(b, offset);
    if (base)
        pack_offset(b, row_offset(&(struct row_image){.word[ROW_VERSION] = base}));
    else
        packed_text_head(b, 0);
    packed_number(b, (uint32_t)fields);
    if (names_channels)
        pack_channels(s);
    else
        packed_text_head(b, 0);
}

static void pack_rows(struct redis_snapshot *s, const struct query_row *rows, size_t count, uint64_t base)
{
    size_t pairs = 0;

    for (size_t i = 0; i < count; i++) {
        if (!rows[i].place || !is_newer(&rows[i], base))
            continue;
        if (pairs && pairs % PAIRS_A_WORD == 0)
            word_end(&s->values);
        packed_text(&s->values.bytes, rows[i].place->id);
        pack_quantity(&s->values.bytes, rows[i].figure.available);
        pairs++;
    }
}

static void add_values(struct redis_snapshot *s, const struct query_row *rows, bool names_channels,
                       uint64_t offset, uint64_t base, size_t count, milli_t sum)
{
    size_t places = names_channels, sent = 0;

    for (size_t i = 0; i < count; i++) {
        places += rows[i].place != NULL;
        sent += rows[i].place && is_newer(&rows[i], base);
    }
    pack_head(s, sent, offset, base, places + FIELDS_BESIDE_ROWS, names_channels);
    pack_rows(s, rows, count, base);
    packed_text(&s->values.bytes, TEXT("*")); /* these two go into the last word, full or not */
    pack_quantity(&s->values.bytes, sum);
    if (names_channels) {
        packed_text(&s->values.bytes, TEXT("@c"));
        pack_channels(s);
    }
    word_end(&s->values);
}

static int add_channels(struct redis_snapshot *s, const struct sku *sku, uint64_t offset, uint64_t base)
{
    int error = 0;

    for (size_t i = 0; i < s->channels_count && !error; i++) {
        size_t count;
        milli_t sum;
        error = read_channel_rows(s, sku, s->channels[i], &count, &sum);
        if (error)
            break;
        word_key(s, sku_text(sku), s->channels[i]);
        add_values(s, s->channel_rows, false, offset, base, count, sum);
    }
    return error;
}

/* Inside an epoch section. */
static int add_sku(struct redis_snapshot *s, uint32_t number, uint64_t base, uint64_t *ret_version)
{
    struct version version = view_version(s->view); /* before the rows: they are at least as new */
    uint32_t incarnations = atomic_load_explicit(&s->view->incarnations_count, memory_order_acquire);
    uint64_t now = row_version(version.offset, (uint8_t)(incarnations - 1), 0) | VERSION_KNOWN;
    const struct sku *sku = table_sku(s->view->table, number);
    const struct item *item = item_of(sku);
    size_t count;
    milli_t sum;
    int error = note_kit(s, item, number);

    if (!error)
        error = read_rows(s, sku, NULL, &s->rows, &s->rows_capacity, &count, &sum);
    if (!error)
        error = find_channels(s, sku, item, count);
    if (error)
        return error;
    if ((item && item->components_count) || (base ^ now) & UINT64_C(0xFF) << 48)
        base = 0; /* a kit has no rows of its own; what another log wrote is no base */
    word_key(s, sku_text(sku), NULL);
    add_values(s, s->rows, s->channels_count > 0, version.offset, base, count, sum);
    *ret_version = now;
    return add_channels(s, sku, version.offset, base);
}

static bool failed(const struct redis_words *w)
{
    return w->failed || w->bytes.failed;
}

int snapshot_add(struct redis_snapshot *s, uint32_t sku, uint64_t base, uint64_t *ret_version)
{
    size_t keys = s->keys.count, values = s->values.count;

    epoch_enter(s->reader);
    int error = add_sku(s, sku, base, ret_version);
    epoch_exit(s->reader);
    if (!error && (failed(&s->keys) || failed(&s->values)))
        error = ERROR_NOMEM;
    if (error) {
        words_cut(&s->keys, keys);
        words_cut(&s->values, values);
    }
    return error;
}

/* ---- one call ---- */

void snapshot_begin(struct redis_snapshot *s, int64_t now_ms)
{
    words_clear(&s->keys);
    words_clear(&s->values);
    word_number(&s->values, view_incarnation(s->view));
    word_number(&s->values, (uint64_t)now_ms);
    buffer_printf(&s->values.bytes, "%schanges", s->prefix);
    word_end(&s->values);
    word_number(&s->values, strlen(s->prefix) + strlen("a:{"));
}

static int reserve_argv(struct redis_snapshot *s, size_t count)
{
    if (count <= s->argv_capacity)
        return 0;
    const char **argv = realloc(s->argv, count * 2 * sizeof(*argv));
    if (!argv)
        return ERROR_NOMEM;
    s->argv = argv;
    size_t *lengths = realloc(s->lengths, count * 2 * sizeof(*lengths));
    if (!lengths)
        return ERROR_NOMEM;
    s->lengths = lengths;
    s->argv_capacity = count * 2;
    return 0;
}

size_t snapshot_end(struct redis_snapshot *s, const char *script_sha, const char *const **ret_argv,
                    const size_t **ret_lengths)
{
    size_t count = 3 + s->keys.count + s->values.count, keys_at = s->keys.bytes.length;

    buffer_printf(&s->keys.bytes, "%zu", s->keys.count); /* behind the keys, where the last word ends */
    if (failed(&s->keys) || failed(&s->values) || reserve_argv(s, count) != 0)
        return 0;
    s->argv[0] = "EVALSHA";
    s->lengths[0] = strlen("EVALSHA");
    s->argv[1] = script_sha;
    s->lengths[1] = strlen(script_sha);
    s->argv[2] = s->keys.bytes.at + keys_at;
    s->lengths[2] = s->keys.bytes.length - keys_at;
    words_point(&s->keys, s->argv + 3, s->lengths + 3);
    words_point(&s->values, s->argv + 3 + s->keys.count, s->lengths + 3 + s->keys.count);
    *ret_argv = s->argv;
    *ret_lengths = s->lengths;
    return count;
}

size_t snapshot_bytes(const struct redis_snapshot *s)
{
    return s->keys.bytes.length + s->values.bytes.length;
}

void snapshot_finish(struct redis_snapshot *s)
{
    words_finish(&s->keys);
    words_finish(&s->values);
    kits_finish(&s->kits);
    free(s->rows);
    free(s->channel_rows);
    free(s->channels);
    free(s->argv);
    free(s->lengths);
    *s = (struct redis_snapshot){0};
}
