/* `onhand get`: what is available of an item, location by location, with the names that people know. */
#include "cli/report.h"
#include "cli/table.h"

#include <stdio.h>

/* What the server calls its locations; fetched once. */
struct names {
    struct arena arena;
    size_t count, capacity;
    struct name {
        struct text id, name;
    } * at;
};

struct asking {
    const struct settings *settings;
    struct client *client;
    struct client_answer answer; /* to the question; documents point into it */
    struct client_answer aside;  /* to questions about names */
    struct buffer target;
    struct names names;
    bool names_known;
};

static int ask(struct asking *a, struct client_answer *answer, struct document *d)
{
    buffer_byte(&a->target, 0);
    if (a->target.failed)
        return ERROR_NOMEM;
    int error = client_send_patiently(
        a->client, &(struct client_request){.method = "GET", .target = a->target.at}, answer);
    if (error || answer->status != 200)
        return error ? error : ERROR_NOTFOUND;
    return document_read(d, (struct text){answer->body.at, answer->body.length}) ? 0 : ERROR_IO;
}

/* ---- names ---- */

static void name_add(struct names *n, struct text id, struct text name)
{
    if (n->count == n->capacity) {
        size_t capacity = n->capacity ? n->capacity * 2 : 64;
        struct name *grown = arena_alloc(&n->arena, capacity * sizeof(*grown));
        if (!grown)
            return;
        if (n->count)
            memcpy(grown, n->at, n->count * sizeof(*grown));
        n->at = grown;
        n->capacity = capacity;
    }
    n->at[n->count++] = (struct name){arena_text(&n->arena, id), arena_text(&n->arena, name)};
}

static struct text name_of(const struct names *n, struct text id)
{
    for (size_t i = 0; i < n->count; i++)
        if (text_equal(n->at[i].id, id))
            return n->at[i].name;
    return (struct text){"", 0};
}

static void ask_name(struct asking *a, struct text id)
{
    struct document d;

    buffer_clear(&a->target);
    buffer_string(&a->target, "/v1/locations/");
    url_put(&a->target, id);
    if (ask(a, &a->aside, &d))
        return;
    name_add(&a->names, id, json_text(d.nodes, 0, "name"));
    document_finish(&d);
}

/* Names are for people only: whatever goes wrong here, the figures are shown without them. */
static void ask_all_names(struct asking *a)
{
    struct text after = {"", 0};
    struct document d;

    do {
        buffer_clear(&a->target);
        buffer_string(&a->target, "/v1/locations?limit=1000");
        if (after.length) {
            buffer_string(&a->target, "&after=");
            url_put(&a->target, after);
        }
        if (ask(a, &a->aside, &d))
            return;
        uint32_t locations = json_member(d.nodes, 0, "locations");
        json_each(d.nodes, locations, i)
        {
            struct text id = json_text(d.nodes, i, "id");
            name_add(&a->names, id.length ? id : json_text(d.nodes, i, "location"),
                     json_text(d.nodes, i, "name"));
        }
        after = arena_text(&a->names.arena, json_text(d.nodes, 0, "next"));
        document_finish(&d);
    } while (after.length);
}

enum { NAMES_ONE_BY_ONE_MOST = 4 };

static void learn_names(struct asking *a, const struct json_node *nodes, uint32_t locations)
{
    if (a->names_known || !locations)
        return;
    if (nodes[locations].count > NAMES_ONE_BY_ONE_MOST) {
        a->names_known = true;
        ask_all_names(a);
        return;
    }
    json_each(nodes, locations, i)
    {
        struct text id = json_text(nodes, i, "location");
        if (!name_of(&a->names, id).length)
            ask_name(a, id);
    }
}

/* ---- the question ---- */

static void put_target(struct buffer *out, const struct settings *s, const char *sku)
{
    char limit[24] = "";

    buffer_clear(out);
    buffer_string(out, "/v1/availability/");
    url_put(out, text_of(sku));
    for (size_t i = 0; i < s->location.count; i++)
        url_query(out, "location", s->location.at[i]);
    if (s->origin[SETTING_limit] != ORIGIN_DEFAULT)
        snprintf(limit, sizeof(limit), "%llu", (unsigned long long)s->limit);
    url_query(out, "group", s->group);
    url_query(out, "near", s->near);
    url_query(out, "within_km", s->within_km);
    url_query(out, "limit", limit);
    url_query(out, "channel", s->channel);
    url_query(out, "method", s->method);
    url_query(out, "by", s->by);
    for (size_t i = 0; i < s->past.count; i++)
        url_query(out, "reservation", s->past.at[i]);
    url_query(out, "quantity", s->quantity);
    url_query(out, "min_version", s->min_version);
    url_query(out, "detail", s->detail ? "true" : "");
}

/* ---- the answer ---- */

/* Columns of the table: a member of a location in the answer; `detail` ones only with --detail. */
static const struct {
    const char *title, *member;
    bool right;
} columns[] = {
    {"LOCATION", "location", false},  {"NAME", "", false},
    {"KM", "distance_km", true},      {"AVAILABLE", "available", true},
    {"LEVEL", "level", false},        {"ON HAND", "on_hand", true},
    {"RESERVED", "reserved", true},   {"COMMITTED", "committed", true},
    {"SAFETY", "safety_stock", true}, {"OVERSOLD", "oversold", true},
    {"FLAGS", "flags", false},
};
enum { GET_COLUMNS = sizeof(columns) / sizeof(*columns), NAME_MOST = 44 };

static void put_words(struct text_table *t, const struct json_node *nodes, uint32_t array)
{
    struct buffer words = {0};

    json_each(nodes, array, i)
    {
        buffer_string(&words, words.length ? " " : "");
        buffer_text(&words, nodes[i].text);
    }
    table_cell(t, (struct text){words.at ? words.at : "", words.length});
    buffer_finish(&words);
}

static void put_location(struct text_table *t, const struct asking *a, const struct json_node *nodes,
                         uint32_t at)
{
    for (size_t c = 0; c < GET_COLUMNS; c++) {
        uint32_t member = json_member(nodes, at, columns[c].member);
        if (!*columns[c].member)
            table_cell(t, name_of(&a->names, json_text(nodes, at, "location")));
        else if (member && nodes[member].type == JSON_ARRAY)
            put_words(t, nodes, member);
        else
            table_cell(t, json_text(nodes, at, columns[c].member));
    }
}

static void put_head(struct asking *a, const struct json_node *nodes, struct buffer *out)
{
    struct text sku = json_text(nodes, 0, "sku"), channel = json_text(nodes, 0, "channel");
    struct document item;

    buffer_text(out, sku);
    buffer_clear(&a->target);
    buffer_string(&a->target, "/v1/items/");
    url_put(&a->target, sku);
    if (ask(a, &a->aside, &item) == 0) {
        struct text name = json_text(item.nodes, 0, "name");
        buffer_string(out, name.length ? "  " : "");
        buffer_text(out, name);
        document_finish(&item);
    }
    if (channel.length) {
        buffer_string(out, "  for channel ");
        buffer_text(out, channel);
    }
    buffer_string(out, "\n\n");
}

static int show(struct asking *a, const struct document *d)
{
    struct text_table table = {0};
    struct buffer out = {0};
    uint32_t locations = json_member(d->nodes, 0, "locations");

    learn_names(a, d->nodes, locations);
    put_head(a, d->nodes, &out);
    for (size_t c = 0; c < GET_COLUMNS; c++)
        table_column_add(&table, columns[c].title, columns[c].right, *columns[c].member ? 0 : NAME_MOST);
    json_each(d->nodes, locations, i) put_location(&table, a, d->nodes, i);
    if (table.cells_count)
        table_write(&table, &out);
    else
        buffer_string(&out, "no location\n");
    struct text total = json_text(d->nodes, 0, "available"), level = json_text(d->nodes, 0, "level");
    struct text version = json_text(d->nodes, 0, "version"), as_of = json_text(d->nodes, 0, "as_of");
    buffer_printf(&out, "\n%.*s available, %.*s; version %.*s, as of %.*s\n", (int)total.length, total.at,
                  (int)level.length, level.at, (int)version.length, version.at, (int)as_of.length, as_of.at);
    if (json_text(d->nodes, 0, "next").length)
        buffer_string(&out, "there are more locations: narrow it down with --location, --group or --near\n");
    int code = cli_write(&out);
    table_finish(&table);
    buffer_finish(&out);
    return code;
}

static int get(struct asking *a, const char *sku)
{
    struct document d = {0};

    put_target(&a->target, a->settings, sku);
    int error = ask(a, &a->answer, &d);
    int code = error == ERROR_NOTFOUND ? report_answer(a->client, 0, &a->answer, sku)
               : error                 ? report_answer(a->client, error, &a->answer, sku)
                                       : EXIT_OK;
    if (error)
        return code;
    if (a->settings->json) {
        buffer_byte(&a->answer.body, '\n');
        code = cli_write(&a->answer.body);
    } else {
        code = show(a, &d);
    }
    document_finish(&d);
    return code;
}

static int get_all(const struct settings *s)
{
    struct asking a = {.settings = s};
    int code = EXIT_OK;

    a.client = report_client(s, &code);
    for (size_t i = 0; a.client && i < s->arguments_count && (code == EXIT_OK || code == EXIT_REFUSED); i++) {
        if (i && !s->json)
            cli_write(&(struct buffer){.at = (char[]){'\n'}, .length = 1});
        int one = get(&a, s->arguments[i]);
        code = one != EXIT_OK ? one : code;
    }
    buffer_finish(&a.target);
    buffer_finish(&a.answer.body);
    buffer_finish(&a.aside.body);
    arena_finish(&a.names.arena);
    client_destroy(a.client);
    return code;
}

int cli_get(const struct settings *s)
{
    return get_all(s);
}

/* `onhand near SKU LAT,LON` is `onhand get SKU --near LAT,LON`. */
int cli_near(const struct settings *s)
{
    struct settings as_get = *s;

    as_get.near = s->arguments[1];
    as_get.arguments_count = 1;
    return get_all(&as_get);
}
