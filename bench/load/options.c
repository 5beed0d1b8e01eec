/* Options, one by one. */
#include "bench/load/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *name, *argument, *initial, *help;
    size_t offset;
};

static const struct row rows[] = {
#define OPTION(name, argument, initial, help) {#name, argument, initial, help, offsetof(struct texts, name)},
#include "bench/load/options.def"
#undef OPTION
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

__attribute__((format(printf, 2, 3))) static bool no(char *detail, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(detail, STOCK_DETAIL_BYTES, format, args);
    va_end(args);
    return false;
}

static const char **value_of(struct texts *t, const struct row *r)
{
    return (const char **)((char *)t + r->offset);
}

/* --warm-up is the row warm_up. */
static bool same_name(const char *flag, size_t length, const char *name)
{
    if (strlen(name) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (flag[i] != (name[i] == '_' ? '-' : name[i]))
            return false;
    return true;
}

static const struct row *find(const char *flag)
{
    for (size_t i = 0; i < ROWS; i++)
        if (same_name(flag, strcspn(flag, "="), rows[i].name))
            return &rows[i];
    return NULL;
}

static bool read_texts(struct texts *t, int argc, char **argv, char *detail)
{
    for (size_t i = 0; i < ROWS; i++)
        *value_of(t, &rows[i]) = rows[i].initial;
    for (int i = 1; i < argc; i++) {
        const struct row *r = strncmp(argv[i], "--", 2) == 0 ? find(argv[i] + 2) : NULL;
        const char *equals = strchr(argv[i], '=');
        if (!r)
            return no(detail, "%s is no option: --help shows them", argv[i]);
        if (!*r->argument)
            *value_of(t, r) = "1";
        else if (equals)
            *value_of(t, r) = equals + 1;
        else if (i + 1 < argc)
            *value_of(t, r) = argv[++i];
        else
            return no(detail, "%s needs a value: %s", argv[i], r->argument);
    }
    return true;
}

/* ---- values ---- */

static bool number(const char *name, const char *said, double least, double most, double *ret, char *detail)
{
    char *end;

    *ret = strtod(said, &end);
    if (end == said || *end || !(*ret >= least && *ret <= most))
        return no(detail, "--%s %s: a number from %g to %g", name, said, least, most);
    return true;
}

static bool whole(const char *name, const char *said, double most, unsigned *ret, char *detail)
{
    double value;

    if (!number(name, said, 1, most, &value, detail))
        return false;
    *ret = (unsigned)value;
    return *ret == value || no(detail, "--%s %s: a whole number", name, said);
}

static int kind_of(const char *name, size_t length)
{
    static const char *const names[] = {
#define KIND(name, what) #name,
#include "bench/load/kinds.def"
#undef KIND
    };

    for (int k = 0; k < KINDS; k++)
        if (strlen(names[k]) == length && memcmp(names[k], name, length) == 0)
            return k;
    return -1;
}

static bool read_mix(struct options *o, char *detail)
{
    const char *at = o->said.mix;
    unsigned sum = 0;

    while (*at) {
        char *end;
        size_t length = strcspn(at, "=,");
        int kind = kind_of(at, length);
        if (kind < 0)
            return no(detail, "--mix %s: %.*s is no kind (row, sku, batch, hold, order, event)", o->said.mix,
                      (int)length, at);
        unsigned long share = at[length] == '=' ? strtoul(at + length + 1, &end, 10) : 1;
        at = at[length] == '=' ? end : at + length;
        if (share > 1000000 || (*at && *at != ','))
            return no(detail, "--mix %s: shares are whole numbers up to 1000000", o->said.mix);
        at += *at == ',';
        o->run.share[kind] = (unsigned)share;
        sum += (unsigned)share;
    }
    return sum || no(detail, "--mix is empty: row=90,hold=10 for instance");
}

static bool read_pick(struct options *o, char *detail)
{
    const char *said = o->said.pick;

    o->exponent = 0.99;
    if (strcmp(said, "uniform") == 0)
        o->pick = PICK_UNIFORM;
    else if (strncmp(said, "hot", 3) == 0 && (!said[3] || said[3] == ':'))
        o->pick = PICK_HOT;
    else if (strncmp(said, "zipf", 4) == 0 && (!said[4] || said[4] == ':'))
        o->pick = PICK_ZIPF;
    else
        return no(detail, "--pick %s: uniform, zipf, zipf:EXPONENT, hot or hot:ROW", said);
    if (o->pick == PICK_HOT)
        return !said[3] || number("pick hot:", said + 4, 0, 4e9, &o->hot, detail);
    return o->pick != PICK_ZIPF || !said[4] || number("pick zipf:", said + 5, 0.01, 10, &o->exponent, detail);
}

static bool add_rate(struct options *o, double rate, char *detail)
{
    if (o->rates_count == RATES_MOST)
        return no(detail, "--rate %s: at most %d rates", o->said.rate, RATES_MOST);
    o->rates[o->rates_count++] = rate;
    return true;
}

/* A number; `1000..` is 1000 and two dots. */
static double rate_at(const char *at, char **ret_end)
{
    double rate = strtod(at, ret_end);

    if (*ret_end > at && (*ret_end)[-1] == '.' && **ret_end == '.')
        --*ret_end;
    return rate;
}

/* 1000..64000x2 or 1000..9000+2000, behind the first number. */
static bool read_range(struct options *o, double from, const char *at, char **ret_end, char *detail)
{
    double to = strtod(at, ret_end), step;
    char how = **ret_end;

    if ((how != 'x' && how != '+') || !((step = strtod(*ret_end + 1, ret_end)) > (how == 'x' ? 1 : 0)))
        return no(detail, "--rate %s: a range is FROM..TOxFACTOR or FROM..TO+STEP", o->said.rate);
    for (double rate = from; rate <= to * 1.000001; rate = how == 'x' ? rate * step : rate + step)
        if (!add_rate(o, rate, detail))
            return false;
    return true;
}

static bool read_rates(struct options *o, char *detail)
{
    const char *at = o->said.rate;

    while (*at) {
        char *end;
        double rate = rate_at(at, &end);
        if (strncmp(at, "max", 3) == 0) {
            rate = 0;
            end = (char *)(uintptr_t)at + 3;
        } else if (end == at || !(rate > 0 && rate <= 1e8)) {
            return no(detail, "--rate %s: requests a second from above 0 to 100000000, or max", o->said.rate);
        }
        if (strncmp(end, "..", 2) == 0 ? !read_range(o, rate, end + 2, &end, detail)
                                       : !add_rate(o, rate, detail))
            return false;
        if (*end && *end != ',')
            return no(detail, "--rate %s: `%s` cannot be read", o->said.rate, end);
        at = end + (*end == ',');
    }
    return o->rates_count || no(detail, "--rate is empty");
}

static bool read_pids(struct options *o, char *detail)
{
    unsigned count = 0;

    for (const char *at = o->said.pid; *at;) {
        char *end;
        long pid = strtol(at, &end, 10);
        if (pid <= 0 || (*end && *end != ',') || count + 1 == PIDS_MOST)
            return no(detail, "--pid %s: up to %d numbers of processes, divided by commas", o->said.pid,
                      PIDS_MOST - 1);
        o->run.pids[count++] = (int)pid;
        at = end + (*end == ',');
    }
    return true;
}

static bool read_numbers(struct options *o, char *detail)
{
    const struct texts *t = &o->said;
    double count, seed;

    if (!number("seconds", t->seconds, 0.1, 86400, &o->run.seconds, detail) ||
        !number("warm-up", t->warm_up, 0, 3600, &o->run.warm_seconds, detail) ||
        !number("patience", t->patience, 0, 600, &o->run.patience_seconds, detail) ||
        !number("count", t->count, 0, 1e15, &count, detail) ||
        !number("seed", t->seed, 0, 1e15, &seed, detail) ||
        !whole("connections", t->connections, CONNECTIONS_MOST, &o->run.connections, detail) ||
        !whole("pipeline", t->pipeline, PIPELINE_MOST, &o->run.pipeline, detail) ||
        !whole("batch", t->batch, LINES_MOST, &o->batch, detail) ||
        !whole("lines", t->lines, LINES_MOST, &o->lines, detail) ||
        !whole("ttl", t->ttl, 31536000, &o->ttl_seconds, detail))
        return false;
    o->run.count = (uint64_t)count;
    o->run.seed = (uint64_t)seed;
    return true;
}

bool options_read(struct options *ret, int argc, char **argv, char detail[STOCK_DETAIL_BYTES])
{
    *ret = (struct options){0};
    if (!read_texts(&ret->said, argc, argv, detail))
        return false;
    if (*ret->said.help)
        return true;
    ret->run.look = !*ret->said.no_check;
    ret->run.spin = *ret->said.spin;
    ret->run.progress = !*ret->said.quiet;
    ret->run.poisson = strcmp(ret->said.arrivals, "poisson") == 0;
    if (!ret->run.poisson && strcmp(ret->said.arrivals, "constant") != 0)
        return no(detail, "--arrivals %s: poisson or constant", ret->said.arrivals);
    if (*ret->said.redis && !*ret->said.file)
        return no(detail, "--redis needs --file: Redis cannot tell its rows");
    return read_mix(ret, detail) && read_pick(ret, detail) && read_rates(ret, detail) &&
           read_pids(ret, detail) && read_numbers(ret, detail);
}

void options_help(void)
{
    printf("usage: onhand_load [OPTION VALUE]...\n"
           "Sends requests by a schedule that no answer can delay, and tells how long each took from the "
           "instant it "
           "was due.\n\n");
    for (size_t i = 0; i < ROWS; i++) {
        char flag[80];
        snprintf(flag, sizeof(flag), "--%s %s", rows[i].name, rows[i].argument);
        for (char *c = flag + 2; *c && *c != ' '; c++)
            *c = *c == '_' ? '-' : *c;
        printf("  %-24s %s%s%s%s\n", flag, rows[i].help, *rows[i].initial ? " (" : "", rows[i].initial,
               *rows[i].initial ? ")" : "");
    }
    printf("\nkinds of --mix:\n");
#define KIND(name, what) printf("  %-8s %s\n", #name, what);
#include "bench/load/kinds.def"
#undef KIND
}
