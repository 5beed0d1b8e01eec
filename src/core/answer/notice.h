/* Notices: what the window of the last changes holds, and what a listener is told of one.
 *
 * A notice says all that is needed to tell any channel what it was shown before the record and after it:
 * nothing is looked up in rows, which may be others by the time it is told. So whoever comes back hours
 * later, or asks another engine of the same log, hears the same. Rules and the catalogue are those of the
 * moment of telling; that they changed is a notice of its own. */
#ifndef CORE_ANSWER_NOTICE_H
#define CORE_ANSWER_NOTICE_H

#include "core/answer/availability.h"
#include "core/model/apply.h"
#include "core/table/window.h"
#include "core/view.h"

enum notice_kind {
    NOTICE_ROW = 1,     /* a row is another now */
    NOTICE_ITEM,        /* what every row of this SKU shows may be another */
    NOTICE_LOCATION,    /* what every row of this location shows may be another */
    NOTICE_GROUP,       /* a group has other members */
    NOTICE_CHANNEL,     /* a channel's rules are others */
    NOTICE_SILENCE,     /* a location became stale, or is so no longer */
    NOTICE_RESERVATION, /* a reservation is another now */
    NOTICE_KIT, /* in no window: what a kit shows may be another, because its components are (kit_stand.h) */
};

enum { NOTICE_FENCES_MOST = 500 };

struct notice {
    enum notice_kind kind;
    uint64_t offset;        /* of the record */
    uint32_t sku, location; /* numbers; UINT32_MAX where it does not apply */
    uint32_t number;        /* NOTICE_GROUP: the group's; NOTICE_CHANNEL, NOTICE_RESERVATION: the channel's,
                               UINT32_MAX: none, or rules for all */
    instant_t at;           /* log time */
    uint64_t product_was, product_now; /* NOTICE_ITEM: product_mark of what it was and is a variant of */
    /* NOTICE_ROW */
    struct brief was, now;
    bool counted, reordered; /* once counted; fell to its reorder point with this record */
    milli_t reorder_point;
    size_t fences_count;
    const struct window_slot *fences; /* notice_fence */
    const struct kit_stand *kit;      /* NOTICE_KIT: valid until its next notice */
    /* NOTICE_SILENCE */
    bool stale;
    instant_t heard_at;
    /* NOTICE_RESERVATION */
    enum reservation_state state;
    struct text id, reference;
    size_t lines_count;
    const uint64_t *lines; /* SKU << 32 | location, numbers */
    char texts[2 * TEXT_BYTES_MOST];
    uint64_t line_words[RESERVATION_LINES_MOST];
};

/* Adds what a record did to the window. @thread writer */
void notices_add(struct window *w, const struct state *s, const struct record *r, const struct outcome *o,
                 uint64_t offset);
/* Reads the entry that begins at *slots; points into them. Returns how many slots it has. @thread any */
size_t notice_read(const struct window_slot *slots, struct notice *ret);
/* What was and is set aside for a channel. */
struct brief_fence notice_fence(const struct notice *n, uint32_t channel);
/* All of them; `ret` has room for NOTICE_FENCES_MOST. Returns how many. */
size_t notice_fences(const struct notice *n, struct brief_fence *ret);

/* ---- what is told ---- */

enum tell {
#define TELL(NAME, name, meaning) TELL_##NAME,
#include "core/answer/tells.def"
#undef TELL
    TELL_END
};
const char *tell_name(enum tell t);
bool tell_from_name(struct text name, enum tell *ret);

/* What a channel is shown of something, before and after. */
struct told {
    uint32_t tells; /* bits of enum tell */
    milli_t previous, available;
    enum level level_was, level;
    milli_t oversold;      /* with TELL_OVERSOLD */
    milli_t reorder_point; /* with TELL_LOW_STOCK; LIMIT_NONE: it is not about that */
};
/* Of a NOTICE_ROW or NOTICE_KIT, to a channel (NULL: the pool's view). @thread any, inside an epoch section
 */
void notice_told(const struct view *v, const struct notice *n, const struct channel *c, struct told *ret);
void kit_stand_told(const struct view *v, const struct notice *n, const struct channel *c, struct told *ret);
/* What two figures of the same thing, one after the other, tell a channel. */
void figures_told(const struct brief_promise *was, const struct brief_promise *now, const struct item *i,
                  const struct channel *c, instant_t at, struct told *ret);

#endif
