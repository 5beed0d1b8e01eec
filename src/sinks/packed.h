/* MessagePack, as far as scripts in Redis are told things: texts and small numbers, one behind the other. */
#ifndef SINKS_PACKED_H
#define SINKS_PACKED_H

#include "base/buffer.h"

#include <stdint.h>

/* What comes before a text of `length` bytes. */
static inline void packed_text_head(struct buffer *b, size_t length)
{
    unsigned char head[] = {0xDB, (unsigned char)(length >> 24), (unsigned char)(length >> 16),
                            (unsigned char)(length >> 8), (unsigned char)length};

    if (length < 32)
        buffer_byte(b, (char)(0xA0 | length));
    else
        buffer_add(b, head, sizeof(head));
}

static inline void packed_text(struct buffer *b, struct text t)
{
    packed_text_head(b, t.length);
    buffer_text(b, t);
}

static inline void packed_number(struct buffer *b, uint32_t number)
{
    unsigned char head[] = {0xCE, (unsigned char)(number >> 24), (unsigned char)(number >> 16),
                            (unsigned char)(number >> 8), (unsigned char)number};

    if (number < 128)
        buffer_byte(b, (char)number);
    else
        buffer_add(b, head, sizeof(head));
}

#endif
