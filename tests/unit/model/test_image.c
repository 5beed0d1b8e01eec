/* Images: what is copied while the state changes is the state at the cut, and a state out of an image lives
 * on like the one it was taken from. */
#include "base/error.h"
#include "core/model/image.h"
#include "failing.h"
#include "story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct life {
    struct epoch *epoch;
    struct state *state;
    struct story story;
    struct story_record record;
    struct outcome outcome;
};

static struct life *life_begin(unsigned seed)
{
    struct life *l = calloc(1, sizeof(*l));
    l->epoch = epoch_create();
    l->state = state_create(l->epoch);
    l->story = story_begin(seed);
    assert_non_null(l->state);
    return l;
}

static void life_end(struct life *l)
{
    outcome_finish(&l->outcome);
    state_destroy(l->state);
    epoch_destroy(l->epoch);
    free(l);
}

static void live(struct life *l, int records)
{
    for (int i = 0; i < records; i++) {
        uint64_t offset = l->story.offset;
        story_tell(&l->story, &l->record);
        assert_int_equal(state_apply(l->state, &l->record.record, offset, l->story.now, &l->outcome), 0);
        epoch_poll(l->epoch, 64);
    }
}

/* ---- sections in memory ---- */

struct kept {
    size_t count, capacity;
    struct section {
        uint8_t kind;
        struct buffer bytes;
    } * at;
    long fails_at; /* the section at which writing fails; negative: none */
};

static int keep(void *context, uint8_t kind, const void *bytes, size_t length)
{
    struct kept *k = context;

    if (k->fails_at >= 0 && (long)k->count >= k->fails_at)
        return ERROR_IO;
    if (k->count == k->capacity) {
        k->capacity = k->capacity ? 2 * k->capacity : 64;
        k->at = realloc(k->at, k->capacity * sizeof(*k->at));
    }
    k->at[k->count] = (struct section){.kind = kind};
    buffer_add(&k->at[k->count++].bytes, bytes, length);
    return 0;
}

static void kept_finish(struct kept *k)
{
    for (size_t i = 0; i < k->count; i++)
        buffer_finish(&k->at[i].bytes);
    free(k->at);
    *k = (struct kept){.fails_at = -1};
}

static int load(struct state *s, const struct kept *k, struct hash128 *ret_digest)
{
    for (size_t i = 0; i < k->count; i++) {
        int error = image_load(s, k->at[i].kind, k->at[i].bytes.at, k->at[i].bytes.length);
        if (error)
            return error;
    }
    return image_load_finish(s, ret_digest);
}

static bool same(struct hash128 a, struct hash128 b)
{
    return a.high == b.high && a.low == b.low;
}

static struct life *life_from(const struct kept *k, const struct story *at, struct hash128 expected)
{
    struct life *l = life_begin(0);
    struct hash128 digest;

    assert_int_equal(load(l->state, k, &digest), 0);
    assert_true(same(digest, expected));
    assert_true(same(state_digest(l->state), expected));
    l->story = *at;
    return l;
}

static struct hash128 finish_image(struct state *s)
{
    struct hash128 digest;
    int more;

    while ((more = image_step(s, 1 << 16, &digest)) == 1)
        ;
    assert_int_equal(more, 0);
    return digest;
}

/* ---- the tests ---- */

static void replicas_with_other_hash_seeds_have_equal_digests(void **unused)
{
    struct hash128 digests[40];

    for (uint64_t seed = 1; seed <= 3; seed++) {
        hash_seed(seed);
        struct life *l = life_begin(99);
        for (int i = 0; i < 40; i++) {
            live(l, 75);
            if (seed == 1)
                digests[i] = state_digest(l->state);
            else
                assert_true(same(digests[i], state_digest(l->state)));
        }
        assert_true(l->state->counts.applied > 1000 && l->state->counts.duplicate > 50 &&
                    l->state->counts.rejected > 50);
        life_end(l);
    }
}

static void every_record_changes_the_digest(void **unused)
{
    struct life *l = life_begin(5);
    struct hash128 before = state_digest(l->state);

    for (int i = 0; i < 500; i++) {
        live(l, 1);
        struct hash128 after = state_digest(l->state);
        assert_false(same(before, after));
        before = after;
    }
    life_end(l);
}

static void an_image_made_while_the_state_changes_is_the_state_at_the_cut(void **unused)
{
    unsigned seed = 8;

    for (unsigned round = 0; round < 12; round++) {
        struct life *l = life_begin(round);
        struct kept k = {.fails_at = -1};
        struct hash128 digest = {0, 0};
        live(l, 100 + (int)round * 150);
        struct hash128 at_cut = state_digest(l->state);
        struct story story = l->story;
        assert_int_equal(image_begin(l->state, keep, &k), 0);
        assert_int_equal(image_begin(l->state, keep, &k), ERROR_BUSY);
        int more = 1;
        for (int i = 0; i < 100000 && more == 1; i++) {
            live(l, rand_r(&seed) % 4);
            more = image_step(l->state, (size_t)rand_r(&seed) % (1 + round * 400), &digest);
        }
        assert_int_equal(more, 0);
        assert_true(same(digest, at_cut));
        struct life *other = life_from(&k, &story, at_cut);
        while (other->story.offset < l->story.offset)
            live(other, 1);
        assert_true(same(state_digest(other->state), state_digest(l->state)));
        kept_finish(&k);
        life_end(other);
        life_end(l);
    }
}

static void what_comes_out_of_an_image_lives_on_alike(void **unused)
{
    struct life *lived = life_begin(31), *other = NULL;
    struct kept k = {.fails_at = -1};

    for (int generation = 0; generation < 12; generation++) {
        live(lived, 60);
        assert_int_equal(image_begin(lived->state, keep, &k), 0);
        struct hash128 digest = finish_image(lived->state);
        other = life_from(&k, &lived->story, digest);
        kept_finish(&k);
        for (int i = 0; i < 150; i++) {
            live(lived, 1);
            live(other, 1);
            assert_int_equal(lived->outcome.verdicts_count, other->outcome.verdicts_count);
            assert_memory_equal(lived->outcome.verdicts, other->outcome.verdicts,
                                lived->outcome.verdicts_count * sizeof(struct event_verdict));
            assert_int_equal(lived->outcome.changes_count, other->outcome.changes_count);
            assert_int_equal(lived->outcome.alerts_count, other->outcome.alerts_count);
            assert_true(same(state_digest(lived->state), state_digest(other->state)));
        }
        life_end(lived); /* the next image is taken from the one that came out of this */
        lived = other;
    }
    life_end(lived);
}

static size_t ledgers_at_rest(const struct state *s)
{
    struct row_image rows[64];
    size_t resting = 0;

    for (uint32_t i = 0; i < table_sku_count(s->table); i++) {
        size_t count = sku_read_all(s->table, table_sku(s->table, i), rows, 64);
        assert_true(count <= 64);
        for (size_t k = 0; k < count; k++)
            resting += row_rests(&rows[k]) || (row_rare(&rows[k]) && !row_rare(&rows[k])->ledger);
    }
    return resting;
}

/* Without accounts and fences they rest; what touches a row wakes its ledger, an image does not. */
static void ledgers_of_an_image_rest_until_they_are_wanted(void **unused)
{
    struct life *l = life_begin(31);
    struct kept k = {.fails_at = -1};

    live(l, 40);
    assert_int_equal(image_begin(l->state, keep, &k), 0);
    struct life *other = life_from(&k, &l->story, finish_image(l->state));
    size_t resting = ledgers_at_rest(other->state);
    assert_true(resting > 0);
    assert_int_equal(ledgers_at_rest(l->state), 0);
    state_digest(other->state);
    assert_int_equal(ledgers_at_rest(other->state), resting);
    live(l, 600);
    live(other, 600);
    assert_true(ledgers_at_rest(other->state) < resting);
    assert_true(same(state_digest(l->state), state_digest(other->state)));
    kept_finish(&k);
    life_end(other);
    life_end(l);
}

static void an_abandoned_image_leaves_nothing_behind(void **unused)
{
    struct life *l = life_begin(1);
    struct kept k = {.fails_at = -1};
    struct hash128 digest;

    live(l, 300);
    assert_int_equal(image_begin(l->state, keep, &k), 0);
    live(l, 10);
    assert_int_equal(image_step(l->state, 1, &digest), 1);
    image_abandon(l->state);
    live(l, 100);
    kept_finish(&k);
    assert_int_equal(image_begin(l->state, NULL, NULL), 0);
    assert_true(same(finish_image(l->state), state_digest(l->state)));
    assert_int_equal(image_step(l->state, 1, &digest), ERROR_NOTFOUND);
    life_end(l);
}

static void a_failed_write_is_told_once_and_ends_the_image(void **unused)
{
    for (long fails_at = 0; fails_at < 40; fails_at++) {
        struct life *l = life_begin(1);
        struct kept k = {.fails_at = fails_at};
        struct hash128 digest;
        live(l, 200);
        int error = image_begin(l->state, keep, &k);
        for (int more = 1; !error && more == 1;) {
            live(l, 1);
            more = image_step(l->state, 500, &digest);
            error = more < 0 ? more : 0;
            assert_int_not_equal(more, 0);
        }
        assert_int_equal(error, ERROR_IO);
        kept_finish(&k);
        assert_int_equal(image_begin(l->state, keep, &k), 0);
        finish_image(l->state);
        kept_finish(&k);
        life_end(l);
    }
}

static void want_of_memory_ends_the_image_not_the_state(void **unused)
{
    struct life *l = life_begin(6);
    bool enough = false;

    live(l, 400);
    struct hash128 expected = state_digest(l->state);
    for (long allowed = 0; !enough; allowed++) {
        struct hash128 digest;
        failing_left = allowed;
        int error = image_begin(l->state, NULL, NULL);
        for (int more = 1; !error && more == 1; error = more < 0 ? more : 0)
            more = image_step(l->state, 1000, &digest);
        enough = failing_left > 0;
        failing_left = -1;
        assert_true(error == ERROR_NOMEM || (error == 0 && same(digest, expected)));
        assert_null(l->state->image);
    }
    life_end(l);
}

static void want_of_memory_while_loading_is_told(void **unused)
{
    struct life *l = life_begin(6);
    struct kept k = {.fails_at = -1};
    bool enough = false;

    live(l, 150);
    assert_int_equal(image_begin(l->state, keep, &k), 0);
    struct hash128 expected = finish_image(l->state), digest;
    for (long allowed = 0; !enough; allowed += 1 + allowed / 64) {
        struct life *other = life_begin(0);
        failing_left = allowed;
        int error = load(other->state, &k, &digest);
        enough = failing_left > 0;
        failing_left = -1;
        assert_true(error == ERROR_NOMEM || (error == 0 && same(digest, expected)));
        life_end(other);
    }
    kept_finish(&k);
    life_end(l);
}

/* Loads sections of which one was changed: an error, or another digest. */
static void load_damaged(const struct kept *k, struct hash128 expected)
{
    struct life *other = life_begin(0);
    struct hash128 digest;
    int error = load(other->state, k, &digest);

    assert_true(error == ERROR_CORRUPT || error == ERROR_LEVEL || (error == 0 && !same(digest, expected)));
    life_end(other);
}

static void damaged_sections_are_refused_or_seen(void **unused)
{
    struct life *l = life_begin(12);
    struct kept k = {.fails_at = -1};
    unsigned seed = 3;

    live(l, 120);
    assert_int_equal(image_begin(l->state, keep, &k), 0);
    struct hash128 expected = finish_image(l->state);
    for (size_t i = 0; i < k.count; i++) {
        struct buffer *b = &k.at[i].bytes;
        struct buffer whole = *b;
        for (size_t length = 0; length < whole.length; length += 1 + length / 16) {
            b->length = length;
            load_damaged(&k, expected);
        }
        *b = whole;
        for (int flips = 0; flips < 60; flips++) {
            size_t bit = (size_t)rand_r(&seed) % (b->length * 8);
            b->at[bit / 8] ^= (char)(1 << bit % 8);
            load_damaged(&k, expected);
            b->at[bit / 8] ^= (char)(1 << bit % 8);
        }
        uint8_t kind = k.at[i].kind;
        for (int other_kind = 0; other_kind <= IMAGE_SECTION_END; other_kind++) {
            k.at[i].kind = (uint8_t)other_kind;
            if (other_kind != kind)
                load_damaged(&k, expected);
        }
        k.at[i].kind = kind;
    }
    for (size_t i = 0; i < k.count; i++) { /* one left out */
        struct section last = k.at[k.count - 1], gone = k.at[i];
        k.at[i] = last;
        k.count--;
        load_damaged(&k, expected);
        k.count++;
        k.at[i] = gone;
    }
    kept_finish(&k);
    life_end(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_with_other_hash_seeds_have_equal_digests),
        cmocka_unit_test(every_record_changes_the_digest),
        cmocka_unit_test(an_image_made_while_the_state_changes_is_the_state_at_the_cut),
        cmocka_unit_test(what_comes_out_of_an_image_lives_on_alike),
        cmocka_unit_test(ledgers_of_an_image_rest_until_they_are_wanted),
        cmocka_unit_test(an_abandoned_image_leaves_nothing_behind),
        cmocka_unit_test(a_failed_write_is_told_once_and_ends_the_image),
        cmocka_unit_test(want_of_memory_ends_the_image_not_the_state),
        cmocka_unit_test(want_of_memory_while_loading_is_told),
        cmocka_unit_test(damaged_sections_are_refused_or_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
