/* jansson next to our own scanner: both name their types JSON_…, so jansson's are renamed on the way in. */
#ifndef TESTS_JANSSON_BESIDE_H
#define TESTS_JANSSON_BESIDE_H

#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_INTEGER JANSSON_INTEGER
#define JSON_REAL JANSSON_REAL
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_INTEGER
#undef JSON_REAL
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

#include "codec/json.h"

/* Every number becomes a double, duplicate keys are refused, any value may be the document. NULL: not JSON.
 */
static inline json_t *jansson_load(struct text t, json_error_t *error)
{
    return json_loadb(t.length ? t.at : "", t.length,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, error);
}

/* Where the verdicts may differ, and why:
 * - jansson nests to 2048, we to JSON_DEPTH_MOST;
 * - jansson turns numbers into doubles and refuses what overflows, we keep the text and let whoever reads it
 * judge;
 * - jansson takes a NUL byte behind the value for the end of the document. */
static inline bool jansson_may_differ(struct text t, const json_error_t *theirs, const struct problems *ours)
{
    if (!ours->count)
        return json_error_code(theirs) == json_error_numeric_overflow;
    return strstr(ours->at[0].detail, "nested deeper") || memchr(t.at, '\0', t.length);
}

#endif
