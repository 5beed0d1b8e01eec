/* Locations, groups, channels, items: who wins, what groups have, and that want of memory changes nothing. */
#include "base/error.h"
#include "base/hash.h"
#include "core/model/catalogue.h"
#include "failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { MOST = 1000 };

struct fixture {
    struct epoch *epoch;
    struct catalogue *catalogue;
};

static struct fixture begin(void)
{
    struct fixture f = {.epoch = epoch_create()};
    assert_non_null(f.epoch);
    f.catalogue = catalogue_create(f.epoch);
    assert_non_null(f.catalogue);
    return f;
}

static void end(struct fixture *f)
{
    catalogue_destroy(f->catalogue);
    epoch_destroy(f->epoch);
}

static uint32_t bare(struct fixture *f, const char *id)
{
    uint32_t number = INDEX_NONE;
    bool is_new;
    assert_int_equal(catalogue_location_add(f->catalogue, text_of(id), MOST, &number, &is_new), 0);
    return number;
}

static struct event_verdict put_location(struct fixture *f, const char *id, const char *name, instant_t at)
{
    struct location l = {.enabled = true, .name = text_of(name)};
    struct reference_said r = {.id = text_of(id), .document = TEXT("{}"), .decoded = &l};
    struct event_verdict v = {0};
    assert_int_equal(catalogue_put_location(f->catalogue, &r, at, (uint64_t)at, MOST, &v), 0);
    return v;
}

static struct event_verdict delete_location(struct fixture *f, const char *id, instant_t at)
{
    struct reference_said r = {.id = text_of(id), .deleted = true};
    struct event_verdict v = {0};
    assert_int_equal(catalogue_put_location(f->catalogue, &r, at, (uint64_t)at, MOST, &v), 0);
    return v;
}

enum { MEMBERS_MOST = 16 };

/* `members`: ids with spaces between. NULL deletes. */
static int try_group(struct fixture *f, const char *id, const char *members, instant_t at,
                     struct event_verdict *ret)
{
    struct text list[MEMBERS_MOST];
    struct group g = {.members = list};
    struct reference_said r = {.id = text_of(id), .document = TEXT("{}"), .decoded = &g, .deleted = !members};

    for (const char *at_member = members; at_member && *at_member;) {
        size_t length = strcspn(at_member, " ");
        list[g.members_count++] = (struct text){at_member, length};
        at_member += length + (at_member[length] == ' ');
    }
    return catalogue_put_group(f->catalogue, &r, at, (uint64_t)at, MOST, ret);
}

static struct event_verdict put_group(struct fixture *f, const char *id, const char *members, instant_t at)
{
    struct event_verdict v = {0};
    assert_int_equal(try_group(f, id, members, at, &v), 0);
    return v;
}

/* The ids of a group's locations with spaces between. */
static const char *locations_of(struct fixture *f, const char *id)
{
    static char text[512];
    const struct group *g = catalogue_group(f->catalogue, text_of(id));
    size_t length = 0;

    text[0] = '\0';
    for (uint32_t i = 0; g && i < g->locations_count; i++) {
        const struct location *l = catalogue_location_at(f->catalogue, g->locations[i]);
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%.*s", i ? " " : "",
                                   (int)l->id.length, l->id.at);
    }
    return text;
}

#define assert_verdict(v, expected_verdict, expected_reason) \
    do {                                                     \
        struct event_verdict got = (v);                      \
        assert_int_equal(got.verdict, expected_verdict);     \
        assert_int_equal(got.reason, expected_reason);       \
    } while (0)

static void bare_locations_become_registered(void **unused)
{
    struct fixture f = begin();
    uint32_t number;
    bool is_new;

    assert_int_equal(bare(&f, "s-1"), 0);
    assert_int_equal(bare(&f, "s-2"), 1);
    assert_int_equal(bare(&f, "s-1"), 0);
    assert_false(catalogue_location(f.catalogue, TEXT("s-1"))->registered);
    assert_true(catalogue_location(f.catalogue, TEXT("s-1"))->enabled);
    assert_verdict(put_location(&f, "s-1", "First", 10), VERDICT_APPLIED, REASON_NONE);
    const struct location *l = catalogue_location(f.catalogue, TEXT("s-1"));
    assert_true(l->registered && l->number == 0 && text_equal(l->name, TEXT("First")) && l->version == 10);
    assert_int_equal(catalogue_location_add(f.catalogue, TEXT("s-3"), 2, &number, &is_new), ERROR_LIMIT);
    assert_int_equal(catalogue_locations_count(f.catalogue), 2);
    end(&f);
}

static void the_newest_occurred_at_wins_at_a_tie_the_later(void **unused)
{
    struct fixture f = begin();

    assert_verdict(put_location(&f, "s", "ten", 10), VERDICT_APPLIED, REASON_NONE);
    assert_verdict(put_location(&f, "s", "nine", 9), VERDICT_SUPERSEDED, REASON_OLDER);
    assert_verdict(put_location(&f, "s", "ten again", 10), VERDICT_APPLIED, REASON_NONE);
    assert_true(text_equal(catalogue_location(f.catalogue, TEXT("s"))->name, TEXT("ten again")));
    assert_verdict(delete_location(&f, "s", 12), VERDICT_APPLIED, REASON_NONE);
    assert_verdict(put_location(&f, "s", "eleven", 11), VERDICT_SUPERSEDED, REASON_OLDER);
    const struct location *l = catalogue_location(f.catalogue, TEXT("s"));
    assert_true(l->deleted && !l->enabled && !l->registered);
    assert_verdict(delete_location(&f, "never", 12), VERDICT_APPLIED, REASON_NONE);
    assert_verdict(put_location(&f, "never", "eleven", 11), VERDICT_SUPERSEDED, REASON_OLDER);
    assert_int_equal(bare(&f, "s"), 0); /* a tombstone keeps its number and stays one */
    assert_true(catalogue_location_at(f.catalogue, 0)->deleted);
    assert_verdict(put_location(&f, "s", "back", 13), VERDICT_APPLIED, REASON_NONE);
    assert_true(catalogue_location(f.catalogue, TEXT("s"))->enabled);
    end(&f);
}

static void limits_are_refused_by_name(void **unused)
{
    struct fixture f = begin();
    struct location l = {.enabled = true};
    struct channel c = {.low_threshold = 3000};
    struct reference_said r = {.id = TEXT("one"), .decoded = &l};
    struct event_verdict v;

    assert_int_equal(catalogue_put_location(f.catalogue, &r, 1, 1, 0, &v), 0);
    assert_verdict(v, VERDICT_REJECTED, REASON_TOO_MANY_LOCATIONS);
    r.decoded = &c;
    assert_int_equal(catalogue_put_channel(f.catalogue, &r, 1, 1, 1, &v), 0);
    assert_verdict(v, VERDICT_APPLIED, REASON_NONE);
    r.id = TEXT("two");
    assert_int_equal(catalogue_put_channel(f.catalogue, &r, 1, 1, 1, &v), 0);
    assert_verdict(v, VERDICT_REJECTED, REASON_TOO_MANY_CHANNELS);
    r.id = TEXT("one");
    r.deleted = true;
    assert_int_equal(catalogue_put_channel(f.catalogue, &r, 2, 2, 1, &v), 0);
    assert_true(catalogue_channel(f.catalogue, TEXT("one"))->deleted);
    r = (struct reference_said){.id = TEXT("s")};
    assert_int_equal(catalogue_put_location(f.catalogue, &r, 2, 2, 1, &v), 0);
    assert_verdict(v, VERDICT_REJECTED, REASON_MALFORMED);
    end(&f);
}

static void one_reached_twice_counts_once_in_order_of_first_mention(void **unused)
{
    struct fixture f = begin();

    bare(&f, "a"), bare(&f, "b"), bare(&f, "c"), bare(&f, "d");
    put_group(&f, "south", "c b", 1);
    put_group(&f, "all", "d south a b c south", 1);
    assert_string_equal(locations_of(&f, "all"), "d c b a");
    put_group(&f, "south", "b", 2);
    assert_string_equal(locations_of(&f, "all"), "d b a c");
    put_group(&f, "south", NULL, 3);
    assert_string_equal(locations_of(&f, "all"), "d a b c");
    assert_verdict(put_group(&f, "south", "a b", 2), VERDICT_SUPERSEDED, REASON_OLDER);
    put_group(&f, "south", "", 4);
    assert_string_equal(locations_of(&f, "all"), "d a b c");
    end(&f);
}

static void members_come_later_leave_and_come_back(void **unused)
{
    struct fixture f = begin();

    put_group(&f, "top", "middle x", 1);
    put_group(&f, "middle", "inner y", 1);
    assert_string_equal(locations_of(&f, "top"), "");
    bare(&f, "y");
    assert_string_equal(locations_of(&f, "top"), "y");
    put_location(&f, "x", "", 5);
    assert_string_equal(locations_of(&f, "top"), "y x");
    put_group(&f, "inner", "z x", 1);
    assert_string_equal(locations_of(&f, "top"), "x y");
    bare(&f, "z");
    assert_string_equal(locations_of(&f, "top"), "z x y");
    delete_location(&f, "z", 6);
    assert_string_equal(locations_of(&f, "top"), "x y");
    put_location(&f, "z", "", 7);
    assert_string_equal(locations_of(&f, "top"), "z x y");
    end(&f);
}

static void a_group_goes_before_a_location_of_its_name(void **unused)
{
    struct fixture f = begin();

    bare(&f, "berlin"), bare(&f, "berlin-1");
    put_group(&f, "germany", "berlin", 1);
    assert_string_equal(locations_of(&f, "germany"), "berlin");
    put_group(&f, "berlin", "berlin-1", 1);
    assert_string_equal(locations_of(&f, "germany"), "berlin-1");
    put_group(&f, "berlin", NULL, 2);
    assert_string_equal(locations_of(&f, "germany"), "berlin");
    end(&f);
}

static void circles_are_refused_and_change_nothing(void **unused)
{
    struct fixture f = begin();

    bare(&f, "s");
    assert_verdict(put_group(&f, "self", "s self", 1), VERDICT_REJECTED, REASON_CYCLE);
    assert_null(catalogue_group(f.catalogue, TEXT("self")));
    put_group(&f, "a", "b s", 1);
    put_group(&f, "b", "c", 1);
    assert_verdict(put_group(&f, "c", "a", 1), VERDICT_REJECTED, REASON_CYCLE);
    assert_null(catalogue_group(f.catalogue, TEXT("c")));
    put_group(&f, "c", "s", 2);
    assert_verdict(put_group(&f, "c", "a", 3), VERDICT_REJECTED, REASON_CYCLE);
    assert_string_equal(locations_of(&f, "c"), "s");
    assert_int_equal(catalogue_group(f.catalogue, TEXT("c"))->changed_at, 2);
    put_group(&f, "b", "", 4); /* opens the chain */
    assert_verdict(put_group(&f, "c", "a", 5), VERDICT_APPLIED, REASON_NONE);
    assert_string_equal(locations_of(&f, "c"), "s");
    assert_int_equal(catalogue_groups_count(f.catalogue), 3);
    end(&f);
}

static void a_deep_chain_of_groups_needs_no_deep_stack(void **unused)
{
    struct fixture f = begin();
    char id[16], member[16];

    for (int i = 0; i < 900; i++) {
        snprintf(id, sizeof(id), "g%d", i);
        snprintf(member, sizeof(member), i ? "g%d" : "end", i - 1);
        put_group(&f, id, member, 1);
    }
    assert_string_equal(locations_of(&f, "g899"), "");
    bare(&f, "end");
    assert_string_equal(locations_of(&f, "g899"), "end");
    assert_verdict(put_group(&f, "g0", "g899", 2), VERDICT_REJECTED, REASON_CYCLE);
    end(&f);
}

/* ---- a seeded walk against a plain model ---- */

enum { NAMES = 12 };
struct model {
    bool location[NAMES], group[NAMES];
    int members_count[NAMES], members[NAMES][MEMBERS_MOST];
};

static void model_resolve(const struct model *m, int group, char *out, bool *seen)
{
    for (int i = 0; i < m->members_count[group]; i++) {
        int member = m->members[group][i];
        if (m->group[member]) {
            model_resolve(m, member, out, seen);
        } else if (m->location[member] && !seen[member]) {
            seen[member] = true;
            sprintf(out + strlen(out), "%sn%d", *out ? " " : "", member);
        }
    }
}

static bool model_reaches(const struct model *m, int from, int to)
{
    for (int i = 0; i < m->members_count[from]; i++)
        if (m->members[from][i] == to ||
            (m->group[m->members[from][i]] && model_reaches(m, m->members[from][i], to)))
            return true;
    return false;
}

static void groups_agree_with_a_plain_model(void **unused)
{
    struct fixture f = begin();
    struct model m = {0};
    unsigned seed = 7;

    for (int step = 1; step < 20000; step++) {
        int n = rand_r(&seed) % NAMES, what = rand_r(&seed) % 10;
        char id[16], members[128] = "";
        snprintf(id, sizeof(id), "n%d", n);
        if (what < 2) {
            put_location(&f, id, "", step);
            m.location[n] = true;
        } else if (what < 3) {
            delete_location(&f, id, step);
            m.location[n] = false;
        } else if (what < 4) {
            put_group(&f, id, NULL, step);
            m.group[n] = false;
            m.members_count[n] = 0;
        } else if (what < 8) {
            struct model after = m;
            after.group[n] = true;
            after.members_count[n] = rand_r(&seed) % 5;
            for (int i = 0; i < after.members_count[n]; i++) {
                after.members[n][i] = rand_r(&seed) % NAMES;
                sprintf(members + strlen(members), "%sn%d", i ? " " : "", after.members[n][i]);
            }
            struct model open = after;
            open.group[n] = false; /* walk from n's members, and stop when n comes again */
            bool circle = model_reaches(&open, n, n);
            assert_int_equal(put_group(&f, id, members, step).verdict,
                             circle ? VERDICT_REJECTED : VERDICT_APPLIED);
            if (!circle)
                m = after;
        }
        for (int g = 0; g < NAMES; g++) {
            char expected[256] = "";
            bool seen[NAMES] = {0};
            if (m.group[g])
                model_resolve(&m, g, expected, seen);
            snprintf(id, sizeof(id), "n%d", g);
            assert_string_equal(locations_of(&f, id), expected);
        }
        epoch_poll(f.epoch, 100);
    }
    end(&f);
}

static void names_that_come_and_go_are_forgotten(void **unused)
{
    struct fixture f = begin();
    char members[128], id[16], expected[64];

    bare(&f, "a"), bare(&f, "b");
    put_group(&f, "inner", "a later", 1);
    for (int step = 2; step < 5000; step++) { /* three new names each time: tidied many times over */
        snprintf(id, sizeof(id), "g%d", step % 7);
        snprintf(members, sizeof(members), "n%d inner m%d b o%d", step, step, step);
        put_group(&f, id, members, step);
        if (step % 500 == 0) {
            snprintf(members, sizeof(members), "n%d", step);
            bare(&f, members); /* one of the names in use */
            snprintf(expected, sizeof(expected), "n%d a b", step);
            assert_string_equal(locations_of(&f, id), expected);
        }
        epoch_poll(f.epoch, 100);
    }
    bare(&f, "later");
    for (int i = 0; i < 7; i++) {
        snprintf(id, sizeof(id), "g%d", i);
        assert_string_equal(locations_of(&f, id), "a later b");
    }
    assert_verdict(put_group(&f, "inner", "g3", 6000), VERDICT_REJECTED, REASON_CYCLE);
    end(&f);
}

/* ---- want of memory ---- */

static void want_of_memory_changes_nothing(void **unused)
{
    for (long allowed = 0;; allowed++) {
        struct fixture f = begin();
        bare(&f, "a"), bare(&f, "b");
        put_group(&f, "inner", "a c", 1);
        put_group(&f, "outer", "inner b", 1);
        struct event_verdict v = {0};
        uint32_t number;
        bool is_new;

        failing_left = allowed;
        int add = catalogue_location_add(f.catalogue, TEXT("c"), MOST, &number, &is_new);
        int put = try_group(&f, "inner", "d b outermost", 2, &v);
        int fresh = try_group(&f, "fresh", "inner e", 2, &v);
        bool enough = failing_left > 0;
        failing_left = -1;
        assert_true(add == 0 || add == ERROR_NOMEM);
        assert_true(put == 0 || put == ERROR_NOMEM);
        assert_true(fresh == 0 || fresh == ERROR_NOMEM);
        assert_string_equal(locations_of(&f, "inner"), put == 0 ? "b" : add == 0 ? "a c" : "a");
        assert_string_equal(locations_of(&f, "outer"), put == 0 ? "b" : add == 0 ? "a c b" : "a b");
        assert_int_equal(catalogue_locations_count(f.catalogue), add == 0 ? 3 : 2);
        assert_int_equal(catalogue_group(f.catalogue, TEXT("fresh")) != NULL, fresh == 0);
        bare(&f, "c"), bare(&f, "d");
        assert_int_equal(try_group(&f, "inner", "d c", 3, &v), 0);
        assert_int_equal(try_group(&f, "fresh", "inner", 3, &v), 0);
        assert_string_equal(locations_of(&f, "outer"), "d c b");
        assert_string_equal(locations_of(&f, "fresh"), "d c");
        end(&f);
        if (enough)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bare_locations_become_registered),
        cmocka_unit_test(the_newest_occurred_at_wins_at_a_tie_the_later),
        cmocka_unit_test(limits_are_refused_by_name),
        cmocka_unit_test(one_reached_twice_counts_once_in_order_of_first_mention),
        cmocka_unit_test(members_come_later_leave_and_come_back),
        cmocka_unit_test(a_group_goes_before_a_location_of_its_name),
        cmocka_unit_test(circles_are_refused_and_change_nothing),
        cmocka_unit_test(a_deep_chain_of_groups_needs_no_deep_stack),
        cmocka_unit_test(groups_agree_with_a_plain_model),
        cmocka_unit_test(names_that_come_and_go_are_forgotten),
        cmocka_unit_test(want_of_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
