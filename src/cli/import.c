/* `onhand import`: locations, items, groups, channels and events from files to a server. */
#include "cli/feed.h"
#include "cli/progress.h"
#include "cli/upload.h"
#include "codec/data_line.h"

#include <stdio.h>

struct import {
    const struct settings *settings;
    struct client *client;
    struct upload upload;
    struct progress progress;
    struct client_answer answer;
    struct buffer target, body;
    uint64_t put[DATA_KINDS], refused, done;
    enum data_kind kind; /* what --kind said; DATA_KINDS: whatever comes */
};

static int put(struct import *im, enum data_kind kind, struct text id, struct text body,
               const struct feed_document *d)
{
    buffer_clear(&im->target);
    buffer_printf(&im->target, "/v1/%s/", data_kind_name(kind));
    url_put(&im->target, id);
    buffer_byte(&im->target, 0);
    if (im->target.failed || im->body.failed)
        return cli_fail(EXIT_FAILED, "out of memory");
    const struct client_request r = {
        .method = "PUT", .target = im->target.at, .content_type = "application/json", .body = body};
    int error = client_send_patiently(im->client, &r, &im->answer);
    char what[400];
    snprintf(what, sizeof(what), "%s, line %lu: %.*s", d->file, d->line,
             (int)(id.length > 128 ? 128 : id.length), id.at);
    int code = report_answer(im->client, error, &im->answer, what);
    im->put[kind] += code == EXIT_OK;
    if (code == EXIT_REFUSED && im->answer.status != 401 && im->answer.status != 403) {
        im->refused++; /* one bad line does not stop the others */
        return EXIT_OK;
    }
    return code;
}

static int refuse(struct import *im, const struct feed_document *d, const char *why)
{
    im->refused++;
    cli_fail(EXIT_REFUSED, "%s, line %lu: %s", d->file, d->line, why);
    return EXIT_OK;
}

static int take_json(struct import *im, const struct feed_document *d)
{
    struct arena a = {.most_bytes = 64 << 20};
    struct problems p = {0};
    const struct json_node *nodes;
    size_t count;
    int error = json_parse(d->json, &a, &nodes, &count, &p), code;
    enum data_kind kind = error ? DATA_KINDS : im->kind == DATA_KINDS ? data_kind_of(nodes) : im->kind;

    if (error) {
        code = refuse(im, d, p.count ? p.at[0].detail : error_text(error));
    } else if (nodes[0].type != JSON_OBJECT || kind == DATA_KINDS) {
        code = refuse(im, d, "this does not tell what it is; say it with --kind");
    } else if (kind == DATA_EVENTS) {
        code = upload_event(&im->upload, d->json);
    } else {
        struct text id = data_take_id(nodes, kind, &im->body);
        code = id.length ? put(im, kind, id, (struct text){im->body.at, im->body.length}, d)
                         : refuse(im, d, "there is no id");
    }
    arena_finish(&a);
    return code;
}

static int take(void *context, const struct feed_document *d)
{
    struct import *im = context;
    int code;

    if (d->kind == DATA_EVENTS)
        code = upload_event(&im->upload, d->json);
    else if (!d->row)
        code = take_json(im, d);
    else
        code = d->id.length ? put(im, d->kind, d->id, d->json, d) : refuse(im, d, "the id is empty");
    progress_draw(&im->progress, d->progress, ++im->done);
    return code;
}

static int summary(struct import *im)
{
    struct buffer line = {0};

    for (size_t k = DATA_LOCATIONS; k < DATA_KINDS; k++) {
        if (!im->put[k])
            continue;
        if (im->settings->json)
            buffer_printf(&line, "{\"%s\":%llu}\n", data_kind_name((enum data_kind)k),
                          (unsigned long long)im->put[k]);
        else
            buffer_printf(&line, "%llu %s\n", (unsigned long long)im->put[k],
                          data_kind_name((enum data_kind)k));
    }
    if (im->refused && !im->settings->json)
        buffer_printf(&line, "%llu refused\n", (unsigned long long)im->refused);
    int code = cli_write(&line);
    buffer_finish(&line);
    int events = im->upload.sent ? upload_summary(&im->upload) : EXIT_OK;
    return code != EXIT_OK ? code : events != EXIT_OK ? events : im->refused ? EXIT_REFUSED : EXIT_OK;
}

static int import_files(struct import *im)
{
    struct feed_reader reader = {im, take};
    int worst = EXIT_OK;

    for (size_t i = 0; i < im->settings->arguments_count; i++) {
        int code = feed_file(im->settings->arguments[i], im->settings, im->kind, &reader);
        if (code == EXIT_OK)
            code = upload_flush(&im->upload);
        if (code != EXIT_OK && code != EXIT_USAGE)
            return code;
        if (code > worst)
            worst = code;
    }
    return worst;
}

/* --kind: auto, stock, then the kinds in the order of enum data_kind. */
static bool kind_from_setting(const struct settings *s, enum data_kind *ret)
{
    *ret = s->kind == 0 ? DATA_KINDS : (enum data_kind)(s->kind - 2);
    return s->kind != 1;
}

int cli_import(const struct settings *s)
{
    struct import im = {.settings = s};
    int code = EXIT_OK;

    if (s->kind >= DATA_KINDS + 2u)
        return cli_fail(EXIT_USAGE,
                        "--kind: what is imported is events, locations, items, groups or channels");
    if (!kind_from_setting(s, &im.kind))
        return cli_fail(EXIT_USAGE, "stock cannot be imported: import events (a count sets what is there)");
    im.client = report_client(s, &code);
    if (!im.client)
        return code;
    upload_init(&im.upload, s, im.client);
    progress_begin(&im.progress, "lines", s->json);
    code = import_files(&im);
    progress_end(&im.progress);
    int said = summary(&im);
    upload_finish(&im.upload);
    buffer_finish(&im.target);
    buffer_finish(&im.body);
    buffer_finish(&im.answer.body);
    client_destroy(im.client);
    return code != EXIT_OK ? code : said;
}
