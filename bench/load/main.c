/* onhand_load: an open-loop load generator for any instance of onhand, and for the peers it is measured
 * against. */
#include "bench/load/options.h"
#include "bench/load/report.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { EXIT_WRONG = 1, EXIT_USAGE = 2, EXIT_UNREACHED = 3 };

/* A check and a decrement of one field: what Redis gives for a reservation. */
static const char script[] =
    "if tonumber(redis.call('HGET',KEYS[1],ARGV[1]) or '0') >= tonumber(ARGV[2]) then "
    "return redis.call('HINCRBY',KEYS[1],ARGV[1],-ARGV[2]) else return -1 end";

struct load {
    struct options options;
    struct target target;
    struct stock stock;
    struct maker maker;
    struct totals totals;
    struct step *steps;
    char run[32];
    char detail[STOCK_DETAIL_BYTES];
};

static int complain(const struct load *l, int code)
{
    fprintf(stderr, "onhand_load: %s\n", l->detail);
    return code;
}

static bool writes(const struct options *o)
{
    return o->run.share[KIND_hold] || o->run.share[KIND_order] || o->run.share[KIND_event];
}

static struct stock_source source(const struct load *l, bool sums_only)
{
    const struct texts *t = &l->options.said;

    return (struct stock_source){.url = t->url,
                                 .api_key = *t->api_key ? t->api_key : NULL,
                                 .file = *t->file && !sums_only ? t->file : NULL,
                                 .sums_only = sums_only};
}

static int read_rows(struct load *l)
{
    struct stock_source from = source(l, false);
    int error = stock_read(&l->stock, &from, l->detail);

    if (!error && l->stock.rows_count == 0) {
        snprintf(l->detail, sizeof(l->detail), "%s has no rows to ask for: send it some stock first",
                 from.file ? from.file : from.url);
        error = ERROR_NOTFOUND;
    }
    return error;
}

/* What the instance holds now; its own export, whatever the rows came from. */
static int read_sums(struct load *l, struct stock_sums *ret)
{
    struct stock_source from = source(l, true);
    struct stock sums;
    int error = stock_read(&sums, &from, l->detail);

    *ret = sums.sums;
    stock_finish(&sums);
    return error;
}

static int load_script(struct load *l)
{
    char ask[1000], answer[200] = "";
    int length = snprintf(ask, sizeof(ask), "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$%zu\r\n%s\r\n",
                          strlen(script), script);
    long got = target_ask(&l->target, ask, (unsigned long)length, answer, sizeof(answer) - 1);

    if (got < 47 || memcmp(answer, "$40\r\n", 5) != 0) {
        snprintf(l->detail, sizeof(l->detail), "%s: the script was not taken: %.100s", l->options.said.redis,
                 got > 0 ? answer : "no answer");
        return ERROR_UNAVAILABLE;
    }
    snprintf(l->maker.script, sizeof(l->maker.script), "%.40s", answer + 5);
    return 0;
}

static void prepare_maker(struct load *l)
{
    struct options *o = &l->options;

    l->maker.stock = &l->stock;
    l->maker.batch = o->batch;
    l->maker.lines = o->lines;
    l->maker.ttl_seconds = o->ttl_seconds;
    l->maker.run = l->run;
    l->maker.host = l->target.authority;
    l->maker.api_key = o->said.api_key;
    l->maker.prefix = o->said.prefix;
    snprintf(l->run, sizeof(l->run), "load-%llx", (unsigned long long)clock_wall_us());
    picker_init(&l->maker.picker, o->pick, l->stock.rows_count, o->exponent);
    l->maker.picker.hot = (uint64_t)o->hot;
    o->run.target = &l->target;
    o->run.maker = &l->maker;
    o->run.wire = *o->said.redis ? &wire_redis : &wire_http;
}

static void tell_time(struct maker *m)
{
    time_t now = time(NULL);
    struct tm t;

    gmtime_r(&now, &t);
    strftime(m->now, sizeof(m->now), "%Y-%m-%dT%H:%M:%SZ", &t);
}

static int run_steps(struct load *l)
{
    struct options *o = &l->options;
    uint64_t number = 0;

    for (unsigned i = 0; i < o->rates_count; i++) {
        struct step *s = &l->steps[i];
        s->rate = o->run.rate = o->rates[i];
        o->run.first_number = number;
        tell_time(&l->maker);
        if (o->run.progress && o->rates_count > 1)
            fprintf(stderr, s->rate > 0 ? "-- %.0f/s\n" : "-- as fast as it goes\n", s->rate);
        int error = run_load(&o->run, &s->result, l->detail);
        if (error)
            return error;
        number += s->result.requests;
        o->run.seed += 1000003; /* other rows than before: what was held is not asked for again */
    }
    return 0;
}

static int run_all(struct load *l)
{
    bool compare = !*l->options.said.no_totals && !*l->options.said.redis && writes(&l->options);
    int error = 0;

    if (compare)
        error = read_sums(l, &l->totals.before);
    if (!error)
        error = run_steps(l);
    if (!error && compare)
        error = read_sums(l, &l->totals.after);
    l->totals.compared = compare;
    return error;
}

static int write_result(struct load *l)
{
    const struct options *o = &l->options;
    bool to_output = strcmp(o->said.json, "-") == 0;
    struct buffer out = {0};
    int code = 0;

    if (!to_output) {
        report_table(l->steps, o->rates_count);
        report_run_totals(&l->totals, l->steps, o->rates_count);
    }
    if (*o->said.json) {
        report_json(&out, o, &l->stock, &l->totals, l->steps, o->rates_count);
        FILE *f = to_output ? stdout : fopen(o->said.json, "w");
        if (!f || out.failed || fwrite(out.at, 1, out.length, f) != out.length ||
            (to_output ? fflush(f) : fclose(f))) {
            snprintf(l->detail, sizeof(l->detail), "%s cannot be written", o->said.json);
            code = complain(l, EXIT_UNREACHED);
        }
    }
    buffer_finish(&out);
    return code;
}

static int load_main(struct load *l, int argc, char **argv)
{
    struct options *o = &l->options;

    if (!options_read(o, argc, argv, l->detail))
        return complain(l, EXIT_USAGE);
    if (*o->said.help) {
        options_help();
        return 0;
    }
    const char *where = *o->said.redis ? o->said.redis : o->said.url;
    if (!target_read(&l->target, where)) {
        snprintf(l->detail, sizeof(l->detail), "%s: http://HOST:PORT, HOST:PORT or unix:PATH", where);
        return complain(l, EXIT_USAGE);
    }
    l->steps = calloc(o->rates_count, sizeof(*l->steps));
    if (!l->steps || read_rows(l) != 0)
        return complain(l, EXIT_UNREACHED);
    prepare_maker(l);
    if (o->run.progress)
        fprintf(stderr, "%u rows of %u SKUs at %u locations; %s\n", l->stock.rows_count, l->stock.skus_count,
                l->stock.places_count, where);
    if ((*o->said.redis && load_script(l) != 0) || run_all(l) != 0)
        return complain(l, EXIT_UNREACHED);
    int code = write_result(l);
    return code ? code : report_is_good(&l->totals, l->steps, o->rates_count) ? 0 : EXIT_WRONG;
}

int main(int argc, char **argv)
{
    static struct load l;

    signal(SIGPIPE, SIG_IGN);
    hash_seed(0);
    snprintf(l.detail, sizeof(l.detail), "out of memory");
    int code = load_main(&l, argc, argv);
    stock_finish(&l.stock);
    buffer_finish(&l.maker.body);
    free(l.steps);
    return code;
}
