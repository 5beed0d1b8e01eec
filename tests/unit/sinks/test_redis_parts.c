/* The parts of the Redis sink that need no Redis: names of keys, kits, and the dirty set against a simple
 * model. */
#include "sinks/kits.h"
#include "sinks/dirty.h"
#include "sinks/sku_key.h"
#include "sinks/redis_sink.h"
#include "sinks/redis_snapshot.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_encoded(struct text sku, const char *expected)
{
    struct buffer b = {0};
    sku_key_put(&b, sku);
    buffer_byte(&b, '\0');
    assert_string_equal(b.at, expected);
    buffer_finish(&b);
}

static void keys_are_percent_encoded_as_the_model_says(void **unused)
{
    assert_encoded(TEXT("85123A"), "85123A");
    assert_encoded(TEXT("a.b_c-d:e*f'g~"), "a.b_c-d:e*f'g~");
    assert_encoded(TEXT("%{}|/?# "), "%25%7B%7D%7C%2F%3F%23%20");
    assert_encoded(TEXT("\xC3\xA4\x7F"), "%C3%A4%7F");
    assert_encoded(TEXT("a\r\nb"), "a%0D%0Ab");
    assert_encoded(TEXT("a\0b"), "a%00b");
}

static void addresses_are_checked(void **unused)
{
    static const char *const good[] = {"localhost:6379", "127.0.0.1:1", "[::1]:6379", "unix:/run/redis.sock"};
    static const char *const bad[] = {"",        "localhost", "localhost:", ":6379", "localhost:0", "h:65536",
                                      "h:6379x", "::1:6379",  "unix:",      "[]:1",  "h:-1"};
    char detail[300];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(redis_address_check(good[i], detail, sizeof(detail)));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(redis_address_check(bad[i], detail, sizeof(detail)));
    assert_non_null(strstr(detail, "HOST:PORT"));
}

struct found {
    unsigned count[64];
};

static void find_kit(void *context, uint32_t kit)
{
    ((struct found *)context)->count[kit]++;
}

static void kits_are_found_by_each_component(void **unused)
{
    struct kits k = {0};
    struct found f = {0};

    kits_of(&k, 5, find_kit, &f);
    for (uint32_t kit = 0; kit < 64; kit++)
        for (uint64_t c = 0; c < 8; c++)
            assert_int_equal(kits_add(&k, (kit % 8 + c) << 40, kit),
                             0);                             /* all begin in one place of the table */
    assert_int_equal(kits_add(&k, UINT64_C(3) << 40, 3), 0); /* again is once */
    assert_int_equal(k.count, 64 * 8);
    kits_of(&k, UINT64_C(7) << 40, find_kit, &f);
    for (uint32_t kit = 0; kit < 64; kit++)
        assert_int_equal(f.count[kit], 1);
    f = (struct found){0};
    kits_of(&k, 0, find_kit, &f);
    for (uint32_t kit = 0; kit < 64; kit++)
        assert_int_equal(f.count[kit], kit % 8 == 0);
    kits_finish(&k);
}

static void a_generation_is_settled_when_all_of_it_is_written(void **unused)
{
    struct dirty_set d = {0};
    uint32_t sku;

    assert_int_equal(dirty_reserve(&d, 10), 0);
    assert_true(dirty_settled(&d));
    dirty_mark(&d, 3, false);
    dirty_mark(&d, 4, false);
    dirty_close(&d);
    dirty_mark(&d, 5, false);
    dirty_mark(&d, 4, false); /* stays in the older one */
    assert_false(dirty_settled(&d));
    assert_true(dirty_take(&d, &sku));
    assert_int_equal(sku, 3);
    dirty_mark(&d, 3, false); /* changed again on its way: what flies counts for the closed one */
    dirty_done(&d, 3, 77);
    assert_int_equal(dirty_base(&d, 3), 77);
    assert_false(dirty_settled(&d));
    assert_true(dirty_take(&d, &sku));
    assert_int_equal(sku, 4);
    dirty_mark(&d, 4, false);
    dirty_again(&d, 4); /* it failed: as old as it was, and nobody knows what Redis has */
    assert_int_equal(dirty_base(&d, 4), 0);
    assert_false(dirty_settled(&d));
    while (dirty_take(&d, &sku))
        dirty_done(&d, sku, 80);
    assert_true(dirty_settled(&d));
    assert_int_equal(dirty_count(&d), 0);
    dirty_finish(&d);
}

static void what_flies_when_all_is_forgotten_is_no_base(void **unused)
{
    struct dirty_set d = {0};
    uint32_t sku;

    assert_int_equal(dirty_reserve(&d, 10), 0);
    dirty_mark(&d, 1, false);
    dirty_take(&d, &sku);
    dirty_forget(&d);
    dirty_done(&d, 1, 9);
    assert_int_equal(dirty_base(&d, 1), 0);
    dirty_mark(&d, 1, false);
    dirty_take(&d, &sku);
    dirty_mark(&d, 1, true); /* as a whole: the same */
    dirty_done(&d, 1, 9);
    assert_int_equal(dirty_base(&d, 1), 0);
    assert_int_equal(dirty_count(&d), 1);
    dirty_finish(&d);
}

/* The same by hand: what is dirty, what flies, and of which generation, in plain arrays. */
static void any_order_of_calls_agrees_with_the_model(void **unused)
{
    enum { MOST = 5000 };
    static struct {
        int dirty, flying; /* 0, or 1 + generation's number, which grows */
    } model[MOST];
    struct dirty_set d = {0};
    uint32_t flying[64], skus = 1, x = 12345, sku;
    size_t flying_count = 0;
    int generation = 1;

    for (int step = 0; step < 200000; step++) {
        x = x * 1664525 + 1013904223;
        uint32_t r = x >> 8;
        if (step % 50 == 0 && skus < MOST)
            skus++;
        switch (r % 8) {
        case 0: /* takes one */
            if (flying_count == 64 || !dirty_take(&d, &sku))
                break;
            assert_true(model[sku].dirty && !model[sku].flying);
            model[sku].flying = model[sku].dirty;
            model[sku].dirty = 0;
            flying[flying_count++] = sku;
            break;
        case 1:
        case 2: /* one comes back, well or not */
            if (!flying_count)
                break;
            sku = flying[r / 8 % flying_count];
            flying[r / 8 % flying_count] = flying[flying_count - 1];
            flying_count--;
            if (r % 8 == 1) {
                dirty_done(&d, sku, 1);
            } else {
                dirty_again(&d, sku);
                if (!model[sku].dirty || model[sku].flying < model[sku].dirty)
                    model[sku].dirty = model[sku].flying;
            }
            model[sku].flying = 0;
            break;
        case 3:
            if (r / 8 % 16 == 0 && dirty_settled(&d)) {
                dirty_close(&d);
                generation++;
            }
            break;
        default:
            sku = r / 8 % skus;
            assert_int_equal(dirty_reserve(&d, (size_t)sku + 1), 0);
            dirty_mark(&d, sku, r & 64);
            if (!model[sku].dirty)
                model[sku].dirty = generation;
        }
        if (step % 997 && r % 8 != 3)
            continue;
        size_t dirty = 0;
        bool settled = true;
        for (uint32_t i = 0; i < skus; i++) {
            dirty += (model[i].dirty && !model[i].flying) || model[i].flying;
            settled &= (!model[i].dirty || model[i].dirty == generation) &&
                       (!model[i].flying || model[i].flying == generation);
        }
        assert_int_equal(dirty_count(&d), dirty);
        assert_int_equal(dirty_settled(&d), settled);
    }
    dirty_finish(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_percent_encoded_as_the_model_says),
        cmocka_unit_test(addresses_are_checked),
        cmocka_unit_test(kits_are_found_by_each_component),
        cmocka_unit_test(a_generation_is_settled_when_all_of_it_is_written),
        cmocka_unit_test(what_flies_when_all_is_forgotten_is_no_base),
        cmocka_unit_test(any_order_of_calls_agrees_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
