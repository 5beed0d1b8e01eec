/* Looks rows up in a table, so that callgrind can count what one lookup takes: prints how many it did. With
 * --toggle-collect=counted_lookups nothing else is counted. */
#include "base/hash.h"
#include "core/table/latch.h"
#include "core/table/read.h"
#include "core/table/table.h"

#include <stdio.h>
#include <stdlib.h>

enum { SKUS = 2000, PER_SKU = 10, LOOKUPS = 20000, TEXT_BYTES = 14 };

static struct text put_text(char *text, uint32_t n)
{
    return (struct text){text, (size_t)snprintf(text, TEXT_BYTES, "40%011u", n * 2654435761u)};
}

static void fill(struct table *t)
{
    char text[TEXT_BYTES];

    for (uint32_t n = 0; n < SKUS; n++) {
        struct sku *s = table_add(t, put_text(text, n), hash_text(put_text(text, n)));
        struct row_image rows[PER_SKU] = {{{0}}};
        for (uint32_t k = 0; k < PER_SKU; k++)
            rows[k].word[ROW_WHO] = row_who(k * 100 + n % 100, 1);
        if (!s || table_publish(t, s, rows, PER_SKU) != 0)
            abort();
    }
}

uint64_t counted_lookups(const struct table *t, char (*texts)[TEXT_BYTES]);

__attribute__((noinline)) uint64_t counted_lookups(const struct table *t, char (*texts)[TEXT_BYTES])
{
    uint64_t found = 0;

    for (uint32_t i = 0; i < LOOKUPS; i++) {
        struct text text = {texts[i % SKUS], TEXT_BYTES - 1};
        uint32_t location = i % PER_SKU * 100 + i % SKUS % 100;
        struct row_image row;
        found += table_read(t, text, location, &row);
    }
    return found;
}

int main(void)
{
    static char texts[SKUS][TEXT_BYTES];
    struct epoch *e = epoch_create();

    hash_seed(42); /* the same slots every time */
    struct table *t = e ? table_create(&(struct table_options){.epoch = e}) : NULL;
    if (!t)
        return 1;
    fill(t);
    for (uint32_t n = 0; n < SKUS; n++)
        put_text(texts[n], n);
    struct epoch_reader *r = epoch_register(e);
    epoch_enter(r);
    uint64_t found = counted_lookups(t, texts);
    epoch_exit(r);
    printf("%llu\n", (unsigned long long)found);
    table_destroy(t);
    epoch_destroy(e);
    return found == LOOKUPS ? 0 : 1;
}
