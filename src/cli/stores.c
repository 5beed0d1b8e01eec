/* `onhand stores` and `onhand product`: which stores have a whole basket; the variants of a product as a
 * table. */
#include "cli/report.h"
#include "cli/table.h"

#include <stdio.h>

/* Sends the question and reads the answer; EXIT_OK, or what was said to people. */
static int ask(struct client *c, struct buffer *target, struct client_answer *answer, const char *what,
               struct document *ret)
{
    buffer_byte(target, 0);
    if (target->failed)
        return cli_fail(EXIT_FAILED, "out of memory");
    int error =
        client_send_patiently(c, &(struct client_request){.method = "GET", .target = target->at}, answer);
    if (error || answer->status != 200)
        return report_answer(c, error, answer, what);
    return document_read(ret, (struct text){answer->body.at, answer->body.length}) ? EXIT_OK : EXIT_FAILED;
}

static void put_limit(struct buffer *out, const struct settings *s)
{
    char limit[24];

    if (s->origin[SETTING_limit] == ORIGIN_DEFAULT)
        return;
    snprintf(limit, sizeof(limit), "%llu", (unsigned long long)s->limit);
    url_query(out, "limit", limit);
}

/* What stores and products are narrowed by alike. */
static void put_common(struct buffer *out, const struct settings *s)
{
    url_query(out, "near", s->near);
    url_query(out, "within_km", s->within_km);
    url_query(out, "group", s->group);
    put_limit(out, s);
    url_query(out, "channel", s->channel);
    url_query(out, "method", s->method);
    url_query(out, "by", s->by);
    url_query(out, "min_version", s->min_version);
}

static void put_end(struct buffer *out, const struct json_node *nodes)
{
    struct text version = json_text(nodes, 0, "version"), as_of = json_text(nodes, 0, "as_of");

    buffer_printf(out, "version %.*s, as of %.*s\n", (int)version.length, version.at, (int)as_of.length,
                  as_of.at);
}

/* One question, shown by `show` or as the JSON it came as. */
static int answer_question(const struct settings *s, struct buffer *target, const char *what,
                           int (*show)(const struct document *d))
{
    struct client_answer answer = {0};
    struct document d = {0};
    int code = EXIT_OK;
    struct client *c = report_client(s, &code);

    if (c)
        code = ask(c, target, &answer, what, &d);
    if (c && code == EXIT_OK && s->json) {
        buffer_byte(&answer.body, '\n');
        code = cli_write(&answer.body);
    } else if (c && code == EXIT_OK) {
        code = show(&d);
    }
    document_finish(&d);
    buffer_finish(&answer.body);
    buffer_finish(target);
    client_destroy(c);
    return code;
}

/* ---- stores ---- */

/* "SKU" or "SKU=2": a SKU may have a `=` of its own, so the last one counts. */
static void put_line(struct buffer *out, const char *argument)
{
    const char *equals = strrchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);

    buffer_string(out, memchr(out->at, '?', out->length) ? "&sku=" : "?sku=");
    url_put(out, (struct text){argument, length});
    if (equals)
        url_query(out, "quantity", equals + 1);
}

static void put_stores_target(struct buffer *out, const struct settings *s)
{
    buffer_string(out, "/v1/stores");
    for (size_t i = 0; i < s->arguments_count && !out->failed; i++)
        put_line(out, s->arguments[i]);
    for (size_t i = 0; i < s->capability.count; i++)
        url_query(out, "capability", s->capability.at[i]);
    url_query(out, "open_at", s->open_at);
    url_query(out, "after", s->after);
    put_common(out, s);
}

/* "09:00-13:00 14:00-18:00" */
static void put_hours(struct text_table *t, const struct json_node *nodes, uint32_t store)
{
    struct buffer hours = {0};
    uint32_t list = json_member(nodes, store, "hours_today");

    json_each(nodes, list, i)
    {
        buffer_string(&hours, hours.length ? " " : "");
        buffer_text(&hours, json_text(nodes, i, "opens"));
        buffer_byte(&hours, '-');
        buffer_text(&hours, json_text(nodes, i, "closes"));
    }
    if (!hours.length)
        buffer_string(&hours, "closed");
    table_cell(t, (struct text){hours.at ? hours.at : "", hours.length});
    buffer_finish(&hours);
}

/* "12", with a + behind it where there may be more; of a basket each item's. */
static void put_available(struct text_table *t, const struct json_node *nodes, uint32_t store)
{
    struct buffer cell = {0};
    uint32_t items = json_member(nodes, store, "items");

    if (!items) {
        buffer_text(&cell, json_text(nodes, store, "available"));
        if (text_equal(json_text(nodes, store, "capped"), TEXT("true")))
            buffer_byte(&cell, '+');
    }
    json_each(nodes, items, i)
    {
        buffer_string(&cell, cell.length ? " " : "");
        buffer_text(&cell, json_text(nodes, i, "available"));
        if (text_equal(json_text(nodes, i, "capped"), TEXT("true")))
            buffer_byte(&cell, '+');
    }
    table_cell(t, (struct text){cell.at ? cell.at : "", cell.length});
    buffer_finish(&cell);
}

static void put_store(struct text_table *t, const struct json_node *nodes, uint32_t store)
{
    bool stale = text_equal(json_text(nodes, store, "stale"), TEXT("true"));
    bool open = text_equal(json_text(nodes, store, "open_now"), TEXT("true"));
    uint32_t pickup = json_member(nodes, store, "pickup");

    table_cell(t, json_text(nodes, store, "location"));
    table_cell(t, json_text(nodes, store, "name"));
    table_cell(t, json_text(nodes, store, "distance_km"));
    put_available(t, nodes, store);
    table_cell(t, json_text(nodes, store, "level"));
    table_cell_string(t, open ? "open" : "shut");
    put_hours(t, nodes, store);
    table_cell(t, pickup ? json_text(nodes, pickup, "ready_at") : (struct text){"", 0});
    table_cell(t, json_text(nodes, store, "last_event_at"));
    table_cell_string(t, stale ? "stale" : "");
}

static int show_stores(const struct document *d)
{
    static const struct {
        const char *title;
        bool right;
        size_t most;
    } columns[] = {{"STORE", false, 0},    {"NAME", false, 36},       {"KM", true, 0},
                   {"AVAILABLE", true, 0}, {"LEVEL", false, 0},       {"NOW", false, 0},
                   {"HOURS", false, 0},    {"PICKUP FROM", false, 0}, {"LAST HEARD", false, 0},
                   {"", false, 0}};
    struct text_table table = {0};
    struct buffer out = {0};
    struct text next = json_text(d->nodes, 0, "next");

    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
        table_column_add(&table, columns[i].title, columns[i].right, columns[i].most);
    uint32_t stores = json_member(d->nodes, 0, "stores");
    json_each(d->nodes, stores, i) put_store(&table, d->nodes, i);
    if (table.cells_count)
        table_write(&table, &out);
    else
        buffer_string(&out, "no store\n");
    buffer_byte(&out, '\n');
    put_end(&out, d->nodes);
    if (next.length)
        buffer_printf(&out, "there may be more: --after %.*s\n", (int)next.length, next.at);
    int code = table.failed || out.failed ? cli_fail(EXIT_FAILED, "out of memory") : cli_write(&out);
    table_finish(&table);
    buffer_finish(&out);
    return code;
}

int cli_stores(const struct settings *s)
{
    struct buffer target = {0};

    put_stores_target(&target, s);
    return answer_question(s, &target, "a store with all of it", show_stores);
}

/* ---- products ---- */

static void put_product_target(struct buffer *out, const struct settings *s)
{
    buffer_string(out, "/v1/products/");
    url_put(out, text_of(s->arguments[0]));
    buffer_string(out, "/availability");
    for (size_t i = 0; i < s->location.count; i++)
        url_query(out, "location", s->location.at[i]);
    for (size_t i = 0; i < s->past.count; i++)
        url_query(out, "reservation", s->past.at[i]);
    url_query(out, "quantity", s->quantity);
    put_common(out, s);
}

/* The figure of the variant with these values; `across` 0: only the first option. */
static struct text figure_at(const struct json_node *nodes, uint32_t variants, struct text down_name,
                             struct text down, struct text across_name, struct text across,
                             unsigned *ret_count)
{
    struct text figure = {"", 0};
    char key_down[136], key_across[136];

    *ret_count = 0;
    snprintf(key_down, sizeof(key_down), "%.*s", (int)down_name.length, down_name.at);
    snprintf(key_across, sizeof(key_across), "%.*s", (int)across_name.length, across_name.at);
    json_each(nodes, variants, i)
    {
        uint32_t options = json_member(nodes, i, "options");
        if (!text_equal(json_text(nodes, options, key_down), down) ||
            (across_name.length && !text_equal(json_text(nodes, options, key_across), across)))
            continue;
        figure = json_text(nodes, i, "available");
        ++*ret_count;
    }
    return figure;
}

/* Two options that tell all variants apart: the one down, the other across. False: this is no such product.
 */
static bool show_matrix(const struct json_node *nodes, uint32_t options, uint32_t variants,
                        struct buffer *out)
{
    struct text_table table = {0};
    uint32_t first = options + 1, second = nodes[first].next;
    struct text down_name = json_text(nodes, first, "name"), across_name = json_text(nodes, second, "name");
    uint32_t down = json_member(nodes, first, "values"), across = json_member(nodes, second, "values");
    char title[TABLE_COLUMNS_MOST][136], corner[136];
    unsigned count, columns = 0;
    bool unique = nodes[across].count < TABLE_COLUMNS_MOST;

    snprintf(corner, sizeof(corner), "%.*s", (int)down_name.length, down_name.at);
    table_column_add(&table, corner, false, 0);
    json_each(nodes, across, a)
    {
        if (!unique)
            break;
        snprintf(title[columns], sizeof(title[0]), "%.*s", (int)nodes[a].text.length, nodes[a].text.at);
        table_column_add(&table, title[columns++], true, 0);
    }
    json_each(nodes, down, i)
    {
        table_cell(&table, nodes[i].text);
        json_each(nodes, across, a)
        {
            if (!unique)
                break;
            table_cell(&table, figure_at(nodes, variants, down_name, nodes[i].text, across_name,
                                         nodes[a].text, &count));
            unique = count < 2;
        }
    }
    if (unique)
        table_write(&table, out);
    table_finish(&table);
    return unique;
}

/* "black 42" */
static void put_values(struct text_table *t, const struct json_node *nodes, uint32_t variant)
{
    struct buffer values = {0};
    uint32_t options = json_member(nodes, variant, "options");

    json_each(nodes, options, i)
    {
        buffer_string(&values, values.length ? " " : "");
        buffer_text(&values, nodes[i].text);
    }
    table_cell(t, (struct text){values.at ? values.at : "", values.length});
    buffer_finish(&values);
}

static void show_variants(const struct json_node *nodes, uint32_t variants, struct buffer *out)
{
    struct text_table table = {0};

    table_column_add(&table, "SKU", false, 0);
    table_column_add(&table, "NAME", false, 44);
    table_column_add(&table, "OPTIONS", false, 0);
    table_column_add(&table, "AVAILABLE", true, 0);
    table_column_add(&table, "LEVEL", false, 0);
    json_each(nodes, variants, i)
    {
        table_cell(&table, json_text(nodes, i, "sku"));
        table_cell(&table, json_text(nodes, i, "name"));
        put_values(&table, nodes, i);
        table_cell(&table, json_text(nodes, i, "available"));
        table_cell(&table, json_text(nodes, i, "level"));
    }
    table_write(&table, out);
    table_finish(&table);
}

static int show_product(const struct document *d)
{
    struct buffer out = {0};
    uint32_t options = json_member(d->nodes, 0, "options"), variants = json_member(d->nodes, 0, "variants");
    struct text product = json_text(d->nodes, 0, "product"), available = json_text(d->nodes, 0, "available");

    buffer_text(&out, product);
    buffer_string(&out, "\n\n");
    if (d->nodes[options].count == 2 && show_matrix(d->nodes, options, variants, &out))
        buffer_byte(&out, '\n');
    show_variants(d->nodes, variants, &out);
    buffer_printf(&out, "\n%.*s available; ", (int)available.length, available.at);
    put_end(&out, d->nodes);
    int code = out.failed ? cli_fail(EXIT_FAILED, "out of memory") : cli_write(&out);
    buffer_finish(&out);
    return code;
}

int cli_product(const struct settings *s)
{
    struct buffer target = {0};

    put_product_target(&target, s);
    return answer_question(s, &target, s->arguments[0], show_product);
}
