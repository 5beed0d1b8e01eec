/* How far each intake has come: per configured name, generation and partition (architecture.md, Intake). */
#ifndef CORE_MODEL_POSITIONS_H
#define CORE_MODEL_POSITIONS_H

#include "core/model/record.h"

struct positions;
struct positions *positions_create(void);
void positions_destroy(struct positions *p);

enum position_verdict { POSITION_NEXT /* apply it */, POSITION_REPEAT /* offset ≤ position */, POSITION_GAP /* after > position */ };

/* @thread writer */
enum position_verdict positions_judge(const struct positions *p, const struct intake_said *i);
int positions_advance(struct positions *p, const struct intake_said *i); /* ERROR_NOMEM leaves all as it was */
/* The last offset applied, or -1. @thread any: positions are few and change often, so this takes a short lock. */
int64_t positions_get(struct positions *p, struct text name, int32_t partition);

/* For image.c, @thread writer: the positions in the order they came. */
uint32_t positions_count(const struct positions *p);
void positions_at(const struct positions *p, uint32_t number, struct text *ret_name, int32_t *ret_partition, int64_t *ret_offset);

#endif
