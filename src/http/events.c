/* POST /v1/events: one event, an array, NDJSON or length-delimited protobuf. */
#include "http/ask.h"
#include "http/events_task.h"

#include "codec/event_json.h"

void events_post(struct exchange *x);

enum format { FORMAT_NONE, FORMAT_JSON, FORMAT_NDJSON, FORMAT_PROTOBUF };

static enum format format_of(const struct exchange *x)
{
    if (content_is(x, "application/json"))
        return FORMAT_JSON;
    if (content_is(x, "application/x-ndjson"))
        return FORMAT_NDJSON;
    if (content_is(x, "application/x-protobuf"))
        return FORMAT_PROTOBUF;
    return FORMAT_NONE;
}

bool body_is_plain(struct exchange *x)
{
    struct text encoding = parser_header(x->request, HEADER_CONTENT_ENCODING, x->head);

    if (!encoding.length || text_equal(encoding, TEXT("identity")))
        return true;
    problem(x, PROBLEM_MEDIA_TYPE, "bodies are read as they are, without Content-Encoding");
    return false;
}

static bool read_parameters(struct exchange *x, bool *ret_problems_only)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    *ret_problems_only = false;
    while (parameter_next(x, &rest, &p, &errors)) {
        if (!text_equal(p.name, TEXT("results")))
            parameter_unknown(&errors, p.name);
        else if (text_equal(p.value, TEXT("problems")))
            *ret_problems_only = true;
        else if (!text_equal(p.value, TEXT("all")))
            parameter_wrong(&errors, p.name, "must be all or problems");
    }
    if (errors.count)
        problem_with(x, PROBLEM_BAD_PARAMETER, &errors, "parameter `%s` %s", errors.at[0].pointer,
                     errors.at[0].detail);
    return !errors.count;
}

static int read_events(struct exchange *x, enum format f, struct events_task *t, struct problems *p)
{
    uint32_t level = atomic_load_explicit(&exchange_view(x)->level, memory_order_relaxed), unknown_fields = 0;
    struct event_reader reader = {t, events_task_each};
    int error;

    if (f == FORMAT_PROTOBUF)
        return proto_events_read(x->body.at, x->body.length, level, events_task_arena(t), &reader, p);
    error = json_events_read(x->body, f == FORMAT_NDJSON, level, events_task_arena(t), &reader,
                             &unknown_fields, p);
    count(x->loop, METRIC_UNKNOWN_FIELDS, unknown_fields);
    return error;
}

static void answer_unreadable(struct exchange *x, int error, const struct problems *p)
{
    if (error == ERROR_INVALID)
        problem_with(x, PROBLEM_BAD_BODY, p, "%s", p->count ? p->at[0].detail : "the body cannot be read");
    else if (error == ERROR_LIMIT)
        problem_with(x, PROBLEM_TOO_LARGE, p, "%s",
                     p->count ? p->at[0].detail : "the body holds more than one request may");
    else
        problem_no_memory(x);
}

void events_post(struct exchange *x)
{
    enum format f = format_of(x);
    struct problems p;
    bool problems_only;

    if (f == FORMAT_NONE) {
        problem(x, PROBLEM_MEDIA_TYPE,
                "Content-Type must be application/json, application/x-ndjson or application/x-protobuf");
        return;
    }
    if (!body_is_plain(x) || !read_parameters(x, &problems_only))
        return;
    struct events_task *t = events_task_create(x, problems_only);
    if (!t) {
        problem_no_memory(x);
        return;
    }
    p.count = 0;
    int error = read_events(x, f, t, &p);
    if (error) {
        events_task_destroy(t);
        answer_unreadable(x, error, &p);
        return;
    }
    events_task_run(t, x);
}
