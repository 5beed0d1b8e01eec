/* `onhand send`: stock events from files to a server, or to a Kafka topic. */
#include "cli/feed.h"
#include "cli/progress.h"
#include "cli/upload.h"
#include "base/clock.h"
#include "intake/send.h"

#include <time.h>

struct sending {
    struct upload upload;
    struct progress progress;
};

static int take(void *context, const struct feed_document *d)
{
    struct sending *s = context;
    int code = upload_event(&s->upload, d->json);

    progress_draw(&s->progress, d->progress, s->upload.sent);
    return code;
}

static int send_files(const struct settings *s, const struct feed_reader *r)
{
    int worst = EXIT_OK;

    if (!s->arguments_count)
        return feed_file("-", s, DATA_EVENTS, r);
    for (size_t i = 0; i < s->arguments_count; i++) {
        int code = feed_file(s->arguments[i], s, DATA_EVENTS, r);
        if (code != EXIT_OK && code != EXIT_USAGE)
            return code;
        if (code > worst)
            worst = code;
    }
    return worst;
}

static int send_over_http(const struct settings *s)
{
    struct sending sending;
    struct feed_reader reader = {&sending, take};
    int code = EXIT_OK;
    struct client *client = report_client(s, &code);

    if (!client)
        return code;
    upload_init(&sending.upload, s, client);
    progress_begin(&sending.progress, "events", s->json);
    code = send_files(s, &reader);
    if (code == EXIT_OK || code == EXIT_USAGE) {
        int last = upload_flush(&sending.upload);
        code = last != EXIT_OK ? last : code;
    }
    progress_end(&sending.progress);
    int summary = upload_summary(&sending.upload);
    upload_finish(&sending.upload);
    client_destroy(client);
    return code != EXIT_OK ? code : summary;
}

/* ---- to a Kafka topic, keyed by location: what one location says stays in order ---- */

struct producing {
    struct sender *sender;
    struct progress progress;
    struct arena arena;
    uint64_t sent, rate, bad;
    int64_t began_us;
};

static void keep_pace(const struct producing *p)
{
    if (!p->rate)
        return;
    int64_t due_us = p->began_us + (int64_t)((double)p->sent * 1e6 / (double)p->rate),
            left_us = due_us - clock_monotonic_us();
    if (left_us > 0)
        nanosleep(&(struct timespec){.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000}, NULL);
}

/* The broker takes anything: what is not even JSON is refused here, everything else is for the intake to
 * judge. */
static int produce(void *context, const struct feed_document *d)
{
    struct producing *p = context;
    struct problems problems = {0};
    const struct json_node *nodes;
    size_t count;

    arena_reset(&p->arena);
    if (json_parse(d->json, &p->arena, &nodes, &count, &problems)) {
        p->bad++;
        cli_fail(EXIT_USAGE, "%s, line %lu: %s", d->file, d->line,
                 problems.count ? problems.at[0].detail : "not JSON");
        return EXIT_OK;
    }
    keep_pace(p);
    int error = sender_send(p->sender, json_text(nodes, 0, "location"), d->json);
    p->sent += error == 0;
    progress_draw(&p->progress, d->progress, p->sent);
    return error ? cli_fail(cli_exit_code(error), "%s, line %lu: %s", d->file, d->line,
                            error == ERROR_INVALID ? "the event is too large for a message"
                                                   : "the broker does not take any more")
                 : EXIT_OK;
}

static int finish_producing(struct producing *p, const struct settings *s)
{
    char detail[400] = "";
    uint64_t missing = 0;
    struct buffer line = {0};
    int error = sender_finish(p->sender, (int)s->timeout_seconds * 1000, &missing, detail, sizeof(detail));

    buffer_printf(&line,
                  s->json ? "{\"sent\":%llu,\"missing\":%llu}\n"
                          : "%llu events sent, %llu of them not known to have arrived\n",
                  (unsigned long long)p->sent, (unsigned long long)missing);
    int code = cli_write(&line);
    buffer_finish(&line);
    return error ? cli_fail(cli_exit_code(error), "%s", *detail ? detail : error_text(error)) : code;
}

static int send_to_kafka(const struct settings *s)
{
    struct producing p = {.rate = s->rate, .began_us = clock_monotonic_us()};
    struct feed_reader reader = {&p, produce};
    char detail[400] = "";
    int error = sender_create(s->kafka, s->topic, &p.sender, detail, sizeof(detail));

    if (error)
        return cli_fail(cli_exit_code(error), "%s", *detail ? detail : error_text(error));
    progress_begin(&p.progress, "events", s->json);
    int code = send_files(s, &reader);
    progress_end(&p.progress);
    int last = finish_producing(&p, s);
    sender_destroy(p.sender);
    arena_finish(&p.arena);
    if (code == EXIT_OK || code == EXIT_USAGE)
        code = last != EXIT_OK ? last : code;
    return code == EXIT_OK && p.bad ? EXIT_USAGE : code;
}

int cli_send(const struct settings *s)
{
    if (*s->kafka && !*s->topic)
        return cli_fail(EXIT_USAGE, "--kafka needs to know the topic: --topic TOPIC");
    if (*s->topic && !*s->kafka)
        return cli_fail(EXIT_USAGE, "--topic needs to know where Kafka is: --kafka HOST:PORT");
    return *s->kafka ? send_to_kafka(s) : send_over_http(s);
}
