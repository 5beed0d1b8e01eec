/* The dead-letter topic: messages that nobody could use, as they came, with headers that say where and why.
 * @thread intake */
#ifndef INTAKE_LETTERS_H
#define INTAKE_LETTERS_H

#include "intake/parcel.h"

struct intake;

struct letters {
    struct intake *intake;
    char *topic;
    rd_kafka_t *producer;
    size_t wanted, sent;  /* parcels in that step */
    bool topic_seen;      /* it is there (or was made) */
    int64_t create_at_ms; /* not before: the next try to make it */
    char trouble[240];    /* under intake.lock: what the broker said of the last letter */
};

int letters_init(struct letters *l, struct intake *i, const char *topic, char *detail, size_t detail_size);
/* Gives up what is not acknowledged (it comes again after a restart). */
void letters_finish(struct letters *l);
/* Sends p's original with its reason and detail; lane_letter_done when the broker has it. */
void letters_send(struct letters *l, struct parcel *p);
/* Serves acknowledgements, repeats what failed, makes the topic when it is missing. */
void letters_upkeep(struct letters *l);

#endif
