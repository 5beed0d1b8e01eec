/* Positions of intakes: a small flat index over entries that only grow in number, with a short lock for other
 * threads. */
#include "core/model/positions.h"

#include "base/error.h"
#include "base/hash.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct position {
    char *name;
    uint32_t name_length;
    int32_t partition;
    _Atomic int64_t offset; /* release: pairs with the acquire in positions_get */
};

struct positions {
    pthread_mutex_t lock; /* held by the writer when entries or slots change, by others for each look */
    uint32_t
        recent; /* the writer's own: the entry that advanced last; records come in runs of one partition */
    uint32_t count, capacity;
    struct position *at;
    uint32_t slots; /* a power of two, at least twice the count */
    uint32_t *slot; /* number + 1; 0: free */
};

struct positions *positions_create(void)
{
    struct positions *p = calloc(1, sizeof(*p));
    if (p && pthread_mutex_init(&p->lock, NULL)) {
        free(p);
        p = NULL;
    }
    return p;
}

void positions_destroy(struct positions *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->count; i++)
        free(p->at[i].name);
    free(p->at);
    free(p->slot);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static uint32_t home_of(const struct positions *p, struct text name, int32_t partition)
{
    uint64_t h = hash_text(name) + (uint32_t)partition * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(h ^ h >> 32) & (p->slots - 1);
}

static struct text name_of(const struct position *at)
{
    return (struct text){at->name, at->name_length};
}

static struct position *find(const struct positions *p, struct text name, int32_t partition)
{
    if (!p->slots)
        return NULL;
    for (uint32_t i = home_of(p, name, partition);; i = (i + 1) & (p->slots - 1)) {
        if (!p->slot[i])
            return NULL;
        struct position *at = &p->at[p->slot[i] - 1];
        if (at->partition == partition && text_equal(name_of(at), name))
            return at;
    }
}

/* As find, beginning where the last record was. @thread writer */
static struct position *find_again(const struct positions *p, const struct intake_said *i)
{
    struct position *at = p->recent < p->count ? &p->at[p->recent] : NULL;

    if (at && at->partition == i->partition && text_equal(name_of(at), i->name))
        return at;
    return find(p, i->name, i->partition);
}

enum position_verdict positions_judge(const struct positions *p, const struct intake_said *i)
{
    struct position *at = find_again(p, i);
    int64_t offset = at ? atomic_load_explicit(&at->offset, memory_order_relaxed) : -1;

    if (i->offset <= offset)
        return POSITION_REPEAT;
    return i->after <= offset ? POSITION_NEXT : POSITION_GAP;
}

static void place(struct positions *p, uint32_t number)
{
    uint32_t i = home_of(p, name_of(&p->at[number]), p->at[number].partition);
    while (p->slot[i])
        i = (i + 1) & (p->slots - 1);
    p->slot[i] = number + 1;
}

/* Room for one more, in the array and in the index. */
static bool make_room(struct positions *p)
{
    if (p->count == p->capacity) {
        uint32_t capacity = p->capacity ? 2 * p->capacity : 16;
        struct position *grown = realloc(p->at, capacity * sizeof(*grown));
        if (!grown)
            return false;
        p->at = grown;
        p->capacity = capacity;
    }
    if (2 * (p->count + 1) > p->slots) {
        uint32_t slots = p->slots ? 2 * p->slots : 64;
        uint32_t *slot = calloc(slots, sizeof(*slot));
        if (!slot)
            return false;
        free(p->slot);
        p->slot = slot;
        p->slots = slots;
        for (uint32_t i = 0; i < p->count; i++)
            place(p, i);
    }
    return true;
}

static int add(struct positions *p, const struct intake_said *i)
{
    char *name = malloc(i->name.length + 1);

    if (!name || !make_room(p)) {
        free(name);
        return ERROR_NOMEM;
    }
    if (i->name.length)
        memcpy(name, i->name.at, i->name.length);
    name[i->name.length] = '\0';
    p->at[p->count] = (struct position){name, (uint32_t)i->name.length, i->partition, i->offset};
    place(p, p->count++);
    return 0;
}

int positions_advance(struct positions *p, const struct intake_said *i)
{
    struct position *at = find_again(p, i);

    if (at) {
        atomic_store_explicit(&at->offset, i->offset, memory_order_release);
        p->recent = (uint32_t)(at - p->at);
        return 0;
    }
    pthread_mutex_lock(&p->lock);
    int result = add(p, i);
    pthread_mutex_unlock(&p->lock);
    return result;
}

int64_t positions_get(struct positions *p, struct text name, int32_t partition)
{
    pthread_mutex_lock(&p->lock);
    const struct position *at = find(p, name, partition);
    int64_t offset = at ? atomic_load_explicit(&at->offset, memory_order_acquire) : -1;
    pthread_mutex_unlock(&p->lock);
    return offset;
}

uint32_t positions_count(const struct positions *p)
{
    return p->count;
}

void positions_at(const struct positions *p, uint32_t number, struct text *ret_name, int32_t *ret_partition,
                  int64_t *ret_offset)
{
    *ret_name = name_of(&p->at[number]);
    *ret_partition = p->at[number].partition;
    *ret_offset = atomic_load_explicit(&p->at[number].offset, memory_order_relaxed);
}
