/* The small messages of onhand.v1 as tables (proto/onhand/v1/record.proto; a test holds the two together). */
#include "codec/record_wire.h"

#define PLACE(type, member, kind, pointer)           \
    {                                                \
        pointer, kind, offsetof(struct type, member) \
    }
#define MESSAGE(name, pointer)                                                                           \
    const struct wire_message name##_message = {pointer, sizeof(name##_places) / sizeof(*name##_places), \
                                                name##_places}

static const struct wire_place allocation_places[] = {
    PLACE(allocation_said, channel, AS_TEXT, "/allocation/channel"),
    PLACE(allocation_said, to_channel, AS_TEXT, "/allocation/to_channel"),
    PLACE(allocation_said, quantity, AS_SIGNED_ZERO, "/allocation/quantity"),
    PLACE(allocation_said, op, AS_ENUM, "/allocation/op"),
};
MESSAGE(allocation, "/allocation");

static const struct wire_place intake_places[] = {
    PLACE(intake_said, name, AS_TEXT, "/intake/name"),
    PLACE(intake_said, partition, AS_INT32, "/intake/partition"),
    PLACE(intake_said, offset, AS_INT64, "/intake/offset"),
    PLACE(intake_said, after, AS_SIGNED_ZERO, "/intake/after"),
    PLACE(intake_said, skipped, AS_FLAG, "/intake/skipped"),
};
MESSAGE(intake, "/intake");

static const struct wire_place incarnation_places[] = {
    PLACE(incarnation_said, number, AS_UINT64, "/incarnation/number"),
    PLACE(incarnation_said, after_number, AS_UINT64, "/incarnation/after_number"),
    PLACE(incarnation_said, after_offset, AS_UINT64, "/incarnation/after_offset"),
    PLACE(incarnation_said, digest_high, AS_FIXED64, "/incarnation/digest_high"),
    PLACE(incarnation_said, digest_low, AS_FIXED64, "/incarnation/digest_low"),
};
MESSAGE(incarnation, "/incarnation");

static const struct wire_place setting_places[] = {
    PLACE(setting_said, name, AS_TEXT, "/settings"),
    PLACE(setting_said, value, AS_SIGNED, "/settings"),
};
MESSAGE(setting, "/settings");

static const struct wire_place reference_places[] = {
    PLACE(reference_said, id, AS_TEXT, "/id"),
    PLACE(reference_said, document, AS_TEXT, "/document"),
    PLACE(reference_said, deleted, AS_FLAG, "/deleted"),
    PLACE(reference_said, occurred_at, AS_INSTANT, "/occurred_at"),
};
MESSAGE(reference, "");

static const struct wire_place proposal_places[] = {
    PLACE(proposal_said, kind, AS_ENUM, "/proposal/kind"),
    PLACE(proposal_said, sku, AS_TEXT, "/proposal/sku"),
    PLACE(proposal_said, location, AS_TEXT, "/proposal/location"),
    PLACE(proposal_said, reference, AS_TEXT, "/proposal/reference"),
    PLACE(proposal_said, line, AS_TEXT, "/proposal/line"),
    PLACE(proposal_said, seen, AS_INSTANT, "/proposal/seen"),
    PLACE(proposal_said, due, AS_INSTANT, "/proposal/due"),
};
MESSAGE(proposal, "/proposal");

static const uint8_t bodies[RECORD_KIND_END] = {
    [RECORD_INCARNATION] = 5, [RECORD_LEVEL] = 6,     [RECORD_SETTINGS] = 7,
    [RECORD_LOCATION] = 8,    [RECORD_GROUP] = 9,     [RECORD_ITEM] = 10,
    [RECORD_CHANNEL] = 11,    [RECORD_PROPOSAL] = 12, [RECORD_ANNOUNCE] = 13,
};

uint32_t record_wire_body(enum record_kind kind)
{
    return (unsigned)kind < RECORD_KIND_END ? bodies[kind] : 0;
}

enum record_kind record_wire_kind(uint32_t number)
{
    for (int kind = RECORD_EVENTS + 1; kind < RECORD_KIND_END; kind++)
        if (bodies[kind] == number)
            return (enum record_kind)kind;
    return RECORD_EVENTS;
}
