/* `onhand status`: is the server ready, how far has it got, what does it hold? From /readyz, /metrics and
 * /openapi.json. */
#include "cli/report.h"
#include "core/model/instant.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct server_status {
    const struct settings *settings;
    struct client *client;
    struct client_answer answer;
    struct text metrics;
    struct buffer out;
    char version[40];
    bool ready;
    char reason[400];
};

/* The value of a metric; false when the server does not have it. */
static bool metric(const struct server_status *s, const char *name, double *ret)
{
    size_t length = strlen(name);
    const char *at = s->metrics.at, *end = at + s->metrics.length;

    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end)
            return false; /* what stands behind the last line feed is no line */
        if ((size_t)(line_end - at) > length && memcmp(at, name, length) == 0 && at[length] == ' ') {
            *ret = strtod(at + length + 1, NULL);
            return true;
        }
        at = line_end + 1;
    }
    return false;
}

static double number(const struct server_status *s, const char *name)
{
    double value = 0;

    metric(s, name, &value);
    return value;
}

/* 1234567 as 1,234,567. */
static void put_count(struct buffer *out, double value)
{
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%.0f", value);

    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0 && digits[i - 1] != '-')
            buffer_byte(out, ',');
        buffer_byte(out, digits[i]);
    }
}

/* ---- asking ---- */

static int ask_ready(struct server_status *s)
{
    int error = client_get(s->client, "/readyz", &s->answer);
    struct buffer said = {0};

    if (error)
        return report_answer(s->client, error, &s->answer, "status");
    s->ready = s->answer.status == 200;
    if (!s->ready)
        report_problem((struct text){s->answer.body.at, s->answer.body.length}, &said);
    snprintf(s->reason, sizeof(s->reason), "%.*s", (int)said.length, said.at ? said.at : "");
    buffer_finish(&said);
    return EXIT_OK;
}

static void ask_version(struct server_status *s)
{
    struct document d;

    if (client_get(s->client, "/openapi.json", &s->answer) || s->answer.status != 200 ||
        !document_read(&d, (struct text){s->answer.body.at, s->answer.body.length}))
        return;
    uint32_t info = json_member(d.nodes, 0, "info");
    struct text version = info ? json_text(d.nodes, info, "version") : (struct text){"", 0};
    snprintf(s->version, sizeof(s->version), "%.*s", version.length > 30 ? 30 : (int)version.length,
             version.at);
    document_finish(&d);
}

static int ask_metrics(struct server_status *s)
{
    int error = client_get(s->client, "/metrics", &s->answer);
    int code = report_answer(s->client, error, &s->answer, "metrics");

    s->metrics = (struct text){s->answer.body.at, s->answer.body.length};
    return code;
}

/* ---- showing ---- */

static void put_log_time(struct buffer *out, double seconds)
{
    char text[INSTANT_TEXT_BYTES];

    buffer_add(out, text, instant_format((instant_t)(seconds * 1e6), text));
}

/* "3,760 SKUs, 120,320 rows": a row for each metric, its words behind it. */
static void put_line(struct server_status *s, const char *title, const char *const *pairs)
{
    double value;
    bool first = true;

    for (; pairs[0]; pairs += 2) {
        if (!metric(s, pairs[0], &value))
            continue;
        if (first)
            buffer_printf(&s->out, "%-11s", title);
        buffer_string(&s->out, first ? "" : ", ");
        put_count(&s->out, value);
        buffer_printf(&s->out, " %s", pairs[1]);
        first = false;
    }
    if (!first)
        buffer_byte(&s->out, '\n');
}

static bool replicas_differ(const struct server_status *s)
{
    return number(s, "onhand_digest_differs_total") > 0;
}

/* Nothing on a log that nobody else reads. */
static void show_replicas(struct server_status *s)
{
    bool red = replicas_differ(s) && isatty(STDOUT_FILENO);

    if (number(s, "onhand_digest_compared_total") <= 0)
        return;
    buffer_printf(&s->out, "%-11s", "replicas");
    if (replicas_differ(s)) {
        buffer_printf(&s->out, "%sTHEY DIFFER%s: ", red ? "\033[1;31m" : "", red ? "\033[0m" : "");
        put_count(&s->out, number(s, "onhand_digest_differs_total"));
        buffer_string(&s->out, " of ");
    }
    put_count(&s->out, number(s, "onhand_digest_compared_total"));
    buffer_string(&s->out, " digests compared");
    buffer_string(&s->out, replicas_differ(s) ? "; the server's log says with whom and where\n"
                                              : ", all the same, the last at offset ");
    if (!replicas_differ(s)) {
        put_count(&s->out, number(s, "onhand_digest_offset"));
        buffer_byte(&s->out, '\n');
    }
}

static void show(struct server_status *s)
{
    static const char *const holds[] = {"onhand_skus",
                                        "SKUs",
                                        "onhand_rows",
                                        "rows",
                                        "onhand_locations",
                                        "locations",
                                        "onhand_table_bytes",
                                        "bytes",
                                        "onhand_locations_stale",
                                        "locations stale",
                                        NULL};
    static const char *const events[] = {"onhand_events_applied_total",
                                         "applied",
                                         "onhand_events_duplicate_total",
                                         "duplicate",
                                         "onhand_events_superseded_total",
                                         "superseded",
                                         "onhand_events_partial_total",
                                         "partial",
                                         "onhand_events_rejected_total",
                                         "rejected",
                                         NULL};
    static const char *const requests[] = {"onhand_http_requests_total", "requests",
                                           "onhand_http_connections", "connections now", NULL};

    buffer_printf(&s->out, "%-11s%s%s%s\n", "server", s->settings->url, *s->version ? ", onhand " : "",
                  s->version);
    buffer_printf(&s->out, "%-11s%s%s\n", "ready", s->ready ? "yes" : "no: ", s->ready ? "" : s->reason);
    buffer_printf(&s->out, "%-11soffset ", "log");
    put_count(&s->out, number(s, "onhand_log_next_offset"));
    buffer_string(&s->out, ", time ");
    put_log_time(&s->out, number(s, "onhand_log_time_seconds"));
    buffer_string(&s->out, ", ");
    put_count(&s->out, number(s, "onhand_log_behind_records"));
    buffer_string(&s->out, " records behind\n");
    buffer_printf(&s->out, "%-11s%s\n", "duty", number(s, "onhand_duty") > 0 ? "held here" : "not here");
    put_line(s, "holds", holds);
    put_line(s, "events", events);
    put_line(s, "http", requests);
    buffer_printf(&s->out, "%-11s", "checkpoint");
    buffer_string(&s->out, number(s, "onhand_checkpoint_offset") > 0 ? "at offset " : "none since the start");
    if (number(s, "onhand_checkpoint_offset") > 0)
        put_count(&s->out, number(s, "onhand_checkpoint_offset"));
    buffer_byte(&s->out, '\n');
    show_replicas(s);
}

static void show_json(struct server_status *s)
{
    static const char *const names[] = {"onhand_log_next_offset",
                                        "onhand_log_time_seconds",
                                        "onhand_log_behind_records",
                                        "onhand_level",
                                        "onhand_duty",
                                        "onhand_skus",
                                        "onhand_rows",
                                        "onhand_locations",
                                        "onhand_locations_stale",
                                        "onhand_table_bytes",
                                        "onhand_events_applied_total",
                                        "onhand_events_duplicate_total",
                                        "onhand_events_superseded_total",
                                        "onhand_events_partial_total",
                                        "onhand_events_rejected_total",
                                        "onhand_checkpoint_offset",
                                        "onhand_digest_compared_total",
                                        "onhand_digest_differs_total"};
    double value;

    buffer_string(&s->out, "{\"server\":");
    json_put_string(&s->out, text_of(s->settings->url));
    buffer_string(&s->out, ",\"version\":");
    json_put_string(&s->out, text_of(s->version));
    buffer_printf(&s->out, ",\"ready\":%s,\"reason\":", s->ready ? "true" : "false");
    json_put_string(&s->out, text_of(s->reason));
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (metric(s, names[i], &value))
            buffer_printf(&s->out, ",\"%s\":%.15g", names[i] + strlen("onhand_"), value);
    buffer_string(&s->out, "}\n");
}

int cli_status(const struct settings *settings)
{
    struct server_status s = {.settings = settings};
    int code = EXIT_OK;

    s.client = report_client(settings, &code);
    if (!s.client)
        return code;
    code = ask_ready(&s);
    if (code == EXIT_OK) {
        ask_version(&s);
        code = ask_metrics(&s);
    }
    bool differ = code == EXIT_OK && replicas_differ(&s);
    if (code == EXIT_OK) {
        if (settings->json)
            show_json(&s);
        else
            show(&s);
        code = cli_write(&s.out);
    }
    buffer_finish(&s.out);
    buffer_finish(&s.answer.body);
    client_destroy(s.client);
    return code != EXIT_OK ? code : s.ready && !differ ? EXIT_OK : EXIT_REFUSED;
}
