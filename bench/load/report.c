/* Writes what came of it. */
#include "bench/load/report.h"
#include "bench/load/histogram_json.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const kind_names[] = {
#define KIND(name, what) #name,
#include "bench/load/kinds.def"
#undef KIND
};

static const struct {
    const char *name;
    double share;
} shares[] = {{"p50", 0.5},     {"p90", 0.9},       {"p95", 0.95}, {"p99", 0.99},
              {"p99_9", 0.999}, {"p99_99", 0.9999}, {"most", 1}};
enum { SHARES = sizeof(shares) / sizeof(shares[0]) };

static double us(uint64_t ns)
{
    return (double)ns / 1e3;
}

/* ---- totals ---- */

static struct effect all_effects(const struct step *steps, unsigned count, uint64_t *ret_unknown)
{
    struct effect sum = {0};

    *ret_unknown = 0;
    for (unsigned i = 0; i < count; i++) {
        sum.held += steps[i].result.effect.held;
        sum.confirmed += steps[i].result.effect.confirmed;
        sum.applied += steps[i].result.effect.applied;
        *ret_unknown += steps[i].result.unknown;
    }
    return sum;
}

bool totals_agree(const struct totals *t, const struct step *steps, unsigned count)
{
    uint64_t unknown;
    struct effect e = all_effects(steps, count, &unknown);
    int64_t on_hand = t->after.on_hand - t->before.on_hand,
            committed = t->after.committed - t->before.committed,
            reserved = t->after.reserved - t->before.reserved;

    if (!t->compared || unknown)
        return true;
    return on_hand == (int64_t)e.applied * 1000 && committed == (int64_t)e.confirmed * 1000 &&
           reserved == (int64_t)(e.held - e.confirmed) * 1000;
}

bool report_is_good(const struct totals *t, const struct step *steps, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < KINDS; k++)
            if (steps[i].result.kinds[k].errors || steps[i].result.kinds[k].wrong)
                return false;
    return totals_agree(t, steps, count);
}

/* ---- for people ---- */

static void table_line(const struct step *s, unsigned kind)
{
    const struct kind_result *k = &s->result.kinds[kind];
    char rate[32] = "max";

    if (k->latency.count == 0)
        return;
    if (s->rate > 0)
        snprintf(rate, sizeof(rate), "%.0f", s->rate);
    printf("%9s %-6s %10.0f %9llu", rate, kind_names[kind], (double)s->result.answered / s->result.seconds,
           (unsigned long long)k->latency.count);
    for (unsigned i = 0; i < SHARES; i++)
        printf(" %9.1f", us(histogram_at(&k->latency, shares[i].share)));
    printf(" %8llu %6llu %6llu %6llu\n", (unsigned long long)k->refused, (unsigned long long)k->errors,
           (unsigned long long)k->wrong, (unsigned long long)k->unanswered);
}

void report_table(const struct step *steps, unsigned count)
{
    printf("%9s %-6s %10s %9s", "asked/s", "kind", "answered/s", "requests");
    for (unsigned i = 0; i < SHARES; i++)
        printf(" %9s", shares[i].name);
    printf(" %8s %6s %6s %6s   (µs)\n", "refused", "errors", "wrong", "open");
    for (unsigned i = 0; i < count; i++) {
        const struct run_result *r = &steps[i].result;
        for (unsigned k = 0; k < KINDS; k++)
            table_line(&steps[i], k);
        if (r->cpu_seconds > 0 && r->answered)
            printf("%16s server CPU %.2f µs a request\n", "", r->cpu_seconds / (double)r->answered * 1e6);
        if (histogram_at(&r->late, 0.99) > 1000000 && steps[i].rate > 0)
            printf("%16s sent late: p99 %.1f µs, so the load or the connections were a limit\n", "",
                   us(histogram_at(&r->late, 0.99)));
        for (unsigned k = 0; k < STATUSES_MOST && r->statuses[k][1]; k++)
            printf("%16s status %llu: %llu times\n", "", (unsigned long long)r->statuses[k][0],
                   (unsigned long long)r->statuses[k][1]);
        if (r->wrong[0])
            printf("%16s the first bad answer: %s\n", "", r->wrong);
    }
}

void report_run_totals(const struct totals *t, const struct step *steps, unsigned count)
{
    uint64_t unknown;
    struct effect e = all_effects(steps, count, &unknown);

    if (!t->compared)
        return;
    printf("totals: answers said %llu units received, %llu held, %llu of them confirmed; the instance has "
           "on_hand %+.0f, "
           "reserved %+.0f, committed %+.0f: %s\n",
           (unsigned long long)e.applied, (unsigned long long)e.held, (unsigned long long)e.confirmed,
           (double)(t->after.on_hand - t->before.on_hand) / 1e3,
           (double)(t->after.reserved - t->before.reserved) / 1e3,
           (double)(t->after.committed - t->before.committed) / 1e3,
           unknown                         ? "not compared, some requests have no answer"
           : totals_agree(t, steps, count) ? "they agree"
                                           : "THEY DIFFER");
}

/* ---- JSON ---- */

static void put_string(struct buffer *out, const char *s)
{
    buffer_byte(out, '"');
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20) {
            buffer_printf(out, "\\u%04x", (unsigned char)*s);
            continue;
        }
        if (*s == '"' || *s == '\\')
            buffer_byte(out, '\\');
        buffer_byte(out, *s);
    }
    buffer_byte(out, '"');
}

static void put_kind(struct buffer *out, const struct kind_result *k, const char *name)
{
    buffer_printf(out,
                  "\"%s\":{\"right\":%llu,\"refused\":%llu,\"errors\":%llu,\"wrong\":%llu,\"unanswered\":%"
                  "llu,\"latency_us\":",
                  name, (unsigned long long)k->right, (unsigned long long)k->refused,
                  (unsigned long long)k->errors, (unsigned long long)k->wrong,
                  (unsigned long long)k->unanswered);
    histogram_json(out, &k->latency);
    buffer_string(out, ",\"from_sent_us\":");
    histogram_json(out, &k->service);
    buffer_byte(out, '}');
}

static void put_step(struct buffer *out, const struct step *s)
{
    const struct run_result *r = &s->result;
    bool first = true;

    buffer_printf(out,
                  "{\"rate_asked\":%.3f,\"open_loop\":%s,\"seconds\":%.6f,\"due\":%llu,\"answered\":%llu,"
                  "\"answered_per_second\":%.3f,"
                  "\"rows_per_second\":%.3f,\"connections_broken\":%llu,",
                  s->rate, s->rate > 0 ? "true" : "false", r->seconds, (unsigned long long)r->due,
                  (unsigned long long)r->answered, (double)r->answered / r->seconds,
                  (double)r->rows / r->seconds, (unsigned long long)r->broken);
    if (r->cpu_seconds > 0 && r->answered)
        buffer_printf(out, "\"server_cpu_us_per_request\":%.4f,", r->cpu_seconds / (double)r->answered * 1e6);
    buffer_printf(out, "\"sent_late_us\":{\"p50\":%.3f,\"p99\":%.3f,\"most\":%.3f},\"statuses\":{",
                  us(histogram_at(&r->late, 0.5)), us(histogram_at(&r->late, 0.99)), us(r->late.most));
    for (unsigned i = 0; i < STATUSES_MOST && r->statuses[i][1]; i++)
        buffer_printf(out, "%s\"%llu\":%llu", i ? "," : "", (unsigned long long)r->statuses[i][0],
                      (unsigned long long)r->statuses[i][1]);
    buffer_string(out, "},\"first_bad\":");
    put_string(out, r->wrong);
    buffer_string(out, ",\"kinds\":{");
    for (unsigned k = 0; k < KINDS; k++) {
        if (!r->kinds[k].latency.count)
            continue;
        buffer_string(out, first ? "" : ",");
        put_kind(out, &r->kinds[k], kind_names[k]);
        first = false;
    }
    buffer_string(out, "}}");
}

static void put_sums(struct buffer *out, const char *name, const struct stock_sums *s)
{
    buffer_printf(out, "\"%s\":{\"rows\":%lld,\"on_hand\":%.3f,\"reserved\":%.3f,\"committed\":%.3f}", name,
                  (long long)s->rows, (double)s->on_hand / 1e3, (double)s->reserved / 1e3,
                  (double)s->committed / 1e3);
}

static void put_totals(struct buffer *out, const struct totals *t, const struct step *steps, unsigned count)
{
    uint64_t unknown;
    struct effect e = all_effects(steps, count, &unknown);

    buffer_printf(out,
                  "\"answers_said\":{\"applied\":%llu,\"held\":%llu,\"confirmed\":%llu,\"unknown\":%llu}",
                  (unsigned long long)e.applied, (unsigned long long)e.held, (unsigned long long)e.confirmed,
                  (unsigned long long)unknown);
    if (!t->compared)
        return;
    buffer_string(out, ",\"totals\":{");
    put_sums(out, "before", &t->before);
    buffer_byte(out, ',');
    put_sums(out, "after", &t->after);
    buffer_printf(out, ",\"agree\":%s}", totals_agree(t, steps, count) ? "true" : "false");
}

static void put_setup(struct buffer *out, const struct options *o, const struct stock *s)
{
    buffer_string(out, "\"setup\":{");
    buffer_printf(out, "\"rows\":%u,\"skus\":%u,\"locations\":%u", s->rows_count, s->skus_count,
                  s->places_count);
#define OPTION(name, argument, initial, help)             \
    if (*o->said.name && strcmp(#name, "api_key") != 0) { \
        buffer_string(out, ",\"" #name "\":");            \
        put_string(out, o->said.name);                    \
    }
#include "bench/load/options.def"
#undef OPTION
    buffer_byte(out, '}');
}

void report_json(struct buffer *out, const struct options *o, const struct stock *s, const struct totals *t,
                 const struct step *steps, unsigned count)
{
    buffer_string(out, "{\"bench\":\"load\",\"schema\":1,\"label\":");
    put_string(out, o->said.label);
    buffer_byte(out, ',');
    put_setup(out, o, s);
    buffer_string(out, ",\"steps\":[");
    for (unsigned i = 0; i < count; i++) {
        buffer_string(out, i ? ",\n" : "\n");
        put_step(out, &steps[i]);
    }
    buffer_string(out, "],\n");
    put_totals(out, t, steps, count);
    buffer_printf(out, ",\"good\":%s}\n", report_is_good(t, steps, count) ? "true" : "false");
}
