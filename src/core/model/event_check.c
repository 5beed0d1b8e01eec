/* The one place that says what an event may look like: what is read off events.def and fields.def, then what
 * is special. */
#include "core/model/event_fields.h"

#define EVERY_EVENT_MUST (HAS(id) | HAS(source) | HAS(location) | HAS(occurred_at))
#define EVERY_EVENT_MAY (EVERY_EVENT_MUST | HAS(session) | HAS(sequence) | HAS(sku))

enum sign { POSITIVE, NOT_ZERO, NOT_NEGATIVE, ANY_SIGN };

static const struct {
    uint32_t must, may, level;
} rules[] = {
    {0, 0, UINT32_MAX},
#define F(member) | HAS(member)
#define EVENT(NAME, name, level, must, may) {0 must, 0 may, level},
#include "core/model/events.def"
#undef EVENT
};
#undef F

const struct field_place field_places[FIELD_END] = {
#define FIELD(member, KIND) {"/" #member, sizeof(#member) - 1, KIND_##KIND, offsetof(struct event, member)},
#include "core/model/fields.def"
#undef FIELD
};

const char *field_kind_must(enum field_kind kind)
{
    switch (kind) {
    case KIND_TEXT:
    case KIND_NAME:
        return "must be a string";
    case KIND_SEQUENCE:
        return "must be an integer from 0 to 9223372036854775807";
    case KIND_QUANTITY:
    case KIND_LIMIT:
        return quantity_error_text(QUANTITY_NOT_NUMBER);
    case KIND_INSTANT:
        return "must be an RFC 3339 instant with an offset, such as 2026-11-21T10:05:00Z";
    case KIND_STATUS:
        return "must be one of damaged, quarantine, display, missing, other";
    case KIND_BASIS:
        return "must be one of physical, sellable, net_of_committed, net_of_demand";
    case KIND_ORDER_OP:
        return "must be one of add, set";
    case KIND_FLAG:
        return "must be true or false";
    case KIND_STATUSES:
        return "must be an object of statuses and their quantities";
    case KIND_ALLOCATION:
        return "must be an object with channel, quantity and op";
    }
    return "";
}

/* One event under judgement. */
struct check {
    const struct event *event;
    struct problems *problems;
    bool failed;
};

#define FAIL(check, pointer, ...)                              \
    do {                                                       \
        (check)->failed = true;                                \
        problems_add((check)->problems, pointer, __VA_ARGS__); \
    } while (0)

static const char *article(enum event_type t)
{
    const char *name = event_type_name(t);
    return strchr("aeiou", name[0]) ? "an" : "a";
}

/* Fields that are missing, and those that should not be there. */
static uint32_t wrong_fields(const struct event *e)
{
    uint32_t must = rules[e->type].must | EVERY_EVENT_MUST | (e->type == EVENT_HEARTBEAT ? 0 : HAS(sku));
    uint32_t may = rules[e->type].may | must | EVERY_EVENT_MAY;

    return (must & ~e->has) | (e->has & ~may);
}

static void check_presence(struct check *c)
{
    const struct event *e = c->event;

    for (uint32_t wrong = wrong_fields(e); wrong; wrong &= wrong - 1) {
        enum event_field field = (enum event_field)__builtin_ctz(wrong);
        char detail[96];
        strcpy(detail, e->has >> field & 1 ? "is not a field of " : "is required for ");
        strcat(strcat(strcat(detail, article(e->type)), " "), event_type_name(e->type));
        FAIL(c, field_places[field].pointer, "%s", detail);
    }
}

static void check_text(struct check *c, const char *pointer, struct text t)
{
    if (t.length < 1 || t.length > TEXT_BYTES_MOST)
        FAIL(c, pointer, "must be 1 to %d bytes long, not %zu", TEXT_BYTES_MOST, t.length);
    else if (!text_is_identifier(t))
        FAIL(c, pointer, "must be UTF-8 without control characters");
}

static void check_name(struct check *c, const char *pointer, struct text t)
{
    if (t.length < 1 || t.length > TEXT_BYTES_MOST)
        FAIL(c, pointer, "must be 1 to %d bytes long, not %zu", TEXT_BYTES_MOST, t.length);
    else if (!text_is_name(t))
        FAIL(c, pointer, "must be letters, digits, '.', '_' and '-', beginning with a letter or digit");
}

static void check_quantity(struct check *c, const char *pointer, milli_t q, enum sign sign)
{
    if (q > QUANTITY_MOST || q < -QUANTITY_MOST)
        FAIL(c, pointer, "%s", quantity_error_text(QUANTITY_RANGE));
    else if (sign == POSITIVE && q <= 0)
        FAIL(c, pointer, "must be greater than 0");
    else if (sign == NOT_ZERO && q == 0)
        FAIL(c, pointer, "must not be 0");
    else if (sign == NOT_NEGATIVE && q < 0)
        FAIL(c, pointer, "must be 0 or more");
}

/* The sign that `quantity` must have (model.md). */
static enum sign sign_of_quantity(const struct event *e)
{
    switch (e->type) {
    case EVENT_ADJUSTMENT:
        return NOT_ZERO;
    case EVENT_COUNT:
    case EVENT_INBOUND:
        return NOT_NEGATIVE;
    case EVENT_ORDER_PLACED:
        return (e->has & HAS(op)) && e->op == ORDER_SET ? NOT_NEGATIVE : POSITIVE;
    default:
        return POSITIVE;
    }
}

static void check_statuses(struct check *c, const struct statuses_said *s)
{
    if (s->has >> STATUSES)
        FAIL(c, "/unavailable", "names a status that does not exist");
    for (int i = 0; i < STATUSES; i++) {
        char pointer[64] = "/unavailable/";
        if (s->has >> i & 1)
            check_quantity(c, strcat(pointer, status_name((enum status)(i + 1))), s->quantity[i],
                           NOT_NEGATIVE);
    }
}

static void check_allocation(struct check *c, const struct allocation_said *a)
{
    static const enum sign signs[ALLOCATION_OP_END] = {
        [ALLOCATION_SET] = NOT_NEGATIVE, [ALLOCATION_ADD] = NOT_ZERO, [ALLOCATION_MOVE] = POSITIVE};

    if ((unsigned)a->op >= ALLOCATION_OP_END) {
        FAIL(c, "/allocation/op", "must be one of set, add, move");
        return;
    }
    check_name(c, "/allocation/channel", a->channel);
    check_quantity(c, "/allocation/quantity", a->quantity, signs[a->op]);
    if (a->op != ALLOCATION_MOVE) {
        if (a->to_channel.length)
            FAIL(c, "/allocation/to_channel", "is a field of a move only");
        return;
    }
    check_name(c, "/allocation/to_channel", a->to_channel);
    if (text_equal(a->channel, a->to_channel))
        FAIL(c, "/allocation/to_channel", "must be another channel than the one it moves from");
}

/* Everything that one field's value says about itself. */
static void check_value(struct check *c, enum event_field field)
{
    const struct event *e = c->event;
    const void *member = event_member(e, field);
    const char *pointer = field_places[field].pointer;

    switch ((enum field_kind)field_places[field].kind) {
    case KIND_TEXT:
        check_text(c, pointer, *(const struct text *)member);
        break;
    case KIND_NAME:
        check_name(c, pointer, *(const struct text *)member);
        break;
    case KIND_SEQUENCE:
        if (*(const uint64_t *)member > INT64_MAX)
            FAIL(c, pointer, "%s", field_kind_must(KIND_SEQUENCE));
        break;
    case KIND_QUANTITY:
        check_quantity(c, pointer, *(const milli_t *)member,
                       field == FIELD_quantity ? sign_of_quantity(e)
                       : field == FIELD_book   ? ANY_SIGN
                                               : NOT_NEGATIVE);
        break;
    case KIND_LIMIT:
        if (*(const milli_t *)member != LIMIT_NONE)
            check_quantity(c, pointer, *(const milli_t *)member, NOT_NEGATIVE);
        break;
    case KIND_INSTANT:
        if (*(const instant_t *)member < 0 || *(const instant_t *)member > INSTANT_MOST)
            FAIL(c, pointer, "must be an instant of the years 1970 to 9999");
        break;
    case KIND_STATUS: {
        unsigned status = *(const enum status *)member;
        if (status < 1 || status > STATUSES)
            FAIL(c, pointer, "%s", field_kind_must(KIND_STATUS));
        break;
    }
    case KIND_BASIS:
        if ((unsigned)e->basis >= BASIS_END)
            FAIL(c, pointer, "%s", field_kind_must(KIND_BASIS));
        break;
    case KIND_ORDER_OP:
        if ((unsigned)e->op >= ORDER_OP_END)
            FAIL(c, pointer, "%s", field_kind_must(KIND_ORDER_OP));
        break;
    case KIND_STATUSES:
        check_statuses(c, &e->unavailable);
        break;
    case KIND_ALLOCATION:
        check_allocation(c, &e->allocation);
        break;
    case KIND_FLAG:
        break;
    }
}

/* Of which only the sign and the range are left to say, after event_plain_read. */
static const uint32_t quantities = 0
#define FIELD(member, KIND) | (KIND_##KIND == KIND_QUANTITY ? HAS(member) : 0)
#include "core/model/fields.def"
#undef FIELD
    ;

/* What holds between fields. */
static void check_together(struct check *c)
{
    const struct event *e = c->event;
    uint32_t settings = HAS(safety_stock) | HAS(reorder_point) | HAS(backorder_limit);

    if (e->type == EVENT_STATUS_CHANGE && e->from_status == e->to_status)
        FAIL(c, "/to_status", "must differ from `from_status` (left out means sellable)");
    if (e->type == EVENT_SETTING && !(e->has & settings))
        FAIL(c, "", "must say at least one of safety_stock, reorder_point, backorder_limit");
    if (e->type == EVENT_TRANSFER_SHIP && (e->has & HAS(to)) && text_equal(e->to, e->location))
        FAIL(c, "/to", "must be another location than the one it leaves");
    if (e->type == EVENT_INBOUND && (e->has & HAS(parent)) && text_equal(e->parent, e->reference))
        FAIL(c, "/parent", "must be another reference than its own");
}

uint32_t event_type_level(enum event_type t)
{
    return (unsigned)t < EVENT_END ? rules[t].level : UINT32_MAX;
}

bool event_check(const struct event *e, uint32_t level, struct problems *p)
{
    struct check c = {.event = e, .problems = p};

    if ((unsigned)e->type >= EVENT_END || rules[e->type].level > level) {
        FAIL(&c, "/type", "is not a type of event that is known here");
        return false;
    }
    check_presence(&c);
    for (uint32_t has = e->has & (uint32_t)((UINT64_C(1) << FIELD_END) - 1); has; has &= has - 1)
        check_value(&c, (enum event_field)__builtin_ctz(has));
    check_together(&c);
    return !c.failed;
}

bool event_check_plain(const struct event *e)
{
    struct problems found; /* five kilobytes: only its count begins at zero */
    struct check c = {.event = e, .problems = &found};

    found.count = 0;
    if (wrong_fields(e))
        return false;
    for (uint32_t has = e->has & quantities; has; has &= has - 1)
        check_value(&c, (enum event_field)__builtin_ctz(has));
    check_together(&c);
    return !c.failed;
}
