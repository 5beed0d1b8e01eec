/* `onhand insights`: what channels asked for and did not find, the most frequent first. */
#include "cli/report.h"
#include "cli/table.h"

static void put_parameter(struct buffer *out, const char *name, const char *value)
{
    if (!value[0])
        return;
    buffer_string(out, name);
    url_put(out, text_of(value));
}

static void put_target(struct buffer *out, const struct settings *s)
{
    buffer_printf(out, "/v1/insights?limit=%ld", (long)s->limit);
    put_parameter(out, "&from=", s->since);
    put_parameter(out, "&to=", s->until);
    put_parameter(out, "&channel=", s->channel);
    for (size_t i = 0; i < s->sku.count; i++)
        put_parameter(out, "&sku=", s->sku.at[i]);
    for (size_t i = 0; i < s->location.count; i++)
        put_parameter(out, "&location=", s->location.at[i]);
    for (size_t i = 0; i < s->group_by.count; i++)
        put_parameter(out, "&group_by=", s->group_by.at[i]);
}

/* One that was not said, or not grouped by. */
static void put_name(struct text_table *t, const struct json_node *nodes, uint32_t entry, const char *name,
                     const char *otherwise)
{
    uint32_t at = json_member(nodes, entry, name);

    if (at && nodes[at].type == JSON_STRING)
        table_cell(t, nodes[at].text);
    else
        table_cell_string(t, at ? otherwise : "");
}

static void put_entry(struct text_table *t, const struct json_node *nodes, uint32_t entry)
{
    static const char *const figures[] = {"times", "queries", "reservations", "stores", "units"};

    put_name(t, nodes, entry, "hour", "");
    put_name(t, nodes, entry, "sku", "");
    put_name(t, nodes, entry, "location", "(anywhere)");
    put_name(t, nodes, entry, "channel", "(none)");
    for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++)
        table_cell(t, json_text(nodes, entry, figures[i]));
}

static int show(const struct document *d)
{
    struct text_table table = {0};
    struct buffer out = {0};
    uint32_t entries = json_member(d->nodes, 0, "entries");
    struct text error_most = json_text(d->nodes, 0, "error_most");

    table_column_add(&table, "HOUR", false, 0);
    table_column_add(&table, "SKU", false, 0);
    table_column_add(&table, "LOCATION", false, 0);
    table_column_add(&table, "CHANNEL", false, 0);
    table_column_add(&table, "TIMES", true, 0);
    table_column_add(&table, "QUERIES", true, 0);
    table_column_add(&table, "RESERVATIONS", true, 0);
    table_column_add(&table, "STORES", true, 0);
    table_column_add(&table, "UNITS", true, 0);
    json_each(d->nodes, entries, i) put_entry(&table, d->nodes, i);
    if (d->nodes[entries].count)
        table_write(&table, &out);
    else
        buffer_string(&out, "nothing that was asked for was missing\n");
    if (!text_equal(error_most, TEXT("0")))
        buffer_printf(&out, "\nof %.*s more it is not known what for: any line may be short by them\n",
                      (int)error_most.length, error_most.at);
    int code = cli_write(&out);
    table_finish(&table);
    buffer_finish(&out);
    return code;
}

int cli_insights(const struct settings *s)
{
    struct buffer target = {0}, body = {0};
    struct document d = {0};

    put_target(&target, s);
    int code = report_get_document(s, &target, "insights", &body, &d);
    if (code == EXIT_OK)
        code = s->json ? report_lines(&d, "entries") : show(&d);
    document_finish(&d);
    buffer_finish(&body);
    buffer_finish(&target);
    return code;
}
