/* Takes an export to pieces: names into one buffer, rows into one array, figures into sums. */
#include "bench/load/stock.h"
#include "base/error.h"
#include "base/hash.h"
#include "cli/client.h"
#include "codec/csv.h"

#include <stdio.h>
#include <stdlib.h>

enum column { COLUMN_SKU, COLUMN_LOCATION, COLUMN_ON_HAND, COLUMN_RESERVED, COLUMN_COMMITTED, COLUMNS };
enum { PLACES_MOST = 1 << 20, NAME_MOST = 384 };
static const char *const column_names[COLUMNS] = {"sku", "location", "on_hand", "reserved", "committed"};

static void *grown(void *at, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return at;
    uint32_t wanted = *room ? *room * 2 : 1024;
    void *more = realloc(at, wanted * size);
    if (more)
        *room = wanted;
    return more;
}

/* ---- names ---- */

static void json_text(struct buffer *out, struct text t)
{
    for (size_t i = 0; i < t.length; i++) {
        unsigned char c = (unsigned char)t.at[i];
        if (c < 0x20) {
            buffer_printf(out, "\\u%04x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            buffer_byte(out, '\\');
        buffer_byte(out, (char)c);
    }
}

static struct name name_keep(struct stock *s, struct text t)
{
    struct name n = {.at = s->texts.length};

    url_put(&s->texts, t);
    n.url_length = (uint16_t)(s->texts.length - n.at);
    json_text(&s->texts, t);
    size_t json_length = s->texts.length - n.at - n.url_length;
    if (!s->texts.failed && json_length == n.url_length &&
        memcmp(s->texts.at + n.at, s->texts.at + n.at + n.url_length, json_length) == 0)
        s->texts.length -= json_length; /* said once is enough */
    else
        n.json_length = (uint16_t)json_length;
    return n;
}

/* An export puts an apostrophe before what a spreadsheet would take for a formula. */
static struct text cell(struct text t)
{
    if (t.length > 1 && t.at[0] == '\'' && memchr("=+-@\t\r", t.at[1], 6))
        return (struct text){t.at + 1, t.length - 1};
    return t;
}

static bool is_name(const struct stock *s, const struct name *n, struct text t)
{
    return text_equal(name_json(s, n), t);
}

/* The number of the location; UINT32_MAX without memory. */
static uint32_t place_of(struct stock *s, struct text t)
{
    uint32_t mask = s->slots_count - 1, at = (uint32_t)hash_text(t) & mask;

    while (s->slots[at]) {
        if (is_name(s, &s->places[s->slots[at] - 1], t))
            return s->slots[at] - 1;
        at = (at + 1) & mask;
    }
    struct name *more = grown(s->places, s->places_count, &s->places_room, sizeof(*s->places));
    if (!more || s->places_count >= s->slots_count / 2)
        return UINT32_MAX;
    s->places = more;
    s->places[s->places_count++] = name_keep(s, t);
    s->slots[at] = s->places_count;
    return s->places_count - 1;
}

/* The number of the SKU: that of the row before, or a new one. */
static uint32_t sku_of(struct stock *s, struct text t)
{
    if (s->skus_count && is_name(s, &s->skus[s->skus_count - 1], t))
        return s->skus_count - 1;
    uint32_t room = s->skus_room;
    struct name *names = grown(s->skus, s->skus_count + 1, &room, sizeof(*names));
    if (!names)
        return UINT32_MAX;
    s->skus = names;
    uint32_t *first = grown(s->sku_first, s->skus_count + 1, &s->skus_room, sizeof(*first));
    if (!first)
        return UINT32_MAX;
    s->sku_first = first;
    s->sku_first[s->skus_count] = s->rows_count;
    s->skus[s->skus_count] = name_keep(s, t);
    return s->skus_count++;
}

/* ---- rows ---- */

static int64_t milli(struct text t)
{
    int64_t value = 0, decimals = -1;
    bool negative = t.length && t.at[0] == '-';

    for (size_t i = negative; i < t.length; i++) {
        if (t.at[i] == '.') {
            decimals = 0;
        } else if (decimals < 3) {
            value = value * 10 + (t.at[i] - '0');
            decimals += decimals >= 0;
        }
    }
    for (decimals = decimals < 0 ? 0 : decimals; decimals < 3; decimals++)
        value *= 10;
    return negative ? -value : value;
}

static int take_row(struct stock *s, const struct csv *c, const size_t column[COLUMNS], bool sums_only)
{
    int64_t *const sums[COLUMNS] = {[COLUMN_ON_HAND] = &s->sums.on_hand,
                                    [COLUMN_RESERVED] = &s->sums.reserved,
                                    [COLUMN_COMMITTED] = &s->sums.committed};

    for (size_t i = COLUMN_ON_HAND; i < COLUMNS; i++)
        if (column[i] < c->count)
            *sums[i] += milli(c->fields[column[i]]);
    s->sums.rows++;
    if (sums_only)
        return 0;
    if (column[COLUMN_SKU] >= c->count || column[COLUMN_LOCATION] >= c->count)
        return ERROR_INVALID;
    struct text sku = cell(c->fields[column[COLUMN_SKU]]), place = cell(c->fields[column[COLUMN_LOCATION]]);
    struct stock_row *more = grown(s->rows, s->rows_count, &s->rows_room, sizeof(*more));
    if (!more || sku.length > NAME_MOST || place.length > NAME_MOST)
        return more ? ERROR_INVALID : ERROR_NOMEM;
    s->rows = more;
    struct stock_row row = {sku_of(s, sku), place_of(s, place)};
    if (row.sku == UINT32_MAX || row.place == UINT32_MAX)
        return ERROR_NOMEM;
    s->rows[s->rows_count++] = row;
    return 0;
}

static long from_file(void *context, char *bytes, size_t size)
{
    size_t got = fread(bytes, 1, size, context);
    return got || !ferror((FILE *)context) ? (long)got : -1;
}

static bool find_columns(const struct csv *c, size_t column[COLUMNS])
{
    for (size_t i = 0; i < COLUMNS; i++) {
        column[i] = SIZE_MAX;
        for (size_t k = 0; k < c->count; k++)
            if (text_equal(c->fields[k], text_of(column_names[i])))
                column[i] = k;
    }
    return column[COLUMN_SKU] != SIZE_MAX && column[COLUMN_LOCATION] != SIZE_MAX;
}

static int take_file(struct stock *s, FILE *f, bool sums_only, char *detail)
{
    struct csv *c = malloc(sizeof(*c));
    size_t column[COLUMNS];
    const char *problem = "no columns `sku` and `location` in the first line";
    int more = 0;

    if (!c)
        return ERROR_NOMEM;
    csv_init(c, from_file, f);
    if (csv_next(c, &problem) != 1 || !find_columns(c, column))
        more = ERROR_INVALID;
    while (more == 0 && (more = csv_next(c, &problem)) == 1)
        more = take_row(s, c, column, sums_only);
    if (more)
        snprintf(detail, STOCK_DETAIL_BYTES, "line %lu of the rows: %s", c->line,
                 problem ? problem : error_text(more));
    csv_finish(c);
    free(c);
    return more;
}

/* ---- the instance ---- */

static int keep_bytes(void *context, int status, const char *bytes, size_t length)
{
    return fwrite(bytes, 1, length, context) == length ? 0 : ERROR_IO;
}

static int ask(const struct stock_source *from, FILE *into, char *detail)
{
    const char *arguments[] = {"--url", from->url,   "--timeout-seconds",
                               "120",   "--api-key", from->api_key}; /* settings_read changes none of them */
    const struct answer_body stream = {into, keep_bytes};
    const struct client_request request = {
        .method = "GET", .target = "/v1/export?kind=stock&format=csv", .stream = &stream};
    struct client_answer answer = {0};
    struct settings settings;
    struct client *c = NULL;
    int error = settings_read(&settings, COMMAND_export, from->api_key ? 6 : 4, (char **)(uintptr_t)arguments,
                              detail);

    if (!error)
        error = client_create(&settings, &c, detail);
    if (!error && (error = client_send(c, &request, &answer)) != 0)
        snprintf(detail, STOCK_DETAIL_BYTES, "%s: %s", from->url, client_detail(c));
    if (!error && answer.status != 200) {
        snprintf(detail, STOCK_DETAIL_BYTES, "%s/v1/export answered %d: %.*s", from->url, answer.status,
                 (int)(answer.body.length < 150 ? answer.body.length : 150),
                 answer.body.at ? answer.body.at : "");
        error = ERROR_UNAVAILABLE;
    }
    buffer_finish(&answer.body);
    client_destroy(c);
    settings_finish(&settings);
    return error;
}

int stock_read(struct stock *ret, const struct stock_source *from, char detail[STOCK_DETAIL_BYTES])
{
    FILE *f = from->file ? fopen(from->file, "r") : tmpfile();
    int error = f ? 0 : ERROR_IO;

    *ret = (struct stock){.slots_count = 2 * PLACES_MOST};
    ret->slots = from->sums_only ? NULL : calloc(ret->slots_count, sizeof(*ret->slots));
    if (error)
        snprintf(detail, STOCK_DETAIL_BYTES, "%s cannot be read",
                 from->file ? from->file : "a temporary file");
    else if (!ret->slots && !from->sums_only)
        error = ERROR_NOMEM;
    else if (!from->file)
        error = ask(from, f, detail);
    if (!error) {
        rewind(f);
        error = take_file(ret, f, from->sums_only, detail);
    }
    if (!error && ret->skus_count)
        ret->sku_first[ret->skus_count] = ret->rows_count;
    if (f)
        fclose(f);
    return error ? error : ret->texts.failed ? ERROR_NOMEM : 0;
}

void stock_finish(struct stock *s)
{
    buffer_finish(&s->texts);
    free(s->skus);
    free(s->places);
    free(s->sku_first);
    free(s->rows);
    free(s->slots);
    *s = (struct stock){0};
}
