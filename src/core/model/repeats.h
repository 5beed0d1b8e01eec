/* What was said before: event ids, and each source's sequence numbers (model.md, Repeats). Bounded, in the checkpoint. */
#ifndef CORE_MODEL_REPEATS_H
#define CORE_MODEL_REPEATS_H

#include "core/model/record.h"
#include "core/model/verdict.h"

struct repeats;
struct repeats *repeats_create(uint64_t seed, size_t ids_remembered); /* seed: the log's incarnation, so that replicas agree */
void repeats_destroy(struct repeats *r);

enum repeat { REPEAT_NEW, REPEAT_SEEN, REPEAT_SEQUENCE_REUSED, REPEAT_UNVERIFIED };

/* Judges, and remembers nothing. @thread writer */
enum repeat repeats_judge(struct repeats *r, const struct event *e);
/* Remembers what repeats_judge called new (or unverified). ERROR_NOMEM: nothing remembered. `log_time` is kept with the id. */
int repeats_remember(struct repeats *r, const struct event *e, instant_t log_time);
void repeats_resize(struct repeats *r, size_t ids_remembered);
void repeats_prefetch(const struct repeats *r, const struct event *e);

struct repeats_stats { uint64_t ids, ids_bytes, sources, sources_bytes, sequence_gaps; };
struct repeats_stats repeats_stats(const struct repeats *r);

#endif
