/* Records that are no events, drawn from a seed: every kind, every field said or left out, values at the
 * edges.
 */
#ifndef TESTS_ANY_BODY_H
#define TESTS_ANY_BODY_H

#include "any_event.h"
#include "core/model/reservation.h"

enum { DRAWN_SETTINGS_MOST = 20, DRAWN_LINES_MOST = 5, DRAWN_CANDIDATES_MOST = 3 };

struct drawn_body {
    struct setting_said settings[DRAWN_SETTINGS_MOST];
    struct reservation_said reservation;
    struct line_said lines[DRAWN_LINES_MOST];
    struct text locations[DRAWN_LINES_MOST][DRAWN_CANDIDATES_MOST];
    struct record record;
};

static inline uint64_t draw_number(struct draw *d)
{
    static const uint64_t edges[] = {0, 1, 127, 128, UINT32_MAX, INT64_MAX, UINT64_MAX};
    return draw(d, 3) ? draw(d, UINT64_C(1) << draw(d, 63)) : edges[draw(d, 7)];
}

static inline instant_t draw_instant(struct draw *d)
{
    return draw(d, 3) ? (instant_t)(1795255500000000 + draw(d, 1000000000))
                      : (instant_t[]){INSTANT_NONE, 0, INSTANT_MOST}[draw(d, 3)];
}

static inline struct text draw_text_or_none(struct draw *d)
{
    return draw(d, 4) ? draw_text(d, false) : (struct text){0};
}

static inline void draw_settings(struct draw *d, struct drawn_body *b)
{
    b->record.settings.at = b->settings;
    b->record.settings.count = draw(d, DRAWN_SETTINGS_MOST + 1);
    for (size_t i = 0; i < b->record.settings.count; i++) {
        b->settings[i].name = draw_text_or_none(d);
        b->settings[i].value = (int64_t)draw_number(d);
    }
}

/* One after the other: inside one initialiser the order would be the compiler's. */
static inline void draw_incarnation(struct draw *d, struct incarnation_said *i)
{
    i->number = draw_number(d);
    i->after_number = draw_number(d);
    i->after_offset = draw_number(d);
    i->digest_high = draw_number(d);
    i->digest_low = draw_number(d);
}

/* A document that this kind accepts, so that what is drawn can be read as well as written. */
static inline void draw_reference(struct draw *d, struct record *r)
{
    static const char *const documents[] = {
        [RECORD_LOCATION] = "{\"name\":\"Z\xc3\xbcrich\"}",
        [RECORD_GROUP] = "{\"members\":[\"store-1\"]}",
        [RECORD_ITEM] = "{\"step\":0.5}",
        [RECORD_CHANNEL] = "{\"rules\":[]}",
    };

    r->reference.id = draw_text(d, true);
    r->reference.deleted = draw(d, 2);
    r->reference.occurred_at = draw_instant(d);
    if (!r->reference.deleted)
        r->reference.document = text_of(documents[r->kind]);
}

static inline void draw_proposal(struct draw *d, struct proposal_said *p, enum proposal_kind end)
{
    p->kind = (enum proposal_kind)draw(d, end);
    p->sku = draw_text_or_none(d);
    p->location = draw_text_or_none(d);
    p->reference = draw_text_or_none(d);
    p->line = draw_text_or_none(d);
    p->seen = draw_instant(d);
    p->due = draw_instant(d);
}

static inline void draw_progress(struct draw *d, struct progress_said *p)
{
    p->output = draw_text_or_none(d);
    p->incarnation = draw_number(d);
    p->offset = draw_number(d);
}

static inline void draw_head(struct draw *d, struct record *r)
{
    r->level = (uint32_t)draw(d, 3);
    r->intake.after = -1;
    r->correlation_instance = draw(d, 2) ? draw_number(d) : 0;
    r->correlation_number = draw(d, 2) ? draw_number(d) : 0;
    if (draw(d, 4))
        return;
    r->intake.name = draw_text(d, false);
    r->intake.partition = (int32_t)draw(d, 100);
    r->intake.offset = (int64_t)draw_number(d);
    r->intake.after = (int64_t)draw(d, 3) - 1;
    r->intake.skipped = draw(d, 2);
}

static inline void draw_digest(struct draw *d, struct digest_said *s)
{
    s->instance = draw_text_or_none(d);
    s->incarnation = draw_number(d);
    s->next_offset = draw_number(d);
    s->digest_high = draw_number(d);
    s->digest_low = draw_number(d);
}

static inline void draw_line(struct draw *d, struct line_said *l, struct text *locations, bool candidates)
{
    l->sku = draw_text(d, false);
    l->quantity = 1 + (milli_t)draw(d, draw(d, 3) ? 100000 : QUANTITY_MOST);
    l->locations_count = (uint32_t)(candidates ? 1 + draw(d, DRAWN_CANDIDATES_MOST) : draw(d, 2));
    l->locations = locations;
    l->split = candidates && draw(d, 2);
    for (uint32_t i = 0; i < l->locations_count; i++)
        locations[i] = draw_text(d, true);
}

static inline void draw_times(struct draw *d, struct reservation_said *r, bool must)
{
    uint64_t which = draw(d, must ? 2 : 3);

    if (which == 0)
        r->ttl_us = 1 + (int64_t)draw(d, UINT64_C(1) << draw(d, 50));
    else if (which == 1)
        r->expires_at = (instant_t)draw(d, INSTANT_MOST);
}

/* A step that may be: every field it can have, said or not. */
static inline void draw_reservation(struct draw *d, struct drawn_body *b)
{
    struct reservation_said *r = &b->reservation;
    bool candidates;

    b->record.reservation = r;
    r->expires_at = r->required_at = INSTANT_NONE;
    r->step = (enum reservation_step)(1 + draw(d, STEP_END - 1));
    r->id = draw_text(d, false);
    r->step_id = draw_text_or_none(d);
    r->digest.high = draw_number(d);
    r->digest.low = draw_number(d);
    candidates = r->step == STEP_RESERVE || r->step == STEP_CHANGE;
    if (r->step == STEP_RESERVE) {
        r->channel = draw(d, 2) ? draw_text(d, true) : (struct text){0};
        r->method = (uint32_t[]){0, 1, 2, 4}[draw(d, 4)];
        r->required_at = draw_instant(d);
        r->partial = draw(d, 2);
        r->begin = (enum reservation_state)draw(d, 3);
    }
    if (r->step == STEP_RESERVE || r->step == STEP_CONFIRM)
        r->reference = draw_text_or_none(d);
    if (r->step == STEP_RESERVE || r->step == STEP_EXTEND)
        draw_times(d, r, r->step == STEP_EXTEND);
    if (r->step == STEP_MOVE) {
        r->move_sku = draw_text_or_none(d);
        r->move_from = TEXT("store-1");
        r->move_to = draw(d, 2) ? TEXT("store-2") : TEXT("S");
    }
    if (candidates || r->step == STEP_FULFIL || r->step == STEP_CANCEL)
        r->lines_count = (uint32_t)(candidates + draw(d, DRAWN_LINES_MOST));
    r->lines = b->lines;
    for (uint32_t i = 0; i < r->lines_count; i++)
        draw_line(d, &b->lines[i], b->locations[i], candidates);
}

/* Of the kinds before `end`. */
static inline void draw_body_before(struct draw *d, struct drawn_body *b, enum record_kind end)
{
    struct record *r = &b->record;

    d->used = 0;
    memset(b, 0, sizeof(*b));
    r->kind = (enum record_kind)(RECORD_INCARNATION + draw(d, end - RECORD_INCARNATION));
    draw_head(d, r);
    if (r->kind == RECORD_INCARNATION)
        draw_incarnation(d, &r->incarnation);
    else if (r->kind == RECORD_LEVEL || r->kind == RECORD_ANNOUNCE)
        r->raise_level = (uint32_t)draw_number(d);
    else if (r->kind == RECORD_SETTINGS)
        draw_settings(d, b);
    else if (r->kind == RECORD_PROPOSAL)
        draw_proposal(d, &r->proposal, end > RECORD_RESERVATION ? PROPOSAL_KIND_END : PROPOSAL_STALE + 1);
    else if (r->kind == RECORD_CUT || r->kind == RECORD_DIGEST)
        draw_digest(d, &r->digest);
    else if (r->kind == RECORD_PROGRESS)
        draw_progress(d, &r->progress);
    else if (r->kind == RECORD_RESERVATION)
        draw_reservation(d, b);
    else
        draw_reference(d, r);
}

static inline void draw_body(struct draw *d, struct drawn_body *b)
{
    draw_body_before(d, b, RECORD_KIND_END);
}

#endif
