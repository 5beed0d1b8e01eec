/* Tables of field names on one side, cells on the other. */
#include "codec/columns.h"
#include "base/error.h"
#include "codec/opening_hours.h"
#include "codec/json.h"

#include <stdio.h>

#define CELL_TEXT CELL_STRING
#define CELL_NAME CELL_STRING
#define CELL_SEQUENCE CELL_NUMBER
#define CELL_QUANTITY CELL_NUMBER
#define CELL_INSTANT CELL_STRING
#define CELL_STATUS CELL_STRING
#define CELL_BASIS CELL_STRING
#define CELL_ORDER_OP CELL_STRING
#define CELL_STATUSES CELL_JSON
#define CELL_ALLOCATION CELL_JSON

static const struct {
    enum data_kind kind;
    const char *field;
    enum cell cell;
} known[] = {
    {DATA_EVENTS, "type", CELL_STRING},
#define FIELD(member, KIND) {DATA_EVENTS, #member, CELL_##KIND},
#include "core/model/fields.def"
#undef FIELD
    /* Never said by an event: the server refuses them by name, which is better than not to pass them on. */
    {DATA_EVENTS, "reserved", CELL_NUMBER},
    {DATA_EVENTS, "committed", CELL_NUMBER},
    {DATA_EVENTS, "available", CELL_NUMBER},
    {DATA_EVENTS, "net_available", CELL_NUMBER},
#define COLUMN(KIND, field, TYPE) {DATA_##KIND, #field, CELL_##TYPE},
#define ALIAS(name, field)
#include "codec/columns.def"
#undef COLUMN
#undef ALIAS
};
enum { KNOWN = sizeof(known) / sizeof(*known) };

static const char *const kind_names[DATA_KINDS] = {"events", "locations", "items", "groups", "channels"};
static const char *const kind_ids[DATA_KINDS] = {"id", "location", "sku", "group", "channel"};

const char *data_kind_name(enum data_kind k)
{
    return kind_names[k];
}

const char *data_kind_id(enum data_kind k)
{
    return kind_ids[k];
}

static struct text unaliased(struct text name)
{
#define COLUMN(KIND, field, TYPE)
#define ALIAS(other, field)             \
    if (text_equal(name, TEXT(#other))) \
        return TEXT(#field);
#include "codec/columns.def"
#undef COLUMN
#undef ALIAS
    return name;
}

/* The name that a column goes by: what --column says of it, or what stands in the header. *ret_said: somebody
 * said it. */
static struct text column_name(struct text header, const struct setting_list *renamed, bool *ret_said)
{
    *ret_said = false;
    for (size_t i = 0; renamed && i < renamed->count; i++) {
        const char *equals = strchr(renamed->at[i], '=');
        if (!equals || !text_equal(header, (struct text){renamed->at[i], (size_t)(equals - renamed->at[i])}))
            continue;
        *ret_said = true;
        return text_of(equals + 1);
    }
    return unaliased(header);
}

static bool has(const struct csv *header, const struct setting_list *renamed, const char *field)
{
    bool said;

    for (size_t i = 0; i < header->count; i++)
        if (text_equal(column_name(header->fields[i], renamed, &said), text_of(field)))
            return true;
    return false;
}

static enum data_kind guess(const struct csv *header, const struct setting_list *renamed)
{
    if (has(header, renamed, "occurred_at"))
        return DATA_EVENTS;
    if (has(header, renamed, "location") &&
        (has(header, renamed, "latitude") || has(header, renamed, "name")))
        return DATA_LOCATIONS;
    if (has(header, renamed, "sku") && (has(header, renamed, "name") || has(header, renamed, "product")))
        return DATA_ITEMS;
    if (has(header, renamed, "group") && has(header, renamed, "members"))
        return DATA_GROUPS;
    if (has(header, renamed, "channel") &&
        (has(header, renamed, "rules") || has(header, renamed, "low_threshold")))
        return DATA_CHANNELS;
    return DATA_KINDS;
}

static void find_column(enum data_kind kind, struct text name, struct column *ret)
{
    *ret = (struct column){CELL_SKIP, ""};
    if (kind == DATA_ITEMS && name.length > 8 && name.length < 60 && memcmp(name.at, "options.", 8) == 0) {
        ret->cell = CELL_OPTION;
        snprintf(ret->field, sizeof(ret->field), "%.*s", (int)name.length - 8, name.at + 8);
        return;
    }
    if (kind != DATA_EVENTS && text_equal(name, TEXT("id")))
        name = text_of(kind_ids[kind]);
    for (size_t i = 0; i < KNOWN; i++) {
        if (known[i].kind != kind || !text_equal(name, text_of(known[i].field)))
            continue;
        ret->cell = known[i].cell;
        snprintf(ret->field, sizeof(ret->field), "%s", known[i].field);
    }
}

static void note_skipped(struct columns *c, struct text name)
{
    size_t length = strlen(c->skipped);

    snprintf(c->skipped + length, sizeof(c->skipped) - length, "%s%.*s", length ? ", " : "",
             name.length > 40 ? 40 : (int)name.length, name.at);
}

static int check_twice(const struct columns *c, char *detail)
{
    for (size_t i = 0; i < c->count; i++) {
        for (size_t j = 0; j < i && c->at[i].cell != CELL_SKIP; j++) {
            if (c->at[j].cell == CELL_SKIP || strcmp(c->at[i].field, c->at[j].field) != 0 ||
                (c->at[i].cell == CELL_OPTION) != (c->at[j].cell == CELL_OPTION))
                continue;
            snprintf(detail, COLUMNS_DETAIL_BYTES,
                     "two columns mean %s; leave one out with --column NAME=", c->at[i].field);
            return ERROR_INVALID;
        }
    }
    return 0;
}

int columns_have_id(const struct columns *c, char detail[COLUMNS_DETAIL_BYTES])
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->at[i].field, kind_ids[c->kind]) == 0)
            return 0;
    snprintf(detail, COLUMNS_DETAIL_BYTES,
             "no column is called %s; say which one it is with --column NAME=%s", kind_ids[c->kind],
             kind_ids[c->kind]);
    return ERROR_INVALID;
}

static int check_renamed(const struct csv *header, const struct setting_list *renamed, char *detail)
{
    for (size_t i = 0; renamed && i < renamed->count; i++) {
        const char *equals = strchr(renamed->at[i], '=');
        bool found = false;
        for (size_t j = 0; equals && j < header->count; j++)
            found |= text_equal(header->fields[j],
                                (struct text){renamed->at[i], (size_t)(equals - renamed->at[i])});
        if (found)
            continue;
        snprintf(detail, COLUMNS_DETAIL_BYTES,
                 equals ? "--column %.100s: the file has no such column"
                        : "--column %.100s: it must be NAME=FIELD",
                 renamed->at[i]);
        return ERROR_INVALID;
    }
    return 0;
}

int columns_read(struct columns *c, enum data_kind kind, const struct csv *header,
                 const struct setting_list *renamed, char detail[COLUMNS_DETAIL_BYTES])
{
    int error = check_renamed(header, renamed, detail);

    if (error)
        return error;
    *c = (struct columns){.kind = kind == DATA_KINDS ? guess(header, renamed) : kind, .count = header->count};
    if (c->kind == DATA_KINDS) {
        snprintf(detail, COLUMNS_DETAIL_BYTES,
                 "the columns do not tell what the file holds; say it with --kind");
        return ERROR_INVALID;
    }
    for (size_t i = 0; i < header->count; i++) {
        bool said;
        struct text name = column_name(header->fields[i], renamed, &said);
        find_column(c->kind, name, &c->at[i]);
        if (c->at[i].cell == CELL_SKIP && said && name.length) {
            snprintf(detail, COLUMNS_DETAIL_BYTES, "--column: %.100s is not a field of %s", name.at,
                     kind_names[c->kind]);
            return ERROR_INVALID;
        }
        if (c->at[i].cell == CELL_SKIP && !said)
            note_skipped(c, header->fields[i]);
    }
    error = check_twice(c, detail);
    return error || c->kind == DATA_EVENTS ? error : columns_have_id(c, detail);
}

/* ---- rows ---- */

static bool divides(char c)
{
    return c == ' ' || c == ',' || c == ';';
}

static void put_list(struct buffer *out, struct text t)
{
    const char *end = t.at + t.length;
    bool first = true;

    buffer_byte(out, '[');
    for (const char *at = t.at; at < end;) {
        const char *word = at;
        while (at < end && !divides(*at))
            at++;
        if (at > word) {
            buffer_string(out, first ? "" : ",");
            json_put_string(out, (struct text){word, (size_t)(at - word)});
            first = false;
        }
        while (at < end && divides(*at))
            at++;
    }
    buffer_byte(out, ']');
}

/* A number goes on as it stands, so that the server judges its text; what cannot be one goes as a string,
 * which the server refuses by name. */
static void put_number(struct buffer *out, struct text t)
{
    bool number = true;

    for (size_t i = 0; i < t.length; i++)
        number &= (t.at[i] >= '0' && t.at[i] <= '9') || strchr("+-.eE", t.at[i]);
    number &= t.at[t.length - 1] >= '0' && t.at[t.length - 1] <= '9' &&
              (t.at[0] == '-' || (t.at[0] >= '0' && t.at[0] <= '9'));
    if (number)
        buffer_text(out, t);
    else
        json_put_string(out, t);
}

static int put_json(struct buffer *out, struct text t, const char *field, char *detail)
{
    struct arena a = {.most_bytes = 16 << 20};
    struct problems p = {0};
    const struct json_node *nodes;
    size_t count;
    int error = json_parse(t, &a, &nodes, &count, &p);

    if (error)
        snprintf(detail, COLUMNS_DETAIL_BYTES, "%s is not JSON: %s", field,
                 p.count ? p.at[0].detail : error_text(error));
    else
        for (size_t i = 0; i < t.length; i++) /* one event a line: line breaks can only be white space here */
            buffer_byte(out, t.at[i] == '\n' || t.at[i] == '\r' ? ' ' : t.at[i]);
    arena_finish(&a);
    return error;
}

static int put_cell(const struct column *c, struct text t, struct buffer *out, bool *holidays, char *detail)
{
    char why[OPENING_HOURS_DETAIL_BYTES];
    bool some = false;
    int error = 0;

    switch (c->cell) {
    case CELL_NUMBER:
        put_number(out, t);
        break;
    case CELL_LIMIT:
        if (text_equal(t, TEXT("null")))
            buffer_text(out, t);
        else
            put_number(out, t);
        break;
    case CELL_FLAG:
        if (text_equal(t, TEXT("true")) || text_equal(t, TEXT("false")))
            buffer_text(out, t);
        else
            json_put_string(out, t);
        break;
    case CELL_LIST:
        put_list(out, t);
        break;
    case CELL_JSON:
        return put_json(out, t, c->field, detail);
    case CELL_HOURS:
        error = opening_hours_to_json(t, out, &some, why);
        if (error)
            snprintf(detail, COLUMNS_DETAIL_BYTES, "%s", why);
        *holidays |= some;
        break;
    default:
        json_put_string(out, t);
    }
    return error;
}

static int put_fields(const struct columns *c, const struct csv *row, bool options, struct buffer *out,
                      bool *holidays, char *detail)
{
    bool first = true;

    for (size_t i = 0; i < c->count; i++) {
        const struct column *column = &c->at[i];
        bool wanted =
            column->cell != CELL_SKIP && column->cell != CELL_ID && (column->cell == CELL_OPTION) == options;
        if (!wanted || !row->fields[i].length)
            continue;
        buffer_string(out, first ? "" : ",");
        json_put_string(out, text_of(column->field));
        buffer_byte(out, ':');
        int error = put_cell(column, row->fields[i], out, holidays, detail);
        if (error)
            return error;
        first = false;
    }
    return 0;
}

static bool has_options(const struct columns *c, const struct csv *row)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->at[i].cell == CELL_OPTION && row->fields[i].length)
            return true;
    return false;
}

int columns_row(const struct columns *c, const struct csv *row, struct buffer *out, struct text *ret_id,
                bool *ret_holidays, char detail[COLUMNS_DETAIL_BYTES])
{
    int error;

    if (row->count != c->count) {
        snprintf(detail, COLUMNS_DETAIL_BYTES, "there are %zu fields, the header has %zu", row->count,
                 c->count);
        return ERROR_INVALID;
    }
    *ret_id = (struct text){"", 0};
    *ret_holidays = false;
    for (size_t i = 0; i < c->count; i++)
        if (c->at[i].cell == CELL_ID)
            *ret_id = row->fields[i];
    buffer_byte(out, '{');
    error = put_fields(c, row, false, out, ret_holidays, detail);
    if (!error && has_options(c, row)) {
        buffer_string(out, out->at[out->length - 1] == '{' ? "\"options\":{" : ",\"options\":{");
        error = put_fields(c, row, true, out, ret_holidays, detail);
        buffer_byte(out, '}');
    }
    buffer_byte(out, '}');
    return error ? error : out->failed ? ERROR_NOMEM : 0;
}
