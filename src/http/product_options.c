/* Puts the variants of a product in order. */
#include "http/product_options.h"

#include "base/error.h"
#include "codec/document.h"
#include "core/answer/options.h"
#include "http/shape.h"

#include <stdlib.h>

struct text variant_value(const struct variant *v, struct text option)
{
    for (size_t i = 0; i < v->options_count; i++)
        if (text_equal(v->options[i].name, option))
            return v->options[i].value;
    return (struct text){0};
}

/* ---- what items say ---- */

static int read_options(struct arena *a, struct variant *v)
{
    const struct json_node *nodes, *said;
    struct problems p;
    size_t count;

    p.count = 0;
    if (!v->item->document.length)
        return 0;
    if (json_parse(v->item->document, a, &nodes, &count, &p))
        return ERROR_NOMEM; /* it was written by us: nothing else can be wrong with it */
    said = document_member(nodes, 0, "options");
    if (!said)
        return 0;
    struct variant_option *options = arena_alloc(a, said->count * sizeof(*options));
    if (!options)
        return ERROR_NOMEM;
    uint32_t at = document_index(nodes, said) + 1;
    for (uint32_t i = 0; i < said->count; i++, at = nodes[at].next)
        options[v->options_count++] = (struct variant_option){nodes[at].key, nodes[at].text};
    v->options = options;
    return 0;
}

static int read_variants(const struct view *v, struct text product, struct arena *a, struct matrix *m)
{
    uint32_t *numbers = arena_alloc(a, VARIANTS_MOST * sizeof(*numbers));
    size_t count = numbers ? catalogue_variants(v->catalogue, product, numbers, VARIANTS_MOST) : 0;

    if (count > VARIANTS_MOST)
        return ERROR_LIMIT;
    m->variants = numbers ? arena_alloc(a, (count + 1) * sizeof(*m->variants)) : NULL;
    if (!m->variants)
        return ERROR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        struct variant *one = &m->variants[m->variants_count];
        *one = (struct variant){.sku = table_sku(v->table, numbers[i])};
        one->item = item_of(one->sku);
        if (!one->item || !text_equal(one->item->product, product))
            continue; /* just coming, or going */
        if (read_options(a, one))
            return ERROR_NOMEM;
        m->variants_count++;
    }
    return 0;
}

/* ---- which options there are ---- */

static int by_number(const void *left, const void *right)
{
    const struct variant *a = left, *b = right;
    uint32_t number_a = sku_number(a->sku), number_b = sku_number(b->sku);
    return number_a < number_b ? -1 : number_a > number_b;
}

static struct option *find_option(struct matrix *m, struct text name)
{
    for (size_t i = 0; i < m->options_count; i++)
        if (text_equal(m->options[i].name, name))
            return &m->options[i];
    return NULL;
}

static int by_value(const void *left, const void *right)
{
    return option_compare(*(const struct text *)left, *(const struct text *)right);
}

static int list_values(struct matrix *m, struct option *o, struct arena *a)
{
    size_t count = 0, kept = 0;

    o->values = arena_alloc(a, m->variants_count * sizeof(*o->values));
    if (!o->values)
        return ERROR_NOMEM;
    for (size_t i = 0; i < m->variants_count; i++) {
        struct text value = variant_value(&m->variants[i], o->name);
        if (value.length)
            o->values[count++] = value;
    }
    qsort(o->values, count, sizeof(*o->values), by_value);
    for (size_t i = 0; i < count; i++)
        if (!kept || !text_equal(o->values[kept - 1], o->values[i]))
            o->values[kept++] = o->values[i];
    o->values_count = kept;
    return 0;
}

static int list_options(struct matrix *m, struct arena *a)
{
    qsort(m->variants, m->variants_count, sizeof(*m->variants), by_number); /* the first comes first */
    for (size_t i = 0; i < m->variants_count; i++) {
        const struct variant *v = &m->variants[i];
        for (size_t k = 0; k < v->options_count; k++)
            if (!find_option(m, v->options[k].name) && m->options_count < OPTIONS_MOST)
                m->options[m->options_count++] = (struct option){.name = v->options[k].name};
    }
    for (size_t i = 0; i < m->options_count; i++)
        if (list_values(m, &m->options[i], a))
            return ERROR_NOMEM;
    return 0;
}

/* ---- in order ---- */

static int by_options(const void *left, const void *right, void *context)
{
    const struct variant *a = left, *b = right;
    const struct matrix *m = context;

    for (size_t i = 0; i < m->options_count; i++) {
        struct text value_a = variant_value(a, m->options[i].name),
                    value_b = variant_value(b, m->options[i].name);
        int order = option_compare(value_a, value_b);
        if (order)
            return order;
    }
    return text_compare(sku_text(a->sku), sku_text(b->sku));
}

int matrix_read(const struct view *v, struct text product, struct arena *a, struct matrix *ret)
{
    struct matrix m = {0};
    int result = read_variants(v, product, a, &m);

    if (!result && m.variants_count)
        result = list_options(&m, a);
    if (result)
        return result;
    if (m.variants_count)
        qsort_r(m.variants, m.variants_count, sizeof(*m.variants), by_options, &m);
    *ret = m;
    return 0;
}

bool matrix_read_or_answer(struct exchange *x, struct text product, struct matrix *ret)
{
    arena_reset(&x->loop->scratch.arena);
    int error = matrix_read(exchange_view(x), product, &x->loop->scratch.arena, ret);

    if (error == ERROR_LIMIT)
        problem(x, PROBLEM_TOO_LARGE, "the product has more than %d variants", VARIANTS_MOST);
    else if (error)
        problem_no_memory(x);
    else if (!ret->variants_count)
        problem(x, PROBLEM_NOT_FOUND, "no product `%.*s` is known", (int)product.length, product.at);
    return !error && ret->variants_count;
}
