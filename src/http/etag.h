/* Answers that a client may have already: ETag and If-None-Match. */
#ifndef HTTP_ETAG_H
#define HTTP_ETAG_H

#include "http/server.h"

struct etag {
    size_t lines_at, lines_length; /* the header lines, in x->out */
};

/* After answer_begin: the ETag's line, filled in at the end, and Cache-Control with that value. */
struct etag etag_begin(struct exchange *x, const char *cache_control);
/* Instead of answer_end. The tag is a hash of the body without [cut_at, cut_end) (offsets in the body: its
 * version and as_of; equal: nothing is left out). Becomes a 304 when the client has it. */
void etag_end(struct exchange *x, const struct etag *e, size_t cut_at, size_t cut_end);

#endif
