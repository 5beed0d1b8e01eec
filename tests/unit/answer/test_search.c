/* Words that people type, and what they find. */
#include "core/answer/search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct item item(const char *name, const char *product, const char *document)
{
    return (struct item){.name = text_of(name), .product = text_of(product), .document = text_of(document)};
}

static enum search_rank find_item(const char *q, const char *sku, const struct item *i)
{
    struct search s;

    assert_true(search_init(&s, text_of(q)));
    return search_item(&s, text_of(sku), i);
}

static enum search_rank find_name(const char *q, const char *name)
{
    struct item i = item(name, "", "{}");

    return find_item(q, "x", &i);
}

static void every_word_must_occur(void **state)
{
    assert_int_equal(find_name("lantern white", "White metal lantern"), SEARCH_BEGINS);
    assert_int_equal(find_name("lantern red", "White metal lantern"), SEARCH_NOT);
    assert_int_equal(find_name("  LANT \t whi ", "White metal lantern"), SEARCH_BEGINS);
    assert_int_equal(find_name("a", ""), SEARCH_NOT);
}

static void beginnings_rank_before_middles(void **state)
{
    assert_int_equal(find_name("tern", "White metal lantern"), SEARCH_INSIDE);
    assert_int_equal(find_name("tern", "Lantern and tern"), SEARCH_BEGINS);
    assert_int_equal(find_name("white tern", "White metal lantern"), SEARCH_INSIDE);
    assert_int_equal(find_name("12", "T-light (12 pieces)"), SEARCH_BEGINS);
    assert_int_equal(find_name("(12", "T-light (12 pieces)"), SEARCH_BEGINS);
    assert_int_equal(find_name("2", "T-light (12 pieces)"), SEARCH_INSIDE);
}

static void the_very_sku_gtin_or_id_comes_first(void **state)
{
    struct item i =
        item("Lantern", "L-1", "{\"name\":\"Lantern\",\"gtins\":[\"04006381333931\",\"9521987000018\"]}");
    struct location l = {.id = TEXT("store-1"), .name = TEXT("Store 1"), .document = TEXT("{}")};
    struct search s;

    assert_int_equal(find_item("sku-1", "SKU-1", &i), SEARCH_EXACT);
    assert_int_equal(find_item(" SKU-1 ", "SKU-1", NULL), SEARCH_EXACT);
    assert_int_equal(find_item("a b", "A B", NULL), SEARCH_EXACT);
    assert_int_equal(find_item("SKU", "SKU-1", &i), SEARCH_BEGINS);
    assert_int_equal(find_item("9521987000018", "SKU-1", &i), SEARCH_EXACT);
    assert_int_equal(find_item("952198700001", "SKU-1", &i), SEARCH_BEGINS);
    assert_int_equal(find_item("6381333931", "SKU-1", &i), SEARCH_INSIDE);
    assert_int_equal(find_item("l-1", "SKU-1", &i), SEARCH_BEGINS); /* the product is no name of the item */
    assert_true(search_init(&s, TEXT("STORE-1")));
    assert_int_equal(search_location(&s, &l), SEARCH_EXACT);
    assert_true(search_init(&s, TEXT("store")));
    assert_int_equal(search_location(&s, &l), SEARCH_BEGINS);
}

static void accents_and_capitals_do_not_matter(void **state)
{
    assert_int_equal(find_name("cafe creme", "Café Crème"), SEARCH_BEGINS);
    assert_int_equal(find_name("CAFÉ", "cafe"), SEARCH_BEGINS);
    assert_int_equal(find_name("strasse", "Große Straße"), SEARCH_BEGINS);
    assert_int_equal(find_name("grosse", "GROSSE"), SEARCH_BEGINS);
    assert_int_equal(find_name("oeuvre", "Œuvre"), SEARCH_BEGINS);
    assert_int_equal(find_name("lodz", "Łódź"), SEARCH_BEGINS);
    assert_int_equal(find_name("zidle", "Žídle"), SEARCH_BEGINS);
    assert_int_equal(find_name("cafe", "Cafe\xCC\x81"), SEARCH_BEGINS); /* e and its accent apart */
    assert_int_equal(find_name("МОСКВА", "Москва"), SEARCH_BEGINS);
    assert_int_equal(find_name("αθηνα", "ΑΘΗΝΑ"), SEARCH_BEGINS);
    assert_int_equal(find_name("2×4", "Board 2×4"), SEARCH_BEGINS);
    assert_int_equal(find_name("靴", "赤い靴"), SEARCH_INSIDE);
}

static void options_are_looked_at_by_their_values(void **state)
{
    struct item i =
        item("Runner", "RUN",
             "{\"name\":\"Runner\",\"product\":\"RUN\",\"options\":{\"colour\":\"jet \\\"black\\\"\","
             "\"size\":\"42\"},\"unit\":\"pair\"}");

    assert_int_equal(find_item("runner 42", "X", &i), SEARCH_BEGINS);
    assert_int_equal(find_item("black", "X", &i), SEARCH_BEGINS);
    assert_int_equal(find_item("size", "X", &i), SEARCH_NOT);
    assert_int_equal(find_item("pair", "X", &i), SEARCH_NOT);
}

static void a_location_is_looked_for_in_its_address(void **state)
{
    struct location l = {.id = TEXT("ST01"),
                         .name = TEXT("Süd"),
                         .document =
                             TEXT("{\"name\":\"say \\\"address\\\":\\\"nowhere\\\"\",\"address\":\"1 High "
                                  "St, \\\"The Arcade\\\", York\",\"gln\":\"9521987000018\"}")};
    const struct {
        const char *q;
        enum search_rank rank;
    } cases[] = {{"york", SEARCH_BEGINS},
                 {"high sud", SEARCH_BEGINS},
                 {"arcade", SEARCH_BEGINS},
                 {"nowhere", SEARCH_NOT},
                 {"9521987000018", SEARCH_NOT}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct search s;
        assert_true(search_init(&s, text_of(cases[i].q)));
        assert_int_equal(search_location(&s, &l), cases[i].rank);
    }
}

static void words_have_bounds(void **state)
{
    char long_one[SEARCH_BYTES_MOST + 2];
    struct search s;

    assert_false(search_init(&s, TEXT("")));
    assert_false(search_init(&s, TEXT(" \t ")));
    assert_true(search_init(&s, TEXT("a b c d e f g h")));
    assert_false(search_init(&s, TEXT("a b c d e f g h i")));
    memset(long_one, 'x', sizeof(long_one));
    assert_true(search_init(&s, (struct text){long_one, SEARCH_BYTES_MOST}));
    assert_false(search_init(&s, (struct text){long_one, SEARCH_BYTES_MOST + 1}));
    assert_true(search_init(&s, TEXT("\xC3"))); /* cut off in the middle of a letter */
    assert_int_equal(find_name("\xC3", "x\xC3"), SEARCH_BEGINS + 1);
}

/* What is as long as it may be is searched to its end. */
static void the_longest_texts_are_looked_at_whole(void **state)
{
    static char document[8192];
    char name[257];
    size_t length = (size_t)sprintf(document, "{\"options\":{");

    memset(name, 'n', 256);
    memcpy(name + 250, " last", 6);
    for (unsigned i = 0; i < 32; i++)
        length += (size_t)sprintf(document + length, "%s\"o%u\":\"%0120u\"", i ? "," : "", i, i);
    length += (size_t)sprintf(document + length, "},\"gtins\":[");
    for (unsigned i = 0; i < 64; i++)
        length += (size_t)sprintf(document + length, "%s\"%014u\"", i ? "," : "", i);
    sprintf(document + length, "]}");
    struct item i = item(name, "", document);
    assert_int_equal(find_item("last", "x", &i), SEARCH_BEGINS);
    assert_int_equal(find_item("00000000000063", "x", &i), SEARCH_EXACT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_must_occur),
        cmocka_unit_test(beginnings_rank_before_middles),
        cmocka_unit_test(the_very_sku_gtin_or_id_comes_first),
        cmocka_unit_test(accents_and_capitals_do_not_matter),
        cmocka_unit_test(options_are_looked_at_by_their_values),
        cmocka_unit_test(a_location_is_looked_for_in_its_address),
        cmocka_unit_test(words_have_bounds),
        cmocka_unit_test(the_longest_texts_are_looked_at_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
