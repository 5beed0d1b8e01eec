/* Bearer keys: who may do what. The file holds a line a key, and of a key's secret only the SHA-256.
 *
 * The file (mode 0600; written beside, synced, renamed; read again by a running server within about a second
 * of a change):
 *
 *     # onhand keys 1
 *     id=3f2a9c01d4e5b6a7 sha256=<64 hex digits> scopes=read,reserve channels=web locations=* rate=100
 * created=2026-11-21T10:05:00Z
 *
 * `channels` and `locations` are `*` (not bound) or a list; `rate` is requests a second with a second's worth
 * of burst, 0: no limit. A key as its holder has it is `onhand_<id>_<43 letters, digits, - and _>`; its
 * SHA-256 is that of all of it. */
#ifndef HTTP_KEYS_H
#define HTTP_KEYS_H

#include "base/text.h"

#include <stdio.h>

enum scope { SCOPE_READ = 1, SCOPE_RESERVE = 2, SCOPE_EVENTS = 4, SCOPE_ADMIN = 8 /* may everything */ };
enum {
    KEY_ID_BYTES = 16,
    KEY_TEXT_BYTES = 7 + KEY_ID_BYTES + 1 + 43,
    KEYS_MOST = 10000,
    KEY_LINE_BYTES_MOST = 8192
};

struct key_limit; /* how much a key has used, shared by all threads */

/* One key; belongs to its set and does not change. */
struct key {
    char id[KEY_ID_BYTES + 1];
    uint8_t sha256[32];
    uint32_t scopes; /* bits of enum scope */
    uint32_t rate;   /* requests a second; 0: no limit */
    char created[32];
    size_t channels_count; /* 0: not bound */
    struct text *channels;
    size_t locations_count; /* 0: not bound */
    struct text *locations;
    struct key_limit *limit; /* of a keyring's sets; else NULL */
    char *line;              /* what the texts point into */
};

/* ---- the file: for `onhand key` ---- */
struct key_request {
    uint32_t scopes;                  /* at least one */
    const char *channels, *locations; /* lists with commas; NULL or "*": not bound */
    uint32_t rate;
};
/* Adds a key to the file, which is made when it is not there. The whole key is in ret_text: it cannot be
 * shown again. ERROR_INVALID, ERROR_CORRUPT (a line is not a key), ERROR_LIMIT, ERROR_IO, ERROR_NOMEM;
 * `detail` says more. */
int key_create(const char *path, const struct key_request *r, char ret_text[KEY_TEXT_BYTES + 1], char *detail,
               size_t detail_size);
/* Calls `each` for every key of the file. ERROR_NOTFOUND: there is no file. */
int key_list(const char *path, void (*each)(void *context, const struct key *k), void *context, char *detail,
             size_t detail_size);
/* Takes a key out. ERROR_NOTFOUND: no such id. */
int key_revoke(const char *path, const char *id, char *detail, size_t detail_size);
/* "read,reserve" → bits; false when a name is not a scope or there is none. And back. */
bool scopes_parse(struct text t, uint32_t *ret_scopes);
size_t scopes_format(uint32_t scopes, char out[40]);

/* ---- a running server's keys ---- */
struct keyring; /* follows the file; thread-safe */
struct key_set; /* the keys as they were at one moment; immutable, counted */

int keyring_create(const char *path, struct keyring **ret_ring, char *detail, size_t detail_size);
void keyring_destroy(struct keyring *r);
/* Looks whether the file changed and reads it again; a file that cannot be read leaves the keys as they were.
 * @thread any */
void keyring_refresh(struct keyring *r);
/* The present keys, held until key_set_release. @thread any */
struct key_set *keyring_hold(struct keyring *r);
struct key_set *key_set_hold(struct key_set *s);
void key_set_release(struct key_set *s);

/* The key that `bearer` is, or NULL. Compares in constant time. @thread any */
const struct key *key_find(const struct key_set *s, struct text bearer);
/* Takes one request from the key's rate at the instant now_us (monotonic). False: too many, and in how many
 * seconds it may try. @thread any */
bool key_take(const struct key *k, int64_t now_us, unsigned *ret_retry_seconds);
bool key_may(const struct key *k, uint32_t scope);
/* May it speak for that channel (location)? Keys that are not bound may for all. */
bool key_has_channel(const struct key *k, struct text channel);
bool key_has_location(const struct key *k, struct text location);

#endif
