/* The three kinds of repeats as one judgement: the source's numbers where they can tell, else the id, else
 * how old it is. */
#include "core/model/repeats.h"

#include "base/error.h"
#include "core/model/id_memory.h"
#include "core/model/repeats_image.h"
#include "core/model/source_windows.h"

#include <stdlib.h>

struct repeats {
    uint64_t seed;
    struct id_memory ids;
    struct source_windows sources;
    uint64_t sources_expected; /* while an image is loaded */
};

struct repeats *repeats_create(uint64_t seed, size_t ids_remembered)
{
    struct repeats *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->seed = seed;
    r->ids.most = ids_remembered;
    r->ids.forgotten_at = INSTANT_NONE;
    source_windows_init(&r->sources);
    return r;
}

void repeats_destroy(struct repeats *r)
{
    if (!r)
        return;
    id_memory_finish(&r->ids);
    source_windows_finish(&r->sources);
    free(r);
}

void repeats_reseed(struct repeats *r, uint64_t seed)
{
    if (r->ids.next == 0)
        r->seed = seed;
}

void repeats_resize(struct repeats *r, size_t ids_remembered)
{
    r->ids.most = ids_remembered;
}

void repeats_bound_sources(struct repeats *r, size_t sources_remembered, size_t sources_bytes)
{
    r->sources.sources_most = sources_remembered;
    r->sources.bytes_most = sources_bytes;
}

/* ---- what an event is known by ---- */

struct repeats_id repeats_id(const struct repeats *r, const struct event *e)
{
    struct hash128 hash = hash128(e->id.at, e->id.length, r->seed);
    return (struct repeats_id){hash, tag_of(hash)};
}

static bool is_numbered(const struct event *e)
{
    return (e->has & HAS(sequence)) && e->source.length;
}

/* The source and its session, with a byte between them that neither may hold. */
static struct hash128 source_of(const struct repeats *r, const struct event *e)
{
    char both[2 * TEXT_BYTES_MOST + 1];
    size_t source = e->source.length < TEXT_BYTES_MOST ? e->source.length : TEXT_BYTES_MOST;
    size_t session = e->session.length < TEXT_BYTES_MOST ? e->session.length : TEXT_BYTES_MOST;

    memcpy(both, e->source.at, source);
    both[source] = '\0';
    if (session)
        memcpy(both + source + 1, e->session.at, session);
    return hash128(both, source + 1 + session, r->seed);
}

static instant_t instant_of(const struct event *e, instant_t otherwise)
{
    return e->has & HAS(occurred_at) ? e->occurred_at : otherwise;
}

/* ---- judging and remembering ---- */

static enum repeat judge_by_id(const struct repeats *r, const struct repeats_id *id, instant_t at)
{
    if (id_memory_has(&r->ids, id->hash, id->tag))
        return REPEAT_SEEN;
    return at <= r->ids.forgotten_at ? REPEAT_UNVERIFIED : REPEAT_NEW;
}

enum repeat repeats_judge(const struct repeats *r, const struct event *e)
{
    struct repeats_id id = repeats_id(r, e);
    return repeats_judge_id(r, e, &id);
}

enum repeat repeats_judge_id(const struct repeats *r, const struct event *e, const struct repeats_id *id)
{
    instant_t at = instant_of(e, INSTANT_MOST);
    struct hash128 who;

    if (!is_numbered(e))
        return judge_by_id(r, id, at);
    who = source_of(r, e);
    switch (source_windows_judge(&r->sources, who, tag_of(who), e->sequence, id->hash.low, at)) {
    case WINDOW_SEEN:
        return REPEAT_SEEN;
    case WINDOW_REUSED: /* an id that is known is a repeat under whatever number */
        return id_memory_has(&r->ids, id->hash, id->tag) ? REPEAT_SEEN : REPEAT_SEQUENCE_REUSED;
    case WINDOW_NEW:
        return id_memory_has(&r->ids, id->hash, id->tag) ? REPEAT_SEEN : REPEAT_NEW;
    case WINDOW_UNKNOWN:
        break;
    }
    return judge_by_id(r, id, at);
}

int repeats_reserve(struct repeats *r, const struct event *events, size_t count)
{
    uint32_t numbered = 0;

    for (size_t i = 0; i < count; i++)
        numbered += is_numbered(&events[i]);
    if (id_memory_reserve(&r->ids, count))
        return ERROR_NOMEM;
    return numbered ? source_windows_reserve(&r->sources, numbered) : 0;
}

int repeats_remember(struct repeats *r, const struct event *e, instant_t log_time)
{
    struct repeats_id id = repeats_id(r, e);
    return repeats_remember_id(r, e, &id, log_time);
}

int repeats_remember_id(struct repeats *r, const struct event *e, const struct repeats_id *id,
                        instant_t log_time)
{
    instant_t at = instant_of(e, log_time);

    if (repeats_reserve(r, e, 1))
        return ERROR_NOMEM;
    id_memory_add(&r->ids, id->hash, id->tag, at);
    if (is_numbered(e)) {
        struct hash128 who = source_of(r, e);
        source_windows_add(&r->sources, who, tag_of(who), e->sequence, id->hash.low, at);
    }
    return 0;
}

void repeats_prefetch(const struct repeats *r, const struct event *e, const struct repeats_id *id)
{
    tag_index_prefetch(&r->ids.index, id->tag);
    if (is_numbered(e))
        tag_index_prefetch(&r->sources.sources_index, tag_of(source_of(r, e)));
}

struct repeats_stats repeats_stats(const struct repeats *r)
{
    return (struct repeats_stats){
        .ids = r->ids.next - r->ids.oldest,
        .ids_bytes = id_memory_bytes(&r->ids),
        .sources = r->sources.count,
        .sources_bytes = source_windows_bytes(&r->sources),
        .sequence_gaps = r->sources.missing,
    };
}

/* ---- images ---- */

void repeats_watch(struct repeats *r, const struct repeats_watcher *w)
{
    r->ids.before_drop = w ? w->before_drop : NULL;
    r->ids.before_context = w ? w->context : NULL;
    r->sources.before_change = w ? w->before_source : NULL;
    r->sources.before_context = w ? w->context : NULL;
}

struct repeats_span repeats_span(const struct repeats *r)
{
    return (struct repeats_span){r->ids.oldest, r->ids.next, r->sources.sources.count};
}

void repeats_save_header(const struct repeats *r, struct buffer *out)
{
    put_u64(out, r->seed);
    put_u64(out, r->ids.oldest);
    put_u64(out, r->ids.next);
    put_i64(out, r->ids.forgotten_at);
    put_u64(out, r->sources.tick);
    put_u64(out, r->sources.count);
    put_i64(out, r->sources.forgotten_at);
}

void repeats_save_ids(const struct repeats *r, uint64_t chunk, const struct repeats_span *cut,
                      struct buffer *out)
{
    id_memory_save(&r->ids, chunk, cut->oldest, cut->next, out);
}

void repeats_save_source(const struct repeats *r, uint32_t number, struct buffer *out)
{
    source_windows_save(&r->sources, number, out);
}

int repeats_load_header(struct repeats *r, struct bytes *in)
{
    r->seed = get_u64(in);
    uint64_t oldest = get_u64(in), next = get_u64(in);
    r->ids.forgotten_at = get_i64(in);
    r->sources.tick = get_u64(in);
    r->sources_expected = get_u64(in);
    r->sources.forgotten_at = get_i64(in);
    return in->failed ? ERROR_CORRUPT : id_memory_load_begin(&r->ids, oldest, next);
}

int repeats_load_ids(struct repeats *r, struct bytes *in)
{
    int result = id_memory_load(&r->ids, in);
    return result ? result : bytes_done(in) ? 0 : ERROR_CORRUPT;
}

int repeats_load_source(struct repeats *r, struct bytes *in)
{
    int result = source_windows_load(&r->sources, in);
    return result ? result : bytes_done(in) ? 0 : ERROR_CORRUPT;
}

int repeats_load_finish(struct repeats *r)
{
    if (!id_memory_is_whole(&r->ids) || r->sources.count != r->sources_expected)
        return ERROR_CORRUPT;
    return source_windows_load_finish(&r->sources);
}
