/* Arrays that grow. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Grows the array that `array` points at (a T **) from `from` to `to` elements of `size` bytes, the new ones
 * zero. False without memory: the array is as it was. */
static inline bool array_grow(void *array, size_t from, size_t to, size_t size)
{
    void **at = (void **)array;
    char *grown = (char *)realloc(*at, to * size);

    if (!grown)
        return false;
    memset(grown + from * size, 0, (to - from) * size);
    *at = grown;
    return true;
}

#endif
