/* Dividing the figures of an account among the reservations that made it. */
#include "core/model/holds.h"

#include <stdlib.h>

static milli_t lesser(milli_t a, milli_t b)
{
    return a < b ? a : b;
}

/* Not by calloc, which takes nothing of what the thread itself gave back last. */
struct hold *hold_create(void)
{
    struct hold *h = malloc(sizeof(*h));
    if (h)
        *h = (struct hold){.demand = NULL};
    return h;
}

void hold_link(struct hold *h, struct demand *d, struct accounts *all)
{
    h->demand = d;
    h->accounts = all;
    h->older = d->holds_newest;
    h->newer = NULL;
    *(d->holds_newest ? &d->holds_newest->newer : &d->holds) = h;
    d->holds_newest = h;
    d->holds_count++;
}

void hold_unlink(struct hold *h)
{
    struct demand *d = h->demand;
    if (!d)
        return;
    *(h->older ? &h->older->newer : &d->holds) = h->newer;
    *(h->newer ? &h->newer->older : &d->holds_newest) = h->older;
    d->holds_count--;
    h->demand = NULL;
    h->older = h->newer = NULL;
}

void hold_leave(struct hold *h, instant_t log_time)
{
    struct demand *d = h->demand;
    hold_unlink(h);
    if (!d || d->open + d->reserved != 0 || d->holds)
        return;
    demand_fit(d);
    accounts_close(h->accounts, &d->account, log_time);
}

/* Of what is divided: what a hold's own steps said (moved is called off too), and what has been found for it.
 */
struct share {
    milli_t held, confirmed, called_off, fulfilled;
    milli_t open_held, open_committed, gone, by_order;
};

/* What is left to divide of what others said. */
struct rest {
    milli_t placed; /* orders confirm what is held */
    milli_t cancelled, gone;
};

/* At most `most` of it. */
static milli_t take(milli_t *from, milli_t most)
{
    milli_t taken = lesser(*from, most);
    taken = taken > 0 ? taken : 0;
    *from -= taken;
    return taken;
}

static struct share share_of(const struct hold *h)
{
    return (struct share){.held = h->held,
                          .confirmed = h->confirmed,
                          .called_off = h->called_off + h->moved,
                          .fulfilled = h->fulfilled};
}

/* What its own steps did, which counts first. What they could not do is left for the others. */
static void divide_own(struct share *s, struct rest *r)
{
    s->by_order = take(&r->placed, s->held);
    s->open_committed = s->confirmed + s->by_order;
    s->open_held = s->held - s->by_order;
    r->cancelled -= take(&s->open_committed, s->called_off);
    s->gone = take(&s->open_committed, s->fulfilled);
    r->gone -= s->gone;
}

/* What orders and tills said beyond: first of what is confirmed, then of what is held. */
static void divide_rest(struct share *s, struct rest *r)
{
    s->open_committed -= take(&r->cancelled, s->open_committed);
    milli_t gone = take(&r->gone, s->open_committed);
    s->open_committed -= gone;
    s->gone += gone;
}

static void divide_beyond(struct share *s, struct rest *r)
{
    s->open_held -= take(&r->cancelled, s->open_held);
    milli_t gone = take(&r->gone, s->open_held);
    s->open_held -= gone;
    s->gone += gone;
}

/* Reservations that ended left their steps behind: together they are the oldest. */
static struct share share_of_the_past(const struct demand *d, const struct demand_figures *f)
{
    struct share past = {.held = f->held,
                         .confirmed = f->confirmed,
                         .called_off = f->called_off + f->moved,
                         .fulfilled = f->fulfilled};
    for (const struct hold *h = d->holds; h; h = h->newer) {
        past.held -= h->held;
        past.confirmed -= h->confirmed;
        past.called_off -= h->called_off + h->moved;
        past.fulfilled -= h->fulfilled;
    }
    return past;
}

static void settle(struct hold *h, const struct share *s, hold_teller *tell, void *context)
{
    bool shown = h->open_held != s->open_held || h->open_committed != s->open_committed || h->gone != s->gone;
    if (!shown && h->by_order == s->by_order)
        return;
    tell(h->of, shown, context);
    h->by_order = s->by_order;
    h->open_held = s->open_held;
    h->open_committed = s->open_committed;
    h->gone = s->gone;
}

/* Who is asked in a round takes of what the rounds before left. What it took in those is computed anew, which
 * is less than to remember it. */
enum { ROUNDS = 3 };

static void divide(struct share *s, struct rest left[ROUNDS], int rounds)
{
    divide_own(s, &left[0]);
    if (rounds > 1)
        divide_rest(s, &left[1]);
    if (rounds > 2)
        divide_beyond(s, &left[2]);
}

static void divide_among_many(struct demand *d, struct share past, struct rest all, hold_teller *tell,
                              void *context)
{
    struct rest begins[ROUNDS] = {all};
    for (int rounds = 1; rounds <= ROUNDS; rounds++) {
        struct rest left[ROUNDS];
        struct share s = past;
        memcpy(left, begins, sizeof(left));
        divide(&s, left, rounds);
        for (struct hold *h = d->holds; h; h = h->newer) {
            s = share_of(h);
            divide(&s, left, rounds);
            if (rounds == ROUNDS)
                settle(h, &s, tell, context);
        }
        if (rounds < ROUNDS)
            begins[rounds] = left[rounds - 1];
    }
}

/* Nearly all accounts are of one reservation. */
static void divide_with_past(struct hold *h, struct share past, struct rest left, hold_teller *tell,
                             void *context)
{
    struct share s = share_of(h);
    divide_own(&past, &left);
    divide_own(&s, &left);
    divide_rest(&past, &left);
    divide_rest(&s, &left);
    divide_beyond(&past, &left);
    divide_beyond(&s, &left);
    settle(h, &s, tell, context);
}

void holds_divide(struct demand *d, const struct demand_figures *f, hold_teller *tell, void *context)
{
    if (!d->holds)
        return;
    struct rest all = {.placed = f->placed - f->confirmed, .cancelled = f->cancelled, .gone = f->gone};
    struct share past = share_of_the_past(d, f);
    if (d->holds_count == 1)
        divide_with_past(d->holds, past, all, tell, context);
    else
        divide_among_many(d, past, all, tell, context);
}

milli_t hold_fence_took(const struct hold *h)
{
    if (!h->demand)
        return 0;
    milli_t left = h->demand->fence_took;
    for (const struct hold *o = h->demand->holds; o != h; o = o->newer)
        left -= lesser(left, o->open_held + o->open_committed);
    return lesser(left, h->open_held + h->open_committed);
}
