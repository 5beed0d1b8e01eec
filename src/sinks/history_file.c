/* Writes the file of the history. */
#include "sinks/history_file.h"
#include "base/error.h"
#include "base/hash.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char schema[] = {
#include "history_schema_bytes.h"
    0};

/* The rows that were written last, so that not each line has to ask for the number of its row. */
enum { ROWS_KEPT = 1 << 14, PRUNE_LINES = 2000 };

struct row_kept {
    struct hash128 name;
    int64_t id; /* 0: nothing is kept here */
};

struct history_file {
    sqlite3 *db;
    sqlite3_stmt *find_row, *add_row, *add_change, *add_refusal, *set_position, *oldest, *delete_to,
        *delete_refusals_to;
    struct history_position position;
    struct row_kept *rows;
    char detail[300];
};

/* ---- errors ---- */

static int error_of(int code)
{
    switch (code & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_NOMEM:
        return ERROR_NOMEM;
    case SQLITE_FULL:
        return ERROR_LIMIT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT: /* a line that is there already: the position does not tell the truth */
    case SQLITE_MISMATCH:
    case SQLITE_ERROR: /* tables that are not ours */
        return ERROR_CORRUPT;
    default:
        return ERROR_IO;
    }
}

static int failed(struct history_file *f, int code)
{
    int error = error_of(code);

    if (error)
        snprintf(f->detail, sizeof(f->detail), "%s (%s)", sqlite3_errmsg(f->db), sqlite3_errstr(code));
    return error;
}

static int run(struct history_file *f, const char *sql)
{
    return failed(f, sqlite3_exec(f->db, sql, NULL, NULL, NULL));
}

/* Runs a statement that answers nothing, and makes it ready for the next time. */
static int step_done(struct history_file *f, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    int error = failed(f, code);

    sqlite3_reset(statement);
    return error;
}

/* ---- opening ---- */

static int number_of(struct history_file *f, const char *sql, int64_t *ret)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(f->db, sql, -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        *ret = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
        sqlite3_finalize(statement);
    }
    return failed(f, code);
}

enum { SCHEMA_VERSION = 3, APPLICATION_ID = 0x6F6E6864 /* "onhd" */ };

static int make_tables(struct history_file *f)
{
    char sql[160];
    int error = run(f, "BEGIN");

    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID,
             SCHEMA_VERSION);
    if (!error)
        error = run(f, schema);
    return error ? error : run(f, sql);
}

/* The tables are ours, or the file is empty and gets them. */
static int check_tables(struct history_file *f)
{
    int64_t version = 0, application = 0, tables = 0;
    int error = number_of(f, "PRAGMA user_version", &version);

    if (!error)
        error = number_of(f, "PRAGMA application_id", &application);
    if (!error)
        error = number_of(f, "SELECT count(*) FROM sqlite_schema", &tables);
    if (error)
        return error;
    if (!tables)
        return make_tables(f);
    if (version == SCHEMA_VERSION && application == APPLICATION_ID)
        return 0;
    snprintf(f->detail, sizeof(f->detail), "it is not a history of this version (%ld, not %d)", (long)version,
             SCHEMA_VERSION);
    return ERROR_CORRUPT;
}

static int read_position(struct history_file *f)
{
    int64_t incarnation = 0, applied_to = 0, complete_from = 0;
    int error = number_of(f, "SELECT value FROM position WHERE name = 'incarnation'", &incarnation);

    if (!error)
        error = number_of(f, "SELECT value FROM position WHERE name = 'applied_to'", &applied_to);
    if (!error)
        error = number_of(f, "SELECT value FROM position WHERE name = 'complete_from'", &complete_from);
    f->position =
        (struct history_position){(uint64_t)incarnation, (uint64_t)applied_to, (uint64_t)complete_from};
    return error;
}

static int prepare(struct history_file *f, const char *sql, sqlite3_stmt **ret)
{
    return failed(f, sqlite3_prepare_v3(f->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL));
}

static int prepare_all(struct history_file *f)
{
    int error = prepare(f, "SELECT id FROM row WHERE sku = ?1 AND location = ?2", &f->find_row);

    if (!error)
        error = prepare(f, "INSERT INTO row (sku, location) VALUES (?1, ?2)", &f->add_row);
    if (!error)
        error = prepare(f,
                        "INSERT INTO change VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,"
                        "?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,?28)",
                        &f->add_change);
    if (!error)
        error = prepare(
            f, "INSERT INTO refusal VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
            &f->add_refusal);
    if (!error)
        error = prepare(f, "INSERT OR REPLACE INTO position VALUES (?1, ?2)", &f->set_position);
    if (!error)
        error = prepare(f, "SELECT id, appended_at FROM change ORDER BY id LIMIT ?1", &f->oldest);
    if (!error)
        error = prepare(f, "DELETE FROM change WHERE id <= ?1", &f->delete_to);
    if (!error)
        error = prepare(f, "DELETE FROM refusal WHERE id <= ?1", &f->delete_refusals_to);
    return error;
}

static int open_all(struct history_file *f, const char *path)
{
    int code = sqlite3_open_v2(path, &f->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    int error = failed(f, code);

    if (error)
        return error;
    sqlite3_busy_timeout(f->db, 2000); /* somebody's own sqlite3 may look on */
    error = run(f, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;"
                   "PRAGMA journal_size_limit = 67108864");
    if (!error)
        error = check_tables(f);
    if (!error)
        error = read_position(f);
    return error ? error : prepare_all(f);
}

int history_file_open(const char *path, struct history_file **ret_file, char *detail, size_t detail_size)
{
    struct history_file *f = calloc(1, sizeof(*f));
    int error = ERROR_NOMEM;

    if (f)
        f->rows = calloc(ROWS_KEPT, sizeof(*f->rows));
    if (f && f->rows)
        error = open_all(f, path);
    if (!error) {
        *ret_file = f;
        return 0;
    }
    snprintf(detail, detail_size, "%s: %s", path, f && f->detail[0] ? f->detail : error_text(error));
    history_file_close(f);
    return error;
}

void history_file_close(struct history_file *f)
{
    if (!f)
        return;
    sqlite3_stmt *const all[] = {f->find_row,     f->add_row, f->add_change, f->add_refusal,
                                 f->set_position, f->oldest,  f->delete_to,  f->delete_refusals_to};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        sqlite3_finalize(all[i]);
    sqlite3_close(f->db);
    free(f->rows);
    free(f);
}

const struct history_position *history_file_position(const struct history_file *f)
{
    return &f->position;
}

const char *history_file_detail(const struct history_file *f)
{
    return f->detail;
}

/* ---- lines ---- */

int history_file_begin(struct history_file *f)
{
    return run(f, "BEGIN IMMEDIATE");
}

void history_file_rollback(struct history_file *f)
{
    if (!sqlite3_get_autocommit(f->db))
        sqlite3_exec(f->db, "ROLLBACK", NULL, NULL, NULL);
    memset(f->rows, 0, ROWS_KEPT * sizeof(*f->rows)); /* they may have been made in what is undone */
}

static void bind_text(sqlite3_stmt *s, int at, struct text t)
{
    if (t.length)
        sqlite3_bind_text(s, at, t.at, (int)t.length, SQLITE_STATIC);
    else
        sqlite3_bind_null(s, at);
}

static struct hash128 name_of(const struct history_line *l)
{
    char name[2 * TEXT_BYTES_MOST];

    memcpy(name, l->sku.at, l->sku.length);
    memcpy(name + l->sku.length, l->location.at, l->location.length);
    return hash128(name, l->sku.length + l->location.length, l->sku.length);
}

static int find_row(struct history_file *f, const struct history_line *l, int64_t *ret_id)
{
    bind_text(f->find_row, 1, l->sku);
    bind_text(f->find_row, 2, l->location);
    int code = sqlite3_step(f->find_row);
    int error = failed(f, code);
    *ret_id = code == SQLITE_ROW ? sqlite3_column_int64(f->find_row, 0) : 0;
    sqlite3_reset(f->find_row);
    if (error || *ret_id)
        return error;
    bind_text(f->add_row, 1, l->sku);
    bind_text(f->add_row, 2, l->location);
    error = step_done(f, f->add_row);
    *ret_id = error ? 0 : sqlite3_last_insert_rowid(f->db);
    return error;
}

static int row_of(struct history_file *f, const struct history_line *l, int64_t *ret_id)
{
    struct hash128 name = name_of(l);
    struct row_kept *kept = &f->rows[name.low % ROWS_KEPT];
    int error = 0;

    if (kept->id && kept->name.high == name.high && kept->name.low == name.low) {
        *ret_id = kept->id;
        return 0;
    }
    error = find_row(f, l, ret_id);
    if (!error)
        *kept = (struct row_kept){name, *ret_id};
    return error;
}

static void bind_figures(sqlite3_stmt *s, int at, const struct row_figures *r)
{
    const milli_t all[] = {r->on_hand,   r->unavailable,  r->reserved,
                           r->committed, r->safety_stock, r->incoming};

    for (int i = 0; i < 6; i++)
        sqlite3_bind_int64(s, at + i, all[i]);
}

static void bind_limit(sqlite3_stmt *s, int at, milli_t q)
{
    if (q == LIMIT_NONE)
        sqlite3_bind_null(s, at);
    else
        sqlite3_bind_int64(s, at, q);
}

static int add_refusal(struct history_file *f, int64_t id, const struct refusal *r)
{
    sqlite3_stmt *s = f->add_refusal;
    const milli_t all[] = {r->requested, r->available, r->on_hand,      r->unavailable,
                           r->reserved,  r->committed, r->safety_stock, r->n,
                           r->fenced,    r->pool,      r->buffer};

    sqlite3_bind_int64(s, 1, id);
    bind_text(s, 2, text_of(bound_name(r->bound)));
    for (int i = 0; i < 11; i++)
        sqlite3_bind_int64(s, 3 + i, all[i]);
    bind_limit(s, 14, r->backorder_limit);
    bind_limit(s, 15, r->max_per_line);
    if (r->required_at == INSTANT_NONE)
        sqlite3_bind_null(s, 16);
    else
        sqlite3_bind_int64(s, 16, r->required_at);
    sqlite3_bind_int64(s, 17, r->ordered);
    return step_done(f, s);
}

int history_file_add(struct history_file *f, const struct history_line *l)
{
    sqlite3_stmt *s = f->add_change;
    const struct text texts[] = {l->type,        l->verdict,   l->verdict_reason, l->event_id, l->source,
                                 l->reservation, l->reference, l->line,           l->channel,  l->reason};
    int64_t row;
    int error = row_of(f, l, &row);

    if (error)
        return error;
    sqlite3_bind_int64(s, 1, history_line_id(l->offset, l->number));
    sqlite3_bind_int64(s, 2, row);
    sqlite3_bind_int64(s, 3, l->event);
    for (int i = 0; i < 10; i++)
        bind_text(s, 4 + i, texts[i]);
    bind_limit(s, 14, l->quantity);
    sqlite3_bind_int64(s, 15, l->occurred_at);
    sqlite3_bind_int64(s, 16, l->appended_at);
    bind_figures(s, 17, &l->was);
    bind_figures(s, 23, &l->now);
    error = step_done(f, s);
    return error || !l->is_refused ? error
                                   : add_refusal(f, history_line_id(l->offset, l->number), &l->refusal);
}

static int set_position(struct history_file *f, const char *name, uint64_t value)
{
    bind_text(f->set_position, 1, text_of(name));
    sqlite3_bind_int64(f->set_position, 2, (int64_t)value);
    return step_done(f, f->set_position);
}

int history_file_commit(struct history_file *f, const struct history_position *now)
{
    int error = 0;

    if (now->incarnation != f->position.incarnation)
        error = set_position(f, "incarnation", now->incarnation);
    if (!error && now->applied_to != f->position.applied_to)
        error = set_position(f, "applied_to", now->applied_to);
    if (!error && now->complete_from != f->position.complete_from)
        error = set_position(f, "complete_from", now->complete_from);
    if (!error)
        error = run(f, "COMMIT");
    if (!error)
        f->position = *now;
    return error;
}

/* ---- its bounds ---- */

static uint64_t pragma_number(const struct history_file *f, const char *sql)
{
    sqlite3_stmt *statement;
    uint64_t value = 0;

    if (sqlite3_prepare_v2(f->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return 0;
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

uint64_t history_file_bytes(const struct history_file *f)
{
    return (pragma_number(f, "PRAGMA page_count") - pragma_number(f, "PRAGMA freelist_count")) *
           pragma_number(f, "PRAGMA page_size");
}

/* The newest of the oldest lines that have to go: of a whole record, or none at all. */
static int find_last(struct history_file *f, instant_t oldest, bool any, int64_t *ret_last,
                     uint64_t *ret_count)
{
    int code;
    uint64_t looked = 0;

    *ret_last = 0;
    *ret_count = 0;
    sqlite3_bind_int(f->oldest, 1, PRUNE_LINES);
    while ((code = sqlite3_step(f->oldest)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(f->oldest, 0);
        if (!any && sqlite3_column_int64(f->oldest, 1) >= oldest)
            break;
        looked++;
        *ret_last = id | (HISTORY_LINES_OF_RECORD - 1); /* the whole record: its lines share one instant */
        *ret_count = looked;
    }
    int error = failed(f, code);
    sqlite3_reset(f->oldest);
    return error;
}

int history_file_prune(struct history_file *f, instant_t oldest, uint64_t bytes_most, uint64_t *ret_deleted,
                       bool *ret_more)
{
    struct history_position now = f->position;
    uint64_t count;
    int64_t last;
    int error = find_last(f, oldest, bytes_most && history_file_bytes(f) > bytes_most, &last, &count);

    *ret_deleted = 0;
    *ret_more = false;
    if (error || !last)
        return error;
    uint64_t from = ((uint64_t)last >> HISTORY_LINE_BITS) + 1;
    now.complete_from = from > now.complete_from ? from : now.complete_from;
    error = history_file_begin(f);
    if (error)
        return error;
    sqlite3_bind_int64(f->delete_to, 1, last);
    error = step_done(f, f->delete_to);
    uint64_t deleted = (uint64_t)sqlite3_changes64(f->db);
    sqlite3_bind_int64(f->delete_refusals_to, 1, last);
    if (!error)
        error = step_done(f, f->delete_refusals_to);
    if (!error)
        error = history_file_commit(f, &now);
    if (error) {
        history_file_rollback(f);
        return error;
    }
    *ret_deleted = deleted;
    *ret_more = count == PRUNE_LINES;
    return 0;
}

int history_file_set_aside(const char *path, const char *suffix)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    char from[4200], to[4400];
    int error = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(from, sizeof(from), "%s%s", path, parts[i]);
        snprintf(to, sizeof(to), "%s%s%s", path, suffix, parts[i]);
        unlink(to);
        if (access(from, F_OK) == 0 && rename(from, to) != 0)
            error = ERROR_IO;
    }
    return error;
}
