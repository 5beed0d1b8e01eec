/* Messages as they come into records as they go to the log, through the real codec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/error.h"
#include "codec/record_codec.h"
#include "intake/translate.h"

#include <stdlib.h>

#define SALE(id)                                                                                          \
    "{\"id\":\"" id                                                                                       \
    "\",\"source\":\"till\",\"type\":\"sale\",\"sku\":\"SKU-1\",\"location\":\"store-1\",\"quantity\":2," \
    "\"occurred_at\":\"2026-11-21T10:05:00Z\"}"
#define BAD_SALE                                                                                      \
    "{\"id\":\"b\",\"source\":\"till\",\"type\":\"sale\",\"sku\":\"SKU-1\",\"location\":\"store-1\"," \
    "\"quantity\":0,"                                                                                 \
    "\"occurred_at\":\"2026-11-21T10:05:00Z\"}"

struct fixture {
    struct translator t;
    struct buffer out;
    struct arena arena;
    struct translation told;
    struct record record;
    struct decoded_event decoded;
    struct buffer again[2];
};

static const struct intake_said said = {.name = {"pos@2", 5}, .partition = 3, .offset = 41, .after = 39};

/* What the writer is told is what it would decode. */
static void check_decoded(struct fixture *f)
{
    const struct record *both[] = {&f->record, &f->decoded.record};

    assert_int_equal(f->record.sound_level, f->decoded.record.sound_level);
    for (int k = 0; k < 2; k++) {
        buffer_clear(&f->again[k]);
        assert_int_equal(record_encode(both[k], &f->again[k]), 0);
        assert_int_equal(f->again[k].length, f->out.length);
        assert_memory_equal(f->again[k].at, f->out.at, f->out.length);
    }
    const char *id = f->decoded.event.id.at;
    assert_true(id > f->out.at && id < f->out.at + f->out.length); /* the message may go */
}

static void run(struct fixture *f, enum intake_format format, struct text payload)
{
    struct problems problems = {0};
    uint32_t unknown_fields;

    assert_int_equal(translate(&f->t, format, payload, LEVEL_FIRST, &said, &f->out, &f->decoded, &f->told),
                     0);
    arena_reset(&f->arena);
    assert_int_equal(record_decode(f->out.at, f->out.length, LEVEL_FIRST, &f->arena, &f->record,
                                   &unknown_fields, &problems),
                     0);
    assert_int_equal(f->record.kind, RECORD_EVENTS);
    assert_true(text_equal(f->record.intake.name, TEXT("pos@2")));
    assert_int_equal(f->record.intake.partition, 3);
    assert_int_equal(f->record.intake.offset, 41);
    assert_int_equal(f->record.intake.after, 39);
    assert_int_equal(f->record.events_count, f->told.events);
    if (f->told.decoded)
        check_decoded(f);
}

static void finish(struct fixture *f)
{
    translator_finish(&f->t);
    buffer_finish(&f->again[0]);
    buffer_finish(&f->again[1]);
    buffer_finish(&f->out);
    arena_finish(&f->arena);
}

static void one_event_and_many(void **state)
{
    struct fixture f = {0};

    run(&f, INTAKE_JSON, TEXT(SALE("a")));
    assert_null(f.told.reason);
    assert_int_equal(f.told.events, 1);
    assert_false(f.record.intake.skipped);
    assert_true(text_equal(f.record.events[0].id, TEXT("a")));
    assert_int_equal(f.record.events[0].quantity, 2000);
    run(&f, INTAKE_JSON, TEXT(" [" SALE("a") "," SALE("b") "," SALE("c") "]\n"));
    assert_null(f.told.reason);
    assert_int_equal(f.told.events, 3);
    assert_true(text_equal(f.record.events[2].id, TEXT("c")));
    finish(&f);
}

static void a_bad_event_leaves_the_others(void **state)
{
    struct fixture f = {0};
    char which[100];

    run(&f, INTAKE_JSON, TEXT("[" SALE("a") "," BAD_SALE ",{}," SALE("c") "]"));
    assert_int_equal(f.told.events, 2);
    assert_int_equal(f.told.bad, 2);
    assert_false(f.record.intake.skipped);
    assert_string_equal(f.told.reason, "malformed");
    assert_non_null(strstr(f.told.detail, "event 1: /quantity must be"));
    translate_name_event(&f.t, INTAKE_JSON, TEXT("[" SALE("a") "," BAD_SALE ",{}," SALE("c") "]"), 1, 1,
                         which, sizeof(which));
    assert_string_equal(which, "event 3, id c");
    finish(&f);
}

static void check_unreadable(struct fixture *f, enum intake_format format, struct text payload,
                             const char *reason)
{
    run(f, format, payload);
    assert_int_equal(f->told.events, 0);
    assert_true(f->record.intake.skipped);
    assert_string_equal(f->told.reason, reason);
    assert_true(f->told.detail[0] != '\0');
}

static void what_cannot_be_read_is_skipped(void **state)
{
    struct fixture f = {0};
    struct text huge = {calloc(1, MESSAGE_BYTES_MOST + 1), MESSAGE_BYTES_MOST + 1};

    check_unreadable(&f, INTAKE_JSON, TEXT("{"), "malformed");
    check_unreadable(&f, INTAKE_JSON, (struct text){0}, "malformed");
    check_unreadable(&f, INTAKE_JSON, TEXT("7"), "malformed");
    check_unreadable(&f, INTAKE_JSON, TEXT("[" BAD_SALE "]"), "malformed");
    check_unreadable(&f, INTAKE_JSON, TEXT("\xff\xfe"), "malformed");
    check_unreadable(&f, INTAKE_JSON, huge, "too_large");
    check_unreadable(&f, INTAKE_PROTOBUF, TEXT(SALE("a")), "malformed");
    check_unreadable(&f, INTAKE_PROTOBUF, TEXT("\x08"), "malformed");
    check_unreadable(&f, INTAKE_PROTOBUF, (struct text){0}, "malformed");
    run(&f, INTAKE_JSON, TEXT("[]")); /* nothing said, nothing wrong */
    assert_null(f.told.reason);
    assert_int_equal(f.told.events, 0);
    free((void *)(uintptr_t)huge.at);
    finish(&f);
}

/* type sale, id, source, sku, location, quantity 2.000 (zigzag 4000), occurred_at 1000000 µs */
#define EVENT_BYTES "\x08\x02\x12\x01x\x1A\x04till\x32\x05SKU-1\x3A\x07store-1\x40\xA0\x1F\x48\xC0\x84\x3D"

static void protobuf_alone_or_behind_lengths(void **state)
{
    struct fixture f = {0};
    const char length = (char)(sizeof(EVENT_BYTES) - 1);
    struct buffer two = {0};

    run(&f, INTAKE_PROTOBUF, TEXT(EVENT_BYTES));
    assert_null(f.told.reason);
    assert_true(f.told.decoded);
    assert_int_equal(f.told.events, 1);
    assert_true(text_equal(f.record.events[0].id, TEXT("x")));
    assert_int_equal(f.record.events[0].quantity, 2000);
    assert_int_equal(f.record.events[0].occurred_at, 1000000);
    for (int n = 0; n < 2; n++) {
        buffer_byte(&two, length);
        buffer_text(&two, TEXT(EVENT_BYTES));
    }
    run(&f, INTAKE_PROTOBUF, (struct text){two.at, two.length});
    assert_null(f.told.reason);
    assert_int_equal(f.told.events, 2);
    check_unreadable(&f, INTAKE_PROTOBUF, (struct text){two.at, (size_t)length - 1}, "malformed");
    buffer_finish(&two);
    finish(&f);
}

static void protobuf_as_a_record(void **state)
{
    struct fixture f = {0};
    const char length = (char)(sizeof(EVENT_BYTES) - 1);
    struct buffer record = {0};

    for (int n = 0; n < 2; n++) {
        buffer_byte(&record, 0x12);
        buffer_byte(&record, length);
        buffer_text(&record, TEXT(EVENT_BYTES));
    }
    run(&f, INTAKE_PROTOBUF, (struct text){record.at, record.length});
    assert_null(f.told.reason);
    assert_int_equal(f.told.events, 2);
    check_unreadable(&f, INTAKE_PROTOBUF, (struct text){record.at, record.length - 1}, "malformed");
    buffer_add(&record, "\x30\x02", 2); /* and it would raise the level */
    check_unreadable(&f, INTAKE_PROTOBUF, (struct text){record.at, record.length}, "malformed");
    buffer_finish(&record);
    finish(&f);
}

static void more_events_than_a_record_holds(void **state)
{
    struct fixture f = {0};
    struct buffer many = {0};

    /* 4097 events do not fit: as JSON that short a message could not hold them, as protobuf it can */
    for (int n = 0; n < RECORD_EVENTS_MOST + 1; n++) {
        buffer_byte(&many, (char)(sizeof(EVENT_BYTES) - 1));
        buffer_text(&many, TEXT(EVENT_BYTES));
    }
    assert_true(many.length <= MESSAGE_BYTES_MOST);
    check_unreadable(&f, INTAKE_PROTOBUF, (struct text){many.at, many.length}, "too_large");
    buffer_finish(&many);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_event_and_many),
        cmocka_unit_test(a_bad_event_leaves_the_others),
        cmocka_unit_test(what_cannot_be_read_is_skipped),
        cmocka_unit_test(protobuf_alone_or_behind_lengths),
        cmocka_unit_test(protobuf_as_a_record),
        cmocka_unit_test(more_events_than_a_record_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
