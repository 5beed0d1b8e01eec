/* The report of an import: NDJSON, a line for each line of the file that something is to be said of, and
 * totals at the end. */
#include "http/import.h"

#include "codec/json.h"

static void put_beginning(struct buffer *b, const struct import_line *l)
{
    if (l->number)
        buffer_printf(b, "{\"line\":%lu", l->number);
    else
        buffer_text(b, TEXT("{\"line\":null"));
    if (l->kind < DATA_KINDS) {
        buffer_printf(b, ",\"kind\":\"%s\"", data_kind_name(l->kind));
        buffer_text(b, TEXT(",\"id\":"));
        put_text_or_null(b, l->id);
    }
    if (l->sku.length) {
        buffer_text(b, TEXT(",\"sku\":"));
        json_put_string(b, l->sku);
    }
    if (l->location.length) {
        buffer_text(b, TEXT(",\"location\":"));
        json_put_string(b, l->location);
    }
}

static void put_verdict(struct buffer *b, const struct import_line *l, const char *verdict)
{
    put_beginning(b, l);
    buffer_printf(b, ",\"verdict\":\"%s\"", verdict);
}

static void put_end(struct buffer *b)
{
    buffer_text(b, TEXT("}\n"));
}

void report_bad(struct import_report *r, const struct import_line *l, struct text errors)
{
    r->lines += l->number > 0;
    r->failed++;
    put_verdict(&r->out, l, verdict_name(VERDICT_REJECTED));
    buffer_printf(&r->out, ",\"reason\":\"%s\",\"errors\":", reason_name(REASON_MALFORMED));
    buffer_text(&r->out, errors);
    put_end(&r->out);
}

/* What was not written because it stands so already is told like what something newer contains. */
void report_unchanged(struct import_report *r, const struct import_line *l)
{
    r->lines++;
    r->unchanged++;
    if (!r->all)
        return;
    put_verdict(&r->out, l, "unchanged");
    put_end(&r->out);
}

static void count_verdict(struct import_report *r, const struct import_line *l, enum verdict v)
{
    uint64_t *const totals[VERDICT_END] = {[VERDICT_APPLIED] = &r->applied,
                                           [VERDICT_PARTIAL] = &r->partial,
                                           [VERDICT_DUPLICATE] = &r->repeated,
                                           [VERDICT_SUPERSEDED] = &r->unchanged,
                                           [VERDICT_REJECTED] = &r->failed};

    if (l->number) {
        r->lines++;
        ++*totals[v];
    } else {
        r->unmentioned += v == VERDICT_APPLIED || v == VERDICT_PARTIAL;
        r->failed += v == VERDICT_REJECTED;
    }
}

void report_verdict(struct import_report *r, const struct import_line *l, struct event_verdict v)
{
    count_verdict(r, l, (enum verdict)v.verdict);
    if (!r->all && (v.verdict == VERDICT_APPLIED || v.verdict == VERDICT_DUPLICATE))
        return;
    put_verdict(&r->out, l, verdict_name((enum verdict)v.verdict));
    if (v.reason)
        put_verdict_reason(&r->out, (enum reason)v.reason);
    put_verdict_notes(&r->out, v.notes);
    put_end(&r->out);
}

/* ---- mode=compare ---- */

static void count_compared(struct import_report *r, const struct import_line *l, bool equal)
{
    r->lines += l->number > 0;
    r->unmentioned += !l->number && !equal;
    r->equal += equal && l->number;
    r->different += !equal && l->number;
}

void report_count(struct import_report *r, const struct import_line *l, enum reason reason, milli_t expected,
                  bool approximate)
{
    if (reason) {
        r->lines += l->number > 0;
        r->failed++;
        put_verdict(&r->out, l, verdict_name(VERDICT_REJECTED));
        put_verdict_reason(&r->out, reason);
        put_end(&r->out);
        return;
    }
    bool equal = expected == l->quantity;
    count_compared(r, l, equal);
    if (equal && (!r->all || !l->number))
        return;
    put_beginning(&r->out, l);
    buffer_text(&r->out, TEXT(",\"as_of\":"));
    json_put_instant(&r->out, l->as_of);
    buffer_text(&r->out, TEXT(",\"expected\":"));
    json_put_quantity(&r->out, expected);
    buffer_text(&r->out, TEXT(",\"theirs\":"));
    json_put_quantity(&r->out, l->quantity);
    buffer_text(&r->out, TEXT(",\"difference\":"));
    json_put_quantity(&r->out, l->quantity - expected);
    if (approximate)
        buffer_text(&r->out, TEXT(",\"notes\":[\"approximate\"]"));
    put_end(&r->out);
}

void report_object(struct import_report *r, const struct import_line *l, bool exists, bool equal)
{
    count_compared(r, l, equal);
    if (equal && !r->all)
        return;
    put_beginning(&r->out, l);
    buffer_printf(&r->out, ",\"difference\":\"%s\"", equal ? "none" : exists ? "changed" : "new");
    put_end(&r->out);
}

/* ---- the end ---- */

static void put_total(struct buffer *b, const char *name, uint64_t value)
{
    buffer_printf(b, ",\"%s\":%llu", name, (unsigned long long)value);
}

void report_totals(struct import_report *r, const char *stopped, const char *skipped_columns)
{
    struct buffer *b = &r->out;

    buffer_printf(b, "{\"complete\":%s", stopped ? "false" : "true");
    put_total(b, "lines", r->lines);
    if (r->compares) {
        put_total(b, "equal", r->equal);
        put_total(b, "different", r->different);
    } else {
        put_total(b, "applied", r->applied);
        put_total(b, "partial", r->partial);
        put_total(b, "repeated", r->repeated);
        put_total(b, "unchanged", r->unchanged);
    }
    put_total(b, "failed", r->failed);
    if (r->full && !r->left_alone)
        put_total(b, "unmentioned", r->unmentioned);
    else if (r->full)
        buffer_text(b, TEXT(",\"unmentioned\":null"));
    if (*skipped_columns) {
        buffer_text(b, TEXT(",\"columns_left_out\":"));
        json_put_string(b, text_of(skipped_columns));
    }
    if (stopped) {
        buffer_text(b, TEXT(",\"detail\":"));
        json_put_string(b, text_of(stopped));
    }
    put_end(b);
}
