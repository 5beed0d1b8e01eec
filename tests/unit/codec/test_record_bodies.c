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

static const struct text stored_candidates[] = {{"s1", 2}, {"s2", 2}};
static const struct line_said stored_lines[] = {
    {{"SKU-1", 5}, 2000, 1, stored_candidates, false},
    {{"\xe2\x82\xac", 3}, 500, 2, stored_candidates, true},
};
static const struct reservation_said stored_reserve = {.step = STEP_RESERVE,
                                                       .id = TEXT("r-1"),
                                                       .digest = {0x0123456789abcdef, UINT64_MAX},
                                                       .channel = TEXT("web"),
                                                       .method = 1,
                                                       .reference = TEXT("ORD-77"),
                                                       .expires_at = INSTANT_NONE,
                                                       .ttl_us = 900000000,
                                                       .required_at = 1795255500000000,
                                                       .partial = true,
                                                       .begin = RESERVATION_CONFIRMED,
                                                       .lines_count = 2,
                                                       .lines = stored_lines},
                                     stored_move = {.step = STEP_MOVE,
                                                    .id = TEXT("r-1"),
                                                    .step_id = TEXT("m"),
                                                    .expires_at = INSTANT_NONE,
                                                    .required_at = INSTANT_NONE,
                                                    .move_sku = TEXT("SKU-1"),
                                                    .move_from = TEXT("s1"),
                                                    .move_to = TEXT("s2")};

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
    {{.kind = RECORD_PROPOSAL,
      .proposal = {PROPOSAL_EXPIRE, TEXT(""), TEXT(""), TEXT("r-1"), TEXT(""), 5, 5}},
     "620b08032203722d3130053805"},
    {{.kind = RECORD_PROPOSAL,
      .proposal = {PROPOSAL_DEMAND, TEXT("S"), TEXT("s1"), TEXT("r-1"), TEXT("1"), 5, 5}},
     "621508041201531a0273312203722d312a013130053805"},
    {{.kind = RECORD_RESERVATION, .level = 1, .reservation = &stored_reserve},
     "080192015f08011203722d3121efcdab896745230129ffffffffffffffff3203776562380142064f52442d37375080d293ad035"
     "88096eff2e798980360016801720e0a05534b552d3110d00f1a02733172120a03e282ac10f4031a0273311a0273322001"},
    {{.kind = RECORD_RESERVATION, .reservation = &stored_move},
     "92011b08071203722d311a016d7a05534b552d3182010273318a01027332"},
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
        draw_body_before(&d, &one, i < DRAWN_LONG_AGO ? RECORD_CUT : RECORD_KIND_END);
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
    free(exact); /* texts of bodies are copies, but those of reservations */
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
        {"9201050800120172", "/reservation/step", "is not a step at the level of this log"},
        {"9201050809120172", "/reservation/step", "is not a step at the level of this log"},
        {"9201020803", "/reservation/id", "must be 1 to 128 bytes of UTF-8 without control characters"},
        {"92010508031201ff", "/reservation/id", "must be 1 to 128 bytes of UTF-8 without control characters"},
        {"920106080312026100", "/reservation/id",
         "must be 1 to 128 bytes of UTF-8 without control characters"},
        {"92010908031201721a02780a", "/reservation/step_id",
         "must be 1 to 128 bytes of UTF-8 without control characters"},
        {"920110080312017272090a015310e8071a0161", "/reservation/lines", "is not a field of this step"},
        {"92010a08021201723203776562", "/reservation/channel", "is not a field of this step"},
        {"92010708051201725001", "/reservation/ttl", "is not a field of this step"},
        {"9201050801120172", "/reservation/lines", "must be at least one"},
        {"920116080112017272090a015310e8071a0161320477652062", "/reservation/channel",
         "must be 1 to 128 letters, digits, '.', '_', '-', the first a letter or digit"},
        {"920112080112017272090a015310e8071a01613803", "/reservation/method",
         "must be pickup, ship or same_day"},
        {"92011b080112017272090a015310e8071a01614880808080808080808001", "/reservation/expires_at",
         "must be an instant of the years 1970 to 9999"},
        {"92011b080112017272090a015310e8071a01615880808080808080808001", "/reservation/required_at",
         "must be an instant of the years 1970 to 9999"},
        {"92011b080112017272090a015310e8071a016150ffffffffffffffffff01", "/reservation/ttl",
         "must be greater than 0"},
        {"920114080112017272090a015310e8071a016148055005", "/reservation/ttl",
         "does not go with expires_at: say one of them"},
        {"920112080112017272090a015310e8071a01616803", "/reservation/begin",
         "must be held, confirmed or fulfilled"},
        {"92010f080112017272080a0010e8071a0161", "/reservation/lines/0/sku",
         "must be 1 to 128 bytes of UTF-8 without control characters"},
        {"92011a080112017272090a015310e8071a016172080a015310001a0161", "/reservation/lines/1/quantity",
         "must be greater than 0 and at most 10^12"},
        {"920118080112017272110a015310ffffffffffffffffff011a0161", "/reservation/lines/0/quantity",
         "must be greater than 0 and at most 10^12"},
        {"9201160801120172720f0a01531081809aa6eaafe3011a0161", "/reservation/lines/0/quantity",
         "must be greater than 0 and at most 10^12"},
        {"92010d080112017272060a015310e807", "/reservation/lines/0/locations", "must be at least one"},
        {"9201150801120172720e0a015310e8071a01611a03622063", "/reservation/lines/0/locations/1",
         "must be 1 to 128 letters, digits, '.', '_', '-', the first a letter or digit"},
        {"9201130805120172720c0a015310e8071a01611a0162", "/reservation/lines/0/locations",
         "must be at most one"},
        {"9201050804120172", "/reservation/expires_at", "must be there, or ttl"},
        {"92010d0807120172820101618a010161", "/reservation/move_to", "must be another location"},
        {"9201100807120172820101618a0101627a017f", "/reservation/move_sku",
         "must be 1 to 128 bytes of UTF-8 without control characters"},
        {"9201030a0178", "/reservation/step", "is not of the type that its field number has"},
        {"920109080112017272020801", "/reservation/sku", "is not of the type that its field number has"},
        {"2a003200", "", "says two things at once: a record has one body"},
        {"2a002a00", "", "says two things at once: a record has one body"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena a = {0};
        struct problems p = {0};
        struct record r;
        uint32_t unknown;
        char bytes[200];
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

/* What a reservation may hold at most, and one more. */
static void a_reservation_has_500_lines_and_1000_candidates_at_most(void **unused)
{
    static struct line_said lines[501];
    static struct text locations[1001];
    struct reservation_said said = stored_reserve;
    struct record r = {.kind = RECORD_RESERVATION, .reservation = &said}, back;
    struct buffer b = {0};
    struct arena a = {0};
    struct problems p = {0};
    uint32_t unknown;
    for (size_t i = 0; i < 1001; i++)
        locations[i] = TEXT("store-0042");
    for (size_t i = 0; i < 501; i++)
        lines[i] = (struct line_said){TEXT("SKU-1"), 1000, 2, locations, true};
    said.lines = lines;
    said.lines_count = 500;
    assert_int_equal(record_encode(&r, &b), 0);
    assert_int_equal(record_decode(b.at, b.length, LEVEL_NEWEST, &a, &back, &unknown, &p), 0);
    assert_int_equal(back.reservation->lines_count, 500);
    assert_true(text_equal(back.reservation->lines[499].locations[1], locations[0]));
    lines[499].locations_count = 3;
    assert_int_equal(record_encode(&r, &b), ERROR_LIMIT);
    assert_false(reservation_check(&said, "", &p));
    assert_string_equal(p.at[0].detail, "must have at most 1000 candidates in all");
    for (size_t i = 0; i < 501; i++)
        lines[i].locations_count = 1;
    said.lines_count = 501;
    assert_int_equal(record_encode(&r, &b), ERROR_LIMIT);
    assert_false(reservation_check(&said, "", &p));
    assert_string_equal(p.at[1].detail, "must be at most 500");
    buffer_finish(&b);
    arena_finish(&a);
}

/* More lines than there may be, in the bytes: refused before they are read. */
static void forged_lines_are_counted(void **unused)
{
    struct buffer b = {0};
    struct arena a = {0};
    struct problems p = {0};
    struct record r;
    uint32_t unknown;
    buffer_add(&b, "\x92\x01\xef\x07\x08\x01\x12\x01r", 9); /* 5 + 501 * 2 = 1007 bytes */
    for (int i = 0; i < 501; i++)
        buffer_add(&b, "\x72\x00", 2);
    assert_int_equal(decode(b.at, b.length, &a, &r, &unknown, &p), ERROR_INVALID);
    assert_int_equal(p.count, 1);
    assert_string_equal(p.at[0].pointer, "/reservation/lines");
    assert_string_equal(p.at[0].detail, "must be at most 500 lines with 1000 candidates in all");
    buffer_finish(&b);
    arena_finish(&a);
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
        cmocka_unit_test(a_reservation_has_500_lines_and_1000_candidates_at_most),
        cmocka_unit_test(forged_lines_are_counted),
        cmocka_unit_test(a_record_has_256_settings_at_most),
        cmocka_unit_test(forged_settings_are_rejected_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
