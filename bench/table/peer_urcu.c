/* liburcu's rculfhash, with the cheapest of its flavours for readers (qsbr). Node, key and row lie side by
 * side. */
#include "peers.h"

#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>
#include <urcu/rculfhash.h>

struct record {
    struct row_line row;
    struct cds_lfht_node node;
    char key[KEY_BYTES];
};

static void *create(size_t rows)
{
    unsigned long buckets = 1;

    while (buckets < rows)
        buckets *= 2;
    rcu_register_thread();
    struct cds_lfht *t = cds_lfht_new(buckets, buckets, 0, 0, NULL);
    rcu_unregister_thread();
    if (!t)
        abort();
    return t;
}

static void insert(void *self, const struct question *q, const struct row_line *row)
{
    struct record *r = aligned_alloc(64, sizeof(*r));

    if (!r)
        abort();
    r->row = *row;
    memcpy(r->key, q->key, KEY_BYTES);
    cds_lfht_node_init(&r->node);
    rcu_read_lock();
    cds_lfht_add(self, peer_hash(q->key, KEY_BYTES), &r->node);
    rcu_read_unlock();
}

static int match(struct cds_lfht_node *node, const void *key)
{
    return memcmp(caa_container_of(node, struct record, node)->key, key, KEY_BYTES) == 0;
}

static struct record *look(void *self, const struct question *q)
{
    struct cds_lfht_iter at;

    cds_lfht_lookup(self, peer_hash(q->key, KEY_BYTES), match, q->key, &at);
    struct cds_lfht_node *node = cds_lfht_iter_get_node(&at);
    if (!node)
        abort();
    return caa_container_of(node, struct record, node);
}

static uint64_t find(void *self, const struct question *q, size_t count)
{
    uint64_t sum = 0;

    for (size_t k = 0; k < count; k++) {
        rcu_read_lock();
        const struct record *r = look(self, &q[k]);
        sum += r->row.word[0] + r->row.word[1];
        rcu_read_unlock();
    }
    rcu_quiescent_state();
    return sum;
}

static void change(void *self, const struct question *q)
{
    __atomic_fetch_add(&look(self, q)->row.word[2], 1, __ATOMIC_RELAXED);
    rcu_quiescent_state();
}

static void attach(void *self)
{
    rcu_register_thread();
}

static void detach(void *self)
{
    rcu_unregister_thread();
}

const struct peer peer_urcu = {"liburcu rculfhash", create, insert, find, change, attach, detach};
