/* Records that are no events, drawn from a seed: every kind, every field said or left out, values at the
 * edges.
 */
#ifndef TESTS_ANY_BODY_H
#define TESTS_ANY_BODY_H

#include "any_event.h"

enum { DRAWN_SETTINGS_MOST = 20 };

struct drawn_body {
    struct setting_said settings[DRAWN_SETTINGS_MOST];
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

static inline void draw_proposal(struct draw *d, struct proposal_said *p)
{
    p->kind = (enum proposal_kind)draw(d, PROPOSAL_STALE + 1);
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
        draw_proposal(d, &r->proposal);
    else if (r->kind == RECORD_CUT || r->kind == RECORD_DIGEST)
        draw_digest(d, &r->digest);
    else if (r->kind == RECORD_PROGRESS)
        draw_progress(d, &r->progress);
    else
        draw_reference(d, r);
}

static inline void draw_body(struct draw *d, struct drawn_body *b)
{
    draw_body_before(d, b, RECORD_RESERVATION);
}

#endif
