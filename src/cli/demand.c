/* `onhand demand`: what is open of an order, over all rows. */
#include "cli/report.h"
#include "cli/table.h"

#include <stdio.h>

static void put_reservations(struct text_table *t, const struct json_node *nodes, uint32_t one)
{
    struct buffer cell = {0};

    json_each(nodes, json_member(nodes, one, "reservations"), i)
    {
        buffer_string(&cell, cell.length ? ", " : "");
        buffer_text(&cell, nodes[i].text);
    }
    table_cell(t, (struct text){cell.at ? cell.at : "", cell.length});
    buffer_finish(&cell);
}

static void put_one(struct text_table *t, const struct json_node *nodes, uint32_t one)
{
    static const char *const before[] = {"sku", "location", "line"}, *const after[] = {
                                                                         "channel",     "held",
                                                                         "committed",   "short",
                                                                         "required_at", "since"};

    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
        table_cell(t, json_text(nodes, one, before[i]));
    put_reservations(t, nodes, one);
    for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++)
        table_cell(t, json_text(nodes, one, after[i]));
}

static void put_columns(struct text_table *t)
{
    table_column_add(t, "SKU", false, 0);
    table_column_add(t, "LOCATION", false, 0);
    table_column_add(t, "LINE", false, 0);
    table_column_add(t, "RESERVATIONS", false, 40);
    table_column_add(t, "CHANNEL", false, 0);
    table_column_add(t, "HELD", true, 0);
    table_column_add(t, "COMMITTED", true, 0);
    table_column_add(t, "SHORT", true, 0);
    table_column_add(t, "REQUIRED", false, 0);
    table_column_add(t, "SINCE", false, 0);
}

static int show(const struct settings *s, const struct document *d)
{
    struct text_table table = {0};
    struct buffer out = {0};
    uint32_t demand = json_member(d->nodes, 0, "demand");

    put_columns(&table);
    json_each(d->nodes, demand, i) put_one(&table, d->nodes, i);
    if (table.cells_count)
        table_write(&table, &out);
    else
        buffer_printf(&out, "nothing is open of %s\n", s->arguments[0]);
    if (json_text(d->nodes, 0, "next").length)
        buffer_string(&out, "\nthere is more: --limit\n");
    if (text_equal(json_text(d->nodes, 0, "complete"), TEXT("false")))
        buffer_string(&out, "\nthere are too many rows: these are of the newest\n");
    int code = cli_write(&out);
    table_finish(&table);
    buffer_finish(&out);
    return code;
}

int cli_demand(const struct settings *s)
{
    struct buffer target = {0}, body = {0};
    struct document d = {0};
    char limit[24];

    snprintf(limit, sizeof(limit), "%llu", (unsigned long long)s->limit);
    buffer_string(&target, "/v1/demand");
    url_query(&target, "reference", s->arguments[0]);
    url_query(&target, "limit", limit);
    int code = report_get_document(s, &target, s->arguments[0], &body, &d);
    if (code == EXIT_OK)
        code = s->json ? report_lines(&d, "demand") : show(s, &d);
    document_finish(&d);
    buffer_finish(&body);
    buffer_finish(&target);
    return code;
}
