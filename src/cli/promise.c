/* `onhand promise`: how and when a basket can be handed over, best first. */
#include "cli/report.h"
#include "cli/table.h"

/* ---- the question ---- */

/* SKU=QUANTITY, cut from the end: a SKU may hold `=`. Without one: 1. */
static bool put_item(struct buffer *out, const char *word)
{
    const char *equals = strrchr(word, '=');
    const char *quantity = equals ? equals + 1 : "1";

    if (equals == word || !*quantity || quantity[strspn(quantity, "0123456789.")]) {
        cli_fail(EXIT_USAGE, "%s: must be SKU or SKU=QUANTITY", word);
        return false;
    }
    buffer_string(out, "{\"sku\":");
    json_put_string(out, (struct text){word, equals ? (size_t)(equals - word) : strlen(word)});
    buffer_printf(out, ",\"quantity\":%s}", quantity);
    return true;
}

static bool put_near(struct buffer *out, const struct settings *s)
{
    const char *comma = strchr(s->near, ',');

    if (!comma || s->near[strspn(s->near, "0123456789.,-")] ||
        s->within_km[strspn(s->within_km, "0123456789.")]) {
        cli_fail(EXIT_USAGE,
                 "--near must be LAT,LON in degrees, such as 52.52,13.405, and --within-km kilometres");
        return false;
    }
    buffer_printf(out, ",\"near\":{\"latitude\":%.*s,\"longitude\":%s", (int)(comma - s->near), s->near,
                  comma + 1);
    if (*s->within_km)
        buffer_printf(out, ",\"within_km\":%s", s->within_km);
    buffer_byte(out, '}');
    return true;
}

static void put_named(struct buffer *out, const char *name, const char *value)
{
    if (!*value)
        return;
    buffer_printf(out, ",\"%s\":", name);
    json_put_string(out, text_of(value));
}

static bool put_question(struct buffer *out, const struct settings *s)
{
    if (s->location.count > 1 || (!s->location.count && !*s->near)) {
        cli_fail(EXIT_USAGE, "say where: --near LAT,LON or one --location");
        return false;
    }
    buffer_string(out, "{\"items\":[");
    for (size_t i = 0; i < s->arguments_count; i++) {
        buffer_string(out, i ? "," : "");
        if (!put_item(out, s->arguments[i]))
            return false;
    }
    buffer_byte(out, ']');
    if (*s->near && !put_near(out, s))
        return false;
    if (s->location.count)
        put_named(out, "location", s->location.at[0]);
    put_named(out, "method", s->method);
    put_named(out, "channel", s->channel);
    if (s->origin[SETTING_limit] != ORIGIN_DEFAULT)
        buffer_printf(out, ",\"limit\":%llu", (unsigned long long)s->limit);
    buffer_byte(out, '}');
    return true;
}

/* ---- the answer ---- */

/* Where goods come from that are not there, and what is waited for. */
static void put_waits(struct text_table *t, const struct document *d, uint32_t option)
{
    struct buffer b = {0};
    uint32_t rests = json_member(d->nodes, option, "rests_on");

    json_each(d->nodes, rests, i)
    {
        struct text kind = json_text(d->nodes, i, "kind");
        bool lane = text_equal(kind, TEXT("lane")), incoming = text_equal(kind, TEXT("incoming"));
        if (!lane && !incoming)
            continue;
        buffer_string(&b, b.length ? ", " : "");
        buffer_text(&b, json_text(d->nodes, i, lane ? "from" : "reference"));
        buffer_byte(&b, ' ');
        buffer_text(&b, json_text(d->nodes, i, lane ? "arrives_at" : "expected_at"));
    }
    table_cell(t, (struct text){b.at, b.length});
    t->failed |= b.failed;
    buffer_finish(&b);
}

static int show(const struct document *d)
{
    struct text_table table = {0};
    struct buffer out = {0};
    uint32_t list = json_member(d->nodes, 0, "options");

    table_column_add(&table, "METHOD", false, 0);
    table_column_add(&table, "LOCATION", false, 0);
    table_column_add(&table, "KM", true, 0);
    table_column_add(&table, "READY", false, 0);
    table_column_add(&table, "WAITS FOR", false, 80);
    json_each(d->nodes, list, i)
    {
        table_cell(&table, json_text(d->nodes, i, "method"));
        table_cell(&table, json_text(d->nodes, i, "location"));
        table_cell(&table, json_text(d->nodes, i, "distance_km"));
        table_cell(&table, json_text(d->nodes, i, "ready_at"));
        put_waits(&table, d, i);
    }
    if (d->nodes[list].count)
        table_write(&table, &out);
    else
        buffer_string(&out, "nobody can hand that over\n");
    int code = cli_write(&out);
    table_finish(&table);
    buffer_finish(&out);
    return code;
}

static int ask(struct client *c, const struct settings *s, struct text body)
{
    struct client_request r = {
        .method = "POST", .target = "/v1/promises", .content_type = "application/json", .body = body};
    struct client_answer a = {0};
    struct document d = {0};
    int code = report_answer(c, client_send_patiently(c, &r, &a), &a, "promises");

    if (code == EXIT_OK && !document_read(&d, (struct text){a.body.at, a.body.length}))
        code = EXIT_UNREACHABLE;
    else if (code == EXIT_OK)
        code = s->json ? report_lines(&d, "options") /* as POST /v1/reservations takes them */ : show(&d);
    document_finish(&d);
    buffer_finish(&a.body);
    return code;
}

int cli_promise(const struct settings *s)
{
    struct buffer body = {0};
    int code = EXIT_USAGE;

    if (put_question(&body, s)) {
        struct client *c = report_client(s, &code);
        if (c)
            code = ask(c, s, (struct text){body.at, body.length});
        client_destroy(c);
    }
    buffer_finish(&body);
    return code;
}
