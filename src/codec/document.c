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

static bool complain(struct walk *w, const char *pointer, const char *detail)
{
    problems_add(w->problems, pointer, "%s", detail);
    w->failed = true;
    return false;
}

const struct json_node *document_member(const struct json_node *nodes, uint32_t object, const char *name)
{
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i].next)
        if (text_equal(nodes[i].key, text_of(name)))
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
                 const char *pointer);

static bool take_word(struct walk *w, const struct document_field *f, const struct json_node *n,
                      const char *pointer)
{
    char list[160] = "must be one of";

    for (const char *const *word = f->words; *word; word++) {
        if (n->type == JSON_STRING && text_equal(n->text, text_of(*word))) {
            json_put_string(w->out, n->text);
            return true;
        }
        strcat(strcat(list, word == f->words ? " " : ", "), *word);
    }
    return complain(w, pointer, list);
}

static bool take_integer(struct walk *w, const struct document_field *f, const struct json_node *n,
                         const char *pointer)
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
    return complain(w, pointer, detail);
}

static bool take_quantity(struct walk *w, const struct document_field *f, const struct json_node *n,
                          const char *pointer)
{
    char least[QUANTITY_TEXT_BYTES], most[QUANTITY_TEXT_BYTES], detail[96];
    milli_t q;
    enum quantity_error e = n->type == JSON_NUMBER ? quantity_parse(n->text, &q) : QUANTITY_NOT_NUMBER;

    if (e != QUANTITY_OK)
        return complain(w, pointer, quantity_error_text(e));
    if (q >= f->least && q <= f->most) {
        json_put_quantity(w->out, q);
        return true;
    }
    int least_length = (int)quantity_format(f->least, least),
        most_length = (int)quantity_format(f->most, most);
    snprintf(detail, sizeof(detail), "must be from %.*s to %.*s", least_length, least, most_length, most);
    return complain(w, pointer, detail);
}

static bool take_angle(struct walk *w, const struct document_field *f, const struct json_node *n,
                       const char *pointer)
{
    char detail[96];
    int32_t e7;

    if (n->type == JSON_NUMBER && document_angle(n->text, f->most, &e7)) {
        put_angle(w->out, e7);
        return true;
    }
    snprintf(detail, sizeof(detail), "must be degrees as a plain decimal from -%lld to %lld",
             (long long)f->most, (long long)f->most);
    return complain(w, pointer, detail);
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

/* Values that stand in quotes and are written as they came. */
static bool take_string(struct walk *w, const struct document_field *f, const struct json_node *n,
                        const char *pointer)
{
    char detail[96];
    struct text t = n->text;
    bool ok = false;

    if (n->type != JSON_STRING)
        return complain(w, pointer, "must be a string");
    switch (f->kind) {
    case DOC_NAME:
        ok = text_is_name(t);
        snprintf(detail, sizeof(detail),
                 "must be 1 to 128 letters, digits, '.', '_', '-', the first a letter or digit");
        break;
    case DOC_TIME:
        ok = is_time(t);
        snprintf(detail, sizeof(detail), "must be a time of day such as 09:00");
        break;
    case DOC_DATE:
        ok = is_date(t);
        snprintf(detail, sizeof(detail), "must be a date such as 2026-12-25");
        break;
    case DOC_ZONE:
        ok = is_zone(t);
        snprintf(detail, sizeof(detail), "must be the name of an IANA time zone such as Europe/Berlin");
        break;
    case DOC_GLN:
        ok = t.length == 13 && all_digits(t) && check_digit_is_right(t);
        snprintf(detail, sizeof(detail), "must be a GLN: 13 digits with a right check digit");
        break;
    case DOC_GTIN:
        ok =
            (t.length == 8 || (t.length >= 12 && t.length <= 14)) && all_digits(t) && check_digit_is_right(t);
        snprintf(detail, sizeof(detail), "must be a GTIN: 8, 12, 13 or 14 digits with a right check digit");
        break;
    default:
        ok = is_text(t, f->most);
        snprintf(detail, sizeof(detail), "must be 1 to %lld bytes without control characters",
                 (long long)f->most);
        break;
    }
    if (!ok)
        return complain(w, pointer, detail);
    json_put_string(w->out, t);
    return true;
}

static bool take_instant(struct walk *w, const struct json_node *n, const char *pointer)
{
    instant_t at;

    if (n->type != JSON_STRING || !instant_parse(n->text, &at))
        return complain(w, pointer,
                        "must be an RFC 3339 instant with an offset, such as 2026-11-21T10:05:00Z");
    json_put_instant(w->out, at);
    return true;
}

/* ---- containers ---- */

static bool is_written(const struct document_field *f)
{
    return f->kind != DOC_EQUAL && f->kind != DOC_ASIDE && f->kind != DOC_SHOWN;
}

/* What may be said but is no part of the document. */
static void take_aside(struct walk *w, const struct document_field *f, const struct json_node *n,
                       const char *pointer)
{
    instant_t at;

    if (f->kind == DOC_EQUAL && (n->type != JSON_STRING || !text_equal(n->text, w->known)))
        complain(w, pointer, "must be the same as in the path");
    if (f->kind == DOC_ASIDE && (n->type != JSON_STRING || !instant_parse(n->text, &at)))
        complain(w, pointer, "must be an RFC 3339 instant with an offset, such as 2026-11-21T10:05:00Z");
}

static void refuse_unknown(struct walk *w, const struct document_field *fields, uint32_t object,
                           const char *pointer)
{
    char inner[JSON_POINTER_BYTES];

    for (uint32_t i = object + 1; i < w->nodes[object].next; i = w->nodes[i].next) {
        const struct document_field *f = fields;
        while (f->name && !text_equal(text_of(f->name), w->nodes[i].key))
            f++;
        if (f->name)
            continue;
        json_pointer(inner, pointer, w->nodes[i].key);
        complain(w, inner, "is not a field that is known here");
    }
}

static bool take_object(struct walk *w, const struct document_field *fields, const struct json_node *n,
                        const char *pointer)
{
    uint32_t object = (uint32_t)(n - w->nodes);
    char inner[JSON_POINTER_BYTES], before = '{';

    if (n->type != JSON_OBJECT)
        return complain(w, pointer, "must be an object");
    refuse_unknown(w, fields, object, pointer);
    for (const struct document_field *f = fields; f->name; f++) {
        const struct json_node *member = document_member(w->nodes, object, f->name);
        json_pointer(inner, pointer, text_of(f->name));
        if (!member && f->required)
            complain(w, inner, "is required");
        if (!member)
            continue;
        if (!is_written(f)) {
            take_aside(w, f, member, inner);
            continue;
        }
        buffer_byte(w->out, before);
        buffer_printf(w->out, "\"%s\":", f->name);
        take(w, f, member, inner);
        before = ',';
    }
    buffer_string(w->out, before == '{' ? "{}" : "}");
    return true;
}

static bool take_list(struct walk *w, const struct document_field *f, const struct json_node *n,
                      const char *pointer)
{
    char inner[JSON_POINTER_BYTES], number[24], detail[96];
    uint32_t i = (uint32_t)(n - w->nodes) + 1;

    if (n->type != JSON_ARRAY)
        return complain(w, pointer, "must be an array");
    if (n->count < f->least || n->count > f->most) {
        snprintf(detail, sizeof(detail), "must have %lld to %lld elements, not %u", (long long)f->least,
                 (long long)f->most, n->count);
        return complain(w, pointer, detail);
    }
    buffer_byte(w->out, '[');
    for (uint32_t k = 0; k < n->count; k++, i = w->nodes[i].next) {
        snprintf(number, sizeof(number), "%u", k);
        json_pointer(inner, pointer, text_of(number));
        if (k)
            buffer_byte(w->out, ',');
        take(w, f->inner, &w->nodes[i], inner);
    }
    buffer_byte(w->out, ']');
    return true;
}

static bool take_map(struct walk *w, const struct document_field *f, const struct json_node *n,
                     const char *pointer)
{
    static const struct document_field text = {.kind = DOC_TEXT, .most = TEXT_BYTES_MOST};
    uint32_t object = (uint32_t)(n - w->nodes);
    char inner[JSON_POINTER_BYTES];

    if (n->type != JSON_OBJECT)
        return complain(w, pointer, "must be an object of texts");
    if (n->count > f->most)
        return complain(w, pointer, "has too many members");
    buffer_byte(w->out, '{');
    for (uint32_t i = object + 1; i < n->next; i = w->nodes[i].next) {
        json_pointer(inner, pointer, w->nodes[i].key);
        if (!text_is_identifier(w->nodes[i].key))
            complain(w, inner, "must have a name of 1 to 128 bytes without control characters");
        if (i > object + 1)
            buffer_byte(w->out, ',');
        json_put_string(w->out, w->nodes[i].key);
        buffer_byte(w->out, ':');
        take(w, &text, &w->nodes[i], inner);
    }
    buffer_byte(w->out, '}');
    return true;
}

static bool take(struct walk *w, const struct document_field *f, const struct json_node *n,
                 const char *pointer)
{
    switch (f->kind) {
    case DOC_FLAG:
        if (n->type != JSON_TRUE && n->type != JSON_FALSE)
            return complain(w, pointer, "must be true or false");
        buffer_string(w->out, n->type == JSON_TRUE ? "true" : "false");
        return true;
    case DOC_INTEGER:
        return take_integer(w, f, n, pointer);
    case DOC_QUANTITY:
        return take_quantity(w, f, n, pointer);
    case DOC_ANGLE:
        return take_angle(w, f, n, pointer);
    case DOC_INSTANT:
        return take_instant(w, n, pointer);
    case DOC_WORD:
        return take_word(w, f, n, pointer);
    case DOC_OBJECT:
        return take_object(w, f->inner, n, pointer);
    case DOC_LIST:
        return take_list(w, f, n, pointer);
    case DOC_MAP:
        return take_map(w, f, n, pointer);
    default:
        return take_string(w, f, n, pointer);
    }
}

bool document_write(const struct document_field *shape, const struct json_node *nodes, uint32_t at,
                    const char *pointer, struct text known, struct buffer *out, struct problems *p)
{
    struct walk w = {.nodes = nodes, .known = known, .out = out, .problems = p};

    take_object(&w, shape, &nodes[at], pointer);
    return !w.failed;
}
