/* The load generator's instruments: what the histogram may be wrong by, what is drawn, answers in pieces. */
#include "bench/load/draw.h"
#include "bench/load/histogram.h"
#include "bench/load/options.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* ---- histogram ---- */

static void every_value_lies_in_its_bucket(void **unused)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        assert_int_equal(histogram_bucket(histogram_lowest(i)), i);
        assert_int_equal(histogram_bucket(histogram_highest(i)), i);
        if (i)
            assert_int_equal(histogram_lowest(i), histogram_highest(i - 1) + 1);
    }
    assert_int_equal(histogram_highest(HISTOGRAM_BUCKETS - 1), (UINT64_C(1) << HISTOGRAM_TOP_BITS) - 1);
}

static void a_bucket_is_narrower_than_a_128th(void **unused)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t lowest = histogram_lowest(i), width = histogram_highest(i) - lowest;
        assert_true(width * 128 < lowest || width == 0);
    }
}

static int by_size(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

enum { VALUES = 100000 };

static void percentiles_are_never_less_and_hardly_more_than_exact(void **unused)
{
    static const double shares[] = {0.0, 0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0};
    static uint64_t values[VALUES];
    static struct histogram h;
    struct dice d = {7};

    for (unsigned i = 0; i < VALUES; i++) { /* over nine powers of ten */
        values[i] = (uint64_t)pow(10, 9 * dice_share(&d));
        histogram_add(&h, values[i]);
    }
    qsort(values, VALUES, sizeof(*values), by_size);
    for (unsigned i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
        size_t rank = (size_t)ceil(shares[i] * VALUES);
        uint64_t exact = values[rank ? rank - 1 : 0], told = histogram_at(&h, shares[i]);
        assert_true(told >= exact);
        assert_true((told - exact) * 128 <= exact);
    }
    assert_int_equal(histogram_at(&h, 1), values[VALUES - 1]);
    assert_int_equal(h.least, values[0]);
}

static void few_values_are_told_as_they_are(void **unused)
{
    static struct histogram h;

    assert_int_equal(histogram_at(&h, 0.5), 0);
    histogram_add(&h, 123456789);
    assert_int_equal(histogram_at(&h, 0.5), 123456789);
    assert_int_equal(histogram_at(&h, 0.9999), 123456789);
    histogram_add(&h, UINT64_MAX); /* out of range: counted, and told as the greatest */
    assert_int_equal(h.count, 2);
    assert_true(histogram_at(&h, 1) == UINT64_MAX);
}

static void merged_is_as_if_added_to_one(void **unused)
{
    static struct histogram one, other, both, empty;
    struct dice d = {3};

    for (unsigned i = 0; i < 1000; i++) {
        uint64_t v = dice_below(&d, 1000000);
        histogram_add(i % 3 ? &one : &other, v);
        histogram_add(&both, v);
    }
    histogram_merge(&one, &other);
    histogram_merge(&one, &empty);
    assert_memory_equal(one.counts, both.counts, sizeof(both.counts));
    assert_int_equal(one.least, both.least);
    assert_int_equal(one.most, both.most);
    assert_int_equal(one.count, both.count);
}

/* ---- arrivals ---- */

static void constant_arrivals_are_evenly_spaced(void **unused)
{
    struct arrivals a;

    arrivals_begin(&a, 1000, false, 1);
    assert_true(a.due_ns == 0);
    for (unsigned i = 1; i <= 5000; i++) {
        arrivals_step(&a);
        assert_true(fabs(a.due_ns - i * 1e6) < 1);
    }
}

/* The gaps of a Poisson process are exponential: mean 1/rate, and 1/e of them are longer. */
static void poisson_arrivals_have_their_rate_and_spread(void **unused)
{
    struct arrivals a;
    unsigned longer = 0;
    double before = 0;

    arrivals_begin(&a, 1000, true, 1);
    for (unsigned i = 0; i < 200000; i++) {
        longer += a.due_ns - before > 1e6;
        before = a.due_ns;
        arrivals_step(&a);
    }
    assert_true(fabs(before / 200000 / 1e6 - 1) < 0.01);
    assert_true(fabs(longer / 200000.0 - exp(-1)) < 0.005);
}

/* ---- rows ---- */

static void zipf_draws_in_proportion(void **unused)
{
    static const double exponents[] = {0.5, 0.99, 1.0, 1.5};
    enum { ROWS = 100, DRAWS = 400000 };

    for (unsigned e = 0; e < 4; e++) {
        unsigned drawn[ROWS] = {0};
        struct picker p;
        struct dice d = {11};
        double sum = 0;
        picker_init(&p, PICK_ZIPF, ROWS, exponents[e]);
        for (unsigned i = 0; i < DRAWS; i++)
            drawn[picker_rank(&p, &d)]++;
        for (unsigned k = 1; k <= ROWS; k++)
            sum += pow(k, -exponents[e]);
        for (unsigned k = 1; k <= ROWS; k++) {
            double wanted = DRAWS * pow(k, -exponents[e]) / sum;
            assert_true(fabs(drawn[k - 1] - wanted) < 6 * sqrt(wanted)); /* six standard deviations */
        }
    }
}

static void ranks_are_strewn_over_all_rows(void **unused)
{
    for (uint64_t rows = 1; rows < 3000; rows += 7) {
        struct picker p;
        unsigned char *seen = calloc(rows, 1);
        picker_init(&p, PICK_UNIFORM, rows, 0);
        for (uint64_t rank = 0; rank < rows; rank++) {
            uint64_t row = rank * p.stride % rows;
            assert_int_equal(seen[row]++, 0);
        }
        free(seen);
    }
}

static void hot_is_one_row(void **unused)
{
    struct picker p;
    struct dice d = {1};

    picker_init(&p, PICK_HOT, 1000, 0);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(picker_row(&p, &d), 0);
    picker_init(&p, PICK_ZIPF, 1, 0.99);
    assert_int_equal(picker_row(&p, &d), 0);
}

/* ---- answers ---- */

/* One byte more at a time, an answer is whole at its last byte and not before. */
static void whole_only_at_the_last_byte(const struct wire *w, const char *bytes, size_t length, int status,
                                        const char *body)
{
    struct answer a = {0};

    for (size_t i = 0; i < length; i++) {
        char *exact = malloc(i + 1); /* a sanitizer sees a look behind it */
        memcpy(exact, bytes, i);
        assert_int_equal(w->take(exact, i, &a), 0);
        free(exact);
    }
    assert_int_equal(w->take(bytes, length, &a), length);
    assert_int_equal(a.status, status);
    assert_int_equal(a.body.length, strlen(body));
    assert_memory_equal(a.body.at, body, a.body.length);
}

static void whole(const struct wire *w, const char *bytes, int status, const char *body)
{
    char twice[1000];
    struct answer a = {0};

    whole_only_at_the_last_byte(w, bytes, strlen(bytes), status, body);
    snprintf(twice, sizeof(twice), "%s%s", bytes, bytes); /* the next one behind it is left alone */
    assert_int_equal(w->take(twice, strlen(twice), &a), strlen(bytes));
}

static void http_answers_come_in_pieces(void **unused)
{
    struct answer a;

    whole(&wire_http, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    whole(&wire_http, "HTTP/1.1 409 Conflict\r\nX: y\r\ncontent-length:2\r\nZ: 1\r\n\r\n{}", 409, "{}");
    whole(&wire_http, "HTTP/1.1 204 No Content\r\n\r\n", 204, "");
    whole(&wire_http, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200,
          "3\r\nabc\r\n0\r\n\r\n");
    assert_true(wire_http.take("SSH-2.0-x\r\n\r\n", 13, &a) < 0);
    assert_true(wire_http.take("HTTP/1.1 ok\r\n\r\n", 15, &a) < 0);
}

static void redis_answers_come_in_pieces(void **unused)
{
    struct answer a;

    whole(&wire_redis, ":12\r\n", 200, ":12\r\n");
    whole(&wire_redis, ":-1\r\n", 409, ":-1\r\n");
    whole(&wire_redis, "-ERR no\r\n", 500, "-ERR no\r\n");
    whole(&wire_redis, "*2\r\n$3\r\nabc\r\n$-1\r\n", 200, "*2\r\n$3\r\nabc\r\n$-1\r\n");
    assert_true(wire_redis.take("HTTP", 4, &a) < 0);
}

/* ---- what they say ---- */

static const char texts[] = "SKU-1s1SKU-2s2";
static struct name skus[] = {{.at = 0, .url_length = 5}, {.at = 7, .url_length = 5}};
static struct name places[] = {{.at = 5, .url_length = 2}, {.at = 12, .url_length = 2}};
static struct stock_row rows[] = {{0, 0}, {0, 1}, {1, 1}};
static uint32_t first[] = {0, 2, 3};
static const struct stock stock = {.texts = {.at = (char *)(uintptr_t)texts, .length = 14, .capacity = 14},
                                   .skus = skus,
                                   .places = places,
                                   .sku_first = first,
                                   .rows = rows,
                                   .skus_count = 2,
                                   .places_count = 2,
                                   .rows_count = 3};

static enum judgement judged(enum kind kind, uint8_t step, uint32_t row, int status, const char *body,
                             struct effect *ret)
{
    struct maker m = {.stock = &stock, .batch = 1, .lines = 1};
    struct request r = {.kind = (uint8_t)kind, .step = step, .row = row};
    struct answer a = {status, text_of(body)};

    *ret = (struct effect){0};
    return wire_http.judge(&m, &r, &a, true, ret);
}

static void an_answer_about_something_else_is_wrong(void **unused)
{
    struct effect e;

    assert_int_equal(
        judged(KIND_row, 0, 0, 200, "{\"sku\":\"SKU-1\",\"locations\":[{\"location\":\"s1\"}]}", &e),
        ANSWER_RIGHT);
    assert_int_equal(
        judged(KIND_row, 0, 0, 200, "{\"sku\":\"SKU-1\",\"locations\":[{\"location\":\"s2\"}]}", &e),
        ANSWER_WRONG);
    assert_int_equal(
        judged(KIND_row, 0, 2, 200, "{\"sku\":\"SKU-1\",\"locations\":[{\"location\":\"s2\"}]}", &e),
        ANSWER_WRONG);
    assert_int_equal(
        judged(KIND_row, 0, 0, 200, "{\"sku\":\"SKU-12\",\"locations\":[{\"location\":\"s1\"}]}", &e),
        ANSWER_WRONG);
    assert_int_equal(judged(KIND_row, 0, 0, 404, "{}", &e), ANSWER_ERROR);
    assert_int_equal(judged(KIND_sku, 0, 0, 200,
                            "{\"sku\":\"SKU-1\",\"x\":[{\"location\":\"s1\"},{\"location\":\"s2\"}]}", &e),
                     ANSWER_RIGHT);
    assert_int_equal(judged(KIND_sku, 0, 0, 200, "{\"sku\":\"SKU-1\",\"x\":[{\"location\":\"s1\"}]}", &e),
                     ANSWER_WRONG);
}

static void what_was_granted_is_summed(void **unused)
{
    const char *held =
        "{\"id\":\"x\",\"state\":\"held\",\"lines\":[{\"sku\":\"SKU-1\",\"location\":\"s1\"}]}";
    struct effect e;

    assert_int_equal(judged(KIND_hold, 0, 0, 201, held, &e), ANSWER_RIGHT);
    assert_int_equal(e.held, 1);
    assert_int_equal(judged(KIND_hold, 0, 1, 201, held, &e), ANSWER_WRONG);
    assert_int_equal(e.held, 1); /* it was granted all the same */
    assert_int_equal(judged(KIND_hold, 0, 0, 409, "{\"shortfalls\":[]}", &e), ANSWER_REFUSED);
    assert_int_equal(e.held, 0);
    assert_int_equal(judged(KIND_hold, 0, 0, 503, "{}", &e), ANSWER_ERROR);
    assert_int_equal(judged(KIND_order, 1, 0, 200, "{\"state\":\"confirmed\"}", &e), ANSWER_RIGHT);
    assert_int_equal(e.confirmed, 1);
    assert_int_equal(judged(KIND_event, 0, 0, 200, "{\"applied\":1,\"duplicate\":0}", &e), ANSWER_RIGHT);
    assert_int_equal(e.applied, 1);
    assert_int_equal(judged(KIND_event, 0, 0, 200, "{\"applied\":0,\"duplicate\":1}", &e), ANSWER_WRONG);
}

static void a_basket_has_no_row_twice(void **unused)
{
    struct maker m = {.stock = &stock, .lines = 3};
    struct request r = {.kind = KIND_hold, .row = 1};
    unsigned seen = 0;

    for (unsigned i = 0; i < 3; i++)
        seen |= 1u << request_row(&m, &r, i);
    assert_int_equal(seen, 7);
}

/* ---- options ---- */

static bool read_one(struct options *o, const char *flag, const char *value, char *detail)
{
    char *argv[] = {(char *)(uintptr_t) "onhand_load", (char *)(uintptr_t)flag, (char *)(uintptr_t)value};
    return options_read(o, value ? 3 : 2, argv, detail);
}

static void rates_are(const char *said, const double *wanted, unsigned count)
{
    struct options o;
    char detail[STOCK_DETAIL_BYTES];

    assert_true(read_one(&o, "--rate", said, detail));
    assert_int_equal(o.rates_count, count);
    for (unsigned i = 0; i < count; i++)
        assert_true(fabs(o.rates[i] - wanted[i]) < 1e-6);
}

static void rates_are_numbers_lists_and_ranges(void **unused)
{
    rates_are("1000", (double[]){1000}, 1);
    rates_are("0.5", (double[]){0.5}, 1);
    rates_are("1000,2.5,max", (double[]){1000, 2.5, 0}, 3);
    rates_are("1000..8000x2", (double[]){1000, 2000, 4000, 8000}, 4);
    rates_are("1000..2500+500,9", (double[]){1000, 1500, 2000, 2500, 9}, 5);
    rates_are("1000.5..3000x2", (double[]){1000.5, 2001}, 2);
}

static void a_wrong_option_names_itself(void **unused)
{
    static const char *const wrong[][2] = {
        {"--nope", NULL},     {"--rate", "0"},        {"--rate", "1..2x1"},    {"--rate", "5..9"},
        {"--mix", "foo=1"},   {"--mix", "row=0"},     {"--mix", "row=x"},      {"--pick", "best"},
        {"--pick", "zipf:0"}, {"--connections", "0"}, {"--seconds", "abc"},    {"--pid", "12,x"},
        {"--batch", "1.5"},   {"--arrivals", "x"},    {"--redis", "localhost"}};

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct options o;
        char detail[STOCK_DETAIL_BYTES] = "";
        assert_false(read_one(&o, wrong[i][0], wrong[i][1], detail));
        assert_non_null(strstr(detail, wrong[i][0] + 2));
    }
}

static void a_mix_has_shares(void **unused)
{
    struct options o;
    char detail[STOCK_DETAIL_BYTES];

    assert_true(read_one(&o, "--mix", "row=90,hold=10,event", detail));
    assert_int_equal(o.run.share[KIND_row], 90);
    assert_int_equal(o.run.share[KIND_hold], 10);
    assert_int_equal(o.run.share[KIND_event], 1);
    assert_int_equal(o.run.share[KIND_sku], 0);
    assert_true(read_one(&o, "--pick", "hot:7", detail));
    assert_int_equal(o.pick, PICK_HOT);
    assert_true(o.hot == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_lies_in_its_bucket),
        cmocka_unit_test(a_bucket_is_narrower_than_a_128th),
        cmocka_unit_test(percentiles_are_never_less_and_hardly_more_than_exact),
        cmocka_unit_test(few_values_are_told_as_they_are),
        cmocka_unit_test(merged_is_as_if_added_to_one),
        cmocka_unit_test(constant_arrivals_are_evenly_spaced),
        cmocka_unit_test(poisson_arrivals_have_their_rate_and_spread),
        cmocka_unit_test(zipf_draws_in_proportion),
        cmocka_unit_test(ranks_are_strewn_over_all_rows),
        cmocka_unit_test(hot_is_one_row),
        cmocka_unit_test(http_answers_come_in_pieces),
        cmocka_unit_test(redis_answers_come_in_pieces),
        cmocka_unit_test(an_answer_about_something_else_is_wrong),
        cmocka_unit_test(what_was_granted_is_summed),
        cmocka_unit_test(a_basket_has_no_row_twice),
        cmocka_unit_test(rates_are_numbers_lists_and_ranges),
        cmocka_unit_test(a_wrong_option_names_itself),
        cmocka_unit_test(a_mix_has_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
