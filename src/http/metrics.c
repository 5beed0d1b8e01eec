/* GET /metrics: the front door's counters and what the engine adds, as Prometheus text. */
#include "http/ask.h"

#include <stdio.h>

void metrics_get(struct exchange *x);

struct metric_row {
    const char *kind, *name, *help;
};

static const struct metric_row rows[METRIC_END] = {
#define METRIC(NAME, kind, name, help) {#kind, name, help},
#include "http/metrics.def"
#undef METRIC
};

static uint64_t sum(const struct http *h, enum metric m)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < h->loops_count; i++)
        total += atomic_load_explicit(&h->loops[i].metrics[m], memory_order_relaxed);
    return total;
}

static void put_row(struct buffer *b, const struct metric_row *row, uint64_t value)
{
    buffer_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", row->name, row->help, row->name, row->kind,
                  row->name, (unsigned long long)value);
}

void metrics_get(struct exchange *x)
{
    const struct http *h = x->loop->http;

    if (!parameters_none(x))
        return;
    answer_begin(x, 200, "text/plain; version=0.0.4; charset=utf-8");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    struct buffer *b = answer_body(x);
    for (unsigned m = 0; m < METRIC_END; m++)
        put_row(b, &rows[m], sum(h, (enum metric)m));
    static const struct metric_row open = {"gauge", "onhand_http_connections", "Connections open now."};
    put_row(b, &open, atomic_load_explicit(&h->connections_count, memory_order_relaxed));
    if (h->options.metrics)
        h->options.metrics(h->options.engine, b);
    answer_end(x);
}
