/* The small messages that stand in records of events, as tables (proto/onhand/v1; tests hold the two
 * together). */
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
    PLACE(allocation_said, quantity, AS_SIGNED, "/allocation/quantity"),
    PLACE(allocation_said, op, AS_ENUM, "/allocation/op"),
};
MESSAGE(allocation, "/allocation");

static const struct wire_place intake_places[] = {
    PLACE(intake_said, name, AS_TEXT, "/intake/name"),
    PLACE(intake_said, partition, AS_INT32, "/intake/partition"),
    PLACE(intake_said, offset, AS_INT64, "/intake/offset"),
    PLACE(intake_said, after, AS_SIGNED, "/intake/after"),
    PLACE(intake_said, skipped, AS_FLAG, "/intake/skipped"),
};
MESSAGE(intake, "/intake");
