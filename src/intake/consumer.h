/* The consumer group: who has which partition, reading, seeking, and what the broker says. @thread intake */
#ifndef INTAKE_CONSUMER_H
#define INTAKE_CONSUMER_H

#include "intake/internal.h"

int consumer_create(struct intake *i, char *detail, size_t detail_size);
/* Begins to read: the assignment comes by consumer_poll. */
int consumer_subscribe(struct intake *i, char *detail, size_t detail_size);
/* After a fatal error, when it is time: another consumer takes its place, and every lane starts over from the
 * state. */
void consumer_renew(struct intake *i);
/* Leaves the group and frees; may take long when no broker answers. */
void consumer_destroy(struct intake *i);

/* Waits at most wait_ms for a message, then takes what is there, at most `most` in all, and hands each to its
 * lane. */
void consumer_poll(struct intake *i, int wait_ms, size_t most);

/* Reading goes on at that offset, paused or not before. 0, or ERROR_UNAVAILABLE: try again later. */
int consumer_seek(struct lane *l, int64_t offset);
/* The broker has nothing at the lane's start: finds out why. True: the lane may start over (at what there
 * is); false: stopped, or not known yet. */
bool consumer_decide(struct lane *l);
/* Stops fetching for a lane until it is sought again. */
void consumer_pause(struct lane *l);
/* Once a second: lag, partitions that stand still, committed offsets, is the broker back. */
void consumer_watch(struct intake *i);

#endif
