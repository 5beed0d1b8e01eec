/* The order of sizes and other options. */
#include "core/answer/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static void values_stand_as_people_expect_them(void **unused)
{
    static const char *const in_order[] = {
        /* numbers */
        "0-3 M", "3-6 M", "3XM", "6", "9", "10", "12-18 M", "32/30", "32/34", "36", "36 1/3", "36 2/3", "37",
        "37.5", "042", "42", "42,5", "128 GB", "1000",
        /* letters */
        "3XS", "XXS", "XS", "xs", "XS/S", "S", "S/M", "M", "L", "XL", "2XL", "XXL", "XXXL", "5XL",
        /* words */
        "", "azure", "Black", "black", "black 2", "black 10", "White", "XXM",
        ("\xc3\xa9"
         "cru")};
    enum { COUNT = sizeof(in_order) / sizeof(*in_order) };

    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < COUNT; k++) {
            int order = option_compare(text_of(in_order[i]), text_of(in_order[k]));
            if ((order < 0) != (i < k) || (order > 0) != (i > k))
                fail_msg("%s against %s: %d", in_order[i], in_order[k], order);
        }
}

/* Whatever the texts are: one order, the same both ways round. */
static void any_texts_have_one_order(void **unused)
{
    static const char letters[] = "0019.,/ xXsSmMlLab";
    enum { COUNT = 120 };
    char bytes[COUNT][6];
    struct text t[COUNT];
    unsigned seed = 1;

    for (int i = 0; i < COUNT; i++) {
        t[i] = (struct text){bytes[i], (size_t)rand_r(&seed) % 6};
        for (size_t k = 0; k < t[i].length; k++)
            bytes[i][k] = letters[(size_t)rand_r(&seed) % (sizeof(letters) - 1)];
    }
    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < COUNT; k++) {
            int order = option_compare(t[i], t[k]), back = option_compare(t[k], t[i]);
            assert_true((order < 0) == (back > 0) && (order == 0) == text_equal(t[i], t[k]));
            for (int m = 0; m < COUNT && order < 0; m++)
                if (option_compare(t[k], t[m]) < 0)
                    assert_true(option_compare(t[i], t[m]) < 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_as_people_expect_them),
        cmocka_unit_test(any_texts_have_one_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
