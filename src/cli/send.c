/* `onhand send`: stock events from files to a server, or to a Kafka topic. */
#include "cli/feed.h"
#include "cli/progress.h"
#include "cli/upload.h"

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

int cli_send(const struct settings *s)
{
    return send_over_http(s);
}
