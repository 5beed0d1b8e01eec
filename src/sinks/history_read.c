/* Reads pages of the history's file, newest first. */
#include "base/error.h"
#include "sinks/history_file.h"

#include <sqlite3.h>
#include <stdlib.h>

struct history_reader {
    sqlite3 *db;
    sqlite3_stmt *begin, *end, *position, *row, *from_id, *page, *refusal;
};

static int error_of(int code)
{
    code &= 0xFF;
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
        return 0;
    if (code == SQLITE_NOMEM)
        return ERROR_NOMEM;
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERROR_CORRUPT : ERROR_IO;
}

static int prepare_all(struct history_reader *r)
{
    const struct {
        const char *sql;
        sqlite3_stmt **statement;
    } all[] = {
        {"BEGIN", &r->begin},
        {"COMMIT", &r->end},
        {"SELECT name, value FROM position", &r->position},
        {"SELECT id FROM row WHERE sku = ?1 AND location = ?2", &r->row},
        {"SELECT id, appended_at FROM change WHERE id >= ?1 ORDER BY id LIMIT 1", &r->from_id},
        {"SELECT id, event, type, verdict, verdict_reason, event_id, source, reservation, reference, line,"
         " channel, reason, quantity, occurred_at, appended_at, on_hand_before, unavailable_before,"
         " reserved_before, committed_before, safety_stock_before, incoming_before, on_hand, unavailable,"
         " reserved, committed, safety_stock, incoming"
         " FROM change WHERE row = ?1 AND id < ?2 AND id >= ?3 ORDER BY id DESC LIMIT ?4",
         &r->page},
        {"SELECT bound, requested, available, on_hand, unavailable, reserved, committed, safety_stock,"
         " promisable, fenced, pool, buffer, backorder_limit, max_per_line, required_at, ordered"
         " FROM refusal WHERE id = ?1",
         &r->refusal},
    };
    int code = SQLITE_OK;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && code == SQLITE_OK; i++)
        code = sqlite3_prepare_v3(r->db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].statement, NULL);
    return error_of(code);
}

int history_reader_open(const char *path, struct history_reader **ret_reader)
{
    struct history_reader *r = calloc(1, sizeof(*r));

    if (!r)
        return ERROR_NOMEM;
    int error = error_of(sqlite3_open_v2(path, &r->db, SQLITE_OPEN_READONLY, NULL));
    if (!error) {
        sqlite3_busy_timeout(r->db, 1000);
        error = prepare_all(r);
    }
    if (error)
        history_reader_close(r);
    else
        *ret_reader = r;
    return error;
}

void history_reader_close(struct history_reader *r)
{
    if (!r)
        return;
    sqlite3_stmt *const all[] = {r->begin, r->end, r->position, r->row, r->from_id, r->page, r->refusal};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        sqlite3_finalize(all[i]);
    sqlite3_close(r->db);
    free(r);
}

static struct text column_text(sqlite3_stmt *s, int at)
{
    const char *bytes = (const char *)sqlite3_column_text(s, at);
    return (struct text){bytes, bytes ? (size_t)sqlite3_column_bytes(s, at) : 0};
}

static int read_position(struct history_reader *r, struct history_question *q)
{
    int code;

    q->incarnation = q->applied_to = q->complete_from = 0;
    while ((code = sqlite3_step(r->position)) == SQLITE_ROW) {
        struct text name = column_text(r->position, 0);
        uint64_t value = (uint64_t)sqlite3_column_int64(r->position, 1);
        if (text_equal(name, TEXT("incarnation")))
            q->incarnation = value;
        else if (text_equal(name, TEXT("applied_to")))
            q->applied_to = value;
        else if (text_equal(name, TEXT("complete_from")))
            q->complete_from = value;
    }
    sqlite3_reset(r->position);
    return error_of(code);
}

static int find_row(struct history_reader *r, const struct history_question *q, int64_t *ret_row)
{
    sqlite3_bind_text(r->row, 1, q->sku.at, (int)q->sku.length, SQLITE_STATIC);
    sqlite3_bind_text(r->row, 2, q->location.at, (int)q->location.length, SQLITE_STATIC);
    int code = sqlite3_step(r->row);
    *ret_row = code == SQLITE_ROW ? sqlite3_column_int64(r->row, 0) : 0;
    sqlite3_reset(r->row);
    return error_of(code);
}

/* The first id of all whose line was appended at `at` or later; log time only grows, so halving finds it. */
static int id_at(struct history_reader *r, instant_t at, int64_t *ret_id)
{
    int64_t low = 0, high = INT64_MAX; /* low is before it, or the first; at high or before it it is */

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        sqlite3_bind_int64(r->from_id, 1, middle);
        int code = sqlite3_step(r->from_id);
        bool found = code == SQLITE_ROW;
        int64_t id = found ? sqlite3_column_int64(r->from_id, 0) : 0;
        instant_t appended_at = found ? sqlite3_column_int64(r->from_id, 1) : 0;
        sqlite3_reset(r->from_id);
        if (error_of(code))
            return error_of(code);
        if (!found || appended_at >= at)
            high = middle;
        else
            low = id + 1;
    }
    *ret_id = low;
    return 0;
}

/* ---- a page ---- */

static bool keep_text(struct arena *a, struct text *t)
{
    if (t->length)
        *t = arena_text(a, *t);
    return !t->length || t->at;
}

static struct row_figures column_figures(sqlite3_stmt *s, int at)
{
    return (struct row_figures){.on_hand = sqlite3_column_int64(s, at),
                                .unavailable = sqlite3_column_int64(s, at + 1),
                                .reserved = sqlite3_column_int64(s, at + 2),
                                .committed = sqlite3_column_int64(s, at + 3),
                                .safety_stock = sqlite3_column_int64(s, at + 4),
                                .incoming = sqlite3_column_int64(s, at + 5)};
}

static bool read_line(sqlite3_stmt *s, struct history_question *q)
{
    struct history_line *l = &q->lines[q->count];
    struct text *const texts[] = {&l->type,    &l->verdict,     &l->verdict_reason, &l->event_id,
                                  &l->source,  &l->reservation, &l->reference,      &l->line,
                                  &l->channel, &l->reason};
    int64_t id = sqlite3_column_int64(s, 0);
    bool kept = true;

    *l = (struct history_line){
        .offset = (uint64_t)id >> HISTORY_LINE_BITS,
        .number = (uint32_t)id & (HISTORY_LINES_OF_RECORD - 1),
        .event = (uint32_t)sqlite3_column_int64(s, 1),
        .quantity = sqlite3_column_type(s, 12) == SQLITE_NULL ? LIMIT_NONE : sqlite3_column_int64(s, 12),
        .occurred_at = sqlite3_column_int64(s, 13),
        .appended_at = sqlite3_column_int64(s, 14),
        .was = column_figures(s, 15),
        .now = column_figures(s, 21),
        .sku = q->sku,
        .location = q->location};
    for (int i = 0; i < 10 && kept; i++) {
        *texts[i] = column_text(s, 2 + i);
        kept = keep_text(&q->arena, texts[i]);
    }
    q->count += kept;
    return kept;
}

static milli_t column_limit(sqlite3_stmt *s, int at)
{
    return sqlite3_column_type(s, at) == SQLITE_NULL ? LIMIT_NONE : sqlite3_column_int64(s, at);
}

static enum bound column_bound(sqlite3_stmt *s, int at)
{
    struct text name = column_text(s, at);

    for (enum bound b = BOUND_NONE; b < BOUND_END; b++)
        if (text_equal(name, text_of(bound_name(b))))
            return b;
    return BOUND_NONE;
}

/* Why a reservation was refused, where it was. */
static int read_refusal(struct history_reader *r, struct history_line *l)
{
    sqlite3_stmt *s = r->refusal;
    milli_t *const all[] = {&l->refusal.requested,    &l->refusal.available, &l->refusal.on_hand,
                            &l->refusal.unavailable,  &l->refusal.reserved,  &l->refusal.committed,
                            &l->refusal.safety_stock, &l->refusal.n,         &l->refusal.fenced,
                            &l->refusal.pool,         &l->refusal.buffer};

    sqlite3_bind_int64(s, 1, history_line_id(l->offset, l->number));
    int code = sqlite3_step(s);
    l->is_refused = code == SQLITE_ROW;
    if (l->is_refused) {
        l->refusal.bound = column_bound(s, 0);
        for (int i = 0; i < 11; i++)
            *all[i] = sqlite3_column_int64(s, 1 + i);
        l->refusal.backorder_limit = column_limit(s, 12);
        l->refusal.max_per_line = column_limit(s, 13);
        l->refusal.required_at =
            sqlite3_column_type(s, 14) == SQLITE_NULL ? INSTANT_NONE : sqlite3_column_int64(s, 14);
        l->refusal.ordered = sqlite3_column_int64(s, 15);
    }
    sqlite3_reset(s);
    return error_of(code);
}

static bool may_be_refused(const struct history_line *l)
{
    return l->reservation.length && text_equal(l->verdict, text_of(verdict_name(VERDICT_REJECTED)));
}

static int read_page(struct history_reader *r, struct history_question *q, int64_t row, int64_t before,
                     int64_t from)
{
    sqlite3_stmt *s = r->page;
    int code, error = 0;

    q->lines = arena_alloc(&q->arena, q->limit * sizeof(*q->lines));
    if (!q->lines)
        return ERROR_NOMEM;
    sqlite3_bind_int64(s, 1, row);
    sqlite3_bind_int64(s, 2, before);
    sqlite3_bind_int64(s, 3, from);
    sqlite3_bind_int(s, 4, (int)q->limit + 1);
    while ((code = sqlite3_step(s)) == SQLITE_ROW && !error) {
        if (q->count == q->limit) {
            const struct history_line *last = &q->lines[q->count - 1];
            q->next_before = history_line_id(last->offset, last->number);
            break;
        }
        error = read_line(s, q) ? 0 : ERROR_NOMEM;
        if (!error && may_be_refused(&q->lines[q->count - 1]))
            error = read_refusal(r, &q->lines[q->count - 1]);
    }
    sqlite3_reset(s);
    return error ? error : error_of(code);
}

static int answer(struct history_reader *r, struct history_question *q)
{
    int64_t row = 0, from = 0, to = INT64_MAX;
    int error = read_position(r, q);

    if (!error)
        error = find_row(r, q, &row);
    if (!error && row && q->from != INSTANT_NONE)
        error = id_at(r, q->from, &from);
    if (!error && row && q->to != INSTANT_NONE)
        error = id_at(r, q->to, &to);
    if (q->before && q->before < to)
        to = q->before;
    if (q->of_record) {
        from = history_line_id(q->offset, 0);
        to = history_line_id(q->offset + 1, 0);
    }
    return error || !row ? error : read_page(r, q, row, to, from);
}

int history_reader_answer(struct history_reader *r, struct history_question *q)
{
    q->count = 0;
    q->next_before = 0;
    int error = error_of(sqlite3_step(r->begin));
    sqlite3_reset(r->begin);
    if (error)
        return error;
    error = answer(r, q); /* all of it as of one moment */
    sqlite3_step(r->end);
    sqlite3_reset(r->end);
    return error;
}
