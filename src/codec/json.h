/* A strict, small JSON scanner (RFC 8259): memory from an arena only, keeps the text of numbers, refuses
 * duplicate keys, bad UTF-8, lone surrogates, NUL in strings, depth beyond JSON_DEPTH_MOST, and anything
 * behind the value. And a writer of strings and numbers. */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "base/buffer.h"
#include "core/model/record.h"

enum { JSON_DEPTH_MOST = 32 };
enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A document as a flat array of nodes in the arena, in document order: a container is followed by its
 * content. */
struct json_node {
    enum json_type type;
    uint32_t next;    /* index of the node behind this one and all it contains */
    uint32_t count;   /* members of an object, elements of an array */
    struct text key;  /* unescaped; of a member of an object */
    struct text text; /* JSON_STRING: unescaped. JSON_NUMBER: as written. Containers: the raw text */
};

/* ERROR_INVALID with one problem ("" and "line 1, column 7: …"), ERROR_NOMEM, ERROR_LIMIT. nodes[0] is the
 * document. */
int json_parse(struct text t, struct arena *a, const struct json_node **ret_nodes, size_t *ret_count,
               struct problems *p);

/* Is it JSON? As json_parse, but keeps nothing and does not compare keys. */
int json_check(struct text t, struct problems *p);

/* The same a piece at a time: zero-initialised before the first. */
struct json_check {
    size_t at;
    unsigned depth;
    uint64_t objects;
};
/* Goes on for about so many bytes (a string is looked at whole). *ret_more: call again with the same text. */
int json_check_some(struct text t, struct json_check *c, size_t bytes, bool *ret_more, struct problems *p);

/* A value out of a longer run: an element of an array, a line of NDJSON. Nodes go to one arena, unescaped
 * texts to another, so that the nodes can be dropped first. ret_rest: what is behind the value, NULL when
 * nothing may be. Lines count from first_line. */
int json_parse_piece(struct text t, size_t first_line, struct arena *nodes, struct arena *texts,
                     const struct json_node **ret_nodes, struct text *ret_rest, struct problems *p);

/* prefix/key as a JSON pointer, `~` and `/` escaped, cut when it is too long. */
enum { JSON_POINTER_BYTES = sizeof(((struct problem *)0)->pointer) };
void json_pointer(char out[JSON_POINTER_BYTES], const char *prefix, struct text key);

/* The member of an object, by its number; 0 (never a member) when there is none. */
uint32_t json_member(const struct json_node *nodes, uint32_t object, const char *key);
/* Its text (numbers, strings; "true", "false"), "" when it is not there or null. */
struct text json_text(const struct json_node *nodes, uint32_t object, const char *key);
/* The first element of an array (or member of an object); use nodes[i].next for the following, until `end`.
 */
#define json_each(nodes, container, i)                                                                \
    for (uint32_t i = (container) + 1, end_##i = (nodes)[container].next; (container) && i < end_##i; \
         i = (nodes)[i].next)
/* Writes a node as JSON. */
void json_put_node(struct buffer *out, const struct json_node *nodes, uint32_t at);

/* A string with its quotes, everything escaped that must be, and `<`, `>`, `&`, U+2028, U+2029 as \u00XX. */
void json_put_string(struct buffer *b, struct text t);
void json_put_quantity(struct buffer *b, milli_t q);
void json_put_instant(struct buffer *b, instant_t at); /* null for INSTANT_NONE */

static inline void put_text_or_null(struct buffer *b, struct text t)
{
    if (t.length)
        json_put_string(b, t);
    else
        buffer_text(b, TEXT("null"));
}

#endif
