/* Reservations as the writer keeps them: what changes, and from which the objects that readers see are made.
 */
#ifndef CORE_MODEL_KEPT_H
#define CORE_MODEL_KEPT_H

#include "base/buffer.h"
#include "core/model/bytes.h"
#include "core/model/due.h"
#include "core/model/holds.h"
#include "core/model/reservations.h"
#include "core/table/chains.h"

struct state;

enum {
    STEPS_REMEMBERED = 64, /* of one reservation, the newest */
    HOLDS_OF_ACCOUNT_MOST = 1024,
    HOLDS_MOST = 4096 /* of one reservation: components of kits count each */
};

/* A step that was done, so that it is not done twice. */
struct step_done {
    struct hash128 id, digest;
    uint8_t step; /* enum reservation_step */
};

struct kept_line {
    union {
        struct sku *sku;
        uint32_t sku_number; /* while an image is loaded */
    };
    uint32_t location;
    bool kit;
    milli_t quantity;
};

/* What may be exchanged as a whole: lines and their holds. */
struct kept_lines {
    uint32_t lines_count, holds_count;
    struct kept_line *lines; /* NULL: neither */
    struct hold **holds;     /* in the same allocation */
};

/* What few have; it is made when there is something to say and stays. */
struct kept_rare {
    struct reservation_missing *missing; /* texts behind it, in the same allocation */
    uint32_t missing_count;
    uint32_t steps_count, steps_capacity;
    struct step_done *steps;
};

/* By which orders call it. */
struct kept_reference {
    struct chain chain;
    struct kept *of;
    uint32_t length;
    char at[];
};

/* There are as many as a day has; members stand by size. */
struct kept {
    struct chain by_id;
    _Atomic(const struct reservation *) shown; /* release: pairs with the acquire of whoever found it */
    struct kept_reference *reference;          /* NULL: none */
    struct kept_rare *rare;                    /* NULL: nothing rare */
    struct kept_lines has;
    uint64_t serial; /* in the order in which they were granted */
    struct hash128 digest;
    instant_t expires_at, required_at, created_at, changed_at, ended_at;
    uint64_t offset;
    uint64_t ended_serial;      /* in the order in which they ended */
    struct kept *older, *newer; /* of those that ended */
    milli_t gone;               /* of all its lines, when last looked at */
    struct kept *dirty_next, *stale_next;
    struct due_entry due;
    uint32_t number, channel_number, method;
    uint8_t state, ends_as; /* enum reservation_state; what it is when nothing is open any more */
    uint8_t incarnation;
    uint8_t id_length, channel_length; /* of the texts behind it */
    bool partial, revived;
    bool dirty; /* another than what is shown */
    bool stale; /* its state is to be looked at */
    char texts[];
};

static inline struct text kept_id(const struct kept *k)
{
    return (struct text){k->texts, k->id_length};
}
static inline struct text kept_channel(const struct kept *k)
{
    return (struct text){k->texts + k->id_length, k->channel_length};
}
/* Empty: none. */
static inline struct text reference_text(const struct kept_reference *r)
{
    return r ? (struct text){r->at, r->length} : (struct text){0};
}
static inline struct text kept_reference(const struct kept *k)
{
    return reference_text(k->reference);
}
extern const struct kept_rare kept_rare_none;
static inline const struct kept_rare *kept_rare(const struct kept *k)
{
    return k->rare ? k->rare : &kept_rare_none;
}

struct reservations {
    struct epoch *epoch;
    struct chains *ids, *references;
    struct kept **at; /* by number; NULL: free */
    uint32_t count, capacity;
    uint32_t *free_numbers;
    uint32_t free_count, free_capacity;
    uint64_t loading_count; /* as an image says */
    uint64_t granted_serial, ended_serial;
    struct kept *oldest, *newest; /* ended */
    struct kept *dirty, *stale;
    _Atomic uint32_t unsettled;
    struct reservations_stats stats;
    void (*before)(void *context, uint32_t number); /* NULL: nobody looks on */
    void *before_context;
};

struct reservations *reservations_create(struct epoch *e); /* NULL without memory */
void reservations_destroy(struct reservations *r);         /* takes NULL */

struct kept *reservations_get(const struct reservations *r, struct text id); /* NULL: nobody knows it */

/* A new one, nowhere yet: to be filled, put in or destroyed. Texts are copied. NULL without memory. */
struct kept *kept_create(struct text id, struct text channel);
void kept_destroy(struct kept *k); /* takes NULL; its holds are in no account */
/* To be put into one, or freed. An empty text makes none. ERROR_NOMEM */
int kept_reference_make(struct text reference, struct kept_reference **ret);
/* A copy, texts and all, to be freed. ERROR_NOMEM */
int missing_copy(const struct reservation_missing *missing, uint32_t count, struct reservation_missing **ret);
/* It takes them over, instead of those that it has; after kept_reserve_rare where there are any. */
void kept_set_missing(struct kept *k, struct reservation_missing *missing, uint32_t count);
int kept_reserve_rare(struct kept *k); /* ERROR_NOMEM */
void kept_lines_finish(struct kept_lines *l);
/* Room for `lines` and `holds`, the holds made. ERROR_NOMEM: nothing is there. */
int kept_lines_make(struct kept_lines *l, uint32_t lines, uint32_t holds);

/* Room for one more in all tables. ERROR_NOMEM leaves all as it was. */
int reservations_reserve(struct reservations *r);
void reservations_put(struct reservations *r, struct kept *k); /* after reservations_reserve */
/* It has a reference from now on; after reservations_reserve. */
void reservations_refer(struct reservations *r, struct kept *k);
/* To be called before anything of it is changed: its state will be looked at and shown anew, and a cut gets
 * what it was. */
void reservations_touch(struct reservations *r, struct kept *k);
/* The same, where nothing of it is shown. */
void reservations_note(struct reservations *r, struct kept *k);
/* It ended, or goes on again: its place among those that are remembered. */
void reservations_end(struct reservations *r, struct kept *k, instant_t log_time);
void reservations_ended(struct reservations *r, struct kept *k); /* an image says so */
void reservations_reopen(struct reservations *r, struct kept *k);
/* Nobody knows it any more. */
void reservations_forget(struct reservations *r, struct kept *k);
/* Makes what is shown of those that were touched, and says so in the outcome where it is wanted (NULL: not).
 * ERROR_NOMEM: call again. */
struct outcome;
int reservations_publish(struct reservations *r, const struct state *s, struct outcome *o);

/* Room for one more step that was done. ERROR_NOMEM leaves all as it was. */
int kept_reserve_step(struct kept *k);
void kept_remember_step(struct kept *k, const struct reservation_said *said); /* nothing without a step_id */
const struct step_done *kept_find_step(const struct kept *k, struct text step_id);

#endif
