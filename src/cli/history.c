/* `onhand history`: what changed a row and when, newest first. */
#include "cli/report.h"
#include "cli/table.h"

/* "5 → 20 (+15)", "20" when it stayed. */
static void put_movement(struct text_table *t, const struct json_node *nodes, uint32_t change,
                         const char *figure)
{
    struct buffer cell = {0};
    struct text was = json_text(nodes, json_member(nodes, change, "before"), figure);
    struct text now = json_text(nodes, json_member(nodes, change, "after"), figure);
    char difference[QUANTITY_TEXT_BYTES];
    milli_t a, b;

    if (text_equal(was, now)) {
        table_cell(t, now);
        return;
    }
    buffer_printf(&cell, "%.*s → %.*s", (int)was.length, was.at, (int)now.length, now.at);
    if (!quantity_parse(was, &a) && !quantity_parse(now, &b)) {
        size_t length = quantity_format(b - a, difference);
        buffer_printf(&cell, " (%s%.*s)", b > a ? "+" : "", (int)length, difference);
    }
    table_cell(t, (struct text){cell.at, cell.length});
    buffer_finish(&cell);
}

static void put_verdict(struct text_table *t, const struct json_node *nodes, uint32_t change)
{
    struct buffer cell = {0};
    struct text verdict = json_text(nodes, change, "verdict"),
                reason = json_text(nodes, change, "verdict_reason");

    buffer_text(&cell, verdict);
    if (reason.length)
        buffer_printf(&cell, ": %.*s", (int)reason.length, reason.at);
    table_cell(t, (struct text){cell.at, cell.length});
    buffer_finish(&cell);
}

/* Whose doing: the reservation and its reference, the reference, else the event's own id. */
static void put_whose(struct text_table *t, const struct json_node *nodes, uint32_t change)
{
    struct buffer cell = {0};
    struct text reservation = json_text(nodes, change, "reservation"),
                reference = json_text(nodes, change, "reference");

    buffer_text(&cell, reservation);
    if (reference.length)
        buffer_printf(&cell, reservation.length ? " (%.*s)" : "%.*s", (int)reference.length, reference.at);
    if (!cell.length)
        buffer_text(&cell, json_text(nodes, change, "id"));
    table_cell(t, (struct text){cell.at, cell.length});
    buffer_finish(&cell);
}

/* Figures that most lines leave alone: a cell only where they move. */
static void put_if_moved(struct text_table *t, const struct json_node *nodes, uint32_t change,
                         const char *figure)
{
    if (text_equal(json_text(nodes, json_member(nodes, change, "before"), figure),
                   json_text(nodes, json_member(nodes, change, "after"), figure)))
        table_cell_string(t, "");
    else
        put_movement(t, nodes, change, figure);
}

static void put_change(struct text_table *t, const struct json_node *nodes, uint32_t change)
{
    table_cell(t, json_text(nodes, change, "appended_at"));
    table_cell(t, json_text(nodes, change, "occurred_at"));
    table_cell(t, json_text(nodes, change, "type"));
    table_cell(t, json_text(nodes, change, "quantity"));
    put_verdict(t, nodes, change);
    put_movement(t, nodes, change, "on_hand");
    put_if_moved(t, nodes, change, "reserved");
    put_if_moved(t, nodes, change, "committed");
    put_movement(t, nodes, change, "net_available");
    put_whose(t, nodes, change);
}

static int show(const struct settings *s, const struct document *d)
{
    struct text_table table = {0};
    struct buffer out = {0};
    uint32_t changes = json_member(d->nodes, 0, "changes");
    struct text complete_from = json_text(d->nodes, 0, "complete_from");

    buffer_printf(&out, "%s at %s, newest first\n\n", s->arguments[0], s->arguments[1]);
    table_column_add(&table, "APPENDED", false, 0);
    table_column_add(&table, "OCCURRED", false, 0);
    table_column_add(&table, "WHAT", false, 0);
    table_column_add(&table, "QUANTITY", true, 0);
    table_column_add(&table, "VERDICT", false, 0);
    table_column_add(&table, "ON HAND", true, 0);
    table_column_add(&table, "RESERVED", true, 0);
    table_column_add(&table, "COMMITTED", true, 0);
    table_column_add(&table, "NET AVAILABLE", true, 0);
    table_column_add(&table, "WHOSE", false, 40);
    json_each(d->nodes, changes, i) put_change(&table, d->nodes, i);
    table_write(&table, &out);
    if (json_text(d->nodes, 0, "next").length)
        buffer_string(&out, "\nthere are more: --limit\n");
    if (complete_from.length > 2 && memcmp(complete_from.at + complete_from.length - 2, ":0", 2) != 0)
        buffer_printf(&out, "\ncomplete from version %.*s on\n", (int)complete_from.length, complete_from.at);
    int code = cli_write(&out);
    table_finish(&table);
    buffer_finish(&out);
    return code;
}

static void put_target(struct buffer *out, const struct settings *s)
{
    put_row_target(out, s);
    buffer_printf(out, "/history?limit=%ld", (long)s->limit);
}

int cli_history(const struct settings *s)
{
    struct buffer target = {0}, body = {0};
    struct document d = {0};

    put_target(&target, s);
    int code = report_get_document(s, &target, s->arguments[0], &body, &d);
    if (code == EXIT_OK)
        code = s->json ? report_lines(&d, "changes") : show(s, &d);
    document_finish(&d);
    buffer_finish(&body);
    buffer_finish(&target);
    return code;
}
