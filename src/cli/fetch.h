/* Copies the checkpoint of another server into a data folder: over HTTP, from where a cut copy ended, and
 * verified to the last byte before it gets its name. */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include "base/options.h"
#include "engine/checkpoint.h"

enum { FETCH_DETAIL_BYTES = 600 };

struct fetch_options {
    const struct settings *settings; /* api_key, api_key_file */
    const char *url;
    const char *directory; /* of checkpoints; it is there */
    /* May this one be taken? False: *ret_stale asks for a newer one, else ret_detail says why not. Called
     * before anything but the head was copied. */
    bool (*wanted)(void *context, const struct checkpoint_header *h, bool *ret_stale,
                   char ret_detail[FETCH_DETAIL_BYTES]);
    void *context;
};

/* 0; ERROR_INVALID (the URL or the key's file), ERROR_UNAVAILABLE (cannot be reached, or not now),
 * ERROR_CONFLICT (it says no, or what it has is not wanted), ERROR_LEVEL (made by a newer onhand),
 * ERROR_CORRUPT (what came is damaged; it is removed), ERROR_IO (here: no space), ERROR_NOMEM. `detail` says
 * what to do. What a cut copy had is kept for the next call. *ret_header: what is there now. */
int fetch_checkpoint(const struct fetch_options *o, struct checkpoint_header *ret_header,
                     char detail[FETCH_DETAIL_BYTES]);

#endif
