/* A server at a desk: where every test of the routes begins, and how it asks and what it expects. cmocka and
 * what it wants before it come along. */
#ifndef TESTS_HTTP_FRONT_H
#define TESTS_HTTP_FRONT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "desk.h"
#include "http/http.h"
#include "http/keys.h"
#include "talk.h"

#define JSON "Content-Type: application/json\r\n"

extern struct desk desk;
extern struct http *server;         /* NULL: none runs */
extern struct http_options options; /* of the next front_start */

/* ---- begin and end ---- */

/* A set-up without a server: a new desk, options that say nothing. */
int front_open(void **state);
/* A set-up with one. */
int front_set_up(void **state);
int front_tear_down(void **state);
/* Starts with `options`; where they say nothing: any port of loopback, one thread. Always at the desk. */
void front_start(void);
void front_stop(unsigned grace_ms);
/* Stops the server and starts another one at the same desk. */
void front_restart(void);

/* ---- keys ---- */

enum { KEY_HEADERS_BYTES = 200 };
/* A key that the server asks for after the next front_restart, as header lines; `more` stands behind it. The
 * file of keys goes with front_tear_down. NULL: bound to none. rate: requests a second; 0: no limit. */
void new_key(uint32_t scopes, const char *channels, const char *locations, uint32_t rate, const char *more,
             char ret_headers[KEY_HEADERS_BYTES]);

/* ---- asking ---- */

/* Free the answers, or give them to expect. `headers`: lines with CRLF. */
struct answer request(const char *method, const char *target, const char *headers, const char *body);
struct answer get(const char *target);
struct answer get_as(const char *target, const char *headers);
/* JSON. */
struct answer put(const char *target, const char *body);
struct answer post(const char *target, const char *body);
struct answer post_as(const char *target, const char *headers, const char *body);
struct answer delete_at(const char *target);
/* Fails unless it was made: 201. */
void put_new(const char *target, const char *body);
/* Fails unless it was made or replaced: 201 or 200. */
void put_done(const char *target, const char *body);
/* Says a count to the desk: of 2026-11-21, at `hhmm` in UTC. */
void count_at(const char *sku, const char *place, const char *quantity, const char *hhmm);

/* ---- expecting ---- */

/* Fails unless it has this status and `part` is in its body (NULL: whatever its body); frees it. */
void expect(struct answer a, int status, const char *part);
void expect_status(struct answer a, int status);
/* `value` NULL: the header must not be there. */
void expect_header(const struct answer *a, const char *name, const char *value);

#endif
