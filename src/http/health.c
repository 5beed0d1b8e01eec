/* Alive, and ready. */
#include "http/ask.h"

#include "codec/json.h"

void health_alive(struct exchange *x);
void health_ready(struct exchange *x);

void health_alive(struct exchange *x)
{
    if (!parameters_none(x))
        return;
    answer_begin(x, 200, "application/json");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    buffer_text(answer_body(x), TEXT("{\"status\":\"alive\"}"));
    answer_end(x);
}

/* Caught up and able to append; else 503 with the reason. */
void health_ready(struct exchange *x)
{
    const struct http_options *o = &x->loop->http->options;
    char reason[512] = "";

    if (!parameters_none(x))
        return;
    if (o->why_not_ready)
        o->why_not_ready(o->engine, reason, sizeof(reason));
    else if (!atomic_load_explicit(&o->view->ready, memory_order_acquire))
        snprintf(reason, sizeof(reason), "not caught up with the log yet");
    if (reason[0]) {
        problem(x, PROBLEM_UNAVAILABLE, "%s", reason);
        return;
    }
    answer_begin(x, 200, "application/json");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    buffer_text(answer_body(x), TEXT("{\"status\":\"ready\"}"));
    answer_end(x);
}
