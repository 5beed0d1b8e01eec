/* `onhand find`: items and locations that have the words one gives. */
#include "cli/report.h"
#include "cli/table.h"

#include <stdio.h>

enum { NAME_MOST = 56 };

struct finding {
    const struct settings *settings;
    struct client *client;
    struct client_answer answer;
    struct buffer target, words, out;
};

/* "white", "lantern" → "white lantern" */
static void put_words(struct finding *f)
{
    for (size_t i = 0; i < f->settings->arguments_count; i++)
        buffer_printf(&f->words, "%s%s", i ? " " : "", f->settings->arguments[i]);
    buffer_byte(&f->words, 0);
}

/* {"size":"42","colour":"black"} → "size 42, colour black" */
static void put_options(struct text_table *t, const struct json_node *nodes, uint32_t item)
{
    struct buffer cell = {0};

    json_each(nodes, json_member(nodes, item, "options"), i)
    {
        buffer_string(&cell, cell.length ? ", " : "");
        buffer_text(&cell, nodes[i].key);
        buffer_byte(&cell, ' ');
        buffer_text(&cell, nodes[i].text);
    }
    table_cell(t, (struct text){cell.at ? cell.at : "", cell.length});
    buffer_finish(&cell);
}

static void put_items(struct text_table *t, const struct json_node *nodes, uint32_t list)
{
    table_column_add(t, "SKU", false, 0);
    table_column_add(t, "NAME", false, NAME_MOST);
    table_column_add(t, "PRODUCT", false, 0);
    table_column_add(t, "OPTIONS", false, NAME_MOST);
    json_each(nodes, list, i)
    {
        table_cell(t, json_text(nodes, i, "sku"));
        table_cell(t, json_text(nodes, i, "name"));
        table_cell(t, json_text(nodes, i, "product"));
        put_options(t, nodes, i);
    }
}

static void put_locations(struct text_table *t, const struct json_node *nodes, uint32_t list)
{
    table_column_add(t, "LOCATION", false, 0);
    table_column_add(t, "NAME", false, NAME_MOST);
    table_column_add(t, "ADDRESS", false, NAME_MOST);
    json_each(nodes, list, i)
    {
        table_cell(t, json_text(nodes, i, "id"));
        table_cell(t, json_text(nodes, i, "name"));
        table_cell(t, json_text(nodes, i, "address"));
    }
}

static void put_found(struct finding *f, const struct document *d, const char *collection)
{
    struct text_table table = {0};
    struct text found = json_text(d->nodes, 0, "found");
    uint32_t list = json_member(d->nodes, 0, collection);

    if (f->out.length)
        buffer_byte(&f->out, '\n');
    if (*collection == 'i')
        put_items(&table, d->nodes, list);
    else
        put_locations(&table, d->nodes, list);
    if (table.cells_count) {
        table_write(&table, &f->out);
        buffer_byte(&f->out, '\n');
    }
    buffer_printf(&f->out, "%s: %.*s\n", collection, (int)found.length, found.at);
    table_finish(&table);
}

/* Asks for one collection and adds it to the output. Items with --json: one a line. */
static int find(struct finding *f, const char *collection)
{
    struct document d = {0};
    char limit[24];

    snprintf(limit, sizeof(limit), "%llu", (unsigned long long)f->settings->limit);
    buffer_clear(&f->target);
    buffer_printf(&f->target, "/v1/%s", collection);
    url_query(&f->target, "q", f->words.at);
    url_query(&f->target, "limit", limit);
    buffer_byte(&f->target, 0);
    if (f->target.failed)
        return cli_fail(cli_exit_code(ERROR_NOMEM), "out of memory");
    int error = client_send_patiently(
        f->client, &(struct client_request){.method = "GET", .target = f->target.at}, &f->answer);
    int code = report_answer(f->client, error, &f->answer, f->words.at);
    if (code != EXIT_OK)
        return code;
    if (!document_read(&d, (struct text){f->answer.body.at, f->answer.body.length}))
        return EXIT_FAILED;
    if (!f->settings->json)
        put_found(f, &d, collection);
    else
        json_put_lines(&f->out, d.nodes, collection);
    document_finish(&d);
    return EXIT_OK;
}

int cli_find(const struct settings *s)
{
    struct finding f = {.settings = s};
    int code = EXIT_OK;

    put_words(&f);
    f.client = report_client(s, &code);
    if (f.client)
        code = find(&f, "items");
    if (f.client && code == EXIT_OK)
        code = find(&f, "locations");
    if (f.client && code == EXIT_OK)
        code = cli_write(&f.out);
    buffer_finish(&f.target);
    buffer_finish(&f.words);
    buffer_finish(&f.out);
    buffer_finish(&f.answer.body);
    client_destroy(f.client);
    return code;
}
