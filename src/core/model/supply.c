/* What is open of a supply line follows from everything said about its order, in whatever order it was said.
 */
#include "core/model/supply.h"

#include "base/array.h"
#include "base/error.h"

#include <stdlib.h>

enum { DEPTH_MOST = 4 };

struct supply *supply_create(struct text reference, struct text line)
{
    struct supply *s = account_create(sizeof(*s), reference, line);
    if (s)
        s->set_at = s->expected_at = s->expected_said_at = s->overdue_at = s->first_at = INSTANT_NONE;
    return s;
}

void supply_destroy(struct supply *s)
{
    if (!s)
        return;
    free((char *)(uintptr_t)s->parent.at);
    free(s->entries);
    free(s);
}

/* The two oldest entries of one kind become one, at the newer's instant. */
static void merge_oldest(struct supply *s)
{
    for (uint32_t i = 0; i + 1 < s->entries_count; i++)
        for (uint32_t next = i + 1; next < s->entries_count; next++)
            if (s->entries[i].kind == s->entries[next].kind) {
                s->entries[next].quantity += s->entries[i].quantity;
                s->entries_count--;
                memmove(s->entries + i, s->entries + i + 1, (s->entries_count - i) * sizeof(*s->entries));
                return;
            }
}

int supply_reserve(struct supply *s)
{
    if (s->entries_count >= SUPPLY_ENTRIES_MOST)
        merge_oldest(s);
    if (s->entries_count < s->entries_capacity)
        return 0;
    uint32_t capacity = s->entries_capacity ? s->entries_capacity * 2 : 2;
    if (!array_grow(&s->entries, s->entries_capacity, capacity, sizeof(*s->entries)))
        return ERROR_NOMEM;
    s->entries_capacity = capacity;
    return 0;
}

static bool earlier(instant_t at, uint32_t number, instant_t other_at, uint32_t other_number)
{
    return at != other_at ? at < other_at : number < other_number;
}

void supply_add(struct supply *s, instant_t at, milli_t quantity, uint32_t number, enum supply_kind kind)
{
    uint32_t i = s->entries_count++;
    for (; i > 0 && earlier(at, number, s->entries[i - 1].at, s->entries[i - 1].number); i--)
        s->entries[i] = s->entries[i - 1];
    s->entries[i] =
        (struct supply_entry){.at = at, .quantity = quantity, .number = number, .kind = (uint8_t)kind};
}

static milli_t at_least_zero(milli_t q)
{
    return q > 0 ? q : 0;
}

/* The whole quantity: what was set last, and what was shipped after that. */
static milli_t expected(const struct supply *s)
{
    milli_t sum = s->set_quantity;
    for (uint32_t i = 0; i < s->entries_count; i++)
        if (s->entries[i].kind == SUPPLY_SHIPPED && s->entries[i].at > s->set_at)
            sum += s->entries[i].quantity;
    return sum;
}

static milli_t received(const struct supply *s)
{
    milli_t sum = 0;
    for (uint32_t i = 0; i < s->entries_count; i++)
        if (s->entries[i].kind == SUPPLY_RECEIVED)
            sum += s->entries[i].quantity;
    return sum;
}

static void put_sorted(struct supply **list, struct supply *s,
                       bool (*first)(const struct supply *, const struct supply *))
{
    while (*list && !first(s, *list))
        list = &(*list)->next;
    s->next = *list;
    *list = s;
}

static bool older(const struct supply *a, const struct supply *b)
{
    if (a->first_at != b->first_at || a->first_number != b->first_number)
        return earlier(a->first_at, a->first_number, b->first_at, b->first_number);
    return account_compare(&a->account, &b->account) < 0;
}

static bool by_line(const struct supply *a, const struct supply *b)
{
    return text_compare(account_line(&a->account), account_line(&b->account)) < 0;
}

struct family {
    struct supply *orders; /* the lines of the order, by line */
    struct supply *notes;  /* its delivery notes, oldest first */
};

static struct family family_of(struct accounts *all, struct text reference)
{
    struct family f = {NULL, NULL};
    for (uint32_t i = 0; i < all->count; i++) {
        struct supply *s = (struct supply *)all->at[i];
        if (text_equal(account_reference(&s->account), reference))
            put_sorted(&f.orders, s, by_line);
        else if (s->parent.length && text_equal(s->parent, reference))
            put_sorted(&f.notes, s, older);
    }
    return f;
}

/* A receipt that names the order first fills the delivery notes that were announced before it and are open,
 * oldest first. Returns what is left. */
static milli_t fill_notes(struct supply *notes, const struct supply_entry *receipt)
{
    milli_t rest = receipt->quantity;
    for (struct supply *n = notes; n && rest > 0; n = n->next) {
        if (n->final || !earlier(n->first_at, n->first_number, receipt->at, receipt->number))
            continue;
        milli_t room = at_least_zero(expected(n) - n->received - n->share);
        milli_t given = rest < room ? rest : room;
        n->share += given;
        rest -= given;
    }
    return rest;
}

/* Receipts of all lines of the order, in the order in which they occurred. */
static void fill_family(struct family *f)
{
    instant_t at = INSTANT_NONE;
    uint32_t number = 0;
    for (;;) {
        const struct supply_entry *next = NULL;
        struct supply *of = NULL;
        for (struct supply *o = f->orders; o; o = o->next)
            for (uint32_t i = 0; i < o->entries_count; i++) {
                const struct supply_entry *e = &o->entries[i];
                if (e->kind != SUPPLY_RECEIVED || !earlier(at, number, e->at, e->number))
                    continue;
                if (!next || earlier(e->at, e->number, next->at, next->number)) {
                    next = e;
                    of = o;
                }
                break;
            }
        if (!next)
            return;
        of->received += fill_notes(f->notes, next);
        at = next->at;
        number = next->number;
    }
}

/* open(order) = max(0, expected − received − Σ over its delivery notes (received + open)); several lines of
 * an order give way in their order. */
static bool open_family(struct family *f)
{
    bool any_open = false, order_final = false;
    milli_t announced = 0;
    for (struct supply *o = f->orders; o; o = o->next)
        order_final |= o->final;
    for (struct supply *n = f->notes; n; n = n->next) {
        n->open = n->final || order_final ? 0 : at_least_zero(expected(n) - n->received - n->share);
        announced += n->received + n->share + n->open;
        any_open |= n->open > 0;
    }
    for (struct supply *o = f->orders; o; o = o->next) {
        milli_t rest = at_least_zero(expected(o) - o->received);
        milli_t contained = announced < rest ? announced : rest;
        announced -= contained;
        o->open = o->final ? 0 : rest - contained;
        any_open |= o->open > 0;
    }
    return any_open;
}

static void close_list(struct accounts *all, struct supply *list, bool open, instant_t log_time)
{
    for (; list; list = list->next) {
        if (open)
            accounts_reopen(all, &list->account);
        else
            accounts_close(all, &list->account, log_time);
    }
}

static void refresh_family(struct accounts *all, struct text reference, instant_t log_time)
{
    struct family f = family_of(all, reference);
    for (struct supply *o = f.orders; o; o = o->next)
        o->received = 0;
    for (struct supply *n = f.notes; n; n = n->next) {
        n->received = received(n);
        n->share = 0;
    }
    if (f.notes)
        fill_family(&f);
    else
        for (struct supply *o = f.orders; o; o = o->next)
            o->received = received(o);
    bool open = open_family(&f);
    close_list(all, f.orders, open, log_time);
    close_list(all, f.notes, open, log_time);
}

void supply_refresh(struct accounts *all, struct supply *of, bool parents, instant_t log_time)
{
    if (!parents) {
        of->open = of->final ? 0 : at_least_zero(expected(of) - received(of));
        of->next = NULL;
        close_list(all, of, of->open > 0, log_time);
        return;
    }
    struct text reference = account_reference(&of->account);
    refresh_family(all, reference, log_time);
    for (int depth = 0; depth < DEPTH_MOST && of && of->parent.length && !text_equal(of->parent, reference);
         depth++) {
        reference = of->parent;
        refresh_family(all, reference, log_time);
        of = (struct supply *)accounts_find(all, reference, (struct text){0});
    }
}

void supply_follow_due(struct supply *s, struct due *due)
{
    bool waits = s->open > 0 && !supply_overdue(s);
    due_set(due, DUE_SUPPLY, &s->due, waits ? s->expected_at : INSTANT_NONE);
}
