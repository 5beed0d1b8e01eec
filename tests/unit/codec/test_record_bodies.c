/* Records that are no events: the bytes they have always had, what forged ones are answered, and the memory
 * they may cost. */
#include "../model/world.h"
#include "any_body.h"
#include "base/hash.h"
#include "codec/record_codec.h"

static size_t from_hex(const char *hex, char *ret)
{
    size_t length = strlen(hex) / 2;
    for (size_t i = 0; i < length; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        ret[i] = (char)byte;
    }
    return length;
}

static void assert_bytes(const struct buffer *b, const char *hex)
{
    char *said = calloc(1, 2 * b->length + 1);
    for (size_t i = 0; i < b->length; i++)
        snprintf(said + 2 * i, 3, "%02x", (unsigned char)b->at[i]);
    assert_string_equal(said, hex);
    free(said);
}

static struct setting_said stored_settings[] = {
    {TEXT("supply_grace_us"), 7200000000}, {TEXT("ids_unverified_rejected"), 0}, {TEXT("skus_most"), -1}};

/* What stands in logs that are there already: hex of the record, written by the build that read and wrote
 * every message itself. */
static const struct stored {
    struct record record;
    const char *hex;
} stored[] = {
    {{.kind = RECORD_INCARNATION,
      .level = 1,
      .incarnation = {1795219200000042, 1795219100000000, 4711, 0x0123456789abcdef, UINT64_MAX}},
     "08012a2708aa80d7d5e09798031080beffa5e097980318e72421efcdab896745230129ffffffffffffffff"},
    {{.kind = RECORD_INCARNATION}, "2a00"},
    {{.kind = RECORD_LEVEL,
      .level = 1,
      .raise_level = 2,
      .correlation_instance = 0x1122334455667788,
      .correlation_number = 300},
     "0801300271887766554433221178ac02"},
    {{.kind = RECORD_ANNOUNCE, .raise_level = 0}, "6800"},
    {{.kind = RECORD_SETTINGS, .settings = {3, stored_settings}},
     "3a430a170a0f737570706c795f67726163655f75731080a0bad2350a190a176964735f756e76657269666965645f72656a65637"
     "465640a0d0a09736b75735f6d6f73741001"},
    {{.kind = RECORD_SETTINGS}, "3a00"},
    {{.kind = RECORD_LOCATION,
      .level = 1,
      .reference = {.id = TEXT("store-1"),
                    .document = TEXT("{\"name\":\"Z\xc3\xbcrich\"}"),
                    .occurred_at = INSTANT_NONE}},
     "0801421d0a0773746f72652d3112127b226e616d65223a225ac3bc72696368227d"},
    {{.kind = RECORD_GROUP, .reference = {.id = TEXT("north"), .deleted = true, .occurred_at = 0}},
     "4a0b0a056e6f72746818012000"},
    {{.kind = RECORD_ITEM,
      .intake = {TEXT("items.1"), 3, 70000, -1, false},
      .reference = {.id = TEXT("SKU \xe2\x82\xac"),
                    .document = TEXT("{\"step\":0.5}"),
                    .occurred_at = 1795255500000000}},
     "1a110a076974656d732e31100318f0a204200152200a07534b5520e282ac120c7b2273746570223a302e357d208096eff2e7989"
     "803"},
    {{.kind = RECORD_CHANNEL,
      .reference = {.id = TEXT("*"), .document = TEXT("{\"rules\":[]}"), .occurred_at = INSTANT_MOST}},
     "5a1b0a012a120c7b2272756c6573223a5b5d7d20ffbfcde3cc8191c203"},
    {{.kind = RECORD_PROPOSAL,
      .proposal = {PROPOSAL_OVERDUE, TEXT("S"), TEXT("store-1"), TEXT("PO-7"), TEXT("1"), 5, 0}},
     "621b08011201531a0773746f72652d312204504f2d372a013130053800"},
    {{.kind = RECORD_PROPOSAL,
      .proposal = {PROPOSAL_STALE, TEXT(""), TEXT("store-1"), TEXT(""), TEXT(""), INSTANT_NONE,
                   INSTANT_MOST}},
     "621508021a0773746f72652d3138ffbfcde3cc8191c203"},
    {{.kind = RECORD_PROGRESS, .progress = {TEXT("redis"), 7, 300}}, "9a010c0a057265646973100718ac02"},
    {{.kind = RECORD_CUT, .level = 1, .digest = {.instance = TEXT("onhand-1")}},
     "080182010a0a086f6e68616e642d31"},
    {{.kind = RECORD_DIGEST,
      .level = 1,
      .digest = {TEXT("onhand-1"), 1795219200000042, 4712, 0x0123456789abcdef, UINT64_MAX}},
     "08018a01280a086f6e68616e642d3110aa80d7d5e097980318e82421efcdab896745230129ffffffffffffffff"},
};

static void stored_records_keep_their_bytes(void **unused)
{
    struct buffer b = {0};
    struct arena a = {0};
    for (size_t i = 0; i < sizeof(stored) / sizeof(*stored); i++) {
        char bytes[400];
        size_t length = from_hex(stored[i].hex, bytes);
        struct problems p = {0};
        struct record back;
        uint32_t unknown = 99;
        buffer_clear(&b);
        assert_int_equal(record_encode(&stored[i].record, &b), 0);
        assert_bytes(&b, stored[i].hex);
        assert_int_equal(record_decode(bytes, length, LEVEL_NEWEST, &a, &back, &unknown, &p), 0);
        assert_int_equal(unknown, 0);
        assert_int_equal(back.kind, stored[i].record.kind);
        buffer_clear(&b);
        assert_int_equal(record_encode(&back, &b), 0);
        assert_bytes(&b, stored[i].hex);
        arena_reset(&a);
    }
    arena_finish(&a);
    buffer_finish(&b);
}

enum { DRAWN_LONG_AGO = 20000 }; /* of the kinds that were there then */

/* The same with many: one digest over what the build that wrote every message itself made of them. */
static void drawn_records_keep_their_bytes(void **unused)
{
    struct draw d = {.state = 20261122};
    struct drawn_body one;
    struct buffer b = {0};
    struct arena a = {0};
    uint64_t digest = 0;
    for (int i = 0; i < DRAWN_LONG_AGO + 5000; i++) {
        struct problems p = {0};
        struct record back;
        uint32_t unknown;
        draw_body_before(&d, &one, i < DRAWN_LONG_AGO ? RECORD_CUT : RECORD_RESERVATION);
        buffer_clear(&b);
        assert_int_equal(record_encode(&one.record, &b), 0);
        struct hash128 h = hash128(b.at, b.length, digest);
        if (i < DRAWN_LONG_AGO)
            digest = h.high ^ h.low;
        int error = record_decode(b.at, b.length, LEVEL_NEWEST, &a, &back, &unknown, &p);
        if (error)
            fail_msg("%s: %s %s", error_text(error), p.at[0].pointer, p.at[0].detail);
        struct buffer again = {0};
        assert_int_equal(record_encode(&back, &again), 0);
        assert_int_equal(again.length, b.length);
        assert_memory_equal(again.at, b.at, b.length);
        buffer_finish(&again);
        arena_reset(&a);
    }
    assert_int_equal(digest, UINT64_C(0x863b7c0b14612e8b));
    arena_finish(&a);
    buffer_finish(&b);
}

/* ---- forged ---- */

static int decode(const char *bytes, size_t length, struct arena *a, struct record *ret,
                  uint32_t *ret_unknown, struct problems *p)
{
    char *exact = malloc(length + !length); /* sanitizers see a byte read beyond */
    memcpy(exact, bytes, length);
    int error = record_decode(exact, length, LEVEL_NEWEST, a, ret, ret_unknown, p);
    free(exact); /* texts of bodies are copies */
    return error;
}

static void what_is_wrong_is_named(void **unused)
{
    static const struct {
        const char *hex, *pointer, *detail;
    } cases[] = {
        {"2a0808", "", "is not protobuf: it is cut short or broken"},               /* the record is cut */
        {"2a0108", "/incarnation", "is not protobuf: it is cut short or broken"},   /* its body is */
        {"2a020001", "/incarnation", "is not protobuf: it is cut short or broken"}, /* field number 0 */
        {"2a020b0c", "/incarnation", "is not protobuf: it is cut short or broken"}, /* a group */
        {"2a0b08ffffffffffffffffff02", "/incarnation", "is not protobuf: it is cut short or broken"},
        {"2a020a00", "/incarnation/number", "is not of the type that its field number has"},
        {"2801", "/incarnation", "is not of the type that its field number has"},
        {"3200", "/level", "is not of the type that its field number has"},
        {"3a020801", "/settings/settings", "is not of the type that its field number has"},
        {"3a040a020801", "/settings/name", "is not of the type that its field number has"},
        {"3a050a030a01ff", "/settings", "must be UTF-8 without control characters"},
        {"42031a0101", "/deleted", "is not of the type that its field number has"}, /* a bool of bytes */
        {"42030a01ff", "/id", "must be UTF-8 without control characters"},
        {"42031201c0", "/document", "must be UTF-8 without control characters"},
        {"420b20ffffffffffffffffff01", "/occurred_at", "must be an instant of the years 1970 to 9999"},
        {"62020800", "/proposal/kind", "must be one of overdue, stale, expire, demand"},
        {"62020805", "/proposal/kind", "must be one of overdue, stale, expire, demand"},
        {"6200", "/proposal/kind", "must be one of overdue, stale, expire, demand"},
        {"620508011201fe", "/proposal/sku", "must be UTF-8 without control characters"},
        {"62050801320101", "/proposal/seen_us", "is not of the type that its field number has"},
        {"8a01030a01ff", "/digest/instance", "must be UTF-8 without control characters"},
        {"8a01022101", "/digest", "is not protobuf: it is cut short or broken"},
        {"8a01022001", "/digest/digest_high", "is not of the type that its field number has"},
        {"2a003200", "", "says two things at once: a record has one body"},
        {"2a002a00", "", "says two things at once: a record has one body"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena a = {0};
        struct problems p = {0};
        struct record r;
        uint32_t unknown;
        char bytes[100];
        size_t length = from_hex(cases[i].hex, bytes);
        assert_int_equal(decode(bytes, length, &a, &r, &unknown, &p), ERROR_INVALID);
        assert_int_equal(p.count, 1);
        assert_string_equal(p.at[0].pointer, cases[i].pointer);
        assert_string_equal(p.at[0].detail, cases[i].detail);
        arena_finish(&a);
    }
}

/* Nothing is cut at a NUL, and what comes twice counts as it was said last. */
static void texts_keep_their_length(void **unused)
{
    static const char bytes[] =
        "\x62\x14\x08\x01\x12\x03\x61\x00\x62\x1a\x02\x63\x00\x12\x03\x64\x00\x65\x08\x02\x70\x01";
    struct arena a = {0};
    struct problems p = {0};
    struct record r;
    uint32_t unknown = 99;
    assert_int_equal(decode(bytes, sizeof(bytes) - 1, &a, &r, &unknown, &p), 0);
    assert_int_equal(unknown, 1);
    assert_int_equal(r.proposal.kind, PROPOSAL_STALE);
    assert_true(text_equal(r.proposal.sku, TEXT("d\0e")));
    assert_true(text_equal(r.proposal.location, TEXT("c\0")));
    arena_finish(&a);
}

/* What protobuf-c would make of it stays under a bound, whatever the arena's own is. */
static void memory_is_bounded(void **unused)
{
    static const char *const bodies[] = {"\x2a", "\x3a"};         /* an incarnation, settings */
    static const char *const pieces[] = {"\x78\x01", "\x0a\x00"}; /* an unknown field, an empty setting */
    for (size_t k = 0; k < 2; k++) {
        struct arena a = {0};
        struct buffer b = {0};
        struct problems p = {0};
        struct record r;
        uint32_t unknown;
        buffer_add(&b, bodies[k], 1);
        buffer_add(&b, "\xf0\xff\x0f", 3); /* 262,128 bytes */
        for (size_t i = 0; i < 262128 / 2; i++)
            buffer_add(&b, pieces[k], 2);
        assert_true(b.length <= RECORD_BYTES_MOST);
        assert_int_equal(decode(b.at, b.length, &a, &r, &unknown, &p), ERROR_LIMIT);
        assert_int_equal(p.count, 1);
        assert_string_equal(p.at[0].detail, "takes more memory than there is for it");
        assert_true(a.used_bytes <= 4 * RECORD_BYTES_MOST + 16);
        arena_finish(&a);
        buffer_finish(&b);
    }
}

static void a_small_arena_is_a_limit(void **unused)
{
    struct buffer b = {0};
    struct record r = {.kind = RECORD_SETTINGS, .settings = {3, stored_settings}}, back;
    assert_int_equal(record_encode(&r, &b), 0);
    size_t most = 16;
    for (int error = ERROR_LIMIT; error; most += 16) {
        struct arena a = {.most_bytes = most};
        struct problems p = {0};
        uint32_t unknown;
        error = decode(b.at, b.length, &a, &back, &unknown, &p);
        assert_true(error == 0 || error == ERROR_LIMIT);
        arena_finish(&a);
        assert_true(most < 4096);
    }
    assert_true(most > 16 + 3 * sizeof(struct setting_said));
    buffer_finish(&b);
}

static void a_record_has_256_settings_at_most(void **unused)
{
    struct setting_said many[257];
    for (size_t i = 0; i < 257; i++)
        many[i] = (struct setting_said){TEXT("skus_most"), (int64_t)i};
    struct record r = {.kind = RECORD_SETTINGS, .settings = {257, many}}, back;
    struct buffer b = {0}, one_more = {0};
    struct arena a = {0};
    struct problems p = {0};
    uint32_t unknown;
    assert_int_equal(record_encode(&r, &b), ERROR_LIMIT);
    assert_int_equal(b.length, 0);
    r.settings.count = 256;
    assert_int_equal(record_encode(&r, &b), 0);
    assert_int_equal(decode(b.at, b.length, &a, &back, &unknown, &p), 0);
    assert_int_equal(back.settings.count, 256);
    assert_int_equal(back.settings.at[255].value, 255);

    buffer_add(&one_more, "\x3a\x82\x04", 3); /* 257 empty settings */
    for (int i = 0; i < 257; i++)
        buffer_add(&one_more, "\x0a\x00", 2);
    assert_int_equal(decode(one_more.at, one_more.length, &a, &back, &unknown, &p), ERROR_INVALID);
    assert_string_equal(p.at[0].pointer, "/settings");
    assert_string_equal(p.at[0].detail, "must be at most 256 settings");
    buffer_finish(&one_more);
    buffer_finish(&b);
    arena_finish(&a);
}

/* ---- settings that somebody else wrote into the log ---- */

/* Behind a sound one, through protobuf, and judged: the reason. Nothing may have changed. */
static enum reason judge_setting(struct world *w, struct text name, int64_t value)
{
    struct setting_said said[] = {{TEXT("future_tolerance_us"), 1}, {name, value}};
    struct record r = {.kind = RECORD_SETTINGS, .settings = {2, said}}, forged;
    struct log_settings before = w->state->settings;
    struct buffer b = {0};
    struct arena a = {0};
    struct problems p = {0};
    uint32_t unknown;
    assert_int_equal(record_encode(&r, &b), 0);
    assert_int_equal(decode(b.at, b.length, &a, &forged, &unknown, &p), 0);
    assert_int_equal(world_record(w, &forged), 0);
    assert_int_equal(w->outcome.verdicts_count, 1);
    assert_int_equal(w->outcome.verdicts[0].verdict, VERDICT_REJECTED);
    assert_memory_equal(&w->state->settings, &before, sizeof(before));
    buffer_finish(&b);
    arena_finish(&a);
    return w->outcome.verdicts[0].reason;
}

static void forged_settings_are_rejected_whole(void **unused)
{
    struct world w;
    world_open(&w);
    assert_int_equal(judge_setting(&w, TEXT("no_such_setting"), 1), REASON_UNKNOWN_FIELD);
    assert_int_equal(judge_setting(&w, TEXT(""), 1), REASON_UNKNOWN_FIELD);
    assert_int_equal(judge_setting(&w, TEXT("SKUS_MOST"), 1), REASON_UNKNOWN_FIELD);
    assert_int_equal(judge_setting(&w, TEXT("skus_most "), 1), REASON_UNKNOWN_FIELD);
    assert_int_equal(judge_setting(&w, TEXT("skus_mos"), 1), REASON_UNKNOWN_FIELD);
    /* cut at the NUL this would be one that there is */
    assert_int_equal(judge_setting(&w, TEXT("skus_most\0x"), 1), REASON_UNKNOWN_FIELD);
#define LOG_SETTING(name, first, least, most, meaning)                                   \
    assert_int_equal(judge_setting(&w, TEXT(#name), (least)-INT64_C(1)), REASON_RANGE);  \
    assert_int_equal(judge_setting(&w, TEXT(#name), (most) + INT64_C(1)), REASON_RANGE); \
    assert_int_equal(judge_setting(&w, TEXT(#name), INT64_MIN), REASON_RANGE);           \
    assert_int_equal(judge_setting(&w, TEXT(#name), INT64_MAX), REASON_RANGE);
#include "core/model/log_settings.def"
#undef LOG_SETTING
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_records_keep_their_bytes),
        cmocka_unit_test(drawn_records_keep_their_bytes),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(texts_keep_their_length),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(a_small_arena_is_a_limit),
        cmocka_unit_test(a_record_has_256_settings_at_most),
        cmocka_unit_test(forged_settings_are_rejected_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
