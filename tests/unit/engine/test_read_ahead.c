/* Reading ahead on a replay: every record comes once, in order, whole, and is read at the level that stands
 * there. */
#include "codec/record_codec.h"
#include "engine/read_ahead.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { RECORDS = 20000, FIRST = 7, AT_ONCE = 100, BYTES = 256 };

/* A log in memory whose bytes are written over at each call of next, as log.h allows. */
struct made_log {
    struct log log;
    uint64_t next, fails_at;
    unsigned raises_every; /* so often a record raises the level */
    char bytes[AT_ONCE][BYTES];
};

static bool raises(const struct made_log *l, uint64_t offset)
{
    return l->raises_every && offset % l->raises_every == 0;
}

static size_t make_record(const struct made_log *l, uint64_t offset, char *to)
{
    char id[32];
    struct event e = {.type = EVENT_RECEIPT,
                      .has =
                          HAS(id) | HAS(source) | HAS(sku) | HAS(location) | HAS(quantity) | HAS(occurred_at),
                      .id = {id, (size_t)snprintf(id, sizeof(id), "e-%lu", offset)},
                      .source = TEXT("test"),
                      .sku = TEXT("S"),
                      .location = TEXT("L"),
                      .quantity = (milli_t)offset,
                      .occurred_at = 1};
    struct record r = {.kind = RECORD_EVENTS, .level = 1, .events_count = 1, .events = &e};
    struct buffer out = {0};

    if (raises(l, offset))
        r = (struct record){.kind = RECORD_LEVEL, .raise_level = 1};
    r.intake.after = -1;
    assert_int_equal(record_encode(&r, &out), 0);
    assert_true(out.length <= BYTES);
    memcpy(to, out.at, out.length);
    size_t length = out.length;
    buffer_finish(&out);
    return length;
}

static int made_next(struct log *log, struct log_record *ret, size_t count, int timeout_ms)
{
    struct made_log *l = (struct made_log *)log;
    size_t n = 0;

    memset(l->bytes, 0xEE, sizeof(l->bytes));
    if (l->fails_at && l->next >= l->fails_at)
        return ERROR_IO;
    for (; n < count && n < AT_ONCE && l->next < FIRST + RECORDS; n++, l->next++) {
        size_t length = make_record(l, l->next, l->bytes[n]);
        ret[n] = (struct log_record){l->next, (int64_t)l->next, l->bytes[n], length, NULL};
    }
    return (int)n;
}

static const struct log_ops made_ops = {.next = made_next};

static void check_record(const struct made_log *l, struct batch *b, size_t i, uint64_t offset)
{
    const struct record *r = b->decoded[i];
    char id[32];

    assert_int_equal(b->records[i].offset, offset);
    assert_true(b->readable[i]);
    if (raises(l, offset)) {
        assert_int_equal(r->kind, RECORD_LEVEL);
        return;
    }
    assert_int_equal(r->events_count, 1);
    assert_int_equal(r->sound_level, 1);
    assert_int_equal(r->events[0].quantity, offset);
    struct text said = {id, (size_t)snprintf(id, sizeof(id), "e-%lu", offset)};
    assert_true(text_equal(r->events[0].id, said));
}

/* Reads all there is. Returns the offset behind the last that came; *ret_end: what was said then. */
static uint64_t take_all(struct made_log *l, struct read_ahead *r, int *ret_end)
{
    uint64_t offset = FIRST;
    struct batch *b;

    while ((*ret_end = read_ahead_next(r, &b)) > 0) {
        for (size_t i = 0; i < b->count; i++) {
            while (b->decoded_count <= i) { /* what follows a change of level is the writer's to decode */
                assert_true(i > 0 && raises(l, b->records[i - 1].offset));
                assert_true(batch_decode(b, 1) >= 0);
            }
            check_record(l, b, i, offset++);
        }
        read_ahead_give_back(r, 1);
    }
    return offset;
}

static void every_record_comes_once_in_order(void **unused)
{
    static const unsigned every[] = {0, 1, 50, 256, 5003};

    for (size_t k = 0; k < sizeof(every) / sizeof(every[0]); k++) {
        static struct made_log l;
        int end = -1;
        l = (struct made_log){.log = {&made_ops}, .next = FIRST, .raises_every = every[k]};
        struct read_ahead *r = read_ahead_begin(&l.log, FIRST, FIRST + RECORDS, 1);
        assert_non_null(r);
        assert_int_equal(take_all(&l, r, &end), FIRST + RECORDS);
        assert_int_equal(end, 0);
        read_ahead_end(r);
    }
}

static void what_the_log_cannot_read_is_told_behind_what_it_could(void **unused)
{
    static struct made_log l;
    int end = 0;

    l = (struct made_log){.log = {&made_ops}, .next = FIRST, .fails_at = FIRST + 7000};
    struct read_ahead *r = read_ahead_begin(&l.log, FIRST, FIRST + RECORDS, 1);
    assert_non_null(r);
    assert_int_equal(take_all(&l, r, &end), FIRST + 7000);
    assert_int_equal(end, ERROR_IO);
    read_ahead_end(r);
}

static void it_ends_wherever_it_is(void **unused)
{
    static struct made_log l;
    struct batch *b;

    l = (struct made_log){.log = {&made_ops}, .next = FIRST};
    struct read_ahead *r = read_ahead_begin(&l.log, FIRST, FIRST + RECORDS, 1);
    assert_non_null(r);
    assert_true(read_ahead_next(r, &b) > 0);
    read_ahead_end(r);
}

static void few_records_are_not_worth_a_thread(void **unused)
{
    static struct made_log l;

    l = (struct made_log){.log = {&made_ops}, .next = FIRST};
    assert_null(read_ahead_begin(&l.log, FIRST, FIRST + 10, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_comes_once_in_order),
        cmocka_unit_test(what_the_log_cannot_read_is_told_behind_what_it_could),
        cmocka_unit_test(it_ends_wherever_it_is),
        cmocka_unit_test(few_records_are_not_worth_a_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
