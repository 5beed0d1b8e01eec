/* Documents of a known shape: a table says which fields there are, and one walk checks them and writes the
 * canonical form. */
#ifndef CODEC_DOCUMENT_H
#define CODEC_DOCUMENT_H

#include "codec/json.h"

enum document_kind {
    DOC_TEXT, /* 1 to `most` bytes of UTF-8 without control characters */
    DOC_NAME, /* [A-Za-z0-9][A-Za-z0-9._-]*, 1 to 128 bytes */
    DOC_FLAG,
    DOC_INTEGER,  /* `least` to `most` */
    DOC_QUANTITY, /* `least` to `most`, in thousandths */
    DOC_ANGLE,    /* degrees from -`most` to `most`; written with at most seven fraction digits */
    DOC_TIME,     /* HH:MM, 00:00 to 23:59, and 24:00 */
    DOC_DATE,     /* YYYY-MM-DD */
    DOC_ZONE,     /* the name of an IANA time zone, by its form */
    DOC_GLN,      /* 13 digits, the last one right */
    DOC_GTIN,     /* 8, 12, 13 or 14 digits, the last one right */
    DOC_INSTANT,
    DOC_WORD,   /* one of `words` */
    DOC_OBJECT, /* `inner` are its fields, up to a row without a name */
    DOC_LIST,   /* `least` to `most` elements, each as the one row `inner` */
    DOC_MAP,    /* at most `most` members, texts all of them */
    DOC_EQUAL,  /* may be said, but must be what is known already (the id in the path); not written */
    DOC_ASIDE,  /* an instant that is read by others and not written */
    DOC_SHOWN,  /* may be said, because a GET shows it; it is nothing that can be PUT, and not looked at */
};

struct document_field {
    const char *name;
    enum document_kind kind;
    bool required;
    int64_t least, most;
    const struct document_field *inner;
    const char *const *words; /* up to NULL */
};

/* Checks the node and appends its canonical form: fields in the order of the table, numbers in their shortest
 * form. Whether nothing was wrong. `known` is what DOC_EQUAL must equal. */
bool document_write(const struct document_field *shape, const struct json_node *nodes, uint32_t at,
                    const char *pointer, struct text known, struct buffer *out, struct problems *p);

/* The members of an object, each at the number of its field: NULL where there is none. How many are no field
 * of the table, which has DOCUMENT_FIELDS_MOST at most. */
enum { DOCUMENT_FIELDS_MOST = 32 };
void document_members(const struct json_node *nodes, uint32_t object, const struct document_field *fields,
                      const struct json_node *ret[DOCUMENT_FIELDS_MOST], uint32_t *ret_unknown);
/* The member of an object; NULL when there is none. */
const struct json_node *document_member(const struct json_node *nodes, uint32_t object, const char *name);

static inline bool document_has(const struct json_node *nodes, uint32_t object, const char *name)
{
    return document_member(nodes, object, name) != NULL;
}

static inline uint32_t document_index(const struct json_node *nodes, const struct json_node *n)
{
    return (uint32_t)(n - nodes);
}

/* Degrees in decimal to 10^-7 degrees, rounded to the nearest; false when it is no plain decimal or beyond
 * ±most_degrees. */
bool document_angle(struct text t, int64_t most_degrees, int32_t *ret_e7);

#endif
