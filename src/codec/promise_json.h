/* What clients ask of POST /v1/promises (api.md): read and checked field by field. Pure. */
#ifndef CODEC_PROMISE_JSON_H
#define CODEC_PROMISE_JSON_H

#include "codec/document.h"
#include "core/answer/promises.h"

enum { PROMISE_LIMIT = 5, PROMISE_LIMIT_MOST = 20 };

/* Texts point into the body or the arena. */
struct promise_request {
    struct text location, channel; /* empty: none said */
    bool is_near;
    int32_t latitude_e7, longitude_e7;
    uint64_t within_m; /* 0: any distance */
    uint32_t methods;  /* bits: those asked for */
    uint32_t limit;    /* options of each method */
    instant_t at;      /* of the order; INSTANT_NONE: now */
    size_t lines_count;
    const struct basket_line *lines;
};

/* ERROR_INVALID with problems, ERROR_NOMEM. @thread any */
int promise_from_json(struct text body, struct arena *a, struct promise_request *ret, struct problems *p);

#endif
