/* Who looks rows up: the table, the least such a design must do, and what anyone can install. All hold the
 * same rows under the same texts. */
#ifndef BENCH_TABLE_PEERS_H
#define BENCH_TABLE_PEERS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TEXT_BYTES = 13, KEY_BYTES = TEXT_BYTES + 4 };

/* One row to find. The peers' key is prepared outside of what is timed. */
struct question {
    char key[KEY_BYTES]; /* the SKU's text, then the location's number */
    uint32_t sku;
    uint32_t location;
    uint32_t nth; /* of the SKU's rows: only for who is told where a row lies */
};

struct row_line {
    uint64_t word[8];
} __attribute__((aligned(64)));

/* Sums the first two words of each row found, so that nothing can be left out and all sums can be compared.
 */
struct peer {
    const char *name;
    void *(*create)(size_t rows);
    void (*insert)(void *self, const struct question *q, const struct row_line *row);
    uint64_t (*find)(void *self, const struct question *q, size_t count);
    void (*change)(void *self, const struct question *q); /* the writer: the row's third word goes up */
    void (*attach)(void *self);                           /* a reading thread begins, and ends */
    void (*detach)(void *self);
};

extern const struct peer peer_ck_ht, peer_urcu, peer_tbb;

uint64_t peer_hash(const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif
#endif
