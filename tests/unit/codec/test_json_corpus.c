/* The scanner's verdicts over many documents, each known beforehand, and jansson's over the same. */
#include "base/error.h"
#include "cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static bool parses(struct text t, struct problems *p)
{
    struct arena a = {0};
    const struct json_node *nodes;
    size_t count;
    int error = json_parse(t, &a, &nodes, &count, p);
    assert_true(error == 0 || error == ERROR_INVALID);
    arena_finish(&a);
    return error == 0;
}

static bool expected(json_t *c)
{
    const char *name = case_text(c, "name");
    if (name[0] == 'i')
        return !strcmp(case_text(c, "ours"), "accepted");
    return name[0] == 'y';
}

static json_t *load(void)
{
    json_error_t error;
    json_t *cases = json_load_file(JSON_VERDICTS, 0, &error);
    if (!cases)
        fail_msg("%s: %s", JSON_VERDICTS, error.text);
    return cases;
}

static void every_document_gets_its_verdict(void **unused)
{
    json_t *cases = load(), *c;
    size_t wrong = 0, kinds[128] = {0}, i;
    json_array_foreach(cases, i, c)
    {
        struct problems p = {0};
        struct text t = case_input(c);
        kinds[(unsigned char)case_text(c, "name")[0]]++;
        if (parses(t, &p) != expected(c)) {
            print_error("%s: %s\n", case_text(c, "name"), p.count ? p.at[0].detail : "accepted");
            wrong++;
        }
        free((void *)(uintptr_t)t.at);
    }
    assert_int_equal(wrong, 0);
    assert_true(kinds['y'] >= 95 && kinds['n'] >= 180 && kinds['i'] >= 20);
    json_decref(cases);
}

/* Stopping between values and going on changes neither the verdict nor the words for it. */
static void pieces_get_the_same_verdict(void **unused)
{
    json_t *cases = load(), *c;
    size_t stops = 0, i;
    json_array_foreach(cases, i, c)
    {
        struct text t = case_input(c);
        struct problems whole = {0};
        int error = json_check(t, &whole);
        for (size_t bytes = 1; bytes < 20; bytes += 3) {
            struct json_check at = {0};
            struct problems p = {0};
            bool more = true;
            int last = 0;
            for (; more; stops++)
                last = json_check_some(t, &at, bytes, &more, &p);
            assert_int_equal(last, error);
            assert_int_equal(p.count, whole.count);
            if (p.count)
                assert_string_equal(p.at[0].detail, whole.at[0].detail);
        }
        free((void *)(uintptr_t)t.at);
    }
    assert_true(stops > 7 * json_array_size(cases) + 500); /* some did stop in between */
    json_decref(cases);
}

static void jansson_says_the_same(void **unused)
{
    json_t *cases = load(), *c;
    size_t wrong = 0, differ = 0, i;
    json_array_foreach(cases, i, c)
    {
        struct problems p = {0};
        json_error_t error;
        struct text t = case_input(c);
        bool ours = parses(t, &p);
        json_t *value = jansson_load(t, &error);
        if (ours != (value != NULL)) {
            differ++;
            if (!jansson_may_differ(t, &error, &p)) {
                print_error("%s: jansson %s\n", case_text(c, "name"), value ? "accepts it" : error.text);
                wrong++;
            }
        }
        json_decref(value);
        free((void *)(uintptr_t)t.at);
    }
    assert_int_equal(wrong, 0);
    assert_true(differ > 0 && differ < 12); /* the documented differences exist, and are few */
    json_decref(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_document_gets_its_verdict),
        cmocka_unit_test(pieces_get_the_same_verdict),
        cmocka_unit_test(jansson_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
