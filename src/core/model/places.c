/* Facts of locations, in chunks that never move. */
#include "core/model/places.h"

#include "base/error.h"
#include "core/model/bytes.h"

#include <stdlib.h>

int places_reserve(struct places *p, uint32_t location)
{
    if (location >= (uint32_t)PLACES_CHUNK * PLACES_CHUNKS)
        return ERROR_LIMIT;
    struct place_facts *_Atomic *chunk = &p->chunks[location / PLACES_CHUNK];
    if (!atomic_load_explicit(chunk, memory_order_relaxed)) {
        struct place_facts *facts = calloc(PLACES_CHUNK, sizeof(*facts));
        if (!facts)
            return ERROR_NOMEM;
        atomic_store_explicit(chunk, facts, memory_order_release);
    }
    if (location >= p->count)
        p->count = location + 1;
    return 0;
}

void places_finish(struct places *p)
{
    for (int i = 0; i < PLACES_CHUNKS; i++)
        free(atomic_load_explicit(&p->chunks[i], memory_order_relaxed));
}

static struct place_facts *facts_of(const struct places *p, uint32_t location)
{
    if (location >= (uint32_t)PLACES_CHUNK * PLACES_CHUNKS)
        return NULL;
    struct place_facts *chunk =
        atomic_load_explicit(&p->chunks[location / PLACES_CHUNK], memory_order_acquire);
    return chunk ? &chunk[location % PLACES_CHUNK] : NULL;
}

static void set_later(_Atomic instant_t *newest, instant_t at)
{
    if (at > atomic_load_explicit(newest, memory_order_relaxed))
        atomic_store_explicit(newest, at, memory_order_release);
}

void places_hear(struct places *p, uint32_t location, instant_t at)
{
    struct place_facts *f = facts_of(p, location);
    if (f)
        set_later(&f->heard_at, at);
}

void places_note_count(struct places *p, uint32_t location, instant_t as_of)
{
    struct place_facts *f = facts_of(p, location);
    if (f)
        set_later(&f->counted_at, as_of);
}

void places_note_whole_count(struct places *p, uint32_t location, instant_t as_of)
{
    struct place_facts *f = facts_of(p, location);
    if (f)
        set_later(&f->counted_whole_at, as_of);
}

void places_set_stale(struct places *p, uint32_t location, instant_t since, uint64_t offset)
{
    struct place_facts *f = facts_of(p, location);
    if (!f)
        return;
    p->stale += (since != INSTANT_NONE) - (atomic_load_explicit(&f->silence, memory_order_relaxed) & 1);
    if (since != INSTANT_NONE)
        atomic_store_explicit(&f->stale_since, since, memory_order_release);
    atomic_store_explicit(&f->silence, offset << 1 | (since != INSTANT_NONE), memory_order_release);
}

struct place_silence places_silence(const struct places *p, uint32_t location)
{
    struct place_facts *f = facts_of(p, location);
    uint64_t silence = f ? atomic_load_explicit(&f->silence, memory_order_acquire) : 0;
    instant_t since =
        silence & 1 ? atomic_load_explicit(&f->stale_since, memory_order_acquire) : INSTANT_NONE;
    return (struct place_silence){silence & 1, silence >> 1, since};
}

void places_count(struct places *p, uint32_t location, int rows)
{
    struct place_facts *f = facts_of(p, location);
    if (f)
        f->rows_in_use += (uint32_t)rows;
}

uint32_t places_rows_in_use(const struct places *p, uint32_t location)
{
    const struct place_facts *f = facts_of(p, location);
    return f ? f->rows_in_use : 0;
}

static instant_t instant_in(const _Atomic instant_t *newest)
{
    instant_t at = atomic_load_explicit(newest, memory_order_acquire);
    return at ? at : INSTANT_NONE;
}

instant_t places_heard(const struct places *p, uint32_t location)
{
    const struct place_facts *f = facts_of(p, location);
    return f ? instant_in(&f->heard_at) : INSTANT_NONE;
}

instant_t places_counted(const struct places *p, uint32_t location)
{
    const struct place_facts *f = facts_of(p, location);
    return f ? instant_in(&f->counted_at) : INSTANT_NONE;
}

instant_t places_counted_whole(const struct places *p, uint32_t location)
{
    const struct place_facts *f = facts_of(p, location);
    return f ? instant_in(&f->counted_whole_at) : INSTANT_NONE;
}

/* Of each location in turn: last heard of, last counted, last counted as a whole. */
void places_save(const struct places *p, struct buffer *out)
{
    for (uint32_t i = 0; i < p->count; i++) {
        put_i64(out, places_heard(p, i));
        put_i64(out, places_counted(p, i));
        put_i64(out, places_counted_whole(p, i));
    }
}

int places_load(struct places *p, const void *bytes, size_t length)
{
    struct bytes in = {bytes, length, false};
    for (uint32_t i = 0; in.left && !in.failed; i++) {
        instant_t heard = get_i64(&in), counted = get_i64(&in), counted_whole = get_i64(&in);
        int error = in.failed ? ERROR_CORRUPT : places_reserve(p, i);
        if (error)
            return error == ERROR_LIMIT ? ERROR_CORRUPT : error;
        places_hear(p, i, heard);
        places_note_count(p, i, counted);
        places_note_whole_count(p, i, counted_whole);
    }
    return 0;
}

/* Few ever fall silent: (location, silence, since when) of those that did. */
void places_save_silence(const struct places *p, struct buffer *out)
{
    for (uint32_t i = 0; i < p->count; i++) {
        const struct place_facts *f = facts_of(p, i);
        uint64_t silence = f ? atomic_load_explicit(&f->silence, memory_order_relaxed) : 0;
        if (!silence)
            continue;
        put_u32(out, i);
        put_u64(out, silence);
        put_i64(out,
                silence & 1 ? atomic_load_explicit(&f->stale_since, memory_order_relaxed) : INSTANT_NONE);
    }
}

int places_load_silence(struct places *p, const void *bytes, size_t length)
{
    struct bytes in = {bytes, length, false};
    while (in.left && !in.failed) {
        uint32_t location = get_u32(&in);
        uint64_t silence = get_u64(&in);
        instant_t since = get_i64(&in);
        bool right = !in.failed && (silence & 1) == (since != INSTANT_NONE);
        int error = right ? places_reserve(p, location) : ERROR_CORRUPT;
        if (error)
            return error == ERROR_LIMIT ? ERROR_CORRUPT : error;
        places_set_stale(p, location, since, silence >> 1);
    }
    return in.failed ? ERROR_CORRUPT : 0;
}
