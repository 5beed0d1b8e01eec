/* POST /v1/availability between its two halves: the question as it was read, and how far its answer is. */
#ifndef HTTP_AVAILABILITY_BATCH_H
#define HTTP_AVAILABILITY_BATCH_H

#include "http/by.h"
#include "http/past.h"
#include "http/shape.h"

enum { ITEMS_MOST = 1000, BATCH_ROWS_MOST = 100000, ITEMS_AHEAD = 16, PLACES_MET = 64 /* a power of two */ };

/* One item as it was asked for, and what was found out of it while those before it were answered. */
struct batch_item {
    struct text sku;
    uint32_t locations; /* node of the array, 0: none */
    uint32_t group;     /* node, 0: none */
    uint64_t hash;      /* of the SKU */
    uint32_t first;     /* the number of the first of the locations; INDEX_NONE: nobody knows it */
};

/* The number of a location by a name that was met: a batch asks for the same few again and again. */
struct place_met {
    struct text name;
    uint64_t hash;
    uint32_t number;
};

struct availability_batch {
    struct pending pending;
    /* the question */
    struct arena arena; /* the parsed body; texts may also lie in the body itself */
    const struct json_node *nodes;
    struct text channel;
    uint32_t method;
    bool detail;
    struct by by;
    struct past past;
    struct batch_item *items; /* of the arena */
    uint32_t items_count;
    const struct key *key;
    /* how far the answer is */
    uint32_t item;      /* the present one */
    uint32_t ahead_end; /* the first that nothing was fetched for */
    struct place_met places[PLACES_MET];
    struct version version;
    size_t rows;
    bool item_begun;
    uint32_t name_at;    /* node of the next location named; 0: `locations` holds numbers */
    uint32_t *locations; /* of the present item's rows; own memory */
    size_t locations_at, locations_count, locations_capacity;
    struct total total;     /* of the present item's rows so far */
    struct buffer item_out; /* which are here */
    struct buffer out;      /* the items before it */
    bool streaming;
    size_t out_at; /* of `out`: what was sent */
};

/* Reads the body. False: answered. */
bool batch_read_question(struct exchange *x, struct availability_batch *a, struct version *ret_least);

#endif
