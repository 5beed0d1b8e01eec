/* Cases out of tests/data: a text, or bytes in hexadecimal. */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include "jansson_beside.h"

#include <stdio.h>
#include <stdlib.h>

/* The input of a case in memory of exactly its size, so that a sanitizer sees a read beyond the end. The
 * caller frees .at. */
static inline struct text case_input(json_t *c)
{
    json_t *text = json_object_get(c, "input"), *hex = json_object_get(c, "input_hex");
    size_t length = text ? json_string_length(text) : json_string_length(hex) / 2;
    char *bytes = malloc(length + !length);

    if (text)
        memcpy(bytes, json_string_value(text), length);
    for (size_t i = 0; !text && i < length; i++) {
        char pair[3] = {json_string_value(hex)[2 * i], json_string_value(hex)[2 * i + 1], '\0'};
        bytes[i] = (char)strtoul(pair, NULL, 16);
    }
    return (struct text){bytes, length};
}

static inline const char *case_text(json_t *c, const char *key)
{
    json_t *member = json_object_get(c, key);
    return member ? json_string_value(member) : "";
}

#endif
