/* `onhand reserve` and the steps of a reservation: what people type becomes one request, what comes back a
 * table. */
#include "cli/report.h"
#include "cli/table.h"

#include <stdio.h>
#include <sys/random.h>

/* ---- the body ---- */

struct body {
    struct buffer json;
    bool any;
};

static void put_key(struct body *b, const char *name)
{
    buffer_printf(&b->json, "%c\"%s\":", b->any ? ',' : '{', name);
    b->any = true;
}

static void put_string(struct body *b, const char *name, const char *value)
{
    if (!*value)
        return;
    put_key(b, name);
    json_put_string(&b->json, text_of(value));
}

static void put_number(struct body *b, const char *name, uint64_t value)
{
    if (!value)
        return;
    put_key(b, name);
    buffer_printf(&b->json, "%llu", (unsigned long long)value);
}

static void put_end(struct body *b)
{
    buffer_string(&b->json, b->any ? "}" : "{}");
}

/* ---- lines: SKU=QUANTITY@LOCATION,LOCATION… ---- */

struct line {
    struct text sku, quantity, locations; /* locations: empty, or divided by commas */
};

/* A SKU may hold `=` and `@`; a quantity and names of locations may not: cut from the end. */
static bool cut_line(const char *word, struct line *ret)
{
    const char *equals = strrchr(word, '='), *at = equals ? strchr(equals, '@') : NULL;

    if (!equals || equals == word || !equals[1] || (at && (at == equals + 1 || !at[1])))
        return false;
    ret->sku = (struct text){word, (size_t)(equals - word)};
    ret->quantity = at ? (struct text){equals + 1, (size_t)(at - equals - 1)} : text_of(equals + 1);
    ret->locations = at ? text_of(at + 1) : (struct text){"", 0};
    return true;
}

static void put_candidates(struct buffer *out, struct text names)
{
    bool first = true;

    buffer_string(out, ",\"candidates\":[");
    for (const char *at = names.at, *end = names.at + names.length; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t length = (size_t)((comma ? comma : end) - at);
        buffer_string(out, first ? "" : ",");
        json_put_string(out, (struct text){at, length});
        first = false;
        at += length + 1;
    }
    buffer_byte(out, ']');
}

static void put_degrees(struct buffer *out, const char *near)
{
    const char *comma = strchr(near, ',');
    int length = comma ? (int)(comma - near) : (int)strlen(near);

    buffer_printf(out, "{\"latitude\":%.*s,\"longitude\":%s", length, near, comma ? comma + 1 : "");
}

static void put_place(struct buffer *out, const struct settings *s, struct text locations)
{
    if (memchr(locations.at, ',', locations.length)) {
        put_candidates(out, locations);
    } else if (locations.length) {
        buffer_string(out, ",\"location\":");
        json_put_string(out, locations);
    } else if (*s->group) {
        buffer_string(out, ",\"group\":");
        json_put_string(out, text_of(s->group));
    } else if (*s->near) {
        buffer_string(out, ",\"near\":");
        put_degrees(out, s->near);
        if (*s->within_km)
            buffer_printf(out, ",\"within_km\":%s", s->within_km);
        if (s->origin[SETTING_limit] != ORIGIN_DEFAULT)
            buffer_printf(out, ",\"limit\":%llu", (unsigned long long)s->limit);
        buffer_byte(out, '}');
    }
    if (s->split)
        buffer_string(out, ",\"split\":true");
}

/* Numbers stand in JSON as typed: only what is made of their letters may, the server judges the rest. */
static bool is_numeric(struct text t)
{
    for (size_t i = 0; i < t.length; i++)
        if (!strchr("0123456789.,-", t.at[i]) || !t.at[i])
            return false;
    return t.length > 0;
}

static bool near_is_right(const char *near)
{
    const char *comma = strchr(near, ',');

    return !*near ||
           (comma && comma > near && comma[1] && !strchr(comma + 1, ',') && is_numeric(text_of(near)));
}

/* `candidates`: as at creation; else a part of what is open. False: said already. */
static bool put_lines(struct body *b, const struct settings *s, size_t from, const char *name,
                      bool candidates)
{
    struct line l;

    if (candidates && !near_is_right(s->near)) {
        cli_fail(EXIT_USAGE, "--near %s: must be LATITUDE,LONGITUDE, such as 52.52,13.405", s->near);
        return false;
    }
    if (from >= s->arguments_count)
        return true;
    put_key(b, name);
    for (size_t i = from; i < s->arguments_count; i++) {
        if (!cut_line(s->arguments[i], &l) || !is_numeric(l.quantity)) {
            cli_fail(EXIT_USAGE, "%s: must be SKU=QUANTITY or SKU=QUANTITY@LOCATION, such as SKU-1=2@store-1",
                     s->arguments[i]);
            return false;
        }
        buffer_string(&b->json, i == from ? "[{\"sku\":" : ",{\"sku\":");
        json_put_string(&b->json, l.sku);
        buffer_string(&b->json, ",\"quantity\":");
        buffer_text(&b->json, l.quantity);
        if (candidates) {
            put_place(&b->json, s, l.locations);
        } else if (l.locations.length) {
            buffer_string(&b->json, ",\"location\":");
            json_put_string(&b->json, l.locations);
        }
        buffer_byte(&b->json, '}');
    }
    buffer_byte(&b->json, ']');
    return true;
}

/* ---- the answer ---- */

struct column {
    const char *title, *member;
    bool right;
};

static const struct column line_columns[] = {{"SKU", "sku", false},          {"LOCATION", "location", false},
                                             {"QUANTITY", "quantity", true}, {"OPEN", "open", true},
                                             {"HELD", "held", true},         {"COMMITTED", "committed", true},
                                             {"GONE", "gone", true}},
                           missing_columns[] = {{"SKU", "sku", false},
                                                {"LOCATION", "location", false},
                                                {"NOT GOT", "quantity", true}},
                           shortfall_columns[] = {{"SKU", "sku", false},
                                                  {"LOCATION", "location", false},
                                                  {"ASKED FOR", "requested", true},
                                                  {"AVAILABLE", "available", true}};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void put_table(struct buffer *out, const struct json_node *nodes, uint32_t list,
                      const struct column *columns, size_t count)
{
    struct text_table table = {0};

    if (!list || !nodes[list].count)
        return;
    for (size_t c = 0; c < count; c++)
        table_column_add(&table, columns[c].title, columns[c].right, 0);
    json_each(nodes, list, i)
    {
        for (size_t c = 0; c < count; c++)
            table_cell(&table, json_text(nodes, i, columns[c].member));
    }
    buffer_byte(out, '\n');
    table_write(&table, out);
    table_finish(&table);
}

static void put_fact(struct buffer *out, const struct json_node *nodes, uint32_t at, const char *member,
                     const char *before)
{
    struct text t = json_text(nodes, at, member);

    if (t.length)
        buffer_printf(out, "%s%.*s", before, (int)t.length, t.at);
}

static void put_reservation(struct buffer *out, const struct json_node *nodes, uint32_t at)
{
    put_fact(out, nodes, at, "id", "");
    put_fact(out, nodes, at, "state", "  ");
    if (text_equal(json_text(nodes, at, "state"), TEXT("held")))
        put_fact(out, nodes, at, "expires_at", " until ");
    put_fact(out, nodes, at, "reference", ", reference ");
    put_fact(out, nodes, at, "channel", ", channel ");
    put_fact(out, nodes, at, "required_at", ", required ");
    buffer_byte(out, '\n');
    put_table(out, nodes, json_member(nodes, at, "lines"), line_columns, COUNT(line_columns));
    put_table(out, nodes, json_member(nodes, at, "missing"), missing_columns, COUNT(missing_columns));
}

static int show(const struct document *d)
{
    struct buffer out = {0};
    uint32_t list = json_member(d->nodes, 0, "reservations");

    if (!list)
        put_reservation(&out, d->nodes, 0);
    json_each(d->nodes, list, i)
    {
        if (out.length)
            buffer_byte(&out, '\n');
        put_reservation(&out, d->nodes, i);
    }
    if (list && !d->nodes[list].count)
        buffer_string(&out, "no reservation has this reference\n");
    int code = cli_write(&out);
    buffer_finish(&out);
    return code;
}

/* What is missing, line by line, behind the sentence that said no. */
static void show_shortfalls(const struct client_answer *a)
{
    struct document d;
    struct buffer out = {0};

    if (a->status != 409 || !document_read(&d, (struct text){a->body.at, a->body.length}))
        return;
    put_table(&out, d.nodes, json_member(d.nodes, 0, "shortfalls"), shortfall_columns,
              COUNT(shortfall_columns));
    cli_write(&out);
    buffer_finish(&out);
    document_finish(&d);
}

static int report(const struct settings *s, const struct client *c, int error, struct client_answer *a,
                  const char *what)
{
    struct document d = {0};
    bool refused = !error && a->status >= 400 && a->body.length;

    if (s->json && !error && a->body.length) { /* the answer, or the problem it is */
        buffer_byte(&a->body, '\n');
        cli_write(&a->body);
    }
    int code = report_answer(c, error, a, what);
    if (refused && !s->json)
        show_shortfalls(a);
    if (code != EXIT_OK || s->json)
        return code;
    if (!document_read(&d, (struct text){a->body.at, a->body.length}))
        return EXIT_UNREACHABLE;
    code = show(&d);
    document_finish(&d);
    return code;
}

/* Sends the request; a server that is busy is asked again: ids make that harmless. */
static int send(const struct settings *s, const char *method, const struct buffer *target,
                const struct buffer *json, const char *what)
{
    struct client_answer answer = {0};
    int code = EXIT_OK;
    struct client *c = report_client(s, &code);

    if (!c)
        return code;
    struct client_request r = {.method = method, .target = target->at};
    if (json) {
        r.content_type = "application/json";
        r.body = (struct text){json->at, json->length};
    }
    int error =
        target->failed || (json && json->failed) ? ERROR_NOMEM : client_send_patiently(c, &r, &answer);
    code = report(s, c, error, &answer, what);
    buffer_finish(&answer.body);
    client_destroy(c);
    return code;
}

/* ---- steps ---- */

/* POST /v1/reservations/ID/STEP with a body, which is finished. */
static int step(const struct settings *s, const char *name, struct body *b)
{
    struct buffer target = {0};

    put_string(b, "step_id", s->step_id);
    put_end(b);
    buffer_string(&target, "/v1/reservations/");
    url_put(&target, text_of(s->arguments[0]));
    buffer_printf(&target, "/%s", name);
    buffer_byte(&target, 0);
    int code = send(s, "POST", &target, &b->json, s->arguments[0]);
    buffer_finish(&target);
    buffer_finish(&b->json);
    return code;
}

static void put_expiry(struct body *b, const struct settings *s)
{
    put_number(b, "ttl_seconds", s->ttl);
    put_string(b, "expires_at", s->expires_at);
}

int cli_confirm(const struct settings *s)
{
    struct body b = {0};

    put_string(&b, "reference", s->reference);
    return step(s, "confirm", &b);
}

int cli_release(const struct settings *s)
{
    return step(s, "release", &(struct body){0});
}

int cli_extend(const struct settings *s)
{
    struct body b = {0};

    put_expiry(&b, s);
    return step(s, "extend", &b);
}

static int part(const struct settings *s, const char *name, const char *list, bool candidates)
{
    struct body b = {0};

    if (put_lines(&b, s, 1, list, candidates))
        return step(s, name, &b);
    buffer_finish(&b.json);
    return EXIT_USAGE;
}

int cli_fulfil(const struct settings *s)
{
    return part(s, "fulfil", "lines", false);
}

int cli_cancel(const struct settings *s)
{
    return part(s, "cancel", "lines", false);
}

int cli_change(const struct settings *s)
{
    return part(s, "change", "items", true);
}

int cli_relocate(const struct settings *s)
{
    struct body b = {0};

    if (s->sku.count)
        put_string(&b, "sku", s->sku.at[0]);
    put_string(&b, "from", s->arguments[1]);
    put_string(&b, "to", s->arguments[2]);
    return step(s, "move", &b);
}

/* ---- creation and looking ---- */

/* An id that nobody else has. */
static void make_id(char out[40])
{
    unsigned char random[16];
    size_t n = (size_t)snprintf(out, 40, "cli-");

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        memset(random, 0, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        n += (size_t)snprintf(out + n, 40 - n, "%02x", random[i]);
}

static void put_creation(struct body *b, const struct settings *s, const char *id)
{
    static const char *const states[] = {"held", "confirmed", "fulfilled"};

    put_string(b, "id", id);
    put_string(b, "channel", s->channel);
    put_string(b, "method", s->method);
    put_string(b, "reference", s->reference);
    put_expiry(b, s);
    put_string(b, "required_at", s->required_at);
    put_string(b, "mode", s->partial ? "partial" : "");
    put_string(b, "state", s->state ? states[s->state] : "");
}

int cli_reserve(const struct settings *s)
{
    struct body b = {0};
    struct buffer target = {0};
    char made[40] = "";
    int code = EXIT_USAGE;

    if (!*s->id)
        make_id(made);
    const char *id = *s->id ? s->id : made;
    put_creation(&b, s, id);
    if (put_lines(&b, s, 0, "items", true)) {
        put_end(&b);
        buffer_string(&target, "/v1/reservations");
        buffer_byte(&target, 0);
        code = send(s, "POST", &target, &b.json, id);
    }
    buffer_finish(&target);
    buffer_finish(&b.json);
    return code;
}

int cli_reservation(const struct settings *s)
{
    struct buffer target = {0};
    const char *what = s->arguments_count ? s->arguments[0] : s->reference;

    if (!*what || (s->arguments_count && *s->reference))
        return cli_fail(EXIT_USAGE, "say the ID of a reservation, or --reference");
    buffer_string(&target, s->arguments_count ? "/v1/reservations/" : "/v1/reservations?reference=");
    url_put(&target, text_of(what));
    if (*s->min_version) {
        buffer_string(&target, s->arguments_count ? "?min_version=" : "&min_version=");
        url_put(&target, text_of(s->min_version));
    }
    buffer_byte(&target, 0);
    int code = send(s, "GET", &target, NULL, what);
    buffer_finish(&target);
    return code;
}
