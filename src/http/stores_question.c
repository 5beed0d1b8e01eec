/* Reads the question of GET /v1/stores. The order of sku= and quantity= matters: a quantity is that of the
 * item before it. */
#include "http/stores_question.h"

#include "codec/reference_shape.h"

enum { ONE = MILLI_PER_UNIT };

struct reading {
    struct stores_question *question;
    bool quantity_due; /* the item read last has none yet */
    struct problems *errors;
};

static bool is_there(const struct stores_question *q, struct text sku)
{
    for (size_t i = 0; i < q->lines_count; i++)
        if (text_equal(q->lines[i].sku, sku))
            return true;
    return false;
}

static void read_sku(struct reading *r, const struct parameter *p)
{
    struct stores_question *q = r->question;

    r->quantity_due = false;
    if (!text_is_identifier(p->value))
        parameter_wrong(r->errors, p->name,
                        "must be a SKU: 1 to 128 bytes of UTF-8 without control characters");
    else if (is_there(q, p->value))
        parameter_wrong(r->errors, p->name, "names an item twice: say one quantity for both");
    else if (q->lines_count == FINDER_LINES_MOST)
        parameter_wrong(r->errors, p->name, "is there too often: at most 50 items may be asked for at once");
    else {
        q->lines[q->lines_count].sku = p->value;
        q->lines[q->lines_count++].quantity = ONE;
        r->quantity_due = true;
    }
}

static void read_quantity(struct reading *r, const struct parameter *p)
{
    struct stores_question *q = r->question;
    milli_t quantity = 0;

    if (!r->quantity_due) {
        parameter_wrong(r->errors, p->name,
                        "must follow the sku= it is meant for, once: sku=A&quantity=2&sku=B&quantity=1");
        return;
    }
    r->quantity_due = false;
    parameter_quantity(p, &quantity, r->errors);
    q->lines[q->lines_count - 1].quantity = quantity;
}

static void read_capability(struct reading *r, const struct parameter *p)
{
    struct stores_question *q = r->question;
    uint32_t method;

    if (method_from_name(p->value, &method)) {
        q->methods |= method;
        return;
    }
    if (text_equal(p->value, TEXT("returns"))) {
        q->returns = true;
        return;
    }
    for (unsigned i = 0; reference_location_types[i]; i++)
        if (text_equal(p->value, text_of(reference_location_types[i]))) {
            q->types |= 1u << i;
            return;
        }
    parameter_wrong(
        r->errors, p->name,
        "must be a way of handing over (pickup, ship, same_day), returns, or a kind of place (store, "
        "warehouse, dark_store, supplier, virtual)");
}

static void read_open_at(struct reading *r, const struct parameter *p)
{
    struct stores_question *q = r->question;

    q->open_is_said = true;
    q->open_now = text_equal(p->value, TEXT("now"));
    if (!q->open_now && (!instant_parse(p->value, &q->open_at) || q->open_at < 0))
        parameter_wrong(r->errors, p->name,
                        "must be now, or an RFC 3339 instant such as 2026-11-24T18:30:00Z");
}

static void read_rest(struct reading *r, const struct parameter *p)
{
    struct stores_question *q = r->question;

    if (text_equal(p->name, TEXT("method"))) {
        parameter_method(p, &q->method, r->errors);
    } else if (text_equal(p->name, TEXT("by"))) {
        parameter_by(p, &q->by, r->errors);
    } else if (text_equal(p->name, TEXT("min_version"))) {
        parameter_version(p, &q->least, r->errors);
    } else if (text_equal(p->name, TEXT("after"))) {
        q->after = p->value;
        if (!p->value.length)
            parameter_wrong(r->errors, p->name, "must be `next` of the page before");
    } else {
        parameter_unknown(r->errors, p->name);
    }
}

static void read_parameter(struct reading *r, const struct parameter *p)
{
    struct stores_question *q = r->question;

    if (text_equal(p->name, TEXT("sku")))
        read_sku(r, p);
    else if (text_equal(p->name, TEXT("quantity")))
        read_quantity(r, p);
    else if (text_equal(p->name, TEXT("near")))
        parameter_near(p, &q->near, r->errors);
    else if (text_equal(p->name, TEXT("within_km")))
        parameter_within(p, &q->near, r->errors);
    else if (text_equal(p->name, TEXT("channel")))
        parameter_name(p, &q->channel, r->errors);
    else if (text_equal(p->name, TEXT("group")))
        parameter_name(p, &q->group, r->errors);
    else if (text_equal(p->name, TEXT("capability")))
        read_capability(r, p);
    else if (text_equal(p->name, TEXT("open_at")))
        read_open_at(r, p);
    else if (text_equal(p->name, TEXT("limit")))
        parameter_number(p, 1, STORES_MOST, &q->limit, r->errors);
    else
        read_rest(r, p);
}

static void check_together(const struct stores_question *q, struct problems *errors)
{
    struct near_place cursor;
    bool cursor_is_right = q->near.is_said ? stores_cursor_read(q->after, &cursor) : text_is_name(q->after);

    if (q->near.within_m && !q->near.is_said)
        problems_add(errors, "within_km", "goes with near only");
    if (q->after.length && !cursor_is_right)
        problems_add(errors, "after", "must be `next` of a page of the same question");
    if (q->limit * q->lines_count > STORES_ROWS_MOST)
        problems_add(errors, "limit", "times the number of items must be %d at most", STORES_ROWS_MOST);
}

bool stores_read_question(struct exchange *x, struct stores_question *q)
{
    struct problems errors;
    struct reading r = {q, false, &errors};
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    *q = (struct stores_question){.limit = STORES_LISTED};
    while (parameter_next(x, &rest, &p, &errors))
        read_parameter(&r, &p);
    if (!errors.count)
        check_together(q, &errors);
    if (!q->types)
        q->types = 1u << LOCATION_STORE;
    return parameters_right(x, &errors);
}

/* ---- cursors ---- */

enum { HALF_DIGITS = 16 };

static bool read_hexadecimal(const char *at, uint64_t *ret)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < HALF_DIGITS; i++) {
        char c = at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit > 15)
            return false;
        n = n << 4 | digit;
    }
    *ret = n;
    return true;
}

bool stores_cursor_read(struct text t, struct near_place *ret)
{
    uint64_t high, low, number;

    if (t.length != 3 * HALF_DIGITS || !read_hexadecimal(t.at, &high) ||
        !read_hexadecimal(t.at + HALF_DIGITS, &low) ||
        !read_hexadecimal(t.at + (size_t)2 * HALF_DIGITS, &number) || number > UINT32_MAX)
        return false;
    *ret = (struct near_place){(chord2_t)high << 64 | low, (uint32_t)number};
    return true;
}

void stores_cursor_put(struct buffer *b, const struct near_place *p)
{
    buffer_printf(b, "%016llx%016llx%016llx", (unsigned long long)(p->chord2 >> 64),
                  (unsigned long long)(uint64_t)p->chord2, (unsigned long long)p->number);
}
