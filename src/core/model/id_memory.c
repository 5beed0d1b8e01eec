/* A queue of ids in chunks, so that it grows and shrinks without moving, and an index from an id's tag to its
 * number. */
#include "core/model/id_memory.h"

#include "base/error.h"

#include <stdlib.h>

enum { FORGOTTEN_A_TIME = 4, AHEAD = 8 };
/* Of an image: how far ahead the index is fetched; for how many ids it is made at once (what a head claims is
 * not believed further than that: the rest grows). */
enum { INDEXED_AHEAD = 16, SIZED_AT_ONCE_MOST = 1 << 23 };

struct id_entry {
    struct hash128 id;
    instant_t at;
};

struct id_chunk {
    struct id_chunk *next; /* while it is spare */
    struct id_entry at[IDS_A_CHUNK];
};

_Static_assert(sizeof(struct id_entry) == 24, "the budget of an id");

static struct id_chunk *chunk_at(const struct id_memory *m, uint64_t chunk)
{
    return m->chunks[chunk & (m->directory - 1)];
}

static struct id_entry *entry_at(const struct id_memory *m, uint64_t number)
{
    return &chunk_at(m, id_chunk_of(number))->at[number % IDS_A_CHUNK];
}

/* The index keeps the low half of a number; what is known spans less than 2^32. */
static uint64_t number_of(const struct id_memory *m, uint32_t low)
{
    return m->oldest + (uint32_t)(low - (uint32_t)m->oldest);
}

void id_memory_finish(struct id_memory *m)
{
    for (uint64_t i = 0; i < m->directory; i++)
        free(m->chunks[i]);
    free(m->chunks);
    while (m->spare) {
        struct id_chunk *next = m->spare->next;
        free(m->spare);
        m->spare = next;
    }
    tag_index_finish(&m->index);
}

static bool is_id(const void *owner, uint32_t low, const void *key)
{
    const struct id_memory *m = owner;
    const struct hash128 *id = key, *there = &entry_at(m, number_of(m, low))->id;
    return there->low == id->low && there->high == id->high;
}

bool id_memory_has(const struct id_memory *m, struct hash128 id, uint32_t tag)
{
    return tag_index_find(&m->index, tag, is_id, m, &id) != TAG_NONE_FOUND;
}

/* Room for `chunks` at once in the directory. */
static bool widen(struct id_memory *m, uint64_t chunks)
{
    uint64_t directory = m->directory ? m->directory : 16;

    if (chunks <= m->directory)
        return true;
    while (directory < chunks)
        directory *= 2;
    struct id_chunk **wider = calloc(directory, sizeof(struct id_chunk *));
    if (!wider)
        return false;
    for (uint64_t k = id_chunk_of(m->oldest); m->directory && k < id_chunk_of(m->oldest) + m->directory; k++)
        wider[k & (directory - 1)] = chunk_at(m, k);
    free(m->chunks);
    m->chunks = wider;
    m->directory = directory;
    return true;
}

int id_memory_reserve(struct id_memory *m, uint64_t more)
{
    if (!more)
        return 0;
    uint64_t first = id_chunk_of(m->next), last = id_chunk_of(m->next + more - 1);
    if (!widen(m, last - id_chunk_of(m->oldest) + 1))
        return ERROR_NOMEM;
    uint64_t chunks_wanted = last - first + (chunk_at(m, first) == NULL);
    while (m->spare_count < chunks_wanted) {
        struct id_chunk *chunk = malloc(sizeof(*chunk));
        if (!chunk)
            return ERROR_NOMEM;
        chunk->next = m->spare;
        m->spare = chunk;
        m->spare_count++;
    }
    return tag_index_reserve(&m->index, more, m->most);
}

static void take_chunk(struct id_memory *m, uint64_t chunk)
{
    m->chunks[chunk & (m->directory - 1)] = m->spare;
    m->spare = m->spare->next;
    m->spare_count--;
}

/* A chunk nobody needs any more: kept as a spare one, so that the queue turns round without asking for
 * memory. */
static void drop_chunk(struct id_memory *m, uint64_t chunk)
{
    struct id_chunk **at = &m->chunks[chunk & (m->directory - 1)];

    if (m->before_drop)
        m->before_drop(m->before_context, chunk);
    if (m->spare_count < 2) {
        (*at)->next = m->spare;
        m->spare = *at;
        m->spare_count++;
    } else {
        free(*at);
    }
    *at = NULL;
}

static void forget_oldest(struct id_memory *m)
{
    const struct id_entry *e = entry_at(m, m->oldest);

    if (e->at > m->forgotten_at)
        m->forgotten_at = e->at;
    tag_index_remove(&m->index, tag_of(e->id), (uint32_t)m->oldest);
    m->oldest++;
    if (m->oldest % IDS_A_CHUNK == 0)
        drop_chunk(m, id_chunk_of(m->oldest) - 1);
}

/* The index entries of the ids that will be forgotten soon are fetched early: they lie anywhere. */
static void fetch_oldest(const struct id_memory *m)
{
    uint64_t soon = m->oldest + AHEAD;
    if (soon < m->next)
        tag_index_prefetch(&m->index, tag_of(entry_at(m, soon)->id));
}

void id_memory_add(struct id_memory *m, struct hash128 id, uint32_t tag, instant_t at)
{
    if (!chunk_at(m, id_chunk_of(m->next)))
        take_chunk(m, id_chunk_of(m->next));
    *entry_at(m, m->next) = (struct id_entry){id, at};
    tag_index_insert(&m->index, tag, (uint32_t)m->next);
    m->next++;
    for (int i = 0; i < FORGOTTEN_A_TIME && m->next - m->oldest > m->most; i++)
        forget_oldest(m);
    if (m->next - m->oldest >= m->most)
        fetch_oldest(m);
}

uint64_t id_memory_bytes(const struct id_memory *m)
{
    uint64_t chunks = m->next == m->oldest ? 0 : id_chunk_of(m->next - 1) - id_chunk_of(m->oldest) + 1;
    return (chunks + m->spare_count) * sizeof(struct id_chunk) + m->directory * sizeof(struct id_chunk *) +
           tag_index_bytes(&m->index);
}

void id_memory_save(const struct id_memory *m, uint64_t chunk, uint64_t oldest, uint64_t next,
                    struct buffer *out)
{
    uint64_t first = chunk * IDS_A_CHUNK, end = first + IDS_A_CHUNK;

    first = first < oldest ? oldest : first;
    end = end > next ? next : end;
    if (first >= end)
        return;
    put_u64(out, first);
    put_u32(out, (uint32_t)(end - first));
    buffer_add(out, entry_at(m, first), (end - first) * sizeof(struct id_entry));
}

int id_memory_load_begin(struct id_memory *m, uint64_t oldest, uint64_t next)
{
    if (oldest > next || next > INT64_MAX || next - oldest > UINT32_MAX / 2)
        return ERROR_CORRUPT;
    m->oldest = oldest;
    m->next = next;
    if (!widen(m, id_chunk_of(next) - id_chunk_of(oldest) + 2))
        return ERROR_NOMEM;
    uint64_t count = next - oldest;
    return tag_index_reserve(&m->index, count < SIZED_AT_ONCE_MOST ? count : SIZED_AT_ONCE_MOST, count);
}

/* Puts the ids of numbers [first, end) into the index, whose places are fetched some ids ahead: they lie
 * anywhere. */
static void index_ids(struct id_memory *m, uint64_t first, uint64_t end)
{
    uint32_t tags[INDEXED_AHEAD];

    for (uint64_t n = first; n < end + INDEXED_AHEAD; n++) {
        uint32_t *tag = &tags[n % INDEXED_AHEAD];
        if (n >= first + INDEXED_AHEAD)
            tag_index_insert(&m->index, *tag, (uint32_t)(n - INDEXED_AHEAD));
        if (n >= end)
            continue;
        *tag = tag_of(entry_at(m, n)->id);
        tag_index_prefetch(&m->index, *tag);
    }
}

int id_memory_load(struct id_memory *m, struct bytes *in)
{
    uint64_t first = get_u64(in), count = get_u32(in), chunk = id_chunk_of(first);
    uint64_t from = chunk * IDS_A_CHUNK, end = from + IDS_A_CHUNK;
    const char *entries = count <= IDS_A_CHUNK ? get(in, count * sizeof(struct id_entry)) : NULL;

    from = from < m->oldest ? m->oldest : from;
    end = end > m->next ? m->next : end;
    if (!entries || first != from || first >= end || count != end - first || chunk_at(m, chunk))
        return ERROR_CORRUPT;
    struct id_chunk *fresh = malloc(sizeof(*fresh));
    if (!fresh)
        return ERROR_NOMEM;
    m->chunks[chunk & (m->directory - 1)] = fresh;
    memcpy(entry_at(m, first), entries, count * sizeof(struct id_entry));
    if (tag_index_reserve(&m->index, count, m->next - m->oldest))
        return ERROR_NOMEM;
    index_ids(m, first, end);
    return 0;
}

bool id_memory_is_whole(const struct id_memory *m)
{
    return m->index.count == m->next - m->oldest;
}
