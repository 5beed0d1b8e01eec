/* Rejected messages that are not in the dead-letter topic yet, by intake, partition and offset. Intake's own
 * side of intake.h's backlog. */
#ifndef INTAKE_BACKLOG_H
#define INTAKE_BACKLOG_H

#include "intake/intake.h"

struct rejection {
    struct rejection *next;
    int64_t offset;      /* of the message */
    uint64_t log_offset; /* of its record */
    uint32_t event;      /* the first rejected one in the record */
    uint8_t reason;      /* enum reason */
    bool taken;          /* a dead letter is on its way */
};

/* All @thread intake. */
/* The first offset ≥ from that nobody took, or -1. */
int64_t backlog_first(struct intake_backlog *b, struct text name, int32_t partition, int64_t from);
/* Marks it as taken; false when it is not there or is taken. */
bool backlog_take(struct intake_backlog *b, struct text name, int32_t partition, int64_t offset,
                  struct rejection *ret);
/* Its dead letter has been acknowledged (or `from` shows that all before it have). */
void backlog_strike(struct intake_backlog *b, struct text name, int32_t partition, int64_t offset);
void backlog_strike_before(struct intake_backlog *b, struct text name, int32_t partition, int64_t from);
/* Gives up a take: nobody will send it. */
void backlog_give_back(struct intake_backlog *b, struct text name, int32_t partition, int64_t offset);
/* Which partitions have rejections, `most` of them at most; how many. The names live until
 * backlog_keep_only. */
struct rejection_place {
    struct text name;
    int32_t partition;
};
size_t backlog_places(struct intake_backlog *b, struct rejection_place *ret, size_t most);
/* Forgets what belongs to no name of these. */
void backlog_keep_only(struct intake_backlog *b, const struct text *names, size_t count);

#endif
