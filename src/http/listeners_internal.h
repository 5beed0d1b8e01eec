/* What the files of listeners share: all who listen on one loop, and the kits they asked for. */
#ifndef HTTP_LISTENERS_INTERNAL_H
#define HTTP_LISTENERS_INTERNAL_H

#include "http/listeners.h"

enum {
    LOOK_US = 10000,
    SLOTS_A_TIME = 512,
    SLOTS_A_LOOK = 16384, /* of the window before others have their turn */
    OWN_STANDS_MOST = 64, /* kits of those who are behind, at once */
    SLOTS_A_TURN = 4096,  /* the same of one listener that is behind */
    HEARINGS = 8,         /* channels whose hearing of one notice is kept */
    FIRST_CHAINS = 1024,
};

struct group_listened {
    uint32_t number;
    uint32_t listeners;
};

struct kit_watch { /* a kit that somebody who is live asked for */
    struct kit_stand *stand;
    size_t users;
    bool touched;
    bool lost; /* it does not stand where the others are any more: to be made anew */
    struct kit_watch *touched_next;
    struct kit_watch *next, *previous; /* of the loop */
    struct subscription parts[];
};

struct listeners {
    struct loop *loop;
    struct listener *first, *last; /* who was written to last is last */
    struct listener *ready, **ready_last;
    size_t count, unknown_count, waiting_count;
    size_t products_count;  /* products that are asked for */
    bool whole;             /* the last look came to the end: the cursor stands between records */
    uint64_t record_cursor; /* where the record at hand begins */
    uint64_t record_offset;
    struct kit_watch *kits, *touched;
    size_t own_stands;                      /* of those who are behind */
    bool kits_changed;                      /* who asked for which may be another */
    uint64_t cursor;                        /* of all who are live */
    uint64_t reached;                       /* all records before it are told to them */
    uint64_t skus_looked, locations_looked; /* how many there were when unknown names were looked for */
    struct key_set *keys;                   /* the loop's, at the last look */
    struct subscription **chains;           /* by key */
    size_t chains_count, subscriptions_count;
    struct group_listened *groups;
    size_t groups_count;
    struct hearing hearings[HEARINGS];
    size_t hearings_count;
    struct window_slot slots[SLOTS_A_TIME];
    struct notice notice, kit_notice;
};

static inline const struct view *view_of(const struct listener *n)
{
    return n->loop->http->options.view;
}

static inline const struct window *window_of(const struct loop *l)
{
    return l->http->options.window;
}

static inline uint64_t key_of(enum dimension d, uint32_t number)
{
    return (uint64_t)d << 32 | number;
}

/* ---- listeners_index.c: who is found by what ---- */
struct subscription **index_chain_of(const struct listeners *l, uint64_t key);
void index_chain(struct listeners *l, struct subscription *s);
void index_grow(struct listeners *l);
/* The listener's ith way to be found. */
void index_subscribe(struct listeners *l, struct listener *n, size_t i, enum dimension d, uint32_t number);
void index_unsubscribe(struct listeners *l, struct subscription *s);
/* Somebody listens to a group: ERROR_NOMEM. */
int index_group_join(struct listeners *l, uint32_t number);
void index_group_leave(struct listeners *l, uint32_t number);
/* Names that nobody knew when they were asked for: of one listener; of all, before the window is read, when
 * there are new names. */
void index_find_names(struct listeners *l, struct listener *n);
void index_find_unknown(struct listeners *l);

/* ---- listeners_filter.c ---- */
/* Does it ask about items by name? */
static inline bool names_items(const struct listener *n)
{
    return n->skus_count || n->products_count;
}
/* Is its place by product_mark of one of its products? */
bool filter_is_of_product(const struct listener *n, uint64_t mark);
/* Is it to be told of that row, kit, silence or reservation? */
bool filter_wants(const struct listener *n, const struct notice *t);
/* May what it is shown be another because of this, although no row is? */
bool filter_is_touched(const struct listener *n, const struct notice *t);
/* NULL: the pool. */
const struct channel *filter_channel(const struct listener *n);

/* ---- listeners_kits.c ---- */
/* Adds the kits among the variants of its products to its SKUs: a kit has no rows by which it could be found.
 * ERROR_NOMEM; ERROR_LIMIT beyond LISTENER_NAMES_MOST. */
int listener_find_kits(struct listener *n);
/* The item of its ith SKU when that is a kit, else NULL. */
const struct item *listener_kit(const struct listener *n, size_t i);
/* Its kits are told to it no more, neither with the others nor by itself. */
void listener_leave_kits(struct listeners *l, struct listener *n);
/* Components of all its kits, as they stood where it is. As kit_stand_create; ERROR_BUSY also while others
 * have as many as may be. */
int listener_make_stands(struct listeners *l, struct listener *n);
/* From its own to those of all who are live. False: it begins with them anew where it is. */
bool listener_give_stands(struct listeners *l, struct listener *n);
/* It cannot go on before the next look. */
void listener_set_waiting(struct listeners *l, struct listener *n, bool waits);
/* Whose kits are others begins with them anew, where all are. */
void listeners_look_at_kits(struct listeners *l);

/* ---- listeners_tell.c ---- */
void listener_make_ready(struct listeners *l, struct listener *n);
/* Ends the event that is open: with its id, when its record has nothing more for this listener. */
void listener_end_event(struct listener *n, bool with_id);
/* One notice to one listener. */
void listener_hear(struct listeners *l, struct listener *n, const struct notice *t);
/* What the record at hand did to its own kits; to all kits of those who are live. */
void listener_hear_kits(struct listeners *l, struct listener *n);
/* A notice to its own kits. */
void listener_hear_of_parts(struct listeners *l, struct listener *n, const struct notice *t);
void listeners_announce_kits(struct listeners *l);
/* A notice, whose entry stands at `cursor`, to all who are live and asked for it. */
void listeners_announce(struct listeners *l, const struct notice *t, uint64_t cursor);

#endif
