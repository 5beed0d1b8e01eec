/* Checkpoints as files: hands every call on to checkpoint.c. */
#include "engine/store.h"

static int create(void *context, const struct checkpoint_header *h, void **ret_file)
{
    struct checkpoint_writer *w;
    int error = checkpoint_create(context, h, &w);
    if (!error)
        *ret_file = w;
    return error;
}

static int add(void *file, uint8_t kind, const void *bytes, size_t length)
{
    return checkpoint_add(file, kind, bytes, length);
}

static size_t backlog_bytes(const void *file)
{
    return checkpoint_backlog_bytes(file);
}

static void commit(void *file, struct hash128 digest)
{
    checkpoint_commit(file, digest);
}

static int poll(void *file, char *detail, size_t detail_size)
{
    return checkpoint_poll(file, detail, detail_size);
}

static void destroy(void *file)
{
    checkpoint_destroy(file);
}

static int load(void *context, const struct checkpoint_taker *taker, struct checkpoint_header *ret_header,
                unsigned *ret_rejected, char *detail, size_t detail_size)
{
    return checkpoint_load(context, taker, ret_header, ret_rejected, detail, detail_size);
}

static bool trim_offset(void *context, uint64_t *ret_offset)
{
    return checkpoint_trim_offset(context, ret_offset);
}

struct checkpoint_store checkpoint_files(const char *directory)
{
    static const struct checkpoint_store_ops ops = {create, add,     backlog_bytes, commit,
                                                    poll,   destroy, load,          trim_offset};
    return (struct checkpoint_store){.ops = &ops, .context = (void *)(uintptr_t)directory};
}
