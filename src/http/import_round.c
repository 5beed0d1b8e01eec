/* A round of an import: some thousand lines are read, written (or asked about) together, and told one by one.
 */
#include "http/import.h"
#include "http/reference.h"

#include "base/array.h"
#include "core/model/event_fields.h"

enum { IN_PLACE = UINT32_MAX, SAME = UINT32_MAX - 1, ALTERED = UINT32_MAX - 2, ADDED = UINT32_MAX - 3 };

struct import_result {
    struct import_line line;
    uint32_t record; /* of the batch; IN_PLACE: bad; SAME, ALTERED, ADDED: an object that is not written */
    uint32_t number; /* of the event in it; IN_PLACE: where its errors begin */
    uint32_t length; /* IN_PLACE: of them */
};

int import_round_begin(struct import_round *r, struct exchange *x)
{
    batch_drop(r->batch);
    r->batch = batch_create(x);
    r->packer.loop = r->loop = x->loop;
    r->packer.batch = r->batch;
    r->question = NULL;
    r->count = r->objects = r->bytes = 0;
    buffer_clear(&r->errors);
    arena_reset(&r->arena);
    return r->batch ? 0 : ERROR_NOMEM;
}

void import_round_finish(struct import_round *r)
{
    import_question_forget(r->question);
    batch_drop(r->batch);
    event_packer_finish(&r->packer);
    data_line_reader_finish(&r->reader);
    import_names_finish(&r->names);
    buffer_finish(&r->errors);
    arena_finish(&r->arena);
    free(r->results);
}

bool import_round_is_full(const struct import_round *r)
{
    return r->count >= IMPORT_LINES_A_ROUND || r->objects >= IMPORT_OBJECTS_A_ROUND ||
           r->bytes >= IMPORT_ROUND_BYTES;
}

static struct import_result *add_result(struct import_round *r, unsigned long line, enum data_kind kind)
{
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        if (!array_grow(&r->results, r->capacity, capacity, sizeof(*r->results)))
            return NULL;
        r->capacity = capacity;
    }
    struct import_result *result = &r->results[r->count++];
    *result = (struct import_result){.line = {.number = line, .kind = kind}};
    return result;
}

static int make_bad(struct import_round *r, struct import_result *result, const struct problems *p)
{
    result->record = IN_PLACE;
    result->number = (uint32_t)r->errors.length;
    put_problems(&r->errors, p);
    result->length = (uint32_t)(r->errors.length - result->number);
    return r->errors.failed ? ERROR_NOMEM : 0;
}

int import_round_add_bad(struct import_round *r, unsigned long line, const struct problems *p)
{
    struct import_result *result = add_result(r, line, DATA_KINDS);

    return result ? make_bad(r, result, p) : ERROR_NOMEM;
}

/* ---- events ---- */

static struct text shown(struct text t)
{
    return text_is_identifier(t) ? t : (struct text){0};
}

static void describe(struct import_line *l, const struct event *e, bool has_id)
{
    l->id = has_id ? shown(e->id) : (struct text){0};
    l->sku = shown(e->sku);
    l->location = shown(e->location);
    l->as_of = e->as_of;
    l->quantity = e->quantity;
}

static void check_full(const struct import_round *r, const struct event *e, struct problems *p)
{
    if (r->full && !text_equal(e->location, r->location))
        problems_add(p, "/location", "must be %.*s: scope=full is of that location alone",
                     (int)r->location.length, r->location.at);
    if ((r->full || r->compares) && e->type != EVENT_COUNT)
        problems_add(p, "/type", "must be count: %s",
                     r->full ? "scope=full says what is there"
                             : "mode=compare holds counts against the books");
}

/* What a file need not say of each line. */
static int complete(struct import_round *r, struct event *e, struct problems *p)
{
    if (!(e->has & HAS(source))) {
        e->source = TEXT("import");
        e->has |= HAS(source);
    }
    if (e->has & HAS(id))
        return 0;
    if (r->compares) { /* nothing is written */
        e->id = TEXT("compared");
        e->has |= HAS(id);
        return 0;
    }
    int error = import_name(&r->names, e, &r->arena);
    if (error == ERROR_LIMIT)
        problems_add(p, "/id", "is required: more than %d lines of this file have none", IMPORT_NAMES_MOST);
    return error == ERROR_NOMEM ? error : 0;
}

static int add_good(struct import_round *r, struct import_result *result, const struct event *e)
{
    if (e->type == EVENT_COUNT && (r->newest_as_of == INSTANT_NONE || e->as_of > r->newest_as_of))
        r->newest_as_of = e->as_of;
    if (!r->compares)
        return event_packer_add(&r->packer, e, &result->record, &result->number);
    if (!r->question && !(r->question = import_question_create()))
        return ERROR_NOMEM;
    result->record = 0;
    return import_question_add(r->question, e, &result->number);
}

static int add_event(struct import_round *r, struct import_result *result, struct event *e,
                     struct problems *p)
{
    bool has_id = e->has & HAS(id) || !r->compares; /* what is written gets one */
    int error = p->count ? 0 : complete(r, e, p);

    count(r->loop, METRIC_EVENTS_RECEIVED, 1);
    if (error)
        return error;
    if (!p->count)
        event_check(e, atomic_load_explicit(&r->loop->http->options.view->level, memory_order_relaxed), p);
    if (!p->count) {
        event_check_key(r->key, e, p);
        check_full(r, e, p);
    }
    describe(&result->line, e, has_id);
    if (!p->count)
        return add_good(r, result, e);
    count(r->loop, METRIC_EVENTS_MALFORMED, 1);
    return make_bad(r, result, p);
}

/* Something of the location that no line of the file says. */
static void say_here(const struct import_round *r, enum event_type type, instant_t as_of, struct event *ret)
{
    event_clear(ret);
    ret->type = type;
    ret->location = r->location;
    ret->occurred_at = ret->as_of = as_of;
    ret->has = HAS(location) | HAS(occurred_at) | HAS(as_of);
}

int import_round_add_zero(struct import_round *r, struct text sku, instant_t as_of)
{
    struct event e;
    struct problems p;
    struct import_result *result = add_result(r, 0, DATA_EVENTS);

    if (!result)
        return ERROR_NOMEM;
    say_here(r, EVENT_COUNT, as_of, &e);
    e.sku = sku;
    e.has |= HAS(sku) | HAS(quantity);
    p.count = 0;
    return add_event(r, result, &e, &p);
}

/* Without a line in the report: it is no row's. A file that came before is named as it was. */
int import_round_add_whole(struct import_round *r, instant_t as_of)
{
    struct event e;
    struct problems p;
    uint32_t record, number;

    say_here(r, EVENT_HEARTBEAT, as_of, &e);
    p.count = 0;
    int error = complete(r, &e, &p);
    if (!error && !p.count)
        error = event_packer_add(&r->packer, &e, &record, &number);
    return error;
}

/* ---- objects ---- */

/* Is it written in this round already? Then what stands is no news. */
static bool is_on_its_way(const struct import_round *r, const struct import_line *l)
{
    for (size_t i = 0; i + 1 < r->count; i++)
        if (r->results[i].line.kind == l->kind && r->results[i].record < ADDED &&
            text_equal(r->results[i].line.id, l->id))
            return true;
    return false;
}

/* How it stands: SAME, ALTERED or ADDED. */
static uint32_t compare_object(const struct import_round *r, const struct record *said)
{
    const struct view *v = r->loop->http->options.view;

    epoch_enter(r->loop->reader);
    struct object o = reference_family(said->kind)->find(v, said->reference.id);
    bool exists = o.exists && o.document.length,
         equal = exists && text_equal(o.document, said->reference.document);
    epoch_exit(r->loop->reader);
    return equal ? SAME : exists ? ALTERED : ADDED;
}

static int add_object(struct import_round *r, struct import_result *result, const struct record *said,
                      struct problems *p)
{
    if (!p->count && r->full)
        problems_add(p, "", "must be a count: scope=full says what is there");
    if (!p->count && r->key && !key_may(r->key, SCOPE_ADMIN))
        problems_add(p, "", "needs a key with scope admin");
    if (p->count)
        return make_bad(r, result, p);
    result->line.id = said->reference.id;
    uint32_t stands = compare_object(r, said);
    bool dated = said->reference.occurred_at != INSTANT_NONE; /* the newest wins: that is news too */
    if (r->compares || (stands == SAME && !dated && !is_on_its_way(r, &result->line))) {
        result->record = stands;
        return 0;
    }
    int error = event_packer_flush(&r->packer); /* what the file says first comes first */
    if (error)
        return error;
    result->record = (uint32_t)batch_count(r->batch);
    r->objects++;
    return batch_add(r->batch, said);
}

int import_round_add(struct import_round *r, const struct data_document *d)
{
    uint32_t level = atomic_load_explicit(&r->loop->http->options.view->level, memory_order_relaxed);
    struct data_line said;
    struct problems p;

    p.count = 0;
    int error = data_line_read(&r->reader, d, level, &r->arena, &said, &p);
    if (error && error != ERROR_INVALID)
        return error;
    struct import_result *result = add_result(r, d->line, said.kind);
    if (!result)
        return ERROR_NOMEM;
    r->bytes += d->json.length;
    count(r->loop, METRIC_UNKNOWN_FIELDS, said.unknown_fields);
    if (said.kind == DATA_EVENTS)
        return add_event(r, result, &said.event, &p);
    return said.kind == DATA_KINDS ? make_bad(r, result, &p) : add_object(r, result, &said.record, &p);
}

/* ---- the end of a round ---- */

int import_round_end(struct import_round *r)
{
    struct import_question *q = r->question;

    if (!r->compares)
        return event_packer_flush(&r->packer);
    if (!q)
        return 0;
    int error = batch_ask(r->batch, import_question_ask, q, import_question_forget);
    if (error)
        r->question = NULL; /* it is forgotten */
    return error;
}

static struct event_verdict verdict_of(const struct import_round *r, const struct import_result *result)
{
    const struct command *c = batch_command(r->batch, result->record);

    if (result->number < c->verdicts_count)
        return c->verdicts[result->number];
    return (struct event_verdict){VERDICT_REJECTED, REASON_MALFORMED, 0};
}

static void report_one(struct import_round *r, const struct import_result *result,
                       struct import_report *report)
{
    milli_t expected;
    bool approximate;

    if (result->record == IN_PLACE) {
        report_bad(report, &result->line, (struct text){r->errors.at + result->number, result->length});
    } else if (result->record >= ADDED) {
        if (r->compares)
            report_object(report, &result->line, result->record != ADDED, result->record == SAME);
        else
            report_unchanged(report, &result->line);
    } else if (r->compares) {
        enum reason reason = import_question_answer(r->question, result->number, &expected, &approximate);
        report_count(report, &result->line, reason, expected, approximate);
    } else {
        report_verdict(report, &result->line, verdict_of(r, result));
    }
}

void import_round_report(struct import_round *r, struct import_report *report,
                         bool (*mentioned)(void *context, struct text sku), void *context)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct import_result *result = &r->results[i];
        report_one(r, result, report);
        if (mentioned && result->line.number && result->line.sku.length &&
            !mentioned(context, result->line.sku))
            report->out.failed = true;
    }
    r->question = NULL; /* the batch's */
}
