/* An option of POST /v1/promises as JSON, with all that it rests on. */
#ifndef HTTP_PROMISE_SHAPE_H
#define HTTP_PROMISE_SHAPE_H

#include "base/buffer.h"
#include "core/answer/promises.h"

/* Inside the epoch section in which the option was found. */
void put_option(struct buffer *out, struct basket *b, const struct promise_option *o);

#endif
