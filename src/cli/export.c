/* `onhand export`: everything the server holds of one kind, as it comes, on standard output. */
#include "cli/report.h"

#include <stdio.h>

enum { KIND_AUTO, KIND_STOCK, KIND_EVENTS, KIND_CHANNELS = 6 };
enum { FORMAT_JSON = 1 };

static int take(void *context, int status, const char *bytes, size_t length)
{
    const struct buffer piece = {.at = (char *)(uintptr_t)bytes, .length = length};

    return cli_write(&piece) == EXIT_OK ? 0 : ERROR_IO;
}

/* Without --format: stock as a table, everything else as the documents that `import` reads back. */
static void put_target(struct buffer *out, const struct settings *s)
{
    bool stock = s->kind == KIND_AUTO || s->kind == KIND_STOCK;
    char kind[40], format[40];

    setting_choice_word(&setting_rows()[SETTING_kind], stock ? KIND_STOCK : s->kind, kind, sizeof(kind));
    setting_choice_word(&setting_rows()[SETTING_format], s->format, format, sizeof(format));
    buffer_printf(out, "/v1/export?kind=%s&format=%s", kind, s->format ? format : stock ? "csv" : "ndjson");
    for (size_t i = 0; i < s->location.count; i++) {
        buffer_string(out, "&location=");
        url_put(out, text_of(s->location.at[i]));
    }
    if (s->channel[0]) {
        buffer_string(out, "&channel=");
        url_put(out, text_of(s->channel));
    }
    buffer_byte(out, 0);
}

int cli_export(const struct settings *s)
{
    const struct answer_body stream = {NULL, take};
    struct client_answer answer = {0};
    struct buffer target = {0};
    int code = EXIT_OK;

    if (s->kind == KIND_EVENTS)
        return cli_fail(EXIT_USAGE, "--kind events is not in this version: what is exported is stock, "
                                    "locations, items, groups or channels");
    if (s->kind > KIND_CHANNELS)
        return cli_fail(EXIT_USAGE,
                        "--kind: what is exported is stock, locations, items, groups or channels");
    if (s->format == FORMAT_JSON)
        return cli_fail(EXIT_USAGE, "--format json is not possible here: csv or ndjson");
    struct client *c = report_client(s, &code);
    if (!c)
        return code;
    put_target(&target, s);
    if (target.failed) {
        code = cli_fail(EXIT_FAILED, "out of memory");
    } else {
        int error = client_send(
            c, &(struct client_request){.method = "GET", .target = target.at, .stream = &stream}, &answer);
        code = report_answer(c, error, &answer, "export");
    }
    buffer_finish(&target);
    buffer_finish(&answer.body);
    client_destroy(c);
    return code;
}
