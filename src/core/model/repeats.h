/* What was said before: event ids, and each source's sequence numbers (model.md, Repeats). Bounded, in the checkpoint. */
#ifndef CORE_MODEL_REPEATS_H
#define CORE_MODEL_REPEATS_H

#include "base/buffer.h"
#include "base/hash.h"
#include "core/model/record.h"
#include "core/model/verdict.h"

/* All of repeats is the writer's. Everything that decides depends on the log alone: two replicas, and one that came out of an image, forget the same. */
struct repeats;
struct repeats *repeats_create(uint64_t seed, size_t ids_remembered); /* seed: the log's first incarnation, so that replicas agree */
void repeats_destroy(struct repeats *r);
/* The seed, while nothing is remembered yet (the state is made before the log says its incarnation). */
void repeats_reseed(struct repeats *r, uint64_t seed);

/* What an event is known by among ids, so that it is computed once. */
struct repeats_id {
    struct hash128 hash;
    uint32_t tag;
};
struct repeats_id repeats_id(const struct repeats *r, const struct event *e);

enum repeat { REPEAT_NEW, REPEAT_SEEN, REPEAT_SEQUENCE_REUSED, REPEAT_UNVERIFIED };

/* Judges, and remembers nothing. */
enum repeat repeats_judge(const struct repeats *r, const struct event *e);
enum repeat repeats_judge_id(const struct repeats *r, const struct event *e, const struct repeats_id *id);
/* Remembers what repeats_judge called new (or unverified). ERROR_NOMEM: nothing remembered. The id is kept with occurred_at (log_time when it has
 * none): what a repeat of it would say too, so that "as old as what was forgotten" is exact. */
int repeats_remember(struct repeats *r, const struct event *e, instant_t log_time);
int repeats_remember_id(struct repeats *r, const struct event *e, const struct repeats_id *id, instant_t log_time);
/* Takes the memory that remembering all these may need: until the next reserve, repeats_remember of them cannot fail. */
int repeats_reserve(struct repeats *r, const struct event *events, size_t count);
/* New bounds (settings of the log). What is too much is forgotten a little with each event remembered. */
void repeats_resize(struct repeats *r, size_t ids_remembered);
void repeats_bound_sources(struct repeats *r, size_t sources_remembered, size_t sources_bytes);
void repeats_prefetch(const struct repeats *r, const struct event *e, const struct repeats_id *id);

struct repeats_stats { uint64_t ids, ids_bytes, sources, sources_bytes, sequence_gaps; };
struct repeats_stats repeats_stats(const struct repeats *r);

#endif
