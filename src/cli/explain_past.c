/* `onhand explain --version`: what became of one record at a row, and why what was refused was refused. */
#include "cli/explain_past.h"

#include "cli/table.h"

static void put_said(struct buffer *out, const struct document *d, uint32_t verdict)
{
    static const struct {
        const char *member, *said;
    } all[] = {{"reservation", "reservation"}, {"reference", "reference"}, {"id", "id"},
               {"source", "source"},           {"channel", "channel"},     {"reason", "reason"}};
    struct text type = json_text(d->nodes, verdict, "type"), q = json_text(d->nodes, verdict, "quantity"),
                what = json_text(d->nodes, verdict, "verdict"),
                why = json_text(d->nodes, verdict, "verdict_reason");

    buffer_printf(out, "%.*s %.*s: %.*s", (int)type.length, type.at, (int)q.length, q.at, (int)what.length,
                  what.at);
    if (why.length)
        buffer_printf(out, " (%.*s)", (int)why.length, why.at);
    buffer_byte(out, '\n');
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct text t = json_text(d->nodes, verdict, all[i].member);
        if (t.length)
            buffer_printf(out, "  %s %.*s\n", all[i].said, (int)t.length, t.at);
    }
}

static void put_figures(struct buffer *out, const struct document *d, uint32_t verdict)
{
    static const char *const figures[] = {"on_hand",      "unavailable",   "reserved", "committed",
                                          "safety_stock", "net_available", "incoming"};
    uint32_t before = json_member(d->nodes, verdict, "before"),
             after = json_member(d->nodes, verdict, "after");
    struct text_table table = {0};

    table_column_add(&table, "FIGURE", false, 0);
    table_column_add(&table, "BEFORE", true, 0);
    table_column_add(&table, "AFTER", true, 0);
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        table_cell_string(&table, figures[i]);
        table_cell(&table, json_text(d->nodes, before, figures[i]));
        table_cell(&table, json_text(d->nodes, after, figures[i]));
    }
    buffer_byte(out, '\n');
    table_write(&table, out);
    table_finish(&table);
}

static void put_refusal(struct buffer *out, const struct document *d, uint32_t refusal)
{
    struct text by = json_text(d->nodes, refusal, "bounded_by"),
                detail = json_text(d->nodes, refusal, "detail");
    struct text requested = json_text(d->nodes, refusal, "requested"),
                available = json_text(d->nodes, refusal, "available");

    buffer_printf(out, "\n%.*s requested, %.*s could be granted here: %.*s%s%.*s\n", (int)requested.length,
                  requested.at, (int)available.length, available.at, (int)by.length, by.at,
                  by.length ? ": " : "", (int)detail.length, detail.at);
    put_terms_table(out, d, json_member(d->nodes, refusal, "terms"));
}

int explain_past_show(const struct settings *s, const struct document *d)
{
    struct buffer out = {0};
    uint32_t verdicts = json_member(d->nodes, 0, "verdicts");
    struct text version = json_text(d->nodes, 0, "version"), as_of = json_text(d->nodes, 0, "as_of");

    buffer_printf(&out, "%s at %s, version %.*s of %.*s\n", s->arguments[0], s->arguments[1],
                  (int)version.length, version.at, (int)as_of.length, as_of.at);
    json_each(d->nodes, verdicts, i)
    {
        uint32_t refusal = json_member(d->nodes, i, "refusal");
        buffer_byte(&out, '\n');
        put_said(&out, d, i);
        put_figures(&out, d, i);
        if (refusal && json_member(d->nodes, refusal, "terms"))
            put_refusal(&out, d, refusal);
    }
    int code = cli_write(&out);
    buffer_finish(&out);
    return code;
}
