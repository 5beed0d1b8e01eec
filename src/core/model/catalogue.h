/* Locations, groups, items, channels: named, numbered, replaced as a whole. Readers look at immutable objects. */
#ifndef CORE_MODEL_CATALOGUE_H
#define CORE_MODEL_CATALOGUE_H

#include "core/model/nearby.h"
#include "core/model/record.h"
#include "core/model/verdict.h"
#include "core/table/epoch.h"
#include "core/table/index.h"
#include "core/table/table.h"

enum location_type { LOCATION_STORE, LOCATION_WAREHOUSE, LOCATION_DARK_STORE, LOCATION_SUPPLIER, LOCATION_VIRTUAL, LOCATION_TYPE_END };
enum method { METHOD_PICKUP = 1, METHOD_SHIP = 2, METHOD_SAME_DAY = 4 };

struct calendar;

/* Immutable once published. Angles in 10^-7 degrees, so that no float decides anything. */
struct location {
    uint32_t number;
    bool registered;              /* false: made bare by an event */
    bool enabled, returns;
    bool has_position;
    int32_t latitude_e7, longitude_e7;
    struct sphere_point point;    /* the same on the sphere */
    enum location_type type;
    uint32_t methods;             /* bits of enum method */
    int64_t stale_after_us;       /* of opening time; 0: never stale */
    uint32_t sources_count;       /* who speaks for it; none said: everybody does */
    const struct text *sources;   /* names; one that ends in a star stands for all that begin so */
    struct text id, name, time_zone;
    struct text document;         /* canonical JSON as PUT; empty when not registered */
    instant_t changed_at;         /* occurred_at of the newest PUT or DELETE */
    uint64_t version;             /* offset of the record that made it so */
    bool deleted;                 /* a tombstone: its number stays */
    _Atomic(struct calendar *) calendar; /* what readers made of the document: core/answer/calendar.h alone looks at it. Freed with the location */
};

struct group {
    uint32_t number;
    struct text id, name, document;
    instant_t changed_at;
    uint64_t version;
    bool deleted;
    uint32_t members_count;
    const struct text *members;   /* ids of locations or groups as said */
    uint32_t locations_count;     /* resolved: each location once, in order of first mention */
    const uint32_t *locations;    /* their numbers */
    const uint32_t *sorted;       /* the same, the least first */
};

struct component { struct text sku; milli_t quantity; };

struct item {                     /* hangs on a struct sku */
    struct text sku, name, product, unit, document;
    milli_t step;                 /* 1 (a thousandth): any quantity */
    instant_t changed_at, release_at; /* before release_at nothing is handed over */
    uint64_t version;
    bool deleted;
    uint32_t restricted;          /* bits of enum method: not handed over in these ways. item_goes_by */
    uint32_t components_count;    /* > 0: a kit, without stock of its own */
    const struct component *components;
};

/* By what a rule is narrowed: nothing, a product or a group, a SKU or a location. The later the more specific. */
enum narrowed { NARROWED_NOT, NARROWED_BY_GROUP, NARROWED_BY_NAME, NARROWED_END };
struct narrowing { enum narrowed by; struct text name; };

enum rule_field { RULE_BUFFER, RULE_BUFFER_PERCENT, RULE_CAP, RULE_MAX_PER_LINE, RULE_SAFETY_STOCK, RULE_FIELDS };
enum { RULE_SETS_ENABLED = 1 << RULE_FIELDS };
/* While what a rule holds: always, or while the place is stale. */
enum rule_when { RULE_ALWAYS, RULE_WHEN_STALE, RULE_WHEN_END };
struct rule {
    struct narrowing item, place;
    uint32_t method;              /* enum method; 0: any */
    enum rule_when when;
    uint32_t sets;                /* bits of enum rule_field, and RULE_SETS_ENABLED */
    milli_t value[RULE_FIELDS];   /* of percent: thousandths of a percent */
    bool enabled;
};

struct channel {
    uint32_t number;
    bool registered;              /* false: made bare by an allocation */
    struct text id, name, document;
    milli_t low_threshold;
    instant_t changed_at;
    uint64_t version;
    bool deleted;
    bool rules_name_methods, rules_name_groups, rules_name_silence;
    uint32_t rules_count;
    const struct rule *rules;     /* in the order of rules.c */
};

/* What the decoder made of a document: the same structs, filled as far as the document says (record.h, reference_said.decoded). */

struct catalogue;
struct catalogue *catalogue_create(struct epoch *e);
void catalogue_destroy(struct catalogue *c);

/* ---- @thread any, inside an epoch section; NULL when there is none ---- */
const struct location *catalogue_location(const struct catalogue *c, struct text id);
const struct location *catalogue_location_at(const struct catalogue *c, uint32_t number);
/* Its number alone, by hash_text(id); INDEX_NONE when there is none. */
uint32_t catalogue_location_number(const struct catalogue *c, struct text id, uint64_t hash);
uint32_t catalogue_locations_count(const struct catalogue *c); /* tombstones and bare ones too */
const struct group *catalogue_group(const struct catalogue *c, struct text id);
const struct group *catalogue_group_at(const struct catalogue *c, uint32_t number);
uint32_t catalogue_groups_count(const struct catalogue *c);
const struct channel *catalogue_channel(const struct catalogue *c, struct text id);
const struct channel *catalogue_channel_at(const struct catalogue *c, uint32_t number);
uint32_t catalogue_channels_count(const struct catalogue *c);
/* The channel `*`, whose rules hold for every channel and the pool. */
const struct channel *catalogue_channel_for_all(const struct catalogue *c);
bool group_has(const struct group *g, uint32_t location);
/* Is it the place's own word, when `source` says something of it? */
bool location_is_spoken_for_by(const struct location *l, struct text source);
/* The locations nearest to a point, of those that have a position and are no tombstones; at most `most`. Returns how many. (One that is being changed may
 * be found as it was: its object tells.) */
size_t catalogue_near(const struct catalogue *c, const struct near_question *q, struct near_place *ret, size_t most);
size_t catalogue_near_count(const struct catalogue *c); /* of them all */
/* The numbers of the SKUs that are variants of a product, in no particular order; at most `most` are written, returns how many there are. One that is just
 * coming or going may be among them: item_of(…)->product tells. */
size_t catalogue_variants(const struct catalogue *c, struct text product, uint32_t *ret, size_t most);

/* ---- @thread writer ---- */
/* The location's number, made bare (not registered, enabled) when it is new: *ret_new says so, and groups that name it have it from now on. A
 * tombstone is found like any other. ERROR_LIMIT beyond `most`; ERROR_NOMEM leaves all as it was. */
int catalogue_location_add(struct catalogue *c, struct text id, uint32_t most, uint32_t *ret_number, bool *ret_new);

/* The same for a channel: without rules, and without a document. */
int catalogue_channel_add(struct catalogue *c, struct text id, uint32_t most, uint32_t *ret_number, bool *ret_new);

/* A PUT (r->decoded) or a DELETE, said at `at` (r->occurred_at, or log time where it says none), of the record at `version`. What is there is replaced
 * as a whole unless something newer has been said (superseded, OLDER); at a tie the later in the log wins. A DELETE leaves a tombstone, also of what was
 * never there, so that an older PUT that comes later stays without effect. Returns 0 with *ret filled (applied, superseded or rejected), or ERROR_NOMEM:
 * nothing was changed. Texts are copied.
 * Locations and groups may change which locations groups have. Rejected: TOO_MANY_LOCATIONS beyond `most` locations, TOO_MANY_GROUPS, TOO_MANY_CHANNELS,
 * CYCLE. Whether a location may go (stock, open demand: IN_USE) is for the caller to ask first. */
int catalogue_put_location(struct catalogue *c, const struct reference_said *r, instant_t at, uint64_t version, uint32_t most, struct event_verdict *ret);
int catalogue_put_group(struct catalogue *c, const struct reference_said *r, instant_t at, uint64_t version, uint32_t most, struct event_verdict *ret);
int catalogue_put_channel(struct catalogue *c, const struct reference_said *r, instant_t at, uint64_t version, uint32_t most, struct event_verdict *ret);
/* The item hangs on the SKU, which the caller found or made. */
int catalogue_put_item(struct catalogue *c, struct sku *sku, const struct reference_said *r, instant_t at, uint64_t version, struct event_verdict *ret);

/* ---- for image.c and state.c, @thread writer ---- */
enum catalogue_kind { CATALOGUE_LOCATION, CATALOGUE_GROUP, CATALOGUE_CHANNEL, CATALOGUE_ITEM };
/* `before` is called before an object that is there is replaced; `number` is the SKU's for items. NULL: nobody looks on. */
typedef void (*catalogue_before)(void *context, enum catalogue_kind kind, uint32_t number);
void catalogue_watch(struct catalogue *c, catalogue_before before, void *context);
/* Puts an object of an image at its number, in any order. ERROR_CORRUPT when the number or the id is taken. */
int catalogue_restore_location(struct catalogue *c, const struct location *l);
int catalogue_restore_group(struct catalogue *c, const struct group *g);
int catalogue_restore_channel(struct catalogue *c, const struct channel *ch);
int catalogue_restore_item(struct catalogue *c, struct sku *sku, const struct item *i);
/* Resolves all groups. ERROR_CORRUPT when a number is missing or groups go round in a circle. */
int catalogue_restore_finish(struct catalogue *c);

/* The item as answers and apply see it: NULL when none was ever PUT or it was deleted. @thread any, inside an epoch section */
static inline const struct item *item_of(const struct sku *s)
{
    const struct item *i = sku_item(s);
    return i && !i->deleted ? i : NULL;
}

/* Tells products apart where their names have no room; 0: no product. The same everywhere and for ever. */
uint64_t product_mark(struct text product);
static inline uint64_t product_mark_of(const struct item *i) /* `i` may be NULL */
{
    return i ? product_mark(i->product) : 0;
}

/* May it be handed over in that way (enum method; 0: in whatever way)? `item` may be NULL. Of a kit only what it says itself: ask for its components too. */
static inline bool item_goes_by(const struct item *i, uint32_t method)
{
    return !i || !(i->restricted & method);
}

#endif
