/* Where checkpoints go: files (checkpoint.h), or a simulated disk in tests. A struct of callbacks;
 * file_store.c is the example. */
#ifndef ENGINE_STORE_H
#define ENGINE_STORE_H

#include "engine/checkpoint.h"

/* Each function means what its namesake in checkpoint.h says; `file` is what create gave. @thread writer, but
 * load: before it starts. */
struct checkpoint_store_ops {
    int (*create)(void *context, const struct checkpoint_header *h, void **ret_file);
    int (*add)(void *file, uint8_t kind, const void *bytes, size_t length);
    size_t (*backlog_bytes)(const void *file);
    void (*commit)(void *file, struct hash128 digest);
    int (*poll)(void *file, char *detail, size_t detail_size);
    void (*destroy)(void *file);
    int (*load)(void *context, const struct checkpoint_taker *taker, struct checkpoint_header *ret_header,
                unsigned *ret_rejected, char *detail, size_t detail_size);
    bool (*trim_offset)(void *context, uint64_t *ret_offset);
};

struct checkpoint_store {
    const struct checkpoint_store_ops *ops;
    void *context;
};

/* Files in a directory; the string must outlive the store. */
struct checkpoint_store checkpoint_files(const char *directory);

#endif
