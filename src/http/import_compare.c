/* What counts should find is in the writer's own books, so it is asked: some counts a turn. */
#include "http/import.h"

#include "base/array.h"
#include "core/model/event_fields.h"
#include "core/model/expected.h"

enum { COUNTS_A_TURN = 128 };

struct compared {
    struct event count; /* texts in the question's arena */
    enum reason reason;
    milli_t expected;
    bool approximate;
};

struct import_question {
    struct arena arena;
    struct compared *at;
    size_t count, capacity, next;
};

struct import_question *import_question_create(void)
{
    return calloc(1, sizeof(struct import_question));
}

void import_question_forget(void *context)
{
    struct import_question *q = context;

    if (!q)
        return;
    arena_finish(&q->arena);
    free(q->at);
    free(q);
}

int import_question_add(struct import_question *q, const struct event *count, uint32_t *ret_number)
{
    if (q->count == q->capacity) {
        size_t capacity = q->capacity ? 2 * q->capacity : 64;
        if (!array_grow(&q->at, q->capacity, capacity, sizeof(*q->at)))
            return ERROR_NOMEM;
        q->capacity = capacity;
    }
    struct compared *c = &q->at[q->count];
    event_clear(&c->count);
    c->count.type = EVENT_COUNT;
    c->count.has = count->has & (HAS(as_of) | HAS(basis) | HAS(unavailable));
    c->count.occurred_at = count->occurred_at;
    c->count.as_of = count->as_of;
    c->count.basis = count->basis;
    c->count.unavailable = count->unavailable;
    c->count.sku = arena_text(&q->arena, count->sku);
    c->count.location = arena_text(&q->arena, count->location);
    if (!c->count.sku.at || !c->count.location.at)
        return ERROR_NOMEM;
    *ret_number = (uint32_t)q->count++;
    return 0;
}

bool import_question_ask(struct command *command, const struct state *s)
{
    struct import_question *q = command->context;

    for (unsigned i = 0; i < COUNTS_A_TURN && q->next < q->count; i++) {
        struct compared *c = &q->at[q->next++];
        c->reason = count_expected(s, &c->count, &c->expected, &c->approximate);
    }
    return q->next == q->count;
}

enum reason import_question_answer(const struct import_question *q, uint32_t number, milli_t *ret_expected,
                                   bool *ret_approximate)
{
    *ret_expected = q->at[number].expected;
    *ret_approximate = q->at[number].approximate;
    return q->at[number].reason;
}
