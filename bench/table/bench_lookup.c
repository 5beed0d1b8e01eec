/* How long one row takes to read in process, beside the least it must take and beside what anyone can
 * install.
 *
 *   bench_lookup [rows [rounds [file.json [alone]]]]      10,000,000 rows, 5 rounds
 *
 * `alone` leaves out what is installed and the table of twenty locations, for work on the lookup itself.
 *
 * Ten locations a SKU, drawn from a thousand; rows come in scattered order; questions are uniform. While one
 * is measured a writer changes 100,000 rows a second of the same one. Rounds are interleaved and the best of
 * each is kept; all must find the same rows. */
#include "base/hash.h"
#include "base/text.h"
#include "core/table/latch.h"
#include "core/table/pages.h"
#include "core/table/read.h"
#include "core/table/table.h"
#include "peers.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LOCATIONS = 1000, QUESTIONS = 1 << 20, BATCH = 16, ROUNDS = 5, ROUNDS_MOST = 100 };

static double clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

uint64_t peer_hash(const void *bytes, size_t length)
{
    return hash_text((struct text){bytes, length});
}

static uint64_t mix(uint64_t v)
{
    v = (v ^ v >> 30) * 0xBF58476D1CE4E5B9u;
    v = (v ^ v >> 27) * 0x94D049BB133111EBu;
    return v ^ v >> 31;
}

/* ---- the rows: a SKU's text looks like an EAN, its nth location is one of its own stretch of the thousand
 * ---- */

static struct question question(uint32_t sku, uint32_t nth, uint32_t per_sku)
{
    uint32_t stretch = LOCATIONS / per_sku;
    struct question q = {.sku = sku, .nth = nth};
    char text[TEXT_BYTES + 1];

    q.location = nth * stretch + (uint32_t)(mix((uint64_t)sku * 64 + nth) % stretch);
    snprintf(text, sizeof(text), "40%011u", sku * 2654435761u);
    memcpy(q.key, text, TEXT_BYTES);
    memcpy(q.key + TEXT_BYTES, &q.location, sizeof(q.location));
    return q;
}

static struct row_line row_of(const struct question *q)
{
    return (struct row_line){{q->location, (uint64_t)q->sku * 1000 + q->nth}};
}

static struct text text_of_question(const struct question *q)
{
    return (struct text){q->key, TEXT_BYTES};
}

static void fill(const struct peer *p, void *self, size_t rows, uint32_t per_sku)
{
    size_t at = 0;

    for (size_t k = 0; k < rows; k++) {
        struct question q = question((uint32_t)(at / per_sku), (uint32_t)(at % per_sku), per_sku);
        struct row_line row = row_of(&q);
        p->insert(self, &q, &row);
        at = (at + 7368787) % rows; /* a prime: comes by every row once */
    }
}

static struct question *ask(size_t rows, uint32_t per_sku)
{
    struct question *all = malloc(QUESTIONS * sizeof(*all));
    uint64_t seed = 42;

    for (size_t k = 0; all && k < QUESTIONS; k++) {
        uint64_t at = mix(seed += 0x9E3779B97F4A7C15u) % rows;
        all[k] = question((uint32_t)(at / per_sku), (uint32_t)(at % per_sku), per_sku);
    }
    return all;
}

/* ---- the least: hash the text, an index entry of 16 bytes, a line; told where among the SKU's rows it lies;
 * no texts compared ---- */

struct bare {
    size_t mask, per_sku;
    struct {
        uint64_t hash, first;
    } * entries;
    struct row_line *lines;
};

static void *bare_create_for(size_t rows, size_t per_sku)
{
    struct bare *b = calloc(1, sizeof(*b));
    size_t entries = 64;

    while (b && entries < rows / per_sku * 3 / 2)
        entries *= 2;
    if (!b)
        return NULL;
    *b = (struct bare){.mask = entries - 1, .per_sku = per_sku};
    b->entries = pages_map(entries * sizeof(b->entries[0]), HUGE_PAGE_BYTES, true);
    b->lines = pages_map(rows * sizeof(b->lines[0]), HUGE_PAGE_BYTES, true);
    if (!b->entries || !b->lines)
        abort();
    return b;
}

static void *bare_create(size_t rows)
{
    return bare_create_for(rows, 10);
}

static inline struct row_line *bare_line(const struct bare *b, uint64_t hash, uint32_t nth)
{
    size_t at = hash & b->mask;

    while (b->entries[at].hash != hash)
        at = (at + 1) & b->mask;
    return &b->lines[b->entries[at].first + nth];
}

static void bare_insert(void *self, const struct question *q, const struct row_line *row)
{
    struct bare *b = self;
    uint64_t hash = hash_text(text_of_question(q));
    size_t at = hash & b->mask;

    while (b->entries[at].hash && b->entries[at].hash != hash)
        at = (at + 1) & b->mask;
    b->entries[at].hash = hash;
    b->entries[at].first = q->sku * b->per_sku;
    b->lines[b->entries[at].first + q->nth] = *row;
}

static uint64_t bare_find(void *self, const struct question *q, size_t count)
{
    uint64_t sum = 0;

    for (size_t k = 0; k < count; k++) {
        const struct row_line *row = bare_line(self, hash_text(text_of_question(&q[k])), q[k].nth);
        sum += row->word[0] + row->word[1];
    }
    return sum;
}

static uint64_t bare_find_batch(void *self, const struct question *q, size_t count)
{
    const struct bare *b = self;
    uint64_t sum = 0, hash[BATCH];
    const struct row_line *row[BATCH];

    for (size_t k = 0; k < count; k += BATCH) {
        for (int j = 0; j < BATCH; j++) {
            hash[j] = hash_text(text_of_question(&q[k + j]));
            __builtin_prefetch(&b->entries[hash[j] & b->mask]);
        }
        for (int j = 0; j < BATCH; j++) {
            row[j] = bare_line(b, hash[j], q[k + j].nth);
            __builtin_prefetch(row[j]);
        }
        for (int j = 0; j < BATCH; j++)
            sum += row[j]->word[0] + row[j]->word[1];
    }
    return sum;
}

static void bare_change(void *self, const struct question *q)
{
    __atomic_fetch_add(&bare_line(self, hash_text(text_of_question(q)), q->nth)->word[2], 1,
                       __ATOMIC_RELAXED);
}

static void nothing(void *self) {}

/* ---- the table ---- */

struct onhand {
    struct epoch *epoch;
    struct epoch_reader *reader; /* of the one reading thread */
    struct table *table;
};

static void *onhand_create(size_t rows)
{
    struct onhand *o = calloc(1, sizeof(*o));

    if (!o)
        abort();
    o->epoch = epoch_create();
    o->reader = epoch_register(o->epoch);
    o->table = table_create(&(struct table_options){.epoch = o->epoch});
    if (!o->table)
        abort();
    return o;
}

static void onhand_destroy(struct onhand *o)
{
    table_destroy(o->table);
    epoch_destroy(o->epoch);
    free(o);
}

static void onhand_insert(void *self, const struct question *q, const struct row_line *row)
{
    struct onhand *o = self;
    struct sku *s = table_add(o->table, text_of_question(q), hash_text(text_of_question(q)));
    struct row_image image;

    memcpy(&image, row, sizeof(image));
    if (!s || table_publish(o->table, s, &image, 1) != 0)
        abort();
}

static inline uint64_t onhand_one(const struct onhand *o, const struct question *q)
{
    struct row_image row;

    if (!table_read(o->table, text_of_question(q), q->location, &row))
        abort();
    return row.word[0] + row.word[1];
}

/* A section lasts for sixteen, as it would for a request. */
static uint64_t onhand_find(void *self, const struct question *q, size_t count)
{
    const struct onhand *o = self;
    uint64_t sum = 0;

    for (size_t k = 0; k < count; k += BATCH) {
        epoch_enter(o->reader);
        for (size_t j = 0; j < BATCH; j++)
            sum += onhand_one(o, &q[k + j]);
        epoch_exit(o->reader);
    }
    return sum;
}

/* By table_find, then sku_read: what a caller does who does not know the location when it looks up the SKU.
 */
static uint64_t onhand_find_plain(void *self, const struct question *q, size_t count)
{
    const struct onhand *o = self;
    uint64_t sum = 0;

    for (size_t k = 0; k < count; k++) {
        struct row_image row;
        if (k % BATCH == 0)
            epoch_enter(o->reader);
        struct sku *s = table_find(o->table, text_of_question(&q[k]));
        if (!s || !sku_read(o->table, s, q[k].location, &row))
            abort();
        sum += row.word[0] + row.word[1];
        if (k % BATCH == BATCH - 1)
            epoch_exit(o->reader);
    }
    return sum;
}

static uint64_t onhand_find_batch(void *self, const struct question *q, size_t count)
{
    const struct onhand *o = self;
    struct table_ask asks[BATCH];
    struct row_image rows[BATCH];
    uint64_t sum = 0;

    for (size_t k = 0; k < count; k += BATCH) {
        epoch_enter(o->reader);
        for (size_t j = 0; j < BATCH; j++)
            asks[j] = (struct table_ask){text_of_question(&q[k + j]), q[k + j].location};
        if (table_read_many(o->table, asks, BATCH, rows) != BATCH)
            abort();
        for (size_t j = 0; j < BATCH; j++)
            sum += rows[j].word[0] + rows[j].word[1];
        epoch_exit(o->reader);
    }
    return sum;
}

/* All rows of each question's SKU. */
static uint64_t onhand_find_all(void *self, const struct question *q, size_t count)
{
    const struct onhand *o = self;
    struct row_image rows[64];
    uint64_t sum = 0;

    for (size_t k = 0; k < count; k++) {
        epoch_enter(o->reader);
        struct sku *s = table_find(o->table, text_of_question(&q[k]));
        size_t found = s ? sku_read_all(o->table, s, rows, 64) : 0;
        if (found == 0)
            abort();
        for (size_t j = 0; j < found; j++)
            sum += rows[j].word[0];
        epoch_exit(o->reader);
    }
    return sum;
}

static void onhand_change(void *self, const struct question *q)
{
    struct onhand *o = self;
    struct sku *s = table_find(o->table, text_of_question(q));
    struct row_image row;

    if (!s || !sku_peek(s, q->location, &row))
        abort();
    row.word[2]++;
    if (table_publish(o->table, s, &row, 1) != 0)
        abort();
}

/* The share of rows that stand where the hint says. */
static double at_home(const struct onhand *o)
{
    size_t home = 0, rows = 0;

    for (uint32_t k = 0; k < table_sku_count(o->table); k++) {
        const struct sku *s = table_sku(o->table, k);
        uint32_t capacity = block_capacity(s->block);
        for (uint32_t j = 0; j < s->count; j++, rows++) {
            uint32_t slot = order_slot(s->block, s->order, j),
                     location = (uint32_t)block_cells(s->block)[slot].word[ROW_WHO];
            home += slot == block_home(s->block, capacity, location);
        }
    }
    return (double)home / (double)rows;
}

/* ---- measuring ---- */

struct contest {
    const char *name, *label;
    const struct peer *peer;
    void *self;
    uint64_t (*find)(void *self, const struct question *q, size_t count);
    const struct question *questions;
    size_t count;
    double best_ns;
    uint64_t sum;
    double rounds_ns[ROUNDS_MOST];
    int rounds;
};

static struct {
    const struct contest *contest;
    _Atomic bool stop;
} writing;

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof(set), &set);
}

/* A hundred changes a millisecond. */
static void *write_on(void *unused)
{
    const struct contest *c = writing.contest;
    size_t at = 0;

    pin(1);
    c->peer->attach(c->self);
    while (!writing.stop) {
        for (int k = 0; k < 100; k++)
            c->peer->change(c->self, &c->questions[at = (at + 999983) % QUESTIONS]);
        nanosleep(&(struct timespec){.tv_nsec = 1000000 - 60000}, NULL);
    }
    c->peer->detach(c->self);
    return NULL;
}

static void measure(struct contest *c)
{
    pthread_t writer;

    writing.contest = c;
    writing.stop = false;
    c->peer->attach(c->self);
    (void)c->find(c->self, c->questions, 16384);
    if (pthread_create(&writer, NULL, write_on, NULL) != 0)
        abort();
    double begin =
        clock_ns(CLOCK_THREAD_CPUTIME_ID); /* what else the machine does is not ours: a lookup never sleeps */
    c->sum = c->find(c->self, c->questions, c->count);
    double took = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / (double)c->count;
    writing.stop = true;
    pthread_join(writer, NULL);
    c->peer->detach(c->self);
    c->rounds_ns[c->rounds++] = took;
    if (c->best_ns == 0 || took < c->best_ns)
        c->best_ns = took;
}

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long size, resident = 0;

    if (f && fscanf(f, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static const struct peer bare = {"the least", bare_create, bare_insert, bare_find,
                                 bare_change, nothing,     nothing},
                         onhand = {"onhand",      onhand_create, onhand_insert, onhand_find,
                                   onhand_change, nothing,       nothing};

enum {
    LEAST,
    ONHAND,
    ONHAND_PLAIN,
    LEAST_16,
    ONHAND_16,
    ONE_OF_20,
    ALL_20,
    SMALL_LEAST,
    SMALL_ONHAND,
    PEERS
};

static struct contest contests[PEERS + 3];
static size_t contests_count = PEERS;

static void set(int which, const char *name, const char *label, const struct peer *p, void *self,
                uint64_t (*find)(void *, const struct question *, size_t), const struct question *q,
                size_t count)
{
    contests[which] = (struct contest){name, label, p, self, find, q, count, 0, 0, {0}, 0};
}

static void *filled(const struct peer *p, size_t rows, uint32_t per_sku)
{
    double begin = clock_ns(CLOCK_MONOTONIC);
    void *self = p == &bare ? bare_create_for(rows, per_sku) : p->create(rows);

    p->attach(self);
    fill(p, self, rows, per_sku);
    p->detach(self);
    printf("filled %s with %zu rows in %.1f s\n", p->name, rows, (clock_ns(CLOCK_MONOTONIC) - begin) / 1e9);
    fflush(stdout);
    return self;
}

static void add_peer(const struct peer *p, const char *label, size_t rows, const struct question *q)
{
    set((int)contests_count++, p->name, label, p, filled(p, rows, 10), p->find, q, QUESTIONS);
}

static void set_others(struct onhand *of_20, size_t rows, const struct question *q,
                       const struct question *q_20)
{
    set(ONE_OF_20, "onhand, 20 locations a SKU: one row", "one_of_20", &onhand, of_20, onhand_find, q_20,
        QUESTIONS);
    set(ALL_20, "onhand, 20 locations a SKU: all", "all_20", &onhand, of_20, onhand_find_all, q_20,
        QUESTIONS / 4);
    add_peer(&peer_ck_ht, "ck_ht", rows, q);
#ifdef HAVE_URCU
    add_peer(&peer_urcu, "rculfhash", rows, q);
#endif
#ifdef HAVE_TBB
    add_peer(&peer_tbb, "tbb", rows, q);
#endif
}

static double ratio(int a, int b)
{
    return contests[a].best_ns / contests[b].best_ns;
}

static double best_peer_ns(void)
{
    double best = 1e18;
    for (size_t k = PEERS; k < contests_count; k++)
        best = contests[k].best_ns < best ? contests[k].best_ns : best;
    return best;
}

struct memory {
    double per_row, resident_per_row, home;
};

static void report(FILE *json, size_t rows, int rounds, const struct memory *m)
{
    const struct {
        const char *label, *text;
        double value, floor, goal;
    } lines[] = {
        {"one_row_to_least", "one row / the least", ratio(ONHAND, LEAST), 1.6, 1.2},
        {"batch_16_to_least", "batches of 16 / the least in batches of 16", ratio(ONHAND_16, LEAST_16), 1.6,
         1.1},
        {"one_row_to_best_peer", "one row / best peer", contests[ONHAND].best_ns / best_peer_ns(), 0.7, 0.4},
        {"all_20_to_20_lookups", "all 20 locations / 20 lookups",
         contests[ALL_20].best_ns / (20 * contests[ONE_OF_20].best_ns), 0.5, 0.15},
        {"growth_to_growth", "growth from a hundredth / the least's growth",
         ratio(ONHAND, SMALL_ONHAND) / ratio(LEAST, SMALL_LEAST), 1.3, 1.1},
        {"bytes_a_row", "bytes a row by the books", m->per_row, 150, 80},
        {"resident_bytes_a_row", "bytes a row resident", m->resident_per_row, 150, 80},
    };

    printf("\n%-48s %10s\n", "best of the rounds", "ns");
    fprintf(json, "{\"bench\":\"lookup\",\"rows\":%zu,\"rounds\":%d,\"ns\":{", rows, rounds);
    for (size_t k = 0; k < contests_count; k++) {
        if (!contests[k].peer)
            continue;
        printf("%-48s %10.1f\n", contests[k].name, contests[k].best_ns);
        fprintf(json, "%s\"%s\":[", k ? "," : "", contests[k].label);
        for (int round = 0; round < contests[k].rounds; round++)
            fprintf(json, "%s%.1f", round ? "," : "", contests[k].rounds_ns[round]);
        fprintf(json, "]");
    }
    printf("\n%-48s %10s %8s %8s\n", "", "measured", "floor", "goal");
    fprintf(json, "},\"rows_at_home\":%.3f,\"figures\":{", m->home);
    for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++) {
        if (!(lines[k].value > 0)) /* left out */
            continue;
        printf("%-48s %10.2f %8.2f %8.2f %s\n", lines[k].text, lines[k].value, lines[k].floor, lines[k].goal,
               lines[k].value <= lines[k].goal    ? "goal"
               : lines[k].value <= lines[k].floor ? "floor"
                                                  : "BELOW");
        fprintf(json, "%s\"%s\":%.3f", k ? "," : "", lines[k].label, lines[k].value);
    }
    printf("%-48s %10.3f\n", "rows at home", m->home);
    fprintf(json, "}}\n");
}

int main(int count, char **arguments)
{
    size_t rows = count > 1 ? strtoul(arguments[1], NULL, 10) : 10000000;
    int rounds = count > 2 ? atoi(arguments[2]) : ROUNDS;
    FILE *json = fopen(count > 3 ? arguments[3] : "/dev/null", "w");
    bool alone = count > 4;

    if (rows < 4000 || rows > 1000000000 || rounds < 1 || rounds > ROUNDS_MOST || !json) {
        fprintf(stderr, "usage: bench_lookup [rows, 4000 and more, [rounds [file.json [alone]]]]\n");
        return 2;
    }
    rows -= rows % 20;
    size_t small = rows / 100 - rows / 100 % 20;
    pin(0);
    struct question *q = ask(rows, 10), *q_small = ask(small, 10), *q_20 = ask(rows, 20);
    if (!q || !q_small || !q_20)
        return 1;
    struct memory m = {.resident_per_row = -resident_bytes()};
    struct onhand *table = filled(&onhand, rows, 10);
    m.resident_per_row = (m.resident_per_row + resident_bytes()) / (double)rows;
    m.per_row = (double)table_bytes(table->table) / (double)rows;
    m.home = at_home(table);
    struct bare *least = filled(&bare, rows, 10), *small_least = filled(&bare, small, 10);
    struct onhand *small_table = filled(&onhand, small, 10),
                  *of_20 = alone ? NULL : filled(&onhand, rows, 20);

    set(LEAST, "the least: hash, 16-byte entry, line", "least", &bare, least, bare_find, q, QUESTIONS);
    set(ONHAND, "onhand: table_read", "onhand", &onhand, table, onhand_find, q, QUESTIONS);
    set(ONHAND_PLAIN, "onhand: table_find, sku_read", "onhand_plain", &onhand, table, onhand_find_plain, q,
        QUESTIONS);
    set(LEAST_16, "the least in batches of 16", "least_16", &bare, least, bare_find_batch, q, QUESTIONS);
    set(ONHAND_16, "onhand in batches of 16", "onhand_16", &onhand, table, onhand_find_batch, q, QUESTIONS);
    set(SMALL_LEAST, "the least, a hundredth of the rows", "small_least", &bare, small_least, bare_find,
        q_small, QUESTIONS);
    set(SMALL_ONHAND, "onhand, a hundredth of the rows", "small_onhand", &onhand, small_table, onhand_find,
        q_small, QUESTIONS);
    if (!alone)
        set_others(of_20, rows, q, q_20);
    for (int round = 0; round < rounds; round++)
        for (size_t k = 0; k < contests_count; k++)
            if (contests[k].peer)
                measure(&contests[k]);
    for (size_t k = 0; k < contests_count; k++)
        if (contests[k].questions == q && contests[k].sum != contests[LEAST].sum) {
            fprintf(stderr, "%s found other rows\n", contests[k].name);
            return 1;
        }
    report(json, rows, rounds, &m);
    fclose(json);
    if (of_20)
        onhand_destroy(of_20);
    return 0;
}
