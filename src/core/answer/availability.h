/* From a row to what people ask: net available, promisable, available, level (model.md, Identities and Levels). Pure arithmetic. */
#ifndef CORE_ANSWER_AVAILABILITY_H
#define CORE_ANSWER_AVAILABILITY_H

#include "core/answer/left_out.h"
#include "core/model/catalogue.h"
#include "core/model/rare.h"
#include "core/model/rules.h"
#include "core/table/row.h"

enum level { LEVEL_OUT_OF_STOCK, LEVEL_LOW_STOCK, LEVEL_IN_STOCK, LEVEL_BACKORDER, LEVEL_PREORDER, LEVEL_END };
const char *level_name(enum level l); /* "out_of_stock" … */
struct text level_text(enum level l); /* the same */

struct figure {
    milli_t sellable, net_available; /* of all channels, now */
    milli_t promisable;              /* of all channels together, for the instant asked for */
    milli_t available;               /* what the channel is shown */
    milli_t grantable;               /* the most that one line may be granted, by backorder too; LIMIT_NONE: any
                                        quantity. What one line may have at most is not looked at */
    milli_t from_stock;              /* of that, what stock alone allows, without backorder */
    milli_t oversold;
    enum level level;
    bool capped; /* a rule's cap bounds what is shown, and it is reached: there may be more */
    instant_t available_from; /* backorder: when something is there again; preorder: the release; 0: now, or not known */
};

/* Who asks, and for when. Zero: the pool, now. */
struct question {
    const struct channel *channel; /* NULL: the pool's view */
    uint32_t method;               /* enum method, 0: any */
    instant_t now;                 /* log time */
    instant_t at;                  /* 0: now. Else what may be promised for that instant */
    /* NULL: `at` everywhere. Else the instant there: the end of a day is another in each zone */
    instant_t (*at_location)(void *context, const struct location *l);
    void *at_context;
    int64_t supply_grace_us; /* of the log; for later instants */
    const struct left_out_set *left_out; /* holds that are looked past; NULL: none */
};

/* One row as it is asked about. `location` may be NULL (unknown: enabled), and so may `item`. */
struct asked_row {
    const struct row_image *row;
    const struct location *location;
    const struct item *item;
    struct terms terms; /* of the channel for this item here; not enabled where the place gives nothing */
    size_t left_out_count;
    const struct left_out *left_out; /* of this row */
};

struct figure figure_asked(const struct asked_row *a, const struct question *q);
/* The same without any rules: a disabled or deleted location shows available 0, and so does one that says its
 * methods when another is asked for. */
struct figure figure_of(const struct row_image *r, const struct location *l, const struct item *i,
                        const struct question *q);

/* The first instant to come at which so much (> 0) is shown; 0: none is known. */
instant_t figure_from(const struct asked_row *a, const struct question *q, milli_t least);

/* The level of a figure: `backorder` says whether something could be promised below zero. Nothing to promise is
 * out_of_stock, also before release. */
enum level level_of(milli_t available, bool backorder, const struct item *i, const struct question *q);
/* May one line be granted so much? */
static inline bool figure_may(const struct figure *f, milli_t quantity)
{
    return f->grantable == LIMIT_NONE || f->grantable >= quantity;
}

/* The same arithmetic, term by term, for people (`/explain`): always the same named terms in the same order. Each
 * value is what is added (negative where something is subtracted); the last one, `available`, is the sum of all
 * before it. Names and meanings are never freed. */
struct explain_term {
    const char *name;
    milli_t value;
    const char *meaning;
};
enum { EXPLAIN_TERMS_MOST = 24 };
size_t figure_explain(const struct asked_row *a, const struct question *q,
                      struct explain_term ret_terms[EXPLAIN_TERMS_MOST]);

/* What is to come, instant by instant; the first is now. */
struct schedule_line {
    instant_t at; /* INSTANT_NONE: now */
    milli_t incoming, demand, projected, atp;
};
/* At most `most` are written; returns how many there are. */
size_t figure_schedule(const struct asked_row *a, const struct question *q, struct schedule_line *ret, size_t most);
enum row_shown_flag { SHOWN_NEGATIVE = 1, SHOWN_STATUSES = 2, SHOWN_UNMATCHED = 4, SHOWN_UNCOUNTED = 8, SHOWN_UNREGISTERED = 16, SHOWN_DISABLED = 32, SHOWN_OVERSOLD = 64, SHOWN_STALE = 128 };
uint32_t row_shown_flags(const struct row_image *r, const struct location *l, const struct item *i, const struct figure *f);
/* SHOWN_STALE is of the location, and so not among them: query_row.stale. */
const char *row_shown_flag_name(enum row_shown_flag f); /* "negative" … */

#endif
