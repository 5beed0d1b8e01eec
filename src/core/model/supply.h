/* Supply accounts: what is expected under a reference and line, what of it came, and which orders a delivery
 * note belongs to. */
#ifndef CORE_MODEL_SUPPLY_H
#define CORE_MODEL_SUPPLY_H

#include "core/model/account.h"
#include "core/model/due.h"

enum supply_kind { SUPPLY_RECEIVED, SUPPLY_SHIPPED /* transfer_ship: adds to what is expected */ };

struct supply_entry {
    instant_t at;
    milli_t quantity;
    uint32_t number; /* arrival: decides at one instant */
    uint8_t kind;
};

enum { SUPPLY_ENTRIES_MOST = 32 };

struct supply {
    struct account account;
    struct due_entry due;
    instant_t set_at; /* the newest statement of the whole quantity; INSTANT_NONE */
    milli_t set_quantity;
    instant_t expected_at, expected_said_at; /* INSTANT_NONE: no instant; and when that was said */
    instant_t overdue_at;                    /* the expected_at that was found overdue */
    instant_t first_at;                      /* first announced: oldest first */
    uint32_t first_number;
    bool final;
    struct text parent;           /* own memory; the order that a delivery note belongs to */
    struct supply_entry *entries; /* by instant, then arrival */
    uint32_t entries_count, entries_capacity;
    milli_t said; /* Σ of all quantities ever said: a bound on every figure */
    milli_t open; /* follows from all of its family (supply_refresh) */
    /* of one supply_refresh */
    struct supply *next;
    milli_t received, share;
};

/* NULL without memory. */
struct supply *supply_create(struct text reference, struct text line);
void supply_destroy(struct supply *s);
int supply_reserve(struct supply *s); /* room for one more entry; ERROR_NOMEM leaves all as it was */
void supply_add(struct supply *s, instant_t at, milli_t quantity, uint32_t number, enum supply_kind kind);
/* Computes what is open in the family of this account (an order with all its lines, and the delivery notes
 * that name it as parent: only where `parents` says that any account of the row has one), and closes or
 * reopens it as a whole: a delivery note is remembered as long as its order is open. */
void supply_refresh(struct accounts *all, struct supply *of, bool parents, instant_t log_time);
/* Puts it among what falls due, moves it or takes it out, as it is now. After due_reserve. */
void supply_follow_due(struct supply *s, struct due *due);
static inline bool supply_overdue(const struct supply *s)
{
    return s->expected_at != INSTANT_NONE && s->overdue_at == s->expected_at;
}

#endif
