/* One partition of one intake: its chain of messages, each knowing the one before it, from the consumer
 * through the dead letters to the log.
 *
 *   unassigned ──begin──► running ──fail, choke──► restarting ──drained, time is up──► running
 *        ▲                   │                          │
 *        └───────end─────────┴──────────────────────────┴──decide: nothing to read there──► stopped
 *
 * running     messages become parcels, in order, each with `after` = the one before
 * restarting  messages are dropped; what the engine has is waited for; then it starts over from the state's
 * position stopped     an alarm; an operator has to act
 *
 * Everything here is @thread intake but the counters, which anyone may read. */
#ifndef INTAKE_LANE_H
#define INTAKE_LANE_H

#include "intake/parcel.h"

#include <stdatomic.h>

struct intake;
struct source;

enum lane_state { LANE_UNASSIGNED, LANE_RUNNING, LANE_RESTARTING, LANE_STOPPED };

struct lane_counters {
    _Atomic uint64_t messages, events, rejected, unreadable, restarts, lost;
    _Atomic int64_t lag;
    _Atomic bool assigned, paused;
};

struct lane {
    struct lane *next; /* of intake.lanes */
    struct intake *intake;
    struct source *source;
    int32_t partition;
    enum lane_state state;
    int64_t after;                         /* the last message of the chain */
    int64_t examine_until;                 /* up to here the state has it: only dead letters may be missing */
    struct parcel *held_first, *held_last; /* not with the engine yet, in order */
    size_t held_count, in_flight;
    int64_t restart_at_ms, backoff_ms;
    bool decide;         /* the broker has nothing where we want to read */
    bool paused;         /* at the broker's side */
    int64_t done_offset; /* the highest that came back since the last look at the position, or -1 */
    bool touched;
    int64_t unsettled_offset; /* found before a commit */
    int64_t told_offset;      /* what was last committed to Kafka */
    int64_t moved_at_ms;      /* a message came, or there was none to come */
    char trouble[240];        /* under intake.lock */
    struct lane_counters count;
};

/* The partition is ours from now on. */
void lane_begin(struct lane *l);
void lane_end(struct lane *l);
/* Where to read: behind the state's position, or at a message before it whose dead letter may be missing.
 * RD_KAFKA_OFFSET_BEGINNING: nothing read yet. */
int64_t lane_start_offset(const struct lane *l);
int64_t lane_position(const struct lane *l);

/* What a message says; lane_push has to follow when no more messages are at hand. True: the message is the
 * lane's from now on, false: nobody needs it any more. */
bool lane_message(struct lane *l, rd_kafka_message_t *m);
/* Gives the engine what may go to it; false when it takes no more now. */
bool lane_push(struct lane *l);
/* A command came back. */
void lane_settle(struct lane *l, struct parcel *p);
/* After some came back: is the state where it should be? */
void lane_look(struct lane *l);
/* The dead letter of one of its parcels is in the topic. */
void lane_letter_done(struct lane *l, struct parcel *p);
/* Drops what it holds and starts over after a while. */
void lane_fail(struct lane *l);
/* Takes no more until it has drained: there is no room. */
void lane_choke(struct lane *l);
/* Restarts it when it may. */
void lane_upkeep(struct lane *l);
/* Messages before a dead letter's are gone from the topic. */
void lane_originals_gone(struct lane *l, int64_t low);

#endif
