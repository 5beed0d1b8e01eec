/* How long the ten nearest stores with stock take to find among ten thousand, in process.
 *
 *   bench_near [rounds [file.json]]      5 rounds; about half a minute
 *
 * 10,000 stores, half of them in fifty towns, half anywhere in a country; 100 items with a row at each store,
 * of which a share has stock, or with rows only where there is stock; questions of one to three items from
 * anywhere in the country, another item each time. Beside it the least that must be done without an index:
 * the distance to every store, and the stock of the nearest until ten have it. Both must find the same
 * stores. Thread CPU time of each question; the best round's percentiles count. */
#include "base/hash.h"
#include "core/answer/finder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    STORES = 10000,
    ITEMS = 100,
    WANTED = 10,
    QUESTIONS = 2000,
    ROUNDS = 5,
    LINES_MOST = 3,
    E7 = 10000000
};

struct contest {
    const char *name;
    unsigned stocked; /* of a thousand stores */
    bool rows_everywhere;
    int lines;
    int first; /* item */
};

static const struct contest contests[] = {
    {"half_have_it", 500, true, 1, 0},
    {"a_tenth_has_it", 100, true, 1, 1},
    {"one_in_a_hundred_has_it", 10, false, 1, 2},
    {"one_in_a_hundred_has_it_all_have_rows", 10, true, 1, 3},
    {"three_in_a_hundred_have_it_all_have_rows", 30, true, 1, 4},
    {"ten_have_it", 1, false, 1, 5},
    {"basket_of_three_half_have_each", 500, true, 3, 0},
};
enum { CONTESTS = sizeof(contests) / sizeof(*contests), KINDS = 6 };

static struct view view;
static struct epoch *epoch;
static struct table *table;
static struct catalogue *catalogue;
static const struct sku *items[KINDS][ITEMS];
static unsigned seed = 17;

static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

/* ---- the country ---- */

static int32_t latitude(void)
{
    return 47 * E7 + (int32_t)any(8 * E7);
}

static int32_t longitude(void)
{
    return 6 * E7 + (int32_t)any(9 * E7);
}

static void open_stores(void)
{
    int32_t town[50][2];
    char id[16];

    for (int i = 0; i < 50; i++)
        town[i][0] = latitude(), town[i][1] = longitude();
    for (int i = 0; i < STORES; i++) {
        const int32_t *t = town[any(50)];
        bool in_town = i % 2;
        struct location l = {.enabled = true,
                             .has_position = true,
                             .latitude_e7 = in_town ? t[0] + (int32_t)any(E7 / 10) : latitude(),
                             .longitude_e7 = in_town ? t[1] + (int32_t)any(E7 / 6) : longitude()};
        struct event_verdict v;
        snprintf(id, sizeof(id), "store-%05d", i);
        if (catalogue_put_location(catalogue, &(struct reference_said){.id = text_of(id), .decoded = &l}, 1,
                                   1, STORES, &v))
            abort();
        epoch_poll(epoch, 100);
    }
}

static void fill(int kind, int item)
{
    static struct row_image rows[STORES];
    const struct contest *c = &contests[kind];
    char name[32];
    size_t count = 0;

    snprintf(name, sizeof(name), "item-%d-%d", kind, item);
    struct sku *s = table_add(table, text_of(name), hash_text(text_of(name)));
    for (uint32_t i = 0; i < STORES; i++) {
        bool stocked = any(1000) < c->stocked;
        if (stocked || c->rows_everywhere)
            rows[count++] = (struct row_image){.word = {row_who(i, 1), stocked ? 1000 * (1 + any(9)) : 0, 0,
                                                        0, 0, 0, row_version(1, 0, ROW_COUNTED), 0}};
    }
    if (!s || table_publish(table, s, rows, count))
        abort();
    items[kind][item] = s;
}

/* ---- a question ---- */

struct asked {
    int32_t latitude_e7, longitude_e7;
    struct finder_line lines[LINES_MOST];
};

static struct asked question(const struct contest *c)
{
    struct asked a = {latitude(), longitude(), {{0}}};

    for (int i = 0; i < c->lines; i++)
        a.lines[i] = (struct finder_line){items[c->first][(any(ITEMS / 3) * 3 + (unsigned)i) % ITEMS], 1000};
    return a;
}

static struct finder_room room;
static struct near_place found[WANTED + FINDER_TURN], stores[STORES];
static struct query_row rows[(WANTED + FINDER_TURN) * LINES_MOST];

static size_t ask_finder(const struct contest *c, const struct asked *a)
{
    struct question q = {0};
    struct finder f = {.view = &view,
                       .question = &q,
                       .room = &room,
                       .lines_count = (size_t)c->lines,
                       .lines = a->lines,
                       .near = near_from(a->latitude_e7, a->longitude_e7, 0)};
    return finder_find(&f, found, rows, WANTED);
}

static int in_order(const void *left, const void *right)
{
    const struct near_place *a = left, *b = right;
    return near_place_before(a, b) ? -1 : near_place_before(b, a);
}

/* Without an index. */
static size_t ask_plainly(const struct contest *c, const struct asked *a)
{
    struct near_question q = near_from(a->latitude_e7, a->longitude_e7, 0);
    struct question none = {0};
    struct query_row row;
    size_t count = 0;
    milli_t total;

    for (uint32_t i = 0; i < STORES; i++)
        stores[i] =
            (struct near_place){sphere_chord2(&q.from, &catalogue_location_at(catalogue, i)->point), i};
    qsort(stores, STORES, sizeof(*stores), in_order);
    for (size_t i = 0; i < STORES && count < WANTED; i++) {
        bool has = true;
        for (int line = 0; line < c->lines && has; line++) {
            query_locations(&view, a->lines[line].sku, &none, &stores[i].number, 1, &row, &total);
            has = row.figure.available >= a->lines[line].quantity;
        }
        if (has)
            found[count++] = stores[i];
    }
    return count;
}

/* ---- measuring ---- */

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_time(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

struct times {
    double p50_us, p99_us, mean_us;
    uint64_t sum; /* of what was found */
};

typedef size_t (*asker)(const struct contest *c, const struct asked *a);

static struct times measure(const struct contest *c, asker ask, unsigned first_seed, int count)
{
    static double took_us[QUESTIONS];
    struct times t = {0};

    seed = first_seed;
    for (int i = 0; i < count; i++) {
        struct asked a = question(c);
        double from = cpu_us();
        size_t places = ask(c, &a);
        took_us[i] = cpu_us() - from;
        t.mean_us += took_us[i] / count;
        for (size_t k = 0; k < places; k++)
            t.sum = t.sum * 31 + found[k].number;
    }
    qsort(took_us, (size_t)count, sizeof(*took_us), by_time);
    t.p50_us = took_us[count / 2];
    t.p99_us = took_us[count * 99 / 100];
    return t;
}

static struct times better(struct times a, struct times b)
{
    return a.mean_us && a.mean_us < b.mean_us ? a : b;
}

int main(int count, char **arguments)
{
    int rounds = count > 1 ? atoi(arguments[1]) : ROUNDS;
    FILE *json = fopen(count > 2 ? arguments[2] : "/dev/null", "w");

    if (rounds < 1 || rounds > 100 || !json) {
        fprintf(stderr, "usage: bench_near [rounds [file.json]]\n");
        return 2;
    }
    epoch = epoch_create();
    table = table_create(&(struct table_options){.epoch = epoch});
    catalogue = catalogue_create(epoch);
    view.table = table;
    view.catalogue = catalogue;
    open_stores();
    for (int kind = 0; kind < KINDS; kind++)
        for (int item = 0; item < ITEMS; item++)
            fill(kind, item);
    fprintf(json, "{\"stores\":%d,\"wanted\":%d,\"rounds\":%d,\"contests\":[", STORES, WANTED, rounds);
    printf("%-40s %8s %8s %8s   %10s\n", "the nearest 10 of 10,000", "p50 us", "p99 us", "mean us",
           "no index");
    for (int k = 0; k < (int)CONTESTS; k++) {
        const struct contest *c = &contests[k];
        struct times finder = {0}, plain = {0};
        for (int round = 0; round < rounds; round++) {
            finder = better(finder, measure(c, ask_finder, 99, QUESTIONS));
            plain = better(plain, measure(c, ask_plainly, 99, QUESTIONS / 20));
        }
        if (measure(c, ask_finder, 99, QUESTIONS / 20).sum != plain.sum) {
            fprintf(stderr, "%s: other stores were found\n", c->name);
            return 1;
        }
        printf("%-40s %8.1f %8.1f %8.1f   %10.1f\n", c->name, finder.p50_us, finder.p99_us, finder.mean_us,
               plain.mean_us);
        fprintf(json,
                "%s{\"name\":\"%s\",\"p50_us\":%.2f,\"p99_us\":%.2f,\"mean_us\":%.2f,\"no_index_us\":%.2f}",
                k ? "," : "", c->name, finder.p50_us, finder.p99_us, finder.mean_us, plain.mean_us);
    }
    fprintf(json, "]}\n");
    fclose(json);
    finder_room_finish(&room);
    table_destroy(table);
    catalogue_destroy(catalogue);
    epoch_destroy(epoch);
    return 0;
}
