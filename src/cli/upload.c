/* One batch at a time: what the server does not take now is offered again until the timeout, and events carry
 * ids, so sending twice is harmless. */
#include "cli/upload.h"
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

enum { PROBLEMS_SHOWN_MOST = 50, BATCH_BYTES_MOST = 4 << 20 };

void upload_init(struct upload *u, const struct settings *s, struct client *c)
{
    *u = (struct upload){.client = c,
                         .batch_events = (size_t)s->batch,
                         .rate = s->rate,
                         .json = s->json,
                         .began_us = clock_monotonic_us()};
    if (u->rate && u->batch_events > u->rate / 10 + 1) /* ten steps a second look like a stream */
        u->batch_events = (size_t)(u->rate / 10 + 1);
}

void upload_finish(struct upload *u)
{
    buffer_finish(&u->lines);
    buffer_finish(&u->answer.body);
}

/* One event that was not simply applied. */
static void show_result(struct upload *u, const struct json_node *nodes, uint32_t at)
{
    struct text id = json_text(nodes, at, "id"), verdict = json_text(nodes, at, "verdict"),
                reason = json_text(nodes, at, "reason");
    uint32_t errors = json_member(nodes, at, "errors"),
             first = errors && nodes[errors].count ? errors + 1 : 0;
    struct text pointer = first ? json_text(nodes, first, "pointer") : (struct text){"", 0};
    struct text detail = first ? json_text(nodes, first, "detail") : (struct text){"", 0};

    if (u->json) {
        struct buffer line = {0};
        json_put_node(&line, nodes, at);
        buffer_byte(&line, '\n');
        cli_write(&line);
        buffer_finish(&line);
        return;
    }
    if (text_equal(verdict, TEXT("duplicate")) || u->problems_shown++ >= PROBLEMS_SHOWN_MOST)
        return;
    cli_fail(0, "%.*s: %.*s %.*s%s%.*s %.*s", (int)id.length, id.at, (int)verdict.length, verdict.at,
             (int)reason.length, reason.at, pointer.length ? ": " : "", (int)pointer.length, pointer.at,
             (int)detail.length, detail.at);
    if (u->problems_shown == PROBLEMS_SHOWN_MOST)
        cli_fail(0, "more are counted, but not shown; --json shows all");
}

static int read_results(struct upload *u)
{
    struct document d;

    if (!document_read(&d, (struct text){u->answer.body.at, u->answer.body.length}))
        return EXIT_UNREACHABLE;
    for (unsigned v = VERDICT_APPLIED; v < VERDICT_END; v++) {
        struct text count = json_text(d.nodes, 0, verdict_name((enum verdict)v));
        uint64_t number = 0;
        for (size_t i = 0; i < count.length && count.at[i] >= '0' && count.at[i] <= '9'; i++)
            number = number * 10 + (uint64_t)(count.at[i] - '0');
        u->verdicts[v] += number;
    }
    uint32_t results = json_member(d.nodes, 0, "results");
    json_each(d.nodes, results, i) show_result(u, d.nodes, i);
    document_finish(&d);
    return EXIT_OK;
}

/* Sleeps until it is this many events' turn. */
static void keep_pace(const struct upload *u)
{
    if (!u->rate)
        return;
    int64_t due_us = u->began_us + (int64_t)((double)u->sent * 1e6 / (double)u->rate),
            left_us = due_us - clock_monotonic_us();
    if (left_us > 0)
        nanosleep(&(struct timespec){.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000}, NULL);
}

int upload_flush(struct upload *u)
{
    const struct client_request r = {.method = "POST",
                                     .target = "/v1/events?results=problems",
                                     .content_type = "application/x-ndjson",
                                     .body = {u->lines.at, u->lines.length}};

    if (u->lines.failed)
        return cli_fail(EXIT_FAILED, "out of memory");
    if (!u->waiting)
        return EXIT_OK;
    keep_pace(u);
    int error = client_send_patiently(u->client, &r, &u->answer);
    int code = report_answer(u->client, error, &u->answer, "events");
    if (code == EXIT_OK)
        code = read_results(u);
    u->sent += u->waiting;
    u->waiting = 0;
    buffer_clear(&u->lines);
    return code;
}

int upload_event(struct upload *u, struct text event)
{
    buffer_text(&u->lines, event);
    buffer_byte(&u->lines, '\n');
    u->waiting++;
    return u->waiting >= u->batch_events || u->lines.length >= BATCH_BYTES_MOST ? upload_flush(u) : EXIT_OK;
}

int upload_summary(struct upload *u)
{
    struct buffer line = {0};

    if (u->json)
        buffer_printf(&line, "{\"sent\":%llu", (unsigned long long)u->sent);
    else
        buffer_printf(&line, "%llu events:", (unsigned long long)u->sent);
    for (unsigned v = VERDICT_APPLIED; v < VERDICT_END; v++) {
        unsigned long long n = u->verdicts[v];
        if (u->json)
            buffer_printf(&line, ",\"%s\":%llu", verdict_name((enum verdict)v), n);
        else if (n)
            buffer_printf(&line, " %llu %s", n, verdict_name((enum verdict)v));
    }
    buffer_string(&line, u->json ? "}\n" : "\n");
    int code = cli_write(&line);
    buffer_finish(&line);
    return code != EXIT_OK ? code : u->verdicts[VERDICT_REJECTED] ? EXIT_REFUSED : EXIT_OK;
}
