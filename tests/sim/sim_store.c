/* Checkpoints in memory, for the simulator. */
#include "sim/sim_store.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

static int create(void *context, const struct checkpoint_header *h, void **ret_file)
{
    struct sim_image *i = calloc(1, sizeof(*i));

    if (!i)
        return ERROR_NOMEM;
    i->header = *h;
    i->store = context;
    *ret_file = i;
    return 0;
}

static int add(void *file, uint8_t kind, const void *bytes, size_t length)
{
    struct sim_image *i = file;
    uint32_t length32 = (uint32_t)length;

    buffer_byte(&i->sections, (char)kind);
    buffer_add(&i->sections, &length32, sizeof(length32));
    buffer_add(&i->sections, bytes, length);
    return i->sections.failed ? ERROR_NOMEM : 0;
}

static size_t backlog_bytes(const void *file)
{
    return 0;
}

static void commit(void *file, struct hash128 digest)
{
    struct sim_image *i = file;

    i->header.digest = digest;
    i->committing = true;
    i->polls_left = (unsigned)random_below(i->store->random, 4);
}

static int poll(void *file, char *detail, size_t detail_size)
{
    struct sim_image *i = file;
    struct sim_store *s = i->store;

    if (!i->committing || i->polls_left--)
        return 1;
    if (s->kept[0].whole) {
        buffer_finish(&s->kept[1].sections);
        s->kept[1] = s->kept[0];
    } else {
        buffer_finish(&s->kept[0].sections);
    }
    s->kept[0] = *i;
    s->kept[0].whole = true;
    i->sections = (struct buffer){0};
    i->committing = false;
    i->polls_left = 0;
    s->written++;
    return 0;
}

static void destroy(void *file)
{
    struct sim_image *i = file;
    buffer_finish(&i->sections);
    free(i);
}

static int load(void *context, const struct checkpoint_taker *taker, struct checkpoint_header *ret_header,
                unsigned *ret_rejected, char *detail, size_t detail_size)
{
    struct sim_store *s = context;

    *ret_rejected = 0;
    for (int k = 0; k < 2; k++) {
        struct sim_image *i = &s->kept[k];
        if (!i->whole)
            continue;
        if (i->damaged) { /* set aside: it must not count as one of the two that are kept */
            ++*ret_rejected;
            s->passed_over++;
            i->whole = i->damaged = false;
            continue;
        }
        for (size_t at = 0; at < i->sections.length;) {
            uint32_t length;
            uint8_t kind = (uint8_t)i->sections.at[at];
            memcpy(&length, i->sections.at + at + 1, sizeof(length));
            if (taker->beside)
                taker->beside(taker->context, kind, i->sections.at + at + 5, length);
            int error = taker->each(taker->context, kind, i->sections.at + at + 5, length);
            if (error)
                return error;
            at += 5 + length;
        }
        *ret_header = i->header;
        s->loaded++;
        return 0;
    }
    snprintf(detail, detail_size, "none of the simulator's checkpoints is whole");
    return *ret_rejected ? ERROR_CORRUPT : ERROR_NOTFOUND;
}

static bool trim_offset(void *context, uint64_t *ret_offset)
{
    struct sim_store *s = context;

    if (!s->kept[0].whole || !s->kept[1].whole)
        return false;
    *ret_offset = s->kept[1].header.next_offset;
    return true;
}

struct checkpoint_store sim_store_open(struct sim_store *s)
{
    static const struct checkpoint_store_ops ops = {create, add,     backlog_bytes, commit,
                                                    poll,   destroy, load,          trim_offset};
    return (struct checkpoint_store){.ops = &ops, .context = s};
}

void sim_store_damage(struct sim_store *s)
{
    if (s->kept[0].whole && s->kept[1].whole && !s->kept[1].damaged)
        s->kept[0].damaged = true;
}

void sim_store_finish(struct sim_store *s)
{
    for (int k = 0; k < 2; k++)
        buffer_finish(&s->kept[k].sections);
}
