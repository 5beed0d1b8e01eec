/* A small blocking HTTP/1.1 client: one connection that is kept, one request at a time. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/buffer.h"
#include "base/options.h"
#include "cli/answer_reader.h"

struct client;

enum { CLIENT_DETAIL_BYTES = 300, CLIENT_ETAG_BYTES = ANSWER_ETAG_BYTES };

struct client_answer {
    int status;
    char content_type[64];
    unsigned retry_after_seconds;
    struct buffer body; /* of the answer; cleared by each request */
};

struct client_request {
    const char *method;       /* "GET" */
    const char *target;       /* "/v1/availability/SKU-1?detail=true" */
    const char *content_type; /* of the body; NULL: there is none */
    struct text body;
    const char *headers; /* more header lines, each with CRLF; NULL: none */
    const struct answer_body
        *stream; /* takes the body of an answer below 300 instead of ret_answer->body; may be NULL */
};

/* From --url, --api-key, --api-key-file and --timeout-seconds. Connects at the first request. 0,
 * ERROR_INVALID (`detail` says what is wrong with the URL or the key), ERROR_IO (the file of the key),
 * ERROR_NOMEM. */
int client_create(const struct settings *s, struct client **ret_client, char detail[CLIENT_DETAIL_BYTES]);
/* Takes NULL. */
void client_destroy(struct client *c);

/* Sends and waits for the whole answer. When a kept connection turns out to be closed before the first byte
 * came back, the request is sent once more on a new one (events carry ids, so that is harmless). 0 whatever
 * the status is; ERROR_UNAVAILABLE: cannot connect; ERROR_TIMEOUT; ERROR_IO: broken off; ERROR_INVALID: not
 * an HTTP answer; ERROR_NOMEM. client_detail says more. *ret_answer must be zero-initialised at first and its
 * body finished by the caller. */
int client_send(struct client *c, const struct client_request *r, struct client_answer *ret_answer);
const char *client_detail(const struct client *c);

/* What stood in the head of the last answer, also while its body is being taken. */
struct client_head {
    char etag[CLIENT_ETAG_BYTES];
    uint64_t content_length;
    uint64_t range_from, range_total; /* of a 206; 0: not said */
    bool taken;                       /* some of the body was taken already */
};
struct client_head client_head(const struct client *c);

/* As client_send, but waits and asks again, within the timeout, while the server says 429 or 503. */
int client_send_patiently(struct client *c, const struct client_request *r, struct client_answer *ret_answer);

/* GET of a target. */
int client_get(struct client *c, const char *target, struct client_answer *ret_answer);

/* Adds a text percent-encoded for a path or a query. */
void url_put(struct buffer *out, struct text t);
/* One more parameter of the query; nothing for an empty value. */
void url_query(struct buffer *out, const char *name, const char *value);

#endif
