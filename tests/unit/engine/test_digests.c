/* Digests of several instances are compared once a pair, whichever comes first, as long as both are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "engine/digests.h"

struct seen {
    unsigned equal, different;
    uint64_t last_offset;
};

static void count(void *context, const struct digest_found *own, const struct digest_found *other)
{
    struct seen *s = context;

    assert_string_equal(own->instance, "own");
    assert_int_equal(own->next_offset, other->next_offset);
    assert_int_equal(own->incarnation, other->incarnation);
    digests_equal(own, other) ? s->equal++ : s->different++;
    s->last_offset = own->next_offset;
}

static struct digest_found found(const char *instance, uint64_t offset, uint64_t digest)
{
    struct digest_found f = {7, offset, {digest, digest}, ""};

    snprintf(f.instance, sizeof(f.instance), "%s", instance);
    return f;
}

static void own(struct digests *d, struct seen *s, uint64_t offset, uint64_t digest)
{
    struct digest_found f = found("own", offset, digest);
    digests_own(d, &f, count, s);
}

static void other(struct digests *d, struct seen *s, uint64_t offset, uint64_t digest)
{
    struct digest_found f = found("other", offset, digest);
    digests_other(d, &f, count, s);
}

static void each_pair_once_whichever_comes_first(void **unused)
{
    struct digests d = {0};
    struct seen s = {0};

    own(&d, &s, 10, 1);
    other(&d, &s, 10, 1);
    assert_int_equal(s.equal, 1);
    other(&d, &s, 20, 2); /* I am the slower one */
    other(&d, &s, 20, 3); /* and a third is wrong */
    own(&d, &s, 20, 2);
    assert_int_equal(s.equal, 2);
    assert_int_equal(s.different, 1);
    other(&d, &s, 30, 1);
    own(&d, &s, 31, 1);
    assert_int_equal(s.equal + s.different, 3);
}

static void one_bit_is_enough(void **unused)
{
    struct digest_found a = found("a", 1, 5), b = a;

    assert_true(digests_equal(&a, &b));
    b.digest.low ^= 1;
    assert_false(digests_equal(&a, &b));
    b = a;
    b.digest.high ^= UINT64_C(1) << 63;
    assert_false(digests_equal(&a, &b));
}

static void another_log_is_another_place(void **unused)
{
    struct digests d = {0};
    struct seen s = {0};
    struct digest_found f = found("other", 10, 1);

    own(&d, &s, 10, 1);
    f.incarnation = 8;
    digests_other(&d, &f, count, &s);
    assert_int_equal(s.equal + s.different, 0);
}

static void only_the_last_few_are_kept(void **unused)
{
    struct digests d = {0};
    struct seen s = {0};

    for (uint64_t i = 1; i <= 1000; i++)
        own(&d, &s, i, i);
    for (uint64_t i = 1; i <= 1000; i++)
        other(&d, &s, i, i);
    assert_int_equal(s.equal, DIGESTS_OWN);
    assert_int_equal(s.last_offset, 1000);
    for (uint64_t i = 1001; i <= 2000; i++)
        other(&d, &s, i, i);
    for (uint64_t i = 1001; i <= 2000; i++)
        own(&d, &s, i, i);
    assert_int_equal(s.equal, DIGESTS_OWN + DIGESTS_OTHERS);
    assert_int_equal(s.different, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pair_once_whichever_comes_first),
        cmocka_unit_test(one_bit_is_enough),
        cmocka_unit_test(another_log_is_another_place),
        cmocka_unit_test(only_the_last_few_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
