/* `onhand explain`: how a row's availability comes about, term by term. */
#include "cli/explain_past.h"
#include "cli/table.h"

/* What is to come, when anything is. */
static void put_schedule(const struct document *d, struct buffer *out)
{
    static const char *const members[] = {"incoming", "demand", "projected", "atp"};
    static const char *const titles[] = {"INCOMING", "DEMAND", "PROJECTED", "MAY BE PROMISED"};
    uint32_t schedule = json_member(d->nodes, 0, "schedule");
    struct text_table table = {0};

    if (!schedule || d->nodes[schedule].count < 2)
        return;
    table_column_add(&table, "AT", false, 0);
    for (int m = 0; m < 4; m++)
        table_column_add(&table, titles[m], true, 0);
    json_each(d->nodes, schedule, i)
    {
        struct text at = json_text(d->nodes, i, "at");
        table_cell(&table, at.length ? at : TEXT("now"));
        for (int m = 0; m < 4; m++)
            table_cell(&table, json_text(d->nodes, i, members[m]));
    }
    buffer_byte(out, '\n');
    table_write(&table, out);
    table_finish(&table);
}

void put_terms_table(struct buffer *out, const struct document *d, uint32_t terms)
{
    struct text_table table = {0};

    table_column_add(&table, "TERM", false, 0);
    table_column_add(&table, "VALUE", true, 0);
    table_column_add(&table, "MEANING", false, 0);
    json_each(d->nodes, terms, i)
    {
        table_cell(&table, json_text(d->nodes, i, "name"));
        table_cell(&table, json_text(d->nodes, i, "value"));
        table_cell(&table, json_text(d->nodes, i, "meaning"));
    }
    buffer_byte(out, '\n');
    table_write(&table, out);
    table_finish(&table);
}

static int show(const struct settings *s, const struct document *d)
{
    struct buffer out = {0};
    uint32_t terms = json_member(d->nodes, 0, "terms");
    struct text sku = json_text(d->nodes, 0, "sku"), location = text_of(s->arguments[1]);
    struct text version = json_text(d->nodes, 0, "version"), as_of = json_text(d->nodes, 0, "as_of");

    buffer_printf(&out, "%.*s at %.*s\n", (int)sku.length, sku.at, (int)location.length, location.at);
    put_terms_table(&out, d, terms);
    put_schedule(d, &out);
    buffer_printf(&out, "\nversion %.*s, as of %.*s\n", (int)version.length, version.at, (int)as_of.length,
                  as_of.at);
    int code = cli_write(&out);
    buffer_finish(&out);
    return code;
}

static void put_target(struct buffer *out, const struct settings *s)
{
    put_row_target(out, s);
    buffer_string(out, "/explain");
    url_query(out, "channel", s->channel);
    url_query(out, "method", s->method);
    url_query(out, "by", s->by);
    url_query(out, "version", s->version);
    for (size_t i = 0; i < s->past.count; i++)
        url_query(out, "reservation", s->past.at[i]);
}

int cli_explain(const struct settings *s)
{
    struct buffer target = {0}, body = {0};
    struct document d = {0};

    put_target(&target, s);
    int code = report_get(s, &target, s->arguments[0], &body);
    if (code == EXIT_OK && s->json) {
        buffer_byte(&body, '\n');
        code = cli_write(&body);
    } else if (code == EXIT_OK) {
        if (!document_read(&d, (struct text){body.at, body.length}))
            code = EXIT_UNREACHABLE;
        else
            code = s->version[0] ? explain_past_show(s, &d) : show(s, &d);
    }
    document_finish(&d);
    buffer_finish(&body);
    buffer_finish(&target);
    return code;
}
