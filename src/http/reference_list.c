/* Pages of locations, groups, items and channels: of all in their order, or of those that are looked for, the
 * best first. A search looks at all there are, a slice a turn. */
#include "http/etag.h"
#include "http/reference.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LISTED = 100,
    LISTED_MOST = 1000,
    LOOKED_AT_MOST = 10000, /* by a page of all */
    TURN_COST = 256 * 1024, /* of a search: bytes looked at, and so many for each object */
    OBJECT_COST = 128,
};

/* Silent for too long, or not: what a page is narrowed to. */
enum silence { SILENCE_ANY, SILENCE_STALE, SILENCE_NOT_STALE };

/* What a request asks for. */
struct wanted {
    uint64_t limit;
    struct text after, q, product;
    enum silence silence;
};

static bool is_wanted(const struct view *v, const struct family *f, uint32_t n, enum silence silence)
{
    return silence == SILENCE_ANY || f->is_stale(v, n) == (silence == SILENCE_STALE);
}

/* ---- all ---- */

static bool read_number(struct text t, uint32_t *ret)
{
    uint64_t n = 0;

    if (!t.length || t.length > 10)
        return false;
    for (size_t i = 0; i < t.length; i++) {
        if (t.at[i] < '0' || t.at[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(t.at[i] - '0');
    }
    *ret = (uint32_t)n;
    return n <= UINT32_MAX;
}

/* The cursor is the number of the next object. A page ends early rather than look at too many that are not
 * there any more. */
static void put_page(struct exchange *x, const struct family *f, const struct wanted *w, uint32_t after)
{
    const struct view *v = exchange_view(x);
    struct buffer *b = x->out;
    uint32_t count = f->count(v), n = after < count ? after : count;
    uint64_t listed = 0;

    for (uint32_t looked = 0; n < count && listed < w->limit && looked < LOOKED_AT_MOST; n++, looked++) {
        struct object o = f->at(v, n);
        if (!o.exists || !is_wanted(v, f, n, w->silence))
            continue;
        if (listed++)
            buffer_byte(b, ',');
        reference_put(b, v, f, &o);
    }
    if (n < count)
        buffer_printf(b, "],\"next\":\"%u\",", n);
    else
        buffer_text(b, TEXT("],\"next\":null,"));
}

static struct etag begin_page(struct exchange *x, const struct family *f)
{
    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "private, no-cache");
    buffer_printf(answer_body(x), "{\"%s\":[", f->collection);
    return etag;
}

static void end_page(struct exchange *x, const struct etag *etag, struct version version)
{
    size_t version_at = x->out->length - x->body_at;
    put_as_of(x->out, exchange_view(x), version);
    size_t version_end = x->out->length - x->body_at;
    buffer_byte(x->out, '}');
    etag_end(x, etag, version_at, version_end);
}

static void list_all(struct exchange *x, const struct family *f, const struct wanted *w, uint32_t after)
{
    epoch_enter(x->loop->reader);
    struct version version = view_version(exchange_view(x));
    struct etag etag = begin_page(x, f);
    put_page(x, f, w, after);
    end_page(x, &etag, version);
    epoch_exit(x->loop->reader);
}

/* ---- those that are looked for ---- */

/* The best so far: of each rank the first that this page may list, in their order. */
struct ranked {
    uint32_t count; /* at most limit + 1: one more says that there is a next page */
    uint32_t numbers[LISTED_MOST + 1];
};

struct search_task {
    struct pending pending;
    const struct family *family;
    uint32_t limit, next; /* the next object to look at */
    uint64_t found;       /* in all, listed before too */
    enum search_rank after_rank;
    uint32_t after; /* the page begins here, within after_rank */
    bool by_words, by_product;
    enum silence silence;
    struct search search;
    char product[TEXT_BYTES_MOST];
    size_t product_length;
    struct ranked ranked[SEARCH_NOT];
};

static enum search_rank rank(const struct view *v, const struct search_task *t, uint32_t n, size_t *cost)
{
    if (!is_wanted(v, t->family, n, t->silence))
        return SEARCH_NOT;
    if (t->by_product && !t->family->is_of(v, n, (struct text){t->product, t->product_length}))
        return SEARCH_NOT;
    if (!t->by_words && t->family->at)
        return SEARCH_BEGINS;
    return t->family->rank(v, n, t->by_words ? &t->search : NULL, cost);
}

static void take(struct search_task *t, enum search_rank r, uint32_t n)
{
    struct ranked *of = &t->ranked[r];

    t->found++;
    if (r < t->after_rank || (r == t->after_rank && n < t->after))
        return;
    if (of->count <= t->limit)
        of->numbers[of->count++] = n;
}

/* True: all have been looked at. */
static bool look(const struct view *v, struct search_task *t)
{
    uint32_t count = t->family->count(v);

    for (size_t cost = 0; t->next < count && cost < TURN_COST; t->next++, cost += OBJECT_COST) {
        enum search_rank r = rank(v, t, t->next, &cost);
        if (r != SEARCH_NOT)
            take(t, r, t->next);
    }
    return t->next >= count;
}

/* Objects that were deleted since are left out. */
static void put_found(struct exchange *x, const struct search_task *t)
{
    const struct view *v = exchange_view(x);
    struct buffer *b = x->out;
    uint32_t listed = 0, put = 0;

    for (unsigned r = 0; r < SEARCH_NOT; r++)
        for (uint32_t i = 0; i < t->ranked[r].count; i++) {
            uint32_t n = t->ranked[r].numbers[i];
            if (listed++ == t->limit) {
                buffer_printf(b, "],\"found\":%llu,\"next\":\"%u-%u\",", (unsigned long long)t->found, r, n);
                return;
            }
            struct object o = t->family->found(v, n);
            if (!o.exists)
                continue;
            if (put++)
                buffer_byte(b, ',');
            if (t->family->put)
                t->family->put(b, v, n);
            else
                reference_put(b, v, t->family, &o);
        }
    buffer_printf(b, "],\"found\":%llu,\"next\":null,", (unsigned long long)t->found);
}

static enum pending_status search_step(struct pending *p, struct exchange *x)
{
    struct search_task *t = (struct search_task *)p;

    epoch_enter(x->loop->reader);
    struct version version = view_version(exchange_view(x));
    bool done = look(exchange_view(x), t);
    if (done) {
        struct etag etag = begin_page(x, t->family);
        put_found(x, t);
        end_page(x, &etag, version);
    }
    epoch_exit(x->loop->reader);
    return done ? PENDING_DONE : PENDING_TURN;
}

static void search_drop(struct pending *p)
{
    free(p);
}

/* `rank-number` */
static bool read_after(struct text after, struct search_task *t)
{
    if (!after.length)
        return true;
    if (after.length < 3 || after.at[0] < '0' || after.at[0] >= '0' + SEARCH_NOT || after.at[1] != '-')
        return false;
    t->after_rank = (enum search_rank)(after.at[0] - '0');
    return read_number((struct text){after.at + 2, after.length - 2}, &t->after);
}

static void list_found(struct exchange *x, const struct family *f, const struct wanted *w)
{
    struct search_task *t = calloc(1, sizeof(*t));

    if (!t) {
        problem_no_memory(x);
        return;
    }
    t->pending = (struct pending){.step = search_step, .drop = search_drop};
    t->family = f;
    t->limit = (uint32_t)w->limit;
    t->silence = w->silence;
    t->by_words = w->q.length > 0;
    t->by_product = w->product.length > 0;
    t->product_length = w->product.length;
    memcpy(t->product, w->product.at ? w->product.at : "", w->product.length);
    if (t->by_words && !search_init(&t->search, w->q))
        problem(x, PROBLEM_BAD_PARAMETER, "parameter `q` must be 1 to %d words of %d bytes together",
                SEARCH_WORDS_MOST, SEARCH_BYTES_MOST);
    else if (!read_after(w->after, t))
        problem(x, PROBLEM_BAD_PARAMETER, "parameter `after` must be `next` of the page before");
    else if (search_step(&t->pending, x) == PENDING_TURN) {
        exchange_turn(x, &t->pending);
        return;
    }
    free(t);
}

/* ---- the question ---- */

static void read_text(const struct parameter *p, size_t most, struct text *ret, struct problems *errors)
{
    if (p->value.length && p->value.length <= most)
        *ret = p->value;
    else
        parameter_wrong(errors, p->name, p->value.length ? "is too long" : "must not be empty");
}

static void read_silence(const struct parameter *p, enum silence *ret, struct problems *errors)
{
    if (text_equal(p->value, TEXT("true")))
        *ret = SILENCE_STALE;
    else if (text_equal(p->value, TEXT("false")))
        *ret = SILENCE_NOT_STALE;
    else
        parameter_wrong(errors, p->name, "must be true or false");
}

static bool read_wanted(struct exchange *x, const struct family *f, struct wanted *ret)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;
    uint32_t number;

    errors.count = 0;
    *ret = (struct wanted){.limit = LISTED};
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("limit")))
            parameter_number(&p, 1, LISTED_MOST, &ret->limit, &errors);
        else if (text_equal(p.name, TEXT("after")))
            read_text(&p, TEXT_BYTES_MOST, &ret->after, &errors);
        else if (f->rank && text_equal(p.name, TEXT("q")))
            read_text(&p, SEARCH_BYTES_MOST, &ret->q, &errors);
        else if (f->is_stale && text_equal(p.name, TEXT("stale")))
            read_silence(&p, &ret->silence, &errors);
        else if (f->is_of && text_equal(p.name, TEXT("product")))
            read_text(&p, TEXT_BYTES_MOST, &ret->product, &errors);
        else
            parameter_unknown(&errors, p.name);
    }
    if (ret->after.length && !ret->q.length && !ret->product.length && f->at &&
        !read_number(ret->after, &number))
        parameter_wrong(&errors, TEXT("after"), "must be `next` of the page before");
    return parameters_right(x, &errors);
}

void reference_list(struct exchange *x, const struct family *f)
{
    struct wanted w;
    uint32_t after = 0;

    if (!read_wanted(x, f, &w))
        return;
    if (w.q.length || w.product.length || !f->at) {
        list_found(x, f, &w);
        return;
    }
    read_number(w.after, &after);
    list_all(x, f, &w, after);
}
