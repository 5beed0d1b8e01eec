/* Those who listen to changes on one loop: what each asked for, how far it has come, and what waits to be
 * written to it.
 *
 * Most are *live*: the loop goes through the window once for all of them, finds by SKU, location or group who
 * asked for a notice, writes it down once for each channel that sees it, and copies that to each. Who does
 * not take what is written, or comes back with an id, is *behind*: it reads the window by itself, a piece a
 * turn, until it has come to where the loop is.
 *
 * An event has an `id` only when it is the last one of its record for that listener, so that nobody who comes
 * back has missed half of a record. So an event stays open until it is known what follows. */
#ifndef HTTP_LISTENERS_H
#define HTTP_LISTENERS_H

#include "http/server.h"

#include "core/answer/kit_stand.h"

enum {
    LISTENERS_MOST = 10000, /* of all loops */
    LISTENER_NAMES_MOST = 1000,
    LISTENER_READY_BYTES_MOST = 64 * 1024, /* written and not taken yet; then it is behind */
};

struct wanted { /* one name of a filter */
    struct text name;
    uint32_t number;
    bool known; /* the number is: what nobody has heard of has none yet */
};

/* By what a listener is found. */
enum dimension {
    BY_SKU = 1,
    BY_LOCATION,
    BY_GROUP,
    BY_NOTHING,
    BY_PART, /* kits, by a component */
    BY_PRODUCT
};

struct kit_watch;
struct subscription {
    struct listener *listener;
    struct kit_watch *watch; /* of a SKU that is a kit, while its listener is live; BY_PART: the kit's */
    struct subscription *next, *previous; /* of its chain */
    uint64_t key;                         /* dimension << 32 | number; 0: it is in no chain */
};

struct listener {
    struct pending pending; /* first */
    struct loop *loop;
    struct connection *connection;
    struct listener *next, *previous; /* of the loop, who was written to last is last */
    struct listener *ready_next;      /* of those who have something to be written */
    bool is_ready;

    /* what it asked for */
    struct key_set *keys; /* as they were when it came */
    const struct key *key;
    char *names;                                /* what the filters point into */
    struct wanted *skus, *locations, *products; /* of a product the number is half its mark */
    size_t skus_count, locations_count, products_count, unknown_count;
    size_t said_skus_count; /* of skus; those behind are the kits among the variants of its products */
    bool has_group, has_channel, bound; /* bound: the locations are those of its key */
    uint32_t group, channel;            /* numbers; CHANNEL_POOL: none */
    uint32_t tells;                     /* bits of enum tell */
    bool says_tells;                    /* the kinds were asked for by name */
    struct subscription *subscriptions;
    size_t subscriptions_count;

    /* kits it asked for; while it is behind it has their components to itself */
    bool has_kits, stands_made;
    size_t stands_count;
    struct kit_stand **stands;
    uint64_t kits_offset; /* of the record that they were told last */

    /* how far it has come */
    bool begun, behind, skips, missed;
    bool ends;             /* it comes again with its id: other kits are variants of its products now */
    bool waits;            /* behind, and cannot go on before the next look */
    uint64_t cursor;       /* while it is behind */
    uint64_t after_offset; /* while it skips: what it has heard already */
    uint64_t last_offset;  /* of the last id it was told */
    uint64_t seen;         /* the entry it was offered last: its cursor, plus 1 */

    /* what is to be written */
    struct buffer ready;
    bool open; /* the last event is not ended yet; it is of the record open_offset */
    uint64_t open_offset;
    int64_t heartbeat_us;
};

/* ---- listeners.c ---- */
/* Takes it in: the question is read, nothing is written yet. ERROR_NOMEM; ERROR_LIMIT: its products have too
 * many kits. */
int listeners_join(struct listener *n);
void listeners_leave(struct listener *n);
/* Brings it, while it is behind, nearer to the others; false: what it has not heard is not kept any more. */
bool listeners_catch_up(struct listener *n);
/* What has been told to all who are live: the version before which nothing is missing. */
uint64_t listeners_reached(const struct listener *n);
/* It is to be told that some of what it asked for is not kept any more: what follows is new. */
void listeners_missed(struct listener *n);
/* It was written to. */
void listeners_written(struct listener *n);

/* ---- changes_shape.c ---- */
/* One notice as a channel hears it, written down once: an event for each kind, without its end. */
struct hearing {
    uint32_t channel;
    uint32_t tells;
    struct buffer bytes;
    struct {
        uint32_t at, length;
    } event[TELL_END];
};
void hearing_write(struct hearing *h, const struct view *v, const struct notice *n, const struct channel *c);
/* The event `refresh`: figures may be others for another reason than a row. */
void refresh_write(struct buffer *b, const struct view *v, const struct notice *n);
void missed_write(struct buffer *b, const struct view *v, const struct window *w);
/* `id: …` and the end of an event (or, alone, only the id). */
void id_write(struct buffer *b, const struct view *v, uint64_t offset);

#endif
