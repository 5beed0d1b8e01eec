/* Ids for lines that have none: a hash of what they say, numbered where the same is said more than once. */
#include "http/import.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

static struct import_name *find(struct import_names *n, uint64_t content)
{
    size_t i = content & (n->capacity - 1);

    while (n->at[i].times && n->at[i].content != content)
        i = (i + 1) & (n->capacity - 1);
    return &n->at[i];
}

static int grow(struct import_names *n)
{
    struct import_names larger = {.capacity = n->capacity ? 2 * n->capacity : 1024, .count = n->count};

    if (4 * n->count < 3 * n->capacity)
        return 0;
    larger.at = calloc(larger.capacity, sizeof(*larger.at));
    if (!larger.at)
        return ERROR_NOMEM;
    for (size_t i = 0; i < n->capacity; i++)
        if (n->at[i].times)
            *find(&larger, n->at[i].content) = n->at[i];
    free(n->at);
    *n = larger;
    return 0;
}

static int content_of(const struct event *e, struct hash128 *ret)
{
    struct buffer said = {0};
    int error = 0;

    event_to_json(e, &said);
    if (said.failed)
        error = ERROR_NOMEM;
    else
        *ret = hash128(said.at, said.length, 0);
    buffer_finish(&said);
    return error;
}

int import_name(struct import_names *n, struct event *e, struct arena *a)
{
    struct hash128 content = {0};
    char id[64];
    int error = content_of(e, &content);

    if (!error)
        error = grow(n);
    if (error)
        return error;
    struct import_name *name = find(n, content.low);
    if (!name->times && n->count == IMPORT_NAMES_MOST)
        return ERROR_LIMIT;
    n->count += !name->times;
    name->content = content.low;
    int length = snprintf(id, sizeof(id), "import-%016llx%016llx", (unsigned long long)content.high,
                          (unsigned long long)content.low);
    if (++name->times > 1)
        length += snprintf(id + length, sizeof(id) - (size_t)length, "-%u", name->times);
    e->id = arena_text(a, (struct text){id, (size_t)length});
    e->has |= HAS(id);
    return e->id.at ? 0 : ERROR_NOMEM;
}

void import_names_finish(struct import_names *n)
{
    free(n->at);
    *n = (struct import_names){0};
}
