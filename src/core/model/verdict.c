/* The words for verdicts and reasons. */
#include "core/model/verdict.h"

static const struct {
    const char *name, *pointer, *detail;
} reasons[] = {
#define REASON(NAME, name, pointer, detail) {#name, pointer, detail},
#include "core/model/reasons.def"
#undef REASON
};

const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {"", "applied", "partial", "superseded", "duplicate", "rejected"};
    _Static_assert(sizeof(names) / sizeof(*names) == VERDICT_END, "a name for each verdict");
    return (unsigned)v < VERDICT_END ? names[v] : "";
}

const char *reason_name(enum reason r)
{
    return (unsigned)r < REASON_END ? reasons[r].name : "";
}

const char *reason_pointer(enum reason r)
{
    return (unsigned)r < REASON_END ? reasons[r].pointer : "";
}

const char *reason_detail(enum reason r)
{
    return (unsigned)r < REASON_END ? reasons[r].detail : "";
}
