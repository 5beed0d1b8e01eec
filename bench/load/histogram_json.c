/* Histograms in results. */
#include "bench/load/histogram_json.h"

#include <stdio.h>

static const struct {
    const char *name;
    double share;
} shares[] = {{"p50", 0.5},     {"p90", 0.9},       {"p95", 0.95}, {"p99", 0.99},
              {"p99_9", 0.999}, {"p99_99", 0.9999}, {"most", 1}};

void histogram_json(struct buffer *out, const struct histogram *h)
{
    const char *comma = "";

    buffer_printf(out, "{\"count\":%llu,\"mean\":%.3f", (unsigned long long)h->count,
                  histogram_mean(h) / 1e3);
    for (unsigned i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
        buffer_printf(out, ",\"%s\":%.3f", shares[i].name, (double)histogram_at(h, shares[i].share) / 1e3);
    buffer_string(out, ",\"buckets\":[");
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (!h->counts[i])
            continue;
        buffer_printf(out, "%s[%.3f,%llu]", comma, (double)histogram_highest(i) / 1e3,
                      (unsigned long long)h->counts[i]);
        comma = ",";
    }
    buffer_string(out, "]}");
}

void histogram_print(const struct histogram *h)
{
    struct buffer out = {0};

    buffer_string(&out, "{\"latency_us\":");
    histogram_json(&out, h);
    buffer_string(&out, "}\n");
    fwrite(out.at, 1, out.failed ? 0 : out.length, stdout);
    buffer_finish(&out);
}
