/* Answers that a client may have already: ETag and If-None-Match. */
#ifndef HTTP_ETAG_H
#define HTTP_ETAG_H

#include "http/server.h"

struct etag {
    size_t lines_at, lines_length; /* the header lines, in x->out */
};

/* After answer_begin: the ETag's line, filled in at the end, and Cache-Control with that value. */
struct etag etag_begin(struct exchange *x, const char *cache_control);
/* Begins a 200 about one row, for its client alone. Returns its body with the row's two names in it:
 * {"sku":…,"location":… */
struct buffer *row_answer_begin(struct exchange *x, struct text sku, struct text location,
                                struct etag *ret_etag);
/* Instead of answer_end. The tag is a hash of the body without [cut_at, cut_end) (offsets in the body: its
 * version and as_of; equal: nothing is left out). Becomes a 304 when the client has it. */
void etag_end(struct exchange *x, const struct etag *e, size_t cut_at, size_t cut_end);

#endif
