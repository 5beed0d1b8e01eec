/* What a step of a reservation may look like. */
#include "core/model/catalogue.h"
#include "core/model/reservation.h"

#include <stdarg.h>
#include <stdio.h>

enum step_field { /* what not every step has; bits */
                  HAS_CHANNEL = 1,
                  HAS_METHOD = 2,
                  HAS_REFERENCE = 4,
                  HAS_EXPIRY = 8,
                  HAS_REQUIRED_AT = 16,
                  HAS_PARTIAL = 32,
                  HAS_BEGIN = 64,
                  HAS_LINES = 128,
                  MUST_LINES = 256,
                  HAS_CANDIDATES = 512,
                  HAS_MOVE = 1024,
};

static const uint16_t fields_of[STEP_END] = {
    [STEP_RESERVE] = HAS_CHANNEL | HAS_METHOD | HAS_REFERENCE | HAS_EXPIRY | HAS_REQUIRED_AT | HAS_PARTIAL |
                     HAS_BEGIN | HAS_LINES | MUST_LINES | HAS_CANDIDATES,
    [STEP_CONFIRM] = HAS_REFERENCE,
    [STEP_EXTEND] = HAS_EXPIRY,
    [STEP_FULFIL] = HAS_LINES,
    [STEP_CANCEL] = HAS_LINES,
    [STEP_MOVE] = HAS_MOVE,
    [STEP_CHANGE] = HAS_LINES | MUST_LINES | HAS_CANDIDATES,
};

struct check {
    const char *prefix;
    struct problems *problems;
    bool failed;
};

__attribute__((format(printf, 3, 4))) static void wrong(struct check *c, const char *field,
                                                        const char *detail, ...)
{
    char pointer[sizeof(c->problems->at[0].pointer)], text[sizeof(c->problems->at[0].detail)];
    va_list args;

    va_start(args, detail);
    vsnprintf(text, sizeof(text), detail, args);
    va_end(args);
    snprintf(pointer, sizeof(pointer), "%s%s", c->prefix, field);
    problems_add(c->problems, pointer, "%s", text);
    c->failed = true;
}

#define NOT_IDENTIFIER "must be 1 to 128 bytes of UTF-8 without control characters"
#define NOT_NAME "must be 1 to 128 letters, digits, '.', '_', '-', the first a letter or digit"
_Static_assert(TEXT_BYTES_MOST == 128, "as the texts say");

static void check_identifier(struct check *c, const char *field, struct text t)
{
    if (!text_is_identifier(t))
        wrong(c, field, NOT_IDENTIFIER);
}

static void check_name(struct check *c, const char *field, struct text t)
{
    if (!text_is_name(t))
        wrong(c, field, NOT_NAME);
}

static void check_presence(struct check *c, const struct reservation_said *r)
{
    const struct {
        uint16_t field;
        bool said;
        const char *name;
    } all[] = {
        {HAS_CHANNEL, r->channel.length, "/channel"},
        {HAS_METHOD, r->method, "/method"},
        {HAS_REFERENCE, r->reference.length, "/reference"},
        {HAS_EXPIRY, r->expires_at != INSTANT_NONE, "/expires_at"},
        {HAS_EXPIRY, r->ttl_us, "/ttl"},
        {HAS_REQUIRED_AT, r->required_at != INSTANT_NONE, "/required_at"},
        {HAS_PARTIAL, r->partial, "/partial"},
        {HAS_BEGIN, r->begin, "/begin"},
        {HAS_LINES, r->lines_count, "/lines"},
        {HAS_MOVE, r->move_sku.length, "/move_sku"},
        {HAS_MOVE, r->move_from.length, "/move_from"},
        {HAS_MOVE, r->move_to.length, "/move_to"},
    };
    uint16_t may = fields_of[r->step];

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].said && !(may & all[i].field))
            wrong(c, all[i].name, "is not a field of this step");
    if ((may & MUST_LINES) && !r->lines_count)
        wrong(c, "/lines", "must be at least one");
}

static void check_head(struct check *c, const struct reservation_said *r)
{
    check_identifier(c, "/id", r->id);
    if (r->step_id.length)
        check_identifier(c, "/step_id", r->step_id);
    if (r->channel.length)
        check_name(c, "/channel", r->channel);
    if (r->reference.length)
        check_identifier(c, "/reference", r->reference);
    if (r->method && r->method != METHOD_PICKUP && r->method != METHOD_SHIP && r->method != METHOD_SAME_DAY)
        wrong(c, "/method", "must be pickup, ship or same_day");
    if (r->ttl_us < 0)
        wrong(c, "/ttl", "must be greater than 0");
    if (r->ttl_us && r->expires_at != INSTANT_NONE)
        wrong(c, "/ttl", "does not go with expires_at: say one of them");
    if (r->begin > RESERVATION_FULFILLED)
        wrong(c, "/begin", "must be held, confirmed or fulfilled");
    if (r->step == STEP_EXTEND && !r->ttl_us && r->expires_at == INSTANT_NONE)
        wrong(c, "/expires_at", "must be there, or ttl");
}

static void wrong_line(struct check *c, uint32_t number, const char *field, const char *detail)
{
    char pointer[64];

    snprintf(pointer, sizeof(pointer), "/lines/%u%s", number, field);
    wrong(c, pointer, "%s", detail);
}

static void check_candidate(struct check *c, const struct line_said *l, uint32_t number, uint32_t i)
{
    char field[32];

    if (text_is_name(l->locations[i]))
        return;
    snprintf(field, sizeof(field), "/locations/%u", i);
    wrong_line(c, number, field, NOT_NAME);
}

static void check_line(struct check *c, const struct reservation_said *r, uint32_t number)
{
    const struct line_said *l = &r->lines[number];

    if (!text_is_identifier(l->sku))
        wrong_line(c, number, "/sku", NOT_IDENTIFIER);
    if (l->quantity <= 0 || l->quantity > QUANTITY_MOST)
        wrong_line(c, number, "/quantity", "must be greater than 0 and at most 10^12");
    if (!(fields_of[r->step] & HAS_CANDIDATES)) {
        if (l->locations_count > 1 || l->split)
            wrong_line(c, number, "/locations", "must be at most one");
    } else if (!l->locations_count) {
        wrong_line(c, number, "/locations", "must be at least one");
    }
    for (uint32_t i = 0; i < l->locations_count && i < RESERVATION_CANDIDATES_MOST; i++)
        check_candidate(c, l, number, i);
}

static void check_lines(struct check *c, const struct reservation_said *r)
{
    size_t candidates = 0;

    for (uint32_t i = 0; i < r->lines_count && i < RESERVATION_LINES_MOST; i++) {
        candidates += r->lines[i].locations_count;
        check_line(c, r, i);
    }
    if (r->lines_count > RESERVATION_LINES_MOST)
        wrong(c, "/lines", "must be at most %d", RESERVATION_LINES_MOST);
    if (candidates > RESERVATION_CANDIDATES_MOST)
        wrong(c, "/lines", "must have at most %d candidates in all", RESERVATION_CANDIDATES_MOST);
}

static void check_move(struct check *c, const struct reservation_said *r)
{
    if (r->move_sku.length)
        check_identifier(c, "/move_sku", r->move_sku);
    check_name(c, "/move_from", r->move_from);
    check_name(c, "/move_to", r->move_to);
    if (text_equal(r->move_from, r->move_to))
        wrong(c, "/move_to", "must be another location");
}

bool reservation_check(const struct reservation_said *r, const char *prefix, struct problems *p)
{
    struct check c = {.prefix = prefix, .problems = p};

    if (r->step <= STEP_NONE || r->step >= STEP_END) {
        wrong(&c, "/step", "is not a step at the level of this log");
        return false;
    }
    check_presence(&c, r);
    check_head(&c, r);
    if (fields_of[r->step] & HAS_LINES)
        check_lines(&c, r);
    if (r->step == STEP_MOVE)
        check_move(&c, r);
    return !c.failed;
}
