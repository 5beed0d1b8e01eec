/* From a row to what people ask: net available, promisable, available, level (model.md, Identities and Levels). Pure arithmetic. */
#ifndef CORE_ANSWER_AVAILABILITY_H
#define CORE_ANSWER_AVAILABILITY_H

#include "core/model/catalogue.h"
#include "core/model/rare.h"
#include "core/table/row.h"

enum level { LEVEL_OUT_OF_STOCK, LEVEL_LOW_STOCK, LEVEL_IN_STOCK, LEVEL_BACKORDER, LEVEL_PREORDER, LEVEL_END };
const char *level_name(enum level l); /* "out_of_stock" … */

struct figure {
    milli_t sellable, net_available, promisable, available, oversold;
    enum level level;
};

struct question { /* who asks */
    const struct channel *channel; /* NULL: the pool's view */
    uint32_t method;               /* enum method, 0: any */
    instant_t now;                 /* log time */
};

/* The figure of one row. `location` may be NULL (unknown: enabled). A disabled or deleted location shows available 0, and so does one that says its
 * methods when another is asked for. */
struct figure figure_of(const struct row_image *r, const struct location *l, const struct item *i, const struct question *q);

/* The level of a figure: `backorder` says whether something could be promised below zero. Nothing to promise is out_of_stock, also before release. */
enum level level_of(milli_t available, bool backorder, const struct item *i, const struct question *q);
/* May the row be promised below zero by at least something? */
bool may_backorder(const struct row_image *r, const struct location *l, const struct question *q);

/* The same arithmetic, term by term, for people (`/explain`): always the same named terms in the same order. Each value is what is added (negative
 * where something is subtracted); the last one, `available`, is the sum of all before it. Names and meanings are never freed. */
struct explain_term { const char *name; milli_t value; const char *meaning; };
enum { EXPLAIN_TERMS_MOST = 24 };
size_t figure_explain(const struct row_image *r, const struct location *l, const struct item *i, const struct question *q,
                      struct explain_term ret_terms[EXPLAIN_TERMS_MOST]);

enum row_shown_flag { SHOWN_NEGATIVE = 1, SHOWN_STATUSES = 2, SHOWN_UNMATCHED = 4, SHOWN_UNCOUNTED = 8, SHOWN_UNREGISTERED = 16, SHOWN_DISABLED = 32, SHOWN_OVERSOLD = 64, SHOWN_STALE = 128 };
uint32_t row_shown_flags(const struct row_image *r, const struct location *l, const struct item *i, const struct figure *f);
/* SHOWN_STALE is of the location, and so not among them: query_row.stale. */
const char *row_shown_flag_name(enum row_shown_flag f); /* "negative" … */

#endif
