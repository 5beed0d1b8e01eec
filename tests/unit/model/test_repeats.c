/* Repeats by id and by sequence, the bounds of their memory, and that replicas and images forget the same. */
#include "base/error.h"
#include "core/model/repeats.h"
#include "core/model/repeats_image.h"
#include "core/model/id_memory.h"
#include "failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* An event whose texts live in one of a few buffers, used in turn. */
static struct event event(uint64_t id, instant_t at)
{
    static char buffers[8][32];
    static int turn;
    char *text = buffers[turn++ % 8];

    return (struct event){.id = {text, (size_t)snprintf(text, 32, "id-%llu", (unsigned long long)id)},
                          .has = HAS(id) | HAS(occurred_at),
                          .occurred_at = at};
}

static struct event numbered(const char *source, const char *session, uint64_t sequence, uint64_t id,
                             instant_t at)
{
    struct event e = event(id, at);

    e.source = text_of(source);
    e.session = text_of(session);
    e.sequence = sequence;
    e.has |= HAS(source) | HAS(sequence) | (session ? HAS(session) : 0);
    return e;
}

static enum repeat take(struct repeats *r, struct event e)
{
    enum repeat verdict = repeats_judge(r, &e);

    if (verdict == REPEAT_NEW || verdict == REPEAT_UNVERIFIED)
        assert_int_equal(repeats_remember(r, &e, e.occurred_at), 0);
    return verdict;
}

static void ids_are_known_until_they_are_too_many(void **unused)
{
    struct repeats *r = repeats_create(1, 1000);

    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(take(r, event(i, 100 + (instant_t)i)), REPEAT_NEW);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(take(r, event(i, 100 + (instant_t)i)), REPEAT_SEEN);
    assert_int_equal(take(r, event(1000, 50)),
                     REPEAT_NEW); /* late, but nothing was forgotten yet; forgets id 0 of 100 */
    assert_int_equal(take(r, event(1, 101)), REPEAT_SEEN);
    assert_int_equal(take(r, event(0, 100)),
                     REPEAT_UNVERIFIED); /* the repeat of what was forgotten; forgets id 1 */
    assert_int_equal(take(r, event(5000, 101)), REPEAT_UNVERIFIED); /* as old as that */
    assert_int_equal(take(r, event(5001, 2000)), REPEAT_NEW);
    assert_int_equal(repeats_stats(r).ids, 1000);
    repeats_destroy(r);
}

static void a_smaller_bound_is_reached_little_by_little(void **unused)
{
    struct repeats *r = repeats_create(1, 100000);

    for (uint64_t i = 0; i < 50000; i++)
        take(r, event(i, 10));
    repeats_resize(r, 20000);
    for (uint64_t i = 50000; i < 59999; i++)
        take(r, event(i, 20));
    assert_true(repeats_stats(r).ids > 20000);
    for (uint64_t i = 59999; i < 60010; i++)
        take(r, event(i, 20));
    assert_int_equal(repeats_stats(r).ids, 20000);
    assert_int_equal(take(r, event(40010, 10)), REPEAT_SEEN);
    assert_int_equal(take(r, event(40009, 10)), REPEAT_UNVERIFIED);
    repeats_destroy(r);
}

static void sequences_tell_whatever_the_order(void **unused)
{
    struct repeats *r = repeats_create(1, 1000);
    const uint64_t order[] = {5, 3, 9, 4, 1, 2000000, 1999999};

    for (size_t i = 0; i < 7; i++)
        assert_int_equal(take(r, numbered("till", "", order[i], order[i], 10)), REPEAT_NEW);
    assert_int_equal(take(r, numbered("till", "", 1999999, 1999999, 10)), REPEAT_SEEN);
    assert_int_equal(take(r, numbered("till", "", 9, 9, 10)),
                     REPEAT_SEEN); /* below the window: its id says so */
    assert_int_equal(take(r, numbered("till", "", 9, 99, 10)), REPEAT_NEW); /* below the window, another id */
    assert_int_equal(take(r, numbered("other", "", 5, 55, 10)), REPEAT_NEW);
    assert_int_equal(take(r, numbered("till", "b", 5, 56, 10)), REPEAT_NEW);
    assert_int_equal(take(r, numbered("till", "", 1999998, 9, 10)),
                     REPEAT_SEEN); /* a new number, but a known id */
    repeats_destroy(r);
}

static void the_window_is_exact_at_its_edges(void **unused)
{
    struct repeats *r = repeats_create(1, 4);
    uint64_t top = UINT64_C(3) << 20;

    take(r, numbered("s", "", top - (1 << 20) + 1, 1, 10));
    take(r, numbered("s", "", top - (1 << 20), 2, 10));
    take(r, numbered("s", "", top - 65535, 3, 10));
    take(r, numbered("s", "", top - 65536, 4, 10));
    take(r, numbered("s", "", top, 5, 10)); /* forgets id 1 */
    for (uint64_t i = 100; i < 104; i++)
        take(r, event(i, 11)); /* forgets the others: the window alone can tell */
    struct event edge = numbered("s", "", top - (1 << 20) + 1, 77, 10);
    assert_int_equal(repeats_judge(r, &edge), REPEAT_SEEN); /* in the window, its id not kept any more */
    edge = numbered("s", "", top - (1 << 20), 77, 12);
    assert_int_equal(repeats_judge(r, &edge), REPEAT_NEW); /* below: the id, and how old it is */
    edge = numbered("s", "", top - (1 << 20), 77, 10);
    assert_int_equal(repeats_judge(r, &edge), REPEAT_UNVERIFIED);
    edge = numbered("s", "", top - 65535, 77, 10);
    assert_int_equal(repeats_judge(r, &edge), REPEAT_SEQUENCE_REUSED);
    edge = numbered("s", "", top - 65535, 3, 10);
    assert_int_equal(repeats_judge(r, &edge), REPEAT_SEEN);
    edge = numbered("s", "", top - 65536, 77, 10);
    assert_int_equal(repeats_judge(r, &edge), REPEAT_SEEN);
    edge = numbered("s", "", top - 5, 77, 10);
    assert_int_equal(repeats_judge(r, &edge), REPEAT_NEW); /* old, unseen, but the window would know */
    repeats_destroy(r);
}

static void case_39_a_till_restarts_at_1(void **unused)
{
    struct repeats *r = repeats_create(1, 1000000);

    for (uint64_t n = 1; n <= 40000; n++)
        assert_int_equal(take(r, numbered("till-7", "2026-11", n, n, 10)), REPEAT_NEW);
    assert_int_equal(take(r, numbered("till-7", "2026-12", 1, 50001, 20)), REPEAT_NEW);
    assert_int_equal(take(r, numbered("till-7", "2026-11", 1, 50002, 20)), REPEAT_SEQUENCE_REUSED);
    assert_int_equal(take(r, numbered("till-7", "2026-11", 2, 50003, 20)), REPEAT_SEQUENCE_REUSED);
    assert_int_equal(take(r, numbered("till-7", "2026-11", 2, 2, 20)), REPEAT_SEEN);
    repeats_destroy(r);
}

static void gaps_are_counted_and_filled(void **unused)
{
    struct repeats *r = repeats_create(1, 1000);

    take(r, numbered("a", "", 10, 1, 1));
    assert_int_equal(repeats_stats(r).sequence_gaps, 0);
    take(r, numbered("a", "", 15, 2, 1));
    assert_int_equal(repeats_stats(r).sequence_gaps, 4);
    take(r, numbered("a", "", 12, 3, 1));
    take(r, numbered("a", "", 12, 3, 1));
    assert_int_equal(repeats_stats(r).sequence_gaps, 3);
    take(r, numbered("a", "", 7, 4, 1));
    assert_int_equal(repeats_stats(r).sequence_gaps, 5);
    take(r, numbered("b", "", UINT64_C(1) << 62, 5, 1));
    take(r, numbered("b", "", INT64_MAX, 6, 1)); /* a leap counts at most the window */
    assert_int_equal(repeats_stats(r).sequence_gaps, 5 + (1 << 20));
    repeats_destroy(r);
}

static void sources_are_bounded_and_the_longest_silent_goes_first(void **unused)
{
    struct repeats *r = repeats_create(1, 8);
    char name[16];

    repeats_bound_sources(r, 16, 1 << 30);
    for (uint64_t i = 0; i < 16; i++) {
        snprintf(name, sizeof(name), "s%d", (int)i);
        take(r, numbered(name, "", 1, i, 100 + (instant_t)i));
    }
    take(r, numbered("s0", "", 2, 20, 200)); /* s1 is the longest silent now */
    take(r, numbered("new", "", 1, 21, 300));
    assert_int_equal(repeats_stats(r).sources, 16);
    assert_int_equal(take(r, numbered("s0", "", 1, 0, 100)), REPEAT_SEEN);
    /* s1 was forgotten with all it said up to 101: its numbers up to then prove nothing, and id 1 was
     * forgotten too */
    assert_int_equal(take(r, numbered("s1", "", 1, 1, 101)), REPEAT_UNVERIFIED);
    assert_int_equal(take(r, numbered("s1", "", 7, 30, 101)),
                     REPEAT_UNVERIFIED); /* known again, still unsure that far back */
    assert_int_equal(take(r, numbered("s1", "", 8, 31, 500)), REPEAT_NEW);
    repeats_bound_sources(r, 1000, 16 << 20);
    for (uint64_t i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "t%d", (int)i);
        take(r, numbered(name, "", 1, 1000 + i, 1000));
    }
    assert_int_equal(repeats_stats(r).sources, 1000);
    repeats_bound_sources(r, 100000, 1 << 20);
    for (uint64_t i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "u%d", (int)i);
        take(r, numbered(name, "", 1, 100000 + i, 1000));
    }
    assert_in_range(repeats_stats(r).sources, 100, 500); /* about 2.3 KB each */
    repeats_destroy(r);
}

/* ---- a seeded walk against plain arrays ---- */

enum { PLAIN_SOURCES = 3, PLAIN_NUMBERS = 300000, PLAIN_IDS = 5000 };

struct plain {
    uint64_t id[PLAIN_SOURCES][PLAIN_NUMBERS]; /* + 1; 0: not seen */
    uint64_t greatest[PLAIN_SOURCES];
    uint64_t queue[PLAIN_IDS];
    instant_t at[PLAIN_IDS];
    uint64_t count;
    instant_t forgotten_at;
};

static bool plain_knows(const struct plain *p, uint64_t id)
{
    uint64_t from = p->count > PLAIN_IDS ? p->count - PLAIN_IDS : 0;
    for (uint64_t i = from; i < p->count; i++)
        if (p->queue[i % PLAIN_IDS] == id)
            return true;
    return false;
}

static enum repeat plain_take(struct plain *p, int source, uint64_t n, uint64_t id, instant_t at)
{
    bool known = plain_knows(p, id);
    enum repeat verdict = REPEAT_NEW;

    if (known)
        return REPEAT_SEEN;
    if (p->id[source][n])
        verdict = n + 65536 > p->greatest[source] && p->id[source][n] != id + 1 ? REPEAT_SEQUENCE_REUSED
                                                                                : REPEAT_SEEN;
    if (verdict != REPEAT_NEW)
        return verdict;
    p->id[source][n] = id + 1;
    p->greatest[source] = n > p->greatest[source] ? n : p->greatest[source];
    if (p->count >= PLAIN_IDS && p->at[p->count % PLAIN_IDS] > p->forgotten_at)
        p->forgotten_at = p->at[p->count % PLAIN_IDS];
    p->queue[p->count % PLAIN_IDS] = id;
    p->at[p->count++ % PLAIN_IDS] = at;
    return verdict;
}

static void verdicts_agree_with_plain_arrays(void **unused)
{
    struct plain *p = calloc(1, sizeof(*p));
    struct repeats *r = repeats_create(9, PLAIN_IDS);
    static const char *const sources[] = {"a", "b", "c"};
    unsigned seed = 3;
    uint64_t base = 0;

    p->forgotten_at = INSTANT_NONE;
    for (int step = 0; step < 60000; step++) {
        int source = rand_r(&seed) % PLAIN_SOURCES;
        uint64_t back =
            rand_r(&seed) % 4 ? (uint64_t)(rand_r(&seed) % 1000) : (uint64_t)rand_r(&seed) % PLAIN_NUMBERS;
        base += 4;
        uint64_t n = (base + PLAIN_NUMBERS - back) % PLAIN_NUMBERS, id = (uint64_t)source * PLAIN_NUMBERS + n;
        if (rand_r(&seed) % 50 == 0)
            id += 10000000;
        instant_t at = 1000 + step;
        assert_int_equal(take(r, numbered(sources[source], "", n, id, at)), plain_take(p, source, n, id, at));
    }
    repeats_destroy(r);
    free(p);
}

/* ---- images ---- */

struct sections {
    struct buffer header;
    size_t count;
    struct {
        bool is_source;
        struct buffer bytes;
    } at[4096];
};

static void image_of(const struct repeats *r, struct sections *s)
{
    struct repeats_span span = repeats_span(r);

    *s = (struct sections){0};
    repeats_save_header(r, &s->header);
    for (uint64_t k = id_chunk_of(span.oldest); k <= id_chunk_of(span.next); k++) {
        repeats_save_ids(r, k, &span, &s->at[s->count].bytes);
        s->count += s->at[s->count].bytes.length > 0;
    }
    for (uint32_t n = 0; n < span.sources; n++) {
        repeats_save_source(r, n, &s->at[s->count].bytes);
        s->at[s->count].is_source = true;
        s->count += s->at[s->count].bytes.length > 0;
    }
}

static struct hash128 finish_image(struct sections *s)
{
    struct hash128 digest = hash128(s->header.at, s->header.length, 1);

    buffer_finish(&s->header);
    for (size_t i = 0; i < s->count; i++) {
        struct hash128 h = hash128(s->at[i].bytes.at, s->at[i].bytes.length, s->at[i].is_source);
        digest.low += h.low;
        digest.high += h.high;
        buffer_finish(&s->at[i].bytes);
    }
    return digest;
}

static struct bytes bytes_of(const struct buffer *b)
{
    return (struct bytes){b->at, b->length, false};
}

static struct repeats *loaded(const struct sections *s, size_t most)
{
    struct repeats *r = repeats_create(0, most);
    struct bytes in = bytes_of(&s->header);

    assert_int_equal(repeats_load_header(r, &in), 0);
    for (size_t i = s->count; i--;) { /* in another order than they were written */
        in = bytes_of(&s->at[i].bytes);
        assert_int_equal(s->at[i].is_source ? repeats_load_source(r, &in) : repeats_load_ids(r, &in), 0);
    }
    assert_int_equal(repeats_load_finish(r), 0);
    return r;
}

static struct hash128 digest_of(const struct repeats *r)
{
    struct sections *s = malloc(sizeof(*s));
    image_of(r, s);
    struct hash128 digest = finish_image(s);
    free(s);
    return digest;
}

static void assert_same(const struct repeats *a, const struct repeats *b)
{
    struct hash128 x = digest_of(a), y = digest_of(b);
    assert_true(x.low == y.low && x.high == y.high);
}

static struct event random_event(unsigned *seed, int step)
{
    static const char *const sources[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                          "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
    int source = rand_r(seed) % (1 + step % 20);
    uint64_t n = (uint64_t)step * 64 - (uint64_t)(rand_r(seed) % (step * 32 + 1));
    struct event e = numbered(sources[source], rand_r(seed) % 8 ? "" : "z", n, (uint64_t)rand_r(seed) % 60000,
                              step - rand_r(seed) % 100);

    if (rand_r(seed) % 4 == 0)
        e.has &= ~(uint32_t)HAS(sequence);
    return e;
}

static void what_comes_out_of_an_image_goes_on_alike(void **unused)
{
    struct repeats *lived = repeats_create(5, 9000), *other = NULL;
    struct sections *s = malloc(sizeof(*s));
    unsigned seed = 11;

    repeats_bound_sources(lived, 16, 1 << 20);
    for (int step = 1; step < 40000; step++) {
        struct event e = random_event(&seed, step);
        enum repeat verdict = take(lived, e);
        if (other)
            assert_int_equal(take(other, e), verdict);
        if (step % 4000 == 0) {
            if (other)
                assert_same(lived, other);
            repeats_destroy(other);
            image_of(lived, s);
            hash_seed(
                (uint64_t)step); /* another process has another seed: but its indexes are built by then */
            other = loaded(s, 9000);
            repeats_bound_sources(other, 16, 1 << 20);
            finish_image(s);
            assert_same(lived, other);
            repeats_destroy(lived);
            image_of(other, s);
            lived = loaded(s, 9000);
            repeats_bound_sources(lived, 16, 1 << 20);
            finish_image(s);
        }
    }
    repeats_destroy(lived);
    repeats_destroy(other);
    free(s);
}

static void want_of_memory_remembers_nothing(void **unused)
{
    for (long allowed = 0;; allowed++) {
        struct repeats *r = repeats_create(1, 100000), *twin = repeats_create(1, 100000);
        for (uint64_t i = 0; i < 12200; i++) { /* to where queue and index grow */
            take(r, numbered("a", "", i, i, 1));
            take(twin, numbered("a", "", i, i, 1));
        }
        bool enough = true;
        for (uint64_t i = 20000; i < 24300; i += 1) {
            struct event e = numbered("b", "", i * 300, i, 2);
            failing_left = allowed;
            int result = repeats_remember(r, &e, 2);
            enough = enough && failing_left != 0;
            failing_left = -1;
            assert_true(result == 0 || result == ERROR_NOMEM);
            if (result) {
                assert_int_equal(repeats_judge(r, &e), REPEAT_NEW);
                assert_int_equal(repeats_remember(r, &e, 2), 0);
            }
            assert_int_equal(repeats_remember(twin, &e, 2), 0);
        }
        assert_same(r, twin);
        repeats_destroy(r);
        repeats_destroy(twin);
        if (enough)
            break;
    }
}

static void after_reserve_remembering_cannot_fail(void **unused)
{
    static struct event events[4096];
    static char ids[4096][16], sources[4096][16];
    struct repeats *r = repeats_create(1, 100000);

    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 4096; i++) {
            events[i] = numbered("", "", (uint64_t)i * 1000, 0, 5);
            events[i].id = (struct text){ids[i], (size_t)snprintf(ids[i], 16, "%d-%d", round, i)};
            events[i].source =
                (struct text){sources[i], (size_t)snprintf(sources[i], 16, "%d", i % (round + 1))};
        }
        assert_int_equal(repeats_reserve(r, events, 4096), 0);
        failing_left = 0;
        for (int i = 0; i < 4096; i++)
            if (repeats_judge(r, &events[i]) == REPEAT_NEW)
                assert_int_equal(repeats_remember(r, &events[i], 5), 0);
        failing_left = -1;
    }
    repeats_destroy(r);
}

static void damaged_images_are_refused(void **unused)
{
    struct repeats *r = repeats_create(5, 3000);
    struct sections *s = malloc(sizeof(*s));
    unsigned seed = 4;

    for (int step = 1; step < 5000; step++)
        take(r, random_event(&seed, step));
    image_of(r, s);
    for (size_t i = 0; i < s->count; i++)
        for (size_t cut = 0; cut < s->at[i].bytes.length; cut += 1 + cut / 8) {
            struct repeats *other = repeats_create(0, 3000);
            struct bytes in = bytes_of(&s->header);
            assert_int_equal(repeats_load_header(other, &in), 0);
            in = (struct bytes){s->at[i].bytes.at, cut, false};
            assert_int_equal(s->at[i].is_source ? repeats_load_source(other, &in)
                                                : repeats_load_ids(other, &in),
                             ERROR_CORRUPT);
            repeats_destroy(other);
        }
    struct bytes header = bytes_of(&s->header);
    struct repeats *other = repeats_create(0, 3000);
    assert_int_equal(repeats_load_header(other, &header), 0);
    assert_int_equal(repeats_load_finish(other), ERROR_CORRUPT); /* nothing came */
    repeats_destroy(other);
    finish_image(s);
    free(s);
    repeats_destroy(r);
}

static void an_id_costs_at_most_forty_bytes(void **unused)
{
    struct repeats *r = repeats_create(1, 1000000);

    for (uint64_t i = 0; i < 2500000; i++) {
        struct event e = event(i, (instant_t)i);
        assert_int_equal(repeats_remember(r, &e, 0), 0);
    }
    struct repeats_stats s = repeats_stats(r);
    assert_int_equal(s.ids, 1000000);
    assert_true(s.ids_bytes <= 40 * s.ids);
    repeats_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_known_until_they_are_too_many),
        cmocka_unit_test(a_smaller_bound_is_reached_little_by_little),
        cmocka_unit_test(sequences_tell_whatever_the_order),
        cmocka_unit_test(the_window_is_exact_at_its_edges),
        cmocka_unit_test(case_39_a_till_restarts_at_1),
        cmocka_unit_test(gaps_are_counted_and_filled),
        cmocka_unit_test(sources_are_bounded_and_the_longest_silent_goes_first),
        cmocka_unit_test(verdicts_agree_with_plain_arrays),
        cmocka_unit_test(what_comes_out_of_an_image_goes_on_alike),
        cmocka_unit_test(want_of_memory_remembers_nothing),
        cmocka_unit_test(after_reserve_remembering_cannot_fail),
        cmocka_unit_test(damaged_images_are_refused),
        cmocka_unit_test(an_id_costs_at_most_forty_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
