/* Bytes that grow at the end. A failed allocation sticks: write on, and ask once at the end. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/text.h"

/* Zero-initialised is empty and valid. Not shared between threads. */
struct buffer {
    char *at;
    size_t length, capacity;
    bool failed; /* memory ran out: what is here is incomplete */
};

/* What buffer_reserve does when there is no room. */
char *buffer_grow(struct buffer *b, size_t bytes);

/* Room for at least that many bytes behind the end; NULL (and failed) without memory. Not counted in length.
 */
static inline char *buffer_reserve(struct buffer *b, size_t bytes)
{
    return bytes <= b->capacity - b->length && !b->failed ? b->at + b->length : buffer_grow(b, bytes);
}

void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_finish(struct buffer *b);

/* Inline: what is known when it is compiled, above all literals, is stored without a call. */
static inline void buffer_add(struct buffer *b, const void *bytes, size_t length)
{
    bool fits = length <= b->capacity - b->length && !b->failed;

    if (!length || (!fits && !buffer_reserve(b, length)))
        return;
    memcpy(b->at + b->length, bytes, length);
    b->length += length;
}

static inline void buffer_text(struct buffer *b, struct text t)
{
    buffer_add(b, t.at, t.length);
}

static inline void buffer_string(struct buffer *b, const char *s)
{
    buffer_add(b, s, strlen(s));
}

static inline void buffer_byte(struct buffer *b, char c)
{
    buffer_add(b, &c, 1);
}

/* Empty again, the memory kept. */
static inline void buffer_clear(struct buffer *b)
{
    b->length = 0;
    b->failed = false;
}

#endif
