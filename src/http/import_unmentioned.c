/* scope=full: the file is all there is at a location, so what it does not mention is not there. */
#include "http/import.h"

#include "base/array.h"

enum { SKUS_A_TURN = 4096 };

bool import_mention(struct import_mentioned *m, struct exchange *x, struct text sku)
{
    const struct view *v = exchange_view(x);

    epoch_enter(x->loop->reader);
    const struct sku *s = table_find(v->table, sku);
    uint32_t number = s ? sku_number(s) : 0, skus = table_sku_count(v->table);
    epoch_exit(x->loop->reader);
    if (!s)
        return true;
    if (number / 64 >= m->words) {
        uint32_t words = (number > skus ? number : skus) / 64 + 1024;
        if (!array_grow(&m->bits, m->words, words, sizeof(*m->bits)))
            return false;
        m->words = words;
    }
    m->bits[number / 64] |= UINT64_C(1) << number % 64;
    return true;
}

static bool is_mentioned(const struct import_mentioned *m, uint32_t number)
{
    return number / 64 < m->words && m->bits[number / 64] >> number % 64 & 1;
}

void import_unmentioned_begin(struct import_mentioned *m, const struct view *v)
{
    m->next = 0;
    m->end = table_sku_count(v->table);
}

static int add_some(struct import_mentioned *m, const struct view *v, const struct location *l,
                    struct import_round *r, instant_t as_of)
{
    struct row_image row;
    int error = 0;

    for (unsigned i = 0; !error && i < SKUS_A_TURN && m->next < m->end && !import_round_is_full(r); i++) {
        const struct sku *s = table_sku(v->table, m->next);
        if (s && !is_mentioned(m, m->next) && sku_read(v->table, s, l->number, &row))
            error = import_round_add_zero(r, sku_text(s), as_of);
        m->next++;
    }
    return error;
}

int import_unmentioned_some(struct import_mentioned *m, struct exchange *x, struct import_round *r,
                            instant_t as_of, bool *ret_more)
{
    const struct view *v = exchange_view(x);
    int error = 0;

    epoch_enter(x->loop->reader);
    const struct location *l = catalogue_location(v->catalogue, r->location);
    if (l)
        error = add_some(m, v, l, r, as_of);
    else
        m->next = m->end;
    epoch_exit(x->loop->reader);
    *ret_more = m->next < m->end;
    return error;
}

void import_mentioned_finish(struct import_mentioned *m)
{
    free(m->bits);
    *m = (struct import_mentioned){0};
}
