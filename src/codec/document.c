/* Checks documents against their shapes and writes them canonically. The shape bounds the recursion, not the
 * document. */
#include "codec/document.h"

#include <stdio.h>

/* One document on its way into its canonical form. */
struct walk {
    const struct json_node *nodes;
    struct text known;
    struct buffer *out;
    struct problems *problems;
    bool failed;
};

/* Where a node stands. Its pointer is written only when something is wrong there. */
struct place {
    const struct place *outer; /* NULL: the document itself */
    struct text key;           /* the document's: its whole pointer */
    bool element;              /* of a list: the index counts instead of the key */
    uint32_t index;
};

static void write_pointer(const struct place *at, char out[JSON_POINTER_BYTES])
{
    char outer[JSON_POINTER_BYTES], number[24];
    struct text key = at->key;

    if (!at->outer) {
        snprintf(out, JSON_POINTER_BYTES, "%.*s", (int)key.length, key.at);
        return;
    }
    if (at->element)
        key = (struct text){number, (size_t)snprintf(number, sizeof(number), "%u", at->index)};
    write_pointer(at->outer, outer);
    json_pointer(out, outer, key);
}

static bool complain(struct walk *w, const struct place *at, const char *detail)
{
    char pointer[JSON_POINTER_BYTES];

    write_pointer(at, pointer);
    problems_add(w->problems, pointer, "%s", detail);
    w->failed = true;
    return false;
}

/* Names are literals, never empty; most keys are another one from their first byte on. */
static inline bool is_named(struct text key, const char *name)
{
    return key.length && key.at[0] == name[0] && text_equal(key, text_of(name));
}

const struct json_node *document_member(const struct json_node *nodes, uint32_t object, const char *name)
{
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i].next)
        if (is_named(nodes[i].key, name))
            return &nodes[i];
    return NULL;
}

/* ---- single values: each says whether the text is one ---- */

static bool all_digits(struct text t)
{
    for (size_t i = 0; i < t.length; i++)
        if (t.at[i] < '0' || t.at[i] > '9')
            return false;
    return t.length > 0;
}

static int two_digits(const char *p)
{
    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' ? (p[0] - '0') * 10 + p[1] - '0' : -1;
}

static bool is_time(struct text t)
{
    if (t.length != 5 || t.at[2] != ':')
        return false;
    int hour = two_digits(t.at), minute = two_digits(t.at + 3);
    return hour >= 0 && minute >= 0 && minute < 60 && (hour < 24 || (hour == 24 && minute == 0));
}

static bool is_date(struct text t)
{
    char whole[] = "YYYY-MM-DDT00:00:00Z";
    instant_t at;

    if (t.length != 10)
        return false;
    memcpy(whole, t.at, 10);
    return instant_parse(text_of(whole), &at);
}

/* Area/City and the like; whether there is such a zone is for whoever has the zone data. */
static bool is_zone(struct text t)
{
    size_t part = 0;

    if (t.length < 1 || t.length > 64)
        return false;
    for (size_t i = 0; i < t.length; i++) {
        char c = t.at[i], letter = (char)(c | 0x20);
        bool is_letter = letter >= 'a' && letter <= 'z', is_digit = c >= '0' && c <= '9';
        if (c == '/' && part) {
            part = 0;
        } else if (is_letter || (part && (is_digit || c == '_' || c == '-' || c == '+'))) {
            part++;
        } else {
            return false;
        }
    }
    return part > 0;
}

/* GS1's check digit: weights 3 and 1 from the right, the sum with the last digit a multiple of ten. */
static bool check_digit_is_right(struct text t)
{
    unsigned sum = 0;

    for (size_t i = 0; i < t.length; i++)
        sum += (unsigned)(t.at[t.length - 1 - i] - '0') * (i % 2 ? 3 : 1);
    return sum % 10 == 0;
}

bool document_angle(struct text t, int64_t most_degrees, int32_t *ret_e7)
{
    enum { DIGITS = 7 };
    size_t i = 0, fraction = 0;
    int64_t e7 = 0;
    bool negative = t.length && t.at[0] == '-', up = false, beyond = false;

    for (i = negative; i < t.length && t.at[i] >= '0' && t.at[i] <= '9'; i++) {
        e7 = e7 * 10 + (t.at[i] - '0');
        if (e7 > most_degrees)
            return false;
    }
    if (i == (size_t)negative || (i < t.length && (t.at[i] != '.' || i + 1 == t.length)))
        return false;
    for (i++; i < t.length; i++, fraction++) {
        if (t.at[i] < '0' || t.at[i] > '9')
            return false;
        if (fraction < DIGITS)
            e7 = e7 * 10 + (t.at[i] - '0');
        up |= fraction == DIGITS && t.at[i] >= '5';
        beyond |= fraction >= DIGITS && t.at[i] != '0';
    }
    for (; fraction < DIGITS; fraction++)
        e7 *= 10;
    if (e7 > most_degrees * 10000000 || (e7 == most_degrees * 10000000 && beyond))
        return false;
    e7 += up;
    *ret_e7 = (int32_t)(negative ? -e7 : e7);
    return true;
}

static void put_angle(struct buffer *out, int32_t e7)
{
    int64_t magnitude = e7 < 0 ? -(int64_t)e7 : e7;
    char text[32];
    int length = snprintf(text, sizeof(text), "%s%lld.%07lld", e7 < 0 ? "-" : "",
                          (long long)(magnitude / 10000000), (long long)(magnitude % 10000000));

    while (text[length - 1] == '0')
        length--;
    length -= text[length - 1] == '.';
    buffer_add(out, text, (size_t)length);
}

/* ---- fields ---- */

static bool take(struct walk *w, const struct document_field *f, const struct json_node *n,
                 const struct place *at);

static bool take_word(struct walk *w, const struct document_field *f, const struct json_node *n,
                      const struct place *at)
{
    char list[160] = "must be one of";

    for (const char *const *word = f->words; *word; word++) {
        if (n->type == JSON_STRING && text_equal(n->text, text_of(*word))) {
            json_put_string(w->out, n->text);
            return true;
        }
        strcat(strcat(list, word == f->words ? " " : ", "), *word);
    }
    return complain(w, at, list);
}

static bool take_integer(struct walk *w, const struct document_field *f, const struct json_node *n,
                         const struct place *at)
{
    char detail[96];
    int64_t value = 0;
    bool ok = n->type == JSON_NUMBER && n->text.length <= 18 && all_digits(n->text);

    for (size_t i = 0; ok && i < n->text.length; i++)
        value = value * 10 + (n->text.at[i] - '0');
    if (ok && value >= f->least && value <= f->most) {
        buffer_text(w->out, n->text);
        return true;
    }
    snprintf(detail, sizeof(detail), "must be an integer from %lld to %lld", (long long)f->least,
             (long long)f->most);
    return complain(w, at, detail);
}

static bool take_quantity(struct walk *w, const struct document_field *f, const struct json_node *n,
                          const struct place *at)
{
    char least[QUANTITY_TEXT_BYTES], most[QUANTITY_TEXT_BYTES], detail[96];
    milli_t q;
    enum quantity_error e = n->type == JSON_NUMBER ? quantity_parse(n->text, &q) : QUANTITY_NOT_NUMBER;

    if (e != QUANTITY_OK)
        return complain(w, at, quantity_error_text(e));
    if (q >= f->least && q <= f->most) {
        json_put_quantity(w->out, q);
        return true;
    }
    int least_length = (int)quantity_format(f->least, least),
        most_length = (int)quantity_format(f->most, most);
    snprintf(detail, sizeof(detail), "must be from %.*s to %.*s", least_length, least, most_length, most);
    return complain(w, at, detail);
}

static bool take_angle(struct walk *w, const struct document_field *f, const struct json_node *n,
                       const struct place *at)
{
    char detail[96];
    int32_t e7;

    if (n->type == JSON_NUMBER && document_angle(n->text, f->most, &e7)) {
        put_angle(w->out, e7);
        return true;
    }
    snprintf(detail, sizeof(detail), "must be degrees as a plain decimal from -%lld to %lld",
             (long long)f->most, (long long)f->most);
    return complain(w, at, detail);
}

/* As text_is_identifier, with a bound of its own; the scanner has made sure of UTF-8. */
static bool is_text(struct text t, int64_t most)
{
    for (size_t i = 0; i < t.length; i++) {
        unsigned char c = (unsigned char)t.at[i];
        if (c < 0x20 || c == 0x7F || (c == 0xC2 && (unsigned char)t.at[i + 1] < 0xA0))
            return false;
    }
    return t.length >= 1 && t.length <= (size_t)most;
}

static bool is_string_of(const struct document_field *f, struct text t)
{
    switch (f->kind) {
    case DOC_NAME:
        return text_is_name(t);
    case DOC_TIME:
        return is_time(t);
    case DOC_DATE:
        return is_date(t);
    case DOC_ZONE:
        return is_zone(t);
    case DOC_GLN:
        return t.length == 13 && all_digits(t) && check_digit_is_right(t);
    case DOC_GTIN:
        return (t.length == 8 || (t.length >= 12 && t.length <= 14)) && all_digits(t) &&
               check_digit_is_right(t);
    default:
        return is_text(t, f->most);
    }
}

static bool complain_of_string(struct walk *w, const struct document_field *f, const struct place *at)
{
    char detail[96];

    switch (f->kind) {
    case DOC_NAME:
        return complain(w, at,
                        "must be 1 to 128 letters, digits, '.', '_', '-', the first a letter or digit");
    case DOC_TIME:
        return complain(w, at, "must be a time of day such as 09:00");
    case DOC_DATE:
        return complain(w, at, "must be a date such as 2026-12-25");
    case DOC_ZONE:
        return complain(w, at, "must be the name of an IANA time zone such as Europe/Berlin");
    case DOC_GLN:
        return complain(w, at, "must be a GLN: 13 digits with a right check digit");
    case DOC_GTIN:
        return complain(w, at, "must be a GTIN: 8, 12, 13 or 14 digits with a right check digit");
    default:
        snprintf(detail, sizeof(detail), "must be 1 to %lld bytes without control characters",
                 (long long)f->most);
        return complain(w, at, detail);
    }
}

/* Values that stand in quotes and are written as they came. */
static bool take_string(struct walk *w, const struct document_field *f, const struct json_node *n,
                        const struct place *at)
{
    if (n->type != JSON_STRING)
        return complain(w, at, "must be a string");
    if (!is_string_of(f, n->text))
        return complain_of_string(w, f, at);
    json_put_string(w->out, n->text);
    return true;
}

static bool take_instant(struct walk *w, const struct json_node *n, const struct place *at)
{
    instant_t instant;

    if (n->type != JSON_STRING || !instant_parse(n->text, &instant))
        return complain(w, at, "must be an RFC 3339 instant with an offset, such as 2026-11-21T10:05:00Z");
    json_put_instant(w->out, instant);
    return true;
}

/* ---- containers ---- */

static bool is_written(const struct document_field *f)
{
    return f->kind != DOC_EQUAL && f->kind != DOC_ASIDE && f->kind != DOC_SHOWN;
}

/* What may be said but is no part of the document. */
static void take_aside(struct walk *w, const struct document_field *f, const struct json_node *n,
                       const struct place *at)
{
    instant_t instant;

    if (f->kind == DOC_EQUAL && (n->type != JSON_STRING || !text_equal(n->text, w->known)))
        complain(w, at, "must be the same as in the path");
    if (f->kind == DOC_ASIDE && (n->type != JSON_STRING || !instant_parse(n->text, &instant)))
        complain(w, at, "must be an RFC 3339 instant with an offset, such as 2026-11-21T10:05:00Z");
}

void document_members(const struct json_node *nodes, uint32_t object, const struct document_field *fields,
                      const struct json_node *ret[DOCUMENT_FIELDS_MOST], uint32_t *ret_unknown)
{
    memset(ret, 0, DOCUMENT_FIELDS_MOST * sizeof(struct json_node *));
    *ret_unknown = 0;
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i].next) {
        uint32_t f = 0;
        while (fields[f].name && !is_named(nodes[i].key, fields[f].name))
            f++;
        if (fields[f].name)
            ret[f] = &nodes[i];
        else
            ++*ret_unknown;
    }
}

static void refuse_unknown(struct walk *w, const struct document_field *fields, uint32_t object,
                           const struct place *at)
{
    for (uint32_t i = object + 1; i < w->nodes[object].next; i = w->nodes[i].next) {
        const struct document_field *f = fields;
        while (f->name && !is_named(w->nodes[i].key, f->name))
            f++;
        if (f->name)
            continue;
        const struct place inner = {.outer = at, .key = w->nodes[i].key};
        complain(w, &inner, "is not a field that is known here");
    }
}

static bool take_object(struct walk *w, const struct document_field *fields, const struct json_node *n,
                        const struct place *at)
{
    uint32_t object = (uint32_t)(n - w->nodes);
    const struct json_node *members[DOCUMENT_FIELDS_MOST];
    struct text before = TEXT("{\"");
    uint32_t unknown;

    if (n->type != JSON_OBJECT)
        return complain(w, at, "must be an object");
    document_members(w->nodes, object, fields, members, &unknown);
    if (unknown)
        refuse_unknown(w, fields, object, at);
    for (const struct document_field *f = fields; f->name; f++) {
        const struct json_node *member = members[f - fields];
        if (!member && !f->required)
            continue;
        const struct place inner = {.outer = at, .key = text_of(f->name)};
        if (!member) {
            complain(w, &inner, "is required");
            continue;
        }
        if (!is_written(f)) {
            take_aside(w, f, member, &inner);
            continue;
        }
        buffer_text(w->out, before);
        buffer_text(w->out, inner.key);
        buffer_text(w->out, TEXT("\":"));
        take(w, f, member, &inner);
        before = TEXT(",\"");
    }
    buffer_string(w->out, before.at[0] == '{' ? "{}" : "}");
    return true;
}

static bool take_list(struct walk *w, const struct document_field *f, const struct json_node *n,
                      const struct place *at)
{
    char detail[96];
    uint32_t i = (uint32_t)(n - w->nodes) + 1;

    if (n->type != JSON_ARRAY)
        return complain(w, at, "must be an array");
    if (n->count < f->least || n->count > f->most) {
        snprintf(detail, sizeof(detail), "must have %lld to %lld elements, not %u", (long long)f->least,
                 (long long)f->most, n->count);
        return complain(w, at, detail);
    }
    buffer_byte(w->out, '[');
    for (uint32_t k = 0; k < n->count; k++, i = w->nodes[i].next) {
        const struct place inner = {.outer = at, .element = true, .index = k};
        if (k)
            buffer_byte(w->out, ',');
        take(w, f->inner, &w->nodes[i], &inner);
    }
    buffer_byte(w->out, ']');
    return true;
}

static bool take_map(struct walk *w, const struct document_field *f, const struct json_node *n,
                     const struct place *at)
{
    static const struct document_field text = {.kind = DOC_TEXT, .most = TEXT_BYTES_MOST};
    uint32_t object = (uint32_t)(n - w->nodes);

    if (n->type != JSON_OBJECT)
        return complain(w, at, "must be an object of texts");
    if (n->count > f->most)
        return complain(w, at, "has too many members");
    buffer_byte(w->out, '{');
    for (uint32_t i = object + 1; i < n->next; i = w->nodes[i].next) {
        const struct place inner = {.outer = at, .key = w->nodes[i].key};
        if (!text_is_identifier(w->nodes[i].key))
            complain(w, &inner, "must have a name of 1 to 128 bytes without control characters");
        if (i > object + 1)
            buffer_byte(w->out, ',');
        json_put_string(w->out, w->nodes[i].key);
        buffer_byte(w->out, ':');
        take(w, &text, &w->nodes[i], &inner);
    }
    buffer_byte(w->out, '}');
    return true;
}

static bool take(struct walk *w, const struct document_field *f, const struct json_node *n,
                 const struct place *at)
{
    switch (f->kind) {
    case DOC_FLAG:
        if (n->type != JSON_TRUE && n->type != JSON_FALSE)
            return complain(w, at, "must be true or false");
        buffer_string(w->out, n->type == JSON_TRUE ? "true" : "false");
        return true;
    case DOC_INTEGER:
        return take_integer(w, f, n, at);
    case DOC_QUANTITY:
        return take_quantity(w, f, n, at);
    case DOC_ANGLE:
        return take_angle(w, f, n, at);
    case DOC_INSTANT:
        return take_instant(w, n, at);
    case DOC_WORD:
        return take_word(w, f, n, at);
    case DOC_OBJECT:
        return take_object(w, f->inner, n, at);
    case DOC_LIST:
        return take_list(w, f, n, at);
    case DOC_MAP:
        return take_map(w, f, n, at);
    default:
        return take_string(w, f, n, at);
    }
}

bool document_write(const struct document_field *shape, const struct json_node *nodes, uint32_t at,
                    const char *pointer, struct text known, struct buffer *out, struct problems *p)
{
    struct walk w = {.nodes = nodes, .known = known, .out = out, .problems = p};
    const struct place whole = {.key = text_of(pointer)};

    take_object(&w, shape, &nodes[at], &whole);
    return !w.failed;
}
