/* What became of an event. */
#ifndef CORE_MODEL_VERDICT_H
#define CORE_MODEL_VERDICT_H

#include <stdint.h>

enum verdict { VERDICT_NONE, VERDICT_APPLIED, VERDICT_PARTIAL, VERDICT_SUPERSEDED, VERDICT_DUPLICATE, VERDICT_REJECTED, VERDICT_END };

enum reason {
#define REASON(NAME, name, pointer, detail) REASON_##NAME,
#include "core/model/reasons.def"
#undef REASON
    REASON_END
};

enum verdict_note {
    NOTE_OVERSOLD = 1,    /* the row is oversold after it */
    NOTE_UNMATCHED = 2,   /* goods left that no open order spoke of */
    NOTE_APPROXIMATE = 4, /* a count inside a merged bucket of the row's memory */
    NOTE_UNVERIFIED = 8,  /* older than the memory of ids: applied without being able to tell */
    NOTE_UNREGISTERED = 16, /* its SKU or location was created bare by it */
    NOTE_CREATED = 32,      /* reference data: nothing was registered by that name before */
};

struct event_verdict {
    uint8_t verdict; /* enum verdict */
    uint8_t reason;  /* enum reason: of a rejection, and of what partial or superseded left out */
    uint8_t notes;   /* enum verdict_note */
};

const char *verdict_name(enum verdict v);
const char *reason_name(enum reason r);
const char *reason_pointer(enum reason r);
const char *reason_detail(enum reason r);

#endif
