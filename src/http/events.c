/* POST /v1/events: one event, an array, NDJSON or length-delimited protobuf. */
#include "http/ask.h"
#include "http/events_task.h"

#include "codec/event_json.h"

#include <stdlib.h>

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
    return parameters_right(x, &errors);
}

struct reading {
    bool protobuf;
    struct event_reader reader;
    struct json_events json;
    struct proto_events proto;
};

static int read_some(void *context, struct exchange *x, bool *ret_more, struct problems *p)
{
    struct reading *r = context;
    uint32_t level = atomic_load_explicit(&exchange_view(x)->level, memory_order_relaxed),
             before = r->json.unknown_fields;

    if (r->protobuf)
        return proto_events_some(&r->proto, EVENTS_A_TURN, level, &r->reader, ret_more, p);
    r->json.level = level;
    int error = json_events_some(&r->json, EVENTS_A_TURN, ret_more, p);
    count(x->loop, METRIC_UNKNOWN_FIELDS, r->json.unknown_fields - before);
    return error;
}

static void finish(void *context)
{
    struct reading *r = context;

    json_events_finish(&r->json);
    free(r);
}

void events_post(struct exchange *x)
{
    enum format f = format_of(x);
    bool problems_only;

    if (f == FORMAT_NONE) {
        problem(x, PROBLEM_MEDIA_TYPE,
                "Content-Type must be application/json, application/x-ndjson or application/x-protobuf");
        return;
    }
    if (!body_is_plain(x) || !read_parameters(x, &problems_only))
        return;
    struct reading *r = calloc(1, sizeof(*r));
    struct events_task *t = r ? events_task_create(x, problems_only) : NULL;
    if (!t) {
        free(r);
        problem_no_memory(x);
        return;
    }
    r->protobuf = f == FORMAT_PROTOBUF;
    r->reader = (struct event_reader){t, events_task_each};
    r->proto.body = x->body;
    r->json = (struct json_events){
        .body = x->body, .ndjson = f == FORMAT_NDJSON, .texts = events_task_arena(t), .reader = &r->reader};
    events_task_run(t, x, &(struct events_source){r, read_some, finish});
}
