/* Records through protobuf and events through JSON come back the same; the generated code of protobuf-c
 * agrees byte for byte. */
#include "base/error.h"
#include "codec/event_json.h"
#include "codec/event_plain.h"
#include "codec/wire.h"
#include "any_event.h"

#include "onhand/v1/record.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ROUNDS = 20000 };

/* Unpacks with protobuf-c and packs again: the same bytes, or our own format is not the one in the .proto
 * files. */
static void assert_oracle_agrees(const struct buffer *b)
{
    Onhand__V1__Record *r = onhand__v1__record__unpack(NULL, b->length, (const uint8_t *)b->at);
    assert_non_null(r);
    size_t length = onhand__v1__record__get_packed_size(r);
    uint8_t *again = malloc(length + 1);
    assert_int_equal(onhand__v1__record__pack(r, again), length);
    assert_int_equal(length, b->length);
    assert_memory_equal(again, b->at, length);
    free(again);
    onhand__v1__record__free_unpacked(r, NULL);
}

static struct record decode(const struct buffer *b, struct arena *a)
{
    struct problems p = {0};
    struct record r;
    uint32_t unknown = 99;
    int error = record_decode(b->at, b->length, LEVEL_NEWEST, a, &r, &unknown, &p);
    if (error)
        fail_msg("%s: %s %s", error_text(error), p.at[0].pointer, p.at[0].detail);
    assert_int_equal(unknown, 0);
    return r;
}

static void events_go_through_both_formats_unchanged(void **unused)
{
    struct draw d = {.state = 20261121};
    struct buffer b = {0};
    struct arena a = {0};
    for (int i = 0; i < ROUNDS; i++) {
        struct event e = draw_event(&d), from_json;
        const struct json_node *nodes;
        struct problems p = {0};
        uint32_t unknown = 99;
        size_t count;
        arena_reset(&a);
        buffer_clear(&b);
        event_to_json(&e, &b);
        struct text json = arena_text(&a, (struct text){b.at, b.length});
        if (json_parse(json, &a, &nodes, &count, &p) ||
            event_from_json(nodes, 0, LEVEL_NEWEST, &a, &from_json, &unknown, &p))
            fail_msg("%s: %s %s", json.at, p.at[0].pointer, p.at[0].detail);
        assert_int_equal(unknown, 0);
        if (!same_event(&e, &from_json))
            fail_msg("%s", json.at);

        struct record r = {.kind = RECORD_EVENTS, .events_count = 1, .events = &from_json};
        buffer_clear(&b);
        assert_int_equal(record_encode(&r, &b), 0);
        assert_oracle_agrees(&b);
        struct record back = decode(&b, &a);
        assert_int_equal(back.kind, RECORD_EVENTS);
        assert_int_equal(back.events_count, 1);
        if (!same_event(&e, &back.events[0]))
            fail_msg("%s", json.at);
    }
    arena_finish(&a);
    buffer_finish(&b);
}

/* The bytes of the only event of a record without a level. */
static struct text event_bytes(const struct buffer *b)
{
    struct wire w = {b->at, b->at + b->length};
    struct wire_field f;
    assert_int_equal(wire_next(&w, &f), 1);
    assert_int_equal(f.number, 2);
    return f.bytes;
}

static void encode_one(struct event *e, struct buffer *b)
{
    struct record r = {.kind = RECORD_EVENTS, .events_count = 1, .events = e};
    buffer_clear(b);
    assert_int_equal(record_encode(&r, b), 0);
}

/* What the short way through takes is what we would have written, and sound. */
static bool is_plain(struct text bytes, struct event *ret, struct buffer *again)
{
    struct problems p = {0};

    if (!event_plain_read(bytes, LEVEL_NEWEST, ret))
        return false;
    assert_true(event_check(ret, LEVEL_NEWEST, &p));
    encode_one(ret, again);
    struct text back = event_bytes(again);
    assert_int_equal(back.length, bytes.length);
    assert_memory_equal(back.at, bytes.at, bytes.length);
    return true;
}

static void damage(struct draw *d, struct buffer *b)
{
    size_t at = draw(d, b->length);

    switch (draw(d, 4)) {
    case 0:
        b->at[at] = (char)draw(d, 256);
        break;
    case 1:
        b->at[at] = (char)(b->at[at] ^ 1 << draw(d, 8));
        break;
    case 2: /* a byte less */
        memmove(b->at + at, b->at + at + 1, b->length - at - 1);
        b->length--;
        break;
    default: /* one more: often a number that is longer than it need be */
        buffer_byte(b, 0);
        memmove(b->at + at + 1, b->at + at, b->length - at - 1);
        b->at[at] = (char)(b->at[at] | 0x80);
        b->at[at + 1] = (char)draw(d, 2);
    }
}

/* Half of the events are left as they are drawn: most of those have texts beyond ASCII. */
static void plain_events_are_read_as_all_are(void **unused)
{
    struct draw d = {.state = 7};
    struct buffer b = {0}, again = {0}, damaged = {0};
    size_t plain = 0, plain_damaged = 0;

    for (int i = 0; i < ROUNDS / 4; i++) {
        struct event e = draw_event(&d), read;
        for (size_t k = 0; k < d.used && i % 2; k++)
            d.room[k] = (char)(d.room[k] & 0x80 ? 'u' : d.room[k]);
        encode_one(&e, &b);
        struct text bytes = event_bytes(&b);
        if (is_plain(bytes, &read, &again)) {
            plain++;
            assert_true(same_event(&e, &read));
        }
        for (int k = 0; k < 4; k++) {
            buffer_clear(&damaged);
            buffer_text(&damaged, bytes);
            damage(&d, &damaged);
            char *exact = malloc(damaged.length + 1); /* so that whoever reads too far is found out */
            memcpy(exact, damaged.at, damaged.length);
            plain_damaged += is_plain((struct text){exact, damaged.length}, &read, &again);
            free(exact);
        }
    }
    assert_in_range(plain, ROUNDS / 16, ROUNDS / 8);
    assert_in_range(plain_damaged, ROUNDS / 400, ROUNDS);
    buffer_finish(&b);
    buffer_finish(&again);
    buffer_finish(&damaged);
}

static void a_record_says_whether_its_events_were_checked(void **unused)
{
    struct event events[2];

    event_clear(&events[0]);
    events[0].type = EVENT_SALE;
    events[0].has = HAS(id) | HAS(source) | HAS(sku) | HAS(location) | HAS(quantity) | HAS(occurred_at);
    events[0].id = TEXT("e-1");
    events[0].source = TEXT("till");
    events[0].sku = TEXT("SKU-1");
    events[0].location = TEXT("store-1");
    events[0].quantity = 2000;
    events[0].occurred_at = 1795255500000000;
    struct record r = {.kind = RECORD_EVENTS, .level = 1, .events_count = 1, .events = events};
    struct buffer b = {0};
    struct arena a = {0};

    r.intake = (struct intake_said){.name = TEXT("stock"), .partition = -1, .offset = 300, .after = 299};
    assert_int_equal(record_encode(&r, &b), 0);
    struct record back = decode(&b, &a);
    assert_int_equal(back.sound_level, LEVEL_NEWEST);
    assert_int_equal(back.level, 1);
    assert_true(text_equal(back.intake.name, TEXT("stock")) && back.intake.partition == -1);
    assert_true(back.intake.offset == 300 && back.intake.after == 299 && !back.intake.skipped);

    struct buffer plain = {0}, again = {0};
    struct event read;
    struct text only = {0};
    struct wire w = {b.at, b.at + b.length};
    struct wire_field f;
    while (wire_next(&w, &f) > 0)
        if (f.number == 2)
            only = f.bytes;
    assert_int_equal(record_encode_plain(only, 1, &r.intake, &plain, &only), 0);
    assert_int_equal(plain.length, b.length);
    assert_memory_equal(plain.at, b.at, b.length);
    assert_true(is_plain(only, &read, &again) && same_event(&read, &events[0])); /* where it stands now */
    buffer_finish(&again);
    buffer_finish(&plain);

    events[1] = events[0]; /* one that is not plain is enough */
    events[1].sku = TEXT("SK\xc3\x9c-1");
    r.events_count = 2;
    buffer_clear(&b);
    assert_int_equal(record_encode(&r, &b), 0);
    assert_int_equal(decode(&b, &a).sound_level, 0);
    events[1] = events[0];
    buffer_clear(&b);
    assert_int_equal(record_encode(&r, &b), 0);
    assert_int_equal(decode(&b, &a).sound_level, LEVEL_NEWEST);

    events[0].quantity = 0; /* not sound */
    r.events_count = 1;
    buffer_clear(&b);
    assert_int_equal(record_encode(&r, &b), 0);
    back = decode(&b, &a);
    assert_int_equal(back.sound_level, 0);
    assert_int_equal(back.events[0].quantity, 0);
    arena_finish(&a);
    buffer_finish(&b);
}

static void what_stands_beside_events_goes_through(void **unused)
{
    struct event e[3];
    struct draw each[3] = {{.state = 1}, {.state = 2}, {.state = 3}};
    for (int i = 0; i < 3; i++)
        e[i] = draw_event(&each[i]);
    struct record r = {
        .kind = RECORD_EVENTS,
        .level = 1,
        .intake = {.name = TEXT("stock.1"), .partition = 3, .offset = INT64_MAX, .after = -1},
        .correlation_instance = UINT64_MAX,
        .correlation_number = 1u << 20,
        .events_count = 3,
        .events = e,
    };
    struct buffer b = {0};
    struct arena a = {0};
    assert_int_equal(record_encode(&r, &b), 0);
    assert_oracle_agrees(&b);
    struct record back = decode(&b, &a);
    assert_int_equal(back.level, 1);
    assert_true(text_equal(back.intake.name, r.intake.name));
    assert_int_equal(back.intake.partition, 3);
    assert_true(back.intake.offset == INT64_MAX && back.intake.after == -1 && !back.intake.skipped);
    assert_true(back.correlation_instance == UINT64_MAX && back.correlation_number == 1u << 20);
    for (int i = 0; i < 3; i++)
        assert_true(same_event(&back.events[i], &e[i]));

    r.events_count = 0;
    r.intake.skipped = true;
    r.intake.after = 0;
    buffer_clear(&b);
    assert_int_equal(record_encode(&r, &b), 0);
    assert_oracle_agrees(&b);
    back = decode(&b, &a);
    assert_true(back.intake.skipped && back.intake.after == 0 && back.events_count == 0);
    arena_finish(&a);
    buffer_finish(&b);
}

static struct record there_and_back(const struct record *r, struct arena *a, struct buffer *b)
{
    buffer_clear(b);
    assert_int_equal(record_encode(r, b), 0);
    assert_oracle_agrees(b);
    struct record back = decode(b, a);
    assert_int_equal(back.kind, r->kind);
    return back;
}

static void every_kind_of_record_goes_through(void **unused)
{
    struct arena a = {0};
    struct buffer b = {0};
    struct record r = {.kind = RECORD_INCARNATION,
                       .incarnation = {1795219200000042, 7, UINT64_MAX, 1, UINT64_MAX}};
    struct record back = there_and_back(&r, &a, &b);
    assert_memory_equal(&back.incarnation, &r.incarnation, sizeof(r.incarnation));

    r = (struct record){.kind = RECORD_LEVEL, .raise_level = 2};
    assert_int_equal(there_and_back(&r, &a, &b).raise_level, 2);
    r = (struct record){.kind = RECORD_ANNOUNCE, .raise_level = 0};
    assert_int_equal(there_and_back(&r, &a, &b).raise_level, 0);

    struct setting_said settings[] = {{TEXT("supply_grace_us"), 7200000000},
                                      {TEXT("ids_unverified_rejected"), 0}};
    r = (struct record){.kind = RECORD_SETTINGS, .settings = {2, settings}};
    back = there_and_back(&r, &a, &b);
    assert_int_equal(back.settings.count, 2);
    assert_true(text_equal(back.settings.at[0].name, settings[0].name));
    assert_true(back.settings.at[0].value == 7200000000 && back.settings.at[1].value == 0);

    r = (struct record){
        .kind = RECORD_PROPOSAL,
        .proposal = {PROPOSAL_STALE, TEXT(""), TEXT("store-1"), TEXT(""), TEXT(""), 5, INSTANT_NONE}};
    back = there_and_back(&r, &a, &b);
    assert_int_equal(back.proposal.kind, PROPOSAL_STALE);
    assert_true(back.proposal.seen == 5 && back.proposal.due == INSTANT_NONE);
    assert_true(text_equal(back.proposal.location, r.proposal.location));

    r = (struct record){.kind = RECORD_LOCATION,
                        .reference = {.id = TEXT("store-1"), .deleted = true, .occurred_at = 0}};
    back = there_and_back(&r, &a, &b);
    assert_true(back.reference.deleted && back.reference.occurred_at == 0 && !back.reference.decoded);
    r = (struct record){
        .kind = RECORD_CHANNEL,
        .reference = {.id = TEXT("*"), .document = TEXT("{\"rules\":[]}"), .occurred_at = INSTANT_NONE}};
    back = there_and_back(&r, &a, &b);
    assert_true(back.reference.occurred_at == INSTANT_NONE && back.reference.decoded);
    arena_finish(&a);
    buffer_finish(&b);
}

static void limits_are_kept(void **unused)
{
    struct arena a = {0}, small = {.most_bytes = 4096};
    struct buffer b = {0};
    struct record r = {.kind = RECORD_EVENTS}, back;
    struct problems p = {0};
    uint32_t unknown;
    struct event *many = calloc(RECORD_EVENTS_MOST + 1, sizeof(*many));
    r.events = many;
    r.events_count = RECORD_EVENTS_MOST + 1;
    assert_int_equal(record_encode(&r, &b), ERROR_LIMIT);
    assert_int_equal(b.length, 0);
    r.events_count = RECORD_EVENTS_MOST;
    assert_int_equal(record_encode(&r, &b), 0);
    assert_int_equal(record_decode(b.at, b.length, 1, &small, &back, &unknown, &p), ERROR_LIMIT);
    assert_int_equal(record_decode(b.at, b.length, 1, &a, &back, &unknown, &p), 0);
    assert_int_equal(back.events_count, RECORD_EVENTS_MOST);
    buffer_add(&b, "\x12\x00", 2);
    assert_int_equal(record_decode(b.at, b.length, 1, &a, &back, &unknown, &p), ERROR_LIMIT);

    char *large = calloc(1, RECORD_BYTES_MOST + 1);
    assert_int_equal(record_decode(large, RECORD_BYTES_MOST + 1, 1, &a, &back, &unknown, &p), ERROR_LIMIT);
    many[0].has = HAS(id);
    many[0].id = (struct text){large, RECORD_BYTES_MOST};
    buffer_clear(&b);
    r.events_count = 1;
    assert_int_equal(record_encode(&r, &b), ERROR_LIMIT);
    assert_int_equal(b.length, 0);
    free(large);
    free(many);
    arena_finish(&a);
    arena_finish(&small);
    buffer_finish(&b);
}

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *m, unsigned number)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(m, number);
    if (!f)
        fail_msg("%s has no field %u", m->name, number);
    return f;
}

/* EVENT_TYPE_SALE of the schema and "sale" of the model are one word. */
static void assert_same_word(const ProtobufCEnumDescriptor *e, int value, const char *prefix,
                             const char *word)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(e, value);
    char expected[64];
    if (!v)
        fail_msg("%s has no value %d", e->name, value);
    snprintf(expected, sizeof(expected), "%s%s", prefix, word);
    for (char *c = expected; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    assert_string_equal(v->name, expected);
}

/* The .proto files say what the tables say. */
static void the_schema_says_what_the_tables_say(void **unused)
{
    const ProtobufCMessageDescriptor *event = &onhand__v1__event__descriptor;
    assert_int_equal(event->n_fields, FIELD_END + 1);
    for (unsigned f = 0; f < FIELD_END; f++) {
        const struct field_place *place = &field_places[f];
        const ProtobufCFieldDescriptor *d = field_of(event, f + 2);
        const char *unit = d->name + place->name_length;
        assert_memory_equal(d->name, place->pointer + 1, place->name_length);
        assert_string_equal(unit, place->kind == KIND_QUANTITY  ? "_milli"
                                  : place->kind == KIND_INSTANT ? "_us"
                                                                : "");
        if (place->kind == KIND_QUANTITY)
            assert_int_equal(d->type, PROTOBUF_C_TYPE_SINT64);
    }
    assert_int_equal(onhand__v1__event_type__descriptor.n_values, EVENT_END);
    for (int t = 1; t < EVENT_END; t++)
        assert_same_word(&onhand__v1__event_type__descriptor, t, "EVENT_TYPE_",
                         event_type_name((enum event_type)t));
    assert_int_equal(onhand__v1__status_quantities__descriptor.n_fields, STATUSES);
    for (int s = 1; s <= STATUSES; s++) {
        const char *name = status_name((enum status)s);
        assert_same_word(&onhand__v1__status__descriptor, s, "STATUS_", name);
        assert_memory_equal(field_of(&onhand__v1__status_quantities__descriptor, (unsigned)s)->name, name,
                            strlen(name));
    }
    for (int b = 0; b < BASIS_END; b++)
        assert_same_word(&onhand__v1__count_basis__descriptor, b + 1, "COUNT_BASIS_",
                         count_basis_name((enum count_basis)b));
    for (int o = 0; o < ORDER_OP_END; o++)
        assert_same_word(&onhand__v1__order_op__descriptor, o + 1, "ORDER_OP_",
                         order_op_name((enum order_op)o));
    for (int o = 0; o < ALLOCATION_OP_END; o++)
        assert_same_word(&onhand__v1__allocation_op__descriptor, o + 1, "ALLOCATION_OP_",
                         allocation_op_name((enum allocation_op)o));
}

/* A few bytes must not become much memory: the worst is an event of two bytes. */
static void memory_is_bounded_by_events(void **unused)
{
    struct arena a = {.most_bytes = RECORD_EVENTS_MOST * sizeof(struct event) + 64};
    struct buffer b = {0};
    struct problems p = {0};
    struct record r;
    uint32_t unknown;
    for (int i = 0; i < RECORD_EVENTS_MOST; i++)
        buffer_add(&b, "\x12\x00", 2);
    assert_int_equal(record_decode(b.at, b.length, 1, &a, &r, &unknown, &p), 0);
    assert_int_equal(r.events_count, RECORD_EVENTS_MOST);
    for (size_t i = b.length; i + 2 <= RECORD_BYTES_MOST; i += 2)
        buffer_add(&b, "\x12\x00", 2);
    size_t used = a.used_bytes;
    assert_int_equal(record_decode(b.at, b.length, 1, &a, &r, &unknown, &p), ERROR_LIMIT);
    assert_int_equal(a.used_bytes, used);
    arena_finish(&a);
    buffer_finish(&b);
}

/* Cut anywhere, a record is refused or says less; nothing is read beyond its end (sanitizers look on). */
static void a_record_cut_at_every_byte_is_harmless(void **unused)
{
    struct draw d = {.state = 99};
    struct event e = draw_event(&d);
    struct record r = {.kind = RECORD_EVENTS,
                       .events_count = 1,
                       .events = &e,
                       .intake = {.name = TEXT("t.1"), .offset = 300}};
    struct buffer b = {0};
    assert_int_equal(record_encode(&r, &b), 0);
    for (size_t length = 0; length < b.length; length++) {
        struct arena a = {0};
        struct problems p = {0};
        struct record back;
        uint32_t unknown;
        char *exact = malloc(length + !length);
        memcpy(exact, b.at, length);
        int error = record_decode(exact, length, 1, &a, &back, &unknown, &p);
        assert_true(error == ERROR_INVALID ? p.count > 0 : error == 0 && !back.intake.name.length);
        free(exact);
        arena_finish(&a);
    }
    buffer_finish(&b);
}

/* Found by fuzzing: 0 and nothing said were two different ops that are none. */
static void an_op_of_zero_is_an_op_left_out(void **unused)
{
    static const char said[] = "\x12\x0b\x08\x10\xfa\x01\x06\x0a\x00\x18\x02\x20\x00";
    struct arena a = {0};
    struct buffer first = {0}, second = {0};
    struct problems p = {0};
    struct record r;
    uint32_t unknown;
    assert_int_equal(record_decode(said, sizeof(said) - 1, 1, &a, &r, &unknown, &p), 0);
    assert_int_equal(record_encode(&r, &first), 0);
    assert_int_equal(record_decode(first.at, first.length, 1, &a, &r, &unknown, &p), 0);
    assert_int_equal(record_encode(&r, &second), 0);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.at, second.at, first.length);
    assert_false(event_check(&r.events[0], 1, &p));
    arena_finish(&a);
    buffer_finish(&first);
    buffer_finish(&second);
}

static int count_events(void *context, size_t number, const struct event *e, const struct problems *p)
{
    char *seen = context;
    seen[number] = !e ? 'x' : p->count ? '!' : '.';
    return 0;
}

static void delimited_events_are_read_one_by_one(void **unused)
{
    /* a heartbeat; one without a type; one whose field is cut short */
    static const char bytes[] = "\x15\x08\x11\x12\x01\x61\x1a\x01\x62\x3a\x01\x63\x48\x80\x80\x80\x80\x80\x80"
                                "\x80\x01\x00\x02\x12\x05";
    char seen[8] = "";
    struct arena a = {0};
    struct problems p = {0};
    struct event_reader reader = {seen, count_events};
    char fixed[sizeof(bytes)];
    memcpy(fixed, bytes, sizeof(bytes));
    fixed[0] = 0x14;
    assert_int_equal(proto_events_read(fixed, sizeof(bytes) - 1, 1, &a, &reader, &p), 0);
    assert_string_equal(seen, ".!x");
    memset(seen, 0, sizeof(seen));
    assert_int_equal(proto_events_read("\x00\x7f", 2, 1, &a, &reader, &p), ERROR_INVALID);
    assert_string_equal(seen, "!");
    assert_string_equal(p.at[0].detail, "byte 1: the length of an event is broken or goes beyond the end");
    arena_finish(&a);
}

static void json_may_stand_in_the_log(void **unused)
{
    struct arena a = {0};
    struct record r;
    struct problems p = {0};
    uint32_t unknown;
    struct text two =
        TEXT("\n [{\"type\":\"sale\",\"id\":\"1\",\"colour\":\"red\"},{\"type\":\"teleport\"}]");
    assert_int_equal(record_decode_any(two.at, two.length, 1, &a, &r, &unknown, &p), 0);
    assert_int_equal(r.events_count, 2);
    assert_int_equal(r.events[0].type, EVENT_SALE);
    assert_int_equal(r.events[1].type, EVENT_NONE);
    assert_int_equal(unknown, 1);
    struct text bad = TEXT("[{\"type\":\"sale\"},{\"quantity\":\"2\"}]");
    assert_int_equal(record_decode_any(bad.at, bad.length, 1, &a, &r, &unknown, &p), ERROR_INVALID);
    assert_int_equal(p.count, 2);
    assert_string_equal(p.at[0].pointer, "/1/quantity");
    assert_string_equal(p.at[1].pointer, "/1/type");
    /* a record in protobuf whose first bytes are no white space and no bracket */
    struct buffer b = {0};
    struct record level = {.kind = RECORD_LEVEL, .raise_level = 3};
    assert_int_equal(record_encode(&level, &b), 0);
    assert_int_equal(record_decode_any(b.at, b.length, 1, &a, &r, &unknown, &p), 0);
    assert_int_equal(r.kind, RECORD_LEVEL);
    buffer_finish(&b);
    arena_finish(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_go_through_both_formats_unchanged),
        cmocka_unit_test(plain_events_are_read_as_all_are),
        cmocka_unit_test(a_record_says_whether_its_events_were_checked),
        cmocka_unit_test(what_stands_beside_events_goes_through),
        cmocka_unit_test(every_kind_of_record_goes_through),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(the_schema_says_what_the_tables_say),
        cmocka_unit_test(memory_is_bounded_by_events),
        cmocka_unit_test(a_record_cut_at_every_byte_is_harmless),
        cmocka_unit_test(an_op_of_zero_is_an_op_left_out),
        cmocka_unit_test(delimited_events_are_read_one_by_one),
        cmocka_unit_test(json_may_stand_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
