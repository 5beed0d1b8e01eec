/* Do the instances of one log hold the same state? Each tells the others, through the log, what digest it
 * found behind a cut, and compares what they say with its own.
 *
 * A cut is a record (RECORD_CUT): behind it every instance that is free to do so takes its digest, and makes
 * its checkpoint of it. The instance on duty asks for cuts, as often as checkpoints are due and only when
 * something was said since the last. Own digests may be known before or after those of the others, so both
 * are kept for a while. Nobody can tell who of two is right: both say it loudly and go on. */
#ifndef ENGINE_DIGESTS_H
#define ENGINE_DIGESTS_H

#include "base/hash.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum { DIGESTS_OWN = 16, DIGESTS_OTHERS = 64, DIGEST_INSTANCE_BYTES = 40 };

/* What an instance found its state to be. */
struct digest_found {
    uint64_t incarnation, next_offset; /* before that record */
    struct hash128 digest;
    char instance[DIGEST_INSTANCE_BYTES]; /* longer names are cut */
};

/* Zero-initialised is empty. @thread writer */
struct digests {
    uint64_t own_count, others_count; /* ever; the last few are kept */
    struct digest_found own[DIGESTS_OWN], others[DIGESTS_OTHERS];
};

/* Told of each pair that is of the same place. */
typedef void (*digests_compared)(void *context, const struct digest_found *own,
                                 const struct digest_found *other);

/* Takes a digest of this instance, or of another, and compares it with all kept ones of the other side. */
void digests_own(struct digests *d, const struct digest_found *found, digests_compared each, void *context);
void digests_other(struct digests *d, const struct digest_found *found, digests_compared each, void *context);

static inline bool digests_equal(const struct digest_found *a, const struct digest_found *b)
{
    return a->digest.high == b->digest.high && a->digest.low == b->digest.low;
}

/* ---- the engine's use of it. @thread writer ---- */

struct engine;
struct record;

/* The state is that of a checkpoint with this digest: what others say of the same place is compared with it,
 * whoever wrote it. */
void digests_loaded(struct engine *e, struct hash128 digest);
/* After a record was applied: a cut begins here, or somebody tells his digest. `ours`: this instance appended
 * it. */
void digests_applied(struct engine *e, const struct record *r, bool ours);
/* Is that a command of this file's? */
struct command;
bool digests_are_ours(const struct command *c);
/* The digest behind a cut is known. */
void digests_found(struct engine *e, uint64_t next_offset, struct hash128 digest);
/* Appends a cut, unless one is on its way. */
void digests_ask_for_a_cut(struct engine *e);

#endif
