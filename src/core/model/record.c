/* The words of events in both directions, the rules of identifiers, and the list of what is wrong with
 * something. */
#include "core/model/record.h"

#include <stdarg.h>
#include <stdio.h>

/* A list of words, numbered from 0; the empty text stands for a number without a name. */
struct words {
    const struct text *at;
    unsigned count;
};

#define WORDS(array) ((struct words){array, sizeof(array) / sizeof(*(array))})
#define WORD(name)               \
    {                            \
#name, sizeof(#name) - 1 \
    }

static const struct text event_types[] = {
    {"", 0},
#define EVENT(NAME, name, level, must, may) WORD(name),
#include "core/model/events.def"
#undef EVENT
};

static const struct text event_fields[] = {
#define FIELD(member, KIND) WORD(member),
#include "core/model/fields.def"
#undef FIELD
};

static const struct text statuses[] = {
    {"sellable", 8},
#define STATUS(NAME, name) WORD(name),
#include "core/model/statuses.def"
#undef STATUS
};

static const struct text count_bases[] = {WORD(physical), WORD(sellable), WORD(net_of_committed),
                                          WORD(net_of_demand)};
static const struct text order_ops[] = {WORD(add), WORD(set)};
static const struct text allocation_ops[] = {WORD(set), WORD(add), WORD(move)};

_Static_assert(sizeof(count_bases) / sizeof(*count_bases) == BASIS_END, "a word for each basis");
_Static_assert(sizeof(order_ops) / sizeof(*order_ops) == ORDER_OP_END, "a word for each order op");
_Static_assert(sizeof(allocation_ops) / sizeof(*allocation_ops) == ALLOCATION_OP_END, "a word for each op");
_Static_assert(FIELD_END <= 32, "`has` of struct event is 32 bits wide");

static const char *word(struct words w, unsigned number)
{
    return number < w.count ? w.at[number].at : "";
}

/* The number of a word, from `first` on; w.count when it is none of them. */
static unsigned number_of(struct words w, unsigned first, struct text name)
{
    unsigned i = first;

    while (i < w.count && !text_equal(w.at[i], name))
        i++;
    return i;
}

const char *event_type_name(enum event_type t)
{
    return word(WORDS(event_types), t);
}

const char *event_field_name(enum event_field f)
{
    return word(WORDS(event_fields), f);
}

const char *status_name(enum status s)
{
    return word(WORDS(statuses), s);
}

const char *count_basis_name(enum count_basis b)
{
    return word(WORDS(count_bases), b);
}

const char *order_op_name(enum order_op o)
{
    return word(WORDS(order_ops), o);
}

const char *allocation_op_name(enum allocation_op o)
{
    return word(WORDS(allocation_ops), o);
}

#define FROM_NAME(kind, array, first)                           \
    bool kind##_from_name(struct text name, enum kind *ret)     \
    {                                                           \
        unsigned number = number_of(WORDS(array), first, name); \
        if (number == WORDS(array).count)                       \
            return false;                                       \
        *ret = (enum kind)number;                               \
        return true;                                            \
    }

FROM_NAME(event_type, event_types, 1)
FROM_NAME(event_field, event_fields, 0)
FROM_NAME(status, statuses, 1)
FROM_NAME(count_basis, count_bases, 0)
FROM_NAME(order_op, order_ops, 0)
FROM_NAME(allocation_op, allocation_ops, 0)

/* A text cut to fit must not end in half a character. */
static void cut_at_character(char *s, size_t length)
{
    while (length && ((unsigned char)s[length] & 0xC0) == 0x80)
        length--;
    s[length] = '\0';
}

void problems_add(struct problems *p, const char *pointer, const char *detail_format, ...)
{
    va_list args;

    if (!p || p->count >= PROBLEMS_MOST)
        return;
    struct problem *new = &p->at[p->count++];
    size_t length = strlen(pointer), most = sizeof(new->pointer) - 1;
    memcpy(new->pointer, pointer, length <= most ? length + 1 : most + 1);
    if (length > most)
        cut_at_character(new->pointer, most);

    char detail[sizeof(new->detail) + 1]; /* one byte more: what stands at the cut decides where to cut */
    va_start(args, detail_format);
    int written = vsnprintf(detail, sizeof(detail), detail_format, args);
    va_end(args);
    if (written >= (int)sizeof(new->detail))
        cut_at_character(detail, sizeof(new->detail) - 1);
    memcpy(new->detail, detail, written < 0 ? 0 : strlen(detail) + 1);
    if (written < 0)
        new->detail[0] = '\0';
}

enum { NAME_GOES_ON = 1, NAME_BEGINS = 2 };
static const uint8_t name_bytes[256] = {['.'] = NAME_GOES_ON,
                                        ['_'] = NAME_GOES_ON,
                                        ['-'] = NAME_GOES_ON,
                                        ['0' ... '9'] = NAME_GOES_ON | NAME_BEGINS,
                                        ['A' ... 'Z'] = NAME_GOES_ON | NAME_BEGINS,
                                        ['a' ... 'z'] = NAME_GOES_ON | NAME_BEGINS};

bool text_is_name(struct text t)
{
    if (t.length < 1 || t.length > TEXT_BYTES_MOST)
        return false;
    uint8_t all = NAME_BEGINS | NAME_GOES_ON;
    for (size_t i = 0; i < t.length; i++)
        all &= name_bytes[(unsigned char)t.at[i]];
    return (all & NAME_GOES_ON) && (name_bytes[(unsigned char)t.at[0]] & NAME_BEGINS);
}

bool text_is_identifier(struct text t)
{
    bool high = false;

    if (t.length < 1 || t.length > TEXT_BYTES_MOST)
        return false;
    if (text_is_plain(t))
        return true;
    for (size_t i = 0; i < t.length; i++) {
        unsigned char c = (unsigned char)t.at[i];
        if (c < 0x20 || c == 0x7F)
            return false;
        high |= c >= 0x80;
        if (c == 0xC2 && i + 1 < t.length && (unsigned char)t.at[i + 1] < 0xA0)
            return false; /* U+0080 to U+009F: control characters too */
    }
    return !high || text_is_utf8(t);
}
