/* GET and PUT /v1/settings: the settings that stand in the log, because they can change a verdict. */
#include "http/etag.h"
#include "http/record_task.h"
#include "http/shape.h"

#include "codec/event_json.h"

void settings_get(struct exchange *x);
void settings_put(struct exchange *x);

static const char *const names[LOG_SETTINGS] = {
#define LOG_SETTING(name, first, least, most, meaning) #name,
#include "core/model/log_settings.def"
#undef LOG_SETTING
};

static void answer_settings(struct exchange *x)
{
    const struct view *v = exchange_view(x);
    struct version version = view_version(v);

    answer_begin(x, 200, "application/json");
    bool put = x->request->method == HTTP_PUT;
    struct etag etag = {0};
    if (put)
        buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    else
        etag = etag_begin(x, "private, no-cache");
    struct buffer *b = answer_body(x);
    buffer_text(b, TEXT("{\"settings\":{"));
    for (unsigned i = 0; i < LOG_SETTINGS; i++)
        buffer_printf(b, "%s\"%s\":%lld", i ? "," : "", names[i],
                      (long long)atomic_load_explicit(&v->settings[i], memory_order_relaxed));
    buffer_text(b, TEXT("},"));
    size_t version_at = b->length - x->body_at;
    put_as_of(b, v, version);
    size_t version_end = b->length - x->body_at;
    buffer_byte(b, '}');
    if (put)
        answer_end(x);
    else
        etag_end(x, &etag, version_at, version_end);
}

void settings_get(struct exchange *x)
{
    if (parameters_none(x))
        answer_settings(x);
}

static void answer_put(struct exchange *x, const struct command *c)
{
    if (!record_task_rejected(x, c))
        answer_settings(x);
}

void settings_put(struct exchange *x)
{
    struct record r = {0};
    struct problems p;

    if (!parameters_none(x) || !body_is_json(x))
        return;
    p.count = 0;
    arena_reset(&x->loop->scratch.arena);
    int error = settings_from_json(x->body, &x->loop->scratch.arena, &r, &p);
    if (error)
        body_wrong(x, error, &p);
    else
        record_task_run(x, &r, answer_put);
}
