/* The places of outputs: a short array, because there are few. */
#include "core/model/outputs.h"

#include "base/error.h"
#include "core/model/bytes.h"

static struct text name_of(const struct output *o)
{
    return (struct text){o->name, o->length};
}

const struct output *outputs_find(const struct outputs *o, struct text name)
{
    for (uint32_t i = 0; i < o->count; i++)
        if (text_equal(name_of(&o->at[i]), name))
            return &o->at[i];
    return NULL;
}

static struct output *find_or_add(struct outputs *o, struct text name)
{
    struct output *found = (struct output *)(uintptr_t)outputs_find(o, name);

    if (found || o->count == OUTPUTS_MOST)
        return found;
    found = &o->at[o->count++];
    *found = (struct output){.length = (uint8_t)name.length};
    memcpy(found->name, name.at, name.length);
    return found;
}

bool outputs_set(struct outputs *o, struct text name, uint64_t incarnation, uint64_t offset)
{
    struct output *output = find_or_add(o, name);

    if (!output)
        return false;
    output->incarnation = incarnation;
    output->offset = offset;
    return true;
}

void outputs_save(const struct outputs *o, struct buffer *out)
{
    for (uint32_t i = 0; i < o->count; i++) {
        put_text(out, name_of(&o->at[i]));
        put_u64(out, o->at[i].incarnation);
        put_u64(out, o->at[i].offset);
    }
}

int outputs_load(struct outputs *o, const void *bytes, size_t length)
{
    struct bytes in = {bytes, length, false};

    while (in.left && !in.failed) {
        struct text name = get_text(&in);
        uint64_t incarnation = get_u64(&in), offset = get_u64(&in);
        if (in.failed || !text_is_name(name) || outputs_find(o, name) ||
            !outputs_set(o, name, incarnation, offset))
            return ERROR_CORRUPT;
    }
    return in.failed ? ERROR_CORRUPT : 0;
}
