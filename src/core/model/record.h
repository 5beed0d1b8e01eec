/* One record of the log, decoded: what codecs make and apply takes. Plain data; texts point into the
 * decoder's arena. */
#ifndef CORE_MODEL_RECORD_H
#define CORE_MODEL_RECORD_H

#include "base/arena.h"
#include "core/model/instant.h"
#include "core/model/quantity.h"

enum { TEXT_BYTES_MOST = 128, RECORD_BYTES_MOST = 256 * 1024, RECORD_EVENTS_MOST = 4096 };

/* The highest level this build knows; what a level means is in events.def and src/README.md. */
enum { LEVEL_FIRST = 1, LEVEL_NEWEST = 1 };

enum status {
    STATUS_NONE, /* sellable */
#define STATUS(NAME, name) STATUS_##NAME,
#include "core/model/statuses.def"
#undef STATUS
    STATUS_END,
    STATUSES = STATUS_END - 1, /* arrays of statuses are indexed with status - 1 */
};

enum event_type {
    EVENT_NONE,
#define EVENT(NAME, name, level, must, may) EVENT_##NAME,
#include "core/model/events.def"
#undef EVENT
    EVENT_END
};

enum event_field {
#define FIELD(member, KIND) FIELD_##member,
#include "core/model/fields.def"
#undef FIELD
    FIELD_END
};

/* Bits of struct event's `has`. */
#define HAS(member) (UINT32_C(1) << FIELD_##member)

enum count_basis { BASIS_PHYSICAL, BASIS_SELLABLE, BASIS_NET_OF_COMMITTED, BASIS_NET_OF_DEMAND, BASIS_END };
enum order_op { ORDER_ADD, ORDER_SET, ORDER_OP_END };
enum allocation_op { ALLOCATION_SET, ALLOCATION_ADD, ALLOCATION_MOVE, ALLOCATION_OP_END };

#define LIMIT_NONE INT64_MAX /* a limit that is null: no limit (backorder_limit), not set (reorder_point) */

struct statuses_said {
    uint8_t has; /* bit status-1 */
    milli_t quantity[STATUSES];
};

struct allocation_said {
    struct text channel, to_channel;
    milli_t quantity;
    enum allocation_op op;
};

struct event {
    enum event_type type;
    uint32_t has; /* HAS(member) of what was said; what was not said is zero, INSTANT_NONE or empty */
    struct text id, source, session, sku, location;
    uint64_t sequence;
    milli_t quantity;
    instant_t occurred_at;
    struct text reference, line, reason, channel;
    enum status status, from_status, to_status;
    instant_t as_of;
    enum count_basis basis;
    struct statuses_said unavailable;
    milli_t book;
    struct text to;
    instant_t expected_at;
    bool final;
    struct text parent;
    instant_t required_at;
    enum order_op op;
    struct text order_reference;
    milli_t safety_stock, reorder_point, backorder_limit;
    struct allocation_said allocation;
};

/* Where a record came in, when it came through intake (architecture.md, Intake). */
struct intake_said {
    struct text name; /* configured name with its generation; empty: not through intake */
    int32_t partition;
    int64_t offset; /* of the message */
    int64_t after;  /* the offset before it in its member's chain; -1: nothing before */
    bool skipped;   /* the message could not be decoded: only the position moves */
};

/* What a record says beside or instead of events. */
enum record_kind {
    RECORD_EVENTS,      /* events (maybe none: `skipped`) */
    RECORD_INCARNATION, /* the first record of a log */
    RECORD_LEVEL,       /* an operator raises the level */
    RECORD_SETTINGS,    /* settings of the log */
    RECORD_LOCATION,    /* reference data: the whole object as canonical JSON, or deleted */
    RECORD_GROUP,
    RECORD_ITEM,
    RECORD_CHANNEL,
    RECORD_PROPOSAL,    /* what an instance on duty saw fall due */
    RECORD_ANNOUNCE,    /* an instance says the highest level it knows */
    RECORD_CUT,         /* every instance takes its digest, and a checkpoint, behind this record */
    RECORD_DIGEST,      /* what an instance found its state to be behind a cut */
    RECORD_PROGRESS,    /* how far a shared output got */
    RECORD_RESERVATION, /* a step of a reservation (reservation.h) */
    RECORD_KIND_END
};

struct incarnation_said {
    uint64_t number;                     /* max(now in µs, predecessor's + 1) */
    uint64_t after_number, after_offset; /* the checkpoint it stands on; after_number 0: none */
    uint64_t digest_high, digest_low;
};

struct setting_said { /* a setting of the log, by name (settings of log_settings.def) */
    struct text name;
    int64_t value;
};

struct reference_said {
    struct text id;       /* the location, group, sku or channel */
    struct text document; /* canonical JSON of the object as PUT; empty when deleted */
    bool deleted;
    instant_t occurred_at; /* the newest wins, at a tie the later in the log; INSTANT_NONE: log time */
    const void *decoded;   /* the document as struct location, group, item or channel (catalogue.h) by the
                            * record's kind; the decoder fills   what the document says and leaves number,
                            * version, changed_at, resolved locations to apply; NULL when deleted */
};

struct reservation_said;

enum proposal_kind {
    PROPOSAL_OVERDUE, /* an incoming line did not come in time */
    PROPOSAL_STALE,   /* a location fell silent */
    PROPOSAL_EXPIRE,  /* a hold's time is over: `reference` is the reservation's id */
    PROPOSAL_DEMAND,  /* demand required at an instant to come has come due: sku, location, reference, line */
    PROPOSAL_KIND_END
};
struct proposal_said {
    enum proposal_kind kind;
    struct text sku, location, reference, line;
    instant_t seen; /* overdue: the line's expected_at; stale: the location's last word; expire: expires_at;
                       demand: required_at */
    instant_t due;  /* apply accepts it only when log time has reached this */
};

/* Cuts and digests change nothing in the state: it is the instances that compare. */
struct digest_said {
    struct text instance;              /* who says it; of a cut: who asked for it */
    uint64_t incarnation, next_offset; /* the state before that record; of a cut: 0 */
    uint64_t digest_high, digest_low;
};

struct progress_said {
    struct text output; /* a name: "redis" */
    uint64_t incarnation, offset; /* everything before `offset` of this incarnation is out; 0: nothing is */
};

struct record {
    enum record_kind kind;
    uint32_t level; /* the level it was written for; 0: the first */
    struct intake_said intake;
    uint64_t correlation_instance; /* who waits for the verdict; 0: nobody */
    uint64_t correlation_number;
    uint32_t sound_level; /* at this level event_check found nothing wrong with any of the events; 0: nobody asked it */
    size_t events_count;
    struct event *events;
    union {
        struct incarnation_said incarnation;
        uint32_t raise_level; /* RECORD_LEVEL, RECORD_ANNOUNCE */
        struct {
            size_t count;
            struct setting_said *at;
        } settings;
        struct reference_said reference;
        struct proposal_said proposal;
        struct digest_said digest; /* RECORD_CUT, RECORD_DIGEST */
        const struct reservation_said *reservation; /* reservation.h */
        struct progress_said progress;
    };
};

/* Does it say something about the world? What instances tell each other does not: it alone is no reason for a checkpoint, for a
 * cut or for telling more, so that an idle log stays idle. */
static inline bool record_is_news(enum record_kind k)
{
    return k != RECORD_CUT && k != RECORD_DIGEST && k != RECORD_ANNOUNCE && k != RECORD_PROGRESS;
}

/* Names as they stand in JSON; "" for what is out of range. @thread any */
const char *event_type_name(enum event_type t);
const char *event_field_name(enum event_field f);
const char *status_name(enum status s); /* "sellable" for STATUS_NONE */
const char *count_basis_name(enum count_basis b);
const char *order_op_name(enum order_op o);
const char *allocation_op_name(enum allocation_op o);
/* And back; false when there is no such name. `sellable` is no status in an event: leave the field out. */
bool event_type_from_name(struct text name, enum event_type *ret);
bool event_field_from_name(struct text name, enum event_field *ret);
bool status_from_name(struct text name, enum status *ret);
bool count_basis_from_name(struct text name, enum count_basis *ret);
bool order_op_from_name(struct text name, enum order_op *ret);
bool allocation_op_from_name(struct text name, enum allocation_op *ret);

/* The level a type belongs to; UINT32_MAX for what is no type. */
uint32_t event_type_level(enum event_type t);

/* What is wrong with a request or an event: where, and what would be right. */
struct problem {
    char pointer[96]; /* JSON pointer: "/quantity", "/allocation/channel"; "" for the whole */
    char detail[200]; /* "must be greater than 0" */
};
enum { PROBLEMS_MOST = 16 };
struct problems {
    size_t count; /* at most PROBLEMS_MOST are kept, more are dropped */
    struct problem at[PROBLEMS_MOST];
};
void problems_add(struct problems *p, const char *pointer, const char *detail_format, ...)
    __attribute__((format(printf, 3, 4)));

/* The one place that says what an event may look like, whoever decoded it: required and allowed fields of its
 * type (up to `level`), lengths and alphabets of identifiers, signs and ranges of quantities, status_change
 * between two different places. Adds a problem for each thing wrong and returns whether there was none.
 * Stateless; what needs the state (step, kit, future) is apply's. @thread any */
bool event_check(const struct event *e, uint32_t level, struct problems *p);

/* Identifier rules (model.md). */
bool text_is_name(struct text t);       /* [A-Za-z0-9][A-Za-z0-9._-]*, 1 to 128 bytes */
bool text_is_identifier(struct text t); /* UTF-8 without control characters, 1 to 128 bytes */

#endif
