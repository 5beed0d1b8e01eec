/* Which locations each group has: who names whom, in the writer's own memory, and what follows when a name comes or goes. */
#ifndef CORE_MODEL_MEMBERSHIP_H
#define CORE_MODEL_MEMBERSHIP_H

#include "core/model/slots.h"
#include "core/table/index.h"

struct group;

/* A name that some group has among its members. A group of that name goes before a location of that name. */
struct mention {
    char *name;
    size_t name_length;
    uint32_t location; /* its number while it is there and no tombstone; INDEX_NONE */
    uint32_t group;    /* likewise */
    uint64_t stamp; /* of the last list of members it was seen in */
    uint32_t by_count, by_capacity;
    uint32_t *by; /* the groups that name it, each once */
};

struct links { /* of one group */
    uint32_t own; /* the mention of its own id, INDEX_NONE: nobody names it */
    uint32_t count;
    uint32_t *mentions; /* of its members, in order, each once */
};

struct pending { /* a group object built and not published yet */
    uint32_t number;
    struct group *object;
};

/* All of it is the writer's. A change is prepared (which may fail and leaves all as it was) and then committed (which cannot). */
struct membership {
    struct epoch *epoch;
    struct slots *groups; /* the catalogue's */
    struct index *index;  /* name → mention */
    uint32_t mentions_count, mentions_capacity;
    uint32_t mentions_named; /* of them, those that some group names now */
    struct mention *mentions;
    uint32_t links_capacity;
    struct links *links; /* by group number */
    uint64_t mention_stamp;
    uint32_t stamp;      /* what a walk marks with; never 0 */
    uint32_t seen_locations_capacity;
    uint32_t *seen_location;
    uint32_t *seen_group; /* links_capacity of them */
    struct walk_step {
        uint32_t group, next;
    } *stack; /* links_capacity of them */
    uint32_t *found; /* seen_locations_capacity of them */
    uint32_t *affected; /* links_capacity of them */
    uint32_t pending_count, pending_capacity;
    struct pending *pending;
};

int membership_init(struct membership *m, struct epoch *e, struct slots *groups);
void membership_finish(struct membership *m);

/* Room for locations and groups below these counts. */
int membership_reserve(struct membership *m, uint32_t locations_count, uint32_t groups_count);

/* The mention of a name, or INDEX_NONE. */
uint32_t membership_find(const struct membership *m, struct text name);
/* The mention of a name, made when it is not there (location and group unset: the caller fills them in); INDEX_NONE without memory. */
uint32_t membership_intern(struct membership *m, struct text name, bool *ret_new);

/* Builds anew all groups that reach `mention`, and `group` itself with what its links say (INDEX_NONE: no group of its own). ERROR_CONFLICT: `group`
 * reaches itself. ERROR_NOMEM. After an error nothing is pending. `draft` is the object of `group` without its locations. */
int membership_prepare(struct membership *m, uint32_t mention, uint32_t group, const struct group *draft);
/* Builds all groups anew (out of an image). */
int membership_resolve_all(struct membership *m, uint32_t groups_count);
/* Publishes what is pending and retires what it replaces. */
void membership_commit(struct membership *m);
void membership_abandon(struct membership *m);

/* Adds `group` to those that name the mentions of its links / takes it away. Adding may fail (ERROR_NOMEM: nothing was added). */
int membership_link(struct membership *m, uint32_t group, const struct links *l);
void membership_unlink(struct membership *m, uint32_t group, const struct links *l);
/* Forgets names that no group has any more once they are the most, so that memory follows what is there. Renumbers mentions. */
void membership_tidy(struct membership *m);

#endif
