/* A growing byte buffer. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

char *buffer_grow(struct buffer *b, size_t bytes)
{
    if (b->failed)
        return NULL;
    if (bytes > b->capacity - b->length) {
        size_t capacity = b->capacity ? b->capacity : 256;
        while (capacity - b->length < bytes) {
            if (capacity > SIZE_MAX / 2) {
                b->failed = true;
                return NULL;
            }
            capacity *= 2;
        }
        char *grown = realloc(b->at, capacity);
        if (!grown) {
            b->failed = true;
            return NULL;
        }
        b->at = grown;
        b->capacity = capacity;
    }
    return b->at + b->length;
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    char small[256];

    va_start(args, format);
    int length = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (length < 0) {
        b->failed = true;
        return;
    }
    if ((size_t)length < sizeof(small)) {
        buffer_add(b, small, (size_t)length);
        return;
    }
    char *room = buffer_reserve(b, (size_t)length + 1);
    if (!room)
        return;
    va_start(args, format);
    vsnprintf(room, (size_t)length + 1, format, args);
    va_end(args);
    b->length += (size_t)length;
}

void buffer_finish(struct buffer *b)
{
    if (!b)
        return;
    free(b->at);
    *b = (struct buffer){0};
}
